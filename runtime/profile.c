/* Profiles: the calls of a run, told to the host as they end. */
#include <stddef.h>

#include "runtime/exec_private.h"

/* Of what the operands and results are in this run. */
static double call_bytes(const Plan *plan, const PlanCall *c, const int64_t *reg)
{
    double bytes = 0;
    for (uint32_t i = 0; i < c->noperands + c->nresults; i++) {
        int64_t n = plan_num(plan->buf[plan->call_buf[c->buf0 + i]].bytes, reg);
        if (n > 0) bytes += (double)n;
    }
    return bytes;
}

/* How much more than was guessed a call of open sizes does in this run. */
static double call_scale(const Plan *plan, const PlanCall *c, const int64_t *reg)
{
    const Type *t = &plan->buf[plan->call_buf[c->buf0 + c->work.largest]].type;
    double n = 1;
    if (!c->work.open || c->work.elements <= 0) return 1;
    for (int d = 0; d < t->rank; d++) n *= (double)plan_num(t->dim[d], reg);
    return n / c->work.elements;
}

static void tell(CallWatch *w, uint32_t call, const int64_t *reg)
{
    ExecProfile *profile = (ExecProfile *)(void *)((char *)w - offsetof(ExecProfile, watch));
    const jitc_exec *x =
        (const jitc_exec *)(const void *)((const char *)profile - offsetof(jitc_exec, profile));
    const Plan *plan = x->v->plan;
    const PlanCall *c = &plan->call[call];
    const KernelWork *work = &c->work;
    double scale = call_scale(plan, c, reg);
    jitc_call told = {.size = sizeof told,
                      .index = call,
                      .kernel = work->kernel,
                      .algorithm = work->algorithm,
                      .shape = work->shape,
                      .node = work->node ? work->node : "",
                      .op = work->op ? work->op : "",
                      .nodes = c->nodes,
                      .nnodes = c->nnodes,
                      .start_ns = w->start,
                      .end_ns = w->end,
                      .flops = work->flops * scale,
                      .done_flops = work->done * scale,
                      .bytes = work->open ? call_bytes(plan, c, reg) : work->bytes,
                      .shares = w->share,
                      .nshares = w->nshares};
    profile->f(profile->arg, &told);
}

bool exec_profile_start(jitc_exec *x)
{
    ExecProfile *p = &x->profile;
    if (!heap_ensure(&x->p->memory, &p->shares, (int64_t)(x->run.shares * sizeof *p->watch.share)))
        return false;
    p->watch.share = p->shares.at;
    return true;
}

void exec_profile_free(jitc_exec *x)
{
    heap_free(&x->p->memory, &x->profile.shares);
}

jitc_status jitc_exec_set_profile(jitc_exec *x, jitc_profile_fn *f, void *arg)
{
    if (!x) return JITC_E_USAGE;
    exec_clear_error(x);
    x->profile.f = f;
    x->profile.arg = arg;
    x->profile.watch.done = tell;
    x->run.watch = f ? &x->profile.watch : NULL;
    return JITC_OK;
}
