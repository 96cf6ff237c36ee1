#include "ir/ops/common.h"

static Value *simplify(Builder *b, Op *op)
{
    return all_equal(b, op->in[1], 1) ? if_same_type(op->in[0], op) : NULL;
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    return dims_binary(m, op, out, n, dim_floordiv, DIMS_TRUNC);
}

static double f(double x, double y)
{
    return x / y;
}

/* The evaluator has no way to fail; TensorFlow refuses integer division by zero. */
static int64_t i(int64_t x, int64_t y)
{
    return y == 0 ? 0 : y == -1 ? wrap_sub(0, x) : x / y;
}

static int64_t u64(int64_t x, int64_t y)
{
    return y ? (int64_t)((uint64_t)x / (uint64_t)y) : 0;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    static const MapFns fns = {.i2 = u64};
    eval_map_fns(cx, in->type.dtype == JITC_UINT64 ? &fns : &cx->op->def->map, in, out);
}

const OpDef op_div = {
    .name = "div",
    .doc = "x / y; integers truncate, by zero 0",
    .kind = KIND_MAP,
    .nin = 2,
    .nout = 1,
    .cost = 4,
    .infer = infer_map,
    .eval = eval,
    .map = {.f2 = f, .i2 = i},
    .simplify = simplify,
    .dims = dims,
};
