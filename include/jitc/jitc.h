/* jitc: a compiler for frozen TensorFlow graphs.
 *
 *     jitc_program *p; jitc_error *e;
 *     if (jitc_program_load("m.pb", NULL, &p, &e)) { fprintf(stderr, "%s\n", jitc_error_text(e)); return 1; }
 *     jitc_exec *x; jitc_exec_new(p, &x);
 *     jitc_exec_bind(x, "input", &in);
 *     jitc_exec_run(x);
 *     jitc_tensor out; jitc_exec_output(x, 0, &out);
 *
 * Ownership: what _load and _new return belongs to the caller and has a _free that accepts NULL. Everything
 * else that is returned is borrowed from the first argument. Strings are UTF-8. The library never prints and
 * never exits.
 *
 * Threads: a program may be shared by any number of threads; an exec belongs to one thread at a time. Execs
 * keep their program alive: it may be freed before them. */
#ifndef JITC_H
#define JITC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* With JITC_STATIC a program that links libjitc.a exports none of it. */
#if defined(JITC_STATIC)
#define JITC_API
#elif defined(__GNUC__)
#define JITC_API __attribute__((visibility("default")))
#else
#define JITC_API
#endif

#define JITC_VERSION_MAJOR 0
#define JITC_VERSION_MINOR 1
#define JITC_VERSION_PATCH 0
JITC_API const char *jitc_version(void); /* "0.1.0" */

typedef enum jitc_status {
    JITC_OK = 0,
    JITC_E_INVALID = 1,  /* the model or the data cannot be used; the error lists every reason */
    JITC_E_USAGE = 2,    /* the call is wrong: NULL argument, unknown tensor, too small a buffer */
    JITC_E_INTERNAL = 3, /* a defect of jitc */
    JITC_E_NOMEM = 4,    /* out of memory, or over the limit in the options */
    JITC_E_IO = 5,       /* a file cannot be read */
    JITC_E_DEADLINE = 6, /* the deadline in the options has passed */
    JITC_E_CPU = 7,      /* this CPU, or this build, cannot run what the options ask for */
    JITC_E_CANCELLED = 8 /* a stop flag was set */
} jitc_status;

/* Why a call failed: all problems found, one line each. It belongs to the caller. */
typedef struct jitc_error jitc_error;
JITC_API jitc_status jitc_error_status(const jitc_error *e);
JITC_API const char *jitc_error_text(const jitc_error *e); /* lines separated by '\n', none at the end */
JITC_API void jitc_error_free(jitc_error *e);

/* Element types; the numbers are TensorFlow's DataType. */
typedef enum jitc_dtype {
    JITC_FLOAT32 = 1,
    JITC_FLOAT64 = 2,
    JITC_INT32 = 3,
    JITC_UINT8 = 4,
    JITC_INT16 = 5,
    JITC_INT8 = 6,
    JITC_STRING = 7, /* as an input: the bytes of one string, shape [n] */
    JITC_COMPLEX64 = 8,
    JITC_INT64 = 9,
    JITC_BOOL = 10,
    JITC_BFLOAT16 = 14,
    JITC_UINT16 = 17,
    JITC_COMPLEX128 = 18,
    JITC_FLOAT16 = 19,
    JITC_UINT32 = 22,
    JITC_UINT64 = 23
} jitc_dtype;
JITC_API const char *jitc_dtype_name(jitc_dtype t); /* "f32", "i64", …; NULL for an unknown number */
JITC_API size_t jitc_dtype_size(jitc_dtype t);      /* bytes per element; 0 for an unknown number */

#define JITC_MAX_RANK 8

/* A dense row-major tensor in the caller's memory. `data` needs the alignment of one element. */
typedef struct jitc_tensor {
    jitc_dtype dtype;
    int32_t rank;
    int64_t shape[JITC_MAX_RANK];
    void *data;
} jitc_tensor;

/* The shape of the input of this name; -1 stands for an open dimension. */
typedef struct jitc_shape {
    const char *name;
    int32_t rank;
    int64_t dim[JITC_MAX_RANK];
} jitc_shape;

/* The value of the scalar placeholder of this name. */
typedef struct jitc_set {
    const char *name;
    double value;
} jitc_set;

