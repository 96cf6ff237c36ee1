#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    return infer_scan(cx, op, out, TAKE_NUM);
}

static double add(double a, double b)
{
    return a + b;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    const ReduceFns fns = {0, add, 0, wrap_add, false};
    eval_scan(cx, &fns, in, out);
}

const OpDef op_cumsum = {
    .name = "cumsum",
    .doc = "running sum along axis; exclusive: without the element itself; reverse: from the end",
    .kind = KIND_SCAN,
    .nin = 1,
    .nout = 1,
    .attrs = {{"axis", ATTR_INT}, {"exclusive", ATTR_BOOL, true}, {"reverse", ATTR_BOOL, true}},
    .infer = infer,
    .eval = eval,
};
