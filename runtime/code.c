/* Kernels become code: found in the cache, or compiled on a thread of their own while weights are packed.
 * With tiers the code that runs first is quick to make; another thread makes the best code, and puts it in
 * its place while runs go on: calls read the address of a kernel anew each time, and both compute the same
 * bits. */
#include "runtime/code.h"

#include <stdlib.h>

#include "runtime/threads.h"

/* -- Compiled kernels, shared by their key ----------------------------------------------------- */
static CodeImage *image_of(const jitc_program *p, Hash key, KernelSlot **fn)
{
    for (CodeImage *i = p->images; i; i = i->next)
        for (uint32_t k = 0; k < i->n; k++)
            if (hash_eq(i->key[k], key)) {
                *fn = &i->fn[k];
                return i;
            }
    return NULL;
}

static void free_code(jitc_program *p, CodeImage *i)
{
    if (!i) return;
    image_free(i->image);
    image_free(i->best);
    memory_give(&p->memory, i->key, i->n * sizeof *i->key);
    memory_give(&p->memory, i->fn, i->n * sizeof *i->fn);
    memory_give(&p->memory, i, sizeof *i);
}

static void unref(jitc_program *p, CodeImage *i)
{
    if (--i->refs) return;
    CodeImage **at = &p->images;
    while (*at != i) at = &(*at)->next;
    *at = i->next;
    free_code(p, i);
}

void code_release(jitc_program *p, Version *v)
{
    for (uint32_t i = 0; i < v->nimages; i++) unref(p, v->image[i]);
    v->nimages = 0;
}

void code_drop_unused(jitc_program *p)
{
    for (CodeImage **at = &p->images, *i; (i = *at);) {
        if (i->refs) {
            at = &i->next;
        } else {
            *at = i->next;
            free_code(p, i);
        }
    }
}

/* -- Code generation ----------------------------------------------------------------------------- */
struct Compile {
    const Codegen *codegen;
    CodegenTarget target;
    CodegenKernel *kernel;
    Hash *key;
    uint32_t n;
    int threads;
    Hash entry; /* of the code in the cache */
    Limits limits;
    CodegenResult result;
    pthread_t thread;
    bool started, joined;
    int abandon; /* written here, read by the thread */
};

static void compile(Compile *c)
{
    c->result = c->codegen->compile(&c->target, c->kernel, c->n, EMIT_OBJECT, c->threads, &c->limits);
}

static void *compile_thread(void *arg)
{
    compile(arg);
    return NULL;
}

static void join(Compile *c)
{
    if (c->started && !c->joined) pthread_join(c->thread, NULL);
    c->joined = true;
}

static void compile_end(void *arg)
{
    Compile *c = arg;
    __atomic_store_n(&c->abandon, 1, __ATOMIC_RELAXED); /* if it still runs, nobody waits for what it makes */
    join(c);
    codegen_result_free(&c->result);
}

/* Takes the image over. */
static CodeImage *adopt(Job *job, jitc_program *p, const Compile *c, Image *image)
{
    CodeImage *i = memory_take(&p->memory, sizeof *i);
    Hash *key = memory_take(&p->memory, c->n * sizeof *key);
    KernelSlot *fn = memory_take(&p->memory, c->n * sizeof *fn);
    if (!i || !key || !fn) {
        memory_give(&p->memory, i, sizeof *i);
        memory_give(&p->memory, key, c->n * sizeof *key);
        memory_give(&p->memory, fn, c->n * sizeof *fn);
        image_free(image);
        job_fail(job, JITC_E_NOMEM);
    }
    memcpy(key, c->key, c->n * sizeof *key);
    for (uint32_t k = 0; k < c->n; k++) atomic_init(&fn[k], (kernel_fn *)image_symbol(image, k));
    *i = (CodeImage){.image = image, .key = key, .fn = fn, .n = c->n, .entry = c->entry, .next = p->images};
    p->images = i;
    return i;
}

static bool find_code(Job *job, jitc_program *p, Compile *c, Version *v)
{
    int64_t start = now_ns();
    c->entry = stored_code_entry(p, c->key, c->n);
    Image *image = v->apart ? NULL : stored_load_code(p, c->entry, c->n);
    if (image) adopt(job, p, c, image);
    if (image) c->n = 0;
    version_lap(v, PHASE_CACHE, &start);
    return image;
}

static void open_codegen(Job *job, jitc_program *p, Version *v)
{
    char *why;
    int64_t start = now_ns();
    if (!p->codegen) p->codegen = plugin_open(&why);
    version_lap(v, PHASE_OPEN, &start);
    if (p->codegen) return;
    job_error(job, "%s", why ? why : "the code generator cannot be opened");
    free(why);
    job_fail(job, JITC_E_IO);
}

