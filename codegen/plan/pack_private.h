/* What the files of the packer share. */
#ifndef JITC_PACK_PRIVATE_H
#define JITC_PACK_PRIVATE_H

#include "codegen/plan/pack.h"

/* Hashes of the recipes of all values of @init. */
typedef struct {
    Module *m;
    Hash *key; /* by value id */
} Recipes;
void recipes_init(Recipes *r, Module *m);
Hash recipe_key(const Recipes *r, const Value *v); /* of a value of @init, or a const or weight of @main */

/* A chain of casts and scalings, outermost first. */
enum { MAX_STEPS = 4 };
typedef struct {
    DType to;           /* rounding after this step */
    const Value *scale; /* NULL: a cast */
    int64_t offset, stride[IR_MAX_RANK];
} PackStep;

/* Element (i0, i1, …) of the result is element offset + Σ i*stride of src, taken through the steps. */
typedef struct {
    const Value *src;
    Type type; /* of the result */
    int64_t offset, stride[IR_MAX_RANK];
    PackStep step[MAX_STEPS];
    int nsteps;
} PackView;
/* The view that v is of a const, a weight, or some value that must be evaluated. */
void pack_view(const Value *v, PackView *out);
bool pack_view_is_copy(const PackView *v); /* the source's bytes as they are */

/* Source or scale as seen from (batch, k, n): offsets by each. */
typedef struct {
    const Tensor *data;
    int64_t offset;
    int64_t *batch, *k, *n;
} PackAxes;
/* A view by lines: dims before `split` are batches, the others but the last are k. */
typedef struct {
    const PackView *v;
    int split;
    int64_t nb, nk, nn;
    PackAxes from, by[MAX_STEPS];
} PackLines;
void pack_lines(Job *job, const PackView *v, int split, const Tensor *src, const Tensor *scale, PackLines *l);
/* `count` elements of n from n0 on. */
void pack_line(const PackLines *l, int64_t b, int64_t k, int64_t n0, int64_t count, uint8_t *dst);
/* src and scale[i]: plain data. */
void pack_fill(Job *job, const PackView *v, Layout layout, const Tensor *src, const Tensor *scale, void *dst);
/* The panels of the transformed filter that winograd_filter makes of the view. */
void pack_winograd(Job *job, const Op *op, const PackView *v, const Tensor *src, const Tensor *scale,
                   void *dst);
#endif
