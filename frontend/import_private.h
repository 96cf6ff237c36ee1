/* Shared by the files of the importer. */
#ifndef JITC_FRONTEND_IMPORT_PRIVATE_H
#define JITC_FRONTEND_IMPORT_PRIVATE_H

#include "frontend/flow.h"
#include "frontend/import.h"
#include "frontend/tf/list.h"

typedef struct Instance Instance;

/* A region under construction, and what holds in it. Places nest; a node's home is the innermost place that
 * it depends on. */
typedef struct Place Place;
struct Place {
    Place *up;
    Region *region;
    Instance *instance;
    enum { PLACE_ROOT, PLACE_REGION, PLACE_BRANCH, PLACE_LOOP } kind;
    int32_t frame; /* LOOP */
    bool repeats;  /* a loop's body or condition */
    bool has_lit;  /* BRANCH; LOOP: of the loop's condition */
    Lit lit;
};

typedef struct {
    Value **out; /* NULL entries: reported, or no value of the IR */
    uint32_t nout;
    const Place *home; /* where the values are; NULL: not imported */
    const Place *busy; /* its operands are being imported */
} NodeValues;

/* A graph being imported: the main one, or one call of a function. */
struct Instance {
    Cut *cut;
    Flow *flow;
    Instance *caller;
    NodeValues *nodes;
    Value **inputs; /* by cut input */
    Place *root;
    uint32_t names_from; /* of its nodes in Module.nodes */
    const char *prefix;
    uint8_t *seen; /* of walks, all 0 between them */
};

struct Importer {
    Cx cx;
    Cut *cut;
    Instance *instance;
    Place *place;
    uint32_t depth;            /* of places */
    uint64_t imported;         /* nodes so far, with repetitions */
    Value *runs;               /* ImportOptions.runs; NULL: nothing needs it yet */
    uint32_t nrandom;          /* streams of random numbers without a seed */
    VEC(NodeValues *) reports; /* nodes whose import reported something */
    VEC(TfInput) stack;        /* of demand() */
};

enum { MAX_DEPTH = 200, MAX_IMPORTED = 4000000 };

/* Each place has an address of its own: values remember it. */
Place *place_push(Importer *im, Place p);
void place_pop(Importer *im);
/* Where values of a node belong, seen from the current place. NULL: what must hold does not (reported). */
const Place *home_of(Importer *im, uint32_t node);
/* Imports what is needed for a tensor. NULL: reported. */
Value *demand(Importer *im, TfInput at);
/* The value of a tensor whose node has been imported. */
Value *tensor_at(Importer *im, TfInput at);
void set_value(Importer *im, const Place *home, uint32_t node, Value *v);
bool is_ready(Importer *im, TfInput at);
Instance *instance_new(Importer *im, Cut *cut);
/* Reports a problem of a node of the current instance that is not the one being imported. */
void node_error(Importer *im, uint32_t node, const char *why);

/* Errors and failed nodes since a mark can be taken back. */
typedef struct {
    Diag *last;
    uint32_t nerrors, nreports;
} Mark;
Mark mark_here(Importer *im);
void mark_back(Importer *im, const Mark *m);

/* -- Regions ----------------------------------------------------------------------------------- */
void drop_region(Module *m, Region *r);
/* Elements of a stacked list that was filled inside a region: may it be made outside of it? `syms`: sizes
 * that the region is given. VARY: all but the first size of an element may. */
typedef enum { ELEMENTS_ALIKE, ELEMENTS_VARY, ELEMENTS_ODD } Elements;
Elements elements_of(const Module *m, const Region *r, const Value *v, const Dim *syms, uint32_t nsyms);
/* The value when compiling of a scalar: false if it depends on data. */
bool known_scalar(Importer *im, Value *v, int64_t *out);
/* out[0..n) of branch `which`, imported into the current place. */
typedef void BranchFn(Importer *im, void *arg, uint32_t which, Value **out);
/* Results of one of several branches; the last one where the selector is none of 0..nbranches-1. A bool
 * selects branch 1 when it is true. */
void import_branches(Importer *im, Value *selector, uint32_t nbranches, BranchFn *fn, void *arg,
                     uint32_t nout, Value **out);

typedef struct {
    uint32_t n;
    Value **init;
    bool *kept; /* variables that no round changes */
    Value *(*cond)(Importer *im, void *arg, Value **vars);
    void (*body)(Importer *im, void *arg, Value **vars, Value **next);
    void *arg;
} LoopSpec;
/* A tensor that is output 0 of `node`, as the graph shows without importing it. */
bool comes_back(const Cut *c, uint32_t node, TfInput at);
void import_loop(Importer *im, const LoopSpec *l, Value **out);

/* -- Control flow in the graph's own form ------------------------------------------------------ */
/* push_: what a node needs that is not there yet goes onto the stack; false when there is nothing. */
void import_merge(Importer *im, uint32_t node);
bool push_merge(Importer *im, uint32_t node);
bool push_loop(Importer *im, uint32_t exit);
void import_exit(Importer *im, uint32_t exit);
bool push_one(Importer *im, TfInput at);
/* Errors of building are attributed to this node from here on. */
void enter_node(Importer *im, uint32_t node);

/* Nodes of operators that the user has registered. */
ImportFn import_custom;
#endif
