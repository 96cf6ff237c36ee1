/* Windows of convolution, pooling and patches: their attributes, pads and sizes. */
#include "frontend/tf/tf.h"

bool window_list(Cx *cx, const Window *w, const char *name, const int64_t *list, int n, int64_t *v)
{
    int first = w->nchw ? 2 : 1, c = w->nchw ? 1 : 1 + w->n;
    if (n != w->n + 2) {
        fail(cx, "attribute '%s' must have %d elements, not %d", name, w->n + 2, n);
        return false;
    }
    if (list[0] != 1 || list[c] != 1) {
        fail(cx, "attribute '%s': numbers other than 1 for batch or channels are not supported", name);
        return false;
    }
    for (int d = 0; d < w->n; d++) {
        v[d] = list[first + d];
        if (v[d] < 1 || v[d] > INT32_MAX) {
            fail(cx, "attribute '%s' holds %lld", name, (long long)v[d]);
            return false;
        }
    }
    return true;
}

bool window_ints(Cx *cx, const Window *w, const char *name, bool required, int64_t *v)
{
    int64_t list[2 * MAX_SPATIAL];
    int n = get_ints(cx, name, list, 2 * MAX_SPATIAL);
    for (int d = 0; d < w->n; d++) v[d] = 1;
    if (cx->failed) return false;
    if (n == 0 && !required) return true;
    if (n == 0) {
        fail(cx, "attribute '%s' is missing", name);
        return false;
    }
    return window_list(cx, w, name, list, n, v);
}

static bool explicit_pads(Cx *cx, Window *w)
{
    int64_t p[2 * (MAX_SPATIAL + 2)];
    int want = 2 * (w->n + 2), first = w->nchw ? 4 : 2, c = w->nchw ? 2 : want - 2;
    int n = get_ints(cx, "explicit_paddings", p, COUNT(p));
    if (cx->failed) return false;
    if (n != want) {
        fail(cx, "attribute 'explicit_paddings' must have %d elements, not %d", want, n);
        return false;
    }
    if (p[0] || p[1] || p[c] || p[c + 1]) {
        fail(cx, "attribute 'explicit_paddings': batch and channels cannot be padded");
        return false;
    }
    for (int d = 0; d < w->n; d++) {
        w->lo[d] = p[first + 2 * d];
        w->hi[d] = p[first + 2 * d + 1];
        if (w->lo[d] < 0 || w->hi[d] < 0 || w->lo[d] > INT32_MAX || w->hi[d] > INT32_MAX) {
            fail(cx, "attribute 'explicit_paddings' holds a number that is not possible");
            return false;
        }
    }
    return true;
}

static bool channels_first(Cx *cx, int n)
{
    if (n == 2) return get_nchw(cx);
    const char *f = get_str(cx, "data_format", "NDHWC");
    if (strcmp(f, "NDHWC") != 0 && strcmp(f, "NCDHW") != 0)
        fail(cx, "data_format '%s' is not supported; NDHWC and NCDHW are", f);
    return strcmp(f, "NCDHW") == 0;
}

bool window_attrs(Cx *cx, Window *w, int n)
{
    *w = (Window){.n = n, .nchw = channels_first(cx, n)};
    const char *padding = get_str(cx, "padding", NULL);
    if (cx->failed || !need_attr(cx, "padding")) return false;
    if (!window_ints(cx, w, "dilations", false, w->dilations)) return false;
    if (strcmp(padding, "VALID") == 0) {
        w->padding = PAD_VALID;
    } else if (strcmp(padding, "SAME") == 0) {
        w->padding = PAD_SAME;
    } else if (strcmp(padding, "EXPLICIT") == 0 && n == 2) {
        w->padding = PAD_EXPLICIT;
        return explicit_pads(cx, w);
    } else {
        fail(cx, "padding '%s' is not supported", padding);
        return false;
    }
    return true;
}

/* A window may be larger than the image by less than a stride: the result is empty then. */
static bool reaches(Cx *cx, const Window *w, int d, Dim in, Dim k)
{
    Module *m = cx->m;
    int64_t room;
    Dim reach = dim_add(m, dim_mul(m, dim_sub(m, k, 1), w->dilations[d]), 1);
    Dim left = dim_sub(m, dim_add(m, in, dim_add(m, w->lo[d], w->hi[d])), reach);
    if (!dim_const(m, left, &room) || room > -2 * w->strides[d]) return true;
    fail(cx, "its window is larger than the input in dimension %d, by %lld", d + 1, (long long)-room);
    return false;
}

