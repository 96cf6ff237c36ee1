/* Elementwise operations. */
#include <math.h>

#include "frontend/tf/tf.h"

static void import_unary(Cx *cx, Value **in, Value **out)
{
    out[0] = ir_unary(&cx->b, (OpCode)cx->op->arg, in[0]);
}

static void import_binary(Cx *cx, Value **in, Value **out)
{
    out[0] = ir_binary(&cx->b, (OpCode)cx->op->arg, in[0], in[1]);
}

/* NaN and Inf tests of integers, rounding of integers: nothing to do. */
static void import_round(Cx *cx, Value **in, Value **out)
{
    out[0] = dtype_is_float(in[0]->type.dtype) ? ir_unary(&cx->b, (OpCode)cx->op->arg, in[0]) : in[0];
}

static void import_leaky_relu(Cx *cx, Value **in, Value **out)
{
    out[0] = ir_v(&cx->b, OP_leaky_relu, IN(in[0]), AT(at_f("alpha", get_float(cx, "alpha", (double)0.2f))));
}

static void import_clip(Cx *cx, Value **in, Value **out)
{
    Value *v = ir_v(&cx->b, OP_clamp, IN(in[0], in[1], in[2]), NO_ATTRS);
    if (v && v->type.rank != in[0]->type.rank) fail(cx, "the bounds have more dimensions than the tensor");
    out[0] = v;
}

static void import_cast(Cx *cx, Value **in, Value **out)
{
    DType to = get_type(cx, "DstT", 0), from = in[0]->type.dtype;
    bool narrow = dtype_is_float(to) && dtype_is_float(from) && dtype_size(to) < dtype_size(from);
    if (!cx->failed && need_attr(cx, "DstT")) {
        if (narrow && get_bool(cx, "Truncate", false))
            fail(cx, "Truncate from %s to %s is not supported", dtype_name(from), dtype_name(to));
        else
            out[0] = ir_cast(&cx->b, in[0], to);
    }
}

/* The same bits as another type. */
static void import_bitcast(Cx *cx, Value **in, Value **out)
{
    DType to = get_type(cx, "type", 0);
    if (cx->failed || !need_attr(cx, "type")) return;
    out[0] = ir_v(&cx->b, OP_bitcast, IN(in[0]), AT(at_t("to", to)));
}

static void import_add_n(Cx *cx, Value **in, Value **out)
{
    Value *sum = in[0];
    for (uint32_t i = 1; i < cx->node->ninputs; i++) {
        if (in[i]->type.rank != in[0]->type.rank) {
            fail(cx, "inputs 0 and %u differ in shape: %s and %s", i, type_string(cx, &in[0]->type),
                 type_string(cx, &in[i]->type));
            return;
        }
        sum = ir_binary(&cx->b, OP_add, sum, in[i]);
    }
    out[0] = sum;
}

/* The first version takes a condition per row, or one for all; operands never broadcast. */
static void import_select_v1(Cx *cx, Value **in, Value **out)
{
    Value *cond = in[0];
    int rank = in[1]->type.rank;
    if (cond->type.rank == 1 && rank > 1) {
        Dim dim[IR_MAX_RANK] = {cond->type.dim[0]};
        for (int d = 1; d < rank; d++) dim[d] = 1;
        cond = ir_reshape(&cx->b, cond, dim, rank);
    }
    out[0] = ir_v(&cx->b, OP_select, IN(cond, in[1], in[2]), NO_ATTRS);
}

static void import_select(Cx *cx, Value **in, Value **out)
{
    out[0] = ir_v(&cx->b, OP_select, IN(in[0], in[1], in[2]), NO_ATTRS);
}

static Value *un(Cx *cx, OpCode code, Value *x)
{
    return ir_unary(&cx->b, code, x);
}
static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}

/* x and y in f(x, y), but 0 where `of` is 0. */
static Value *zero_where(Cx *cx, Value *of, Value *v)
{
    Value *zero = scalar(cx, of->type.dtype, 0);
    return ir_v(&cx->b, OP_select, IN(bi(cx, OP_equal, of, zero), zero, v), NO_ATTRS);
}

static void import_xdivy(Cx *cx, Value **in, Value **out)
{
    out[0] = zero_where(cx, in[0], bi(cx, OP_div, in[0], in[1]));
}

static void import_xlogy(Cx *cx, Value **in, Value **out)
{
    out[0] = zero_where(cx, in[0], bi(cx, OP_mul, in[0], un(cx, OP_log, in[1])));
}

static void import_xlog1py(Cx *cx, Value **in, Value **out)
{
    out[0] = zero_where(cx, in[0], bi(cx, OP_mul, in[0], un(cx, OP_log1p, in[1])));
}

static void import_mul_no_nan(Cx *cx, Value **in, Value **out)
{
    out[0] = zero_where(cx, in[1], bi(cx, OP_mul, in[0], in[1]));
}

