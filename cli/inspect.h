/* Shared by the files of `jitc inspect`. */
#ifndef JITC_CLI_INSPECT_H
#define JITC_CLI_INSPECT_H

#include "cli/cli.h"
#include "frontend/survey.h"

typedef struct {
    const char *node, *op, *reason; /* node and op: "" when the problem is not one node's */
} Problem;

typedef struct {
    const char *op;
    uint32_t n;
} OpCount;

typedef struct {
    const char *size; /* "N", "N*2" */
    const char *tensor;
    int axis;
} OpenDim;

typedef struct {
    const char *dtype;
    int64_t tensors, elements, bytes;
} WeightCount;

/* What is known once the graph has been imported. */
typedef struct {
    ModelStats stats;
    ImportIo io;
    bool *works; /* by node: something of it is left after folding */
    VEC(OpenDim) dims;
    VEC(WeightCount) weights;
} Facts;

typedef struct {
    Options *o;
    const Model *m;
    Binding *b;
    ImportIo io;
    Facts facts;
    Survey survey;
    bool shapeless; /* an input without a known rank: only its operations can be checked */
    bool imported;  /* facts are there */
    bool ones;      /* their numbers are for open dimensions of 1 */
    bool checked;   /* the cuts were tried: nothing else is in the way */
    VEC(Problem) problems;
    VEC(OpCount) ops;
} Inspection;

/* "supported", "folded", … */
const char *node_state(const Inspection *x, uint32_t node);
void inspect_text(Str *s, const Inspection *x);
void inspect_json(Str *s, const Inspection *x);
void inspect_dot(Str *s, const Inspection *x);
#endif
