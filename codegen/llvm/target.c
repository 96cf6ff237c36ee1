#include "codegen/llvm/target.h"

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <stdlib.h>

static const System systems[] = {
    {"x86_64-linux-gnu",
     "x86_64-unknown-linux-gnu",
     ARCH_X86_64,
     OS_LINUX,
     "x86-64",
     {"x86-64", "x86-64-v3", "x86-64-v4"}},
    {"x86_64-w64-windows-gnu",
     "x86_64-w64-windows-gnu",
     ARCH_X86_64,
     OS_WINDOWS,
     "x86-64",
     {"x86-64", "x86-64-v3", "x86-64-v4"}},
    {"aarch64-linux-gnu", "aarch64-unknown-linux-gnu", ARCH_AARCH64, OS_LINUX, "generic", {"generic"}},
    {"arm64-apple-macosx", "arm64-apple-macosx11.0.0", ARCH_AARCH64, OS_MACOS, "apple-m1", {"apple-m1"}},
    {"armv7-linux-gnueabihf",
     "armv7-unknown-linux-gnueabihf",
     ARCH_ARM,
     OS_LINUX,
     "",
     {"generic", "cortex-a7"}},
    {"riscv64-linux-gnu",
     "riscv64-unknown-linux-gnu",
     ARCH_RISCV64,
     OS_LINUX,
     "rv64gc",
     {"rv64gc", "rv64gcv"}},
};

/* -- Lists of features: "+a,-b" ---------------------------------------------------------------- */
static bool sets(const char *features, const char *f, char sign)
{
    size_t n = strlen(f);
    for (const char *p = features; (p = strstr(p, f)); p += n)
        if (p > features && p[-1] == sign && (p[n] == ',' || !p[n])) return true;
    return false;
}
static bool has(const char *features, const char *f)
{
    return sets(features, f, '+');
}
static bool lacks(const char *features, const char *f)
{
    return sets(features, f, '-');
}

/* -- Systems ----------------------------------------------------------------------------------- */
static bool part(const char **triple, const char *const *words)
{
    for (; *words; words++) {
        size_t n = strlen(*words);
        if (strncmp(*triple, *words, n) != 0 || ((*triple)[n] && (*triple)[n] != '-')) continue;
        *triple += n + ((*triple)[n] == '-');
        return true;
    }
    return false;
}

/* "aarch64-linux-gnu", "aarch64-unknown-linux-gnu" and the like; mingw32 is what GNU calls windows-gnu, and a
 * Mac's system may have a version. */
static bool is_system(const System *s, const char *triple)
{
    static const char *const arch[][5] = {[ARCH_X86_64] = {"x86_64", "amd64"},
                                          [ARCH_AARCH64] = {"aarch64", "arm64"},
                                          [ARCH_ARM] = {"armv7", "armv7a", "armv7l", "arm"},
                                          [ARCH_RISCV64] = {"riscv64"}};
    static const char *const vendor[] = {"unknown", "pc", "none", "w64", "apple", NULL}, *const kernel[] = {
                                                                                             "linux", NULL};
    static const char *const abi[] = {"gnu", NULL}, *const hard[] = {"gnueabihf", NULL};
    static const char *const windows[] = {"windows-gnu", "mingw32", NULL};
    if (!part(&triple, arch[s->arch])) return false;
    bool apple = strncmp(triple, "apple-", 6) == 0;
    part(&triple, vendor);
    switch (s->os) {
    case OS_LINUX:
        return part(&triple, kernel) && part(&triple, s->arch == ARCH_ARM ? hard : abi) && !*triple;
    case OS_WINDOWS: return part(&triple, windows) && !*triple;
    default:
        return apple && strncmp(triple, "macosx", 6) == 0 &&
               strspn(triple + 6, "0123456789.") == strlen(triple + 6);
    }
}

static bool big_endian(const char *triple)
{
    static const char *const arch[] = {"aarch64_be", "armeb",     "armebv7", "mips",  "mips64",
                                       "powerpc",    "powerpc64", "ppc",     "ppc64", "s390x",
                                       "sparc",      "sparc64",   "sparcv9", NULL};
    return part(&triple, arch);
}

