#include "runtime/control.h"

#include <unistd.h>

#include "runtime/fpmode.h"

typedef struct {
    const Control *control;
    jitc_run *run;
    kernel_fn *fn;
    const CustomNode *custom;
    void *const *ptr;
    const int64_t *dim;
    int64_t units, each;
    uint8_t *scratch;
    size_t n;
} Shares;

static void compute(const Shares *s, int64_t from, int64_t to, uint8_t *scratch)
{
    if (!s->custom)
        s->fn(s->run, s->ptr, s->dim, from, to, scratch);
    else if (!custom_call(s->custom, s->ptr, s->dim, from, to, s->control->error))
        __atomic_store_n(&s->run->fail, 0, __ATOMIC_RELAXED);
}

/* Shares are as long as can be all the same, and so are any that follow each other: a thread's. */
static int64_t share_begin(const Shares *s, int64_t i)
{
    int64_t n = (int64_t)s->n;
    return s->units / n * i + s->units % n * i / n;
}

static void run_share(void *arg, size_t i)
{
    const Shares *s = arg;
    FpMode mode = fp_enter();
    int64_t share = (int64_t)i;
    compute(s, share_begin(s, share), share_begin(s, share + 1), s->scratch + share * s->each);
    fp_leave(mode);
}

static void run_watched_share(void *arg, size_t i)
{
    const Shares *s = arg;
    jitc_share_time *t = &s->run->watch->share[i];
    t->thread = (uint64_t)gettid();
    t->start_ns = now_ns();
    run_share(arg, i);
    t->end_ns = now_ns();
}

static void run_units(const Control *c, jitc_run *run, const PlanCall *call, void *const *ptr,
                      const int64_t *dim, int64_t units, uint8_t *scratch, int64_t each)
{
    int64_t n = min_i64(run->shares, units / call->grain), threads = run->shares / RUN_SHARES_EACH;
    if (threads > 1 && n > threads) n -= n % threads; /* as many for each */
    const CustomNode *custom = c->plan->kernel[call->kernel].custom;
    kernel_fn *fn = custom ? NULL : atomic_load_explicit(c->fn[call->kernel], memory_order_acquire);
    Shares s = {c, run, fn, custom, ptr, dim, units, each, scratch, (size_t)n};
    if (n < 2) {
        compute(&s, 0, units, scratch);
        return;
    }
    if (run->watch) run->watch->nshares = (size_t)n;
    run->parallel_for(run->host, run->watch ? run_watched_share : run_share, &s, (size_t)n);
}

/* A call whose sizes, or buffers, are not those of the last one. False: out of memory. */
static bool run_open(const Control *c, jitc_run *run, const PlanCall *call)
{
    const Plan *p = c->plan;
    int64_t dim[PLAN_MAX_DIMS], units = plan_num(call->units, run->dims), each = c->scratch;
    uint8_t *scratch = run->scratch;
    void *ptr[PLAN_MAX_OPERANDS];
    uint32_t n = call->noperands + call->nresults;
    if (units <= 0 || plan_num(call->elements, run->dims) <= 0) return true;
    for (uint32_t i = 0; i < call->ndims; i++) dim[i] = plan_num(p->dim[call->dim0 + i], run->dims);
    for (uint32_t i = 0; i < n; i++) ptr[i] = c->buf[p->call_buf[call->buf0 + i]];
    if (call->scratch < 0) {
        int64_t bytes = plan_num(call->scratch, run->dims);
        if (bytes > INT64_MAX / 2 / (int64_t)run->shares) return false;
        bytes = round_up(bytes, RUN_ALIGN);
        if (bytes > each) {
            each = bytes;
            if (!heap_ensure(c->heap->memory, c->more, each * run->shares)) return false;
            scratch = c->more->at;
        }
    }
    run_units(c, run, call, ptr, dim, units, scratch, each);
    return true;
}

static int64_t load_int(const void *at, DType t, uint32_t i)
{
    switch (dtype_size(t)) {
    case 1: return t == JITC_INT8 ? ((const int8_t *)at)[i] : ((const uint8_t *)at)[i];
    case 2: return t == JITC_INT16 ? ((const int16_t *)at)[i] : ((const uint16_t *)at)[i];
    case 4: return t == JITC_INT32 ? ((const int32_t *)at)[i] : (int64_t)((const uint32_t *)at)[i];
    default: return ((const int64_t *)at)[i];
    }
}

static bool bind_sizes(const Control *c, jitc_run *run, const Ctl *i, ControlResult *r)
{
    const PlanSite *s = &c->plan->site[i->a];
    for (uint32_t k = 0; k < s->nnums; k++) {
        int64_t v = load_int(c->buf[i->b], s->dtype, k);
        if (v < s->least) {
            *r = (ControlResult){CONTROL_SIZE, i->a, v, s->least};
            return false;
        }
        run->dims[c->plan->num[s->num0 + k]] = v;
    }
    return true;
}

static void write_sizes(const Control *c, jitc_run *run, const Ctl *i)
{
    const PlanSite *s = &c->plan->site[i->a];
    for (uint32_t k = 0; k < s->nnums; k++) {
        int64_t v = plan_num(c->plan->num[s->num0 + k], run->dims);
        if (s->dtype == JITC_INT32)
            ((int32_t *)c->buf[i->b])[k] = (int32_t)v;
        else
            ((int64_t *)c->buf[i->b])[k] = v;
    }
}

