#include "ir/ops/common.h"

static double f(double x)
{
    return nearbyint(x);
}

const OpDef op_rint = {
    .name = "rint",
    .doc = "nearest whole number, halves to even",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .infer = infer_float_map,
    .map = {.f1 = f},
    .simplify = simplify_idempotent,
};
