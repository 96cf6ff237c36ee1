#include "ir/ops/common.h"

static double f(double x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

static int64_t i(int64_t x)
{
    return (x > 0) - (x < 0);
}

static int64_t is_nonzero(int64_t x)
{
    return x != 0;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    static const MapFns u64 = {.i1 = is_nonzero};
    eval_map_fns(cx, in->type.dtype == JITC_UINT64 ? &u64 : &cx->op->def->map, in, out);
}

const OpDef op_sign = {
    .name = "sign",
    .doc = "-1, 0 or 1; NaN and zeros stay themselves",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .infer = infer_map,
    .eval = eval,
    .map = {.f1 = f, .i1 = i},
};
