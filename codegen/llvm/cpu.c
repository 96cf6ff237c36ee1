/* What CPU a model's object runs on, and the floating-point mode, as code. */
#include "codegen/llvm/model_private.h"

typedef LLVMValueRef V;

static bool is_x86(const ModelGen *mg)
{
    return strncmp(mg->target->triple, "x86_64", 6) == 0;
}

static bool is_aarch64(const ModelGen *mg)
{
    return strncmp(mg->target->triple, "aarch64", 7) == 0 || strncmp(mg->target->triple, "arm64", 5) == 0;
}

static bool is_arm(const ModelGen *mg)
{
    return strncmp(mg->target->triple, "arm", 3) == 0 && !is_aarch64(mg);
}

static V constant(Gen *g, uint32_t v)
{
    return LLVMConstInt(g->i32, v, 0);
}

/* -- Level (System V ABI for x86-64, section 3.1.1: x86-64-v2 to -v4)
 * ---------------------------------------- */
typedef struct {
    V a, b, c, d;
} Cpuid;

static Cpuid cpuid(Gen *g, uint32_t leaf)
{
    LLVMTypeRef part[] = {g->i32, g->i32, g->i32, g->i32};
    LLVMTypeRef result = LLVMStructTypeInContext(g->cx, part, 4, 0);
    LLVMTypeRef type = LLVMFunctionType(result, part, 2, 0);
    static char text[] = "cpuid",
                constraints[] = "={ax},={bx},={cx},={dx},{ax},{cx},~{dirflag},~{fpsr},~{flags}";
    V code = LLVMGetInlineAsm(type, text, strlen(text), constraints, strlen(constraints), 1, 0,
                              LLVMInlineAsmDialectATT, 0);
    V r = LLVMBuildCall2(g->b, type, code, (V[]){constant(g, leaf), constant(g, 0)}, 2, "");
    return (Cpuid){LLVMBuildExtractValue(g->b, r, 0, ""), LLVMBuildExtractValue(g->b, r, 1, ""),
                   LLVMBuildExtractValue(g->b, r, 2, ""), LLVMBuildExtractValue(g->b, r, 3, "")};
}

/* What of the vector state the system saves. */
static V xcr0(Gen *g)
{
    LLVMTypeRef part[] = {g->i32, g->i32}, result = LLVMStructTypeInContext(g->cx, part, 2, 0);
    LLVMTypeRef type = LLVMFunctionType(result, part, 1, 0);
    static char text[] = "xgetbv", constraints[] = "={ax},={dx},{cx},~{dirflag},~{fpsr},~{flags}";
    V code = LLVMGetInlineAsm(type, text, strlen(text), constraints, strlen(constraints), 1, 0,
                              LLVMInlineAsmDialectATT, 0);
    return LLVMBuildExtractValue(g->b, LLVMBuildCall2(g->b, type, code, (V[]){constant(g, 0)}, 1, ""), 0, "");
}

static Cond has_all(Gen *g, V word, uint32_t bits)
{
    V both = LLVMBuildAnd(g->b, word, constant(g, bits), "");
    return (Cond){.v = LLVMBuildICmp(g->b, LLVMIntEQ, both, constant(g, bits), "")};
}

#define BIT(n) (1u << (n))
enum {
    V2_LEAF1_C =
        BIT(0) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(23), /* SSE3 SSSE3 CX16 SSE4.1 SSE4.2 POPCNT */
    OSXSAVE = BIT(27),
    V3_LEAF1_C = BIT(12) | BIT(22) | BIT(28) | BIT(29), /* FMA MOVBE AVX F16C */
    V3_LEAF7_B = BIT(3) | BIT(5) | BIT(8),              /* BMI1 AVX2 BMI2 */
    V3_EXT1_C = BIT(5),                                 /* LZCNT */
    V3_XCR0 = 0x06,                                     /* XMM, YMM */
    V4_LEAF7_B = BIT(16) | BIT(17) | BIT(28) | BIT(30), /* AVX512 F DQ CD BW */
    V4_XCR0 = 0xe6                                      /* and opmask, ZMM */
};
static const uint32_t V4_VL = 0x80000000u; /* leaf 7, ebx: AVX512VL */

static void detect(ModelGen *mg, Ptr word)
{
    Gen *g = mg->g;
    Ival one = ival(1);
    i_store(g, word, ival(0), JITC_INT32, one);
    V most = cpuid(g, 0).a;
    V first = cpuid(g, 1).c;
    IF(g, v2, has_all(g, first, V2_LEAF1_C))
    {
        i_store(g, word, ival(0), JITC_INT32, ival(2));
        Cond more = {.v = LLVMBuildICmp(g->b, LLVMIntUGE, most, constant(g, 7), "")};
        IF(g, leaf7, c_and(g, more, has_all(g, first, OSXSAVE)))
        {
            V seventh = cpuid(g, 7).b, saved = xcr0(g), extended = cpuid(g, 0x80000001u).c;
            Cond v3 = c_and(g, has_all(g, first, V3_LEAF1_C), has_all(g, seventh, V3_LEAF7_B));
            v3 = c_and(g, v3, c_and(g, has_all(g, extended, V3_EXT1_C), has_all(g, saved, V3_XCR0)));
            IF(g, avx2, v3) i_store(g, word, ival(0), JITC_INT32, ival(3));
            Cond v4 = c_and(g, has_all(g, seventh, V4_LEAF7_B | V4_VL), has_all(g, saved, V4_XCR0));
            IF(g, avx512, c_and(g, v3, v4)) i_store(g, word, ival(0), JITC_INT32, ival(4));
        }
    }
}

