/* What schedules assume of the machine. It never changes results: only how work is cut. */
#ifndef JITC_MACHINE_H
#define JITC_MACHINE_H

#include <stdint.h>

typedef struct {
    int64_t l2; /* bytes of a core's second-level cache */
} Machine;

/* Of the CPU that code is made for: "native" is asked; others have what is usual for the kind. */
Machine machine_of(const char *cpu);
#endif
