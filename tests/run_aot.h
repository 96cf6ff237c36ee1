/* Models that are compiled ahead of time, loaded into this process and called as a host program calls them,
 * or for another system. */
#ifndef JITC_RUN_AOT_H
#define JITC_RUN_AOT_H

#include "runtime/jitc_internal.h"
#include "tests/run_far.h"

typedef struct {
    const char *cpu; /* NULL: native; of another system, also "": its baseline */
    bool shares;     /* a run in several shares */
    const Far *far;  /* NULL: in this process */
    bool *ran;       /* NULL, or set: whether it was run, and not only compiled */
} AotWay;

/* Runs the program once; `out`: memory for nout tensors, whose data is for free(). False: *why says why not.
 * Where nothing runs, `out` stays as it is. */
bool run_aot(jitc_program *p, const AotWay *w, const jitc_tensor *const *in, size_t nin, jitc_tensor *out,
             size_t nout, Str *why);
#endif
