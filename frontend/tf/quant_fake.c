/* Quantisation that begins or ends in floating point: FakeQuant…, QuantizeAndDequantize…, QuantizeV2 and
 * Dequantize. */
#include <float.h>
#include <math.h>

#include "frontend/tf/quant.h"

/* -- FakeQuant ---------------------------------------------------------------------------------------- */
static bool fake_levels(Cx *cx, double *least, double *most)
{
    int64_t bits = get_int(cx, "num_bits", 8);
    bool narrow = get_bool(cx, "narrow_range", false);
    if (cx->failed) return false;
    if (bits < 2 || bits > 16) {
        fail(cx, "attribute 'num_bits' is %lld, but must be between 2 and 16", (long long)bits);
        return false;
    }
    *least = narrow;
    *most = (double)((1 << bits) - 1);
    return true;
}

/* The range is moved so that 0 is one of the levels. */
static Value *fake_quant(Cx *cx, Value *x, Range r, double least, double most, bool divide)
{
    Value *span = q_sub(cx, r.hi, r.lo), *q0 = q_f32(cx, least), *q1 = q_f32(cx, most);
    Value *steps = q_f32(cx, most - least), *scale = q_div(cx, span, steps),
          *inverse = q_div(cx, steps, span);
    Value *zero = q_sub(cx, q0, q_div(cx, r.lo, scale));
    zero = q_clamp(cx, q_round(cx, zero), q0, q1);
    Value *lo = q_mul(cx, q_sub(cx, q0, zero), scale), *hi = q_mul(cx, q_sub(cx, q1, zero), scale);
    Value *half = q_f32(cx, 0.5);
    Value *at = q_un(cx, OP_floor, q_add(cx, q_mul(cx, q_un(cx, OP_neg, lo), inverse), half));
    Value *y = q_sub(cx, q_clamp(cx, x, lo, hi), lo);
    y = divide ? q_div(cx, y, scale) : q_mul(cx, y, inverse);
    y = q_un(cx, OP_floor, q_add(cx, q_sub(cx, y, at), half));
    return q_mul(cx, y, scale);
}

static bool need_f32(Cx *cx, const Value *v, const char *what)
{
    if (v->type.dtype == JITC_FLOAT32) return true;
    fail(cx, "%s must be f32, but is %s", what, type_string(cx, &v->type));
    return false;
}

static void import_fake_args(Cx *cx, Value **in, Value **out)
{
    double lo = get_float(cx, "min", -6), hi = get_float(cx, "max", 6), least, most;
    if (!fake_levels(cx, &least, &most) || !need_f32(cx, in[0], "the input")) return;
    if (!(lo < hi)) {
        fail(cx, "attribute 'min' (%g) must be less than 'max' (%g)", lo, hi);
        return;
    }
    out[0] = fake_quant(cx, in[0], (Range){q_f32(cx, lo), q_f32(cx, hi)}, least, most, false);
}

static void import_fake_vars(Cx *cx, Value **in, Value **out)
{
    bool per_channel = cx->op->arg;
    double least, most;
    Range r = {in[1], in[2]};
    if (!fake_levels(cx, &least, &most) || !need_f32(cx, in[0], "the input")) return;
    if (!per_channel && !q_range(cx, in[1], in[2], &r)) return;
    if (per_channel && (!need_rank(cx, in[0], "the input", 1, IR_MAX_RANK) ||
                        !need_rank(cx, r.lo, "min", 1, 1) || !need_rank(cx, r.hi, "max", 1, 1)))
        return;
    Value *zero = q_f32(cx, 0), *y = fake_quant(cx, in[0], r, least, most, !per_channel);
    Value *none = q_bi(cx, OP_logical_and, q_bi(cx, OP_equal, r.lo, zero), q_bi(cx, OP_equal, r.hi, zero));
    y = q_pick(cx, none, zero, y);
    if (y && y->type.rank != in[0]->type.rank)
        fail(cx, "the range does not fit %s", type_string(cx, &in[0]->type));
    else
        out[0] = y;
}

/* -- QuantizeAndDequantize ---------------------------------------------------------------------------- */
typedef struct {
    bool is_signed, given, narrow, half_up;
    int64_t bits, axis;
} Qdq;

