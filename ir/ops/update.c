#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *stack = in_type(op, 0), *x = in_type(op, 2);
    if (!takes(cx, op, 0, TAKE_ANY) || !takes(cx, op, 2, TAKE_ANY) || !takes(cx, op, 1, TAKE_INT) ||
        !takes_rank(cx, op, 0, 1, IR_MAX_RANK) || !takes_rank(cx, op, 1, 0, 0) || !same_dtype(cx, op, 0, 2))
        return false;
    bool same = x->rank == stack->rank - 1;
    for (int d = 0; same && d < x->rank; d++) same = dims_agree(cx, x->dim[d], stack->dim[d + 1]);
    if (!same) return infer_fail(cx, "%s is not a slice of %s", type_text(cx, x), type_text(cx, stack));
    *out = *stack;
    return true;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int64_t n = in[0].type.dim[0], i = tensor_i(&in[1], 0);
    size_t slice = (size_t)type_bytes(&in[2].type);
    memcpy(out->data, in[0].data, (size_t)type_bytes(&in[0].type));
    (void)cx;
    if (i >= 0 && i < n) memcpy((char *)out->data + (size_t)i * slice, in[2].data, slice);
}

const OpDef op_update = {
    .name = "update",
    .doc = "a tensor with the slice at an index of its first dimension replaced; an index out of range is an "
           "error",
    .kind = KIND_ROUTINE,
    .nin = 3,
    .nout = 1,
    .infer = infer,
    .eval = eval,
    .in_place = true,
};
