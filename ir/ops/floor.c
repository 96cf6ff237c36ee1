#include "ir/ops/common.h"

static double f(double x)
{
    return floor(x);
}

const OpDef op_floor = {
    .name = "floor",
    .doc = "largest whole number not above x",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .infer = infer_float_map,
    .map = {.f1 = f},
    .simplify = simplify_idempotent,
};
