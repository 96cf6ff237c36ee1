/* Branches and loops that are simpler than they look: a predicate that is known, variables that never change
 * or that nobody needs, a loop of few rounds. */
#include "ir/dim.h"
#include "passes/util.h"

enum { UNROLL_OPS = 192, UNROLL_ROUNDS = 16 };

/* What a result's symbols stand for is known from now on. */
static void settle_sizes(Module *m, const Value *result, const Value *is)
{
    for (int d = 0; d < result->type.rank; d++)
        if (result->type.dim[d] != is->type.dim[d] && dim_is_sym(m, result->type.dim[d]))
            ir_subst_dim(m, result->type.dim[d], is->type.dim[d]);
}

/* -- Branches ------------------------------------------------------------------------------------------- */
static bool known_branch(Module *m, Op *op)
{
    const Tensor *t = ir_reveal(m, op->in[0]);
    if (!t || !m->fuel) return false;
    Builder b = builder_at(m, op);
    Region *r = tensor_i(t, 0) ? op->body : op->other;
    Value **out = job_array(m->job, Value *, op->nout + 1);
    ir_inline_region(&b, r, NULL, out);
    for (int i = 0; i < op->nout; i++) settle_sizes(m, op->out[i], out[i]);
    for (int i = 0; i < op->nout; i++) must_replace(m, op->out[i], out[i]);
    ir_erase(m, op);
    return true;
}

/* -- Loops ---------------------------------------------------------------------------------------------- */
static bool same_types(const Value *a, const Value *b)
{
    return type_equal(&a->type, &b->type);
}

/* Takes variable k out of the loop; nothing but its own next value reads its arguments. */
static void drop_variable(Module *m, Op *op, int k)
{
    ir_drop_operand(m, ir_terminator(op->body), k);
    ir_drop_operand(m, op, k);
    ir_drop_arg(op->body, k);
    ir_drop_arg(op->other, k);
    ir_drop_result(op, k);
}

/* A variable that every round passes on as it is, is the value that it starts with. */
static bool constant_variables(Module *m, Op *op)
{
    bool changed = false;
    for (int i = op->nin; i-- > 0;) {
        Value *arg = op->body->args[i], *start = op->in[i];
        if (ir_terminator(op->body)->in[i] != arg || !same_types(arg, start)) continue;
        if (!ir_replace(m, op->other->args[i], start)) return changed;
        /* The body's own use goes with the variable. */
        must_replace(m, arg, start);
        must_replace(m, op->out[i], start);
        drop_variable(m, op, i);
        changed = true;
    }
    return changed;
}

typedef struct {
    Module *m;
    const Op *loop;
    bool *needed;
    uint8_t *seen; /* by op id */
} Need;

static void need_region(Need *n, const Region *r);

static void need(Need *n, const Value *v)
{
    if (!v->def) {
        if (v->owner == n->loop->body || v->owner == n->loop->other) n->needed[v->index] = true;
        return;
    }
    if (n->seen[v->def->id] || !ir_inside(v->def->parent, n->loop->body)) return;
    n->seen[v->def->id] = 1;
    for (int i = 0; i < v->def->nin; i++) need(n, v->def->in[i]);
    if (v->def->other) {
        need_region(n, v->def->body);
        need_region(n, v->def->other);
    }
}

/* All that a nested region reads; and what tells or checks sizes. */
static void need_region(Need *n, const Region *r)
{
    for (const Op *op = r->first; op; op = op->next) {
        for (int i = 0; i < op->nin; i++) need(n, op->in[i]);
        if (op->other) {
            need_region(n, op->body);
            need_region(n, op->other);
        }
    }
}

static bool unread_variables(Module *m, Op *op)
{
    Need n = {m, op, job_array(m->job, bool, op->nin + 1), job_array(m->job, uint8_t, m->next_op + 1)};
    need_region(&n, op->other);
    for (const Op *o = op->body->first; o; o = o->next)
        if (o->def->kind == KIND_SIZE && o->nin) {
            need(&n, o->in[0]);
            if (o->nout) need(&n, o->out[0]);
        }
    for (int i = 0; i < op->nin; i++)
        if (op->out[i]->nuses) n.needed[i] = true;
    Op *end = ir_terminator(op->body);
    bool *done = job_array(m->job, bool, op->nin + 1);
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < op->nin; i++) {
            if (!n.needed[i] || done[i]) continue;
            need(&n, end->in[i]);
            done[i] = more = true;
        }
    }
    bool changed = false;
    for (int i = op->nin; i-- > 0;) {
        if (n.needed[i] || op->nin == 1 || !same_types(op->in[i], op->body->args[i])) continue;
        if (!m->fuel) return changed;
        /* What computes it still reads it: that dies with the yield's operand. */
        Value *arg = op->body->args[i];
        must_replace(m, arg, op->in[i]);
        drop_variable(m, op, i);
        changed = true;
    }
    return changed;
}

static uint32_t count_ops(const Region *r)
{
    uint32_t n = 0;
    for (const Op *op = r->first; op; op = op->next)
        n += op->other ? 1 + count_ops(op->body) + count_ops(op->other) : op->def->kind != KIND_CONST;
    return n;
}

static bool few_rounds(Module *m, Op *op)
{
    Dim n;
    if (!m->fuel || !loop_rounds(m, op, &n) || !dim_known(n) || n > UNROLL_ROUNDS) return false;
    if (n * (int64_t)count_ops(op->body) > UNROLL_OPS) return false;
    for (int i = 0; i < op->nin; i++)
        if (!same_types(op->in[i], op->body->args[i])) return false;
    Builder b = builder_at(m, op);
    Value **v = job_array(m->job, Value *, op->nin + 1), **next = job_array(m->job, Value *, op->nin + 1);
    memcpy(v, op->in, op->nin * sizeof *v);
    for (int64_t k = 0; k < n; k++) {
        ir_copy_region(&b, op->body, v, next);
        memcpy(v, next, op->nin * sizeof *v);
    }
    for (int i = 0; i < op->nin; i++) must_replace(m, op->out[i], v[i]);
    ir_remark(m, "control", op->from, "a loop of %lld rounds, written out", (long long)n);
    ir_erase(m, op);
    return true;
}

bool pass_control(Module *m, PassCx *cx)
{
    (void)cx;
    bool changed = false;
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    for (uint32_t i = r.n; i-- > 0;)
        ir_each_op (op, r.at[i]) {
            if (op->code == OP_if) changed |= known_branch(m, op);
            if (op->code == OP_while)
                changed |= constant_variables(m, op) || unread_variables(m, op) || few_rounds(m, op);
        }
    return changed;
}
