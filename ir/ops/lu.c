#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    if (!takes_square(cx, op, 0)) return false;
    out[0] = *x;
    out[1] = type_make(JITC_INT32, x->rank - 1, x->dim);
    out[2] = type_make(x->dtype, x->rank - 2, x->dim);
    return true;
}

static void swap_rows(double *a, int64_t n, int64_t i, int64_t j)
{
    for (int64_t k = 0; k < n; k++) {
        double t = a[i * n + k];
        a[i * n + k] = a[j * n + k];
        a[j * n + k] = t;
    }
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int rank = in->type.rank;
    int64_t n = in->type.dim[rank - 1], batch = numel_between(&in->type, 0, rank - 2);
    double *a = job_array(cx->job, double, n *n + 1);
    int64_t *perm = job_array(cx->job, int64_t, n + 1);
    for (int64_t b = 0; b < batch; b++) {
        double sign = 1;
        load_f(in, b * n * n, 1, n * n, a);
        for (int64_t i = 0; i < n; i++) perm[i] = i;
        for (int64_t k = 0; k < n; k++) {
            int64_t p = k;
            for (int64_t i = k + 1; i < n; i++)
                if (fabs(a[i * n + k]) > fabs(a[p * n + k])) p = i;
            if (p != k) {
                int64_t t = perm[k];
                perm[k] = perm[p];
                perm[p] = t;
                swap_rows(a, n, k, p);
                sign = -sign;
            }
            for (int64_t i = k + 1; i < n && a[k * n + k] != 0; i++) {
                double f = a[i * n + k] /= a[k * n + k];
                for (int64_t j = k + 1; j < n; j++) a[i * n + j] -= f * a[k * n + j];
            }
        }
        store_f(&out[0], b * n * n, n * n, a);
        store_i(&out[1], b * n, n, perm);
        tensor_set_f(&out[2], b, sign);
    }
}

const OpDef op_lu = {
    .name = "lu",
    .doc =
        "LU factors with partial pivoting: both in one matrix (l has ones on its diagonal), which row of x "
        "each row is, and the sign of that permutation; `strict`: a pivot of 0 is an error, which `report` "
        "tells",
    .kind = KIND_ROUTINE,
    .nin = 1,
    .nout = 3,
    .attrs = {{"strict", ATTR_BOOL, true}, {"report", ATTR_STR, true}},
    .infer = infer,
    .eval = eval,
    .outer = outer_of_matrices,
};
