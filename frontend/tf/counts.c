/* Whether classes are among the best, and histograms. */
#include "frontend/tf/tf.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}

/* Fewer than k classes are more probable; never where some probability is not finite. */
static void import_in_top_k(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0], *target = index_operand(cx, in[1]), *k = NULL;
    if (!target || !need_rank(cx, x, "the predictions", 2, 2) || !need_float(cx, x, "the predictions") ||
        !need_rank(cx, target, "the targets", 1, 1))
        return;
    Dim rows = x->type.dim[0], classes = x->type.dim[1];
    if (!sizes_match(cx, rows, target->type.dim[0])) {
        fail(cx, "%s predictions do not fit targets %s", type_string(cx, &x->type),
             type_string(cx, &target->type));
        return;
    }
    if (cx->op->arg && !need_rank(cx, in[2], "k", 0, 0)) return;
    k = cx->op->arg ? ir_cast(&cx->b, in[2], JITC_INT64)
                    : ir_const_i(&cx->b, JITC_INT64, get_int(cx, "k", 0));
    DType t = target->type.dtype;
    Value *zero = ir_const_i(&cx->b, t, 0);
    Value *is = bi(cx, OP_logical_and, bi(cx, OP_less_equal, zero, target),
                   bi(cx, OP_less, target, size_value(cx, classes, t)));
    Value *at = is ? select3(cx, is, target, zero) : NULL;
    at = at ? ir_reshape(&cx->b, at, (Dim[]){rows, 1}, 2) : NULL;
    /* One more column: there may be no classes. */
    Value *wider =
        ir_v(&cx->b, OP_pad, IN(x), AT(at_ds("lo", (Dim[]){0, 0}, 2), at_ds("hi", (Dim[]){0, 1}, 2)));
    Value *own = at && wider ? gather(cx, wider, at, 1, 1) : NULL;
    Value *more = own ? ir_cast(&cx->b, bi(cx, OP_less, own, x), JITC_INT64) : NULL;
    more = more ? reduce(cx, OP_reduce_sum, more, (int64_t[]){1}, 1, false) : NULL;
    Value *finite = reduce(cx, OP_reduce_all, ir_unary(&cx->b, OP_is_finite, x), (int64_t[]){1}, 1, false);
    out[0] = bi(cx, OP_logical_and, bi(cx, OP_logical_and, is, finite), bi(cx, OP_less, more, k));
}

static void import_histogram(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0], *range = in[1];
    DType t = get_type(cx, "dtype", JITC_INT32), f = JITC_FLOAT64, own = x->type.dtype;
    Dim bins;
    if (cx->failed || !need_rank(cx, range, "the range", 1, 1) || !need_rank(cx, in[2], "nbins", 0, 0) ||
        known_dims(cx, in[2], "nbins", &bins, 1) != 1)
        return;
    if (!sizes_match(cx, range->type.dim[0], 2) || bins == 0) {
        fail(cx, "a range %s of %lld bins is not possible", type_string(cx, &range->type), (long long)bins);
        return;
    }
    Value *lo = vector_element(cx, range, 0), *hi = vector_element(cx, range, 1);
    if (!lo || !hi) return;
    x = flattened(cx, x, x->type.rank);
    x = x ? checked_as(cx, x, bi(cx, OP_less, lo, hi), "value_range must ascend") : NULL;
    Value *n = ir_cast(&cx->b, size_value(cx, bins, JITC_INT64), f),
          *last = bi(cx, OP_sub, n, scalar(cx, f, 1));
    Value *step = bi(cx, OP_div, ir_cast(&cx->b, bi(cx, OP_sub, hi, lo), f), n);
    Value *far = bi(cx, OP_sub, bi(cx, OP_maximum, x, lo), lo);
    far = far && far->type.dtype == own ? bi(cx, OP_div, ir_cast(&cx->b, far, f), step) : NULL;
    far = bi(cx, OP_minimum, far, last);
    if (!far) return;
    Value *bin = index_column(cx, ir_cast(&cx->b, far, JITC_INT32));
    Value *one = filled(cx, scalar(cx, t, 1), x->type.dim, 1);
    out[0] = scatter(cx, "add", filled(cx, scalar(cx, t, 0), &bins, 1), bin, one, false);
}

const TfOp tf_counts_ops[] = {
    {"InTopK", import_in_top_k, 2, 0, 1, 0},
    {"InTopKV2", import_in_top_k, 3, 0, 1, 1},
    {"HistogramFixedWidth", import_histogram, 3, 0, 1, 0},
    {0},
};
