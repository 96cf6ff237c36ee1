#include "ir/ops/common.h"

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    return dims_binary(m, op, out, n, dim_mod, DIMS_FLOOR);
}

static double f(double x, double y)
{
    double r = fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static int64_t i(int64_t x, int64_t y)
{
    if (y == 0 || y == -1) return 0;
    int64_t r = x % y;
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
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

const OpDef op_floor_mod = {
    .name = "floor_mod",
    .doc = "x - floor(x / y) * y, of the sign of y; integers by zero 0",
    .kind = KIND_MAP,
    .nin = 2,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_map,
    .eval = eval,
    .map = {.f2 = f, .i2 = i},
    .dims = dims,
};
