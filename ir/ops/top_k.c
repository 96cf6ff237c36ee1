#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    DType to = (DType)attr_i(op, "to");
    int n;
    const Dim *k = attr_v(op, "k", &n);
    if (!takes(cx, op, 0, TAKE_NUM) || !takes_rank(cx, op, 0, 1, IR_MAX_RANK)) return false;
    if (n != 1 || dim_is_negative(cx->m, k[0])) return infer_fail(cx, "k must be one size");
    if (to != JITC_INT16 && to != JITC_INT32 && to != JITC_INT64)
        return infer_fail(cx, "indices cannot be %s", dtype_name(to));
    Dim row = x->dim[x->rank - 1];
    if (dim_known(row) && dim_known(k[0]) && k[0] > row)
        return infer_fail(cx, "k is %lld, but rows have %lld elements", (long long)k[0], (long long)row);
    out[0] = out[1] = *x;
    out[0].dim[x->rank - 1] = out[1].dim[x->rank - 1] = k[0];
    out[1].dtype = to;
    return true;
}

/* a comes before b whatever their places. */
static bool before(const Tensor *x, int64_t a, int64_t b, bool smallest)
{
    if (dtype_is_float(x->type.dtype)) {
        double p = tensor_f(x, a), q = tensor_f(x, b);
        return (smallest ? p < q : p > q) || (isnan(q) && !isnan(p));
    }
    int64_t p = tensor_i(x, a), q = tensor_i(x, b);
    if (x->type.dtype == JITC_UINT64) return smallest ? (uint64_t)p < (uint64_t)q : (uint64_t)p > (uint64_t)q;
    return smallest ? p < q : p > q;
}

/* A stable merge sort of each row's indices. */
static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    const Type *t = &in->type;
    bool smallest = attr_i(cx->op, "smallest");
    int64_t n = t->dim[t->rank - 1], k = out->type.dim[t->rank - 1], rows = numel_between(t, 0, t->rank - 1);
    int64_t *from = job_array(cx->job, int64_t, n + 1), *to = job_array(cx->job, int64_t, n + 1);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < n; i++) from[i] = r * n + i;
        for (int64_t w = 1; w < n; w *= 2) {
            for (int64_t lo = 0; lo < n; lo += 2 * w) {
                int64_t mid = min_i64(lo + w, n), hi = min_i64(lo + 2 * w, n), i = lo, j = mid;
                for (int64_t o = lo; o < hi; o++)
                    to[o] = i >= mid || (j < hi && before(in, from[j], from[i], smallest)) ? from[j++]
                                                                                           : from[i++];
            }
            int64_t *other = from;
            from = to;
            to = other;
        }
        for (int64_t i = 0; i < k; i++) {
            tensor_set_i(&out[1], r * k + i, from[i] - r * n);
            size_t size = dtype_size(t->dtype);
            memcpy((char *)out[0].data + (size_t)(r * k + i) * size,
                   (const char *)in->data + (size_t)from[i] * size, size);
        }
    }
}

static int outer(const Op *op)
{
    return op->out[0]->type.rank - 1;
}

static Dim scratch(Module *m, const Op *op)
{
    const Type *t = in_type(op, 0);
    return dim_mul(m, 16, t->dim[t->rank - 1]);
}

const OpDef op_top_k = {
    .name = "top_k",
    .doc =
        "the k largest (smallest) elements of each row in order, and their indices; of equal ones the first, "
        "NaN last",
    .kind = KIND_ROUTINE,
    .nin = 1,
    .nout = 2,
    .cost = COST_HEAVY,
    .attrs = {{"k", ATTR_DIMS}, {"smallest", ATTR_BOOL, true}, {"to", ATTR_DTYPE, true, JITC_INT32}},
    .infer = infer,
    .eval = eval,
    .outer = outer,
    .scratch = scratch,
};