Compile *code_start(Job *job, jitc_program *p, Version *v)
{
    const Plan *plan = v->plan;
    Compile *c = job_new(job, Compile);
    job_on_exit(job, compile_end, c);
    c->target = p->target;
    c->target.quick |= p->tiered && !v->apart;
    c->threads = threads_available(); /* however many a run uses */
    c->limits = job->limits;
    c->limits.abandon = &c->abandon;
    c->kernel = job_array(job, CodegenKernel, plan->nkernel + 1);
    c->key = job_array(job, Hash, plan->nkernel + 1);
    for (uint32_t i = 0; i < plan->nkernel; i++) {
        const PlanKernel *k = &plan->kernel[i];
        KernelSlot *fn;
        if (k->custom || image_of(p, k->key, &fn)) continue;
        c->key[c->n] = k->key;
        c->kernel[c->n++] =
            (CodegenKernel){.text = k->text,
                            .size = k->size,
                            .name = job_printf(job, "jitc_%016llx", (unsigned long long)k->key.lo),
                            .ops = p->opt.custom};
    }
    if (!c->n || find_code(job, p, c, v)) return c;
    open_codegen(job, p, v);
    c->codegen = p->codegen;
    c->started = thread_start(&c->thread, compile_thread, c);
    if (!c->started) compile(c);
    return c;
}

/* Objects become a block of code, which would run in any process. */
static ImageBlock link_code(Job *job, const Compile *c)
{
    const char **symbol = job_array(job, const char *, c->n);
    for (uint32_t i = 0; i < c->n; i++) {
        char *name = job_alloc(job, KERNEL_SYMBOL);
        kernel_symbol(c->kernel[i].text, c->kernel[i].size, name);
        symbol[i] = name;
    }
    return image_link(job, c->result.file, c->result.nfiles, symbol, c->n);
}

static Image *load_code(Job *job, ImageBlock block)
{
    char *why;
    Image *image = image_load(block.bytes, block.size, &why);
    if (image) return image;
    job_error(job, "%s", why ? why : status_text(JITC_E_NOMEM));
    free(why);
    job_fail(job, JITC_E_NOMEM);
}

static void check_result(Job *job, const CodegenResult *r)
{
    if (r->limit) {
        job_error(job, "%s", limits_text(r->limit));
        job_fail(job, r->limit);
    }
    if (!r->error && r->file) return;
    bool cpu =
        r->error && (strncmp(r->error, "unknown CPU", 11) == 0 || strncmp(r->error, "this CPU", 8) == 0);
    job_error_lines(job, r->error ? r->error : "out of memory in the code generator");
    job_fail(job, cpu ? JITC_E_CPU : r->error ? JITC_E_INTERNAL : JITC_E_NOMEM);
}

/* -- Tiers: the best code, made by a thread that lives as long as there is some to make -------------- */
struct CodeUpgrade {
    CodeImage *code;
    Compile compile; /* whose lists and texts are from malloc */
    int64_t start;
    CodeUpgrade *next;
};

static void free_upgrade(CodeUpgrade *u)
{
    for (uint32_t i = 0; u->compile.kernel && i < u->compile.n; i++)
        free((char *)(uintptr_t)u->compile.kernel[i].text);
    free(u->compile.kernel);
    codegen_result_free(&u->compile.result);
    free(u);
}

/* NULL: out of memory. */
static CodeUpgrade *new_upgrade(jitc_program *p, const Compile *c, CodeImage *code)
{
    CodeUpgrade *u = calloc(1, sizeof *u);
    CodegenKernel *kernel = calloc(c->n, sizeof *kernel);
    bool fine = u && kernel;
    for (uint32_t i = 0; fine && i < c->n; i++) {
        kernel[i] = c->kernel[i];
        kernel[i].name = NULL;
        kernel[i].text = strndup(c->kernel[i].text, c->kernel[i].size);
        fine = kernel[i].text;
    }
    if (!u) {
        free(kernel);
        return NULL;
    }
    *u = (CodeUpgrade){.code = code,
                       .compile = {.codegen = c->codegen,
                                   .target = p->target,
                                   .kernel = kernel,
                                   .n = c->n,
                                   .threads = c->threads,
                                   .limits = {.stop = {p->stop, NULL}, .abandon = &p->tier.abandon}},
                       .start = now_ns()};
    if (fine) return u;
    free_upgrade(u);
    return NULL;
}

/* Puts the code in its place; without p->compile. */
static void swap_code(Job *job, jitc_program *p, CodeUpgrade *u)
{
    check_result(job, &u->compile.result);
    CodeImage *code = u->code;
    ImageBlock block = link_code(job, &u->compile);
    code->best = load_code(job, block);
    for (uint32_t k = 0; k < code->n; k++)
        atomic_store_explicit(&code->fn[k], (kernel_fn *)image_symbol(code->best, k), memory_order_release);
    pthread_mutex_lock(&p->compile);
    stored_save_code(p, code->entry, block.bytes, block.size);
    pthread_mutex_unlock(&p->compile);
}

