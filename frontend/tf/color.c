/* Colours: hue, saturation and value, and images changed by them. Channels are last. */
#include "frontend/tf/tf.h"

static Value *un(Cx *cx, OpCode code, Value *x)
{
    return ir_unary(&cx->b, code, x);
}
static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}
static Value *num(Cx *cx, const Value *like, double x)
{
    return scalar(cx, like->type.dtype, x);
}

static bool split(Cx *cx, Value *x, Value *part[3])
{
    int last = x->type.rank - 1;
    for (int k = 0; k < 3; k++)
        if (!(part[k] = slice_axis(cx, x, last, k, 1))) return false;
    return true;
}

static bool is_image(Cx *cx, const Value *x, int rank)
{
    if (!need_rank(cx, x, "the images", rank, IR_MAX_RANK) || !need_float(cx, x, "the images")) return false;
    Dim c = x->type.dim[x->type.rank - 1];
    if (c == 3) return true;
    fail(cx, "images must have 3 channels, but are %s", type_string(cx, &x->type));
    return false;
}

static bool one_number(Cx *cx, const Value *v, const char *what)
{
    return need_rank(cx, v, what, 0, 0) && need_float(cx, v, what);
}

/* The largest channel, its distance to the smallest, and the hue from 0 to 1. */
typedef struct {
    Value *top, *range, *hue;
} Hue;

static bool hue_of(Cx *cx, Value *x, Hue *h)
{
    Value *c[3];
    if (!split(cx, x, c)) return false;
    Value *zero = num(cx, x, 0), *one = num(cx, x, 1);
    h->top = bi(cx, OP_maximum, bi(cx, OP_maximum, c[0], c[1]), c[2]);
    h->range = bi(cx, OP_sub, h->top, bi(cx, OP_minimum, bi(cx, OP_minimum, c[0], c[1]), c[2]));
    Value *norm = bi(cx, OP_div, num(cx, x, 1.0 / 6), h->range), *hue = NULL;
    for (int k = 2; k >= 0; k--) { /* by the largest channel; the first of equal ones */
        Value *at = bi(cx, OP_mul, norm, bi(cx, OP_sub, c[(k + 1) % 3], c[(k + 2) % 3]));
        if (k) at = bi(cx, OP_add, at, num(cx, x, k / 3.0));
        hue = hue ? select3(cx, bi(cx, OP_equal, c[k], h->top), at, hue) : at;
    }
    hue = select3(cx, bi(cx, OP_greater, h->range, zero), hue, zero);
    h->hue = select3(cx, bi(cx, OP_less, hue, zero), bi(cx, OP_add, hue, one), hue);
    return h->hue != NULL;
}

static Value *saturation(Cx *cx, const Hue *h)
{
    Value *zero = num(cx, h->top, 0);
    return select3(cx, bi(cx, OP_greater, h->top, zero), bi(cx, OP_div, h->range, h->top), zero);
}

/* How much of each channel a hue has: 0 to 1, along the last dimension. */
static Value *pure(Cx *cx, Value *hue)
{
    static const double centre[] = {3, 2, 4};
    if (!hue) return NULL;
    Value *six = bi(cx, OP_mul, hue, num(cx, hue, 6)), *part[3];
    for (int k = 0; k < 3; k++) {
        Value *d = un(cx, OP_abs, bi(cx, OP_sub, six, num(cx, hue, centre[k])));
        Value *v = k ? bi(cx, OP_sub, num(cx, hue, 2), d) : bi(cx, OP_sub, d, num(cx, hue, 1));
        v = v ? ir_v(&cx->b, OP_clamp, IN(v, num(cx, hue, 0), num(cx, hue, 1)), NO_ATTRS) : NULL;
        if (!(part[k] = v)) return NULL;
    }
    return concat(cx, part, 3, hue->type.rank - 1);
}

