#include "ir/ops/common.h"

static Value *simplify(Builder *b, Op *op)
{
    Value *x = op->in[0];
    bool is_signed = dtype_is_float(x->type.dtype) || dtype_is_signed(x->type.dtype);
    if (is_op(x, OP_neg) && is_signed) return ir_unary(b, OP_abs, x->def->in[0]); /* |-x| = |x| */
    return simplify_idempotent(b, op);
}

static double f(double x)
{
    return fabs(x);
}

static int64_t i(int64_t x)
{
    return x < 0 ? wrap_sub(0, x) : x;
}

/* Bits of u64 above INT64_MAX are not a sign. */
static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    if (in->type.dtype == JITC_UINT64)
        memcpy(out->data, in->data, (size_t)type_bytes(&in->type));
    else
        eval_map(cx, in, out);
}

const OpDef op_abs = {
    .name = "abs",
    .doc = "absolute value; the least integer stays itself",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .infer = infer_map,
    .eval = eval,
    .map = {.f1 = f, .i1 = i},
    .simplify = simplify,
};
