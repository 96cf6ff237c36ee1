/* Resizing by weighted sums of pixels: bicubic, by area, and with sampling kernels. Indices and weights are
 * computed in the graph; of sizes that are known they are constants. Single precision as in TensorFlow, since
 * other rounding picks other pixels. */
#include <float.h>

#include "frontend/tf/tf.h"

static Value *un(Cx *cx, OpCode code, Value *x)
{
    return ir_unary(&cx->b, code, x);
}
static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}
static Value *num(Cx *cx, double x)
{
    return scalar(cx, JITC_FLOAT32, x);
}
static Value *size_f(Cx *cx, Dim d)
{
    if (dim_known(d)) return num(cx, (double)d);
    Value *v = size_value(cx, d, JITC_INT32);
    return v ? ir_cast(&cx->b, v, JITC_FLOAT32) : NULL;
}

bool image_size(Cx *cx, const Value *x, Value *size, Dim d[2])
{
    if (cx->failed || !need_rank(cx, x, "the images", 4, 4)) return false;
    int n = known_dims(cx, size, "the size", d, 2);
    if (n >= 0 && n != 2) fail(cx, "the size must be height and width");
    for (int i = 0; i < 2 && n == 2; i++) {
        int64_t v;
        if (dim_const(cx->m, d[i], &v) && v < 1) fail(cx, "the size holds %lld", (long long)v);
    }
    return n == 2 && !cx->failed;
}

/* Pixels of the input per pixel of the result. */
static Value *scale_of(Cx *cx, Dim in, Dim out, bool corners)
{
    Module *m = cx->m;
    Value *plain = bi(cx, OP_div, size_f(cx, in), size_f(cx, out));
    if (!corners || out == 1 || in == 1) return plain;
    Value *inner =
        bi(cx, OP_div, size_f(cx, dim_sub(m, in, 1)), size_f(cx, dim_max(m, dim_sub(m, out, 1), 1)));
    Value *several = bi(cx, OP_greater, size_f(cx, dim_min(m, in, out)), num(cx, 1));
    return dim_known(in) && dim_known(out) ? inner : select3(cx, several, inner, plain);
}

/* [n] as a column */
static Value *column(Cx *cx, Value *v)
{
    return v ? ir_reshape(&cx->b, v, (Dim[]){v->type.dim[0], 1}, 2) : NULL;
}

static Value *clamped(Cx *cx, Value *index, Dim n)
{
    Value *last = size_value(cx, dim_sub(cx->m, n, 1), JITC_INT32);
    if (!index || !last) return NULL;
    return ir_v(&cx->b, OP_clamp,
                IN(ir_cast(&cx->b, index, JITC_INT32), ir_const_i(&cx->b, JITC_INT32, 0), last), NO_ATTRS);
}

/* Along one dimension the sums of the pixels index[out, taps] times weight[out, taps]. `sparse`: a pixel of
 * weight 0 is not there, even if it is infinite. */
static Value *weigh(Cx *cx, Value *x, int axis, Value *index, Value *weight, bool sparse)
{
    if (!x || !index || !weight) return NULL;
    Dim dim[5] = {1, 1, 1, 1, 1};
    dim[axis] = weight->type.dim[0];
    dim[axis + 1] = weight->type.dim[1];
    x = ir_v(&cx->b, OP_gather, IN(x, index), AT(at_i("axis", axis)));
    weight = ir_reshape(&cx->b, weight, dim, 5);
    if (!x || !weight) return NULL;
    Value *y = bi(cx, OP_mul, ir_cast(&cx->b, x, JITC_FLOAT32), weight);
    if (sparse) y = select3(cx, bi(cx, OP_equal, weight, num(cx, 0)), num(cx, 0), y);
    return reduce(cx, OP_reduce_sum, y, (int64_t[]){axis + 1}, 1, false);
}

/* -- Bicubic ------------------------------------------------------------------------------------------ */
/* ((c3 * x + c2) * x + c1) * x + c0 in double precision, as TensorFlow fills its table. */
static Value *cubic(Cx *cx, Value *x, double c3, double c2, double c1, double c0)
{
    const double c[] = {c2, c1, c0};
    Value *wide = ir_cast(&cx->b, x, JITC_FLOAT64), *v = scalar(cx, JITC_FLOAT64, c3);
    for (int i = 0; i < 3; i++) v = bi(cx, OP_add, bi(cx, OP_mul, v, wide), scalar(cx, JITC_FLOAT64, c[i]));
    return ir_cast(&cx->b, v, JITC_FLOAT32);
}

