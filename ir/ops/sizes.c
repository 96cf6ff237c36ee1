#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    DType to = (DType)attr_i(op, "to");
    int n;
    attr_v(op, "dims", &n);
    bool scalar = attr_i(op, "scalar");
    if (to != JITC_INT32 && to != JITC_INT64) return infer_fail(cx, "the result must be i32 or i64");
    if (scalar && n != 1) return infer_fail(cx, "a scalar is one size, not %d", n);
    *out = type_make(to, !scalar, (Dim[]){n});
    return true;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    (void)in;
    int64_t n = type_numel(&out->type), *v = job_array(cx->job, int64_t, n + 1);
    eval_dims(cx, "dims", v);
    for (int64_t i = 0; i < n; i++) tensor_set_i(out, i, v[i]);
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    int have;
    const Dim *d = attr_v(op, "dims", &have);
    (void)m;
    if (have != n) return false;
    memcpy(out, d, (size_t)n * sizeof *out);
    return true;
}

static Value *simplify(Builder *b, Op *op)
{
    int n;
    const Dim *d = attr_v(op, "dims", &n);
    DType t = (DType)attr_i(op, "to");
    for (int i = 0; i < n; i++)
        if (!dim_known(d[i]) || (t == JITC_INT32 && d[i] > INT32_MAX)) return NULL;
    return attr_i(op, "scalar") ? ir_const_i(b, t, d[0]) : ir_const_ints(b, t, d, n);
}

const OpDef op_sizes = {
    .name = "sizes",
    .doc = "sizes as a vector of integers, or one as a scalar",
    .kind = KIND_SIZE,
    .nin = 0,
    .nout = 1,
    .attrs = {{"dims", ATTR_DIMS}, {"scalar", ATTR_BOOL, true}, {"to", ATTR_DTYPE, true, JITC_INT32}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
    .dims = dims,
};
