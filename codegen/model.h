/* A model that becomes an object file: a plan, its packed weights, and names. */
#ifndef JITC_MODEL_H
#define JITC_MODEL_H

#include "codegen/plan/plan.h"
#include "codegen/run.h"
#include "jitc/jitc.h"

/* One entry of the `dims` that callers pass: dimension `dim` of input `tensor`; or, told by the run, of
 * output `tensor`, whose register is `reg`. */
typedef struct {
    uint32_t tensor;
    int32_t dim;
    PlanNum reg; /* of a result */
} ModelDim;

typedef struct {
    const char *name; /* a C identifier, the prefix of all symbols */
    const Plan *plan;
    const jitc_io *in, *out;  /* of the plan's inputs and outputs; -1: open */
    const uint8_t *weights;   /* all of them; NULL: the caller of the model passes them */
    const int64_t *weight_at; /* weight i of the plan: offset in `weights` */
    int64_t weight_bytes;
    const ModelDim *in_dim;  /* dims[]: those of inputs, */
    const ModelDim *out_dim; /* then those of outputs that only the run tells */
    uint32_t nin_dims, nout_dims;
    const struct CustomOps *ops; /* operators made of code */
} CodegenModel;

/* What the functions of a model return. Positive: NAME_error() says which node it was. */
enum {
    MODEL_OK = 0,
    MODEL_E_CPU = -1,       /* this CPU cannot run it */
    MODEL_E_WORKSPACE = -2, /* the workspace is too small, or not aligned */
    MODEL_E_MEMORY = -3,    /* memory for sizes that depend on data ran out */
    MODEL_E_STOPPED = -4,   /* the stop flag was set */
    MODEL_E_DIMS = -5,      /* a size is negative, or an input is smaller than a window */
    MODEL_E_OUTPUT = -6,    /* an output is larger than its room: dims tell the sizes */
    MODEL_E_WEIGHTS = -7,   /* no weights were passed */
    MODEL_E_OPTIONS = -8,   /* the options are not those of this header */
    MODEL_E_LEAST = -8
};

/* The options of NAME_run_options(), as the header declares them. */
typedef struct {
    size_t size;
    const void *weights;
    void (*parallel_for)(void *host, void (*f)(void *arg, size_t share), void *arg, size_t n);
    void *host;
    void *(*alloc)(void *heap, void *old, size_t bytes);
    void *heap;
    const volatile int *stop;
    size_t shares;
} ModelOptions;

/* The workspace: the state of a run, then the arena, then scratch memory. The state begins with the jitc_run
 * that kernels see, as it is laid out on a 64-bit machine on every target; then words of eight bytes, by
 * these numbers; then registers, then pointers to buffers. */
enum {
    STATE_CODE,       /* why the run ended */
    STATE_WEIGHTS,    /* where they are */
    STATE_EACH,       /* scratch: bytes from share to share */
    STATE_MORE,       /* memory for calls that need more scratch than that */
    STATE_MORE_BYTES, /* of it */
    STATE_FN, /* the call that runs: kernel, units, shares, scratch of the first and from share to share */
    STATE_UNITS,
    STATE_SHARES,
    STATE_SCRATCH,
    STATE_CALL_EACH,
    STATE_PTR = 16,
    STATE_DIM = STATE_PTR + PLAN_MAX_OPERANDS,
    STATE_REG = STATE_DIM + PLAN_MAX_DIMS
};
static inline int64_t model_words_at(void)
{
    return (int64_t)sizeof(jitc_run);
}
static inline int64_t model_buffers_at(const Plan *p)
{
    return model_words_at() + 8 * (STATE_REG + (int64_t)p->nreg + 1);
}
static inline int64_t model_state_bytes(const Plan *p)
{
    int64_t bytes = model_buffers_at(p) + 8 * ((int64_t)p->nbuf + 1);
    return (bytes + RUN_ALIGN - 1) / RUN_ALIGN * RUN_ALIGN;
}
#endif
