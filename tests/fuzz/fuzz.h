/* A fuzz target takes any bytes and must neither crash nor report a defect of jitc. The same functions serve
 * libFuzzer (scripts/fuzz) and replay.c, which feeds files and simple mutations of them. */
#ifndef JITC_FUZZ_H
#define JITC_FUZZ_H

#include <stdlib.h>

#include "ir/base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_MEMORY = 256 << 20, FUZZ_SECONDS = 10 };

/* Ends a job; whatever is our own fault is a finding. */
static inline void fuzz_end(Job *job)
{
    if (job->status == JITC_E_INTERNAL || job->status == JITC_E_DEADLINE) {
        for (const Diag *d = job->diags; d; d = d->next) fprintf(stderr, "finding: %s\n", d->text);
        abort();
    }
    job_free(job);
}

static inline void fuzz_begin(Job *job)
{
    job_init(job, FUZZ_MEMORY);
    job->limits.deadline_ns = now_ns() + (int64_t)FUZZ_SECONDS * 1000000000;
}
#endif
