/* Operations on quantised tensors: in plain integers, after taking away what stands for 0. */
#include <math.h>

#include "frontend/tf/quant.h"

static bool need_quantised(Cx *cx, const Value *v, const char *what)
{
    if (dtype_is_int(v->type.dtype) && dtype_size(v->type.dtype) <= 4) return true;
    fail(cx, "%s must be quantised, but is %s", what, type_string(cx, &v->type));
    return false;
}

/* Two operands, their ranges behind them. */
static bool two_ranges(Cx *cx, Value **in, Range *a, Range *b)
{
    return need_quantised(cx, in[0], "the first operand") &&
           need_quantised(cx, in[1], "the second operand") && q_range(cx, in[2], in[3], a) &&
           q_range(cx, in[4], in[5], b);
}

/* The type of the result is i32. */
static bool gives_i32(Cx *cx, const char *attr)
{
    DType t = get_type(cx, attr, JITC_INT32);
    if (!cx->failed && t != JITC_INT32)
        fail(cx, "attribute '%s' is %s; qint32 is supported", attr, dtype_name(t));
    return !cx->failed;
}

/* i32, and 0 where the number it stands for is 0 */
static Value *centred(Cx *cx, Value *x, Range r)
{
    return q_sub(cx, q_cast(cx, x, JITC_INT32), q_zero(cx, x->type.dtype, r));
}

static void give(Value *y, Range r, Value **out)
{
    out[0] = y;
    out[1] = r.lo;
    out[2] = r.hi;
}

/* -- Products ----------------------------------------------------------------------------------------- */
/* TensorFlow puts the windows in the middle of what they cover, where others leave the rest at the end. */
static bool middle_pads(Cx *cx, Value **x, Window *w, const Dim *k)
{
    for (int d = 0; d < 2; d++) {
        Dim n = (*x)->type.dim[1 + d];
        if (!window_pads(cx, w, d, n, k[d])) return false;
        if (!dim_known(n)) continue;
        int64_t s = w->strides[d], many = w->padding == PAD_SAME ? (n + s - 1) / s
                                          : n < k[d]             ? 0
                                                                 : (n - k[d]) / s + 1;
        int64_t slack = (many - 1) * s + k[d] - n;
        if (many < 1) continue;
        w->lo[d] = max_i64(slack, 0) / 2;
        w->hi[d] = max_i64(slack, 0) - w->lo[d];
        if (slack < -1) *x = slice_axis(cx, *x, 1 + d, -slack / 2, n + slack / 2);
        if (!*x) return false;
    }
    w->padding = PAD_EXPLICIT;
    return true;
}

static void import_q_conv(Cx *cx, Value **in, Value **out)
{
    bool by_channel = cx->op->arg == 1, deep = cx->op->arg == 2;
    Window w;
    Range a, b = {in[4], in[5]};
    if (!window_attrs(cx, &w, 2) || !window_ints(cx, &w, "strides", true, w.strides) ||
        !gives_i32(cx, "out_type"))
        return;
    if (!need_quantised(cx, in[0], "the input") || !need_quantised(cx, in[1], "the filter")) return;
    if (!need_rank(cx, in[0], "the input", 4, 4) || !need_rank(cx, in[1], "the filter", 4, 4)) return;
    if (!q_range(cx, in[2], in[3], &a) || (!by_channel && !q_range(cx, in[4], in[5], &b))) return;
    if (w.dilations[0] != 1 || w.dilations[1] != 1 || w.nchw) {
        fail(cx, "dilations and NCHW are not possible here");
        return;
    }
    bool symmetric = in[1]->type.dtype == JITC_INT8; /* as oneDNN has it: no number stands in for 0 */
    Value *x = symmetric ? q_cast(cx, in[0], JITC_INT32) : centred(cx, in[0], a);
    Value *f = symmetric ? q_cast(cx, in[1], JITC_INT32) : centred(cx, in[1], b);
    if (!x || !f || (!symmetric && !middle_pads(cx, &x, &w, f->type.dim))) return;
    Range r = symmetric ? q_symmetric_range(cx, in[0]->type.dtype, a, in[1]->type.dtype, b)
                        : q_product_range(cx, in[0]->type.dtype, a, in[1]->type.dtype, b);
    give((deep ? depthwise : conv_any)(cx, x, f, &w), r, out);
}

