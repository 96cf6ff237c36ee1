#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *idx = in_type(op, 0), *on = in_type(op, 1);
    int64_t depth = attr_i(op, "depth"), axis = attr_i(op, "axis");
    if (!takes(cx, op, 0, TAKE_INT) || !takes_rank(cx, op, 0, 0, IR_MAX_RANK - 1) ||
        !takes(cx, op, 1, TAKE_ANY) || !takes(cx, op, 2, TAKE_ANY) || !same_dtype(cx, op, 1, 2) ||
        !takes_rank(cx, op, 1, 0, 0) || !takes_rank(cx, op, 2, 0, 0) ||
        !axis_in_range(cx, "axis", axis, idx->rank + 1))
        return false;
    if (depth < 0) return infer_fail(cx, "depth must be non-negative, not %lld", (long long)depth);
    Dim dim[IR_MAX_RANK];
    for (int d = 0; d <= idx->rank; d++) dim[d] = d == axis ? depth : idx->dim[d - (d > axis)];
    *out = type_make(on->dtype, idx->rank + 1, dim);
    return result_fits(cx, out);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int axis = (int)attr_i(cx->op, "axis");
    int64_t depth = out->type.dim[axis], inner = numel_between(&in->type, axis, in->type.rank);
    size_t size = dtype_size(out->type.dtype);
    if (inner == 0 || depth == 0) return;
    for (int64_t j = 0, n = type_numel(&out->type); j < n; j++) {
        int64_t at = j / (depth * inner) * inner + j % inner, k = j / inner % depth;
        memcpy((char *)out->data + (size_t)j * size, in[tensor_i(&in[0], at) == k ? 1 : 2].data, size);
    }
}

const OpDef op_one_hot = {
    .name = "one_hot",
    .doc = "a new dimension at axis: `on` where its index is the operand's element, else `off`",
    .kind = KIND_INDEX,
    .nin = 3,
    .nout = 1,
    .attrs = {{"depth", ATTR_INT}, {"axis", ATTR_INT}},
    .infer = infer,
    .eval = eval,
};