bool window_pads(Cx *cx, Window *w, int d, Dim in, Dim k)
{
    int64_t s = w->strides[d];
    if (!dim_known(k) || k < 1 || k > INT32_MAX) {
        fail(cx, "the window's size is not possible or not known when compiling");
        return false;
    }
    if (w->padding != PAD_EXPLICIT) w->lo[d] = w->hi[d] = 0;
    if (w->padding != PAD_SAME) return reaches(cx, w, d, in, k);
    if (k == 1) return true;
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

Dim window_out(Cx *cx, const Window *w, int d, Dim in, int64_t k)
{
    Module *m = cx->m;
    Dim room = dim_add(m, in, dim_add(m, w->lo[d], w->hi[d]));
    room = dim_sub(m, room, (k - 1) * w->dilations[d] + 1);
    return dim_max(m, dim_add(m, dim_floordiv(m, room, w->strides[d]), 1), 0);
}

Value *window_pad(Cx *cx, Value *x, const Window *w, double value)
{
    Dim lo[IR_MAX_RANK] = {0}, hi[IR_MAX_RANK] = {0};
    bool padded = false;
    for (int d = 0; d < w->n; d++) {
        lo[1 + d] = w->lo[d];
        hi[1 + d] = w->hi[d];
        padded = padded || w->lo[d] || w->hi[d];
    }
    if (!padded || !x) return x;
    int rank = x->type.rank;
    return ir_v(&cx->b, OP_pad, IN(x),
                AT(at_ds("lo", lo, rank), at_ds("hi", hi, rank), at_f("value", value)));
}

/* Dimension `axis` becomes two: windows, and the places in them. */
static Value *unfold(Cx *cx, Value *x, int axis, Dim out, int64_t k, int64_t stride, int64_t dilation)
{
    Value *first = iota_vector(cx, JITC_INT32, out), *place = iota_vector(cx, JITC_INT32, k);
    if (!first || !place || !x) return NULL;
    first = ir_binary(&cx->b, OP_mul, first, ir_const_i(&cx->b, JITC_INT32, stride));
    place = ir_binary(&cx->b, OP_mul, place, ir_const_i(&cx->b, JITC_INT32, dilation));
    Value *index = ir_binary(&cx->b, OP_add, ir_reshape(&cx->b, first, (Dim[]){out, 1}, 2), place);
    return index ? ir_v(&cx->b, OP_gather, IN(x, index), AT(at_i("axis", axis))) : NULL;
}

Value *window_taps(Cx *cx, Value *x, const Window *w, double pad)
{
    int n = w->n;
    int64_t perm[IR_MAX_RANK] = {0}, taps = 1;
    Dim dim[IR_MAX_RANK] = {x->type.dim[0]};
    for (int d = 0; d < n; d++) dim[1 + d] = window_out(cx, w, d, x->type.dim[1 + d], w->window[d]);
    x = window_pad(cx, x, w, pad);
    for (int d = 0; d < n; d++) {
        x = unfold(cx, x, 1 + 2 * d, dim[1 + d], w->window[d], w->strides[d], w->dilations[d]);
        perm[1 + d] = 1 + 2 * d;
        perm[1 + n + d] = 2 + 2 * d;
        if (__builtin_mul_overflow(taps, w->window[d], &taps)) {
            fail(cx, "the window is too large");
            return NULL;
        }
    }
    perm[1 + 2 * n] = 1 + 2 * n;
    if (!(x = transpose(cx, x, perm))) return NULL;
    dim[1 + n] = taps;
    dim[2 + n] = x->type.dim[1 + 2 * n];
    return ir_reshape(&cx->b, x, dim, 3 + n);
}

/* -- Which places of a window are real pixels --------------------------------------------------------- */
Value *window_places(Cx *cx, const Window *w, int d, Dim out)
{
    Value *first = iota_vector(cx, JITC_INT32, out), *place = iota_vector(cx, JITC_INT32, w->window[d]);
    Value *lo = size_value(cx, w->lo[d], JITC_INT32);
    if (!first || !place || !lo) return NULL;
    first = ir_binary(&cx->b, OP_mul, first, ir_const_i(&cx->b, JITC_INT32, w->strides[d]));
    first = ir_binary(&cx->b, OP_sub, first, lo);
    place = ir_binary(&cx->b, OP_mul, place, ir_const_i(&cx->b, JITC_INT32, w->dilations[d]));
    return ir_binary(&cx->b, OP_add, ir_reshape(&cx->b, first, (Dim[]){out, 1}, 2), place);
}

Value *window_mask(Cx *cx, const Window *w, const Dim *in, const Dim *out)
{
    Value *real[2];
    for (int d = 0; d < 2; d++) {
        Value *at = window_places(cx, w, d, out[d]), *size = size_value(cx, in[d], JITC_INT32);
        if (!at || !size) return NULL;
        Value *low = ir_binary(&cx->b, OP_greater_equal, at, ir_const_i(&cx->b, JITC_INT32, 0));
        Value *ok = ir_binary(&cx->b, OP_logical_and, low, ir_binary(&cx->b, OP_less, at, size));
        Dim dim[4] = {1, 1, 1, 1};
        dim[d] = out[d];
        dim[2 + d] = w->window[d];
        real[d] = ok ? ir_reshape(&cx->b, ok, dim, 4) : NULL;
        if (!real[d]) return NULL;
    }
    Value *mask = ir_binary(&cx->b, OP_logical_and, real[0], real[1]);
    return mask ? ir_reshape(&cx->b, mask, (Dim[]){out[0], out[1], w->window[0] * w->window[1], 1}, 4) : NULL;
}
