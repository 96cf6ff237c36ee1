#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    return infer_resize(cx, op, out, JITC_FLOAT32);
}

/* The two source rows (columns) of an output row and the weight of the upper one. */
typedef struct {
    int64_t lower, upper;
    float lerp;
} Source;

/* In float, as TensorFlow computes it: other precision picks other pixels. */
static Source *sources(EvalCx *cx, int64_t in, int64_t out)
{
    float scale = resize_scale(in, out, attr_i(cx->op, "align_corners"));
    bool half_pixel = attr_i(cx->op, "half_pixel");
    Source *s = job_array(cx->job, Source, out);
    for (int64_t i = 0; i < out; i++) {
        float at = half_pixel ? ((float)i + 0.5f) * scale - 0.5f : (float)i * scale, whole = floorf(at);
        s[i].upper = min_i64((int64_t)ceilf(at), in - 1);
        s[i].lower = min_i64(max_i64((int64_t)whole, 0), s[i].upper);
        s[i].lerp = at - whole;
    }
    return s;
}

static float lerp(float a, float b, float t)
{
    return a + (b - a) * t;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    const int64_t *dim = out->type.dim, h = in->type.dim[1], w = in->type.dim[2], c = dim[3];
    if (type_numel(&out->type) == 0) return;
    if (h == dim[1] && w == dim[2]) { /* also infinities stay */
        for (int64_t j = 0, n = type_numel(&out->type); j < n; j++) tensor_set_f(out, j, tensor_f(in, j));
        return;
    }
    const Source *sy = sources(cx, h, dim[1]), *sx = sources(cx, w, dim[2]);
    int64_t to = 0;
    for (int64_t n = 0; n < dim[0]; n++)
        for (int64_t y = 0; y < dim[1]; y++) {
            int64_t top = (n * h + sy[y].lower) * w, bottom = (n * h + sy[y].upper) * w;
            job_tick(cx->job);
            for (int64_t x = 0; x < dim[2]; x++)
                for (int64_t k = 0; k < c; k++) {
                    int64_t left = sx[x].lower * c + k, right = sx[x].upper * c + k;
                    float a = lerp((float)tensor_f(in, top * c + left), (float)tensor_f(in, top * c + right),
                                   sx[x].lerp);
                    float b = lerp((float)tensor_f(in, bottom * c + left),
                                   (float)tensor_f(in, bottom * c + right), sx[x].lerp);
                    tensor_set_f(out, to++, lerp(a, b, sy[y].lerp));
                }
        }
}

static Value *simplify(Builder *b, Op *op)
{
    const Type *x = in_type(op, 0), *t = &op->out[0]->type;
    return x->dim[1] == t->dim[1] && x->dim[2] == t->dim[2] ? ir_cast(b, op->in[0], JITC_FLOAT32) : NULL;
}

const OpDef op_resize_bilinear = {
    .name = "resize_bilinear",
    .doc = "bilinear interpolation of NHWC images to another size; the result is f32",
    .kind = KIND_INDEX,
    .nin = 1,
    .nout = 1,
    .attrs = {{"size", ATTR_DIMS}, {"align_corners", ATTR_BOOL, true}, {"half_pixel", ATTR_BOOL, true}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
};
