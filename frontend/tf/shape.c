/* Shapes as data, and operations that only change or make a shape. */
#include <stdlib.h>

#include "frontend/tf/tf.h"

static DType out_type(Cx *cx)
{
    DType t = get_type(cx, "out_type", JITC_INT32);
    if (t == JITC_INT32 || t == JITC_INT64 || cx->failed) return t;
    fail(cx, "out_type must be int32 or int64, not %s", dtype_name(t));
    return 0;
}

static Value *shape_of(Cx *cx, Value *x, DType t)
{
    return ir_v(&cx->b, OP_shape_of, IN(x), AT(at_t("to", t)));
}

static void import_shape(Cx *cx, Value **in, Value **out)
{
    DType t = out_type(cx);
    for (uint32_t i = 0; i < cx->node->ninputs && !cx->failed; i++) out[i] = shape_of(cx, in[i], t);
}

static void import_size(Cx *cx, Value **in, Value **out)
{
    DType t = out_type(cx);
    if (!cx->failed) out[0] = reduce(cx, OP_reduce_prod, shape_of(cx, in[0], t), (int64_t[]){0}, 1, false);
}

static void import_rank(Cx *cx, Value **in, Value **out)
{
    out[0] = ir_const_i(&cx->b, JITC_INT32, in[0]->type.rank);
}

/* What one dimension must have so that the others and it hold as many elements as t: factors that stand on
 * both sides cancel, which matters where they are open. */
static Dim missing_dim(Cx *cx, const Type *t, const Dim *dim, int n, int open)
{
    Dim have = 1, rest = 1;
    bool used[IR_MAX_RANK] = {false};
    for (int d = 0; d < n; d++) {
        int same = d == open || dim_known(dim[d]) ? t->rank : 0;
        while (same < t->rank && (used[same] || t->dim[same] != dim[d])) same++;
        if (same < t->rank)
            used[same] = true;
        else if (d != open)
            rest = dim_mul(cx->m, rest, dim[d]);
    }
    for (int d = 0; d < t->rank; d++)
        if (!used[d]) have = dim_mul(cx->m, have, t->dim[d]);
    return dim_floordiv(cx->m, have, rest);
}

/* Beside a size of 0 it is what the sizes other than 0 leave, rounded down: TensorFlow's rule. */
static Dim missing_beside_zero(Cx *cx, const Type *t, const Dim *dim, int n, int open)
{
    Dim have = 1, rest = 1;
    for (int d = 0; d < t->rank; d++) have = dim_mul(cx->m, have, dim_max(cx->m, t->dim[d], 1));
    for (int d = 0; d < n; d++)
        if (d != open) rest = dim_mul(cx->m, rest, dim_max(cx->m, dim[d], 1));
    return dim_floordiv(cx->m, have, rest);
}

/* Elements that are data: -1 is what is missing, given that the product of all is minus that of the others.
 */
static bool bind_shape(Cx *cx, const Type *t, const Elem *e, Dim *dim, int n, bool open)
{
    Value *all = NULL, *total = size_value(cx, dims_product(cx, t->dim, t->rank), INDEX_TYPE);
    for (int d = 0; d < n && !open; d++) {
        Value *x = elem_value(cx, &e[d]);
        all = all ? ir_binary(&cx->b, OP_mul, all, x) : x;
    }
    for (int d = 0; d < n; d++) {
        Value *x = e[d].data;
        if (!x) continue;
        if (!open) {
            Value *rest = ir_binary(&cx->b, OP_div, total, ir_unary(&cx->b, OP_neg, all));
            Value *given = ir_binary(&cx->b, OP_greater_equal, x, ir_const_i(&cx->b, INDEX_TYPE, 0));
            x = select3(cx, given, x, rest);
        }
        if (!bind_size(cx, x, "the shape", &dim[d])) return false;
    }
    return true;
}

