#include "codegen/llvm/gen_code.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/DebugInfo.h>
#include <llvm-c/IRReader.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdlib.h>

#include "codegen/llvm/emit.h"
#include "codegen/llvm/gen_llvm.h"
#include "codegen/llvm/module.h"

typedef LLVMValueRef V;

static char *text_of(const char *fmt, ...) PRINTF(1, 2);
static char *text_of(const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0) text = NULL;
    va_end(ap);
    return text;
}

/* -- What may be called --------------------------------------------------------------------------------- */
enum { CALL_DEFINED, CALL_MATH, CALL_INTRINSIC, CALL_WRONG };

static const char *name_of(V v)
{
    size_t n;
    return LLVMGetValueName2(v, &n);
}

static int kind_of_call(V call, char **why)
{
    V callee = LLVMGetCalledValue(call);
    if (LLVMIsAInlineAsm(callee)) {
        *why = text_of("it has inline assembly");
        return CALL_WRONG;
    }
    if (!LLVMIsAFunction(callee)) {
        *why = text_of("it calls a function through a pointer");
        return CALL_WRONG;
    }
    if (!LLVMIsDeclaration(callee)) return CALL_DEFINED;
    if (code_math(name_of(callee)) >= 0) return CALL_MATH;
    if (LLVMGetIntrinsicID(callee))
        return CALL_INTRINSIC; /* whether it can be used shows when it is widened */
    *why =
        text_of("it calls '%s', which is neither in the code nor a mathematical function that is known here",
                name_of(callee));
    return CALL_WRONG;
}

typedef struct {
    V fn[64]; /* being visited */
    int depth;
    char **why;
} Walk;

/* Everything that the function reaches. */
static bool walk(Walk *w, V fn)
{
    for (int i = 0; i < w->depth; i++)
        if (w->fn[i] == fn) {
            *w->why = text_of("'%s' calls itself", name_of(fn));
            return false;
        }
    if (w->depth == COUNT(w->fn)) {
        *w->why = text_of("its calls are nested more than %d deep", (int)COUNT(w->fn));
        return false;
    }
    w->fn[w->depth++] = fn;
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(fn); b; b = LLVMGetNextBasicBlock(b))
        for (V i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
            LLVMOpcode code = LLVMGetInstructionOpcode(i);
            bool memory = code == LLVMLoad || code == LLVMStore;
            if (code == LLVMAtomicRMW || code == LLVMAtomicCmpXchg || code == LLVMFence ||
                code == LLVMInvoke || code == LLVMIndirectBr || code == LLVMCallBr ||
                (memory && LLVMGetVolatile(i))) {
                *w->why = text_of("'%s' has an instruction that only a program of its own may have (atomic, "
                                  "volatile, exceptions)",
                                  name_of(fn));
                return false;
            }
            if (code != LLVMCall) continue;
            int kind = kind_of_call(i, w->why);
            if (kind == CALL_WRONG || (kind == CALL_DEFINED && !walk(w, LLVMGetCalledValue(i)))) return false;
        }
    w->depth--;
    return true;
}

/* -- The function ------------------------------------------------------------------------------ */
static char letter_of(LLVMTypeRef t)
{
    switch (LLVMGetTypeKind(t)) {
    case LLVMFloatTypeKind: return 'f';
    case LLVMDoubleTypeKind: return 'd';
    case LLVMIntegerTypeKind:
        switch (LLVMGetIntTypeWidth(t)) {
        case 1: return 'b';
        case 8: return '1';
        case 16: return '2';
        case 32: return '4';
        case 64: return '8';
        default: return 0;
        }
    default: return 0;
    }
}

static char *check_types(V fn, char types[MAP_MAX_IN + 2])
{
    LLVMTypeRef type = LLVMGlobalGetValueType(fn), param[MAP_MAX_IN];
    unsigned n = LLVMCountParamTypes(type);
    if (LLVMIsFunctionVarArg(type) || n < 1 || n > MAP_MAX_IN)
        return text_of("'%s' has %u parameters; 1 to %d are possible", name_of(fn), n, MAP_MAX_IN);
    LLVMGetParamTypes(type, param);
    for (unsigned i = 0; i < n; i++)
        if (!(types[i] = letter_of(param[i])))
            return text_of(
                "parameter %u of '%s' is none of float, double, bool and integers of up to 64 bits", i,
                name_of(fn));
    if (!(types[n] = letter_of(LLVMGetReturnType(type))))
        return text_of("'%s' returns none of float, double, bool and integers of up to 64 bits", name_of(fn));
    types[n + 1] = 0;
    return NULL;
}

