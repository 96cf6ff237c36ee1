/* Times of runs, and their quantiles. */
#include <stdlib.h>

#include "cli/cli.h"

enum { MAX_SAMPLES = 1 << 19 };

void samples_clear(Job *job, Samples *s)
{
    float *at = s->at;
    if (!at) {
        at = calloc(MAX_SAMPLES, sizeof *at);
        if (!at) job_fail(job, JITC_E_NOMEM);
        job_on_exit(job, free, at);
    }
    *s = (Samples){.at = at, .stride = 1};
}

/* When the memory is full, every other sample goes, and from then on only half as many are kept. */
void samples_add(Samples *s, double ms)
{
    if (!s->runs || ms < s->min) s->min = ms;
    if (s->runs++ % s->stride) return;
    if (s->n == MAX_SAMPLES) {
        for (size_t i = 0; i < MAX_SAMPLES / 2; i++) s->at[i] = s->at[2 * i];
        s->n = MAX_SAMPLES / 2;
        s->stride *= 2;
    }
    s->at[s->n++] = (float)ms;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void samples_sort(Samples *s)
{
    if (s->n) qsort(s->at, s->n, sizeof *s->at, by_value);
}

double samples_quantile(const Samples *s, double q)
{
    double at = q * (double)(s->n - 1);
    size_t i = (size_t)at;
    double part = at - (double)i, low = s->at[i], high = s->at[i + 1 < s->n ? i + 1 : i];
    return low + (high - low) * part;
}
