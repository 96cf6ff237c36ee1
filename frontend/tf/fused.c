/* Operations that TensorFlow's own optimiser had already fused. */
#include "frontend/tf/tf.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}
static Value *num(Cx *cx, const Value *like, double x)
{
    return scalar(cx, like->type.dtype, x);
}

/* x / 2 * (1 + erf(x / sqrt 2)), or its approximation */
static Value *gelu(Cx *cx, Value *v, bool exact)
{
    Value *in = bi(cx, OP_mul, v, num(cx, v, 0.70710678118654752));
    if (!exact) {
        Value *cube = bi(cx, OP_mul, bi(cx, OP_mul, v, v), bi(cx, OP_mul, v, num(cx, v, 0.044715)));
        in = bi(cx, OP_mul, bi(cx, OP_add, v, cube), num(cx, v, 0.79788456080286536));
    }
    Value *part = in ? ir_unary(&cx->b, exact ? OP_erf : OP_tanh, in) : NULL;
    return bi(cx, OP_mul, bi(cx, OP_mul, v, num(cx, v, 0.5)), bi(cx, OP_add, part, num(cx, v, 1)));
}

Value *activation(Cx *cx, Value *v, const char *name)
{
    static const struct {
        const char *name;
        OpCode code;
    } plain[] = {{"Relu", OP_relu}, {"Relu6", OP_relu6},     {"Elu", OP_elu},          {"Selu", OP_selu},
                 {"Tanh", OP_tanh}, {"Sigmoid", OP_sigmoid}, {"Softplus", OP_softplus}};
    if (!v || strcmp(name, "Identity") == 0) return v;
    for (size_t i = 0; i < COUNT(plain); i++)
        if (strcmp(name, plain[i].name) == 0) return ir_unary(&cx->b, plain[i].code, v);
    if (strcmp(name, "LeakyRelu") == 0)
        return ir_v(&cx->b, OP_leaky_relu, IN(v),
                    AT(at_f("alpha", get_float(cx, "leakyrelu_alpha", (double)0.2f))));
    if (strcmp(name, "GeluExact") == 0 || strcmp(name, "GeluApproximate") == 0)
        return gelu(cx, v, strcmp(name, "GeluExact") == 0);
    if (strcmp(name, "_FusedHardSwish") == 0) {
        Value *gate = ir_unary(&cx->b, OP_relu6, bi(cx, OP_add, v, num(cx, v, 3)));
        return bi(cx, OP_div, bi(cx, OP_mul, v, gate), num(cx, v, 6));
    }
    fail(cx, "the fused operation '%s' is not supported", name);
    return NULL;
}

/* Applies the list `fused_ops` to v; their operands are args. */
static Value *fused_tail(Cx *cx, Value *v, Value **args, uint32_t nargs, bool nchw)
{
    const TfAttr *a = tf_attr_find(cx->node, "fused_ops");
    if (!a) return v;
    if (a->kind != TF_ATTR_LIST) {
        fail(cx, "attribute 'fused_ops' must be a list of strings");
        return NULL;
    }
    uint32_t used = 0;
    for (uint32_t i = 0; i < a->list->ns && v; i++) {
        const char *name = a->list->s[i].at;
        bool norm = strcmp(name, "FusedBatchNorm") == 0, bias = strcmp(name, "BiasAdd") == 0;
        uint32_t takes = norm ? 4 : bias || strcmp(name, "Add") == 0 ? 1 : 0;
        if (used + takes > nargs) {
            fail(cx, "the fused operation '%s' lacks an operand", name);
            return NULL;
        }
        Value **in = args + used;
        used += takes;
        if (bias) {
            v = bias_add(cx, v, in[0], nchw);
        } else if (norm) {
            for (int k = 0; k < 4; k++)
                if (!need_rank(cx, in[k], "an operand of the normalisation", 1, 1)) return NULL;
            v = to_nhwc(cx, v, nchw);
            v = v ? batch_norm(cx, v, in[0], in[1], in[2], in[3], get_float(cx, "epsilon", (double)0.0001f))
                  : NULL;
            v = from_nhwc(cx, v, nchw);
        } else if (takes) {
            v = ir_binary(&cx->b, OP_add, v, in[0]);
        } else {
            v = activation(cx, v, name);
        }
    }
    return v;
}

static void import_fused_conv(Cx *cx, Value **in, Value **out)
{
    Window w;
    const char *format = get_str(cx, "filter_format", "HWIO");
    if (strcmp(format, "HWIO") != 0) fail(cx, "filter_format '%s' is not supported; HWIO is", format);
    if (get_int(cx, "num_host_args", 0) != 0) fail(cx, "host arguments (scales of int8) are not supported");
    if (!need_float(cx, in[0], "the input") || cx->failed) return;
    if (!window_attrs(cx, &w, 2) || !window_ints(cx, &w, "strides", true, w.strides) ||
        !need_rank(cx, in[0], "the input", 4, 4))
        return;
    Value *x = to_nhwc(cx, in[0], w.nchw);
    x = x ? (cx->op->arg ? depthwise : conv_any)(cx, x, in[1], &w) : NULL;
    x = from_nhwc(cx, x, w.nchw);
    if (x) out[0] = fused_tail(cx, x, in + 2, cx->node->ninputs - 2, w.nchw);
}

static void import_fused_matmul(Cx *cx, Value **in, Value **out)
{
    Value *x = matmul(cx, in[0], in[1]);
    if (x) out[0] = fused_tail(cx, x, in + 2, cx->node->ninputs - 2, false);
}

/* Mirror padding, perhaps after resizing, before a convolution. */
static void import_pad_conv(Cx *cx, Value **in, Value **out)
{
    Window w;
    bool resized = cx->op->arg;
    if (!window_attrs(cx, &w, 2) || !window_ints(cx, &w, "strides", true, w.strides)) return;
    if (w.nchw) {
        fail(cx, "data_format NCHW is not supported here");
        return;
    }
    Value *x = in[0];
    if (resized)
        x = resize(cx, OP_resize_bilinear, x, in[1], get_bool(cx, "resize_align_corners", false), false);
    if (x && resized) x = ir_cast(&cx->b, x, in[3]->type.dtype);
    x = x ? mirror_pad(cx, x, in[resized ? 2 : 1]) : NULL;
    if (x) out[0] = conv_any(cx, x, in[resized ? 3 : 2], &w);
}

const TfOp tf_fused_ops[] = {
    {"_FusedConv2D", import_fused_conv, 2, -1, 1, 0},
    {"_FusedDepthwiseConv2dNative", import_fused_conv, 2, -1, 1, 1},
    {"_FusedMatMul", import_fused_matmul, 2, -1, 1, 0},
    {"FusedPadConv2D", import_pad_conv, 3, 0, 1, 0},
    {"FusedResizeAndPadConv2D", import_pad_conv, 4, 0, 1, 1},
    {0},
};
