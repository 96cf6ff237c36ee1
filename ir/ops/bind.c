#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    int n;
    const Dim *d = attr_v(op, "dims", &n);
    if (!takes(cx, op, 0, TAKE_INT) || !takes_rank(cx, op, 0, 0, 1)) return false;
    if (!type_static(x) || type_numel(x) != n)
        return infer_fail(cx, "%d symbols for %s", n, type_text(cx, x));
    for (int i = 0; i < n; i++)
        if (!dim_is_sym(cx->m, d[i])) return infer_fail(cx, "only symbols can be bound");
    *out = *x;
    return true;
}

/* The evaluator gives the symbols their values. */
static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    (void)cx;
    memcpy(out->data, in->data, (size_t)type_bytes(&in->type));
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    int have;
    const Dim *d = attr_v(op, "dims", &have);
    (void)m;
    if (have != n) return false;
    memcpy(out, d, (size_t)n * sizeof *out);
    return true;
}

const OpDef op_bind = {
    .name = "bind",
    .doc =
        "the operand's elements become sizes: each gives a symbol its value, which must not be below `least`",
    .kind = KIND_SIZE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"dims", ATTR_DIMS}, {"least", ATTR_INT, true}},
    .infer = infer,
    .eval = eval,
    .dims = dims,
};
