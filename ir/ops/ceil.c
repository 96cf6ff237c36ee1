#include "ir/ops/common.h"

static double f(double x)
{
    return ceil(x);
}

const OpDef op_ceil = {
    .name = "ceil",
    .doc = "smallest whole number not below x",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .infer = infer_float_map,
    .map = {.f1 = f},
    .simplify = simplify_idempotent,
};
