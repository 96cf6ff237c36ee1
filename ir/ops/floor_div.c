#include "ir/ops/common.h"

static Value *simplify(Builder *b, Op *op)
{
    Value *x = op->in[0];
    if (!all_equal(b, op->in[1], 1) || !same_type(x, op)) return NULL;
    return dtype_is_float(x->type.dtype) ? ir_unary(b, OP_floor, x) : x;
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    return dims_binary(m, op, out, n, dim_floordiv, DIMS_FLOOR);
}

static double f(double x, double y)
{
    return x / y;
}

static int64_t i(int64_t x, int64_t y)
{
    if (y == 0 || y == -1) return y ? wrap_sub(0, x) : 0;
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

static int64_t u64(int64_t x, int64_t y)
{
    return y ? (int64_t)((uint64_t)x / (uint64_t)y) : 0;
}

/* The quotient is rounded to the type before it is floored. */
static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    static const MapFns fns = {.i2 = u64};
    eval_map_fns(cx, in->type.dtype == JITC_UINT64 ? &fns : &cx->op->def->map, in, out);
    if (!dtype_is_float(in->type.dtype)) return;
    for (int64_t j = 0, n = type_numel(&out->type); j < n; j++) tensor_set_f(out, j, floor(tensor_f(out, j)));
}

const OpDef op_floor_div = {
    .name = "floor_div",
    .doc = "floor(x / y); integers by zero 0",
    .kind = KIND_MAP,
    .nin = 2,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_map,
    .eval = eval,
    .map = {.f2 = f, .i2 = i},
    .simplify = simplify,
    .dims = dims,
};
