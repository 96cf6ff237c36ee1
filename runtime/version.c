/* Versions: import, passes, plan, packing and code generation for one signature; the table of those there
 * are. */
#include <stdlib.h>

#include "passes/pass.h"
#include "runtime/program.h"

/* -- Compiled kernels, shared by their key ----------------------------------------------------------------
 */
static CodeImage *image_of(const jitc_program *p, Hash key, kernel_fn **fn)
{
    for (CodeImage *i = p->images; i; i = i->next)
        for (uint32_t k = 0; k < i->n; k++)
            if (hash_eq(i->key[k], key)) {
                *fn = i->fn[k];
                return i;
            }
    return NULL;
}

static void image_free(const Codegen *codegen, CodeImage *i)
{
    if (!i) return;
    codegen->free_image(i->image);
    free(i->key);
    free(i);
}

static void image_unref(jitc_program *p, CodeImage *i)
{
    if (--i->refs) return;
    CodeImage **at = &p->images;
    while (*at != i) at = &(*at)->next;
    *at = i->next;
    image_free(p->codegen, i);
}

/* -- Code generation, on a thread of its own while weights are packed ---------------------------------------
 */
typedef struct {
    const Codegen *codegen;
    CodegenTarget target;
    CodegenKernel *kernel;
    Hash *key;
    uint32_t n;
    int threads;
    CodegenResult result;
    pthread_t thread;
    bool started, joined;
} Compile;

static void *compile_thread(void *arg)
{
    Compile *c = arg;
    c->result = c->codegen->compile(&c->target, c->kernel, c->n, EMIT_NONE, c->threads);
    return NULL;
}

static void compile_join(Compile *c)
{
    if (c->started && !c->joined) pthread_join(c->thread, NULL);
    c->joined = true;
}

static void compile_end(void *arg)
{
    Compile *c = arg;
    compile_join(c);
    if (c->result.image) c->codegen->free_image(c->result.image);
    free(c->result.text);
    free(c->result.error);
    c->result = (CodegenResult){0};
}

static Compile *compile_start(Job *job, jitc_program *p, const Plan *plan)
{
    Compile *c = job_new(job, Compile);
    job_on_exit(job, compile_end, c);
    c->target = p->target;
    c->threads = p->threads;
    c->kernel = job_array(job, CodegenKernel, plan->nkernel + 1);
    c->key = job_array(job, Hash, plan->nkernel + 1);
    for (uint32_t i = 0; i < plan->nkernel; i++) {
        const PlanKernel *k = &plan->kernel[i];
        kernel_fn *fn;
        if (image_of(p, k->key, &fn)) continue;
        c->key[c->n] = k->key;
        c->kernel[c->n++] =
            (CodegenKernel){k->text, k->size, job_printf(job, "jitc_%016llx", (unsigned long long)k->key.lo)};
    }
    if (!c->n) return c;
    if (!p->codegen) {
        char *why;
        p->codegen = plugin_open(&why);
        if (!p->codegen) {
            job_error(job, "%s", why ? why : "the code generator cannot be opened");
            free(why);
            job_fail(job, JITC_E_IO);
        }
    }
    c->codegen = p->codegen;
    c->started = pthread_create(&c->thread, NULL, compile_thread, c) == 0;
    if (!c->started) compile_thread(c);
    return c;
}

/* Makes the new kernels the program's. */
static void compile_finish(Job *job, jitc_program *p, Compile *c, Version *v)
{
    compile_join(c);
    CodegenResult *r = &c->result;
    v->phase_ns[PHASE_CODEGEN] = r->codegen_ns;
    v->phase_ns[PHASE_LINK] = r->link_ns;
    v->nnew = c->n;
    if (!c->n) return;
    if (r->error || !r->fn) {
        bool cpu =
            r->error && (strncmp(r->error, "unknown CPU", 11) == 0 || strncmp(r->error, "this CPU", 8) == 0);
        job_error_lines(job, r->error ? r->error : "out of memory in the code generator");
        job_fail(job, cpu ? JITC_E_CPU : r->error ? JITC_E_INTERNAL : JITC_E_NOMEM);
    }
    CodeImage *i = calloc(1, sizeof *i);
    if (i) i->key = malloc(c->n * sizeof *i->key);
    if (!i || !i->key) {
        free(i);
        job_fail(job, JITC_E_NOMEM);
    }
    memcpy(i->key, c->key, c->n * sizeof *i->key);
    i->image = r->image;
    i->fn = r->fn;
    i->n = c->n;
    i->code_bytes = r->code_bytes;
    i->next = p->images;
    r->image = NULL;
    p->images = i;
}

/* Every kernel is there by now. */
static void bind_kernels(jitc_program *p, Version *v)
{
    for (uint32_t k = 0; k < v->plan->nkernel; k++) {
        CodeImage *i = image_of(p, v->plan->kernel[k].key, &v->fn[k]);
        uint32_t n = 0;
        while (n < v->nimages && v->image[n] != i) n++;
        if (n == v->nimages) {
            v->image[v->nimages++] = i;
            i->refs++;
        }
    }
}

