#include "ir/ops/common.h"

static double f(double x)
{
    return 1 / sqrt(x);
}

const OpDef op_rsqrt = {
    .name = "rsqrt",
    .doc = "1 / sqrt(x)",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = 4,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
