#include "runtime/fpmode.h"
#include "runtime/threads.h"
#include "tests/unit/suites.h"

#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_SHARES = 1000 };

typedef struct {
    atomic_int runs[MAX_SHARES];
    atomic_int done;
    _Atomic pid_t threads[8]; /* thread ids seen, 0 = free */
    ThreadPool *pool;
} Work;

static void note_thread(Work *w)
{
    pid_t self = gettid();
    for (size_t i = 0; i < 8; i++) {
        pid_t seen = 0;
        if (atomic_compare_exchange_strong(&w->threads[i], &seen, self) || seen == self) return;
    }
}

static void count_share(void *arg, size_t share)
{
    Work *w = arg;
    atomic_fetch_add(&w->runs[share], 1);
    atomic_fetch_add(&w->done, 1);
    note_thread(w);
}

/* Returns only when another thread runs a share too. */
static void meet_share(void *arg, size_t share)
{
    Work *w = arg;
    count_share(w, share);
    while (atomic_load(&w->done) < 2) sched_yield();
}

static void nested_share(void *arg, size_t share)
{
    Work *w = arg;
    Work inner = {.done = 0};
    parallel_for(w->pool, count_share, &inner, 5);
    if (atomic_load(&inner.done) == 5) count_share(w, share);
}

static int threads_seen(Work *w)
{
    int n = 0;
    for (size_t i = 0; i < 8; i++) n += atomic_load(&w->threads[i]) != 0;
    return n;
}

static bool each_once(ThreadPool *pool, size_t n)
{
    Work *w = calloc(1, sizeof *w);
    parallel_for(pool, count_share, w, n);
    bool ok = w->done == (int)n;
    for (size_t i = 0; i < n; i++) ok = ok && w->runs[i] == 1;
    free(w);
    return ok;
}

START_TEST(every_share_runs_once)
{
    static const int nthreads[] = {1, 2, 3, 8};
    static const size_t nshares[] = {0, 1, 2, 3, 7, 8, 9, MAX_SHARES};
    for (size_t t = 0; t < 4; t++) {
        ThreadPool *pool = threads_new(nthreads[t]);
        ck_assert_int_eq(threads_count(pool), nthreads[t]);
        for (size_t s = 0; s < 8; s++)
            for (int repeat = 0; repeat < 10; repeat++) ck_assert(each_once(pool, nshares[s]));
        threads_free(pool);
    }
    ck_assert(each_once(NULL, 10));
    ck_assert_int_eq(threads_count(NULL), 1);
    threads_free(NULL);
}
END_TEST

START_TEST(shares_run_at_the_same_time)
{
    ThreadPool *pool = threads_new(2);
    Work w = {.done = 0};
    parallel_for(pool, meet_share, &w, 2);
    ck_assert_int_eq(w.done, 2);
    ck_assert_int_eq(threads_seen(&w), 2);
    threads_free(pool);
}
END_TEST

START_TEST(nested_calls_run_serially)
{
    ThreadPool *pool = threads_new(4);
    Work w = {.pool = pool};
    parallel_for(pool, nested_share, &w, 20);
    ck_assert_int_eq(w.done, 20);
    threads_free(pool);
}
END_TEST

static void *use_pool(void *arg)
{
    bool ok = true;
    for (int i = 0; i < 50; i++) ok = each_once(arg, 20) && ok;
    return ok ? arg : NULL;
}

START_TEST(callers_may_collide)
{
    ThreadPool *pool = threads_new(3);
    pthread_t id[4];
    for (int i = 0; i < 4; i++) ck_assert(!pthread_create(&id[i], NULL, use_pool, pool));
    for (int i = 0; i < 4; i++) {
        void *ok;
        pthread_join(id[i], &ok);
        ck_assert_ptr_nonnull(ok);
    }
    threads_free(pool);
}
END_TEST

/* In a child of fork(): 0 when the pool works there, with threads of its own. */
static int child_result(ThreadPool *pool)
{
    Work w = {.done = 0};
    alarm(20);
    parallel_for(pool, meet_share, &w, 2);
    int bad = threads_seen(&w) != 2 || !each_once(pool, 100);
    threads_free(pool);
    return bad;
}

