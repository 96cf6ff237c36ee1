/* Element types and conversions between them. */
#include "ir/ir.h"

#include <math.h>

static const struct {
    const char *name;
    uint8_t size;
    char cls; /* f float, i signed, u unsigned, b bool, c complex, s string */
} dtypes[32] = {
    [JITC_FLOAT32] = {"f32", 4, 'f'},      [JITC_FLOAT64] = {"f64", 8, 'f'},
    [JITC_INT32] = {"i32", 4, 'i'},        [JITC_UINT8] = {"u8", 1, 'u'},
    [JITC_INT16] = {"i16", 2, 'i'},        [JITC_INT8] = {"i8", 1, 'i'},
    [JITC_STRING] = {"string", 1, 's'},    [JITC_COMPLEX64] = {"c64", 8, 'c'},
    [JITC_INT64] = {"i64", 8, 'i'},        [JITC_BOOL] = {"bool", 1, 'b'},
    [JITC_BFLOAT16] = {"bf16", 2, 'f'},    [JITC_UINT16] = {"u16", 2, 'u'},
    [JITC_COMPLEX128] = {"c128", 16, 'c'}, [JITC_FLOAT16] = {"f16", 2, 'f'},
    [JITC_UINT32] = {"u32", 4, 'u'},       [JITC_UINT64] = {"u64", 8, 'u'},
};

bool dtype_known(DType t)
{
    return t < COUNT(dtypes) && dtypes[t].name;
}
bool dtype_is_float(DType t)
{
    return dtype_known(t) && dtypes[t].cls == 'f';
}
bool dtype_is_int(DType t)
{
    return dtype_known(t) && (dtypes[t].cls == 'i' || dtypes[t].cls == 'u');
}
bool dtype_is_signed(DType t)
{
    return dtype_known(t) && dtypes[t].cls == 'i';
}
bool dtype_is_complex(DType t)
{
    return dtype_known(t) && dtypes[t].cls == 'c';
}
DType dtype_part(DType t)
{
    return t == JITC_COMPLEX64 ? JITC_FLOAT32 : t == JITC_COMPLEX128 ? JITC_FLOAT64 : 0;
}
size_t dtype_size(DType t)
{
    return dtype_known(t) ? dtypes[t].size : 0;
}
const char *dtype_name(DType t)
{
    return dtype_known(t) ? dtypes[t].name : "unknown";
}
const char *jitc_dtype_name(jitc_dtype t)
{
    return (unsigned)t < COUNT(dtypes) ? dtypes[t].name : NULL;
}
size_t jitc_dtype_size(jitc_dtype t)
{
    return (unsigned)t < COUNT(dtypes) ? dtypes[t].size : 0;
}

DType dtype_parse(const char *text, size_t n)
{
    for (size_t i = 0; i < COUNT(dtypes); i++)
        if (dtypes[i].name && strlen(dtypes[i].name) == n && memcmp(dtypes[i].name, text, n) == 0)
            return (DType)i;
    return 0;
}

/* -- Half precision, in integer arithmetic -------------------------------------------------------- */
static float half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = h >> 10 & 31, man = h & 0x3ff, bits;
    if (exp == 31) {
        bits = sign | 0x7f800000 | man << 13;
    } else if (exp) {
        bits = sign | (exp + 112) << 23 | man << 13;
    } else {
        float f = ldexpf((float)man, -24);
        return sign ? -f : f;
    }
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

/* Rounds a double to `man` explicit mantissa bits with the given exponent range, half to even; gives the
 * bits. */
static uint16_t round_to_16(double v, int man, int bias)
{
    uint16_t sign = signbit(v) ? 0x8000 : 0;
    uint16_t inf = (uint16_t)((0x7fff >> man) << man);
    if (isnan(v)) return (uint16_t)(sign | inf | 1u << (man - 1));
    double a = fabs(v);
    int e;
    if (isinf(v)) return sign | inf;
    if (a == 0) return sign;
    frexp(a, &e);                                            /* a = f * 2^e, 0.5 <= f < 1 */
    int q = e - 1 < 1 - bias ? 1 - bias - man : e - 1 - man; /* exponent of the last place */
    double r = rint(ldexp(a, -q));
    if (r >= ldexp(1, man + 1)) r /= 2, q++;
    int field = q + man + bias;
    if (r < ldexp(1, man)) return (uint16_t)(sign | (uint16_t)r); /* subnormal or zero */
    if (field >= inf >> man) return sign | inf;
    return (uint16_t)(sign | (uint16_t)field << man | ((uint16_t)r & (uint16_t)((1u << man) - 1)));
}

