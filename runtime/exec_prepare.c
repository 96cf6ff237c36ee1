/* Between a bind and a run: the version for the shapes, then the memory and the pointers. */
#include <stdlib.h>

#include "ir/tuning.h"
#include "runtime/control.h"
#include "runtime/exec_private.h"

/* -- The version ------------------------------------------------------------------------------- */
bool exec_reserve_tables(jitc_exec *x, int64_t bytes)
{
    return heap_ensure(&x->p->memory, &x->tables, bytes);
}

/* The version becomes the latest; its reference is the exec's from here on. */
static jitc_status set_version(jitc_exec *x, Version *v)
{
    uint32_t at = 0;
    while (at < RECENT_VERSIONS - 1 && x->recent[at] && x->recent[at] != v) at++;
    version_release(x->p, x->recent[at]);
    memmove(x->recent + 1, x->recent, at * sizeof *x->recent);
    x->recent[0] = x->v = v;
    const Plan *plan = v->plan;
    /* At once as much as any version takes: what is compiled then is all there is to allocate. */
    if (plan_tables_bytes(plan) > x->tables.size && !exec_reserve_tables(x, version_most_tables(x->p))) {
        x->v = NULL;
        return exec_fail_nomem(x);
    }
    x->buf = x->tables.at;
    x->ptr = x->buf + 2 * plan->nbuf + 1;
    x->reg = (int64_t *)(void *)(x->ptr + plan->ncall_buf + 1);
    x->run.weights = v->segment;
    x->run.dims = x->reg;
    return JITC_OK;
}

/* Of those that the exec has; with a new reference. */
static Version *recent_version(jitc_exec *x, bool general)
{
    for (uint32_t i = 0; i < RECENT_VERSIONS && x->recent[i]; i++) {
        Version *v = x->recent[i];
        if (v->general == general && version_serves(x->p, v, x->signature)) return v;
    }
    return NULL;
}

static jitc_status update_version(jitc_exec *x, VersionWish wish)
{
    for (size_t i = 0; i < x->p->io.nin; i++) {
        x->signature[i].rank = x->in[i].t.rank;
        memcpy(x->signature[i].shape, x->in[i].t.shape, sizeof x->signature[i].shape);
    }
    Version *v = wish == VERSION_ANY && x->p->only_general ? NULL : recent_version(x, false);
    if (v) {
        atomic_fetch_add(&v->refs, 1);
        version_use(x->p, v);
    } else {
        char *why;
        Limits limits = program_limits(x->p, x->stop);
        Version *have = wish == VERSION_ANY ? recent_version(x, true) : NULL;
        jitc_status status = version_get(x->p, x->signature, wish, have, &limits, &v, &why);
        if (status) {
            exec_fail(x, status, "%s", status_text(status));
            /* Lines stay lines: the text was escaped when it was reported. */
            if (why) {
                free(x->error);
                x->error = why;
            }
            return status;
        }
    }
    jitc_status status = set_version(x, v);
    if (!status) x->new_shapes = false;
    return status;
}

/* Windows that are larger than the input, of whose sizes code for all sizes knows nothing. */
static bool negative_sizes(const jitc_exec *x)
{
    const Plan *plan = x->v->plan;
    for (uint32_t i = 0; i < plan->nbuf; i++) {
        const Type *t = &plan->buf[i].type;
        bool known = plan_known_at_entry(plan, t);
        for (int d = 0; known && d < t->rank; d++)
            if (plan_num(t->dim[d], x->reg) < 0) return true;
    }
    return false;
}

jitc_status exec_choose(jitc_exec *x, VersionWish wish)
{
    static const int64_t runs_dims[] = {2};
    for (size_t i = 0; i < x->p->io.nin; i++)
        if (!x->in[i].bound)
            return exec_fail(x, JITC_E_USAGE, "input '%s' is not bound", x->p->io.in[i].name);
    jitc_status status = x->new_shapes || !x->v ? update_version(x, wish) : JITC_OK;
    if (status) return status;
    for (size_t i = 0; i < x->p->io.nin; i++) x->dims[i] = x->in[i].t.shape;
    x->dims[x->p->io.nin] = runs_dims;
    control_enter(x->v->plan, x->dims, x->reg);
    if (!x->v->general || !negative_sizes(x)) return JITC_OK;
    status = update_version(x, VERSION_SPECIAL);
    if (!status) control_enter(x->v->plan, x->dims, x->reg);
    return status;
}