/* Memory of `bytes` bytes, aligned to JITC_ALIGN; NULL: there is none. With `bytes` 0 it frees `old`, which
 * is NULL otherwise. Any thread that uses the program may call it, several at the same time too. */
typedef void *jitc_alloc_fn(void *heap, void *old, size_t bytes);
#define JITC_ALIGN 64

/* Calls f(arg, i) for each i below n, in any order and on any threads, and returns when all are done. */
typedef void jitc_parallel_for_fn(void *host, void (*f)(void *arg, size_t i), void *arg, size_t n);

/* Flags of jitc_options. */
enum {
    JITC_LAZY = 1, /* loading compiles nothing, whatever is known; else it does when all shapes are known */
    JITC_PRECISE = 2, /* no algorithm that rounds more than the plain one, such as Winograd's convolution */
    JITC_VERIFY = 4,  /* the cache takes no file's times as a proof that it has not changed */
    JITC_TIERED = 8 /* runs begin with code that is quick to make; the best code takes its place when another
                       thread has made it. Results are the same */
};

struct jitc_op; /* a custom operator: jitc/op.h */

/* Older callers have shorter structs, see `size`; new fields come at the end, and 0 is their default. */
typedef struct jitc_options {
    size_t size;     /* sizeof(jitc_options), set by JITC_OPTIONS_INIT */
    int threads;     /* threads per run, the caller's included; 1 by default, 0 = all the process may use */
    const char *cpu; /* "native" (NULL), "x86-64", "x86-64-v2", "-v3", "-v4", or an LLVM CPU name with
                        "+feature,-feature" */
    const char *const *inputs; /* tensors to cut the graph at; NULL: its placeholders */
    size_t ninputs;
    const char *const *outputs; /* tensors wanted; NULL: every output of every live sink node */
    size_t noutputs;
    const jitc_shape *shapes; /* fixes open dimensions of inputs */
    size_t nshapes;
    const jitc_set *sets; /* fixes scalar placeholders */
    size_t nsets;
    size_t max_memory; /* bytes for the program, compiling it, and its execs, without LLVM's; 0 = no limit */
    int64_t deadline_ms;                      /* for a call that compiles; 0 = none */
    void (*log)(void *arg, const char *line); /* called on the thread that loads or compiles */
    void *log_arg;
    const volatile int *stop; /* not 0: calls that compile end with JITC_E_CANCELLED. Valid as long as the
                                 program; may be set by a signal handler or another thread */
    jitc_alloc_fn *alloc;     /* memory for the program and its execs; NULL: the C library's */
    void *heap;
    uint64_t flags; /* JITC_LAZY, JITC_PRECISE, JITC_VERIFY, JITC_TIERED */
    const struct jitc_op *const
        *ops; /* custom operators; with what they point to valid as long as the program */
    size_t nops;
    const char *tuning; /* a file of choices that `jitc tune` has written; NULL: the one in the user's cache,
                           where there is one; "": none */
    const char *cache;  /* a folder, made if it is missing, for code and packed weights that later loads find;
                           NULL: $JITC_CACHE, else the user's ($XDG_CACHE_HOME/jitc/code); "": none, as is
                              "off" */
    uint64_t cache_bytes; /* the most that it may hold; what was not used for longest goes. 0 = 4 GiB */
    const char *layout; /* how images lie in memory between kernels: "auto" (NULL) by estimated costs, or all
                           that can in one way: "nhwc", "nchw", "blocked" (by 16 channels); the same bits */
} jitc_options;
#define JITC_OPTIONS_INIT                                                                                    \
    {                                                                                                        \
        sizeof(jitc_options), 1, NULL, NULL, 0, NULL, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL,     \
            NULL, 0, NULL, 0, NULL, NULL, 0, NULL                                                            \
    }

/* A loaded model: its graph, its options, and the code for the shapes that runs had. */
typedef struct jitc_program jitc_program;

/* Load a frozen GraphDef. `options` may be NULL; `out_error` may be NULL. On failure *out is NULL. The file
 * stays open as long as the program: new input shapes may read weights again. It may be deleted or replaced,
 * but not overwritten in place. */
JITC_API jitc_status jitc_program_load(const char *path, const jitc_options *options, jitc_program **out,
                                       jitc_error **out_error);
/* The same from memory; the bytes must stay valid as long as the program. */
JITC_API jitc_status jitc_program_load_memory(const void *data, size_t size, const jitc_options *options,
                                              jitc_program **out, jitc_error **out_error);
