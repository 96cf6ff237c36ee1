/* Normalisation. */
#include "frontend/tf/tf.h"

static Value *un(Cx *cx, OpCode code, Value *x)
{
    return ir_unary(&cx->b, code, x);
}
static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}

/* The statistics may have a wider type than x, in which the work is done. */
Value *batch_norm(Cx *cx, Value *x, Value *scale, Value *offset, Value *mean, Value *var, double epsilon)
{
    DType t = x->type.dtype, wide = var->type.dtype;
    Value *factor = un(cx, OP_rsqrt, bi(cx, OP_add, var, scalar(cx, wide, epsilon)));
    if (scale) factor = bi(cx, OP_mul, scale, factor);
    Value *shift = bi(cx, OP_sub, offset, bi(cx, OP_mul, mean, factor));
    Value *y = bi(cx, OP_add, bi(cx, OP_mul, ir_cast(&cx->b, x, wide), factor), shift);
    return ir_cast(&cx->b, y, t);
}

static bool is_vector_of(Cx *cx, const Value *v, const char *what, Dim c)
{
    if (v->type.rank == 1 && (!dim_known(c) || !dim_known(v->type.dim[0]) || v->type.dim[0] == c) &&
        dtype_is_float(v->type.dtype))
        return true;
    fail(cx, "%s must be one number per channel, but is %s", what, type_string(cx, &v->type));
    return false;
}

static Value *float_size(Cx *cx, Dim n, DType t)
{
    return ir_cast(&cx->b, size_value(cx, n, JITC_INT64), t);
}

/* Batch statistics: the way that training computes them, and some frozen graphs still do. */
static void train(Cx *cx, Value *x, Value **in, double epsilon, Value **out)
{
    static const int64_t axes[] = {0, 1, 2};
    DType wide = in[1]->type.dtype;
    double keep = 1 - get_float(cx, "exponential_avg_factor", 1);
    const Dim *d = x->type.dim;
    Value *xw = ir_cast(&cx->b, x, wide);
    Value *mean = reduce(cx, OP_reduce_mean, xw, axes, 3, false);
    Value *var = reduce(cx, OP_reduce_mean, bi(cx, OP_squared_difference, xw, mean), axes, 3, false);
    Value *y = mean && var ? batch_norm(cx, x, in[1], in[2], mean, var, epsilon) : NULL;
    if (!y) return;
    out[0] = y;
    out[3] = mean;
    out[4] = var;
    /* The variance handed on is the unbiased one. */
    Dim n = dims_product(cx, d, 3), less = dim_max(cx->m, dim_sub(cx->m, n, 1), 1);
    Value *unbias = dim_known(n) ? scalar(cx, wide, (double)n / (double)less)
                                 : bi(cx, OP_div, float_size(cx, n, wide), float_size(cx, less, wide));
    Value *running_mean = mean, *running_var = bi(cx, OP_mul, var, unbias);
    if (keep != 0) {
        Value *old = scalar(cx, wide, keep), *fresh = scalar(cx, wide, 1 - keep);
        if (!is_vector_of(cx, in[3], "the mean", d[3]) || !is_vector_of(cx, in[4], "the variance", d[3]))
            return;
        running_mean = bi(cx, OP_add, bi(cx, OP_mul, in[3], old), bi(cx, OP_mul, running_mean, fresh));
        running_var = bi(cx, OP_add, bi(cx, OP_mul, in[4], old), bi(cx, OP_mul, running_var, fresh));
    }
    out[1] = running_mean;
    out[2] = running_var;
}

