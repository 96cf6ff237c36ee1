/* What `jitc tune --batch` has measured. */
#ifndef JITC_TUNE_BATCH_H
#define JITC_TUNE_BATCH_H

#include "cli/cli.h"

/* A batch size. */
typedef struct {
    int64_t n, runs; /* runs: 0 where it was left out before it could run */
    Samples samples;
    double median, p90;                   /* ms of a run */
    int64_t inputs, arena, weights, code; /* bytes */
    const char *left_out;                 /* why; NULL: it is within the limits */
} Batch;

typedef struct {
    Options *o;
    const Model *m;
    Binding *b; /* the inputs' rows, of which batches are made */
    Session *s;
    void **memory;    /* of the batch that is bound, by input */
    VEC(Batch) sizes; /* ascending */
    size_t max_memory;
    int64_t start;
    uint32_t refined;       /* sizes beside the first ones */
    uint32_t to_do;         /* sizes that share the time that is left */
    bool over;              /* Ctrl-C */
    uint32_t fastest, best; /* the most items per second; what to use. In `sizes`; UINT32_MAX: none */
} Batches;

static inline double items_per_second(const Batch *z)
{
    return z->runs ? 1e3 * (double)z->n / z->median : 0;
}
static inline int64_t batch_memory(const Batch *z)
{
    return z->inputs + z->arena + z->weights + z->code;
}
void put_bytes(Str *s, int64_t bytes); /* "12.3 MiB" */
void batches_show(Str *s, const Batches *t);
void batches_json(Str *s, const Batches *t);
void batches_svg(Str *s, const Batches *t);
#endif
