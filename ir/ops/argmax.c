#include "ir/ops/common.h"

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    eval_arg(cx, in, out, true);
}

const OpDef op_argmax = {
    .name = "argmax",
    .doc = "index of the first largest element along axis; NaN never wins",
    .kind = KIND_REDUCE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"axis", ATTR_INT}, {"to", ATTR_DTYPE, true, JITC_INT64}},
    .infer = infer_arg,
    .eval = eval,
};
