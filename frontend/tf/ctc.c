/* Sequences of labels out of their probabilities. */
#include "frontend/tf/tf.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}

/* The first largest class of each row, and its value; a NaN is the largest only where it comes first. */
static Value *best(Cx *cx, Value *x, Value **value)
{
    Value *c = ir_v(&cx->b, OP_argmax, IN(x), AT(at_i("axis", 2), at_t("to", JITC_INT64)));
    Value *first = slice_axis(cx, x, 2, 0, 1);
    first = first ? ir_reshape(&cx->b, first, x->type.dim, 2) : NULL;
    Value *nan = first ? ir_unary(&cx->b, OP_is_nan, first) : NULL;
    c = nan && c ? select3(cx, nan, ir_const_i(&cx->b, JITC_INT64, 0), c) : NULL;
    *value = c ? gather(cx, x, c, 2, 2) : NULL;
    return c;
}

static void import_greedy(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0], *length = in[1], *value = NULL;
    bool merge = get_bool(cx, "merge_repeated", false);
    int64_t blank = get_int(cx, "blank_index", -1);
    if (cx->failed || !need_rank(cx, x, "the inputs", 3, 3) || !need_rank(cx, length, "the lengths", 1, 1) ||
        !need_float(cx, x, "the inputs"))
        return;
    Dim time = x->type.dim[0], batch = x->type.dim[1], classes = x->type.dim[2];
    if (!sizes_match(cx, batch, length->type.dim[0]) || classes == 0) {
        fail(cx, "lengths %s do not fit inputs %s", type_string(cx, &length->type),
             type_string(cx, &x->type));
        return;
    }
    if (dim_known(classes) && (blank >= classes || blank < -classes)) {
        fail(cx, "blank_index is %lld of %lld classes", (long long)blank, (long long)classes);
        return;
    }
    Value *limit = size_value(cx, time, JITC_INT64), *zero = ir_const_i(&cx->b, JITC_INT64, 0);
    length = ir_cast(&cx->b, length, JITC_INT64);
    length = checked_as(cx, length, all_true(cx, bi(cx, OP_less_equal, length, limit)),
                        "a sequence is longer than the inputs");
    Value *c = length ? best(cx, x, &value) : NULL, *t = iota_vector(cx, JITC_INT64, time);
    t = t ? ir_reshape(&cx->b, t, (Dim[]){time, 1}, 2) : NULL;
    Value *inside = bi(cx, OP_less, t, length), *none = scalar(cx, x->type.dtype, 0);
    if (!c || !value || !inside) return;
    Value *cost = select3(cx, inside, ir_unary(&cx->b, OP_neg, value), none);
    cost = cost ? reduce(cx, OP_reduce_sum, cost, (int64_t[]){0}, 1, false) : NULL;
    out[3] = cost ? ir_reshape(&cx->b, cost, (Dim[]){batch, 1}, 2) : NULL;

    Value *no_label = blank < 0
                          ? size_value(cx, dim_add(cx->m, classes, dim_sub(cx->m, 0, -blank)), JITC_INT64)
                          : ir_const_i(&cx->b, JITC_INT64, blank);
    Value *kept = bi(cx, OP_logical_and, inside, bi(cx, OP_not_equal, c, no_label));
    if (merge) { /* the class before, plus one: nothing comes before the first */
        Value *next = bi(cx, OP_add, c, ir_const_i(&cx->b, JITC_INT64, 1));
        Value *before = next ? ir_v(&cx->b, OP_pad, IN(next),
                                    AT(at_ds("lo", (Dim[]){1, 0}, 2), at_ds("hi", (Dim[]){0, 0}, 2)))
                             : NULL;
        before = before ? slice_axis(cx, before, 0, 0, time) : NULL;
        kept = bi(cx, OP_logical_and, kept, bi(cx, OP_not_equal, before, next));
    }
    const int64_t swap[] = {1, 0};
    kept = kept ? ir_transpose(&cx->b, kept, swap) : NULL;
    c = ir_transpose(&cx->b, c, swap);
    Value *one = kept ? ir_cast(&cx->b, kept, JITC_INT64) : NULL;
    Value *place =
        one ? ir_v(&cx->b, OP_cumsum, IN(one), AT(at_i("axis", 1), at_b("exclusive", true))) : NULL;
    Value *count = one ? reduce(cx, OP_reduce_sum, one, (int64_t[]){1}, 1, false) : NULL;
    Value *at = where(cx, kept), *labels = flattened(cx, c, 2), *places = flattened(cx, place, 2);
    if (!at || !labels || !places || !count) return;
    Dim n = at->type.dim[0];
    Value *row = slice_axis(cx, at, 1, 0, 1), *col = slice_axis(cx, at, 1, 1, 1);
    Value *line = bi(cx, OP_add, bi(cx, OP_mul, row, limit), col);
    line = line ? ir_reshape(&cx->b, line, &n, 1) : NULL;
    places = line ? index_column(cx, gather(cx, places, line, 0, 0)) : NULL;
    Value *most = reduce(cx, OP_reduce_max, count, (int64_t[]){0}, 1, true);
    most = bi(cx, OP_maximum, most, zero);
    Value *rows = size_value(cx, batch, JITC_INT64);
    rows = rows ? ir_reshape(&cx->b, rows, (Dim[]){1}, 1) : NULL;
    if (!places || !most || !rows) return;
    out[0] = concat(cx, IN(row, places), 1);
    out[1] = gather(cx, labels, line, 0, 0);
    out[2] = concat(cx, IN(rows, most), 0);
}

const TfOp tf_ctc_ops[] = {
    {"CTCGreedyDecoder", import_greedy, 2, 0, 4, 0},
    {0},
};