/* By one scale, chosen so that neither end of the range leaves the levels. */
static Value *through_levels(Cx *cx, Value *x, Range r, const Qdq *q)
{
    DType t = x->type.dtype;
    double most = ldexp(1, (int)(q->is_signed ? q->bits - 1 : q->bits)) - 1;
    double least = q->is_signed ? -most - !q->narrow : 0;
    Value *zero = scalar(cx, t, 0), *top = scalar(cx, t, t == JITC_FLOAT64 ? DBL_MAX : (double)FLT_MAX);
    Value *q0 = scalar(cx, t, least), *q1 = scalar(cx, t, most);
    Value *s0 = q_pick(cx, q_bi(cx, OP_greater, q_mul(cx, q0, r.lo), zero), q_div(cx, q0, r.lo), top);
    Value *s1 = q_pick(cx, q_bi(cx, OP_greater, q_mul(cx, q1, r.hi), zero), q_div(cx, q1, r.hi), top);
    Value *low = q_bi(cx, OP_less, s0, s1), *scale = q_pick(cx, low, s0, s1);
    Value *inverse = q_pick(cx, low, q_div(cx, r.lo, q0), q_div(cx, r.hi, q1));
    if (q->given) {
        Value *lo = q_pick(cx, low, r.lo, q_mul(cx, q0, inverse));
        Value *hi = q_pick(cx, low, q_mul(cx, q1, inverse), r.hi);
        x = q_clamp(cx, x, lo, hi);
    }
    Value *y = q_mul(cx, x, scale);
    y = q->half_up ? q_un(cx, OP_floor, q_add(cx, y, scalar(cx, t, 0.5))) : q_un(cx, OP_rint, y);
    return q_mul(cx, y, inverse);
}

static bool qdq_attrs(Cx *cx, Qdq *q, bool given)
{
    const char *mode = get_str(cx, "round_mode", "HALF_TO_EVEN");
    q->is_signed = get_bool(cx, "signed_input", true);
    q->given = get_bool(cx, "range_given", given);
    q->narrow = get_bool(cx, "narrow_range", false);
    q->axis = get_int(cx, "axis", -1);
    if (cx->failed) return false;
    q->half_up = strcmp(mode, "HALF_UP") == 0;
    if (!q->half_up && strcmp(mode, "HALF_TO_EVEN") != 0) {
        fail(cx, "round_mode '%s' is not possible; HALF_TO_EVEN and HALF_UP are", mode);
        return false;
    }
    return true;
}

static void quantize_dequantize(Cx *cx, Value *x, Value *lo, Value *hi, const Qdq *q, Value **out)
{
    int rank = x->type.rank;
    if (!need_float(cx, x, "the input")) return;
    if (q->bits < 1 || q->bits > (q->is_signed ? 61 : 62)) {
        fail(cx, "%lld bits are not possible", (long long)q->bits);
        return;
    }
    if (q->axis >= rank || q->axis < -1) {
        fail(cx, "axis %lld is not possible for %s", (long long)q->axis, type_string(cx, &x->type));
        return;
    }
    Range r = {lo, hi};
    if (!q->given) {
        int64_t axes[IR_MAX_RANK];
        int n = 0;
        for (int d = 0; d < rank; d++)
            if (d != q->axis) axes[n++] = d;
        r.lo = reduce(cx, OP_reduce_min, x, axes, n, q->axis >= 0);
        r.hi = reduce(cx, OP_reduce_max, x, axes, n, q->axis >= 0);
    } else if (q->axis >= 0) {
        if (!need_rank(cx, lo, "input_min", 1, 1) || !need_rank(cx, hi, "input_max", 1, 1)) return;
        r = (Range){q_along(cx, lo, rank, (int)q->axis), q_along(cx, hi, rank, (int)q->axis)};
    } else if (lo->type.rank > 0 || hi->type.rank > 0) {
        fail(cx, "the range must be two scalars, but is %s, %s", type_string(cx, &lo->type),
             type_string(cx, &hi->type));
        return;
    }
    out[0] = r.lo && r.hi ? through_levels(cx, x, r, q) : NULL;
}

static void import_qdq_v1(Cx *cx, Value **in, Value **out)
{
    Qdq q = {0};
    if (!qdq_attrs(cx, &q, false)) return;
    double lo = get_float(cx, "input_min", 0), hi = get_float(cx, "input_max", 0);
    q.bits = get_int(cx, "num_bits", 8);
    DType t = in[0]->type.dtype;
    if (q.given && lo > hi) fail(cx, "input_min (%g) must not be above input_max (%g)", lo, hi);
    if (!cx->failed && need_float(cx, in[0], "the input"))
        quantize_dequantize(cx, in[0], scalar(cx, t, lo), scalar(cx, t, hi), &q, out);
}

