/* Quantised numbers: what TensorFlow's quantization_utils compute, in the same precision step by step. */
#include "frontend/tf/quant.h"

Value *q_clamp(Cx *cx, Value *x, Value *lo, Value *hi)
{
    return q_bi(cx, OP_maximum, q_bi(cx, OP_minimum, x, hi), lo);
}

double q_steps(DType t)
{
    return t == JITC_INT32 ? 0x1p32 : dtype_size(t) == 2 ? 0x1p16 : 0x1p8;
}

double q_lowest(DType t)
{
    return dtype_is_signed(t) ? -q_steps(t) / 2 : 0;
}

double q_highest(DType t)
{
    return q_lowest(t) + q_steps(t) - 1;
}

Value *q_number(Cx *cx, Value *v, const char *what)
{
    int64_t n = 1;
    for (int d = 0; d < v->type.rank; d++) n = v->type.dim[d] == 1 ? n : 0;
    if (n != 1 || v->type.dtype != JITC_FLOAT32) {
        fail(cx, "%s must be one f32, but is %s", what, type_string(cx, &v->type));
        return NULL;
    }
    return v->type.rank ? ir_reshape(&cx->b, v, NULL, 0) : v;
}

bool q_range(Cx *cx, Value *lo, Value *hi, Range *r)
{
    r->lo = q_number(cx, lo, "the minimum");
    r->hi = r->lo ? q_number(cx, hi, "the maximum") : NULL;
    return r->hi != NULL;
}

Value *q_along(Cx *cx, Value *v, int rank, int axis)
{
    Dim dim[IR_MAX_RANK];
    for (int d = 0; d < rank; d++) dim[d] = 1;
    dim[axis] = v->type.dim[0];
    return ir_reshape(&cx->b, v, dim, rank);
}

Value *q_least(Cx *cx, Value *x, OpCode code)
{
    int64_t axes[IR_MAX_RANK];
    for (int d = 0; d < x->type.rank; d++) axes[d] = d;
    return reduce(cx, code, x, axes, x->type.rank, false);
}

Value *q_round(Cx *cx, Value *x)
{
    if (!x) return NULL;
    DType t = x->type.dtype;
    Value *a = q_un(cx, OP_abs, x), *whole = q_un(cx, OP_floor, a);
    Value *up = q_bi(cx, OP_greater_equal, q_sub(cx, a, whole), scalar(cx, t, 0.5));
    Value *r = q_add(cx, whole, q_cast(cx, up, t));
    return q_pick(cx, q_bi(cx, OP_less, x, scalar(cx, t, 0)), q_un(cx, OP_neg, r), r);
}

/* (hi - lo) * steps / (steps - 1), in f64 */
static Value *adjusted(Cx *cx, DType t, Range r)
{
    return q_mul(cx, q_cast(cx, q_sub(cx, r.hi, r.lo), JITC_FLOAT64),
                 q_f64(cx, q_steps(t) / (q_steps(t) - 1)));
}

Value *q_to_float(Cx *cx, Value *x, DType t, Range r)
{
    Value *scale = q_div(cx, adjusted(cx, t, r), q_f64(cx, q_steps(t)));
    Value *scale32 = q_cast(cx, scale, JITC_FLOAT32);
    Value *base = q_mul(cx, q_round(cx, q_div(cx, r.lo, scale32)), scale32);
    base = q_cast(cx, base, JITC_FLOAT64);
    Value *offset = q_sub(cx, q_cast(cx, x, JITC_FLOAT64), q_f64(cx, q_lowest(t)));
    Value *y = q_cast(cx, q_add(cx, base, q_mul(cx, offset, scale)), JITC_FLOAT32);
    return q_pick(cx, q_bi(cx, OP_equal, r.lo, r.hi), r.lo, y);
}

Value *q_unclamped(Cx *cx, Value *x, DType t, Range r)
{
    Value *scale = q_div(cx, q_f64(cx, q_steps(t)), adjusted(cx, t, r));
    Value *at = q_round(cx, q_mul(cx, q_cast(cx, x, JITC_FLOAT64), scale));
    Value *base = q_round(cx, q_mul(cx, q_cast(cx, r.lo, JITC_FLOAT64), scale));
    Value *lowest = q_i64(cx, (int64_t)q_lowest(t));
    Value *y = q_add(cx, q_cast(cx, q_sub(cx, at, base), JITC_INT64), lowest);
    return q_pick(cx, q_bi(cx, OP_equal, r.lo, r.hi), lowest, y);
}

Value *q_from_float(Cx *cx, Value *x, DType t, Range r)
{
    Value *y = q_unclamped(cx, x, t, r);
    return q_cast(cx, q_clamp(cx, y, q_i64(cx, (int64_t)q_lowest(t)), q_i64(cx, (int64_t)q_highest(t))), t);
}

Value *q_zero(Cx *cx, DType t, Range r)
{
    return q_cast(cx, q_unclamped(cx, q_f32(cx, 0), t, r), JITC_INT32);
}

