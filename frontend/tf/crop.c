/* Images sampled at places that data tells: crops of boxes, projective transforms. */
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
    Value *v = size_value(cx, d, JITC_INT32);
    return v ? ir_cast(&cx->b, v, JITC_FLOAT32) : NULL;
}
static Value *clamp(Cx *cx, Value *x, Value *low, Value *high)
{
    return x && low && high ? ir_v(&cx->b, OP_clamp, IN(x, low, high), NO_ATTRS) : NULL;
}

/* To the nearest whole number, halves away from zero. */
static Value *round_half(Cx *cx, Value *x)
{
    Value *size = un(cx, OP_abs, x), *whole = un(cx, OP_floor, size);
    Value *up = bi(cx, OP_greater_equal, bi(cx, OP_sub, size, whole), num(cx, 0.5));
    return bi(cx, OP_mul, un(cx, OP_sign, x), select3(cx, up, bi(cx, OP_add, whole, num(cx, 1)), whole));
}

/* Column k of [n, columns] in `rank` dimensions. */
static Value *column(Cx *cx, Value *v, int k, int rank)
{
    Dim dim[4] = {v->type.dim[0], 1, 1, 1};
    v = slice_axis(cx, v, 1, k, 1);
    return v ? ir_reshape(&cx->b, v, dim, rank) : NULL;
}

/* Pixels of a batch of images at whole coordinates, which are clamped: batch, y and x broadcast to three
 * dimensions. A batch out of range is an error of the run. */
static Value *pixels(Cx *cx, Value *images, Value *batch, Value *y, Value *x)
{
    const Dim *d = images->type.dim;
    Dim flat[2] = {dims_product(cx, d, 3), d[3]};
    Value *at[2] = {y, x}, *index = batch ? ir_cast(&cx->b, batch, JITC_INT64) : NULL;
    for (int i = 0; i < 2; i++) {
        Value *c = clamp(cx, at[i], num(cx, 0), size_f(cx, dim_sub(cx->m, d[1 + i], 1)));
        index = bi(cx, OP_mul, index, size_value(cx, d[1 + i], JITC_INT64));
        index = c && index ? bi(cx, OP_add, index, ir_cast(&cx->b, c, JITC_INT64)) : NULL;
    }
    if (index && (d[1] == 0 || d[2] == 0)) { /* there is no pixel, and none of the coordinates is inside */
        Dim dim[4];
        memcpy(dim, index->type.dim, 3 * sizeof *dim);
        dim[3] = d[3];
        return broadcast(cx, scalar(cx, images->type.dtype, 0), dim, 4);
    }
    Value *v = ir_reshape(&cx->b, images, flat, 2);
    return v && index ? ir_v(&cx->b, OP_gather, IN(v, index), AT(at_i("axis", 0))) : NULL;
}

/* One more dimension at the end, for the channels. */
static Value *deep(Cx *cx, Value *v)
{
    Dim dim[IR_MAX_RANK];
    if (!v) return NULL;
    memcpy(dim, v->type.dim, sizeof dim);
    dim[v->type.rank] = 1;
    return ir_reshape(&cx->b, v, dim, v->type.rank + 1);
}

/* -- Crops -------------------------------------------------------------------------------------------- */
/* Where the result's pixels are taken from along one dimension: [n, size]. */
static Value *crop_places(Cx *cx, Value *boxes, int d, Dim in, Dim size)
{
    Module *m = cx->m;
    Value *low = column(cx, boxes, d, 2), *high = column(cx, boxes, 2 + d, 2);
    Value *last = size_f(cx, dim_sub(m, in, 1)), *i = iota_vector(cx, JITC_FLOAT32, size);
    if (!low || !high || !last || !i) return NULL;
    Value *centre = bi(cx, OP_mul, bi(cx, OP_mul, num(cx, 0.5), bi(cx, OP_add, low, high)), last);
    if (size == 1) return centre;
    Value *gaps = size_f(cx, dim_max(m, dim_sub(m, size, 1), 1));
    Value *step = bi(cx, OP_div, bi(cx, OP_mul, bi(cx, OP_sub, high, low), last), gaps);
    Value *at = bi(cx, OP_add, bi(cx, OP_mul, low, last), bi(cx, OP_mul, i, step));
    if (dim_known(size)) return at;
    return select3(cx, bi(cx, OP_greater, size_f(cx, size), num(cx, 1)), at, centre);
}