/* -- Versions that are tried (`jitc tune`) ------------------------------------------------------- */
jitc_status exec_try(jitc_exec *x, const Tuning *tuning, struct Version **out)
{
    char *why = NULL;
    Limits limits = program_limits(x->p, x->stop);
    jitc_status status = version_try(x->p, x->signature, tuning, &limits, out, &why);
    if (status) exec_fail(x, status, "%s", why ? why : status_text(status));
    free(why);
    return status;
}

jitc_status exec_switch(jitc_exec *x, struct Version *v)
{
    if (plan_tables_bytes(v->plan) > x->tables.size && !exec_reserve_tables(x, plan_tables_bytes(v->plan)))
        return exec_fail_nomem(x);
    atomic_fetch_add(&v->refs, 1);
    jitc_status status = set_version(x, v);
    x->new_pointers = true;
    return status ? status : jitc_exec_prepare(x);
}

void exec_forget(jitc_exec *x, struct Version *v)
{
    version_release(x->p, v);
}

/* -- Memory ------------------------------------------------------------------------------------ */
static bool overlap(const void *a, int64_t na, const void *b, int64_t nb)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return na > 0 && nb > 0 && x < y + (uintptr_t)nb && y < x + (uintptr_t)na;
}

static bool aligned(const jitc_tensor *t)
{
    return (uintptr_t)t->data % jitc_dtype_size(t->dtype) == 0;
}

static bool clashes(const jitc_exec *x, size_t o)
{
    const Slot *s = &x->out[o];
    for (size_t i = 0; i < x->p->io.nin; i++)
        if (overlap(s->t.data, s->bytes, x->in[i].t.data, x->in[i].bytes)) return true;
    for (size_t i = 0; i < x->p->io.nout; i++)
        if (i != o && x->out[i].bound && overlap(s->t.data, s->bytes, x->out[i].t.data, x->out[i].bytes))
            return true;
    return false;
}

bool exec_measure_output(jitc_exec *x, size_t i)
{
    const Type *t = &x->v->plan->out_type[i];
    Slot *s = &x->out[i];
    s->bytes = (int64_t)dtype_size(t->dtype);
    for (int d = 0; d < t->rank; d++) {
        s->shape[d] = plan_num(t->dim[d], x->reg);
        if (s->shape[d] < 0 || !mul_ok(s->bytes, s->shape[d], &s->bytes)) return false;
    }
    return true;
}

/* Which tensors must live in the working memory. */
static jitc_status measure_inputs(jitc_exec *x)
{
    const Version *v = x->v;
    for (size_t i = 0; i < x->p->io.nin; i++) {
        Slot *s = &x->in[i];
        if (!exec_tensor_bytes(&s->t, &s->bytes)) return exec_fail_nomem(x);
        if (!exec_same_dtype(v->in[i].dtype, s->t.dtype))
            return exec_misfit(x, "input", &v->in[i], &s->t, "");
        s->staged = s->bytes == 0 || !aligned(&s->t);
    }
    return JITC_OK;
}

static jitc_status measure_outputs(jitc_exec *x)
{
    const Version *v = x->v;
    for (size_t i = 0; i < x->p->io.nout; i++) {
        Slot *s = &x->out[i];
        int64_t room;
        s->open = !plan_known_at_entry(v->plan, &v->plan->out_type[i]);
        s->bytes = 0;
        if (!s->open && !exec_measure_output(x, i)) return exec_fail_nomem(x);
        if (!s->bound) continue;
        if (!exec_same_dtype(v->out[i].dtype, s->t.dtype))
            return exec_misfit(x, "output", &v->out[i], &s->t, "");
        if (!exec_tensor_bytes(&s->t, &room) || room < s->bytes)
            return exec_fail(x, JITC_E_USAGE, "output '%s' needs %lld bytes, the memory bound to it has %lld",
                             v->out[i].name, (long long)s->bytes, (long long)room);
    }
    for (size_t i = 0; i < x->p->io.nout; i++) {
        Slot *s = &x->out[i];
        s->staged = !s->bound || s->bytes == 0 || !aligned(&s->t) || clashes(x, i);
    }
    return JITC_OK;
}

