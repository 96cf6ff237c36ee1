/* Indices as data. */
#include "frontend/tf/tf.h"

static Value *index_operand(Cx *cx, Value *v)
{
    if (!dtype_is_int(v->type.dtype)) {
        fail(cx, "indices must be integers, but are %s", type_string(cx, &v->type));
        return NULL;
    }
    if (v->type.dtype == JITC_INT32 || v->type.dtype == JITC_INT64) return v;
    return ir_cast(&cx->b, v, dtype_size(v->type.dtype) < 4 ? JITC_INT32 : JITC_INT64);
}

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}

static Value *gather(Cx *cx, Value *x, Value *index, int axis, int batch_dims)
{
    return ir_v(&cx->b, OP_gather, IN(x, index), AT(at_i("axis", axis), at_i("batch_dims", batch_dims)));
}

static void import_gather(Cx *cx, Value **in, Value **out)
{
    Value *index = index_operand(cx, in[1]);
    int axis = 0, batch_dims = 0, rank = in[0]->type.rank;
    if (!index) return;
    if (cx->op->arg) {
        batch_dims = check_axis(cx, get_int(cx, "batch_dims", 0), "batch_dims", index->type.rank + 1);
        axis = known_axis(cx, in[2], "the axis", rank);
        if (axis < 0 || batch_dims < 0 || cx->failed) return;
    } else if (!need_rank(cx, in[0], "params", 1, IR_MAX_RANK)) {
        return;
    }
    if (batch_dims > axis) {
        fail(cx, "batch_dims %d is beyond axis %d", batch_dims, axis);
        return;
    }
    if (rank - 1 + index->type.rank - batch_dims > IR_MAX_RANK) {
        fail(cx, "the result has rank %d; at most %d is supported", rank - 1 + index->type.rank - batch_dims,
             IR_MAX_RANK);
        return;
    }
    out[0] = gather(cx, in[0], index, axis, batch_dims);
}

/* Index vectors [..., k] become single indices into the first k dimensions taken as one. */
static void import_gather_nd(Cx *cx, Value **in, Value **out)
{
    Value *index = index_operand(cx, in[1]), *x = in[0];
    if (!index || !need_rank(cx, index, "indices", 1, IR_MAX_RANK)) return;
    int last = index->type.rank - 1, rank = x->type.rank;
    Dim k = index->type.dim[last];
    if (!dim_known(k) || k > rank) {
        fail(cx, "indices %s do not fit %s", type_string(cx, &index->type), type_string(cx, &x->type));
        return;
    }
    int rest = rank - (int)k;
    if (last + rest > IR_MAX_RANK) {
        fail(cx, "the result has rank %d; at most %d is supported", last + rest, IR_MAX_RANK);
        return;
    }
    if (k == 0) { /* each index takes all of x */
        Dim dim[IR_MAX_RANK];
        memcpy(dim, index->type.dim, (size_t)last * sizeof *dim);
        memcpy(dim + last, x->type.dim, (size_t)rank * sizeof *dim);
        out[0] = broadcast(cx, x, dim, last + rank);
        return;
    }
    Dim flat[IR_MAX_RANK] = {dims_product(cx, x->type.dim, (int)k)};
    memcpy(flat + 1, x->type.dim + k, (size_t)rest * sizeof *flat);
    Dim step[IR_MAX_RANK];
    for (int i = (int)k - 1; i >= 0; i--) step[i] = dims_product(cx, x->type.dim + i + 1, (int)k - 1 - i);
    const char *policy = get_str(cx, "bad_indices_policy", "");
    bool ignore = strcmp(policy, "IGNORE") == 0;
    if (!ignore && *policy && strcmp(policy, "DEFAULT") != 0 && strcmp(policy, "ERROR") != 0)
        fail(cx, "bad_indices_policy '%s' is not possible", policy);
    if (cx->failed) return;
    /* Each coordinate has to be in range; what one index lacks another must not make up for. */
    Value *at = ir_cast(&cx->b, index, JITC_INT64), *fine = NULL;
    if (k > 1 || ignore) {
        Value *size =
            ir_v(&cx->b, OP_sizes, NO_IN, AT(at_ds("dims", x->type.dim, (int)k), at_t("to", JITC_INT64)));
        fine = bi(cx, OP_logical_and, bi(cx, OP_greater_equal, at, ir_const_i(&cx->b, JITC_INT64, 0)),
                  bi(cx, OP_less, at, size));
        fine = fine ? reduce(cx, OP_reduce_all, fine, (int64_t[]){last}, 1, false) : NULL;
    }
    if (k > 1)
        at = bi(cx, OP_mul, at,
                ir_v(&cx->b, OP_sizes, NO_IN, AT(at_ds("dims", step, (int)k), at_t("to", JITC_INT64))));
    at = at ? reduce(cx, OP_reduce_sum, at, (int64_t[]){last}, 1, false) : NULL;
    if (fine) at = select3(cx, fine, at, ir_const_i(&cx->b, JITC_INT64, ignore ? 0 : -1));
    Value *v = ir_reshape(&cx->b, x, flat, 1 + rest);
    if (!at || !v) return;
    if (!ignore) {
        out[0] = gather(cx, v, at, 0, 0);
        return;
    }
    Value *zero = scalar(cx, x->type.dtype, 0);
    Dim dim[IR_MAX_RANK];
    memcpy(dim, at->type.dim, (size_t)last * sizeof *dim);
    memcpy(dim + last, x->type.dim + k, (size_t)rest * sizeof *dim);
    if (flat[0] == 0) {
        out[0] = broadcast(cx, zero, dim, last + rest);
        return;
    }
    for (int d = 0; d < rest; d++) dim[last + d] = 1;
    out[0] = select3(cx, ir_reshape(&cx->b, fine, dim, last + rest), gather(cx, v, at, 0, 0), zero);
}

