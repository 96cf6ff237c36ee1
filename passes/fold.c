/* Constant folding: ops on constants are evaluated, small integer tensors that follow from shapes become
 * constants. Weights are never read. */
#include "ir/dim.h"
#include "passes/util.h"

enum { MAX_RESULT = 4096, MAX_OPERAND = 1 << 20, MAX_DIMS = 16 };

static bool evaluate(Module *m, Op *op)
{
    const Type *t = &op->out[0]->type;
    if (!op->nin || op->nout != 1 || op->body || !type_static(t) || type_numel(t) > MAX_RESULT) return false;
    if (t->layout != LAYOUT_PLAIN || op->def->kind >= KIND_SIZE || !op_is_pure(op)) return false;
    for (int i = 0; i < op->nin; i++)
        if (!is_const(op->in[i]) || type_numel(&op->in[i]->type) > MAX_OPERAND) return false;
    Tensor *in = job_array(m->job, Tensor, op->nin), out = tensor_new(m->job, t);
    for (int i = 0; i < op->nin; i++) in[i] = op->in[i]->def->value;
    ir_eval_op(m, op, in, &out);
    Builder b = builder_at(m, op);
    return replace(m, op->out[0], ir_const(&b, &out));
}

static bool from_dims(Module *m, Op *op)
{
    const Type *t = &op->out[0]->type;
    if (op->nout != 1 || is_const_like(op->out[0]) || op->body) return false;
    if ((t->dtype != JITC_INT32 && t->dtype != JITC_INT64) || !type_static(t)) return false;
    if (type_numel(t) > MAX_DIMS || t->layout != LAYOUT_PLAIN) return false;
    Dim dim[MAX_DIMS];
    int n = (int)type_numel(t);
    if (!ir_dims_of(m, op->out[0], dim, n)) return false;
    Tensor x = tensor_new(m->job, t);
    Builder b = builder_at(m, op);
    bool numbers = true;
    for (int i = 0; i < n; i++) {
        int64_t v = 0;
        numbers = numbers && dim_const(m, dim[i], &v);
        if (t->dtype == JITC_INT32 && (v > INT32_MAX || v < INT32_MIN)) return false;
        tensor_set_i(&x, i, v);
    }
    if (numbers) return replace(m, op->out[0], ir_const(&b, &x));
    if (op->def->kind == KIND_SIZE || t->rank > 1) return false;
    return replace(m, op->out[0],
                   ir_v(&b, OP_sizes, NO_IN,
                        AT(at_ds("dims", dim, n), at_b("scalar", t->rank == 0), at_t("to", t->dtype))));
}

bool pass_fold(Module *m, PassCx *cx)
{
    (void)cx;
    bool changed = false;
    Regions r = ir_regions(m);
    for (uint32_t i = 0; i < r.n; i++)
        ir_each_op (op, r.at[i]) {
            if (op->nout != 1 || !op->out[0]->nuses) continue;
            changed |= evaluate(m, op) || from_dims(m, op);
        }
    return changed;
}
