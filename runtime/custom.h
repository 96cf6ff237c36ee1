/* Custom operators at run time: registering them, calling opaque ones. */
#ifndef JITC_RUNTIME_CUSTOM_H
#define JITC_RUNTIME_CUSTOM_H

#include <stdatomic.h>

#include "ir/custom.h"

/* Checks and keeps what the caller gives; NULL when there is nothing. Problems are reported in the job, which
 * then unwinds with JITC_E_USAGE, or JITC_E_INVALID for code that cannot be used. */
const CustomOps *custom_register(Job *job, const jitc_op *const *ops, size_t n);

/* Why a call failed: of several shares the first. */
typedef struct {
    atomic_flag lock;
    int64_t unit;
    char text[256];
} CustomError;
void custom_error_init(CustomError *e);

/* Units [from, to); false: it failed, and *e says why. */
bool custom_call(const CustomNode *n, void *const *ptr, const int64_t *dim, int64_t from, int64_t to,
                 CustomError *e);
#endif