static float bf16_to_float(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

#define INT_TYPES(X)                                                                                         \
    X(JITC_INT8, int8_t)                                                                                     \
    X(JITC_INT16, int16_t)                                                                                   \
    X(JITC_INT32, int32_t)                                                                                   \
    X(JITC_INT64, int64_t)                                                                                   \
    X(JITC_UINT8, uint8_t)                                                                                   \
    X(JITC_UINT16, uint16_t)                                                                                 \
    X(JITC_UINT32, uint32_t)                                                                                 \
    X(JITC_UINT64, uint64_t)                                                                                 \
    X(JITC_BOOL, uint8_t)                                                                                    \
    X(JITC_STRING, uint8_t)

double tensor_f(const Tensor *t, int64_t i)
{
    switch (t->type.dtype) {
    case JITC_FLOAT32: return ((const float *)t->data)[i];
    case JITC_FLOAT64: return ((const double *)t->data)[i];
    case JITC_FLOAT16: return half_to_float(((const uint16_t *)t->data)[i]);
    case JITC_BFLOAT16: return bf16_to_float(((const uint16_t *)t->data)[i]);
    case JITC_UINT64: return (double)((const uint64_t *)t->data)[i];
    case JITC_COMPLEX64: return ((const float *)t->data)[2 * i]; /* the real part */
    case JITC_COMPLEX128: return ((const double *)t->data)[2 * i];
    default: return (double)tensor_i(t, i);
    }
}

int64_t tensor_i(const Tensor *t, int64_t i)
{
    switch (t->type.dtype) {
#define X(T, c)                                                                                              \
    case T: return (int64_t)((const c *)t->data)[i];
        INT_TYPES(X)
#undef X
    default: {
        double v = tensor_f(t, i);
        return v >= 0x1p63 ? INT64_MAX : v >= -0x1p63 ? (int64_t)v : INT64_MIN;
    }
    }
}

static double clamp_d(double v, double lo, double hi)
{
    return v != v ? lo : v < lo ? lo : v > hi ? hi : v;
}

void tensor_set_f(const Tensor *t, int64_t i, double v)
{
    switch (t->type.dtype) {
    case JITC_FLOAT32: ((float *)t->data)[i] = (float)v; break;
    case JITC_FLOAT64: ((double *)t->data)[i] = v; break;
    case JITC_FLOAT16: ((uint16_t *)t->data)[i] = round_to_16(v, 10, 15); break;
    case JITC_BFLOAT16: ((uint16_t *)t->data)[i] = round_to_16(v, 7, 127); break;
    case JITC_BOOL: ((uint8_t *)t->data)[i] = v != 0; break;
    case JITC_COMPLEX64: memcpy((float *)t->data + 2 * i, (float[]){(float)v, 0}, 8); break;
    case JITC_COMPLEX128: memcpy((double *)t->data + 2 * i, (double[]){v, 0}, 16); break;
    case JITC_UINT64: ((uint64_t *)t->data)[i] = v >= 0x1p64 ? UINT64_MAX : v > 0 ? (uint64_t)v : 0; break;
    case JITC_INT64:
        ((int64_t *)t->data)[i] = v >= 0x1p63 ? INT64_MAX : v >= -0x1p63 ? (int64_t)v : INT64_MIN;
        break;
    case JITC_INT32: tensor_set_i(t, i, (int64_t)clamp_d(v, INT32_MIN, INT32_MAX)); break;
    case JITC_UINT32: tensor_set_i(t, i, (int64_t)clamp_d(v, 0, UINT32_MAX)); break;
    case JITC_INT16: tensor_set_i(t, i, (int64_t)clamp_d(v, INT16_MIN, INT16_MAX)); break;
    case JITC_UINT16: tensor_set_i(t, i, (int64_t)clamp_d(v, 0, UINT16_MAX)); break;
    case JITC_INT8: tensor_set_i(t, i, (int64_t)clamp_d(v, INT8_MIN, INT8_MAX)); break;
    default: tensor_set_i(t, i, (int64_t)clamp_d(v, 0, UINT8_MAX)); break;
    }
}

void tensor_set_i(const Tensor *t, int64_t i, int64_t v)
{
    switch (t->type.dtype) {
    case JITC_BOOL: ((uint8_t *)t->data)[i] = v != 0; break;
    case JITC_FLOAT32:
    case JITC_FLOAT64:
    case JITC_FLOAT16:
    case JITC_BFLOAT16:
    case JITC_COMPLEX64:
    case JITC_COMPLEX128: tensor_set_f(t, i, (double)v); break;
#define X(T, c)                                                                                              \
    case T:                                                                                                  \
        ((c *)t->data)[i] = (c)v;                                                                            \
        break;
#define INT_ONLY(X)                                                                                          \
    X(JITC_INT8, int8_t)                                                                                     \
    X(JITC_INT16, int16_t)                                                                                   \
    X(JITC_INT32, int32_t)                                                                                   \
    X(JITC_INT64, int64_t)                                                                                   \
    X(JITC_UINT8, uint8_t)                                                                                   \
    X(JITC_UINT16, uint16_t)                                                                                 \
    X(JITC_UINT32, uint32_t)                                                                                 \
    X(JITC_UINT64, uint64_t)                                                                                 \
    X(JITC_STRING, uint8_t)
        INT_ONLY(X)
#undef X
    default: break;
    }
}

/* -- Types ------------------------------------------------------------------------------------------ */
Type type_make(DType t, int rank, const Dim *dim)
{
    Type r = {.dtype = t, .rank = (uint8_t)rank};
    for (int i = 0; i < rank; i++) r.dim[i] = dim[i];
    return r;
}

bool type_equal(const Type *a, const Type *b)
{
    return a->dtype == b->dtype && a->rank == b->rank && a->layout == b->layout &&
           memcmp(a->dim, b->dim, a->rank * sizeof(Dim)) == 0;
}

bool type_static(const Type *t)
{
    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] < 0) return false;
    return true;
}

