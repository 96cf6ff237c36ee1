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

void *run_heap_take(RunHeap *h, int64_t bytes)
{
    uint32_t best = UINT32_MAX, idle = UINT32_MAX;
    if (bytes < 64) bytes = 64;
    for (uint32_t i = 0; i < h->n; i++) {
        if (h->used[i]) continue;
        idle = i;
        if (h->block[i].size < bytes || h->block[i].size / 2 > bytes) continue;
        if (best == UINT32_MAX || h->block[i].size < h->block[best].size) best = i;
    }
    if (best == UINT32_MAX) {
        /* A little more than asked for, for a size that varies. */
        int64_t size = bytes < INT64_MAX / 2 ? bytes + bytes / 8 : bytes;
        if (idle != UINT32_MAX) { /* exchange it: the number of blocks is that of what lives at once */
            h->bytes -= h->block[idle].size;
            heap_free(h->memory, &h->block[idle]);
            best = idle;
        } else {
            if (!add_slot(h)) return NULL;
            best = h->n++;
            h->block[best] = (HeapBlock){0};
            h->used[best] = false;
        }
        if (!memory_fits(h->memory, (size_t)size)) size = bytes;
        if (!heap_ensure(h->memory, &h->block[best], size)) return NULL;
        h->bytes += h->block[best].size;
    }
    h->used[best] = true;
    return h->block[best].at;
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
