/* Tensors between tests/run_far.c and its driver: dtype, rank (i32 each), shape (8 x i64), bytes (i64), data.
 * All numbers are little-endian, as jitc's targets are. */
#ifndef JITC_TESTS_WIRE_H
#define JITC_TESTS_WIRE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "jitc/jitc.h"

/* What cannot be written shows when the stream is flushed. */
static inline void wire_give(FILE *to, const jitc_tensor *t, size_t n)
{
    int32_t head[] = {(int32_t)t->dtype, t->rank};
    int64_t bytes = (int64_t)n;
    fwrite(head, sizeof head, 1, to);
    fwrite(t->shape, sizeof t->shape, 1, to);
    fwrite(&bytes, sizeof bytes, 1, to);
    fwrite(t->data, 1, n, to);
}

static inline bool wire_take(FILE *from, void *to, size_t n)
{
    return fread(to, 1, n, from) == n;
}

/* Its data is for free(). */
static inline bool wire_take_tensor(FILE *from, jitc_tensor *t)
{
    int32_t head[2];
    int64_t bytes;
    if (!wire_take(from, head, sizeof head) || !wire_take(from, t->shape, sizeof t->shape) ||
        !wire_take(from, &bytes, sizeof bytes))
        return false;
    t->dtype = (jitc_dtype)head[0];
    t->rank = head[1];
    t->data = malloc((size_t)bytes + 1);
    return t->data && wire_take(from, t->data, (size_t)bytes);
}
#endif
