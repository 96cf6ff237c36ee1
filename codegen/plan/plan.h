/* The plan of one version of a program: which kernels run on which buffers, and where the buffers lie. It has
 * no pointers into code or weights, and prints as text. */
#ifndef JITC_PLAN_H
#define JITC_PLAN_H

#include "codegen/plan/spec.h"

typedef enum { BUF_INPUT, BUF_OUTPUT, BUF_WEIGHT, BUF_SLOT } BufKind;

/* A buffer: an argument of @main, a result of it, a packed weight, or part of the arena. */
typedef struct {
    BufKind kind;
    Type type;
    uint32_t index;        /* INPUT, OUTPUT, WEIGHT: its number */
    int64_t offset, bytes; /* SLOT: place in the arena */
    int32_t first, last;   /* SLOT: the calls between which it holds something */
    const char *tensor;    /* the TensorFlow tensor that it equals, or NULL */
} PlanBuf;

typedef struct {
    const char *text; /* see spec.h */
    size_t size;
    Hash key;
} PlanKernel;

typedef struct {
    uint32_t kernel;
    uint32_t buf0, noperands, nresults; /* PlanBuf numbers from bufs_of_calls[buf0]: operands, then results */
    uint32_t dim0, ndims;               /* from dims[] */
    int64_t units, grain;
    int32_t in_place; /* operand whose place the result takes, or -1 */
    double flops, bytes;
    const char *const *nodes; /* TensorFlow nodes whose work it does */
    uint32_t nnodes;
} PlanCall;

typedef enum {
#define CTL(name, help) CTL_##name,
#include "codegen/plan/ctl.def"
#undef CTL
} CtlCode;

typedef struct {
    CtlCode code;
    uint32_t a, b;
} Ctl;

typedef struct Plan {
    PlanBuf *buf;
    PlanKernel *kernel; /* unique by key */
    PlanCall *call;
    uint32_t *call_buf;
    int64_t *dim;
    Ctl *code; /* ended by `ret` */
    uint32_t nbuf, nkernel, ncall, ncall_buf, ndim, ncode;
    uint32_t nin, nout, nweight;
    uint32_t *in_buf, *out_buf; /* input i, output i */
    int64_t arena, scratch;     /* bytes; scratch: per share */
    int64_t macs;
    /* While the module lives: weight i is this value of @main. */
    Value **weight;
} Plan;

/* Plans a module whose @main holds kernels, views, constants and weights only, all of static types. */
Plan *plan_make(Module *m);
/* A copy that does not depend on the module. */
Plan *plan_copy(Job *job, const Plan *p);
void plan_print(const Plan *p, Str *s);
/* Whether no two slots that hold something at the same time share memory, other than in place. */
bool plan_check(const Plan *p, Str *why);
#endif
