#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    if (!takes(cx, op, 0, TAKE_NUM) || !takes_rank(cx, op, 0, 2, IR_MAX_RANK)) return false;
    *out = *in_type(op, 0);
    for (out->layout = LAYOUT_PANEL; out->layout <= LAYOUT_FILTER; out->layout++)
        if (strcmp(attr_s(op, "to"), layout_name(out->layout)) == 0) return true;
    return infer_fail(cx, "unknown layout '%s'", attr_s(op, "to"));
}

/* The evaluator knows logical values only. */
static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    (void)cx;
    memcpy(out->data, in->data, (size_t)type_bytes(&in->type));
}

const OpDef op_relayout = {
    .name = "relayout",
    .doc = "the same values, packed in panels",
    .kind = KIND_MOVE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"to", ATTR_STR}},
    .infer = infer,
    .eval = eval,
};
