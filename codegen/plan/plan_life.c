/* Which values share memory, and from when to when it is in use.
 *
 * Time is counted in steps: one per kernel that runs, per size that is bound or written, and two per branch
 * or loop, around those of its regions. A use inside a region of something from outside counts as a use by
 * the whole branch or loop. */
#include "codegen/plan/plan_private.h"

Class *class_at(Planner *p, const Value *v)
{
    int32_t c = p->class_of[v->id];
    if (c == NONE) job_bug(p->job, "the plan meets a value without a place");
    return &p->classes.at[c];
}

bool has_open_dims(const Type *t)
{
    return !type_static(t);
}

bool runs(const Op *op)
{
    for (int i = 0; i < op->nout; i++) {
        const Type *t = &op->out[i]->type;
        int d = 0;
        while (d < t->rank && t->dim[d] != 0) d++;
        if (d == t->rank) return true;
    }
    return false;
}

bool takes_step(const Op *op)
{
    return op->def->kind == KIND_SIZE ? op->nin || op->nout : op->code == OP_kernel && runs(op);
}

static int32_t add_class(Planner *p, const Value *v, BufKind kind, uint32_t index, const Region *home)
{
    int32_t c = (int32_t)p->classes.n;
    vec_push(p->job, &p->classes,
             (Class){.kind = kind,
                     .root = v,
                     .home = home,
                     .index = index,
                     .first = p->now,
                     .last = NONE,
                     .body_last = NONE,
                     .store = NONE,
                     .whole = NONE});
    p->class_of[v->id] = c;
    return c;
}

static BufKind own_memory(Planner *p, const Type *t)
{
    return known_at_entry(p, t) ? BUF_SLOT : BUF_HEAP;
}

/* The class of v, which is made now: its own, or that of a concatenation of which it is a part. */
static int32_t class_made(Planner *p, const Value *v, const Region *home)
{
    const Value *whole = ir_placement(p->m, (Value *)(uintptr_t)v).whole;
    BufKind kind = own_memory(p, &whole->type);
    if (whole != v && kind != BUF_SLOT) job_bug(p->job, "a part of a tensor of a size that only a run tells");
    if (p->class_of[whole->id] == NONE) add_class(p, whole, kind, 0, home);
    return p->class_of[v->id] = p->class_of[whole->id];
}

/* The step of something that happens now in `from`, as region `to` around it sees it: the end of the branch
 * or loop that it is in. Those have not ended yet, so their steps are noted and put in later: see `ends`. */
static const Op *around(const Region *from, const Region *to)
{
    const Op *o = NULL;
    for (const Region *r = from; r != to && r->owner; r = r->owner->parent) o = r->owner;
    return o;
}

/* Uses inside an `if` or `while` of what lies outside it, to be dated when it ends. */
typedef struct {
    int32_t class;
    const Op *owner;
    bool in_body; /* a variable's use in its loop's body */
} Late;

typedef struct {
    Planner *p;
    VEC(Late) late;
} Lives;

static void date(Planner *p, int32_t class, bool in_body, int32_t step)
{
    Class *c = &p->classes.at[class];
    int32_t *last = in_body ? &c->body_last : &c->last;
    if (*last < step) *last = step;
}

static void use(Lives *l, const Value *v, const Region *here)
{
    Planner *p = l->p;
    int32_t k = p->class_of[v->id];
    Class *c = class_at(p, v);
    bool in_loop = c->loop && (ir_inside(here, c->loop->body) || ir_inside(here, c->loop->other));
    if (in_loop && !ir_inside(here, c->loop->body)) return; /* the condition comes before the body */
    const Region *home = in_loop ? c->loop->body : c->home;
    const Op *owner = around(here, home);
    if (owner)
        vec_push(p->job, &l->late, (Late){k, owner, in_loop});
    else
        date(p, k, in_loop, p->now);
}

static void ended(Lives *l, const Op *op, uint32_t from)
{
    uint32_t kept = from;
    for (uint32_t i = from; i < l->late.n; i++) {
        Late x = l->late.at[i];
        if (x.owner == op)
            date(l->p, x.class, x.in_body, l->p->now);
        else
            l->late.at[kept++] = x;
    }
    l->late.n = kept;
}

bool same_bytes(const Type *a, const Type *b)
{
    return a->dtype == b->dtype && a->rank == b->rank && !a->layout && !b->layout &&
           memcmp(a->dim, b->dim, a->rank * sizeof *a->dim) == 0;
}

/* A value that a kernel of the region makes, and that nothing else claims: it may be computed where the
 * region's result is wanted. */
static bool made_here(const Value *v, const Region *r)
{
    return v->def && v->def->parent == r && v->def->code == OP_kernel && runs(v->def);
}

static void region(Lives *l, Region *r);

