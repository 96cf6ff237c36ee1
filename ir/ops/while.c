#include "ir/ops/common.h"

static bool fits(const Type *from, const Type *to)
{
    return from->dtype == to->dtype && from->rank == to->rank && !from->layout && !to->layout;
}

/* The arguments' types hold throughout; what flows into them may have other sizes where they have symbols. */
static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Region *c = op->other, *b = op->body;
    const Op *test = c ? ir_terminator(c) : NULL, *next = b ? ir_terminator(b) : NULL;
    (void)out;
    if (!test || !next) return infer_fail(cx, "a `while` needs a condition and a body");
    if (c->nargs != op->nin || b->nargs != op->nin || next->nin != op->nin)
        return infer_fail(cx, "%d operands for %u and %u arguments and %d results of the body", op->nin,
                          (unsigned)c->nargs, (unsigned)b->nargs, next->nin);
    if (test->nin != 1 || in_type(test, 0)->dtype != JITC_BOOL || in_type(test, 0)->rank)
        return infer_fail(cx, "the condition's result is not a bool");
    for (int i = 0; i < op->nin; i++) {
        const Type *t = &b->args[i]->type;
        if (!type_equal(t, &c->args[i]->type))
            return infer_fail(cx, "argument %d has another type in the condition than in the body", i);
        if (!fits(in_type(op, i), t))
            return infer_fail(cx, "operand %d is %s, but the argument %s", i, type_text(cx, in_type(op, i)),
                              type_text(cx, t));
        if (!fits(in_type(next, i), t))
            return infer_fail(cx, "variable %d is %s before, and %s after a round", i, type_text(cx, t),
                              type_text(cx, in_type(next, i)));
        for (int d = 0; d < t->rank; d++)
            if ((!dim_is_sym(cx->m, t->dim[d]) || in_type(op, i)->dim[d] == t->dim[d]) &&
                (in_type(op, i)->dim[d] != t->dim[d] || in_type(next, i)->dim[d] != t->dim[d]))
                return infer_fail(cx, "variable %d is %s before, and %s after a round", i,
                                  type_text(cx, in_type(op, i)), type_text(cx, in_type(next, i)));
    }
    return true;
}

const OpDef op_while = {
    .name = "while",
    .doc = "the body's results again and again, from the operands on, while the condition holds",
    .kind = KIND_REGION,
    .nin_max = -1,
    .infer = infer,
};