static bool crop_operands(Cx *cx, Value **in, Dim size[2])
{
    if (!need_rank(cx, in[0], "the image", 4, 4) || !need_rank(cx, in[1], "the boxes", 2, 2) ||
        !need_rank(cx, in[2], "box_ind", 1, 1))
        return false;
    if (in[1]->type.dim[1] != 4 || in[1]->type.dtype != JITC_FLOAT32) {
        fail(cx, "boxes must have four float32 numbers each, but are %s", type_string(cx, &in[1]->type));
        return false;
    }
    Dim n = in[1]->type.dim[0], indices = in[2]->type.dim[0];
    if (dim_known(n) && dim_known(indices) && n != indices) {
        fail(cx, "%lld boxes, but %lld indices of images", (long long)n, (long long)indices);
        return false;
    }
    int count = known_dims(cx, in[3], "crop_size", size, 2);
    if (count >= 0 && count != 2) fail(cx, "crop_size must be height and width");
    for (int i = 0; i < 2 && count == 2; i++) {
        int64_t v;
        if (dim_const(cx->m, size[i], &v) && v < 1) fail(cx, "crop_size holds %lld", (long long)v);
    }
    return count == 2 && !cx->failed;
}

static void import_crop_and_resize(Cx *cx, Value **in, Value **out)
{
    const char *method = get_str(cx, "method", "bilinear");
    double outside = get_float(cx, "extrapolation_value", 0);
    bool nearest = strcmp(method, "nearest") == 0;
    Dim size[2], n;
    if (!nearest && strcmp(method, "bilinear") != 0) fail(cx, "method '%s' is not known", method);
    if (cx->failed || !crop_operands(cx, in, size)) return;
    n = in[1]->type.dim[0];
    Value *at[2], *ok[2], *batch = ir_reshape(&cx->b, in[2], (Dim[]){n, 1, 1}, 3);
    for (int d = 0; d < 2; d++) {
        Dim dim[3] = {n, d ? 1 : size[0], d ? size[1] : 1}, extent = in[0]->type.dim[1 + d];
        at[d] = crop_places(cx, in[1], d, extent, size[d]);
        if (!at[d] || !(at[d] = ir_reshape(&cx->b, at[d], dim, 3))) return;
        Value *last = size_f(cx, dim_sub(cx->m, extent, 1));
        ok[d] = bi(cx, OP_logical_and, bi(cx, OP_greater_equal, at[d], num(cx, 0)),
                   bi(cx, OP_less_equal, at[d], last));
    }
    Value *v;
    if (nearest) {
        v = pixels(cx, in[0], batch, round_half(cx, at[0]), round_half(cx, at[1]));
        v = v ? ir_cast(&cx->b, v, JITC_FLOAT32) : NULL;
    } else {
        Value *y[2], *x[2], *row[2];
        for (int k = 0; k < 2; k++) {
            y[k] = un(cx, k ? OP_ceil : OP_floor, at[0]);
            x[k] = un(cx, k ? OP_ceil : OP_floor, at[1]);
        }
        Value *fy = deep(cx, bi(cx, OP_sub, at[0], y[0])), *fx = deep(cx, bi(cx, OP_sub, at[1], x[0]));
        for (int k = 0; k < 2; k++) {
            Value *l = pixels(cx, in[0], batch, y[k], x[0]), *r = pixels(cx, in[0], batch, y[k], x[1]);
            if (!l || !r) return;
            l = ir_cast(&cx->b, l, JITC_FLOAT32);
            r = ir_cast(&cx->b, r, JITC_FLOAT32);
            row[k] = bi(cx, OP_add, l, bi(cx, OP_mul, bi(cx, OP_sub, r, l), fx));
        }
        v = bi(cx, OP_add, row[0], bi(cx, OP_mul, bi(cx, OP_sub, row[1], row[0]), fy));
    }
    out[0] = select3(cx, deep(cx, bi(cx, OP_logical_and, ok[0], ok[1])), v, num(cx, outside));
}

