#include "ir/ops/common.h"

static double f(double x)
{
    return erf(x);
}

const OpDef op_erf = {
    .name = "erf",
    .doc = "error function",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
