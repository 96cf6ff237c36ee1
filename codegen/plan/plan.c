/* From a module of kernels to calls on buffers: what runs when, and on which memory. Regions become jumps. */
#include "codegen/plan/plan.h"

#include "codegen/plan/plan_private.h"

void emit(Planner *p, CtlCode code, uint32_t a, uint32_t b, PlanNum n)
{
    vec_push(p->job, &p->code, (Ctl){code, a, b, n});
}

static uint32_t class_no(Planner *p, const Value *v)
{
    return (uint32_t)(class_at(p, v) - p->classes.at);
}

/* What a call passes for v: its class, or a class of its own where it is a part of one. */
static uint32_t place_no(Planner *p, const Value *v)
{
    Value *own = (Value *)(uintptr_t)v;
    Placement place = ir_placement(p->m, own);
    if (place.whole == v) return class_no(p, v);
    if (p->part_of[v->id] != NONE) return (uint32_t)p->part_of[v->id];
    Class part = *class_at(p, v);
    part.root = v;
    part.whole = (int32_t)class_no(p, v);
    part.offset = num_of(p, dim_mul(p->m, place.offset, (Dim)dtype_size(v->type.dtype)));
    p->part_of[v->id] = (int32_t)p->classes.n;
    vec_push(p->job, &p->classes, part);
    return p->classes.n - 1;
}

static const char *node_name(const Planner *p, const From *from)
{
    return ir_node_name(p->m, from);
}

static bool same_size(const Type *a, const Type *b)
{
    if (!has_open_dims(a) && !has_open_dims(b)) return type_bytes(a) == type_bytes(b);
    Type like = *b;
    if (dtype_size(a->dtype) == dtype_size(b->dtype)) like.dtype = a->dtype;
    return same_bytes(a, &like);
}

/* -- Memory of results --------------------------------------------------------------------------------- */
static int32_t add_store(Planner *p, const Class *c)
{
    Store s = {bytes_of(p, &c->root->type), 0, c->first, (int32_t)max_i64(c->first, c->last)};
    const Op *loop = c->yield_of ? c->yield_of : c->loop;
    if (loop) { /* a variable and its next value change places, so either may be where the result is; and all
                 * first values are read before the loop, while variables are written */
        Span span = p->span[loop->id];
        const Class *variable = c->yield_of ? &p->classes.at[c->variable] : c;
        s.first = span.begin;
        s.last = (int32_t)max_i64(span.end, max_i64(s.last, variable->last));
    }
    vec_push(p->job, &p->stores, s);
    return (int32_t)p->stores.n - 1;
}

/* Nobody reads the class's memory after this step of region `here`. */
static bool ends_now(const Class *c, const Region *here, int32_t now)
{
    if (c->loop && here == c->loop->body) return c->body_last == now;
    return c->home == here && c->last == now && !c->yield_of;
}

/* The spec operand whose memory the result may take: nobody reads it afterwards, nor elsewhere in this call.
 * A loop's variable gives its memory only to its own next value: others would not move along with it. */
static int32_t in_place_operand(Planner *p, const Op *op, const KernelSpec *s, int32_t now)
{
    const Class *r = class_at(p, op->out[0]);
    if (ir_placement(p->m, op->out[0]).whole != op->out[0]) return NONE;
    if (op->nout != 1 || (r->kind != BUF_SLOT && r->kind != BUF_HEAP) || r->store != NONE) return NONE;
    if (r->home != op->parent) return NONE;
    for (int i = 0; i < s->noperands; i++) {
        const Value *v = op->in[s->operand[i]];
        const Class *c = class_at(p, v);
        if (!s->in_place[i] || c->kind != r->kind || !ends_now(c, op->parent, now)) continue;
        if (!same_size(&c->root->type, &op->out[0]->type)) continue;
        bool moves = c->loop && ir_inside(op->parent, c->loop->body);
        if (c->kind == BUF_SLOT && (moves || r->yield_of))
            if (!moves || r->yield_of != c->loop || r->variable != class_no(p, v)) continue;
        if (c->kind == BUF_SLOT && !moves && p->stores.at[c->store].last != now) continue;
        bool alone = true;
        for (int k = 0; k < s->noperands && alone; k++) {
            const Class *o = class_at(p, op->in[s->operand[k]]);
            bool same = c->kind == BUF_HEAP ? o == c : o->kind == BUF_SLOT && o->store == c->store;
            alone = s->in_place[k] || !same;
        }
        if (alone) return i;
    }
    return NONE;
}

