#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *a = in_type(op, 0), *b = in_type(op, 1);
    if (!takes_square(cx, op, 0) || !takes_rank(cx, op, 1, 2, IR_MAX_RANK) || !same_dtype(cx, op, 0, 1))
        return false;
    bool fits = a->rank == b->rank;
    for (int d = 0; fits && d < a->rank - 1; d++) fits = dims_agree(cx, a->dim[d], b->dim[d]);
    if (!fits) return infer_fail(cx, "%s and %s do not fit", type_text(cx, a), type_text(cx, b));
    *out = *b;
    return true;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int rank = out->type.rank;
    int64_t n = out->type.dim[rank - 2], m = out->type.dim[rank - 1],
            batch = numel_between(&out->type, 0, rank - 2);
    bool trans = attr_i(cx->op, "trans"), unit = attr_i(cx->op, "unit");
    bool forward = (attr_i(cx->op, "lower") != 0) != trans;
    double *a = job_array(cx->job, double, n *n + 1), *x = job_array(cx->job, double, n *m + 1);
    for (int64_t b = 0; b < batch; b++) {
        load_f(&in[0], b * n * n, 1, n * n, a);
        load_f(&in[1], b * n * m, 1, n * m, x);
        for (int64_t s = 0; s < n; s++) {
            int64_t i = forward ? s : n - 1 - s;
            for (int64_t k = forward ? 0 : i + 1; k < (forward ? i : n); k++) {
                double f = trans ? a[k * n + i] : a[i * n + k];
                for (int64_t j = 0; j < m; j++) x[i * m + j] -= f * x[k * m + j];
            }
            for (int64_t j = 0; j < m && !unit; j++) x[i * m + j] /= a[i * n + i];
        }
        store_f(out, b * n * m, n * m, x);
    }
}

const OpDef op_triangular_solve = {
    .name = "triangular_solve",
    .doc = "x with a * x = b, of whose matrix a one half is read; `unit`: its diagonal is taken for ones",
    .kind = KIND_ROUTINE,
    .nin = 2,
    .nout = 1,
    .attrs = {{"lower", ATTR_BOOL, true, 1}, {"trans", ATTR_BOOL, true}, {"unit", ATTR_BOOL, true}},
    .infer = infer,
    .eval = eval,
    .outer = outer_of_matrices,
};
