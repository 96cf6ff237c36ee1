#include "ir/ops/common.h"

static Value *simplify(Builder *b, Op *op)
{
    (void)b;
    return is_op(op->in[0], OP_neg) ? op->in[0]->def->in[0] : NULL;
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    Dim x[DIMS_MAX];
    int nx;
    if (!dims_operand(m, op, 0, x, &nx) || nx != n) return false;
    for (int k = 0; k < n; k++) out[k] = dim_sub(m, 0, x[k]);
    return true;
}

static double f(double x)
{
    return -x;
}

static int64_t i(int64_t x)
{
    return wrap_sub(0, x);
}

const OpDef op_neg = {
    .name = "neg",
    .doc = "-x; integers wrap",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .infer = infer_map,
    .map = {.f1 = f, .i1 = i},
    .simplify = simplify,
    .dims = dims,
};
