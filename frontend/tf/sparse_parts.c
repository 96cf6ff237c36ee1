/* Sparse tensors in order, in parts, put together, and with dense ones. */
#include <math.h>

#include "frontend/tf/tf.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}

static Value *i64(Cx *cx, int64_t v)
{
    return ir_const_i(&cx->b, JITC_INT64, v);
}

static Value *sum_of(Cx *cx, Value *v, int axis)
{
    return v ? reduce(cx, OP_reduce_sum, v, (int64_t[]){axis}, 1, false) : NULL;
}

/* The place of each entry in the dense tensor. */
static Value *places(Cx *cx, Value *index, Value *shape)
{
    return sum_of(cx, bi(cx, OP_mul, index, sparse_steps(cx, shape)), 1);
}

static bool rank_of(Cx *cx, const Value *index, int *rank)
{
    Dim d = index->type.dim[1];
    if (dim_known(d) && d <= IR_MAX_RANK) {
        *rank = (int)d;
        return true;
    }
    fail(cx, "indices are %s; their rank must be known, and at most %d", type_string(cx, &index->type),
         IR_MAX_RANK);
    return false;
}

static void sorted(Cx *cx, Value *index, Value *values, Value *shape, Value **out)
{
    Dim n = index->type.dim[0];
    Value *key = places(cx, index, shape);
    Op *order = key ? ir_op(&cx->b, OP_top_k, IN(key),
                            AT(at_ds("k", &n, 1), at_t("to", JITC_INT64), at_b("smallest", true)))
                    : NULL;
    if (!order) return;
    out[0] = gather(cx, index, order->out[1], 0, 0);
    out[1] = gather(cx, values, order->out[1], 0, 0);
}

static void import_reorder(Cx *cx, Value **in, Value **out)
{
    if (sparse_operands(cx, in[0], in[1], in[2])) sorted(cx, in[0], in[1], in[2], out);
}

static void import_slice(Cx *cx, Value **in, Value **out)
{
    Value *index = in[0], *shape = in[2], *start = in[3], *size = in[4], *zero = i64(cx, 0);
    if (!sparse_operands(cx, index, in[1], shape) || !need_rank(cx, start, "the start", 1, 1) ||
        !need_rank(cx, size, "the size", 1, 1))
        return;
    if (!sizes_match(cx, start->type.dim[0], shape->type.dim[0]) ||
        !sizes_match(cx, size->type.dim[0], shape->type.dim[0])) {
        fail(cx, "start %s and size %s do not fit the shape", type_string(cx, &start->type),
             type_string(cx, &size->type));
        return;
    }
    Value *moved = bi(cx, OP_sub, index, start);
    Value *inside = bi(cx, OP_logical_and, bi(cx, OP_less_equal, zero, moved), bi(cx, OP_less, moved, size));
    inside = inside ? reduce(cx, OP_reduce_all, inside, (int64_t[]){1}, 1, false) : NULL;
    Value *at = inside ? where(cx, inside) : NULL;
    at = at ? ir_reshape(&cx->b, at, at->type.dim, 1) : NULL;
    if (!at) return;
    out[0] = gather(cx, moved, at, 0, 0);
    out[1] = gather(cx, in[1], at, 0, 0);
    out[2] = bi(cx, OP_maximum, zero, bi(cx, OP_minimum, size, bi(cx, OP_sub, shape, start)));
}

