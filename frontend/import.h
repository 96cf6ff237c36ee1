/* A TensorFlow graph becomes a module. */
#ifndef JITC_IMPORT_H
#define JITC_IMPORT_H

#include "frontend/source.h"
#include "frontend/tfgraph.h"
#include "ir/ir.h"

typedef struct {
    const char *name;
    jitc_tensor value;
} ImportValue;

typedef struct {
    const char *const *inputs; /* tensors to cut the graph at ("node", "node:k"); none: the placeholders that
                                  the outputs need */
    size_t ninputs;
    const char *const
        *outputs; /* tensors wanted; none: every output of every live sink node, in file order */
    size_t noutputs;
    const jitc_shape *shapes; /* of inputs, by tensor name; they win over what the graph declares */
    size_t nshapes;
    const jitc_set *sets; /* scalar placeholders that become constants, and so are no inputs */
    size_t nsets;
    /* What inputs hold, by tensor name: the module is right for these contents alone. Shapes may then depend
     * on them, which is an error otherwise; type and shape are the value's. */
    const ImportValue *values;
    size_t nvalues;
    const struct CustomOps *custom; /* operators of the user's; may be NULL */
    bool symbolic; /* an open dim of an input becomes a symbol; otherwise it is an error that names the input
                    */
    bool
        open_first; /* with `symbolic`: the first dimension of every input is open, whatever the graph says */
    /* Where the graph draws random numbers, @main has one more argument, u64[2]: what those without a seed
     * are made from, and how many runs there were before. Otherwise: as if both were 0. */
    bool runs;
} ImportOptions;

/* The interface, in the order of @main's arguments and results: the caller's order of names, else the file's.
 * Names are TensorFlow's without ":0". Rank -1: unknown; dim -1: open. Memory: the job's. */
typedef struct {
    jitc_io *in, *out;
    size_t nin, nout;
} ImportIo;

/* The interface as far as the graph declares it, without importing: outputs may have rank -1 and dtype 0.
 * Reports unknown names in the options, shapes that contradict the graph's, and every needed node whose op is
 * not supported; unwinds if there are any. Fixed dims of opt->shapes are in io. */
void tf_graph_io(Job *job, const TfGraph *g, const ImportOptions *opt, ImportIo *io);

/* Builds a new module in `job` with @main: one argument per input (dtype and shape as bound, a string input
 * is u8[n]), one result per output. An argument that nothing reads stays. Sets the module's read_file so that
 * weights read from `src`; both `g` and `src` must live as long as the module. io (may be NULL) gets the
 * types as imported. Every problem is reported before it unwinds. */
Module *tf_import(Job *job, const TfGraph *g, const Source *src, const ImportOptions *opt, ImportIo *io);
#endif
