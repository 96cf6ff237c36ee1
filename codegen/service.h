/* The code generator as a service behind a narrow door: kernel texts in, machine code out. It lives in a
 * module of its own (libjitc-llvm.so), opened at the first compile, so that nothing else pays for LLVM. */
#ifndef JITC_SERVICE_H
#define JITC_SERVICE_H

#include <stdbool.h>

#include "codegen/model.h"
#include "ir/base/base.h"

enum { CODEGEN_ABI = 5 };
#define CODEGEN_ENTRY "jitc_codegen_open"

typedef struct {
    const char *triple;   /* the system; NULL or "": this machine's */
    const char *cpu;      /* "native", or an LLVM CPU name; for objects also "baseline" */
    const char *features; /* "+f,-f…" in addition, or "" */
    bool quick;           /* compiles fast instead of to fast code; for tests */
} CodegenTarget;

/* A kernel text: a header line, then one function of the IR's text form (see codegen/plan/spec.h). */
typedef struct {
    const char *text;
    size_t size;
    const char *name;                /* symbol for debuggers and profilers */
    const struct CustomNode *custom; /* what a call of an operator of the user's passes on */
    const struct CustomOps *ops;     /* those made of code that texts name */
} CodegenKernel;

typedef enum { EMIT_NONE, EMIT_LLVM, EMIT_ASM, EMIT_OBJECT } CodegenEmit;

typedef struct CodegenImage CodegenImage; /* loaded code; lives until freed */

typedef struct {
    CodegenImage *image;
    kernel_fn **fn; /* one per kernel, owned by the image */
    size_t code_bytes;
    char *text;        /* EMIT_LLVM, EMIT_ASM: what was asked for, from malloc */
    char *error;       /* NULL, or why it failed, from malloc; one line per problem */
    jitc_status limit; /* not JITC_OK: a limit has ended it */
    int64_t codegen_ns, link_ns;
    int64_t emit_ns, passes_ns, machine_ns; /* parts of codegen, of all threads together */
} CodegenResult;

typedef struct {
    CodegenImage *image; /* EMIT_NONE: loaded here */
    char *bytes;         /* else: what was asked for, from malloc */
    size_t size;
    char *error;     /* as above */
    bool bad_target; /* it is about the target that was asked for */
    jitc_status limit;
} CodegenObject;

typedef struct {
    int abi; /* CODEGEN_ABI */
    CodegenResult (*compile)(const CodegenTarget *t, const CodegenKernel *k, size_t n, CodegenEmit emit,
                             int threads, const Limits *limits);
    void (*free_image)(CodegenImage *image);
    CodegenObject (*object)(const CodegenTarget *t, const CodegenModel *m, CodegenEmit emit,
                            const Limits *limits);
    void *(*symbol)(CodegenImage *image, const char *name); /* of a model that was loaded; or NULL */
    /* Of a custom operator made of code: the types of its function (see CustomOp). Why it cannot be used,
     * from malloc; NULL: it can. */
    char *(*inspect)(const struct jitc_op *op, char types[MAP_MAX_IN + 2]);
    /* The function compiled as it is, a custom_scalar; NULL: *error, from malloc, says why not. */
    void *(*scalar)(const struct jitc_op *op, CodegenImage **image, char **error);
    /* LLVM's version, and the host's CPU name and features as LLVM sees them. */
    void (*describe)(char *version, size_t nv, char *cpu, size_t nc, char *features, size_t nf);
} Codegen;

typedef const Codegen *codegen_open_fn(void);
#endif
