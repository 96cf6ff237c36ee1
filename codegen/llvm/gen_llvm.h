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
    const char *suffix;                /* of functions that kernels share */
    struct ModuleNames *names;         /* of those that some module has; NULL: there is only this module */
    const char *cpu, *features, *tune; /* that functions are compiled for, where it is not the module's */
    const struct CustomOps *ops;       /* operators made of code, and their modules */
    struct CodeCache **codes;
};

void gen_attributes(Gen *g, LLVMValueRef fn);
LLVMValueRef gen_raw(Gen *g, Ival a);
LLVMValueRef gen_intrinsic(Gen *g, const char *name, LLVMTypeRef *overload, size_t nover, LLVMValueRef *args,
                           unsigned nargs);

/* -- gen_wide.c: what 32-bit machines lack: division of integers and vectors of them, a signed product that
 * tells whether it fits into 64 bits, ... */
LLVMValueRef gen_divide(Gen *g, LLVMValueRef a, LLVMValueRef b, bool is_signed, bool rem);
LLVMValueRef gen_product_fits(Gen *g, LLVMValueRef a, LLVMValueRef b, LLVMValueRef *fits);
/* ... and conversions between 64-bit integers and floating-point numbers that they can hold. */
LLVMValueRef gen_wide_to_real(Gen *g, LLVMValueRef v, LLVMTypeRef to, bool is_signed);
LLVMValueRef gen_real_to_wide(Gen *g, LLVMValueRef v, LLVMTypeRef to, bool is_signed);

/* A kernel's function, without a body. */
LLVMValueRef gen_declare(Gen *g, const char *name);
void gen_begin(Gen *g, LLVMValueRef fn, int nptrs, int ndims);
void gen_end(Gen *g);
#endif
