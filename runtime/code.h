/* The code of a program's kernels: compiled, or found in the cache, and shared by versions. All but what is
 * said otherwise is called with p->compile. Private to runtime/. */
#ifndef JITC_RUNTIME_CODE_H
#define JITC_RUNTIME_CODE_H

#include "runtime/program.h"

/* Kernels that were compiled together. */
struct CodeImage {
    Image *image, *best; /* best: with tiers, what has taken the image's place; else NULL */
    Hash *key;           /* of the kernels */
    KernelSlot *fn;      /* in the same order; what versions call */
    uint32_t n, refs;    /* refs: versions that use a kernel of it, and the thread that makes the best code */
    Hash entry;          /* in the cache */
    CodeImage *next;
};

/* Compiles those of the version's kernels that are not there, on another thread. It ends with the job at the
 * latest. */
typedef struct Compile Compile;
Compile *code_start(Job *job, jitc_program *p, Version *v);
/* When this returns, each kernel of the version has code. */
void code_finish(Job *job, jitc_program *p, Compile *c, Version *v);
void code_release(jitc_program *p, Version *v); /* its kernels */
void code_drop_unused(jitc_program *p);         /* what was compiled for a version that then failed */

/* With tiers, any thread, without locks: whether no best code is being made, or waits for that. */
bool code_is_settled(jitc_program *p);
void code_stop(jitc_program *p); /* makes no more; waits for the thread that does */
#endif
