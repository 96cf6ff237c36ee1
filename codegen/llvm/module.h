/* From kernel texts to an LLVM module, and to an object. */
#ifndef JITC_LLVM_MODULE_H
#define JITC_LLVM_MODULE_H

#include <llvm-c/Core.h>

#include "codegen/llvm/target.h"

struct Gen;
/* A builder for a function of the module that is no kernel. */
void module_gen(struct Gen *g, Job *job, LLVMModuleRef module, LLVMBuilderRef b);

/* Kernels that exist for several CPUs in one module: each function says what it is compiled for. */
typedef struct {
    const char *suffix; /* of the symbols */
    LLVMValueRef *fn;   /* out: by kernel */
} ModuleVariant;

/* The steps of module_emit(). Errors are from malloc; NULL: none. */
void module_set_target(LLVMModuleRef m, const Target *t, LLVMTargetMachineRef tm);
LLVMModuleRef module_new(LLVMContextRef cx, const Target *t, LLVMTargetMachineRef tm);
char *module_kernels(LLVMModuleRef m, const Target *t, const CodegenKernel *k, size_t n, size_t first,
                     const ModuleVariant *variant, const Limits *limits);
char *module_limit(const Limits *limits); /* the error that a limit has passed */
char *module_diagnostics(const Job *job); /* what was reported, or that memory ran out */
char *module_finish(LLVMModuleRef m, LLVMTargetMachineRef tm);

/* Emits every text into one module of `cx`; symbols are k0, k1, … plus `first`. NULL: *error says why
 * (malloc). */
LLVMModuleRef module_emit(LLVMContextRef cx, const Target *t, LLVMTargetMachineRef tm, const CodegenKernel *k,
                          size_t n, size_t first, char **error);
#endif
