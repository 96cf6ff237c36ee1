#include "codegen/llvm/module.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <pthread.h>
#include <stdlib.h>

#include "codegen/llvm/access.h"
#include "codegen/llvm/gen_code.h"
#include "codegen/llvm/gen_llvm.h"
#include "codegen/plan/spec.h"

enum { NONE = -3 };

static const struct {
    const char *algo;
    void (*emit)(Gen *, const Kernel *);
    int ndims; /* dim arguments; -1: the rank of the map's result and `rows`; -2: one per symbol of the text;
                  NONE: it reads its arguments itself */
} algos[] = {
    {"igemm", emit_igemm, IG_DIMS}, {"depthwise", emit_depthwise, DW_DIMS}, {"map", emit_map, -1},
    {"loops", emit_loops, -2},      {"winograd", emit_winograd, WG_DIMS},   {"routine", emit_routine, -2},
    {"custom", emit_custom, NONE},
};

/* The header line: `#algo=NAME field=number …`. */
static const char *header(Job *job, const char *text, size_t size, Kernel *out)
{
    const char *end = memchr(text, '\n', size);
    char *line = job_strndup(job, text, end ? (size_t)(end - text) : size), *save = NULL;
    for (char *word = strtok_r(line, " #", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *eq = strchr(word, '=');
        if (!eq) continue;
        *eq = 0;
        if (!strcmp(word, "algo")) out->algo = eq + 1;
        if (!strcmp(word, "kmult")) out->kmult = atoll(eq + 1);
        if (!strcmp(word, "run16")) out->run16 = atoll(eq + 1);
        if (!strcmp(word, "lines")) out->in_lines = atoll(eq + 1);
        if (!strcmp(word, "rows")) out->rows = atoll(eq + 1);
        if (!strcmp(word, "step")) out->step = atoll(eq + 1);
        if (!strcmp(word, "far")) out->far = atoll(eq + 1);
        if (!strcmp(word, "linear")) out->linear = atoll(eq + 1);
        if (!strcmp(word, "kcut")) out->kcut = atoll(eq + 1);
        if (!strcmp(word, "ntail")) out->ntail = atoll(eq + 1);
        if (!strcmp(word, "widths")) out->widths = atoll(eq + 1);
        if (!strcmp(word, "parts")) out->parts = atoll(eq + 1);
        if (!strcmp(word, "ctail")) out->ctail = atoll(eq + 1);
        if (!strcmp(word, "xblocked")) out->xblocked = atoll(eq + 1);
        if (!strcmp(word, "direct")) out->direct = atoll(eq + 1);
        if (!strcmp(word, "oblocked")) out->oblocked = atoll(eq + 1);
        if (!strcmp(word, "ktail")) out->ktail = atoll(eq + 1);
        if (!strcmp(word, "pitch")) out->pitch = atoll(eq + 1);
        if (!strcmp(word, "bykey")) out->bykey = atoll(eq + 1);
    }
    return out->algo ? out->algo : "";
}

static const char *read_text(Gen *g, const char *text, size_t size, Kernel *kernel)
{
    const char *algo = header(g->job, text, size, kernel);
    kernel->m = ir_parse(g->job, text, size);
    if (!kernel->m || !kernel->m->funcs) g_fail(g, "a kernel text cannot be read");
    kernel->body = kernel->m->funcs->body;
    kernel->nin = (int)kernel->body->nargs;
    kernel->nout = ir_terminator(kernel->body)->nin;
    return algo;
}

/* -- Functions of texts, which kernels and parts of chains share --------------------------------------------
 */
struct ModuleNames {
    pthread_mutex_t lock;
    char **name;
    size_t n, cap;
};

ModuleNames *module_names_new(void)
{
    ModuleNames *names = calloc(1, sizeof *names);
    if (names) pthread_mutex_init(&names->lock, NULL);
    return names;
}

void module_names_free(ModuleNames *names)
{
    if (!names) return;
    for (size_t i = 0; i < names->n; i++) free(names->name[i]);
    free(names->name);
    pthread_mutex_destroy(&names->lock);
    free(names);
}

static bool is_new(ModuleNames *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (!strcmp(names->name[i], name)) return false;
    if (names->n == names->cap) {
        size_t cap = names->cap ? 2 * names->cap : 64;
        char **more = realloc(names->name, cap * sizeof *more);
        if (!more) return true;
        names->name = more;
        names->cap = cap;
    }
    char *copy = strdup(name);
    if (copy) names->name[names->n++] = copy;
    return true; /* without memory perhaps twice, which linking reports */
}

bool module_defines(ModuleNames *names, const char *name)
{
    if (!names) return true;
    pthread_mutex_lock(&names->lock);
    bool mine = is_new(names, name);
    pthread_mutex_unlock(&names->lock);
    return mine;
}

/* Whether the body is still to be written. */
static bool begin_text(Gen *g, const char *text, size_t size, LLVMValueRef *fn)
{
    char symbol[KERNEL_SYMBOL];
    kernel_symbol(text, size, symbol);
    const char *name = job_printf(g->job, "%s%s", symbol, g->suffix);
    *fn = LLVMGetNamedFunction(g->module, name);
    if (*fn) return false;
    *fn = gen_declare(g, name);
    if (!module_defines(g->names, name)) return false;
    if (!g->names) LLVMSetLinkage(*fn, LLVMInternalLinkage);
    return true;
}

/* The function of a text without parts. */
static LLVMValueRef emit_text(Gen *g, const char *text, size_t size, const struct CustomNode *custom,
                              Kernel *kernel)
{
    LLVMValueRef fn;
    bool fresh = begin_text(g, text, size, &fn);
    const char *algo = read_text(g, text, size, kernel);
    if (!fresh) return fn;
    kernel->custom = custom;
    for (size_t i = 0; i < COUNT(algos); i++) {
        if (strcmp(algos[i].algo, algo) != 0) continue;
        int ndims = algos[i].ndims;
        if (ndims == -1) ndims = ir_terminator(kernel->body)->in[0]->type.rank + 1;
        if (ndims == -2) ndims = dim_symbols(kernel->m);
        int nptrs = ndims == NONE ? 0 : kernel->nin + kernel->nout;
        if (kernel->pitch) ndims += nptrs;
        if (nptrs > 64) g_fail(g, "a kernel with too many operands");
        gen_begin(g, fn, nptrs, ndims == NONE ? 0 : ndims);
        algos[i].emit(g, kernel);
        gen_end(g);
        return fn;
    }
    g_fail(g, "unknown algorithm '%s'", algo);
}

/* Classes of kernels that consist of parts. */
static const struct {
    const char *algo;
    void (*emit)(Gen *, const Kernel *);
} wholes[] = {{"chain", emit_chain}, {"attention", emit_attention}};

/* Each part is a function of its own: `#part DIMS OPERAND…`, then its text. */
static const char part_mark[] = "\n#part ";

static KernelPart part_of(Gen *g, char *list, const char *line, size_t size, Kernel *whole)
{
    KernelPart p = {.ndims = (int)strtol(list, &list, 10)};
    Kernel *kernel = job_new(g->job, Kernel);
    int *operand = job_array(g->job, int, 64), n = 0;
    for (; list < line && n < 64; n++) {
        operand[n] = (int)strtol(list, &list, 10);
        if (operand[n] >= whole->nin) whole->nin = operand[n] + 1;
    }
    p.kernel = kernel;
    p.fn = emit_text(g, line + 1, size, NULL, kernel);
    p.operand = operand;
    if (n != kernel->nin) g_fail(g, "a part with %d operands for %d", n, kernel->nin);
    return p;
}

static LLVMValueRef emit_parts(Gen *g, const CodegenKernel *k, int class)
{
    char *text = job_strndup(g->job, k->text, k->size), *at = strstr(text, part_mark);
    KernelPart *part = job_array(g->job, KernelPart, CHAIN_PARTS);
    Kernel whole = {.part = part, .nin = 0, .nout = 1};
    LLVMValueRef fn;
    if (!begin_text(g, k->text, k->size, &fn)) return fn;
    header(g->job, k->text, k->size, &whole);
    while (at) {
        if (whole.nparts == CHAIN_PARTS) g_fail(g, "a kernel of too many parts");
        char *list = at + sizeof part_mark - 1, *line = strchr(list, '\n');
        if (!line) g_fail(g, "a part without a text");
        at = strstr(line, part_mark);
        size_t size = at ? (size_t)(at - line) : strlen(line + 1);
        part[whole.nparts++] = part_of(g, list, line, size, &whole);
    }
    gen_begin(g, fn, whole.nin + 1, 0);
    wholes[class].emit(g, &whole);
    gen_end(g);
    return fn;
}

static LLVMValueRef emit_kernel(Gen *g, const CodegenKernel *k)
{
    Kernel kernel = {0};
    const char *algo = header(g->job, k->text, k->size, &kernel);
    for (size_t i = 0; i < COUNT(wholes); i++)
        if (!strcmp(algo, wholes[i].algo)) return emit_parts(g, k, (int)i);
    return emit_text(g, k->text, k->size, k->custom, &kernel);
}

char *module_diagnostics(const Job *job)
{
    Str s = {0};
    str_diags(&s, job);
    char *text = strdup(s.n ? str_text(&s) : "out of memory");
    str_free(&s);
    return text;
}

/* The loops are already in their final form; only redundancy that emitters leave is removed. */
static char *optimise(LLVMModuleRef m, LLVMTargetMachineRef tm, bool quick)
{
    LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
    LLVMErrorRef e =
        LLVMRunPasses(m,
                      quick ? "function(early-cse)"
                            : "function(instcombine<no-verify-fixpoint>,early-cse,simplifycfg,loop-mssa("
                              "licm),instcombine<no-verify-fixpoint>)",
                      tm, o);
    LLVMDisposePassBuilderOptions(o);
    if (!e) return NULL;
    char *text = LLVMGetErrorMessage(e), *copy = strdup(text);
    LLVMDisposeErrorMessage(text);
    return copy;
}

void module_gen(Gen *g, Job *job, LLVMModuleRef module, LLVMBuilderRef b)
{
    LLVMContextRef cx = LLVMGetModuleContext(module);
    *g = (Gen){.job = job, .cx = cx, .module = module, .b = b, .suffix = ""};
    g->i1 = LLVMInt1TypeInContext(cx);
    g->i8 = LLVMInt8TypeInContext(cx);
    g->i32 = LLVMInt32TypeInContext(cx);
    g->i64 = LLVMInt64TypeInContext(cx);
    g->ptr = LLVMPointerTypeInContext(cx, 0);
}

void module_set_target(LLVMModuleRef module, const Target *t, LLVMTargetMachineRef tm)
{
    LLVMSetTarget(module, t->triple);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(tm);
    LLVMSetModuleDataLayout(module, layout);
    LLVMDisposeTargetData(layout);
}

LLVMModuleRef module_new(LLVMContextRef cx, const Target *t, LLVMTargetMachineRef tm)
{
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext("jitc", cx);
    module_set_target(module, t, tm);
    return module;
}

char *module_limit(const Limits *limits)
{
    jitc_status status = limits_check(limits);
    return status ? strdup(limits_text(status)) : NULL;
}

char *module_kernels(LLVMModuleRef module, const Target *t, const CodegenKernel *k, size_t n,
                     const ModuleVariant *variant, ModuleNames *names, const Limits *limits)
{
    LLVMBuilderRef b = LLVMCreateBuilderInContext(LLVMGetModuleContext(module));
    CodeCache *codes = NULL;
    char *error = NULL;
    for (size_t i = 0; i < n && !error; i++) {
        Job job;
        Gen g;
        error = module_limit(limits);
        if (error) break;
        job_init(&job, 0);
        module_gen(&g, &job, module, b);
        g.isa = t->isa;
        g.ops = k[i].ops;
        g.codes = &codes;
        if (variant) {
            g.suffix = variant->suffix;
            g.cpu = t->cpu;
            g.features = t->features;
            g.tune = t->tune;
        }
        g.names = names;
        if (JOB_ENTER(&job) == JITC_OK) {
            LLVMValueRef fn = emit_kernel(&g, &k[i]);
            if (variant)
                variant->fn[i] = fn;
            else
                LLVMSetLinkage(fn, LLVMExternalLinkage);
        } else {
            char *why = module_diagnostics(&job);
            if (asprintf(&error, "kernel '%s': %s", k[i].name, why) < 0) error = NULL;
            free(why);
        }
        job_free(&job);
    }
    code_cache_free(codes);
    LLVMDisposeBuilder(b);
    return error;
}

char *module_finish(LLVMModuleRef module, LLVMTargetMachineRef tm, bool quick)
{
    char *why = NULL, *error = NULL;
    if (LLVMVerifyModule(module, LLVMReturnStatusAction, &why)) error = strdup(why);
    LLVMDisposeMessage(why);
    return error ? error : optimise(module, tm, quick);
}

/* With a NUL behind the end. */
static char *copy(const char *bytes, size_t size, CodegenFile *out)
{
    *out = (CodegenFile){malloc(size + 1), size};
    if (!out->bytes) return strdup("out of memory");
    memcpy(out->bytes, bytes, size);
    out->bytes[size] = 0;
    return NULL;
}

char *module_emit(LLVMModuleRef module, LLVMTargetMachineRef tm, CodegenEmit kind, CodegenFile *out)
{
    LLVMMemoryBufferRef buf = NULL;
    char *why = NULL, *error;
    if (kind == EMIT_LLVM) {
        char *text = LLVMPrintModuleToString(module);
        error = copy(text, strlen(text), out);
        LLVMDisposeMessage(text);
        return error;
    }
    LLVMCodeGenFileType type = kind == EMIT_ASM ? LLVMAssemblyFile : LLVMObjectFile;
    if (LLVMTargetMachineEmitToMemoryBuffer(tm, module, type, &why, &buf)) {
        error = strdup(why);
        LLVMDisposeMessage(why);
        return error;
    }
    error = copy(LLVMGetBufferStart(buf), LLVMGetBufferSize(buf), out);
    LLVMDisposeMemoryBuffer(buf);
    return error;
}