static void import_q_matmul(Cx *cx, Value **in, Value **out)
{
    bool ta = get_bool(cx, "transpose_a", false), tb = get_bool(cx, "transpose_b", false);
    Range a, b;
    if (!gives_i32(cx, "Toutput") || !need_rank(cx, in[0], "a", 2, 2) || !need_rank(cx, in[1], "b", 2, 2))
        return;
    if (!two_ranges(cx, in, &a, &b)) return;
    Value *x = centred(cx, in[0], a), *y = centred(cx, in[1], b);
    if (x && y)
        give(dot(cx, x, y, ta, tb), q_product_range(cx, in[0]->type.dtype, a, in[1]->type.dtype, b), out);
}

static void import_q_mul(Cx *cx, Value **in, Value **out)
{
    Range a, b;
    if (!gives_i32(cx, "Toutput") || !two_ranges(cx, in, &a, &b)) return;
    give(q_mul(cx, centred(cx, in[0], a), centred(cx, in[1], b)),
         q_product_range(cx, in[0]->type.dtype, a, in[1]->type.dtype, b), out);
}

/* -- Sums --------------------------------------------------------------------------------------------- */
/* Along the line through what 0 and 1 become. */
static Value *in_sum_range(Cx *cx, Value *x, Range from, Range to)
{
    DType t = x->type.dtype;
    Value *zero = q_to_float(cx, q_f64(cx, 0), t, from), *one = q_to_float(cx, q_f64(cx, 1), t, from);
    zero = q_unclamped(cx, zero, JITC_INT32, to);
    one =
        q_cast(cx, q_cast(cx, q_sub(cx, q_unclamped(cx, one, JITC_INT32, to), zero), JITC_INT32), JITC_INT64);
    Value *y = q_add(cx, zero, q_mul(cx, q_cast(cx, x, JITC_INT64), one));
    return q_cast(cx, q_clamp(cx, y, q_i64(cx, INT32_MIN), q_i64(cx, INT32_MAX)), JITC_INT32);
}

static bool one_element(const Value *v)
{
    bool one = true;
    for (int d = 0; d < v->type.rank; d++) one = one && v->type.dim[d] == 1;
    return one;
}

/* TensorFlow takes a single number through f32, and the others along the line. */
static Value *summand(Cx *cx, Value *x, Range from, Range to, bool single)
{
    if (!single) return in_sum_range(cx, x, from, to);
    return q_from_float(cx, q_to_float(cx, x, x->type.dtype, from), JITC_INT32, to);
}

static void import_q_add(Cx *cx, Value **in, Value **out)
{
    Range a, b;
    if (!gives_i32(cx, "Toutput") || !two_ranges(cx, in, &a, &b)) return;
    Value *least = q_un(cx, OP_abs, q_bi(cx, OP_minimum, a.lo, b.lo));
    Value *most = q_un(cx, OP_abs, q_bi(cx, OP_maximum, a.hi, b.hi));
    Value *hi = q_mul(cx, q_bi(cx, OP_maximum, least, most), q_f32(cx, 1 << 14));
    Range r = {q_un(cx, OP_neg, hi), hi};
    bool first = one_element(in[0]), second = !first && one_element(in[1]);
    give(q_add(cx, summand(cx, in[0], a, r, first), summand(cx, in[1], b, r, second)), r, out);
}

static void import_q_bias_add(Cx *cx, Value **in, Value **out)
{
    Range a, b, r;
    if (!gives_i32(cx, "out_type") || !two_ranges(cx, in, &a, &b)) return;
    if (!need_rank(cx, in[0], "the value", 2, IR_MAX_RANK) || !need_rank(cx, in[1], "the bias", 1, 1)) return;
    r.hi = q_bi(cx, OP_maximum, b.hi, q_un(cx, OP_neg, b.lo));
    r.hi = q_bi(cx, OP_maximum, a.hi, q_bi(cx, OP_maximum, q_un(cx, OP_neg, a.lo), r.hi));
    r.hi = q_mul(cx, r.hi, q_f32(cx, 1 << 17));
    r.lo = q_un(cx, OP_neg, r.hi);
    Value *x = q_requantize(cx, in[0], JITC_INT32, a, r), *y = q_requantize(cx, in[1], JITC_INT32, b, r);
    y = q_add(cx, y, q_from_float(cx, q_f32(cx, 0), JITC_INT32, r));
    give(q_add(cx, x, y), r, out);
}

