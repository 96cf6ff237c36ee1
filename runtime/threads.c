/* Threads: those of a pool, those that compile, and how many are useful. */
#include "runtime/threads.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ir/base/base.h"

/* -- Threads
 * ------------------------------------------------------------------------------------------------- */
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

/* -- The pool
 * ------------------------------------------------------------------------------------------------- The
 * shares of a call are dealt to the threads in ranges, so that from call to call a thread mostly gets the
 * same part of the work, which is in its cache. A thread that is done takes shares from the end of others'
 * ranges; so one that does not run, because the machine has other things to do, holds nobody up. Threads
 * without work spin for a short while, in which most next calls come, and then sleep.
 *
 * A range is one word: the number of the call, the next share, the end. Who takes a share by a
 * compare-and-swap that has the present call's number in it knows that the call is not over, and may read
 * what it is about. */
enum {
    MAX_THREADS = 1024,
    MAX_SHARES = 65535,
    CACHE_LINE = 64,
    SPIN_NS = 50000, /* some times what it takes to wake a thread */
    SPINS = 64       /* between looks at the clock */
};

typedef struct {
    _Alignas(CACHE_LINE) _Atomic uint64_t range;
    ThreadPool *pool;
    pthread_t id;
    int number;
} Worker;

struct ThreadPool {
    int nthreads;
    unsigned forks; /* how often the process had been forked when this was true: */
    bool started;
    int nworkers; /* the caller is worker 0 */
    Worker *worker;
    ShareFn fn; /* of the present call */
    void *arg;
    atomic_bool busy;
    _Alignas(CACHE_LINE) _Atomic uint32_t call; /* its number; sleeping workers wait for another one */
    _Atomic uint32_t sleeping;
    atomic_bool stop;
    _Alignas(CACHE_LINE) _Atomic uint32_t left; /* shares that are not done */
    atomic_bool waiting;                        /* the caller sleeps until none is left */
};

/* In a child of fork() no worker runs, and what the parent was about is of no interest. */
static _Atomic unsigned forks;

static void count_fork(void)
{
    atomic_fetch_add(&forks, 1);
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

unsigned threads_forks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    return atomic_load(&forks);
}

