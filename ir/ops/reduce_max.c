#include "ir/ops/common.h"

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    ReduceFns fns = {-INFINITY, max_f, dtype_lowest(in->type.dtype), max_i, true};
    eval_reduce(cx, &fns, in, out);
}

const OpDef op_reduce_max = {
    .name = "reduce_max",
    .doc = "largest over axes; NaN wins; of nothing -inf or the lowest integer",
    .kind = KIND_REDUCE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"axes", ATTR_INTS}, {"keep", ATTR_BOOL, true}},
    .infer = infer_reduce_num,
    .eval = eval,
    .simplify = simplify_no_axes,
};
