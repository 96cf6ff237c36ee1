#include "ir/ops/common.h"

/* x - 0 is x for every float, but x - (-0) is not; a fact about a weight does not tell the two apart. */
static bool is_positive_zero(Builder *b, Value *v)
{
    if (!all_equal(b, v, 0)) return false;
    if (!dtype_is_float(v->type.dtype)) return true;
    if (!is_const(v)) return false;
    for (int64_t j = 0, n = type_numel(&v->type); j < n; j++)
        if (signbit(tensor_f(&v->def->value, j))) return false;
    return true;
}

static Value *simplify(Builder *b, Op *op)
{
    return is_positive_zero(b, op->in[1]) ? if_same_type(op->in[0], op) : NULL;
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    return dims_binary(m, op, out, n, dim_sub, DIMS_ANY);
}

static double f(double x, double y)
{
    return x - y;
}

static int64_t i(int64_t x, int64_t y)
{
    return wrap_sub(x, y);
}

const OpDef op_sub = {
    .name = "sub",
    .doc = "x - y; integers wrap",
    .kind = KIND_MAP,
    .nin = 2,
    .nout = 1,
    .infer = infer_map,
    .map = {.f2 = f, .i2 = i},
    .simplify = simplify,
    .dims = dims,
};