/* Images of a compile whose version then failed. */
static void drop_unused_images(jitc_program *p)
{
    for (CodeImage **at = &p->images, *i; (i = *at);) {
        if (i->refs) {
            at = &i->next;
        } else {
            *at = i->next;
            image_free(p->codegen, i);
        }
    }
}

/* -- Building
 * ------------------------------------------------------------------------------------------------ */
static void destroy(jitc_program *p, Version *v)
{
    if (!v) return;
    for (uint32_t i = 0; v->plan && v->weight && i < v->plan->nweight; i++)
        pack_release(&p->weights, v->weight[i]);
    for (uint32_t i = 0; i < v->nimages; i++) image_unref(p, v->image[i]);
    job_free(&v->job);
    free(v);
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

/* Moves what lasts out of the compile's memory. */
static jitc_status keep(Version *v, const Plan *plan, const ImportIo *io)
{
    Job *job = &v->job;
    if (JOB_ENTER(job) == JITC_OK) {
        v->in = copy_io(job, io->in, io->nin);
        v->out = copy_io(job, io->out, io->nout);
        v->weight = job_array(job, Packed *, plan->nweight + 1);
        v->segment = job_array(job, const uint8_t *, plan->nweight + 1);
        v->fn = job_array(job, kernel_fn *, plan->nkernel + 1);
        v->image = job_array(job, CodeImage *, plan->nkernel + 1);
        v->plan = plan_copy(job, plan);
    }
    return job->status;
}

static void lap(Version *v, Phase phase, int64_t *since)
{
    int64_t t = now_ns();
    v->phase_ns[phase] += t - *since;
    *since = t;
}

static void build(Job *job, jitc_program *p, const jitc_io *in, Version *v)
{
    int64_t t = now_ns();
    ImportIo io = {0};
    Module *m = program_module(p, job, in, v->general, &io);
    lap(v, PHASE_IMPORT, &t);
    passes_run(m, program_pipeline(p), &(PassOptions){.cpu = p->target.cpu});
    lap(v, PHASE_PASSES, &t);
    Plan *plan = plan_make(m);
    jitc_status status = keep(v, plan, &io);
    if (status) job_fail(job, status);
    lap(v, PHASE_PLAN, &t);
    Compile *c = v->planned ? NULL : compile_start(job, p, v->plan);
    t = now_ns();
    pack_weights(m, plan, &p->weights, v->weight);
    lap(v, PHASE_PACK, &t);
    for (uint32_t i = 0; i < plan->nweight; i++) v->segment[i] = v->weight[i]->data;
    if (v->planned) return;
    compile_finish(job, p, c, v);
    bind_kernels(p, v);
}

static void log_version(const jitc_program *p, const Version *v, int64_t ns)
{
    if (!p->log) return;
    Str s = {0};
    str_printf(&s, "compiled %sin %.1f ms:", v->general ? "for all shapes " : "", (double)ns / 1e6);
    for (int i = 0; i < PHASES; i++)
        if (v->phase_ns[i]) str_printf(&s, " %s %.1f", phase_name((Phase)i), (double)v->phase_ns[i] / 1e6);
    str_printf(&s, "; %u kernels (%u new), %u calls", v->plan->nkernel, v->nnew, v->plan->ncall);
    if (!s.oom) p->log(p->log_arg, str_text(&s));
    str_free(&s);
}

static jitc_status version_new(jitc_program *p, const jitc_io *in, Version kind, Version **out, char **why)
{
    int64_t start = now_ns();
    Version *v = calloc(1, sizeof *v);
    Job *job = malloc(sizeof *job);
    *out = NULL;
    if (!v || !job) {
        free(v);
        free(job);
        *why = strdup(status_text(JITC_E_NOMEM));
        return JITC_E_NOMEM;
    }
    *v = kind;
    job_init(&v->job, p->max_memory);
    job_init(job, p->max_memory);
    if (p->deadline_ms > 0) job->deadline_ns = start + p->deadline_ms * 1000000;
    if (JOB_ENTER(job) == JITC_OK) build(job, p, in, v);
    jitc_status status = job->status;
    if (status) *why = job_text(job, status);
    job_free(job);
    free(job);
    if (status) {
        destroy(p, v);
        drop_unused_images(p);
        return status;
    }
    v->phase_ns[PHASE_DECODE] = p->decode_ns;
    log_version(p, v, now_ns() - start);
    *out = v;
    return JITC_OK;
}

/* -- The table
 * ------------------------------------------------------------------------------------------------ */
static bool serves(const jitc_program *p, const Version *v, const jitc_io *in)
{
    for (size_t i = 0; i < p->io.nin; i++) {
        const jitc_io *a = &v->in[i], *b = &in[i];
        if (a->rank != b->rank) return false;
        for (int32_t d = 0; d < a->rank; d++)
            if (a->shape[d] != b->shape[d] && !(v->general && a->shape[d] < 0)) return false;
    }
    return true;
}

static Version *find(jitc_program *p, const jitc_io *in, bool general)
{
    Version *found = NULL;
    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < p->nversions && !found; i++)
        if (p->version[i]->general == general && serves(p, p->version[i], in)) found = p->version[i];
    if (found) {
        found->refs++;
        found->used = ++p->clock;
    }
    pthread_mutex_unlock(&p->lock);
    return found;
}

