#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    return takes(cx, op, 0, TAKE_NUM) &&
           axis_in_range(cx, "axis", attr_i(op, "axis"), in_type(op, 0)->rank) && infer_same(cx, op, out);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int axis = (int)attr_i(cx->op, "axis");
    bool exclusive = attr_i(cx->op, "exclusive"), reverse = attr_i(cx->op, "reverse");
    bool floats = dtype_is_float(in->type.dtype);
    int64_t n = in->type.dim[axis], inner = numel_between(&in->type, axis + 1, in->type.rank);
    if (type_numel(&in->type) == 0) return;
    int64_t lines = type_numel(&in->type) / n;
    for (int64_t l = 0; l < lines; l++) {
        int64_t first = l / inner * inner * n + l % inner, v = 0;
        double f = 0;
        for (int64_t j = 0; j < n; j++) {
            int64_t at = first + (reverse ? n - 1 - j : j) * inner;
            double f0 = f;
            int64_t v0 = v;
            if (floats) {
                f += tensor_f(in, at);
                tensor_set_f(out, at, exclusive ? f0 : f);
            } else {
                v = wrap_add(v, tensor_i(in, at));
                tensor_set_i(out, at, exclusive ? v0 : v);
            }
        }
    }
}

const OpDef op_cumsum = {
    .name = "cumsum",
    .doc = "running sum along axis; exclusive: without the element itself; reverse: from the end",
    .kind = KIND_SCAN,
    .nin = 1,
    .nout = 1,
    .attrs = {{"axis", ATTR_INT}, {"exclusive", ATTR_BOOL, true}, {"reverse", ATTR_BOOL, true}},
    .infer = infer,
    .eval = eval,
};
