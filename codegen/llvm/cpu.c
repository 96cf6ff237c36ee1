/* What CPU a model's object runs on, and the floating-point mode, as code. */
#include "codegen/llvm/model_private.h"

typedef LLVMValueRef V;

static V constant(Gen *g, uint32_t v)
{
    return LLVMConstInt(g->i32, v, 0);
}

/* -- x86-64: its levels (System V ABI, section 3.1.1: x86-64-v2 to -v4) ------------------------ */
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

static void check_x86(ModelGen *mg, Ptr word)
{
    Gen *g = mg->g;
    enum { HAS_V2 = 1, HAS_V3 = 3, HAS_V4 = 7 }; /* as the levels stand in target_checks() */
    V most = cpuid(g, 0).a;
    V first = cpuid(g, 1).c;
    IF(g, v2, has_all(g, first, V2_LEAF1_C))
    {
        i_store(g, word, ival(0), JITC_INT32, ival(HAS_V2));
        Cond more = {.v = LLVMBuildICmp(g->b, LLVMIntUGE, most, constant(g, 7), "")};
        IF(g, leaf7, c_and(g, more, has_all(g, first, OSXSAVE)))
        {
            V seventh = cpuid(g, 7).b, saved = xcr0(g), extended = cpuid(g, 0x80000001u).c;
            Cond v3 = c_and(g, has_all(g, first, V3_LEAF1_C), has_all(g, seventh, V3_LEAF7_B));
            v3 = c_and(g, v3, c_and(g, has_all(g, extended, V3_EXT1_C), has_all(g, saved, V3_XCR0)));
            IF(g, avx2, v3) i_store(g, word, ival(0), JITC_INT32, ival(HAS_V3));
            Cond v4 = c_and(g, has_all(g, seventh, V4_LEAF7_B | V4_VL), has_all(g, saved, V4_XCR0));
            IF(g, avx512, c_and(g, v3, v4)) i_store(g, word, ival(0), JITC_INT32, ival(HAS_V4));
        }
    }
}

/* -- The others: what Linux tells -------------------------------------------------------------- */
/* getauxval(AT_HWCAP) and getauxval(AT_HWCAP2), of which the low halves are enough. */
static V hwcap(ModelGen *mg, int which)
{
    static const unsigned kind[] = {16, 26};
    Gen *g = mg->g;
    LLVMTypeRef word = model_size_type(mg), type = LLVMFunctionType(word, &word, 1, 0);
    V fn = LLVMGetNamedFunction(g->module, "getauxval");
    if (!fn) fn = LLVMAddFunction(g->module, "getauxval", type);
    V got = LLVMBuildCall2(g->b, type, fn, (V[]){LLVMConstInt(word, kind[which], 0)}, 1, "");
    return LLVMGetTypeKind(word) == LLVMIntegerTypeKind && LLVMGetIntTypeWidth(word) > 32
               ? LLVMBuildTrunc(g->b, got, g->i32, "")
               : got;
}

/* riscv_hwprobe({RISCV_HWPROBE_KEY_IMA_EXT_0, 0}, 1 pair, all CPUs): kernels that do not know the call, or
 * vectors, leave 0. AT_HWCAP's V would not do: some kernels set it for a draft of the vectors. */
static V hwprobe(ModelGen *mg)
{
    Gen *g = mg->g;
    enum { SYS_RISCV_HWPROBE = 258, KEY_IMA_EXT_0 = 4 };
    LLVMTypeRef type = LLVMFunctionType(g->i64, &g->i64, 1, 1);
    V fn = LLVMAddFunction(g->module, "syscall", type), zero = LLVMConstInt(g->i64, 0, 0);
    V pair = LLVMBuildAlloca(g->b, LLVMArrayType(g->i64, 2), "pair");
    i_store(g, (Ptr){pair}, ival(0), JITC_INT64, ival(KEY_IMA_EXT_0));
    i_store(g, (Ptr){pair}, ival(1), JITC_INT64, ival(0));
    V args[] = {LLVMConstInt(g->i64, SYS_RISCV_HWPROBE, 0),
                pair,
                LLVMConstInt(g->i64, 1, 0),
                zero,
                LLVMConstNull(g->ptr),
                zero};
    V failed = LLVMBuildICmp(g->b, LLVMIntNE, LLVMBuildCall2(g->b, type, fn, args, 6, ""), zero, "");
    V bits = LLVMBuildTrunc(g->b, gen_raw(g, i_load(g, (Ptr){pair}, ival(1), JITC_INT64)), g->i32, "");
    return LLVMBuildSelect(g->b, failed, constant(g, 0), bits, "");
}

static void check_linux(ModelGen *mg, Ptr word, uint32_t needs)
{
    Gen *g = mg->g;
    int n;
    const CpuCheck *c = target_checks(mg->system->arch, &n);
    V from[2] = {0}, found = constant(g, 0);
    for (int i = 0; i < n; i++) {
        if (!(needs >> i & 1)) continue;
        V *w = &from[c[i].word];
        if (!*w) *w = mg->system->arch == ARCH_RISCV64 ? hwprobe(mg) : hwcap(mg, c[i].word);
        V bit = LLVMBuildSelect(g->b, has_all(g, *w, c[i].bits).v, constant(g, BIT(i)), constant(g, 0), "");
        found = LLVMBuildOr(g->b, found, bit, "");
    }
    LLVMBuildStore(g->b, found, word.v);
}

