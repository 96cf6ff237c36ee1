#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    (void)cx;
    *out = op->value.type;
    return true;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    (void)in;
    memcpy(out->data, cx->op->value.data, (size_t)type_bytes(&out->type));
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    if (!dims_ints(&op->value.type) || type_numel(&op->value.type) != n) return false;
    for (int k = 0; k < n; k++)
        if (!dim_from_int(m, tensor_i(&op->value, k), &out[k])) return false;
    return true;
}

const OpDef op_const = {
    .name = "const",
    .doc = "a tensor that is part of the program",
    .kind = KIND_CONST,
    .nout = 1,
    .infer = infer,
    .eval = eval,
    .dims = dims,
};
