/* What a kernel amounts to: how much it computes and moves, and what it does in words. The one place where
 * work is counted; schedules, `jitc profile` and `jitc explain` read it here. */
#ifndef JITC_WORK_H
#define JITC_WORK_H

#include "ir/ir.h"

/* Operations of floating point: a multiply-add is two. Contractions count exactly; what an elementwise
 * operation counts is about what its code takes (an exp counts twelve); what only moves or looks elements up
 * counts nothing. Integers count as if they were floats. */
typedef struct {
    double flops; /* of the plain algorithm */
    double done;  /* of the algorithm that was chosen; Winograd: its products, without the transforms */
    double bytes; /* of operands and results, each once, as they are in memory: weights in panels; of
                           what is gathered or sliced as much as is taken */
    bool open;    /* it depends on sizes that are not known yet; these have been guessed */
    /* Of an open kernel: operand or result `largest` of the call has most elements of those with open sizes,
     * and was taken to have so many. Counts are in proportion to it, at least where batches or images are
     * open. */
    double elements;
    uint32_t largest;
    const char *kernel;    /* the class: "igemm" */
    const char *algorithm; /* "conv 3×3 s2", "winograd F(4×4,3×3)", "reduce_max" */
    const char *shape;     /* "56×56 64→128" */
    const char *node, *op; /* the TensorFlow node that it is about, and its op type; or NULL */
} KernelWork;

/* The op that a kernel is about: what is neither a map nor a view, if there is such a one; NULL: it is empty.
 */
const Op *work_anchor(const Op *kernel);
/* The node that it is about: an index into m->nodes, or UINT32_MAX. */
uint32_t work_node(const Module *m, const Op *kernel);
double work_flops(const Op *op); /* of one op of a kernel, plain algorithm; open dims are guessed */
double work_bytes(const Op *kernel);
/* Texts are in the module's job. `kernel_class`: what the text of its spec says. */
void work_of(const Module *m, const Op *kernel, const char *kernel_class, KernelWork *out);

int64_t guess_numel(const Type *t);
/* What to take an open dim for, in costs and schedules. */
static inline int64_t guess(Dim d)
{
    return dim_known(d) ? d : 64;
}
#endif