static char *missing(LLVMModuleRef m, const char *name)
{
    Str s = {0};
    for (V f = LLVMGetFirstFunction(m); f; f = LLVMGetNextFunction(f))
        if (!LLVMIsDeclaration(f) && s.n < 200) str_printf(&s, "%s%s", s.n ? ", " : "", name_of(f));
    char *why = text_of("there is no function '%s' in it; there are: %s", name, s.n ? str_text(&s) : "none");
    str_free(&s);
    return why;
}

/* -- Reading ----------------------------------------------------------------------------------- */
/* What LLVM has to say comes back with the call that failed. */
static void ignore(LLVMDiagnosticInfoRef info, void *arg)
{
    (void)info, (void)arg;
}

static LLVMModuleRef parse(LLVMContextRef cx, const jitc_op *op, char **why)
{
    LLVMModuleRef m = NULL;
    char *message = NULL;
    size_t size = op->code_size ? op->code_size : strlen(op->code);
    bool binary =
        size >= 4 && (!memcmp(op->code, "BC\xC0\xDE", 4) || !memcmp(op->code, "\xDE\xC0\x17\x0B", 4));
    if (!binary)
        while (size && !((const char *)op->code)[size - 1]) size--; /* text that ends with a NUL */
    LLVMMemoryBufferRef buf = LLVMCreateMemoryBufferWithMemoryRangeCopy(op->code, size, "code");
    LLVMContextSetDiagnosticHandler(cx, ignore, NULL);
    if (LLVMParseIRInContext(cx, buf, &m, &message)) {
        const char *text = message ? message : "";
        *why = text_of("it is no bitcode or text that LLVM 19 reads: %.*s", (int)strcspn(text, "\n"), text);
        LLVMDisposeMessage(message);
        return NULL;
    }
    LLVMStripModuleDebugInfo(m);
    if (LLVMVerifyModule(m, LLVMReturnStatusAction, &message)) {
        *why = text_of("LLVM's verifier refuses it: %.*s", (int)strcspn(message, "\n"), message);
        LLVMDisposeModule(m);
        m = NULL;
    }
    LLVMDisposeMessage(message);
    return m;
}

LLVMModuleRef code_read(LLVMContextRef cx, const jitc_op *op, char types[MAP_MAX_IN + 2], char **why)
{
    *why = NULL;
    LLVMModuleRef m = parse(cx, op, why);
    if (!m) return NULL;
    V fn = LLVMGetNamedFunction(m, op->function);
    Walk w = {.why = why};
    if (!fn || LLVMIsDeclaration(fn))
        *why = missing(m, op->function);
    else if (!(*why = check_types(fn, types)))
        walk(&w, fn);
    if (!*why) return m;
    LLVMDisposeModule(m);
    return NULL;
}

/* -- Preparing --------------------------------------------------------------------------------- */
static void drop_attributes(V fn)
{
    unsigned n = LLVMGetAttributeCountAtIndex(fn, LLVMAttributeFunctionIndex);
    LLVMAttributeRef *list = calloc(n + 1, sizeof(LLVMAttributeRef));
    if (!list) return;
    LLVMGetAttributesAtIndex(fn, LLVMAttributeFunctionIndex, list);
    for (unsigned i = 0; i < n; i++) {
        if (LLVMIsStringAttribute(list[i])) {
            unsigned length;
            const char *key = LLVMGetStringAttributeKind(list[i], &length);
            LLVMRemoveStringAttributeAtIndex(fn, LLVMAttributeFunctionIndex, key, length);
        } else if (LLVMIsEnumAttribute(list[i])) {
            LLVMRemoveEnumAttributeAtIndex(fn, LLVMAttributeFunctionIndex, LLVMGetEnumAttributeKind(list[i]));
        }
    }
    free(list);
}

static void add_attribute(LLVMContextRef cx, V fn, const char *name)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(fn, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(cx, kind, 0));
}

/* Whatever the code was compiled for, it becomes part of code for another CPU, and is inlined even where its
 * compiler was told not to. C's mathematics sets no errno here. */
