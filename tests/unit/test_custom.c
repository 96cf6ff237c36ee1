/* Custom operators: registering them, calls of opaque ones against what they must compute, the evaluator, and
 * everything that can go wrong. */
#include <math.h>
#include <stdlib.h>

#include "jitc/op.h"
#include "runtime/jitc_internal.h"
#include "tests/unit/suites.h"

/* -- Operators ------------------------------------------------------------------------------------------- */
/* x * scale + bias[0], elementwise; fails where an element is 13. */
static int affine(const jitc_op_call *c)
{
    jitc_tensor x = jitc_op_in(c, 0), bias = jitc_op_in(c, 1), y = jitc_op_out(c, 0);
    double scale = jitc_op_float(c->node, "scale");
    for (int64_t i = c->begin; i < c->end; i++) {
        float v = ((const float *)x.data)[i];
        if (v == 13) {
            snprintf(c->error, c->error_size, "element %lld of '%s' is 13", (long long)i, c->node->name);
            return 1;
        }
        ((float *)y.data)[i] = (float)(v * scale) + *(const float *)bias.data;
    }
    if (c->user) __atomic_add_fetch((int *)c->user, 1, __ATOMIC_RELAXED);
    return 0;
}

static const char *const affine_attrs[] = {"scale: float = 2", "T: type"};
static int affine_calls;
static const jitc_op affine_op = {.size = sizeof(jitc_op),
                                  .name = "Affine",
                                  .inputs = 2,
                                  .attrs = affine_attrs,
                                  .nattrs = 2,
                                  .compute = affine,
                                  .outer = -1,
                                  .grain = 1,
                                  .user = &affine_calls};

/* Of [n, k]: twice as many rows, each one twice, and the sum of all; i64 and f32. */
static int twice_infer(jitc_op_infer *c)
{
    const jitc_tensor *x = &c->in[0];
    if (x->rank != 2 || x->dtype != JITC_FLOAT32) {
        snprintf(c->error, c->error_size, "'%s' takes a matrix of floats", c->node->op);
        return 1;
    }
    c->out[0] = *x;
    c->out[0].dtype = JITC_INT64;
    c->out[0].shape[0] = jitc_op_mul(c, x->shape[0], 2);
    c->out[1] = (jitc_tensor){.dtype = JITC_FLOAT32};
    return 0;
}

static int twice(const jitc_op_call *c)
{
    jitc_tensor x = jitc_op_in(c, 0), y = jitc_op_out(c, 0), sum = jitc_op_out(c, 1);
    if (c->begin != 0 || c->end != 1 || y.shape[0] != 2 * x.shape[0]) return 7;
    *(float *)sum.data = 0;
    for (int64_t i = 0; i < y.shape[0] * x.shape[1]; i++) {
        int64_t row = i / x.shape[1] / 2, column = i % x.shape[1];
        ((int64_t *)y.data)[i] = (int64_t)((const float *)x.data)[row * x.shape[1] + column];
        *(float *)sum.data += ((const float *)x.data)[row * x.shape[1] + column] / 2;
    }
    return 0;
}

static const jitc_op twice_op = {.size = sizeof(jitc_op),
                                 .name = "Twice",
                                 .inputs = 1,
                                 .outputs = 2,
                                 .infer = twice_infer,
                                 .compute = twice};

/* The rows of [n, k] whose first element is positive, at most input 1 of them, and where they were. */
static int positive_infer(jitc_op_infer *c)
{
    if (c->in[1].data == NULL) {
        snprintf(c->error, c->error_size, "the limit must be a constant");
        return 1;
    }
    c->out[0] = c->in[0];
    c->out[0].shape[0] = jitc_op_min(c, c->in[0].shape[0], *(const int32_t *)c->in[1].data);
    c->out[1] = (jitc_tensor){.dtype = JITC_INT32, .rank = 1, .shape = {c->out[0].shape[0]}};
    jitc_op_count_rows(c, 0);
    jitc_op_count_rows(c, 1);
    return 0;
}

static int positive(const jitc_op_call *c)
{
    jitc_tensor x = jitc_op_in(c, 0), y = jitc_op_out(c, 0), at = jitc_op_out(c, 1);
    int64_t n = 0, k = x.shape[1];
    for (int64_t i = 0; i < x.shape[0] && n < y.shape[0]; i++) {
        const float *row = (const float *)x.data + i * k;
        if (row[0] == 99) return 0; /* forgets to tell */
        if (!(row[0] > 0)) continue;
        memcpy((float *)y.data + n * k, row, (size_t)k * sizeof *row);
        ((int32_t *)at.data)[n++] = (int32_t)i;
    }
    jitc_op_set_rows(c, 0, n);
    jitc_op_set_rows(c, 1, x.shape[0] && ((const float *)x.data)[1] == -77 ? n + 1000 : n);
    return 0;
}

