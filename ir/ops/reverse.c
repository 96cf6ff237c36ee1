#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    int n;
    const int64_t *axes = attr_v(op, "axes", &n);
    for (int k = 0; k < n; k++) {
        if (!axis_in_range(cx, "axis", axes[k], in_type(op, 0)->rank)) return false;
        for (int j = 0; j < k; j++)
            if (axes[j] == axes[k]) return infer_fail(cx, "axis %d is given twice", (int)axes[k]);
    }
    return infer_same(cx, op, out);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int n;
    const int64_t *axes = attr_v(cx->op, "axes", &n);
    int64_t from[IR_MAX_RANK], to[IR_MAX_RANK], base = 0;
    if (type_numel(&in->type) == 0) return;
    strides_of(&in->type, from);
    strides_of(&out->type, to);
    for (int k = 0; k < n; k++) {
        base += (in->type.dim[axes[k]] - 1) * from[axes[k]];
        from[axes[k]] = -from[axes[k]];
    }
    copy_box(out, 0, to, in, base, from, in->type.rank, in->type.dim);
}

static Value *simplify(Builder *b, Op *op)
{
    (void)b;
    int n;
    const int64_t *axes = attr_v(op, "axes", &n);
    for (int k = 0; k < n; k++)
        if (op->in[0]->type.dim[axes[k]] != 1) return NULL;
    return op->in[0];
}

const OpDef op_reverse = {
    .name = "reverse",
    .doc = "the order along axes turned round",
    .kind = KIND_MOVE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"axes", ATTR_INTS}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
};
