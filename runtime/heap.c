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