static const jitc_op positive_op = {.size = sizeof(jitc_op),
                                    .name = "Positive",
                                    .inputs = 2,
                                    .outputs = 2,
                                    .infer = positive_infer,
                                    .compute = positive};

/* How often it was called so far. */
static int counter;
static int count(const jitc_op_call *c)
{
    *(float *)jitc_op_out(c, 0).data = (float)++counter;
    return 0;
}
static const jitc_op count_op = {.size = sizeof(jitc_op), .name = "Count", .inputs = 1, .compute = count};
static const jitc_op pure_op = {
    .size = sizeof(jitc_op), .name = "Pure", .inputs = 1, .compute = count, .flags = JITC_OP_PURE};

/* Every kind of attribute. */
static int look_infer(jitc_op_infer *c)
{
    const jitc_op_node *n = c->node;
    const jitc_attr *axes = jitc_op_attr(n, "axes"), *names = jitc_op_attr(n, "names"),
                    *s = jitc_op_attr(n, "s"), *shapes = jitc_op_attr(n, "shapes");
    const jitc_shape *shape = s->data, *two = shapes->data;
    bool ok = jitc_op_int(n, "i") == -5 && jitc_op_int(n, "flag") == 1 && jitc_op_int(n, "t") == JITC_INT64 &&
              jitc_op_float(n, "f") == 0.5 && strcmp(jitc_op_string(n, "word"), "hello") == 0 &&
              axes->is_list && axes->n == 2 && ((const int64_t *)axes->data)[1] == 7 && names->n == 2 &&
              strcmp(((const jitc_string *)names->data)[1].at, "b") == 0 && !s->is_list && shape->rank == 2 &&
              shape->dim[0] == -1 && shape->dim[1] == 3 && shapes->n == 2 && two[1].rank == -1 &&
              jitc_op_int(n, "more") == 41 && !jitc_op_attr(n, "none") && jitc_op_int(n, "none") == 0 &&
              strcmp(jitc_op_string(n, "more"), "") == 0 && strcmp(jitc_op_string(n, "dflt"), "x y") == 0 &&
              jitc_op_attr(n, "empty")->kind == JITC_ATTR_FLOAT && jitc_op_attr(n, "empty")->n == 0;
    c->out[0] = c->in[0];
    return ok ? 0 : 3;
}
static const char *const look_attrs[] = {"i: int",
                                         "flag: bool",
                                         "t: type",
                                         "f: float = 0.5",
                                         "word:string",
                                         "axes: list(int)",
                                         "names: list(string)",
                                         "s: shape",
                                         "shapes: list(shape)",
                                         "dflt: string = 'x y'",
                                         "empty: list(float)"};
static int look(const jitc_op_call *c)
{
    *(float *)jitc_op_out(c, 0).data =
        (float)jitc_op_int(c->node, "i") + (float)jitc_op_attr(c->node, "axes")->n;
    return 0;
}
static const jitc_op look_op = {.size = sizeof(jitc_op),
                                .name = "Look",
                                .inputs = 1,
                                .attrs = look_attrs,
                                .nattrs = COUNT(look_attrs),
                                .infer = look_infer,
                                .compute = look};

/* Which units it was called for. */
typedef struct {
    int n;
    int64_t begin[64], end[64];
} Shares;
static Shares shares;
static int note(const jitc_op_call *c)
{
    int i = __atomic_fetch_add(&shares.n, 1, __ATOMIC_RELAXED);
    if (i >= (int)COUNT(shares.begin)) return 1;
    shares.begin[i] = c->begin;
    shares.end[i] = c->end;
    return 0;
}
static const jitc_op note_op = {
    .size = sizeof(jitc_op), .name = "Note", .inputs = 1, .compute = note, .outer = -1, .grain = 1};

static const jitc_op *const all_ops[] = {&affine_op, &twice_op, &positive_op, &count_op,
                                         &pure_op,   &look_op,  &note_op};

/* -- Graphs ---------------------------------------------------------------------------------------------- */
#define FLOAT "attr { key: 'T' value { type: DT_FLOAT } } "
#define PLACEHOLDER(name, dims)                                                                              \
    "node { name: '" name "' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } "              \
    "attr { key: 'shape' value { shape { " dims " } } } }\n"
#define CONST(name, value)                                                                                   \
    "node { name: '" name "' op: 'Const' attr { key: 'dtype' value { type: DT_FLOAT } } "                    \
    "attr { key: 'value' value { tensor { dtype: DT_FLOAT tensor_shape {} float_val: " value " } } } }\n"
#define DIM(n) "dim { size: " #n " } "