/* -- Projective transforms ---------------------------------------------------------------------------- */
typedef enum { FILL_CONSTANT, FILL_NEAREST, FILL_REFLECT, FILL_WRAP } Fill;

/* A coordinate outside 0..len-1 is brought in, but for FILL_CONSTANT. */
static Value *bring_in(Cx *cx, Value *at, Dim len, Fill fill)
{
    Module *m = cx->m;
    Value *size = size_f(cx, len), *last = size_f(cx, dim_sub(m, len, 1)), *zero = num(cx, 0),
          *one = num(cx, 1);
    if (fill == FILL_CONSTANT) return at;
    if (len == 0) return at ? broadcast(cx, zero, at->type.dim, at->type.rank) : NULL;
    Value *below = bi(cx, OP_less, at, zero), *above = bi(cx, OP_greater, at, last),
          *minus = un(cx, OP_neg, at);
    Value *v = at;
    if (fill == FILL_REFLECT) {
        Value *two = size_f(cx, dim_mul(m, len, 2));
        Value *l = bi(cx, OP_add, bi(cx, OP_mul, two, un(cx, OP_floor, bi(cx, OP_div, minus, two))), at);
        l = select3(cx, bi(cx, OP_less, l, un(cx, OP_neg, size)), bi(cx, OP_add, l, two),
                    bi(cx, OP_sub, un(cx, OP_neg, l), one));
        Value *h = bi(cx, OP_sub, at, bi(cx, OP_mul, two, un(cx, OP_floor, bi(cx, OP_div, at, two))));
        h = select3(cx, bi(cx, OP_greater_equal, h, size), bi(cx, OP_sub, bi(cx, OP_sub, two, h), one), h);
        v = select3(cx, below, l, select3(cx, above, h, at));
    } else if (fill == FILL_WRAP) {
        Value *period = bi(cx, OP_maximum, last, one);
        Value *rounds = bi(cx, OP_add, un(cx, OP_floor, bi(cx, OP_div, minus, period)), one);
        Value *l = bi(cx, OP_add, at, bi(cx, OP_mul, size, rounds));
        Value *h = bi(cx, OP_sub, at, bi(cx, OP_mul, size, un(cx, OP_floor, bi(cx, OP_div, at, period))));
        v = select3(cx, below, l, select3(cx, above, h, at));
    }
    return clamp(cx, v, zero, last);
}

/* Row i of the transform: (t[3i] * x + t[3i + 1] * y + t[3i + 2]) */
static Value *linear(Cx *cx, Value *transforms, int i, Value *x, Value *y)
{
    Value *a = column(cx, transforms, 3 * i, 3), *b = column(cx, transforms, 3 * i + 1, 3);
    Value *c = i < 2 ? column(cx, transforms, 3 * i + 2, 3) : num(cx, 1);
    return bi(cx, OP_add, bi(cx, OP_add, bi(cx, OP_mul, a, x), bi(cx, OP_mul, b, y)), c);
}

/* A pixel, or the fill value outside the image. */
static Value *pixel_or(Cx *cx, Value *images, Value *batch, Value *y, Value *x, Value *fill)
{
    Value *at[2] = {y, x}, *ok = NULL;
    for (int d = 0; d < 2; d++) {
        Value *in = bi(cx, OP_logical_and, bi(cx, OP_greater_equal, at[d], num(cx, 0)),
                       bi(cx, OP_less, at[d], size_f(cx, images->type.dim[1 + d])));
        ok = ok ? bi(cx, OP_logical_and, ok, in) : in;
    }
    return select3(cx, deep(cx, ok), pixels(cx, images, batch, y, x), fill);
}

