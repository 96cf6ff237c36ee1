/* Shared by the files of the importer: what of a graph is to be imported. */
#ifndef JITC_IMPORT_CUT_H
#define JITC_IMPORT_CUT_H

#include "frontend/import.h"
#include "frontend/tf/tf.h"

/* One tensor of the graph. */
typedef struct {
    uint32_t node, out;
    const char *name; /* without ":0" */
} TensorRef;

typedef struct {
    TensorRef at;
    int32_t dtype;    /* TensorFlow's; 0: unknown */
    TfShape declared; /* unknown_rank when the graph does not say */
    bool known_rank;  /* with what the options fix */
    int32_t rank;
    int64_t dim[IR_MAX_RANK]; /* -1: open */
    int32_t next_cut;         /* another cut of the same node, as NodeCut.first_cut */
} CutInput;

typedef struct {
    const TfOp *op;     /* NULL: not supported */
    uint32_t nout;      /* 0: see op */
    bool needed;        /* to be imported */
    bool dead;          /* in a branch that is never taken */
    int8_t branch;      /* of a Switch whose predicate is constant: 0 or 1; else -1 */
    int8_t value;       /* of bools that depend on no input: 0 or 1; else -1 */
    int32_t live_input; /* of a Merge with one live input, else -1 */
    const jitc_set *set;
    int32_t first_cut; /* index into inputs + 1; 0: none */
} NodeCut;

typedef struct {
    Job *job;
    const TfGraph *g;
    const Source *src;
    const ImportOptions *opt;
    NodeCut *nodes;
    VEC(CutInput) inputs;
    VEC(TensorRef) outputs;
} Cut;

/* Reads the options and finds out what is needed. Reports; unwinds when anything was wrong. */
Cut *cut_graph(Job *job, const TfGraph *g, const Source *src, const ImportOptions *opt);
/* The index of the input that replaces a tensor, or -1. */
int32_t cut_at(const Cut *c, uint32_t node, uint32_t out);
/* Number of outputs of a node whose operation is supported; -1: its attributes make no sense. */
int64_t cut_nout(const TfNode *n, const TfOp *op);
/* How many of the node's data inputs its importer reads, from the first one on. */
uint32_t cut_ninputs(const TfNode *n);
/* TensorFlow's element type of a tensor, from the node's attributes alone; 0: unknown. */
int32_t cut_dtype(const TfGraph *g, uint32_t node, uint32_t out);
const char *cut_tensor_name(Job *job, const TfNode *n, uint32_t out);
/* The error for a node whose operation is not supported. */
void cut_unsupported(Job *job, const TfNode *n);
void cut_io(const Cut *c, ImportIo *io);
#endif
