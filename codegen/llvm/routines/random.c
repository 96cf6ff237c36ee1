/* Random numbers. Words of 32 bits are held in u64. */
#include "codegen/llvm/routines/routine.h"
#include "codegen/llvm/vecmath.h"
#include "ir/ops/philox.h"

static Vec word(Gen *g, int64_t k)
{
    return v_i(g, JITC_UINT64, 1, k);
}

static Vec low(Gen *g, Vec v)
{
    return v_and(g, v, word(g, 0xffffffff));
}

static Vec wide(Routine *r, Ival i)
{
    return v_bits(r->g, r_i64(r, i), JITC_UINT64);
}

/* The block at counter + at. */
static void block(Routine *r, Ival at, Vec c[PHILOX_WORDS])
{
    Gen *g = r->g;
    Vec key = wide(r, r_int(r, 0, ival(0))), step = wide(r, at);
    Vec lo = v_add(g, wide(r, r_int(r, 1, ival(0))), step), hi = wide(r, r_int(r, 1, ival(1)));
    hi = v_select(g, v_cmp(g, CMP_LT, lo, step), v_add(g, hi, word(g, 1)), hi);
    Vec k0 = low(g, key), k1 = v_shr(g, key, 32);
    c[0] = low(g, lo), c[1] = v_shr(g, lo, 32);
    c[2] = low(g, hi), c[3] = v_shr(g, hi, 32);
    for (int i = 0; i < PHILOX_ROUNDS; i++) {
        Vec a = v_mul(g, word(g, PHILOX_M0), c[0]), b = v_mul(g, word(g, PHILOX_M1), c[2]);
        c[0] = v_xor(g, v_xor(g, v_shr(g, b, 32), c[1]), k0);
        c[2] = v_xor(g, v_xor(g, v_shr(g, a, 32), c[3]), k1);
        c[1] = low(g, b);
        c[3] = low(g, a);
        k0 = low(g, v_add(g, k0, word(g, PHILOX_W0)));
        k1 = low(g, v_add(g, k1, word(g, PHILOX_W1)));
    }
}

void emit_philox(Routine *r, Ival unit)
{
    Vec c[PHILOX_WORDS];
    block(r, unit, c);
    for (int i = 0; i < PHILOX_WORDS; i++)
        i_store(r->g, r->out[0], i_add(r->g, i_mul(r->g, unit, ival(PHILOX_WORDS)), ival(i)), JITC_UINT32,
                i_from_v(r->g, c[i]));
}

static Vec real(Gen *g, Vec w, int bits)
{
    Vec v = v_cast(g, v_and(g, w, word(g, ((int64_t)1 << bits) - 1)), JITC_FLOAT64);
    return v_mul(g, v, v_f(g, JITC_FLOAT64, 1, ldexp(1, -bits)));
}

static Vec via(Gen *g, Vec v, DType t) /* rounded to t */
{
    return v_cast(g, v_cast(g, v, t), JITC_FLOAT64);
}

/* Box and Muller's two numbers for u and v, rounded to t where TensorFlow does. */
static void normals(Gen *g, DType t, Vec u, Vec v, Vec x[2])
{
    double least = t == JITC_FLOAT64 ? 1e-7 : (double)1e-7f;
    Vec e = v_f(g, JITC_FLOAT64, 1, least);
    u = v_select(g, v_cmp(g, CMP_LT, u, e), e, u);
    Vec angle = via(g, v_mul(g, v_f(g, JITC_FLOAT64, 1, 6.283185307179586), v), t);
    Vec square = v_mul(g, v_f(g, JITC_FLOAT64, 1, -2), via(g, vm_log(g, u), t));
    Vec size = v_sqrt(g, v_cast(g, square, t));
    x[0] = v_mul(g, v_cast(g, vm_sin(g, angle), t), size);
    x[1] = v_mul(g, v_cast(g, vm_cos(g, angle), t), size);
}

void emit_truncated_normal(Routine *r, Ival unit)
{
    Gen *g = r->g;
    DType t = r_out(r, 0)->dtype;
    bool twice = t == JITC_FLOAT64;
    int need = truncated_group(t);
    Ival first = i_mul(g, unit, ival(truncated_blocks(t))), to = i_mul(g, unit, ival(need));
    Vec have = r_i64(r, ival(0));
    REPEAT(g, l, c_const(true), &have, 1)
    {
        Vec c[PHILOX_WORDS], x[4];
        block(r, i_add(g, first, l.i), c);
        if (twice) {
            Vec unit_scale = v_f(g, JITC_FLOAT64, 1, 0x1p-20);
            Vec u = v_add(g, real(g, c[0], 20), v_mul(g, real(g, c[1], 32), unit_scale));
            Vec v = v_add(g, real(g, c[2], 20), v_mul(g, real(g, c[3], 32), unit_scale));
            normals(g, t, u, v, x);
        } else {
            for (int i = 0; i < 4; i += 2) normals(g, t, real(g, c[i], 23), real(g, c[i + 1], 23), x + i);
        }
        Ival n = i_from_v(g, have);
        for (int i = 0; i < (twice ? 2 : 4); i++) {
            Cond in = c_and(g, c_from_v(g, v_cmp(g, CMP_LT, v_abs(g, x[i]), v_f(g, t, 1, 2))),
                            c_lt(g, n, ival(need)));
            IF(g, keep, in) v_store(g, r->out[0], i_add(g, to, n), x[i]);
            n = i_add(g, n, i_select(g, in, ival(1), ival(0)));
        }
        l.more = c_lt(g, n, ival(need));
        have = r_i64(r, n);
    }
}
