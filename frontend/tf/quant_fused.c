/* Quantised products with a bias, an addition, an activation and a new range, as oneDNN has them: filters are
 * symmetric around 0, and so are inputs, but for the a of MIN_FIRST. The sums are integers, the rest is f32.
 */
#include "frontend/tf/quant.h"

enum { DEEP = 1, BIAS = 2, SUM = 4, RELU = 8, REQUANTIZE = 16, MATRIX = 32, DEQUANTIZE = 64 };

static Value *magnitude(Cx *cx, Range r)
{
    return q_bi(cx, OP_maximum, q_un(cx, OP_abs, r.lo), q_un(cx, OP_abs, r.hi));
}

static double levels(DType t)
{
    return q_highest(t);
}

static Value *image_sums(Cx *cx, Value *x, Value *f, bool deep)
{
    Window w;
    int64_t list[8];
    int n = get_ints(cx, "padding_list", list, 8);
    if (!window_attrs(cx, &w, 2) || !window_ints(cx, &w, "strides", true, w.strides)) return NULL;
    if (!need_rank(cx, x, "the input", 4, 4) || !need_rank(cx, f, "the filter", 4, 4)) return NULL;
    for (int i = 0; i < n; i++)
        if (list[i]) {
            fail(cx, "attribute 'padding_list' is not supported");
            return NULL;
        }
    x = q_cast(cx, x, JITC_INT32);
    f = q_cast(cx, f, JITC_INT32);
    return x && f ? (deep ? depthwise : conv_any)(cx, x, f, &w) : NULL;
}

static Value *matrix_sums(Cx *cx, Value *a, Value *b, bool *first)
{
    bool ta = get_bool(cx, "transpose_a", false), tb = get_bool(cx, "transpose_b", false);
    const char *mode = get_str(cx, "input_quant_mode", "MIN_FIRST");
    if (cx->failed || !need_rank(cx, a, "a", 2, 2) || !need_rank(cx, b, "b", 2, 2)) return NULL;
    *first = strcmp(mode, "MIN_FIRST") == 0;
    if (!*first && strcmp(mode, "SCALED") != 0) {
        fail(cx, "input_quant_mode '%s' is not possible; MIN_FIRST and SCALED are", mode);
        return NULL;
    }
    a = q_cast(cx, a, JITC_INT32);
    b = q_cast(cx, b, JITC_INT32);
    return a && b ? dot(cx, a, b, ta, tb) : NULL;
}

/* The sums over the matrix b, times what stands for 0 in a. */
static Value *offset_of(Cx *cx, Value *b, Range r)
{
    bool tb = get_bool(cx, "transpose_b", false);
    Value *f = q_cast(cx, b, JITC_FLOAT32), *span = q_sub(cx, r.hi, r.lo);
    Value *sums = f ? reduce(cx, OP_reduce_sum, f, (int64_t[]){tb}, 1, false) : NULL;
    return q_mul(cx, sums, q_div(cx, q_mul(cx, q_f32(cx, 255), r.lo), span));
}

static bool filter_range(Cx *cx, Value *lo, Value *hi, Range *r)
{
    *r = (Range){lo, hi};
    if (lo->type.rank == 0 || hi->type.rank == 0) return q_range(cx, lo, hi, r);
    return need_rank(cx, lo, "the filter's minimum", 1, 1) && need_rank(cx, hi, "the filter's maximum", 1, 1);
}

