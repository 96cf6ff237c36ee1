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
    void *data;     /* aligned to a cache line at least */
    Hash content;   /* of the data, where it is known; else zeros */
    bool is_mapped; /* part of a file, read-only */
} Packed;

/* The packed weights of a program; one thread at a time. */
typedef struct {
    Packed **at; /* open addressing by key */
    uint32_t n, cap;
    Memory *memory; /* for tensors and table; NULL: the C library's */
    void (*unmap)(void *data, size_t bytes);
} PackTable;

/* out[i]: weight i of the plan, with a reference of its own. Where it unwinds, the references so far are in
 * `out`, which must start zeroed. */
void pack_weights(Module *m, const Plan *p, PackTable *t, Packed **out);
Packed *pack_take(PackTable *t, Hash key); /* with a reference; NULL: it is not there */
/* A new entry of undefined bytes, or of mapped ones, with one reference; unwinds when memory runs out. */
Packed *pack_add(Job *job, PackTable *t, Hash key, int64_t bytes);
Packed *pack_add_mapped(Job *job, PackTable *t, Hash key, int64_t bytes, void *data, Hash content);
/* The same bytes from a file; nobody may use the old ones. */
void pack_map(PackTable *t, Packed *w, void *data);
void pack_release(PackTable *t, Packed *w); /* accepts NULL */
void pack_table_free(PackTable *t);         /* with whatever is left in it */
#endif