static void branch(Lives *l, Op *op)
{
    Planner *p = l->p;
    Region *part[2] = {op->body, op->other};
    int32_t *result = job_array(p->job, int32_t, op->nout + 1);
    for (int i = 0; i < op->nout; i++)
        result[i] = add_class(p, op->out[i], own_memory(p, &op->out[i]->type), 0, op->parent);
    for (int k = 0; k < 2; k++) {
        const Op *end = ir_terminator(part[k]);
        for (int i = 0; i < op->nout; i++) {
            const Value *v = end->in[i];
            if (!made_here(v, part[k]) || p->class_of[v->id] != NONE) continue;
            bool fits = p->classes.at[result[i]].kind == BUF_HEAP ? has_open_dims(&v->type)
                                                                  : same_bytes(&v->type, &op->out[i]->type);
            if (fits) p->class_of[v->id] = result[i];
        }
        region(l, part[k]);
    }
}

static void loop(Lives *l, Op *op)
{
    Planner *p = l->p;
    const Op *next = ir_terminator(op->body);
    int32_t *variable = job_array(p->job, int32_t, op->nin + 1);
    for (int i = 0; i < op->nin; i++) {
        variable[i] = add_class(p, op->out[i], own_memory(p, &op->out[i]->type), 0, op->parent);
        Class *c = &p->classes.at[variable[i]];
        c->loop = op;
        c->first = p->span[op->id].begin; /* one is set while others' first values are still read */
        p->class_of[op->body->args[i]->id] = p->class_of[op->other->args[i]->id] = variable[i];
    }
    region(l, op->other);
    region(l, op->body);
    for (int i = 0; i < op->nin; i++) {
        const Value *v = next->in[i];
        Class *c = class_at(p, v);
        bool own = made_here(v, op->body) && c->root == v && !c->yield_of;
        if (!own || c->kind != p->classes.at[variable[i]].kind) continue;
        if (c->kind == BUF_SLOT && !same_bytes(&v->type, &op->out[i]->type)) continue;
        c->yield_of = op;
        c->variable = (uint32_t)variable[i];
    }
}

static void region(Lives *l, Region *r)
{
    Planner *p = l->p;
    for (Op *op = r->first; op; op = op->next) {
        uint32_t late = l->late.n;
        switch (op->def->kind) {
        case KIND_CONST:
            if (!op->out[0]->nuses) break;
            add_class(p, op->out[0], BUF_WEIGHT, p->weights.n, p->main);
            vec_push(p->job, &p->weights, op->out[0]);
            break;
        case KIND_MOVE:
            if (op->code != OP_concat) job_bug(p->job, "op '%s' is not in a kernel", op->def->name);
            for (int i = 0; i < op->nin; i++)
                if (p->class_of[op->in[i]->id] != class_made(p, op->out[0], r))
                    job_bug(p->job, "a concat outside of kernels does not make its operands' place");
            break;
        case KIND_VIEW: p->class_of[op->out[0]->id] = p->class_of[op->in[0]->id]; break;
        case KIND_SIZE:
        case KIND_REGION:
            if (op->code == OP_yield) {
                for (int i = 0; i < op->nin; i++) use(l, op->in[i], r);
                break;
            }
            for (int i = 0; (op->code != OP_kernel || runs(op)) && i < op->nin; i++) use(l, op->in[i], r);
            if (op->other) {
                p->span[op->id].begin = p->now++;
                if (op->code == OP_if)
                    branch(l, op);
                else
                    loop(l, op);
                p->span[op->id].end = p->now;
                ended(l, op, late);
                for (int i = 0; i < op->nout; i++) date(p, p->class_of[op->out[i]->id], false, p->now);
                p->now++;
                break;
            }
            if (op->code == OP_bind) { /* the operand itself, its elements being known */
                p->class_of[op->out[0]->id] = p->class_of[op->in[0]->id];
                p->now += takes_step(op);
                break;
            }
            for (int i = 0; i < op->nout; i++) {
                if (p->class_of[op->out[i]->id] == NONE) class_made(p, op->out[i], r);
                date(p, p->class_of[op->out[i]->id], false, p->now);
            }
            p->now += takes_step(op);
            break;
        default: job_bug(p->job, "op '%s' is not in a kernel", op->def->name);
        }
    }
}

/* Results are computed in the caller's memory, but what is an input, a constant, a variable of a loop, of a
 * size that only the run tells, or a result twice. */
static void find_outputs(Planner *p)
{
    const Op *end = ir_terminator(p->main);
    p->plan->nout = end->nin;
    for (int i = 0; i < end->nin; i++) {
        Class *c = class_at(p, end->in[i]);
        if (c->kind != BUF_SLOT || c->loop || c->yield_of || !known_at_entry(p, &end->in[i]->type)) continue;
        if (bytes_of(p, &c->root->type) != bytes_of(p, &end->in[i]->type)) continue;
        c->kind = BUF_OUTPUT;
        c->index = (uint32_t)i;
    }
}

void plan_lives(Planner *p)
{
    Lives l = {.p = p};
    for (uint32_t i = 0; i < p->main->nargs; i++) add_class(p, p->main->args[i], BUF_INPUT, i, p->main);
    region(&l, p->main);
    find_outputs(p);
}
