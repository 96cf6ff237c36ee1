#include "ir/ops/common.h"

static int64_t and (int64_t a, int64_t b)
{
    return a && b;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    static const ReduceFns fns = {.i0 = 1, .i = and};
    eval_reduce(cx, &fns, in, out);
}

const OpDef op_reduce_all = {
    .name = "reduce_all",
    .doc = "whether all are true; of nothing true",
    .kind = KIND_REDUCE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"axes", ATTR_INTS}, {"keep", ATTR_BOOL, true}},
    .infer = infer_reduce_bool,
    .eval = eval,
    .simplify = simplify_no_axes,
};
