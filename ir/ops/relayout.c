#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    Type t = *in_type(op, 0);
    Layout to = LAYOUT_PLAIN;
    while (to < LAYOUTS && strcmp(attr_s(op, "to"), layout_name(to)) != 0) to++;
    if (to == LAYOUTS) return infer_fail(cx, "unknown layout '%s'", attr_s(op, "to"));
    if (!layout_of_images(t.layout) && !takes(cx, op, 0, TAKE_NUM)) return false;
    if (!type_may_lie(&t, to)) return infer_fail(cx, "%s cannot lie so", type_text(cx, &t));
    t.layout = to;
    *out = t;
    return true;
}

/* The evaluator knows logical values only. */
static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    (void)cx;
    memcpy(out->data, in->data, (size_t)type_bytes(&in->type));
}

const OpDef op_relayout = {
    .name = "relayout",
    .doc = "the same values, which lie in memory in another way",
    .kind = KIND_MOVE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"to", ATTR_STR}},
    .infer = infer,
    .eval = eval,
};
