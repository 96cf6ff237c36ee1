/* Execs: the tensors that are bound, the memory that runs use, and the runs.
 *
 * Shapes decide which version runs, so that one is looked for only after a bind that changed them; pointers
 * are put in place after any bind. A run between binds does neither, allocates nothing and takes no lock. */
#include <stdlib.h>
#include <sys/random.h>

#include "runtime/code.h"
#include "runtime/control.h"
#include "runtime/exec_private.h"
#include "runtime/fpmode.h"

/* -- Life -------------------------------------------------------------------------------------- */
static void own_threads(void *host, void (*f)(void *arg, size_t share), void *arg, size_t n)
{
    parallel_for(host, f, arg, n);
}

static void use_own_threads(jitc_exec *x)
{
    x->run.parallel_for = own_threads;
    x->run.host = x->pool;
    x->run.shares = x->p->threads > 1 ? RUN_SHARES_EACH * (uint32_t)x->p->threads : 1;
}

/* One block for all that has a fixed number. */
static bool make_slots(jitc_exec *x)
{
    size_t nin = x->p->io.nin, nout = x->p->io.nout;
    size_t bytes =
        (nin + nout) * sizeof(Slot) + nin * sizeof(jitc_io) + (2 * nin + nout + 3) * sizeof(void *);
    if (!heap_ensure(&x->p->memory, &x->slots, (int64_t)bytes)) return false;
    memset(x->slots.at, 0, bytes);
    x->in = x->slots.at;
    x->out = x->in + nin;
    x->signature = (jitc_io *)(void *)(x->out + nout);
    x->in_ptr = (const void **)(void *)(x->signature + nin); /* and `runs` */
    x->dims = (const int64_t **)(void *)(x->in_ptr + nin + 1);
    x->out_ptr = (void **)(void *)(x->dims + nin + 1);
    if (nin) memcpy(x->signature, x->p->io.in, nin * sizeof *x->signature);
    return true;
}

jitc_status jitc_exec_new(jitc_program *p, jitc_exec **out)
{
    if (out) *out = NULL;
    if (!p || !out) return JITC_E_USAGE;
    jitc_exec *x = memory_take(&p->memory, sizeof *x);
    if (!x) return JITC_E_NOMEM;
    memset(x, 0, sizeof *x);
    program_ref(p);
    x->p = p;
    x->heap.memory = &p->memory;
    x->pool = threads_new(p->threads);
    if (getrandom(x->runs, sizeof x->runs[0], GRND_NONBLOCK) < 0) x->runs[0] = (uint64_t)(uintptr_t)x;
    x->new_shapes = x->new_pointers = true;
    atomic_flag_clear(&x->custom_error.lock);
    if (!x->pool || !make_slots(x) || !exec_reserve_tables(x, version_most_tables(p))) {
        jitc_exec_free(x);
        return JITC_E_NOMEM;
    }
    x->run.in = x->in_ptr;
    x->run.out = x->out_ptr;
    use_own_threads(x);
    *out = x;
    return JITC_OK;
}

void jitc_exec_free(jitc_exec *x)
{
    if (!x) return;
    jitc_program *p = x->p;
    for (size_t i = 0; x->out && i < p->io.nout; i++) heap_free(&p->memory, &x->out[i].own);
    heap_free(&p->memory, &x->work);
    heap_free(&p->memory, &x->more_scratch);
    exec_profile_free(x);
    heap_free(&p->memory, &x->tables);
    heap_free(&p->memory, &x->slots);
    run_heap_free(&x->heap);
    for (uint32_t i = 0; i < RECENT_VERSIONS; i++) version_release(p, x->recent[i]);
    threads_free(x->pool);
    free(x->error);
    memory_give(&p->memory, x, sizeof *x);
    program_unref(p);
}

/* -- Memory, threads and stopping, as the host wants them -------------------------------------- */
jitc_status jitc_exec_set_parallel_for(jitc_exec *x, jitc_parallel_for_fn *f, void *host, size_t shares)
{
    enum { MOST = 1 << 16 };
    if (!x) return JITC_E_USAGE;
    exec_clear_error(x);
    if (f && (shares < 1 || shares > MOST))
        return exec_fail(x, JITC_E_USAGE, "parallel_for: %zu shares, which is not in 1..%d", shares, MOST);
    use_own_threads(x);
    if (f) {
        x->run.parallel_for = f;
        x->run.host = host;
        x->run.shares = (uint32_t)shares;
    }
    x->new_pointers = true;
    x->ran = false;
    return JITC_OK;
}

jitc_status jitc_exec_set_stop(jitc_exec *x, const volatile int *stop)
{
    if (!x) return JITC_E_USAGE;
    exec_clear_error(x);
    x->stop = x->run.stop = stop;
    return JITC_OK;
}

static jitc_status prepare(jitc_exec *x, VersionWish wish)
{
    jitc_status status = exec_choose(x, wish);
    if (!status) status = exec_measure(x);
    return status ? status : exec_place(x);
}

jitc_status jitc_exec_prepare(jitc_exec *x)
{
    if (!x) return JITC_E_USAGE;
    exec_clear_error(x);
    if (!x->new_pointers && !x->new_shapes) return JITC_OK;
    return prepare(x, VERSION_ANY);
}

