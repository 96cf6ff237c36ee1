#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    if (!takes(cx, op, 0, TAKE_ANY) || !pads_in_range(cx, op, "lo", x->rank, INT64_MAX) ||
        !pads_in_range(cx, op, "hi", x->rank, INT64_MAX))
        return false;
    const Dim *lo = attr_v(op, "lo", NULL), *hi = attr_v(op, "hi", NULL);
    *out = *x;
    for (int d = 0; d < x->rank; d++)
        if (!padded_size(cx, x->dim[d], lo[d], hi[d], &out->dim[d])) return false;
    return result_fits(cx, out);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int64_t lo[IR_MAX_RANK], from[IR_MAX_RANK], to[IR_MAX_RANK], base = 0;
    eval_dims(cx, "lo", lo);
    fill_f(out, attr_f(cx->op, "value"));
    strides_of(&in->type, from);
    strides_of(&out->type, to);
    for (int d = 0; d < in->type.rank; d++) base += lo[d] * to[d];
    copy_box(out, base, to, in, 0, from, in->type.rank, in->type.dim);
}

static Value *simplify(Builder *b, Op *op)
{
    (void)b;
    const Dim *lo = attr_v(op, "lo", NULL), *hi = attr_v(op, "hi", NULL);
    for (int d = 0; d < op->in[0]->type.rank; d++)
        if (lo[d] || hi[d]) return NULL;
    return op->in[0];
}

const OpDef op_pad = {
    .name = "pad",
    .doc = "lo elements of the given value before and hi after, in every dimension",
    .kind = KIND_MOVE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"lo", ATTR_DIMS}, {"hi", ATTR_DIMS}, {"value", ATTR_FLOAT, true}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
};
