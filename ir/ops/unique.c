#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    if (!takes(cx, op, 0, TAKE_ANY) || !takes_rank(cx, op, 0, 2, 2)) return false;
    DType t = in_type(op, 0)->dtype;
    if (t == JITC_COMPLEX64 || t == JITC_COMPLEX128) return infer_fail(cx, "rows cannot be complex");
    for (int i = 0; i < 3; i++) out[i] = type_make(JITC_INT64, 1, in_type(op, 0)->dim);
    out[3] = type_scalar(JITC_INT64);
    return result_fits(cx, out);
}

static bool same_row(const Tensor *x, int64_t a, int64_t b, int64_t m)
{
    for (int64_t j = 0; j < m; j++)
        if (dtype_is_float(x->type.dtype) ? tensor_f(x, a * m + j) != tensor_f(x, b * m + j)
                                          : tensor_i(x, a * m + j) != tensor_i(x, b * m + j))
            return false;
    return true;
}

static uint64_t hash_row(const Tensor *x, int64_t a, int64_t m)
{
    uint64_t h = 0;
    for (int64_t j = 0; j < m; j++) {
        uint64_t bits = 0;
        double f = dtype_is_float(x->type.dtype) ? tensor_f(x, a * m + j) + 0.0 : 0;
        memcpy(&bits, &f, sizeof bits);
        if (!dtype_is_float(x->type.dtype)) bits = (uint64_t)tensor_i(x, a * m + j);
        h = (h ^ bits) * 0x9e3779b97f4a7c15ULL;
        h ^= h >> 32;
    }
    return h;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int64_t n = in->type.dim[0], m = in->type.dim[1], places = 2 * n + 1, count = 0;
    int64_t *table = job_array(cx->job, int64_t, places), *first = out[0].data, *id = out[1].data,
            *times = out[2].data;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = (int64_t)(hash_row(in, i, m) % (uint64_t)places);
        while (table[at] && !same_row(in, first[table[at] - 1], i, m)) at = at + 1 == places ? 0 : at + 1;
        if (!table[at]) {
            first[count] = i;
            table[at] = ++count;
        }
        id[i] = table[at] - 1;
        times[id[i]]++;
    }
    tensor_set_i(&out[3], 0, count);
}

static Dim scratch(Module *m, const Op *op)
{
    return dim_add(m, dim_mul(m, 16, in_type(op, 0)->dim[0]), 8);
}

const OpDef op_unique = {
    .name = "unique",
    .doc =
        "different rows of a matrix in order of appearance: where each one first is, which of them every row "
        "is, how often each one is there, and their number; a NaN equals nothing",
    .kind = KIND_ROUTINE,
    .nin = 1,
    .nout = 4,
    .cost = 4,
    .infer = infer,
    .eval = eval,
    .scratch = scratch,
};