static const System *find_system(const char *triple, char **error)
{
    for (size_t i = 0; i < COUNT(systems); i++)
        if (is_system(&systems[i], triple)) return &systems[i];
    Str s = {0};
    str_printf(&s, "no code can be made for '%.100s'%s; there are", triple,
               big_endian(triple) ? ", which is big-endian" : "");
    for (size_t i = 0; i < COUNT(systems); i++) str_printf(&s, "%s %s", i ? "," : "", systems[i].name);
    *error = strdup(str_text(&s));
    str_free(&s);
    return NULL;
}

static void initialise(Arch arch)
{
#define INITIALISE(name)                                                                                     \
    LLVMInitialize##name##TargetInfo(), LLVMInitialize##name##Target(), LLVMInitialize##name##TargetMC(),    \
        LLVMInitialize##name##AsmPrinter(), LLVMInitialize##name##AsmParser()
    switch (arch) {
    case ARCH_X86_64: INITIALISE(X86); break;
    case ARCH_AARCH64: INITIALISE(AArch64); break;
    case ARCH_ARM: INITIALISE(ARM); break;
    case ARCH_RISCV64: INITIALISE(RISCV); break;
    }
}

/* -- CPUs -------------------------------------------------------------------------------------- */
static Isa x86_isa(int level, const char *f)
{
    Isa isa = {0};
    bool avx = (level >= 3 || has(f, "avx")) && !lacks(f, "avx");
    bool avx2 = avx && (level >= 3 || has(f, "avx2")) && !lacks(f, "avx2");
    bool avx512 = avx2 &&
                  (level >= 4 ||
                   (has(f, "avx512f") && has(f, "avx512vl") && has(f, "avx512bw") && has(f, "avx512dq"))) &&
                  !lacks(f, "avx512f");
    isa.rounds = (level >= 2 || has(f, "sse4.1")) && !lacks(f, "sse4.1");
    isa.fma = avx && (level >= 3 || has(f, "fma")) && !lacks(f, "fma");
    isa.masks = avx;
    isa.vec_bytes = avx512 ? 64 : avx ? 32 : 16;
    isa.vec_regs = avx512 ? 32 : 16;
    return isa;
}

static Isa set_isa(Arch arch, const char *f)
{
    switch (arch) {
    case ARCH_AARCH64: return (Isa){.fma = true, .rounds = true, .vec_bytes = 16, .vec_regs = 32};
    case ARCH_ARM:
        return (Isa){
            .fma = has(f, "vfp4"), .bits32 = true, .vec_bytes = has(f, "neon") ? 16 : 4, .vec_regs = 16};
    case ARCH_RISCV64:
        return (Isa){.fma = true,
                     .rounds = true,
                     .masks = has(f, "v"),
                     .vec_bytes = has(f, "v") ? 16 : 4,
                     .vec_regs = 32};
    default: return x86_isa(1, f);
    }
}

/* What LLVM is told beside the features that are asked for. */
static const char *const generic_cpu[] = {"x86-64", "generic", "generic", "generic-rv64"};
static const char *const always[] = {"", "+fp-armv8,+neon", "-neon,+vfp3d16", "+m,+a,+f,+d,+c"};

static bool unknown_cpu(const System *s, const char *cpu, char **error)
{
    Str text = {0};
    str_printf(&text, "unknown CPU '%.100s' for %s; there are", cpu, s->name);
    str_put(&text, " ");
    cpu_names(s, &text);
    *error = strdup(str_text(&text));
    str_free(&text);
    return false;
}

static bool begin(Target *t, const System *s, char **error)
{
    char *why = NULL;
    initialise(s->arch);
    t->system = s;
    if (!t->triple) t->triple = LLVMCreateMessage(s->triple);
    if (LLVMGetTargetFromTriple(t->triple, &t->target, &why)) {
        *error = strdup(why ? why : "no target");
        LLVMDisposeMessage(why);
        return false;
    }
    return true;
}