Value *q_dequantize(Cx *cx, Value *x, Range r)
{
    DType t = x->type.dtype;
    Value *scale = q_div(cx, q_cast(cx, q_sub(cx, r.hi, r.lo), JITC_FLOAT64), q_f64(cx, q_steps(t) - 1));
    scale = q_cast(cx, scale, JITC_FLOAT32);
    Value *base = q_mul(cx, q_round(cx, q_div(cx, r.lo, scale)), scale);
    base = q_pick(cx, q_bi(cx, OP_equal, r.lo, r.hi), r.lo, base);
    base = q_sub(cx, base, q_mul(cx, q_f32(cx, q_lowest(t)), scale));
    return q_add(cx, base, q_mul(cx, q_cast(cx, x, JITC_FLOAT32), scale));
}

Value *q_quantize(Cx *cx, Value *x, DType t, Range r)
{
    Value *scale = q_div(cx, q_f64(cx, q_steps(t) - 1), q_cast(cx, q_sub(cx, r.hi, r.lo), JITC_FLOAT64));
    scale = q_pick(cx, q_bi(cx, OP_equal, r.lo, r.hi), q_f32(cx, 0), q_cast(cx, scale, JITC_FLOAT32));
    Value *base = q_round(cx, q_mul(cx, r.lo, scale));
    Value *y = q_sub(cx, q_round(cx, q_mul(cx, x, scale)), q_sub(cx, base, q_f32(cx, q_lowest(t))));
    double highest = t == JITC_INT32 ? 2147483520 : q_highest(t); /* the largest f32 that fits */
    y = q_bi(cx, OP_minimum, q_bi(cx, OP_maximum, y, q_f32(cx, q_lowest(t))), q_f32(cx, highest));
    return q_cast(cx, q_cast(cx, y, JITC_INT32), t);
}

/* From i32 to u8 in fixed point of 16 bits. */
static Value *requantize_u8(Cx *cx, Value *x, Range from, Range to)
{
    Value *in = q_sub(cx, from.hi, from.lo), *out = q_sub(cx, to.hi, to.lo), *zero = q_i64(cx, 0);
    Value *none = q_bi(cx, OP_equal, out, q_f32(cx, 0)), *wide = q_cast(cx, out, JITC_FLOAT64);
    Value *recip = q_cast(cx, q_div(cx, q_f64(cx, 255), wide), JITC_FLOAT32);
    recip = q_pick(cx, none, q_f32(cx, 0), recip);
    Value *middle = q_mul(cx, q_add(cx, from.lo, from.hi), q_f32(cx, 0.5));
    Value *scale = q_div(cx, q_mul(cx, q_f64(cx, 255 * 65536.0), q_cast(cx, in, JITC_FLOAT64)), wide);
    scale = q_pick(cx, none, zero, q_cast(cx, scale, JITC_INT64));
    Value *add = q_cast(cx, q_mul(cx, q_mul(cx, middle, recip), q_f32(cx, 65536)), JITC_INT64);
    Value *base = q_mul(cx, q_cast(cx, to.lo, JITC_FLOAT64), q_f64(cx, 255));
    base = q_round(cx, q_div(cx, q_mul(cx, q_f64(cx, 65536), base), wide));
    base = q_pick(cx, none, zero, q_cast(cx, base, JITC_INT64));
    Value *bias = q_add(cx, q_sub(cx, add, base), q_i64(cx, 1 << 15));
    Value *y = q_bi(cx, OP_shift_right, q_mul(cx, q_cast(cx, x, JITC_INT64), scale), q_i64(cx, 32));
    y = q_bi(cx, OP_shift_right, q_add(cx, y, bias), q_i64(cx, 16));
    return q_cast(cx, q_clamp(cx, y, zero, q_i64(cx, 255)), JITC_UINT8);
}

Value *q_requantize(Cx *cx, Value *x, DType t, Range from, Range to)
{
    if (x->type.dtype == JITC_INT32 && t == JITC_UINT8) return requantize_u8(cx, x, from, to);
    return q_quantize(cx, q_dequantize(cx, x, from), t, to);
}

static Range level_range(Cx *cx, Value *level)
{
    return (Range){q_mul(cx, level, q_f32(cx, -0x1p31)), q_mul(cx, level, q_f32(cx, 0x1p31))};
}

static Value *one_level(Cx *cx, double levels, Range r)
{
    return q_div(cx, q_sub(cx, r.hi, r.lo), q_f32(cx, levels));
}

Range q_product_range(Cx *cx, DType a, Range ra, DType b, Range rb)
{
    Value *x = one_level(cx, q_steps(a) - 1, ra), *y = one_level(cx, q_steps(b) - 1, rb);
    return level_range(cx, q_mul(cx, x, y));
}

Range q_symmetric_range(Cx *cx, DType a, Range ra, DType b, Range rb)
{
    Value *x = one_level(cx, q_steps(a) - 1 - dtype_is_signed(a), ra);
    Value *y = one_level(cx, q_steps(b) - 1 - dtype_is_signed(b), rb);
    return level_range(cx, q_mul(cx, x, y));
}