int64_t type_numel(const Type *t)
{
    int64_t n = 1;
    bool huge = false;
    for (int i = 0; i < t->rank; i++) {
        if (t->dim[i] == 0) return 0;
        if (!mul_ok(n, t->dim[i], &n)) huge = true;
    }
    return huge ? INT64_MAX : n;
}

int64_t type_bytes(const Type *t)
{
    Type p = *t;
    bool panels = t->layout == LAYOUT_PANEL || t->layout == LAYOUT_FILTER;
    if (panels && p.dim[p.rank - 1] <= INT64_MAX - 15) p.dim[p.rank - 1] = round_up(p.dim[p.rank - 1], 16);
    int64_t n;
    return mul_ok(type_numel(&p), (int64_t)dtype_size(t->dtype), &n) ? n : INT64_MAX;
}

const char *layout_name(Layout l)
{
    static const char *const names[] = {"plain", "panel", "filter", "nchw", "blocked"};
    return names[l];
}

bool layout_of_images(Layout l)
{
    return l == LAYOUT_NCHW || l == LAYOUT_BLOCKED;
}

bool type_may_lie(const Type *t, Layout l)
{
    switch (l) {
    case LAYOUT_PLAIN: return true;
    case LAYOUT_PANEL:
    case LAYOUT_FILTER: return t->rank >= 2;
    case LAYOUT_NCHW: return t->rank == 4;
    case LAYOUT_BLOCKED:
        return t->rank == 4 && t->dim[0] == 1 && dim_known(t->dim[3]) && t->dim[3] % IMAGE_BLOCK == 0;
    default: return false;
    }
}

int64_t type_place(const Type *t, int64_t i)
{
    if (t->layout == LAYOUT_PLAIN) return i;
    int64_t n = t->dim[t->rank - 1], row = i / n, j = i % n;
    int64_t rows = t->layout == LAYOUT_PANEL ? t->dim[t->rank - 2] : type_numel(t) / n;
    if (layout_of_images(t->layout)) rows = t->dim[1] * t->dim[2];
    int64_t batch = row / rows;
    row %= rows;
    if (t->layout == LAYOUT_NCHW) return (batch * n + j) * rows + row;
    return ((batch * ceil_div(n, 16) + j / 16) * rows + row) * 16 + j % 16;
}

void type_print(const Module *m, Str *s, const Type *t)
{
    str_printf(s, "%s[", dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++) {
        if (i) str_put(s, ",");
        dim_print(m, s, t->dim[i]);
    }
    str_put(s, "]");
    if (t->layout != LAYOUT_PLAIN) str_printf(s, "{%s}", layout_name(t->layout));
}

Tensor tensor_new(Job *job, const Type *t)
{
    Type p = *t;
    p.layout = LAYOUT_PLAIN; /* the evaluator knows logical values only */
    int64_t bytes = type_bytes(&p);
    if (bytes > (int64_t)1 << 40) job_fail(job, JITC_E_NOMEM);
    return (Tensor){*t, job_alloc(job, (size_t)bytes + 1)};
}
