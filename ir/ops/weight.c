#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    if (!op->nout) return infer_fail(cx, "a weight is made with its type");
    *out = op->out[0]->type;
    return true;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    (void)in;
    if (weight_read(cx->m, &cx->op->weight, &out->type, out->data)) return;
    job_error(cx->job, "the bytes of a weight cannot be read");
    job_fail(cx->job, JITC_E_INVALID);
}

const OpDef op_weight = {
    .name = "weight",
    .doc = "a tensor of the model's file; no pass reads its elements",
    .kind = KIND_CONST,
    .nout = 1,
    .infer = infer,
    .eval = eval,
};
