/* Control flow in the graph's own form (Switch, Merge, Enter, Exit, NextIteration), found by following the
 * data: which loop a node belongs to, and what must hold for its outputs to be computed at all. */
#ifndef JITC_FRONTEND_FLOW_H
#define JITC_FRONTEND_FLOW_H

#include "frontend/import_cut.h"

/* A predicate has a value: output `value` of the Switches on it is alive. */
typedef struct {
    TfInput pred;
    uint32_t value;
} Lit;

/* All of them must hold. Ordered; equal sets need not be one object. */
typedef struct {
    uint32_t n;
    const Lit *lit;
} Guard;

typedef enum {
    FLOW_PLAIN,
    FLOW_SWITCH,
    FLOW_MERGE,
    FLOW_LOOP_MERGE,
    FLOW_ENTER,
    FLOW_EXIT,
    FLOW_NEXT,
    FLOW_COND
} FlowKind;

typedef struct {
    FlowKind kind;
    int32_t frame; /* -1: none */
    const Guard *guard;
    bool dead;           /* never computed */
    const char *problem; /* why control flow here cannot be raised, or NULL */
    /* FLOW_MERGE: which value of the predicate chooses each input; of dead ones UINT32_MAX. live: the only
     * input there is, or -1. */
    TfInput pred;
    uint32_t *choice;
    int32_t live;
} FlowNode;

typedef struct {
    const char *name;
    int32_t parent;
    uint32_t cond; /* the LoopCond node; UINT32_MAX: none */
    const Guard *guard;
    VEC(uint32_t) exits;
} FlowFrame;

typedef struct Flow {
    const Cut *cut;
    FlowNode *nodes;
    VEC(FlowFrame) frames;
} Flow;

Flow *flow_find(Job *job, const Cut *cut);
bool flow_same(TfInput a, TfInput b);
bool flow_has(const Guard *g, Lit l);
/* Whether frame f is `outer` or inside it. */
bool flow_inside(const Flow *f, int32_t frame, int32_t outer);
#endif
