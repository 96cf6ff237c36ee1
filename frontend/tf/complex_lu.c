/* LU factors of complex matrices with partial pivoting, a column a round, and determinants from them. */
#include <math.h>

#include "frontend/tf/complex.h"

static Value *un(Cx *cx, OpCode code, Value *x)
{
    return x ? ir_unary(&cx->b, code, x) : NULL;
}

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}

static Value *shaped(Cx *cx, Value *v, Dim a, Dim b, Dim c)
{
    return v ? ir_reshape(&cx->b, v, (Dim[]){a, b, c}, 3) : NULL;
}

/* Element k along an axis, which goes away. */
static Pair pick(Cx *cx, Pair p, Value *k, int axis)
{
    return (Pair){gather(cx, p.re, k, axis, 0), gather(cx, p.im, k, axis, 0)};
}

static Pair select_pair(Cx *cx, Value *cond, Pair a, Pair b)
{
    return (Pair){select3(cx, cond, a.re, b.re), select3(cx, cond, a.im, b.im)};
}

static Pair spread(Cx *cx, Pair p, Dim a, Dim b, Dim c)
{
    return (Pair){shaped(cx, p.re, a, b, c), shaped(cx, p.im, a, b, c)};
}

static Pair filled_pair(Cx *cx, DType t, double re, Dim n)
{
    return (Pair){broadcast(cx, scalar(cx, t, re), &n, 1), broadcast(cx, scalar(cx, t, 0), &n, 1)};
}

/* The matrices [batch, n, n], the row that each of theirs was, a unit number and the logarithm of a size: the
 * product of the pivots and of the sign of the permutation. */
enum { RE, IM, ROWS, UNIT_RE, UNIT_IM, LOG, VARS };
typedef struct {
    Dim batch, n;
} Shape;

static bool eliminate(Cx *cx, const void *arg, Value *k, Value *const *var, Value **next)
{
    const Shape *s = arg;
    Dim batch = s->batch, n = s->n;
    Pair a = {var[RE], var[IM]}, unit = {var[UNIT_RE], var[UNIT_IM]};
    DType t = a.re->type.dtype;
    Value *index = iota_vector(cx, JITC_INT64, n);
    Value *at = index ? ir_reshape(&cx->b, index, (Dim[]){1, n}, 2) : NULL;
    Value *size = pair_abs(cx, pick(cx, a, k, 2));
    if (!at || !size) return false;
    Value *none = broadcast(cx, scalar(cx, t, -1), size->type.dim, 2);
    Value *below = broadcast(cx, bi(cx, OP_greater_equal, at, k), size->type.dim, 2);
    size = select3(cx, below, size, none);
    Value *p = size ? ir_v(&cx->b, OP_argmax, IN(size), AT(at_i("axis", 1), at_t("to", JITC_INT64))) : NULL;
    Value *column = p ? ir_reshape(&cx->b, p, (Dim[]){batch, 1}, 2) : NULL;
    if (!column) return false;
    Value *order =
        select3(cx, bi(cx, OP_equal, at, k), column, select3(cx, bi(cx, OP_equal, at, column), k, at));
    if (!order) return false;
    a = (Pair){gather(cx, a.re, order, 1, 1), gather(cx, a.im, order, 1, 1)};
    next[ROWS] = gather(cx, var[ROWS], order, 1, 1);
    if (!a.re || !a.im) return false;
    Pair row = pick(cx, a, k, 1), pivot = pick(cx, row, k, 1);
    if (!pivot.re || !pivot.im) return false;
    size = pair_abs(cx, pivot);
    next[LOG] = bi(cx, OP_add, var[LOG], un(cx, OP_log, size));
    Pair turn = {bi(cx, OP_div, pivot.re, size), bi(cx, OP_div, pivot.im, size)};
    unit = pair_mul(cx, unit, turn);
    unit = select_pair(cx, bi(cx, OP_equal, p, k), unit, pair_neg(cx, unit));
    next[UNIT_RE] = unit.re, next[UNIT_IM] = unit.im;
    /* A pivot of 0 has only zeros below it. */
    Pair one = {scalar(cx, t, 1), scalar(cx, t, 0)};
    Pair by = spread(cx, pair_where(cx, pair_is_zero(cx, pivot), one, pivot), batch, 1, 1);
    Pair factor = pair_div(cx, spread(cx, pick(cx, a, k, 2), batch, n, 1), by);
    Pair less = pair_sub(cx, a, pair_mul(cx, factor, spread(cx, row, batch, 1, n)));
    Value *under = bi(cx, OP_greater, shaped(cx, index, 1, n, 1), k);
    Value *right = bi(cx, OP_greater, shaped(cx, index, 1, 1, n), k);
    Value *here = bi(cx, OP_logical_and, under, bi(cx, OP_equal, shaped(cx, index, 1, 1, n), k));
    a = select_pair(cx, bi(cx, OP_logical_and, under, right), less, select_pair(cx, here, factor, a));
    next[RE] = a.re, next[IM] = a.im;
    for (int i = 0; i < VARS; i++)
        if (!next[i]) return false;
    return true;
}

