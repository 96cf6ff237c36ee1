/* Elementwise operations. */
#include "frontend/tf/complex.h"

static void import_unary(Cx *cx, Value **in, Value **out)
{
    out[0] = ir_unary(&cx->b, (OpCode)cx->op->arg, in[0]);
}

static void import_binary(Cx *cx, Value **in, Value **out)
{
    out[0] = ir_binary(&cx->b, (OpCode)cx->op->arg, in[0], in[1]);
}

/* y of integers, where it fits; else the run fails. Sizes are not looked at: they are never negative, and one
 * that is 0 has no quotient. */
static Value *fit_operand(Cx *cx, Value *y, OpCode fits, const char *report)
{
    Dim d[64];
    int64_t n = type_static(&y->type) ? type_numel(&y->type) : 65, axes[IR_MAX_RANK];
    if (!dtype_is_int(y->type.dtype) || (!is_const(y) && n <= 64 && ir_dims_of(cx->m, y, d, (int)n)))
        return y;
    const Tensor *t = ir_reveal(cx->m, y);
    Value *ok = ir_binary(&cx->b, fits, y, scalar(cx, y->type.dtype, 0));
    bool good = true;
    for (int64_t i = 0; t && i < n; i++) {
        int64_t v = tensor_i(t, i);
        good = good && (fits == OP_not_equal ? v != 0 : v >= 0);
    }
    if (t && good) return y;
    if (t) {
        fail(cx, "%s", report);
        return NULL;
    }
    for (int k = 0; k < y->type.rank; k++) axes[k] = k;
    return checked_as(cx, y, ok ? reduce(cx, OP_reduce_all, ok, axes, y->type.rank, false) : NULL, report);
}

static Value *divisor(Cx *cx, Value *y)
{
    return fit_operand(cx, y, OP_not_equal, "integer division by zero");
}

static void import_divide(Cx *cx, Value **in, Value **out)
{
    Value *y = divisor(cx, in[1]);
    if (y) out[0] = ir_binary(&cx->b, (OpCode)cx->op->arg, in[0], y);
}

static void import_pow(Cx *cx, Value **in, Value **out)
{
    Value *y = in[1];
    if (dtype_is_signed(y->type.dtype))
        y = fit_operand(cx, y, OP_greater_equal, "an integer to the power of a negative one");
    if (y) out[0] = ir_binary(&cx->b, OP_pow, in[0], y);
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
        else if (dtype_is_complex(to))
            out[0] = complex_cast(cx, in[0], to);
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

/* Integer quotients truncate anyway. */
static void import_truncate_div(Cx *cx, Value **in, Value **out)
{
    Value *y = divisor(cx, in[1]), *q = y ? bi(cx, OP_div, in[0], y) : NULL;
    if (q && dtype_is_float(q->type.dtype)) {
        Value *down = bi(cx, OP_less, q, scalar(cx, q->type.dtype, 0));
        q = ir_v(&cx->b, OP_select, IN(down, un(cx, OP_ceil, q), un(cx, OP_floor, q)), NO_ATTRS);
    }
    out[0] = q;
}

static void import_approximate_equal(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0], *tolerance = scalar(cx, x->type.dtype, get_float(cx, "tolerance", (double)1e-5f));
    if (x->type.rank != in[1]->type.rank) {
        fail(cx, "the inputs differ in shape: %s and %s", type_string(cx, &x->type),
             type_string(cx, &in[1]->type));
        return;
    }
    out[0] = bi(cx, OP_less_equal, un(cx, OP_abs, bi(cx, OP_sub, x, in[1])), tolerance);
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
    {"Tanh", import_unary, 1, 0, 1, OP_tanh},
    {"Sigmoid", import_unary, 1, 0, 1, OP_sigmoid},
    {"Erf", import_unary, 1, 0, 1, OP_erf},
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
    {"Div", import_divide, 2, 0, 1, OP_div},
    {"RealDiv", import_binary, 2, 0, 1, OP_div},
    {"TruncateDiv", import_truncate_div, 2, 0, 1, 0},
    {"DivNoNan", import_binary, 2, 0, 1, OP_div_no_nan},
    {"Xdivy", import_xdivy, 2, 0, 1, 0},
    {"Xlogy", import_xlogy, 2, 0, 1, 0},
    {"Xlog1py", import_xlog1py, 2, 0, 1, 0},
    {"FloorDiv", import_divide, 2, 0, 1, OP_floor_div},
    {"FloorMod", import_divide, 2, 0, 1, OP_floor_mod},
    {"Mod", import_divide, 2, 0, 1, OP_trunc_mod},
    {"TruncateMod", import_divide, 2, 0, 1, OP_trunc_mod},
    {"Pow", import_pow, 2, 0, 1, 0},
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
    {"ApproximateEqual", import_approximate_equal, 2, 0, 1, 0},
    {"Select", import_select_v1, 3, 0, 1, 0},
    {"SelectV2", import_select, 3, 0, 1, 0},
    {"ClipByValue", import_clip, 3, 0, 1, 0},
    {"Cast", import_cast, 1, 0, 1, 0},
    {"Bitcast", import_bitcast, 1, 0, 1, 0},
    {"AddN", import_add_n, 1, -1, 1, 0},
    {0},
};
