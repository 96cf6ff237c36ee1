#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    return infer_resize(cx, op, out, 0);
}

/* The source row (column) of each output row, computed in float as TensorFlow does. */
static int64_t *sources(EvalCx *cx, int64_t in, int64_t out)
{
    bool align = attr_i(cx->op, "align_corners");
    float scale = resize_scale(in, out, align), offset = attr_i(cx->op, "half_pixel") ? 0.5f : 0;
    int64_t *s = job_array(cx->job, int64_t, out);
    for (int64_t i = 0; i < out; i++) {
        float at = ((float)i + offset) * scale;
        s[i] = max_i64(0, min_i64((int64_t)(align ? roundf(at) : floorf(at)), in - 1));
    }
    return s;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    const int64_t *dim = out->type.dim, h = in->type.dim[1], w = in->type.dim[2];
    size_t pixel = (size_t)dim[3] * dtype_size(in->type.dtype);
    char *to = out->data;
    if (type_numel(&out->type) == 0) return;
    const int64_t *sy = sources(cx, h, dim[1]), *sx = sources(cx, w, dim[2]);
    for (int64_t n = 0; n < dim[0]; n++)
        for (int64_t y = 0; y < dim[1]; y++)
            for (int64_t x = 0; x < dim[2]; x++, to += pixel)
                memcpy(to, (const char *)in->data + (size_t)((n * h + sy[y]) * w + sx[x]) * pixel, pixel);
}

static Value *simplify(Builder *b, Op *op)
{
    (void)b;
    return if_same_type(op->in[0], op);
}

const OpDef op_resize_nearest = {
    .name = "resize_nearest",
    .doc = "nearest pixels of NHWC images at another size; align_corners rounds, else floors",
    .kind = KIND_INDEX,
    .nin = 1,
    .nout = 1,
    .attrs = {{"size", ATTR_DIMS}, {"align_corners", ATTR_BOOL, true}, {"half_pixel", ATTR_BOOL, true}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
};
