#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    DType to = (DType)attr_i(op, "to");
    if (to != JITC_INT32 && to != JITC_INT64) return infer_fail(cx, "the result must be i32 or i64");
    *out = type_make(to, 1, (Dim[]){in_type(op, 0)->rank});
    return true;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    (void)cx;
    for (int d = 0; d < in->type.rank; d++) tensor_set_i(out, d, in->type.dim[d]);
}

static Value *simplify(Builder *b, Op *op)
{
    const Type *t = in_type(op, 0);
    return type_static(t) ? ir_const_ints(b, (DType)attr_i(op, "to"), t->dim, t->rank) : NULL;
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    (void)m;
    if (n != in_type(op, 0)->rank) return false;
    for (int d = 0; d < n; d++) out[d] = in_type(op, 0)->dim[d];
    return true;
}

const OpDef op_shape_of = {
    .name = "shape_of",
    .doc = "the operand's sizes as a vector",
    .kind = KIND_SIZE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"to", ATTR_DTYPE, true, JITC_INT32}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
    .dims = dims,
};
