#include "ir/ops/common.h"

static double f(double x)
{
    return x != x ? x : (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

const OpDef op_softplus = {
    .name = "softplus",
    .doc = "log(1 + exp(x)), without overflow",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