/* A place in the working memory for tensors that are staged. */
static bool put_slots(Slot *s, size_t n, int64_t *end)
{
    for (size_t i = 0; i < n; i++) {
        if (!s[i].staged) continue;
        s[i].place = *end;
        if (!add_ok(*end, s[i].bytes, end) || *end > INT64_MAX / 2) return false;
        *end = round_up(*end, RUN_ALIGN);
    }
    return true;
}

/* Arena, scratch memory for each share, staged inputs, staged outputs. */
jitc_status exec_measure(jitc_exec *x)
{
    const Plan *plan = x->v->plan;
    jitc_status status = measure_inputs(x);
    if (!status) status = measure_outputs(x);
    if (status) return status;
    x->arena_bytes = plan_num(plan->arena, x->reg);
    int64_t each = plan_num(plan->scratch, x->reg), end;
    bool fits = x->arena_bytes <= INT64_MAX / 2 && each <= INT64_MAX / 2 &&
                mul_ok(round_up(each, RUN_ALIGN), x->run.shares, &x->scratch_bytes) &&
                add_ok(round_up(x->arena_bytes, RUN_ALIGN), x->scratch_bytes, &end) &&
                put_slots(x->in, x->p->io.nin, &end) && put_slots(x->out, x->p->io.nout, &end);
    if (!fits) return exec_fail_nomem(x);
    x->work_bytes = end;
    return JITC_OK;
}

static void place_buffers(jitc_exec *x)
{
    const Plan *plan = x->v->plan;
    x->in_ptr[x->p->io.nin] = x->runs;
    for (uint32_t i = 0; i < plan->nbuf; i++) {
        const PlanBuf *b = &plan->buf[i];
        switch (b->kind) {
        case BUF_INPUT: x->buf[i] = (void *)(uintptr_t)x->in_ptr[b->index]; break;
        case BUF_OUTPUT: x->buf[i] = (uint8_t *)x->out_ptr[b->index] + plan_num(b->offset, x->reg); break;
        case BUF_WEIGHT: x->buf[i] = x->v->weight[b->index]->data; break;
        case BUF_SLOT: x->buf[i] = x->run.arena + plan_num(b->offset, x->reg); break;
        case BUF_HEAP: x->buf[i] = NULL; break;
        }
    }
    memcpy(x->buf + plan->nbuf, x->buf, plan->nbuf * sizeof *x->buf);
    for (uint32_t i = 0; i < plan->ncall_buf; i++) x->ptr[i] = x->buf[plan->call_buf[i]];
}

jitc_status exec_place(jitc_exec *x)
{
    if (x->given && x->work_bytes > x->given_bytes)
        return exec_fail(x, JITC_E_USAGE, "the workspace has %lld bytes, but %lld are needed",
                         (long long)x->given_bytes, (long long)x->work_bytes);
    if (!x->given && !heap_ensure(&x->p->memory, &x->work, x->work_bytes)) return exec_fail_nomem(x);
    uint8_t *at = x->given ? x->given : x->work.at;
    x->run.arena = at;
    x->run.scratch = at + round_up(x->arena_bytes, RUN_ALIGN);
    for (size_t i = 0; i < x->p->io.nin; i++) {
        Slot *s = &x->in[i];
        if (s->staged) s->at = at + s->place;
        x->in_ptr[i] = s->staged ? s->at : s->t.data;
    }
    for (size_t i = 0; i < x->p->io.nout; i++) {
        Slot *s = &x->out[i];
        if (s->staged) s->at = at + s->place;
        x->out_ptr[i] = s->staged ? s->at : s->t.data;
    }
    place_buffers(x);
    x->new_pointers = false;
    return JITC_OK;
}
