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

/* Without limits there is a module per thread. LLVM cannot be interrupted, so with limits modules are small,
 * and they are looked at between two. */
enum { MAX_THREADS = 16, LIMITED_KERNELS = 2 };

typedef struct {
    const Target *target;
    const CodegenKernel *k;
    size_t n, first;
    CodegenEmit emit;
    LLVMMemoryBufferRef object;
    char *text, *error;
} Part;

static void compile_part(Part *p)
{
    LLVMContextRef cx = LLVMContextCreate();
    LLVMTargetMachineRef tm = target_machine(p->target);
    LLVMModuleRef m = module_emit(cx, p->target, tm, p->k, p->n, p->first, &p->error);
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

static char *link_parts(CodegenImage *image, Part *parts, size_t nparts, size_t n)
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
        char symbol[32];
        snprintf(symbol, sizeof symbol, "k%zu", i);
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
    size_t nparts = emit == EMIT_NONE && has_limits(limits) ? n / LIMITED_KERNELS : 1;
    if (nparts < nthreads) nparts = nthreads;
    if (nparts > n) nparts = n ? n : 1;
    Part *parts = calloc(nparts, sizeof *parts);
    if (!parts) {
        r.error = strdup("out of memory");
        target_free(&target);
        return r;
    }
    for (size_t i = 0; i < nparts; i++) {
        size_t first = n * i / nparts;
        parts[i] = (Part){.target = &target,
                          .k = k + first,
                          .n = n * (i + 1) / nparts - first,
                          .first = first,
                          .emit = emit};
    }
    r.limit = run_parts(parts, nparts, nthreads < nparts ? nthreads : nparts, limits);
    r.codegen_ns = now_ns() - start;
    for (size_t i = 0; i < nparts; i++) {
        if (!r.error && parts[i].error) r.error = parts[i].error, parts[i].error = NULL;
        if (parts[i].object) r.code_bytes += LLVMGetBufferSize(parts[i].object);
    }
    start = now_ns();
    if (!r.error && r.limit) r.error = strdup(limits_text(r.limit));
    if (!r.error && emit != EMIT_NONE) r.text = join_texts(parts, nparts);
    if (!r.error && emit == EMIT_NONE) {
        CodegenImage *image = calloc(1, sizeof *image);
        if (image) image->fn = calloc(n + 1, sizeof *image->fn);
        r.error = image && image->fn ? link_parts(image, parts, nparts, n) : strdup("out of memory");
        if (image && !r.error) {
            r.image = image;
            r.fn = image->fn;
        } else {
            free_image(image);
        }
    }
    r.link_ns = now_ns() - start;
    for (size_t i = 0; i < nparts; i++) {
        if (parts[i].object) LLVMDisposeMemoryBuffer(parts[i].object);
        free(parts[i].text);
        free(parts[i].error);
    }
    free(parts);
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

__attribute__((visibility("default"))) const Codegen *jitc_codegen_open(void);

const Codegen *jitc_codegen_open(void)
{
    static const Codegen service = {CODEGEN_ABI, compile,      free_image, make_object,
                                    find_symbol, code_inspect, scalar,     describe};
    return &service;
}