static Value *bicubic(Cx *cx, Value *x, int axis, Dim out, bool corners, bool half)
{
    if (!x) return NULL;
    Dim in = x->type.dim[axis];
    const double a = half ? -0.5 : -0.75;
    Value *scale = scale_of(cx, in, out, corners), *at = column(cx, iota_vector(cx, JITC_FLOAT32, out));
    if (half) at = bi(cx, OP_add, at, num(cx, 0.5));
    at = bi(cx, OP_mul, at, scale);
    if (half) at = bi(cx, OP_sub, at, num(cx, 0.5));
    Value *first = un(cx, OP_floor, at), *steps = num(cx, 1024); /* the table has 1024 steps */
    Value *near = bi(cx, OP_div, un(cx, OP_rint, bi(cx, OP_mul, bi(cx, OP_sub, at, first), steps)), steps);
    Value *far = bi(cx, OP_sub, num(cx, 1), near), *index[4], *weight[4], *one = num(cx, 1);
    for (int k = 0; k < 4; k++) {
        Value *d = k < 2 ? near : far, *place = bi(cx, OP_add, first, num(cx, k - 1));
        bool outer = k == 0 || k == 3;
        weight[k] = outer ? cubic(cx, bi(cx, OP_add, d, one), a, -5 * a, 8 * a, -4 * a)
                          : cubic(cx, d, a + 2, -(a + 3), 0, 1);
        index[k] = clamped(cx, place, in);
        if (!weight[k] || !index[k]) return NULL;
        if (half) { /* pixels outside have no weight */
            Value *real = bi(cx, OP_equal, ir_cast(&cx->b, index[k], JITC_FLOAT32), place);
            weight[k] = select3(cx, real, weight[k], num(cx, 0));
        }
    }
    Value *weights = concat(cx, weight, 4, 1);
    if (half) {
        Value *sum = weight[0];
        for (int k = 1; k < 4; k++) sum = bi(cx, OP_add, sum, weight[k]);
        Value *some = bi(cx, OP_greater_equal, un(cx, OP_abs, sum), num(cx, 1000 * (double)FLT_MIN));
        weights = bi(cx, OP_mul, weights, select3(cx, some, bi(cx, OP_div, one, sum), one));
    }
    return weigh(cx, x, axis, concat(cx, index, 4, 1), weights, false);
}

static void import_bicubic(Cx *cx, Value **in, Value **out)
{
    bool corners = get_bool(cx, "align_corners", false), half = get_bool(cx, "half_pixel_centers", false);
    Dim d[2];
    if (corners && half) fail(cx, "align_corners and half_pixel_centers exclude each other");
    if (!image_size(cx, in[0], in[1], d)) return;
    out[0] = bicubic(cx, bicubic(cx, in[0], 1, d[0], corners, half), 2, d[1], corners, half);
}

/* -- Area --------------------------------------------------------------------------------------------- */
/* How many pixels one of the result covers, at most. */
static Dim area_taps(Cx *cx, Dim in, Dim out, bool corners)
{
    Module *m = cx->m;
    Dim parts = corners ? dim_max(m, dim_sub(m, out, 1), 1) : out;
    return dim_add(m, dim_ceildiv(m, in, parts), 1);
}

static Value *area(Cx *cx, Value *x, int axis, Dim out, Value *scale, Dim taps)
{
    if (!x) return NULL;
    Value *i = column(cx, iota_vector(cx, JITC_FLOAT32, out)), *one = num(cx, 1);
    Value *from = bi(cx, OP_mul, i, scale), *to = bi(cx, OP_mul, bi(cx, OP_add, i, one), scale);
    Value *at = bi(cx, OP_add, un(cx, OP_floor, from), iota_vector(cx, JITC_FLOAT32, taps));
    Value *next = bi(cx, OP_add, at, one), *over = bi(cx, OP_greater, next, to);
    Value *cut = select3(cx, over, scale, bi(cx, OP_sub, next, from));
    Value *full = select3(cx, over, bi(cx, OP_sub, to, at), one);
    Value *weight = select3(cx, bi(cx, OP_less, at, from), cut, full);
    weight = select3(cx, bi(cx, OP_less, at, un(cx, OP_ceil, to)), weight, num(cx, 0));
    return weigh(cx, x, axis, clamped(cx, at, x->type.dim[axis]), weight, true);
}

