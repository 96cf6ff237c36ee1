#include "runtime/heap.h"

bool heap_ensure(Memory *m, HeapBlock *b, int64_t bytes)
{
    if (b->at && bytes <= b->size) return true;
    if (bytes < 0 || bytes > INT64_MAX / 2) return false;
    void *p = memory_take(m, (size_t)bytes);
    if (!p) return false;
    heap_free(m, b);
    *b = (HeapBlock){p, bytes};
    return true;
}

void heap_free(Memory *m, HeapBlock *b)
{
    memory_give(m, b->at, (size_t)b->size);
    *b = (HeapBlock){0};
}

/* -- Blocks of a run ------------------------------------------------------------------------------------ */
static bool add_slot(RunHeap *h)
{
    if (h->n < h->cap) return true;
    uint32_t cap = h->cap ? 2 * h->cap : 16;
    HeapBlock *block = memory_take(h->memory, cap * sizeof *block);
    bool *used = memory_take(h->memory, cap * sizeof *used);
    if (!block || !used) {
        memory_give(h->memory, block, cap * sizeof *block);
        memory_give(h->memory, used, cap * sizeof *used);
        return false;
    }
    if (h->n) {
        memcpy(block, h->block, h->n * sizeof *block);
        memcpy(used, h->used, h->n * sizeof *used);
    }
    memory_give(h->memory, h->block, h->cap * sizeof *block);
    memory_give(h->memory, h->used, h->cap * sizeof *used);
    h->block = block;
    h->used = used;
    h->cap = cap;
    return true;
}

static uint32_t find_idle(const RunHeap *h, int64_t least, int64_t most)
{
    for (uint32_t i = 0; i < h->n; i++)
        if (!h->used[i] && h->block[i].size >= least && h->block[i].size <= most) return i;
    return UINT32_MAX;
}

static void drop_idle(RunHeap *h)
{
    for (uint32_t i = 0; i < h->n; i++) {
        if (h->used[i]) continue;
        h->bytes -= h->block[i].size;
        heap_free(h->memory, &h->block[i]);
    }
}

void *run_heap_take(RunHeap *h, int64_t bytes)
{
    int64_t size = 64;
    while (size < bytes && size <= INT64_MAX / 2) size *= 2;
    if (bytes < 64) bytes = 64;
    uint32_t at = find_idle(h, bytes, size);
    if (at == UINT32_MAX) {
        at = find_idle(h, 0, 0); /* one that was dropped */
        if (at == UINT32_MAX) {
            if (!add_slot(h)) return NULL;
            at = h->n++;
            h->block[at] = (HeapBlock){0};
            h->used[at] = false;
        }
        if (!memory_fits(h->memory, (size_t)size)) drop_idle(h);
        if (!memory_fits(h->memory, (size_t)size)) size = bytes;
        if (!heap_ensure(h->memory, &h->block[at], size)) return NULL;
        h->bytes += h->block[at].size;
    }
    h->used[at] = true;
    return h->block[at].at;
}

void run_heap_give(RunHeap *h, void *at)
{
    for (uint32_t i = 0; at && i < h->n; i++)
        if (h->block[i].at == at) h->used[i] = false;
}

void run_heap_reset(RunHeap *h)
{
    for (uint32_t i = 0; i < h->n; i++) h->used[i] = false;
}

void run_heap_free(RunHeap *h)
{
    for (uint32_t i = 0; i < h->n; i++) heap_free(h->memory, &h->block[i]);
    memory_give(h->memory, h->block, h->cap * sizeof *h->block);
    memory_give(h->memory, h->used, h->cap * sizeof *h->used);
    *h = (RunHeap){.memory = h->memory};
}
