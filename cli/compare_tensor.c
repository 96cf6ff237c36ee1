/* How far one tensor is from another. */
#include <math.h>

#include "cli/compare.h"

double default_rtol(DType t)
{
    switch (t) {
    case JITC_FLOAT64:
    case JITC_COMPLEX128: return 1e-9;
    case JITC_FLOAT16: return 1e-2;
    case JITC_BFLOAT16: return 5e-2;
    default: return 1e-4;
    }
}

/* Complex numbers are pairs of floats. */
static Tensor as_reals(const Tensor *t, int64_t *n)
{
    Tensor r = *t;
    *n = type_numel(&t->type);
    if (t->type.dtype != JITC_COMPLEX64 && t->type.dtype != JITC_COMPLEX128) return r;
    r.type.dtype = t->type.dtype == JITC_COMPLEX64 ? JITC_FLOAT32 : JITC_FLOAT64;
    *n *= 2;
    return r;
}

static double largest(const Tensor *t, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = fabs(tensor_f(t, i));
        if (isfinite(v) && v > most) most = v;
    }
    return most;
}

static void compare_floats(const Tensor *got, const Tensor *want, int64_t n, Tolerance tol, Difference *d)
{
    double scale = largest(want, n), rtol = tol.rtol < 0 ? default_rtol(want->type.dtype) : tol.rtol;
    double atol = tol.atol < 0 ? rtol * scale : tol.atol;
    double tiny = want->type.dtype == JITC_FLOAT64 ? 2.3e-308 : 1.2e-38; /* denormals are zero in code */
    for (int64_t i = 0; i < n; i++) {
        double g = tensor_f(got, i), w = tensor_f(want, i), off = fabs(g - w);
        bool same = g == w || (isnan(g) && isnan(w));
        bool ok = same || off <= atol + rtol * fabs(w) + tiny; /* false when NaN */
        bool farther = isfinite(off) && off > d->max_abs;
        if (farther) d->max_abs = off;
        if ((!ok && !d->wrong) || (farther && !d->wrong)) {
            d->at = i;
            d->got = g;
            d->want = w;
        }
        d->wrong += !ok;
    }
    d->max_rel = scale > 0 ? d->max_abs / scale : d->max_abs;
}

static void compare_bytes(const Tensor *got, const Tensor *want, int64_t n, Difference *d)
{
    size_t size = dtype_size(want->type.dtype);
    for (int64_t i = 0; i < n; i++) {
        const char *g = (const char *)got->data + (size_t)i * size;
        const char *w = (const char *)want->data + (size_t)i * size;
        if (memcmp(g, w, size) == 0) continue;
        double a = (double)tensor_i(got, i), b = (double)tensor_i(want, i);
        if (fabs(a - b) > d->max_abs) d->max_abs = fabs(a - b);
        if (d->wrong++) continue;
        d->at = i;
        d->got = a;
        d->want = b;
    }
}

void tensors_compare(const Tensor *got, const Tensor *want, Tolerance tol, Difference *out)
{
    int64_t n;
    Tensor g = as_reals(got, &n), w = as_reals(want, &n);
    *out = (Difference){.done = true, .n = type_numel(&want->type)};
    if (dtype_is_float(w.type.dtype))
        compare_floats(&g, &w, n, tol, out);
    else
        compare_bytes(&g, &w, n, out);
    if (n != out->n) out->at /= 2;
}

void put_place(Str *s, const Type *t, int64_t at)
{
    int64_t index[IR_MAX_RANK];
    for (int d = t->rank - 1; d >= 0; d--) {
        int64_t n = max_i64(t->dim[d], 1);
        index[d] = at % n;
        at /= n;
    }
    str_put(s, "(");
    for (int d = 0; d < t->rank; d++) str_printf(s, "%s%lld", d ? "," : "", (long long)index[d]);
    str_put(s, ")");
}
