/* Programs and execs through the public interface: compiled code against the evaluator, misuse, staging of
 * what kernels cannot work on, versions, threads. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "runtime/jitc_internal.h"
#include "tests/unit/suites.h"

static const char net[] = "graph @main(%x: f32[2,9,9,16], %r: f32[2,9,9,24]) {\n"
                          "  %w = weight f32[3,3,16,24] rand(1)\n"
                          "  %b = weight f32[24] rand(2)\n"
                          "  %1 = conv %x, %w {strides=[1,1], dilations=[1,1], pad_lo=[1,1], pad_hi=[1,1]}\n"
                          "  %2 = add %1, %b\n"
                          "  %3 = add %2, %r\n"
                          "  %4 = relu %3\n"
                          "  %5 = reshape %4 {shape=[162,24]}\n"
                          "  %v = weight f32[24,10] rand(3)\n"
                          "  %y = dot %5, %v\n"
                          "  %t = tanh %y\n"
                          "  return %t, %4\n"
                          "}\n";

static jitc_program *load_ir(const char *text, int threads)
{
    jitc_options o = JITC_OPTIONS_INIT;
    o.threads = threads;
    jitc_program *p;
    jitc_error *e;
    jitc_status status = program_load_ir(text, strlen(text), NULL, &o, &p, &e);
    if (status) ck_abort_msg("%s", jitc_error_text(e));
    return p;
}

static jitc_exec *exec_of(jitc_program *p)
{
    jitc_exec *x;
    ck_assert_int_eq(jitc_exec_new(p, &x), JITC_OK);
    return x;
}

static jitc_tensor tensor_for(const jitc_io *io, void *data)
{
    jitc_tensor t = {.dtype = io->dtype, .rank = io->rank, .data = data};
    memcpy(t.shape, io->shape, sizeof t.shape);
    return t;
}

static int64_t numel(const jitc_io *io)
{
    int64_t n = 1;
    for (int32_t i = 0; i < io->rank; i++) n *= io->shape[i];
    return n;
}

/* Some numbers, the same for the same seed. */
static float *numbers(int64_t n, unsigned seed)
{
    float *v = malloc((size_t)n * sizeof *v + 64);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        v[i] = (float)(seed >> 8) / (1 << 24) - 0.5f;
    }
    return v;
}

static void must(jitc_exec *x, jitc_status status)
{
    if (status) ck_abort_msg("%d: %s", status, jitc_exec_error(x));
}

static void bind(jitc_exec *x, const jitc_io *io, void *data)
{
    jitc_tensor t = tensor_for(io, data);
    must(x, jitc_exec_bind(x, io->name, &t));
}

/* -- Results ----------------------------------------------------------------------------------- */
static void compare(const char *text, jitc_program *p, jitc_exec *x, float *const *in)
{
    Job job;
    job_init(&job, 0);
    if (JOB_ENTER(&job) != JITC_OK) ck_abort_msg("%s", job.diags ? job.diags->text : "unwound");
    Module *m = ir_parse(&job, text, strlen(text));
    ck_assert_ptr_nonnull(m);
    const Region *r = ir_find_func(m, "main")->body;
    Tensor args[8], want[8];
    for (uint32_t i = 0; i < r->nargs; i++) args[i] = (Tensor){r->args[i]->type, in[i]};
    ir_eval_region(m, r, args, want);
    for (size_t i = 0; i < jitc_program_output_count(p); i++) {
        jitc_tensor t;
        ck_assert_int_eq(jitc_exec_output(x, i, &t), JITC_OK);
        ck_assert_int_eq(t.rank, want[i].type.rank);
        Tensor got = {want[i].type, t.data};
        double largest = 1e-6;
        int64_t n = type_numel(&got.type);
        for (int64_t k = 0; k < n; k++) largest = fmax(largest, fabs(tensor_f(&want[i], k)));
        for (int64_t k = 0; k < n; k++) {
            double a = tensor_f(&got, k), b = tensor_f(&want[i], k);
            if (!(fabs(a - b) <= 1e-5 * largest))
                ck_abort_msg("output %zu element %lld is %g, not %g", i, (long long)k, a, b);
        }
    }
    job_free(&job);
}