static const char affine_graph[] = PLACEHOLDER("x", DIM(-1) DIM(4))
    CONST("bias", "0.5") "node { name: 'before' op: 'Neg' input: 'x' " FLOAT "}\n"
                         "node { name: 'scope/mine' op: 'Affine' input: 'before' input: 'bias' " FLOAT "}\n"
                         "node { name: 'y' op: 'Relu' input: 'scope/mine' " FLOAT "}\n";

static jitc_status try_load(const char *graph, const jitc_op *const *ops, size_t nops, int threads,
                            jitc_program **p, char *why, size_t size)
{
    jitc_options o = JITC_OPTIONS_INIT;
    jitc_error *e = NULL;
    o.threads = threads;
    o.ops = ops;
    o.nops = nops;
    jitc_status status = jitc_program_load_memory(graph, strlen(graph), &o, p, &e);
    snprintf(why, size, "%s", e ? jitc_error_text(e) : "");
    jitc_error_free(e);
    return status;
}

static jitc_program *load(const char *graph, int threads)
{
    char why[2000];
    jitc_program *p;
    if (try_load(graph, all_ops, COUNT(all_ops), threads, &p, why, sizeof why)) ck_abort_msg("%s", why);
    return p;
}

static jitc_exec *exec_of(jitc_program *p)
{
    jitc_exec *x;
    ck_assert_int_eq(jitc_exec_new(p, &x), JITC_OK);
    return x;
}

static jitc_status run_matrix(jitc_exec *x, const char *name, float *data, int64_t rows, int64_t columns)
{
    jitc_tensor t = {.dtype = JITC_FLOAT32, .rank = 2, .shape = {rows, columns}, .data = data};
    ck_assert_int_eq(jitc_exec_bind(x, name, &t), JITC_OK);
    return jitc_exec_run(x);
}

static jitc_tensor output(const jitc_exec *x, size_t i)
{
    jitc_tensor t;
    ck_assert_int_eq(jitc_exec_output(x, i, &t), JITC_OK);
    return t;
}

/* -- Calls ------------------------------------------------------------------------------------- */
/* Any number of rows, then the general version; with threads the calls are cut. */
START_TEST(test_elementwise)
{
    float in[64 * 4];
    jitc_program *p = load(affine_graph, _i);
    jitc_exec *x = exec_of(p);
    affine_calls = 0;
    for (int64_t rows = 1; rows <= 64; rows += rows < 6 ? 1 : 29) {
        for (int k = 0; k < rows * 4; k++) in[k] = (float)k / 4 - 3;
        if (run_matrix(x, "x", in, rows, 4)) ck_abort_msg("%s", jitc_exec_error(x));
        jitc_tensor y = output(x, 0);
        ck_assert_int_eq(y.shape[0], rows);
        for (int k = 0; k < rows * 4; k++)
            ck_assert_float_eq(((float *)y.data)[k], fmaxf(-in[k] * 2 + 0.5f, 0));
    }
    ck_assert(exec_is_general(x));
    ck_assert(_i > 1 ? affine_calls > 8 : affine_calls == 8);
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

/* As many shares for each thread, and for each thread's as many units. */
START_TEST(test_shares)
{
    static const char graph[] =
        PLACEHOLDER("x", DIM(-1) DIM(1)) "node { name: 'y' op: 'Note' input: 'x' " FLOAT "}\n";
    static const struct {
        int threads, units, shares;
    } cases[] = {{1, 9, 1}, {2, 2, 2}, {2, 3, 2}, {2, 7, 6}, {2, 14, 8}, {2, 1001, 8}, {3, 2, 2}, {3, 11, 9}};
    float in[1001] = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        int threads = cases[i].threads, units = cases[i].units, n = cases[i].shares, taken = 0;
        jitc_program *p = load(graph, threads);
        jitc_exec *x = exec_of(p);
        shares.n = 0;
        if (run_matrix(x, "x", in, units, 1)) ck_abort_msg("%s", jitc_exec_error(x));
        ck_assert_int_eq(shares.n, n);
        for (int64_t at = 0; at < units; taken++) {
            int k = 0;
            while (k < n && shares.begin[k] != at) k++;
            ck_assert_int_lt(k, n);
            if (n % threads == 0 && taken % (n / threads) == 0)
                ck_assert_int_eq(at, (int64_t)units * (taken / (n / threads)) / threads);
            at = shares.end[k];
        }
        ck_assert_int_eq(taken, n);
        jitc_exec_free(x);
        jitc_program_free(p);
    }
}
END_TEST