static void import_fused(Cx *cx, Value **in, Value **out)
{
    int what = cx->op->arg;
    DType a = in[0]->type.dtype, b = in[1]->type.dtype;
    bool matrix = what & MATRIX, first = false;
    Value **rest = in + 2, *bias = what & BIAS ? *rest++ : NULL;
    if (dtype_size(a) != 1 || b != JITC_INT8) {
        fail(cx, "operands %s and %s are not supported; (u)int8 and int8 are", type_string(cx, &in[0]->type),
             type_string(cx, &in[1]->type));
        return;
    }
    Range ra, rb, to = {NULL, NULL};
    if (!q_range(cx, rest[0], rest[1], &ra) || !filter_range(cx, rest[2], rest[3], &rb)) return;
    if (what & (REQUANTIZE | DEQUANTIZE) && !q_range(cx, rest[4], rest[5], &to)) return;
    DType t = get_type(cx, matrix ? "Toutput" : "out_type", what & RELU ? JITC_UINT8 : JITC_INT8);
    if (cx->failed) return;
    Value *sums = matrix ? matrix_sums(cx, in[0], in[1], &first) : image_sums(cx, in[0], in[1], what & DEEP);
    Value *y = q_cast(cx, sums, JITC_FLOAT32);
    Value *size = first && a == JITC_UINT8 ? q_sub(cx, ra.hi, ra.lo) : magnitude(cx, ra);
    Value *scale = q_div(cx, q_f32(cx, levels(a) * levels(b)), q_mul(cx, size, magnitude(cx, rb)));
    if (bias)
        y = q_add(cx, y,
                  dtype_is_float(bias->type.dtype) ? q_mul(cx, bias, scale) : q_cast(cx, bias, JITC_FLOAT32));
    if (first && a == JITC_UINT8) y = q_add(cx, y, offset_of(cx, in[1], ra));
    if (what & SUM) {
        Range rs;
        Value *more = rest[6];
        if (!q_range(cx, rest[7], rest[8], &rs)) return;
        Value *one = q_div(cx, magnitude(cx, rs), q_f32(cx, levels(more->type.dtype)));
        y = q_add(cx, y, q_mul(cx, q_cast(cx, more, JITC_FLOAT32), q_mul(cx, one, scale)));
    }
    if (what & RELU) y = q_un(cx, OP_relu, y);
    if (what & DEQUANTIZE) {
        out[0] = q_div(cx, y, scale);
        return;
    }
    if (what & REQUANTIZE) {
        Value *more = q_div(cx, q_f32(cx, levels(t)), q_mul(cx, scale, magnitude(cx, to)));
        y = q_un(cx, OP_rint, q_mul(cx, y, more));
        y = q_clamp(cx, y, q_f32(cx, q_lowest(t)), q_f32(cx, q_highest(t)));
    } else {
        t = JITC_INT32;
        y = q_un(cx, OP_rint, y);
        to = q_symmetric_range(cx, a, ra, b, rb);
    }
    out[0] = q_cast(cx, y, t);
    out[1] = to.lo;
    out[2] = to.hi;
}

const TfOp tf_quant_fused_ops[] = {
    {"QuantizedConv2DAndRelu", import_fused, 6, 0, 3, RELU},
    {"QuantizedConv2DAndRequantize", import_fused, 8, 0, 3, REQUANTIZE},
    {"QuantizedConv2DAndReluAndRequantize", import_fused, 8, 0, 3, RELU | REQUANTIZE},
    {"QuantizedConv2DWithBias", import_fused, 7, 0, 3, BIAS},
    {"QuantizedConv2DWithBiasAndRelu", import_fused, 7, 0, 3, BIAS | RELU},
    {"QuantizedConv2DWithBiasAndRequantize", import_fused, 9, 0, 3, BIAS | REQUANTIZE},
    {"QuantizedConv2DWithBiasAndReluAndRequantize", import_fused, 9, 0, 3, BIAS | RELU | REQUANTIZE},
    {"QuantizedConv2DWithBiasSumAndReluAndRequantize", import_fused, 12, 0, 3,
     BIAS | SUM | RELU | REQUANTIZE},
    {"QuantizedConv2DWithBiasSignedSumAndReluAndRequantize", import_fused, 12, 0, 3,
     BIAS | SUM | RELU | REQUANTIZE},
    {"QuantizedDepthwiseConv2DWithBias", import_fused, 7, 0, 3, DEEP | BIAS},
    {"QuantizedDepthwiseConv2DWithBiasAndRelu", import_fused, 7, 0, 3, DEEP | BIAS | RELU},
    {"QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize", import_fused, 9, 0, 3,
     DEEP | BIAS | RELU | REQUANTIZE},
    {"QuantizedMatMulWithBias", import_fused, 7, 0, 3, MATRIX | BIAS},
    {"QuantizedMatMulWithBiasAndRelu", import_fused, 7, 0, 3, MATRIX | BIAS | RELU},
    {"QuantizedMatMulWithBiasAndRequantize", import_fused, 9, 0, 3, MATRIX | BIAS | REQUANTIZE},
    {"QuantizedMatMulWithBiasAndReluAndRequantize", import_fused, 9, 0, 3, MATRIX | BIAS | RELU | REQUANTIZE},
    {"QuantizedMatMulWithBiasAndDequantize", import_fused, 9, 0, 1, MATRIX | BIAS | DEQUANTIZE},
    {0},
};