void import_reshape(Cx *cx, Value **in, Value **out)
{
    Dim dim[IR_MAX_RANK];
    Elem e[IR_MAX_RANK];
    const Type *t = &in[0]->type;
    int n = elems(cx, in[1], "the shape", e, IR_MAX_RANK), open = -1, data = 0;
    bool empty = false;
    for (int d = 0; d < n; d++) {
        int64_t v;
        dim[d] = e[d].dim;
        if (e[d].data) {
            data++;
            continue;
        }
        bool minus_one = dim_const(cx->m, dim[d], &v) && v == -1;
        empty = empty || dim[d] == 0;
        if (minus_one && open >= 0) {
            fail(cx, "the shape has -1 more than once");
            return;
        }
        if (minus_one) open = d;
    }
    if (n < 0 || (data && !bind_shape(cx, t, e, dim, n, open >= 0))) return;
    if (open >= 0) dim[open] = (empty ? missing_beside_zero : missing_dim)(cx, t, dim, n, open);
    if (cx->failed) return;
    out[0] = ir_reshape(&cx->b, in[0], dim, n);
    if (out[0]) sizes_match(cx, dims_product(cx, t->dim, t->rank), dims_product(cx, dim, n));
}

static void import_expand_dims(Cx *cx, Value **in, Value **out)
{
    const Type *t = &in[0]->type;
    if (t->rank == IR_MAX_RANK) {
        fail(cx, "the result has rank %d; at most %d is supported", t->rank + 1, IR_MAX_RANK);
        return;
    }
    int axis = known_axis(cx, in[1], "the axis", t->rank + 1);
    if (axis < 0) return;
    Dim dim[IR_MAX_RANK];
    for (int d = 0; d <= t->rank; d++) dim[d] = d == axis ? 1 : t->dim[d - (d > axis)];
    out[0] = ir_reshape(&cx->b, in[0], dim, t->rank + 1);
}

/* Without a list, dims known to be 1 go; one that data tells is taken for another size, which a run checks.
 */
static void import_squeeze(Cx *cx, Value **in, Value **out)
{
    const Type *t = &in[0]->type;
    int64_t list[IR_MAX_RANK];
    bool drop[IR_MAX_RANK] = {false};
    int n = get_ints(cx, "squeeze_dims", list, IR_MAX_RANK), rank = 0;
    for (int i = 0; i < n; i++) {
        int axis = check_axis(cx, list[i], "squeeze_dims", t->rank);
        if (axis < 0) return;
        drop[axis] = true;
        if (!sizes_match(cx, t->dim[axis], 1))
            fail(cx, "dimension %d of %s is not 1", axis, type_string(cx, t));
    }
    for (int d = 0; d < t->rank && !n && !cx->failed; d++) {
        if (dim_known(t->dim[d])) continue;
        if (cx->symbolic)
            fail(cx, "the rank of the result depends on whether dimension %d of %s is 1: fix it (--shape)", d,
                 type_string(cx, t));
        else /* 0, 2 and more are even */
            sizes_match(cx, dim_mod(cx->m, dim_min(cx->m, t->dim[d], 2), 2), 0);
    }
    Dim dim[IR_MAX_RANK];
    for (int d = 0; !n && d < t->rank; d++)
        if (!dim_known(t->dim[d])) {
            fail(cx, "whether dimension %d of %s is 1 must be known: fix it (--shape)", d,
                 type_string(cx, t));
            return;
        }
    for (int d = 0; d < t->rank; d++)
        if (n ? !drop[d] : t->dim[d] != 1) dim[rank++] = t->dim[d];
    if (!cx->failed) out[0] = ir_reshape(&cx->b, in[0], dim, rank);
}

static void import_fill(Cx *cx, Value **in, Value **out)
{
    Dim dim[IR_MAX_RANK];
    int n = known_dims(cx, in[0], "the shape", dim, IR_MAX_RANK);
    if (n >= 0 && need_rank(cx, in[1], "the value", 0, 0)) out[0] = broadcast(cx, in[1], dim, n);
}

static void import_like(Cx *cx, Value **in, Value **out)
{
    const Type *t = &in[0]->type;
    out[0] = broadcast(cx, scalar(cx, t->dtype, cx->op->arg), t->dim, t->rank);
}

static void import_empty(Cx *cx, Value **in, Value **out)
{
    Dim dim[IR_MAX_RANK];
    DType t = get_type(cx, "dtype", 0);
    int n = t ? known_dims(cx, in[0], "the shape", dim, IR_MAX_RANK) : -1;
    if (!t && !cx->failed) need_attr(cx, "dtype");
    if (n >= 0) out[0] = broadcast(cx, scalar(cx, t, 0), dim, n);
}

