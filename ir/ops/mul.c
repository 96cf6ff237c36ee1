#include "ir/ops/common.h"

static Value *simplify(Builder *b, Op *op)
{
    if (all_equal(b, op->in[1], 1)) return if_same_type(op->in[0], op);
    if (all_equal(b, op->in[0], 1)) return if_same_type(op->in[1], op);
    return NULL;
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    return dims_binary(m, op, out, n, dim_mul, DIMS_ANY);
}

static double f(double x, double y)
{
    return x * y;
}

static int64_t i(int64_t x, int64_t y)
{
    return wrap_mul(x, y);
}

const OpDef op_mul = {
    .name = "mul",
    .doc = "x * y; integers wrap",
    .kind = KIND_MAP,
    .commutative = true,
    .nin = 2,
    .nout = 1,
    .infer = infer_map,
    .map = {.f2 = f, .i2 = i},
    .simplify = simplify,
    .dims = dims,
};
