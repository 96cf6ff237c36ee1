#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    return infer_pool(cx, op, out, TAKE_NUM);
}

static void pool(const Tensor *in, const Window *w, int64_t c, Tensor *out, int64_t at)
{
    bool floats = dtype_is_float(in->type.dtype);
    int64_t flip = in->type.dtype == JITC_UINT64 ? INT64_MIN : 0, v = dtype_lowest(in->type.dtype) ^ flip;
    double f = float_lowest(in->type.dtype);
    for (int64_t y = w->y0; y < w->y1; y++)
        for (int64_t x = w->x0; x < w->x1; x++) {
            int64_t from = window_at(in, w, y, x, c);
            if (floats) {
                double e = tensor_f(in, from);
                if (e > f) f = e;
            } else {
                v = max_i(v, tensor_i(in, from) ^ flip);
            }
        }
    if (floats)
        tensor_set_f(out, at, f);
    else
        tensor_set_i(out, at, v ^ flip);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    eval_pool(cx, in, out, pool);
}

const OpDef op_max_pool = {
    .name = "max_pool",
    .doc = "largest of each window; padding is the lowest number, NaN never wins",
    .kind = KIND_WINDOW,
    .nin = 1,
    .nout = 1,
    .attrs = {{"window", ATTR_INTS}, {"strides", ATTR_INTS}, {"pad_lo", ATTR_DIMS}, {"pad_hi", ATTR_DIMS}},
    .infer = infer,
    .eval = eval,
};
