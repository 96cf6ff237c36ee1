/* The table of packed weights, by the hash of their recipe. */
#include <stdlib.h>
#include <sys/mman.h>

#include "codegen/plan/pack_private.h"

static uint32_t place(const PackTable *t, Hash key)
{
    uint32_t i = (uint32_t)key.lo & (t->cap - 1);
    while (t->at[i] && !hash_eq(t->at[i]->key, key)) i = (i + 1) & (t->cap - 1);
    return i;
}

Packed *pack_find(const PackTable *t, Hash key)
{
    return t->cap ? t->at[place(t, key)] : NULL;
}

static bool grow(PackTable *t)
{
    PackTable old = *t;
    uint32_t cap = old.cap ? old.cap * 2 : 64;
    t->at = calloc(cap, sizeof *t->at);
    if (!t->at) {
        t->at = old.at;
        return false;
    }
    t->cap = cap;
    for (uint32_t i = 0; i < old.cap; i++)
        if (old.at[i]) t->at[place(t, old.at[i]->key)] = old.at[i];
    free(old.at);
    return true;
}

/* Large tensors are read from end to end: huge pages spare the TLB. */
static void *alloc_data(int64_t bytes)
{
    enum { LINE = 64, HUGE = 2 << 20 };
    bool huge = bytes >= HUGE;
    size_t align = huge ? HUGE : LINE;
    if (bytes > INT64_MAX / 2) return NULL;
    void *p = aligned_alloc(align, (size_t)round_up(max_i64(bytes, 1), (int64_t)align));
#ifdef MADV_HUGEPAGE
    if (p && huge) madvise(p, (size_t)bytes / HUGE * HUGE, MADV_HUGEPAGE);
#endif
    return p;
}

Packed *pack_add(Job *job, PackTable *t, Hash key, int64_t bytes)
{
    if (t->limit && bytes > t->limit - t->bytes) {
        job_error(job, "the packed weights need more memory than the limit of %lld bytes",
                  (long long)t->limit);
        job_fail(job, JITC_E_NOMEM);
    }
    if ((t->n + 1) * 4 > t->cap * 3 && !grow(t)) job_fail(job, JITC_E_NOMEM);
    Packed *w = malloc(sizeof *w);
    void *data = w ? alloc_data(bytes) : NULL;
    if (!data) {
        free(w);
        job_fail(job, JITC_E_NOMEM);
    }
    *w = (Packed){key, bytes, 1, data};
    t->at[place(t, key)] = w;
    t->n++;
    t->bytes += bytes;
    return w;
}

void pack_release(PackTable *t, Packed *w)
{
    if (!w || --w->refs) return;
    uint32_t i = place(t, w->key);
    t->at[i] = NULL;
    t->n--;
    t->bytes -= w->bytes;
    free(w->data);
    free(w);
    /* What was pushed past the hole moves back. */
    for (i = (i + 1) & (t->cap - 1); t->at[i]; i = (i + 1) & (t->cap - 1)) {
        Packed *next = t->at[i];
        t->at[i] = NULL;
        t->at[place(t, next->key)] = next;
    }
}

void pack_table_free(PackTable *t)
{
    for (uint32_t i = 0; i < t->cap; i++)
        if (t->at[i]) {
            free(t->at[i]->data);
            free(t->at[i]);
        }
    free(t->at);
    *t = (PackTable){0};
}