static void place_result(Planner *p, const Value *v, Class *taken)
{
    Class *c = class_at(p, v);
    if (c->kind == BUF_SLOT && c->store == NONE) {
        if (taken) {
            c->store = taken->store;
            Store *s = &p->stores.at[c->store];
            s->last = (int32_t)max_i64(s->last, c->last);
        } else {
            c->store = add_store(p, c);
        }
    } else if (c->kind == BUF_HEAP) {
        if (!taken) emit(p, CTL_alloc, class_no(p, v), 0, bytes_of(p, &v->type));
    }
}

/* -- Calls ---------------------------------------------------------------------------------------------- */
static uint32_t kernel_number(Planner *p, const KernelSpec *s)
{
    const char *key =
        job_printf(p->job, "%016llx%016llx", (unsigned long long)s->key.hi, (unsigned long long)s->key.lo);
    uintptr_t n = (uintptr_t)strmap_get(&p->kernel_by_key, key);
    if (!n) {
        vec_push(p->job, &p->kernels, (PlanKernel){s->text, s->size, s->key, s->custom});
        n = p->kernels.n;
        strmap_put(p->job, &p->kernel_by_key, key, (void *)n);
    }
    return (uint32_t)n - 1;
}

static void add_nodes(Planner *p, const Op *op, PlanCall *c)
{
    if (!op->from || !op->from->n) return;
    const char **nodes = job_array(p->job, const char *, op->from->n);
    for (uint32_t i = 0; i < op->from->n; i++)
        nodes[i] = op->from->node[i] < p->m->nodes.n ? p->m->nodes.at[op->from->node[i]] : "?";
    c->nodes = nodes;
    c->nnodes = op->from->n;
}

/* In what proportion to the sizes of a run the counts are. */
static void measure_open(const Op *op, const KernelSpec *s, KernelWork *w)
{
    w->elements = 0;
    for (int i = 0; w->open && i < s->noperands + op->nout; i++) {
        const Type *t = &(i < s->noperands ? op->in[s->operand[i]] : op->out[i - s->noperands])->type;
        double n = (double)guess_numel(t);
        if (type_static(t) || n <= w->elements) continue;
        w->elements = n;
        w->largest = (uint32_t)i;
    }
}

static void add_call(Planner *p, const Op *op)
{
    KernelSpec s;
    job_tick(p->job);
    spec_make(p->m, op, p->machine, &s);
    int32_t at = in_place_operand(p, op, &s, p->now);
    Class *taken = at == NONE ? NULL : class_at(p, op->in[s.operand[at]]);
    for (int i = 0; i < op->nout; i++) place_result(p, op->out[i], i ? NULL : taken);
    if (s.ndims > PLAN_MAX_DIMS || s.noperands + op->nout > PLAN_MAX_OPERANDS) {
        job_error(p->job, "node '%s': it works on too many tensors, or sizes that only a run knows",
                  node_name(p, op->from));
        job_stop_on_errors(p->job);
    }
    PlanCall c = {.kernel = kernel_number(p, &s),
                  .buf0 = p->call_bufs.n,
                  .noperands = (uint32_t)s.noperands,
                  .nresults = op->nout,
                  .dim0 = p->dims.n,
                  .ndims = (uint32_t)s.ndims,
                  .grain = s.grain,
                  .in_place = at,
                  .step = p->now,
                  .problem = {s.problem[0], s.problem[1]}};
    /* Class numbers for now: buffers get theirs when all are known. */
    bool moves = taken && taken->kind == BUF_HEAP; /* the memory changes hands after the call */
    uint32_t giver = moves ? (uint32_t)(taken - p->classes.at) : 0;
    for (int i = 0; i < s.noperands; i++) {
        uint32_t no = place_no(p, op->in[s.operand[i]]);
        vec_push(p->job, &p->call_bufs, no);
    }
    for (int i = 0; i < op->nout; i++) {
        uint32_t no = moves ? giver : place_no(p, op->out[i]);
        vec_push(p->job, &p->call_bufs, no);
    }
    for (int i = 0; i < s.ndims; i++) {
        PlanNum n = num_of(p, s.dim[i]);
        c.open = c.open || n < 0;
        vec_push(p->job, &p->dims, n);
    }
    Dim elements = 0;
    for (int i = 0; i < op->nout; i++) {
        Dim n = 1;
        for (int d = 0; d < op->out[i]->type.rank; d++) n = dim_mul(p->m, n, op->out[i]->type.dim[d]);
        elements = dim_add(p->m, elements, n);
    }
    c.elements = num_of(p, elements);
    c.units = num_of(p, s.units);
    c.scratch = num_of(p, s.scratch);
    c.open = c.open || c.units < 0 || c.scratch < 0;
    if (is_entry(p, c.scratch)) p->plan->scratch = num_op(p, REG_MAX, p->plan->scratch, c.scratch);
    add_nodes(p, op, &c);
    c.op = op;
    work_of(p->m, op, spec_class(p->job, &s), &c.work);
    measure_open(op, &s, &c.work);
    for (const Op *o = op->body->first; o; o = o->next)
        if (o->def->kind == KIND_CONTRACT) p->plan->macs += (int64_t)(work_flops(o) / 2);
    emit(p, CTL_call, p->calls.n, 0, 0);
    vec_push(p->job, &p->calls, c);
    if (!moves) return;
    emit(p, CTL_alias, class_no(p, op->out[0]), giver, 0);
    /* A variable gets other memory at the end of the round. */
    Class *from = &p->classes.at[giver];
    if (!(from->loop && ir_inside(op->parent, from->loop->body))) from->gone = true;
}