static void import_erfc(Cx *cx, Value **in, Value **out)
{
    if (need_float(cx, in[0], "the input"))
        out[0] = bi(cx, OP_sub, scalar(cx, in[0]->type.dtype, 1), un(cx, OP_erf, in[0]));
}

/* -- Trigonometric and hyperbolic functions that the IR composes -------------------------------------- */
enum { TAN, ATAN, ASIN, ACOS, SINH, COSH, ASINH, ACOSH, ATANH };

/* sqrt(1 - x^2), without cancellation */
static Value *leg(Cx *cx, Value *x, Value *one)
{
    return un(cx, OP_sqrt, bi(cx, OP_mul, bi(cx, OP_sub, one, x), bi(cx, OP_add, one, x)));
}

static Value *sinh_of(Cx *cx, Value *x, Value *one)
{
    Value *e = un(cx, OP_expm1, un(cx, OP_abs, x)); /* sinh |x| = (e + e / (e + 1)) / 2 */
    Value *far = bi(cx, OP_equal, e, scalar(cx, x->type.dtype, (double)INFINITY));
    Value *back = ir_v(&cx->b, OP_select, IN(far, one, bi(cx, OP_div, e, bi(cx, OP_add, e, one))), NO_ATTRS);
    Value *half = scalar(cx, x->type.dtype, 0.5);
    Value *s = bi(cx, OP_add, bi(cx, OP_mul, half, e), bi(cx, OP_mul, half, back));
    return bi(cx, OP_mul, un(cx, OP_sign, x), s);
}

static Value *asinh_of(Cx *cx, Value *x, Value *one)
{
    Value *a = un(cx, OP_abs, x); /* log1p(a + a^2 / (1 + sqrt(a^2 + 1))) */
    Value *root = un(cx, OP_sqrt, bi(cx, OP_add, un(cx, OP_square, a), one));
    Value *more = bi(cx, OP_mul, a, bi(cx, OP_div, a, bi(cx, OP_add, one, root)));
    return bi(cx, OP_mul, un(cx, OP_sign, x), un(cx, OP_log1p, bi(cx, OP_add, a, more)));
}

static void import_trig(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0];
    if (!need_float(cx, x, "the input")) return;
    Value *one = scalar(cx, x->type.dtype, 1), *half = scalar(cx, x->type.dtype, 0.5);
    switch (cx->op->arg) {
    case TAN: out[0] = bi(cx, OP_div, un(cx, OP_sin, x), un(cx, OP_cos, x)); break;
    case ATAN: out[0] = bi(cx, OP_atan2, x, one); break;
    case ASIN: out[0] = bi(cx, OP_atan2, x, leg(cx, x, one)); break;
    case ACOS: out[0] = bi(cx, OP_atan2, leg(cx, x, one), x); break;
    case SINH: out[0] = sinh_of(cx, x, one); break;
    case COSH: {
        Value *e = un(cx, OP_exp, un(cx, OP_abs, x));
        out[0] = bi(cx, OP_add, bi(cx, OP_mul, half, e), bi(cx, OP_div, half, e));
        break;
    }
    case ASINH: out[0] = asinh_of(cx, x, one); break;
    case ACOSH: {
        Value *root =
            bi(cx, OP_mul, un(cx, OP_sqrt, bi(cx, OP_sub, x, one)), un(cx, OP_sqrt, bi(cx, OP_add, x, one)));
        out[0] = un(cx, OP_log, bi(cx, OP_add, x, root));
        break;
    }
    default: {
        Value *d = bi(cx, OP_sub, un(cx, OP_log1p, x), un(cx, OP_log1p, un(cx, OP_neg, x)));
        out[0] = bi(cx, OP_mul, half, d);
    }
    }
}