static Value *from_hsv(Cx *cx, Value *hue, Value *s, Value *v)
{
    Value *rest = bi(cx, OP_sub, num(cx, v, 1), s);
    return bi(cx, OP_mul, bi(cx, OP_add, rest, bi(cx, OP_mul, s, pure(cx, hue))), v);
}

static void import_rgb_to_hsv(Cx *cx, Value **in, Value **out)
{
    Hue h;
    if (!is_image(cx, in[0], 1) || !hue_of(cx, in[0], &h)) return;
    Value *part[3] = {h.hue, saturation(cx, &h), h.top};
    if (part[1]) out[0] = concat(cx, part, 3, in[0]->type.rank - 1);
}

static void import_hsv_to_rgb(Cx *cx, Value **in, Value **out)
{
    Value *c[3];
    if (is_image(cx, in[0], 1) && split(cx, in[0], c)) out[0] = from_hsv(cx, c[0], c[1], c[2]);
}

/* The hue turns; the smallest and the largest channel stay. */
static void import_adjust_hue(Cx *cx, Value **in, Value **out)
{
    Hue h;
    if (!is_image(cx, in[0], 3) || !one_number(cx, in[1], "delta")) return;
    Value *x = ir_cast(&cx->b, in[0], JITC_FLOAT32), *delta = ir_cast(&cx->b, in[1], JITC_FLOAT32);
    if (!x || !hue_of(cx, x, &h)) return;
    Value *hue = bi(cx, OP_add, h.hue, delta);
    hue = bi(cx, OP_sub, hue, un(cx, OP_floor, hue));
    Value *y = bi(cx, OP_add, bi(cx, OP_sub, h.top, h.range), bi(cx, OP_mul, h.range, pure(cx, hue)));
    if (y) out[0] = ir_cast(&cx->b, y, in[0]->type.dtype);
}

static void import_adjust_saturation(Cx *cx, Value **in, Value **out)
{
    Hue h;
    if (!is_image(cx, in[0], 3) || !one_number(cx, in[1], "the scale")) return;
    Value *x = ir_cast(&cx->b, in[0], JITC_FLOAT32), *scale = ir_cast(&cx->b, in[1], JITC_FLOAT32);
    if (!x || !hue_of(cx, x, &h)) return;
    Value *s = bi(cx, OP_mul, saturation(cx, &h), scale);
    s = s ? ir_v(&cx->b, OP_clamp, IN(s, num(cx, x, 0), num(cx, x, 1)), NO_ATTRS) : NULL;
    Value *y = from_hsv(cx, h.hue, s, h.top);
    if (y) out[0] = ir_cast(&cx->b, y, in[0]->type.dtype);
}

/* The distance to the mean of each channel of each image. */
static void import_adjust_contrast(Cx *cx, Value **in, Value **out)
{
    int rank = in[0]->type.rank;
    if (!need_rank(cx, in[0], "the images", 3, IR_MAX_RANK) || !need_float(cx, in[0], "the images") ||
        !one_number(cx, in[1], "contrast_factor"))
        return;
    Value *x = ir_cast(&cx->b, in[0], JITC_FLOAT32), *factor = ir_cast(&cx->b, in[1], JITC_FLOAT32);
    Value *mean = x ? reduce(cx, OP_reduce_mean, x, (int64_t[]){rank - 3, rank - 2}, 2, true) : NULL;
    Value *y = bi(cx, OP_add, bi(cx, OP_mul, bi(cx, OP_sub, x, mean), factor), mean);
    if (y) out[0] = ir_cast(&cx->b, y, in[0]->type.dtype);
}

const TfOp tf_color_ops[] = {
    {"RGBToHSV", import_rgb_to_hsv, 1, 0, 1, 0},
    {"HSVToRGB", import_hsv_to_rgb, 1, 0, 1, 0},
    {"AdjustHue", import_adjust_hue, 2, 0, 1, 0},
    {"AdjustSaturation", import_adjust_saturation, 2, 0, 1, 0},
    {"AdjustContrastv2", import_adjust_contrast, 2, 0, 1, 0},
    {0},
};
