/* Convolution and bias. */
#include "frontend/tf/tf.h"

static Value *conv_image(Cx *cx, Value *x, Value *filter, const Window *w, int at, int64_t groups)
{
    return ir_v(&cx->b, OP_conv, IN(x, filter),
                AT(at_is("strides", w->strides + at, 2), at_is("dilations", w->dilations + at, 2),
                   at_ds("pad_lo", w->lo + at, 2), at_ds("pad_hi", w->hi + at, 2), at_i("groups", groups)));
}

/* The slices of depth that a result's slice is made from, as its channels [tap, c]: [n, d, h, w, c] gives
 * [n * od, h, w, taps * c]. Of groups, each has the taps of its own channels. */
static Value *stack_depth(Cx *cx, Value *x, const Window *w, int64_t taps, int64_t groups, Dim od)
{
    Dim lo[5] = {0, w->lo[0]}, hi[5] = {0, w->hi[0]};
    if (lo[1] || hi[1])
        x = ir_v(&cx->b, OP_pad, IN(x), AT(at_ds("lo", lo, 5), at_ds("hi", hi, 5), at_f("value", 0)));
    if (!x) return NULL;
    const Dim *d = x->type.dim;
    int64_t stride[5] = {1, w->strides[0], 1, 1, 1};
    Value **tap = job_array(cx->job, Value *, taps);
    bool whole = taps == 1 && w->strides[0] == 1;
    for (int64_t k = 0; k < taps && !whole; k++) {
        Dim begin[5] = {0, od == 0 ? 0 : k * w->dilations[0]}, size[5] = {d[0], od, d[2], d[3], d[4]};
        tap[k] = ir_v(&cx->b, OP_slice, IN(x),
                      AT(at_ds("begin", begin, 5), at_ds("size", size, 5), at_is("strides", stride, 5)));
        if (!tap[k]) return NULL;
    }
    Module *m = cx->m;
    Dim images = dim_mul(m, d[0], od), flat[4] = {images, d[2], d[3], dim_mul(m, d[4], taps)};
    if (!whole) x = concat(cx, tap, (uint32_t)taps, 4);
    if (x && groups > 1 && taps > 1) {
        Dim part = dim_floordiv(m, d[4], groups);
        x = ir_reshape(&cx->b, x, (Dim[]){images, d[2], d[3], taps, groups, part}, 6);
        x = transpose(cx, x, (int64_t[]){0, 1, 2, 4, 3, 5});
    }
    return x ? ir_reshape(&cx->b, x, flat, 4) : NULL;
}

/* In three dimensions: two of them, with the depth's taps as channels. So a sum is one sum. */
Value *conv(Cx *cx, Value *x, Value *filter, const Window *w, int64_t groups)
{
    if (!x || !filter) return NULL;
    if (w->n == 2) return conv_image(cx, x, filter, w, 0, groups);
    const Dim *f = filter->type.dim;
    enum { TAPS_MAX = 4096 };
    if (f[0] > TAPS_MAX) {
        fail(cx, "a filter of depth %lld; at most %d is supported", (long long)f[0], TAPS_MAX);
        return NULL;
    }
    Dim n = x->type.dim[0], od = window_out(cx, w, 0, x->type.dim[1], f[0]);
    Dim flat[4] = {f[1], f[2], dim_mul(cx->m, f[3], f[0]), f[4]};
    x = stack_depth(cx, x, w, f[0], groups, od);
    filter = transpose(cx, filter, (int64_t[]){1, 2, 0, 3, 4});
    filter = filter ? ir_reshape(&cx->b, filter, flat, 4) : NULL;
    Value *y = x && filter ? conv_image(cx, x, filter, w, 1, groups) : NULL;
    if (!y) return NULL;
    return ir_reshape(&cx->b, y, (Dim[]){n, od, y->type.dim[1], y->type.dim[2], y->type.dim[3]}, 5);
}

static bool image_pads(Cx *cx, Value *x, Value *filter, Window *w)
{
    int rank = w->n + 2;
    if (!need_rank(cx, x, "the input", rank, rank) || !need_rank(cx, filter, "the filter", rank, rank))
        return false;
    for (int d = 0; d < w->n; d++)
        if (!window_pads(cx, w, d, x->type.dim[1 + d], filter->type.dim[d])) return false;
    return true;
}

Value *conv_any(Cx *cx, Value *x, Value *filter, Window *w)
{
    if (!image_pads(cx, x, filter, w)) return NULL;
    Dim c = x->type.dim[1 + w->n], fc = filter->type.dim[w->n];
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

enum { PLAIN, DEPTHWISE, VOLUME };

static void import_conv(Cx *cx, Value **in, Value **out)
{
    Window w;
    int n = cx->op->arg == VOLUME ? 3 : 2;
    if (!window_attrs(cx, &w, n) || !window_ints(cx, &w, "strides", true, w.strides) ||
        !need_rank(cx, in[0], "the input", n + 2, n + 2))
        return;
    Value *x = to_nhwc(cx, in[0], w.nchw);
    x = x ? (cx->op->arg == DEPTHWISE ? depthwise : conv_any)(cx, x, in[1], &w) : NULL;
    out[0] = from_nhwc(cx, x, w.nchw);
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

const TfOp tf_conv_ops[] = {
    {"Conv2D", import_conv, 2, 0, 1, PLAIN},    {"DepthwiseConv2dNative", import_conv, 2, 0, 1, DEPTHWISE},
    {"Conv3D", import_conv, 2, 0, 1, VOLUME},   {"BiasAdd", import_bias_add, 2, 0, 1, 0},
    {"BiasAddV1", import_bias_add, 2, 0, 1, 0}, {0},
};
