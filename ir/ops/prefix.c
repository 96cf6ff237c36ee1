#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    int n;
    const Dim *rows = attr_v(op, "rows", &n);
    if (!takes(cx, op, 0, TAKE_ANY) || !takes_rank(cx, op, 0, 1, IR_MAX_RANK)) return false;
    if (n != 1) return infer_fail(cx, "`rows` is one size, not %d", n);
    if (dim_is_negative(cx->m, *rows) || (dim_known(*rows) && dim_known(x->dim[0]) && *rows > x->dim[0]))
        return infer_fail(cx, "the first rows of %s are more than there are", type_text(cx, x));
    *out = *x;
    out->dim[0] = *rows;
    return true;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    if (out->type.rank && out->type.dim[0] > in->type.dim[0]) {
        job_error(cx->job, "prefix: %lld rows requested of %lld", (long long)out->type.dim[0],
                  (long long)in->type.dim[0]);
        job_fail(cx->job, JITC_E_INVALID);
    }
    memcpy(out->data, in->data, (size_t)type_bytes(&out->type));
}

static Value *simplify(Builder *b, Op *op)
{
    (void)b;
    return if_same_type(op->in[0], op);
}

const OpDef op_prefix = {
    .name = "prefix",
    .doc = "the first `rows` elements along the first dimension",
    .kind = KIND_VIEW,
    .nin = 1,
    .nout = 1,
    .attrs = {{"rows", ATTR_DIMS}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
};
