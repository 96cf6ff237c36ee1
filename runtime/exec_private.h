/* What the files of the execs share. */
#ifndef JITC_EXEC_PRIVATE_H
#define JITC_EXEC_PRIVATE_H

#include "codegen/run.h"
#include "runtime/control.h"
#include "runtime/custom.h"
#include "runtime/heap.h"
#include "runtime/program.h"
#include "runtime/threads.h"

/* Versions that an exec has run lately stay with it, so that going back to them takes no lock. */
enum { RECENT_VERSIONS = 4 };

typedef struct {
    jitc_tensor t; /* what is bound */
    bool bound;
    bool staged; /* lives in the working memory: an OUTPUT that is not bound, or a copy of a tensor that
                    cannot be used in place */
    void *at;    /* where, when staged */
    int64_t place;
    int64_t bytes;                /* for these inputs, or of the last run */
    bool open;                    /* OUTPUT: only a run tells its size */
    HeapBlock own;                /* OUTPUT: of an open one that is not bound */
    int64_t shape[JITC_MAX_RANK]; /* OUTPUT: where it is not open, or of the last run */
} Slot;

typedef struct {
    CallWatch watch;
    jitc_profile_fn *f; /* NULL: nobody asks */
    void *arg;
    HeapBlock shares;
} ExecProfile;

struct jitc_exec {
    jitc_program *p;
    Version *v;                       /* the first of `recent` */
    Version *recent[RECENT_VERSIONS]; /* latest first, each with a reference */
    ThreadPool *pool;
    Slot *in, *out;
    jitc_io *signature; /* of what is bound */
    bool new_shapes, new_pointers;
    bool ran;         /* outputs hold the last run's results */
    HeapBlock slots;  /* `in` and `out`, and the arrays up to `signature` */
    HeapBlock tables; /* reg, buf and ptr */
    HeapBlock work;   /* arena, scratch and staged tensors, unless the caller gives the memory */
    void *given;
    int64_t given_bytes;
    int64_t arena_bytes, scratch_bytes, work_bytes; /* what runs with these sizes take of it */
    HeapBlock more_scratch;
    RunHeap heap;
    uint64_t runs[2];  /* ImportOptions.runs */
    int64_t *reg;      /* the plan's registers */
    void **buf, **ptr; /* where buffers are; where they are at the start of a run follows them in `buf` */
    const void **in_ptr;
    void **out_ptr;
    const int64_t **dims; /* of the inputs */
    jitc_run run;
    const volatile int *stop;
    ExecTap *tap;
    void *tap_arg;
    CustomError custom_error;
    ExecProfile profile;
    char *error;
};

/* -- exec_bind.c ------------------------------------------------------------------------------- */
jitc_status exec_fail(jitc_exec *x, jitc_status status, const char *fmt, ...) PRINTF(3, 4);
jitc_status exec_fail_nomem(jitc_exec *x);
void exec_clear_error(jitc_exec *x);
jitc_status exec_misfit(jitc_exec *x, const char *what, const jitc_io *io, const jitc_tensor *t,
                        const char *hint);
bool exec_same_dtype(jitc_dtype want, jitc_dtype is);
bool exec_tensor_bytes(const jitc_tensor *t, int64_t *bytes); /* false: no valid tensor */

/* -- exec_prepare.c: after a bind -------------------------------------------------------------- */
jitc_status exec_choose(jitc_exec *x, VersionWish wish); /* a version and its registers */
jitc_status exec_measure(jitc_exec *x);                  /* what working memory runs need */
jitc_status exec_place(jitc_exec *x);                    /* the memory, and all pointers */
bool exec_reserve_tables(jitc_exec *x, int64_t bytes);
/* Bytes of output i, and its shape, as the registers tell them. False: too large. */
bool exec_measure_output(jitc_exec *x, size_t i);

/* -- profile.c --------------------------------------------------------------------------------- */
bool exec_profile_start(jitc_exec *x); /* before a run; false: out of memory */
void exec_profile_free(jitc_exec *x);
#endif
