/* Choices that were measured: their text, where it is kept, and that they are followed. */
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ir/tuning.h"
#include "runtime/jitc_internal.h"
#include "runtime/tuning.h"
#include "tests/unit/suites.h"

static Job *job_of(void)
{
    static Job job;
    job_init(&job, 0);
    return &job;
}

/* -- Text ------------------------------------------------------------------------------------------ */
static const TuningLine lines[] = {
    {"this one", "conv f32 8x8x16 to 8x8x16 window 3x3", "winograd=4x4", 0.5, 0.25},
    {"this one", "product f32 8x8x8", "rows=13 panels=2", 2, 1},
    {"another", "product f32 8x8x8", "rows=26 panels=2", 3, 1}};

static void print_lines(Job *job, Str *s)
{
    Tuning *t = tuning_new(job);
    for (size_t i = 0; i < COUNT(lines); i++) tuning_put(t, &lines[i]);
    tuning_print(t, s);
}

static const char *chosen(Tuning *t, const char *machine, const char *problem)
{
    Module *m = ir_module(t->job);
    m->tuning = t;
    t->machine = machine;
    return tuning_choose(m, problem, "usual", "");
}

START_TEST(as_text)
{
    Job *job = job_of();
    Str s = {0}, again = {0};
    ck_assert_int_eq(JOB_ENTER(job), JITC_OK);
    print_lines(job, &s);
    Tuning *t = tuning_new(job);
    tuning_parse(t, str_text(&s), s.n);
    ck_assert_uint_eq(t->damaged, 0);
    ck_assert_uint_eq(t->lines.n, COUNT(lines));
    tuning_print(t, &again);
    ck_assert_str_eq(str_text(&s), str_text(&again));
    ck_assert_str_eq(chosen(t, "this one", lines[1].problem), "rows=13 panels=2");
    ck_assert_str_eq(chosen(t, "another", lines[1].problem), "rows=26 panels=2");
    ck_assert_ptr_null(chosen(t, "a third", lines[1].problem));
    ck_assert_ptr_null(chosen(t, "another", lines[0].problem));
    /* Later lines count; one without a choice takes out what there is. */
    tuning_put(t, &(TuningLine){"another", "product f32 8x8x8", "rows=1 panels=1", 3, 1});
    ck_assert_str_eq(chosen(t, "another", lines[1].problem), "rows=1 panels=1");
    tuning_put(t, &(TuningLine){"another", "product f32 8x8x8", NULL, 3, 1});
    ck_assert_ptr_null(chosen(t, "another", lines[1].problem));
    str_free(&s);
    str_free(&again);
    job_free(job);
}
END_TEST

/* Whatever byte is damaged: its line is left out, the others stay as they are. */
START_TEST(damage)
{
    Job *job = job_of();
    Str s = {0};
    ck_assert_int_eq(JOB_ENTER(job), JITC_OK);
    print_lines(job, &s);
    size_t start = (size_t)(strchr(s.at, '\n') - s.at) + 1;
    for (size_t i = start; i < s.n; i++)
        for (int bit = 0; bit < 8; bit++) {
            Tuning *t = tuning_new(job);
            s.at[i] ^= (char)(1 << bit);
            tuning_parse(t, s.at, s.n);
            s.at[i] ^= (char)(1 << bit);
            for (uint32_t k = 0; k < t->lines.n; k++) {
                bool same = false;
                for (size_t l = 0; l < COUNT(lines); l++)
                    same = same || (strcmp(t->lines.at[k].machine, lines[l].machine) == 0 &&
                                    strcmp(t->lines.at[k].problem, lines[l].problem) == 0 &&
                                    strcmp(t->lines.at[k].choice, lines[l].choice) == 0);
                ck_assert_msg(same, "byte %zu, bit %d: a line that was not written", i, bit);
            }
            ck_assert_msg(t->lines.n >= COUNT(lines) - 2 && t->lines.n + t->damaged >= COUNT(lines) - 1,
                          "byte %zu, bit %d: %u lines, %u damaged", i, bit, t->lines.n, t->damaged);
        }
    for (size_t n = 0; n < s.n; n++) tuning_parse(tuning_new(job), s.at, n);
    str_free(&s);
    job_free(job);
}
END_TEST

