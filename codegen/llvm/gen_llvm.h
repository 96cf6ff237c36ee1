/* The builder's private side, for the files that know LLVM. */
#ifndef JITC_GEN_LLVM_H
#define JITC_GEN_LLVM_H

#include <llvm-c/Core.h>

#include "codegen/llvm/gen.h"

struct Gen {
    Job *job;
    LLVMContextRef cx;
    LLVMModuleRef module;
    LLVMBuilderRef b;
    LLVMValueRef fn;
    LLVMTypeRef i1, i8, i32, i64, ptr;
    Isa isa;
    LLVMValueRef dims[64]; /* loaded in the entry block */
    LLVMValueRef ptrs[64];
    int ndims, nptrs;
    const char *suffix;          /* of functions that kernels share */
    const char *cpu, *features;  /* that functions are compiled for, where it is not the module's */
    const struct CustomOps *ops; /* operators made of code, and their modules */
    struct CodeCache **codes;
};

void gen_attributes(Gen *g, LLVMValueRef fn);
LLVMValueRef gen_raw(Gen *g, Ival a);
LLVMValueRef gen_intrinsic(Gen *g, const char *name, LLVMTypeRef *overload, size_t nover, LLVMValueRef *args,
                           unsigned nargs);

void gen_begin(Gen *g, const char *name, int nptrs, int ndims);
void gen_end(Gen *g);
#endif
