/* Helpers that several passes share. */
#ifndef JITC_PASSES_UTIL_H
#define JITC_PASSES_UTIL_H

#include "passes/pass.h"

/* Which values depend on constants and weights only, through pure ops of static type. */
typedef struct {
    Module *m;
    uint8_t *state; /* by value id: 0 not known, 1 yes, 2 no */
    uint32_t n;
} Cone;
void cone_init(Cone *c, Module *m);
bool cone_has(Cone *c, const Value *v);

/* As ir_replace; a NULL `by` is a defect of the calling pass. */
bool replace(Module *m, Value *old, Value *by);
/* For rewrites that later stages rely on: not limited by fuel. */
void must_replace(Module *m, Value *old, Value *by);
bool has_algo(const Op *kernel, const char *algo);

Builder builder_at(Module *m, Op *before);     /* with the op's provenance */
bool dims_equal(const Type *a, const Type *b); /* rank and dims */
bool is_scalar_like(const Type *t);            /* exactly one element */
bool is_vector_of(const Type *t, Dim c);       /* one element, or c of them along the last dim */
Dim last_dim(const Type *t);                   /* 1 for rank 0 */
bool is_depthwise(const Op *conv);             /* groups = input channels > 1 */
/* A contraction's result, or made from one of the same dims by elementwise ops; all in region r. */
bool follows_contraction(const Value *v, const Region *r);
int64_t bytes_guess(const Type *t);                       /* for costs: an unknown dim counts as 16 */
bool perm_is_trivial(const Type *t, const int64_t *perm); /* of t's dims only those of size 1 change places */

/* How often a counted loop goes round: its condition compares counters with sizes that are known before it.
 */
bool loop_rounds(Module *m, const Op *loop, Dim *rounds);
/* Variable k counts: it starts at a known number and grows by `step` > 0 in each round. */
bool loop_counter(Module *m, const Op *loop, int k, Dim *start, int64_t *step);

/* Operations are numbered by their place in the region, in Op.mark. */
uint32_t number_ops(Region *r);

/* -- Rewrite rules as data ---------------------------------------------------------------------------- */
typedef struct {
    const char *name;
    OpCode code;
    Value *(*fn)(Builder *b, Op *op); /* what replaces result 0, or NULL */
} Rule;
extern const Rule view_rules[], cast_rules[]; /* ended by a NULL name */
#endif
