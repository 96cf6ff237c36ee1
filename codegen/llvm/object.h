/* From a model to an object file, or its text as assembly or LLVM IR. */
#ifndef JITC_LLVM_OBJECT_H
#define JITC_LLVM_OBJECT_H

#include "codegen/llvm/target.h"
#include "codegen/model.h"

/* The error is from malloc; NULL: none. *bad_target: it is about `want`. */
char *object_make(const CodegenTarget *want, const CodegenModel *m, CodegenEmit kind, const Limits *limits,
                  CodegenFile *out, bool *bad_target);
#endif
