#include "ir/ops/common.h"

static int64_t or (int64_t a, int64_t b)
{
    return a || b;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    static const ReduceFns fns = {.i = or };
    eval_reduce(cx, &fns, in, out);
}

const OpDef op_reduce_any = {
    .name = "reduce_any",
    .doc = "whether any is true; of nothing false",
    .kind = KIND_REDUCE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"axes", ATTR_INTS}, {"keep", ATTR_BOOL, true}},
    .infer = infer_reduce_bool,
    .eval = eval,
    .simplify = simplify_no_axes,
};
