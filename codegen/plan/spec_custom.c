/* Calls of operators that the user has registered: nothing is compiled for them. */
#include "codegen/plan/spec_private.h"
#include "ir/custom.h"

/* Open sizes become dim arguments as they are, each one once. */
static int64_t size_of(KernelSpec *out, Dim d)
{
    if (dim_known(d)) return d;
    int k = 0;
    while (k < out->ndims && k < SPEC_MAX_DIMS && out->dim[k] != d) k++;
    if (k == out->ndims) {
        if (k < SPEC_MAX_DIMS) out->dim[k] = d;
        out->ndims++; /* too many of them: the planner says so */
    }
    return -1 - (int64_t)k;
}

static void describe(Module *m, const Op *op, KernelSpec *out)
{
    int64_t call = attr_i(op, "call");
    if (call < 0 || call >= m->custom_nodes.n) {
        job_error(m->job, "custom operator '%s' is not registered", attr_s(op, "op"));
        job_fail(m->job, JITC_E_INVALID);
    }
    CustomNode *n = job_new(m->job, CustomNode);
    *n = *m->custom_nodes.at[call];
    int32_t count = n->node.nin + n->node.nout;
    jitc_op_type *types = job_array(m->job, jitc_op_type, count + 1);
    for (int32_t i = 0; i < count; i++) {
        const Type *t = &(i < op->nin ? op->in[i] : op->out[i - op->nin])->type;
        types[i] = (jitc_op_type){.dtype = t->dtype, .rank = t->rank};
        for (int d = 0; d < t->rank; d++) types[i].shape[d] = size_of(out, t->dim[d]);
    }
    n->node.types = types;
    out->custom = n;
}

void make_custom(Module *m, const Op *kernel, KernelSpec *out)
{
    const Op *op = NULL;
    for (const Op *o = kernel->body->first; o; o = o->next)
        if (o->code == OP_custom) op = o;
    if (!op || op->nout != kernel->nout) job_bug(m->job, "a custom operator's kernel holds something else");
    Text t;
    text_begin(&t, m, kernel, out);
    /* An operand of the text for each one of the op. */
    for (int i = 0; i < op->nin; i++) {
        const Value *a = op->in[i];
        Value *arg = text_arg(&t, a, text_type(&t, &a->type), false);
        if (!text_value(&t, a)) text_bind(&t, a, arg);
    }
    text_copy(&t, op);
    Value **result = job_array(m->job, Value *, op->nout + 1);
    for (int i = 0; i < op->nout; i++) result[i] = text_value(&t, op->out[i]);
    ir_yield(&t.b, result, op->nout);
    describe(m, op, out);
    const jitc_op *user = &out->custom->op->op;
    const Type *r = &op->out[0]->type;
    out->units = rows_of(m, r, custom_outer(user, r->rank));
    spec_grain(out, 1);
    if (user->grain > 0) out->grain = user->grain;
    text_end(&t, "#algo=custom");
}
