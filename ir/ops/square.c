#include "ir/ops/common.h"

static double f(double x)
{
    return x * x;
}

static int64_t i(int64_t x)
{
    return wrap_mul(x, x);
}

const OpDef op_square = {
    .name = "square",
    .doc = "x * x",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .infer = infer_map,
    .map = {.f1 = f, .i1 = i},
};
