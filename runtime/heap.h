/* Memory that grows when it must and is reused otherwise. */
#ifndef JITC_RUNTIME_HEAP_H
#define JITC_RUNTIME_HEAP_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    void *at; /* aligned to 64 bytes; NULL before the first use */
    int64_t size;
} HeapBlock;

/* At least `bytes` bytes and never none, of undefined content. False, and nothing changed, when memory runs
 * out. */
bool heap_ensure(HeapBlock *b, int64_t bytes);
void heap_free(HeapBlock *b);
#endif
