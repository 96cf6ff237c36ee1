#include "ir/ops/common.h"

/* Between element sizes the last dim changes: it splits, or must be what makes up one wider element. */
static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    DType to = (DType)attr_i(op, "to");
    if (!takes(cx, op, 0, TAKE_ANY)) return false;
    size_t from_size = dtype_size(x->dtype), to_size = dtype_size(to);
    if (!from_size || !to_size || to == JITC_STRING || x->dtype == JITC_STRING)
        return infer_fail(cx, "the bits of %s cannot be read as %s", dtype_name(x->dtype), dtype_name(to));
    *out = type_make(to, x->rank, x->dim);
    if (from_size > to_size) {
        if (x->rank == IR_MAX_RANK) return infer_fail(cx, "the result would have too many dimensions");
        out->dim[out->rank++] = (Dim)(from_size / to_size);
    } else if (from_size < to_size) {
        if (!x->rank || x->dim[x->rank - 1] != (Dim)(to_size / from_size))
            return infer_fail(cx, "reading %s as %s needs a last dimension of %d", type_text(cx, x),
                              dtype_name(to), (int)(to_size / from_size));
        out->rank--;
        out->dim[out->rank] = 0;
    }
    return result_fits(cx, out);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    (void)cx;
    memcpy(out->data, in->data, (size_t)type_bytes(&in->type));
}

static Value *simplify(Builder *b, Op *op)
{
    (void)b;
    return op->in[0]->type.dtype == op->out[0]->type.dtype ? op->in[0] : NULL;
}

const OpDef op_bitcast = {
    .name = "bitcast",
    .doc = "the same bytes, read as elements of another type",
    .kind = KIND_VIEW,
    .nin = 1,
    .nout = 1,
    .attrs = {{"to", ATTR_DTYPE}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
};
