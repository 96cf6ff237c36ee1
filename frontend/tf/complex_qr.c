/* QR factors of complex matrices by Householder reflections, a column a round; R's diagonal is real. */
#include <float.h>

#include "frontend/tf/complex.h"

static Value *un(Cx *cx, OpCode code, Value *x)
{
    return x ? ir_unary(&cx->b, code, x) : NULL;
}

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}

typedef struct {
    Dim batch, rows, cols;
} Shape;

static Pair spread(Cx *cx, Pair p, Dim a, Dim b, Dim c)
{
    if (!p.re || !p.im) return (Pair){0};
    return (Pair){ir_reshape(&cx->b, p.re, (Dim[]){a, b, c}, 3),
                  ir_reshape(&cx->b, p.im, (Dim[]){a, b, c}, 3)};
}

static Value *total(Cx *cx, Value *v, int axis)
{
    return v ? reduce(cx, OP_reduce_sum, v, (int64_t[]){axis}, 1, true) : NULL;
}

static Pair pair_total(Cx *cx, Pair p, int axis)
{
    return (Pair){total(cx, p.re, axis), total(cx, p.im, axis)};
}

static Pair element(Cx *cx, Pair p, Value *k, int axis)
{
    return (Pair){gather(cx, p.re, k, axis, 0), gather(cx, p.im, k, axis, 0)};
}

/* From row k down column k becomes beta and zeros by I - tau v v^*. */
static bool reflector(Cx *cx, const Shape *s, Pair a, Value *k, Pair *v, Pair *tau)
{
    DType t = a.re->type.dtype;
    Value *row = iota_vector(cx, JITC_INT64, s->rows);
    row = row ? ir_reshape(&cx->b, row, (Dim[]){1, s->rows, 1}, 3) : NULL;
    Pair x = spread(cx, element(cx, a, k, 2), s->batch, s->rows, 1);
    Pair c = spread(cx, element(cx, x, k, 1), s->batch, 1, 1);
    if (!row || !x.re || !x.im || !c.re || !c.im) return false;
    Value *zero = scalar(cx, t, 0), *tiny = scalar(cx, t, t == JITC_FLOAT64 ? DBL_MIN : (double)FLT_MIN);
    Pair none = {zero, zero}, one = pair_real(cx, scalar(cx, t, 1));
    Value *below = bi(cx, OP_greater, row, k), *here = bi(cx, OP_equal, row, k);
    Value *size = bi(cx, OP_add, un(cx, OP_square, x.re), un(cx, OP_square, x.im));
    Value *tail = size ? total(cx, pair_where(cx, below, (Pair){size, size}, none).re, 1) : NULL;
    Value *flat = bi(cx, OP_logical_and, bi(cx, OP_less_equal, tail, tiny),
                     bi(cx, OP_less_equal, un(cx, OP_square, c.im), tiny));
    Value *norm = bi(cx, OP_add, un(cx, OP_square, c.re), un(cx, OP_square, c.im));
    Value *beta = un(cx, OP_sqrt, bi(cx, OP_add, norm, tail));
    Value *down = bi(cx, OP_greater_equal, c.re, zero);
    if (!flat || !beta || !down) return false;
    beta = select3(cx, down, un(cx, OP_neg, beta), beta);
    Pair off = pair_sub(cx, c, pair_real(cx, beta));
    Pair by = pair_where(cx, flat, one, off);
    *v = pair_where(cx, here, one, pair_where(cx, below, pair_div(cx, x, by), none));
    Value *safe = select3(cx, flat, broadcast(cx, scalar(cx, t, 1), beta->type.dim, 3), beta);
    Pair turn = {bi(cx, OP_div, un(cx, OP_neg, off.re), safe), bi(cx, OP_div, off.im, safe)};
    *tau = pair_where(cx, flat, none, turn);
    return v->re && v->im && tau->re && tau->im;
}

enum { A_RE, A_IM, Q_RE, Q_IM, VARS };

static bool reflect(Cx *cx, const void *arg, Value *k, Value *const *var, Value **next)
{
    const Shape *s = arg;
    Pair a = {var[A_RE], var[A_IM]}, q = {var[Q_RE], var[Q_IM]}, v, tau;
    if (!reflector(cx, s, a, k, &v, &tau)) return false;
    Pair across = pair_conj(cx, spread(cx, v, s->batch, 1, s->rows));
    Pair sums = pair_total(cx, pair_mul(cx, pair_conj(cx, v), a), 1);
    a = pair_sub(cx, a, pair_mul(cx, pair_mul(cx, tau, v), sums));
    sums = pair_total(cx, pair_mul(cx, q, pair_conj(cx, across)), 2);
    q = pair_sub(cx, q, pair_mul(cx, pair_mul(cx, pair_conj(cx, tau), sums), across));
    next[A_RE] = a.re, next[A_IM] = a.im, next[Q_RE] = q.re, next[Q_IM] = q.im;
    return a.re && a.im && q.re && q.im;
}

/* The first rows or columns, with the batch as it was. */
static Value *part(Cx *cx, Pair p, int axis, Dim n, const Type *like)
{
    Dim dim[IR_MAX_RANK];
    Value *z = join(cx, p);
    z = z ? slice_axis(cx, z, axis, 0, n) : NULL;
    if (!z) return NULL;
    memcpy(dim, like->dim, sizeof dim);
    dim[like->rank - 2] = z->type.dim[1];
    dim[like->rank - 1] = z->type.dim[2];
    return ir_reshape(&cx->b, z, dim, like->rank);
}

void import_complex_qr(Cx *cx, Value **in, Value **out)
{
    bool full = get_bool(cx, "full_matrices", false);
    Value *z = in[0];
    int rank = z->type.rank;
    if (cx->failed || !need_rank(cx, z, "the input", 2, IR_MAX_RANK)) return;
    Dim rows = z->type.dim[rank - 2], cols = z->type.dim[rank - 1], least = dim_min(cx->m, rows, cols);
    Shape s = {dims_product(cx, z->type.dim, rank - 2), rows, cols};
    Pair a = spread(cx, split(cx, z), s.batch, rows, cols);
    if (!a.re || !a.im) return;
    DType t = a.re->type.dtype;
    Value *row = iota_vector(cx, JITC_INT64, rows), *col = iota_vector(cx, JITC_INT64, cols);
    Value *down = row ? ir_reshape(&cx->b, row, (Dim[]){rows, 1}, 2) : NULL;
    Value *on = bi(cx, OP_equal, down, row), *above = bi(cx, OP_less_equal, down, col);
    Dim square[3] = {s.batch, rows, rows};
    Value *eye = on ? broadcast(cx, ir_cast(&cx->b, on, t), square, 3) : NULL;
    Value *var[VARS] = {a.re, a.im, eye, broadcast(cx, scalar(cx, t, 0), square, 3)};
    bool some = s.batch != 0 && least != 0;
    if (!above || !eye ||
        (some && !counted_loop(cx, size_value(cx, least, JITC_INT64), var, VARS, reflect, &s)))
        return;
    Value *zero = scalar(cx, t, 0);
    Pair r = pair_where(cx, above, (Pair){var[A_RE], var[A_IM]}, (Pair){zero, zero});
    Dim kept = full ? rows : least;
    out[0] = part(cx, (Pair){var[Q_RE], var[Q_IM]}, 2, kept, &z->type);
    out[1] = part(cx, r, 1, kept, &z->type);
}
