/* Convolution, pooling, bias. */
#include "frontend/tf/tf.h"

bool spatial_pair(Cx *cx, const char *name, bool nchw, const int64_t *list, int n, int64_t v[2])
{
    int h = nchw ? 2 : 1, c = nchw ? 1 : 3;
    if (n != 4) {
        fail(cx, "attribute '%s' must have 4 elements, not %d", name, n);
        return false;
    }
    if (list[0] != 1 || list[c] != 1) {
        fail(cx, "attribute '%s': numbers other than 1 for batch or channels are not supported", name);
        return false;
    }
    v[0] = list[h];
    v[1] = list[h + 1];
    for (int i = 0; i < 2; i++)
        if (v[i] < 1 || v[i] > INT32_MAX) {
            fail(cx, "attribute '%s' holds %lld", name, (long long)v[i]);
            return false;
        }
    return true;
}

bool spatial_ints(Cx *cx, const char *name, bool nchw, bool required, int64_t v[2])
{
    int64_t list[8];
    int n = get_ints(cx, name, list, 8);
    v[0] = v[1] = 1;
    if (cx->failed) return false;
    if (n == 0 && !required) return true;
    if (n == 0) {
        fail(cx, "attribute '%s' is missing", name);
        return false;
    }
    return spatial_pair(cx, name, nchw, list, n, v);
}

static bool explicit_pads(Cx *cx, Window *w)
{
    int64_t p[8];
    int n = get_ints(cx, "explicit_paddings", p, 8), h = w->nchw ? 4 : 2, c = w->nchw ? 2 : 6;
    if (cx->failed) return false;
    if (n != 8) {
        fail(cx, "attribute 'explicit_paddings' must have 8 elements, not %d", n);
        return false;
    }
    if (p[0] || p[1] || p[c] || p[c + 1]) {
        fail(cx, "attribute 'explicit_paddings': batch and channels cannot be padded");
        return false;
    }
    for (int d = 0; d < 2; d++) {
        w->lo[d] = p[h + 2 * d];
        w->hi[d] = p[h + 2 * d + 1];
        if (w->lo[d] < 0 || w->hi[d] < 0 || w->lo[d] > INT32_MAX || w->hi[d] > INT32_MAX) {
            fail(cx, "attribute 'explicit_paddings' holds a number that is not possible");
            return false;
        }
    }
    return true;
}

bool window_attrs(Cx *cx, Window *w)
{
    *w = (Window){.nchw = get_nchw(cx)};
    const char *padding = get_str(cx, "padding", NULL);
    if (cx->failed || !need_attr(cx, "padding")) return false;
    if (!spatial_ints(cx, "dilations", w->nchw, false, w->dilations)) return false;
    if (strcmp(padding, "VALID") == 0) {
        w->padding = PAD_VALID;
    } else if (strcmp(padding, "SAME") == 0) {
        w->padding = PAD_SAME;
    } else if (strcmp(padding, "EXPLICIT") == 0) {
        w->padding = PAD_EXPLICIT;
        return explicit_pads(cx, w);
    } else {
        fail(cx, "padding '%s' is not supported", padding);
        return false;
    }
    return true;
}

bool window_pads(Cx *cx, Window *w, int d, Dim in, Dim k)
{
    int64_t s = w->strides[d];
    if (!dim_known(k) || k < 1 || k > INT32_MAX) {
        fail(cx, "the window's size is not possible or not known when compiling");
        return false;
    }
    if (w->padding == PAD_EXPLICIT) return true;
    w->lo[d] = w->hi[d] = 0;
    if (w->padding == PAD_VALID || k == 1) return true;
    /* So many that the result's size is ceil(in / s); that is never less than none where windows meet. */
    Module *m = cx->m;
    int64_t reach = (k - 1) * w->dilations[d];
    Dim last = dim_mul(m, dim_sub(m, dim_ceildiv(m, in, s), 1), s);
    Dim total = dim_sub(m, dim_add(m, last, reach + 1), in);
    if (reach + 1 < s) total = dim_max(m, total, 0);
    w->lo[d] = dim_floordiv(m, total, 2);
    w->hi[d] = dim_sub(m, total, w->lo[d]);
    return true;
}

Value *conv(Cx *cx, Value *x, Value *filter, const Window *w, int64_t groups)
{
    return ir_v(&cx->b, OP_conv, IN(x, filter),
                AT(at_is("strides", w->strides, 2), at_is("dilations", w->dilations, 2),
                   at_ds("pad_lo", w->lo, 2), at_ds("pad_hi", w->hi, 2), at_i("groups", groups)));
}

