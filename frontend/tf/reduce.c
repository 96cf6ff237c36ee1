/* Reductions, scans, softmax. */
#include "frontend/tf/tf.h"

static void import_reduce(Cx *cx, Value **in, Value **out)
{
    enum { MAX = 64 };
    int64_t given[MAX], axes[IR_MAX_RANK];
    bool over[IR_MAX_RANK] = {false};
    int rank = in[0]->type.rank, n = known_ints(cx, in[1], "the axes", given, MAX), k = 0;
    for (int i = 0; i < n; i++) {
        int axis = check_axis(cx, given[i], "the axis", rank);
        if (axis < 0) return;
        if (over[axis]) {
            fail(cx, "axis %d is given twice", axis);
            return;
        }
        over[axis] = true;
    }
    bool keep = get_bool(cx, "keep_dims", false);
    if (n < 0 || cx->failed) return;
    for (int d = 0; d < rank; d++)
        if (over[d]) axes[k++] = d;
    out[0] = reduce(cx, (OpCode)cx->op->arg, in[0], axes, k, keep);
}

/* TensorFlow adds integers up in 64 bits before it divides. */
static void import_mean(Cx *cx, Value **in, Value **out)
{
    DType t = in[0]->type.dtype;
    Value *x =
        dtype_is_int(t) ? ir_cast(&cx->b, in[0], dtype_is_signed(t) ? JITC_INT64 : JITC_UINT64) : in[0];
    import_reduce(cx, (Value *[]){x, in[1]}, out);
    if (out[0]) out[0] = ir_cast(&cx->b, out[0], t);
}

static void import_arg(Cx *cx, Value **in, Value **out)
{
    int axis = known_axis(cx, in[1], "the axis", in[0]->type.rank);
    DType t = get_type(cx, "output_type", JITC_INT64);
    if (axis < 0 || cx->failed) return;
    if (!dtype_is_int(t) || dtype_size(t) < 2) {
        fail(cx, "output_type %s is not possible", dtype_name(t));
        return;
    }
    DType index = dtype_size(t) > 4 ? JITC_INT64 : JITC_INT32;
    Dim n = in[0]->type.dim[axis];
    if (!dim_known(n)) /* of nothing no element is the largest */
        ir_op(&cx->b, OP_check, NO_IN,
              AT(at_ds("a", (Dim[]){1}, 1), at_ds("b", &n, 1), at_b("at_most", true)));
    Value *v = ir_v(&cx->b, (OpCode)cx->op->arg, IN(in[0]), AT(at_i("axis", axis), at_t("to", index)));
    out[0] = v ? ir_cast(&cx->b, v, t) : NULL;
}

static void import_cumsum(Cx *cx, Value **in, Value **out)
{
    int axis = known_axis(cx, in[1], "the axis", in[0]->type.rank);
    bool exclusive = get_bool(cx, "exclusive", false), reverse = get_bool(cx, "reverse", false);
    if (axis >= 0 && !cx->failed)
        out[0] = ir_v(&cx->b, (OpCode)cx->op->arg, IN(in[0]),
                      AT(at_i("axis", axis), at_b("exclusive", exclusive), at_b("reverse", reverse)));
}

static void import_softmax(Cx *cx, Value **in, Value **out)
{
    if (need_rank(cx, in[0], "logits", 1, IR_MAX_RANK)) out[0] = ir_unary(&cx->b, (OpCode)cx->op->arg, in[0]);
}

/* half the sum of squares */
static void import_l2_loss(Cx *cx, Value **in, Value **out)
{
    int64_t axes[IR_MAX_RANK];
    int rank = in[0]->type.rank;
    if (!need_float(cx, in[0], "the input")) return;
    for (int d = 0; d < rank; d++) axes[d] = d;
    DType t = in[0]->type.dtype;
    Value *x = dtype_size(t) == 2 ? ir_cast(&cx->b, in[0], JITC_FLOAT32) : in[0];
    Value *sum = reduce(cx, OP_reduce_sum, ir_unary(&cx->b, OP_square, x), axes, rank, false);
    sum = ir_binary(&cx->b, OP_mul, sum, scalar(cx, x->type.dtype, 0.5));
    if (sum) out[0] = ir_cast(&cx->b, sum, t);
}

static void import_euclidean_norm(Cx *cx, Value **in, Value **out)
{
    if (!need_float(cx, in[0], "the input")) return;
    import_reduce(cx, (Value *[]){ir_unary(&cx->b, OP_square, in[0]), in[1]}, out);
    if (out[0]) out[0] = ir_unary(&cx->b, OP_sqrt, out[0]);
}

const TfOp tf_reduce_ops[] = {
    {"Sum", import_reduce, 2, 0, 1, OP_reduce_sum},
    {"Mean", import_mean, 2, 0, 1, OP_reduce_mean},
    {"Max", import_reduce, 2, 0, 1, OP_reduce_max},
    {"Min", import_reduce, 2, 0, 1, OP_reduce_min},
    {"Prod", import_reduce, 2, 0, 1, OP_reduce_prod},
    {"All", import_reduce, 2, 0, 1, OP_reduce_all},
    {"Any", import_reduce, 2, 0, 1, OP_reduce_any},
    {"ArgMax", import_arg, 2, 0, 1, OP_argmax},
    {"ArgMin", import_arg, 2, 0, 1, OP_argmin},
    {"Cumsum", import_cumsum, 2, 0, 1, OP_cumsum},
    {"Cumprod", import_cumsum, 2, 0, 1, OP_cumprod},
    {"CumulativeLogsumexp", import_cumsum, 2, 0, 1, OP_cumlogsumexp},
    {"Softmax", import_softmax, 1, 0, 1, OP_softmax},
    {"LogSoftmax", import_softmax, 1, 0, 1, OP_log_softmax},
    {"EuclideanNorm", import_euclidean_norm, 2, 0, 1, OP_reduce_sum},
    {"L2Loss", import_l2_loss, 1, 0, 1, 0},
    {0},
};
