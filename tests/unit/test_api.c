/* What a host may give and ask for: readers, memory, threads, limits, code in advance, object files; and
 * wrong calls. */
#include <pthread.h>
#include <stdlib.h>

#include "runtime/jitc_internal.h"
#include "tests/unit/suites.h"

#define FLOAT "attr { key: \"T\" value { type: DT_FLOAT } }"
#define TENSOR                                                                                               \
    "attr { key: \"dtype\" value { type: DT_FLOAT } } attr { key: \"value\" value { tensor { dtype: "        \
    "DT_FLOAT "
#define SIZE(n) "dim { size: " #n " } "

/* z = relu(x w), y = z + 1, for any number of rows. */
static const char graph[] =
    "node { name: \"x\" op: \"Placeholder\" attr { key: \"dtype\" value { type: DT_FLOAT } }\n"
    "  attr { key: \"shape\" value { shape { " SIZE(-1)
        SIZE(24) "} } } }\n"
                 "node { name: \"w\" op: \"Const\" " TENSOR "tensor_shape { " SIZE(24)
                     SIZE(40) "} float_val: 0.25 } } } }\n"
                              "node { name: \"one\" op: \"Const\" " TENSOR
                              "tensor_shape { } float_val: 1 } } } }\n"
                              "node { name: \"p\" op: \"MatMul\" input: \"x\" input: \"w\" " FLOAT " }\n"
                              "node { name: \"z\" op: \"Relu\" input: \"p\" " FLOAT " }\n"
                              "node { name: \"y\" op: \"AddV2\" input: \"z\" input: \"one\" " FLOAT " }\n";
static const char *const both[] = {"y", "z"};

enum { IN = 24, OUT = 40, MOST_ROWS = 600 };

static jitc_options two_outputs(void)
{
    jitc_options o = JITC_OPTIONS_INIT;
    o.outputs = both;
    o.noutputs = 2;
    return o;
}

static jitc_program *load(const jitc_options *o)
{
    jitc_program *p;
    jitc_error *e;
    if (jitc_program_load_memory(graph, strlen(graph), o, &p, &e)) ck_abort_msg("%s", jitc_error_text(e));
    return p;
}

static jitc_exec *exec_of(jitc_program *p)
{
    jitc_exec *x;
    ck_assert_int_eq(jitc_exec_new(p, &x), JITC_OK);
    return x;
}

static void must(jitc_exec *x, jitc_status status)
{
    if (status) ck_abort_msg("%d: %s", status, jitc_exec_error(x));
}

static float *numbers(int n)
{
    float *v = malloc((size_t)n * sizeof *v);
    for (int i = 0; i < n; i++) v[i] = (float)((i * 37) % 101) / 50 - 1;
    return v;
}

static float input[MOST_ROWS * IN];

static jitc_status bind_rows(jitc_exec *x, int64_t rows)
{
    for (size_t i = 0; i < COUNT(input); i++) input[i] = (float)((i * 37) % 101) / 50 - 1;
    jitc_tensor t = {JITC_FLOAT32, 2, {rows, IN}, input};
    return jitc_exec_bind(x, "x", &t);
}

/* Both outputs of the last run, one after the other. */
static void take(jitc_exec *x, int64_t rows, float *to)
{
    for (size_t i = 0; i < 2; i++) {
        jitc_tensor t;
        must(x, jitc_exec_output(x, i, &t));
        ck_assert_int_eq(t.shape[0], rows);
        ck_assert_int_eq(t.shape[1], OUT);
        memcpy(to + (int64_t)i * rows * OUT, t.data, (size_t)(rows * OUT) * sizeof *to);
    }
}

static void expect_rows(jitc_exec *x, int64_t rows)
{
    static float want[2 * MOST_ROWS * OUT], got[2 * MOST_ROWS * OUT];
    jitc_options o = two_outputs();
    jitc_program *p = load(&o);
    jitc_exec *plain = exec_of(p);
    must(plain, bind_rows(plain, rows));
    must(plain, jitc_exec_run(plain));
    take(plain, rows, want);
    take(x, rows, got);
    ck_assert_int_eq(memcmp(want, got, (size_t)(2 * rows * OUT) * sizeof *want), 0);
    ck_assert(want[0] >= 1);
    jitc_exec_free(plain);
    jitc_program_free(p);
}

static void count_line(void *arg, const char *line)
{
    if (strncmp(line, "compiled", 8) == 0) ++*(int *)arg;
}

/* -- Readers ----------------------------------------------------------------------------------- */
typedef struct {
    int reads, closes, fail_from;
} Reader;

static int read_graph(void *arg, uint64_t offset, void *to, size_t n)
{
    Reader *r = arg;
    ck_assert_uint_le(offset + n, strlen(graph));
    ck_assert_int_eq(r->closes, 0);
    if (r->reads++ >= r->fail_from) return -1;
    memcpy(to, graph + offset, n);
    return 0;
}

static void close_graph(void *arg)
{
    ((Reader *)arg)->closes++;
}

