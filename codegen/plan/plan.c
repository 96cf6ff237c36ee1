/* From a module of kernels to calls on buffers: which values share memory, where it lies, what runs when. */
#include "codegen/plan/plan.h"

#include <stdlib.h>

enum { ALIGN = 64, NONE = -1 };

/* Values that are the same bytes: a value and its reshapes. */
typedef struct {
    BufKind kind;
    const Value *root;
    uint32_t index;
    int32_t first, last; /* calls */
    int32_t store;       /* SLOT: its storage */
    uint32_t buf;
} Class;

/* Memory of one slot, or of several whose lives follow each other in place. */
typedef struct {
    int64_t bytes, offset;
    int32_t first, last;
} Store;

typedef struct {
    Module *m;
    Job *job;
    Plan *plan;
    Region *main;
    int32_t *class_of; /* by value id */
    VEC(Class) classes;
    VEC(Store) stores;
    VEC(Value *) weights;
    VEC(PlanBuf) bufs;
    VEC(PlanKernel) kernels;
    VEC(PlanCall) calls;
    VEC(uint32_t) call_bufs;
    VEC(int64_t) dims;
    VEC(Ctl) code;
    StrMap kernel_by_key;
} Planner;

static Class *class_at(Planner *p, const Value *v)
{
    int32_t c = p->class_of[v->id];
    if (c == NONE) job_bug(p->job, "the plan meets a value without a place");
    return &p->classes.at[c];
}

static void add_class(Planner *p, const Value *v, BufKind kind, uint32_t index)
{
    p->class_of[v->id] = (int32_t)p->classes.n;
    vec_push(p->job, &p->classes,
             (Class){.kind = kind, .root = v, .index = index, .last = NONE, .store = NONE});
}

/* A kernel without elements to compute is not called. */
static bool runs(const Op *op)
{
    for (int i = 0; i < op->nout; i++)
        if (type_numel(&op->out[i]->type) > 0) return true;
    return false;
}

/* -- Lives --------------------------------------------------------------------------------------------------
 */
static void find_classes(Planner *p)
{
    int32_t now = 0;
    for (uint32_t i = 0; i < p->main->nargs; i++) add_class(p, p->main->args[i], BUF_INPUT, i);
    for (const Op *op = p->main->first; op; op = op->next) {
        for (int i = 0; i < op->nout; i++)
            if (!type_static(&op->out[i]->type)) job_bug(p->job, "the plan of a module with open dimensions");
        switch (op->def->kind) {
        case KIND_CONST:
            if (!op->out[0]->nuses) break;
            add_class(p, op->out[0], BUF_WEIGHT, p->weights.n);
            vec_push(p->job, &p->weights, op->out[0]);
            break;
        case KIND_VIEW: p->class_of[op->out[0]->id] = p->class_of[op->in[0]->id]; break;
        case KIND_REGION: /* a kernel, or the end of @main, which runs nothing */
            for (int i = 0; runs(op) && i < op->nin; i++) class_at(p, op->in[i])->last = now;
            for (int i = 0; i < op->nout; i++) {
                add_class(p, op->out[i], BUF_SLOT, 0);
                Class *c = class_at(p, op->out[i]);
                c->first = c->last = now;
            }
            now += runs(op);
            break;
        default: job_bug(p->job, "op '%s' is not in a kernel", op->def->name);
        }
    }
}

/* Results are computed in the caller's memory, but what is an input, a constant, or a result twice. */
static void find_outputs(Planner *p)
{
    const Op *end = ir_terminator(p->main);
    p->plan->nout = end->nin;
    for (int i = 0; i < end->nin; i++) {
        Class *c = class_at(p, end->in[i]);
        if (c->kind == BUF_SLOT) {
            c->kind = BUF_OUTPUT;
            c->index = (uint32_t)i;
        }
    }
}

/* -- Calls ------------------------------------------------------------------------------------------------
 */
