/* Indices as data. */
#include "frontend/tf/tf.h"

Value *index_operand(Cx *cx, Value *v)
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

Value *gather(Cx *cx, Value *x, Value *index, int axis, int batch_dims)
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

/* Unsorted results may have any order, so also this one. */
static void import_top_k(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0];
    Dim k = cx->op->arg ? 0 : get_int(cx, "k", 0);
    if (k < 0) fail(cx, "k is %lld", (long long)k);
    DType t = get_type(cx, "index_type", JITC_INT32);
    get_bool(cx, "sorted", true);
    if (cx->failed || !need_rank(cx, x, "the input", 1, IR_MAX_RANK)) return;
    if (cx->op->arg && known_dims(cx, in[1], "k", &k, 1) != 1) return;
    Dim n = x->type.dim[x->type.rank - 1];
    if (dim_known(n) && dim_known(k) && k > n) {
        fail(cx, "k is %lld, but rows have %lld elements", (long long)k, (long long)n);
        return;
    }
    if (!sizes_match(cx, dim_min(cx->m, k, n), k)) return;
    Op *op = ir_op(&cx->b, OP_top_k, IN(x), AT(at_ds("k", &k, 1), at_t("to", t)));
    for (int i = 0; op && i < 2; i++) out[i] = op->out[i];
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