START_TEST(test_reader)
{
    Reader r = {.fail_from = 1000};
    jitc_reader reader = {&r, strlen(graph), read_graph, close_graph};
    jitc_options o = two_outputs();
    jitc_program *p;
    jitc_error *e;
    ck_assert_int_eq(jitc_program_load_reader(&reader, &o, &p, NULL), JITC_OK);
    jitc_exec *x = exec_of(p);
    must(x, bind_rows(x, 3));
    must(x, jitc_exec_run(x));
    expect_rows(x, 3);
    jitc_program_free(p);
    jitc_exec_free(x);
    ck_assert_int_eq(r.closes, 1);
    for (int from = 0; from < 2; from++) { /* the model cannot be read: at once, or later */
        r = (Reader){.fail_from = from};
        ck_assert_int_eq(jitc_program_load_reader(&reader, &o, &p, &e), JITC_E_IO);
        ck_assert_ptr_null(p);
        ck_assert(strstr(jitc_error_text(e), "cannot be read") != NULL);
        jitc_error_free(e);
        ck_assert_int_eq(r.closes, 1);
    }
    reader.bytes = 0;
    r = (Reader){.fail_from = 1000};
    ck_assert_int_eq(jitc_program_load_reader(&reader, &o, &p, NULL), JITC_E_INVALID);
    reader.bytes = 1;
    o.size = 3;
    ck_assert_int_eq(jitc_program_load_reader(&reader, &o, &p, NULL), JITC_E_USAGE);
    reader.read = NULL;
    ck_assert_int_eq(jitc_program_load_reader(&reader, NULL, &p, NULL), JITC_E_USAGE);
    ck_assert_int_eq(r.closes, 3);
    ck_assert_int_eq(jitc_program_load_reader(NULL, NULL, &p, NULL), JITC_E_USAGE);
}
END_TEST

