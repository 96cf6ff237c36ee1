/* Weights in the form that kernels read: raw (plain, dense) or as panels. Each result of @init that is a
 * view, a cast or a scaling of one tensor is packed straight from that tensor; all else is evaluated. */
#ifndef JITC_PACK_H
#define JITC_PACK_H

#include "codegen/plan/plan.h"

/* One packed tensor, shared by all versions of a program whose recipe for it is the same. */
typedef struct {
    Hash key; /* of the recipe: ops, attributes, places of the source's bytes */
    int64_t bytes;
    uint32_t refs;
    void *data; /* aligned to a cache line at least */
} Packed;

/* The packed weights of a program; one thread at a time. */
typedef struct {
    Packed **at; /* open addressing by key */
    uint32_t n, cap;
    Memory *memory; /* for tensors and table; NULL: the C library's */
} PackTable;

/* out[i]: weight i of the plan, with a reference of its own. Where it unwinds, the references so far are in
 * `out`, which must start zeroed. */
void pack_weights(Module *m, const Plan *p, PackTable *t, Packed **out);
void pack_release(PackTable *t, Packed *w); /* accepts NULL */
void pack_table_free(PackTable *t);         /* with whatever is left in it */
#endif
