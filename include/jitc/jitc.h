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

#if defined(__GNUC__)
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
    JITC_E_CPU = 7       /* this CPU, or this build, cannot run what the options ask for */
} jitc_status;

/* All problems found, one line each. */
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

/* A name with a shape, a value, or nothing more; -1 stands for an open dimension. */
typedef struct jitc_shape {
    const char *name;
    int32_t rank;
    int64_t dim[JITC_MAX_RANK];
} jitc_shape;

typedef struct jitc_set {
    const char *name;
    double value;
} jitc_set;

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
    size_t max_memory;   /* bytes for compiling; 0 = no limit */
    int64_t deadline_ms; /* for compiling; 0 = none */
    void (*log)(void *arg, const char *line);
    void *log_arg;
} jitc_options;
#define JITC_OPTIONS_INIT                                                                                    \
    {                                                                                                        \
        sizeof(jitc_options), 1, NULL, NULL, 0, NULL, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL                  \
    }

typedef struct jitc_program jitc_program;

/* Load a frozen GraphDef. `options` may be NULL; `out_error` may be NULL. On failure *out is NULL. The file
 * stays open as long as the program: new input shapes may read weights again. It may be deleted or replaced,
 * but not overwritten in place. */
JITC_API jitc_status jitc_program_load(const char *path, const jitc_options *options, jitc_program **out,
                                       jitc_error **out_error);
/* The same from memory; the bytes must stay valid as long as the program. */
JITC_API jitc_status jitc_program_load_memory(const void *data, size_t size, const jitc_options *options,
                                              jitc_program **out, jitc_error **out_error);
JITC_API void jitc_program_free(jitc_program *p);

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
JITC_API const jitc_io *jitc_program_output(const jitc_program *p, size_t i);

typedef struct jitc_exec jitc_exec;
JITC_API jitc_status jitc_exec_new(jitc_program *p, jitc_exec **out);
JITC_API void jitc_exec_free(jitc_exec *x);

/* Bind an input, or memory for an output, by tensor name. The data is read (written) by each run and must
 * stay valid until bound anew; other shapes than before may compile code at the next run. Outputs that are
 * not bound live in the exec. NULL unbinds. */
JITC_API jitc_status jitc_exec_bind(jitc_exec *x, const char *name, const jitc_tensor *t);
JITC_API jitc_status jitc_exec_run(jitc_exec *x);
/* What the last run wrote; valid until the next bind or run. */
JITC_API jitc_status jitc_exec_output(const jitc_exec *x, size_t i, jitc_tensor *out);
/* The last failure on this exec, or "". */
JITC_API const char *jitc_exec_error(const jitc_exec *x);

#ifdef __cplusplus
}
#endif
#endif
