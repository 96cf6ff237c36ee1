#include "ir/ops/jacobi.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    if (!takes_square(cx, op, 0)) return false;
    out[0] = out[1] = *in_type(op, 0);
    out[1].rank--;
    return true;
}

static void solve(double *a, double *v, int64_t n)
{
    bool more = true;
    for (int sweep = 0; sweep < JACOBI_SWEEPS && more; sweep++) {
        more = false;
        for (int64_t p = 0; p < n; p++)
            for (int64_t q = p + 1; q < n; q++) {
                double x = a[p * n + p], y = a[q * n + q], off = a[p * n + q], c, s;
                if (!(fabs(off) > JACOBI_EPSILON * (fabs(x) + fabs(y)))) continue;
                more = true;
                jacobi_rotation(x, y, off, &c, &s);
                jacobi_rotate(a + p, a + q, n, n, c, s);
                jacobi_rotate(a + p * n, a + q * n, n, 1, c, s);
                jacobi_rotate(v + p, v + q, n, n, c, s);
            }
    }
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int64_t n = in->type.dim[in->type.rank - 1], batch = numel_between(&in->type, 0, in->type.rank - 2);
    double *a = job_array(cx->job, double, n *n + 1), *v = job_array(cx->job, double, n *n + 1);
    fill_f(&out[0], 0);
    fill_f(&out[1], 0);
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t i = 0; i < n * n; i++) {
            int64_t r = i / n, c = i % n;
            a[i] = tensor_f(in, b * n * n + (r > c ? i : c * n + r));
            v[i] = r == c;
        }
        solve(a, v, n);
        for (int64_t j = 0; j < n; j++) {
            double e = a[j * n + j];
            int64_t place = 0;
            for (int64_t i = 0; i < n; i++) {
                double other = a[i * n + i];
                place += other < e || (i < j && !(e < other));
            }
            tensor_set_f(&out[1], b * n + place, e);
            for (int64_t i = 0; i < n; i++) tensor_set_f(&out[0], (b * n + i) * n + place, v[i * n + j]);
        }
    }
}

static Dim scratch(Module *m, const Op *op)
{
    const Type *x = in_type(op, 0);
    return dim_mul(m, 16, dim_mul(m, x->dim[x->rank - 1], x->dim[x->rank - 1]));
}

const OpDef op_eigh = {
    .name = "eigh",
    .doc =
        "orthogonal v and ascending e with v * diag(e) * transpose(v) = x, a symmetric matrix of which the "
        "lower half is read. The signs of the columns of v are Jacobi's",
    .kind = KIND_ROUTINE,
    .nin = 1,
    .nout = 2,
    .cost = 100,
    .infer = infer,
    .eval = eval,
    .outer = outer_of_matrices,
    .scratch = scratch,
};