static bool check_sizes(const Control *c, jitc_run *run, const Ctl *i, ControlResult *r)
{
    const PlanSite *s = &c->plan->site[i->a];
    for (uint32_t k = 0; k < s->nnums; k += 2) {
        int64_t a = plan_num(c->plan->num[s->num0 + k], run->dims),
                b = plan_num(c->plan->num[s->num0 + k + 1], run->dims);
        if (s->least ? a <= b : a == b) continue;
        *r = (ControlResult){CONTROL_SIZE, i->a, a, b};
        return false;
    }
    return true;
}

/* All at once: what is read is what was there before. */
static void set_registers(const Plan *p, jitc_run *run, const Ctl *i)
{
    int64_t v[64];
    const uint32_t *pair = &p->set[i->a];
    for (uint32_t from = 0; from < i->b; from += 64) {
        uint32_t n = i->b - from < 64 ? i->b - from : 64;
        for (uint32_t k = 0; k < n; k++) v[k] = run->dims[pair[2 * (from + k) + 1]];
        for (uint32_t k = 0; k < n; k++) run->dims[pair[2 * (from + k)]] = v[k];
    }
}

static bool allocate(const Control *c, jitc_run *run, const Ctl *i)
{
    int64_t bytes = plan_num(i->n, run->dims);
    run_heap_give(c->heap, c->buf[i->a]);
    c->buf[i->a] = bytes < 0 || bytes > INT64_MAX / 4 ? NULL : run_heap_take(c->heap, bytes);
    return c->buf[i->a] != NULL;
}

void control_enter(const Plan *p, const int64_t *const *dims, int64_t *reg)
{
    for (uint32_t i = 0; i < p->nreg; i++) {
        const PlanReg *r = &p->reg[i];
        if (r->kind == REG_INPUT)
            reg[i] = dims[r->a][r->b];
        else if (r->entry)
            reg[i] = plan_reg_value(r, reg);
    }
}

static void watch_start(CallWatch *w)
{
    w->nshares = 0;
    w->start = now_ns();
}

static void watch_end(CallWatch *w, uint32_t call, const int64_t *reg)
{
    w->end = now_ns();
    w->done(w, call, reg);
}

ControlResult control_run(const Control *c, jitc_run *run)
{
    const Plan *p = c->plan;
    ControlResult r = {CONTROL_DONE, 0, 0, 0};
    for (const Ctl *i = p->code;; i++) {
        switch (i->code) {
        case CTL_call: {
            const PlanCall *call = &p->call[i->a];
            if (stop_is_set(run->stop)) return (ControlResult){CONTROL_STOPPED, i->a, 0, 0};
            if (run->watch) watch_start(run->watch);
            if (!call->open && !p->moves)
                run_units(c, run, call, c->ptr + call->buf0, p->dim + call->dim0, call->units, run->scratch,
                          c->scratch);
            else if (!run_open(c, run, call))
                return (ControlResult){CONTROL_MEMORY, i->a, 0, 0};
            if (run->watch) watch_end(run->watch, i->a, run->dims);
            if (run->fail != UINT64_MAX) return (ControlResult){CONTROL_INDEX, i->a, 0, 0};
            if (run->tap) run->tap(run->tap_arg, i->a);
            break;
        }
        case CTL_copy: {
            int64_t bytes = plan_num(i->n, run->dims);
            if (bytes > 0) memcpy(c->buf[i->b], c->buf[i->a], (size_t)bytes);
            break;
        }
        case CTL_eval:
            for (uint32_t k = 0; k < i->b; k++) {
                uint32_t reg = p->eval[i->a + k];
                run->dims[reg] = plan_reg_value(&p->reg[reg], run->dims);
            }
            break;
        case CTL_set: set_registers(p, run, i); break;
        case CTL_bind:
            if (!bind_sizes(c, run, i, &r)) return r;
            break;
        case CTL_sizes: write_sizes(c, run, i); break;
        case CTL_check:
            if (!check_sizes(c, run, i, &r)) return r;
            break;
        case CTL_alloc:
            if (!allocate(c, run, i)) return (ControlResult){CONTROL_MEMORY, i->a, 0, 0};
            break;
        case CTL_free:
            run_heap_give(c->heap, c->buf[i->a]);
            c->buf[i->a] = NULL;
            break;
        case CTL_alias:
            run_heap_give(c->heap, c->buf[i->a]);
            c->buf[i->a] = c->buf[i->b];
            c->buf[i->b] = NULL;
            break;
        case CTL_swap: {
            void *at = c->buf[i->a];
            c->buf[i->a] = c->buf[i->b];
            c->buf[i->b] = at;
            break;
        }
        case CTL_jump:
            if (stop_is_set(run->stop)) return (ControlResult){CONTROL_STOPPED, 0, 0, 0};
            run->backward ^= i->a <= (uint32_t)(i - p->code); /* another round of a loop */
            i = p->code + i->a - 1;
            break;
        case CTL_branch:
            if (!*(const uint8_t *)c->buf[i->a]) i = p->code + i->b - 1;
            break;
        case CTL_ret: return r;
        }
    }
}
