#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0), *roots = in_type(op, 1);
    int rank = x->rank;
    if (!takes(cx, op, 0, TAKE_FLOAT) || !takes_rank(cx, op, 0, 2, IR_MAX_RANK) ||
        !same_dtype(cx, op, 0, 1) || !takes_rank(cx, op, 1, 2, 2))
        return false;
    if (x->dtype != JITC_FLOAT32 && x->dtype != JITC_FLOAT64)
        return infer_fail(cx, "operand 0 must be f32 or f64, not %s", type_text(cx, x));
    if (x->dim[rank - 1] != 1 && x->dim[rank - 1] != 2)
        return infer_fail(cx, "operand 0 must end with dimension 1 or 2, not %s", type_text(cx, x));
    if (roots->dim[1] != 2 || !dims_agree(cx, roots->dim[0], x->dim[rank - 2]))
        return infer_fail(cx, "operand 1 must be [%s,2], not %s", dim_text(cx, x->dim[rank - 2]),
                          type_text(cx, roots));
    out[0] = *x;
    out[0].dim[rank - 1] = 2;
    return result_fits(cx, &out[0]);
}

static Dim scratch(Module *m, const Op *op)
{
    const Type *x = in_type(op, 0);
    return dim_mul(m, x->dim[x->rank - 2], (Dim)(4 * dtype_size(x->dtype)));
}

static int outer(const Op *op)
{
    return op->out[0]->type.rank - 2;
}

typedef struct {
    const double *roots;
    double *sum;
    int64_t n;
} Transform;

/* Of n elements that stand `stride` apart. */
static void transform(const Transform *t, const double *x, int64_t stride, int64_t n, double *y)
{
    int64_t p = 2;
    if (n == 1) {
        y[0] = x[0], y[1] = x[1];
        return;
    }
    while (n % p && p * p <= n) p++;
    if (n % p) p = n;
    int64_t m = n / p;
    for (int64_t k = 0; k < p; k++) transform(t, x + 2 * k * stride, stride * p, m, y + 2 * k * m);
    for (int64_t q = 0; q < m; q++) {
        for (int64_t j = 0; j < p; j++) {
            double re = 0, im = 0;
            for (int64_t k = 0; k < p; k++) {
                const double *w = t->roots + 2 * (k * (q + j * m) % n * (t->n / n)), *v = y + 2 * (q + k * m);
                re += v[0] * w[0] - v[1] * w[1];
                im += v[0] * w[1] + v[1] * w[0];
            }
            t->sum[2 * j] = re, t->sum[2 * j + 1] = im;
        }
        for (int64_t j = 0; j < p; j++) memcpy(y + 2 * (q + j * m), t->sum + 2 * j, 2 * sizeof *y);
    }
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int rank = in->type.rank;
    int64_t n = in->type.dim[rank - 2], parts = in->type.dim[rank - 1];
    int64_t batch = numel_between(&in->type, 0, rank - 2);
    /* The inverse is the same transform with real and imaginary parts exchanged. */
    bool inverse = attr_i(cx->op, "inverse");
    int re = inverse, im = !inverse;
    double *x = job_array(cx->job, double, 2 * n + 1), *y = job_array(cx->job, double, 2 * n + 1),
           *roots = job_array(cx->job, double, 2 * n + 1);
    Transform t = {roots, job_array(cx->job, double, 2 * n + 1), n};
    load_f(&in[1], 0, 1, 2 * n, roots);
    for (int64_t b = 0; n && b < batch; b++) {
        for (int64_t i = 0; i < n; i++) {
            x[2 * i + re] = tensor_f(in, (b * n + i) * parts);
            x[2 * i + im] = parts == 2 ? tensor_f(in, (b * n + i) * 2 + 1) : 0;
        }
        transform(&t, x, 1, n, y);
        for (int64_t i = 0; i < n; i++) {
            tensor_set_f(out, 2 * (b * n + i), y[2 * i + re] / (inverse ? (double)n : 1));
            tensor_set_f(out, 2 * (b * n + i) + 1, y[2 * i + im] / (inverse ? (double)n : 1));
        }
    }
}

const OpDef op_fft = {
    .name = "fft",
    .doc =
        "the discrete Fourier transform, or with `inverse` the inverse one, of real numbers [.., n, 1] or "
        "pairs [.., n, 2] along n; operand 1 has the roots of unity exp(-2 pi i k / n) as pairs [n, 2]. The "
        "time grows with n and the sum of its prime factors",
    .kind = KIND_ROUTINE,
    .nin = 2,
    .nout = 1,
    .attrs = {{"inverse", ATTR_BOOL, true}},
    .infer = infer,
    .eval = eval,
    .outer = outer,
    .scratch = scratch,
};