/* -- Elementwise, pooling, shapes --------------------------------------------------------------------- */
enum { RELU, RELU6, RELU_X };

static void import_q_relu(Cx *cx, Value **in, Value **out)
{
    Range r;
    int at = cx->op->arg == RELU_X ? 2 : 1;
    DType t = in[0]->type.dtype, to = get_type(cx, "out_type", JITC_UINT8);
    if (cx->failed || !need_quantised(cx, in[0], "the input") || !q_range(cx, in[at], in[at + 1], &r)) return;
    if (t != to) {
        fail(cx, "from %s to %s is not possible", dtype_name(t), dtype_name(to));
        return;
    }
    Value *y = q_bi(cx, OP_maximum, in[0], q_from_float(cx, q_f32(cx, 0), t, r)), *top = q_f32(cx, 6);
    if (cx->op->arg == RELU_X) top = q_number(cx, in[1], "max_value");
    if (cx->op->arg != RELU) y = q_bi(cx, OP_minimum, y, top ? q_from_float(cx, top, t, r) : NULL);
    give(y, r, out);
}

static void import_q_pool(Cx *cx, Value **in, Value **out)
{
    Window w;
    Range r;
    DType t = in[0]->type.dtype;
    OpCode code = (OpCode)cx->op->arg;
    bool mean = code == OP_avg_pool;
    if (!need_rank(cx, in[0], "the input", 4, 4)) return;
    if (!window_attrs(cx, &w, 2) || !window_ints(cx, &w, "ksize", true, w.window) ||
        !window_ints(cx, &w, "strides", true, w.strides) || !need_quantised(cx, in[0], "the input") ||
        !q_range(cx, in[1], in[2], &r))
        return;
    Value *y = pool(cx, mean ? q_cast(cx, in[0], JITC_FLOAT64) : in[0], &w, code);
    if (y && mean) { /* the quotient of whole numbers truncates */
        Value *little = q_mul(cx, q_un(cx, OP_sign, y), q_f64(cx, 1e-9));
        y = q_cast(cx, q_add(cx, y, little), t);
    }
    give(y, r, out);
}

static void import_q_reshape(Cx *cx, Value **in, Value **out)
{
    Range r;
    if (!q_range(cx, in[2], in[3], &r)) return;
    import_reshape(cx, in, out);
    out[1] = r.lo;
    out[2] = r.hi;
}

static void import_q_concat(Cx *cx, Value **in, Value **out)
{
    bool v2 = cx->op->arg;
    int64_t n = get_int(cx, "N", 0), have = cx->node->ninputs;
    if (cx->failed) return;
    if (n < 1 || have != 3 * n + 1) {
        fail(cx, "attribute 'N' is %lld, but there are %lld inputs", (long long)n, (long long)have);
        return;
    }
    Value **x = in + !v2, **lo = v2 ? in + n + 1 : x + n, **hi = lo + n;
    DType t = x[0]->type.dtype;
    int axis = known_axis(cx, v2 ? in[n] : in[0], "the axis", x[0]->type.rank);
    if (axis < 0 || !need_quantised(cx, x[0], "the first value")) return;
    Range *r = job_array(cx->job, Range, n), all = {NULL, NULL};
    for (int64_t i = 0; i < n; i++) {
        if (!q_range(cx, lo[i], hi[i], &r[i])) return;
        all.lo = i ? q_bi(cx, OP_minimum, all.lo, r[i].lo) : r[i].lo;
        all.hi = i ? q_bi(cx, OP_maximum, all.hi, r[i].hi) : r[i].hi;
    }
    if (dtype_is_signed(t)) { /* the same distance on both sides of 0 */
        all.hi = q_bi(cx, OP_maximum, q_un(cx, OP_abs, all.lo), q_un(cx, OP_abs, all.hi));
        all.lo = q_un(cx, OP_neg, all.hi);
    }
    Value **y = job_array(cx->job, Value *, n);
    for (int64_t i = 0; i < n; i++) {
        Value *same = q_bi(cx, OP_logical_and, q_bi(cx, OP_equal, r[i].lo, all.lo),
                           q_bi(cx, OP_equal, r[i].hi, all.hi));
        y[i] = q_pick(cx, same, x[i], q_quantize(cx, q_dequantize(cx, x[i], r[i]), t, all));
        if (!y[i]) return;
    }
    give(concat(cx, y, (uint32_t)n, axis), all, out);
}