static bool image_pads(Cx *cx, Value *x, Value *filter, Window *w)
{
    if (!need_rank(cx, x, "the input", 4, 4) || !need_rank(cx, filter, "the filter", 4, 4)) return false;
    for (int d = 0; d < 2; d++)
        if (!window_pads(cx, w, d, x->type.dim[1 + d], filter->type.dim[d])) return false;
    return true;
}

Value *conv2d(Cx *cx, Value *x, Value *filter, Window *w)
{
    if (!image_pads(cx, x, filter, w)) return NULL;
    Dim c = x->type.dim[3], fc = filter->type.dim[2];
    int64_t groups = 1;
    if (dim_known(c) && dim_known(fc) && c != fc) {
        if (fc < 1 || c % fc) {
            fail(cx, "input depth %lld is no multiple of the filter's %lld: %s, filter %s", (long long)c,
                 (long long)fc, type_string(cx, &x->type), type_string(cx, &filter->type));
            return NULL;
        }
        groups = c / fc;
    }
    return conv(cx, x, filter, w, groups);
}

Value *depthwise(Cx *cx, Value *x, Value *filter, Window *w)
{
    if (!image_pads(cx, x, filter, w)) return NULL;
    const Dim *f = filter->type.dim;
    if (!dim_known(f[2]) || !dim_known(f[3])) {
        fail(cx, "the filter's shape is not known when compiling");
        return NULL;
    }
    Dim dim[4] = {f[0], f[1], 1, dim_mul(cx->m, f[2], f[3])};
    if (!dim_known(dim[3])) {
        fail(cx, "the filter is too large");
        return NULL;
    }
    filter = ir_reshape(&cx->b, filter, dim, 4);
    return filter ? conv(cx, x, filter, w, f[2]) : NULL;
}

static void import_conv(Cx *cx, Value **in, Value **out)
{
    Window w;
    if (!window_attrs(cx, &w) || !spatial_ints(cx, "strides", w.nchw, true, w.strides) ||
        !need_rank(cx, in[0], "the input", 4, 4))
        return;
    Value *x = to_nhwc(cx, in[0], w.nchw);
    x = x ? (cx->op->arg ? depthwise : conv2d)(cx, x, in[1], &w) : NULL;
    out[0] = from_nhwc(cx, x, w.nchw);
}

/* -- Pooling ------------------------------------------------------------------------------------------ */
static Value *pool(Cx *cx, Value *x, Window *w, OpCode code)
{
    if (!need_rank(cx, x, "the input", 4, 4) || !(x = to_nhwc(cx, x, w->nchw))) return NULL;
    for (int d = 0; d < 2; d++)
        if (!window_pads(cx, w, d, x->type.dim[1 + d], w->window[d])) return NULL;
    x = ir_v(&cx->b, code, IN(x),
             AT(at_is("window", w->window, 2), at_is("strides", w->strides, 2), at_ds("pad_lo", w->lo, 2),
                at_ds("pad_hi", w->hi, 2)));
    return from_nhwc(cx, x, w->nchw);
}

static void import_pool(Cx *cx, Value **in, Value **out)
{
    Window w;
    if (window_attrs(cx, &w) && spatial_ints(cx, "ksize", w.nchw, true, w.window) &&
        spatial_ints(cx, "strides", w.nchw, true, w.strides))
        out[0] = pool(cx, in[0], &w, (OpCode)cx->op->arg);
}

static void import_max_pool_v2(Cx *cx, Value **in, Value **out)
{
    Window w;
    int64_t k[8], s[8];
    if (!window_attrs(cx, &w)) return;
    int nk = known_ints(cx, in[1], "ksize", k, 8), ns = nk < 0 ? -1 : known_ints(cx, in[2], "strides", s, 8);
    if (ns >= 0 && spatial_pair(cx, "ksize", w.nchw, k, nk, w.window) &&
        spatial_pair(cx, "strides", w.nchw, s, ns, w.strides))
        out[0] = pool(cx, in[0], &w, OP_max_pool);
}

