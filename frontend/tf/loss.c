/* Softmax with a loss. */
#include "frontend/tf/tf.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}

static Value *row_sum(Cx *cx, Value *v)
{
    return v ? reduce(cx, OP_reduce_sum, v, (int64_t[]){1}, 1, false) : NULL;
}

/* -sum(labels * log softmax), and softmax - labels */
static void import_cross_entropy(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0], *labels = in[1];
    Type both;
    if (!need_rank(cx, x, "the features", 2, 2) || !need_rank(cx, labels, "the labels", 2, 2) ||
        !need_float(cx, x, "the features"))
        return;
    if (!ir_broadcast_dims(cx->m, &x->type, &labels->type, &both)) {
        fail(cx, "features %s and labels %s do not fit", type_string(cx, &x->type),
             type_string(cx, &labels->type));
        return;
    }
    x = broadcast(cx, x, both.dim, 2);
    labels = broadcast(cx, labels, both.dim, 2);
    if (!x || !labels) return;
    Value *log = ir_unary(&cx->b, OP_log_softmax, x);
    out[0] = row_sum(cx, bi(cx, OP_mul, labels, log ? ir_unary(&cx->b, OP_neg, log) : NULL));
    out[1] = bi(cx, OP_sub, ir_unary(&cx->b, OP_softmax, x), labels);
}

static void import_sparse_cross_entropy(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0], *labels = in[1];
    if (!need_rank(cx, x, "the features", 2, 2) || !need_rank(cx, labels, "the labels", 1, 1) ||
        !need_float(cx, x, "the features"))
        return;
    Dim n = x->type.dim[0], classes = x->type.dim[1], many = labels->type.dim[0];
    DType t = x->type.dtype;
    if (dim_known(n) && dim_known(many) && n != many) {
        fail(cx, "features %s and labels %s do not fit", type_string(cx, &x->type),
             type_string(cx, &labels->type));
        return;
    }
    if (classes == 0) {
        fail(cx, "there are no classes: %s", type_string(cx, &x->type));
        return;
    }
    Value *log = ir_unary(&cx->b, OP_log_softmax, x);
    log = log ? ir_v(&cx->b, OP_gather, IN(log, labels), AT(at_i("axis", 1), at_i("batch_dims", 1))) : NULL;
    Value *class = iota_vector(cx, labels->type.dtype, classes);
    Value *hot = bi(cx, OP_equal, ir_reshape(&cx->b, labels, (Dim[]){many, 1}, 2), class);
    out[0] = log ? ir_unary(&cx->b, OP_neg, log) : NULL;
    out[1] = bi(cx, OP_sub, ir_unary(&cx->b, OP_softmax, x), hot ? ir_cast(&cx->b, hot, t) : NULL);
}

const TfOp tf_loss_ops[] = {
    {"SoftmaxCrossEntropyWithLogits", import_cross_entropy, 2, 0, 2, 0},
    {"SparseSoftmaxCrossEntropyWithLogits", import_sparse_cross_entropy, 2, 0, 2, 0},
    {0},
};
