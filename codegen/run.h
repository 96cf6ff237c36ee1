/* What generated code sees of a run. Frozen and versioned: generated code reads it by offset. */
#ifndef JITC_RUN_H
#define JITC_RUN_H

#include <stddef.h>
#include <stdint.h>

enum { JITC_RUN_VERSION = 1, RUN_ALIGN = 64, RUN_SHARES_EACH = 4 };

typedef struct jitc_run {
    const void *const *in;         /* graph inputs, in the plan's order */
    void *const *out;              /* graph outputs */
    int64_t *dims;                 /* entry symbols in, run-time symbols out */
    uint8_t *arena;                /* RUN_ALIGN-aligned */
    uint8_t *scratch;              /* `shares` blocks of the plan's scratch size */
    const uint8_t *const *weights; /* weight segments */
    uint32_t shares;               /* the most per call: RUN_SHARES_EACH per thread */
    uint32_t backward; /* 1 in every other run, and round of a loop: kernels may go through their units from
                          the last to the first, as the end of what was read last is still in the cache */
    void (*parallel_for)(void *host, void (*f)(void *arg, size_t share), void *arg, size_t n);
    void *host;
    void *(*alloc)(void *heap, void *old, size_t bytes); /* data-dependent sizes only */
    void *heap;
    const volatile int *stop;
    uint64_t fail;                         /* ~0, or the least site << 40 | element */
    struct CallWatch *watch;               /* is told of each call, when set */
    void (*tap)(void *arg, uint32_t call); /* after each call, when set */
    void *tap_arg;
} jitc_run;

/* Computes units [unit0, unit1) of a kernel. ptr: operands, then results. dim: the spec's free dims. Units
 * are independent: any split over shares, in any order, gives the same bits. */
typedef void kernel_fn(jitc_run *run, void *const *ptr, const int64_t *dim, int64_t unit0, int64_t unit1,
                       uint8_t *scratch);
#endif
