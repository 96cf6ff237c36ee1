/* What the command line and the tests see of the library beyond include/jitc/jitc.h. Not installed. */
#ifndef JITC_INTERNAL_H
#define JITC_INTERNAL_H

#include "codegen/plan/plan.h"
#include "codegen/service.h"
#include "frontend/import.h"
#include "jitc/jitc.h"

typedef enum {
    PHASE_DECODE,
    PHASE_IMPORT,
    PHASE_PASSES,
    PHASE_PLAN,
    PHASE_PACK,
    PHASE_CACHE,   /* reading and writing it */
    PHASE_OPEN,    /* loading the code generator */
    PHASE_CODEGEN, /* meanwhile weights are packed; the next three are its parts, of all threads together */
    PHASE_LLVM_IR,
    PHASE_LLVM_PASSES,
    PHASE_LLVM_MACHINE,
    PHASE_LINK,
    PHASES
} Phase;
const char *phase_name(Phase p);

/* The code generator, loaded on the first call. NULL: *why (from malloc) says what is missing. */
const Codegen *plugin_open(char **why);
/* For tests: what plugin_open() gives from here on, for programs that have not compiled anything yet. */
void plugin_replace(const Codegen *c);

/* A program from the IR's text form: @main of static types. `pipeline` NULL: the default one. The text is
 * copied. */
jitc_status program_load_ir(const char *text, size_t size, const char *pipeline, const jitc_options *options,
                            jitc_program **out, jitc_error **out_error);
/* jitc_program_load() with other passes; `pipeline` NULL: the default ones. */
jitc_status program_load_passes(const char *path, const char *pipeline, const jitc_options *options,
                                jitc_program **out, jitc_error **out_error);
/* A program of which only the interface is known, as the graph declares it: from the cache, or by reading the
 * model. */
jitc_status program_interface(const char *path, const jitc_options *options, jitc_program **out,
                              jitc_error **out_error);
/* The imported module for these shapes (by name; NULL: as declared) in a job that has been entered; the
 * program must outlive it. Open dims of inputs become symbols when `symbolic`, else they are errors. */
Module *program_import(jitc_program *p, Job *job, const jitc_shape *shapes, size_t nshapes, bool symbolic,
                       ImportIo *io);
const char *program_pipeline(const jitc_program *p); /* the passes that it runs */
bool program_is_static(const jitc_program *p);       /* all sizes are known */
const CodegenTarget *program_target(const jitc_program *p);
jitc_error *error_new(jitc_status status, const char *text); /* NULL when out of memory */

/* For tests: from here on the program is compiled once for all sizes of the inputs' first dimensions, as far
 * as it can be. */
void program_generalise(jitc_program *p);
bool exec_is_general(const jitc_exec *x); /* what it ran last */

typedef struct {
    int64_t phase_ns[PHASES];
    int64_t arena_bytes, scratch_bytes, weights_bytes, code_bytes;
    int64_t macs;
    uint32_t calls, kernels, new_kernels;
    bool cached, found; /* there is a cache; the version and its code were in it */
} ExecStats;
/* Random numbers are those of a module that was imported without ImportOptions.runs. */
void exec_fix_random(jitc_exec *x);
/* All of these: of the version that was last prepared; NULL or zeros before that. */
const Plan *exec_plan(const jitc_exec *x);
void exec_stats(const jitc_exec *x, ExecStats *out);
/* What is bound, compiled by these choices and for nobody else; of an exec that was prepared. Runs use it
 * after exec_switch(), until something is bound. */
struct Tuning;
struct Version;
jitc_status exec_try(jitc_exec *x, const struct Tuning *tuning, struct Version **out);
jitc_status exec_switch(jitc_exec *x, struct Version *v);
void exec_forget(jitc_exec *x, struct Version *v);
/* After each call: its number, and where its operands and results lie, in the order of plan->call_buf. */
typedef void ExecTap(void *arg, uint32_t call, void *const *ptr);
void exec_set_tap(jitc_exec *x, ExecTap *tap, void *arg);
#endif
