#include "ir/ops/common.h"

static double f(double x)
{
    return expm1(x);
}

const OpDef op_expm1 = {
    .name = "expm1",
    .doc = "exp(x) - 1, exact near 0",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
