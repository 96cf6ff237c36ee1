/* Runs control code. */
#ifndef JITC_RUNTIME_CONTROL_H
#define JITC_RUNTIME_CONTROL_H

#include "codegen/plan/plan.h"
#include "codegen/run.h"
#include "runtime/custom.h"
#include "runtime/heap.h"

/* Who is told of each call, and the times of its shares. */
typedef struct CallWatch CallWatch;
struct CallWatch {
    void (*done)(CallWatch *w, uint32_t call, const int64_t *reg);
    jitc_share_time *share; /* room for as many as run->shares */
    size_t nshares;         /* of the call; 0: it has run on the calling thread alone */
    int64_t start, end;
};

typedef struct {
    const Plan *plan;
    kernel_fn *_Atomic *const *fn; /* by kernel number */
    void **buf;                    /* by buffer number; control code moves those that plan->moves speaks of */
    void **ptr;                    /* parallel to plan->call_buf: what the calls pass */
    int64_t scratch;               /* bytes from share to share of run->scratch */
    HeapBlock *more;               /* for calls that need more scratch than that */
    RunHeap *heap;
    CustomError *error; /* of operators of the user's */
} Control;

typedef enum {
    CONTROL_DONE,
    CONTROL_INDEX,  /* call `at` met an index that is out of range: run->fail */
    CONTROL_SIZE,   /* site `at` met a size that is too small, or sizes that do not agree: a, b */
    CONTROL_MEMORY, /* memory ran out at instruction `at` */
    CONTROL_STOPPED /* run->stop was set */
} ControlEnd;

typedef struct {
    ControlEnd end;
    uint32_t at;
    int64_t a, b;
} ControlResult;

/* run->dims: the plan's registers, those of the inputs' sizes computed. The caller has entered the FP mode.
 */
ControlResult control_run(const Control *c, jitc_run *run);
/* The registers that follow from the inputs' sizes; dims[i]: those of input i. */
void control_enter(const Plan *p, const int64_t *const *dims, int64_t *reg);
#endif