static void import_broadcast_to(Cx *cx, Value **in, Value **out)
{
    Dim dim[IR_MAX_RANK];
    const Type *t = &in[0]->type;
    int n = known_dims(cx, in[1], "the shape", dim, IR_MAX_RANK);
    if (n < 0) return;
    for (int d = 0; d < t->rank && t->rank <= n; d++)
        if (t->dim[d] != 1) sizes_match(cx, t->dim[d], dim[n - t->rank + d]);
    out[0] = broadcast(cx, in[0], dim, n);
}

static Value *sizes_vector(Cx *cx, const Dim *d, int n, DType t)
{
    return ir_v(&cx->b, OP_sizes, NO_IN, AT(at_ds("dims", d, n), at_t("to", t)));
}

static bool is_known(Cx *cx, Value *v)
{
    Dim d[IR_MAX_RANK];
    return v->type.rank == 1 && dim_known(v->type.dim[0]) && v->type.dim[0] <= IR_MAX_RANK &&
           ir_dims_of(cx->m, v, d, (int)v->type.dim[0]);
}

static bool is_short_vector(Cx *cx, Value *v, const char *what)
{
    if (!need_rank(cx, v, what, 1, 1)) return false;
    if (dim_known(v->type.dim[0]) && v->type.dim[0] <= 64 && dtype_is_int(v->type.dtype)) return true;
    fail(cx, "%s must be a short vector of integers, but is %s", what, type_string(cx, &v->type));
    return false;
}

/* Of shapes that are data: the longer one's sizes, where they are not 1. */
static Value *broadcast_data(Cx *cx, Value *a, Value *b)
{
    DType t = a->type.dtype;
    Value *one = ir_const_i(&cx->b, t, 1);
    int64_t na = a->type.dim[0], nb = b->type.dim[0];
    Value **shorter = na < nb ? &a : &b;
    if (na != nb) {
        Dim missing = llabs(na - nb);
        *shorter = concat(cx, (Value *[]){broadcast(cx, one, &missing, 1), *shorter}, 2, 0);
    }
    Value *is_one = ir_binary(&cx->b, OP_equal, a, one);
    return ir_v(&cx->b, OP_select, IN(is_one, b, a), NO_ATTRS);
}

static void import_broadcast_args(Cx *cx, Value **in, Value **out)
{
    Type a = {.dtype = JITC_FLOAT32}, b = a, r = a;
    if (!is_short_vector(cx, in[0], "shape s0") || !is_short_vector(cx, in[1], "shape s1")) return;
    if (!is_known(cx, in[0]) || !is_known(cx, in[1])) {
        out[0] = broadcast_data(cx, in[0], in[1]);
        return;
    }
    int na = known_dims(cx, in[0], "shape s0", a.dim, IR_MAX_RANK);
    int nb = known_dims(cx, in[1], "shape s1", b.dim, IR_MAX_RANK);
    if (na < 0 || nb < 0) return;
    a.rank = (uint8_t)na;
    b.rank = (uint8_t)nb;
    if (ir_broadcast_dims(cx->m, &a, &b, &r))
        out[0] = sizes_vector(cx, r.dim, r.rank, in[0]->type.dtype);
    else
        fail(cx, "the shapes do not fit together");
}

/* The sum of the shapes before each one, in the dimension that is joined. */
static void import_concat_offset(Cx *cx, Value **in, Value **out)
{
    int64_t mask[64] = {0};
    for (uint32_t i = 1; i < cx->node->ninputs; i++) {
        if (!is_short_vector(cx, in[i], "a shape")) return;
        if (in[i]->type.dim[0] != in[1]->type.dim[0]) {
            fail(cx, "the shapes differ in rank");
            return;
        }
    }
    int64_t axis = known_axis(cx, in[0], "concat_dim", (int)in[1]->type.dim[0]);
    if (axis < 0) return;
    DType t = in[1]->type.dtype;
    int n = (int)in[1]->type.dim[0];
    Value *sum = ir_const_ints(&cx->b, t, mask, n);
    mask[axis] = 1;
    Value *only = ir_const_ints(&cx->b, t, mask, n);
    for (uint32_t i = 1; i < cx->node->ninputs; i++) {
        out[i - 1] = sum;
        sum = ir_binary(&cx->b, OP_add, sum, ir_binary(&cx->b, OP_mul, in[i], only));
    }
}

