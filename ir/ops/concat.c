#include "ir/ops/common.h"

/* Images may lie in any way, if all lie alike, and it is channels of one image that meet. */
static bool takes_part(InferCx *cx, const Op *op, int i)
{
    const Type *t = in_type(op, i);
    bool alike = t->layout == in_type(op, 0)->layout;
    if (alike && layout_of_images(t->layout) && t->dim[0] == 1 && attr_i(op, "axis") == 3) return true;
    if (!alike) return infer_fail(cx, "operand %d lies in another way: %s", i, type_text(cx, t));
    return takes(cx, op, i, TAKE_ANY);
}

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *first = in_type(op, 0);
    int64_t axis = attr_i(op, "axis");
    if (!takes_part(cx, op, 0) || !axis_in_range(cx, "concat axis", axis, first->rank)) return false;
    *out = *first;
    for (int i = 1; i < op->nin; i++) {
        const Type *t = in_type(op, i);
        if (!takes_part(cx, op, i) || !same_dtype(cx, op, 0, i)) return false;
        bool fits = t->rank == first->rank;
        for (int d = 0; d < t->rank && fits; d++) {
            if (d == axis) continue;
            fits = dims_agree(cx, out->dim[d], t->dim[d]);
            if (!dim_known(out->dim[d]) && dim_known(t->dim[d])) out->dim[d] = t->dim[d];
        }
        if (!fits)
            return infer_fail(cx, "dimensions of inputs should match: %s vs. operand %d %s",
                              type_text(cx, out), i, type_text(cx, t));
        int64_t sum;
        if (dim_known(out->dim[axis]) && dim_known(t->dim[axis]) &&
            !add_ok(out->dim[axis], t->dim[axis], &sum))
            return infer_fail(cx, "the result is too large");
        out->dim[axis] = dim_add(cx->m, out->dim[axis], t->dim[axis]);
    }
    return result_fits(cx, out);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int axis = (int)attr_i(cx->op, "axis");
    int64_t from[IR_MAX_RANK], to[IR_MAX_RANK], base = 0;
    strides_of(&out->type, to);
    for (int i = 0; i < cx->op->nin; i++) {
        strides_of(&in[i].type, from);
        copy_box(out, base, to, &in[i], 0, from, in[i].type.rank, in[i].type.dim);
        base += in[i].type.dim[axis] * to[axis];
    }
}

static Value *simplify(Builder *b, Op *op)
{
    (void)b;
    return op->nin == 1 ? if_same_type(op->in[0], op) : NULL;
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    if (op->out[0]->type.rank != 1) return false;
    for (int i = 0, at = 0; i < op->nin; i++) {
        Dim x[DIMS_MAX];
        int nx;
        if (!dims_operand(m, op, i, x, &nx) || nx > n - at) return false;
        for (int k = 0; k < nx; k++) out[at++] = x[k];
    }
    return true;
}

const OpDef op_concat = {
    .name = "concat",
    .doc = "the operands one after the other along axis",
    .kind = KIND_MOVE,
    .nin = 1,
    .nin_max = -1,
    .nout = 1,
    .attrs = {{"axis", ATTR_INT}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
    .dims = dims,
};
