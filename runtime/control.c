#include "runtime/control.h"

#include "runtime/fpmode.h"

typedef struct {
    jitc_run *run;
    kernel_fn *fn;
    void *const *ptr;
    const int64_t *dim;
    int64_t units, scratch;
    size_t n;
} Shares;

static void run_share(void *arg, size_t i)
{
    const Shares *s = arg;
    FpMode mode = fp_enter();
    int64_t share = (int64_t)i, n = (int64_t)s->n, each = s->units / n, more = s->units % n;
    int64_t from = share * each + min_i64(share, more), to = from + each + (share < more);
    s->fn(s->run, s->ptr, s->dim, from, to, s->run->scratch + share * s->scratch);
    fp_leave(mode);
}

static void run_call(const Control *c, jitc_run *run, const PlanCall *call)
{
    kernel_fn *fn = c->fn[call->kernel];
    void *const *ptr = c->ptr + call->buf0;
    const int64_t *dim = c->plan->dim + call->dim0;
    int64_t n = min_i64(run->shares, call->units / call->grain);
    if (n < 2) {
        fn(run, ptr, dim, 0, call->units, run->scratch);
        return;
    }
    Shares s = {run, fn, ptr, dim, call->units, c->scratch, (size_t)n};
    parallel_for(c->pool, run_share, &s, (size_t)n);
}

uint32_t control_run(const Control *c, jitc_run *run)
{
    const Plan *p = c->plan;
    for (const Ctl *i = p->code;; i++) {
        switch (i->code) {
        case CTL_call: {
            int64_t start = run->ticks ? now_ns() : 0;
            run_call(c, run, &p->call[i->a]);
            if (run->ticks) run->ticks[i->a] += (uint64_t)(now_ns() - start);
            if (run->fail != UINT64_MAX) return i->a;
            if (run->tap) run->tap(run->tap_arg, i->a);
            break;
        }
        case CTL_copy: memcpy(c->buf[i->b], c->buf[i->a], (size_t)p->buf[i->a].bytes); break;
        case CTL_ret: return UINT32_MAX;
        }
    }
}
