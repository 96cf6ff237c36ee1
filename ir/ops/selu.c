#include "ir/ops/common.h"

static double f(double x)
{
    return x < 0 ? 1.7580993408473768 * expm1(x) : 1.0507009873554805 * x;
}

const OpDef op_selu = {
    .name = "selu",
    .doc = "scaled elu: 1.0507009873554805 * elu with alpha 1.6732632423543772",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