static void log_upgrade(const jitc_program *p, const CodeUpgrade *u, const Job *job)
{
    Str s = {0};
    if (!p->log || job->status == JITC_E_CANCELLED) return;
    if (!job->status) {
        str_printf(&s, "the best code of %u kernels is in place after %.1f ms", u->compile.n,
                   (double)(now_ns() - u->start) / 1e6);
    } else {
        char *why = job_text(job, job->status);
        str_printf(&s, "warning: the best code cannot be made: %s", why ? why : status_text(job->status));
        free(why);
    }
    program_log(p, &s);
}

static void upgrade(jitc_program *p, CodeUpgrade *u)
{
    compile(&u->compile);
    Job *job = memory_take(&p->memory, sizeof *job);
    if (job) {
        job_init_in(job, &p->memory, NULL);
        if (JOB_ENTER(job) == JITC_OK) swap_code(job, p, u);
        log_upgrade(p, u, job);
        job_free(job);
        memory_give(&p->memory, job, sizeof *job);
    }
    pthread_mutex_lock(&p->compile);
    unref(p, u->code);
    pthread_mutex_unlock(&p->compile);
    free_upgrade(u);
}

static void *upgrade_thread(void *arg)
{
    jitc_program *p = arg;
    for (;;) {
        pthread_mutex_lock(&p->lock);
        CodeUpgrade *u = p->tier.first;
        if (u) p->tier.first = u->next;
        p->tier.runs = u;
        pthread_mutex_unlock(&p->lock);
        if (!u) return NULL;
        upgrade(p, u);
    }
}

/* What remains of a thread that has nothing to do any more. */
static void reap(jitc_program *p)
{
    if (p->tier.started && p->tier.forks == threads_forks()) pthread_join(p->tier.thread, NULL);
    p->tier.started = false;
}

static void ask_for_best(jitc_program *p, const Compile *c, CodeImage *code)
{
    CodeUpgrade *u = new_upgrade(p, c, code);
    if (!u) return; /* the code that there is will do */
    u->compile.entry = c->entry;
    code->refs++;
    pthread_mutex_lock(&p->lock);
    CodeUpgrade **end = &p->tier.first;
    while (*end) end = &(*end)->next;
    *end = u;
    bool runs = p->tier.runs && p->tier.forks == threads_forks();
    p->tier.runs = true;
    pthread_mutex_unlock(&p->lock);
    if (runs) return;
    reap(p);
    p->tier.forks = threads_forks();
    p->tier.started = thread_start(&p->tier.thread, upgrade_thread, p);
    if (p->tier.started) return;
    pthread_mutex_lock(&p->lock);
    p->tier.runs = false; /* the next one tries again */
    pthread_mutex_unlock(&p->lock);
}

bool code_is_settled(jitc_program *p)
{
    pthread_mutex_lock(&p->lock);
    bool settled = !p->tier.runs;
    pthread_mutex_unlock(&p->lock);
    return settled;
}

void code_stop(jitc_program *p)
{
    __atomic_store_n(&p->tier.abandon, 1, __ATOMIC_RELAXED);
    reap(p);
    for (CodeUpgrade *u; (u = p->tier.first);) {
        p->tier.first = u->next;
        unref(p, u->code);
        free_upgrade(u);
    }
}

/* -- All kernels of a version ------------------------------------------------------------------------ */
static void bind_kernels(const jitc_program *p, Version *v)
{
    for (uint32_t k = 0; k < v->plan->nkernel; k++) {
        if (v->plan->kernel[k].custom) continue;
        CodeImage *i = image_of(p, v->plan->kernel[k].key, &v->fn[k]);
        uint32_t n = 0;
        while (n < v->nimages && v->image[n] != i) n++;
        if (n == v->nimages) {
            v->image[v->nimages++] = i;
            i->refs++;
        }
    }
}

void code_finish(Job *job, jitc_program *p, Compile *c, Version *v)
{
    join(c);
    const CodegenResult *r = &c->result;
    v->phase_ns[PHASE_CODEGEN] = r->codegen_ns;
    v->phase_ns[PHASE_LLVM_IR] = r->emit_ns;
    v->phase_ns[PHASE_LLVM_PASSES] = r->passes_ns;
    v->phase_ns[PHASE_LLVM_MACHINE] = r->machine_ns;
    v->nnew = c->n;
    if (c->n) {
        check_result(job, r);
        int64_t start = now_ns();
        ImageBlock block = link_code(job, c);
        CodeImage *code = adopt(job, p, c, load_code(job, block));
        version_lap(v, PHASE_LINK, &start);
        if (p->tiered && !v->apart)
            ask_for_best(p, c, code);
        else if (!v->apart)
            stored_save_code(p, c->entry, block.bytes, block.size);
        version_lap(v, PHASE_CACHE, &start);
    }
    bind_kernels(p, v);
}
