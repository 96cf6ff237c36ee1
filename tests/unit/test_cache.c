/* The compile cache: what is found again and what is not; damage, full disks, killed writers, size. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cache.h"
#include "runtime/jitc_internal.h"
#include "runtime/program.h"
#include "tests/unit/suites.h"

enum {
    ROWS = 2,
    IN = 256,
    OUT = 80,
    SIZE = 1 << 17,
    MOST_PATH = 400
}; /* the weight is large enough for a file of its own */

/* y = relu(x w) + c */
static const char graph_text[] =
    "node { name: \"x\" op: \"Placeholder\" attr { key: \"dtype\" value { type: DT_FLOAT } }\n"
    "  attr { key: \"shape\" value { shape { dim { size: 2 } dim { size: 256 } } } } }\n"
    "node { name: \"w\" op: \"Const\" attr { key: \"dtype\" value { type: DT_FLOAT } } attr { key: \"value\" "
    "value { tensor {\n"
    "  dtype: DT_FLOAT tensor_shape { dim { size: 256 } dim { size: 80 } } float_val: %g } } } }\n"
    "node { name: \"c\" op: \"Const\" attr { key: \"dtype\" value { type: DT_FLOAT } } attr { key: \"value\" "
    "value { tensor {\n"
    "  dtype: DT_FLOAT tensor_shape { dim { size: 80 } } float_val: 0.5 } } } }\n"
    "node { name: \"p\" op: \"MatMul\" input: \"x\" input: \"w\" attr { key: \"T\" value { type: DT_FLOAT } "
    "} }\n"
    "node { name: \"z\" op: \"Relu\" input: \"p\" attr { key: \"T\" value { type: DT_FLOAT } } }\n"
    "node { name: \"y\" op: \"AddV2\" input: \"z\" input: \"c\" attr { key: \"T\" value { type: DT_FLOAT } } "
    "}\n";

static char dir[] = "/tmp/jitc_cacheXXXXXX", folder[64];
static char warnings[1024];

