#include "ir/ops/common.h"

static double f(double x)
{
    return tanh(x);
}

const OpDef op_tanh = {
    .name = "tanh",
    .doc = "hyperbolic tangent",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
