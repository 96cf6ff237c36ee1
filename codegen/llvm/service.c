/* The service: kernels are dealt to modules, some for each thread, and compiled to objects in memory. An
 * object calls functions of the other ones, and nothing else. */
#include <llvm-c/Core.h>
#include <llvm-c/Support.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "codegen/llvm/gen_code.h"
#include "codegen/llvm/module.h"
#include "codegen/llvm/object.h"

/* One thread compiles one module. Several take modules in turn, so there are some for each. LLVM cannot be
 * interrupted, so with limits modules are small, and they are looked at between two. */
enum { MAX_THREADS = 16, THREAD_MODULES = 4, LIMITED_KERNELS = 2 };

typedef struct {
    const Target *target;
    CodegenKernel *k;
    size_t n;
    ModuleNames *names;
    CodegenEmit emit;
    CodegenFile file;
    char *error;
    int64_t emit_ns, passes_ns, machine_ns;
} Part;

static int64_t lap(int64_t *since)
{
    int64_t before = *since;
    *since = now_ns();
    return *since - before;
}

static void compile_part(Part *p)
{
    int64_t at = now_ns();
    LLVMContextRef cx = LLVMContextCreate();
    LLVMTargetMachineRef tm = target_machine(p->target);
    LLVMModuleRef m = module_new(cx, p->target, tm);
    p->error = module_kernels(m, p->target, p->k, p->n, NULL, p->names, NULL);
    p->emit_ns = lap(&at);
    if (!p->error) p->error = module_finish(m, tm, p->target->quick);
    p->passes_ns = lap(&at);
    if (!p->error) p->error = module_emit(m, tm, p->emit, &p->file);
    LLVMDisposeModule(m);
    LLVMDisposeTargetMachine(tm);
    LLVMContextDispose(cx);
    p->machine_ns = lap(&at);
}

typedef struct {
    Part *part;
    size_t n;
    atomic_size_t next;
    const Limits *limits;
    _Atomic jitc_status limit;
} Work;

static void *work_thread(void *arg)
{
    Work *w = arg;
    for (size_t i; (i = atomic_fetch_add(&w->next, 1)) < w->n && !atomic_load(&w->limit);) {
        jitc_status status = limits_check(w->limits);
        if (status)
            atomic_store(&w->limit, status);
        else
            compile_part(&w->part[i]);
    }
    return NULL;
}

static jitc_status run_parts(Part *parts, size_t n, size_t nthreads, const Limits *limits)
{
    Work w = {.part = parts, .n = n, .limits = limits};
    pthread_t thread[MAX_THREADS];
    size_t started = 1; /* the caller's */
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 8 << 20);
    while (started < nthreads && pthread_create(&thread[started], &attr, work_thread, &w) == 0) started++;
    pthread_attr_destroy(&attr);
    work_thread(&w);
    for (size_t i = 1; i < started; i++) pthread_join(thread[i], NULL);
    return atomic_load(&w.limit);
}

static bool has_limits(const Limits *l)
{
    return l && (l->deadline_ns || l->stop[0] || l->stop[1]);
}

static int by_size(const void *a, const void *b)
{
    const CodegenKernel *x = a, *y = b;
    return (x->size < y->size) - (x->size > y->size);
}

/* Deals the kernels to n parts, the longest texts first, which mostly take longest. */
static void deal(const Target *t, const CodegenKernel *k, size_t nk, CodegenEmit emit, CodegenKernel *sorted,
                 ModuleNames *names, Part *parts, size_t n)
{
    CodegenKernel *order = sorted + nk, *at = sorted;
    memcpy(order, k, nk * sizeof *k);
    if (n > 1) qsort(order, nk, sizeof *order, by_size);
    for (size_t i = 0; i < n; i++) {
        parts[i] = (Part){.target = t, .k = at, .emit = emit, .names = n > 1 ? names : NULL};
        for (size_t j = i; j < nk; j += n) *at++ = order[j];
        parts[i].n = (size_t)(at - parts[i].k);
    }
}

static size_t part_count(size_t n, CodegenEmit emit, size_t threads, const Limits *limits)
{
    size_t parts = threads > 1 ? THREAD_MODULES * threads : 1;
    if (emit == EMIT_OBJECT && has_limits(limits) && n / LIMITED_KERNELS > parts) parts = n / LIMITED_KERNELS;
    return parts < n ? parts : n ? n : 1;
}

/* The files of the parts become the result's. */
static char *take_files(CodegenResult *r, Part *parts, size_t n)
{
    r->file = calloc(n + 1, sizeof *r->file);
    if (!r->file) return strdup("out of memory");
    r->nfiles = n;
    for (size_t i = 0; i < n; i++) {
        r->file[i] = parts[i].file;
        parts[i].file = (CodegenFile){0};
    }
    return NULL;
}

