/* Fourier transforms. One dimension at a time, the last one, all others together. */
#include <math.h>

#include "frontend/tf/complex.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}

static Value *bitcast(Cx *cx, Value *v, DType to)
{
    return v ? ir_v(&cx->b, OP_bitcast, IN(v), AT(at_t("to", to))) : NULL;
}

static DType complex_of(DType part)
{
    return part == JITC_FLOAT32 ? JITC_COMPLEX64 : JITC_COMPLEX128;
}

/* -- One dimension: rows of pairs [rows, n, 2], or of real numbers [rows, n, 1] ---------------- */
/* exp(-2 pi i k / n) */
static Value *roots(Cx *cx, Dim n, DType part)
{
    Value *k = iota_vector(cx, JITC_FLOAT64, n), *size = size_value(cx, n, JITC_INT64);
    size = size ? ir_cast(&cx->b, size, JITC_FLOAT64) : NULL;
    Value *turn =
        bi(cx, OP_mul, scalar(cx, JITC_FLOAT64, -2 * 3.14159265358979323846), bi(cx, OP_div, k, size));
    if (!turn) return NULL;
    Value *z = join(cx, (Pair){ir_unary(&cx->b, OP_cos, turn), ir_unary(&cx->b, OP_sin, turn)});
    z = bitcast(cx, z, JITC_FLOAT64);
    return z ? ir_cast(&cx->b, z, part) : NULL;
}

static Value *fft_op(Cx *cx, Value *x, bool inverse)
{
    Value *w = x ? roots(cx, x->type.dim[1], x->type.dtype) : NULL;
    return w ? ir_v(&cx->b, OP_fft, IN(x, w), AT(at_b("inverse", inverse))) : NULL;
}

static Value *vector_of(Cx *cx, const double *v, int64_t n, DType t)
{
    Type type = type_make(t, 1, &n);
    Tensor x = tensor_new(cx->job, &type);
    for (int64_t i = 0; i < n; i++) tensor_set_f(&x, i, v[i]);
    return tensor_value(cx, &x);
}

enum { FACTOR_MAX = 64 }; /* above it a convolution is faster than the definition */

static bool has_large_factor(Dim n)
{
    if (!dim_known(n) || n < 2) return false;
    for (int64_t p = 2; p <= FACTOR_MAX; p++)
        while (n % p == 0) n /= p;
    return n > 1;
}

static Pair rows_apart(Cx *cx, Value *x)
{
    Dim dim[2] = {x->type.dim[0], x->type.dim[1]};
    Value *re = ir_reshape(&cx->b, slice_axis(cx, x, 2, 0, 1), dim, 2);
    if (x->type.dim[2] == 1) return pair_real(cx, re);
    return (Pair){re, ir_reshape(&cx->b, slice_axis(cx, x, 2, 1, 1), dim, 2)};
}

static Value *rows_together(Cx *cx, Pair p)
{
    Value *z = join(cx, p);
    return z ? bitcast(cx, z, dtype_part(z->type.dtype)) : NULL;
}

/* Bluestein: as jk = (j^2 + k^2 - (k - j)^2) / 2, the transform is a convolution with exp(pi i k^2 / n), and
 * that is done with transforms of a power of two. */
static Value *by_convolution(Cx *cx, Value *x, bool inverse)
{
    int64_t n = x->type.dim[1], size = 1;
    DType t = x->type.dtype;
    if (n > 1 << 24) {
        fail(cx, "a transform of %lld elements, which has a prime factor above %d, is not supported",
             (long long)n, FACTOR_MAX);
        return NULL;
    }
    while (size < 2 * n - 1) size *= 2;
    double *re = job_array(cx->job, double, size), *im = job_array(cx->job, double, size);
    for (int64_t k = 0; k < n; k++) {
        double turn = 3.14159265358979323846 * (double)(k * k % (2 * n)) / (double)n;
        int64_t last = k ? size - k : 0;
        re[k] = re[last] = cos(turn);
        im[k] = im[last] = inverse ? -sin(turn) : sin(turn);
    }
    Pair filter = {vector_of(cx, re, size, t), vector_of(cx, im, size, t)};
    for (int64_t k = 0; k < n; k++) im[k] = -im[k];
    Pair chirp = {vector_of(cx, re, n, t), vector_of(cx, im, n, t)};
    Value *rows = rows_together(cx, pair_mul(cx, rows_apart(cx, x), chirp));
    Value *kernel = rows_together(cx, filter);
    if (!rows || !kernel) return NULL;
    kernel = ir_reshape(&cx->b, kernel, (Dim[]){1, size, 2}, 3);
    rows = ir_v(&cx->b, OP_pad, IN(rows),
                AT(at_ds("lo", (Dim[]){0, 0, 0}, 3), at_ds("hi", (Dim[]){0, size - n, 0}, 3)));
    kernel = fft_op(cx, kernel, false);
    rows = fft_op(cx, rows, false);
    if (!rows || !kernel) return NULL;
    rows = fft_op(cx, rows_together(cx, pair_mul(cx, rows_apart(cx, rows), rows_apart(cx, kernel))), true);
    Pair y = pair_mul(cx, rows_apart(cx, slice_axis(cx, rows, 1, 0, n)), chirp);
    if (!inverse) return rows_together(cx, y);
    Value *scale = scalar(cx, t, 1 / (double)n);
    return rows_together(cx, (Pair){bi(cx, OP_mul, y.re, scale), bi(cx, OP_mul, y.im, scale)});
}

