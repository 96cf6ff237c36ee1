#include "codegen/llvm/target.h"

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <stdlib.h>

/* A CPU's name alone does not say what it has: virtual machines mask features, so "native" takes the features
 * of this machine. Named CPUs are looked up by level, the generic levels being what LLVM calls x86-64-vN. */
static const struct {
    const char *cpu;
    int level;
} levels[] = {
    {"x86-64", 1},         {"x86-64-v2", 2},      {"x86-64-v3", 3},   {"x86-64-v4", 4},
    {"nehalem", 2},        {"westmere", 2},       {"sandybridge", 2}, {"ivybridge", 2},
    {"haswell", 3},        {"broadwell", 3},      {"skylake", 3},     {"alderlake", 3},
    {"znver1", 3},         {"znver2", 3},         {"znver3", 3},      {"znver4", 4},
    {"znver5", 4},         {"skylake-avx512", 4}, {"cascadelake", 4}, {"icelake-client", 4},
    {"icelake-server", 4}, {"sapphirerapids", 4},
};

static bool has(const char *features, const char *f)
{
    size_t n = strlen(f);
    for (const char *p = features; (p = strstr(p, f)); p += n)
        if (p > features && p[-1] == '+' && (p[n] == ',' || !p[n])) return true;
    return false;
}

static bool lacks(const char *features, const char *f)
{
    size_t n = strlen(f);
    for (const char *p = features; (p = strstr(p, f)); p += n)
        if (p > features && p[-1] == '-' && (p[n] == ',' || !p[n])) return true;
    return false;
}

static void set_isa(Isa *isa, int level, const char *f)
{
    isa->sse41 = (level >= 2 || has(f, "sse4.1")) && !lacks(f, "sse4.1");
    isa->avx = (level >= 3 || has(f, "avx")) && !lacks(f, "avx");
    isa->avx2 = isa->avx && (level >= 3 || has(f, "avx2")) && !lacks(f, "avx2");
    isa->fma = isa->avx && (level >= 3 || has(f, "fma")) && !lacks(f, "fma");
    isa->avx512 = isa->avx2 &&
                  (level >= 4 ||
                   (has(f, "avx512f") && has(f, "avx512vl") && has(f, "avx512bw") && has(f, "avx512dq"))) &&
                  !lacks(f, "avx512f");
    isa->vec_bytes = isa->avx512 ? 64 : isa->avx ? 32 : 16;
    isa->vec_regs = isa->avx512 ? 32 : 16;
}

bool target_init(Target *t, const CodegenTarget *want, char **error)
{
    memset(t, 0, sizeof *t);
    t->quick = want->quick;
    *error = NULL;
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    t->triple = LLVMGetDefaultTargetTriple();
    char *why = NULL;
    if (LLVMGetTargetFromTriple(t->triple, &t->target, &why)) {
        *error = strdup(why ? why : "no target");
        LLVMDisposeMessage(why);
        return false;
    }
    const char *extra = want->features ? want->features : "";
    if (!strcmp(want->cpu, "native")) {
        char *host = LLVMGetHostCPUFeatures();
        t->cpu = LLVMGetHostCPUName();
        if (asprintf(&t->features, "%s%s%s", host, *extra ? "," : "", extra) < 0) t->features = NULL;
        LLVMDisposeMessage(host);
        set_isa(&t->isa, 1, t->features ? t->features : "");
        return t->features != NULL;
    }
    for (size_t i = 0; i < COUNT(levels); i++) {
        if (strcmp(levels[i].cpu, want->cpu) != 0) continue;
        t->cpu = LLVMCreateMessage(want->cpu);
        t->features = strdup(extra);
        set_isa(&t->isa, levels[i].level, extra);
        return t->features != NULL;
    }
    if (asprintf(error, "unknown CPU '%.100s'", want->cpu) < 0) *error = NULL;
    return false;
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
    for (size_t i = 0; i < COUNT(levels); i++)
        for (int level = 2; !strcmp(levels[i].cpu, want->cpu) && level <= levels[i].level; level++)
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

int target_level(const CodegenTarget *want)
{
    static const char *const level[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
    int n = 1;
    if (!strcmp(want->cpu, "native"))
        while (n < 4 && target_runs_here(&(CodegenTarget){.cpu = level[n - 1], .features = ""})) n++;
    for (size_t i = 0; i < COUNT(levels); i++)
        if (!strcmp(levels[i].cpu, want->cpu)) n = levels[i].level;
    return n;
}

LLVMTargetMachineRef target_machine(const Target *t)
{
    LLVMCodeGenOptLevel level = t->quick ? LLVMCodeGenLevelNone : LLVMCodeGenLevelDefault;
    return LLVMCreateTargetMachine(t->target, t->triple, t->cpu, t->features, level, LLVMRelocPIC,
                                   LLVMCodeModelSmall);
}

void target_free(Target *t)
{
    LLVMDisposeMessage(t->triple);
    LLVMDisposeMessage(t->cpu);
    free(t->features);
}
