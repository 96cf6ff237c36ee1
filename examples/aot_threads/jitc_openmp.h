/* A model on OpenMP's threads. Copy this file.
 *
 *     NAME_options options = {.size = sizeof options,
 *                             .parallel_for = jitc_openmp,
 *                             .shares = 4 * (size_t)omp_get_max_threads()};
 *
 * Likewise with libjitc: jitc_exec_set_parallel_for(exec, jitc_openmp, NULL, shares).
 *
 * Inside a parallel region the run has one thread, unless nested parallelism is on. */
#ifndef JITC_OPENMP_H
#define JITC_OPENMP_H

#include <omp.h>
#include <stddef.h>

static inline void jitc_openmp(void *host, void (*f)(void *arg, size_t i), void *arg, size_t n)
{
    (void)host;
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < n; i++) f(arg, i);
}
#endif