START_TEST(numbers)
{
    int64_t v = 7;
    ck_assert(tuning_number("rows=26 panels=2", "panels", 1, 4, &v) && v == 2);
    ck_assert(!tuning_number("rows=26 panels=2", "row", 1, 40, &v));
    ck_assert(!tuning_number("rows=26 panels=2", "rows", 1, 25, &v));
    ck_assert(!tuning_number("rows=26x panels=", "rows", 1, 99, &v));
    ck_assert(!tuning_number("rows=26x panels=", "panels", 0, 99, &v));
    ck_assert(!tuning_number("", "panels", 0, 99, &v) && v == 2);
}
END_TEST

/* -- Programs follow them ------------------------------------------------------------------------ */
static const char net[] = "graph @main(%x: f32[2,13,11,32]) {\n"
                          "  %w = weight f32[3,3,32,48] rand(1)\n"
                          "  %1 = conv %x, %w {strides=[1,1], dilations=[1,1], pad_lo=[1,1], pad_hi=[1,1]}\n"
                          "  %2 = relu %1\n"
                          "  %3 = reshape %2 {shape=[286,48]}\n"
                          "  %v = weight f32[48,80] rand(3)\n"
                          "  %4 = dot %3, %v\n"
                          "  %5 = reshape %4 {shape=[26,880]}\n"
                          "  %u = weight f32[880,40] rand(4)\n"
                          "  %y = dot %5, %u\n"
                          "  return %y, %4\n"
                          "}\n";
static const char conv[] = "conv f32 13x11x32 to 13x11x48 window 3x3";
enum { IN = 2 * 13 * 11 * 32, OUT = 26 * 40, LONG = 286 * 80 };

typedef struct {
    jitc_program *p;
    jitc_exec *x;
    float in[IN], out[OUT], more[LONG];
} Net;

static void open_net(Net *n, const char *tuning, int threads)
{
    jitc_options o = JITC_OPTIONS_INIT;
    jitc_error *e;
    o.threads = threads;
    o.tuning = tuning;
    jitc_status status = program_load_ir(net, strlen(net), NULL, &o, &n->p, &e);
    if (status) ck_abort_msg("%s", jitc_error_text(e));
    ck_assert_int_eq(jitc_exec_new(n->p, &n->x), JITC_OK);
    for (int i = 0; i < IN; i++) n->in[i] = (float)((i * 7919) % 1000) / 1000 - 0.5f;
    jitc_tensor x = {JITC_FLOAT32, 4, {2, 13, 11, 32}, n->in}, y = {JITC_FLOAT32, 2, {26, 40}, n->out},
                z = {JITC_FLOAT32, 2, {286, 80}, n->more};
    ck_assert_int_eq(jitc_exec_bind(n->x, jitc_program_input(n->p, 0)->name, &x), JITC_OK);
    ck_assert_int_eq(jitc_exec_bind(n->x, jitc_program_output(n->p, 0)->name, &y), JITC_OK);
    ck_assert_int_eq(jitc_exec_bind(n->x, jitc_program_output(n->p, 1)->name, &z), JITC_OK);
    ck_assert_int_eq(jitc_exec_run(n->x), JITC_OK);
}

static void close_net(Net *n)
{
    jitc_exec_free(n->x);
    jitc_program_free(n->p);
}

static bool has_kernel(const Net *n, const char *text)
{
    const Plan *p = exec_plan(n->x);
    for (uint32_t i = 0; i < p->nkernel; i++)
        if (strstr(p->kernel[i].text, text)) return true;
    return false;
}

static void write_choices(const char *path, const TuningLine *line, size_t n)
{
    Job *job = job_of();
    Str s = {0};
    ck_assert_int_eq(JOB_ENTER(job), JITC_OK);
    Tuning *t = tuning_new(job);
    for (size_t i = 0; i < n; i++) {
        TuningLine l = line[i];
        l.machine = tuning_machine(job, NULL);
        tuning_put(t, &l);
    }
    tuning_print(t, &s);
    FILE *f = fopen(path, "w");
    ck_assert(f && fwrite(s.at, 1, s.n, f) == s.n && fclose(f) == 0);
    str_free(&s);
    job_free(job);
}

