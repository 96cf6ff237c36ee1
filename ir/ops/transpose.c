#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    if (!takes(cx, op, 0, TAKE_ANY) || !ints_in_range(cx, op, "perm", x->rank, 0, x->rank - 1)) return false;
    const int64_t *perm = attr_v(op, "perm", NULL);
    unsigned seen = 0;
    *out = *x;
    for (int d = 0; d < x->rank; d++) {
        if (seen >> perm[d] & 1) return infer_fail(cx, "perm has %d twice", (int)perm[d]);
        seen |= 1u << perm[d];
        out->dim[d] = x->dim[perm[d]];
    }
    return true;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    const int64_t *perm = attr_v(cx->op, "perm", NULL);
    int64_t own[IR_MAX_RANK], from[IR_MAX_RANK], to[IR_MAX_RANK];
    strides_of(&in->type, own);
    strides_of(&out->type, to);
    for (int d = 0; d < out->type.rank; d++) from[d] = own[perm[d]];
    copy_box(out, 0, to, in, 0, from, out->type.rank, out->type.dim);
}

/* Only sizes of 1 change place: the elements stay where they are. */
static bool keeps_order(const Type *x, const int64_t *perm)
{
    int64_t last = -1;
    for (int d = 0; d < x->rank; d++) {
        if (x->dim[perm[d]] == 1) continue;
        if (perm[d] < last) return false;
        last = perm[d];
    }
    return true;
}

static Value *simplify(Builder *b, Op *op)
{
    Value *x = op->in[0];
    int n;
    const int64_t *perm = attr_v(op, "perm", &n);
    bool identity = true;
    for (int d = 0; d < n; d++) identity = identity && perm[d] == d;
    if (identity) return x;
    if (is_op(x, OP_transpose)) {
        const int64_t *first = attr_v(x->def, "perm", NULL);
        int64_t both[IR_MAX_RANK];
        for (int d = 0; d < n; d++) both[d] = first[perm[d]];
        return ir_transpose(b, x->def->in[0], both);
    }
    return keeps_order(&x->type, perm) ? ir_reshape(b, x, op->out[0]->type.dim, n) : NULL;
}

const OpDef op_transpose = {
    .name = "transpose",
    .doc = "dimension d of the result is dimension perm[d] of the operand",
    .kind = KIND_MOVE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"perm", ATTR_INTS}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
};
