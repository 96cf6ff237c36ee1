#include "ir/ops/common.h"

static double f(double x, double y)
{
    return fmod(x, y);
}

static int64_t i(int64_t x, int64_t y)
{
    return y == 0 || y == -1 ? 0 : x % y;
}

static int64_t u64(int64_t x, int64_t y)
{
    return y ? (int64_t)((uint64_t)x % (uint64_t)y) : 0;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    static const MapFns fns = {.i2 = u64};
    eval_map_fns(cx, in->type.dtype == JITC_UINT64 ? &fns : &cx->op->def->map, in, out);
}

const OpDef op_trunc_mod = {
    .name = "trunc_mod",
    .doc = "remainder of the sign of x; integers by zero 0",
    .kind = KIND_MAP,
    .nin = 2,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_map,
    .eval = eval,
    .map = {.f2 = f, .i2 = i},
};
