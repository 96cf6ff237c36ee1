/* Passes over the graph IR, and the driver that runs pipelines of them.
 *
 * A pipeline is text: names separated by commas, and `fix(...)`, which repeats its list until nothing
 * changes. */
#ifndef JITC_PASS_H
#define JITC_PASS_H

#include "ir/ir.h"

typedef struct {
    const char *name;
    int64_t ns;
    uint32_t runs, changed;
} PassTime;

/* How images lie in memory: as estimated costs tell, or all that may in one way. */
typedef enum { IMAGES_AUTO, IMAGES_NHWC, IMAGES_NCHW, IMAGES_BLOCKED } ImageLayout;
/* "auto" (also NULL and ""), "nhwc", "nchw", "blocked"; false: none of these. */
bool image_layout(const char *name, ImageLayout *out);

typedef struct {
    const char *cpu; /* the target's name, or NULL */
    bool precise;    /* nothing that rounds more than the plain algorithm */
    ImageLayout layout;
    bool verify; /* check the IR after each pass that changed it */
    void (*after)(void *arg, Module *m, const char *pass, bool changed); /* for dumps; may be NULL */
    void *after_arg;
    PassTime *times; /* passes_count() entries to add to, by pass number, or NULL */
} PassOptions;

typedef struct {
    Job *job;
    const PassOptions *opt;
} PassCx;

typedef struct {
    const char *name, *help;
    bool (*run)(Module *m, PassCx *cx); /* true: changed something */
} PassInfo;

int passes_count(void);
const PassInfo *passes_at(int i);
const char *passes_default_pipeline(void);
/* Runs a pipeline. Errors of its text, and of the passes, go to the job, which unwinds. `opt` may be NULL. */
void passes_run(Module *m, const char *pipeline, const PassOptions *opt);

#define PASS(name, help) bool pass_##name(Module *m, PassCx *cx);
#include "passes/passes.def"
#undef PASS
#endif