/* A CPU by the features that objects check: those of its name, then "+f" and "-f" of `extra`. */
static bool by_features(Target *t, const char *cpu, const char *extra, char **error)
{
    const System *s = t->system;
    const char *own = *cpu ? cpu_features(s, cpu) : "";
    Str all = {0};
    if (!own) return unknown_cpu(s, cpu, error);
    for (const char *p = own; *p; p += strcspn(p, ","), p += *p == ',')
        t->needs |= cpu_check(s, p, strcspn(p, ","));
    for (const char *p = extra; *p; p += strcspn(p, ","), p += *p == ',') {
        size_t n = strcspn(p, ",");
        uint32_t bit = *p == '+' || *p == '-' ? cpu_check(s, p + 1, n - 1) : 0;
        int count;
        const CpuCheck *c = target_checks(s->arch, &count);
        if (!bit) {
            str_printf(&all, "no object can check whether %s has '%.*s'; what it can is", s->name, (int)n, p);
            for (int i = 0; i < count; i++) str_printf(&all, "%s +%s", i ? "," : "", c[i].name);
            *error = strdup(str_text(&all));
            str_free(&all);
            return false;
        }
        t->needs = *p == '+' ? t->needs | bit : t->needs & ~bit;
    }
    str_put(&all, always[s->arch]);
    int count;
    const CpuCheck *c = target_checks(s->arch, &count);
    for (int i = 0; i < count; i++)
        if (t->needs >> i & 1) str_printf(&all, ",+%s", c[i].name);
    t->cpu = LLVMCreateMessage(generic_cpu[s->arch]);
    t->features = strdup(str_text(&all));
    bool generic = !*cpu || strcmp(cpu, "generic") == 0 || strncmp(cpu, "rv64", 4) == 0;
    if (!generic && s->arch != ARCH_ARM) t->tune = cpu; /* LLVM's ARM has no such attribute */
    if (s->os == OS_MACOS) t->needs = 0;
    str_free(&all);
    return t->features != NULL;
}