START_TEST(test_run)
{
    jitc_program *p = load_ir(net, _i);
    jitc_exec *x = exec_of(p);
    float *in[2];
    for (size_t i = 0; i < 2; i++) {
        in[i] = numbers(numel(jitc_program_input(p, i)), (unsigned)i);
        bind(x, jitc_program_input(p, i), in[i]);
    }
    for (int k = 0; k < 3; k++) {
        must(x, jitc_exec_run(x));
        compare(net, p, x, in);
        in[0][k] += 1; /* read anew by each run */
    }
    ExecStats s;
    exec_stats(x, &s);
    ck_assert_int_eq(s.calls, 2);
    ck_assert_int_gt(s.code_bytes, 0);
    ck_assert_int_gt(s.weights_bytes, 3 * 3 * 16 * 24 * 4);
    ck_assert_int_eq(s.macs, (int64_t)162 * 24 * 144 + (int64_t)162 * 24 * 10);
    jitc_exec_free(x);
    jitc_program_free(p);
    free(in[0]);
    free(in[1]);
}
END_TEST

/* Tensors that are misaligned, or that overlap, or that are bound and unbound. */
START_TEST(test_staging)
{
    jitc_program *p = load_ir(net, 1);
    jitc_exec *x = exec_of(p);
    const jitc_io *a = jitc_program_input(p, 0), *r = jitc_program_input(p, 1);
    const jitc_io *t = jitc_program_output(p, 0), *y = jitc_program_output(p, 1);
    float *in[2] = {numbers(numel(a), 1), numbers(numel(r), 2)};
    size_t na = (size_t)numel(a) * 4, nr = (size_t)numel(r) * 4, nt = (size_t)numel(t) * 4;
    bind(x, a, in[0]);
    bind(x, r, in[1]);
    must(x, jitc_exec_run(x));
    compare(net, p, x, in);
    jitc_tensor first, second;
    ck_assert_int_eq(jitc_exec_output(x, 0, &first), JITC_OK);
    ck_assert_int_eq(jitc_exec_output(x, 1, &second), JITC_OK);
    char *want_t = malloc(nt), *want_y = malloc(nr);
    memcpy(want_t, first.data, nt);
    memcpy(want_y, second.data, nr);

    char *odd = malloc(na + 1), *odd_out = malloc(nt + 3);
    memcpy(odd + 1, in[0], na);
    bind(x, a, odd + 1);
    bind(x, t, odd_out + 3);
    must(x, jitc_exec_run(x));
    ck_assert_mem_eq(odd_out + 3, want_t, nt);
    ck_assert_int_eq(jitc_exec_output(x, 0, &first), JITC_OK);
    ck_assert_ptr_eq(first.data, odd_out + 3);

    /* The second output lies where the residual input does. */
    float *shared = malloc(nr);
    memcpy(shared, in[1], nr);
    bind(x, a, in[0]);
    bind(x, r, shared);
    bind(x, y, shared);
    must(x, jitc_exec_run(x));
    ck_assert_mem_eq(shared, want_y, nr);
    ck_assert_mem_eq(odd_out + 3, want_t, nt);

    /* Unbound: an output lives in the exec again, an input is missing. */
    bind(x, r, in[1]);
    ck_assert_int_eq(jitc_exec_bind(x, y->name, NULL), JITC_OK);
    ck_assert_int_eq(jitc_exec_output(x, 1, &second), JITC_E_USAGE);
    must(x, jitc_exec_run(x));
    ck_assert_int_eq(jitc_exec_output(x, 1, &second), JITC_OK);
    ck_assert_ptr_ne(second.data, shared);
    ck_assert_mem_eq(second.data, want_y, nr);
    ck_assert_int_eq(jitc_exec_bind(x, a->name, NULL), JITC_OK);
    ck_assert_int_eq(jitc_exec_run(x), JITC_E_USAGE);
    ck_assert(strstr(jitc_exec_error(x), "not bound") != NULL);
    jitc_exec_free(x);
    jitc_program_free(p);
    free(in[0]);
    free(in[1]);
    free(odd);
    free(odd_out);
    free(shared);
    free(want_t);
    free(want_y);
}
END_TEST

