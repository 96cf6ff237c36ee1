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

/* Where kernels are dealt to several modules: the functions that one of them has, and the others only call.
 * Used by several threads at once. */
typedef struct ModuleNames ModuleNames;
ModuleNames *module_names_new(void); /* NULL: no memory */
void module_names_free(ModuleNames *names);
bool module_defines(ModuleNames *names,
                    const char *name); /* who asks first, defines it; `names` may be NULL */

/* From texts to a module that is ready for code generation, in this order. Errors are from malloc; NULL:
 * none. */
void module_set_target(LLVMModuleRef m, const Target *t, LLVMTargetMachineRef tm);
LLVMModuleRef module_new(LLVMContextRef cx, const Target *t, LLVMTargetMachineRef tm);
char *module_kernels(LLVMModuleRef m, const Target *t, const CodegenKernel *k, size_t n,
                     const ModuleVariant *variant, ModuleNames *names, const Limits *limits);
char *module_limit(const Limits *limits); /* the error that a limit has passed */
char *module_diagnostics(const Job *job); /* what was reported, or that memory ran out */
char *module_finish(LLVMModuleRef m, LLVMTargetMachineRef tm, bool quick);
char *module_emit(LLVMModuleRef m, LLVMTargetMachineRef tm, CodegenEmit kind, CodegenFile *out);
#endif
