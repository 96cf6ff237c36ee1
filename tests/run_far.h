/* Models on the system that they are compiled for, by way of tests/cross/driver.c. */
#ifndef JITC_RUN_FAR_H
#define JITC_RUN_FAR_H

#include "runtime/jitc_internal.h"

typedef struct {
    const char *target; /* a triple */
    const char *cc;     /* links a shared object: a command */
    const char *driver; /* runs the driver: a command. NULL: nothing runs, objects are read */
    bool no_rtz;        /* the emulator falls over RISC-V's vector conversions that truncate */
} Far;

/* From FAR_TARGET, FAR_CC, FAR_DRIVER and FAR_NO_RTZ; false: the first is not set. */
bool far_from_environment(Far *f);
bool far_can_run(const Far *f, const void *object, size_t size);

bool far_run(const Far *f, const void *object, size_t size, bool shares, const jitc_tensor *const *in,
             size_t nin, jitc_tensor *out, size_t nout, Str *why);
/* That it is an object file whose symbols the C library has. */
bool far_read(const void *object, size_t size, Str *why);
#endif
