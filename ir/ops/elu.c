#include "ir/ops/common.h"

static double f(double x)
{
    return x < 0 ? expm1(x) : x;
}

const OpDef op_elu = {
    .name = "elu",
    .doc = "x, below zero exp(x) - 1",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
