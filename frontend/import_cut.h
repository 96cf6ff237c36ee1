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
    bool second;        /* its output 1 is read */
    bool dead;          /* in a branch that is never taken */
    int8_t branch;      /* of a Switch whose predicate is constant: 0 or 1; else -1 */
    int8_t value;       /* of bools that depend on no input: 0 or 1; else -1 */
    int32_t live_input; /* of a Merge with one live input, else -1 */
    const jitc_set *set;
    int32_t first_cut; /* index into inputs + 1; 0: none */
} NodeCut;

/* What the cuts of a graph and of its functions share. */
typedef struct Library {
    const TfGraph *whole;
    const Source *src;
    StrMap cuts; /* of functions, by name */
    uint32_t depth;
    StrMap ops; /* TfOp of functions that are called by their names */
} Library;

typedef struct Cut Cut;
struct Cut {
    Job *job;
    const TfGraph *g;
    const Source *src;
    const ImportOptions *opt;
    Library *library;
    const TfFunction *function; /* NULL: the graph itself */
    struct Flow *flow;
    NodeCut *nodes;
    bool finished;       /* false: needed and wanted are being found */
    uint8_t *wanted;     /* nodes that are read */
    uint32_t names_from; /* of a function: the place of its nodes in Module.nodes, plus 1 */
    VEC(CutInput) inputs;
    VEC(TensorRef) outputs;
};

/* Reads the options and finds out what is needed. Reports; unwinds when anything was wrong. */
Cut *cut_graph(Job *job, const TfGraph *g, const Source *src, const ImportOptions *opt);
/* The same of a function of the library, whose results are the outputs. NULL: reported. */
Cut *cut_function(Cut *from, const TfNode *caller, const char *prefix, const char *name);
/* The functions that a node calls: their names. */
uint32_t cut_callees(const Cut *c, const TfNode *n, const char ***names);
/* Whether a node reads its input k: arguments that no callee uses are not needed. */
bool cut_reads(const Cut *c, const TfNode *n, uint32_t k);
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
void cut_unsupported(Job *job, const char *prefix, const TfNode *n);
/* Every such node that is needed, also in functions. */
void cut_report_unsupported(Cut *c);
void cut_io(const Cut *c, ImportIo *io);
#endif
