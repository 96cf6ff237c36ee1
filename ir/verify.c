/* The verifier: structure, dominance, types by re-inference. */
#include "ir/ir.h"

typedef struct {
    const Module *m;
    Str *why;
    uint8_t *seen; /* by value id: defined above in this scope */
} Verifier;

static bool wrong(Verifier *v, const Op *op, const char *what)
{
    str_printf(v->why, "op %u (%s, from '%s'): %s", op->id, op->def->name, ir_node_name(v->m, op->from),
               what);
    return false;
}

static bool check_region(Verifier *v, const Region *r);

static bool check_uses(Verifier *v, const Op *op)
{
    for (int i = 0; i < op->nin; i++) {
        const Value *x = op->in[i];
        if (!v->seen[x->id]) return wrong(v, op, "an operand is not defined above it");
        uint32_t reads = 0, entries = 0;
        for (int k = 0; k < op->nin; k++) reads += op->in[k] == x;
        for (uint32_t k = 0; k < x->nuses; k++) entries += x->uses[k] == op;
        if (reads != entries) return wrong(v, op, "the use list of an operand is stale");
    }
    return true;
}

static void leave_region(Verifier *v, const Region *r)
{
    for (uint32_t i = 0; i < r->nargs; i++) v->seen[r->args[i]->id] = 0;
    for (const Op *op = r->first; op; op = op->next)
        for (int i = 0; i < op->nout; i++) v->seen[op->out[i]->id] = 0;
}

/* if, while */
static bool check_open(Verifier *v, const Op *op)
{
    char *reason = NULL;
    if (!ir_infer((Module *)(uintptr_t)v->m, op, NULL, &reason))
        return wrong(v, op, reason ? reason : "cannot be typed");
    if (op->nout != ir_terminator(op->body)->nin) return wrong(v, op, "a region's results are not its own");
    for (int i = 0; i < op->nout; i++) {
        const Type *t =
            op->code == OP_while ? &op->body->args[i]->type : &ir_terminator(op->body)->in[i]->type;
        bool same = t->dtype == op->out[i]->type.dtype && t->rank == op->out[i]->type.rank;
        if (op->code == OP_while ? !type_equal(t, &op->out[i]->type) : !same)
            return wrong(v, op, "its result type is stale");
    }
    const Region *r[2] = {op->other, op->body};
    for (int i = 0; i < 2; i++) {
        if (r[i]->owner != op) return wrong(v, op, "a region of another op");
        if (!check_region(v, r[i])) return false;
        leave_region(v, r[i]);
    }
    return true;
}

static bool check_op(Verifier *v, const Op *op)
{
    if (!check_uses(v, op)) return false;
    if (op->code == OP_kernel) {
        const Op *y = op->body ? ir_terminator(op->body) : NULL;
        if (!y || y->nin != op->nout || op->body->nargs != op->nin) return wrong(v, op, "a malformed kernel");
        for (int i = 0; i < op->nin; i++)
            if (!type_equal(&op->in[i]->type, &op->body->args[i]->type))
                return wrong(v, op, "operand and argument of a kernel differ in type");
        for (int i = 0; i < op->nout; i++)
            if (!type_equal(&op->out[i]->type, &y->in[i]->type))
                return wrong(v, op, "result and yielded value of a kernel differ in type");
        return check_region(v, op->body);
    }
    if (op->other) return check_open(v, op);
    if (op->code == OP_yield) return op->next ? wrong(v, op, "it does not end its region") : true;
    if (op->code == OP_const) return op->value.data ? true : wrong(v, op, "a constant without a value");
    if (op->code == OP_weight) return true;
    Type t[8];
    char *reason = NULL;
    memset(t, 0, sizeof t);
    if (!ir_infer((Module *)(uintptr_t)v->m, op, t, &reason))
        return wrong(v, op, reason ? reason : "cannot be typed");
    for (int i = 0; i < op->nout; i++)
        if (!type_equal(&t[i], &op->out[i]->type)) return wrong(v, op, "its result type is stale");
    return true;
}

static bool check_region(Verifier *v, const Region *r)
{
    for (uint32_t i = 0; i < r->nargs; i++) v->seen[r->args[i]->id] = 1;
    const Op *prev = NULL;
    for (const Op *op = r->first; op; prev = op, op = op->next) {
        if (op->prev != prev || op->parent != r) return wrong(v, op, "the op list is broken");
        if (!check_op(v, op)) return false;
        for (int i = 0; i < op->nout; i++) {
            if (op->out[i]->def != op) return wrong(v, op, "a result of another op");
            v->seen[op->out[i]->id] = 1;
        }
    }
    if (r->last != prev) {
        str_put(v->why, "the op list is broken at its end");
        return false;
    }
    if (!ir_terminator(r)) {
        str_put(v->why, "a region without an end");
        return false;
    }
    return true;
}

bool ir_verify(const Module *m, Str *why)
{
    Verifier v = {m, why, job_array(m->job, uint8_t, m->next_value + 1)};
    for (const Func *f = m->funcs; f; f = f->next) {
        memset(v.seen, 0, m->next_value);
        if (!check_region(&v, f->body)) return false;
    }
    return true;
}