/* Operands: n tensors of indices, n of values, n shapes. */
static void import_concat(Cx *cx, Value **in, Value **out)
{
    uint32_t n = cx->node->ninputs / 3;
    int64_t unit[IR_MAX_RANK] = {0};
    int rank;
    if (cx->node->ninputs % 3) {
        fail(cx, "%u inputs are no indices, values and shapes", cx->node->ninputs);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        if (!sparse_operands(cx, in[i], in[n + i], in[2 * n + i])) return;
    if (!rank_of(cx, in[0], &rank)) return;
    int axis = check_axis(cx, get_int(cx, "concat_dim", 0), "concat_dim", rank);
    if (axis < 0 || cx->failed) return;
    unit[axis] = 1;
    Value *along = ir_const_ints(&cx->b, JITC_INT64, unit, rank), *shape = in[2 * n];
    Value *other = bi(cx, OP_equal, along, i64(cx, 0)), **index = job_array(cx->job, Value *, n + 1);
    index[0] = in[0];
    for (uint32_t i = 1; i < n; i++) {
        Value *own = in[2 * n + i], *same = bi(cx, OP_equal, own, shape);
        if (same) same = bi(cx, OP_logical_or, same, bi(cx, OP_equal, along, i64(cx, 1)));
        Value *before = shape ? bi(cx, OP_mul, along, vector_element(cx, shape, axis)) : NULL;
        index[i] = bi(cx, OP_add, in[i], before);
        shape = same && other ? checked_as(cx, bi(cx, OP_add, shape, bi(cx, OP_mul, along, own)),
                                           all_true(cx, same), "the shapes do not fit")
                              : NULL;
        if (!index[i] || !shape) return;
    }
    Value *all = concat(cx, index, n, 0), *values = concat(cx, in + n, n, 0);
    if (!all || !values) return;
    sorted(cx, all, values, shape, out);
    out[2] = shape;
}

/* -- With dense tensors ---------------------------------------------------------------------------------- */
/* What is not there is 0, in the sum and in the largest element. */
static void import_reduce(Cx *cx, Value **in, Value **out)
{
    Value *index = in[0], *values = in[1];
    bool keep = get_bool(cx, "keep_dims", false), sums = cx->op->arg == OP_reduce_sum,
         gone[IR_MAX_RANK] = {0};
    DType t = values->type.dtype;
    int64_t axis[IR_MAX_RANK];
    Dim size[IR_MAX_RANK], dim[IR_MAX_RANK], total = 1;
    int rank, left = 0;
    if (!sparse_operands(cx, index, values, in[2]) || !rank_of(cx, index, &rank)) return;
    int n = known_ints(cx, in[3], "the axes", axis, IR_MAX_RANK);
    if (n < 0 || known_dims(cx, in[2], "the shape", size, IR_MAX_RANK) != rank || cx->failed) return;
    for (int i = 0; i < n; i++) {
        int d = check_axis(cx, axis[i], "the axis", rank);
        if (d < 0) return;
        gone[d] = true;
    }
    Value *at = filled(cx, i64(cx, 0), index->type.dim, 1);
    for (int d = 0; d < rank && at; d++) {
        if (!gone[d])
            at = bi(cx, OP_add, bi(cx, OP_mul, at, size_value(cx, size[d], JITC_INT64)),
                    matrix_column(cx, index, d));
        if (!gone[d]) total = dim_mul(cx->m, total, size[d]);
        if (!gone[d] || keep) dim[left++] = gone[d] ? 1 : size[d];
    }
    Value *zero = scalar(cx, t, 0), *none = filled(cx, zero, &total, 1),
          *to = at ? index_column(cx, at) : NULL;
    Value *v;
    if (sums) {
        v = scatter(cx, "add", none, to, values, false);
    } else {
        Value *least = dtype_is_float(t) ? scalar(cx, t, -INFINITY) : lowest(cx, t), *no = i64(cx, 0);
        v = scatter(cx, "max", filled(cx, least, &total, 1), to, values, false);
        Value *times = scatter(cx, "add", filled(cx, no, &total, 1), to,
                               filled(cx, i64(cx, 1), index->type.dim, 1), false);
        v = select3(cx, bi(cx, OP_less, no, times), v, none);
    }
    out[0] = v ? ir_reshape(&cx->b, v, dim, left) : NULL;
}

/* Each value with the element of the dense tensor at its place. */
static void import_cwise(Cx *cx, Value **in, Value **out)
{
    Value *index = in[0], *dense = in[3];
    Dim size[IR_MAX_RANK];
    int rank;
    if (!sparse_operands(cx, index, in[1], in[2]) || !rank_of(cx, index, &rank) ||
        known_dims(cx, in[2], "the shape", size, IR_MAX_RANK) != rank || cx->failed)
        return;
    if (cx->op->arg == OP_div && !need_float(cx, dense, "the dense tensor")) return;
    Value *all = broadcast(cx, dense, size, rank), *at = places(cx, index, in[2]);
    all = all ? flattened(cx, all, rank) : NULL;
    if (all && at) out[0] = bi(cx, (OpCode)cx->op->arg, in[1], gather(cx, all, at, 0, 0));
}

static void import_dense_add(Cx *cx, Value **in, Value **out)
{
    Value *index = index_operand(cx, in[0]), *b = in[3];
    Dim size[IR_MAX_RANK];
    if (!index || !sparse_operands(cx, index, in[1], in[2]) ||
        !need_rank(cx, b, "the dense tensor", 1, IR_MAX_RANK))
        return;
    int rank = known_dims(cx, in[2], "the shape", size, IR_MAX_RANK);
    if (rank < 0 || cx->failed) return;
    bool fits = rank == b->type.rank;
    for (int d = 0; d < rank && fits; d++) fits = sizes_match(cx, size[d], b->type.dim[d]);
    if (!fits) {
        fail(cx, "the dense tensor %s has not the sparse one's shape", type_string(cx, &b->type));
        return;
    }
    out[0] = scatter(cx, "add", b, index, in[1], false);
}

/* Of the entries in each row, which is the last dimension. */
static void import_softmax(Cx *cx, Value **in, Value **out)
{
    Value *index = in[0], *x = in[1];
    Dim size[IR_MAX_RANK];
    int rank;
    if (!sparse_operands(cx, index, x, in[2]) || !rank_of(cx, index, &rank) ||
        !need_float(cx, x, "the values") || known_dims(cx, in[2], "the shape", size, IR_MAX_RANK) != rank ||
        cx->failed)
        return;
    if (rank < 2) {
        fail(cx, "the tensor must have at least 2 dimensions, not %d", rank);
        return;
    }
    DType t = dtype_size(x->type.dtype) == 2 ? JITC_FLOAT32 : x->type.dtype;
    Dim rows = dims_product(cx, size, rank - 1);
    Value *row = filled(cx, i64(cx, 0), index->type.dim, 1), *wide = ir_cast(&cx->b, x, t);
    for (int d = 0; d < rank - 1 && row; d++)
        row = bi(cx, OP_add, bi(cx, OP_mul, row, size_value(cx, size[d], JITC_INT64)),
                 matrix_column(cx, index, d));
    Value *to = row ? index_column(cx, row) : NULL;
    Value *most = scatter(cx, "max", filled(cx, scalar(cx, t, -INFINITY), &rows, 1), to, wide, false);
    Value *part = most ? bi(cx, OP_sub, wide, gather(cx, most, row, 0, 0)) : NULL;
    part = part ? ir_unary(&cx->b, OP_exp, part) : NULL;
    Value *sum = scatter(cx, "add", filled(cx, scalar(cx, t, 0), &rows, 1), to, part, false);
    Value *y = sum ? bi(cx, OP_div, part, gather(cx, sum, row, 0, 0)) : NULL;
    out[0] = y ? ir_cast(&cx->b, y, x->type.dtype) : NULL;
}

const TfOp tf_sparse_parts_ops[] = {
    {"SparseReorder", import_reorder, 3, 0, 2, 0},
    {"SparseSlice", import_slice, 5, 0, 3, 0},
    {"SparseConcat", import_concat, 3, -1, 3, 0},
    {"SparseReduceSum", import_reduce, 4, 0, 1, OP_reduce_sum},
    {"SparseReduceMax", import_reduce, 4, 0, 1, OP_reduce_max},
    {"SparseDenseCwiseAdd", import_cwise, 4, 0, 1, OP_add},
    {"SparseDenseCwiseMul", import_cwise, 4, 0, 1, OP_mul},
    {"SparseDenseCwiseDiv", import_cwise, 4, 0, 1, OP_div},
    {"SparseTensorDenseAdd", import_dense_add, 4, 0, 1, 0},
    {"SparseSoftmax", import_softmax, 3, 0, 1, 0},
    {0},
};
