/* Memory that grows when it must and is reused otherwise. */
#ifndef JITC_RUNTIME_HEAP_H
#define JITC_RUNTIME_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/base/base.h"

typedef struct {
    void *at; /* aligned to 64 bytes; NULL before the first use */
    int64_t size;
} HeapBlock;

/* At least `bytes` bytes and never none, of undefined content. False, and nothing changed, when memory runs
 * out. */
bool heap_ensure(Memory *m, HeapBlock *b, int64_t bytes);
void heap_free(Memory *m, HeapBlock *b);

/* Blocks of sizes that only a run knows. They are kept when they are given back, so that later rounds and
 * runs find them. Sizes are powers of two: then a run that asks for what the last one asked for finds it all,
 * and what a growing tensor leaves behind is no more than it takes in the end. */
typedef struct {
    HeapBlock *block;
    bool *used;
    uint32_t n, cap;
    int64_t bytes; /* of all blocks */
    Memory *memory;
} RunHeap;

void *run_heap_take(RunHeap *h, int64_t bytes); /* NULL when memory runs out; aligned to 64 bytes */
void run_heap_give(RunHeap *h, void *at);       /* accepts NULL */
void run_heap_reset(RunHeap *h);                /* takes all blocks back */
void run_heap_free(RunHeap *h);
#endif
