/* What the importers of quantised operations share. Quantised tensors are tensors of plain integers; the
 * range that one stands for is two scalars beside it, which only a run knows. */
#ifndef JITC_FRONTEND_TF_QUANT_H
#define JITC_FRONTEND_TF_QUANT_H

#include "frontend/tf/tf.h"

typedef struct {
    Value *lo, *hi; /* of f32; any shape that broadcasts */
} Range;

static inline Value *q_un(Cx *cx, OpCode code, Value *x)
{
    return x ? ir_unary(&cx->b, code, x) : NULL;
}
static inline Value *q_bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}
static inline Value *q_add(Cx *cx, Value *x, Value *y)
{
    return q_bi(cx, OP_add, x, y);
}
static inline Value *q_sub(Cx *cx, Value *x, Value *y)
{
    return q_bi(cx, OP_sub, x, y);
}
static inline Value *q_mul(Cx *cx, Value *x, Value *y)
{
    return q_bi(cx, OP_mul, x, y);
}
static inline Value *q_div(Cx *cx, Value *x, Value *y)
{
    return q_bi(cx, OP_div, x, y);
}
static inline Value *q_pick(Cx *cx, Value *cond, Value *x, Value *y)
{
    return cond && x && y ? ir_v(&cx->b, OP_select, IN(cond, x, y), NO_ATTRS) : NULL;
}
static inline Value *q_cast(Cx *cx, Value *x, DType t)
{
    return x ? ir_cast(&cx->b, x, t) : NULL;
}
static inline Value *q_f32(Cx *cx, double k)
{
    return scalar(cx, JITC_FLOAT32, k);
}
static inline Value *q_f64(Cx *cx, double k)
{
    return scalar(cx, JITC_FLOAT64, k);
}
static inline Value *q_i64(Cx *cx, int64_t k)
{
    return ir_const_i(&cx->b, JITC_INT64, k);
}
Value *q_clamp(Cx *cx, Value *x, Value *lo, Value *hi); /* min(x, hi), then max with lo */

double q_lowest(DType t);
double q_highest(DType t);
double q_steps(DType t); /* 2^bits */

/* A scalar out of an operand of one element of f32 (reported otherwise). */
Value *q_number(Cx *cx, Value *v, const char *what);
bool q_range(Cx *cx, Value *lo, Value *hi, Range *r);
/* [n] as [1,…,n,…,1], to go with a tensor of that rank. */
Value *q_along(Cx *cx, Value *v, int rank, int axis);
Value *q_least(Cx *cx, Value *x, OpCode code); /* OP_reduce_min or OP_reduce_max over everything */

Value *q_round(Cx *cx, Value *x); /* to the nearest integer, halves away from 0 */
/* One number of type t as f32, and back as i64, not clamped, computed in f64. */
Value *q_to_float(Cx *cx, Value *x, DType t, Range r);
Value *q_unclamped(Cx *cx, Value *x, DType t, Range r);
Value *q_from_float(Cx *cx, Value *x, DType t, Range r); /* clamped, of type t */
/* The same for whole tensors, which TensorFlow computes in f32. */
Value *q_dequantize(Cx *cx, Value *x, Range r);
Value *q_quantize(Cx *cx, Value *x, DType t, Range r);
/* From one range, and type, to another. */
Value *q_requantize(Cx *cx, Value *x, DType t, Range from, Range to);
/* The range of the sums of products of two tensors. */
Range q_product_range(Cx *cx, DType a, Range ra, DType b, Range rb);
/* The same as oneDNN has it: a signed type is taken as symmetric. Ranges may be vectors. */
Range q_symmetric_range(Cx *cx, DType a, Range ra, DType b, Range rb);
/* What 0 is in this range, as i32. */
Value *q_zero(Cx *cx, DType t, Range r);
#endif