static void import_area(Cx *cx, Value **in, Value **out)
{
    bool corners = get_bool(cx, "align_corners", false);
    Dim d[2];
    Value *scale[2];
    if (!image_size(cx, in[0], in[1], d)) return;
    const Dim *x = in[0]->type.dim;
    for (int i = 0; i < 2; i++) scale[i] = scale_of(cx, x[1 + i], d[i], corners);
    Value *y = area(cx, in[0], 2, d[1], scale[1], area_taps(cx, x[2], d[1], corners));
    y = area(cx, y, 1, d[0], scale[0], area_taps(cx, x[1], d[0], corners));
    Value *share = bi(cx, OP_div, num(cx, 1), bi(cx, OP_mul, scale[0], scale[1]));
    out[0] = bi(cx, OP_mul, y, share);
}

/* -- Sampling kernels --------------------------------------------------------------------------------- */
typedef enum { LANCZOS, GAUSSIAN, BOX, TRIANGLE, KEYS, MITCHELL } Kernel;
static const struct {
    const char *name;
    Kernel kernel;
    double radius;
} kernels[] = {{"lanczos1", LANCZOS, 1}, {"lanczos3", LANCZOS, 3},
               {"lanczos5", LANCZOS, 5}, {"gaussian", GAUSSIAN, 1.5},
               {"box", BOX, 1},          {"triangle", TRIANGLE, 1},
               {"keyscubic", KEYS, 2},   {"mitchellcubic", MITCHELL, 2}};

/* ((c3 * x + c2) * x + c1) * x + c0 */
static Value *poly(Cx *cx, Value *x, double c3, double c2, double c1, double c0)
{
    const double c[] = {c2, c1, c0};
    Value *v = num(cx, c3);
    for (int i = 0; i < 3; i++) v = bi(cx, OP_add, bi(cx, OP_mul, v, x), num(cx, c[i]));
    return v;
}

/* The kernel's value at a distance x. */
static Value *kernel_value(Cx *cx, Kernel kernel, double radius, Value *x)
{
    Value *zero = num(cx, 0), *one = num(cx, 1);
    switch (kernel) {
    case LANCZOS: {
        Value *px = bi(cx, OP_mul, x, num(cx, (double)3.14159265359f));
        Value *s = bi(cx, OP_mul, un(cx, OP_sin, px), un(cx, OP_sin, bi(cx, OP_div, px, num(cx, radius))));
        s = bi(cx, OP_div, bi(cx, OP_mul, num(cx, radius), s), bi(cx, OP_mul, px, px));
        s = select3(cx, bi(cx, OP_less_equal, x, num(cx, (double)1e-3f)), one, s);
        return select3(cx, bi(cx, OP_greater, x, num(cx, radius)), zero, s);
    }
    case GAUSSIAN: {
        Value *e = un(cx, OP_exp, bi(cx, OP_mul, bi(cx, OP_mul, x, x), num(cx, -2))); /* sigma = 1/2 */
        return select3(cx, bi(cx, OP_less, x, num(cx, radius)), e, zero);
    }
    case BOX: {
        Value *half = num(cx, 0.5), *edge = select3(cx, bi(cx, OP_equal, x, half), half, zero);
        return select3(cx, bi(cx, OP_less, x, half), one, edge);
    }
    case TRIANGLE: return bi(cx, OP_maximum, bi(cx, OP_sub, one, x), zero);
    default: {
        bool keys = kernel == KEYS;
        Value *near = keys ? poly(cx, x, 1.5, -2.5, 0, 1) : poly(cx, x, 7.0 / 6, -2, 0, 8.0 / 9);
        Value *far = keys ? poly(cx, x, -0.5, 2.5, -4, 2) : poly(cx, x, -7.0 / 18, 2, -10.0 / 3, 16.0 / 9);
        far = select3(cx, bi(cx, OP_less, x, num(cx, 2)), far, zero);
        return select3(cx, bi(cx, OP_less, x, one), near, far);
    }
    }
}

