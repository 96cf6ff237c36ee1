#include "ir/ops/common.h"

static Value *simplify(Builder *b, Op *op)
{
    if (all_equal(b, op->in[1], 1)) return if_same_type(op->in[0], op);
    if (all_equal(b, op->in[1], 2) && same_type(op->in[0], op)) return ir_unary(b, OP_square, op->in[0]);
    return NULL;
}

static double f(double x, double y)
{
    return pow(x, y);
}

static int64_t u64(int64_t x, int64_t y)
{
    int64_t r = 1;
    for (uint64_t e = (uint64_t)y; e; e >>= 1, x = wrap_mul(x, x))
        if (e & 1) r = wrap_mul(r, x);
    return r;
}

static int64_t i(int64_t x, int64_t y)
{
    if (y >= 0) return u64(x, y);
    return x == 1 ? 1 : x == -1 ? (y & 1 ? -1 : 1) : 0;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    static const MapFns fns = {.i2 = u64};
    eval_map_fns(cx, in->type.dtype == JITC_UINT64 ? &fns : &cx->op->def->map, in, out);
}

const OpDef op_pow = {
    .name = "pow",
    .doc = "x to the power of y; integers wrap, negative powers truncate to whole numbers",
    .kind = KIND_MAP,
    .nin = 2,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_map,
    .eval = eval,
    .map = {.f2 = f, .i2 = i},
    .simplify = simplify,
};
