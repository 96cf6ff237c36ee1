/* What the files that make a model's object share: see codegen/model.h. */
#ifndef JITC_LLVM_MODEL_PRIVATE_H
#define JITC_LLVM_MODEL_PRIVATE_H

#include "codegen/llvm/gen_llvm.h"
#include "codegen/llvm/target.h"
#include "codegen/model.h"

typedef struct {
    Gen *g;
    const CodegenModel *m;
    const System *system;
    int nvariants;                     /* kernels are there for so many CPUs, by rising needs */
    uint32_t needs[TARGET_VARIANTS];   /* see Target */
    LLVMValueRef *fn[TARGET_VARIANTS]; /* by kernel */
    VEC(const char *) message;         /* error k is message k-1 */
} ModelGen;

int64_t model_error(ModelGen *mg, const char *fmt, ...) PRINTF(2, 3); /* its number */

/* -- driver.c: void drive(state, variant): runs the control code ------------------------------- */
LLVMValueRef model_driver(ModelGen *mg);
bool model_grows(const Plan *p); /* a call's scratch memory depends on sizes that only the run tells */
/* A register's value of two others', saturating; as plan_reg_value(). */
Ival model_reg_value(Gen *g, RegKind kind, Ival a, Ival b);

/* -- cpu.c ------------------------------------------------------------------------------------- */
/* int64_t cpu(void): what the CPU that it runs on has of the variants' needs, found once. NULL: they need
 * nothing. */
LLVMValueRef model_cpu(ModelGen *mg);
/* The floating-point mode of runs; the caller's. NULL where the target has none to change. */
LLVMValueRef model_fp_enter(ModelGen *mg);
void model_fp_leave(ModelGen *mg, LLVMValueRef mode);

/* -- entry.c: the functions that callers see --------------------------------------------------- */
void model_entries(ModelGen *mg, LLVMValueRef drive);

/* -- tables.c ---------------------------------------------------------------------------------- */
void model_tables(ModelGen *mg);

/* -- Small things ------------------------------------------------------------------------------ */
static inline Ptr state_words(Gen *g, Ptr state)
{
    return p_bytes(g, state, ival(model_words_at()));
}
static inline Ival state_get(Gen *g, Ptr state, int word)
{
    return i_load(g, state_words(g, state), ival(word), JITC_INT64);
}
static inline void state_set(Gen *g, Ptr state, int word, Ival v)
{
    i_store(g, state_words(g, state), ival(word), JITC_INT64, v);
}
/* A PlanNum that stands in a table of the module. */
static inline Ival number_at(Gen *g, Ptr regs, Ptr table, Ival at)
{
    Ival n = i_load(g, table, at, JITC_INT64);
    Cond is_reg = c_lt(g, n, ival(0));
    Ival reg = i_load(g, regs, i_select(g, is_reg, i_sub(g, ival(-1), n), ival(0)), JITC_INT64);
    return i_select(g, is_reg, reg, n);
}
static inline Ival round_line(Gen *g, Ival bytes)
{
    return i_mul(g, i_div(g, i_add(g, bytes, ival(RUN_ALIGN - 1)), ival(RUN_ALIGN)), ival(RUN_ALIGN));
}
static inline Cond is_null(Gen *g, Ptr p)
{
    return (Cond){.v = LLVMBuildICmp(g->b, LLVMIntEQ, p.v, LLVMConstPointerNull(g->ptr), "")};
}
#define RUN_FIELD(g, state, field) p_bytes(g, state, ival((int64_t)offsetof(jitc_run, field)))

LLVMValueRef model_function(ModelGen *mg, const char *name, LLVMTypeRef result, const char *params);
LLVMValueRef model_table(ModelGen *mg, const int64_t *v, size_t n); /* constant words */
LLVMTypeRef model_size_type(ModelGen *mg);                          /* size_t */
void model_call(ModelGen *mg, LLVMValueRef fn, LLVMValueRef *args, unsigned n);
LLVMValueRef model_call_ptr(ModelGen *mg, Ptr fn, LLVMTypeRef result, LLVMValueRef *args, unsigned n);
#endif
