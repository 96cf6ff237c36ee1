/* What becomes of each node of a graph, and where to cut it so that the rest can be compiled. */
#ifndef JITC_SURVEY_H
#define JITC_SURVEY_H

#include "frontend/import.h"

typedef enum {
    NODE_SUPPORTED,
    NODE_INPUT,       /* what it computes is an input */
    NODE_UNUSED,      /* the outputs do not need it */
    NODE_DEAD,        /* in a branch that is never taken */
    NODE_UNSUPPORTED, /* with a reason */
    NODE_BLOCKED      /* needs what an unsupported node computes */
} NodeState;

typedef struct {
    NodeState state;
    const char *reason; /* UNSUPPORTED: without the node's name; a problem of the graph is of no node */
} NodeInfo;

typedef struct {
    NodeInfo *node;    /* by node of the graph */
    jitc_io *cut;      /* the fewest tensors which, as inputs, leave no unsupported node in what remains */
    const char **lost; /* outputs that cannot be computed, whatever the inputs */
    uint32_t ncuts, nlost;
    ImportIo io; /* as tf_graph_io() gives it */
} Survey;

/* `problems`: the lines that tf_import() reported for these options. Unwinds when the options are wrong. */
void tf_survey(Job *job, const TfGraph *g, const Source *src, const ImportOptions *opt,
               const char *const *problems, size_t nproblems, Survey *out);
#endif