static Value *rows_fft(Cx *cx, Value *x, bool inverse)
{
    if (!x) return NULL;
    return has_large_factor(x->type.dim[1]) ? by_convolution(cx, x, inverse) : fft_op(cx, x, inverse);
}

/* -- Tensors: along their last dimension ------------------------------------------------------- */
static Value *as_rows(Cx *cx, Value *v)
{
    int last = v->type.rank - 1;
    return ir_reshape(&cx->b, v, (Dim[]){dims_product(cx, v->type.dim, last), v->type.dim[last]}, 2);
}

static Value *from_rows(Cx *cx, Value *v, const Type *like, Dim n)
{
    Dim dim[IR_MAX_RANK];
    if (!v) return NULL;
    memcpy(dim, like->dim, sizeof dim);
    dim[like->rank - 1] = n;
    return ir_reshape(&cx->b, v, dim, like->rank);
}

static Value *fft(Cx *cx, Value *z, bool inverse)
{
    DType t = z->type.dtype;
    Value *y = rows_fft(cx, bitcast(cx, as_rows(cx, z), dtype_part(t)), inverse);
    return from_rows(cx, bitcast(cx, y, t), &z->type, z->type.dim[z->type.rank - 1]);
}

/* n / 2 + 1, but nothing of nothing */
static Dim half_size(Cx *cx, Dim n)
{
    return dim_min(cx->m, n, dim_add(cx->m, dim_floordiv(cx->m, n, 2), 1));
}

Value *real_fft(Cx *cx, Value *x)
{
    DType t = x->type.dtype;
    Dim n = x->type.dim[x->type.rank - 1], half = half_size(cx, n);
    Value *rows = as_rows(cx, x);
    rows = rows ? ir_reshape(&cx->b, rows, (Dim[]){rows->type.dim[0], n, 1}, 3) : NULL;
    Value *y = bitcast(cx, rows_fft(cx, rows, false), complex_of(t));
    return from_rows(cx, slice_axis(cx, y, 1, 0, half), &x->type, half);
}

/* The n real numbers of which z is the first half of the transform. */
static Value *inverse_real_fft(Cx *cx, Value *z, Dim n)
{
    DType part = dtype_part(z->type.dtype);
    Dim half = z->type.dim[z->type.rank - 1];
    Value *y = bitcast(cx, as_rows(cx, z), part);
    Value *sign = vector_of(cx, (double[]){1, -1}, 2, part);
    Value *tail = slice_axis(cx, y, 1, 1, dim_sub(cx->m, n, half));
    tail = tail ? ir_v(&cx->b, OP_reverse, IN(tail), AT(at_is("axes", (int64_t[]){1}, 1))) : NULL;
    tail = bi(cx, OP_mul, tail, sign);
    y = tail ? rows_fft(cx, concat(cx, (Value *[]){y, tail}, 2, 1), true) : NULL;
    return y ? from_rows(cx, slice_axis(cx, y, 2, 0, 1), &z->type, n) : NULL;
}

/* The last but `back` dimension and the last one change places. */
static Value *exchanged(Cx *cx, Value *v, int back)
{
    int64_t perm[IR_MAX_RANK];
    int last = v->type.rank - 1;
    for (int d = 0; d <= last; d++) perm[d] = d;
    perm[last] = last - back;
    perm[last - back] = last;
    return transpose(cx, v, perm);
}

static Value *fft_before(Cx *cx, Value *z, int back, bool inverse)
{
    z = z ? exchanged(cx, z, back) : NULL;
    z = z ? fft(cx, z, inverse) : NULL;
    return z ? exchanged(cx, z, back) : NULL;
}

/* -- Operators --------------------------------------------------------------------------------- */
enum { INVERSE = 8 }; /* with the number of dimensions */

