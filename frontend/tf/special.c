/* Trigonometric, error and gamma functions, most of them composed; and operations on bits. */
#include <math.h>

#include "frontend/tf/tf.h"

static Value *un(Cx *cx, OpCode code, Value *x)
{
    return ir_unary(&cx->b, code, x);
}
static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}
static Value *pick(Cx *cx, Value *cond, Value *x, Value *y)
{
    return ir_v(&cx->b, OP_select, IN(cond, x, y), NO_ATTRS);
}

/* Half precision is rounded once, at the end. */
static Value *wide(Cx *cx, Value *x)
{
    return x && dtype_size(x->type.dtype) == 2 ? ir_cast(&cx->b, x, JITC_FLOAT32) : x;
}

/* -- Trigonometric and hyperbolic functions that the IR composes -------------------------------------- */
enum { TAN, ATAN, ASIN, ACOS, SINH, COSH, ASINH, ACOSH, ATANH };

/* sqrt(1 - x^2), without cancellation */
static Value *leg(Cx *cx, Value *x, Value *one)
{
    return un(cx, OP_sqrt, bi(cx, OP_mul, bi(cx, OP_sub, one, x), bi(cx, OP_add, one, x)));
}

/* e^a / 2, which may be finite where e^a is not */
static Value *half_exp(Cx *cx, Value *a)
{
    Value *half = scalar(cx, a->type.dtype, 0.5), *e = un(cx, OP_exp, bi(cx, OP_mul, half, a));
    return bi(cx, OP_mul, bi(cx, OP_mul, half, e), e);
}

static Value *sinh_of(Cx *cx, Value *x, Value *one)
{
    Value *a = un(cx, OP_abs, x), *e = un(cx, OP_expm1, a); /* sinh a = (e + e / (e + 1)) / 2 */
    Value *near = bi(cx, OP_add, e, bi(cx, OP_div, e, bi(cx, OP_add, e, one)));
    near = bi(cx, OP_mul, scalar(cx, x->type.dtype, 0.5), near);
    Value *s = pick(cx, bi(cx, OP_greater, a, scalar(cx, x->type.dtype, 40)), half_exp(cx, a), near);
    return bi(cx, OP_mul, un(cx, OP_sign, x), s);
}

static Value *cosh_of(Cx *cx, Value *x)
{
    Value *a = un(cx, OP_abs, x), *e = half_exp(cx, a);
    return bi(cx, OP_add, e, bi(cx, OP_div, scalar(cx, x->type.dtype, 0.25), e));
}

/* log(2a) where a^2 adds nothing, or overflows; else `near` */
static Value *or_log_2a(Cx *cx, Value *a, Value *near)
{
    DType t = a->type.dtype;
    Value *far = bi(cx, OP_add, un(cx, OP_log, a), scalar(cx, t, M_LN2));
    return pick(cx, bi(cx, OP_greater, a, scalar(cx, t, t == JITC_FLOAT64 ? 1e9 : 1e5)), far, near);
}

static Value *asinh_of(Cx *cx, Value *x, Value *one)
{
    Value *a = un(cx, OP_abs, x); /* log1p(a + a^2 / (1 + sqrt(a^2 + 1))) */
    Value *root = un(cx, OP_sqrt, bi(cx, OP_add, un(cx, OP_square, a), one));
    Value *more = bi(cx, OP_mul, a, bi(cx, OP_div, a, bi(cx, OP_add, one, root)));
    Value *y = or_log_2a(cx, a, un(cx, OP_log1p, bi(cx, OP_add, a, more)));
    return bi(cx, OP_mul, un(cx, OP_sign, x), y);
}

static Value *acosh_of(Cx *cx, Value *x, Value *one)
{
    Value *d = bi(cx, OP_sub, x, one); /* log1p(d + sqrt(d (x + 1))) */
    Value *root = bi(cx, OP_mul, un(cx, OP_sqrt, d), un(cx, OP_sqrt, bi(cx, OP_add, x, one)));
    return or_log_2a(cx, x, un(cx, OP_log1p, bi(cx, OP_add, d, root)));
}

static void import_trig(Cx *cx, Value **in, Value **out)
{
    if (!need_float(cx, in[0], "the input")) return;
    Value *x = wide(cx, in[0]), *y;
    Value *one = scalar(cx, x->type.dtype, 1);
    switch (cx->op->arg) {
    case TAN: y = bi(cx, OP_div, un(cx, OP_sin, x), un(cx, OP_cos, x)); break;
    case ATAN: y = bi(cx, OP_atan2, x, one); break;
    case ASIN: y = bi(cx, OP_atan2, x, leg(cx, x, one)); break;
    case ACOS: y = bi(cx, OP_atan2, leg(cx, x, one), x); break;
    case SINH: y = sinh_of(cx, x, one); break;
    case COSH: y = cosh_of(cx, x); break;
    case ASINH: y = asinh_of(cx, x, one); break;
    case ACOSH: y = acosh_of(cx, x, one); break;
    default: {
        Value *d = bi(cx, OP_sub, un(cx, OP_log1p, x), un(cx, OP_log1p, un(cx, OP_neg, x)));
        y = bi(cx, OP_mul, scalar(cx, x->type.dtype, 0.5), d);
    }
    }
    out[0] = y ? ir_cast(&cx->b, y, in[0]->type.dtype) : NULL;
}