/* -- Normalisation ------------------------------------------------------------------------------------ */
static void import_q_instance_norm(Cx *cx, Value **in, Value **out)
{
    Range r, to;
    Value *x = in[0];
    bool given = get_bool(cx, "output_range_given", false);
    double lo = get_float(cx, "given_y_min", 0), hi = get_float(cx, "given_y_max", 0);
    double epsilon = get_float(cx, "variance_epsilon", (double)1e-5f),
           apart = get_float(cx, "min_separation", (double)1e-3f);
    if (cx->failed || !need_rank(cx, x, "the input", 4, 4) || !q_range(cx, in[1], in[2], &r)) return;
    if (x->type.dtype != JITC_UINT8) {
        fail(cx, "an input of %s is not supported; quint8 is", dtype_name(x->type.dtype));
        return;
    }
    int64_t axes[2] = {1, 2};
    Value *scale = q_div(cx, q_sub(cx, r.hi, r.lo), q_f32(cx, 255)), *f = q_cast(cx, x, JITC_FLOAT32);
    Value *off = q_sub(cx, f, reduce(cx, OP_reduce_mean, f, axes, 2, true));
    Value *spread = q_un(cx, OP_square, q_mul(cx, scale, off));
    if (!spread) return;
    spread = q_add(cx, reduce(cx, OP_reduce_mean, spread, axes, 2, true), q_f32(cx, epsilon));
    Value *y = q_mul(cx, q_mul(cx, scale, off), q_un(cx, OP_rsqrt, spread));
    if (!y) return;
    to.lo = given ? q_f32(cx, lo) : q_least(cx, y, OP_reduce_min);
    to.hi = given ? q_f32(cx, hi) : q_least(cx, y, OP_reduce_max);
    Value *least = q_add(cx, to.lo, q_f32(cx, apart));
    Value *tight = q_bi(cx, OP_less, q_sub(cx, to.hi, to.lo), q_f32(cx, apart));
    to.hi = q_pick(cx, tight, least, to.hi);
    give(q_quantize(cx, y, JITC_UINT8, to), to, out);
}

const TfOp tf_quant_ops[] = {
    {"QuantizedConv2D", import_q_conv, 6, 0, 3, 0},
    {"QuantizedConv2DPerChannel", import_q_conv, 6, 0, 3, 1},
    {"QuantizedDepthwiseConv2D", import_q_conv, 6, 0, 3, 2},
    {"QuantizedMatMul", import_q_matmul, 6, 0, 3, 0},
    {"QuantizedMul", import_q_mul, 6, 0, 3, 0},
    {"QuantizedAdd", import_q_add, 6, 0, 3, 0},
    {"QuantizedBiasAdd", import_q_bias_add, 6, 0, 3, 0},
    {"QuantizedRelu", import_q_relu, 3, 0, 3, RELU},
    {"QuantizedRelu6", import_q_relu, 3, 0, 3, RELU6},
    {"QuantizedReluX", import_q_relu, 4, 0, 3, RELU_X},
    {"QuantizedMaxPool", import_q_pool, 3, 0, 3, OP_max_pool},
    {"QuantizedAvgPool", import_q_pool, 3, 0, 3, OP_avg_pool},
    {"QuantizedReshape", import_q_reshape, 4, 0, 3, 0},
    {"QuantizedConcat", import_q_concat, 4, -1, 3, 0},
    {"QuantizedConcatV2", import_q_concat, 4, -1, 3, 1},
    {"QuantizedInstanceNorm", import_q_instance_norm, 3, 0, 3, 0},
    {0},
};
