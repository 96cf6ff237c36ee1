/* Complex numbers: the operators of their own, and what other operators mean for complex operands. A complex
 * tensor travels as it is; what computes takes it apart into two real ones. */
#include "frontend/tf/complex.h"

#include <math.h>

static Value *un(Cx *cx, OpCode code, Value *x)
{
    return ir_unary(&cx->b, code, x);
}
static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}
static Value *select(Cx *cx, Value *cond, Value *a, Value *b)
{
    return ir_v(&cx->b, OP_select, IN(cond, a, b), NO_ATTRS);
}
static Value *bitcast(Cx *cx, Value *v, DType to)
{
    return ir_v(&cx->b, OP_bitcast, IN(v), AT(at_t("to", to)));
}

/* -- Apart and together ------------------------------------------------------------------------------- */
/* A real part that join() has just put there. */
static Value *joined(const Value *z, int part)
{
    if (!is_op(z, OP_bitcast) || !is_op(z->def->in[0], OP_concat)) return NULL;
    const Op *c = z->def->in[0]->def;
    if (c->nin != 2 || !is_op(c->in[part], OP_reshape)) return NULL;
    Value *v = c->in[part]->def->in[0];
    if (v->type.dtype != dtype_part(z->type.dtype) || v->type.rank != z->type.rank) return NULL;
    return memcmp(v->type.dim, z->type.dim, z->type.rank * sizeof(Dim)) == 0 ? v : NULL;
}

Pair split(Cx *cx, Value *z)
{
    if (!z) return (Pair){0};
    Type t = z->type;
    DType part = dtype_part(t.dtype);
    if (!part) {
        fail(cx, "complex operands and others (%s) are mixed", type_string(cx, &t));
        return (Pair){0};
    }
    Value *re = joined(z, 0), *im = joined(z, 1);
    if (re && im) return (Pair){re, im};
    if (t.rank == IR_MAX_RANK) z = ir_reshape(&cx->b, z, (Dim[]){dims_product(cx, t.dim, t.rank)}, 1);
    Value *both = z ? bitcast(cx, z, part) : NULL;
    if (!both) return (Pair){0};
    int last = both->type.rank - 1;
    re = slice_axis(cx, both, last, 0, 1);
    im = slice_axis(cx, both, last, 1, 1);
    return (Pair){ir_reshape(&cx->b, re, t.dim, t.rank), ir_reshape(&cx->b, im, t.dim, t.rank)};
}

static Value *with_pair_dim(Cx *cx, Value *v)
{
    Dim dim[IR_MAX_RANK + 1];
    int rank = v->type.rank;
    memcpy(dim, v->type.dim, (size_t)rank * sizeof *dim);
    if (rank == IR_MAX_RANK) {
        dim[0] = dims_product(cx, dim, rank);
        rank = 1;
    }
    dim[rank] = 1;
    return ir_reshape(&cx->b, v, dim, rank + 1);
}

Value *join(Cx *cx, Pair p)
{
    if (!p.re || !p.im) return NULL;
    Type t;
    if (!ir_broadcast_dims(cx->m, &p.re->type, &p.im->type, &t)) return NULL;
    t.dtype = p.re->type.dtype;
    Value *re = broadcast(cx, p.re, t.dim, t.rank), *im = broadcast(cx, p.im, t.dim, t.rank);
    if (!re || !im) return NULL;
    re = with_pair_dim(cx, re);
    im = with_pair_dim(cx, im);
    if (!re || !im) return NULL;
    Value *both = concat(cx, (Value *[]){re, im}, 2, re->type.rank - 1);
    Value *z = both ? bitcast(cx, both, t.dtype == JITC_FLOAT32 ? JITC_COMPLEX64 : JITC_COMPLEX128) : NULL;
    return z && t.rank == IR_MAX_RANK ? ir_reshape(&cx->b, z, t.dim, t.rank) : z;
}

Value *complex_cast(Cx *cx, Value *v, DType to)
{
    DType from = v->type.dtype, part = dtype_part(to);
    if (from == to) return v;
    if (!part) {
        Pair p = split(cx, v);
        return ir_cast(&cx->b, p.re, to);
    }
    if (!dtype_is_complex(from)) return join(cx, pair_real(cx, ir_cast(&cx->b, v, part)));
    Pair p = split(cx, v);
    return join(cx, (Pair){ir_cast(&cx->b, p.re, part), ir_cast(&cx->b, p.im, part)});
}

/* -- Arithmetic --------------------------------------------------------------------------------------- */
Pair pair_add(Cx *cx, Pair a, Pair b)
{
    return (Pair){bi(cx, OP_add, a.re, b.re), bi(cx, OP_add, a.im, b.im)};
}

Pair pair_sub(Cx *cx, Pair a, Pair b)
{
    return (Pair){bi(cx, OP_sub, a.re, b.re), bi(cx, OP_sub, a.im, b.im)};
}

Pair pair_mul(Cx *cx, Pair a, Pair b)
{
    return (Pair){bi(cx, OP_sub, bi(cx, OP_mul, a.re, b.re), bi(cx, OP_mul, a.im, b.im)),
                  bi(cx, OP_add, bi(cx, OP_mul, a.re, b.im), bi(cx, OP_mul, a.im, b.re))};
}

