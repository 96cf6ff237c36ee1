#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    if (!takes(cx, op, 0, TAKE_ANY)) return false;
    Dim dim[2] = {1, x->rank};
    for (int d = 0; d < x->rank; d++) dim[0] = x->dim[d] == 0 ? 0 : dim_mul(cx->m, dim[0], x->dim[d]);
    out[0] = type_make(JITC_INT64, 2, dim);
    out[1] = type_scalar(JITC_INT64);
    return result_fits(cx, out);
}

/* Of complex numbers either part counts; a NaN is not zero. */
static bool is_zero(const Tensor *x, int64_t i)
{
    DType t = x->type.dtype;
    if (t != JITC_COMPLEX64 && t != JITC_COMPLEX128)
        return dtype_is_float(t) ? tensor_f(x, i) == 0 : tensor_i(x, i) == 0;
    Tensor parts = *x;
    parts.type.dtype = t == JITC_COMPLEX64 ? JITC_FLOAT32 : JITC_FLOAT64;
    return tensor_f(&parts, 2 * i) == 0 && tensor_f(&parts, 2 * i + 1) == 0;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    const Type *t = &in->type;
    int64_t n = type_numel(t), count = 0, *at = out[0].data;
    (void)cx;
    for (int64_t i = 0; i < n; i++) {
        if (is_zero(in, i)) continue;
        int64_t rest = i;
        for (int d = t->rank; d-- > 0; rest /= t->dim[d]) at[count * t->rank + d] = rest % t->dim[d];
        count++;
    }
    tensor_set_i(&out[1], 0, count);
}

const OpDef op_where = {
    .name = "where",
    .doc =
        "the indices of the elements that are not zero, in order, and how many there are; rows after those "
        "are not defined",
    .kind = KIND_ROUTINE,
    .nin = 1,
    .nout = 2,
    .infer = infer,
    .eval = eval,
};
