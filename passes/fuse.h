/* What the files of the pass fuse share: the ops of a region, and the set of them that becomes a kernel. */
#ifndef JITC_PASSES_FUSE_H
#define JITC_PASSES_FUSE_H
#include "passes/util.h"

enum { MAX_EPILOGUE = 32, MAX_PROLOGUE = 16, MAX_MAP = 64, MAX_PENDING = 64, MAX_OPERANDS = 32 };
enum { MAX_PARTS = 8, MAX_RESULTS = 8 };

typedef struct {
    Module *m;
    struct Kinds *kinds;
    Region *r;
    Op **op;          /* by place */
    uint8_t *taken;   /* by place: in a kernel already */
    uint64_t *passes; /* by place, in row kernels: in which passes over the row it is computed */
    uint32_t *stamp;  /* by place: == now: in the set that grows */
    uint32_t n, now;
    Value **inner; /* by value id, while a kernel is built */
    uint32_t ninner;
} Fuse;

typedef struct {
    Op *op[1 + MAX_MAP + MAX_PROLOGUE];
    int n;
    Op *blocked; /* where growth ended, and why */
    const char *why;
    Value *result[MAX_RESULTS]; /* what leaves it, */
    int nresults;
    Op *at; /* and in whose place the kernel is; else those of the last op */
} Set;

static inline bool in_set(const Fuse *f, const Op *op)
{
    return op->parent == f->r && f->stamp[op->mark] == f->now;
}

static inline void put(Fuse *f, Set *s, Op *op)
{
    s->op[s->n++] = op;
    f->stamp[op->mark] = f->now;
}

static inline void cut(Fuse *f, Set *s, int n)
{
    while (s->n > n) f->stamp[s->op[--s->n]->mark] = 0;
}

/* Whether op is elementwise (or a slice, if these may be) and in no kernel yet. */
bool is_free(const Fuse *f, const Op *op, bool slices);
/* What a kernel of the set would read; at most MAX_OPERANDS + 1. */
int operands(const Fuse *f, const Set *s);
/* How many operands its ops have. */
int operands_most(const Set *s);
bool all_uses_inside(const Fuse *f, const Value *v);
/* Why op is not an elementwise op on tensors of the dims `t` and of its element type, whose other operands
 * are scalars, vectors over the last dim, or tensors of the same dims; or, if `images`, vectors for each
 * image. NULL: it is one. */
const char *misfit(const Fuse *f, const Op *op, const Type *t, bool images);

/* What stands for v in the kernel under construction. */
Value **inner(Fuse *f, const Value *v);
/* v becomes an operand of the kernel, or a constant in it. */
void operand(Fuse *f, Region *body, Value *v, bool routine, Value **in, int *nin);
/* The set's ops in order, in a body under construction; their results, and what they read, have inner values
 * then. Returns which nodes they are from. */
const From *clone_set(Fuse *f, Set *s, Builder *b, bool routine, Value **in, int *nin);
/* The set's ops, whose results nobody reads, go. */
void erase_set(Fuse *f, Set *s);

/* Elementwise ops on the left operand of a contraction that gathers its rows anyway join its kernel. */
void prologue_of(Fuse *f, Op *kernel);
#endif
