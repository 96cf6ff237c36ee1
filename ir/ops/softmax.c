#include "ir/ops/common.h"

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    if (type_numel(&in->type) == 0) return;
    int64_t n = in->type.dim[in->type.rank - 1], rows = type_numel(&in->type) / n;
    double *x = job_array(cx->job, double, n);
    for (int64_t r = 0; r < rows; r++) {
        double max = -INFINITY, sum = 0;
        load_f(in, r * n, 1, n, x);
        for (int64_t j = 0; j < n; j++) max = max_f(max, x[j]);
        for (int64_t j = 0; j < n; j++) sum += x[j] = exp(x[j] - max);
        for (int64_t j = 0; j < n; j++) x[j] /= sum;
        store_f(out, r * n, n, x);
    }
}

const OpDef op_softmax = {
    .name = "softmax",
    .doc = "exp(x - max) / sum of that, over the last dimension",
    .kind = KIND_ROW,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_row,
    .eval = eval,
};