/* -- Code in advance --------------------------------------------------------------------------- */
START_TEST(test_specialise)
{
    int compiles = 0;
    jitc_options o = two_outputs();
    o.log = count_line;
    o.log_arg = &compiles;
    jitc_program *p = load(&o);
    jitc_exec *x = exec_of(p);
    must(x, bind_rows(x, 1));
    ck_assert_int_eq(jitc_exec_is_ready(x), 0);
    enum { N = 20 }; /* more than the program keeps of others */
    for (int64_t rows = 1; rows <= N; rows++) {
        jitc_shape s = {"x:0", 2, {rows, IN}};
        ck_assert_int_eq(jitc_program_specialise(p, &s, 1, NULL), JITC_OK);
        ck_assert_int_eq(jitc_program_specialise(p, &s, 1, NULL), JITC_OK);
    }
    ck_assert_int_eq(compiles, N);
    for (int64_t rows = N + 1; rows < 3 * N; rows++) { /* others come and go */
        must(x, bind_rows(x, rows));
        must(x, jitc_exec_run(x));
    }
    compiles = 0;
    for (int64_t rows = 1; rows <= N; rows++) {
        must(x, bind_rows(x, rows));
        ck_assert_int_eq(jitc_exec_is_ready(x), 1);
        must(x, jitc_exec_run(x));
        ck_assert(!exec_is_general(x));
        ck_assert_int_eq(jitc_exec_is_ready(x), 1);
    }
    ck_assert_int_eq(compiles, 0);
    expect_rows(x, N);
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

/* Many threads with many shapes, while another one compiles in advance, and versions come and go. */
static void *churn(void *arg)
{
    jitc_exec *x = exec_of(arg);
    static float in[40 * IN]; /* all the same, so that any thread may write it */
    float out[40 * OUT];
    for (int i = 0; i < 90; i++) {
        int64_t rows = 1 + (i * 7) % 40;
        jitc_tensor t = {JITC_FLOAT32, 2, {rows, IN}, in}, y = {JITC_FLOAT32, 2, {rows, OUT}, out};
        out[rows * OUT - 1] = -1;
        must(x, jitc_exec_bind(x, "x", &t));
        must(x, jitc_exec_bind(x, "y", &y));
        must(x, jitc_exec_run(x));
        ck_assert(out[0] == 1 && out[rows * OUT - 1] == 1);
    }
    jitc_exec_free(x);
    return NULL;
}

START_TEST(test_churn)
{
    enum { N = 4 };
    jitc_options o = two_outputs();
    jitc_program *p = load(&o);
    pthread_t t[N];
    for (int i = 0; i < N; i++) ck_assert_int_eq(pthread_create(&t[i], NULL, churn, p), 0);
    for (int64_t rows = 30; rows < 36; rows++) {
        jitc_shape s = {"x", 2, {rows, IN}};
        ck_assert_int_eq(jitc_program_specialise(p, &s, 1, NULL), JITC_OK);
    }
    for (int i = 0; i < N; i++) pthread_join(t[i], NULL);
    jitc_program_free(p);
}
END_TEST

START_TEST(test_specialise_wrong)
{
    jitc_program *p = load(NULL);
    jitc_error *e;
    static const struct {
        jitc_shape s;
        size_t n;
        const char *text;
    } wrong[] = {
        {{"x", 2, {4, 25}}, 1, "'x'"},
        {{"x", 2, {-1, IN}}, 1, "'x'"},
        {{"x", 1, {IN}}, 1, "'x'"},
        {{"x", 99, {0}}, 1, "'x'"},
        {{"q", 2, {4, IN}}, 1, "'q'"},
        {{NULL, 2, {4, IN}}, 1, "NULL"},
        {{"x", 2, {4, IN}}, 0, "'x': its shape is open"},
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        ck_assert_int_eq(jitc_program_specialise(p, &wrong[i].s, wrong[i].n, &e), JITC_E_USAGE);
        ck_assert_msg(strstr(jitc_error_text(e), wrong[i].text) != NULL, "%s", jitc_error_text(e));
        jitc_error_free(e);
    }
    jitc_shape twice[] = {{"x", 2, {4, IN}}, {"x", 2, {4, IN}}};
    ck_assert_int_eq(jitc_program_specialise(p, twice, 2, &e), JITC_E_USAGE);
    ck_assert(strstr(jitc_error_text(e), "twice") != NULL);
    jitc_error_free(e);
    ck_assert_int_eq(jitc_program_specialise(p, NULL, 1, NULL), JITC_E_USAGE);
    ck_assert_int_eq(jitc_program_specialise(NULL, twice, 1, NULL), JITC_E_USAGE);
    jitc_program_free(p);
}
END_TEST

START_TEST(test_lazy)
{
    int compiles = 0;
    jitc_options o = two_outputs();
    jitc_shape s = {"x", 2, {5, IN}};
    o.shapes = &s;
    o.nshapes = 1;
    o.log = count_line;
    o.log_arg = &compiles;
    jitc_program_free(load(&o));
    ck_assert_int_eq(compiles, 1); /* all shapes are known, so that problems show at once */
    o.flags = JITC_LAZY;
    jitc_program *p = load(&o);
    ck_assert_int_eq(jitc_program_output(p, 0)->shape[0], 5);
    ck_assert_int_eq(compiles, 1);
    jitc_exec *x = exec_of(p);
    must(x, bind_rows(x, 5));
    ck_assert_int_eq(jitc_exec_is_ready(x), 0);
    must(x, jitc_exec_prepare(x));
    ck_assert_int_eq(jitc_exec_is_ready(x), 1);
    ck_assert_int_eq(compiles, 2);
    must(x, jitc_exec_run(x));
    ck_assert_int_eq(compiles, 2);
    ck_assert_int_eq(jitc_program_specialise(p, NULL, 0, NULL), JITC_OK);
    ck_assert_int_eq(compiles, 2);
    expect_rows(x, 5);
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

/* -- Memory ------------------------------------------------------------------------------------ */
typedef struct {
    pthread_mutex_t lock;
    int64_t live, calls, fail_at; /* fail_at: this call and those after it find none; -1: never */
} Counter;

static void *count_alloc(void *heap, void *old, size_t bytes)
{
    Counter *c = heap;
    void *p = NULL;
    pthread_mutex_lock(&c->lock);
    if (!bytes) {
        c->live--;
        free(old);
    } else {
        ck_assert_ptr_null(old);
        bool fails = c->fail_at >= 0 && c->calls >= c->fail_at;
        c->calls++;
        if (!fails) p = aligned_alloc(64, (bytes + 63) / 64 * 64);
        if (p) memset(p, 0xa5, bytes);
        c->live += p != NULL;
    }
    pthread_mutex_unlock(&c->lock);
    return p;
}

static jitc_status load_and_run(const jitc_options *o)
{
    jitc_program *p;
    jitc_exec *x = NULL;
    jitc_status status = jitc_program_load_memory(graph, strlen(graph), o, &p, NULL);
    if (!status) status = jitc_exec_new(p, &x);
    if (!status) status = bind_rows(x, 7);
    if (!status) status = jitc_exec_run(x);
    if (!status) expect_rows(x, 7);
    jitc_program_free(p);
    jitc_exec_free(x);
    return status;
}

/* All comes from the caller's allocator, all goes back to it, and there is no point at which it may not fail.
 */
START_TEST(test_allocator)
{
    Counter c = {.lock = PTHREAD_MUTEX_INITIALIZER, .fail_at = -1};
    jitc_options o = two_outputs();
    o.alloc = count_alloc;
    o.heap = &c;
    ck_assert_int_eq(load_and_run(&o), JITC_OK);
    ck_assert_int_eq(c.live, 0);
    int64_t n = c.calls;
    ck_assert_int_gt(n, 10);
    for (int64_t at = 0; at < n; at++) {
        c.calls = 0;
        c.fail_at = at;
        jitc_status status = load_and_run(&o);
        ck_assert_msg(status == JITC_E_NOMEM, "without allocation %lld: %d", (long long)at, status);
        ck_assert_int_eq(c.live, 0);
    }
}
END_TEST

START_TEST(test_max_memory)
{
    Counter c = {.lock = PTHREAD_MUTEX_INITIALIZER, .fail_at = -1};
    jitc_options o = two_outputs();
    o.alloc = count_alloc;
    o.heap = &c;
    jitc_status status = JITC_E_NOMEM;
    size_t limit = 100000;
    for (; status; limit += 100000) { /* graph, code, weights and the run's memory together */
        o.max_memory = limit;
        status = load_and_run(&o);
        ck_assert(status == JITC_OK || status == JITC_E_NOMEM);
        ck_assert_int_eq(c.live, 0);
    }
    ck_assert_uint_gt(limit, 500000);
    ck_assert_uint_lt(limit, 20000000);
    o.max_memory = 8000000; /* a run that needs more than what code and weights leave */
    jitc_program *p = load(&o);
    jitc_exec *x = exec_of(p);
    float *v = numbers(50000 * IN);
    jitc_tensor t = {JITC_FLOAT32, 2, {50000, IN}, v};
    must(x, jitc_exec_bind(x, "x", &t));
    ck_assert_int_eq(jitc_exec_run(x), JITC_E_NOMEM);
    ck_assert(strstr(jitc_exec_error(x), "max_memory") != NULL);
    must(x, bind_rows(x, 7));
    must(x, jitc_exec_run(x));
    expect_rows(x, 7);
    jitc_exec_free(x);
    jitc_program_free(p);
    free(v);
    ck_assert_int_eq(c.live, 0);
}
END_TEST

/* Sizes of outputs before a run; memory that is bound for them is where the run computes. */
START_TEST(test_output_shape)
{
    jitc_options o = two_outputs();
    jitc_program *p = load(&o);
    jitc_exec *x = exec_of(p);
    jitc_io io;
    ck_assert_int_eq(jitc_exec_output_shape(x, 0, &io), JITC_E_USAGE); /* nothing is bound */
    for (int64_t rows = 1; rows < 4; rows++) {
        must(x, bind_rows(x, rows));
        must(x, jitc_exec_output_shape(x, 1, &io));
        ck_assert_str_eq(io.name, "z");
        ck_assert_int_eq(io.rank, 2);
        ck_assert_int_eq(io.shape[0], rows);
        ck_assert_int_eq(io.shape[1], OUT);
        float memory[3 * OUT];
        jitc_tensor t = {io.dtype, io.rank, {rows, OUT}, memory};
        must(x, jitc_exec_bind(x, "z", &t));
        must(x, jitc_exec_run(x));
        must(x, jitc_exec_output(x, 1, &t));
        ck_assert_ptr_eq(t.data, memory);
        expect_rows(x, rows);
        must(x, jitc_exec_bind(x, "z", NULL));
    }
    ck_assert_int_eq(jitc_exec_output_shape(NULL, 0, &io), JITC_E_USAGE);
    ck_assert_int_eq(jitc_exec_output_shape(x, 2, &io), JITC_E_USAGE);
    ck_assert_int_eq(jitc_exec_output_shape(x, 0, NULL), JITC_E_USAGE);
    jitc_exec_free(x);
    jitc_program_free(p);

    /* The rows that Where finds: only a run tells how many. */
    static const char where[] = "node { name: \"x\" op: \"Placeholder\" attr { key: \"dtype\" value { type: "
                                "DT_FLOAT } } attr { key: \"shape\" value { shape { " SIZE(
                                    5) "} } } }\n"
                                       "node { name: \"y\" op: \"Where\" input: \"x\" " FLOAT " }\n";
    ck_assert_int_eq(jitc_program_load_memory(where, strlen(where), NULL, &p, NULL), JITC_OK);
    x = exec_of(p);
    float some[5] = {0, 1, 0, 1, 1};
    jitc_tensor in = {JITC_FLOAT32, 1, {5}, some}, out;
    must(x, jitc_exec_bind(x, "x", &in));
    for (int i = 0; i < 2; i++) { /* after a run, too */
        must(x, jitc_exec_output_shape(x, 0, &io));
        ck_assert_int_eq(io.rank, 2);
        ck_assert_int_eq(io.shape[0], -1);
        ck_assert_int_eq(io.shape[1], 1);
        must(x, jitc_exec_run(x));
        must(x, jitc_exec_output(x, 0, &out));
        ck_assert_int_eq(out.shape[0], 3);
    }
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

START_TEST(test_workspace)
{
    Counter c = {.lock = PTHREAD_MUTEX_INITIALIZER, .fail_at = -1};
    jitc_options o = two_outputs();
    o.alloc = count_alloc;
    o.heap = &c;
    jitc_program *p = load(&o);
    static const int64_t rows[] = {3, 70, 600, 5, 11, 1};
    for (size_t i = 0; i < COUNT(rows); i++) {
        jitc_shape s = {"x", 2, {rows[i], IN}};
        ck_assert_int_eq(jitc_program_specialise(p, &s, 1, NULL), JITC_OK);
    }
    jitc_exec *x = exec_of(p);
    size_t most = 0, bytes;
    ck_assert_int_eq(jitc_exec_workspace_bytes(x, &bytes), JITC_E_USAGE); /* nothing is bound */
    ck_assert_uint_eq(bytes, 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        must(x, bind_rows(x, rows[i]));
        must(x, jitc_exec_workspace_bytes(x, &bytes));
        ck_assert_uint_ge(bytes,
                          (size_t)(2 * rows[i] * OUT) * sizeof(float)); /* outputs that are not bound */
        if (bytes > most) most = bytes;
    }
    unsigned char *memory = aligned_alloc(JITC_ALIGN, (most + 63) / 64 * 64);
    ck_assert_int_eq(jitc_exec_set_workspace(x, memory + 4, most), JITC_E_USAGE);
    must(x, jitc_exec_set_workspace(x, memory, most));
    int64_t calls = c.calls;
    for (size_t k = 0; k < 3 * COUNT(rows); k++) {
        int64_t n = rows[k % COUNT(rows)];
        memset(memory, 0xa5, most);
        must(x, bind_rows(x, n));
        must(x, jitc_exec_run(x));
        ck_assert_int_eq(c.calls, calls); /* neither bind nor run allocates */
        jitc_tensor t;
        must(x, jitc_exec_output(x, 0, &t));
        ck_assert((unsigned char *)t.data >= memory && (unsigned char *)t.data < memory + most);
        expect_rows(x, n);
    }
    must(x, bind_rows(x, 600));
    must(x, jitc_exec_set_workspace(x, memory, most - 64));
    ck_assert_int_eq(jitc_exec_run(x), JITC_E_USAGE);
    ck_assert(strstr(jitc_exec_error(x), "are needed") != NULL);
    must(x, bind_rows(x, 3));
    must(x, jitc_exec_run(x));
    must(x, jitc_exec_set_workspace(x, NULL, 0));
    jitc_tensor t;
    ck_assert_int_eq(jitc_exec_output(x, 0, &t), JITC_E_USAGE); /* it was in the workspace */
    free(memory);
    must(x, jitc_exec_run(x));
    expect_rows(x, 3);
    jitc_exec_free(x);
    jitc_program_free(p);
    ck_assert_int_eq(c.live, 0);
}
END_TEST

/* -- The host's threads ------------------------------------------------------------------------ */
typedef struct {
    int calls;
    size_t shares;
    int *stop; /* set by the first call */
} Host;

static void backwards(void *host, void (*f)(void *arg, size_t i), void *arg, size_t n)
{
    Host *h = host;
    h->calls++;
    ck_assert_uint_le(n, h->shares);
    while (n) f(arg, --n);
    if (h->stop) *h->stop = 1;
}

START_TEST(test_parallel_for)
{
    jitc_options o = two_outputs();
    jitc_program *p = load(&o);
    jitc_exec *x = exec_of(p);
    static const size_t shares[] = {1, 2, 7, 64};
    must(x, bind_rows(x, MOST_ROWS));
    for (size_t i = 0; i < COUNT(shares); i++) {
        Host h = {.shares = shares[i]};
        must(x, jitc_exec_set_parallel_for(x, backwards, &h, shares[i]));
        must(x, jitc_exec_run(x));
        ck_assert_int_eq(h.calls > 0, shares[i] > 1);
        expect_rows(x, MOST_ROWS);
    }
    ck_assert_int_eq(jitc_exec_set_parallel_for(x, backwards, NULL, 0), JITC_E_USAGE);
    ck_assert_int_eq(jitc_exec_set_parallel_for(x, backwards, NULL, SIZE_MAX), JITC_E_USAGE);
    must(x, jitc_exec_set_parallel_for(x, NULL, NULL, 0));
    must(x, jitc_exec_run(x));
    expect_rows(x, MOST_ROWS);
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

/* -- Stopping ---------------------------------------------------------------------------------- */
START_TEST(test_stop_compile)
{
    int stop = 1;
    jitc_options o = two_outputs();
    o.stop = &stop;
    jitc_program *p;
    jitc_error *e;
    ck_assert_int_eq(jitc_program_load_memory(graph, strlen(graph), &o, &p, &e), JITC_E_CANCELLED);
    ck_assert(strstr(jitc_error_text(e), "cancelled") != NULL);
    jitc_error_free(e);
    stop = 0;
    p = load(&o);
    jitc_exec *x = exec_of(p);
    must(x, bind_rows(x, 9));
    stop = 1;
    ck_assert_int_eq(jitc_exec_run(x), JITC_E_CANCELLED);
    jitc_shape s = {"x", 2, {9, IN}};
    ck_assert_int_eq(jitc_program_specialise(p, &s, 1, NULL), JITC_E_CANCELLED);
    ck_assert_int_eq(jitc_aot_compile(p, NULL, &(jitc_object *){NULL}, NULL), JITC_E_CANCELLED);
    stop = 0;
    for (int64_t rows = 9; rows < 13; rows++) { /* no trace is left: the code for all sizes is made as ever */
        must(x, bind_rows(x, rows));
        must(x, jitc_exec_run(x));
    }
    ck_assert(exec_is_general(x));
    expect_rows(x, 12);
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

START_TEST(test_stop_run)
{
    int stop = 0;
    jitc_options o = two_outputs();
    jitc_program *p = load(&o);
    jitc_exec *x = exec_of(p);
    must(x, jitc_exec_set_stop(x, &stop));
    must(x, bind_rows(x, 400));
    must(x, jitc_exec_run(x));
    stop = 1;
    ck_assert_int_eq(jitc_exec_run(x), JITC_E_CANCELLED);
    jitc_tensor t;
    ck_assert_int_eq(jitc_exec_output(x, 0, &t), JITC_E_USAGE);
    must(x, bind_rows(x, 401)); /* compiling stops as well */
    ck_assert_int_eq(jitc_exec_run(x), JITC_E_CANCELLED);
    stop = 0;
    must(x, jitc_exec_run(x));
    Host h = {.shares = 8, .stop = &stop}; /* while it runs */
    must(x, jitc_exec_set_parallel_for(x, backwards, &h, 8));
    ck_assert_int_eq(jitc_exec_run(x), JITC_E_CANCELLED);
    ck_assert_int_eq(h.calls, 1);
    must(x, jitc_exec_set_stop(x, NULL));
    must(x, jitc_exec_run(x));
    expect_rows(x, 401);
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

/* A loop without end stops between two rounds. */
static void *stop_soon(void *stop)
{
    struct timespec t = {0, 20000000};
    nanosleep(&t, NULL);
    __atomic_store_n((int *)stop, 1, __ATOMIC_RELAXED);
    return NULL;
}

START_TEST(test_stop_loop)
{
    static const char text[] = "graph @main(%x: f32[4]) {\n"
                               "  %r = while %x cond (%a: f32[4]) {\n"
                               "    %t = const bool[] 1\n"
                               "    yield %t\n"
                               "  } body (%b: f32[4]) {\n"
                               "    %n = tanh %b\n"
                               "    yield %n\n"
                               "  }\n"
                               "  return %r\n"
                               "}\n";
    int stop = 0;
    jitc_program *p;
    jitc_error *e;
    pthread_t thread;
    if (program_load_ir(text, strlen(text), NULL, NULL, &p, &e)) ck_abort_msg("%s", jitc_error_text(e));
    jitc_exec *x = exec_of(p);
    float *v = numbers(4);
    jitc_tensor t = {JITC_FLOAT32, 1, {4}, v};
    must(x, jitc_exec_bind(x, jitc_program_input(p, 0)->name, &t));
    must(x, jitc_exec_set_stop(x, &stop));
    ck_assert_int_eq(pthread_create(&thread, NULL, stop_soon, &stop), 0);
    ck_assert_int_eq(jitc_exec_run(x), JITC_E_CANCELLED);
    pthread_join(thread, NULL);
    jitc_exec_free(x);
    jitc_program_free(p);
    free(v);
}
END_TEST

/* -- Profiles ---------------------------------------------------------------------------------- */
typedef struct {
    uint32_t calls, shares;
    int64_t last_ns;
    double flops;
    bool wrong;
} Told;

static void told(void *arg, const jitc_call *c)
{
    Told *t = arg;
    bool sizes =
        c->size == sizeof *c && c->nnodes > 0 && c->bytes > 0 && c->flops >= 0 && c->done_flops <= c->flops;
    bool times = c->start_ns >= t->last_ns && c->end_ns >= c->start_ns;
    bool texts = *c->kernel && *c->algorithm && *c->shape && *c->node && *c->op && *c->nodes[0];
    for (size_t i = 0; i < c->nshares; i++)
        times = times && c->shares[i].start_ns >= c->start_ns && c->shares[i].end_ns <= c->end_ns &&
                c->shares[i].end_ns >= c->shares[i].start_ns && c->shares[i].thread;
    t->wrong = t->wrong || !sizes || !times || !texts;
    t->last_ns = c->end_ns;
    t->flops += c->flops;
    t->shares += (uint32_t)c->nshares;
    t->calls++;
}

START_TEST(test_profile)
{
    jitc_options o = two_outputs();
    Told t = {0};
    jitc_program *p = load(&o);
    jitc_exec *x = exec_of(p);
    ck_assert_int_eq(jitc_exec_set_profile(NULL, told, &t), JITC_E_USAGE);
    must(x, jitc_exec_set_profile(x, told, &t)); /* before there is code */
    Host h = {.shares = 8};
    must(x, jitc_exec_set_parallel_for(x, backwards, &h, 8));
    must(x, bind_rows(x, 401));
    must(x, jitc_exec_run(x));
    expect_rows(x, 401);
    ck_assert_uint_gt(t.shares, 1);
    must(x, jitc_exec_set_parallel_for(x, NULL, NULL, 0));
    t.shares = 0;
    double each = t.flops / 401;
    for (int64_t rows = 20; rows < 26; rows++) { /* with code of several versions, a general one among them */
        uint32_t before = t.calls;
        t.flops = 0;
        must(x, bind_rows(x, rows));
        must(x, jitc_exec_run(x));
        expect_rows(x, rows);
        ck_assert(t.flops > 0.999 * each * (double)rows && t.flops < 1.001 * each * (double)rows);
        ck_assert_uint_gt(t.calls, before);
    }
    ck_assert(exec_is_general(x));
    ck_assert_uint_eq(t.shares, 0);
    ck_assert(!t.wrong);
    uint32_t calls = t.calls;
    must(x, jitc_exec_set_profile(x, NULL, NULL));
    must(x, jitc_exec_run(x));
    ck_assert_uint_eq(t.calls, calls);
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

/* -- Structs of other versions ----------------------------------------------------------------- */
START_TEST(test_option_sizes)
{
    struct {
        jitc_options o;
        uint64_t more[4];
    } newer = {.o = two_outputs()};
    jitc_program *p;
    jitc_error *e;
    newer.o.size = sizeof newer;
    p = load(&newer.o); /* it asks for nothing new */
    ck_assert_uint_eq(jitc_program_output_count(p), 2);
    jitc_program_free(p);
    newer.more[3] = 1;
    ck_assert_int_eq(jitc_program_load_memory(graph, strlen(graph), &newer.o, &p, &e), JITC_E_USAGE);
    ck_assert(strstr(jitc_error_text(e), "does not know") != NULL);
    jitc_error_free(e);
    jitc_options older = two_outputs();
    older.size = offsetof(jitc_options, stop);
    int stop = 1;
    older.stop = &stop; /* beyond what it says to have */
    older.flags = ~(uint64_t)0;
    p = load(&older);
    ck_assert_uint_eq(jitc_program_output_count(p), 2);
    jitc_program_free(p);
    older = two_outputs();
    older.flags = 1u << 31;
    ck_assert_int_eq(jitc_program_load_memory(graph, strlen(graph), &older, &p, NULL), JITC_E_USAGE);
    older = two_outputs();
    older.layout = "rows";
    ck_assert_int_eq(jitc_program_load_memory(graph, strlen(graph), &older, &p, &e), JITC_E_USAGE);
    ck_assert(strstr(jitc_error_text(e), "layout 'rows'") != NULL);
    jitc_error_free(e);
    older = two_outputs();
    older.size = 8;
    ck_assert_int_eq(jitc_program_load_memory(graph, strlen(graph), &older, &p, NULL), JITC_E_USAGE);
}
END_TEST

/* -- Ahead of time ----------------------------------------------------------------------------- */
START_TEST(test_aot)
{
    jitc_options o = two_outputs();
    o.flags = JITC_LAZY;
    jitc_program *p = load(&o);
    jitc_aot_options a = JITC_AOT_OPTIONS_INIT;
    jitc_object *object;
    size_t bytes;
    a.cpu = "x86-64-v2";
    a.name = "net";
    ck_assert_int_eq(jitc_aot_compile(p, &a, &object, NULL), JITC_OK);
    const char *data = jitc_object_data(object, &bytes);
    ck_assert_uint_gt(bytes, 1000);
    ck_assert_int_eq(memcmp(data, "\177ELF", 4), 0);
    ck_assert(strstr(jitc_object_header(object), "int net_run_dims(") != NULL);
    ck_assert_ptr_null(jitc_object_weights(object, &bytes));
    ck_assert_uint_eq(bytes, 0);
    jitc_object_free(object);
    a.emit = JITC_EMIT_ASM;
    a.name = NULL;
    a.weights_outside = 1;
    ck_assert_int_eq(jitc_aot_compile(p, &a, &object, NULL), JITC_OK);
    ck_assert_ptr_nonnull(jitc_object_weights(object, &bytes));
    ck_assert_uint_ge(bytes, IN * OUT * sizeof(float));
    ck_assert(strstr(jitc_object_header(object), "int model_run_dims(") != NULL);
    data = jitc_object_data(object, &bytes);
    Str s = {0};
    str_putn(&s, data, bytes);
    ck_assert(strstr(str_text(&s), "model_run_dims") != NULL);
    str_free(&s);
    jitc_program_free(p); /* the object needs it no more */
    jitc_object_free(object);
}
END_TEST

START_TEST(test_aot_wrong)
{
    jitc_program *p = load(NULL);
    jitc_object *object;
    jitc_error *e;
    jitc_aot_options a = JITC_AOT_OPTIONS_INIT;
    a.name = "not a name";
    ck_assert_int_eq(jitc_aot_compile(p, &a, &object, &e), JITC_E_USAGE);
    ck_assert(strstr(jitc_error_text(e), "identifier") != NULL);
    ck_assert_ptr_null(object);
    jitc_error_free(e);
    a = (jitc_aot_options)JITC_AOT_OPTIONS_INIT;
    a.emit = (jitc_emit)17;
    ck_assert_int_eq(jitc_aot_compile(p, &a, &object, NULL), JITC_E_USAGE);
    a = (jitc_aot_options)JITC_AOT_OPTIONS_INIT;
    a.size = 0;
    ck_assert_int_eq(jitc_aot_compile(p, &a, &object, NULL), JITC_E_USAGE);
    a = (jitc_aot_options)JITC_AOT_OPTIONS_INIT;
    a.cpu = "no-such-cpu";
    ck_assert_int_eq(jitc_aot_compile(p, &a, &object, &e), JITC_E_CPU);
    ck_assert(strstr(jitc_error_text(e), "no-such-cpu") != NULL);
    jitc_error_free(e);
    ck_assert_int_eq(jitc_aot_compile(NULL, NULL, &object, NULL), JITC_E_USAGE);
    ck_assert_int_eq(jitc_aot_compile(p, NULL, NULL, NULL), JITC_E_USAGE);
    ck_assert_ptr_null(jitc_object_data(NULL, NULL));
    ck_assert_ptr_null(jitc_object_header(NULL));
    ck_assert_ptr_null(jitc_object_weights(NULL, NULL));
    jitc_object_free(NULL);
    jitc_program_free(p);
}
END_TEST

/* -- Wrong calls ------------------------------------------------------------------------------- */
START_TEST(test_null)
{
    size_t n = 1;
    ck_assert_int_eq(jitc_exec_prepare(NULL), JITC_E_USAGE);
    ck_assert_int_eq(jitc_exec_is_ready(NULL), 0);
    ck_assert_int_eq(jitc_exec_set_stop(NULL, NULL), JITC_E_USAGE);
    ck_assert_int_eq(jitc_exec_set_parallel_for(NULL, backwards, NULL, 1), JITC_E_USAGE);
    ck_assert_int_eq(jitc_exec_set_workspace(NULL, NULL, 0), JITC_E_USAGE);
    ck_assert_int_eq(jitc_exec_workspace_bytes(NULL, &n), JITC_E_USAGE);
    ck_assert_uint_eq(n, 0);
    jitc_program *p = load(NULL);
    jitc_exec *x = exec_of(p);
    ck_assert_int_eq(jitc_exec_workspace_bytes(x, NULL), JITC_E_USAGE);
    ck_assert_int_eq(jitc_exec_prepare(x), JITC_E_USAGE);
    ck_assert_int_eq(jitc_exec_is_ready(x), 0);
    ck_assert(strstr(jitc_exec_error(x), "'x' is not bound") != NULL);
    ck_assert_int_eq(jitc_exec_output(x, 0, NULL), JITC_E_USAGE);
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

/* The last bind counts, unbinding is one, and programs may be freed before their execs. */
START_TEST(test_rebind)
{
    jitc_options o = two_outputs();
    jitc_program *p = load(&o);
    jitc_exec *x = exec_of(p);
    static float first[8 * OUT], second[8 * OUT];
    jitc_program_free(p);
    must(x, bind_rows(x, 2));
    must(x, bind_rows(x, 8));
    jitc_tensor a = {JITC_FLOAT32, 2, {8, OUT}, first}, b = {JITC_FLOAT32, 2, {8, OUT}, second}, t;
    must(x, jitc_exec_bind(x, "y", &a));
    must(x, jitc_exec_bind(x, "y", &b));
    must(x, jitc_exec_run(x));
    ck_assert(first[0] == 0 && second[0] >= 1);
    must(x, jitc_exec_output(x, 0, &t));
    ck_assert_ptr_eq(t.data, second);
    expect_rows(x, 8);
    must(x, jitc_exec_bind(x, "y", NULL));
    must(x, jitc_exec_bind(x, "y", NULL));
    second[0] = 0;
    must(x, jitc_exec_run(x));
    ck_assert(second[0] == 0);
    must(x, jitc_exec_bind(x, "x", NULL));
    ck_assert_int_eq(jitc_exec_run(x), JITC_E_USAGE);
    jitc_exec_free(x);
}
END_TEST

Suite *api_suite(void)
{
    Suite *s = suite_create("api");
    TCase *c = tcase_create("api");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, test_reader);
    tcase_add_test(c, test_specialise);
    tcase_add_test(c, test_churn);
    tcase_add_test(c, test_specialise_wrong);
    tcase_add_test(c, test_lazy);
    tcase_add_test(c, test_allocator);
    tcase_add_test(c, test_max_memory);
    tcase_add_test(c, test_output_shape);
    tcase_add_test(c, test_workspace);
    tcase_add_test(c, test_parallel_for);
    tcase_add_test(c, test_stop_compile);
    tcase_add_test(c, test_stop_run);
    tcase_add_test(c, test_stop_loop);
    tcase_add_test(c, test_profile);
    tcase_add_test(c, test_option_sizes);
    tcase_add_test(c, test_aot);
    tcase_add_test(c, test_aot_wrong);
    tcase_add_test(c, test_null);
    tcase_add_test(c, test_rebind);
    suite_add_tcase(s, c);
    return s;
}
