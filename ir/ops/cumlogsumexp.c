#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    return infer_scan(cx, op, out, TAKE_FLOAT);
}

/* A NaN b counts as a, as in TensorFlow. */
static double log_sum(double a, double b)
{
    double most = a < b ? b : a, least = b < a ? b : a;
    return most == -INFINITY && least == most ? most : most + log1p(exp(least - most));
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    const ReduceFns fns = {-INFINITY, log_sum, 0, NULL, false};
    eval_scan(cx, &fns, in, out);
}

const OpDef op_cumlogsumexp = {
    .name = "cumlogsumexp",
    .doc = "logarithm of the running sum of exponentials along axis; exclusive: without the element itself; "
           "reverse: from the end",
    .kind = KIND_SCAN,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .attrs = {{"axis", ATTR_INT}, {"exclusive", ATTR_BOOL, true}, {"reverse", ATTR_BOOL, true}},
    .infer = infer,
    .eval = eval,
};
