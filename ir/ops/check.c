#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    int na, nb;
    (void)out;
    attr_v(op, "a", &na);
    attr_v(op, "b", &nb);
    return na == nb ? true : infer_fail(cx, "%d sizes against %d", na, nb);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int n;
    (void)in, (void)out;
    attr_v(cx->op, "a", &n);
    int64_t *a = job_array(cx->job, int64_t, n + 1), *b = job_array(cx->job, int64_t, n + 1);
    eval_dims(cx, "a", a);
    eval_dims(cx, "b", b);
    for (int i = 0; i < n; i++) {
        if (attr_i(cx->op, "at_most") ? a[i] <= b[i] : a[i] == b[i]) continue;
        job_error(cx->job, "node '%s': sizes %lld and %lld do not agree", ir_node_name(cx->m, cx->op->from),
                  (long long)a[i], (long long)b[i]);
        job_fail(cx->job, JITC_E_INVALID);
    }
}

const OpDef op_check = {
    .name = "check",
    .doc = "an error unless the sizes `a` equal, or with `at_most` do not exceed, the sizes `b`",
    .kind = KIND_SIZE,
    .nin = 0,
    .nout = 0,
    .attrs = {{"a", ATTR_DIMS}, {"b", ATTR_DIMS}, {"at_most", ATTR_BOOL, true}},
    .infer = infer,
    .eval = eval,
};