/* The one word that a model writes: every thread writes the same. */
V model_level(ModelGen *mg)
{
    Gen *g = mg->g;
    V fn = model_function(mg, "level", g->i64, ""), outer = g->fn;
    LLVMBasicBlockRef back = outer ? LLVMGetInsertBlock(g->b) : NULL;
    g->fn = fn;
    LLVMPositionBuilderAtEnd(g->b, LLVMAppendBasicBlockInContext(g->cx, fn, "entry"));
    if (is_x86(mg)) {
        V word = LLVMAddGlobal(g->module, g->i32, "cpu_level");
        LLVMSetLinkage(word, LLVMInternalLinkage);
        LLVMSetInitializer(word, constant(g, 0));
        V known = LLVMBuildLoad2(g->b, g->i32, word, "");
        LLVMSetOrdering(known, LLVMAtomicOrderingMonotonic);
        LLVMSetAlignment(known, 4);
        V found = LLVMBuildAlloca(g->b, g->i32, "found");
        LLVMBuildStore(g->b, known, found);
        Cond none = {.v = LLVMBuildICmp(g->b, LLVMIntEQ, known, constant(g, 0), "")};
        IF(g, first, none)
        {
            detect(mg, (Ptr){found});
            V store = LLVMBuildStore(g->b, LLVMBuildLoad2(g->b, g->i32, found, ""), word);
            LLVMSetOrdering(store, LLVMAtomicOrderingMonotonic);
            LLVMSetAlignment(store, 4);
        }
        LLVMBuildRet(g->b, LLVMBuildZExt(g->b, LLVMBuildLoad2(g->b, g->i32, found, ""), g->i64, ""));
    } else {
        LLVMBuildRet(g->b, LLVMConstInt(g->i64, 1, 0));
    }
    g->fn = outer;
    if (back) LLVMPositionBuilderAtEnd(g->b, back);
    return fn;
}

/* -- Floating-point mode: round to nearest, denormals are zero; as runtime/fpmode.h -----------------------
 */
V model_fp_enter(ModelGen *mg)
{
    Gen *g = mg->g;
    if (is_x86(mg)) {
        enum { DAZ = 0x0040, TRAPS_OFF = 0x1f80, ROUNDING = 0x6000, FTZ = 0x8000 };
        V word = LLVMBuildAlloca(g->b, g->i32, "csr"), now = LLVMBuildAlloca(g->b, g->i32, "mode");
        gen_intrinsic(g, "llvm.x86.sse.stmxcsr", NULL, 0, (V[]){word}, 1);
        V old = LLVMBuildLoad2(g->b, g->i32, word, "");
        V kept = LLVMBuildAnd(g->b, old, constant(g, ~(uint32_t)ROUNDING), "");
        LLVMBuildStore(g->b, LLVMBuildOr(g->b, kept, constant(g, DAZ | TRAPS_OFF | FTZ), ""), now);
        gen_intrinsic(g, "llvm.x86.sse.ldmxcsr", NULL, 0, (V[]){now}, 1);
        return word;
    }
    if (is_aarch64(mg)) {
        enum { FZ = 1 << 24, ROUNDING = 3 << 22 };
        V old = gen_intrinsic(g, "llvm.aarch64.get.fpcr", NULL, 0, NULL, 0);
        V kept = LLVMBuildAnd(g->b, old, LLVMConstInt(g->i64, ~(uint64_t)ROUNDING, 0), "");
        V mode = LLVMBuildOr(g->b, kept, LLVMConstInt(g->i64, FZ, 0), "");
        gen_intrinsic(g, "llvm.aarch64.set.fpcr", NULL, 0, (V[]){mode}, 1);
        return old;
    }
    if (is_arm(mg)) {
        enum { FZ = 1 << 24, ROUNDING = 3 << 22 };
        V old = gen_intrinsic(g, "llvm.arm.get.fpscr", NULL, 0, NULL, 0);
        V kept = LLVMBuildAnd(g->b, old, constant(g, ~(uint32_t)ROUNDING), "");
        gen_intrinsic(g, "llvm.arm.set.fpscr", NULL, 0, (V[]){LLVMBuildOr(g->b, kept, constant(g, FZ), "")},
                      1);
        return old;
    }
    return NULL;
}

void model_fp_leave(ModelGen *mg, V mode)
{
    Gen *g = mg->g;
    if (!mode) return;
    const char *name = is_x86(mg)       ? "llvm.x86.sse.ldmxcsr"
                       : is_aarch64(mg) ? "llvm.aarch64.set.fpcr"
                                        : "llvm.arm.set.fpscr";
    gen_intrinsic(g, name, NULL, 0, (V[]){mode}, 1);
}