/* -- Sizes ---------------------------------------------------------------------------------------------- */
static void add_site(Planner *p, CtlCode code, const Op *op, uint32_t buf, PlanSite s)
{
    s.nnums = p->nums.n - s.num0;
    s.node = node_name(p, op->from);
    emit(p, code, p->sites.n, buf, 0);
    vec_push(p->job, &p->sites, s);
}

static void add_size(Planner *p, const Op *op)
{
    int n;
    PlanSite s = {.num0 = p->nums.n};
    if (op->code == OP_bind) {
        const Dim *d = attr_v(op, "dims", &n);
        s.least = attr_i(op, "least");
        s.dtype = op->in[0]->type.dtype;
        for (int i = 0; i < n; i++) vec_push(p->job, &p->nums, (PlanNum)reg_symbol(p, d[i]));
        add_site(p, CTL_bind, op, class_no(p, op->in[0]), s);
        return;
    }
    VEC(PlanNum) num = {0}; /* computing them may add to p->nums' neighbours only, but keep the order plain */
    if (op->code == OP_check) {
        const Dim *a = attr_v(op, "a", &n), *b = attr_v(op, "b", NULL);
        for (int i = 0; i < n; i++) {
            vec_push(p->job, &num, num_of(p, a[i]));
            vec_push(p->job, &num, num_of(p, b[i]));
        }
        s.least = attr_i(op, "at_most");
    } else {
        const Dim *d = op->code == OP_shape_of ? op->in[0]->type.dim : attr_v(op, "dims", &n);
        if (op->code == OP_shape_of) n = op->in[0]->type.rank;
        s.dtype = op->out[0]->type.dtype;
        for (int i = 0; i < n; i++) vec_push(p->job, &num, num_of(p, d[i]));
        place_result(p, op->out[0], NULL);
    }
    for (uint32_t i = 0; i < num.n; i++) vec_push(p->job, &p->nums, num.at[i]);
    if (op->code == OP_check)
        add_site(p, CTL_check, op, 0, s);
    else
        add_site(p, CTL_sizes, op, class_no(p, op->out[0]), s);
}

/* -- Branches and loops --------------------------------------------------------------------------------- */
static void region(Planner *p, Region *r);

/* Symbols of type `to` get the sizes of type `from`. */
typedef struct {
    VEC(uint32_t) pair;
} Settings;

