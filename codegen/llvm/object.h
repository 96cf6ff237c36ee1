/* From a model to an object file, or its text as assembly or LLVM IR. */
#ifndef JITC_LLVM_OBJECT_H
#define JITC_LLVM_OBJECT_H

#include <llvm-c/Core.h>

#include "codegen/llvm/target.h"
#include "codegen/model.h"

/* `want`: the CPUs whose kernels it has, by rising level; the first is the least that runs it. The error is
 * from malloc; NULL: none. *bad_cpu: it is about `want`. */
char *object_make(const CodegenTarget *want, int nwant, const CodegenModel *m, CodegenEmit kind,
                  const Limits *limits, LLVMMemoryBufferRef *out, bool *bad_cpu);
#endif
