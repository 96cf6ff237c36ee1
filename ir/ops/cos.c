#include "ir/ops/common.h"

static double f(double x)
{
    return cos(x);
}

const OpDef op_cos = {
    .name = "cos",
    .doc = "cosine of radians",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