static void import_qdq(Cx *cx, Value **in, Value **out)
{
    Qdq q = {.bits = get_int(cx, "num_bits", 8)};
    if (qdq_attrs(cx, &q, false)) quantize_dequantize(cx, in[0], in[1], in[2], &q, out);
}

static void import_qdq_v3(Cx *cx, Value **in, Value **out)
{
    Qdq q = {0};
    if (qdq_attrs(cx, &q, true) && known_int(cx, in[3], "num_bits", &q.bits))
        quantize_dequantize(cx, in[0], in[1], in[2], &q, out);
}

/* -- QuantizeV2, Dequantize --------------------------------------------------------------------------- */
enum { COMBINED, FIRST, SCALED };

static int quant_mode(Cx *cx)
{
    static const char *const names[] = {"MIN_COMBINED", "MIN_FIRST", "SCALED"};
    const char *mode = get_str(cx, "mode", names[0]);
    for (int i = 0; !cx->failed && i < 3; i++)
        if (strcmp(mode, names[i]) == 0) return i;
    if (!cx->failed) fail(cx, "mode '%s' is not possible; MIN_COMBINED, MIN_FIRST and SCALED are", mode);
    return -1;
}

/* A range for everything, or one per element of the axis, to broadcast with x. */
static bool sliced_range(Cx *cx, Value *x, Value *lo, Value *hi, int mode, int64_t axis, Range *r)
{
    if (axis < 0) return q_range(cx, lo, hi, r);
    if (axis >= x->type.rank) {
        fail(cx, "axis %lld is not possible for %s", (long long)axis, type_string(cx, &x->type));
        return false;
    }
    if (!need_rank(cx, lo, "the minimum", 1, 1) || !need_rank(cx, hi, "the maximum", 1, 1)) return false;
    if (mode == FIRST && x->type.dim[axis] != 1) {
        fail(cx, "mode MIN_FIRST with an axis is not possible");
        return false;
    }
    *r = (Range){q_along(cx, lo, x->type.rank, (int)axis), q_along(cx, hi, x->type.rank, (int)axis)};
    return r->lo && r->hi;
}

static Value *scaled(Cx *cx, Value *x, DType t, Range *r, bool narrow, bool to_even)
{
    Value *zero = q_f32(cx, 0), *top = q_f32(cx, (double)FLT_MAX);
    Value *q0 = q_f32(cx, q_lowest(t) + narrow), *q1 = q_f32(cx, q_highest(t));
    Value *s0 = q_pick(cx, q_bi(cx, OP_greater, q_mul(cx, q0, r->lo), zero), q_div(cx, q0, r->lo), top);
    Value *s1 = q_pick(cx, q_bi(cx, OP_greater, q_mul(cx, q1, r->hi), zero), q_div(cx, q1, r->hi), top);
    Value *scale = q_bi(cx, OP_minimum, s0, s1);
    *r = (Range){q_div(cx, q0, scale), q_div(cx, q1, scale)};
    Value *y = q_mul(cx, q_clamp(cx, x, r->lo, r->hi), scale);
    return to_even ? q_un(cx, OP_rint, y) : q_round(cx, y);
}

/* What does not fit into 32 bits becomes the least number, as the processor has it; f32 reaches 2^31 where
 * 2^31
 * - 1 is meant. */
static Value *whole(Cx *cx, Value *x, DType t)
{
    Value *over = q_bi(cx, OP_greater_equal, x, q_f32(cx, 0x1p31));
    return q_cast(cx, t == JITC_INT32 ? q_pick(cx, over, q_f32(cx, -0x1p31), x) : x, t);
}

