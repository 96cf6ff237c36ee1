#include "runtime/threads.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <pthreadpool.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_THREADS = 1024 };

struct ThreadPool {
    int nthreads;
    /* The process that holds the pool, 0 = none. A pid and not a flag: when fork() copies a pool in use,
     * nobody in the child would ever clear a flag. */
    _Atomic pid_t owner;
    /* Only for the owner: */
    pthreadpool_t workers; /* NULL after a failed start */
    pid_t workers_pid;     /* process that (tried to) start them, 0 = not yet */
};

ThreadPool *threads_new(int nthreads)
{
    if (nthreads <= 0) nthreads = threads_available();
    if (nthreads > MAX_THREADS) nthreads = MAX_THREADS;
    ThreadPool *pool = calloc(1, sizeof *pool);
    if (pool) pool->nthreads = nthreads;
    return pool;
}

int threads_count(const ThreadPool *pool)
{
    return pool ? pool->nthreads : 1;
}

void threads_free(ThreadPool *pool)
{
    if (!pool) return;
    /* In a child the workers do not exist: joining them would hang. */
    if (pool->workers && pool->workers_pid == getpid()) pthreadpool_destroy(pool->workers);
    free(pool);
}

static void *await_gate(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* Whether n more threads can live at the same time. pthreadpool_create() does not look at the result of
 * pthread_create() and waits forever for a thread that was not started. */
static bool can_start(size_t n)
{
    pthread_t *id = malloc(n * sizeof *id);
    if (!id) return false;
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    size_t started = 0;
    pthread_mutex_lock(&gate);
    while (started < n && !pthread_create(&id[started], NULL, await_gate, &gate)) started++;
    pthread_mutex_unlock(&gate);
    for (size_t i = 0; i < started; i++) pthread_join(id[i], NULL);
    pthread_mutex_destroy(&gate);
    free(id);
    return started == n;
}

/* Signals for the process are the host's business: its handlers shall run on its own threads. So threads are
 * started while all but those are blocked that a thread brings upon itself. */
static void block_signals(sigset_t *old)
{
    static const int keep[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF};
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof keep / sizeof *keep; i++) sigdelset(&blocked, keep[i]);
    pthread_sigmask(SIG_BLOCK, &blocked, old);
}

static pthreadpool_t start_workers(size_t nthreads)
{
    sigset_t old;
    block_signals(&old);
    pthreadpool_t workers = can_start(nthreads - 1) ? pthreadpool_create(nthreads) : NULL;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return workers;
}

bool thread_start(pthread_t *id, void *(*fn)(void *), void *arg)
{
    enum { STACK = 8 << 20 };
    pthread_attr_t attr;
    sigset_t old;
    if (pthread_attr_init(&attr)) return false;
    pthread_attr_setstacksize(&attr, STACK);
    block_signals(&old);
    bool started = pthread_create(id, &attr, fn, arg) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return started;
}

void thread_call(void *(*fn)(void *), void *arg)
{
    pthread_t id;
    if (thread_start(&id, fn, arg))
        pthread_join(id, NULL);
    else
        fn(arg);
}

#ifdef __SANITIZE_THREAD__
/* ThreadSanitizer does not see the synchronisation inside libpthreadpool; show it the same order. */
static atomic_uint order;

typedef struct {
    ShareFn fn;
    void *arg;
} Shown;

static void shown_share(void *arg, size_t share)
{
    atomic_fetch_add(&order, 1);
    Shown *s = arg;
    s->fn(s->arg, share);
    atomic_fetch_add(&order, 1);
}

static void run_shares(pthreadpool_t workers, ShareFn fn, void *arg, size_t n)
{
    Shown s = {fn, arg};
    atomic_fetch_add(&order, 1);
    pthreadpool_parallelize_1d(workers, shown_share, &s, n, 0);
    atomic_fetch_add(&order, 1);
}
#else
static void run_shares(pthreadpool_t workers, ShareFn fn, void *arg, size_t n)
{
    pthreadpool_parallelize_1d(workers, fn, arg, n, 0);
}
#endif

static void run_serially(ShareFn fn, void *arg, size_t n)
{
    for (size_t i = 0; i < n; i++) fn(arg, i);
}