int jitc_exec_is_ready(const jitc_exec *x)
{
    if (!x) return 0;
    for (size_t i = 0; i < x->p->io.nin; i++)
        if (!x->in[i].bound) return 0;
    if (x->v && !x->new_shapes) return 1;
    for (size_t i = 0; i < x->p->io.nin; i++) {
        x->signature[i].rank = x->in[i].t.rank;
        memcpy(x->signature[i].shape, x->in[i].t.shape, sizeof x->signature[i].shape);
    }
    return version_ready(x->p, x->signature);
}

/* The sizes of a run with what is bound. */
static jitc_status measure(jitc_exec *x)
{
    if (!x->new_pointers && !x->new_shapes) return JITC_OK;
    x->new_pointers = true; /* what is chosen here has no memory yet */
    jitc_status status = exec_choose(x, VERSION_ANY);
    return status ? status : exec_measure(x);
}

jitc_status jitc_exec_workspace_bytes(jitc_exec *x, size_t *bytes)
{
    if (bytes) *bytes = 0;
    if (!x) return JITC_E_USAGE;
    exec_clear_error(x);
    if (!bytes) return exec_fail(x, JITC_E_USAGE, "the address for the number of bytes is NULL");
    jitc_status status = measure(x);
    if (!status) *bytes = (size_t)x->work_bytes;
    return status;
}

jitc_status jitc_exec_output_shape(jitc_exec *x, size_t i, jitc_io *out)
{
    if (!x) return JITC_E_USAGE;
    exec_clear_error(x);
    if (!out || i >= x->p->io.nout)
        return exec_fail(x, JITC_E_USAGE, "there is no output %zu, or no address for it", i);
    jitc_status status = measure(x);
    if (status) return status;
    *out = x->v->out[i];
    if (!x->out[i].open) memcpy(out->shape, x->out[i].shape, sizeof out->shape);
    return JITC_OK;
}

jitc_status jitc_exec_set_workspace(jitc_exec *x, void *memory, size_t bytes)
{
    if (!x) return JITC_E_USAGE;
    exec_clear_error(x);
    if ((uintptr_t)memory % JITC_ALIGN)
        return exec_fail(x, JITC_E_USAGE, "the workspace is not aligned to %d bytes", JITC_ALIGN);
    if (bytes > INT64_MAX) return exec_fail(x, JITC_E_USAGE, "a workspace of %zu bytes", bytes);
    heap_free(&x->p->memory, &x->work);
    x->given = memory;
    x->given_bytes = (int64_t)bytes;
    x->new_pointers = true;
    x->ran = false;
    return JITC_OK;
}

/* -- Running ----------------------------------------------------------------------------------- */
static jitc_status report_failure(jitc_exec *x, ControlResult r)
{
    const Plan *plan = x->v->plan;
    switch (r.end) {
    case CONTROL_INDEX: {
        const PlanCall *c = &plan->call[r.at];
        const char *node = c->nnodes ? c->nodes[c->nnodes - 1] : "?", *why;
        if (plan->kernel[c->kernel].custom)
            return exec_fail(x, JITC_E_INVALID, "node '%s': %s", node, x->custom_error.text);
        int n = plan_report(&plan->kernel[c->kernel], &why);
        if (n) return exec_fail(x, JITC_E_INVALID, "node '%s': %.*s", node, n, why);
        return exec_fail(x, JITC_E_INVALID,
                         "node '%s': an index is out of range (element %llu of its indices)", node,
                         (unsigned long long)x->run.fail);
    }
    case CONTROL_SIZE: {
        const PlanSite *s = &plan->site[r.at];
        if (s->dtype)
            return exec_fail(x, JITC_E_INVALID,
                             "node '%s': a size that depends on data is %lld, which is below %lld", s->node,
                             (long long)r.a, (long long)r.b);
        return exec_fail(x, JITC_E_INVALID, "node '%s': sizes do not fit: %lld %s %lld", s->node,
                         (long long)r.a, s->least ? "is more than" : "is not", (long long)r.b);
    }
    case CONTROL_STOPPED: return exec_fail(x, JITC_E_CANCELLED, "the run was stopped");
    default: return exec_fail_nomem(x);
    }
}

/* Results of sizes that the run has told go to where the caller gets them. */
static jitc_status take_open(jitc_exec *x, size_t i)
{
    const Plan *plan = x->v->plan;
    Slot *s = &x->out[i];
    int64_t room;
    if (!exec_measure_output(x, i)) return exec_fail_nomem(x);
    if (s->bound && (!exec_tensor_bytes(&s->t, &room) || room < s->bytes))
        return exec_fail(x, JITC_E_USAGE, "output '%s' needs %lld bytes, the memory bound to it has %lld",
                         x->v->out[i].name, (long long)s->bytes, (long long)room);
    if (!s->bound && !heap_ensure(&x->p->memory, &s->own, s->bytes)) return exec_fail_nomem(x);
    if (s->bytes) memmove(s->bound ? s->t.data : s->own.at, x->buf[plan->out_buf[i]], (size_t)s->bytes);
    return JITC_OK;
}

