#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    return infer_elementwise(cx, op, out, TAKE_INT, JITC_UINT8);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    size_t bits = 8 * dtype_size(in->type.dtype);
    (void)cx;
    for (int64_t j = 0, n = type_numel(&out->type); j < n; j++) {
        uint64_t x = (uint64_t)tensor_i(in, j) << (64 - bits);
        int64_t count = 0;
        for (; x; x &= x - 1) count++;
        tensor_set_i(out, j, count);
    }
}

const OpDef op_popcount = {
    .name = "popcount",
    .doc = "the number of bits of x that are set, as u8",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = 4,
    .infer = infer,
    .eval = eval,
};
