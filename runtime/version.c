/* Versions: import, passes, plan, packing and code generation for one signature; the table of those there
 * are. */
#include <stdlib.h>

#include "ir/tuning.h"
#include "passes/pass.h"
#include "runtime/code.h"
#include "runtime/fpmode.h"
#include "runtime/program.h"
#include "runtime/threads.h"

/* -- Phases ------------------------------------------------------------------------------------ */
void version_lap(Version *v, Phase phase, int64_t *since)
{
    int64_t t = now_ns();
    v->phase_ns[phase] += t - *since;
    *since = t;
}

/* -- Building ---------------------------------------------------------------------------------- */
static void release(jitc_program *p, Version *v)
{
    for (uint32_t i = 0; i < v->nweight; i++) pack_release(&p->weights, v->weight[i]);
    code_release(p, v);
}

void version_reset(jitc_program *p, Version *v)
{
    Limits limits = v->job.limits;
    release(p, v);
    job_free(&v->job);
    job_init_in(&v->job, &p->memory, &limits);
    v->plan = NULL;
    v->nweight = v->nimages = 0;
}

static void destroy(jitc_program *p, Version *v)
{
    if (!v) return;
    release(p, v);
    job_free(&v->job);
    memory_give(&p->memory, v, sizeof *v);
}

static jitc_io *copy_io(Job *job, const jitc_io *io, size_t n)
{
    jitc_io *r = job_array(job, jitc_io, n + 1);
    for (size_t i = 0; i < n; i++) {
        r[i] = io[i];
        r[i].name = job_strndup(job, io[i].name, strlen(io[i].name));
    }
    return r;
}

void version_tables(Version *v, Job *job, const Plan *plan)
{
    v->plan = NULL;
    v->weight = job_array(job, Packed *, plan->nweight + 1);
    v->segment = job_array(job, const uint8_t *, plan->nweight + 1);
    v->fn = job_array(job, KernelSlot *, plan->nkernel + 1);
    v->image = job_array(job, CodeImage *, plan->nkernel + 1);
    v->nweight = plan->nweight;
}

/* Moves what lasts out of the compile's memory. */
static jitc_status keep(Version *v, const Plan *plan, const ImportIo *io)
{
    Job *job = &v->job;
    if (JOB_ENTER(job) == JITC_OK) {
        v->in = copy_io(job, io->in, io->nin);
        v->out = copy_io(job, io->out, io->nout);
        version_tables(v, job, plan);
        v->plan = plan_copy(job, plan);
    }
    return job->status;
}

/* Import, passes, plan, and the weights; kernels are compiled meanwhile. */
static Compile *make_plan(Job *job, jitc_program *p, const jitc_io *in, Version *v)
{
    int64_t t = now_ns();
    ImportIo io = {0};
    Module *m = program_module(p, job, in, v->general, &io);
    m->tuning = p->tuning;
    version_lap(v, PHASE_IMPORT, &t);
    passes_run(m, program_pipeline(p),
               &(PassOptions){.cpu = p->target.cpu, .precise = p->precise, .layout = p->layout});
    version_lap(v, PHASE_PASSES, &t);
    Machine machine = v->machine.l2 ? v->machine : machine_of(p->target.cpu, p->threads);
    Plan *plan = plan_make(m, &machine);
    jitc_status status = keep(v, plan, &io);
    if (status) job_fail(job, status);
    version_lap(v, PHASE_PLAN, &t);
    Compile *c = v->planned ? NULL : code_start(job, p, v);
    t = now_ns();
    pack_weights(m, plan, &p->weights, v->weight);
    version_lap(v, PHASE_PACK, &t);
    stored_keep_weights(p, v);
    version_lap(v, PHASE_CACHE, &t);
    return c;
}