void parallel_for(ThreadPool *pool, ShareFn fn, void *arg, size_t nshares)
{
    if (nshares < 2 || !pool || pool->nthreads == 1) {
        run_serially(fn, arg, nshares);
        return;
    }
    pid_t self = getpid(), owner = atomic_load(&pool->owner);
    if (owner == self || !atomic_compare_exchange_strong(&pool->owner, &owner, self)) {
        run_serially(fn, arg, nshares);
        return;
    }
    if (pool->workers_pid != self) { /* not started, or left behind in the parent: those are leaked */
        pool->workers_pid = self;
        pool->workers = start_workers((size_t)pool->nthreads);
    }
    if (pool->workers)
        run_shares(pool->workers, fn, arg, nshares);
    else
        run_serially(fn, arg, nshares);
    atomic_store(&pool->owner, 0);
}

/* -- How many threads are useful ------------------------------------------------------------------ */
static int affinity_count(void)
{
    for (int ncpus = 1024; ncpus <= 1 << 20; ncpus *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)ncpus);
        size_t size = CPU_ALLOC_SIZE((size_t)ncpus);
        if (!set) break;
        int failed = sched_getaffinity(0, size, set) ? errno : 0;
        int n = failed ? 0 : CPU_COUNT_S(size, set);
        CPU_FREE(set);
        if (!failed) return n;
        if (failed != EINVAL) break; /* EINVAL: the kernel's mask is larger */
    }
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 && n < MAX_THREADS ? (int)n : 1;
}

static bool read_line(const char *path, char *line, int size)
{
    FILE *f = fopen(path, "re");
    if (!f) return false;
    bool ok = fgets(line, size, f) != NULL;
    fclose(f);
    return ok;
}

/* CPUs for a quota per period, both in microseconds; 0 = no limit. */
static int quota_cpus(long long quota, long long period)
{
    if (quota <= 0 || period <= 0) return 0;
    long long n = quota / period + (quota % period != 0);
    return n > INT_MAX ? 0 : (int)n;
}

static int least_limit(int a, int b)
{
    return !a || (b && b < a) ? b : a;
}

/* The least quota of the group `path` below `mount` and of the groups around it. */
static int group_limit(const char *mount, const char *path, bool v2)
{
    char folder[PATH_MAX], file[PATH_MAX + 32], line[128];
    int limit = 0, n = snprintf(folder, sizeof folder, "%s%s", mount, path);
    if (n < 0 || (size_t)n >= sizeof folder) return 0;
    size_t root = strlen(mount);
    for (;;) {
        long long quota = 0, period = 0;
        if (v2) {
            snprintf(file, sizeof file, "%s/cpu.max", folder);
            if (read_line(file, line, sizeof line) && sscanf(line, "%lld %lld", &quota, &period) == 2)
                limit = least_limit(limit, quota_cpus(quota, period));
        } else {
            snprintf(file, sizeof file, "%s/cpu.cfs_quota_us", folder);
            bool ok = read_line(file, line, sizeof line) && sscanf(line, "%lld", &quota) == 1;
            snprintf(file, sizeof file, "%s/cpu.cfs_period_us", folder);
            if (ok && read_line(file, line, sizeof line) && sscanf(line, "%lld", &period) == 1)
                limit = least_limit(limit, quota_cpus(quota, period));
        }
        char *slash = strrchr(folder, '/');
        if (strlen(folder) <= root || !slash || (size_t)(slash - folder) < root) return limit;
        *slash = 0;
    }
}

static bool lists_cpu(const char *controllers)
{
    for (const char *p = controllers; *p;) {
        size_t n = strcspn(p, ",");
        if (n == 3 && !memcmp(p, "cpu", 3)) return true;
        p += n + (p[n] == ',');
    }
    return false;
}

int threads_cgroup_limit(const char *membership, const char *mount)
{
    FILE *f = fopen(membership, "re");
    if (!f) return 0;
    char line[PATH_MAX + 256];
    int limit = 0;
    while (fgets(line, sizeof line, f)) { /* id:controllers:path */
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path || path[1] != '/' || strstr(path, "/..")) continue;
        *controllers++ = 0;
        *path++ = 0;
        if (!*controllers) {
            limit = least_limit(limit, group_limit(mount, path, true));
        } else if (lists_cpu(controllers)) {
            char v1[PATH_MAX];
            int n = snprintf(v1, sizeof v1, "%s/cpu", mount);
            if (n > 0 && (size_t)n < sizeof v1) limit = least_limit(limit, group_limit(v1, path, false));
        }
    }
    fclose(f);
    return limit;
}

int threads_available(void)
{
    int n = affinity_count(), limit = threads_cgroup_limit("/proc/self/cgroup", "/sys/fs/cgroup");
    if (limit && limit < n) n = limit;
    return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : n;
}
