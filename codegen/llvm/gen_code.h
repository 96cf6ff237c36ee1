/* Custom operators made of code: LLVM's bitcode or text of a scalar function. For the files that know LLVM.
 */
#ifndef JITC_GEN_CODE_H
#define JITC_GEN_CODE_H

#include <llvm-c/Core.h>

#include "codegen/llvm/gen.h"
#include "ir/custom.h"

/* The module read and checked: the function exists, takes and gives scalars, needs nothing that is not there
 * but C's mathematics, and changes nothing. NULL: *why, from malloc, says what is wrong. `types`: see
 * CustomOp. */
LLVMModuleRef code_read(LLVMContextRef cx, const jitc_op *op, char types[MAP_MAX_IN + 2], char **why);
/* The same with one function, in which everything is inlined that can be. */
LLVMModuleRef code_prepare(LLVMContextRef cx, const jitc_op *op, char types[MAP_MAX_IN + 2], char **why);

/* See Codegen.inspect. */
char *code_inspect(const jitc_op *op, char types[MAP_MAX_IN + 2]);
/* Adds CODEGEN_SCALAR, a custom_scalar that calls the function. */
void code_add_scalar(LLVMModuleRef m, const char *function);

/* Modules prepared in one context, by operator. */
typedef struct CodeCache CodeCache;
struct CodeCache {
    const CustomOp *op;
    LLVMModuleRef module;
    CodeCache *next;
};
void code_cache_free(CodeCache *c);

/* Applies the function of a prepared module to vectors; `tag` is for names of what the kernels' module gets.
 */
LLVMValueRef code_widen(Gen *g, LLVMValueRef fn, const char *tag, const LLVMValueRef *args, int lanes);
/* A function of C's mathematics by its name ("expf") or that of LLVM's intrinsic ("llvm.exp.f32"); -1: none
 * that is known, else the number of its operands. */
int code_math(const char *name);
/* Its value. */
Vec code_math_value(Gen *g, const char *name, const Vec *in);
#endif