static void build(Job *job, jitc_program *p, const jitc_io *in, Version *v)
{
    bool moved;
    int64_t t = now_ns();
    v->found = stored_load_version(p, in, v, &moved);
    version_lap(v, PHASE_CACHE, &t);
    Compile *c = v->found ? code_start(job, p, v) : make_plan(job, p, in, v);
    for (uint32_t i = 0; i < v->nweight; i++) v->segment[i] = v->weight[i]->data;
    if (v->planned) return;
    code_finish(job, p, c, v);
    t = now_ns();
    if (!v->found || moved) stored_save_version(p, in, v);
    version_lap(v, PHASE_CACHE, &t);
}

/* What is compiled: "x=f32[8,?] y=i32[8]". */
static void put_signature(Str *s, const jitc_program *p, const jitc_io *in)
{
    for (size_t i = 0; i < p->io.nin; i++) {
        const char *dtype = jitc_dtype_name(in[i].dtype);
        str_printf(s, "%s%s=%s[", i ? " " : "", in[i].name, dtype ? dtype : "?");
        for (int32_t d = 0; d < in[i].rank; d++) {
            if (in[i].shape[d] < 0)
                str_put(s, d ? ",?" : "?");
            else
                str_printf(s, "%s%lld", d ? "," : "", (long long)in[i].shape[d]);
        }
        str_put(s, "]");
    }
}

static void log_start(const jitc_program *p, const jitc_io *in, bool general)
{
    if (!p->log) return;
    Str s = {0};
    str_printf(&s, "compiling for %s", general ? "all shapes of these ranks" : "these shapes");
    if (p->io.nin) str_put(&s, ": ");
    put_signature(&s, p, in);
    program_log(p, &s);
}

static void log_version(const jitc_program *p, const Version *v, int64_t ns)
{
    if (!p->log) return;
    Str s = {0};
    str_printf(&s, "%s %sin %.1f ms:", v->found ? "found in the cache" : "compiled",
               v->general ? "for all shapes " : "", (double)ns / 1e6);
    for (int i = 0; i < PHASES; i++)
        if (v->phase_ns[i]) str_printf(&s, " %s %.1f", phase_name((Phase)i), (double)v->phase_ns[i] / 1e6);
    str_printf(&s, "; %u kernels (%u new), %u calls", v->plan->nkernel, v->nnew, v->plan->ncall);
    program_log(p, &s);
}

static void log_cache(jitc_program *p)
{
    const char *why = stored_warning(p);
    if (!why || !p->log) return;
    Str s = {0};
    str_printf(&s, "warning: nothing is kept in the cache: %s", why);
    program_log(p, &s);
}

static jitc_status version_new(jitc_program *p, const jitc_io *in, Version kind, const Limits *limits,
                               Version **out, char **why)
{
    int64_t start = now_ns();
    Version *v = memory_take(&p->memory, sizeof *v);
    Job *job = memory_take(&p->memory, sizeof *job);
    *out = NULL;
    if (!v || !job) {
        memory_give(&p->memory, v, sizeof *v);
        memory_give(&p->memory, job, sizeof *job);
        *why = strdup(status_text(JITC_E_NOMEM));
        return JITC_E_NOMEM;
    }
    log_start(p, in, kind.general);
    *v = kind;
    job_init_in(&v->job, &p->memory, limits);
    job_init_in(job, &p->memory, limits);
    fenv_t mode;
    fp_default(&mode);
    if (JOB_ENTER(job) == JITC_OK) build(job, p, in, v);
    fp_restore(&mode);
    jitc_status status = job->status;
    if (status) *why = job_text(job, status);
    job_free(job);
    memory_give(&p->memory, job, sizeof *job);
    if (status) {
        destroy(p, v);
        code_drop_unused(p);
        return status;
    }
    v->phase_ns[PHASE_DECODE] = p->decode_ns;
    log_version(p, v, now_ns() - start);
    log_cache(p);
    *out = v;
    return JITC_OK;
}

/* -- The table --------------------------------------------------------------------------------- */
bool version_serves(const jitc_program *p, const Version *v, const jitc_io *in)
{
    for (size_t i = 0; i < p->io.nin; i++) {
        const jitc_io *a = &v->in[i], *b = &in[i];
        if (a->rank != b->rank) return false;
        for (int32_t d = 0; d < a->rank; d++)
            if (a->shape[d] != b->shape[d] && !(v->general && a->shape[d] < 0)) return false;
    }
    return true;
}

