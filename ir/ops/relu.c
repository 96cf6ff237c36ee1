#include "ir/ops/common.h"

static Value *simplify(Builder *b, Op *op)
{
    (void)b;
    return is_op(op->in[0], OP_relu) || is_op(op->in[0], OP_relu6) ? op->in[0] : NULL;
}

static double f(double x)
{
    return x < 0 ? 0 : x;
}

static int64_t i(int64_t x)
{
    return x < 0 ? 0 : x;
}

static int64_t u64(int64_t x)
{
    return x;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    static const MapFns fns = {.i1 = u64};
    eval_map_fns(cx, in->type.dtype == JITC_UINT64 ? &fns : &cx->op->def->map, in, out);
}

const OpDef op_relu = {
    .name = "relu",
    .doc = "x, below zero 0; NaN stays",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .infer = infer_map,
    .eval = eval,
    .map = {.f1 = f, .i1 = i},
    .simplify = simplify,
};
