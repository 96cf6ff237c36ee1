#include "ir/ops/common.h"

static Value *simplify(Builder *b, Op *op)
{
    Value *x = op->in[0];
    if (is_op(x, OP_relu)) return ir_unary(b, OP_relu6, x->def->in[0]);
    return simplify_idempotent(b, op);
}

static double f(double x)
{
    return x < 0 ? 0 : x > 6 ? 6 : x;
}

static int64_t i(int64_t x)
{
    return x < 0 ? 0 : x > 6 ? 6 : x;
}

static int64_t u64(int64_t x)
{
    return (uint64_t)x > 6 ? 6 : x;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    static const MapFns fns = {.i1 = u64};
    eval_map_fns(cx, in->type.dtype == JITC_UINT64 ? &fns : &cx->op->def->map, in, out);
}

const OpDef op_relu6 = {
    .name = "relu6",
    .doc = "x clamped to 0..6; NaN stays",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .infer = infer_map,
    .eval = eval,
    .map = {.f1 = f, .i1 = i},
    .simplify = simplify,
};