static void set_attributes(LLVMContextRef cx, LLVMModuleRef m, V entry)
{
    for (V f = LLVMGetFirstFunction(m); f; f = LLVMGetNextFunction(f)) {
        if (LLVMGetIntrinsicID(f)) continue;
        drop_attributes(f);
        add_attribute(cx, f, "nounwind");
        if (LLVMIsDeclaration(f)) {
            add_attribute(cx, f, "willreturn");
            add_attribute(cx, f, "memory"); /* (none) is its value 0 */
            continue;
        }
        LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex,
                                LLVMCreateStringAttribute(cx, "no-builtins", 11, "", 0));
        LLVMSetLinkage(f, f == entry ? LLVMExternalLinkage : LLVMInternalLinkage);
        if (f == entry) continue;
        add_attribute(cx, f, "alwaysinline");
    }
    for (V g = LLVMGetFirstGlobal(m); g; g = LLVMGetNextGlobal(g))
        if (!LLVMIsDeclaration(g)) LLVMSetLinkage(g, LLVMInternalLinkage);
}

static char *optimise(LLVMModuleRef m)
{
    LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
    LLVMPassBuilderOptionsSetLoopVectorization(o, 0);
    LLVMPassBuilderOptionsSetSLPVectorization(o, 0);
    LLVMPassBuilderOptionsSetLoopUnrolling(o, 1);
    LLVMErrorRef e = LLVMRunPasses(m, "default<O2>", NULL, o);
    LLVMDisposePassBuilderOptions(o);
    if (!e) return NULL;
    char *text = LLVMGetErrorMessage(e), *copy = strdup(text);
    LLVMDisposeErrorMessage(text);
    return copy;
}

/* Variables that are left are in use. */
static char *check_globals(LLVMModuleRef m)
{
    for (V g = LLVMGetFirstGlobal(m); g; g = LLVMGetNextGlobal(g)) {
        if (!LLVMGetFirstUse(g)) continue;
        if (LLVMIsDeclaration(g))
            return text_of("it uses the variable '%s', which is not in the code", name_of(g));
        if (!LLVMIsGlobalConstant(g) || LLVMIsThreadLocal(g))
            return text_of("it uses the variable '%s', which is not constant", name_of(g));
    }
    return NULL;
}

LLVMModuleRef code_prepare(LLVMContextRef cx, const jitc_op *op, char types[MAP_MAX_IN + 2], char **why)
{
    LLVMModuleRef m = code_read(cx, op, types, why);
    if (!m) return NULL;
    set_attributes(cx, m, LLVMGetNamedFunction(m, op->function));
    *why = optimise(m);
    if (!*why) *why = check_globals(m);
    if (!*why) return m;
    LLVMDisposeModule(m);
    return NULL;
}

void code_cache_free(CodeCache *c)
{
    for (CodeCache *next; c; c = next) {
        next = c->next;
        LLVMDisposeModule(c->module);
        free(c);
    }
}

static LLVMModuleRef prepared(Gen *g, const CustomOp *op)
{
    for (CodeCache *c = *g->codes; c; c = c->next)
        if (c->op == op) return c->module;
    char types[MAP_MAX_IN + 2], *why;
    CodeCache *c = malloc(sizeof *c);
    LLVMModuleRef m = c ? code_prepare(g->cx, &op->op, types, &why) : NULL;
    if (!m) {
        job_error(g->job, "operator '%s': %s", op->op.name, c && why ? why : "out of memory");
        if (c) free(why);
        free(c);
        job_fail(g->job, JITC_E_INTERNAL);
    }
    *c = (CodeCache){op, m, *g->codes};
    *g->codes = c;
    return m;
}

Vec map_custom(Gen *g, const Op *op, const Vec *in)
{
    const char *code = attr_s(op, "code");
    const CustomOp *custom = custom_find_code(g->ops, code);
    if (!custom || !g->codes) g_fail(g, "the code of operator '%s' is not there", attr_s(op, "op"));
    V fn = LLVMGetNamedFunction(prepared(g, custom), custom->op.function), args[MAP_MAX_IN];
    for (int i = 0; i < op->nin; i++) args[i] = in[i].v;
    DType to = (DType)attr_i(op, "to");
    V v = code_widen(g, fn, code, args, in[0].lanes);
    return (Vec){v, carrier(to) == to ? to : JITC_FLOAT32, in[0].lanes};
}