const TfOp tf_math_ops[] = {
    {"Abs", import_unary, 1, 0, 1, OP_abs},
    {"Neg", import_unary, 1, 0, 1, OP_neg},
    {"Sign", import_unary, 1, 0, 1, OP_sign},
    {"Floor", import_round, 1, 0, 1, OP_floor},
    {"Ceil", import_round, 1, 0, 1, OP_ceil},
    {"Round", import_round, 1, 0, 1, OP_rint},
    {"Rint", import_round, 1, 0, 1, OP_rint},
    {"Sqrt", import_unary, 1, 0, 1, OP_sqrt},
    {"Rsqrt", import_unary, 1, 0, 1, OP_rsqrt},
    {"Square", import_unary, 1, 0, 1, OP_square},
    {"Reciprocal", import_unary, 1, 0, 1, OP_reciprocal},
    {"Inv", import_unary, 1, 0, 1, OP_reciprocal},
    {"Exp", import_unary, 1, 0, 1, OP_exp},
    {"Expm1", import_unary, 1, 0, 1, OP_expm1},
    {"Log", import_unary, 1, 0, 1, OP_log},
    {"Log1p", import_unary, 1, 0, 1, OP_log1p},
    {"Sin", import_unary, 1, 0, 1, OP_sin},
    {"Cos", import_unary, 1, 0, 1, OP_cos},
    {"Tan", import_trig, 1, 0, 1, TAN},
    {"Atan", import_trig, 1, 0, 1, ATAN},
    {"Asin", import_trig, 1, 0, 1, ASIN},
    {"Acos", import_trig, 1, 0, 1, ACOS},
    {"Sinh", import_trig, 1, 0, 1, SINH},
    {"Cosh", import_trig, 1, 0, 1, COSH},
    {"Asinh", import_trig, 1, 0, 1, ASINH},
    {"Acosh", import_trig, 1, 0, 1, ACOSH},
    {"Atanh", import_trig, 1, 0, 1, ATANH},
    {"Tanh", import_unary, 1, 0, 1, OP_tanh},
    {"Sigmoid", import_unary, 1, 0, 1, OP_sigmoid},
    {"Erf", import_unary, 1, 0, 1, OP_erf},
    {"Erfc", import_erfc, 1, 0, 1, 0},
    {"Relu", import_unary, 1, 0, 1, OP_relu},
    {"Relu6", import_unary, 1, 0, 1, OP_relu6},
    {"Elu", import_unary, 1, 0, 1, OP_elu},
    {"Selu", import_unary, 1, 0, 1, OP_selu},
    {"LeakyRelu", import_leaky_relu, 1, 0, 1, 0},
    {"Softplus", import_unary, 1, 0, 1, OP_softplus},
    {"Softsign", import_unary, 1, 0, 1, OP_softsign},
    {"LogicalNot", import_unary, 1, 0, 1, OP_logical_not},
    {"IsNan", import_unary, 1, 0, 1, OP_is_nan},
    {"IsInf", import_unary, 1, 0, 1, OP_is_inf},
    {"IsFinite", import_unary, 1, 0, 1, OP_is_finite},
    {"Add", import_binary, 2, 0, 1, OP_add},
    {"AddV2", import_binary, 2, 0, 1, OP_add},
    {"Sub", import_binary, 2, 0, 1, OP_sub},
    {"Mul", import_binary, 2, 0, 1, OP_mul},
    {"MulNoNan", import_mul_no_nan, 2, 0, 1, 0},
    {"Div", import_binary, 2, 0, 1, OP_div},
    {"RealDiv", import_binary, 2, 0, 1, OP_div},
    {"TruncateDiv", import_binary, 2, 0, 1, OP_div},
    {"DivNoNan", import_binary, 2, 0, 1, OP_div_no_nan},
    {"Xdivy", import_xdivy, 2, 0, 1, 0},
    {"Xlogy", import_xlogy, 2, 0, 1, 0},
    {"Xlog1py", import_xlog1py, 2, 0, 1, 0},
    {"FloorDiv", import_binary, 2, 0, 1, OP_floor_div},
    {"FloorMod", import_binary, 2, 0, 1, OP_floor_mod},
    {"Mod", import_binary, 2, 0, 1, OP_trunc_mod},
    {"TruncateMod", import_binary, 2, 0, 1, OP_trunc_mod},
    {"Pow", import_binary, 2, 0, 1, OP_pow},
    {"Atan2", import_binary, 2, 0, 1, OP_atan2},
    {"Maximum", import_binary, 2, 0, 1, OP_maximum},
    {"Minimum", import_binary, 2, 0, 1, OP_minimum},
    {"SquaredDifference", import_binary, 2, 0, 1, OP_squared_difference},
    {"Equal", import_binary, 2, 0, 1, OP_equal},
    {"NotEqual", import_binary, 2, 0, 1, OP_not_equal},
    {"Less", import_binary, 2, 0, 1, OP_less},
    {"LessEqual", import_binary, 2, 0, 1, OP_less_equal},
    {"Greater", import_binary, 2, 0, 1, OP_greater},
    {"GreaterEqual", import_binary, 2, 0, 1, OP_greater_equal},
    {"LogicalAnd", import_binary, 2, 0, 1, OP_logical_and},
    {"LogicalOr", import_binary, 2, 0, 1, OP_logical_or},
    {"LogicalXor", import_binary, 2, 0, 1, OP_not_equal},
    {"Select", import_select_v1, 3, 0, 1, 0},
    {"SelectV2", import_select, 3, 0, 1, 0},
    {"ClipByValue", import_clip, 3, 0, 1, 0},
    {"Cast", import_cast, 1, 0, 1, 0},
    {"Bitcast", import_bitcast, 1, 0, 1, 0},
    {"AddN", import_add_n, 1, -1, 1, 0},
    {0},
};
