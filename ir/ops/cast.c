#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    DType to = (DType)attr_i(op, "to");
    if (!dtype_is_float(to) && !dtype_is_int(to) && to != JITC_BOOL)
        return infer_fail(cx, "cast to %s is not supported", dtype_name(to));
    return infer_elementwise(cx, op, out, TAKE_NUM | TAKE_BOOL, to);
}

/* Out of range: floats saturate and NaN gives the lowest integer (0 for unsigned); integers wrap. */
static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    (void)cx;
    bool floats = dtype_is_float(in->type.dtype) || in->type.dtype == JITC_UINT64;
    bool wraps = in->type.dtype == JITC_UINT64 && !dtype_is_float(out->type.dtype);
    for (int64_t j = 0, n = type_numel(&out->type); j < n; j++) {
        if (floats && !wraps)
            tensor_set_f(out, j, tensor_f(in, j));
        else
            tensor_set_i(out, j, tensor_i(in, j));
    }
}

static int value_bits(DType t)
{
    switch (t) {
    case JITC_FLOAT16: return 11;
    case JITC_BFLOAT16: return 8;
    case JITC_FLOAT32: return 24;
    case JITC_FLOAT64: return 53;
    default: return t == JITC_BOOL ? 1 : 8 * (int)dtype_size(t) - dtype_is_signed(t);
    }
}

/* Every value of `from` is one of `to`. */
static bool is_exact(DType from, DType to)
{
    if (from == to) return true;
    if (to == JITC_BOOL || (dtype_is_float(from) && !dtype_is_float(to))) return false;
    if (to == JITC_BFLOAT16 && from == JITC_FLOAT16) return false;
    if (to == JITC_FLOAT16 && from == JITC_BFLOAT16) return false;
    if (dtype_is_signed(from) && !dtype_is_signed(to) && !dtype_is_float(to)) return false;
    return value_bits(from) <= value_bits(to);
}

static Value *simplify(Builder *b, Op *op)
{
    Value *x = op->in[0];
    DType to = (DType)attr_i(op, "to");
    if (x->type.dtype == to) return x;
    if (!is_op(x, OP_cast) || !is_exact(x->def->in[0]->type.dtype, x->type.dtype)) return NULL;
    return ir_cast(b, x->def->in[0], to);
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    int nx;
    return dims_ints(&op->out[0]->type) && type_static(in_type(op, 0)) && type_numel(in_type(op, 0)) == n &&
           n <= DIMS_MAX && dims_operand(m, op, 0, out, &nx);
}

const OpDef op_cast = {
    .name = "cast",
    .doc = "conversion: floats to integers truncate and saturate, integers wrap, to bool tests for not 0",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .attrs = {{"to", ATTR_DTYPE}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
    .dims = dims,
};