static const char *key_text(Job *job, Hash key)
{
    return job_printf(job, "%016llx%016llx", (unsigned long long)key.hi, (unsigned long long)key.lo);
}

static uint32_t kernel_number(Planner *p, const KernelSpec *s)
{
    const char *key = key_text(p->job, s->key);
    uintptr_t n = (uintptr_t)strmap_get(&p->kernel_by_key, key);
    if (!n) {
        vec_push(p->job, &p->kernels, (PlanKernel){s->text, s->size, s->key});
        n = p->kernels.n;
        strmap_put(p->job, &p->kernel_by_key, key, (void *)n);
    }
    return (uint32_t)n - 1;
}

/* The spec operand whose memory the result may take: nobody reads it afterwards, nor elsewhere in this call.
 */
static int32_t in_place_operand(Planner *p, const Op *op, const KernelSpec *s, int32_t now)
{
    if (op->nout != 1 || class_at(p, op->out[0])->kind != BUF_SLOT) return NONE;
    for (int i = 0; i < s->noperands; i++) {
        const Class *c = class_at(p, op->in[s->operand[i]]);
        if (!s->in_place[i] || c->kind != BUF_SLOT || p->stores.at[c->store].last != now) continue;
        if (p->stores.at[c->store].bytes != type_bytes(&op->out[0]->type)) continue;
        bool alone = true;
        for (int k = 0; k < s->noperands && alone; k++)
            alone = s->in_place[k] || class_at(p, op->in[s->operand[k]])->store != c->store;
        if (alone) return i;
    }
    return NONE;
}

static void place_results(Planner *p, const Op *op, int32_t taken)
{
    for (int i = 0; i < op->nout; i++) {
        Class *c = class_at(p, op->out[i]);
        if (c->kind != BUF_SLOT) continue;
        if (taken != NONE) {
            c->store = taken;
            p->stores.at[taken].last = (int32_t)max_i64(p->stores.at[taken].last, c->last);
        } else {
            c->store = (int32_t)p->stores.n;
            vec_push(p->job, &p->stores, (Store){type_bytes(&c->root->type), 0, c->first, c->last});
        }
    }
}

static void add_call(Planner *p, const Op *op, int32_t now)
{
    KernelSpec s;
    spec_make(p->m, op, &s);
    int32_t at = in_place_operand(p, op, &s, now);
    place_results(p, op, at == NONE ? NONE : class_at(p, op->in[s.operand[at]])->store);
    PlanCall c = {.kernel = kernel_number(p, &s),
                  .buf0 = p->call_bufs.n,
                  .noperands = (uint32_t)s.noperands,
                  .nresults = op->nout,
                  .dim0 = p->dims.n,
                  .ndims = (uint32_t)s.ndims,
                  .units = s.units,
                  .grain = s.grain,
                  .in_place = at,
                  .flops = s.flops,
                  .bytes = s.bytes};
    /* Class numbers for now: buffers get theirs when all are known. */
    for (int i = 0; i < s.noperands; i++)
        vec_push(p->job, &p->call_bufs, (uint32_t)p->class_of[op->in[s.operand[i]]->id]);
    for (int i = 0; i < op->nout; i++) vec_push(p->job, &p->call_bufs, (uint32_t)p->class_of[op->out[i]->id]);
    for (int i = 0; i < s.ndims; i++) vec_push(p->job, &p->dims, s.dim[i]);
    if (op->from && op->from->n) {
        const char **nodes = job_array(p->job, const char *, op->from->n);
        for (uint32_t i = 0; i < op->from->n; i++)
            nodes[i] = op->from->node[i] < p->m->nodes.n ? p->m->nodes.at[op->from->node[i]] : "?";
        c.nodes = nodes;
        c.nnodes = op->from->n;
    }
    for (const Op *o = op->body->first; o; o = o->next)
        if (o->def->kind == KIND_CONTRACT) p->plan->macs += (int64_t)(spec_flops(o) / 2);
    vec_push(p->job, &p->code, (Ctl){CTL_call, p->calls.n, 0});
    vec_push(p->job, &p->calls, c);
    p->plan->scratch = max_i64(p->plan->scratch, s.scratch);
}

