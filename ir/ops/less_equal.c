#include "ir/ops/common.h"

static double f(double x, double y)
{
    return x <= y;
}

static int64_t i(int64_t x, int64_t y)
{
    return x <= y;
}

const OpDef op_less_equal = {
    .name = "less_equal",
    .doc = "whether x <= y; false with NaN",
    .kind = KIND_MAP,
    .nin = 2,
    .nout = 1,
    .infer = infer_compare,
    .eval = eval_map_ordered,
    .map = {.f2 = f, .i2 = i, .to_bool = true},
};
