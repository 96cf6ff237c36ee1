#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    return infer_pool(cx, op, out, TAKE_FLOAT);
}

static void pool(const Tensor *in, const Window *w, int64_t c, Tensor *out, int64_t at)
{
    double sum = 0;
    for (int64_t y = w->y0; y < w->y1; y++)
        for (int64_t x = w->x0; x < w->x1; x++) sum += tensor_f(in, window_at(in, w, y, x, c));
    tensor_set_f(out, at, sum / (double)((w->y1 - w->y0) * (w->x1 - w->x0)));
}

/* The mean of one element is exact. A maximum is not: it drops NaN. */
static Value *simplify(Builder *b, Op *op)
{
    (void)b;
    const int64_t *window = attr_v(op, "window", NULL), *strides = attr_v(op, "strides", NULL);
    bool single = window[0] == 1 && window[1] == 1 && strides[0] == 1 && strides[1] == 1;
    return single ? if_same_type(op->in[0], op) : NULL;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    eval_pool(cx, in, out, pool);
}

const OpDef op_avg_pool = {
    .name = "avg_pool",
    .doc = "mean of the real pixels of each window",
    .kind = KIND_WINDOW,
    .nin = 1,
    .nout = 1,
    .attrs = {{"window", ATTR_INTS}, {"strides", ATTR_INTS}, {"pad_lo", ATTR_DIMS}, {"pad_hi", ATTR_DIMS}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
};