/* -- Bias --------------------------------------------------------------------------------------------- */
Value *bias_add(Cx *cx, Value *x, Value *bias, bool nchw)
{
    int rank = x->type.rank, axis = nchw ? 1 : rank - 1;
    if (!need_rank(cx, x, "the value", 2, IR_MAX_RANK) || !need_rank(cx, bias, "the bias", 1, 1)) return NULL;
    Dim c = x->type.dim[axis], n = bias->type.dim[0];
    if (dim_known(c) && dim_known(n) && c != n) {
        fail(cx, "bias %s does not fit %s", type_string(cx, &bias->type), type_string(cx, &x->type));
        return NULL;
    }
    return ir_binary(&cx->b, OP_add, x, channel_vector(cx, bias, rank, axis));
}

static void import_bias_add(Cx *cx, Value **in, Value **out)
{
    bool nchw = get_nchw(cx);
    if (!cx->failed) out[0] = bias_add(cx, in[0], in[1], nchw);
}

/* -- Transposed convolution --------------------------------------------------------------------------- */
/* One spatial dimension of it: result i collects x[o] * w[k] over o * s + k - lo = i. With j = i + lo = q * s
 * + r and k = t * s + r that is the sum over t of x[q - t] * w[t * s + r]: a convolution of stride 1 with the
 * taps t turned round, one output per r, whose rows q and phases r interleave; the result is cut out from q0
 * on. */
typedef struct {
    int64_t s, taps;
    Dim lo, hi, begin; /* pads of the convolution; of the result within what it gives */
} Phase;

static bool phase(Cx *cx, const Window *w, int d, Dim x, Dim size, int64_t k, Phase *p)
{
    Module *m = cx->m;
    int64_t s = w->strides[d], v;
    Dim lo = 0;
    *p = (Phase){.s = s, .taps = (k + s - 1) / s};
    /* The forward convolution's pads, and whether it does give x from the result's size. */
    Dim reach = dim_add(m, dim_mul(m, dim_sub(m, x, 1), s), k); /* from the first to the last pixel read */
    Dim want = w->padding == PAD_SAME ? dim_ceildiv(m, size, s) : dim_floordiv(m, dim_sub(m, size, k), s);
    if (w->padding == PAD_EXPLICIT)
        want = dim_floordiv(m, dim_sub(m, dim_add(m, size, dim_add(m, w->lo[d], w->hi[d])), k), s);
    if (w->padding != PAD_SAME) want = dim_add(m, want, 1);
    if (dim_const(m, want, &v) && dim_known(x) && v != x) {
        fail(cx, "a result of size %lld does not fit an input of size %lld (dimension %d)", (long long)size,
             (long long)x, d + 1);
        return false;
    }
    if (w->padding == PAD_EXPLICIT) lo = w->lo[d];
    if (w->padding == PAD_SAME) lo = dim_floordiv(m, dim_max(m, dim_sub(m, reach, size), 0), 2);
    Dim q0 = dim_min(m, dim_floordiv(m, lo, s), p->taps - 1);
    p->begin = dim_sub(m, lo, dim_mul(m, q0, s));
    p->lo = dim_sub(m, p->taps - 1, q0);
    /* Rows q0..q0 + n - 1 of the convolution, which has x + lo + hi - (taps - 1) of them. */
    Dim rows = dim_ceildiv(m, dim_add(m, size, p->begin), s);
    p->hi = dim_max(m, dim_sub(m, rows, dim_sub(m, x, q0)), 0);
    return true;
}

/* [kh, kw, out, in] -> [th, tw, in, s * s * out] */
static Value *phase_filter(Cx *cx, Value *w, const Phase *p)
{
    const Dim *f = w->type.dim;
    int64_t zero[4] = {0}, hi[4] = {0};
    for (int d = 0; d < 2; d++) hi[d] = p[d].taps * p[d].s - f[d];
    if (hi[0] || hi[1])
        w = ir_v(&cx->b, OP_pad, IN(w), AT(at_is("lo", zero, 4), at_is("hi", hi, 4), at_f("value", 0)));
    Dim split[6] = {p[0].taps, p[0].s, p[1].taps, p[1].s, f[2], f[3]};
    Dim join[4] = {p[0].taps, p[1].taps, f[3], dim_mul(cx->m, f[2], p[0].s * p[1].s)};
    w = w ? ir_reshape(&cx->b, w, split, 6) : NULL;
    w = w ? ir_v(&cx->b, OP_reverse, IN(w), AT(at_is("axes", (int64_t[]){0, 2}, 2))) : NULL;
    w = transpose(cx, w, (int64_t[]){0, 2, 5, 1, 3, 4});
    return w ? ir_reshape(&cx->b, w, join, 4) : NULL;
}