/* -- For the service --------------------------------------------------------------------------- */
/* Whether the function can be applied to vectors: by doing it. */
static char *attempt(LLVMContextRef cx, V fn)
{
    LLVMModuleRef m = LLVMModuleCreateWithNameInContext("attempt", cx);
    LLVMBuilderRef b = LLVMCreateBuilderInContext(cx);
    char *why = NULL;
    Job job;
    Gen g;
    job_init(&job, 0);
    module_gen(&g, &job, m, b);
    g.fn = LLVMAddFunction(m, "attempt", LLVMGlobalGetValueType(fn));
    LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(cx, g.fn, "entry"));
    V args[MAP_MAX_IN];
    for (unsigned i = 0; i < LLVMCountParams(fn); i++) args[i] = LLVMGetParam(g.fn, i);
    if (JOB_ENTER(&job) == JITC_OK)
        code_widen(&g, fn, "attempt", args, 1);
    else
        why = module_diagnostics(&job);
    job_free(&job);
    LLVMDisposeBuilder(b);
    LLVMDisposeModule(m);
    return why;
}

char *code_inspect(const jitc_op *op, char types[MAP_MAX_IN + 2])
{
    LLVMContextRef cx = LLVMContextCreate();
    char *why = NULL;
    LLVMModuleRef m = code_prepare(cx, op, types, &why);
    if (m) {
        why = attempt(cx, LLVMGetNamedFunction(m, op->function));
        LLVMDisposeModule(m);
    }
    LLVMContextDispose(cx);
    if (why) types[0] = 0;
    return why;
}

/* What the function does not need may need what is not there. */
static void drop_rest(LLVMModuleRef m, const char *keep)
{
    for (V f = LLVMGetFirstFunction(m); f; f = LLVMGetNextFunction(f))
        if (!LLVMIsDeclaration(f) && strcmp(name_of(f), keep) != 0) LLVMSetLinkage(f, LLVMInternalLinkage);
    for (V g = LLVMGetFirstGlobal(m); g; g = LLVMGetNextGlobal(g))
        if (!LLVMIsDeclaration(g)) LLVMSetLinkage(g, LLVMInternalLinkage);
    LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
    LLVMErrorRef e = LLVMRunPasses(m, "globaldce", NULL, o);
    if (e) LLVMConsumeError(e); /* whoever misses something will say so */
    LLVMDisposePassBuilderOptions(o);
}

/* void CODEGEN_SCALAR(const void *const *in, void *out): the function on elements as they lie in memory. */
void code_add_scalar(LLVMModuleRef m, const char *function)
{
    LLVMContextRef cx = LLVMGetModuleContext(m);
    LLVMBuilderRef b = LLVMCreateBuilderInContext(cx);
    LLVMTypeRef ptr = LLVMPointerTypeInContext(cx, 0), i8 = LLVMInt8TypeInContext(cx),
                i1 = LLVMInt1TypeInContext(cx), i64 = LLVMInt64TypeInContext(cx);
    V callee = LLVMGetNamedFunction(m, function), args[MAP_MAX_IN];
    LLVMTypeRef type = LLVMGlobalGetValueType(callee), param[MAP_MAX_IN];
    LLVMTypeRef proto = LLVMFunctionType(LLVMVoidTypeInContext(cx), (LLVMTypeRef[]){ptr, ptr}, 2, 0);
    V fn = LLVMAddFunction(m, CODEGEN_SCALAR, proto);
    LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(cx, fn, "entry"));
    LLVMGetParamTypes(type, param);
    for (unsigned i = 0; i < LLVMCountParamTypes(type); i++) {
        V at = LLVMBuildGEP2(b, ptr, LLVMGetParam(fn, 0), (V[]){LLVMConstInt(i64, i, 0)}, 1, "");
        at = LLVMBuildLoad2(b, ptr, at, "");
        if (param[i] == i1)
            args[i] = LLVMBuildICmp(b, LLVMIntNE, LLVMBuildLoad2(b, i8, at, ""), LLVMConstInt(i8, 0, 0), "");
        else
            args[i] = LLVMBuildLoad2(b, param[i], at, "");
    }
    V r = LLVMBuildCall2(b, type, callee, args, LLVMCountParamTypes(type), "");
    if (LLVMGetReturnType(type) == i1) r = LLVMBuildZExt(b, r, i8, "");
    LLVMBuildStore(b, r, LLVMGetParam(fn, 1));
    LLVMBuildRetVoid(b);
    LLVMDisposeBuilder(b);
    drop_rest(m, CODEGEN_SCALAR);
}