static bool is_empty(const Type *t)
{
    for (int d = 0; d < t->rank; d++)
        if (t->dim[d] == 0) return true;
    return false;
}

static Value *zeros(Cx *cx, DType t, const Dim *dim, int rank)
{
    DType part = dtype_part(t);
    Value *zero = scalar(cx, part ? part : t, 0);
    return broadcast(cx, part ? join(cx, (Pair){zero, zero}) : zero, dim, rank);
}

static void import_fft(Cx *cx, Value **in, Value **out)
{
    Value *z = in[0];
    bool inverse = cx->op->arg & INVERSE;
    int dims = cx->op->arg & ~INVERSE;
    if (!need_rank(cx, z, "the input", dims, IR_MAX_RANK)) return;
    if (!need_complex(cx, z)) return;
    for (int back = 0; z && back < dims && !is_empty(&z->type); back++)
        z = back ? fft_before(cx, z, back, inverse) : fft(cx, z, inverse);
    out[0] = z;
}

/* The first `need` elements of a dimension, which has as many. */
static Value *first_elements(Cx *cx, Value *x, int d, Dim need)
{
    Dim have = x->type.dim[d];
    if (!sizes_match(cx, dim_min(cx->m, have, need), need)) {
        fail(cx, "dimension %d of the input must have length of at least %lld, but is %s", d, (long long)need,
             type_string(cx, &x->type));
        return NULL;
    }
    return have == need ? x : slice_axis(cx, x, d, 0, need);
}

static void import_real_fft(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0];
    bool inverse = cx->op->arg & INVERSE;
    int dims = cx->op->arg & ~INVERSE, rank = x->type.rank, outer = rank - dims;
    DType t = x->type.dtype,
          wanted = get_type(cx, inverse ? "Treal" : "Tcomplex", inverse ? JITC_FLOAT32 : JITC_COMPLEX64);
    Dim length[3], dim[IR_MAX_RANK];
    if (cx->failed || !need_rank(cx, x, "the input", dims, IR_MAX_RANK) || (inverse && !need_complex(cx, x)))
        return;
    if ((inverse ? dtype_part(t) : dtype_part(wanted)) != (inverse ? wanted : t)) {
        fail(cx, "%s cannot become %s", type_string(cx, &x->type), dtype_name(wanted));
        return;
    }
    int n = known_dims(cx, in[1], "fft_length", length, 3);
    if (n < 0) return;
    if (n != dims) {
        fail(cx, "fft_length must have %d elements, not %d", dims, n);
        return;
    }
    memcpy(dim, x->type.dim, sizeof dim);
    for (int i = 0; i < dims; i++) {
        bool last = i == dims - 1;
        int64_t number;
        if (dim_const(cx->m, length[i], &number) && number < 0) {
            fail(cx, "fft_length is negative");
            return;
        }
        dim[outer + i] = last && !inverse ? half_size(cx, length[i]) : length[i];
        if (x->type.dim[outer + i] == 0) continue;
        x = first_elements(cx, x, outer + i, last && inverse ? half_size(cx, length[i]) : length[i]);
        if (!x) return;
    }
    Type result = type_make(wanted, rank, dim);
    if (is_empty(&result)) {
        out[0] = zeros(cx, wanted, dim, rank);
        return;
    }
    if (is_empty(&x->type)) {
        fail(cx, "the input is empty: %s", type_string(cx, &x->type));
        return;
    }
    if (!inverse) x = real_fft(cx, x);
    for (int back = 1; x && back < dims; back++) x = fft_before(cx, x, back, inverse);
    out[0] = x && inverse ? inverse_real_fft(cx, x, length[dims - 1]) : x;
}

const TfOp tf_fft_ops[] = {
    {"FFT", import_fft, 1, 0, 1, 1},
    {"FFT2D", import_fft, 1, 0, 1, 2},
    {"FFT3D", import_fft, 1, 0, 1, 3},
    {"IFFT", import_fft, 1, 0, 1, 1 | INVERSE},
    {"IFFT2D", import_fft, 1, 0, 1, 2 | INVERSE},
    {"IFFT3D", import_fft, 1, 0, 1, 3 | INVERSE},
    {"RFFT", import_real_fft, 2, 0, 1, 1},
    {"RFFT2D", import_real_fft, 2, 0, 1, 2},
    {"RFFT3D", import_real_fft, 2, 0, 1, 3},
    {"IRFFT", import_real_fft, 2, 0, 1, 1 | INVERSE},
    {"IRFFT2D", import_real_fft, 2, 0, 1, 2 | INVERSE},
    {"IRFFT3D", import_real_fft, 2, 0, 1, 3 | INVERSE},
    {0},
};
