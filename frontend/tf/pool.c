/* Pooling. */
#include <math.h>

#include "frontend/tf/tf.h"

static Value *pool_image(Cx *cx, Value *x, OpCode code, const int64_t *k, const int64_t *s, const Dim *lo,
                         const Dim *hi)
{
    return ir_v(
        &cx->b, code, IN(x),
        AT(at_is("window", k, 2), at_is("strides", s, 2), at_ds("pad_lo", lo, 2), at_ds("pad_hi", hi, 2)));
}

/* First height and width, then depth: the largest of the largest; the mean of means of as many. */
static Value *pool_volume(Cx *cx, Value *x, const Window *w, OpCode code)
{
    Module *m = cx->m;
    DType t = x->type.dtype;
    const Dim *d = x->type.dim;
    if (code == OP_avg_pool && dtype_size(t) < 4) x = ir_cast(&cx->b, x, JITC_FLOAT32); /* round once */
    x = ir_reshape(&cx->b, x, (Dim[]){dim_mul(m, d[0], d[1]), d[2], d[3], d[4]}, 4);
    x = x ? pool_image(cx, x, code, w->window + 1, w->strides + 1, w->lo + 1, w->hi + 1) : NULL;
    if (!x) return NULL;
    Dim oh = x->type.dim[1], ow = x->type.dim[2];
    int64_t k[2] = {w->window[0], 1}, s[2] = {w->strides[0], 1};
    Dim lo[2] = {w->lo[0], 0}, hi[2] = {w->hi[0], 0};
    x = ir_reshape(&cx->b, x, (Dim[]){d[0], d[1], dim_mul(m, oh, ow), d[4]}, 4);
    x = x ? pool_image(cx, x, code, k, s, lo, hi) : NULL;
    x = x ? ir_reshape(&cx->b, x, (Dim[]){d[0], x->type.dim[1], oh, ow, d[4]}, 5) : NULL;
    return x ? ir_cast(&cx->b, x, t) : NULL;
}

Value *pool(Cx *cx, Value *x, Window *w, OpCode code)
{
    if (!x) return NULL;
    for (int d = 0; d < w->n; d++)
        if (!window_pads(cx, w, d, x->type.dim[1 + d], w->window[d])) return NULL;
    if (w->n == 3) return pool_volume(cx, x, w, code);
    return pool_image(cx, x, code, w->window, w->strides, w->lo, w->hi);
}

/* The largest of k neighbouring channels. */
static Value *pool_channels(Cx *cx, Value *x, int64_t k)
{
    if (!x) return NULL;
    Dim d[4];
    memcpy(d, x->type.dim, sizeof d);
    if (!dim_known(d[3]) || d[3] % k) {
        fail(cx, "a window of %lld channels does not divide %s", (long long)k, type_string(cx, &x->type));
        return NULL;
    }
    int64_t window[2] = {1, k}, one[2] = {1, 1};
    Dim zero[2] = {0}, rows = dims_product(cx, d, 3);
    x = ir_reshape(&cx->b, x, (Dim[]){dim_mul(cx->m, rows, d[3] / k), 1, k, 1}, 4);
    x = x ? pool_image(cx, x, OP_max_pool, window, one, zero, zero) : NULL;
    d[3] /= k;
    return x ? ir_reshape(&cx->b, x, d, 4) : NULL;
}

/* Whether ksize and strides speak of channels alone: then k is how many. */
static bool over_channels(Cx *cx, const Window *w, const int64_t *ksize, const int64_t *strides, int64_t *k)
{
    int c = w->nchw ? 1 : 3;
    *k = ksize[c];
    if (*k == 1) return false;
    bool alone = *k > 1 && strides[c] == *k;
    for (int d = 0; d < 4; d++)
        if (d != c) alone = alone && ksize[d] == 1 && strides[d] == 1;
    if (!alone)
        fail(cx, "a window over channels must have a stride of its size, and be 1 in the other dimensions");
    return alone;
}

