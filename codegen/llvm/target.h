/* Targets: a CPU name and features as LLVM knows them, and what emitters may know of them. */
#ifndef JITC_TARGET_H
#define JITC_TARGET_H

#include <llvm-c/TargetMachine.h>

#include "codegen/llvm/gen.h"
#include "codegen/service.h"

typedef struct {
    char *triple, *cpu, *features; /* from LLVM or malloc; target_free() */
    Isa isa;
    LLVMTargetRef target;
    bool quick;
} Target;

/* False: *error says why, from malloc. */
bool target_init(Target *t, const CodegenTarget *want, char **error);
int target_level(const CodegenTarget *want);          /* of x86-64: 1 to 4; 1 elsewhere */
bool target_runs_here(const CodegenTarget *want);     /* whether this machine has what `want` names */
LLVMTargetMachineRef target_machine(const Target *t); /* one per thread */
void target_free(Target *t);
#endif