/* -- Error and gamma functions ------------------------------------------------------------------------ */
static void import_special(Cx *cx, Value **in, Value **out)
{
    if (!need_float(cx, in[0], "the input")) return;
    Value *y = un(cx, (OpCode)cx->op->arg, wide(cx, in[0]));
    out[0] = y ? ir_cast(&cx->b, y, in[0]->type.dtype) : NULL;
}

static void import_erfinv(Cx *cx, Value **in, Value **out)
{
    if (!need_float(cx, in[0], "the input")) return;
    Value *x = wide(cx, in[0]), *half = scalar(cx, x->type.dtype, 0.5);
    Value *y = un(cx, OP_ndtri, bi(cx, OP_add, bi(cx, OP_mul, half, x), half));
    y = y ? bi(cx, OP_mul, y, scalar(cx, x->type.dtype, M_SQRT1_2)) : NULL;
    out[0] = y ? ir_cast(&cx->b, y, in[0]->type.dtype) : NULL;
}

/* -- Bits --------------------------------------------------------------------------------------------- */
static void import_unary(Cx *cx, Value **in, Value **out)
{
    out[0] = un(cx, (OpCode)cx->op->arg, in[0]);
}

static void import_binary(Cx *cx, Value **in, Value **out)
{
    out[0] = bi(cx, (OpCode)cx->op->arg, in[0], in[1]);
}

static void import_invert(Cx *cx, Value **in, Value **out)
{
    out[0] = bi(cx, OP_bit_xor, in[0], ir_const_i(&cx->b, in[0]->type.dtype, -1));
}

static Value *as(Cx *cx, Value *x, DType t)
{
    return x ? ir_v(&cx->b, OP_bitcast, IN(x), AT(at_t("to", t))) : NULL;
}

/* The bits of a positive number count the numbers below it; those of a negative one do so downwards. */
static void import_next_after(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0], *y = in[1];
    DType t = x->type.dtype, i = dtype_size(t) == 8 ? JITC_INT64 : JITC_INT32;
    if (!need_float(cx, x, "the input")) return;
    if (dtype_size(t) == 2) {
        fail(cx, "type %s is not supported", dtype_name(t));
        return;
    }
    Value *fzero = scalar(cx, t, 0), *zero = ir_const_i(&cx->b, i, 0), *one = ir_const_i(&cx->b, i, 1);
    Value *nan = bi(cx, OP_add, x, y), *low = bi(cx, OP_less, x, fzero);
    if (!nan || !low) return;
    Value *up = bi(cx, OP_less, x, y), *away = bi(cx, OP_not_equal, low, up), *bits = as(cx, x, i);
    Value *step = pick(cx, away, one, ir_const_i(&cx->b, i, -1));
    Value *tiny = pick(cx, up, one, ir_const_i(&cx->b, i, i == JITC_INT64 ? INT64_MIN + 1 : INT32_MIN + 1));
    Value *next =
        pick(cx, bi(cx, OP_equal, bi(cx, OP_shift_left, bits, one), zero), tiny, bi(cx, OP_add, bits, step));
    next = as(cx, next, t);
    next = next ? pick(cx, bi(cx, OP_equal, x, y), y, next) : NULL;
    out[0] = next ? pick(cx, un(cx, OP_is_nan, nan), nan, next) : NULL;
}

const TfOp tf_special_ops[] = {
    {"Tan", import_trig, 1, 0, 1, TAN},
    {"Atan", import_trig, 1, 0, 1, ATAN},
    {"Asin", import_trig, 1, 0, 1, ASIN},
    {"Acos", import_trig, 1, 0, 1, ACOS},
    {"Sinh", import_trig, 1, 0, 1, SINH},
    {"Cosh", import_trig, 1, 0, 1, COSH},
    {"Asinh", import_trig, 1, 0, 1, ASINH},
    {"Acosh", import_trig, 1, 0, 1, ACOSH},
    {"Atanh", import_trig, 1, 0, 1, ATANH},
    {"Erfc", import_special, 1, 0, 1, OP_erfc},
    {"Erfinv", import_erfinv, 1, 0, 1, 0},
    {"Ndtri", import_special, 1, 0, 1, OP_ndtri},
    {"Lgamma", import_special, 1, 0, 1, OP_lgamma},
    {"Digamma", import_special, 1, 0, 1, OP_digamma},
    {"BitwiseAnd", import_binary, 2, 0, 1, OP_bit_and},
    {"BitwiseOr", import_binary, 2, 0, 1, OP_bit_or},
    {"BitwiseXor", import_binary, 2, 0, 1, OP_bit_xor},
    {"Invert", import_invert, 1, 0, 1, 0},
    {"LeftShift", import_binary, 2, 0, 1, OP_shift_left},
    {"RightShift", import_binary, 2, 0, 1, OP_shift_right},
    {"PopulationCount", import_unary, 1, 0, 1, OP_popcount},
    {"NextAfter", import_next_after, 2, 0, 1, 0},
    {0},
};
