/* A model on the threads of a pthreadpool. Copy this file.
 *
 *     NAME_options options = {.size = sizeof options,
 *                             .parallel_for = jitc_pthreadpool,
 *                             .host = pool, // a pthreadpool_t
 *                             .shares = 4 * pthreadpool_get_threads_count(pool)};
 *
 * Likewise with libjitc: jitc_exec_set_parallel_for(exec, jitc_pthreadpool, pool, shares).
 *
 * Several callers may share the pool: their parallel work takes turns. Not for runs inside a task of the
 * pool. */
#ifndef JITC_PTHREADPOOL_H
#define JITC_PTHREADPOOL_H

#include <pthreadpool.h>

static inline void jitc_pthreadpool(void *pool, void (*f)(void *arg, size_t i), void *arg, size_t n)
{
    pthreadpool_parallelize_1d((pthreadpool_t)pool, f, arg, n, 0);
}
#endif