/* How often this signature was asked for, this time included, as far as is remembered. */
static uint32_t count_signature(jitc_program *p, const jitc_io *in)
{
    Str s = {0};
    for (size_t i = 0; i < p->io.nin; i++) {
        str_putn(&s, (const char *)&in[i].rank, sizeof in[i].rank);
        str_putn(&s, (const char *)in[i].shape, (size_t)max_i64(in[i].rank, 0) * sizeof *in[i].shape);
    }
    Hash key = hash_bytes(str_text(&s), s.n);
    str_free(&s);
    uint32_t at = 0;
    for (uint32_t i = 0; i < SEEN_SIGNATURES; i++) {
        if (p->seen[i].used && hash_eq(p->seen[i].key, key)) {
            at = i;
            break;
        }
        if (p->seen[i].used < p->seen[at].used) at = i;
    }
    if (!p->seen[at].used || !hash_eq(p->seen[at].key, key)) p->seen[at].key = key, p->seen[at].times = 0;
    p->seen[at].used = ++p->clock;
    return ++p->seen[at].times;
}

/* Puts v in the table with two references, one of them the caller's. Gives what fell out, without references.
 */
static Version *insert(jitc_program *p, Version *v)
{
    Version *out = NULL;
    pthread_mutex_lock(&p->lock);
    v->refs = 2;
    v->used = ++p->clock;
    uint32_t at = p->nversions;
    if (at == MAX_VERSIONS) {
        at = 0;
        for (uint32_t i = 1; i < p->nversions; i++)
            if (p->version[i]->used < p->version[at]->used) at = i;
        out = p->version[at];
        if (--out->refs) out = NULL;
    } else {
        p->nversions++;
    }
    p->version[at] = v;
    pthread_mutex_unlock(&p->lock);
    return out;
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

/* A general version, unless the graph cannot be compiled for open sizes; that is found out once. */
static Version *general_version(jitc_program *p, const jitc_io *in)
{
    Version *v = find(p, in, true);
    if (v || p->no_general) return v;
    jitc_io *open = malloc((p->io.nin + 1) * sizeof *open);
    char *why = NULL;
    if (!open) return NULL;
    open_signature(p, in, open);
    if (version_new(p, open, (Version){.general = true}, &v, &why)) {
        p->no_general = true;
        v = NULL;
    } else {
        destroy(p, insert(p, v));
    }
    free(why);
    free(open);
    return v;
}

jitc_status version_get(jitc_program *p, const jitc_io *in, bool special, Version **out, char **why)
{
    *why = NULL;
    *out = p->only_general && !special ? NULL : find(p, in, false);
    if (*out) return JITC_OK;
    pthread_mutex_lock(&p->compile);
    jitc_status status = JITC_OK;
    if (!p->only_general || special) *out = find(p, in, false); /* another thread may just have made it */
    bool often = p->nspecial < FIRST_SIGNATURES || count_signature(p, in) >= HOT;
    if (!*out && !special && !p->is_static && (!often || p->only_general)) *out = general_version(p, in);
    if (!*out) {
        status = version_new(p, in, (Version){.general = false}, out, why);
        if (!status) {
            p->nspecial++;
            destroy(p, insert(p, *out));
        }
    }
    pthread_mutex_unlock(&p->compile);
    return status;
}

jitc_status version_plan(jitc_program *p, Version **out, char **why)
{
    pthread_mutex_lock(&p->compile);
    jitc_status status =
        version_new(p, p->io.in, (Version){.general = !p->is_static, .planned = true}, out, why);
    pthread_mutex_unlock(&p->compile);
    if (!status) (*out)->refs = 1;
    return status;
}

void version_release(jitc_program *p, Version *v)
{
    if (!v) return;
    pthread_mutex_lock(&p->lock);
    bool last = --v->refs == 0;
    pthread_mutex_unlock(&p->lock);
    if (!last) return;
    pthread_mutex_lock(&p->compile);
    destroy(p, v);
    pthread_mutex_unlock(&p->compile);
}

void version_free_all(jitc_program *p)
{
    for (uint32_t i = 0; i < p->nversions; i++) destroy(p, p->version[i]);
    p->nversions = 0;
    drop_unused_images(p);
}
