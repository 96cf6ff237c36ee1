/* Shapes as data, and operations that only change or make a shape. */
#include <math.h>
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

static void import_reshape(Cx *cx, Value **in, Value **out)
{
    Dim dim[IR_MAX_RANK];
    int n = known_dims(cx, in[1], "the shape", dim, IR_MAX_RANK), open = -1;
    bool empty = false;
    for (int d = 0; d < n; d++) {
        int64_t v;
        bool minus_one = dim_const(cx->m, dim[d], &v) && v == -1;
        empty = empty || dim[d] == 0;
        if (minus_one && open >= 0) {
            fail(cx, "the shape has -1 more than once");
            return;
        }
        if (minus_one) open = d;
    }
    if (open >= 0 && empty)
        fail(cx, "the dimension -1 cannot be found: others are 0");
    else if (open >= 0)
        dim[open] = missing_dim(cx, &in[0]->type, dim, n, open);
    if (n >= 0 && !cx->failed) out[0] = ir_reshape(&cx->b, in[0], dim, n);
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

/* Without a list, dims known to be 1 go; an open one is taken for larger. */
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
        if (dim_known(t->dim[axis]) && t->dim[axis] != 1)
            fail(cx, "dimension %d of %s is not 1", axis, type_string(cx, t));
    }
    Dim dim[IR_MAX_RANK];
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

static void import_broadcast_to(Cx *cx, Value **in, Value **out)
{
    Dim dim[IR_MAX_RANK];
    int n = known_dims(cx, in[1], "the shape", dim, IR_MAX_RANK);
    if (n >= 0) out[0] = broadcast(cx, in[0], dim, n);
}

static Value *const_dims(Cx *cx, const Dim *d, int n, DType t)
{
    int64_t v[IR_MAX_RANK];
    for (int i = 0; i < n; i++)
        if (!dim_const(cx->m, d[i], &v[i])) {
            fail(cx, "it depends on an open dimension of an input: fix it (--shape)");
            return NULL;
        }
    return ir_const_ints(&cx->b, t, v, n);
}