/* To a depth that only a run knows. */
static Value *open_one_hot(Cx *cx, Value **in, Value *index, Dim depth, int axis)
{
    Dim dim[IR_MAX_RANK], line[IR_MAX_RANK];
    int rank = index->type.rank;
    for (int d = 0; d <= rank; d++) {
        dim[d] = d == axis ? 1 : index->type.dim[d - (d > axis)];
        line[d] = d == axis ? depth : 1;
    }
    Value *at = iota_vector(cx, index->type.dtype, depth);
    Value *x = ir_reshape(&cx->b, index, dim, rank + 1), *y = ir_reshape(&cx->b, at, line, rank + 1);
    return x && y ? select3(cx, ir_binary(&cx->b, OP_equal, x, y), in[2], in[3]) : NULL;
}

static void import_one_hot(Cx *cx, Value **in, Value **out)
{
    Dim depth;
    int64_t axis = get_int(cx, "axis", -1), k;
    Value *index = index_operand(cx, in[0]);
    if (!index || cx->failed || known_dims(cx, in[1], "depth", &depth, 1) != 1) return;
    int rank = index->type.rank;
    if (rank == IR_MAX_RANK) {
        fail(cx, "the result has rank %d; at most %d is supported", rank + 1, IR_MAX_RANK);
        return;
    }
    if (!dim_const(cx->m, depth, &k)) k = 0;
    if (k < 0 || axis < -1 || axis > rank) {
        fail(cx, "depth %lld, axis %lld are not possible", (long long)k, (long long)axis);
        return;
    }
    if (!need_rank(cx, in[2], "on_value", 0, 0) || !need_rank(cx, in[3], "off_value", 0, 0)) return;
    if (!dim_known(depth))
        out[0] = open_one_hot(cx, in, index, depth, axis < 0 ? rank : (int)axis);
    else
        out[0] = ir_v(&cx->b, OP_one_hot, IN(index, in[2], in[3]),
                      AT(at_i("depth", depth), at_i("axis", axis < 0 ? rank : axis)));
}

/* -- The k largest ------------------------------------------------------------------------------------ */
static Value *iota(Cx *cx, int64_t n, bool column)
{
    Dim dim[2] = {column ? n : 1, column ? 1 : n};
    Type t = type_make(JITC_INT32, 2, dim);
    Tensor x = tensor_new(cx->job, &t);
    for (int64_t i = 0; i < n; i++) tensor_set_i(&x, i, i);
    return tensor_value(cx, &x);
}

/* Each element's place in the order is the number of elements before it: larger ones, and equal ones further
 * left. Quadratic, but without branches, and rows of scores are short. */
static Value *places(Cx *cx, Value *x, int64_t n)
{
    int rank = x->type.rank;
    Dim row[IR_MAX_RANK], column[IR_MAX_RANK];
    memcpy(row, x->type.dim, sizeof row);
    memcpy(column, x->type.dim, sizeof column);
    row[rank - 1] = column[rank] = 1;
    row[rank] = n;
    Value *other = ir_reshape(&cx->b, x, row, rank + 1), *self = ir_reshape(&cx->b, x, column, rank + 1);
    Value *left = bi(cx, OP_less, iota(cx, n, false), iota(cx, n, true));
    Value *tie = bi(cx, OP_logical_and, bi(cx, OP_equal, other, self), left);
    Value *before = bi(cx, OP_logical_or, bi(cx, OP_greater, other, self), tie);
    return reduce(cx, OP_reduce_sum, ir_cast(&cx->b, before, JITC_INT32), (int64_t[]){rank}, 1, false);
}

static void import_top_k(Cx *cx, Value **in, Value **out)
{
    enum { ROW_MAX = 4096 };
    Value *x = in[0];
    int rank = x->type.rank;
    int64_t k = cx->op->arg ? 0 : get_int(cx, "k", 0);
    DType t = get_type(cx, "index_type", JITC_INT32);
    if (cx->failed || !need_rank(cx, x, "the input", 1, IR_MAX_RANK - 1)) return;
    if (cx->op->arg && !known_int(cx, in[1], "k", &k)) return;
    Dim n = x->type.dim[rank - 1];
    if (!dim_known(n) || n > ROW_MAX || (t != JITC_INT32 && t != JITC_INT64)) {
        fail(cx, "rows of %s are not supported; at most %d elements are", type_string(cx, &x->type), ROW_MAX);
        return;
    }
    if (k < 0 || k > n) {
        fail(cx, "k is %lld, but rows have %lld elements", (long long)k, (long long)n);
        return;
    }
    Value *place = places(cx, x, n);
    if (!place) return;
    Dim dim[IR_MAX_RANK];
    memcpy(dim, x->type.dim, sizeof dim);
    dim[rank - 1] = 1;
    dim[rank] = n;
    Value *here = bi(cx, OP_equal, ir_reshape(&cx->b, place, dim, rank + 1), iota(cx, k, true));
    Value *index =
        ir_v(&cx->b, OP_argmax, IN(ir_cast(&cx->b, here, JITC_INT32)), AT(at_i("axis", rank), at_t("to", t)));
    if (!index) return;
    out[0] = gather(cx, x, index, rank - 1, rank - 1);
    out[1] = index;
}

const TfOp tf_index_ops[] = {
    {"TopK", import_top_k, 1, 0, 2, 0},
    {"TopKV2", import_top_k, 2, 0, 2, 1},
    {"Gather", import_gather, 2, 0, 1, 0},
    {"GatherV2", import_gather, 3, 0, 1, 1},
    {"GatherNd", import_gather_nd, 2, 0, 1, 0},
    {"OneHot", import_one_hot, 4, 0, 1, 0},
    {0},
};
