#include "runtime/heap.h"

#include <stdlib.h>
#include <sys/mman.h>

bool heap_ensure(HeapBlock *b, int64_t bytes)
{
    enum { LINE = 64, HUGE = 2 << 20 };
    if (b->at && bytes <= b->size) return true;
    if (bytes < 0 || bytes > INT64_MAX / 2) return false;
    int64_t align = bytes >= HUGE ? HUGE : LINE;
    int64_t size = (bytes / align + 1) * align;
    void *p = aligned_alloc((size_t)align, (size_t)size);
    if (!p) return false;
#ifdef MADV_HUGEPAGE
    if (align == HUGE) madvise(p, (size_t)size, MADV_HUGEPAGE);
#endif
    free(b->at);
    b->at = p;
    b->size = size;
    return true;
}

void heap_free(HeapBlock *b)
{
    free(b->at);
    *b = (HeapBlock){0};
}

/* -- Blocks of a run ------------------------------------------------------------------------------------ */
static bool add_slot(RunHeap *h)
{
    if (h->n < h->cap) return true;
    uint32_t cap = h->cap ? 2 * h->cap : 16;
    HeapBlock *block = realloc(h->block, cap * sizeof *block);
    if (block) h->block = block;
    bool *used = realloc(h->used, cap * sizeof *used);
    if (used) h->used = used;
    if (!block || !used) return false;
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
            heap_free(&h->block[idle]);
            best = idle;
        } else {
            if (!add_slot(h)) return NULL;
            best = h->n++;
            h->block[best] = (HeapBlock){0};
            h->used[best] = false;
        }
        if (h->limit && size > h->limit - h->bytes) size = bytes;
        if (h->limit && size > h->limit - h->bytes) return NULL;
        if (!heap_ensure(&h->block[best], size)) return NULL;
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
    for (uint32_t i = 0; i < h->n; i++) heap_free(&h->block[i]);
    free(h->block);
    free(h->used);
    *h = (RunHeap){0};
}
