/* A call of an opaque custom operator. Its result types are attributes, since only the importer can ask the
 * operator for them. */
#include "ir/custom.h"
#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    int n, nranks, ndims, at = 0;
    const int64_t *types = attr_v(op, "types", &n), *ranks = attr_v(op, "ranks", &nranks);
    const Dim *dims = attr_v(op, "dims", &ndims);
    if (n < 1 || n > CUSTOM_MAX_OUT || nranks != n)
        return infer_fail(cx, "it has %d results of %d ranks; 1 to %d are possible", n, nranks,
                          CUSTOM_MAX_OUT);
    for (int i = 0; i < op->nin; i++)
        if (in_type(op, i)->layout != LAYOUT_PLAIN) return infer_fail(cx, "operand %d is packed", i);
    for (int i = 0; i < n; i++) {
        if (types[i] < 0 || types[i] > UINT8_MAX || !dtype_size((DType)types[i]) || types[i] == JITC_STRING)
            return infer_fail(cx, "result %d has no element type", i);
        if (ranks[i] < 0 || ranks[i] > IR_MAX_RANK || ranks[i] > ndims - at)
            return infer_fail(cx, "result %d has rank %lld", i, (long long)ranks[i]);
        out[i] = type_make((DType)types[i], (int)ranks[i], dims + at);
        for (int d = 0; d < ranks[i]; d++)
            if (dim_is_negative(cx->m, out[i].dim[d]))
                return infer_fail(cx, "dimension %d of result %d is negative", d, i);
        at += (int)ranks[i];
        if (!result_fits(cx, &out[i])) return false;
    }
    return at == ndims || infer_fail(cx, "it has more dimensions than results");
}

static _Noreturn void failed(EvalCx *cx, const char *why)
{
    job_error(cx->job, "node '%s' (%s): %s", ir_node_name(cx->m, cx->op->from), attr_s(cx->op, "op"), why);
    job_fail(cx->job, JITC_E_INVALID);
}

/* Whole tensors in one call. */
static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    const Op *op = cx->op;
    int64_t call = attr_i(op, "call"), units = 1;
    if (call < 0 || call >= cx->m->custom_nodes.n) failed(cx, "this custom operator is not registered");
    CustomNode n = *cx->m->custom_nodes.at[call];
    int count = op->nin + op->nout;
    jitc_op_type *types = job_array(cx->job, jitc_op_type, count + 1);
    void **ptr = job_array(cx->job, void *, count + 1);
    for (int i = 0; i < count; i++) {
        const Tensor *t = i < op->nin ? &in[i] : &out[i - op->nin];
        types[i] = (jitc_op_type){.dtype = t->type.dtype, .rank = t->type.rank};
        memcpy(types[i].shape, t->type.dim, t->type.rank * sizeof *types[i].shape);
        ptr[i] = t->data;
    }
    for (int i = n.node.nout; i < op->nout; i++) *(int64_t *)out[i].data = -1; /* rows, until they are told */
    for (int d = 0; d < custom_outer(&n.op->op, out->type.rank); d++) units *= out->type.dim[d];
    n.node.types = types;
    char why[256] = "";
    jitc_op_call c = {.size = sizeof c,
                      .node = &n.node,
                      .ptr = ptr,
                      .end = units,
                      .user = n.op->op.user,
                      .error = why,
                      .error_size = sizeof why};
    if (n.op->op.compute(&c)) failed(cx, why[0] ? why : attr_s(op, "report"));
}

const OpDef op_custom = {
    .name = "custom",
    .doc = "a call of an operator that the user has registered: `op` is its name, `node` and `call` are the "
           "node's "
           "name and number; element types (as TensorFlow numbers them), ranks and dims of the results",
    .kind = KIND_ROUTINE,
    .nin_max = -1,
    .nout = -1,
    .cost = COST_HEAVY,
    .attrs = {{"op", ATTR_STR},
              {"node", ATTR_STR},
              {"call", ATTR_INT},
              {"types", ATTR_INTS},
              {"ranks", ATTR_INTS},
              {"dims", ATTR_DIMS, true},
              {"pure", ATTR_BOOL, true},
              {"report", ATTR_STR, true}},
    .infer = infer,
    .eval = eval,
};
