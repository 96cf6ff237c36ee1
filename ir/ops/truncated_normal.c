#include "ir/ops/philox.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    DType to = (DType)attr_i(op, "to");
    Dim groups;
    if (!takes_philox(cx, op, &groups)) return false;
    if (to != JITC_FLOAT32 && to != JITC_FLOAT64)
        return infer_fail(cx, "the numbers cannot be %s", dtype_name(to));
    *out = type_make(to, 2, (Dim[]){groups, truncated_group(to)});
    return result_fits(cx, out);
}

static int normals_f32(const uint32_t w[PHILOX_WORDS], double *x)
{
    for (int i = 0; i < 4; i += 2) {
        float u = (float)(w[i] & 0x7fffff) * 0x1p-23f, v = (float)(w[i + 1] & 0x7fffff) * 0x1p-23f;
        float angle = (float)(6.283185307179586 * (double)v);
        float r = sqrtf(-2.0f * (float)log((double)(u < 1e-7f ? 1e-7f : u)));
        x[i] = (double)((float)sin((double)angle) * r);
        x[i + 1] = (double)((float)cos((double)angle) * r);
    }
    return 4;
}

static double uniform_f64(uint32_t hi, uint32_t lo)
{
    return (double)(hi & 0xfffff) * 0x1p-20 + (double)lo * 0x1p-52;
}

static int normals_f64(const uint32_t w[PHILOX_WORDS], double *x)
{
    double u = uniform_f64(w[0], w[1]), angle = 6.283185307179586 * uniform_f64(w[2], w[3]);
    double r = sqrt(-2.0 * log(u < 1e-7 ? 1e-7 : u));
    x[0] = sin(angle) * r;
    x[1] = cos(angle) * r;
    return 2;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    DType t = out->type.dtype;
    int need = truncated_group(t);
    (void)cx;
    for (int64_t i = 0; i < out->type.dim[0]; i++) {
        uint64_t at = (uint64_t)(i * truncated_blocks(t));
        for (int have = 0; have < need; at++) {
            uint32_t w[PHILOX_WORDS];
            double x[4];
            philox_block(in, at, w);
            int n = t == JITC_FLOAT64 ? normals_f64(w, x) : normals_f32(w, x);
            for (int k = 0; k < n && have < need; k++)
                if (fabs(x[k]) < 2) tensor_set_f(out, i * need + have++, x[k]);
        }
    }
}

const OpDef op_truncated_normal = {
    .name = "truncated_normal",
    .doc = "normal random numbers below 2 in size, from Philox4x32-10 with a key and counter: per group of 4 "
           "(f64: 2) the first ones",
    .kind = KIND_ROUTINE,
    .nin = 2,
    .nout = 1,
    .cost = COST_HEAVY,
    .attrs = {{"groups", ATTR_DIMS}, {"to", ATTR_DTYPE, true, JITC_FLOAT32}},
    .infer = infer,
    .eval = eval,
    .outer = outer_of_groups,
};
