#include "ir/ops/common.h"

static double f(double x)
{
    return isinf(x) ? 1 : 0;
}

const OpDef op_is_inf = {
    .name = "is_inf",
    .doc = "whether x is infinite",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .infer = infer_float_test,
    .map = {.f1 = f, .to_bool = true},
};
