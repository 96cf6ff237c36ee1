#include "ir/ops/common.h"

static double f(double x)
{
    return sin(x);
}

const OpDef op_sin = {
    .name = "sin",
    .doc = "sine of radians",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
