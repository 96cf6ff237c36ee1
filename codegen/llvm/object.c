/* A model's object file: kernels for each level of CPU, weights, control code, the functions that callers
 * see. */
#include "codegen/llvm/object.h"

#include <llvm-c/Core.h>
#include <stdlib.h>

#include "codegen/llvm/model_private.h"
#include "codegen/llvm/module.h"

typedef LLVMValueRef V;

/* -- What the files share ---------------------------------------------------------------------- */
int64_t model_error(ModelGen *mg, const char *fmt, ...)
{
    Str raw = {0}, s = {0};
    va_list ap;
    va_start(ap, fmt);
    str_vprintf(&raw, fmt, ap);
    va_end(ap);
    str_escape(&s, str_text(&raw), raw.n);
    vec_push(mg->g->job, &mg->message, job_strndup(mg->g->job, str_text(&s), s.n));
    str_free(&raw);
    str_free(&s);
    return mg->message.n;
}

LLVMTypeRef model_size_type(ModelGen *mg)
{
    return LLVMIntPtrTypeInContext(mg->g->cx, LLVMGetModuleDataLayout(mg->g->module));
}

V model_function(ModelGen *mg, const char *name, LLVMTypeRef result, const char *params)
{
    Gen *g = mg->g;
    LLVMTypeRef type[8];
    unsigned n = 0;
    for (; params[n]; n++)
        type[n] = params[n] == 'p'   ? g->ptr
                  : params[n] == 's' ? model_size_type(mg)
                  : params[n] == 'd' ? g->i32
                                     : g->i64;
    V fn = LLVMAddFunction(g->module, name, LLVMFunctionType(result, type, n, 0));
    LLVMSetLinkage(fn, LLVMInternalLinkage);
    gen_attributes(g, fn);
    return fn;
}

V model_table(ModelGen *mg, const int64_t *v, size_t n)
{
    Gen *g = mg->g;
    V *word = job_array(g->job, V, n + 1);
    for (size_t i = 0; i < n; i++) word[i] = LLVMConstInt(g->i64, (unsigned long long)v[i], 1);
    V at = LLVMAddGlobal(g->module, LLVMArrayType(g->i64, (unsigned)n), "table");
    LLVMSetLinkage(at, LLVMPrivateLinkage);
    LLVMSetGlobalConstant(at, 1);
    LLVMSetUnnamedAddress(at, LLVMGlobalUnnamedAddr);
    LLVMSetInitializer(at, LLVMConstArray(g->i64, word, (unsigned)n));
    return at;
}

void model_call(ModelGen *mg, V fn, V *args, unsigned n)
{
    LLVMBuildCall2(mg->g->b, LLVMGlobalGetValueType(fn), fn, args, n, "");
}

V model_call_ptr(ModelGen *mg, Ptr fn, LLVMTypeRef result, V *args, unsigned n)
{
    LLVMTypeRef type[8];
    for (unsigned i = 0; i < n; i++) type[i] = LLVMTypeOf(args[i]);
    return LLVMBuildCall2(mg->g->b, LLVMFunctionType(result, type, n, 0), fn.v, args, n, "");
}

/* -- The module -------------------------------------------------------------------------------- */
static char *add_model(LLVMModuleRef module, const Target *least, const Target *variant, int n, V **fn,
                       const CodegenModel *m)
{
    LLVMBuilderRef b = LLVMCreateBuilderInContext(LLVMGetModuleContext(module));
    Job job;
    Gen g;
    char *error = NULL;
    job_init(&job, 0);
    module_gen(&g, &job, module, b);
    g.isa = least->isa;
    if (JOB_ENTER(&job) == JITC_OK) {
        ModelGen mg = {.g = &g, .m = m, .system = least->system, .nvariants = n};
        for (int i = 0; i < n; i++) {
            mg.needs[i] = variant[i].needs;
            mg.fn[i] = fn[i];
        }
        model_entries(&mg, model_driver(&mg));
        model_tables(&mg);
    } else {
        error = module_diagnostics(&job);
    }
    job_free(&job);
    LLVMDisposeBuilder(b);
    return error;
}

/* Windows grows stacks a page at a time: who needs more looks at each page. LLVM would call the compiler's
 * helper for it; this does the same: rax holds the size, and all registers stay. */