static bool factors(Cx *cx, Value *z, Shape *s, Value **var)
{
    int rank = z->type.rank;
    if (!need_rank(cx, z, "the input", 2, IR_MAX_RANK)) return false;
    *s = (Shape){dims_product(cx, z->type.dim, rank - 2), z->type.dim[rank - 1]};
    if (!sizes_match(cx, z->type.dim[rank - 2], s->n)) {
        fail(cx, "the input must be square matrices, but is %s", type_string(cx, &z->type));
        return false;
    }
    Pair a = spread(cx, split(cx, z), s->batch, s->n, s->n);
    if (!a.re || !a.im) return false;
    DType t = a.re->type.dtype;
    Pair one = filled_pair(cx, t, 1, s->batch);
    Value *rows = iota_vector(cx, JITC_INT64, s->n);
    var[RE] = a.re, var[IM] = a.im;
    var[ROWS] = rows ? broadcast(cx, rows, (Dim[]){s->batch, s->n}, 2) : NULL;
    var[UNIT_RE] = one.re, var[UNIT_IM] = var[LOG] = one.im;
    return s->batch == 0 || s->n == 0 ||
           counted_loop(cx, size_value(cx, s->n, JITC_INT64), var, VARS, eliminate, s);
}

static Value *batched(Cx *cx, Value *v, const Type *like, int rank)
{
    return v ? ir_reshape(&cx->b, v, like->dim, rank) : NULL;
}

void import_complex_lu(Cx *cx, Value **in, Value **out)
{
    Shape s;
    Value *var[VARS], *z = in[0];
    DType t = get_type(cx, "output_idx_type", JITC_INT32);
    if (cx->failed || !factors(cx, z, &s, var)) return;
    Value *inf = scalar(cx, var[LOG]->type.dtype, -(double)INFINITY);
    Value *ok = all_true(cx, bi(cx, OP_not_equal, var[LOG], inf));
    out[0] = batched(cx, join(cx, (Pair){var[RE], var[IM]}), &z->type, z->type.rank);
    if (out[0]) out[0] = checked_as(cx, out[0], ok, "a matrix is not invertible");
    out[1] = batched(cx, ir_cast(&cx->b, var[ROWS], t), &z->type, z->type.rank - 1);
}

/* A product that is not finite has no sign, and counts as 0. */
void import_complex_determinant(Cx *cx, Value **in, Value **out)
{
    Shape s;
    Value *var[VARS], *z = in[0];
    int rank = z->type.rank - 2;
    if (!factors(cx, z, &s, var)) return;
    Value *finite = un(cx, OP_is_finite, var[LOG]);
    Pair zero = filled_pair(cx, var[LOG]->type.dtype, 0, s.batch);
    Pair unit = select_pair(cx, finite, (Pair){var[UNIT_RE], var[UNIT_IM]}, zero);
    Value *log = select3(cx, finite, var[LOG], un(cx, OP_neg, un(cx, OP_abs, var[LOG])));
    if (!unit.re || !unit.im || !log) return;
    bool both = base_op(cx)->nout == 2;
    if (!both) {
        Value *size = un(cx, OP_exp, log);
        unit = (Pair){bi(cx, OP_mul, unit.re, size), bi(cx, OP_mul, unit.im, size)};
    }
    out[0] = batched(cx, join(cx, unit), &z->type, rank);
    if (both) out[1] = batched(cx, join(cx, pair_real(cx, log)), &z->type, rank);
}