/* Over which dimensions the gradient of each of two operands that were broadcast is summed up. */
static void import_broadcast_gradient(Cx *cx, Value **in, Value **out)
{
    Dim dim[2][IR_MAX_RANK];
    int64_t over[2][IR_MAX_RANK];
    int rank[2], n[2] = {0, 0};
    for (int i = 0; i < 2; i++)
        if ((rank[i] = known_dims(cx, in[i], i ? "shape s1" : "shape s0", dim[i], IR_MAX_RANK)) < 0) return;
    int all = rank[0] > rank[1] ? rank[0] : rank[1];
    bool same = rank[0] == rank[1] && !memcmp(dim[0], dim[1], (size_t)all * sizeof(Dim));
    for (int d = 0; d < all && !same; d++) {
        Dim x[2];
        for (int i = 0; i < 2; i++) x[i] = d < all - rank[i] ? 1 : dim[i][d - (all - rank[i])];
        if (x[0] != x[1] && (!dim_known(x[0]) || !dim_known(x[1]))) {
            fail(cx, "which dimensions are 1 depends on data, but must be known when compiling");
            return;
        }
        if (x[0] != x[1] && x[0] != 1 && x[1] != 1) {
            fail(cx, "the shapes do not fit together");
            return;
        }
        for (int i = 0; i < 2; i++)
            if (x[i] == 1) over[i][n[i]++] = d;
    }
    for (int i = 0; i < 2; i++) out[i] = ir_const_ints(&cx->b, in[0]->type.dtype, over[i], n[i]);
}

/* The coordinates of flat indices in a tensor of the given sizes. */
static void import_unravel(Cx *cx, Value **in, Value **out)
{
    Elem e[IR_MAX_RANK];
    Value *row[IR_MAX_RANK], *step[IR_MAX_RANK + 1];
    DType t = in[0]->type.dtype;
    if (!need_rank(cx, in[0], "indices", 0, 1)) return;
    int n = elems(cx, in[1], "dims", e, IR_MAX_RANK);
    if (n < 0) return;
    if (n == 0) {
        fail(cx, "dims must not be empty");
        return;
    }
    Value *index = ir_cast(&cx->b, in[0], INDEX_TYPE);
    step[n] = ir_const_i(&cx->b, INDEX_TYPE, 1);
    for (int d = n - 1; d >= 0; d--) step[d] = ir_binary(&cx->b, OP_mul, step[d + 1], elem_value(cx, &e[d]));
    Value *fine = ir_binary(&cx->b, OP_less, index, step[0]);
    if (fine && fine->type.rank) fine = reduce(cx, OP_reduce_all, fine, (int64_t[]){0}, 1, false);
    index = checked(cx, index, fine);
    for (int d = 0; d < n; d++) {
        Value *x = ir_binary(&cx->b, OP_div, ir_binary(&cx->b, OP_trunc_mod, index, step[d]), step[d + 1]);
        Dim dim[2] = {1, x ? x->type.dim[0] : 0};
        if (!x || !(row[d] = ir_reshape(&cx->b, ir_cast(&cx->b, x, t), dim, 1 + x->type.rank))) return;
    }
    out[0] = concat(cx, row, (uint32_t)n, 0);
}

const TfOp tf_shape_ops[] = {
    {"Shape", import_shape, 1, 0, 1, 0},
    {"ShapeN", import_shape, 1, -1, OUT_NINPUTS, 0},
    {"Size", import_size, 1, 0, 1, 0},
    {"Rank", import_rank, 1, 0, 1, 0},
    {"Reshape", import_reshape, 2, 0, 1, 0},
    {"ExpandDims", import_expand_dims, 2, 0, 1, 0},
    {"Squeeze", import_squeeze, 1, 0, 1, 0},
    {"Fill", import_fill, 2, 0, 1, 0},
    {"ZerosLike", import_like, 1, 0, 1, 0},
    {"OnesLike", import_like, 1, 0, 1, 1},
    {"BroadcastTo", import_broadcast_to, 2, 0, 1, 0},
    {"BroadcastArgs", import_broadcast_args, 2, 0, 1, 0},
    {"ConcatOffset", import_concat_offset, 2, -1, OUT_NINPUTS_LESS_1, 0},
    {"BroadcastGradientArgs", import_broadcast_gradient, 2, 0, 2, 0},
    {"UnravelIndex", import_unravel, 2, 0, 1, 0},
    {"Empty", import_empty, 1, 0, 1, 0},
    {0},
};
