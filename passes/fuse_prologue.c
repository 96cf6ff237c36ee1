/* Fusion of prologues: what is elementwise before a contraction that gathers rows of its left operand anyway
 * is computed on the rows that are gathered. It is computed again where rows are gathered again, so it is
 * cheap. */
#include "passes/fuse.h"

/* The contraction that reads each element of its left operand once, while it gathers rows of it: a matrix
 * product, or a convolution of 1×1 windows; or NULL. */
static const Op *gathers_once(const Op *kernel)
{
    if (!has_algo(kernel, "igemm") || kernel->nout != 1) return NULL;
    ir_each_op (op, kernel->body)
        if (op->code == OP_slice) return NULL; /* the epilogue of parts has other operands */
    ir_each_op (op, kernel->body) {
        if (op->def->kind != KIND_CONTRACT) continue;
        const Value *x = op->in[0];
        const Type *w = &op->in[1]->type;
        if (x->def || x->nuses != 1) return NULL;
        if (op->code == OP_dot) return w->rank == 2 ? op : NULL;
        return w->dim[0] == 1 && w->dim[1] == 1 ? op : NULL;
    }
    return NULL;
}

/* Whether the set reads one tensor of dims t only: its rows are what is gathered. */
static bool reads_one(const Fuse *f, const Set *s, const Type *t)
{
    const Value *full = NULL;
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->op[i]->nin; k++) {
            const Value *v = s->op[i]->in[k];
            if ((v->def && in_set(f, v->def)) || !dims_equal(&v->type, t)) continue;
            if (full && full != v) return false;
            full = v;
        }
    return full != NULL;
}

void prologue_of(Fuse *f, Op *kernel)
{
    Module *m = f->m;
    const Op *contract = gathers_once(kernel);
    Value *v = contract ? kernel->in[contract->in[0]->index] : NULL;
    const Type *t = v ? &v->type : NULL;
    if (!v || !v->def || !one_use(v) || !is_free(f, v->def, false) || t->dtype != JITC_FLOAT32 ||
        m->fuel <= 0)
        return;
    Set s = {0};
    f->now++;
    int best = 0, cost = 0;
    for (Value *x = v; x;) { /* a chain of ops */
        Op *op = x->def;
        if (!op || s.n == MAX_PROLOGUE || !is_free(f, op, false) || misfit(f, op, t, true)) break;
        cost += op_cost(op->def);
        if (!all_uses_inside(f, x) && x != v) break;
        put(f, &s, op);
        if (cost >= COST_HEAVY || operands(f, &s) + kernel->nin > MAX_OPERANDS) break;
        if (reads_one(f, &s, t)) best = s.n;
        x = NULL;
        for (int k = 0; k < op->nin; k++)
            if (dims_equal(&op->in[k]->type, t) && !(op->in[k]->def && in_set(f, op->in[k]->def)))
                x = op->in[k];
    }
    cut(f, &s, best);
    if (!s.n) return;
    Builder b = {.m = m, .region = ir_region(m, NULL)}, at = builder_at(m, kernel);
    int nin = 0;
    Value **in = job_array(m->job, Value *, operands_most(&s) + kernel->nin + 1),
          **args = job_array(m->job, Value *, kernel->nin + 1), *result;
    at.from = ir_from_union(m, kernel->from, clone_set(f, &s, &b, false, in, &nin));
    for (int i = 0; i < kernel->nin; i++) {
        if (kernel->in[i] != v) operand(f, b.region, kernel->in[i], true, in, &nin);
        args[i] = *inner(f, kernel->in[i]);
    }
    for (int i = 0; i < kernel->nin; i++) *inner(f, kernel->in[i]) = NULL;
    ir_copy_region(&b, kernel->body, args, &result);
    ir_yield(&b, &result, 1);
    Op *joined = ir_kernel(&at, in, nin, "igemm", b.region);
    joined->mark = kernel->mark;
    must_replace(m, kernel->out[0], joined->out[0]);
    ir_remark(m, "fuse", joined->from, "'%s' (%s) is computed where rows are gathered for %s",
              ir_node_name(m, s.op[s.n - 1]->from), s.op[s.n - 1]->def->name, contract->def->name);
    f->op[kernel->mark] = joined;
    ir_erase(m, kernel);
    erase_set(f, &s);
    if (m->fuel != INT64_MAX) m->fuel--;
}
