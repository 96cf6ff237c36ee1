/* Models that are compiled ahead of time, loaded into this process and called as a host program calls them.
 */
#ifndef JITC_RUN_AOT_H
#define JITC_RUN_AOT_H

#include "runtime/jitc_internal.h"

/* Runs the program once; `out`: memory for nout tensors, whose data is for free(). False: *why says why not.
 */
bool run_aot(jitc_program *p, const char *cpu, bool shares, const jitc_tensor *const *in, size_t nin,
             jitc_tensor *out, size_t nout, Str *why);
#endif
