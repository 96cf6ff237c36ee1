/* Random numbers over the runs of an exec: TensorFlow's, of a session's runs. */
#include "runtime/jitc_internal.h"
#include "tests/unit/suites.h"

#define SCALAR(n)                                                                                            \
    "attr { key: 'dtype' value { type: DT_INT32 } }"                                                         \
    "attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape {} int_val: " #n " } } } }"
#define SEED(name, n) "attr { key: '" name "' value { i: " #n " } }"
#define FLOATS        "attr { key: 'T' value { type: DT_INT32 } } attr { key: 'dtype' value { type: DT_FLOAT } }"

static const char *const graph[] = {
    "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } }",
    "attr { key: 'shape' value { shape { dim { size: -1 } dim { size: 3 } } } } }",
    "node { name: 's' op: 'Shape' input: 'x' attr { key: 'T' value { type: DT_FLOAT } } }",
    "node { name: 'lo' op: 'Const'",
    SCALAR(0),
    "node { name: 'hi' op: 'Const'",
    SCALAR(1000),
    "node { name: 'five' op: 'Const'",
    SCALAR(5),
    "node { name: 'u' op: 'RandomUniform' input: 's'",
    FLOATS,
    SEED("seed", 3),
    SEED("seed2", 4),
    "}",
    "node { name: 'i' op: 'RandomUniformInt' input: 's' input: 'lo' input: 'hi'",
    SEED("seed", 3),
    "}",
    "node { name: 'm' op: 'Multinomial' input: 'x' input: 'five'",
    SEED("seed", 8),
    "}",
    "node { name: 'free' op: 'RandomUniform' input: 's'",
    FLOATS,
    "}",
    "node { name: 'also' op: 'RandomUniform' input: 's'",
    FLOATS,
    "}",
};
static Str graph_text; /* must outlive the programs */
enum { RUNS = 3, N = 6 };

static jitc_exec *open_exec(jitc_program *p, float *x)
{
    jitc_exec *e;
    ck_assert_int_eq(jitc_exec_new(p, &e), JITC_OK);
    jitc_tensor t = {.dtype = JITC_FLOAT32, .rank = 2, .shape = {2, 3}, .data = x};
    ck_assert_int_eq(jitc_exec_bind(e, "x", &t), JITC_OK);
    return e;
}

static jitc_program *load(void)
{
    jitc_program *p;
    jitc_error *e;
    graph_text.n = 0;
    for (size_t i = 0; i < COUNT(graph); i++) str_printf(&graph_text, "%s\n", graph[i]);
    if (jitc_program_load_memory(str_text(&graph_text), graph_text.n, NULL, &p, &e))
        ck_abort_msg("%s", jitc_error_text(e));
    return p;
}

static const void *result(const jitc_exec *x, jitc_program *p, const char *name)
{
    for (size_t i = 0; i < jitc_program_output_count(p); i++) {
        jitc_tensor t;
        if (strcmp(jitc_program_output(p, i)->name, name) != 0) continue;
        ck_assert_int_eq(jitc_exec_output(x, i, &t), JITC_OK);
        return t.data;
    }
    ck_abort_msg("no output %s", name);
}

START_TEST(runs_follow_each_other)
{
    static const float uniform[RUNS][N] = {
        {0.923736691f, 0.37043047f, 0.948198438f, 0.815829515f, 0.539564013f, 0.95909071f},
        {0.273804665f, 0.88167417f, 0.828430772f, 0.849404693f, 0.88509953f, 0.587073565f},
        {0.329377174f, 0.0886218548f, 0.023475647f, 0.591960907f, 0.874516845f, 0.209996462f}};
    static const int32_t integer[RUNS][N] = {
        {551, 998, 290, 633, 473, 957}, {192, 975, 632, 244, 507, 873}, {515, 448, 976, 157, 674, 740}};
    static const int64_t drawn[RUNS][10] = {
        {0, 2, 2, 2, 1, 0, 1, 1, 0, 0}, {0, 2, 2, 2, 2, 0, 0, 0, 0, 1}, {0, 0, 2, 2, 2, 0, 1, 0, 0, 1}};
    float data[N] = {0, 1, 2, 2, 1, 0};
    jitc_program *p = load();
    ck_assert_uint_eq(jitc_program_input_count(p), 1);
    for (int exec = 0; exec < 2; exec++) {
        jitc_exec *x = open_exec(p, data);
        for (int i = 0; i < RUNS; i++) {
            ck_assert_int_eq(jitc_exec_run(x), JITC_OK);
            ck_assert_mem_eq(result(x, p, "u"), uniform[i], sizeof uniform[i]);
            ck_assert_mem_eq(result(x, p, "i"), integer[i], sizeof integer[i]);
            ck_assert_mem_eq(result(x, p, "m"), drawn[i], sizeof drawn[i]);
        }
        jitc_exec_free(x);
    }
    jitc_program_free(p);
}
END_TEST

START_TEST(without_a_seed_all_differ)
{
    enum { DRAWS = 8 };
    float data[N] = {0}, seen[DRAWS][N];
    jitc_program *p = load();
    int n = 0;
    for (int exec = 0; exec < 2; exec++) {
        jitc_exec *x = open_exec(p, data);
        for (int i = 0; i < 2; i++) {
            ck_assert_int_eq(jitc_exec_run(x), JITC_OK);
            memcpy(seen[n++], result(x, p, "free"), sizeof *seen);
            memcpy(seen[n++], result(x, p, "also"), sizeof *seen);
        }
        jitc_exec_free(x);
    }
    for (int i = 0; i < n; i++)
        for (int k = 0; k < N; k++) {
            ck_assert(seen[i][k] >= 0 && seen[i][k] < 1);
            for (int other = 0; other < i; other++)
                ck_assert(memcmp(seen[i], seen[other], sizeof *seen) != 0);
        }
    jitc_program_free(p);
}
END_TEST

Suite *random_suite(void)
{
    Suite *suite = suite_create("random");
    TCase *runs = tcase_create("runs");
    tcase_set_timeout(runs, 60);
    tcase_add_test(runs, runs_follow_each_other);
    tcase_add_test(runs, without_a_seed_all_differ);
    suite_add_tcase(suite, runs);
    return suite;
}
