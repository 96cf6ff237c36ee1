/* What data select: elements that are not zero, rows that differ. */
#include "codegen/llvm/routines/routine.h"

static Cond not_zero(const Routine *r, Ival i)
{
    Gen *g = r->g;
    DType t = r_in(r, 0)->dtype;
    if (t != JITC_COMPLEX64 && t != JITC_COMPLEX128) {
        Vec x = r_get(r, r->in[0], i, t);
        return c_from_v(g, x.dtype == JITC_BOOL ? x : v_cmp(g, CMP_NE, x, zero_vec(g, x.dtype, 1)));
    }
    DType part = t == JITC_COMPLEX64 ? JITC_FLOAT32 : JITC_FLOAT64;
    Ival at = i_mul(g, i, ival(2));
    Vec zero = zero_vec(g, part, 1);
    return c_or(g, c_from_v(g, v_cmp(g, CMP_NE, v_load(g, r->in[0], at, part, 1), zero)),
                c_from_v(g, v_cmp(g, CMP_NE, v_load(g, r->in[0], i_add(g, at, ival(1)), part, 1), zero)));
}

void emit_where(Routine *r, Ival unit)
{
    Gen *g = r->g;
    const Type *t = r_in(r, 0);
    Vec count = r_i64(r, ival(0));
    (void)unit;
    FOR_CARRY (g, i, ival(0), r_numel(r, t, 0, t->rank), ival(1), &count, 1) {
        IF_CARRY(g, found, not_zero(r, i.i), &count, 1)
        {
            Ival n = i_from_v(g, count), rest = i.i, to = i_mul(g, n, ival(t->rank));
            for (int d = t->rank - 1; d >= 0; d--) {
                Ival size = r_dim(r, t, d), coordinate = d ? i_mod(g, rest, size) : rest;
                i_store(g, r->out[0], i_add(g, to, ival(d)), JITC_INT64, coordinate);
                if (d) rest = i_div(g, rest, size);
            }
            count = r_i64(r, i_add(g, n, ival(1)));
        }
    }
    v_store(g, r->out[1], ival(0), count);
}

/* -- Rows that differ: a hash table of their numbers --------------------------------------------------- */
static Ival hash_row(const Routine *r, Ival row, Ival m)
{
    Gen *g = r->g;
    DType t = r_in(r, 0)->dtype;
    Vec h = v_i(g, JITC_UINT64, 1, 0);
    FOR_CARRY (g, j, ival(0), m, ival(1), &h, 1) {
        Vec x = r_get(r, r->in[0], i_add(g, i_mul(g, row, m), j.i), t), bits;
        if (dtype_is_float(x.dtype)) { /* the zeros are equal */
            Vec zero = zero_vec(g, x.dtype, 1);
            x = v_select(g, v_cmp(g, CMP_EQ, x, zero), zero, x);
            bits = v_bits(g, x, x.dtype == JITC_FLOAT32 ? JITC_UINT32 : JITC_UINT64);
        } else {
            bits = x;
        }
        bits = v_cast(g, bits, JITC_UINT64);
        h = v_mul(g, v_xor(g, h, bits), v_i(g, JITC_UINT64, 1, (int64_t)0x9e3779b97f4a7c15ULL));
        h = v_xor(g, h, v_shr(g, h, 32));
    }
    return i_from_v(g, h);
}

static Cond same_row(const Routine *r, Ival a, Ival b, Ival m)
{
    Gen *g = r->g;
    DType t = r_in(r, 0)->dtype;
    Vec same = v_from_c(g, c_const(true));
    FOR_CARRY (g, j, ival(0), m, ival(1), &same, 1) {
        Vec x = r_get(r, r->in[0], i_add(g, i_mul(g, a, m), j.i), t);
        Vec y = r_get(r, r->in[0], i_add(g, i_mul(g, b, m), j.i), t);
        if (t == JITC_BOOL) x = v_cast(g, x, JITC_UINT8), y = v_cast(g, y, JITC_UINT8);
        same = v_and(g, same, v_cmp(g, CMP_EQ, x, y));
    }
    return c_from_v(g, same);
}

/* The table's place holds another row. */
static Cond collides(const Routine *r, Ival place, Ival row, Ival m)
{
    Gen *g = r->g;
    Ival number = i_load(g, r->scratch, place, JITC_INT64);
    Vec other = v_from_c(g, c_const(false));
    IF_CARRY(g, taken, c_lt(g, ival(0), number), &other, 1)
    {
        Ival first = i_load(g, r->out[0], i_sub(g, number, ival(1)), JITC_INT64);
        other = v_from_c(g, c_not(g, same_row(r, first, row, m)));
    }
    return c_from_v(g, other);
}

void emit_unique(Routine *r, Ival unit)
{
    Gen *g = r->g;
    Ival n = r_dim(r, r_in(r, 0), 0), m = r_dim(r, r_in(r, 0), 1);
    Ival places = i_add(g, i_mul(g, n, ival(2)), ival(1));
    Vec count = r_i64(r, ival(0));
    (void)unit;
    r_zero(r, r->scratch, ival(0), places, JITC_INT64);
    FOR_CARRY (g, i, ival(0), n, ival(1), &count, 1) {
        Vec place = r_i64(r, i_mod(g, hash_row(r, i.i, m), places));
        REPEAT(g, probe, collides(r, i_from_v(g, place), i.i, m), &place, 1)
        {
            Ival next = i_add(g, i_from_v(g, place), ival(1));
            next = i_select(g, c_eq(g, next, places), ival(0), next);
            probe.more = collides(r, next, i.i, m);
            place = r_i64(r, next);
        }
        Ival at = i_from_v(g, place);
        IF_CARRY(g, fresh, c_eq(g, i_load(g, r->scratch, at, JITC_INT64), ival(0)), &count, 1)
        {
            Ival number = i_from_v(g, count), next = i_add(g, number, ival(1));
            i_store(g, r->out[0], number, JITC_INT64, i.i);
            i_store(g, r->out[2], number, JITC_INT64, ival(0));
            i_store(g, r->scratch, at, JITC_INT64, next);
            count = r_i64(r, next);
        }
        Ival id = i_sub(g, i_load(g, r->scratch, at, JITC_INT64), ival(1));
        i_store(g, r->out[1], i.i, JITC_INT64, id);
        i_store(g, r->out[2], id, JITC_INT64, i_add(g, i_load(g, r->out[2], id, JITC_INT64), ival(1)));
    }
    v_store(g, r->out[3], ival(0), count);
}