void version_use(jitc_program *p, Version *v)
{
    atomic_store_explicit(&v->used, atomic_fetch_add(&p->clock, 1) + 1, memory_order_relaxed);
}

/* With p->lock: the one for these shapes alone, if `special`; else a general one, if `general`. */
static Version *find_locked(const jitc_program *p, const jitc_io *in, bool special, bool general)
{
    Version *found = NULL;
    for (uint32_t i = 0; i < p->nversions; i++) {
        Version *v = p->version[i];
        if (!(v->general ? general : special) || !version_serves(p, v, in)) continue;
        found = v;
        if (!v->general) break;
    }
    return found;
}

/* With p->lock, as long as which a version of the table keeps the table's reference. */
static Version *take_locked(jitc_program *p, Version *v)
{
    if (!v) return NULL;
    atomic_fetch_add(&v->refs, 1);
    version_use(p, v);
    return v;
}

static Version *find(jitc_program *p, const jitc_io *in, bool general)
{
    pthread_mutex_lock(&p->lock);
    Version *found = take_locked(p, find_locked(p, in, !general, general));
    pthread_mutex_unlock(&p->lock);
    return found;
}

/* Where this signature is counted: its place, or that of the one that was asked for longest ago. */
static uint32_t seen_at(const jitc_program *p, Hash key)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < SEEN_SIGNATURES; i++) {
        if (p->seen[i].used && hash_eq(p->seen[i].key, key)) return i;
        if (p->seen[i].used < p->seen[at].used) at = i;
    }
    return at;
}

static Hash signature_key(const jitc_program *p, const jitc_io *in)
{
    Hash key = {0};
    for (size_t i = 0; i < p->io.nin; i++) {
        uint64_t word[3 + JITC_MAX_RANK] = {key.lo, key.hi, (uint64_t)in[i].rank};
        memcpy(word + 3, in[i].shape, (size_t)max_i64(in[i].rank, 0) * sizeof *word);
        key = hash_bytes(word, sizeof word);
    }
    return key;
}

/* With p->lock: how often this signature was asked for before, as far as is remembered. */
static uint32_t times_seen(const jitc_program *p, Hash key)
{
    uint32_t at = seen_at(p, key);
    return p->seen[at].used && hash_eq(p->seen[at].key, key) ? p->seen[at].times : 0;
}

/* With p->lock. */
static uint32_t count_signature(jitc_program *p, Hash key)
{
    uint32_t at = seen_at(p, key);
    if (!p->seen[at].used || !hash_eq(p->seen[at].key, key)) p->seen[at].key = key, p->seen[at].times = 0;
    p->seen[at].used = atomic_fetch_add(&p->clock, 1) + 1;
    return ++p->seen[at].times;
}

/* Room for one more version. */
static bool grow_table(jitc_program *p)
{
    if (p->nversions < p->cap_versions) return true;
    uint32_t cap = p->cap_versions ? 2 * p->cap_versions : MAX_VERSIONS;
    Version **at = memory_take(&p->memory, cap * sizeof(Version *));
    if (!at) return false;
    pthread_mutex_lock(&p->lock);
    Version **old = p->version;
    if (p->nversions) memcpy(at, old, p->nversions * sizeof(Version *));
    p->version = at;
    pthread_mutex_unlock(&p->lock);
    memory_give(&p->memory, old, p->cap_versions * sizeof(Version *));
    p->cap_versions = cap;
    return true;
}

/* Puts v in the table, where there is room, with two references, one of them the caller's. Gives what fell
 * out, without references. */
