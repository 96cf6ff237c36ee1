#include "ir/ops/common.h"

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    ReduceFns fns = {INFINITY, min_f, dtype_highest(in->type.dtype), min_i, true};
    eval_reduce(cx, &fns, in, out);
}

const OpDef op_reduce_min = {
    .name = "reduce_min",
    .doc = "smallest over axes; NaN wins; of nothing inf or the highest integer",
    .kind = KIND_REDUCE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"axes", ATTR_INTS}, {"keep", ATTR_BOOL, true}},
    .infer = infer_reduce_num,
    .eval = eval,
    .simplify = simplify_no_axes,
};
