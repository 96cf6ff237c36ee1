#include "ir/ops/common.h"

#include <float.h>

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    if (!takes_matrix(cx, op, 0)) return false;
    int rank = x->rank;
    Dim m = x->dim[rank - 2], n = x->dim[rank - 1], p = attr_i(op, "full") ? m : dim_min(cx->m, m, n);
    out[0] = out[1] = *x;
    out[0].dim[rank - 1] = p;
    out[1].dim[rank - 2] = p;
    return result_fits(cx, &out[0]) && result_fits(cx, &out[1]);
}

static Dim scratch(Module *m, const Op *op)
{
    const Type *x = in_type(op, 0);
    Dim rows = x->dim[x->rank - 2], cols = x->dim[x->rank - 1];
    Dim n = dim_add(m, dim_mul(m, rows, cols), dim_min(m, rows, cols));
    return dim_mul(m, n, (Dim)dtype_size(x->dtype));
}

/* Column k of a becomes beta and zeros by I - tau * v * transpose(v), v being 1 and what is put in their
 * place. The result is tau. */
static double reflector(double *a, int64_t m, int64_t n, int64_t k, double tiny)
{
    double tail = 0, c = a[k * n + k], beta;
    for (int64_t i = k + 1; i < m; i++) tail += a[i * n + k] * a[i * n + k];
    if (tail <= tiny) {
        for (int64_t i = k + 1; i < m; i++) a[i * n + k] = 0;
        return 0;
    }
    beta = sqrt(c * c + tail);
    if (c >= 0) beta = -beta;
    for (int64_t i = k + 1; i < m; i++) a[i * n + k] /= c - beta;
    a[k * n + k] = beta;
    return (beta - c) / beta;
}

/* Applies reflector k, which stands in a, to columns [from, cols) of to. */
static void reflect(const double *a, int64_t m, int64_t n, int64_t k, double tau, double *to, int64_t cols,
                    int64_t from)
{
    for (int64_t j = from; j < cols; j++) {
        double s = to[k * cols + j];
        for (int64_t i = k + 1; i < m; i++) s += a[i * n + k] * to[i * cols + j];
        s *= tau;
        to[k * cols + j] -= s;
        for (int64_t i = k + 1; i < m; i++) to[i * cols + j] -= s * a[i * n + k];
    }
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int rank = in->type.rank;
    int64_t m = in->type.dim[rank - 2], n = in->type.dim[rank - 1], p = out[0].type.dim[rank - 1],
            least = min_i64(m, n), batch = numel_between(&in->type, 0, rank - 2);
    double *a = job_array(cx->job, double, m *n + 1), *q = job_array(cx->job, double, m *p + 1),
           *tau = job_array(cx->job, double, least + 1);
    double tiny = in->type.dtype == JITC_FLOAT64 ? DBL_MIN : (double)FLT_MIN;
    for (int64_t b = 0; b < batch; b++) {
        load_f(in, b * m * n, 1, m * n, a);
        for (int64_t k = 0; k < least; k++) {
            tau[k] = reflector(a, m, n, k, tiny);
            reflect(a, m, n, k, tau[k], a, n, k + 1);
        }
        for (int64_t i = 0; i < m * p; i++) q[i] = i / p == i % p;
        for (int64_t k = least - 1; k >= 0; k--) reflect(a, m, n, k, tau[k], q, p, 0);
        for (int64_t i = 0; i < p; i++)
            for (int64_t j = 0; j < n; j++)
                tensor_set_f(&out[1], (b * p + i) * n + j, j >= i && i < m ? a[i * n + j] : 0);
        store_f(&out[0], b * m * p, m * p, q);
    }
}

const OpDef op_qr = {
    .name = "qr",
    .doc =
        "q and r with q * r = x, q orthogonal and r upper triangular, by Householder reflections; `full`: q "
        "is square",
    .kind = KIND_ROUTINE,
    .nin = 1,
    .nout = 2,
    .attrs = {{"full", ATTR_BOOL, true}},
    .infer = infer,
    .eval = eval,
    .outer = outer_of_matrices,
    .scratch = scratch,
};
