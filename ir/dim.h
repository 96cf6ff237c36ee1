/* The dimension table's private side. */
#ifndef JITC_DIM_H
#define JITC_DIM_H

#include "ir/ir.h"

DimTable *dim_table(Job *job);
bool dim_const(const Module *m, Dim d, int64_t *v); /* also negative constants */

/* One node of an expression. Numbers are no nodes: ask dim_const first. */
typedef enum { DIM_SYM, DIM_ADD, DIM_MUL, DIM_DIV, DIM_MOD, DIM_MIN, DIM_MAX } DimOp; /* div, mod: floor */
typedef struct {
    DimOp op;
    Dim a, b;
    const char *name; /* of a symbol */
} DimExpr;
DimExpr dim_parts(const Module *m, Dim d);
uint32_t dim_count(const Module *m);               /* nodes: -d - 1 is below it for every expression d */
int64_t dim_apply(DimOp op, int64_t a, int64_t b); /* saturating; division by 0 gives 0 */
/* Values of symbols, by node; a symbol that has none makes an expression unknown. */
typedef struct {
    Module *m;
    int64_t *at;
    uint8_t *known;
    uint32_t n;
} DimEnv;
void dim_env_set(DimEnv *e, Dim sym, int64_t v);
bool dim_env_eval(const DimEnv *e, Dim d, int64_t *v);
#endif