static Value *max_pool(Cx *cx, Value *x, Window *w, const int64_t *ksize, int nk, const int64_t *strides,
                       int ns)
{
    int64_t k;
    if (!need_rank(cx, x, "the input", 4, 4)) return NULL;
    x = to_nhwc(cx, x, w->nchw);
    if (nk == 4 && ns == 4 && over_channels(cx, w, ksize, strides, &k)) {
        x = pool_channels(cx, x, k);
    } else if (cx->failed || !window_list(cx, w, "ksize", ksize, nk, w->window) ||
               !window_list(cx, w, "strides", strides, ns, w->strides)) {
        return NULL;
    } else {
        x = pool(cx, x, w, OP_max_pool);
    }
    return from_nhwc(cx, x, w->nchw);
}

static void import_max_pool(Cx *cx, Value **in, Value **out)
{
    Window w;
    int64_t k[8], s[8];
    if (!window_attrs(cx, &w, 2)) return;
    int nk = get_ints(cx, "ksize", k, 8), ns = get_ints(cx, "strides", s, 8);
    if (!cx->failed) out[0] = max_pool(cx, in[0], &w, k, nk, s, ns);
}

static void import_max_pool_v2(Cx *cx, Value **in, Value **out)
{
    Window w;
    int64_t k[8], s[8];
    if (!window_attrs(cx, &w, 2)) return;
    int nk = known_ints(cx, in[1], "ksize", k, 8), ns = nk < 0 ? -1 : known_ints(cx, in[2], "strides", s, 8);
    if (ns >= 0) out[0] = max_pool(cx, in[0], &w, k, nk, s, ns);
}

static bool pool_attrs(Cx *cx, Window *w, const Value *x, int n)
{
    return window_attrs(cx, w, n) && window_ints(cx, w, "ksize", true, w->window) &&
           window_ints(cx, w, "strides", true, w->strides) && need_rank(cx, x, "the input", n + 2, n + 2);
}

static void import_pool(Cx *cx, Value **in, Value **out)
{
    Window w;
    if (pool_attrs(cx, &w, in[0], 2))
        out[0] = from_nhwc(cx, pool(cx, to_nhwc(cx, in[0], w.nchw), &w, (OpCode)cx->op->arg), w.nchw);
}

static void import_pool_volume(Cx *cx, Value **in, Value **out)
{
    Window w;
    if (pool_attrs(cx, &w, in[0], 3))
        out[0] = from_nhwc(cx, pool(cx, to_nhwc(cx, in[0], w.nchw), &w, (OpCode)cx->op->arg), w.nchw);
}

/* -- With the place of the largest -------------------------------------------------------------------- */
static Value *un(Cx *cx, OpCode code, Value *x)
{
    return ir_unary(&cx->b, code, x);
}
static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}
static Value *select(Cx *cx, Value *cond, Value *x, Value *y)
{
    return ir_v(&cx->b, OP_select, IN(cond, x, y), NO_ATTRS);
}

/* Index of the first true place along dimension `axis`. */
static Value *first_true(Cx *cx, Value *x, int axis, DType t)
{
    Value *v = ir_cast(&cx->b, x, JITC_INT32);
    return v ? ir_v(&cx->b, OP_argmax, IN(v), AT(at_i("axis", axis), at_t("to", t))) : NULL;
}

/* 0, 1, … along one of four dimensions. */
static Value *ramp(Cx *cx, DType t, int axis, Dim n)
{
    Dim dim[4] = {1, 1, 1, 1};
    dim[axis] = n;
    Value *v = iota_vector(cx, t, n);
    return v ? ir_reshape(&cx->b, v, dim, 4) : NULL;
}

