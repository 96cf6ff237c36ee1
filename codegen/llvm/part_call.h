/* Calls of the kernels that another kernel consists of: each is a function of its own, which finds its
 * arguments in tables in scratch. */
#ifndef JITC_PART_CALL_H
#define JITC_PART_CALL_H

#include "codegen/llvm/gen.h"

typedef struct {
    Gen *g;
    Ptr ptrs, dims, scratch; /* the tables of the next call; scratch of its own */
} PartCall;

/* Places the tables there; returns what is behind them. */
Ptr part_tables(Gen *g, PartCall *c, Ptr there);
/* Copies the part's dims, which begin with the kernel's dim number `at`; they may be changed then. */
void part_dims(const PartCall *c, const KernelPart *p, int at);
void part_set_dim(const PartCall *c, int i, Ival v);
/* The same for so many rows of an igemm; returns its units. */
Ival part_igemm_rows(const PartCall *c, int at, Ival rows);
void part_ptr(const PartCall *c, int i, Ptr p);
void part_call(const PartCall *c, const KernelPart *p, Ival units);
/* The kernel's own dim argument i, and a / b rounded up. */
Ival part_dim(Gen *g, int i);
Ival part_ceil(Gen *g, Ival a, Ival b);
#endif