static void set_sizes(Planner *p, Settings *s, const Type *to, const Type *from)
{
    for (int d = 0; d < to->rank; d++) {
        if (!dim_is_sym(p->m, to->dim[d]) || to->dim[d] == from->dim[d]) continue;
        uint32_t reg = reg_symbol(p, to->dim[d]);
        bool twice = false;
        for (uint32_t i = 0; i < s->pair.n; i += 2) twice = twice || s->pair.at[i] == reg;
        if (twice) continue;
        PlanNum n = num_of(p, from->dim[d]);
        if (n >= 0) { /* registers only: a number gets one of its own */
            vec_push(p->job, &p->regs, (PlanReg){REG_CONST, n, 0, true});
            vec_push(p->job, &p->valid, true);
            n = -(PlanNum)p->regs.n;
        }
        vec_push(p->job, &s->pair, reg);
        vec_push(p->job, &s->pair, (uint32_t)(-n - 1));
    }
}

static void emit_settings(Planner *p, const Settings *s)
{
    if (!s->pair.n) return;
    emit(p, CTL_set, p->sets.n, s->pair.n / 2, 0);
    for (uint32_t i = 0; i < s->pair.n; i++) vec_push(p->job, &p->sets, s->pair.at[i]);
}

static void copy_value(Planner *p, const Value *from, uint32_t to)
{
    PlanNum bytes = bytes_of(p, &from->type);
    if (p->classes.at[to].kind == BUF_HEAP) emit(p, CTL_alloc, to, 0, bytes);
    if (bytes) emit(p, CTL_copy, class_no(p, from), to, bytes);
}

static void branch_part(Planner *p, const Op *op, Region *r)
{
    uint32_t scope = scope_begin(p);
    region(p, r);
    const Op *end = ir_terminator(r);
    Settings s = {0};
    for (int i = 0; i < op->nout; i++) {
        uint32_t to = class_no(p, op->out[i]);
        if (class_no(p, end->in[i]) != to) copy_value(p, end->in[i], to);
        set_sizes(p, &s, &op->out[i]->type, &end->in[i]->type);
    }
    emit_settings(p, &s);
    scope_end(p, scope);
}

static void add_branch(Planner *p, Op *op)
{
    for (int i = 0; i < op->nout; i++) {
        Class *c = class_at(p, op->out[i]);
        if (c->kind == BUF_SLOT && c->store == NONE) c->store = add_store(p, c);
    }
    uint32_t test = p->code.n;
    emit(p, CTL_branch, class_no(p, op->in[0]), 0, 0);
    branch_part(p, op, op->body);
    uint32_t skip = p->code.n;
    emit(p, CTL_jump, 0, 0, 0);
    p->code.at[test].b = p->code.n;
    branch_part(p, op, op->other);
    p->code.at[skip].a = p->code.n;
}

static void start_variable(Planner *p, const Op *op, int i)
{
    Class *v = class_at(p, op->out[i]);
    uint32_t no = class_no(p, op->out[i]);
    if (v->kind == BUF_SLOT) v->store = add_store(p, v);
    copy_value(p, op->in[i], no);
}

/* The class that holds variable i's next value at the end of a round. What no kernel of the body computes for
 * that purpose alone is copied: values from outside, views, a variable that another takes over. */
static uint32_t next_value(Planner *p, const Op *op, int i)
{
    const Value *next = ir_terminator(op->body)->in[i];
    uint32_t no = class_no(p, op->out[i]), from = class_no(p, next);
    const Class *y = &p->classes.at[from];
    if (next == op->body->args[i] || (y->yield_of == op && y->variable == no)) return from;
    Span span = p->span[op->id];
    Class copy = {.kind = p->classes.at[no].kind,
                  .root = next,
                  .home = op->body,
                  .first = span.begin,
                  .last = span.end,
                  .body_last = NONE,
                  .yield_of = op,
                  .variable = no,
                  .store = NONE,
                  .whole = NONE};
    if (copy.kind == BUF_SLOT) copy.store = add_store(p, &copy);
    vec_push(p->job, &p->classes, copy);
    copy_value(p, next, p->classes.n - 1);
    return p->classes.n - 1;
}

static void move_on(Planner *p, uint32_t variable, uint32_t next)
{
    const Class *v = &p->classes.at[variable], *y = &p->classes.at[next];
    if (variable == next) return;
    if (v->kind == BUF_HEAP) {
        emit(p, CTL_free, variable, 0, 0);
        emit(p, CTL_alias, variable, next, 0);
    } else if (v->store != y->store) {
        emit(p, CTL_swap, variable, next, 0);
    }
}

