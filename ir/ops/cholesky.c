#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    return takes_square(cx, op, 0) && infer_same(cx, op, out);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int rank = in->type.rank;
    int64_t n = in->type.dim[rank - 1], batch = numel_between(&in->type, 0, rank - 2);
    double *l = job_array(cx->job, double, n *n + 1);
    for (int64_t b = 0; b < batch; b++) {
        bool fails = false;
        load_f(in, b * n * n, 1, n * n, l);
        for (int64_t j = 0; j < n; j++)
            for (int64_t i = j; i < n; i++) {
                double s = l[i * n + j];
                for (int64_t k = 0; k < j; k++) s -= l[i * n + k] * l[j * n + k];
                fails = fails || (i == j && s <= 0);
                l[i * n + j] = i == j ? sqrt(s) : s / l[j * n + j];
                if (i > j) l[j * n + i] = 0;
            }
        for (int64_t i = 0; i < n * n && fails; i++)
            if (i % n <= i / n) l[i] = NAN;
        store_f(out, b * n * n, n * n, l);
    }
}

const OpDef op_cholesky = {
    .name = "cholesky",
    .doc =
        "lower triangular l with l * transpose(l) = x, of which the lower half is read; NaN where there is "
        "none",
    .kind = KIND_ROUTINE,
    .nin = 1,
    .nout = 1,
    .infer = infer,
    .eval = eval,
    .outer = outer_of_matrices,
};
