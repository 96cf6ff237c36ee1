/* A part of a graph as a GraphDef. */
#ifndef JITC_FRONTEND_ENCODE_H
#define JITC_FRONTEND_ENCODE_H

#include "frontend/tfgraph.h"

/* A tensor of the graph that becomes a placeholder. */
typedef struct {
    TfInput at;
    const char *name;
    int32_t dtype; /* of TensorFlow */
    int32_t rank;
    const int64_t *dim;
} TfCut;

/* Marks the nodes that a node needs, itself included, if the cut tensors are given. `keep`: by node. */
void tf_graph_mark(Job *job, const TfGraph *g, uint32_t node, const TfCut *cut, size_t ncuts, bool *keep);
/* Appends the nodes that are kept, the placeholders, and all functions. `src` holds the graph in binary.
 * Names of placeholders must not be those of nodes that are kept. */
void tf_graph_write(Job *job, const TfGraph *g, const Source *src, const bool *keep, const TfCut *cut,
                    size_t ncuts, Str *out);
#endif