static void import_quantize(Cx *cx, Value **in, Value **out)
{
    DType t = get_type(cx, "T", 0);
    const char *round = get_str(cx, "round_mode", "HALF_AWAY_FROM_ZERO");
    bool narrow = get_bool(cx, "narrow_range", false);
    int64_t axis = get_int(cx, "axis", -1);
    double least = get_float(cx, "ensure_minimum_range", (double)0.01f);
    int mode = quant_mode(cx);
    if (cx->failed || !need_attr(cx, "T") || !need_f32(cx, in[0], "the input")) return;
    bool to_even = strcmp(round, "HALF_TO_EVEN") == 0;
    if ((!to_even && strcmp(round, "HALF_AWAY_FROM_ZERO") != 0) || (to_even && mode != SCALED)) {
        fail(cx, "round_mode '%s' is not possible here; HALF_TO_EVEN is in mode SCALED only", round);
        return;
    }
    Range given, r;
    if (!sliced_range(cx, in[0], in[1], in[2], mode, axis, &given)) return;
    Value *zero = q_f32(cx, 0),
          *wide = q_bi(cx, OP_maximum, q_un(cx, OP_abs, given.lo), q_un(cx, OP_abs, given.hi));
    wide = q_mul(cx, q_bi(cx, OP_maximum, q_f32(cx, 1), wide), q_f32(cx, least));
    r.lo = q_bi(cx, OP_minimum, zero, given.lo);
    r.hi = q_bi(cx, OP_maximum, zero, q_bi(cx, OP_maximum, given.hi, q_add(cx, r.lo, wide)));
    Value *y;
    if (mode == FIRST) {
        y = q_quantize(cx, in[0], t, r);
    } else if (mode == SCALED) {
        y = whole(cx, scaled(cx, in[0], t, &r, narrow, to_even), t);
    } else {
        Value *scale =
            q_div(cx, q_f32(cx, (double)((float)q_highest(t) - (float)q_lowest(t))), q_sub(cx, r.hi, r.lo));
        y = q_mul(cx, q_sub(cx, q_clamp(cx, in[0], r.lo, r.hi), r.lo), scale);
        if (dtype_is_signed(t))
            y = q_round(cx, q_sub(cx, y, q_f32(cx, q_steps(t) / 2)));
        else
            y = q_add(cx, y, q_f32(cx, 0.5));
        y = whole(cx, y, t);
    }
    out[0] = y;
    const Type *like = &in[1]->type;
    out[1] = r.lo ? ir_reshape(&cx->b, r.lo, like->dim, like->rank) : NULL;
    out[2] = r.hi ? ir_reshape(&cx->b, r.hi, like->dim, like->rank) : NULL;
}

static void import_dequantize(Cx *cx, Value **in, Value **out)
{
    DType t = in[0]->type.dtype, to = get_type(cx, "dtype", JITC_FLOAT32);
    bool narrow = get_bool(cx, "narrow_range", false);
    int64_t axis = get_int(cx, "axis", -1);
    int mode = quant_mode(cx);
    Range r;
    if (cx->failed || !sliced_range(cx, in[0], in[1], in[2], mode, axis, &r)) return;
    if (!dtype_is_int(t) || (to != JITC_FLOAT32 && to != JITC_BFLOAT16)) {
        fail(cx, "from %s to %s is not possible", dtype_name(t), dtype_name(to));
        return;
    }
    Value *x = q_cast(cx, in[0], JITC_FLOAT32), *y;
    if (mode == FIRST) {
        y = q_dequantize(cx, in[0], r);
    } else if (mode == SCALED) {
        Value *scale = q_div(cx, r.hi, q_f32(cx, q_highest(t)));
        if (dtype_is_signed(t))
            scale = q_bi(cx, OP_maximum, q_div(cx, r.lo, q_f32(cx, q_lowest(t) + narrow)), scale);
        y = q_mul(cx, x, scale);
    } else {
        float levels = (float)q_highest(t) - (float)q_lowest(t);
        Value *scale = q_div(cx, q_sub(cx, r.hi, r.lo), q_f32(cx, (double)levels));
        if (dtype_is_signed(t)) x = q_add(cx, x, q_f32(cx, (double)((levels + 1) / 2)));
        y = q_add(cx, q_mul(cx, x, scale), r.lo);
    }
    out[0] = q_cast(cx, y, to);
}

const TfOp tf_quant_fake_ops[] = {
    {"FakeQuantWithMinMaxArgs", import_fake_args, 1, 0, 1, 0},
    {"FakeQuantWithMinMaxVars", import_fake_vars, 3, 0, 1, 0},
    {"FakeQuantWithMinMaxVarsPerChannel", import_fake_vars, 3, 0, 1, 1},
    {"QuantizeAndDequantize", import_qdq_v1, 1, 0, 1, 0},
    {"QuantizeAndDequantizeV2", import_qdq, 3, 0, 1, 0},
    {"QuantizeAndDequantizeV3", import_qdq_v3, 4, 0, 1, 0},
    {"QuantizeAndDequantizeV4", import_qdq, 3, 0, 1, 0},
    {"QuantizeV2", import_quantize, 3, 0, 3, 0},
    {"Dequantize", import_dequantize, 3, 0, 1, 0},
    {0},
};
