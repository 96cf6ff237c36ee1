#include "ir/ops/common.h"

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    /* TensorFlow's alpha is an f32 attribute, taken as a number of the tensor's type. */
    double alpha = (float)attr_f(cx->op, "alpha");
    Type type = type_scalar(in->type.dtype);
    Tensor rounded = tensor_new(cx->job, &type);
    tensor_set_f(&rounded, 0, alpha);
    alpha = tensor_f(&rounded, 0);
    for (int64_t j = 0, n = type_numel(&out->type); j < n; j++) {
        double x = tensor_f(in, j);
        tensor_set_f(out, j, x < 0 ? alpha * x : x);
    }
}

const OpDef op_leaky_relu = {
    .name = "leaky_relu",
    .doc = "x, below zero alpha * x",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .attrs = {{"alpha", ATTR_FLOAT, true, 0.2}},
    .infer = infer_float_map,
    .eval = eval,
};
