#include "ir/ops/common.h"

static double f(double x)
{
    return x / (1 + fabs(x));
}

const OpDef op_softsign = {
    .name = "softsign",
    .doc = "x / (1 + |x|)",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