/* 0, 1, … as a constant, with sizes of 1 behind. */
static Value *iota(Cx *cx, DType t, int64_t n, int rank)
{
    Type type = type_make(t, rank, (Dim[]){n, 1});
    Tensor x = tensor_new(cx->job, &type);
    for (int64_t i = 0; i < n; i++) tensor_set_i(&x, i, i);
    return tensor_value(cx, &x);
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
        out[0] = const_dims(cx, r.dim, r.rank, in[0]->type.dtype);
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

static void import_invert_permutation(Cx *cx, Value **in, Value **out)
{
    DType t = in[0]->type.dtype;
    if (!need_rank(cx, in[0], "the permutation", 1, 1)) return;
    Dim n = in[0]->type.dim[0];
    if (!dim_known(n) || n > 4096 || (t != JITC_INT32 && t != JITC_INT64)) {
        fail(cx, "a permutation %s is not supported", type_string(cx, &in[0]->type));
        return;
    }
    /* Where in the permutation each number stands. */
    Value *here = ir_cast(&cx->b, ir_binary(&cx->b, OP_equal, in[0], iota(cx, t, n, 2)), JITC_INT32);
    out[0] = ir_v(&cx->b, OP_argmax, IN(here), AT(at_i("axis", 1), at_t("to", t)));
}

/* -- Sequences ---------------------------------------------------------------------------------------- */
enum { SEQUENCE_MAX = 1 << 24 };

static bool vector_of(Cx *cx, DType t, double n, Tensor *x)
{
    if (!(n >= 0 && n <= SEQUENCE_MAX)) {
        fail(cx, "it has %g elements; at most %d are supported", n, SEQUENCE_MAX);
        return false;
    }
    Type type = type_make(t, 1, (Dim[]){(int64_t)n});
    *x = tensor_new(cx->job, &type);
    return true;
}

/* From 0 or another number on, by ones, to an open dimension. */
static bool open_range(Cx *cx, Value **in, Value **out)
{
    Dim d[3];
    int64_t step;
    DType t = in[0]->type.dtype;
    if (!dtype_is_int(t)) return false;
    for (int i = 0; i < 3; i++)
        if (!ir_dims_of(cx->m, in[i], &d[i], 1)) return false;
    if (!dim_const(cx->m, d[2], &step) || step != 1) return false;
    Dim n = dim_sub(cx->m, d[1], d[0]);
    if (dim_known(n) || dim_const(cx->m, n, &step)) return false;
    Value *ones = broadcast(cx, ir_const_i(&cx->b, t, 1), &n, 1);
    Value *v = ir_v(&cx->b, OP_cumsum, IN(ones), AT(at_i("axis", 0), at_b("exclusive", true)));
    out[0] = d[0] == 0 ? v : ir_binary(&cx->b, OP_add, v, in[0]);
    return true;
}

static Value *float_range(Cx *cx, DType type, const Tensor *const t[3])
{
    double start = tensor_f(t[0], 0), limit = tensor_f(t[1], 0), delta = tensor_f(t[2], 0);
    bool single = type == JITC_FLOAT32;
    double n = delta == 0 ? NAN : (limit - start) / delta;
    Tensor x;
    if (delta != 0 && single) n = (double)(((float)limit - (float)start) / (float)delta);
    if (n < 0) fail(cx, "delta leads away from limit");
    if (cx->failed || !vector_of(cx, type, ceil(n), &x)) return NULL;
    for (int64_t i = 0; i < x.type.dim[0]; i++) {
        float v = (float)start + (float)i * (float)delta;
        tensor_set_f(&x, i, single ? (double)v : start + (double)i * delta);
    }
    return tensor_value(cx, &x);
}

static Value *int_range(Cx *cx, DType type, const Tensor *const t[3])
{
    int64_t start = tensor_i(t[0], 0), limit = tensor_i(t[1], 0), delta = tensor_i(t[2], 0), span = 0;
    Tensor x;
    if (delta == 0) {
        fail(cx, "delta must not be 0");
        return NULL;
    }
    if (__builtin_sub_overflow(limit, start, &span) || span == INT64_MIN || delta == INT64_MIN)
        fail(cx, "the range is too long");
    else if (span && (span < 0) != (delta < 0))
        fail(cx, "delta leads away from limit");
    if (cx->failed) return NULL;
    int64_t n = span / delta + (span % delta != 0);
    if (!vector_of(cx, type, (double)n, &x)) return NULL;
    for (int64_t i = 0; i < n; i++) tensor_set_i(&x, i, start + i * delta);
    return tensor_value(cx, &x);
}

static void import_range(Cx *cx, Value **in, Value **out)
{
    static const char *const what[] = {"start", "limit", "delta"};
    const Tensor *t[3];
    for (int i = 0; i < 3; i++)
        if (in[i]->type.rank == 1 ? in[i]->type.dim[0] != 1 : in[i]->type.rank != 0) {
            fail(cx, "%s must be a scalar, but is %s", what[i], type_string(cx, &in[i]->type));
            return;
        }
    if (open_range(cx, in, out)) return;
    DType type = in[0]->type.dtype;
    for (int i = 0; i < 3; i++) {
        if (in[i]->type.dtype != type) fail(cx, "start, limit and delta differ in type");
        if (cx->failed || !(t[i] = known_tensor(cx, in[i], what[i]))) return;
    }
    out[0] = dtype_is_float(type) ? float_range(cx, type, t) : int_range(cx, type, t);
}

static void import_lin_space(Cx *cx, Value **in, Value **out)
{
    DType t = in[0]->type.dtype;
    int64_t n;
    if (!known_int(cx, in[2], "num", &n)) return;
    for (int i = 0; i < 2; i++)
        if (!need_float(cx, in[i], i ? "stop" : "start") || !need_rank(cx, in[i], i ? "stop" : "start", 0, 0))
            return;
    if (n < 1 || n > SEQUENCE_MAX) {
        fail(cx, "num is %lld, but must be positive, and at most %d", (long long)n, SEQUENCE_MAX);
        return;
    }
    if (n == 1) {
        out[0] = ir_reshape(&cx->b, in[0], (Dim[]){1}, 1);
        return;
    }
    Value *span = ir_binary(&cx->b, OP_sub, in[1], in[0]),
          *index = ir_cast(&cx->b, iota(cx, JITC_INT32, n, 1), t);
    Value *step = ir_binary(&cx->b, OP_div, span, scalar(cx, t, (double)(n - 1)));
    Value *v = ir_binary(&cx->b, OP_add, in[0], ir_binary(&cx->b, OP_mul, step, index));
    /* The last one exactly. */
    Value *end = ir_binary(&cx->b, OP_equal, index, scalar(cx, t, (double)(n - 1)));
    out[0] = ir_v(&cx->b, OP_select, IN(end, in[1], v), NO_ATTRS);
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
    {"InvertPermutation", import_invert_permutation, 1, 0, 1, 0},
    {"Range", import_range, 3, 0, 1, 0},
    {"LinSpace", import_lin_space, 3, 0, 1, 0},
    {0},
};
