/* The code generator as a service behind a narrow door: kernel texts in, object files out. It lives in
 * a module of its own (libjitc-llvm.so), opened at the first compile, so that nothing else pays for LLVM.
 * runtime/image.h makes the objects executable. */
#ifndef JITC_SERVICE_H
#define JITC_SERVICE_H

#include <stdbool.h>
#include <stdlib.h>

#include "codegen/model.h"
#include "ir/base/base.h"

enum { CODEGEN_ABI = 6 };
#define CODEGEN_ENTRY  "jitc_codegen_open"
#define CODEGEN_SCALAR "jitc_scalar"

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
    const char *name;                /* for messages */
    const struct CustomNode *custom; /* what a call of an operator of the user's passes on */
    const struct CustomOps *ops;     /* those made of code that texts name */
} CodegenKernel;

/* The symbol of its function: the same for equal texts. */
enum { KERNEL_SYMBOL = 48 };
static inline void kernel_symbol(const char *text, size_t size, char symbol[KERNEL_SYMBOL])
{
    Hash h = hash_bytes(text, size);
    snprintf(symbol, KERNEL_SYMBOL, "k_%016llx%016llx", (unsigned long long)h.hi, (unsigned long long)h.lo);
}

typedef enum { EMIT_OBJECT, EMIT_ASM, EMIT_LLVM } CodegenEmit;

/* A relocatable object file, or text; from malloc. */
typedef struct {
    char *bytes;
    size_t size;
} CodegenFile;

typedef struct {
    CodegenFile
        *file; /* objects that call each other's functions and nothing else, or one text; from malloc */
    size_t nfiles;
    char *error;       /* NULL, or why it failed, from malloc; one line per problem */
    jitc_status limit; /* not JITC_OK: a limit has ended it */
    int64_t codegen_ns;
    int64_t emit_ns, passes_ns, machine_ns; /* parts of it, of all threads together */
} CodegenResult;

typedef struct {
    CodegenFile file;
    char *error;     /* as above */
    bool bad_target; /* it is about the target that was asked for */
    jitc_status limit;
} CodegenObject;

typedef struct {
    int abi; /* CODEGEN_ABI */
    CodegenResult (*compile)(const CodegenTarget *t, const CodegenKernel *k, size_t n, CodegenEmit emit,
                             int threads, const Limits *limits);
    CodegenObject (*object)(const CodegenTarget *t, const CodegenModel *m, CodegenEmit emit,
                            const Limits *limits);
    /* Of a custom operator made of code: the types of its function (see CustomOp). Why it cannot be used,
     * from malloc; NULL: it can. */
    char *(*inspect)(const struct jitc_op *op, char types[MAP_MAX_IN + 2]);
    /* An object with the function compiled as it is: CODEGEN_SCALAR, a custom_scalar. */
    CodegenObject (*scalar)(const struct jitc_op *op);
    /* LLVM's version, and the host's CPU name and features as LLVM sees them. */
    void (*describe)(char *version, size_t nv, char *cpu, size_t nc, char *features, size_t nf);
} Codegen;

typedef const Codegen *codegen_open_fn(void);

static inline void codegen_result_free(CodegenResult *r)
{
    for (size_t i = 0; i < r->nfiles; i++) free(r->file[i].bytes);
    free(r->file);
    free(r->error);
    *r = (CodegenResult){0};
}
#endif
