/* Targets: a system, a CPU and its features as LLVM knows them, and what emitters may know of them. */
#ifndef JITC_TARGET_H
#define JITC_TARGET_H

#include <llvm-c/TargetMachine.h>

#include "codegen/llvm/gen.h"
#include "codegen/service.h"

typedef enum { ARCH_X86_64, ARCH_AARCH64, ARCH_ARM, ARCH_RISCV64 } Arch;
typedef enum { OS_LINUX, OS_MACOS, OS_WINDOWS } Os;

enum { TARGET_VARIANTS = 3 };

/* One kind of system that code can be made for. */
typedef struct {
    const char *name, *triple; /* as users write it, and as LLVM does */
    Arch arch;
    Os os;
    const char *least;                     /* the CPU that every such system has: what no check guards */
    const char *baseline[TARGET_VARIANTS]; /* the CPUs whose kernels an object has by default, rising */
} System;

typedef struct {
    const System *system;
    char *triple, *cpu, *features; /* from LLVM or malloc; target_free() */
    const char *tune;              /* the CPU to schedule for, or NULL */
    uint32_t needs; /* what a CPU must have beyond the least one: bit i is check i of its arch */
    Isa isa;
    LLVMTargetRef target;
    bool quick;
} Target;

/* What an object asks of the CPU that it finds itself on. For x86-64 the levels of its ABI, asked of the CPU
 * itself; elsewhere features by their names in LLVM, asked of the system: bits in the words that Linux gives.
 */
typedef struct {
    const char *name;
    int word; /* which of the system's words */
    uint32_t bits;
} CpuCheck;
const CpuCheck *target_checks(Arch arch, int *n);

/* The CPU's code, for the machine that jitc runs on or the system that is named. False: *error says why, from
 * malloc. */
bool target_init(Target *t, const CodegenTarget *want, char **error);
/* The same for an object file: one or several targets, by rising needs, that check what they need. "baseline"
 * is the system's default. Gives their number; 0: *error says why. */
int target_variants(const CodegenTarget *want, Target t[TARGET_VARIANTS], char **error);
bool target_least(Target *t, const System *system, bool quick, char **error); /* what needs no check */
bool target_runs_here(const CodegenTarget *want);     /* whether this machine has what `want` names */
LLVMTargetMachineRef target_machine(const Target *t); /* one per thread */
void target_free(Target *t);

/* -- target_cpu.c: CPUs by their names --------------------------------------------------------- */
/* The features that a CPU of this name has, comma-separated, as far as there are checks for them; NULL: the
 * name is unknown. */
const char *cpu_features(const System *s, const char *cpu);
void cpu_names(const System *s, Str *out); /* those that are known */
uint32_t cpu_check(const System *s, const char *name,
                   size_t n);       /* the bit of a feature; 0: there is no check */
int cpu_x86_level(const char *cpu); /* 1 to 4; 0: unknown */
#endif
