#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    if (!takes(cx, op, 0, TAKE_ANY) || !pads_in_range(cx, op, "lo", x->rank, INT64_MAX) ||
        !pads_in_range(cx, op, "hi", x->rank, INT64_MAX))
        return false;
    const Dim *lo = attr_v(op, "lo", NULL), *hi = attr_v(op, "hi", NULL);
    bool reflect = attr_i(op, "reflect");
    *out = *x;
    for (int d = 0; d < x->rank; d++) {
        int64_t most = x->dim[d] - reflect;
        if (dim_known(x->dim[d]) && (lo[d] || hi[d]) && (lo[d] > most || hi[d] > most))
            return infer_fail(cx, "paddings must be no greater than the dimension size%s: %s, %s for %s",
                              reflect ? " less one" : "", dim_text(cx, lo[d]), dim_text(cx, hi[d]),
                              type_text(cx, x));
        if (!padded_size(cx, x->dim[d], lo[d], hi[d], &out->dim[d])) return false;
    }
    return result_fits(cx, out);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    bool reflect = attr_i(cx->op, "reflect");
    int rank = in->type.rank;
    int64_t lo[IR_MAX_RANK], from[IR_MAX_RANK], index[IR_MAX_RANK] = {0};
    size_t size = dtype_size(in->type.dtype);
    eval_dims(cx, "lo", lo);
    strides_of(&in->type, from);
    for (int64_t j = 0, n = type_numel(&out->type); j < n; j++) {
        int64_t at = 0;
        for (int d = 0; d < rank; d++) {
            int64_t i = index[d] - lo[d], dim = in->type.dim[d];
            if (i < 0)
                i = -i - !reflect;
            else if (i >= dim)
                i = 2 * dim - 1 - i - reflect;
            at += i * from[d];
        }
        memcpy((char *)out->data + (size_t)j * size, (const char *)in->data + (size_t)at * size, size);
        for (int d = rank - 1; d >= 0 && ++index[d] == out->type.dim[d]; d--) index[d] = 0;
    }
}

static Value *simplify(Builder *b, Op *op)
{
    (void)b;
    const Dim *lo = attr_v(op, "lo", NULL), *hi = attr_v(op, "hi", NULL);
    for (int d = 0; d < op->in[0]->type.rank; d++)
        if (lo[d] || hi[d]) return NULL;
    return op->in[0];
}

const OpDef op_mirror_pad = {
    .name = "mirror_pad",
    .doc = "padding by mirrored elements; reflect: the border element is not repeated",
    .kind = KIND_MOVE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"lo", ATTR_DIMS}, {"hi", ATTR_DIMS}, {"reflect", ATTR_BOOL}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
};