static void add_stack_probe(LLVMModuleRef module)
{
    static const char name[] = "stack_probe";
    static char code[] = "pushq %rcx\n"
                         "pushq %rax\n"
                         "leaq 24(%rsp), %rcx\n"
                         "1: cmpq $$4096, %rax\n"
                         "jbe 2f\n"
                         "subq $$4096, %rcx\n"
                         "orb $$0, (%rcx)\n"
                         "subq $$4096, %rax\n"
                         "jmp 1b\n"
                         "2: subq %rax, %rcx\n"
                         "orb $$0, (%rcx)\n"
                         "popq %rax\n"
                         "popq %rcx\n"
                         "retq";
    LLVMContextRef cx = LLVMGetModuleContext(module);
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(cx), NULL, 0, 0);
    for (V f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f))
        if (!LLVMIsDeclaration(f)) LLVMAddTargetDependentFunctionAttr(f, "probe-stack", name);
    V fn = LLVMAddFunction(module, name, type);
    LLVMSetLinkage(fn, LLVMInternalLinkage);
    static const char *const attribute[] = {"naked", "noinline", "nounwind"};
    for (size_t i = 0; i < COUNT(attribute); i++) {
        unsigned kind = LLVMGetEnumAttributeKindForName(attribute[i], strlen(attribute[i]));
        LLVMAddAttributeAtIndex(fn, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(cx, kind, 0));
    }
    LLVMBuilderRef b = LLVMCreateBuilderInContext(cx);
    LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(cx, fn, "entry"));
    V text = LLVMGetInlineAsm(type, code, strlen(code), "", 0, 1, 0, LLVMInlineAsmDialectATT, 0);
    LLVMBuildCall2(b, type, text, NULL, 0, "");
    LLVMBuildUnreachable(b);
    LLVMDisposeBuilder(b);
}

/* What callers see is code for the least CPU of the system, so that it can tell what the kernels need. */
static LLVMModuleRef build(LLVMContextRef cx, LLVMTargetMachineRef tm, const Target *least,
                           const Target *variant, int n, const CodegenModel *m, const Limits *limits,
                           char **error)
{
    static const char *const suffix[TARGET_VARIANTS] = {"", ".1", ".2"};
    uint32_t nkernels = m->plan->nkernel;
    LLVMModuleRef module = module_new(cx, least, tm);
    CodegenKernel *kernel = calloc(nkernels + 1, sizeof *kernel);
    V *fn[TARGET_VARIANTS] = {0};
    bool memory = kernel != NULL;
    for (int i = 0; i < n; i++) memory = (fn[i] = calloc(nkernels + 1, sizeof *fn[i])) && memory;
    *error = memory ? NULL : strdup("out of memory");
    for (uint32_t i = 0; i < nkernels && memory; i++)
        kernel[i] = (CodegenKernel){.text = m->plan->kernel[i].text,
                                    .size = m->plan->kernel[i].size,
                                    .name = m->name,
                                    .custom = m->plan->kernel[i].custom,
                                    .ops = m->ops};
    for (int i = 0; i < n && !*error; i++)
        *error = module_kernels(module, &variant[i], kernel, nkernels, &(ModuleVariant){suffix[i], fn[i]},
                                NULL, limits);
    if (!*error) *error = add_model(module, least, variant, n, fn, m);
    if (!*error && least->system->os == OS_WINDOWS) add_stack_probe(module);
    if (!*error) *error = module_limit(limits);
    if (!*error) *error = module_finish(module, tm, least->quick);
    for (int i = 0; i < n; i++) free(fn[i]);
    free(kernel);
    return module;
}

char *object_make(const CodegenTarget *want, const CodegenModel *m, CodegenEmit kind, const Limits *limits,
                  CodegenFile *out, bool *bad_target)
{
    Target variant[TARGET_VARIANTS] = {0}, least = {0};
    char *error = NULL;
    int n = target_variants(want, variant, &error);
    *out = (CodegenFile){0};
    *bad_target = n == 0;
    if (!n) return error ? error : strdup("out of memory");
    if (!target_least(&least, variant[0].system, want->quick, &error) && !error)
        error = strdup("out of memory");
    if (!error) {
        LLVMContextRef cx = LLVMContextCreate();
        LLVMTargetMachineRef tm = target_machine(&least);
        LLVMModuleRef module = build(cx, tm, &least, variant, n, m, limits, &error);
        if (!error) error = module_limit(limits);
        if (!error) error = module_emit(module, tm, kind, out);
        LLVMDisposeModule(module);
        LLVMDisposeTargetMachine(tm);
        LLVMContextDispose(cx);
    }
    for (int i = 0; i < n; i++) target_free(&variant[i]);
    target_free(&least);
    return error;
}