/* -- Memory ------------------------------------------------------------------------------------------------
 */
static int by_size(const void *a, const void *b)
{
    const Store *x = *(Store *const *)a, *y = *(Store *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return (x->first > y->first) - (x->first < y->first);
}

/* Greedy by size: the largest first, each at the lowest place that is free for all of its life. */
static void place_stores(Planner *p)
{
    uint32_t n = p->stores.n;
    Store **order = job_array(p->job, Store *, n + 1), **placed = job_array(p->job, Store *, n + 1);
    for (uint32_t i = 0; i < n; i++) order[i] = &p->stores.at[i];
    qsort(order, n, sizeof *order, by_size);
    for (uint32_t i = 0; i < n; i++) {
        Store *s = order[i];
        int64_t at = 0;
        for (uint32_t j = 0; j < i && placed[j]->offset < at + s->bytes; j++)
            if (placed[j]->bytes && placed[j]->first <= s->last && s->first <= placed[j]->last)
                at = max_i64(at, round_up(placed[j]->offset + placed[j]->bytes, ALIGN));
        s->offset = at;
        int64_t end;
        if (!add_ok(at, s->bytes, &end) || end > INT64_MAX / 2) job_fail(p->job, JITC_E_NOMEM);
        p->plan->arena = max_i64(p->plan->arena, round_up(end, ALIGN));
        uint32_t k = i; /* placed is in order of offsets */
        for (; k && placed[k - 1]->offset > at; k--) placed[k] = placed[k - 1];
        placed[k] = s;
        job_tick(p->job);
    }
}

static uint32_t add_buf(Planner *p, PlanBuf b)
{
    vec_push(p->job, &p->bufs, b);
    return p->bufs.n - 1;
}

static void make_bufs(Planner *p)
{
    Plan *plan = p->plan;
    for (uint32_t i = 0; i < p->classes.n; i++) {
        Class *c = &p->classes.at[i];
        PlanBuf b = {.kind = c->kind, .type = c->root->type, .index = c->index, .tensor = c->root->tensor};
        b.bytes = type_bytes(&b.type);
        if (c->kind == BUF_SLOT) {
            /* The slot of a call that does not run has no storage, and no bytes. */
            if (c->store != NONE) b.offset = p->stores.at[c->store].offset;
            b.first = c->first;
            b.last = c->last;
        }
        c->buf = add_buf(p, b);
    }
    for (uint32_t i = 0; i < p->call_bufs.n; i++) p->call_bufs.at[i] = p->classes.at[p->call_bufs.at[i]].buf;
    plan->nin = p->main->nargs;
    plan->in_buf = job_array(p->job, uint32_t, plan->nin + 1);
    plan->out_buf = job_array(p->job, uint32_t, plan->nout + 1);
    for (uint32_t i = 0; i < plan->nin; i++) plan->in_buf[i] = class_at(p, p->main->args[i])->buf;
    const Op *end = ir_terminator(p->main);
    for (uint32_t i = 0; i < plan->nout; i++) {
        const Class *c = class_at(p, end->in[i]);
        plan->out_buf[i] = c->buf;
        if (c->kind == BUF_OUTPUT && c->index == i) continue;
        PlanBuf b = {.kind = BUF_OUTPUT, .type = end->in[i]->type, .index = i, .tensor = end->in[i]->tensor};
        b.bytes = type_bytes(&b.type);
        plan->out_buf[i] = add_buf(p, b);
        if (b.bytes) vec_push(p->job, &p->code, (Ctl){CTL_copy, c->buf, plan->out_buf[i]});
    }
}

Plan *plan_make(Module *m)
{
    Func *f = ir_find_func(m, "main");
    if (!f || !ir_terminator(f->body)) job_bug(m->job, "the plan of a module without @main");
    for (Op *op = f->body->first; op; op = op->next)
        if (op->def->kind == KIND_SIZE || op->other) {
            job_error(m->job, "node '%s': a size or a branch depends on data: not compiled yet",
                      ir_node_name(m, op->from));
            job_stop_on_errors(m->job);
        }
    Planner p = {.m = m, .job = m->job, .main = f->body};
    p.plan = job_new(m->job, Plan);
    p.class_of = job_array(m->job, int32_t, m->next_value + 1);
    for (uint32_t i = 0; i < m->next_value; i++) p.class_of[i] = NONE;
    find_classes(&p);
    find_outputs(&p);
    int32_t now = 0;
    for (const Op *op = f->body->first; op; op = op->next) {
        if (op->code != OP_kernel || !runs(op)) continue;
        job_tick(m->job);
        add_call(&p, op, now++);
    }
    place_stores(&p);
    make_bufs(&p);
    vec_push(p.job, &p.code, (Ctl){CTL_ret, 0, 0});
    Plan *plan = p.plan;
    plan->buf = p.bufs.at;
    plan->nbuf = p.bufs.n;
    plan->kernel = p.kernels.at;
    plan->nkernel = p.kernels.n;
    plan->call = p.calls.at;
    plan->ncall = p.calls.n;
    plan->call_buf = p.call_bufs.at;
    plan->ncall_buf = p.call_bufs.n;
    plan->dim = p.dims.at;
    plan->ndim = p.dims.n;
    plan->code = p.code.at;
    plan->ncode = p.code.n;
    plan->weight = p.weights.at;
    plan->nweight = p.weights.n;
    return plan;
}

/* -- Copies and text ---------------------------------------------------------------------------------------
 */
static void *dup_array(Job *job, const void *at, size_t n, size_t size)
{
    void *r = job_calloc(job, n + 1, size);
    if (n) memcpy(r, at, n * size);
    return r;
}

static const char *dup_text(Job *job, const char *s)
{
    return s ? job_strndup(job, s, strlen(s)) : NULL;
}

Plan *plan_copy(Job *job, const Plan *p)
{
    Plan *r = job_new(job, Plan);
    *r = *p;
    r->weight = NULL;
    r->buf = dup_array(job, p->buf, p->nbuf, sizeof *p->buf);
    r->kernel = dup_array(job, p->kernel, p->nkernel, sizeof *p->kernel);
    r->call = dup_array(job, p->call, p->ncall, sizeof *p->call);
    r->call_buf = dup_array(job, p->call_buf, p->ncall_buf, sizeof *p->call_buf);
    r->dim = dup_array(job, p->dim, p->ndim, sizeof *p->dim);
    r->code = dup_array(job, p->code, p->ncode, sizeof *p->code);
    r->in_buf = dup_array(job, p->in_buf, p->nin, sizeof *p->in_buf);
    r->out_buf = dup_array(job, p->out_buf, p->nout, sizeof *p->out_buf);
    for (uint32_t i = 0; i < r->nbuf; i++) r->buf[i].tensor = dup_text(job, p->buf[i].tensor);
    for (uint32_t i = 0; i < r->nkernel; i++)
        r->kernel[i].text = job_strndup(job, p->kernel[i].text, p->kernel[i].size);
    for (uint32_t i = 0; i < r->ncall; i++) {
        const char **nodes = job_array(job, const char *, p->call[i].nnodes + 1);
        for (uint32_t k = 0; k < p->call[i].nnodes; k++) nodes[k] = dup_text(job, p->call[i].nodes[k]);
        r->call[i].nodes = nodes;
    }
    return r;
}

static void print_call(const Plan *p, Str *s, const PlanCall *c)
{
    str_printf(s, "  call k%u(", c->kernel);
    for (uint32_t i = 0; i < c->noperands + c->nresults; i++)
        str_printf(s, "%sb%u", i == c->noperands ? " -> " : i ? ", " : "", p->call_buf[c->buf0 + i]);
    str_put(s, ")");
    for (uint32_t i = 0; i < c->ndims; i++)
        str_printf(s, "%s%lld", i ? "," : " dims=[", (long long)p->dim[c->dim0 + i]);
    str_printf(s, "%s units=%lld grain=%lld", c->ndims ? "]" : "", (long long)c->units, (long long)c->grain);
    if (c->in_place >= 0) str_printf(s, " in_place=b%u", p->call_buf[c->buf0 + (uint32_t)c->in_place]);
    for (uint32_t i = 0; i < c->nnodes; i++) {
        str_put(s, i ? "," : "  @\"");
        if (i) str_put(s, "\"");
        str_escape(s, c->nodes[i], strlen(c->nodes[i]));
        str_put(s, "\"");
    }
    str_put(s, "\n");
}

void plan_print(const Plan *p, Str *s)
{
    static const char *const kinds[] = {"input", "output", "weight", "slot"};
    str_printf(s, "plan arena=%lld scratch=%lld macs=%lld\n", (long long)p->arena, (long long)p->scratch,
               (long long)p->macs);
    for (uint32_t i = 0; i < p->nkernel; i++) {
        str_printf(s, "kernel k%u ", i);
        for (const char *t = p->kernel[i].text; *t;) {
            size_t n = strcspn(t, "\n");
            str_printf(s, "%s%.*s\n", t == p->kernel[i].text ? "" : "  ", (int)n, t);
            t += n + (t[n] == '\n');
        }
    }
    for (uint32_t i = 0; i < p->nbuf; i++) {
        const PlanBuf *b = &p->buf[i];
        str_printf(s, "buffer b%u = %s", i, kinds[b->kind]);
        if (b->kind != BUF_SLOT) str_printf(s, " %u", b->index);
        str_put(s, " ");
        type_print(NULL, s, &b->type);
        if (b->kind == BUF_SLOT)
            str_printf(s, " at %lld+%lld live %d..%d", (long long)b->offset, (long long)b->bytes, b->first,
                       b->last);
        str_put(s, "\n");
    }
    str_put(s, "code\n");
    for (uint32_t i = 0; i < p->ncode; i++) {
        const Ctl *c = &p->code[i];
        switch (c->code) {
        case CTL_call: print_call(p, s, &p->call[c->a]); break;
        case CTL_copy: str_printf(s, "  copy b%u -> b%u\n", c->a, c->b); break;
        case CTL_ret: str_put(s, "  ret\n"); break;
        }
    }
}

bool plan_check(const Plan *p, Str *why)
{
    for (uint32_t i = 0; i < p->nbuf; i++) {
        const PlanBuf *a = &p->buf[i];
        if (a->kind != BUF_SLOT || !a->bytes) continue;
        if (a->offset < 0 || a->offset % ALIGN || a->bytes > p->arena - a->offset) {
            str_printf(why, "b%u lies outside the arena", i);
            return false;
        }
        for (uint32_t j = 0; j < i; j++) {
            const PlanBuf *b = &p->buf[j];
            if (b->kind != BUF_SLOT || !b->bytes) continue;
            if (a->offset >= b->offset + b->bytes || b->offset >= a->offset + a->bytes) continue;
            if (a->first > b->last || b->first > a->last) continue;
            const PlanBuf *early = a->first < b->first ? a : b, *late = early == a ? b : a;
            uint32_t early_no = (uint32_t)(early - p->buf), late_no = (uint32_t)(late - p->buf);
            const PlanCall *c = &p->call[late->first];
            bool in_place = early->last == late->first && early->offset == late->offset &&
                            early->bytes == late->bytes && c->in_place >= 0 &&
                            p->call_buf[c->buf0 + (uint32_t)c->in_place] == early_no &&
                            p->call_buf[c->buf0 + c->noperands] == late_no;
            if (!in_place) {
                str_printf(why, "b%u and b%u share memory while both are in use", j, i);
                return false;
            }
        }
    }
    return true;
}
