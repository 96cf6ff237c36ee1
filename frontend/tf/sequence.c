/* Sequences of numbers: Range, LinSpace. */
#include "frontend/tf/tf.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}

static Value *zero_of(Cx *cx, Value *x)
{
    return scalar(cx, x->type.dtype, 0);
}

/* Of integers that are sizes: how many there are, without asking data. */
static bool count_of_sizes(Cx *cx, Value **in, Dim *n)
{
    Dim d[3];
    int64_t step, span;
    for (int i = 0; i < 3; i++)
        if (!dtype_is_int(in[i]->type.dtype) || !ir_dims_of(cx->m, in[i], &d[i], 1)) return false;
    if (!dim_const(cx->m, d[2], &step) || step < 1) return false;
    Dim length = dim_sub(cx->m, d[1], d[0]);
    if (dim_const(cx->m, length, &span) || !size_for_sure(cx->m, length)) return false;
    *n = dim_ceildiv(cx->m, length, step);
    return true;
}

static Value *count_of(Cx *cx, Value **in, Value **fine)
{
    Value *start = in[0], *limit = in[1], *delta = in[2], *zero = zero_of(cx, delta);
    Value *up = bi(cx, OP_greater, delta, zero), *down = bi(cx, OP_less, delta, zero);
    up = bi(cx, OP_logical_and, up, bi(cx, OP_less_equal, start, limit));
    down = bi(cx, OP_logical_and, down, bi(cx, OP_greater_equal, start, limit));
    *fine = bi(cx, OP_logical_or, up, down);
    Value *span = bi(cx, OP_sub, limit, start);
    if (!*fine || !span) return NULL;
    if (dtype_is_float(start->type.dtype)) {
        Value *n = ir_unary(&cx->b, OP_abs, bi(cx, OP_div, span, delta));
        return ir_cast(&cx->b, ir_unary(&cx->b, OP_ceil, n), INDEX_TYPE);
    }
    Value *step = ir_unary(&cx->b, OP_abs, ir_cast(&cx->b, delta, INDEX_TYPE));
    span = ir_unary(&cx->b, OP_abs,
                    bi(cx, OP_sub, ir_cast(&cx->b, limit, INDEX_TYPE), ir_cast(&cx->b, start, INDEX_TYPE)));
    Value *over = bi(cx, OP_sub, bi(cx, OP_add, span, step), ir_const_i(&cx->b, INDEX_TYPE, 1));
    return bi(cx, OP_div, over, step);
}

static void import_range(Cx *cx, Value **in, Value **out)
{
    static const char *const what[] = {"start", "limit", "delta"};
    enum { MAX = 1 << 24 };
    DType t = in[0]->type.dtype;
    Dim n;
    for (int i = 0; i < 3; i++) {
        if (in[i]->type.rank == 1 ? in[i]->type.dim[0] != 1 : in[i]->type.rank != 0)
            fail(cx, "%s must be a scalar, but is %s", what[i], type_string(cx, &in[i]->type));
        else if (in[i]->type.dtype != t)
            fail(cx, "start, limit and delta differ in type");
        else if (t == JITC_BOOL)
            fail(cx, "a range of %s is not possible", dtype_name(t));
        else if (in[i]->type.rank)
            in[i] = ir_reshape(&cx->b, in[i], NULL, 0);
        if (cx->failed || !in[i]) return;
    }
    if (!count_of_sizes(cx, in, &n)) {
        Value *fine, *count = count_of(cx, in, &fine);
        if (!count) return;
        const Tensor *ok = ir_reveal(cx->m, fine), *k = ir_reveal(cx->m, count);
        if (ok && !tensor_i(ok, 0)) {
            fail(cx, "delta is 0, or leads away from limit");
            return;
        }
        if (k && (tensor_i(k, 0) < 0 || tensor_i(k, 0) > MAX)) {
            fail(cx, "it has %lld elements; at most %d are supported", (long long)tensor_i(k, 0), MAX);
            return;
        }
        if (k)
            n = tensor_i(k, 0);
        else if (!bind_size(cx,
                            ok ? count : checked_as(cx, count, fine, "delta is 0, or leads away from limit"),
                            "the number of elements", &n))
            return;
    }
    Value *i = iota_vector(cx, dtype_is_float(t) ? JITC_INT32 : t, n);
    i = i ? ir_cast(&cx->b, i, t) : NULL;
    if (i) out[0] = bi(cx, OP_add, in[0], bi(cx, OP_mul, i, in[2]));
}

static void import_lin_space(Cx *cx, Value **in, Value **out)
{
    DType t = in[0]->type.dtype;
    Dim n;
    if (known_dims(cx, in[2], "num", &n, 1) != 1) return;
    for (int i = 0; i < 2; i++)
        if (!need_float(cx, in[i], i ? "stop" : "start") || !need_rank(cx, in[i], i ? "stop" : "start", 0, 0))
            return;
    int64_t k;
    if (dim_const(cx->m, n, &k) && k < 1) {
        fail(cx, "num is %lld, but must be positive", (long long)k);
        return;
    }
    if (n == 1) {
        out[0] = ir_reshape(&cx->b, in[0], (Dim[]){1}, 1);
        return;
    }
    Value *i = iota_vector(cx, JITC_INT32, n);
    if (!i) return;
    Value *last = bi(cx, OP_maximum, size_value(cx, dim_sub(cx->m, n, 1), JITC_INT32),
                     ir_const_i(&cx->b, JITC_INT32, 1));
    Value *step = bi(cx, OP_div, bi(cx, OP_sub, in[1], in[0]), ir_cast(&cx->b, last, t));
    Value *v = bi(cx, OP_add, in[0], bi(cx, OP_mul, step, ir_cast(&cx->b, i, t)));
    /* The last one exactly. */
    out[0] = select3(cx, bi(cx, OP_equal, i, last), in[1], v);
}

const TfOp tf_sequence_ops[] = {
    {"Range", import_range, 3, 0, 1, 0},
    {"LinSpace", import_lin_space, 3, 0, 1, 0},
    {0},
};
