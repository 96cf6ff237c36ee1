#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    return infer_elementwise(cx, op, out, TAKE_NUM | TAKE_BOOL, JITC_BOOL);
}

static double f(double x, double y)
{
    return x != y;
}

static int64_t i(int64_t x, int64_t y)
{
    return x != y;
}

const OpDef op_not_equal = {
    .name = "not_equal",
    .doc = "whether x and y differ; true with NaN",
    .kind = KIND_MAP,
    .commutative = true,
    .nin = 2,
    .nout = 1,
    .infer = infer,
    .map = {.f2 = f, .i2 = i, .to_bool = true},
};