static Version *insert(jitc_program *p, Version *v)
{
    Version *out = NULL;
    pthread_mutex_lock(&p->lock);
    atomic_store(&v->refs, 2);
    version_use(p, v);
    p->most_tables = max_i64(p->most_tables, plan_tables_bytes(v->plan));
    uint32_t at = p->nversions, passing = 0, oldest = 0;
    for (uint32_t i = 0; i < p->nversions; i++) {
        if (p->version[i]->pinned) continue;
        if (!passing++ || atomic_load(&p->version[i]->used) < atomic_load(&p->version[oldest]->used))
            oldest = i;
    }
    if (!v->pinned && passing >= MAX_VERSIONS) {
        at = oldest;
        out = p->version[at];
        if (atomic_fetch_sub(&out->refs, 1) != 1) out = NULL;
    } else {
        p->nversions++;
    }
    p->version[at] = v;
    pthread_mutex_unlock(&p->lock);
    return out;
}

/* With p->compile: versions whose last reference went while somebody compiled. */
static void bury(jitc_program *p)
{
    pthread_mutex_lock(&p->lock);
    Version *dead = p->dead;
    p->dead = NULL;
    pthread_mutex_unlock(&p->lock);
    for (Version *next; dead; dead = next) {
        next = dead->next_dead;
        destroy(p, dead);
    }
}

static jitc_status make(jitc_program *p, const jitc_io *in, Version kind, const Limits *limits, Version **out,
                        char **why)
{
    bury(p);
    jitc_status status = grow_table(p) ? version_new(p, in, kind, limits, out, why) : JITC_E_NOMEM;
    if (status) return status;
    destroy(p, insert(p, *out));
    return JITC_OK;
}

/* The signature with its dimensions open where the program's are. */
static void open_signature(const jitc_program *p, const jitc_io *in, jitc_io *out)
{
    for (size_t i = 0; i < p->io.nin; i++) {
        out[i] = in[i];
        for (int32_t d = 0; d < in[i].rank; d++)
            if (p->io.in[i].rank < 0 || p->io.in[i].shape[d] < 0) out[i].shape[d] = -1;
    }
}

/* A general version, unless the graph cannot be compiled for open sizes, which is found out once: then there
 * is none, and that is no failure. */
static jitc_status general_version(jitc_program *p, const jitc_io *in, const Limits *limits, Version **out,
                                   char **why)
{
    *out = find(p, in, true);
    if (*out || p->no_general) return JITC_OK;
    jitc_io *open = memory_take(&p->memory, (p->io.nin + 1) * sizeof *open);
    if (!open) return JITC_E_NOMEM;
    open_signature(p, in, open);
    jitc_status status = make(p, open, (Version){.general = true}, limits, out, why);
    memory_give(&p->memory, open, (p->io.nin + 1) * sizeof *open);
    if (status == JITC_E_DEADLINE || status == JITC_E_CANCELLED) return status;
    if (status) {
        p->no_general = true;
        free(*why);
        *why = NULL;
    }
    return JITC_OK;
}

/* What is there, without compiling; NULL: nothing fits, or it is time for code for these shapes alone. *often
 * tells that time. With a general version in `have` it waits for nobody. */
static Version *look_up(jitc_program *p, const jitc_io *in, VersionWish wish, Version *have, bool *often)
{
    Hash key = signature_key(p, in);
    *often = true;
    if (!have)
        pthread_mutex_lock(&p->lock);
    else if (pthread_mutex_trylock(&p->lock))
        return atomic_fetch_add(&have->refs, 1), have;
    Version *v = p->only_general && wish == VERSION_ANY ? NULL : find_locked(p, in, true, false);
    if (v && wish == VERSION_PINNED) v->pinned = true;
    if (!v && wish == VERSION_ANY) {
        *often = (p->nspecial < FIRST_SIGNATURES || count_signature(p, key) >= HOT) && !p->only_general;
        if (!*often) v = find_locked(p, in, false, true);
    }
    take_locked(p, v);
    pthread_mutex_unlock(&p->lock);
    return v;
}

Limits program_limits(const jitc_program *p, const volatile int *stop)
{
    int64_t ms = p->deadline_ms;
    return (Limits){.deadline_ns = ms > 0 ? now_ns() + ms * 1000000 : 0, .stop = {p->stop, stop}};
}