/* The place in the image of tap `tap` of each window: ((b * h + y) * w + x) * c + channel. */
static Value *flat_place(Cx *cx, const Window *w, Value *tap, const Dim *image, DType t, bool with_batch)
{
    const Dim *d = tap->type.dim;
    Value *kw = ir_const_i(&cx->b, t, w->window[1]), *sum = NULL;
    Value *k[2] = {bi(cx, OP_floor_div, tap, kw), bi(cx, OP_floor_mod, tap, kw)};
    if (with_batch) sum = bi(cx, OP_mul, ramp(cx, t, 0, d[0]), size_value(cx, image[1], t));
    for (int i = 0; i < 2; i++) {
        Value *first = bi(cx, OP_mul, ramp(cx, t, 1 + i, d[1 + i]), ir_const_i(&cx->b, t, w->strides[i]));
        Value *at = bi(cx, OP_sub, bi(cx, OP_add, first, k[i]), size_value(cx, w->lo[i], t));
        sum = sum ? bi(cx, OP_add, sum, at) : at;
        sum = bi(cx, OP_mul, sum, size_value(cx, image[2 + i], t));
    }
    return bi(cx, OP_add, sum, ramp(cx, t, 3, d[3]));
}

/* The largest pixel, the first of several. As in TensorFlow the first pixel is taken as it is, and another
 * one when it is larger: NaN wins where it comes first. */
static void import_pool_argmax(Cx *cx, Value **in, Value **out)
{
    Window w;
    Value *x = in[0];
    DType to = get_type(cx, "Targmax", JITC_INT64), t = x->type.dtype;
    bool with_batch = get_bool(cx, "include_batch_in_index", false), floats = dtype_is_float(t);
    if (cx->failed || !pool_attrs(cx, &w, x, 2)) return;
    if (to != JITC_INT32 && to != JITC_INT64) {
        fail(cx, "Targmax must be int32 or int64, not %s", dtype_name(to));
        return;
    }
    const Dim *d = x->type.dim;
    Dim size[2];
    for (int i = 0; i < 2; i++) {
        if (!window_pads(cx, &w, i, d[1 + i], w.window[i])) return;
        size[i] = window_out(cx, &w, i, d[1 + i], w.window[i]);
    }
    Value *real = window_mask(cx, &w, d + 1, size), *taps = window_taps(cx, x, &w, 0);
    if (!real || !taps) return;
    Value *usable =
        floats ? bi(cx, OP_logical_and, real, un(cx, OP_logical_not, un(cx, OP_is_nan, taps))) : real;
    Value *least = floats ? scalar(cx, t, (double)-INFINITY) : lowest(cx, t);
    Value *most = reduce(cx, OP_reduce_max, select(cx, usable, taps, least), (int64_t[]){3}, 1, true);
    Value *tap = first_true(cx, bi(cx, OP_logical_and, real, bi(cx, OP_equal, taps, most)), 3, to);
    most = most && tap ? ir_reshape(&cx->b, most, tap->type.dim, 4) : NULL;
    if (floats && most) {
        Dim row[4] = {size[0], size[1], 1, 1};
        Value *first = ir_reshape(&cx->b, first_true(cx, real, 2, to), row, 4);
        Value *is_first = bi(cx, OP_equal, ramp(cx, to, 2, dim_mul(cx->m, w.window[0], w.window[1])), first);
        Value *led = bi(cx, OP_logical_and, bi(cx, OP_logical_and, is_first, real), un(cx, OP_is_nan, taps));
        led = reduce(cx, OP_reduce_any, led, (int64_t[]){3}, 1, false);
        most = select(cx, led, scalar(cx, t, (double)NAN), most);
        tap = select(cx, led, ir_reshape(&cx->b, first, (Dim[]){size[0], size[1], 1}, 3), tap);
    }
    if (!most || !tap) return;
    Dim image[4] = {d[0], d[1], d[2], d[3]};
    out[0] = most;
    out[1] = flat_place(cx, &w, tap, image, to, with_batch);
}

const TfOp tf_pool_ops[] = {
    {"MaxPool", import_max_pool, 1, 0, 1, 0},
    {"MaxPoolV2", import_max_pool_v2, 3, 0, 1, 0},
    {"AvgPool", import_pool, 1, 0, 1, OP_avg_pool},
    {"MaxPool3D", import_pool_volume, 1, 0, 1, OP_max_pool},
    {"AvgPool3D", import_pool_volume, 1, 0, 1, OP_avg_pool},
    {"MaxPoolWithArgmax", import_pool_argmax, 1, 0, 2, 0},
    {0},
};