static bool child_succeeds(ThreadPool *pool)
{
#ifdef __SANITIZE_THREAD__
    return pool != NULL; /* ThreadSanitizer cannot start threads in a child */
#endif
    pid_t child = fork();
    if (child == 0) _exit(child_result(pool));
    int status;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

START_TEST(works_after_fork)
{
    ThreadPool *pool = threads_new(2);
    ck_assert(child_succeeds(pool)); /* before the first use */
    ck_assert(each_once(pool, 100));
    ck_assert(child_succeeds(pool));
    ck_assert(each_once(pool, 100));
    threads_free(pool);
}
END_TEST

typedef struct {
    ThreadPool *pool;
    atomic_int ok;
} Forker;

static void fork_share(void *arg, size_t share)
{
    Forker *f = arg;
    (void)share;
    if (child_succeeds(f->pool)) atomic_fetch_add(&f->ok, 1);
}

START_TEST(works_after_fork_while_in_use)
{
    Forker f = {.pool = threads_new(2)};
    parallel_for(f.pool, fork_share, &f, 4);
    ck_assert_int_eq(f.ok, 4);
    threads_free(f.pool);
}
END_TEST

START_TEST(freed_unused_in_a_child)
{
    ThreadPool *pool = threads_new(2);
    ck_assert(each_once(pool, 10));
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        threads_free(pool);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    threads_free(pool);
}
END_TEST

START_TEST(no_threads_to_be_had)
{
    /* There is no room for their stacks. */
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert(f && fscanf(f, "%lu", &pages) == 1 && fclose(f) == 0);
    struct rlimit old, tight;
    ck_assert(!getrlimit(RLIMIT_AS, &old));
    tight = old;
    tight.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (2 << 20);
    ThreadPool *pool = threads_new(4);
    Work w = {.done = 0};
    ck_assert(!setrlimit(RLIMIT_AS, &tight));
    pthread_t id;
    int error = pthread_create(&id, NULL, use_pool, NULL);
    for (int i = 0; i < 100; i++) parallel_for(pool, count_share, &w, 10);
    ck_assert(!setrlimit(RLIMIT_AS, &old));
    ck_assert(error);
    ck_assert_int_eq(w.done, 1000);
    ck_assert_int_eq(threads_seen(&w), 1);
    threads_free(pool);
}
END_TEST

typedef struct {
    Work work;
    pid_t caller;
    atomic_int blocked_here, blocked_there;
} Masks;

static void mask_share(void *arg, size_t share)
{
    Masks *m = arg;
    sigset_t set;
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    if (sigismember(&set, SIGINT) && sigismember(&set, SIGTERM))
        atomic_fetch_add(gettid() == m->caller ? &m->blocked_here : &m->blocked_there, 1);
    meet_share(&m->work, share);
}

START_TEST(signals_stay_with_the_host)
{
    ThreadPool *pool = threads_new(2);
    Masks m = {.caller = gettid()};
    parallel_for(pool, mask_share, &m, 2);
    ck_assert_int_eq(m.blocked_here, 0);
    ck_assert_int_eq(m.blocked_there, 1);
    threads_free(pool);
}
END_TEST

/* -- Limits ---------------------------------------------------------------------------------------- */
START_TEST(at_least_one_cpu)
{
    cpu_set_t old, one;
    int n = threads_available();
    ck_assert_int_ge(n, 1);
    ck_assert(!sched_getaffinity(0, sizeof old, &old));
    ck_assert_int_le(n, CPU_COUNT(&old));
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
        if (CPU_ISSET(i, &old)) CPU_SET(i, &one);
    ck_assert(!sched_setaffinity(0, sizeof one, &one));
    ck_assert_int_eq(threads_available(), 1);
    ThreadPool *pool = threads_new(0);
    ck_assert_int_eq(threads_count(pool), 1);
    threads_free(pool);
    sched_setaffinity(0, sizeof old, &old);
}
END_TEST

static char folder[] = "/tmp/jitc-test-XXXXXX";

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
}

static void put_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *p = path + strlen(folder) + 1; (p = strchr(p, '/')); *p++ = '/') {
        *p = 0;
        mkdir(path, 0700);
    }
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static int limit_with(const char *membership)
{
    char path[256];
    put_file("self", membership);
    snprintf(path, sizeof path, "%s/self", folder);
    return threads_cgroup_limit(path, folder);
}