static bool by_level(Target *t, int level)
{
    static const char *const name[] = {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"};
    t->cpu = LLVMCreateMessage(name[level - 1]);
    t->features = strdup("");
    t->isa = x86_isa(level, "");
    for (int i = 2; i <= level; i++) t->needs |= UINT32_C(1) << (i - 2);
    return t->features != NULL;
}

static const System *host_system(Target *t, char **error)
{
    t->triple = LLVMGetDefaultTargetTriple();
    return find_system(t->triple, error);
}

bool target_init(Target *t, const CodegenTarget *want, char **error)
{
    memset(t, 0, sizeof *t);
    t->quick = want->quick;
    *error = NULL;
    const System *s =
        want->triple && *want->triple ? find_system(want->triple, error) : host_system(t, error);
    if (!s || !begin(t, s, error)) return false;
    const char *extra = want->features ? want->features : "";
    if (!strcmp(want->cpu, "native")) {
        if (want->triple && *want->triple) {
            *error = strdup("'native' is the CPU of this machine; name one of the other system's");
            return false;
        }
        char *host = LLVMGetHostCPUFeatures();
        t->cpu = LLVMGetHostCPUName();
        if (asprintf(&t->features, "%s%s%s", host, *extra ? "," : "", extra) < 0) t->features = NULL;
        LLVMDisposeMessage(host);
        t->isa = set_isa(s->arch, t->features ? t->features : "");
        return t->features != NULL;
    }
    if (s->arch != ARCH_X86_64) {
        if (!by_features(t, want->cpu, extra, error)) return false;
        t->isa = set_isa(s->arch, t->features);
        return true;
    }
    int level = cpu_x86_level(want->cpu);
    if (!level) return unknown_cpu(s, want->cpu, error);
    t->cpu = LLVMCreateMessage(want->cpu);
    t->features = strdup(extra);
    t->isa = x86_isa(level, extra);
    return t->features != NULL;
}

/* Of this machine: the highest level that it has. */
static int native_level(void)
{
    static const char *const level[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
    int n = 1;
    while (n < 4 && target_runs_here(&(CodegenTarget){.cpu = level[n - 1], .features = ""})) n++;
    return n;
}

static bool object_target(Target *t, const System *s, const CodegenTarget *want, const char *cpu,
                          char **error)
{
    const char *extra = want->features ? want->features : "";
    bool native = strcmp(cpu, "native") == 0;
    memset(t, 0, sizeof *t);
    t->quick = want->quick;
    if (!begin(t, s, error)) return false;
    if (s->arch != ARCH_X86_64) {
        if (!by_features(t, cpu, extra, error)) return false;
        t->isa = set_isa(s->arch, t->features);
        return true;
    }
    int level = native ? native_level() : cpu_x86_level(cpu);
    if (!level) return unknown_cpu(s, cpu, error);
    if (*extra) {
        *error =
            strdup("an object file for x86-64 cannot be for single features of a CPU, only for its levels");
        return false;
    }
    return by_level(t, level);
}

int target_variants(const CodegenTarget *want, Target t[TARGET_VARIANTS], char **error)
{
    *error = NULL;
    bool foreign = want->triple && *want->triple;
    Target host = {0};
    const System *s = foreign ? find_system(want->triple, error) : host_system(&host, error);
    target_free(&host);
    if (!s) return 0;
    const char *const one[] = {want->cpu, NULL, NULL};
    const char *const *cpu = strcmp(want->cpu, "baseline") == 0 ? s->baseline : one;
    if (foreign && strcmp(want->cpu, "native") == 0) {
        *error = strdup("'native' is the CPU of this machine; name one of the other system's");
        return 0;
    }
    int n = 0;
    for (; n < TARGET_VARIANTS && cpu[n]; n++)
        if (!object_target(&t[n], s, want, cpu[n], error)) {
            if (!*error) *error = strdup("out of memory");
            for (; n >= 0; n--) target_free(&t[n]);
            return 0;
        }
    return n;
}

bool target_least(Target *t, const System *s, bool quick, char **error)
{
    CodegenTarget none = {.features = "", .quick = quick};
    return object_target(t, s, &none, s->least, error);
}

bool target_runs_here(const CodegenTarget *want)
{
    static const char *const needs[] = {
        [2] = "ssse3 sse4.2 popcnt ",
        [3] = "avx2 fma bmi bmi2 f16c lzcnt movbe ",
        [4] = "avx512f avx512bw avx512cd avx512dq avx512vl ",
    };
    char *host = LLVMGetHostCPUFeatures(), name[64];
    bool runs = true;
    for (int level = 2; level <= cpu_x86_level(want->cpu); level++)
        for (const char *p = needs[level]; *p; p += strlen(name) + 1) {
            snprintf(name, sizeof name, "%.*s", (int)strcspn(p, " "), p);
            runs = runs && has(host, name);
        }
    for (const char *p = want->features ? want->features : ""; *p; p += strcspn(p, ","), p += *p == ',')
        if (*p == '+') {
            snprintf(name, sizeof name, "%.*s", (int)strcspn(p + 1, ","), p + 1);
            runs = runs && !lacks(host, name);
        }
    LLVMDisposeMessage(host);
    return runs;
}

LLVMTargetMachineRef target_machine(const Target *t)
{
    LLVMTargetMachineOptionsRef o = LLVMCreateTargetMachineOptions();
    LLVMTargetMachineOptionsSetCPU(o, t->cpu);
    LLVMTargetMachineOptionsSetFeatures(o, t->features);
    LLVMTargetMachineOptionsSetCodeGenOptLevel(o, t->quick ? LLVMCodeGenLevelNone : LLVMCodeGenLevelDefault);
    LLVMTargetMachineOptionsSetRelocMode(o, LLVMRelocPIC);
    LLVMTargetMachineOptionsSetCodeModel(o, LLVMCodeModelSmall);
    if (t->system->arch == ARCH_RISCV64) LLVMTargetMachineOptionsSetABI(o, "lp64d");
    LLVMTargetMachineRef tm = LLVMCreateTargetMachineWithOptions(t->target, t->triple, o);
    LLVMDisposeTargetMachineOptions(o);
    return tm;
}

void target_free(Target *t)
{
    LLVMDisposeMessage(t->triple);
    LLVMDisposeMessage(t->cpu);
    free(t->features);
    memset(t, 0, sizeof *t);
}
