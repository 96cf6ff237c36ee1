#include "ir/ops/common.h"

/* Floats keep x + 0: it turns -0 into 0. */
static Value *simplify(Builder *b, Op *op)
{
    if (dtype_is_float(op->in[0]->type.dtype)) return NULL;
    if (all_equal(b, op->in[1], 0)) return if_same_type(op->in[0], op);
    if (all_equal(b, op->in[0], 0)) return if_same_type(op->in[1], op);
    return NULL;
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    return dims_binary(m, op, out, n, dim_add, DIMS_ANY);
}

static double f(double x, double y)
{
    return x + y;
}

static int64_t i(int64_t x, int64_t y)
{
    return wrap_add(x, y);
}

const OpDef op_add = {
    .name = "add",
    .doc = "x + y; integers wrap",
    .kind = KIND_MAP,
    .commutative = true,
    .nin = 2,
    .nout = 1,
    .infer = infer_map,
    .map = {.f2 = f, .i2 = i},
    .simplify = simplify,
    .dims = dims,
};
