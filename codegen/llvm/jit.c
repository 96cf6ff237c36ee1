/* The service: kernels are dealt to one module per thread, compiled to objects in memory, and loaded by ORC.
 * An object needs no symbol from outside, so nothing of the host process is offered to it. */
#include <llvm-c/Analysis.h>
#include <llvm-c/Core.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Support.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "codegen/llvm/gen_code.h"
#include "codegen/llvm/module.h"
#include "codegen/llvm/object.h"

struct CodegenImage {
    LLVMOrcLLJITRef jit;
    kernel_fn **fn;
};

/* One thread compiles one module. Several take modules in turn, so there are some for each. LLVM cannot be
 * interrupted, so with limits modules are small, and they are looked at between two. */
enum { MAX_THREADS = 16, THREAD_MODULES = 4, LIMITED_KERNELS = 2 };

typedef struct {
    const Target *target;
    CodegenKernel *k;
    size_t n;
    ModuleNames *names;
    CodegenEmit emit;
    LLVMMemoryBufferRef object;
    char *text, *error;
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
    if (!p->error) p->error = module_finish(m, tm);
    p->passes_ns = lap(&at);
    if (p->error) {
        LLVMDisposeModule(m);
        m = NULL;
    }
    if (m && p->emit == EMIT_LLVM) {
        char *text = LLVMPrintModuleToString(m);
        p->text = strdup(text);
        LLVMDisposeMessage(text);
    } else if (m && p->emit == EMIT_ASM) {
        LLVMMemoryBufferRef buf = NULL;
        char *why = NULL;
        if (LLVMTargetMachineEmitToMemoryBuffer(tm, m, LLVMAssemblyFile, &why, &buf))
            p->error = strdup(why);
        else
            p->text = strndup(LLVMGetBufferStart(buf), LLVMGetBufferSize(buf));
        if (buf) LLVMDisposeMemoryBuffer(buf);
        LLVMDisposeMessage(why);
    } else if (m) {
        char *why = NULL;
        if (LLVMTargetMachineEmitToMemoryBuffer(tm, m, LLVMObjectFile, &why, &p->object))
            p->error = strdup(why);
        LLVMDisposeMessage(why);
    }
    if (m) LLVMDisposeModule(m);
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

static char *take_error(LLVMErrorRef e)
{
    char *text = LLVMGetErrorMessage(e), *copy = strdup(text);
    LLVMDisposeErrorMessage(text);
    return copy;
}

/* What goes wrong comes back with the call; ORC would print it as well. */
static void say_nothing(void *arg, LLVMErrorRef e)
{
    (void)arg;
    LLVMConsumeError(e);
}

static LLVMErrorRef open_jit(CodegenImage *image)
{
    LLVMErrorRef e = LLVMOrcCreateLLJIT(&image->jit, LLVMOrcCreateLLJITBuilder());
    if (!e)
        LLVMOrcExecutionSessionSetErrorReporter(LLVMOrcLLJITGetExecutionSession(image->jit), say_nothing,
                                                NULL);
    return e;
}

static char *link_parts(CodegenImage *image, Part *parts, size_t nparts, const CodegenKernel *k, size_t n)
{
    LLVMErrorRef e = open_jit(image);
    if (e) return take_error(e);
    LLVMOrcJITDylibRef lib = LLVMOrcLLJITGetMainJITDylib(image->jit);
    for (size_t i = 0; i < nparts; i++) {
        e = LLVMOrcLLJITAddObjectFile(image->jit, lib, parts[i].object);
        parts[i].object = NULL; /* owned by ORC from here, also on failure */
        if (e) return take_error(e);
    }
    for (size_t i = 0; i < n; i++) {
        char symbol[MODULE_SYMBOL];
        module_symbol(&k[i], symbol);
        LLVMOrcExecutorAddress at = 0;
        e = LLVMOrcLLJITLookup(image->jit, &at, symbol);
        if (e) return take_error(e);
        memcpy(&image->fn[i], &at, sizeof at);
    }
    return NULL;
}

static void free_image(CodegenImage *image)
{
    if (!image) return;
    if (image->jit) LLVMConsumeError(LLVMOrcDisposeLLJIT(image->jit));
    free(image->fn);
    free(image);
}

static char *join_texts(Part *parts, size_t n)
{
    Str s = {0};
    for (size_t i = 0; i < n; i++) str_put(&s, parts[i].text ? parts[i].text : "");
    char *text = strdup(str_text(&s));
    str_free(&s);
    return text;
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
    if (emit == EMIT_NONE && has_limits(limits) && n / LIMITED_KERNELS > parts) parts = n / LIMITED_KERNELS;
    return parts < n ? parts : n ? n : 1;
}

static char *load(CodegenResult *r, Part *parts, size_t nparts, const CodegenKernel *k, size_t n)
{
    CodegenImage *image = calloc(1, sizeof *image);
    if (image) image->fn = calloc(n + 1, sizeof *image->fn);
    char *error = image && image->fn ? link_parts(image, parts, nparts, k, n) : strdup("out of memory");
    if (error || !image) {
        free_image(image);
        return error ? error : strdup("out of memory");
    }
    r->image = image;
    r->fn = image->fn;
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
    int64_t at = now_ns();
    if (nparts) {
        deal(t, k, n, emit, sorted, names, parts, nparts);
        r->limit = run_parts(parts, nparts, nthreads < nparts ? nthreads : nparts, limits);
    }
    r->codegen_ns += lap(&at);
    for (size_t i = 0; i < nparts; i++) {
        if (!r->error && parts[i].error) r->error = parts[i].error, parts[i].error = NULL;
        if (parts[i].object) r->code_bytes += LLVMGetBufferSize(parts[i].object);
        r->emit_ns += parts[i].emit_ns;
        r->passes_ns += parts[i].passes_ns;
        r->machine_ns += parts[i].machine_ns;
    }
    if (!r->error && r->limit) r->error = strdup(limits_text(r->limit));
    if (!r->error && emit != EMIT_NONE) r->text = join_texts(parts, nparts);
    if (!r->error && emit == EMIT_NONE) r->error = load(r, parts, nparts, k, n);
    r->link_ns = lap(&at);
    for (size_t i = 0; i < nparts; i++) {
        if (parts[i].object) LLVMDisposeMemoryBuffer(parts[i].object);
        free(parts[i].text);
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
    if (emit == EMIT_NONE && !target_runs_here(want)) {
        bool extra = want->features && *want->features;
        if (asprintf(&r.error, "this CPU cannot run code for '%.100s%s%.500s'", want->cpu, extra ? "," : "",
                     extra ? want->features : "") < 0)
            r.error = NULL;
        target_free(&target);
        return r;
    }
    size_t nthreads = threads < 1 || emit != EMIT_NONE ? 1
                      : threads > MAX_THREADS          ? MAX_THREADS
                                                       : (size_t)threads;
    r.codegen_ns = now_ns() - start;
    compile_parts(&r, &target, k, n, emit, nthreads, limits);
    target_free(&target);
    return r;
}

/* -- Models ------------------------------------------------------------------------------------ */
/* What a model needs of the C library is the process's. */
static char *load_model(CodegenImage *image, LLVMMemoryBufferRef object)
{
    LLVMErrorRef e = open_jit(image);
    if (e) {
        LLVMDisposeMemoryBuffer(object);
        return take_error(e);
    }
    LLVMOrcJITDylibRef lib = LLVMOrcLLJITGetMainJITDylib(image->jit);
    LLVMOrcDefinitionGeneratorRef process;
    e = LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(
        &process, LLVMOrcLLJITGetGlobalPrefix(image->jit), NULL, NULL);
    if (e) {
        LLVMDisposeMemoryBuffer(object);
        return take_error(e);
    }
    LLVMOrcJITDylibAddGenerator(lib, process);
    e = LLVMOrcLLJITAddObjectFile(image->jit, lib, object);
    return e ? take_error(e) : NULL;
}

static CodegenObject make_object(const CodegenTarget *t, const CodegenModel *m, CodegenEmit emit,
                                 const Limits *limits)
{
    CodegenObject r = {0};
    LLVMMemoryBufferRef buf;
    r.error = object_make(t, m, emit == EMIT_NONE ? EMIT_OBJECT : emit, limits, &buf, &r.bad_target);
    if (r.error) {
        r.limit = limits_check(limits);
        return r;
    }
    if (emit == EMIT_NONE) {
        r.image = calloc(1, sizeof *r.image);
        r.error = r.image ? load_model(r.image, buf) : strdup("out of memory");
        if (!r.error) return r;
        free_image(r.image);
        r.image = NULL;
        return r;
    }
    r.size = LLVMGetBufferSize(buf);
    r.bytes = malloc(r.size + 1);
    if (r.bytes)
        memcpy(r.bytes, LLVMGetBufferStart(buf), r.size);
    else
        r.error = strdup("out of memory");
    LLVMDisposeMemoryBuffer(buf);
    return r;
}

static void *find_symbol(CodegenImage *image, const char *name)
{
    LLVMOrcExecutorAddress at = 0;
    LLVMErrorRef e = LLVMOrcLLJITLookup(image->jit, &at, name);
    void *p = NULL;
    if (e)
        LLVMConsumeError(e);
    else
        memcpy(&p, &at, sizeof p);
    return p;
}

/* -- Custom operators made of code, for the evaluator ------------------------------------------ */
static char *compile_scalar(const jitc_op *op, CodegenImage *image)
{
    Target target;
    LLVMContextRef cx = LLVMContextCreate();
    LLVMMemoryBufferRef object = NULL;
    char types[MAP_MAX_IN + 2], *error = NULL, *why = NULL;
    LLVMModuleRef m = code_read(cx, op, types, &error);
    if (m && target_init(&target, &(CodegenTarget){.cpu = "native", .features = ""}, &error)) {
        LLVMTargetMachineRef tm = target_machine(&target);
        code_add_scalar(m, op->function);
        module_set_target(m, &target, tm);
        if (LLVMTargetMachineEmitToMemoryBuffer(tm, m, LLVMObjectFile, &why, &object)) error = strdup(why);
        LLVMDisposeMessage(why);
        LLVMDisposeTargetMachine(tm);
        target_free(&target);
    }
    if (m) LLVMDisposeModule(m);
    LLVMContextDispose(cx);
    return error ? error : object ? load_model(image, object) : strdup("out of memory");
}

static void *scalar(const jitc_op *op, CodegenImage **image, char **error)
{
    CodegenImage *i = calloc(1, sizeof *i);
    *image = NULL;
    if (!i) {
        *error = strdup("out of memory");
        return NULL;
    }
    *error = compile_scalar(op, i);
    void *fn = *error ? NULL : find_symbol(i, "jitc_scalar");
    if (!fn && !*error) *error = strdup("a function that the code calls is not in this process");
    if (!fn)
        free_image(i);
    else
        *image = i;
    return fn;
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
    static const Codegen service = {CODEGEN_ABI, compile,      free_image, make_object,
                                    find_symbol, code_inspect, scalar,     describe};
    static bool open; /* the caller has a lock */
    if (!open) set_options();
    open = true;
    return &service;
}