static jitc_status compile_version(jitc_program *p, const jitc_io *in, VersionWish wish, bool often,
                                   const Limits *limits, Version **out, char **why)
{
    jitc_status status = JITC_OK;
    if (!p->only_general || wish != VERSION_ANY)
        *out = find(p, in, false); /* another thread may just have made it */
    if (!*out && wish == VERSION_ANY && !p->is_static && !often)
        status = general_version(p, in, limits, out, why);
    if (!*out && !status) {
        status = make(p, in, (Version){.pinned = wish == VERSION_PINNED}, limits, out, why);
        pthread_mutex_lock(&p->lock);
        p->nspecial += !status && wish != VERSION_PINNED;
        pthread_mutex_unlock(&p->lock);
    } else if (*out && wish == VERSION_PINNED) {
        pthread_mutex_lock(&p->lock);
        (*out)->pinned = true;
        pthread_mutex_unlock(&p->lock);
    }
    return status;
}

jitc_status version_get(jitc_program *p, const jitc_io *in, VersionWish wish, Version *have,
                        const Limits *limits, Version **out, char **why)
{
    bool often;
    *why = NULL;
    *out = look_up(p, in, wish, have, &often);
    if (*out) return JITC_OK;
    if (pthread_mutex_trylock(&p->compile)) {
        *out = wish == VERSION_ANY ? find(p, in, true) : NULL; /* rather than wait for other code */
        if (*out) return JITC_OK;
        pthread_mutex_lock(&p->compile);
    }
    jitc_status status = compile_version(p, in, wish, often, limits, out, why);
    pthread_mutex_unlock(&p->compile);
    return status;
}

bool version_ready(jitc_program *p, const jitc_io *in)
{
    Hash key = signature_key(p, in);
    pthread_mutex_lock(&p->lock);
    bool often = p->nspecial < FIRST_SIGNATURES || times_seen(p, key) + 1 >= HOT;
    bool ready = find_locked(p, in, !p->only_general, p->only_general || !often) != NULL;
    pthread_mutex_unlock(&p->lock);
    return ready;
}

static jitc_status version_apart(jitc_program *p, const jitc_io *in, Version kind, const Tuning *tuning,
                                 const Limits *limits, Version **out, char **why)
{
    pthread_mutex_lock(&p->compile);
    const Tuning *own = p->tuning;
    p->tuning = tuning;
    kind.apart = true;
    jitc_status status = version_new(p, in, kind, limits, out, why);
    p->tuning = own;
    pthread_mutex_unlock(&p->compile);
    if (!status) atomic_store(&(*out)->refs, 1);
    return status;
}

jitc_status version_plan(jitc_program *p, Machine machine, const Tuning *tuning, const Limits *limits,
                         Version **out, char **why)
{
    Version kind = {.general = !p->is_static, .planned = true, .machine = machine};
    return version_apart(p, p->io.in, kind, tuning, limits, out, why);
}

jitc_status version_try(jitc_program *p, const jitc_io *in, const Tuning *tuning, const Limits *limits,
                        Version **out, char **why)
{
    return version_apart(p, in, (Version){0}, tuning, limits, out, why);
}

int64_t version_most_tables(jitc_program *p)
{
    pthread_mutex_lock(&p->lock);
    int64_t most = p->most_tables;
    pthread_mutex_unlock(&p->lock);
    return most;
}

void version_release(jitc_program *p, Version *v)
{
    if (!v || atomic_fetch_sub(&v->refs, 1) != 1) return;
    if (pthread_mutex_trylock(&p->compile)) { /* not worth to wait for who compiles */
        pthread_mutex_lock(&p->lock);
        v->next_dead = p->dead;
        p->dead = v;
        pthread_mutex_unlock(&p->lock);
        return;
    }
    destroy(p, v);
    pthread_mutex_unlock(&p->compile);
}

void version_free_all(jitc_program *p)
{
    bury(p);
    for (uint32_t i = 0; i < p->nversions; i++) destroy(p, p->version[i]);
    memory_give(&p->memory, p->version, p->cap_versions * sizeof(Version *));
    p->nversions = 0;
    code_drop_unused(p);
}