Pair pair_neg(Cx *cx, Pair a)
{
    return (Pair){un(cx, OP_neg, a.re), un(cx, OP_neg, a.im)};
}

Pair pair_conj(Cx *cx, Pair a)
{
    return (Pair){a.re, un(cx, OP_neg, a.im)};
}

Pair pair_real(Cx *cx, Value *re)
{
    return (Pair){re, re ? scalar(cx, re->type.dtype, 0) : NULL};
}

Pair pair_where(Cx *cx, Value *cond, Pair a, Pair b)
{
    return (Pair){select(cx, cond, a.re, b.re), select(cx, cond, a.im, b.im)};
}

Value *pair_is_zero(Cx *cx, Pair a)
{
    if (!a.re) return NULL;
    Value *zero = scalar(cx, a.re->type.dtype, 0);
    return bi(cx, OP_logical_and, bi(cx, OP_equal, a.re, zero), bi(cx, OP_equal, a.im, zero));
}

/* Smith's way: nothing overflows on the way; x / 0 is infinite where x is not 0. */
Pair pair_div(Cx *cx, Pair a, Pair b)
{
    if (!a.re || !b.re) return (Pair){0};
    DType t = b.re->type.dtype;
    Value *wide = bi(cx, OP_greater_equal, un(cx, OP_abs, b.re), un(cx, OP_abs, b.im));
    Value *big = select(cx, wide, b.re, b.im), *small = select(cx, wide, b.im, b.re);
    Value *r = bi(cx, OP_div, small, big), *d = bi(cx, OP_add, big, bi(cx, OP_mul, small, r));
    Pair x = {select(cx, wide, a.re, a.im), select(cx, wide, a.im, a.re)};
    Value *im = select(cx, wide, bi(cx, OP_sub, a.im, bi(cx, OP_mul, a.re, r)),
                       bi(cx, OP_sub, bi(cx, OP_mul, a.im, r), a.re));
    Pair q = {bi(cx, OP_div, bi(cx, OP_add, x.re, bi(cx, OP_mul, x.im, r)), d), bi(cx, OP_div, im, d)};
    Value *inf = scalar(cx, t, (double)INFINITY);
    return pair_where(cx, pair_is_zero(cx, b), (Pair){bi(cx, OP_mul, a.re, inf), bi(cx, OP_mul, a.im, inf)},
                      q);
}

Value *pair_abs(Cx *cx, Pair p)
{
    if (!p.re) return NULL;
    DType t = p.re->type.dtype;
    Value *a = un(cx, OP_abs, p.re), *b = un(cx, OP_abs, p.im);
    Value *big = bi(cx, OP_maximum, a, b), *small = bi(cx, OP_minimum, a, b);
    Value *r = bi(cx, OP_div, small, big), *one = scalar(cx, t, 1);
    Value *h = bi(cx, OP_mul, big, un(cx, OP_sqrt, bi(cx, OP_add, one, un(cx, OP_square, r))));
    Value *plain = bi(cx, OP_logical_and, bi(cx, OP_less, scalar(cx, t, 0), big),
                      bi(cx, OP_less, big, scalar(cx, t, (double)INFINITY)));
    return select(cx, plain, h, bi(cx, OP_add, a, b));
}

/* -- Operators of complex numbers ----------------------------------------------------------------------- */
enum { REAL, IMAG, ABS, ANGLE };

bool need_complex(Cx *cx, const Value *v)
{
    if (dtype_is_complex(v->type.dtype)) return true;
    fail(cx, "the input must be complex, but is %s", type_string(cx, &v->type));
    return false;
}

static void import_complex(Cx *cx, Value **in, Value **out)
{
    for (int i = 0; i < 2; i++)
        if (in[i]->type.dtype != JITC_FLOAT32 && in[i]->type.dtype != JITC_FLOAT64) {
            fail(cx, "parts must be f32 or f64, but are %s", type_string(cx, &in[i]->type));
            return;
        }
    if (in[0]->type.dtype != in[1]->type.dtype)
        fail(cx, "the parts differ in type: %s and %s", type_string(cx, &in[0]->type),
             type_string(cx, &in[1]->type));
    else
        out[0] = join(cx, (Pair){in[0], in[1]});
}

static void import_part(Cx *cx, Value **in, Value **out)
{
    if (!need_complex(cx, in[0])) return;
    Pair p = split(cx, in[0]);
    switch (cx->op->arg) {
    case REAL: out[0] = p.re; break;
    case IMAG: out[0] = p.im; break;
    case ABS: out[0] = pair_abs(cx, p); break;
    default: out[0] = bi(cx, OP_atan2, p.im, p.re);
    }
}

static void import_conj(Cx *cx, Value **in, Value **out)
{
    if (need_complex(cx, in[0])) out[0] = join(cx, pair_conj(cx, split(cx, in[0])));
}

const TfOp tf_complex_ops[] = {
    {"Complex", import_complex, 2, 0, 1, 0},
    {"Real", import_part, 1, 0, 1, REAL},
    {"Imag", import_part, 1, 0, 1, IMAG},
    {"ComplexAbs", import_part, 1, 0, 1, ABS},
    {"Angle", import_part, 1, 0, 1, ANGLE},
    {"Conj", import_conj, 1, 0, 1, 0},
    {0},
};