static void add_loop(Planner *p, Op *op)
{
    uint32_t outer = scope_begin(p);
    Settings s = {0};
    const Op *end = ir_terminator(op->body);
    for (int i = 0; i < op->nin; i++) start_variable(p, op, i);
    for (int i = 0; i < op->nin; i++) set_sizes(p, &s, &op->out[i]->type, &op->in[i]->type);
    emit_settings(p, &s);
    scope_end(p, outer); /* what was computed here is not computed in later rounds */
    uint32_t top = p->code.n, scope = scope_begin(p);
    region(p, op->other);
    uint32_t test = p->code.n;
    emit(p, CTL_branch, class_no(p, ir_terminator(op->other)->in[0]), 0, 0);
    scope_end(p, scope);
    region(p, op->body);
    s = (Settings){0};
    for (int i = 0; i < op->nin; i++) set_sizes(p, &s, &op->out[i]->type, &end->in[i]->type);
    /* All copies before any change: one variable may pass another's value on. */
    uint32_t *next = job_array(p->job, uint32_t, op->nin + 1);
    for (int i = 0; i < op->nin; i++) next[i] = next_value(p, op, i);
    for (int i = 0; i < op->nin; i++) move_on(p, class_no(p, op->out[i]), next[i]);
    emit_settings(p, &s);
    scope_end(p, scope);
    emit(p, CTL_jump, top, 0, 0);
    p->code.at[test].b = p->code.n;
}

/* -- Regions -------------------------------------------------------------------------------------------- */
static void free_ended(Planner *p, const Region *r, int32_t step)
{
    for (int32_t i = p->dying[step]; i != NONE; i = p->classes.at[i].next_dying) {
        Class *c = &p->classes.at[i];
        if (c->home != r || c->gone) continue;
        emit(p, CTL_free, (uint32_t)i, 0, 0);
        c->gone = true;
    }
}

static void region(Planner *p, Region *r)
{
    for (Op *op = r->first; op; op = op->next) {
        int32_t step = p->now;
        if (op->other) {
            p->now++;
            if (op->code == OP_if)
                add_branch(p, op);
            else
                add_loop(p, op);
            step = p->now++;
        } else if (op->def->kind == KIND_SIZE) {
            add_size(p, op);
            p->now += takes_step(op);
        } else if (op->code == OP_kernel && runs(op)) {
            add_call(p, op);
            p->now++;
        } else {
            continue;
        }
        if (step != p->now) free_ended(p, r, step);
    }
}

/* The classes of the heap by the step after which they are not needed any more. */
static void find_dying(Planner *p)
{
    p->dying = job_array(p->job, int32_t, p->now + 1);
    for (int32_t i = 0; i <= p->now; i++) p->dying[i] = NONE;
    for (uint32_t i = p->classes.n; i-- > 0;) {
        Class *c = &p->classes.at[i];
        if (c->kind != BUF_HEAP || c->yield_of || c->last == NONE) continue;
        c->next_dying = p->dying[c->last];
        p->dying[c->last] = (int32_t)i;
    }
}

/* -- Buffers -------------------------------------------------------------------------------------------- */
static uint32_t add_buf(Planner *p, PlanBuf b)
{
    vec_push(p->job, &p->bufs, b);
    return p->bufs.n - 1;
}

/* Operands of the control code are class numbers until now. */
static void number_bufs(Planner *p)
{
    for (uint32_t i = 0; i < p->call_bufs.n; i++) p->call_bufs.at[i] = p->classes.at[p->call_bufs.at[i]].buf;
    for (uint32_t i = 0; i < p->code.n; i++) {
        Ctl *c = &p->code.at[i];
        switch (c->code) {
        case CTL_copy:
        case CTL_alias:
        case CTL_swap:
            c->a = p->classes.at[c->a].buf;
            c->b = p->classes.at[c->b].buf;
            break;
        case CTL_alloc:
        case CTL_free:
        case CTL_branch: c->a = p->classes.at[c->a].buf; break;
        case CTL_bind:
        case CTL_sizes: c->b = p->classes.at[c->b].buf; break;
        default: break;
        }
        p->plan->moves = p->plan->moves || c->code == CTL_alloc || c->code == CTL_jump;
    }
}

