#include "ir/ops/common.h"

static double f(double x, double y)
{
    return (x - y) * (x - y);
}

static int64_t i(int64_t x, int64_t y)
{
    return wrap_mul(wrap_sub(x, y), wrap_sub(x, y));
}

const OpDef op_squared_difference = {
    .name = "squared_difference",
    .doc = "(x - y) * (x - y)",
    .kind = KIND_MAP,
    .commutative = true,
    .nin = 2,
    .nout = 1,
    .infer = infer_map,
    .map = {.f2 = f, .i2 = i},
};
