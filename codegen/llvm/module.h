/* From kernel texts to an LLVM module, and to an object. */
#ifndef JITC_LLVM_MODULE_H
#define JITC_LLVM_MODULE_H

#include <llvm-c/Core.h>

#include "codegen/llvm/target.h"

/* Emits every text into one module of `cx`; symbols are k0, k1, … plus `first`. NULL: *error says why
 * (malloc). */
LLVMModuleRef module_emit(LLVMContextRef cx, const Target *t, LLVMTargetMachineRef tm, const CodegenKernel *k,
                          size_t n, size_t first, char **error);
#endif
