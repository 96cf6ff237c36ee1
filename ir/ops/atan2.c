#include "ir/ops/common.h"

static double f(double x, double y)
{
    return atan2(x, y);
}

const OpDef op_atan2 = {
    .name = "atan2",
    .doc = "angle of the point (y, x): atan2(first, second)",
    .kind = KIND_MAP,
    .nin = 2,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f2 = f},
};
