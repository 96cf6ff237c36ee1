#include "ir/ops/common.h"

static double multiply(double a, double b)
{
    return a * b;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    static const ReduceFns fns = {.f0 = 1, .f = multiply, .i0 = 1, .i = wrap_mul};
    eval_reduce(cx, &fns, in, out);
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    return dims_reduce(m, op, out, n, 1, dim_mul);
}

const OpDef op_reduce_prod = {
    .name = "reduce_prod",
    .doc = "product over axes; integers wrap",
    .kind = KIND_REDUCE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"axes", ATTR_INTS}, {"keep", ATTR_BOOL, true}},
    .infer = infer_reduce_num,
    .eval = eval,
    .simplify = simplify_no_axes,
    .dims = dims,
};