static void compile_parts(CodegenResult *r, const Target *t, const CodegenKernel *k, size_t n,
                          CodegenEmit emit, size_t nthreads, const Limits *limits)
{
    size_t nparts = part_count(n, emit, nthreads, limits);
    Part *parts = calloc(nparts, sizeof *parts);
    CodegenKernel *sorted = calloc(2 * n + 1, sizeof *sorted);
    ModuleNames *names = module_names_new();
    if (!parts || !sorted || !names) {
        r->error = strdup("out of memory");
        nparts = 0;
    }
    if (nparts) {
        deal(t, k, n, emit, sorted, names, parts, nparts);
        r->limit = run_parts(parts, nparts, nthreads < nparts ? nthreads : nparts, limits);
    }
    for (size_t i = 0; i < nparts; i++) {
        if (!r->error && parts[i].error) r->error = parts[i].error, parts[i].error = NULL;
        r->emit_ns += parts[i].emit_ns;
        r->passes_ns += parts[i].passes_ns;
        r->machine_ns += parts[i].machine_ns;
    }
    if (!r->error && r->limit) r->error = strdup(limits_text(r->limit));
    if (!r->error) r->error = take_files(r, parts, nparts);
    for (size_t i = 0; i < nparts; i++) {
        free(parts[i].file.bytes);
        free(parts[i].error);
    }
    module_names_free(names);
    free(sorted);
    free(parts);
}

static CodegenResult compile(const CodegenTarget *want, const CodegenKernel *k, size_t n, CodegenEmit emit,
                             int threads, const Limits *limits)
{
    CodegenResult r = {0};
    Target target;
    int64_t start = now_ns();
    if (!target_init(&target, want, &r.error)) {
        if (!r.error) r.error = strdup("out of memory");
        target_free(&target);
        return r;
    }
    if (emit == EMIT_OBJECT && !target_runs_here(want)) {
        bool extra = want->features && *want->features;
        if (asprintf(&r.error, "this CPU cannot run code for '%.100s%s%.500s'", want->cpu, extra ? "," : "",
                     extra ? want->features : "") < 0)
            r.error = NULL;
        target_free(&target);
        return r;
    }
    size_t nthreads = threads < 1 || emit != EMIT_OBJECT ? 1
                      : threads > MAX_THREADS            ? MAX_THREADS
                                                         : (size_t)threads;
    compile_parts(&r, &target, k, n, emit, nthreads, limits);
    r.codegen_ns = now_ns() - start;
    target_free(&target);
    return r;
}

/* -- Models ------------------------------------------------------------------------------------ */
static CodegenObject make_object(const CodegenTarget *t, const CodegenModel *m, CodegenEmit emit,
                                 const Limits *limits)
{
    CodegenObject r = {0};
    r.error = object_make(t, m, emit, limits, &r.file, &r.bad_target);
    if (r.error) r.limit = limits_check(limits);
    return r;
}

/* -- Custom operators made of code, for the evaluator ------------------------------------------ */
static CodegenObject scalar(const jitc_op *op)
{
    CodegenObject r = {0};
    Target target;
    LLVMContextRef cx = LLVMContextCreate();
    char types[MAP_MAX_IN + 2];
    LLVMModuleRef m = code_read(cx, op, types, &r.error);
    if (m && target_init(&target, &(CodegenTarget){.cpu = "native", .features = ""}, &r.error)) {
        LLVMTargetMachineRef tm = target_machine(&target);
        code_add_scalar(m, op->function);
        module_set_target(m, &target, tm);
        r.error = module_emit(m, tm, EMIT_OBJECT, &r.file);
        LLVMDisposeTargetMachine(tm);
        target_free(&target);
    }
    if (m) LLVMDisposeModule(m);
    LLVMContextDispose(cx);
    if (!r.file.bytes && !r.error) r.error = strdup("out of memory");
    return r;
}

static void describe(char *version, size_t nv, char *cpu, size_t nc, char *features, size_t nf)
{
    unsigned major, minor, patch;
    LLVMGetVersion(&major, &minor, &patch);
    snprintf(version, nv, "%u.%u.%u", major, minor, patch);
    char *name = LLVMGetHostCPUName(), *list = LLVMGetHostCPUFeatures();
    snprintf(cpu, nc, "%s", name);
    snprintf(features, nf, "%s", list);
    LLVMDisposeMessage(name);
    LLVMDisposeMessage(list);
}

/* Passes that take long and bring nothing here. Loops are written with few induction variables and constant
 * offsets already, and no code moves integers between general registers and masks. */
static void set_options(void)
{
    static const char *const options[] = {"jitc", "-disable-lsr", "-disable-x86-domain-reassignment"};
    LLVMParseCommandLineOptions((int)COUNT(options), options, "");
}

__attribute__((visibility("default"))) const Codegen *jitc_codegen_open(void);

const Codegen *jitc_codegen_open(void)
{
    static const Codegen service = {CODEGEN_ABI, compile, make_object, code_inspect, scalar, describe};
    static bool open; /* the caller has a lock */
    if (!open) set_options();
    open = true;
    return &service;
}
