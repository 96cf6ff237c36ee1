/* The table of packed weights, by the hash of their recipe. */
#include "codegen/plan/pack_private.h"

static uint32_t place(const PackTable *t, Hash key)
{
    uint32_t i = (uint32_t)key.lo & (t->cap - 1);
    while (t->at[i] && !hash_eq(t->at[i]->key, key)) i = (i + 1) & (t->cap - 1);
    return i;
}

Packed *pack_take(PackTable *t, Hash key)
{
    Packed *w = t->cap ? t->at[place(t, key)] : NULL;
    if (w) w->refs++;
    return w;
}

static bool grow(PackTable *t)
{
    PackTable old = *t;
    uint32_t cap = old.cap ? old.cap * 2 : 64;
    t->at = memory_take(t->memory, cap * sizeof *t->at);
    if (!t->at) {
        t->at = old.at;
        return false;
    }
    memset(t->at, 0, cap * sizeof *t->at);
    t->cap = cap;
    for (uint32_t i = 0; i < old.cap; i++)
        if (old.at[i]) t->at[place(t, old.at[i]->key)] = old.at[i];
    memory_give(t->memory, old.at, old.cap * sizeof *old.at);
    return true;
}

static void free_data(PackTable *t, const Packed *w)
{
    if (w->is_mapped)
        t->unmap(w->data, (size_t)w->bytes);
    else
        memory_give(t->memory, w->data, (size_t)w->bytes);
}

static Packed *add(Job *job, PackTable *t, Packed w)
{
    Packed *r = (t->n + 1) * 4 > t->cap * 3 && !grow(t) ? NULL : memory_take(t->memory, sizeof *r);
    if (!r) {
        free_data(t, &w);
        job_fail(job, JITC_E_NOMEM);
    }
    *r = w;
    t->at[place(t, w.key)] = r;
    t->n++;
    return r;
}

Packed *pack_add(Job *job, PackTable *t, Hash key, int64_t bytes)
{
    if (!memory_fits(t->memory, (size_t)bytes)) {
        job_error(job, "the packed weights need more memory than the limit of %zu bytes allows",
                  t->memory->limit);
        job_fail(job, JITC_E_NOMEM);
    }
    void *data = memory_take(t->memory, (size_t)bytes);
    if (!data) job_fail(job, JITC_E_NOMEM);
    return add(job, t, (Packed){.key = key, .bytes = bytes, .refs = 1, .data = data});
}

Packed *pack_add_mapped(Job *job, PackTable *t, Hash key, int64_t bytes, void *data, Hash content)
{
    return add(job, t, (Packed){key, bytes, 1, data, content, true});
}

void pack_map(PackTable *t, Packed *w, void *data)
{
    free_data(t, w);
    w->data = data;
    w->is_mapped = true;
}

static void free_packed(PackTable *t, Packed *w)
{
    free_data(t, w);
    memory_give(t->memory, w, sizeof *w);
}

void pack_release(PackTable *t, Packed *w)
{
    if (!w || --w->refs) return;
    uint32_t i = place(t, w->key);
    t->at[i] = NULL;
    t->n--;
    free_packed(t, w);
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
        if (t->at[i]) free_packed(t, t->at[i]);
    memory_give(t->memory, t->at, t->cap * sizeof *t->at);
    *t = (PackTable){.memory = t->memory};
}