static void import_fused_batch_norm(Cx *cx, Value **in, Value **out)
{
    bool nchw = get_nchw(cx), training = get_bool(cx, "is_training", true);
    double epsilon = get_float(cx, "epsilon", (double)0.0001f);
    if (cx->failed || !need_rank(cx, in[0], "the input", 4, 4) || !need_float(cx, in[0], "the input")) return;
    Value *x = to_nhwc(cx, in[0], nchw);
    if (!x) return;
    Dim c = x->type.dim[3];
    if (!is_vector_of(cx, in[1], "the scale", c) || !is_vector_of(cx, in[2], "the offset", c)) return;
    if (training) {
        train(cx, x, in, epsilon, out);
    } else {
        if (!is_vector_of(cx, in[3], "the mean", c) || !is_vector_of(cx, in[4], "the variance", c)) return;
        out[0] = batch_norm(cx, x, in[1], in[2], in[3], in[4], epsilon);
        out[1] = out[3] = in[3];
        out[2] = out[4] = in[4];
    }
    out[0] = from_nhwc(cx, out[0], nchw);
    if (cx->op->nout == 6) out[5] = scalar(cx, in[1]->type.dtype, 0);
}

/* The input, batch statistics, optionally a second summand, then an activation. */
static void import_batch_norm_ex(Cx *cx, Value **in, Value **out)
{
    const char *mode = get_str(cx, "activation_mode", "Identity");
    if (cx->failed) return;
    import_fused_batch_norm(cx, in, out);
    Value *y = out[0];
    if (y && cx->node->ninputs > 5) y = bi(cx, OP_add, y, in[5]);
    out[0] = y && strcmp(mode, "Identity") != 0 ? activation(cx, y, mode) : y;
}

static void import_global_norm(Cx *cx, Value **in, Value **out)
{
    double epsilon = get_float(cx, "variance_epsilon", 0.001);
    bool scaled = get_bool(cx, "scale_after_normalization", true);
    if (cx->failed || !need_float(cx, in[0], "the input") || !need_rank(cx, in[0], "the input", 4, 4)) return;
    out[0] = batch_norm(cx, in[0], scaled ? in[4] : NULL, in[3], in[1], in[2], epsilon);
}

/* x * (bias + alpha * sum of the squares of the 2 * radius + 1 channels around)^-beta. The sum is a product
 * with a band of ones. */
static void import_lrn(Cx *cx, Value **in, Value **out)
{
    int64_t radius = get_int(cx, "depth_radius", 5);
    double bias = get_float(cx, "bias", 1), alpha = get_float(cx, "alpha", 1),
           beta = get_float(cx, "beta", 0.5);
    Value *x = in[0];
    if (cx->failed || !need_rank(cx, x, "the input", 4, 4) || !need_float(cx, x, "the input")) return;
    Dim c = x->type.dim[3];
    if (!dim_known(c) || c > 8192) {
        fail(cx, "%s: its channels must be known, and at most 8192", type_string(cx, &x->type));
        return;
    }
    if (radius < 0) {
        fail(cx, "depth_radius is %lld", (long long)radius);
        return;
    }
    Type t = type_make(x->type.dtype, 2, (Dim[]){c, c});
    Tensor band = tensor_new(cx->job, &t);
    for (int64_t i = 0; i < c; i++)
        for (int64_t j = radius >= i ? 0 : i - radius; j < c && j - i <= radius; j++)
            tensor_set_f(&band, i * c + j, 1);
    DType f = x->type.dtype;
    Value *sum = dot(cx, un(cx, OP_square, x), tensor_value(cx, &band), false, false);
    Value *base = bi(cx, OP_add, bi(cx, OP_mul, sum, scalar(cx, f, alpha)), scalar(cx, f, bias));
    out[0] = bi(cx, OP_mul, x, bi(cx, OP_pow, base, scalar(cx, f, -beta)));
}

const TfOp tf_norm_ops[] = {
    {"FusedBatchNorm", import_fused_batch_norm, 5, 0, 5, 0},
    {"FusedBatchNormV2", import_fused_batch_norm, 5, 0, 5, 0},
    {"FusedBatchNormV3", import_fused_batch_norm, 5, 0, 6, 0},
    {"_FusedBatchNormEx", import_batch_norm_ex, 5, 6, 6, 0},
    {"BatchNormWithGlobalNormalization", import_global_norm, 5, 0, 1, 0},
    {"LRN", import_lrn, 1, 0, 1, 0},
    {0},
};
