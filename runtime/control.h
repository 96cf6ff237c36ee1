/* Runs control code. */
#ifndef JITC_RUNTIME_CONTROL_H
#define JITC_RUNTIME_CONTROL_H

#include "codegen/plan/plan.h"
#include "codegen/run.h"
#include "runtime/threads.h"

typedef struct {
    const Plan *plan;
    kernel_fn *const *fn; /* by kernel number */
    void **buf;           /* by buffer number */
    void **ptr;           /* parallel to plan->call_buf: what the calls pass */
    ThreadPool *pool;
    int64_t scratch; /* bytes from share to share of run->scratch */
} Control;

/* The call that failed, as run->fail tells; UINT32_MAX: none. The caller has entered the FP mode. */
uint32_t control_run(const Control *c, jitc_run *run);
#endif
