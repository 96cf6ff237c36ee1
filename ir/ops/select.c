#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    if (!takes(cx, op, 0, TAKE_BOOL) || !takes(cx, op, 1, TAKE_ANY) || !takes(cx, op, 2, TAKE_ANY) ||
        !same_dtype(cx, op, 1, 2))
        return false;
    Type both = {0}, all = {0};
    if (!ir_broadcast_dims(cx->m, in_type(op, 1), in_type(op, 2), &both) ||
        !ir_broadcast_dims(cx->m, in_type(op, 0), &both, &all))
        return infer_fail(cx, "incompatible shapes: %s, %s and %s", type_text(cx, in_type(op, 0)),
                          type_text(cx, in_type(op, 1)), type_text(cx, in_type(op, 2)));
    *out = type_make(in_type(op, 1)->dtype, all.rank, all.dim);
    return result_fits(cx, out);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    (void)cx;
    size_t size = dtype_size(out->type.dtype);
    char *to = out->data;
    for (Walk w = walk_broadcast(in, 3, out); w.more; walk_next(&w))
        for (int64_t j = 0; j < w.n; j++) {
            int side = tensor_i(&in[0], w.at[1] + j * w.step[1]) ? 1 : 2;
            const char *from = in[side].data;
            memcpy(to + (size_t)(w.at[0] + j) * size,
                   from + (size_t)(w.at[side + 1] + j * w.step[side + 1]) * size, size);
        }
}

static Value *simplify(Builder *b, Op *op)
{
    if (op->in[1] == op->in[2]) return if_same_type(op->in[1], op);
    if (all_equal(b, op->in[0], 1)) return if_same_type(op->in[1], op);
    if (all_equal(b, op->in[0], 0)) return if_same_type(op->in[2], op);
    return NULL;
}

const OpDef op_select = {
    .name = "select",
    .doc = "the second operand where the first is true, else the third",
    .kind = KIND_MAP,
    .nin = 3,
    .nout = 1,
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
};
