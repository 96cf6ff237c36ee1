#include "ir/ops/common.h"
#include "ir/ops/winograd.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    if (!takes(cx, op, 0, TAKE_FLOAT) || !takes_rank(cx, op, 0, 4, 4) || !winograd_forms(cx, op))
        return false;
    const Type *f = in_type(op, 0);
    const int64_t *tile = attr_v(op, "tile", NULL), *window = attr_v(op, "window", NULL);
    if (f->dim[0] != window[0] || f->dim[1] != window[1])
        return infer_fail(cx, "the filter is not of the window's size: %s", type_text(cx, f));
    int64_t n = (tile[0] + window[0] - 1) * (tile[1] + window[1] - 1);
    *out = type_make(f->dtype, 3, (Dim[]){n, f->dim[2], f->dim[3]});
    return result_fits(cx, out);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    Winograd h, w;
    winograd_of(cx->op, &h, &w);
    int64_t numel = in->type.dim[2] * in->type.dim[3];
    double *tap = job_array(cx->job, double, numel + 1), *sum = job_array(cx->job, double, numel + 1);
    for (int i = 0; i < h.n; i++)
        for (int j = 0; j < w.n; j++) {
            job_tick(cx->job);
            memset(sum, 0, (size_t)numel * sizeof *sum);
            for (int y = 0; y < h.r; y++)
                for (int x = 0; x < w.r; x++) {
                    double k = h.g[i][y] * w.g[j][x];
                    if (k == 0) continue;
                    load_f(in, (y * w.r + x) * numel, 1, numel, tap);
                    for (int64_t e = 0; e < numel; e++) sum[e] += k * tap[e];
                }
            store_f(out, (i * w.n + j) * numel, numel, sum);
        }
}

const OpDef op_winograd_filter = {
    .name = "winograd_filter",
    .doc = "the filter f[kh,kw,c,o] of a convolution as `winograd` wants it: [products,c,o]",
    .kind = KIND_ROUTINE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"tile", ATTR_INTS}, {"window", ATTR_INTS}},
    .infer = infer,
    .eval = eval,
};
