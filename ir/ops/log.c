#include "ir/ops/common.h"

static double f(double x)
{
    return log(x);
}

const OpDef op_log = {
    .name = "log",
    .doc = "natural logarithm",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