START_TEST(cgroup_quota)
{
    ck_assert_int_eq(threads_cgroup_limit("/nonexistent", "/nonexistent"), 0);
    ck_assert_int_eq(limit_with("0::/a/b\n"), 0);
    put_file("a/b/cpu.max", "max 100000\n");
    ck_assert_int_eq(limit_with("0::/a/b\n"), 0);
    put_file("a/b/cpu.max", "250000 100000\n");
    ck_assert_int_eq(limit_with("0::/a/b\n"), 3);
    put_file("a/cpu.max", "200000 100000\n"); /* a group around it is tighter */
    ck_assert_int_eq(limit_with("0::/a/b\n"), 2);
    ck_assert_int_eq(limit_with("0::/a\n"), 2);
    ck_assert_int_eq(limit_with("0::/a/c\n"), 2);
    ck_assert_int_eq(limit_with("0::/../a\n"), 0);
    ck_assert_int_eq(limit_with("0::/\n"), 0);
    put_file("cpu.max", "100 100000\n");
    ck_assert_int_eq(limit_with("0::/\n"), 1);
    ck_assert_int_eq(limit_with("0::/outside/this/mount\n"), 1);
    put_file("cpu.max", "garbage");
    ck_assert_int_eq(limit_with("0::/\n"), 0);
    put_file("cpu.max", "99999999999999999999 0\n");
    ck_assert_int_eq(limit_with("0::/\n"), 0);

    put_file("cpu/x/cpu.cfs_quota_us", "150000\n");
    put_file("cpu/x/cpu.cfs_period_us", "50000\n");
    ck_assert_int_eq(limit_with("5:cpuset:/x\n4:cpuacct,cpu:/x\n"), 3);
    ck_assert_int_eq(limit_with("4:cpuset,cpuacct:/x\n"), 0);
    put_file("cpu/x/cpu.cfs_quota_us", "-1\n");
    ck_assert_int_eq(limit_with("4:cpu:/x\n"), 0);
    ck_assert_int_eq(limit_with("\n:\n::\n0:\n7:cpu\n"), 0);
}
END_TEST

/* -- Floating-point mode ---------------------------------------------------------------------------- */
#if defined(__x86_64__)
START_TEST(mode_is_set_and_restored)
{
    volatile float tiny = 1e-40f, one = 1.0f, three = 3.0f, small = 1e-38f;
    fesetround(FE_DOWNWARD);
    volatile float down = one / three;
    uint32_t before = _mm_getcsr();
    FpMode mode = fp_enter();
    volatile float in = tiny * 1e10f, out = small * 0.01f, nearest = one / three;
    FpMode inner = fp_enter();
    fp_leave(inner);
    volatile float zero = 0.0f, inf = one / zero; /* raises a sticky flag */
    fp_leave(mode);
    ck_assert_uint_eq(_mm_getcsr(), before);
    fesetround(FE_TONEAREST);
    ck_assert(in == 0 && out == 0 && inf > 1);
    ck_assert(nearest == 1.0f / 3.0f && down < nearest);
    ck_assert(tiny * 1e10f > 0);
}
END_TEST

START_TEST(traps_are_off_inside)
{
    feenableexcept(FE_DIVBYZERO | FE_INVALID);
    uint32_t before = _mm_getcsr();
    FpMode mode = fp_enter();
    volatile float zero = 0.0f, nan = zero / zero;
    fp_leave(mode);
    ck_assert_uint_eq(_mm_getcsr(), before);
    fedisableexcept(FE_ALL_EXCEPT);
    ck_assert(nan != nan);
}
END_TEST
#endif

Suite *threads_suite(void)
{
    Suite *suite = suite_create("threads");
    TCase *pool = tcase_create("pool");
    tcase_set_timeout(pool, 60);
    tcase_add_test(pool, every_share_runs_once);
    tcase_add_test(pool, shares_run_at_the_same_time);
    tcase_add_test(pool, nested_calls_run_serially);
    tcase_add_test(pool, callers_may_collide);
    tcase_add_test(pool, works_after_fork);
    tcase_add_test(pool, works_after_fork_while_in_use);
    tcase_add_test(pool, freed_unused_in_a_child);
    tcase_add_test(pool, no_threads_to_be_had);
    tcase_add_test(pool, signals_stay_with_the_host);
    suite_add_tcase(suite, pool);
    TCase *limits = tcase_create("limits");
    tcase_add_checked_fixture(limits, make_folder, remove_folder);
    tcase_add_test(limits, at_least_one_cpu);
    tcase_add_test(limits, cgroup_quota);
    suite_add_tcase(suite, limits);
#if defined(__x86_64__)
    TCase *fp = tcase_create("fpmode");
    tcase_add_test(fp, mode_is_set_and_restored);
    tcase_add_test(fp, traps_are_off_inside);
    suite_add_tcase(suite, fp);
#endif
    return suite;
}
