#include "ir/ops/common.h"

static double f(double x)
{
    return 1 / (1 + exp(-x));
}

const OpDef op_sigmoid = {
    .name = "sigmoid",
    .doc = "1 / (1 + exp(-x))",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