static ControlResult run_once(jitc_exec *x)
{
    for (size_t i = 0; i < x->p->io.nin; i++)
        if (x->in[i].staged && x->in[i].bytes) memcpy(x->in[i].at, x->in[i].t.data, (size_t)x->in[i].bytes);
    const Plan *plan = x->v->plan;
    int64_t scratch = round_up(plan_num(plan->scratch, x->reg), RUN_ALIGN);
    Control c = {plan, x->v->fn, x->buf, x->ptr, scratch, &x->more_scratch, &x->heap, &x->custom_error};
    if (plan->moves) {
        memcpy(x->buf, x->buf + plan->nbuf, plan->nbuf * sizeof *x->buf);
        run_heap_reset(&x->heap);
    }
    if (x->profile.f && !exec_profile_start(x)) return (ControlResult){CONTROL_MEMORY, 0, 0, 0};
    x->run.fail = UINT64_MAX;
    x->run.backward = x->runs[1] & 1;
    custom_error_init(&x->custom_error);
    FpMode mode = fp_enter();
    ControlResult r = control_run(&c, &x->run);
    fp_leave(mode);
    return r;
}

jitc_status jitc_exec_run(jitc_exec *x)
{
    if (!x) return JITC_E_USAGE;
    exec_clear_error(x);
    x->ran = false;
    if (x->new_pointers || x->new_shapes) {
        jitc_status status = prepare(x, VERSION_ANY);
        if (status) return status;
    }
    ControlResult r = run_once(x);
    if (r.end == CONTROL_SIZE && x->v->general) { /* sizes that broadcast, say, which it takes for equal */
        x->new_shapes = true;
        jitc_status status = prepare(x, VERSION_SPECIAL);
        if (status) return status;
        r = run_once(x);
    }
    if (r.end != CONTROL_DONE) return report_failure(x, r);
    for (size_t i = 0; i < x->p->io.nout; i++) {
        Slot *s = &x->out[i];
        if (s->open) {
            jitc_status status = take_open(x, i);
            if (status) return status;
        } else if (s->staged && s->bound && s->bytes) {
            memcpy(s->t.data, s->at, (size_t)s->bytes);
        }
    }
    x->ran = true;
    x->runs[1]++;
    return JITC_OK;
}

jitc_status jitc_exec_output(const jitc_exec *x, size_t i, jitc_tensor *out)
{
    if (!x || !out || i >= x->p->io.nout || !x->ran) return JITC_E_USAGE;
    const jitc_io *io = &x->v->out[i];
    const Slot *s = &x->out[i];
    *out = (jitc_tensor){.dtype = io->dtype,
                         .rank = io->rank,
                         .data = s->bound  ? s->t.data
                                 : s->open ? s->own.at
                                           : s->at};
    memcpy(out->shape, s->shape, sizeof out->shape);
    return JITC_OK;
}

const char *jitc_exec_error(const jitc_exec *x)
{
    return x && x->error ? x->error : "";
}

/* -- For the command line and tests ------------------------------------------------------------ */
void exec_fix_random(jitc_exec *x)
{
    memset(x->runs, 0, sizeof x->runs);
}

bool exec_is_general(const jitc_exec *x)
{
    return x->v && x->v->general;
}

const Plan *exec_plan(const jitc_exec *x)
{
    return x->v ? x->v->plan : NULL;
}

void exec_stats(const jitc_exec *x, ExecStats *out)
{
    *out = (ExecStats){0};
    const Version *v = x->v;
    if (!v) return;
    memcpy(out->phase_ns, v->phase_ns, sizeof out->phase_ns);
    out->cached = x->p->stored.on;
    out->found = v->found && !v->nnew;
    out->arena_bytes = x->arena_bytes + x->heap.bytes;
    out->scratch_bytes = x->scratch_bytes + x->more_scratch.size;
    for (uint32_t i = 0; i < v->plan->nweight; i++) {
        bool first = true; /* of those that are the same */
        for (uint32_t k = 0; k < i && first; k++) first = v->weight[k] != v->weight[i];
        if (first) out->weights_bytes += v->weight[i]->bytes;
    }
    for (uint32_t i = 0; i < v->nimages; i++) out->code_bytes += (int64_t)v->image[i]->image->size;
    out->macs = v->plan->macs;
    out->calls = v->plan->ncall;
    out->kernels = v->plan->nkernel;
    out->new_kernels = v->nnew;
}

static void tap_call(void *arg, uint32_t call)
{
    jitc_exec *x = arg;
    const Plan *plan = x->v->plan;
    const PlanCall *c = &plan->call[call];
    for (uint32_t i = c->buf0; i < c->buf0 + c->noperands + c->nresults; i++)
        x->ptr[i] = x->buf[plan->call_buf[i]];
    x->tap(x->tap_arg, call, x->ptr + c->buf0);
}

void exec_set_tap(jitc_exec *x, ExecTap *tap, void *arg)
{
    x->tap = tap;
    x->tap_arg = arg;
    x->run.tap = tap ? tap_call : NULL;
    x->run.tap_arg = x;
}
