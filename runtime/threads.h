/* Threads for one kernel at a time: work is cut into shares, which may run in any order and on any thread. */
#ifndef JITC_RUNTIME_THREADS_H
#define JITC_RUNTIME_THREADS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct ThreadPool ThreadPool;
typedef void (*ShareFn)(void *arg, size_t share);

/* A pool of nthreads, the caller's included; 0 = threads_available(). No thread is started before the first
 * parallel_for that needs one. NULL when out of memory. */
ThreadPool *threads_new(int nthreads);
void threads_free(ThreadPool *pool); /* accepts NULL; no parallel_for may be running */
int threads_count(const ThreadPool *pool);

/* Calls fn(arg, 0..nshares-1) and returns when all are done. Runs them on the calling thread alone when the
 * pool is NULL, busy with another call (a nested one included), or could not start its threads. Works in a
 * child after fork(). */
void parallel_for(ThreadPool *pool, ShareFn fn, void *arg, size_t nshares);

/* A thread for compiling: none of the host's signals, and a stack of a known size whatever the host's threads
 * have. */
unsigned threads_forks(void); /* how often this process was forked off; its threads are gone then */
/* How often this process was forked off: threads that were started before it are not in it. */
unsigned threads_forks(void);
bool thread_start(pthread_t *id, void *(*fn)(void *), void *arg);
void thread_call(void *(*fn)(void *), void *arg); /* fn(arg) on such a thread, or here when there is none */

/* CPUs this process may use: its affinity mask, and its cgroup's CPU quota rounded up; at least 1. */
int threads_available(void);
/* The quota alone, from files laid out as /proc/self/cgroup and /sys/fs/cgroup; 0 = no limit. */
int threads_cgroup_limit(const char *membership, const char *mount);
#endif
