#include "ir/ops/common.h"

static double f(double x)
{
    return exp(x);
}

const OpDef op_exp = {
    .name = "exp",
    .doc = "e to the power of x",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
