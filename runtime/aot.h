/* Ahead of time: a program as an object file with a C header. docs/aot.md describes both. */
#ifndef JITC_RUNTIME_AOT_H
#define JITC_RUNTIME_AOT_H

#include "runtime/jitc_internal.h"

typedef struct {
    const char *name;   /* a C identifier */
    const char *target; /* a triple; NULL: this machine's */
    const char *cpu;    /* as --cpu; NULL: "baseline", the target's default */
    CodegenEmit emit;
    bool weights_outside; /* for the caller to pass */
} AotOptions;

typedef struct {
    CodegenObject object;
    char *header;
    uint8_t *weights; /* weights_outside: what the caller must pass */
    int64_t weight_bytes;
} AotModel;

/* The program for the shapes that it declares; open dimensions stay open. */
jitc_status program_compile(jitc_program *p, const AotOptions *o, AotModel *out, jitc_error **out_error);
void aot_free(AotModel *m);

/* -- aot_header.c ------------------------------------------------------------------------------ */
char *aot_header(const CodegenModel *m, const AotOptions *o); /* from malloc; NULL: out of memory */
#endif
