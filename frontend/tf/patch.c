/* Patches of images, and morphology. */
#include "frontend/tf/tf.h"

/* The pixels of each window as channels. */
static void import_patches(Cx *cx, Value **in, Value **out)
{
    Window w;
    int n = cx->op->arg;
    Value *x = in[0];
    if (!window_attrs(cx, &w, n) || !window_ints(cx, &w, "ksizes", true, w.window) ||
        !window_ints(cx, &w, "strides", true, w.strides) || !need_rank(cx, x, "the input", n + 2, n + 2) ||
        (n == 2 && !window_ints(cx, &w, "rates", true, w.dilations)))
        return;
    if (w.padding == PAD_EXPLICIT) {
        fail(cx, "padding EXPLICIT is not possible");
        return;
    }
    for (int d = 0; d < n; d++)
        if (!window_pads(cx, &w, d, x->type.dim[1 + d], w.window[d])) return;
    Value *y = window_taps(cx, x, &w, 0);
    if (!y) return;
    Dim dim[IR_MAX_RANK];
    memcpy(dim, y->type.dim, sizeof dim);
    dim[n + 1] = dim_mul(cx->m, dim[n + 1], dim[n + 2]);
    out[0] = ir_reshape(&cx->b, y, dim, n + 2);
}

/* The largest of pixel + filter in each window: NaN never wins, and nothing is below the lowest number. */
static void import_dilation(Cx *cx, Value **in, Value **out)
{
    Window w;
    Value *x = in[0], *filter = in[1];
    DType t = x->type.dtype;
    if (!window_attrs(cx, &w, 2) || !window_ints(cx, &w, "strides", true, w.strides) ||
        !window_ints(cx, &w, "rates", true, w.dilations) || !need_rank(cx, x, "the input", 4, 4) ||
        !need_rank(cx, filter, "the filter", 3, 3))
        return;
    Dim size[2], c = x->type.dim[3];
    const Dim *f = filter->type.dim;
    if (dim_known(c) && dim_known(f[2]) && c != f[2]) {
        fail(cx, "filter %s does not fit the input %s", type_string(cx, &filter->type),
             type_string(cx, &x->type));
        return;
    }
    for (int d = 0; d < 2; d++) {
        if (!window_pads(cx, &w, d, x->type.dim[1 + d], f[d])) return;
        w.window[d] = f[d];
        size[d] = window_out(cx, &w, d, x->type.dim[1 + d], f[d]);
    }
    Dim taps = dim_mul(cx->m, f[0], f[1]),
        rows = dim_mul(cx->m, x->type.dim[0], dim_mul(cx->m, size[0], size[1]));
    Value *v = window_taps(cx, x, &w, 0), *real = window_mask(cx, &w, x->type.dim + 1, size);
    Value *add = ir_reshape(&cx->b, filter, (Dim[]){taps, f[2]}, 2);
    if (!v || !real || !add) return;
    v = ir_v(&cx->b, OP_select, IN(real, ir_binary(&cx->b, OP_add, v, add), lowest(cx, t)), NO_ATTRS);
    v = v ? ir_reshape(&cx->b, v, (Dim[]){rows, taps, 1, c}, 4) : NULL;
    if (!v) return;
    int64_t window[2] = {taps, 1}, one[2] = {1, 1};
    Dim zero[2] = {0};
    v = ir_v(&cx->b, OP_max_pool, IN(v),
             AT(at_is("window", window, 2), at_is("strides", one, 2), at_ds("pad_lo", zero, 2),
                at_ds("pad_hi", zero, 2)));
    out[0] = v ? ir_reshape(&cx->b, v, (Dim[]){x->type.dim[0], size[0], size[1], c}, 4) : NULL;
}

const TfOp tf_patch_ops[] = {
    {"ExtractImagePatches", import_patches, 1, 0, 1, 2},
    {"ExtractVolumePatches", import_patches, 1, 0, 1, 3},
    {"Dilation2D", import_dilation, 2, 0, 1, 0},
    {0},
};
