/* Routines: kernels of one irregular op, written with scalar loops. Each function here computes one unit. */
#ifndef JITC_ROUTINE_H
#define JITC_ROUTINE_H

#include "codegen/llvm/access.h"

enum { ROUTINE_OPERANDS = 16, ROUTINE_RESULTS = 8 };

typedef struct {
    Gen *g;
    const Op *op;
    Ptr in[ROUTINE_OPERANDS], out[ROUTINE_RESULTS];
    Ptr scratch;
    Eval *eval; /* for open sizes */
} Routine;

typedef void RoutineFn(Routine *r, Ival unit);

/* Sizes of operands and results: the only way in which routines ask for them. */
Ival r_dim(const Routine *r, const Type *t, int d);
Ival r_numel(const Routine *r, const Type *t, int from, int to); /* of dims [from, to) */
Ival r_size(const Routine *r, Dim d);                            /* of an attribute */

/* The carrier type in memory, the type to compute in: f32 for half precision. */
Vec r_get(const Routine *r, Ptr p, Ival at, DType t); /* element, widened */
void r_put(const Routine *r, Ptr p, Ival at, DType t, Vec v);
Vec r_round(const Routine *r, Vec v, DType t);      /* to the element type and back */
Ival r_int(const Routine *r, int operand, Ival at); /* element of an integer operand */
/* n elements of any type as they are; memory does not overlap. */
void r_copy(const Routine *r, Ptr to, Ival to_at, Ptr from, Ival from_at, Ival n, DType t);
void r_zero(const Routine *r, Ptr to, Ival at, Ival n, DType t);
/* Before an op in place writes: the result is operand 0. */
void r_start_with_operand(const Routine *r);
Vec r_i64(const Routine *r, Ival i); /* to carry it through a loop */
static inline Ival r_ival(const Routine *r, Vec v)
{
    return i_from_v(r->g, v);
}
static inline const Type *r_in(const Routine *r, int i)
{
    return &r->op->in[i]->type;
}
static inline const Type *r_out(const Routine *r, int i)
{
    return &r->op->out[i]->type;
}

#define ROUTINE(op, fn) RoutineFn fn;
#include "codegen/llvm/routines/routines.def"
#undef ROUTINE
#endif
