#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    return infer_elementwise(cx, op, out, TAKE_INT, 0);
}

static int64_t i(int64_t x, int64_t y)
{
    return x | y;
}

const OpDef op_bit_or = {
    .name = "bit_or",
    .doc = "the bits that either operand has",
    .kind = KIND_MAP,
    .commutative = true,
    .nin = 2,
    .nout = 1,
    .infer = infer,
    .map = {.i2 = i},
};
