#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    DType to = (DType)attr_i(op, "to");
    if (!takes(cx, op, 0, TAKE_NUM) || !takes(cx, op, 1, TAKE_NUM) || !same_dtype(cx, op, 0, 1) ||
        !takes_rank(cx, op, 0, 2, 2) || !takes_rank(cx, op, 1, 2, 2))
        return false;
    const Type *row = in_type(op, 0), *x = in_type(op, 1);
    if (to != JITC_INT32 && to != JITC_INT64) return infer_fail(cx, "places cannot be %s", dtype_name(to));
    if (!dims_agree(cx, row->dim[0], x->dim[0]))
        return infer_fail(cx, "%s and %s have different numbers of rows", type_text(cx, row),
                          type_text(cx, x));
    *out = *x;
    out->dtype = to;
    return result_fits(cx, out);
}

static bool less(const Tensor *a, int64_t i, const Tensor *b, int64_t j)
{
    if (dtype_is_float(a->type.dtype)) return tensor_f(a, i) < tensor_f(b, j);
    if (a->type.dtype == JITC_UINT64) return (uint64_t)tensor_i(a, i) < (uint64_t)tensor_i(b, j);
    return tensor_i(a, i) < tensor_i(b, j);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    bool upper = attr_i(cx->op, "upper");
    int64_t n = in[0].type.dim[1], m = in[1].type.dim[1], all = type_numel(&in[1].type);
    for (int64_t i = 0; i < all; i++) {
        int64_t lo = 0, count = n, first = i / m * n;
        while (count > 0) {
            int64_t half = count / 2, mid = first + lo + half;
            if (upper ? !less(&in[1], i, &in[0], mid) : less(&in[0], mid, &in[1], i)) {
                lo += half + 1;
                count -= half + 1;
            } else {
                count = half;
            }
        }
        tensor_set_i(out, i, lo);
    }
}

static int outer(const Op *op)
{
    (void)op;
    return 2;
}

const OpDef op_search_sorted = {
    .name = "search_sorted",
    .doc = "the place at which a value goes into the sorted row of operand 0: before equal ones, or after "
           "(upper)",
    .kind = KIND_ROUTINE,
    .nin = 2,
    .nout = 1,
    .cost = COST_HEAVY,
    .attrs = {{"upper", ATTR_BOOL, true}, {"to", ATTR_DTYPE, true, JITC_INT32}},
    .infer = infer,
    .eval = eval,
    .outer = outer,
};
