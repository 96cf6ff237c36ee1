/* CPUs by their names, and what objects can ask about the one they run on. */
#include "codegen/llvm/target.h"

/* -- x86-64: the generic levels are what LLVM calls x86-64-vN ---------------------------------- */
static const struct {
    const char *cpu;
    int level;
} x86[] = {
    {"x86-64", 1},         {"x86-64-v2", 2},      {"x86-64-v3", 3},   {"x86-64-v4", 4},
    {"nehalem", 2},        {"westmere", 2},       {"sandybridge", 2}, {"ivybridge", 2},
    {"haswell", 3},        {"broadwell", 3},      {"skylake", 3},     {"alderlake", 3},
    {"znver1", 3},         {"znver2", 3},         {"znver3", 3},      {"znver4", 4},
    {"znver5", 4},         {"skylake-avx512", 4}, {"cascadelake", 4}, {"icelake-client", 4},
    {"icelake-server", 4}, {"sapphirerapids", 4},
};
static const char *const x86_levels[] = {NULL, "", "x86-64-v2", "x86-64-v2,x86-64-v3",
                                         "x86-64-v2,x86-64-v3,x86-64-v4"};

int cpu_x86_level(const char *cpu)
{
    for (size_t i = 0; i < COUNT(x86); i++)
        if (strcmp(x86[i].cpu, cpu) == 0) return x86[i].level;
    return 0;
}

/* -- The others. Features that bring nothing to our code (cryptography, say) are left out ------ */
typedef struct {
    Arch arch;
    const char *names; /* separated by spaces */
    const char *features;
} CpuFamily;

#define V8_2 "lse,rdm,fullfp16,dotprod,rcpc"
static const CpuFamily families[] = {
    {ARCH_AARCH64, "generic cortex-a35 cortex-a53 cortex-a57 cortex-a72 cortex-a73", ""},
    {ARCH_AARCH64, "cortex-a55 cortex-a75 cortex-a76 cortex-a77 cortex-a78 cortex-x1 neoverse-n1", V8_2},
    {ARCH_AARCH64,
     "cortex-a510 cortex-a710 cortex-a715 cortex-x2 cortex-x3 neoverse-n2 neoverse-v1 neoverse-v2",
     V8_2 ",fp16fml,i8mm,bf16"},
    {ARCH_AARCH64, "ampere1", V8_2 ",i8mm,bf16"},
    {ARCH_AARCH64, "apple-m1", V8_2 ",fp16fml"},
    {ARCH_ARM, "generic cortex-a8 cortex-a9", "neon"},
    {ARCH_ARM, "cortex-a5", "neon,vfp4"},
    {ARCH_ARM, "cortex-a7 cortex-a15 cortex-a17 cortex-a32 cortex-a35 cortex-a53 cortex-a57 cortex-a72",
     "neon,vfp4,hwdiv-arm"},
    {ARCH_RISCV64, "rv64gc sifive-u74", ""},
    {ARCH_RISCV64, "rv64gcv", "v"},
    {ARCH_RISCV64, "sifive-p450", "zba,zbb,zbs"},
    {ARCH_RISCV64, "sifive-p670 spacemit-x60", "v,zba,zbb,zbs"},
};

static bool in_list(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; *p; p += strcspn(p, " "), p += *p == ' ')
        if (strcspn(p, " ") == n && memcmp(p, word, n) == 0) return true;
    return false;
}

/* A Mac has at least an M1, and objects ask no system but Linux. */
static bool fits(const System *s, const CpuFamily *f)
{
    return f->arch == s->arch && (s->os != OS_MACOS || in_list(f->names, s->least));
}

const char *cpu_features(const System *s, const char *cpu)
{
    if (s->arch == ARCH_X86_64) return x86_levels[cpu_x86_level(cpu)];
    for (size_t i = 0; i < COUNT(families); i++)
        if (fits(s, &families[i]) && in_list(families[i].names, cpu)) return families[i].features;
    return NULL;
}

void cpu_names(const System *s, Str *out)
{
    for (size_t i = 0; s->arch == ARCH_X86_64 && i < COUNT(x86); i++)
        str_printf(out, "%s%s", i ? " " : "", x86[i].cpu);
    for (size_t i = 0, n = 0; i < COUNT(families); i++)
        if (fits(s, &families[i])) str_printf(out, "%s%s", n++ ? " " : "", families[i].names);
}

/* -- Checks -------------------------------------------------------------------------------------------------
 * Words: for ARM those that getauxval() gives for AT_HWCAP and AT_HWCAP2; for RISC-V the one that the system
 * call riscv_hwprobe gives for RISCV_HWPROBE_KEY_IMA_EXT_0, whose V is that of the ratified version. */
#define BIT(n) (UINT32_C(1) << (n))
static const CpuCheck x86_checks[] = {{"x86-64-v2", 0, 0}, {"x86-64-v3", 0, 0}, {"x86-64-v4", 0, 0}};
static const CpuCheck aarch64_checks[] = {
    {"lse", 0, BIT(8)},      {"fullfp16", 0, BIT(9) | BIT(10)}, {"rdm", 0, BIT(12)},  {"rcpc", 0, BIT(15)},
    {"dotprod", 0, BIT(20)}, {"fp16fml", 0, BIT(23)},           {"i8mm", 1, BIT(13)}, {"bf16", 1, BIT(14)},
};
static const CpuCheck arm_checks[] = {{"neon", 0, BIT(12)}, {"vfp4", 0, BIT(16)}, {"hwdiv-arm", 0, BIT(17)}};
static const CpuCheck riscv_checks[] = {
    {"v", 0, BIT(2)}, {"zba", 0, BIT(3)}, {"zbb", 0, BIT(4)}, {"zbs", 0, BIT(5)}};

const CpuCheck *target_checks(Arch arch, int *n)
{
    static const struct {
        const CpuCheck *at;
        int n;
    } table[] = {[ARCH_X86_64] = {x86_checks, COUNT(x86_checks)},
                 [ARCH_AARCH64] = {aarch64_checks, COUNT(aarch64_checks)},
                 [ARCH_ARM] = {arm_checks, COUNT(arm_checks)},
                 [ARCH_RISCV64] = {riscv_checks, COUNT(riscv_checks)}};
    *n = table[arch].n;
    return table[arch].at;
}

uint32_t cpu_check(const System *s, const char *name, size_t n)
{
    int count;
    const CpuCheck *c = target_checks(s->arch, &count);
    for (int i = 0; i < count; i++)
        if (strlen(c[i].name) == n && memcmp(c[i].name, name, n) == 0) return BIT(i);
    return 0;
}
