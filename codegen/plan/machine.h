/* What schedules assume of the machine. It never changes results: only how work is cut. */
#ifndef JITC_MACHINE_H
#define JITC_MACHINE_H

#include <stdint.h>

typedef struct {
    int64_t l2;  /* bytes of a core's second-level cache */
    int threads; /* of runs; 0: any number */
    int panels;  /* of a register tile, at most */
} Machine;

/* Of the CPU that code is made for: "native" is asked; others have what is usual for the kind. */
Machine machine_of(const char *cpu, int threads);

/* Numbers of threads that a schedule is judged by, and what each counts for. Where the number is known, a few
 * more count a little: the host may have more, and two schedules may be as good. */
enum { MACHINE_LOADS = 4 };
typedef struct {
    int threads;
    double weight;
} Load;
Load machine_load(const Machine *m, int i);

/* Of a call's units the least for a share, where `together` of them are cheaper in one: but there is work for
 * every thread. */
int64_t machine_share(const Machine *m, int64_t units, int64_t together);
#endif
