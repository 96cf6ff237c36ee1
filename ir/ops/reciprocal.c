#include "ir/ops/common.h"

static double f(double x)
{
    return 1 / x;
}

const OpDef op_reciprocal = {
    .name = "reciprocal",
    .doc = "1 / x",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
