#include "ir/ops/common.h"

static double add(double a, double b)
{
    return a + b;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    static const ReduceFns fns = {.f = add, .i = wrap_add};
    eval_reduce(cx, &fns, in, out);
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    return dims_reduce(m, op, out, n, 0, dim_add);
}

const OpDef op_reduce_sum = {
    .name = "reduce_sum",
    .doc = "sum over axes; integers wrap",
    .kind = KIND_REDUCE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"axes", ATTR_INTS}, {"keep", ATTR_BOOL, true}},
    .infer = infer_reduce_num,
    .eval = eval,
    .simplify = simplify_no_axes,
    .dims = dims,
};
