#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    const Dim *shape;
    int rank;
    if (!takes(cx, op, 0, TAKE_ANY) || !shape_attr(cx, op, "shape", &shape, &rank)) return false;
    *out = type_make(x->dtype, rank, shape);
    bool fits = x->rank <= rank;
    for (int d = 0; d < x->rank && fits; d++)
        fits = x->dim[d] == 1 || dims_agree(cx, x->dim[d], shape[rank - x->rank + d]);
    if (!fits) return infer_fail(cx, "%s cannot be broadcast to %s", type_text(cx, x), type_text(cx, out));
    return result_fits(cx, out);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    (void)cx;
    int64_t from[IR_MAX_RANK], to[IR_MAX_RANK];
    broadcast_strides(&in->type, &out->type, from);
    strides_of(&out->type, to);
    copy_box(out, 0, to, in, 0, from, out->type.rank, out->type.dim);
}

static Value *simplify(Builder *b, Op *op)
{
    Value *x = op->in[0];
    const Type *t = &op->out[0]->type;
    if (same_type(x, op)) return x;
    if (!is_op(x, OP_broadcast)) return NULL;
    return ir_v(b, OP_broadcast, IN(x->def->in[0]), AT(at_ds("shape", t->dim, t->rank)));
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    Dim x;
    if (in_type(op, 0)->rank != 0 || !dims_ints(in_type(op, 0)) || !ir_dims_of(m, op->in[0], &x, 1))
        return false;
    for (int k = 0; k < n; k++) out[k] = x;
    return true;
}

const OpDef op_broadcast = {
    .name = "broadcast",
    .doc = "repeats sizes of 1 and missing leading dimensions up to shape",
    .kind = KIND_MOVE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"shape", ATTR_DIMS}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
    .dims = dims,
};
