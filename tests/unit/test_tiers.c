/* Tiers: code that is quick to make first, the best code in its place later. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/code.h"
#include "tests/unit/suites.h"

enum { ROWS = 7, IN = 24, OUT = 40 };

static const char graph[] =
    "node { name: \"x\" op: \"Placeholder\" attr { key: \"dtype\" value { type: DT_FLOAT } }\n"
    "  attr { key: \"shape\" value { shape { dim { size: -1 } dim { size: 24 } } } } }\n"
    "node { name: \"w\" op: \"Const\" attr { key: \"dtype\" value { type: DT_FLOAT } } attr { key: "
    "\"value\"\n"
    "  value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 24 } dim { size: 40 } } float_val: 0.3 } "
    "} } }\n"
    "node { name: \"p\" op: \"MatMul\" input: \"x\" input: \"w\" attr { key: \"T\" value { type: DT_FLOAT } "
    "} }\n"
    "node { name: \"y\" op: \"Softmax\" input: \"p\" attr { key: \"T\" value { type: DT_FLOAT } } }\n";

/* A code generator that notes what it is asked for; the best code may be held back. */
static const Codegen *real;
static atomic_int quick, best;
static atomic_bool hold;

static CodegenResult compile(const CodegenTarget *t, const CodegenKernel *k, size_t n, CodegenEmit emit,
                             int threads, const Limits *limits)
{
    atomic_fetch_add(t->quick ? &quick : &best, 1);
    while (!t->quick && hold && !limits_check(limits)) usleep(1000);
    return real->compile(t, k, n, emit, threads, limits);
}

static void setup(void)
{
    static Codegen c;
    char *why;
    real = plugin_open(&why);
    ck_assert_ptr_nonnull(real);
    c = *real;
    c.compile = compile;
    plugin_replace(&c);
    quick = best = 0;
    hold = false;
}

static jitc_program *load(const char *cache)
{
    jitc_options o = JITC_OPTIONS_INIT;
    jitc_program *p;
    jitc_error *e;
    o.flags = JITC_TIERED;
    o.cache = cache;
    o.tuning = "";
    if (jitc_program_load_memory(graph, strlen(graph), &o, &p, &e)) ck_abort_msg("%s", jitc_error_text(e));
    return p;
}

static void run(jitc_exec *x, int rows, float *out)
{
    float in[ROWS * IN];
    for (size_t i = 0; i < COUNT(in); i++) in[i] = (float)((i * 37) % 101) / 50 - 1;
    jitc_tensor t = {JITC_FLOAT32, 2, {rows, IN}, in}, y;
    ck_assert_int_eq(jitc_exec_bind(x, "x", &t), JITC_OK);
    ck_assert_int_eq(jitc_exec_run(x), JITC_OK);
    ck_assert_int_eq(jitc_exec_output(x, 0, &y), JITC_OK);
    memcpy(out, y.data, (size_t)rows * OUT * sizeof *out);
}

static void settle(jitc_program *p)
{
    for (int i = 0; i < 60000 && !code_is_settled(p); i++) usleep(1000);
    ck_assert(code_is_settled(p));
}

START_TEST(best_code_comes)
{
    float first[ROWS * OUT], then[ROWS * OUT];
    hold = true;
    jitc_program *p = load("");
    jitc_exec *x;
    ck_assert_int_eq(jitc_exec_new(p, &x), JITC_OK);
    run(x, ROWS, first);
    ck_assert_int_eq(quick, 1);
    ck_assert(!code_is_settled(p));
    ck_assert_ptr_null(p->images->best);
    kernel_fn *before = p->images->fn[0];
    run(x, ROWS, then);
    ck_assert_mem_eq(first, then, sizeof first);
    hold = false;
    settle(p);
    ck_assert_int_eq(best, 1);
    ck_assert_ptr_nonnull(p->images->best);
    ck_assert_ptr_ne((void *)before, (void *)p->images->fn[0]);
    run(x, ROWS, then);
    ck_assert_mem_eq(first, then, sizeof first);
    /* Another signature has kernels of its own, or the same. */
    run(x, ROWS - 1, then);
    ck_assert_mem_eq(first, then, sizeof first / ROWS * (ROWS - 1));
    settle(p);
    ck_assert_int_eq(quick, best);
    run(x, ROWS - 1, then);
    ck_assert_mem_eq(first, then, sizeof first / ROWS * (ROWS - 1));
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

/* Freed while the best code is being made, or waits; also by a child that has no such thread. */
START_TEST(freed_early)
{
    float out[ROWS * OUT];
    for (int i = 0; i < 6; i++) {
        hold = i % 2;
        jitc_program *p = load("");
        jitc_exec *x;
        ck_assert_int_eq(jitc_exec_new(p, &x), JITC_OK);
        for (int rows = 1; rows <= i; rows++) run(x, rows, out);
        if (i == 5) {
            pid_t child = fork();
            if (!child) {
                jitc_exec_free(x);
                jitc_program_free(p);
                _exit(0);
            }
            int status;
            ck_assert_int_eq(waitpid(child, &status, 0), child);
            ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        jitc_exec_free(x);
        jitc_program_free(p);
    }
}
END_TEST

/* What is kept is the best code, and whoever finds it needs no other. */
START_TEST(kept)
{
    char dir[] = "/tmp/jitc_tiersXXXXXX", remove[64];
    float out[ROWS * OUT];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    for (int round = 0; round < 2; round++) {
        jitc_program *p = load(dir);
        jitc_exec *x;
        ck_assert_int_eq(jitc_exec_new(p, &x), JITC_OK);
        run(x, ROWS, out);
        settle(p);
        jitc_exec_free(x);
        jitc_program_free(p);
        ck_assert_int_eq(quick, 1);
        ck_assert_int_eq(best, 1);
    }
    snprintf(remove, sizeof remove, "rm -r %s", dir);
    ck_assert_int_eq(system(remove), 0);
}
END_TEST

Suite *tiers_suite(void)
{
    Suite *s = suite_create("tiers");
    TCase *t = tcase_create("tiers");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, best_code_comes);
    tcase_add_test(t, freed_early);
    tcase_add_test(t, kept);
    suite_add_tcase(s, t);
    return s;
}