/* The weight of each pixel of the input in each of the result: [out, in]. */
static Value *sampling(Cx *cx, int kernel, Dim in, Dim out, Value *scale, Value *move, bool antialias)
{
    Value *half = num(cx, 0.5), *zero = num(cx, 0), *one = num(cx, 1), *size = size_f(cx, in);
    Value *inverse = bi(cx, OP_div, one, scale);
    Value *wide = antialias ? bi(cx, OP_maximum, inverse, one) : one;
    Value *from = bi(cx, OP_add, column(cx, iota_vector(cx, JITC_FLOAT32, out)), half);
    Value *at = bi(cx, OP_sub, bi(cx, OP_mul, from, inverse), bi(cx, OP_mul, inverse, move));
    Value *pixel = iota_vector(cx, JITC_FLOAT32, in), *last = bi(cx, OP_sub, size, one);
    Value *reach = bi(cx, OP_mul, num(cx, kernels[kernel].radius), wide);
    Value *low = un(cx, OP_ceil, bi(cx, OP_sub, bi(cx, OP_sub, at, reach), half));
    Value *high = un(cx, OP_floor, bi(cx, OP_sub, bi(cx, OP_add, at, reach), half));
    if (!low || !high || !last || !pixel) return NULL;
    low = ir_v(&cx->b, OP_clamp, IN(low, zero, last), NO_ATTRS);
    high = ir_v(&cx->b, OP_clamp, IN(high, zero, last), NO_ATTRS);
    Value *away =
        un(cx, OP_abs,
           bi(cx, OP_mul, bi(cx, OP_sub, bi(cx, OP_add, pixel, half), at), bi(cx, OP_div, one, wide)));
    Value *span =
        bi(cx, OP_logical_and, bi(cx, OP_greater_equal, pixel, low), bi(cx, OP_less_equal, pixel, high));
    Value *inside =
        bi(cx, OP_logical_and, bi(cx, OP_greater_equal, at, zero), bi(cx, OP_less_equal, at, size));
    Value *w = kernel_value(cx, kernels[kernel].kernel, kernels[kernel].radius, away);
    w = select3(cx, bi(cx, OP_logical_and, span, inside), w, zero);
    Value *total = w ? reduce(cx, OP_reduce_sum, w, (int64_t[]){1}, 1, true) : NULL;
    Value *some = bi(cx, OP_greater_equal, un(cx, OP_abs, total), num(cx, 1000 * (double)FLT_MIN));
    return bi(cx, OP_mul, w, select3(cx, some, bi(cx, OP_div, one, total), zero));
}

static void import_scale_and_translate(Cx *cx, Value **in, Value **out)
{
    const char *name = get_str(cx, "kernel_type", "lanczos3");
    bool antialias = get_bool(cx, "antialias", true);
    int kernel = 0;
    Dim d[2];
    Value *w[2], *x = in[0];
    while (kernel < (int)COUNT(kernels) && strcmp(kernels[kernel].name, name) != 0) kernel++;
    if (kernel == (int)COUNT(kernels)) fail(cx, "kernel_type '%s' is not known", name);
    if (!image_size(cx, x, in[1], d)) return;
    for (int k = 2; k < 4; k++)
        if (in[k]->type.rank != 1 || in[k]->type.dim[0] != 2 || in[k]->type.dtype != JITC_FLOAT32) {
            fail(cx, "%s must be two numbers, but is %s", k == 2 ? "the scale" : "the translation",
                 type_string(cx, &in[k]->type));
            return;
        }
    Value *positive = bi(cx, OP_greater, in[2], num(cx, 0));
    positive = positive ? reduce(cx, OP_reduce_all, positive, (int64_t[]){0}, 1, false) : NULL;
    Value *scale = checked(cx, in[2], positive);
    for (int i = 0; i < 2; i++) {
        Value *s = slice_axis(cx, scale, 0, i, 1), *t = slice_axis(cx, in[3], 0, i, 1);
        w[i] = s && t ? sampling(cx, kernel, x->type.dim[1 + i], d[i], s, t, antialias) : NULL;
        if (!w[i]) return;
    }
    Module *m = cx->m;
    Dim n = x->type.dim[0], iw = x->type.dim[2], c = x->type.dim[3];
    x = ir_cast(&cx->b, x, JITC_FLOAT32);
    x = ir_reshape(&cx->b, x, (Dim[]){n, x->type.dim[1], dim_mul(m, iw, c)}, 3);
    x = x ? dot(cx, w[0], x, false, false) : NULL;
    x = x ? ir_reshape(&cx->b, x, (Dim[]){dim_mul(m, n, d[0]), iw, c}, 3) : NULL;
    x = x ? dot(cx, w[1], x, false, false) : NULL;
    out[0] = x ? ir_reshape(&cx->b, x, (Dim[]){n, d[0], d[1], c}, 4) : NULL;
}

const TfOp tf_resize_ops[] = {
    {"ResizeBicubic", import_bicubic, 2, 0, 1, 0},
    {"ResizeArea", import_area, 2, 0, 1, 0},
    {"ScaleAndTranslate", import_scale_and_translate, 4, 0, 1, 0},
    {0},
};
