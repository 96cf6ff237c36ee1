#include "ir/ops/common.h"

/* Several results, so the verifier compares their types itself; here the body must fit the operands. */
static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Op *end = op->body ? ir_terminator(op->body) : NULL;
    if (!end) return infer_fail(cx, "a kernel needs a body that ends with a yield");
    if (op->body->nargs != op->nin)
        return infer_fail(cx, "%d operands for %u arguments", op->nin, (unsigned)op->body->nargs);
    for (int i = 0; i < op->nin; i++)
        if (!type_equal(in_type(op, i), &op->body->args[i]->type))
            return infer_fail(cx, "operand %d is %s, but the argument %s", i, type_text(cx, in_type(op, i)),
                              type_text(cx, &op->body->args[i]->type));
    for (int i = 0; i < end->nin; i++) out[i] = end->in[i]->type;
    return true;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    ir_eval_region(cx->m, cx->op->body, in, out);
}

const OpDef op_kernel = {
    .name = "kernel",
    .doc = "a closed region that is compiled as one function",
    .kind = KIND_REGION,
    .nin_max = -1,
    .attrs = {{"algo", ATTR_STR, true}},
    .infer = infer,
    .eval = eval,
};