/* Functions that read a model, of which nothing else is known. They may be called by any thread that uses the
 * program, several at the same time too. */
typedef struct jitc_reader {
    void *arg;
    uint64_t bytes; /* of the model */
    /* Puts bytes [offset, offset + n) at `to`, all within the model. Not 0: they cannot be read. */
    int (*read)(void *arg, uint64_t offset, void *to, size_t n);
    /* Called once, when nothing is read any more, also where loading fails; or NULL. */
    void (*close)(void *arg);
} jitc_reader;
JITC_API jitc_status jitc_program_load_reader(const jitc_reader *reader, const jitc_options *options,
                                              jitc_program **out, jitc_error **out_error);
/* Execs that use the program keep it; the last one frees it. */
JITC_API void jitc_program_free(jitc_program *p);

/* Compile now for inputs of these shapes, which no run has to then, and keep that code as long as the
 * program. Inputs that the program knows the shape of need not be named. */
JITC_API jitc_status jitc_program_specialise(jitc_program *p, const jitc_shape *shapes, size_t n,
                                             jitc_error **out_error);

/* An input or output as the graph declares it; rank -1: unknown, dimension -1: open. */
typedef struct jitc_io {
    const char *name; /* TensorFlow's tensor name without ":0" */
    jitc_dtype dtype;
    int32_t rank;
    int64_t shape[JITC_MAX_RANK];
} jitc_io;
JITC_API size_t jitc_program_input_count(const jitc_program *p);
JITC_API const jitc_io *jitc_program_input(const jitc_program *p, size_t i); /* NULL when out of range */
JITC_API size_t jitc_program_output_count(const jitc_program *p);
JITC_API const jitc_io *jitc_program_output(const jitc_program *p, size_t i); /* the same */

/* What one caller binds to a program, and the working memory and threads of its runs. */
typedef struct jitc_exec jitc_exec;
JITC_API jitc_status jitc_exec_new(jitc_program *p, jitc_exec **out);
JITC_API void jitc_exec_free(jitc_exec *x);

/* Bind an input, or memory for an output, by tensor name. The data is read (written) by each run and must
 * stay valid until bound anew; other shapes than before may compile code at the next run. Outputs that are
 * not bound live in the exec. NULL unbinds. */
JITC_API jitc_status jitc_exec_bind(jitc_exec *x, const char *name, const jitc_tensor *t);
/* Computes the outputs from what is bound; every input must be. Compiles first where there is no code for the
 * shapes. */
JITC_API jitc_status jitc_exec_run(jitc_exec *x);
/* All of a run but the run itself: compiles for what is bound, and allocates. */
JITC_API jitc_status jitc_exec_prepare(jitc_exec *x);
/* 1: all inputs are bound and there is code for their shapes: the next run compiles nothing. Else 0. */
JITC_API int jitc_exec_is_ready(const jitc_exec *x);
/* Output i as a run with what is bound now would write it, so that memory for it can be bound: -1 is a
 * dimension that only a run tells. (In rare cases a run finds another size: where inputs of open shapes
 * broadcast against each other.) Compiles if need be. */
JITC_API jitc_status jitc_exec_output_shape(jitc_exec *x, size_t i, jitc_io *out);
/* What the last run wrote; valid until the next bind or run. */
JITC_API jitc_status jitc_exec_output(const jitc_exec *x, size_t i, jitc_tensor *out);
/* The last failure on this exec, or "". */
JITC_API const char *jitc_exec_error(const jitc_exec *x);

/* Runs use the host's threads instead of the exec's own. `shares`: the most that `f` is called with, at least
 * 1; four per thread is a good number. NULL: the exec's own again. Results have the same bits either way. */
JITC_API jitc_status jitc_exec_set_parallel_for(jitc_exec *x, jitc_parallel_for_fn *f, void *host,
                                                size_t shares);
/* Not 0: runs end with JITC_E_CANCELLED, between two kernels or rounds of a loop, or while they compile. The
 * flag may be set by a signal handler or another thread. NULL: none. */
JITC_API jitc_status jitc_exec_set_stop(jitc_exec *x, const volatile int *stop);

/* The working memory of runs with what is bound now: intermediate results, outputs that are not bound, copies
 * of tensors that cannot be used in place. Compiles if need be. */
