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

/* Two operands as decoders take them. */
static bool sequences(Cx *cx, const Value *x, const Value *length)
{
    if (cx->failed || !need_rank(cx, x, "the inputs", 3, 3) || !need_rank(cx, length, "the lengths", 1, 1) ||
        !need_float(cx, x, "the inputs"))
        return false;
    if (sizes_match(cx, x->type.dim[1], length->type.dim[0]) && x->type.dim[2] != 0) return true;
    fail(cx, "lengths %s do not fit inputs %s", type_string(cx, &length->type), type_string(cx, &x->type));
    return false;
}

static Value *lengths(Cx *cx, Value *v, Dim time)
{
    Value *limit = size_value(cx, time, JITC_INT64), *n = ir_cast(&cx->b, v, JITC_INT64);
    return checked_as(cx, n, all_true(cx, bi(cx, OP_less_equal, n, limit)),
                      "a sequence is longer than the inputs");
}

static void import_greedy(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0], *length = in[1], *value = NULL;
    bool merge = get_bool(cx, "merge_repeated", false);
    int64_t blank = get_int(cx, "blank_index", -1);
    if (!sequences(cx, x, length)) return;
    Dim time = x->type.dim[0], batch = x->type.dim[1], classes = x->type.dim[2];
    if (dim_known(classes) && (blank >= classes || blank < -classes)) {
        fail(cx, "blank_index is %lld of %lld classes", (long long)blank, (long long)classes);
        return;
    }
    Value *limit = size_value(cx, time, JITC_INT64), *zero = ir_const_i(&cx->b, JITC_INT64, 0);
    length = lengths(cx, length, time);
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

/* Indices, values and shape of a sparse tensor of rows [batch, time] of which `count` elements each count. */
static void sparse_rows(Cx *cx, Value *rows, Value *count, Value **indices, Value **values, Value **shape)
{
    Dim batch = rows->type.dim[0], time = rows->type.dim[1];
    Value *at = iota_vector(cx, JITC_INT64, time), *end = ir_reshape(&cx->b, count, (Dim[]){batch, 1}, 2);
    Value *inside = bi(cx, OP_less, at, end), *found = inside ? where(cx, inside) : NULL;
    Value *limit = size_value(cx, time, JITC_INT64), *size = size_value(cx, batch, JITC_INT64);
    Value *most = reduce(cx, OP_reduce_max, count, (int64_t[]){0}, 1, true);
    most = bi(cx, OP_maximum, most, ir_const_i(&cx->b, JITC_INT64, 0));
    if (!found || !most || !size) return;
    Dim n = found->type.dim[0];
    Value *row = slice_axis(cx, found, 1, 0, 1), *col = slice_axis(cx, found, 1, 1, 1);
    Value *line = bi(cx, OP_add, bi(cx, OP_mul, row, limit), col), *all = flattened(cx, rows, 2);
    line = line ? ir_reshape(&cx->b, line, &n, 1) : NULL;
    if (!line || !all) return;
    *indices = found;
    *values = ir_cast(&cx->b, gather(cx, all, line, 0, 0), JITC_INT64);
    *shape = concat(cx, IN(ir_reshape(&cx->b, size, (Dim[]){1}, 1), most), 0);
}

static void import_beam_search(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0], *length = in[1];
    int64_t width = get_int(cx, "beam_width", 0), paths = get_int(cx, "top_paths", 0);
    bool merge = get_bool(cx, "merge_repeated", true);
    if (!sequences(cx, x, length)) return;
    if (width < 1 || width > INT16_MAX || paths < 1) {
        fail(cx, "top_paths %lld of beam_width %lld are not possible", (long long)paths, (long long)width);
        return;
    }
    if (paths > width) {
        fail(cx, "top_paths is %lld, more than the beam_width %lld", (long long)paths, (long long)width);
        return;
    }
    Dim time = x->type.dim[0], batch = x->type.dim[1];
    Op *op = ir_op(&cx->b, OP_ctc_beam_search, IN(x, lengths(cx, length, time)),
                   AT(at_i("width", width), at_i("paths", paths), at_b("merge", merge)));
    if (!op) return;
    Value *count = op->out[1], *enough = bi(cx, OP_greater_equal, count, ir_const_i(&cx->b, JITC_INT64, 0));
    count =
        enough ? checked_as(cx, count, all_true(cx, enough), "there are fewer paths than top_paths") : NULL;
    for (int p = 0; p < paths && count; p++) {
        Value *rows = slice_axis(cx, op->out[0], 1, p, 1), *n = slice_axis(cx, count, 1, p, 1);
        rows = rows ? ir_reshape(&cx->b, rows, (Dim[]){batch, time}, 2) : NULL;
        n = n ? ir_reshape(&cx->b, n, &batch, 1) : NULL;
        if (rows && n) sparse_rows(cx, rows, n, &out[p], &out[paths + p], &out[2 * paths + p]);
    }
    out[3 * paths] = op->out[2];
}

const TfOp tf_ctc_ops[] = {
    {"CTCGreedyDecoder", import_greedy, 2, 0, 4, 0},
    {"CTCBeamSearchDecoder", import_beam_search, 2, 0, OUT_PATHS, 0},
    {0},
};
