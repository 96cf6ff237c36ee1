#include "ir/ops/jacobi.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    if (!takes_matrix(cx, op, 0)) return false;
    int rank = x->rank;
    Dim m = x->dim[rank - 2], n = x->dim[rank - 1];
    if (!dim_known(m) || !dim_known(n) || m < n)
        return infer_fail(cx, "operand 0 must not have more columns than rows, but is %s", type_text(cx, x));
    out[0] = out[1] = out[2] = *x;
    out[1].rank--;
    out[1].dim[rank - 2] = n;
    out[2].dim[rank - 2] = n;
    return result_fits(cx, &out[2]);
}

static double product(const double *x, const double *y, int64_t m, int64_t n)
{
    double sum = 0;
    for (int64_t k = 0; k < m; k++) sum += x[k * n] * y[k * n];
    return sum;
}

/* Makes the columns of u orthogonal. */
static void solve(double *u, double *v, int64_t m, int64_t n)
{
    bool more = true;
    for (int sweep = 0; sweep < JACOBI_SWEEPS && more; sweep++) {
        more = false;
        for (int64_t p = 0; p < n; p++)
            for (int64_t q = p + 1; q < n; q++) {
                double x = product(u + p, u + p, m, n), y = product(u + q, u + q, m, n),
                       off = product(u + p, u + q, m, n), c, s;
                if (!(fabs(off) > JACOBI_EPSILON * sqrt(x) * sqrt(y))) continue;
                more = true;
                jacobi_rotation(x, y, off, &c, &s);
                jacobi_rotate(u + p, u + q, m, n, c, s);
                jacobi_rotate(v + p, v + q, n, n, c, s);
            }
    }
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int rank = in->type.rank;
    int64_t m = in->type.dim[rank - 2], n = in->type.dim[rank - 1],
            batch = numel_between(&in->type, 0, rank - 2);
    double *u = job_array(cx->job, double, m *n + 1), *v = job_array(cx->job, double, n *n + 1);
    double *length = job_array(cx->job, double, n + 1);
    for (int i = 0; i < 3; i++) fill_f(&out[i], 0);
    for (int64_t b = 0; b < batch; b++) {
        double most = 0;
        load_f(in, b * m * n, 1, m * n, u);
        for (int64_t i = 0; i < m * n; i++) most = fabs(u[i]) > most ? fabs(u[i]) : most;
        if (most == 0) most = 1;
        for (int64_t i = 0; i < m * n; i++) u[i] /= most; /* so that squares are numbers */
        for (int64_t i = 0; i < n * n; i++) v[i] = i / n == i % n;
        solve(u, v, m, n);
        for (int64_t j = 0; j < n; j++) length[j] = sqrt(product(u + j, u + j, m, n));
        for (int64_t j = 0; j < n; j++) {
            double s = length[j], by = s > 0 ? s : 1;
            int64_t place = 0;
            for (int64_t i = 0; i < n; i++) place += length[i] > s || (i < j && !(s > length[i]));
            tensor_set_f(&out[1], b * n + place, s * most);
            for (int64_t i = 0; i < m; i++) tensor_set_f(&out[0], (b * m + i) * n + place, u[i * n + j] / by);
            for (int64_t i = 0; i < n; i++) tensor_set_f(&out[2], (b * n + i) * n + place, v[i * n + j]);
        }
    }
}

static Dim scratch(Module *m, const Op *op)
{
    const Type *x = in_type(op, 0);
    Dim rows = x->dim[x->rank - 2], cols = x->dim[x->rank - 1];
    return dim_mul(m, 8, dim_mul(m, cols, dim_add(m, dim_add(m, rows, cols), 1)));
}

const OpDef op_svd = {
    .name = "svd",
    .doc = "u with orthonormal columns, descending s and orthogonal v with u * diag(s) * transpose(v) = x, "
           "which "
           "has not more columns than rows. Where s is 0, u is. The signs are Jacobi's",
    .kind = KIND_ROUTINE,
    .nin = 1,
    .nout = 3,
    .cost = 100,
    .infer = infer,
    .eval = eval,
    .outer = outer_of_matrices,
    .scratch = scratch,
};
