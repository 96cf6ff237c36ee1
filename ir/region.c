/* Regions: listing, moving, copying; the ops that have some. */
#include "ir/dim.h"
#include "ir/ir.h"

static void list_region(Module *m, Regions *r, uint32_t *cap, Region *region)
{
    if (r->n == *cap) {
        *cap = *cap ? 2 * *cap : 8;
        Region **at = job_array(m->job, Region *, *cap);
        if (r->n) memcpy(at, r->at, r->n * sizeof *at);
        r->at = at;
    }
    r->at[r->n++] = region;
    for (Op *op = region->first; op; op = op->next) {
        if (op->code == OP_kernel) continue;
        if (op->other) list_region(m, r, cap, op->other);
        if (op->body) list_region(m, r, cap, op->body);
    }
}

Regions ir_func_regions(Module *m, const Func *f)
{
    Regions r = {0};
    uint32_t cap = 0;
    if (f) list_region(m, &r, &cap, f->body);
    return r;
}

Regions ir_regions(Module *m)
{
    Regions r = {0};
    uint32_t cap = 0;
    for (Func *f = m->funcs; f; f = f->next) list_region(m, &r, &cap, f->body);
    return r;
}

bool ir_inside(const Region *inner, const Region *outer)
{
    while (inner != outer && inner->owner) inner = inner->owner->parent;
    return inner == outer;
}

/* -- Moving and copying ------------------------------------------------------------------------------- */
void ir_inline_region(Builder *b, Region *r, Value *const *args, Value **out)
{
    Module *m = b->m;
    for (uint32_t i = 0; i < r->nargs; i++)
        while (r->args[i]->nuses) {
            Op *u = r->args[i]->uses[r->args[i]->nuses - 1];
            for (int k = 0; k < u->nin; k++)
                if (u->in[k] == r->args[i]) {
                    ir_set_operand(m, u, k, args[i]);
                    break;
                }
        }
    Op *end = ir_terminator(r);
    for (int i = 0; i < end->nin; i++) out[i] = end->in[i];
    ir_erase(m, end);
    ir_each_op (op, r) ir_move(op, b);
}

typedef struct {
    Module *m;
    Value **map; /* by value id; NULL: the value itself */
    uint32_t n;
} Copier;

static Value *mapped(const Copier *c, Value *v)
{
    return v->id < c->n && c->map[v->id] ? c->map[v->id] : v;
}

static void copy_ops(Copier *c, Builder *b, const Region *r);

static Region *copy_nested(Copier *c, const Region *r)
{
    Region *copy = ir_region(c->m, NULL);
    for (uint32_t i = 0; i < r->nargs; i++)
        c->map[r->args[i]->id] = ir_arg(c->m, copy, r->args[i]->type, r->args[i]->name);
    Builder b = {.m = c->m, .region = copy};
    copy_ops(c, &b, r);
    const Op *end = ir_terminator(r);
    Value **in = job_array(c->m->job, Value *, end->nin + 1);
    for (int i = 0; i < end->nin; i++) in[i] = mapped(c, end->in[i]);
    ir_yield(&b, in, end->nin);
    return copy;
}

static void copy_ops(Copier *c, Builder *b, const Region *r)
{
    for (const Op *op = r->first; op && op->code != OP_yield; op = op->next) {
        Value **in = job_array(c->m->job, Value *, op->nin + 1);
        for (int i = 0; i < op->nin; i++) in[i] = mapped(c, op->in[i]);
        Op *copy = ir_clone(b, op, in);
        if (op->body) copy->body = copy_nested(c, op->body), copy->body->owner = copy;
        if (op->other) copy->other = copy_nested(c, op->other), copy->other->owner = copy;
        for (int i = 0; i < op->nout; i++) {
            c->map[op->out[i]->id] = copy->out[i];
            copy->out[i]->tensor = NULL; /* one of several copies is not the tensor */
        }
    }
}

void ir_copy_region(Builder *b, const Region *r, Value *const *args, Value **out)
{
    Copier c = {.m = b->m, .n = b->m->next_value};
    c.map = job_array(b->m->job, Value *, c.n + 1);
    for (uint32_t i = 0; i < r->nargs; i++) c.map[r->args[i]->id] = args[i];
    copy_ops(&c, b, r);
    const Op *end = ir_terminator(r);
    for (int i = 0; i < end->nin; i++) out[i] = mapped(&c, end->in[i]);
}

/* -- Fewer operands, arguments, results --------------------------------------------------------------- */
void ir_drop_arg(Region *r, int i)
{
    for (uint32_t k = (uint32_t)i + 1; k < r->nargs; k++) {
        r->args[k - 1] = r->args[k];
        r->args[k - 1]->index--;
    }
    r->nargs--;
}

void ir_drop_result(Op *op, int i)
{
    for (int k = i + 1; k < op->nout; k++) {
        op->out[k - 1] = op->out[k];
        op->out[k - 1]->index--;
    }
    op->nout--;
}

static void subst_type(Module *m, Type *t, Dim sym, Dim value)
{
    for (int d = 0; d < t->rank; d++) t->dim[d] = dim_subst(m, t->dim[d], sym, value);
}

void ir_subst_dim(Module *m, Dim sym, Dim value)
{
    Regions r = ir_regions(m);
    for (uint32_t i = 0; i < r.n; i++) {
        for (uint32_t k = 0; k < r.at[i]->nargs; k++) subst_type(m, &r.at[i]->args[k]->type, sym, value);
        ir_each_op (op, r.at[i]) {
            for (int k = 0; k < op->nout; k++) subst_type(m, &op->out[k]->type, sym, value);
            for (int k = 0; k < IR_MAX_ATTRS && op->def->attrs[k].name; k++) {
                Attr a = op->attrs[k];
                if (a.kind != ATTR_DIMS || !a.n) continue;
                int64_t *v = job_array(m->job, int64_t, a.n);
                bool other = false;
                for (uint32_t j = 0; j < a.n; j++) {
                    v[j] = dim_subst(m, a.v[j], sym, value);
                    other = other || v[j] != a.v[j];
                }
                a.v = v;
                if (other) attr_set(m, op, (AttrArg){op->def->attrs[k].name, a});
            }
        }
    }
}
