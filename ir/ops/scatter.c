#include "ir/ops/common.h"

typedef enum { SET, ADD, SUB, MUL, MIN, MAX, LAST_MIN, LAST_MAX } How;

static int how_of(const Op *op)
{
    static const char *const names[] = {"set", "add", "sub", "mul", "min", "max", "last_min", "last_max"};
    const char *how = attr_s(op, "how");
    for (int i = 0; i < (int)COUNT(names); i++)
        if (strcmp(names[i], how) == 0) return i;
    return -1;
}

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0), *index = in_type(op, 1), *rows = in_type(op, 2);
    int how = how_of(op);
    unsigned take = how == SET ? TAKE_ANY : TAKE_NUM;
    if (how < 0) return infer_fail(cx, "there is no way '%s' to combine", attr_s(op, "how"));
    if (!takes(cx, op, 0, take) || !takes(cx, op, 1, TAKE_INT) || !takes(cx, op, 2, take) ||
        !takes_rank(cx, op, 1, 2, 2) || !same_dtype(cx, op, 0, 2))
        return false;
    if (!dims_ints(index)) return infer_fail(cx, "indices must be i32 or i64, not %s", type_text(cx, index));
    Dim k = index->dim[1];
    bool fits = dim_known(k) && k <= x->rank && rows->rank == 1 + x->rank - k &&
                dims_agree(cx, rows->dim[0], index->dim[0]);
    for (int d = 1; fits && d < rows->rank; d++) fits = dims_agree(cx, rows->dim[d], x->dim[k + d - 1]);
    if (!fits)
        return infer_fail(cx, "indices %s and rows %s do not fit %s", type_text(cx, index),
                          type_text(cx, rows), type_text(cx, x));
    *out = *x;
    return true;
}

static double combine_f(int how, double a, double b)
{
    switch (how) {
    case ADD: return a + b;
    case SUB: return a - b;
    case MUL: return a * b;
    case MIN: return b < a ? b : a;
    case MAX: return a < b ? b : a;
    case LAST_MIN: return a < b ? a : b;
    default: return b < a ? a : b;
    }
}

static int64_t combine_i(int how, DType t, int64_t a, int64_t b)
{
    bool less = t == JITC_UINT64 ? (uint64_t)b < (uint64_t)a : b < a; /* b than a */
    switch (how) {
    case ADD: return wrap_add(a, b);
    case SUB: return wrap_sub(a, b);
    case MUL: return wrap_mul(a, b);
    case MIN:
    case LAST_MIN: return less ? b : a;
    default: return less ? a : b;
    }
}

/* Rows whose index is out of range are left out. */
static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    const Type *x = &in[0].type;
    int how = how_of(cx->op), k = (int)in[1].type.dim[1];
    int64_t n = in[1].type.dim[0], row = numel_between(x, k, x->rank);
    size_t size = dtype_size(x->dtype);
    memcpy(out->data, in[0].data, (size_t)type_bytes(x));
    for (int64_t i = 0; i < n; i++) {
        int64_t at = 0;
        bool inside = true;
        for (int c = 0; c < k; c++) {
            int64_t j = tensor_i(&in[1], i * k + c);
            inside = inside && j >= 0 && j < x->dim[c];
            at = inside ? at * x->dim[c] + j : 0;
        }
        if (!inside) continue;
        if (how == SET)
            memcpy((char *)out->data + (size_t)(at * row) * size,
                   (const char *)in[2].data + (size_t)(i * row) * size, (size_t)row * size);
        for (int64_t e = 0; how != SET && e < row; e++) {
            int64_t to = at * row + e, from = i * row + e;
            if (dtype_is_float(x->dtype))
                tensor_set_f(out, to, combine_f(how, tensor_f(out, to), tensor_f(&in[2], from)));
            else
                tensor_set_i(out, to, combine_i(how, x->dtype, tensor_i(out, to), tensor_i(&in[2], from)));
        }
    }
}

const OpDef op_scatter = {
    .name = "scatter",
    .doc = "a tensor in which rows at given indices [n, k] are set to, or one after the other combined with, "
           "given ones; an index out of range is an error, but a negative first one is passed over with "
           "skip_negative. A NaN takes no part in min and max unless it is there first, in last_min and "
           "last_max unless it comes last",
    .kind = KIND_ROUTINE,
    .nin = 3,
    .nout = 1,
    .attrs = {{"how", ATTR_STR}, {"skip_negative", ATTR_BOOL, true}},
    .infer = infer,
    .eval = eval,
    .in_place = true,
};