static void log_line(void *arg, const char *line)
{
    (void)arg;
    if (strncmp(line, "warning: ", 9) == 0) snprintf(warnings, sizeof warnings, "%s", line);
}

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(folder, sizeof folder, "%s/cache", dir);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void teardown(void)
{
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *graph(double w)
{
    static char text[2048];
    snprintf(text, sizeof text, graph_text, w);
    return text;
}

/* -- A code generator that counts, and that compiles each kernel once ---------------------------- */
static const Codegen *real;
static CodegenResult made; /* of the last compile */
static char made_text[8192];
static int compiles;

static CodegenResult compile(const CodegenTarget *t, const CodegenKernel *k, size_t n, CodegenEmit emit,
                             int threads, const Limits *limits)
{
    compiles++; /* of one kernel. Nothing is asserted here, where a forked process may be */
    if (!made.file || strcmp(made_text, k[0].text) != 0) {
        codegen_result_free(&made);
        made = real->compile(t, k, n, emit, threads, limits);
        snprintf(made_text, sizeof made_text, "%s", k[0].text);
    }
    CodegenResult r = made;
    r.file = calloc(made.nfiles, sizeof *r.file);
    for (size_t i = 0; i < made.nfiles; i++) {
        r.file[i] = (CodegenFile){malloc(made.file[i].size), made.file[i].size};
        memcpy(r.file[i].bytes, made.file[i].bytes, made.file[i].size);
    }
    return r;
}

static void count_compiles(void)
{
    static Codegen c;
    char *why;
    real = plugin_open(&why);
    ck_assert_ptr_nonnull(real);
    c = *real;
    c.compile = compile;
    plugin_replace(&c);
}

/* -- Loading and running ------------------------------------------------------------------------- */
static jitc_options options(void)
{
    jitc_options o = JITC_OPTIONS_INIT;
    o.cache = folder;
    o.tuning = "";
    o.log = log_line;
    return o;
}

typedef struct {
    int compiles; /* kernels compiled anew */
    bool found;
} Outcome;

/* Loads and runs; false: the result is wrong, or there is none. Asserts nothing, as a forked process cannot.
 */
static bool try_model(double w, const jitc_options *o, Outcome *out)
{
    jitc_program *p = NULL;
    jitc_exec *x = NULL;
    int before = compiles;
    static float in[ROWS * IN];
    for (size_t i = 0; i < COUNT(in); i++) in[i] = (float)(i % 7) - 2;
    jitc_tensor t = {JITC_FLOAT32, 2, {ROWS, IN}, in}, y;
    warnings[0] = 0;
    bool right = !jitc_program_load_memory(graph(w), strlen(graph(w)), o, &p, NULL) &&
                 !jitc_exec_new(p, &x) && !jitc_exec_bind(x, "x", &t) && !jitc_exec_run(x) &&
                 !jitc_exec_output(x, 0, &y);
    for (int r = 0; r < ROWS && right; r++) {
        double sum = 0;
        for (int i = 0; i < IN; i++) sum += in[r * IN + i];
        for (int i = 0; i < OUT; i++) right &= fabs(((float *)y.data)[r * OUT + i] - (sum * w + 0.5)) < 1e-3;
    }
    ExecStats stats = {0};
    if (right) exec_stats(x, &stats);
    jitc_exec_free(x);
    jitc_program_free(p);
    *out = (Outcome){compiles - before, stats.found};
    return right;
}

static Outcome run_model(double w, const jitc_options *o)
{
    Outcome out;
    ck_assert(try_model(w, o, &out));
    return out;
}

static Outcome run(void)
{
    jitc_options o = options();
    return run_model(0.25, &o);
}

/* -- Files --------------------------------------------------------------------------------------- */
/* The file of the first name that begins so, or of any; 0: there is none. */
static size_t read_entry(const char *prefix, char path[MOST_PATH], uint8_t *bytes)
{
    DIR *d = opendir(folder);
    size_t n = 0;
    for (struct dirent *e; d && !n && (e = readdir(d));) {
        if (e->d_name[0] == '.' || strncmp(e->d_name, prefix, strlen(prefix)) != 0) continue;
        snprintf(path, MOST_PATH, "%s/%s", folder, e->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t got = read(fd, bytes, SIZE);
        close(fd);
        n = got > 0 ? (size_t)got : 0;
    }
    if (d) closedir(d);
    return n;
}

static int count_entries(const char *prefix)
{
    DIR *d = opendir(folder);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
             strncmp(e->d_name, prefix, strlen(prefix)) == 0;
    if (d) closedir(d);
    return n;
}

static void write_file(const char *path, const uint8_t *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && close(fd) == 0);
}

/* -- Tests --------------------------------------------------------------------------------------- */
START_TEST(found_again)
{
    count_compiles();
    Outcome first = run(), again = run();
    ck_assert_int_eq(first.compiles, 1);
    ck_assert(!first.found);
    ck_assert_int_eq(again.compiles, 0);
    ck_assert(again.found);
    ck_assert_int_eq(count_entries("weights-"), 1);
    ck_assert_int_eq(count_entries(".tmp"), 0);
    /* The same layers with other weights: nothing is compiled. */
    jitc_options o = options();
    Outcome other = run_model(0.125, &o);
    ck_assert_int_eq(other.compiles, 0);
    ck_assert(!other.found);
    ck_assert_int_eq(count_entries("code-"), 1);
    ck_assert_int_eq(count_entries("weights-"), 2);
    ck_assert(run_model(0.125, &o).found);
    /* Other options, other code. */
    o.cpu = "x86-64";
    ck_assert_int_eq(run_model(0.25, &o).compiles, 1);
    ck_assert_int_eq(count_entries("weights-"), 2); /* in the same form */
    o.cpu = NULL;
    o.flags = JITC_VERIFY;
    ck_assert(run_model(0.25, &o).found);
    o.cache = "off";
    ck_assert_int_eq(run_model(0.25, &o).compiles, 1);
}
END_TEST

START_TEST(weights_are_mapped)
{
    count_compiles();
    run();
    jitc_program *p, *q;
    jitc_options o = options();
    const char *text = graph(0.25);
    ck_assert_int_eq(jitc_program_load_memory(text, strlen(text), &o, &p, NULL), JITC_OK);
    ck_assert_int_eq(jitc_program_load_memory(text, strlen(text), &o, &q, NULL), JITC_OK);
    int mapped = 0;
    for (uint32_t i = 0; i < p->version[0]->nweight; i++) mapped += p->version[0]->weight[i]->is_mapped;
    ck_assert_int_eq(mapped, 1);
    ck_assert_ptr_null(p->graph); /* nor was the model read */
    /* Another signature needs the graph, and finds the weights. */
    jitc_program_free(q);
    jitc_program_free(p);
}
END_TEST

/* Every `step`th byte of an entry is changed in turn. */
static void damage(const char *prefix, size_t step)
{
    static uint8_t whole[SIZE], bad[SIZE];
    char path[MOST_PATH];
    count_compiles();
    run();
    size_t n = read_entry(prefix, path, whole);
    ck_assert_uint_gt(n, CACHE_PAGE);
    for (size_t i = 0; i < n; i += step) {
        memcpy(bad, whole, n);
        bad[i] ^= (uint8_t)(1 << i % 8);
        write_file(path, bad, n);
        run();
    }
    for (size_t cut = 0; cut < n; cut += n / 13) {
        write_file(path, whole, cut);
        run();
    }
    ck_assert(run().found); /* it was written anew */
    ck_assert_int_eq(count_entries(".tmp"), 0);
}

START_TEST(damaged_program)
{
    damage("program-", 1);
}
END_TEST
START_TEST(damaged_version)
{
    damage("version-", 1);
}
END_TEST
START_TEST(damaged_code)
{
    damage("code-", 5);
}
END_TEST
START_TEST(damaged_weights)
{
    damage("weights-", 101);
}
END_TEST

/* Runs in a process whose files can have so many bytes at most: what is written beyond that fails, or kills
 * it. It exits with 0 if all went well. */
static int run_limited(size_t bytes, bool kill)
{
    int status;
    pid_t child = fork();
    if (!child) {
        struct rlimit l = {bytes, bytes}, none = {0, 0};
        jitc_options o = options();
        Outcome out;
        signal(SIGXFSZ, kill ? SIG_DFL : SIG_IGN);
        setrlimit(RLIMIT_CORE, &none);
        setrlimit(RLIMIT_FSIZE, &l);
        bool right = try_model(0.25, &o, &out);
        _exit(!right || (!kill && (!strstr(warnings, "nothing is kept in the cache") ||
                                   !strstr(warnings, strerror(EFBIG)))));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

START_TEST(full_disk)
{
    count_compiles();
    int status = run_limited(CACHE_PAGE + 100, false);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_int_eq(count_entries(".tmp") + count_entries("weights-"), 0);
    ck_assert(!run().found);
    ck_assert(run().found);
}
END_TEST

/* Dies in the middle of each file. */
START_TEST(killed)
{
    int died = 0;
    count_compiles();
    run();
    for (size_t bytes = 0; bytes < 100 << 10; bytes += bytes < 16 << 10 ? 512 : 8 << 10) {
        Job job;
        job_init(&job, 0);
        ck_assert_int_eq(JOB_ENTER(&job), JITC_OK);
        Cache c;
        uint64_t cleared;
        ck_assert(cache_open(&job, &c, folder));
        cache_clear(&c, &cleared);
        cache_close(&c);
        job_free(&job);
        int status = run_limited(bytes, true);
        died += WIFSIGNALED(status);
        ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        run();
        ck_assert(run().found);
    }
    ck_assert_int_gt(died, 30);
}
END_TEST

START_TEST(refused_places)
{
    count_compiles();
    run();
    /* Others could write there. */
    ck_assert_int_eq(chmod(folder, 0770), 0);
    ck_assert_int_eq(run().compiles, 1);
    ck_assert_ptr_nonnull(strstr(warnings, "not private"));
    ck_assert_int_eq(chmod(folder, 0700), 0);
    /* A link leads elsewhere. */
    char path[MOST_PATH], moved[MOST_PATH + 8];
    static uint8_t bytes[SIZE];
    ck_assert_uint_gt(read_entry("code-", path, bytes), 0);
    snprintf(moved, sizeof moved, "%s.moved", path);
    ck_assert(rename(path, moved) == 0 && symlink(moved, path) == 0);
    ck_assert_int_eq(run().compiles, 1); /* and in its place stands what was compiled */
    ck_assert_int_eq(run().compiles, 0);
    struct stat st;
    ck_assert(lstat(path, &st) == 0 && S_ISREG(st.st_mode));
    ck_assert_int_eq(chmod(path, 0666), 0);
    ck_assert_int_eq(run().compiles, 1);
    /* No folder, and none can be made. */
    jitc_options o = options();
    o.cache = "/dev/null/cache";
    ck_assert_int_eq(run_model(0.25, &o).compiles, 1);
    ck_assert_ptr_nonnull(strstr(warnings, "/dev/null/cache"));
}
END_TEST

static Cache open_cache(Job *job)
{
    Cache c;
    job_init(job, 0);
    ck_assert_int_eq(JOB_ENTER(job), JITC_OK);
    ck_assert(cache_open(job, &c, folder));
    return c;
}

static bool has(Cache *c, CacheKind kind, uint64_t key)
{
    CacheEntry e;
    bool found = cache_get(c, (CacheRef){kind, {key, 0}}, &e);
    if (found) cache_entry_close(&e);
    return found;
}

/* The version that was not used for longest goes, with what only it needs. */
START_TEST(least_recently_used)
{
    static uint8_t bytes[20000];
    Job job;
    Cache c = open_cache(&job);
    CacheRef shared = {CACHE_CODE, {100, 0}};
    ck_assert(cache_put(&c, shared, bytes, sizeof bytes, NULL, 0, NULL, NULL));
    for (uint64_t i = 0; i < 4; i++) {
        CacheRef needs[] = {shared, {CACHE_CODE, {200 + i, 0}}};
        ck_assert(cache_put(&c, needs[1], bytes, sizeof bytes, NULL, 0, NULL, NULL));
        ck_assert(cache_put(&c, (CacheRef){CACHE_VERSION, {i, 0}}, bytes, 1000, needs, 2, "model", NULL));
        usleep(20000);
    }
    ck_assert(has(&c, CACHE_VERSION, 0)); /* which uses it */
    CacheItems items = {0};
    uint64_t total;
    cache_list(&job, &c, &items, &total);
    ck_assert_uint_eq(items.n, 4);
    ck_assert_uint_gt(total, 5 * sizeof bytes);
    c.most_bytes = 5 * sizeof bytes;
    cache_trim(&c);
    ck_assert(has(&c, CACHE_VERSION, 0) && has(&c, CACHE_CODE, 200));
    ck_assert(!has(&c, CACHE_VERSION, 1) && !has(&c, CACHE_CODE, 201));
    ck_assert(has(&c, CACHE_VERSION, 3) && has(&c, CACHE_CODE, 203) && has(&c, CACHE_CODE, 100));
    uint64_t cleared;
    ck_assert_uint_gt(cache_clear(&c, &cleared), 0);
    ck_assert(!has(&c, CACHE_VERSION, 0));
    ck_assert_int_eq(count_entries(""), 0);
    cache_close(&c);
    job_free(&job);
}
END_TEST

START_TEST(left_by_the_killed)
{
    static uint8_t bytes[100];
    Job job;
    Cache c = open_cache(&job);
    char old[128], fresh[128];
    snprintf(old, sizeof old, "%s/.tmp-1-1", folder);
    snprintf(fresh, sizeof fresh, "%s/.tmp-1-2", folder);
    write_file(old, bytes, sizeof bytes);
    write_file(fresh, bytes, sizeof bytes);
    struct timespec times[] = {{1000, 0}, {1000, 0}};
    ck_assert_int_eq(utimensat(AT_FDCWD, old, times, 0), 0);
    cache_trim(&c);
    ck_assert(access(old, F_OK) != 0 && access(fresh, F_OK) == 0);
    cache_close(&c);
    job_free(&job);
}
END_TEST

Suite *cache_suite(void)
{
    Suite *s = suite_create("cache");
    TCase *t = tcase_create("cache");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, found_again);
    tcase_add_test(t, weights_are_mapped);
    tcase_add_test(t, damaged_program);
    tcase_add_test(t, damaged_version);
    tcase_add_test(t, damaged_code);
    tcase_add_test(t, damaged_weights);
    tcase_add_test(t, full_disk);
    tcase_add_test(t, killed);
    tcase_add_test(t, refused_places);
    tcase_add_test(t, least_recently_used);
    tcase_add_test(t, left_by_the_killed);
    suite_add_tcase(s, t);
    return s;
}