static void make_bufs(Planner *p)
{
    for (uint32_t i = 0; i < p->classes.n; i++) {
        Class *c = &p->classes.at[i];
        PlanBuf b = {.kind = c->kind, .index = c->index, .tensor = c->root->tensor, .part = c->whole != NONE};
        b.type = c->root->type;
        for (int d = 0; d < b.type.rank; d++) b.type.dim[d] = reg_of(p, b.type.dim[d]);
        b.bytes = c->kind == BUF_HEAP ? 0 : bytes_of(p, &c->root->type);
        if (c->kind == BUF_SLOT) {
            int32_t store = b.part ? p->classes.at[c->whole].store : c->store;
            /* The slot of a call that does not run has no storage, and no bytes. */
            if (store != NONE) b.offset = p->stores.at[store].offset;
            b.first = c->first;
            b.last = c->last;
        }
        if (b.part) {
            b.offset = num_op(p, REG_ADD, b.offset, c->offset);
            b.tensor = NULL;
        }
        c->buf = add_buf(p, b);
    }
    number_bufs(p);
}

static void make_io(Planner *p)
{
    Plan *plan = p->plan;
    plan->nin = p->main->nargs;
    plan->in_buf = job_array(p->job, uint32_t, plan->nin + 1);
    plan->out_buf = job_array(p->job, uint32_t, plan->nout + 1);
    plan->out_type = job_array(p->job, Type, plan->nout + 1);
    for (uint32_t i = 0; i < plan->nin; i++) plan->in_buf[i] = class_at(p, p->main->args[i])->buf;
    const Op *end = ir_terminator(p->main);
    for (uint32_t i = 0; i < plan->nout; i++) {
        const Class *c = class_at(p, end->in[i]);
        plan->out_buf[i] = c->buf;
        Type *t = &plan->out_type[i];
        *t = end->in[i]->type;
        for (int d = 0; d < t->rank; d++) t->dim[d] = num_of(p, t->dim[d]);
        if (!known_at_entry(p, &end->in[i]->type)) continue; /* the runtime takes it from where it is */
        if (c->kind == BUF_OUTPUT && c->index == i) continue;
        PlanBuf b = {.kind = BUF_OUTPUT, .type = end->in[i]->type, .index = i, .tensor = end->in[i]->tensor};
        for (int d = 0; d < b.type.rank; d++) b.type.dim[d] = t->dim[d];
        b.bytes = bytes_of(p, &end->in[i]->type);
        plan->out_buf[i] = add_buf(p, b);
        if (b.bytes) emit(p, CTL_copy, c->buf, plan->out_buf[i], b.bytes);
    }
}

static void keep(Planner *p)
{
    Plan *plan = p->plan;
#define KEEP(field, count, vec) plan->field = p->vec.at, plan->count = p->vec.n
    KEEP(buf, nbuf, bufs);
    KEEP(kernel, nkernel, kernels);
    KEEP(call, ncall, calls);
    KEEP(call_buf, ncall_buf, call_bufs);
    KEEP(dim, ndim, dims);
    KEEP(reg, nreg, regs);
    KEEP(site, nsite, sites);
    KEEP(num, nnum, nums);
    KEEP(eval, neval, evals);
    KEEP(set, nset, sets);
    KEEP(code, ncode, code);
    KEEP(weight, nweight, weights);
#undef KEEP
}

Plan *plan_make(Module *m, const Machine *machine)
{
    Func *f = ir_find_func(m, "main");
    if (!f || !ir_terminator(f->body)) job_bug(m->job, "the plan of a module without @main");
    Planner p = {.m = m, .machine = machine, .job = m->job, .main = f->body};
    p.plan = job_new(m->job, Plan);
    p.class_of = job_array(m->job, int32_t, m->next_value + 1);
    p.part_of = job_array(m->job, int32_t, m->next_value + 1);
    for (uint32_t i = 0; i < m->next_value; i++) p.class_of[i] = p.part_of[i] = NONE;
    p.span = job_array(m->job, Span, m->next_op + 1);
    for (uint32_t i = 0; i < f->body->nargs; i++) reg_input(&p, &f->body->args[i]->type, i);
    plan_lives(&p);
    find_dying(&p);
    p.now = 0;
    region(&p, p.main);
    place_stores(&p);
    make_bufs(&p);
    make_io(&p);
    emit(&p, CTL_ret, 0, 0, 0);
    keep(&p);
    return p.plan;
}