static void sleep_while(_Atomic uint32_t *word, uint32_t value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(_Atomic uint32_t *word, uint32_t n)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static void pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

/* Waits for another value, for a short while; what was seen last. */
static uint32_t spin_while(const _Atomic uint32_t *word, uint32_t value)
{
    for (int64_t end = 0;;) {
        for (int i = 0; i < SPINS; i++) {
            uint32_t seen = atomic_load(word);
            if (seen != value) return seen;
            pause_cpu();
        }
        int64_t t = now_ns();
        if (!end) end = t + SPIN_NS;
        if (t >= end) return value;
    }
}

static uint64_t range_of(uint32_t call, size_t next, size_t end)
{
    return (uint64_t)call << 32 | (uint64_t)next << 16 | end;
}

/* Takes a share of the call from a worker's range: its own from the front, others' from the end. */
static bool take(Worker *w, uint32_t call, bool own, size_t *share)
{
    uint64_t r = atomic_load(&w->range);
    for (;;) {
        size_t next = r >> 16 & 0xffff, end = r & 0xffff;
        if ((uint32_t)(r >> 32) != call || next >= end) return false;
        uint64_t rest = own ? range_of(call, next + 1, end) : range_of(call, next, end - 1);
        *share = own ? next : end - 1;
        if (atomic_compare_exchange_weak(&w->range, &r, rest)) return true;
    }
}

static void run_share(ThreadPool *pool, size_t share)
{
    pool->fn(pool->arg, share);
    if (atomic_fetch_sub(&pool->left, 1) == 1 && atomic_load(&pool->waiting)) wake(&pool->left, 1);
}

static void work(ThreadPool *pool, int number, uint32_t call)
{
    size_t share;
    for (int i = 0; i < pool->nworkers; i++) {
        Worker *w = &pool->worker[(number + i) % pool->nworkers];
        while (take(w, call, i == 0, &share)) run_share(pool, share);
    }
}

static void *run_worker(void *arg)
{
    const Worker *w = arg;
    ThreadPool *pool = w->pool;
    for (uint32_t done = 0;;) {
        uint32_t call = spin_while(&pool->call, done);
        while (call == done) {
            atomic_fetch_add(&pool->sleeping, 1);
            sleep_while(&pool->call, done);
            atomic_fetch_sub(&pool->sleeping, 1);
            call = atomic_load(&pool->call);
        }
        if (atomic_load(&pool->stop)) return NULL;
        work(pool, w->number, call);
        done = call;
    }
}

ThreadPool *threads_new(int nthreads)
{
    if (nthreads <= 0) nthreads = threads_available();
    if (nthreads > MAX_THREADS) nthreads = MAX_THREADS;
    ThreadPool *pool = aligned_alloc(CACHE_LINE, sizeof *pool);
    if (!pool) return NULL;
    memset(pool, 0, sizeof *pool);
    pool->nthreads = nthreads;
    pool->forks = threads_forks();
    return pool;
}

int threads_count(const ThreadPool *pool)
{
    return pool ? pool->nthreads : 1;
}

void threads_free(ThreadPool *pool)
{
    if (!pool) return;
    if (pool->started && pool->forks == threads_forks()) {
        atomic_store(&pool->stop, true);
        atomic_fetch_add(&pool->call, 1);
        wake(&pool->call, INT_MAX);
        for (int i = 1; i < pool->nworkers; i++) pthread_join(pool->worker[i].id, NULL);
    }
    free(pool->worker);
    free(pool);
}

/* As many workers as can be had. */
static void start_workers(ThreadPool *pool)
{
    size_t bytes = (size_t)pool->nthreads * sizeof *pool->worker;
    pool->started = true;
    pool->nworkers = 1;
    atomic_store(&pool->call, 0);
    atomic_store(&pool->sleeping, 0);
    atomic_store(&pool->waiting, false);
    if (!pool->worker) pool->worker = aligned_alloc(CACHE_LINE, bytes);
    if (!pool->worker) return;
    memset(pool->worker, 0, bytes);
    int n = 1;
    for (; n < pool->nthreads; n++) {
        Worker *w = &pool->worker[n];
        w->pool = pool;
        w->number = n;
        if (!thread_start(&w->id, run_worker, w)) break;
    }
    pool->nworkers = n;
}

static void wait_for_rest(ThreadPool *pool)
{
    uint32_t left;
    while ((left = atomic_load(&pool->left))) {
        if (spin_while(&pool->left, left) != left) continue;
        atomic_store(&pool->waiting, true);
        left = atomic_load(&pool->left);
        if (left) sleep_while(&pool->left, left);
        atomic_store(&pool->waiting, false);
    }
}

static void run_shares(ThreadPool *pool, ShareFn fn, void *arg, size_t n)
{
    uint32_t call = atomic_load(&pool->call) + 1;
    size_t workers = (size_t)pool->nworkers;
    pool->fn = fn;
    pool->arg = arg;
    atomic_store(&pool->left, (uint32_t)n);
    for (size_t i = 0; i < workers; i++)
        atomic_store(&pool->worker[i].range, range_of(call, n * i / workers, n * (i + 1) / workers));
    atomic_store(&pool->call, call);
    if (atomic_load(&pool->sleeping)) wake(&pool->call, (uint32_t)(n < workers ? n : workers) - 1);
    work(pool, 0, call);
    wait_for_rest(pool);
}

static void run_serially(ShareFn fn, void *arg, size_t n)
{
    for (size_t i = 0; i < n; i++) fn(arg, i);
}

void parallel_for(ThreadPool *pool, ShareFn fn, void *arg, size_t nshares)
{
    if (nshares < 2 || nshares > MAX_SHARES || !pool || pool->nthreads == 1) {
        run_serially(fn, arg, nshares);
        return;
    }
    unsigned now = atomic_load(&forks);
    if (pool->forks != now) {
        pool->forks = now;
        pool->started = false;
        atomic_store(&pool->busy, false);
    }
    if (atomic_exchange(&pool->busy, true)) {
        run_serially(fn, arg, nshares);
        return;
    }
    if (!pool->started) start_workers(pool);
    if (pool->nworkers > 1)
        run_shares(pool, fn, arg, nshares);
    else
        run_serially(fn, arg, nshares);
    atomic_store(&pool->busy, false);
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