START_TEST(algorithms)
{
    static const struct {
        const char *choice, *kernel;
    } ways[] = {{"direct", NULL}, {"winograd=2x2", "tile=[2,2]"}, {"winograd=4x4", "tile=[4,4]"}};
    static Net usual, n, two;
    char path[] = "/tmp/jitc_tuningXXXXXX";
    close(mkstemp(path));
    open_net(&usual, "", 1);
    float most = 0;
    for (int k = 0; k < OUT; k++) most = fmaxf(most, fabsf(usual.out[k]));
    for (size_t i = 0; i < COUNT(ways); i++) {
        write_choices(path, &(TuningLine){NULL, conv, ways[i].choice, 1, 1}, 1);
        open_net(&n, path, 1);
        open_net(&two, path, 2);
        ck_assert_int_eq(has_kernel(&n, "winograd"), ways[i].kernel != NULL);
        if (ways[i].kernel) ck_assert(has_kernel(&n, ways[i].kernel));
        for (int k = 0; k < OUT; k++)
            ck_assert_msg(fabsf(n.out[k] - usual.out[k]) < 1e-5f * most, "%s: %d", ways[i].choice, k);
        ck_assert_mem_eq(n.out, two.out, sizeof n.out);
        close_net(&n);
        close_net(&two);
    }
    /* What makes no sense, and what is not for this machine, changes nothing. */
    write_choices(path, &(TuningLine){NULL, conv, "winograd=99x99", 1, 1}, 1);
    open_net(&n, path, 1);
    ck_assert_mem_eq(n.out, usual.out, sizeof n.out);
    close_net(&n);
    close_net(&usual);
    unlink(path);
}
END_TEST

START_TEST(wrong_units)
{
    static const char *const choices[] = {"rows=0 panels=2 k=48 outer=0",
                                          "rows=13 panels=1 k=48 outer=0",
                                          "rows=13 panels=2 k=17 outer=0",
                                          "rows=13 panels=2 k=48 outer=2",
                                          "rows=13 panels=2 k=-1 outer=0",
                                          "rows=99999999999 panels=2 k=48 outer=0",
                                          "rows=13 panels=1000 k=48 outer=0",
                                          "rows=13 panels=2 outer=0 k=900000",
                                          "",
                                          "rows"};
    static Net usual, n;
    char path[] = "/tmp/jitc_tuningXXXXXX";
    close(mkstemp(path));
    open_net(&usual, "", 1);
    for (size_t i = 0; i < COUNT(choices); i++) {
        TuningLine l[] = {{NULL, "product f32 286x48x80 taps 1x1 batch 1 threads 1", choices[i], 1, 1},
                          {NULL, "product f32 26x880x40 taps 1x1 batch 1 threads 1", choices[i], 1, 1}};
        write_choices(path, l, COUNT(l));
        open_net(&n, path, 1);
        ck_assert_mem_eq(n.out, usual.out, sizeof n.out);
        close_net(&n);
    }
    close_net(&usual);
    unlink(path);
}
END_TEST

/* -- How work is cut never changes bits: every way that `jitc tune` would try
 * ------------------------------------- */
typedef struct {
    Job *job;
    const char *problem, *way; /* of this one */
    VEC(const char *) problems, others;
    const char *conv; /* how to do convolutions */
} Asked;

static const char *answer(void *arg, const char *problem, const char *usual, const char *others)
{
    Asked *a = arg;
    (void)usual;
    if (strncmp(problem, "conv ", 5) == 0) return a->conv;
    if (a->problem) return strcmp(problem, a->problem) == 0 ? a->way : NULL;
    vec_push(a->job, &a->problems, job_strndup(a->job, problem, strlen(problem)));
    vec_push(a->job, &a->others, job_strndup(a->job, others, strlen(others)));
    return NULL;
}

static void try_with(Net *n, Tuning *t)
{
    struct Version *v;
    ck_assert_msg(exec_try(n->x, t, &v) == JITC_OK, "%s", jitc_exec_error(n->x));
    ck_assert_int_eq(exec_switch(n->x, v), JITC_OK);
    exec_forget(n->x, v);
    ck_assert_int_eq(jitc_exec_run(n->x), JITC_OK);
}

START_TEST(units)
{
    static Net usual, n;
    int tried = 0;
    for (int form = 0; form < 3; form++) {
        Asked a = {.job = job_of(),
                   .conv = form == 0   ? "direct"
                           : form == 1 ? "winograd=2x2"
                                       : "winograd=4x4"};
        ck_assert_int_eq(JOB_ENTER(a.job), JITC_OK);
        Tuning t = {.job = a.job, .machine = "", .threads = 1, .ask = answer, .ask_arg = &a};
        open_net(&usual, "", 1);
        open_net(&n, "", form == 1 ? 2 : 1);
        try_with(&usual, &t);
        for (uint32_t i = 0; i < a.problems.n; i++)
            for (const char *w = a.others.at[i]; *w;) {
                size_t len = strcspn(w, ",");
                a.problem = a.problems.at[i];
                a.way = job_strndup(a.job, w, len);
                try_with(&n, &t);
                ck_assert_msg(memcmp(n.out, usual.out, sizeof n.out) == 0 &&
                                  memcmp(n.more, usual.more, sizeof n.more) == 0,
                              "%s: %s gives other bits", a.problem, a.way);
                tried++;
                w += len + (w[len] == ',');
                w += *w == ' ';
            }
        close_net(&usual);
        close_net(&n);
        job_free(a.job);
    }
    ck_assert_int_ge(tried, 30);
}
END_TEST