static bool result_shape(Cx *cx, Value *v, const Window *w, const Value *x, const Value *filter, Dim shape[4])
{
    int n = known_dims(cx, v, "input_sizes", shape, 4);
    if (n < 0) return false;
    if (n == 2) { /* height and width only */
        shape[2] = shape[1];
        shape[1] = shape[0];
        shape[0] = x->type.dim[0];
        shape[3] = filter->type.dim[2];
    } else if (n == 4 && w->nchw) {
        Dim c = shape[1];
        shape[1] = shape[2];
        shape[2] = shape[3];
        shape[3] = c;
    }
    bool fits = n == 4 || n == 2;
    for (int d = 0; d < 4 && fits; d++) {
        int64_t v2;
        fits = !dim_const(cx->m, shape[d], &v2) || (v2 >= 0 && v2 <= INT32_MAX);
    }
    Dim c = filter->type.dim[2];
    if (fits && dim_known(shape[3]) && dim_known(c) && shape[3] != c) {
        fail(cx, "input_sizes asks for %lld channels, the filter gives %lld; groups are not supported here",
             (long long)shape[3], (long long)c);
        return false;
    }
    if (!fits) fail(cx, "input_sizes must be 4 sizes");
    return fits;
}

static void import_conv_backprop(Cx *cx, Value **in, Value **out)
{
    Window w;
    Value *filter = in[1], *x = in[2];
    if (!window_attrs(cx, &w) || !spatial_ints(cx, "strides", w.nchw, true, w.strides) ||
        !need_rank(cx, x, "out_backprop", 4, 4) || !need_rank(cx, filter, "the filter", 4, 4))
        return;
    if (w.dilations[0] != 1 || w.dilations[1] != 1) {
        fail(cx, "dilations are not supported here");
        return;
    }
    Dim shape[4];
    Phase p[2];
    if (!(x = to_nhwc(cx, x, w.nchw)) || !result_shape(cx, in[0], &w, x, filter, shape)) return;
    for (int d = 0; d < 2; d++) {
        Dim k = filter->type.dim[d];
        if (!dim_known(k) || k < 1 || k > INT32_MAX || w.strides[d] > 4096) {
            fail(cx, "filter %s, stride %lld are not supported", type_string(cx, &filter->type),
                 (long long)w.strides[d]);
            return;
        }
        if (!phase(cx, &w, d, x->type.dim[1 + d], shape[1 + d], k, &p[d])) return;
    }
    Dim c = filter->type.dim[2], batch = x->type.dim[0];
    Value *f = phase_filter(cx, filter, p);
    if (!f) return;
    Window one = {.strides = {1, 1}, .dilations = {1, 1}, .lo = {p[0].lo, p[1].lo}, .hi = {p[0].hi, p[1].hi}};
    Value *y = conv(cx, x, f, &one, 1);
    if (!y) return;
    Dim rows = y->type.dim[1], cols = y->type.dim[2];
    if (p[0].s > 1 || p[1].s > 1) {
        y = ir_reshape(&cx->b, y, (Dim[]){batch, rows, cols, p[0].s, p[1].s, c}, 6);
        y = transpose(cx, y, (int64_t[]){0, 1, 3, 2, 4, 5});
        Dim joined[4] = {batch, dim_mul(cx->m, rows, p[0].s), dim_mul(cx->m, cols, p[1].s), c};
        y = y ? ir_reshape(&cx->b, y, joined, 4) : NULL;
    }
    y = slice(cx, y, (Dim[]){0, p[0].begin, p[1].begin, 0}, (Dim[]){batch, shape[1], shape[2], c});
    out[0] = from_nhwc(cx, y, w.nchw);
}

const TfOp tf_nn_ops[] = {
    {"Conv2D", import_conv, 2, 0, 1, 0},
    {"DepthwiseConv2dNative", import_conv, 2, 0, 1, 1},
    {"Conv2DBackpropInput", import_conv_backprop, 3, 0, 1, 0},
    {"MaxPool", import_pool, 1, 0, 1, OP_max_pool},
    {"MaxPoolV2", import_max_pool_v2, 3, 0, 1, 0},
    {"AvgPool", import_pool, 1, 0, 1, OP_avg_pool},
    {"BiasAdd", import_bias_add, 2, 0, 1, 0},
    {"BiasAddV1", import_bias_add, 2, 0, 1, 0},
    {0},
};
