#include "ir/ops/common.h"

static double f(double x)
{
    return isnan(x) ? 1 : 0;
}

const OpDef op_is_nan = {
    .name = "is_nan",
    .doc = "whether x is NaN",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .infer = infer_float_test,
    .map = {.f1 = f, .to_bool = true},
};