/* -- The user's cache ---------------------------------------------------------------------------- */
static const char *save(const char **file)
{
    static char why[512];
    Job *job = job_of();
    ck_assert_int_eq(JOB_ENTER(job), JITC_OK);
    Tuning *t = tuning_new(job);
    TuningLine l = {tuning_machine(job, NULL), conv, "direct", 2, 1};
    tuning_put(t, &l);
    const char *text = tuning_save(job, t, NULL, file);
    static char path[512];
    snprintf(path, sizeof path, "%s", *file);
    *file = path;
    snprintf(why, sizeof why, "%s", text ? text : "");
    job_free(job);
    return text ? why : NULL;
}

static uint32_t found(char *warning, size_t n)
{
    Job *job = job_of();
    const char *why;
    ck_assert_int_eq(JOB_ENTER(job), JITC_OK);
    const Tuning *t = tuning_load(job, NULL, &why);
    uint32_t lines_found = t ? t->lines.n : 0;
    snprintf(warning, n, "%s", why ? why : "");
    job_free(job);
    return lines_found;
}

START_TEST(cache)
{
    char dir[] = "/tmp/jitc_cacheXXXXXX", path[64], other[64], warning[512];
    const char *file;
    struct stat st;
    ck_assert_ptr_nonnull(mkdtemp(dir));
    setenv("XDG_CACHE_HOME", dir, 1);
    ck_assert_uint_eq(found(warning, sizeof warning), 0);
    ck_assert_str_eq(warning, "");
    ck_assert_ptr_null(save(&file));
    ck_assert_uint_eq(found(warning, sizeof warning), 1);
    ck_assert_ptr_null(save(&file));
    ck_assert_uint_eq(found(warning, sizeof warning), 1);
    snprintf(path, sizeof path, "%s/jitc", dir);
    ck_assert(stat(path, &st) == 0 && (st.st_mode & 0777) == 0700);
    ck_assert(stat(file, &st) == 0 && (st.st_mode & 0777) == 0600);
    /* Others could write there. */
    ck_assert_int_eq(chmod(path, 0777), 0);
    ck_assert_uint_eq(found(warning, sizeof warning), 0);
    ck_assert_ptr_nonnull(strstr(warning, "private"));
    ck_assert_ptr_nonnull(save(&file));
    ck_assert_int_eq(chmod(path, 0700), 0);
    ck_assert_int_eq(chmod(file, 0666), 0);
    ck_assert_uint_eq(found(warning, sizeof warning), 0);
    ck_assert_int_eq(chmod(file, 0600), 0);
    /* Links lead nowhere, nor does a file where the folder should be. */
    snprintf(other, sizeof other, "%s/elsewhere", dir);
    ck_assert(rename(path, other) == 0 && symlink(other, path) == 0);
    ck_assert_uint_eq(found(warning, sizeof warning), 0);
    ck_assert_ptr_nonnull(save(&file));
    ck_assert(unlink(path) == 0 && close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0);
    ck_assert_uint_eq(found(warning, sizeof warning), 0);
    ck_assert_ptr_nonnull(save(&file));
    ck_assert(unlink(path) == 0 && rename(other, path) == 0);
    ck_assert_uint_eq(found(warning, sizeof warning), 1);
    ck_assert_int_eq(unlink(file), 0);
    snprintf(other, sizeof other, "%s/jitc/tune", dir);
    ck_assert(rmdir(other) == 0 && rmdir(path) == 0 && rmdir(dir) == 0);
    unsetenv("XDG_CACHE_HOME");
}
END_TEST

Suite *tuning_suite(void)
{
    Suite *s = suite_create("tuning");
    TCase *c = tcase_create("tuning");
    tcase_add_test(c, as_text);
    tcase_add_test(c, damage);
    tcase_add_test(c, numbers);
    tcase_add_test(c, algorithms);
    tcase_add_test(c, wrong_units);
    tcase_add_test(c, units);
    tcase_add_test(c, cache);
    tcase_set_timeout(c, 120);
    suite_add_tcase(s, c);
    return s;
}
