#include "ir/ops/common.h"

static double f(double x)
{
    return log1p(x);
}

const OpDef op_log1p = {
    .name = "log1p",
    .doc = "log(1 + x), exact near 0",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
