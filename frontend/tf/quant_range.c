/* Quantised tensors from one range to another. */
#include <float.h>

#include "frontend/tf/quant.h"

static bool need_ints(Cx *cx, const Value *v)
{
    if (dtype_is_int(v->type.dtype)) return true;
    fail(cx, "the input must be quantised, but is %s", type_string(cx, &v->type));
    return false;
}

/* The part of the range that x makes use of; 0 is always in it. */
static Range used_range(Cx *cx, Value *x, Range r)
{
    DType t = x->type.dtype;
    Value *least = q_to_float(cx, q_least(cx, x, OP_reduce_min), t, r);
    Value *most = q_to_float(cx, q_least(cx, x, OP_reduce_max), t, r);
    return (Range){q_bi(cx, OP_minimum, q_f32(cx, 0), least), most};
}

static void import_requantize(Cx *cx, Value **in, Value **out)
{
    DType to = get_type(cx, "out_type", 0);
    Range from, asked;
    if (cx->failed || !need_attr(cx, "out_type") || !need_ints(cx, in[0])) return;
    if (!q_range(cx, in[1], in[2], &from) || !q_range(cx, in[3], in[4], &asked)) return;
    out[0] = q_requantize(cx, in[0], to, from, asked);
    out[1] = asked.lo;
    out[2] = asked.hi;
}

static void import_requantization_range(Cx *cx, Value **in, Value **out)
{
    Range r;
    if (!need_ints(cx, in[0]) || !q_range(cx, in[1], in[2], &r)) return;
    r = used_range(cx, in[0], r);
    out[0] = r.lo;
    out[1] = r.hi;
}

static void import_shrink_range(Cx *cx, Value **in, Value **out)
{
    DType to = get_type(cx, "out_type", 0);
    Range from, used;
    if (cx->failed || !need_attr(cx, "out_type")) return;
    if (!need_ints(cx, in[0]) || !q_range(cx, in[1], in[2], &from)) return;
    used = used_range(cx, in[0], from);
    out[0] = q_requantize(cx, in[0], to, from, used);
    out[1] = used.lo;
    out[2] = used.hi;
}

/* -- One range per channel ---------------------------------------------------------------------------- */
static bool channel_ranges(Cx *cx, Value **in, Range *r)
{
    *r = (Range){in[1], in[2]};
    if (!need_ints(cx, in[0]) || !need_rank(cx, in[0], "the input", 1, IR_MAX_RANK)) return false;
    for (int i = 1; i < 3; i++)
        if (in[i]->type.rank > 1 || in[i]->type.dtype != JITC_FLOAT32) {
            fail(cx, "the range must be f32 scalars or vectors, but is %s", type_string(cx, &in[i]->type));
            return false;
        }
    return true;
}

static Value *magnitude(Cx *cx, Range r)
{
    return q_bi(cx, OP_maximum, q_un(cx, OP_abs, r.lo), q_un(cx, OP_abs, r.hi));
}

static void import_range_per_channel(Cx *cx, Value **in, Value **out)
{
    Range r;
    double clip = get_float(cx, "clip_value_max", 0);
    if (cx->failed || !channel_ranges(cx, in, &r)) return;
    int64_t axes[IR_MAX_RANK];
    int n = in[0]->type.rank - 1;
    for (int d = 0; d < n; d++) axes[d] = d;
    Value *most = reduce(cx, OP_reduce_max, in[0], axes, n, false);
    Value *least = reduce(cx, OP_reduce_min, in[0], axes, n, false);
    Value *size = q_bi(cx, OP_maximum, q_un(cx, OP_abs, least), q_un(cx, OP_abs, most));
    Value *each = q_mul(cx, magnitude(cx, r), q_cast(cx, size, JITC_FLOAT32));
    each = q_mul(cx, each, q_f32(cx, 0x1p-31));
    if (!each || !least) return;
    Value *top = q_bi(cx, OP_maximum, q_least(cx, each, OP_reduce_max), q_f32(cx, FLT_MIN));
    top = q_bi(cx, OP_minimum, top, q_f32(cx, clip));
    Value *below = q_bi(cx, OP_less, q_least(cx, least, OP_reduce_min), ir_const_i(&cx->b, JITC_INT32, 0));
    out[0] = q_pick(cx, below, q_un(cx, OP_neg, top), q_f32(cx, 0));
    out[1] = top;
}

static void import_requantize_per_channel(Cx *cx, Value **in, Value **out)
{
    DType to = get_type(cx, "out_type", JITC_UINT8);
    Range r, asked;
    if (cx->failed || !channel_ranges(cx, in, &r) || !q_range(cx, in[3], in[4], &asked)) return;
    Value *levels = q_f32(cx, to == JITC_INT8 ? 127 : 255);
    Value *scale = q_mul(cx, q_div(cx, magnitude(cx, r), magnitude(cx, asked)), q_f32(cx, 0x1p-31));
    scale = q_mul(cx, levels, scale);
    Value *y = q_un(cx, OP_rint, q_mul(cx, q_cast(cx, in[0], JITC_FLOAT32), scale));
    y = q_clamp(cx, y, q_f32(cx, q_lowest(to)), q_f32(cx, q_highest(to)));
    out[0] = q_cast(cx, y, to);
    out[1] = asked.lo;
    out[2] = asked.hi;
}

const TfOp tf_quant_range_ops[] = {
    {"Requantize", import_requantize, 5, 0, 3, 0},
    {"RequantizationRange", import_requantization_range, 3, 0, 2, 0},
    {"QuantizeDownAndShrinkRange", import_shrink_range, 3, 0, 3, 0},
    {"RequantizePerChannel", import_requantize_per_channel, 5, 0, 3, 0},
    {"RequantizationRangePerChannel", import_range_per_channel, 3, 0, 2, 0},
    {0},
};
