#include "ir/ops/common.h"

static double f(double x)
{
    return sqrt(x);
}

const OpDef op_sqrt = {
    .name = "sqrt",
    .doc = "square root; NaN below zero",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = 4,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
