#include "ir/ops/common.h"

static double f(double x)
{
    return erfc(x);
}

const OpDef op_erfc = {
    .name = "erfc",
    .doc = "1 - erf(x), with all digits",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