JITC_API jitc_status jitc_exec_workspace_bytes(jitc_exec *x, size_t *bytes);
/* Memory of the caller, aligned to JITC_ALIGN, for that; the exec gives its own back. A run that needs more
 * ends with JITC_E_USAGE. What has a size that depends on data is not in it, but from jitc_options.alloc.
 * NULL: the exec's own memory again. */
JITC_API jitc_status jitc_exec_set_workspace(jitc_exec *x, void *memory, size_t bytes);

/* -- Profiles: where the time of a run goes ---------------------------------------------------- */
/* A part of a call that ran on one thread. Times are nanoseconds of CLOCK_MONOTONIC. */
typedef struct jitc_share_time {
    uint64_t thread; /* as the system numbers it */
    int64_t start_ns, end_ns;
} jitc_share_time;

/* A call of a kernel. Later versions of the library have more fields at the end, see `size`. */
typedef struct jitc_call {
    size_t size;              /* of this struct in the library */
    uint32_t index;           /* which call of the compiled code; in a loop the same one in each round */
    const char *kernel;       /* the class: "igemm", "winograd", "map", … */
    const char *algorithm;    /* "conv 3×3 s2", "winograd F(4×4,3×3)", "mul+add", … */
    const char *shape;        /* "56×56 64→128", … */
    const char *node, *op;    /* the TensorFlow node that it is about, and its op type; or "" */
    const char *const *nodes; /* all nodes whose work it does, or does a part of */
    size_t nnodes;
    int64_t start_ns, end_ns;
    double flops; /* operations that the plain algorithm needs, a multiply-add being two; -1: not known */
    double done_flops;             /* those that were done: Winograd's, say, are fewer */
    double bytes;                  /* of its operands and results in memory, each once */
    const jitc_share_time *shares; /* where several threads could share it; else nshares is 0 */
    size_t nshares;
} jitc_call;

/* `f` is called in each run after each call of a kernel, by the thread that runs; `call` and all that it
 * points to are valid until `f` returns, strings and `nodes` until the next bind. It must not use the exec.
 * NULL: no longer; a run without it costs nothing more. */
typedef void jitc_profile_fn(void *arg, const jitc_call *call);
JITC_API jitc_status jitc_exec_set_profile(jitc_exec *x, jitc_profile_fn *f, void *arg);

/* -- Ahead of time: a program as an object file with a C header, for hosts without jitc -------- */
typedef enum jitc_emit {
    JITC_EMIT_OBJECT = 0,
    JITC_EMIT_ASM = 1, /* text */
    JITC_EMIT_LLVM = 2 /* text: LLVM's IR */
} jitc_emit;

typedef struct jitc_aot_options {
    size_t size;      /* sizeof(jitc_aot_options), set by JITC_AOT_OPTIONS_INIT */
    const char *name; /* a C identifier, the prefix of all symbols; NULL: "model" */
    const char *cpu; /* code for this CPU alone, such as "x86-64-v3"; NULL or "baseline": for every one of the
                        target, and the code chooses when it runs (docs/aot.md) */
    const char *target; /* the system that it is for, such as "aarch64-linux-gnu"; NULL: this one */
    jitc_emit emit;
    int weights_outside; /* 1: the object has no weights, its caller passes them */
} jitc_aot_options;
#define JITC_AOT_OPTIONS_INIT                                                                                \
    {                                                                                                        \
        sizeof(jitc_aot_options), NULL, NULL, NULL, JITC_EMIT_OBJECT, 0                                      \
    }

/* Compiles the program ahead of time. Dimensions that it leaves open stay open. Load with JITC_LAZY to
 * compile for nothing else. */
typedef struct jitc_object jitc_object;
JITC_API jitc_status jitc_aot_compile(jitc_program *p, const jitc_aot_options *options, jitc_object **out,
                                      jitc_error **out_error);
JITC_API const void *jitc_object_data(const jitc_object *o, size_t *bytes); /* the object file, or the text */
JITC_API const char *jitc_object_header(const jitc_object *o);              /* the C header */
/* The weights, when they are outside; else NULL. */
JITC_API const void *jitc_object_weights(const jitc_object *o, size_t *bytes);
JITC_API void jitc_object_free(jitc_object *o);

#ifdef __cplusplus
}
#endif
#endif
