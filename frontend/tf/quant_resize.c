/* QuantizedResizeBilinear: in fixed point. */
#include <math.h>

#include "frontend/tf/quant.h"

typedef struct {
    Value *low, *high, *part; /* pixels, and the distance from the first */
} Lines;

static bool lines(Cx *cx, Dim from, Dim to, DType t, bool corners, bool half, int axis, Lines *l)
{
    if (!dim_known(from) || !dim_known(to) || from < 1 || to < 1 || to > INT32_MAX || from > INT32_MAX) {
        fail(cx, "the size is not possible, or not known when compiling");
        return false;
    }
    float scale = corners && to > 1 ? (float)(from - 1) / (float)(to - 1) : (float)from / (float)to;
    int64_t *low = job_array(cx->job, int64_t, to), *high = job_array(cx->job, int64_t, to);
    Type type = type_make(t, 1, &to);
    Tensor part = tensor_new(cx->job, &type);
    for (int64_t i = 0; i < to; i++) {
        float at = half ? ((float)i + 0.5f) * scale - 0.5f : (float)i * scale, whole = floorf(at);
        high[i] = min_i64((int64_t)ceilf(at), from - 1);
        low[i] = min_i64(max_i64((int64_t)whole, 0), high[i]);
        tensor_set_i(&part, i, (int64_t)((double)(at - whole) * (t == JITC_INT16 ? 0x1p7 : 0x1p30)));
    }
    l->low = ir_const_ints(&cx->b, JITC_INT64, low, (int)to);
    l->high = ir_const_ints(&cx->b, JITC_INT64, high, (int)to);
    l->part = q_along(cx, tensor_value(cx, &part), 4, axis);
    return l->part != NULL;
}

static Value *pick_lines(Cx *cx, Value *x, Value *idx, int axis)
{
    return x ? ir_v(&cx->b, OP_gather, IN(x, idx), AT(at_i("axis", axis))) : NULL;
}

/* In 16 bits, of which 7 are behind the point, or in 64, of which 30 are. TensorFlow reads its numbers of 32
 * bits as f32. */
static Value *interpolate(Cx *cx, Value *x, DType wide, int64_t k, const Lines *ys, const Lines *xs)
{
    Value *one = ir_const_i(&cx->b, wide, k), *row[2];
    x = q_cast(cx, q_cast(cx, x, JITC_FLOAT32), wide);
    for (int i = 0; i < 2; i++) {
        Value *from = pick_lines(cx, x, i ? ys->high : ys->low, 1);
        Value *a = pick_lines(cx, from, xs->low, 2), *b = pick_lines(cx, from, xs->high, 2);
        row[i] = q_add(cx, q_mul(cx, a, one), q_mul(cx, q_sub(cx, b, a), xs->part));
    }
    Value *y = q_mul(cx, q_div(cx, q_sub(cx, row[1], row[0]), one), ys->part);
    y = q_add(cx, q_add(cx, row[0], y), ir_const_i(&cx->b, wide, k / 2));
    return q_div(cx, y, one);
}

static void import_q_resize(Cx *cx, Value **in, Value **out)
{
    bool corners = get_bool(cx, "align_corners", false), half = get_bool(cx, "half_pixel_centers", false);
    Value *x = in[0], *y = x;
    DType t = x->type.dtype, wide = t == JITC_UINT8 ? JITC_INT16 : JITC_INT64;
    int64_t one = t == JITC_UINT8 ? 1 << 7 : 1 << 30;
    Dim size[2];
    Range r;
    Lines ys, xs;
    if (cx->failed || !need_rank(cx, x, "the images", 4, 4) || !q_range(cx, in[2], in[3], &r)) return;
    if (t != JITC_UINT8 && t != JITC_INT32) {
        fail(cx, "images of %s are not supported; quint8 and qint32 are", dtype_name(t));
        return;
    }
    if (known_dims(cx, in[1], "the size", size, 2) != 2) {
        if (!cx->failed) fail(cx, "the size must be height and width");
        return;
    }
    if (size[0] != x->type.dim[1] || size[1] != x->type.dim[2]) {
        if (!lines(cx, x->type.dim[1], size[0], wide, corners, half, 1, &ys) ||
            !lines(cx, x->type.dim[2], size[1], wide, corners, half, 2, &xs))
            return;
        y = q_cast(cx, q_cast(cx, interpolate(cx, x, wide, one, &ys, &xs), JITC_INT32), t);
    }
    out[0] = y;
    out[1] = r.lo;
    out[2] = r.hi;
}

const TfOp tf_quant_resize_ops[] = {
    {"QuantizedResizeBilinear", import_q_resize, 4, 0, 3, 0},
    {0},
};
