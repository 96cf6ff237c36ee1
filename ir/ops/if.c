#include "ir/ops/common.h"

/* Where the branches' sizes differ, the result has a symbol; the rest must agree. */
static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Op *a = op->body ? ir_terminator(op->body) : NULL, *b = op->other ? ir_terminator(op->other) : NULL;
    (void)out;
    if (!a || !b || op->body->nargs || op->other->nargs)
        return infer_fail(cx, "an `if` needs two regions without arguments");
    if (!takes(cx, op, 0, TAKE_BOOL) || !takes_rank(cx, op, 0, 0, 0)) return false;
    if (a->nin != b->nin) return infer_fail(cx, "its branches have %d and %d results", a->nin, b->nin);
    for (int i = 0; i < a->nin; i++)
        if (in_type(a, i)->dtype != in_type(b, i)->dtype || in_type(a, i)->rank != in_type(b, i)->rank)
            return infer_fail(cx, "result %d is %s in one branch and %s in the other", i,
                              type_text(cx, in_type(a, i)), type_text(cx, in_type(b, i)));
    return true;
}

const OpDef op_if = {
    .name = "if",
    .doc = "the first region's results where the operand is true, else the second's",
    .kind = KIND_REGION,
    .nin = 1,
    .infer = infer,
};