/* The one word that a model writes: every thread writes the same. */
V model_cpu(ModelGen *mg)
{
    Gen *g = mg->g;
    uint32_t needs = 0;
    for (int i = 0; i < mg->nvariants; i++) needs |= mg->needs[i];
    if (!needs) return NULL;
    static const uint32_t KNOWN = 0x80000000u;
    V fn = model_function(mg, "cpu", g->i64, ""), outer = g->fn;
    LLVMBasicBlockRef back = outer ? LLVMGetInsertBlock(g->b) : NULL;
    g->fn = fn;
    LLVMPositionBuilderAtEnd(g->b, LLVMAppendBasicBlockInContext(g->cx, fn, "entry"));
    V word = LLVMAddGlobal(g->module, g->i32, "cpu_has");
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
        if (mg->system->arch == ARCH_X86_64)
            check_x86(mg, (Ptr){found});
        else
            check_linux(mg, (Ptr){found}, needs);
        V has = LLVMBuildOr(g->b, LLVMBuildLoad2(g->b, g->i32, found, ""), constant(g, KNOWN), "");
        LLVMBuildStore(g->b, has, found);
        V store = LLVMBuildStore(g->b, has, word);
        LLVMSetOrdering(store, LLVMAtomicOrderingMonotonic);
        LLVMSetAlignment(store, 4);
    }
    LLVMBuildRet(g->b, LLVMBuildZExt(g->b, LLVMBuildLoad2(g->b, g->i32, found, ""), g->i64, ""));
    g->fn = outer;
    if (back) LLVMPositionBuilderAtEnd(g->b, back);
    return fn;
}

/* -- Floating-point mode: round to nearest, denormals are zero; as runtime/fpmode.h -----------------------
 * RISC-V computes with denormals: it has no such mode. ------------------------------------------------------
 */
/* Of FPCR, and of FPSCR. */
enum { ARM_FZ = 1 << 24, ARM_ROUNDING = 3 << 22, ARM_TRAPS = 0x9f00 };

static V assembly(Gen *g, LLVMTypeRef result, const char *text, const char *constraints, V arg)
{
    LLVMTypeRef type = LLVMFunctionType(result, &g->i64, arg ? 1 : 0, 0);
    V code = LLVMGetInlineAsm(type, (char *)(uintptr_t)text, strlen(text), (char *)(uintptr_t)constraints,
                              strlen(constraints), 1, 0, LLVMInlineAsmDialectATT, 0);
    return LLVMBuildCall2(g->b, type, code, &arg, arg ? 1 : 0, "");
}

V model_fp_enter(ModelGen *mg)
{
    Gen *g = mg->g;
    switch (mg->system->arch) {
    case ARCH_X86_64: {
        enum { DAZ = 0x0040, TRAPS_OFF = 0x1f80, ROUNDING = 0x6000, FTZ = 0x8000 };
        V word = LLVMBuildAlloca(g->b, g->i32, "csr"), now = LLVMBuildAlloca(g->b, g->i32, "mode");
        gen_intrinsic(g, "llvm.x86.sse.stmxcsr", NULL, 0, (V[]){word}, 1);
        V old = LLVMBuildLoad2(g->b, g->i32, word, "");
        V kept = LLVMBuildAnd(g->b, old, constant(g, ~(uint32_t)ROUNDING), "");
        LLVMBuildStore(g->b, LLVMBuildOr(g->b, kept, constant(g, DAZ | TRAPS_OFF | FTZ), ""), now);
        gen_intrinsic(g, "llvm.x86.sse.ldmxcsr", NULL, 0, (V[]){now}, 1);
        return word;
    }
    case ARCH_AARCH64: {
        V old = gen_intrinsic(g, "llvm.aarch64.get.fpcr", NULL, 0, NULL, 0);
        V kept = LLVMBuildAnd(g->b, old, LLVMConstInt(g->i64, ~(uint64_t)(ARM_ROUNDING | ARM_TRAPS), 0), "");
        V mode = LLVMBuildOr(g->b, kept, LLVMConstInt(g->i64, ARM_FZ, 0), "");
        gen_intrinsic(g, "llvm.aarch64.set.fpcr", NULL, 0, (V[]){mode}, 1);
        return old;
    }
    case ARCH_ARM: {
        V old = gen_intrinsic(g, "llvm.arm.get.fpscr", NULL, 0, NULL, 0);
        V kept = LLVMBuildAnd(g->b, old, constant(g, ~(uint32_t)(ARM_ROUNDING | ARM_TRAPS)), "");
        V mode = LLVMBuildOr(g->b, kept, constant(g, ARM_FZ), "");
        gen_intrinsic(g, "llvm.arm.set.fpscr", NULL, 0, (V[]){mode}, 1);
        return old;
    }
    default: {
        V old = assembly(g, g->i64, "frcsr $0", "=r,~{memory}", NULL);
        assembly(g, LLVMVoidTypeInContext(g->cx), "fsrmi 0", "~{memory}", NULL);
        return old;
    }
    }
}

void model_fp_leave(ModelGen *mg, V mode)
{
    Gen *g = mg->g;
    switch (mg->system->arch) {
    case ARCH_X86_64: gen_intrinsic(g, "llvm.x86.sse.ldmxcsr", NULL, 0, (V[]){mode}, 1); break;
    case ARCH_AARCH64: gen_intrinsic(g, "llvm.aarch64.set.fpcr", NULL, 0, (V[]){mode}, 1); break;
    case ARCH_ARM: gen_intrinsic(g, "llvm.arm.set.fpscr", NULL, 0, (V[]){mode}, 1); break;
    case ARCH_RISCV64: assembly(g, LLVMVoidTypeInContext(g->cx), "fscsr $0", "r,~{memory}", mode); break;
    }
}