START_TEST(test_plain_outputs)
{
    /* An input, a constant, one value twice, nothing. */
    static const char text[] = "graph @main(%x: f32[4], %z: f32[0,3]) {\n  %1 = exp %x\n  %2 = exp %z\n"
                               "  %c = const i32[2] [7,8]\n  return %1, %x, %1, %c, %2\n}\n";
    jitc_program *p = load_ir(text, 1);
    jitc_exec *x = exec_of(p);
    float in[4] = {0, 1, 2, 3};
    bind(x, jitc_program_input(p, 0), in);
    bind(x, jitc_program_input(p, 1), NULL);
    must(x, jitc_exec_run(x));
    jitc_tensor t[5];
    for (size_t i = 0; i < 5; i++) ck_assert_int_eq(jitc_exec_output(x, i, &t[i]), JITC_OK);
    ck_assert(fabsf(((float *)t[0].data)[1] - 2.7182817f) < 1e-5f);
    ck_assert_mem_eq(t[1].data, in, sizeof in);
    ck_assert_mem_eq(t[2].data, t[0].data, sizeof in);
    ck_assert_int_eq(((int32_t *)t[3].data)[1], 8);
    ck_assert_int_eq(t[4].shape[0], 0);
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

/* What only a run can tell names the node, and what is wrong. */
START_TEST(test_reports)
{
    static const char text[] =
        "graph @main(%x: f32[2,2], %i: i32[1]) {\n"
        "  %a, %p, %s = lu %x {strict = true, report = \"a matrix is not invertible\"}  @\"inverse\"\n"
        "  %y = gather %a, %i {axis = 0}  @\"rows\"\n  return %a, %y\n}\n";
    static const struct {
        float x[4];
        int32_t i;
        const char *why;
    } cases[] = {{{1, 2, 2, 4}, 0, "node 'inverse': a matrix is not invertible"},
                 {{1, 2, 3, 4}, 2, "node 'rows': an index is out of range"}};
    jitc_program *p = load_ir(text, 1);
    jitc_exec *x = exec_of(p);
    for (size_t i = 0; i < 2; i++) {
        float m[4];
        int32_t index[1] = {cases[i].i};
        memcpy(m, cases[i].x, sizeof m);
        bind(x, jitc_program_input(p, 0), m);
        bind(x, jitc_program_input(p, 1), index);
        ck_assert_int_eq(jitc_exec_run(x), JITC_E_INVALID);
        ck_assert_msg(strstr(jitc_exec_error(x), cases[i].why) != NULL, "%s", jitc_exec_error(x));
    }
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

/* -- Misuse ------------------------------------------------------------------------------------ */
START_TEST(test_misuse)
{
    jitc_program *p = NULL;
    jitc_error *e;
    ck_assert_int_eq(jitc_program_load(NULL, NULL, &p, &e), JITC_E_USAGE);
    ck_assert_int_eq(jitc_error_status(e), JITC_E_USAGE);
    ck_assert_str_ne(jitc_error_text(e), "");
    jitc_error_free(e);
    ck_assert_int_eq(jitc_program_load("/nonexistent/m.pb", NULL, NULL, NULL), JITC_E_USAGE);
    ck_assert_int_eq(jitc_program_load("/nonexistent/m.pb", NULL, &p, &e), JITC_E_IO);
    ck_assert_ptr_null(p);
    ck_assert(strstr(jitc_error_text(e), "/nonexistent/m.pb") != NULL);
    jitc_error_free(e);
    ck_assert_int_eq(jitc_program_load_memory("nonsense", 8, NULL, &p, NULL), JITC_E_INVALID);
    jitc_options o = {0};
    ck_assert_int_eq(jitc_program_load_memory("nonsense", 8, &o, &p, NULL), JITC_E_USAGE);
    o = (jitc_options)JITC_OPTIONS_INIT;
    o.threads = -1;
    ck_assert_int_eq(jitc_program_load_memory("nonsense", 8, &o, &p, NULL), JITC_E_USAGE);
    jitc_program_free(NULL);
    jitc_exec_free(NULL);
    jitc_error_free(NULL);
    ck_assert_int_eq(jitc_exec_run(NULL), JITC_E_USAGE);
    ck_assert_int_eq(jitc_exec_bind(NULL, "x", NULL), JITC_E_USAGE);
    ck_assert_int_eq(jitc_exec_new(NULL, NULL), JITC_E_USAGE);
    ck_assert_int_eq(jitc_program_input_count(NULL), 0);
    ck_assert_str_eq(jitc_exec_error(NULL), "");
}
END_TEST

START_TEST(test_bad_binds)
{
    jitc_program *p = load_ir(net, 1);
    jitc_exec *x = exec_of(p);
    const jitc_io *a = jitc_program_input(p, 0);
    float *v = numbers(numel(a), 1);
    jitc_tensor t = tensor_for(a, v);
    ck_assert_int_eq(jitc_exec_bind(x, NULL, &t), JITC_E_USAGE);
    ck_assert_int_eq(jitc_exec_bind(x, "nobody", &t), JITC_E_USAGE);
    ck_assert(strstr(jitc_exec_error(x), "'nobody'") != NULL);
    ck_assert_int_eq(jitc_exec_bind(x, "x:0", &t), JITC_OK);
    ck_assert_int_eq(jitc_exec_bind(x, "x:1", &t), JITC_E_USAGE);
    ck_assert_ptr_null(jitc_program_input(p, 2));
    t.data = NULL;
    ck_assert_int_eq(jitc_exec_bind(x, "x", &t), JITC_E_USAGE);
    t = tensor_for(a, v);
    t.dtype = JITC_INT32;
    ck_assert_int_eq(jitc_exec_bind(x, "x", &t), JITC_E_INVALID);
    ck_assert(strstr(jitc_exec_error(x), "i32[2,9,9,16]") != NULL);
    t.dtype = (jitc_dtype)77;
    ck_assert_int_eq(jitc_exec_bind(x, "x", &t), JITC_E_USAGE);
    t = tensor_for(a, v);
    t.rank = 9;
    ck_assert_int_eq(jitc_exec_bind(x, "x", &t), JITC_E_USAGE);
    t = tensor_for(a, v);
    t.shape[0] = -1;
    ck_assert_int_eq(jitc_exec_bind(x, "x", &t), JITC_E_USAGE);
    t.shape[0] = INT64_MAX;
    ck_assert_int_eq(jitc_exec_bind(x, "x", &t), JITC_E_USAGE);
    t = (jitc_tensor){JITC_FLOAT32, 4, {2, 16, 9, 9}, v};
    ck_assert_int_eq(jitc_exec_bind(x, "x", &t), JITC_E_INVALID);
    ck_assert(strstr(jitc_exec_error(x), "channels-first") != NULL);
    /* A bad bind changes nothing: what was bound before still runs. */
    const jitc_io *r = jitc_program_input(p, 1);
    float *w = numbers(numel(r), 2), small[4];
    bind(x, r, w);
    must(x, jitc_exec_run(x));
    jitc_tensor out = {JITC_FLOAT32, 1, {4}, small};
    ck_assert_int_eq(jitc_exec_bind(x, jitc_program_output(p, 0)->name, &out), JITC_OK);
    ck_assert_int_eq(jitc_exec_run(x), JITC_E_USAGE);
    ck_assert(strstr(jitc_exec_error(x), "needs 6480 bytes") != NULL);
    jitc_exec_free(x);
    jitc_program_free(p);
    free(v);
    free(w);
}
END_TEST

START_TEST(test_cpu)
{
    jitc_options o = JITC_OPTIONS_INIT;
    jitc_program *p;
    jitc_error *e;
    o.cpu = "no-such-cpu";
    ck_assert_int_eq(program_load_ir(net, strlen(net), NULL, &o, &p, &e), JITC_E_CPU);
    ck_assert(strstr(jitc_error_text(e), "no-such-cpu") != NULL);
    jitc_error_free(e);
    o.cpu = "x86-64";
    ck_assert_int_eq(program_load_ir(net, strlen(net), NULL, &o, &p, &e), JITC_OK);
    jitc_program_free(p);
    o.deadline_ms = 1;
    o.cpu = NULL;
    char slow[4096] = "graph @main(%x: f32[2]) {\n  %w = weight f32[4000,4000] rand(1)\n";
    strcat(slow, "  %1 = dot %w, %w\n  %2 = reduce_sum %1 {axes=[0,1]}\n  %3 = add %x, %2\n  return %3\n}\n");
    ck_assert_int_eq(program_load_ir(slow, strlen(slow), NULL, &o, &p, &e), JITC_E_DEADLINE);
    jitc_error_free(e);
    o.deadline_ms = 0;
    o.max_memory = 10000000;
    ck_assert_int_eq(program_load_ir(slow, strlen(slow), NULL, &o, &p, &e), JITC_E_NOMEM);
    jitc_error_free(e);
}
END_TEST

/* -- Open dimensions, and a program shared by threads ------------------------------------------ */
static const char graph[] =
    "node { name: \"x\" op: \"Placeholder\" attr { key: \"dtype\" value { type: DT_FLOAT } }\n"
    "  attr { key: \"shape\" value { shape { dim { size: -1 } dim { size: 3 } } } } }\n"
    "node { name: \"w\" op: \"Const\" attr { key: \"dtype\" value { type: DT_FLOAT } }\n"
    "  attr { key: \"value\" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 3 } dim { size: 2 } "
    "}\n"
    "    float_val: 1 float_val: 2 float_val: 3 float_val: 4 float_val: 5 float_val: 6 } } } }\n"
    "node { name: \"y\" op: \"MatMul\" input: \"x\" input: \"w\" attr { key: \"T\" value { type: DT_FLOAT } "
    "} }\n"
    "node { name: \"z\" op: \"Relu\" input: \"y\" attr { key: \"T\" value { type: DT_FLOAT } } }\n";

static jitc_program *load_graph(void)
{
    jitc_program *p;
    jitc_error *e;
    if (jitc_program_load_memory(graph, strlen(graph), NULL, &p, &e)) ck_abort_msg("%s", jitc_error_text(e));
    return p;
}

static void run_rows(jitc_exec *x, int rows)
{
    float *in = numbers(rows * 3, (unsigned)rows);
    jitc_tensor t = {JITC_FLOAT32, 2, {rows, 3}, in}, out;
    must(x, jitc_exec_bind(x, "x", &t));
    must(x, jitc_exec_run(x));
    ck_assert_int_eq(jitc_exec_output(x, 0, &out), JITC_OK);
    ck_assert_int_eq(out.rank, 2);
    ck_assert_int_eq(out.shape[0], rows);
    ck_assert_int_eq(out.shape[1], 2);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < 2; j++) {
            double want = 0;
            for (int k = 0; k < 3; k++) want += (double)in[i * 3 + k] * (1 + k * 2 + j);
            ck_assert(fabs(((float *)out.data)[i * 2 + j] - fmax(want, 0)) < 1e-5);
        }
    free(in);
}

static void count_compile(void *arg, const char *line)
{
    if (strncmp(line, "compiled", 8) == 0) ++*(int *)arg;
}

/* A program whose sizes keep changing compiles twice for sizes of its own and once for all; what recurs gets
 * its own version, and as many sizes as there are do not make more. */
START_TEST(test_changing_sizes)
{
    int compiles = 0;
    jitc_options o = JITC_OPTIONS_INIT;
    o.log = count_compile;
    o.log_arg = &compiles;
    jitc_program *p;
    ck_assert_int_eq(jitc_program_load_memory(graph, strlen(graph), &o, &p, NULL), JITC_OK);
    jitc_exec *x = exec_of(p);
    for (int rows = 0; rows < 200; rows++) run_rows(x, rows);
    ck_assert_int_eq(compiles, 3);
    ck_assert(exec_is_general(x));
    for (int k = 0; k < 3; k++) {
        run_rows(x, 77);
        run_rows(x, 78 + k);
    }
    ck_assert_int_eq(compiles, 3);
    run_rows(x, 77);
    ck_assert_int_eq(compiles, 4);
    ck_assert(!exec_is_general(x));
    run_rows(x, 3);
    ck_assert(exec_is_general(x));
    run_rows(x, 77);
    ck_assert_int_eq(compiles, 4);
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

START_TEST(test_versions)
{
    jitc_program *p = load_graph();
    const jitc_io *in = jitc_program_input(p, 0), *out = jitc_program_output(p, 0);
    ck_assert_str_eq(in->name, "x");
    ck_assert_int_eq(in->shape[0], -1);
    ck_assert_str_eq(out->name, "z");
    ck_assert_int_eq(out->dtype, JITC_FLOAT32);
    ck_assert_int_eq(out->rank, 2);
    ck_assert_int_eq(out->shape[0], -1);
    ck_assert_int_eq(out->shape[1], 2);
    jitc_exec *x = exec_of(p), *other = exec_of(p);
    run_rows(other, 5);
    for (int rows = 1; rows < 40; rows++) run_rows(x, rows); /* more than the program keeps */
    ExecStats s;
    exec_stats(x, &s);
    ck_assert_int_le(s.new_kernels, 1); /* one kernel serves any number of rows */
    run_rows(x, 1);
    run_rows(other, 5);
    float wrong[4] = {0};
    jitc_tensor t = {JITC_FLOAT32, 2, {1, 4}, wrong};
    ck_assert_int_eq(jitc_exec_bind(x, "x", &t), JITC_E_INVALID);
    ck_assert(strstr(jitc_exec_error(x), "f32[1,4]") && strstr(jitc_exec_error(x), "f32[?,3]"));
    t = (jitc_tensor){JITC_FLOAT32, 1, {3}, wrong};
    ck_assert_int_eq(jitc_exec_bind(x, "x", &t), JITC_E_INVALID);
    ck_assert(strstr(jitc_exec_error(x), "batch") != NULL);
    jitc_program_free(p); /* the execs keep it */
    run_rows(x, 3);
    jitc_exec_free(x);
    jitc_exec_free(other);
}
END_TEST

static void *share(void *arg)
{
    jitc_exec *x = exec_of(arg);
    for (int i = 0; i < 20; i++) run_rows(x, 1 + i % 5);
    jitc_exec_free(x);
    return NULL;
}

START_TEST(test_shared)
{
    enum { N = 4 };
    jitc_program *p = load_graph();
    pthread_t t[N];
    for (int i = 0; i < N; i++) ck_assert_int_eq(pthread_create(&t[i], NULL, share, p), 0);
    for (int i = 0; i < N; i++) pthread_join(t[i], NULL);
    jitc_program_free(p);
}
END_TEST

Suite *program_suite(void)
{
    Suite *s = suite_create("program");
    TCase *c = tcase_create("program");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, test_run, 1, 4);
    tcase_add_test(c, test_staging);
    tcase_add_test(c, test_plain_outputs);
    tcase_add_test(c, test_reports);
    tcase_add_test(c, test_misuse);
    tcase_add_test(c, test_bad_binds);
    tcase_add_test(c, test_cpu);
    tcase_add_test(c, test_versions);
    tcase_add_test(c, test_changing_sizes);
    tcase_add_test(c, test_shared);
    suite_add_tcase(s, c);
    return s;
}
