#include "ir/ops/common.h"

static double f(double x)
{
    return isfinite(x) ? 1 : 0;
}

const OpDef op_is_finite = {
    .name = "is_finite",
    .doc = "whether x is neither infinite nor NaN",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .infer = infer_float_test,
    .map = {.f1 = f, .to_bool = true},
};