static Value *interpolate(Cx *cx, Value *images, Value *batch, Value *y, Value *x, Value *fill)
{
    Value *one = num(cx, 1), *y0 = un(cx, OP_floor, y), *x0 = un(cx, OP_floor, x), *row[2];
    Value *ys[2] = {y0, bi(cx, OP_add, y0, one)}, *xs[2] = {x0, bi(cx, OP_add, x0, one)};
    Value *right = deep(cx, bi(cx, OP_sub, x, x0)), *left = deep(cx, bi(cx, OP_sub, xs[1], x));
    for (int k = 0; k < 2; k++) {
        Value *l = pixel_or(cx, images, batch, ys[k], xs[0], fill);
        Value *r = pixel_or(cx, images, batch, ys[k], xs[1], fill);
        if (!l || !r) return NULL;
        l = ir_cast(&cx->b, l, JITC_FLOAT32);
        r = ir_cast(&cx->b, r, JITC_FLOAT32);
        row[k] = bi(cx, OP_add, bi(cx, OP_mul, left, l), bi(cx, OP_mul, right, r));
    }
    Value *low = deep(cx, bi(cx, OP_sub, ys[1], y)), *high = deep(cx, bi(cx, OP_sub, y, y0));
    Value *v = bi(cx, OP_add, bi(cx, OP_mul, low, row[0]), bi(cx, OP_mul, high, row[1]));
    return v ? ir_cast(&cx->b, v, images->type.dtype) : NULL;
}

static int one_of(Cx *cx, const char *attr, const char *def, const char *const *names, int n)
{
    const char *name = get_str(cx, attr, def);
    for (int i = 0; i < n && name; i++)
        if (strcmp(name, names[i]) == 0) return i;
    fail(cx, "attribute '%s': '%s' is not known", attr, name ? name : "");
    return -1;
}

static void import_projective(Cx *cx, Value **in, Value **out)
{
    static const char *const fills[] = {"CONSTANT", "NEAREST", "REFLECT", "WRAP"};
    static const char *const ways[] = {"NEAREST", "BILINEAR"};
    int fill = one_of(cx, "fill_mode", "CONSTANT", fills, 4),
        way = one_of(cx, "interpolation", NULL, ways, 2);
    Value *images = in[0], *transforms = in[1];
    Dim size[2];
    if (cx->failed || !need_rank(cx, images, "the images", 4, 4) ||
        !need_rank(cx, transforms, "the transforms", 2, 2))
        return;
    const Dim *d = images->type.dim;
    Dim many = transforms->type.dim[0];
    if (transforms->type.dim[1] != 8 || (many != 1 && dim_known(many) && dim_known(d[0]) && many != d[0])) {
        fail(cx, "transforms must be [%lld, 8] or [1, 8], but are %s", (long long)d[0],
             type_string(cx, &transforms->type));
        return;
    }
    int n = known_dims(cx, in[2], "output_shape", size, 2);
    if (n >= 0 && n != 2) fail(cx, "output_shape must be height and width");
    if (n != 2) return;
    DType t = images->type.dtype;
    Value *value = cx->op->arg ? ir_cast(&cx->b, in[3], t) : scalar(cx, t, 0);
    Value *ox = iota_vector(cx, JITC_FLOAT32, size[1]), *oy = iota_vector(cx, JITC_FLOAT32, size[0]);
    Value *batch = iota_vector(cx, JITC_INT32, d[0]);
    oy = oy ? ir_reshape(&cx->b, oy, (Dim[]){size[0], 1}, 2) : NULL;
    batch = batch ? ir_reshape(&cx->b, batch, (Dim[]){d[0], 1, 1}, 3) : NULL;
    Value *w = linear(cx, transforms, 2, ox, oy), *ok = bi(cx, OP_not_equal, w, num(cx, 0)), *at[2];
    for (int i = 0; i < 2; i++) { /* x, y */
        Dim len = d[2 - i];
        at[i] = bring_in(cx, bi(cx, OP_div, linear(cx, transforms, i, ox, oy), w), len, (Fill)fill);
    }
    if (!ok || !batch || !value) return;
    Value *v = way ? interpolate(cx, images, batch, at[1], at[0], value)
                   : pixel_or(cx, images, batch, round_half(cx, at[1]), round_half(cx, at[0]), value);
    out[0] = select3(cx, deep(cx, ok), v, value);
}

const TfOp tf_crop_ops[] = {
    {"CropAndResize", import_crop_and_resize, 4, 0, 1, 0},
    {"ImageProjectiveTransformV2", import_projective, 3, 0, 1, 0},
    {"ImageProjectiveTransformV3", import_projective, 4, 0, 1, 1},
    {0},
};
