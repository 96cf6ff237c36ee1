#include "ir/ops/common.h"

static double add(double a, double b)
{
    return a + b;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    static const ReduceFns fns = {.f = add, .i = wrap_add};
    int64_t n = type_numel(&out->type), count = n ? type_numel(&in->type) / n : 0;
    bool floats = dtype_is_float(in->type.dtype);
    Type wide = out->type; /* a sum of narrow numbers neither wraps nor is rounded before the division */
    wide.dtype = floats ? JITC_FLOAT64 : JITC_INT64;
    Tensor sum = tensor_new(cx->job, &wide);
    eval_reduce(cx, &fns, in, &sum);
    for (int64_t j = 0; j < n; j++) {
        int64_t v = tensor_i(&sum, j);
        if (floats)
            tensor_set_f(out, j, tensor_f(&sum, j) / (double)count);
        else if (in->type.dtype == JITC_UINT64)
            tensor_set_i(out, j, count ? (int64_t)((uint64_t)v / (uint64_t)count) : 0);
        else
            tensor_set_i(out, j, count ? v / count : 0);
    }
}

const OpDef op_reduce_mean = {
    .name = "reduce_mean",
    .doc = "mean over axes; of nothing NaN; integers truncate, of nothing 0",
    .kind = KIND_REDUCE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"axes", ATTR_INTS}, {"keep", ATTR_BOOL, true}},
    .infer = infer_reduce_num,
    .eval = eval,
    .simplify = simplify_no_axes,
};