START_TEST(test_no_rows)
{
    float none[4];
    jitc_program *p = load(affine_graph, 1);
    jitc_exec *x = exec_of(p);
    ck_assert_int_eq(run_matrix(x, "x", none, 0, 4), JITC_OK);
    ck_assert_int_eq(output(x, 0).shape[0], 0);
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

/* The message is that of the first unit that fails, on any number of threads, and the next run is fine. */
START_TEST(test_failure)
{
    float in[100 * 4];
    jitc_program *p = load(affine_graph, _i);
    jitc_exec *x = exec_of(p);
    for (int round = 0; round < 20; round++) {
        for (int k = 0; k < 400; k++) in[k] = k >= 57 ? -13 : 1;
        ck_assert_int_eq(run_matrix(x, "x", in, 100, 4), JITC_E_INVALID);
        ck_assert_str_eq(jitc_exec_error(x), "node 'scope/mine': element 57 of 'scope/mine' is 13");
        jitc_tensor t;
        ck_assert_int_eq(jitc_exec_output(x, 0, &t), JITC_E_USAGE);
        in[57] = 1;
        ck_assert_int_eq(run_matrix(x, "x", in, 2, 4), JITC_OK);
    }
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

static const char twice_graph[] = PLACEHOLDER(
    "x",
    DIM(-1) DIM(3)) "node { name: 'two' op: 'Twice' input: 'x' }\n"
                    "node { name: 'y' op: 'Neg' input: 'two:0' attr { key: 'T' value { type: DT_INT64 } } }\n"
                    "node { name: 'z' op: 'Neg' input: 'two:1' " FLOAT "}\n";

START_TEST(test_two_outputs)
{
    float in[] = {1, 2, 3, 4, 5, 6.5f};
    jitc_program *p = load(twice_graph, 2);
    ck_assert_int_eq(jitc_program_output(p, 0)->dtype, JITC_INT64);
    ck_assert_int_eq(jitc_program_output(p, 1)->rank, 0);
    jitc_exec *x = exec_of(p);
    for (int rows = 2; rows > 0; rows--) {
        if (run_matrix(x, "x", in, rows, 3)) ck_abort_msg("%s", jitc_exec_error(x));
        jitc_tensor y = output(x, 0), z = output(x, 1);
        ck_assert_int_eq(y.shape[0], 2 * rows);
        for (int k = 0; k < rows * 6; k++)
            ck_assert_int_eq(((int64_t *)y.data)[k], -(int64_t)in[k / 6 * 3 + k % 3]);
        ck_assert_float_eq(*(float *)z.data, rows == 2 ? -21.5f : -6);
    }
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

#define LIMIT(n)                                                                                             \
    "node { name: 'limit' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } } "                       \
    "attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape {} int_val: " #n " } } } }\n"
static const char positive_graph[] = PLACEHOLDER("x", DIM(-1) DIM(2))
    LIMIT(5) "node { name: 'pos' op: 'Positive' input: 'x' input: 'limit' }\n"
             "node { name: 'y' op: 'Neg' input: 'pos' " FLOAT "}\n"
             "node { name: 'at' op: 'Identity' input: 'pos:1' attr { key: 'T' value { type: DT_INT32 } } }\n";

/* How many rows there are, the data tells. */
START_TEST(test_counted_rows)
{
    float in[16] = {1, 2, -1, 3, 4, 5, 0, 6, 7, 8, 9, 1, 2, 3, 4, 5};
    jitc_program *p = load(positive_graph, 1);
    jitc_exec *x = exec_of(p);
    static const int want[] = {0, 2, 4, 5, 6};
    for (int rows = 0; rows <= 8; rows++) {
        int n = 0;
        for (int i = 0; i < rows && n < 5; i++) n += in[2 * i] > 0;
        if (run_matrix(x, "x", in, rows, 2)) ck_abort_msg("%s", jitc_exec_error(x));
        jitc_tensor y = output(x, 0), at = output(x, 1);
        ck_assert_int_eq(y.shape[0], n);
        ck_assert_int_eq(at.shape[0], n);
        for (int i = 0; i < n; i++) {
            ck_assert_int_eq(((int32_t *)at.data)[i], want[i]);
            ck_assert_float_eq(((float *)y.data)[2 * i + 1], -in[2 * want[i] + 1]);
        }
    }
    in[0] = 99;
    ck_assert_int_eq(run_matrix(x, "x", in, 8, 2), JITC_E_INVALID); /* rows were not told */
    ck_assert(strstr(jitc_exec_error(x), "'pos'"));
    in[0] = 1, in[1] = -77;
    ck_assert_int_eq(run_matrix(x, "x", in, 8, 2), JITC_E_INVALID); /* more than there can be */
    ck_assert(strstr(jitc_exec_error(x), "'pos'"));
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

/* The sum of two vectors of open sizes, which must agree. */
static int pair_infer(jitc_op_infer *c)
{
    const jitc_tensor *a = &c->in[0], *b = &c->in[1];
    c->out[0] = *a;
    if (a->rank == 1 && b->rank == 1 && jitc_op_same(c, a->shape[0], b->shape[0])) return 0;
    snprintf(c->error, c->error_size, "the vectors differ");
    return 1;
}
static int pair(const jitc_op_call *c)
{
    jitc_tensor a = jitc_op_in(c, 0), b = jitc_op_in(c, 1), y = jitc_op_out(c, 0);
    for (int64_t i = c->begin; i < c->end; i++)
        ((float *)y.data)[i] = ((const float *)a.data)[i] + ((const float *)b.data)[i];
    return 0;
}
static const jitc_op pair_op = {
    .size = sizeof(jitc_op), .name = "Pair", .inputs = 2, .infer = pair_infer, .compute = pair, .outer = 1};

static jitc_status run_pair(jitc_exec *x, float *v, int64_t na, int64_t nb)
{
    jitc_tensor a = {.dtype = JITC_FLOAT32, .rank = 1, .shape = {na}, .data = v},
                b = {.dtype = JITC_FLOAT32, .rank = 1, .shape = {nb}, .data = v + 1};
    ck_assert_int_eq(jitc_exec_bind(x, "a", &a), JITC_OK);
    ck_assert_int_eq(jitc_exec_bind(x, "b", &b), JITC_OK);
    return jitc_exec_run(x);
}

START_TEST(test_sizes_agree)
{
    static const char graph[] = PLACEHOLDER("a", DIM(-1))
        PLACEHOLDER("b", DIM(-1)) "node { name: 'y' op: 'Pair' input: 'a' input: 'b' }\n";
    float v[10];
    char why[2000];
    jitc_program *p;
    const jitc_op *op = &pair_op;
    if (try_load(graph, &op, 1, 1, &p, why, sizeof why)) ck_abort_msg("%s", why);
    jitc_exec *x = exec_of(p);
    for (int i = 0; i < 10; i++) v[i] = (float)i;
    for (int64_t n = 1; n < 6; n++) {
        if (run_pair(x, v, n, n)) ck_abort_msg("%s", jitc_exec_error(x));
        ck_assert_float_eq(((float *)output(x, 0).data)[n - 1], (float)(2 * n - 1));
    }
    ck_assert(exec_is_general(x));
    ck_assert_int_eq(run_pair(x, v, 7, 6), JITC_E_INVALID);
    ck_assert(strstr(jitc_exec_error(x), "'y'"));
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

/* Ahead of time an operator is called by its symbol. */
START_TEST(test_symbol)
{
    jitc_aot_options o = JITC_AOT_OPTIONS_INIT;
    jitc_error *e;
    jitc_object *object;
    for (int named = 0; named < 2; named++) {
        char why[2000];
        jitc_op op = affine_op;
        const jitc_op *ops = &op;
        jitc_program *p;
        if (named) op.symbol = "my_affine";
        if (try_load(affine_graph, &ops, 1, 1, &p, why, sizeof why)) ck_abort_msg("%s", why);
        jitc_status status = jitc_aot_compile(p, &o, &object, &e);
        if (named) {
            ck_assert_int_eq(status, JITC_OK);
            ck_assert(
                strstr(jitc_object_header(object), "\nint my_affine(const struct jitc_op_call *call);\n"));
            jitc_object_free(object);
        } else {
            ck_assert_int_eq(status, JITC_E_INVALID);
            ck_assert(strstr(jitc_error_text(e), "node 'scope/mine' (Affine): the operator has no symbol"));
            jitc_error_free(e);
        }
        jitc_program_free(p);
    }
}
END_TEST

/* In a loop, and in a branch that is not taken. */
static const char loop_graph[] = PLACEHOLDER(
    "x", "") "node { name: 'go' op: 'Placeholder' attr { key: 'dtype' value { type: DT_BOOL } } "
             "attr { key: 'shape' value { shape { } } } }\n"
             "node { name: 'ten' op: 'Const' attr { key: 'dtype' value { type: DT_FLOAT } } "
             "attr { key: 'value' value { tensor { dtype: DT_FLOAT tensor_shape {} float_val: 10 } } } }\n"
             "node { name: 'y' op: 'While' input: 'x' input: 'ten' attr { key: 'cond' value { func { name: "
             "'c' } } } "
             "attr { key: 'body' value { func { name: 'b' } } } "
             "attr { key: 'T' value { list { type: DT_FLOAT type: DT_FLOAT } } } }\n"
             "node { name: 'z' op: 'If' input: 'go' input: 'x' attr { key: 'then_branch' value { func { "
             "name: 't' } } } "
             "attr { key: 'else_branch' value { func { name: 'e' } } } attr { key: 'Tcond' value { type: "
             "DT_BOOL } } "
             "attr { key: 'Tin' value { list { type: DT_FLOAT } } } "
             "attr { key: 'Tout' value { list { type: DT_FLOAT } } } }\n"
             "node { name: 'out' op: 'Identity' input: 'y' " FLOAT "}\n"
             "library {\n"
             "function { signature { name: 'c' input_arg { name: 'v' type: DT_FLOAT } "
             "input_arg { name: 'n' type: DT_FLOAT } output_arg { name: 'r' type: DT_BOOL } } "
             "node_def { name: 'less' op: 'Less' input: 'v' input: 'n' " FLOAT
             "} ret { key: 'r' value: 'less:z:0' } }\n"
             "function { signature { name: 'b' input_arg { name: 'v' type: DT_FLOAT } "
             "input_arg { name: 'n' type: DT_FLOAT } output_arg { name: 'r' type: DT_FLOAT } "
             "output_arg { name: 's' type: DT_FLOAT } } "
             "node_def { name: 'a' op: 'Affine' input: 'v' input: 'n' " FLOAT
             "attr { key: 'scale' value { f: 0 } } } "
             "node_def { name: 'count' op: 'Count' input: 'v' } "
             "node_def { name: 'sum' op: 'AddV2' input: 'v' input: 'count:y:0' " FLOAT "} "
             "ret { key: 'r' value: 'sum:z:0' } ret { key: 's' value: 'a:y:0' } }\n"
             "function { signature { name: 't' input_arg { name: 'v' type: DT_FLOAT } "
             "output_arg { name: 'r' type: DT_FLOAT } } node_def { name: 'k' op: 'Count' input: 'v' } "
             "ret { key: 'r' value: 'k:y:0' } }\n"
             "function { signature { name: 'e' input_arg { name: 'v' type: DT_FLOAT } "
             "output_arg { name: 'r' type: DT_FLOAT } } node_def { name: 'k' op: 'Neg' input: 'v' " FLOAT "} "
             "ret { key: 'r' value: 'k:y:0' } }\n"
             "}\n";

START_TEST(test_control_flow)
{
    float v = 0;
    uint8_t go = 0;
    jitc_program *p = load(loop_graph, 1);
    jitc_exec *x = exec_of(p);
    jitc_tensor t = {.dtype = JITC_FLOAT32, .data = &v}, b = {.dtype = JITC_BOOL, .data = &go};
    ck_assert_int_eq(jitc_exec_bind(x, "x", &t), JITC_OK);
    ck_assert_int_eq(jitc_exec_bind(x, "go", &b), JITC_OK);
    for (int round = 0; round < 2; round++) {
        counter = 0;
        v = 0;
        if (jitc_exec_run(x)) ck_abort_msg("%s", jitc_exec_error(x));
        for (size_t i = 0; i < 2; i++) {
            bool loop = strcmp(jitc_program_output(p, i)->name, "out") == 0;
            if (loop) ck_assert_float_eq(*(float *)output(x, i).data, 10); /* 1 + 2 + 3 + 4 */
            if (!loop) ck_assert_float_eq(*(float *)output(x, i).data, 0);
        }
        ck_assert_int_eq(counter, 4);
    }
    go = 1;
    ck_assert_int_eq(jitc_exec_run(x), JITC_OK);
    ck_assert_int_eq(counter, 7); /* 5 + 6, and the branch */
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

/* What is not pure runs in each run and for each node; what is pure, on a constant, once when loading. */
START_TEST(test_pure)
{
    static const char graph[] =
        CONST("c", "1") "node { name: 'a' op: '%s' input: 'c' }\nnode { name: 'b' op: '%s' input: 'c' }\n"
                        "node { name: 'y' op: 'Sub' input: 'a' input: 'b' " FLOAT "}\n";
    for (int pure = 0; pure < 2; pure++) {
        char text[2000];
        const char *op = pure ? "Pure" : "Count";
        snprintf(text, sizeof text, graph, op, op);
        counter = 0;
        jitc_program *p = load(text, 1);
        int loaded = counter;
        jitc_exec *x = exec_of(p);
        ck_assert_int_eq(jitc_exec_run(x), JITC_OK);
        ck_assert_int_eq(jitc_exec_run(x), JITC_OK);
        ck_assert(pure ? loaded > 0 : loaded == 0);
        ck_assert_int_eq(counter - loaded, pure ? 0 : 4);
        jitc_exec_free(x);
        jitc_program_free(p);
    }
}
END_TEST

START_TEST(test_attributes)
{
    static const char graph[] = PLACEHOLDER(
        "x",
        "") "node { name: 'y' op: 'Look' input: 'x' attr { key: 'i' value { i: -5 } } "
            "attr { key: 'flag' value { b: true } } attr { key: 't' value { type: DT_INT64 } } "
            "attr { key: 'word' value { s: 'hello' } } attr { key: 'axes' value { list { i: 3 i: 7 } } } "
            "attr { key: 'names' value { list { s: 'a' s: 'b' } } } "
            "attr { key: 's' value { shape { dim { size: -1 } dim { size: 3 } } } } "
            "attr { key: 'shapes' value { list { shape { } shape { unknown_rank: true } } } } "
            "attr { key: 'empty' value { list { } } } attr { key: 'more' value { i: 41 } } }\n";
    float v = 0;
    jitc_program *p = load(graph, 1);
    jitc_exec *x = exec_of(p);
    jitc_tensor t = {.dtype = JITC_FLOAT32, .data = &v};
    ck_assert_int_eq(jitc_exec_bind(x, "x", &t), JITC_OK);
    ck_assert_int_eq(jitc_exec_run(x), JITC_OK);
    ck_assert_float_eq(*(float *)output(x, 0).data, -3);
    jitc_exec_free(x);
    jitc_program_free(p);
}
END_TEST

/* -- The evaluator ----------------------------------------------------------------------------- */
static void evaluate(Job *job, jitc_program *p, float *data, Tensor *results, uint32_t *n)
{
    static const jitc_shape shape = {"x", 2, {8, 2}};
    if (JOB_ENTER(job) != JITC_OK) return;
    Module *m = program_import(p, job, &shape, 1, false, NULL);
    const Region *r = ir_find_func(m, "main")->body;
    *n = ir_terminator(r)->nin;
    ir_eval_region(m, r, &(Tensor){r->args[0]->type, data}, results);
}

START_TEST(test_evaluator)
{
    float in[16] = {1, 2, -1, 3, 4, 5, 0, 6, 7, 8, 9, 1, 2, 3, 4, 5};
    jitc_program *p = load(positive_graph, 1);
    Job job;
    Tensor results[4] = {0};
    uint32_t n = 0;
    job_init(&job, 0);
    evaluate(&job, p, in, results, &n);
    if (job.status) ck_abort_msg("%s", job.diags->text);
    ck_assert_int_eq(n, 2);
    ck_assert_int_eq(results[0].type.dim[0], 5);
    ck_assert_float_eq(((float *)results[0].data)[3], -5);
    job_free(&job);
    job_init(&job, 0);
    in[0] = 99; /* the rows are not told: no result is made up */
    evaluate(&job, p, in, results, &n);
    ck_assert_int_ne(job.status, JITC_OK);
    job_free(&job);
    jitc_program_free(p);
}
END_TEST

/* -- Misuse ------------------------------------------------------------------------------------ */
static void refused(const char *graph, const jitc_op *op, jitc_status status, const char *text)
{
    char why[2000];
    jitc_program *p;
    ck_assert_int_eq(try_load(graph, &op, 1, 1, &p, why, sizeof why), status);
    if (!strstr(why, text)) ck_abort_msg("'%s' is not in: %s", text, why);
}

static int no_type(jitc_op_infer *c)
{
    c->out[0].rank = 0;
    return 0;
}
static int open_size(jitc_op_infer *c)
{
    c->out[0] = c->in[0];
    c->out[0].shape[1] = -1;
    return 0;
}
static int made_up(jitc_op_infer *c)
{
    c->out[0] = c->in[0];
    c->out[0].shape[1] = -1000;
    return 0;
}
static int too_many(jitc_op_infer *c)
{
    c->out[0] = c->in[0];
    c->out[0].rank = 9;
    return 0;
}
static int scalar_rows(jitc_op_infer *c)
{
    c->out[0] = (jitc_tensor){.dtype = JITC_FLOAT32};
    jitc_op_count_rows(c, 0);
    return 0;
}
static int without_reason(jitc_op_infer *c)
{
    (void)c;
    return 42;
}

START_TEST(test_registration)
{
    static const char *const bad_attrs[] = {"scale float", "T: type"},
                             *const bad_kind[] = {"scale: double", "T: type"},
                             *const bad_default[] = {"scale: float = x", "T: type"},
                             *const twice_attrs[] = {"a: int", "a: int"};
    char why[2000];
    jitc_program *p;
    jitc_op op = affine_op;
    refused(affine_graph, NULL, JITC_E_USAGE, "operator 0 is NULL");
#define BREAK(field, value, text)                                                                            \
    op = affine_op;                                                                                          \
    op.field = value;                                                                                        \
    refused(affine_graph, &op, JITC_E_USAGE, text)
    BREAK(size, 8, "sizeof(jitc_op)");
    BREAK(size, sizeof op + 8, "sizeof(jitc_op)");
    BREAK(name, NULL, "no name");
    BREAK(name, "MatMul", "operator 0 'MatMul': jitc has an operation of that name");
    BREAK(inputs, -2, "-2 inputs");
    BREAK(outputs, 9, "9 outputs");
    BREAK(compute, NULL, "neither compute nor code");
    BREAK(code, "x", "both compute and code");
    BREAK(function, "f", "made of code");
    BREAK(flags, 64, "flags");
    BREAK(attrs, NULL, "attrs is NULL");
    BREAK(attrs, bad_attrs, "attribute 0 'scale float': write NAME: KIND");
    BREAK(attrs, bad_kind, "the kinds are int");
    BREAK(attrs, bad_default, "default");
    BREAK(attrs, twice_attrs, "declared twice");
    BREAK(symbol, "a b", "no name of C");
    BREAK(outer, -2, "outer");
    ck_assert_int_eq(try_load(affine_graph, NULL, 1, 1, &p, why, sizeof why), JITC_E_USAGE);
    const jitc_op *both[] = {&affine_op, &affine_op};
    ck_assert_int_eq(try_load(affine_graph, both, 2, 1, &p, why, sizeof why), JITC_E_USAGE);
    ck_assert(strstr(why, "registered already"));
    /* Of an older header: there is no such list. */
    jitc_options o = JITC_OPTIONS_INIT;
    o.size = offsetof(jitc_options, ops);
    o.ops = both;
    o.nops = 2;
    ck_assert_int_eq(jitc_program_load_memory(affine_graph, strlen(affine_graph), &o, &p, NULL),
                     JITC_E_INVALID);
}
END_TEST

START_TEST(test_nodes_refused)
{
    static const char fixed[] = PLACEHOLDER(
        "x",
        DIM(2) DIM(3)) "node { name: 'n' op: 'Affine' input: 'x' attr { key: 'scale' value { s: 'no' } } }\n";
    static const char *const numbers[] = {"axes: list(int)", "scale: float"};
    jitc_op op = affine_op;
    refused(affine_graph, &twice_op, JITC_E_INVALID, "node 'scope/mine' (Affine)");
    op.inputs = 1;
    op.nattrs = 0;
    refused(PLACEHOLDER("x", DIM(2)) "node { name: 'n' op: 'Affine' input: 'x' input: 'x' }", &op,
            JITC_E_INVALID, "has 2 inputs, but needs 1");
    op.attrs = affine_attrs;
    op.nattrs = 1;
    refused(fixed, &op, JITC_E_INVALID, "node 'n' (Affine): attribute 'scale' must be a float");
    op.attrs = numbers;
    refused(fixed, &op, JITC_E_INVALID, "attribute 'axes' is missing");
    op.nattrs = 0;
    op.infer = no_type;
    refused(fixed, &op, JITC_E_INVALID, "no element type");
    op.infer = open_size;
    refused(fixed, &op, JITC_E_INVALID, "jitc_op_count_rows");
    op.infer = made_up;
    refused(fixed, &op, JITC_E_INVALID, "dimension 1 of output 0");
    op.infer = too_many;
    refused(fixed, &op, JITC_E_INVALID, "rank 9");
    op.infer = scalar_rows;
    op.outer = 0;
    refused(fixed, &op, JITC_E_INVALID, "a scalar, whose rows");
    op.infer = without_reason;
    refused(fixed, &op, JITC_E_INVALID, "infer function reports error 42");
    op = positive_op;
    op.outer = 1;
    refused(PLACEHOLDER("x", DIM(4) DIM(2))
                LIMIT(5) "node { name: 'n' op: 'Positive' input: 'x' input: 'limit' }",
            &op, JITC_E_INVALID, "jitc_op.outer");
    op = twice_op;
    op.outer = 1;
    refused(PLACEHOLDER("x", DIM(4) DIM(2)) "node { name: 'n' op: 'Twice' input: 'x' }", &op, JITC_E_INVALID,
            "outputs 0 and 1 differ");
}
END_TEST

Suite *custom_suite(void)
{
    Suite *s = suite_create("custom");
    TCase *c = tcase_create("custom");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, test_elementwise, 1, 4);
    tcase_add_test(c, test_shares);
    tcase_add_test(c, test_no_rows);
    tcase_add_loop_test(c, test_failure, 1, 4);
    tcase_add_test(c, test_two_outputs);
    tcase_add_test(c, test_counted_rows);
    tcase_add_test(c, test_sizes_agree);
    tcase_add_test(c, test_symbol);
    tcase_add_test(c, test_control_flow);
    tcase_add_test(c, test_pure);
    tcase_add_test(c, test_attributes);
    tcase_add_test(c, test_evaluator);
    tcase_add_test(c, test_registration);
    tcase_add_test(c, test_nodes_refused);
    suite_add_tcase(s, c);
    return s;
}
