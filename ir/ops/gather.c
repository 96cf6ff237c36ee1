#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0), *idx = in_type(op, 1);
    int64_t axis = attr_i(op, "axis"), batch = attr_i(op, "batch_dims");
    if (!takes(cx, op, 0, TAKE_ANY) || !takes(cx, op, 1, TAKE_INT) ||
        !axis_in_range(cx, "axis", axis, x->rank))
        return false;
    if (!dims_ints(idx)) return infer_fail(cx, "indices must be i32 or i64, not %s", type_text(cx, idx));
    if (batch < 0 || batch > axis || batch > idx->rank)
        return infer_fail(cx, "batch_dims %lld must be at most axis %lld and the rank of the indices %s",
                          (long long)batch, (long long)axis, type_text(cx, idx));
    if (x->rank - 1 + idx->rank - batch > IR_MAX_RANK)
        return infer_fail(cx, "the result has more than %d dimensions", IR_MAX_RANK);
    Dim dim[IR_MAX_RANK];
    int n = 0;
    for (int d = 0; d < axis; d++) {
        if (d < batch && !dims_agree(cx, x->dim[d], idx->dim[d]))
            return infer_fail(cx, "batch dimension %d differs: %s, indices %s", d, type_text(cx, x),
                              type_text(cx, idx));
        dim[n++] = x->dim[d];
    }
    for (int d = (int)batch; d < idx->rank; d++) dim[n++] = idx->dim[d];
    for (int d = (int)axis + 1; d < x->rank; d++) dim[n++] = x->dim[d];
    *out = type_make(x->dtype, n, dim);
    return result_fits(cx, out);
}

/* Indices out of range are clamped; the elements of an empty dimension are zeros. */
static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    const Type *x = &in[0].type, *idx = &in[1].type;
    int axis = (int)attr_i(cx->op, "axis"), batch = (int)attr_i(cx->op, "batch_dims");
    int64_t size = (int64_t)dtype_size(x->dtype), many = x->dim[axis];
    int64_t batches = numel_between(x, 0, batch), outer = numel_between(x, batch, axis);
    int64_t picks = numel_between(idx, batch, idx->rank), row = numel_between(x, axis + 1, x->rank) * size;
    char *to = out->data;
    if (type_numel(&out->type) == 0 || many == 0) return;
    for (int64_t b = 0; b < batches; b++)
        for (int64_t o = 0; o < outer; o++)
            for (int64_t p = 0; p < picks; p++, to += row) {
                int64_t i = max_i64(0, min_i64(tensor_i(&in[1], b * picks + p), many - 1));
                memcpy(to, (const char *)in[0].data + ((b * outer + o) * many + i) * row, (size_t)row);
            }
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    Dim x[DIMS_MAX], idx[DIMS_MAX];
    int nx, nidx;
    if (in_type(op, 0)->rank != 1 || !dims_operand(m, op, 0, x, &nx) || !dims_operand(m, op, 1, idx, &nidx))
        return false;
    for (int k = 0; k < n; k++) {
        if (!dim_known(idx[k]) || idx[k] >= nx) return false;
        out[k] = x[idx[k]];
    }
    return true;
}

const OpDef op_gather = {
    .name = "gather",
    .doc = "elements along axis picked by integer indices; `report`: what one out of range means",
    .kind = KIND_INDEX,
    .nin = 2,
    .nout = 1,
    .attrs = {{"axis", ATTR_INT}, {"batch_dims", ATTR_INT, true}, {"report", ATTR_STR, true}},
    .infer = infer,
    .eval = eval,
    .dims = dims,
};
