/* The GraphDef decoder: graphs are written byte by byte, so that broken ones can be, too. */
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "frontend/tfgraph.h"
#include "tests/unit/suites.h"

/* -- A small protobuf writer ---------------------------------------------------------------------- */
typedef struct Pb {
    uint8_t *at;
    size_t n, cap;
} Pb;

static void pb_raw(Pb *b, const void *data, size_t n)
{
    if (b->n + n > b->cap) {
        b->cap = (b->n + n) * 2;
        b->at = realloc(b->at, b->cap);
        ck_assert_ptr_nonnull(b->at);
    }
    if (n) memcpy(b->at + b->n, data, n);
    b->n += n;
}

static void pb_varint(Pb *b, uint64_t v)
{
    do {
        uint8_t c = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        pb_raw(b, &c, 1);
        v >>= 7;
    } while (v);
}

static void pb_int(Pb *b, uint32_t no, uint64_t v)
{
    pb_varint(b, (uint64_t)no << 3);
    pb_varint(b, v);
}

static void pb_bytes(Pb *b, uint32_t no, const void *data, size_t n)
{
    pb_varint(b, (uint64_t)no << 3 | 2);
    pb_varint(b, n);
    pb_raw(b, data, n);
}

static void pb_text(Pb *b, uint32_t no, const char *s)
{
    pb_bytes(b, no, s, strlen(s));
}

/* Appends m as a field and frees it. */
static void pb_message(Pb *b, uint32_t no, Pb m)
{
    pb_bytes(b, no, m.at, m.n);
    free(m.at);
}

static void pb_float(Pb *b, uint32_t no, float v)
{
    pb_varint(b, (uint64_t)no << 3 | 5);
    pb_raw(b, &v, 4);
}

static Pb shape(int rank, const int64_t *dim)
{
    Pb s = {0};
    for (int i = 0; i < rank; i++) {
        Pb d = {0};
        pb_int(&d, 1, (uint64_t)dim[i]);
        pb_message(&s, 2, d);
    }
    return s;
}

/* TensorProto without values. */
static Pb tensor(int dtype, int rank, const int64_t *dim)
{
    Pb t = {0};
    pb_int(&t, 1, (uint64_t)dtype);
    pb_message(&t, 2, shape(rank, dim));
    return t;
}

/* Appends attribute `name` whose AttrValue is `value`. */
static void attr(Pb *node, const char *name, Pb value)
{
    Pb e = {0};
    pb_text(&e, 1, name);
    pb_message(&e, 2, value);
    pb_message(node, 5, e);
}

static Pb node(const char *name, const char *op, const char *const *inputs)
{
    Pb n = {0};
    pb_text(&n, 1, name);
    pb_text(&n, 2, op);
    for (; inputs && *inputs; inputs++) pb_text(&n, 3, *inputs);
    return n;
}
#define INPUTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void put_node(Pb *g, const char *name, const char *op, const char *const *inputs)
{
    pb_message(g, 1, node(name, op, inputs));
}

static void put_const(Pb *g, const char *name, Pb tensor_proto)
{
    Pb n = node(name, "Const", NULL), v = {0};
    pb_message(&v, 8, tensor_proto);
    attr(&n, "value", v);
    pb_message(g, 1, n);
}

static void put_version(Pb *g, int producer)
{
    Pb v = {0};
    pb_int(&v, 1, (uint64_t)producer);
    pb_message(g, 4, v);
}

/* -- Loading -------------------------------------------------------------------------------------- */
static Job job;
static Source src;
static Pb graph;

static void setup(void)
{
    graph = (Pb){0};
    src = (Source){.fd = -1};
    job_init(&job, 64 << 20);
}

static void teardown(void)
{
    job_free(&job);
    source_close(&src);
    free(graph.at);
}

static void restart(void)
{
    teardown();
    setup();
}

/* NULL if the job unwinds. */
static TfGraph *load_bytes(const void *data, size_t n)
{
    TfGraph *volatile g = NULL;
    if (JOB_ENTER(&job) == JITC_OK) {
        source_from_memory(&job, &src, data, n);
        g = tf_graph_load(&job, &src);
    }
    return g;
}

static TfGraph *load(void)
{
    return load_bytes(graph.at, graph.n);
}

static bool said(const char *part)
{
    for (const Diag *d = job.diags; d; d = d->next)
        if (strstr(d->text, part)) return true;
    return false;
}

static void refused(const char *part)
{
    TfGraph *g = load();
    ck_assert_msg(!g && job.status == JITC_E_INVALID && said(part), "expected '%s', got '%s'", part,
                  job.diags ? job.diags->text : "no error");
    restart();
}

static const TfTensor *value_of(const TfGraph *g, const char *name)
{
    const TfAttr *a = tf_attr_find(tf_node_find(g, name), "value");
    ck_assert(a && a->kind == TF_ATTR_TENSOR);
    return a->tensor;
}

static void read_value(const TfGraph *g, const char *name, void *dst, size_t n)
{
    const TfTensor *t = value_of(g, name);
    ck_assert_uint_eq((size_t)t->numel * tf_dtype_size(t->dtype), n);
    ck_assert(JOB_ENTER(&job) == JITC_OK);
    tf_tensor_read(&job, &src, t, dst);
}

#define DIMS(...)                                                                                            \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[])                                                 \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }

/* -- Tests ---------------------------------------------------------------------------------------- */
START_TEST(edges)
{
    put_node(&graph, "c", "Add", INPUTS("a", "b:1", "^d"));
    put_node(&graph, "a", "Placeholder", NULL);
    put_node(&graph, "b", "Split", INPUTS("a:0"));
    put_node(&graph, "d", "NoOp", NULL);
    TfGraph *g = load();
    ck_assert_ptr_nonnull(g);
    ck_assert_uint_eq(g->nnodes, 4);
    const TfNode *c = tf_node_find(g, "c");
    ck_assert_uint_eq(c->ninputs, 2);
    ck_assert_uint_eq(c->ncontrols, 1);
    ck_assert_str_eq(g->nodes[c->inputs[0].node].name, "a");
    ck_assert_uint_eq(c->inputs[0].out, 0);
    ck_assert_str_eq(g->nodes[c->inputs[1].node].name, "b");
    ck_assert_uint_eq(c->inputs[1].out, 1);
    ck_assert_str_eq(g->nodes[c->controls[0]].name, "d");
    const uint32_t order[] = {1, 2, 3, 0};
    ck_assert_mem_eq(g->order, order, sizeof order);
    ck_assert_ptr_null(tf_node_find(g, "e"));
}
END_TEST

START_TEST(bad_edges)
{
    put_node(&graph, "a", "Add", INPUTS("nowhere", "b:x"));
    put_node(&graph, "b", "Add", INPUTS("b", "^a", "c"));
    put_node(&graph, "c", "Id", INPUTS("a:", "a:12345678"));
    put_node(&graph, "c", "Id", NULL);
    ck_assert_ptr_null(load());
    ck_assert_int_eq(job.status, JITC_E_INVALID);
    ck_assert(said("node 'a' (Add): input 'nowhere' names a node that the graph does not have"));
    ck_assert(said("node 'a' (Add): input 'b:x' is malformed"));
    ck_assert(said("node 'b' (Add): input 'b' is the node itself"));
    ck_assert(said("node 'b' (Add): input 'c' is a data input after a control input"));
    ck_assert(said("node 'c' (Id): input 'a:' is malformed"));
    ck_assert(said("node 'c' (Id): input 'a:12345678' is malformed"));
    ck_assert(said("node 'c' (Id): another node has the same name"));
}
END_TEST

START_TEST(cycles)
{
    put_node(&graph, "a", "Id", INPUTS("c"));
    put_node(&graph, "b", "Id", INPUTS("a"));
    put_node(&graph, "c", "Id", INPUTS("b"));
    refused("cycle without a NextIteration: 'b' -> 'c' -> 'a' -> 'b'");
    put_node(&graph, "enter", "Enter", NULL);
    put_node(&graph, "merge", "Merge", INPUTS("enter", "next"));
    put_node(&graph, "add", "Add", INPUTS("merge", "merge"));
    put_node(&graph, "next", "NextIteration", INPUTS("add"));
    ck_assert_ptr_nonnull(load());
}
END_TEST

START_TEST(long_chain)
{
    enum { N = 50000 };
    char name[16], input[16];
    for (int i = 0; i < N; i++) {
        sprintf(name, "n%d", i);
        sprintf(input, "n%d", i + 1);
        put_node(&graph, name, "Id", i + 1 < N ? INPUTS(input) : NULL);
    }
    TfGraph *g = load();
    ck_assert_ptr_nonnull(g);
    ck_assert_uint_eq(g->order[0], N - 1);
    ck_assert_uint_eq(g->order[N - 1], 0);
}
END_TEST

START_TEST(problem_count)
{
    for (int i = 0; i < 150; i++) {
        char name[16];
        sprintf(name, "n%d", i);
        put_node(&graph, name, "Id", INPUTS("nowhere"));
    }
    ck_assert_ptr_null(load());
    ck_assert_uint_eq(job.nerrors, 101);
    ck_assert_str_eq(job.last_diag->text, "and 50 more problems");
}
END_TEST

START_TEST(names)
{
    Pb n = {0};
    pb_bytes(&n, 1, "a\0b", 3);
    pb_text(&n, 2, "Id");
    pb_message(&graph, 1, n);
    refused("the name contains a NUL character");
    put_node(&graph, "", "Id", NULL);
    refused("has no name");
    put_node(&graph, "a", "", NULL);
    refused("node 'a' has no operator");
    put_node(&graph, "a:1", "Id", NULL);
    refused("may not contain ':'");
    put_node(&graph, "\xff\xfe", "Id", NULL);
    refused("not valid UTF-8");
    char *big = malloc(70001);
    memset(big, 'a', 70000);
    big[70000] = 0;
    put_node(&graph, big, "Id", NULL);
    free(big);
    refused("longer than 65535");
}
END_TEST

START_TEST(attributes)
{
    Pb n = node("n", "Op", NULL), v = {0};
    pb_text(&v, 2, "SAME");
    attr(&n, "s", v);
    v = (Pb){0};
    pb_int(&v, 3, (uint64_t)-5);
    attr(&n, "i", v);
    v = (Pb){0};
    pb_float(&v, 4, 0.5f);
    attr(&n, "f", v);
    v = (Pb){0};
    pb_int(&v, 5, 1);
    attr(&n, "b", v);
    v = (Pb){0};
    pb_int(&v, 6, TF_HALF);
    attr(&n, "type", v);
    v = (Pb){0};
    pb_message(&v, 7, shape(DIMS(-1, 3)));
    attr(&n, "shape", v);
    v = (Pb){0};
    Pb l = {0};
    pb_bytes(&l, 3, "\x01\x02\x83\x01", 4); /* packed */
    pb_text(&l, 2, "x");
    Pb t = tensor(TF_FLOAT, 0, NULL);
    pb_float(&t, 5, 2.5f);
    pb_message(&l, 8, t);
    pb_message(&v, 1, l);
    attr(&n, "list", v);
    v = (Pb){0};
    Pb f = {0};
    pb_text(&f, 1, "fn");
    pb_bytes(&f, 2, "raw", 3);
    pb_message(&v, 10, f);
    attr(&n, "func", v);
    attr(&n, "none", (Pb){0});
    pb_message(&graph, 1, n);
    TfGraph *g = load();
    ck_assert_ptr_nonnull(g);
    const TfNode *tn = tf_node_find(g, "n");
    ck_assert_str_eq(tf_attr_find(tn, "s")->s.at, "SAME");
    ck_assert_int_eq(tf_attr_find(tn, "i")->i, -5);
    ck_assert_float_eq(tf_attr_find(tn, "f")->f, 0.5f);
    ck_assert(tf_attr_find(tn, "b")->b);
    ck_assert_int_eq(tf_attr_find(tn, "type")->type, TF_HALF);
    ck_assert_str_eq(tf_shape_text(&job, &tf_attr_find(tn, "shape")->shape), "[?,3]");
    const TfList *list = tf_attr_find(tn, "list")->list;
    ck_assert_uint_eq(list->ni, 3);
    ck_assert_int_eq(list->i[2], 131);
    ck_assert_uint_eq(list->ns, 1);
    ck_assert_uint_eq(list->ntensor, 1);
    float x = 0;
    tf_tensor_read(&job, &src, &list->tensor[0], &x);
    ck_assert_float_eq(x, 2.5f);
    ck_assert_str_eq(tf_attr_find(tn, "func")->func.name, "fn");
    ck_assert_uint_eq(tf_attr_find(tn, "func")->func.nattrs, 1);
    ck_assert_int_eq(tf_attr_find(tn, "none")->kind, TF_ATTR_NONE);
    ck_assert_ptr_null(tf_attr_find(tn, "missing"));
}
END_TEST

START_TEST(float_tensors)
{
    const float three[] = {1, 2, 3};
    Pb t = tensor(TF_FLOAT, DIMS(3));
    pb_bytes(&t, 4, three, 12);
    put_const(&graph, "content", t);
    t = tensor(TF_FLOAT, DIMS(3));
    pb_bytes(&t, 5, three, 12);
    put_const(&graph, "packed", t);
    t = tensor(TF_FLOAT, DIMS(2, 2));
    pb_bytes(&t, 5, three, 8);
    put_const(&graph, "tail", t);
    t = tensor(TF_FLOAT, DIMS(2, 2));
    pb_float(&t, 5, 7);
    pb_bytes(&t, 5, three, 8);
    put_const(&graph, "pieces", t);
    put_const(&graph, "zeros", tensor(TF_FLOAT, DIMS(2)));
    t = tensor(TF_FLOAT, DIMS(2));
    pb_bytes(&t, 5, three, 12);
    put_const(&graph, "surplus", t);
    put_const(&graph, "empty", tensor(TF_FLOAT, DIMS(0, 5)));
    TfGraph *g = load();
    ck_assert_ptr_nonnull(g);
    float v[4];
    read_value(g, "content", v, 12);
    ck_assert_mem_eq(v, three, 12);
    ck_assert_int_eq(value_of(g, "content")->store, TF_STORE_SPAN);
    read_value(g, "packed", v, 12);
    ck_assert_mem_eq(v, three, 12);
    ck_assert_int_eq(value_of(g, "packed")->store, TF_STORE_SPAN);
    read_value(g, "tail", v, 16);
    ck_assert_mem_eq(v, ((float[]){1, 2, 2, 2}), 16);
    read_value(g, "pieces", v, 16);
    ck_assert_mem_eq(v, ((float[]){7, 1, 2, 2}), 16);
    read_value(g, "zeros", v, 8);
    ck_assert_mem_eq(v, ((float[]){0, 0}), 8);
    read_value(g, "surplus", v, 8);
    ck_assert_mem_eq(v, three, 8);
    read_value(g, "empty", v, 0);
}
END_TEST

START_TEST(other_tensors)
{
    Pb t = tensor(TF_INT8, DIMS(3));
    pb_int(&t, 7, (uint64_t)-3);
    pb_int(&t, 7, 4);
    put_const(&graph, "int8", t);
    t = tensor(TF_HALF, DIMS(2));
    pb_bytes(&t, 13, "\x80\x78\x01", 3);
    put_const(&graph, "half", t);
    t = tensor(TF_BOOL, DIMS(5));
    pb_bytes(&t, 11, "\x00\x01", 2);
    put_const(&graph, "bool", t);
    t = tensor(TF_COMPLEX64, DIMS(3));
    pb_bytes(&t, 9, (float[]){1, 2, 3, 4}, 16);
    put_const(&graph, "complex", t);
    t = tensor(TF_STRING, DIMS(3));
    pb_bytes(&t, 8, "a\0b", 3);
    pb_text(&t, 8, "second");
    put_const(&graph, "string", t);
    t = tensor(TF_STRING, DIMS(2));
    pb_bytes(&t, 4, "\x01\x02xyz", 5);
    put_const(&graph, "joined", t);
    put_const(&graph, "resource", tensor(TF_RESOURCE, 0, NULL));
    TfGraph *g = load();
    ck_assert_ptr_nonnull(g);
    int8_t i8[3];
    read_value(g, "int8", i8, 3);
    ck_assert_mem_eq(i8, ((int8_t[]){-3, 4, 4}), 3);
    uint16_t h[2];
    read_value(g, "half", h, 4);
    ck_assert_mem_eq(h, ((uint16_t[]){0x3c00, 1}), 4);
    bool b[5];
    read_value(g, "bool", b, 5);
    ck_assert_mem_eq(b, ((bool[]){0, 1, 1, 1, 1}), 5);
    float c[6];
    read_value(g, "complex", c, 24);
    ck_assert_mem_eq(c, ((float[]){1, 2, 3, 4, 3, 4}), 24);
    ck_assert_uint_eq(tf_tensor_string(value_of(g, "string"), 0).n, 3);
    ck_assert_str_eq(tf_tensor_string(value_of(g, "string"), 2).at, "second");
    ck_assert_str_eq(tf_tensor_string(value_of(g, "joined"), 1).at, "yz");
    ck_assert_int_eq(value_of(g, "resource")->store, TF_STORE_OPAQUE);
}
END_TEST

START_TEST(bad_tensors)
{
    Pb t = tensor(TF_FLOAT, DIMS(3));
    pb_bytes(&t, 4, "12345678", 8);
    put_const(&graph, "w", t);
    refused("node 'w' (Const): tensor_content in attribute 'value' has 8 bytes, which does not fit float "
            "elements "
            "of shape [3]");
    put_const(&graph, "w", tensor(TF_FLOAT, DIMS(-1)));
    refused("impossible shape [?]");
    put_const(&graph, "w", tensor(TF_FLOAT, DIMS(INT64_MAX, INT64_MAX)));
    refused("impossible shape");
    put_const(&graph, "w", tensor(TF_DOUBLE, DIMS(INT64_MAX / 2)));
    refused("impossible shape");
    t = tensor(TF_STRING, DIMS(2));
    pb_bytes(&t, 4, "\x01\x09xyz", 5);
    put_const(&graph, "w", t);
    refused("tensor_content");
    t = tensor(TF_FLOAT, DIMS(3));
    pb_bytes(&t, 5, "123", 3);
    put_const(&graph, "w", t);
    refused("ends within a number");
    t = tensor(TF_FLOAT, DIMS(3));
    pb_int(&t, 5, 1);
    put_const(&graph, "w", t);
    refused("encoding of another type");
}
END_TEST

START_TEST(broken_encoding)
{
    pb_raw(&graph, "\x0a\x7f", 2);
    refused("a length runs past the end of the file");
    pb_raw(&graph, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11);
    refused("longer than 64 bits");
    pb_raw(&graph, "\x0a\x80", 2);
    refused("runs past the end of its message");
    pb_raw(&graph, "\x02\x00", 2);
    refused("field number");
    pb_raw(&graph, "\x0b\x0c", 2);
    refused("an encoding that GraphDef does not use");
    pb_raw(&graph, "\x10\x01", 2);
    refused("encoding of another type");
    Pb n = node("a", "Id", NULL);
    pb_int(&n, 3, 1); /* an input that is a number */
    pb_message(&graph, 1, n);
    refused("encoding is broken");
    put_version(&graph, 27);
    refused("holds no nodes");
}
END_TEST

START_TEST(truncation)
{
    put_const(&graph, "w", tensor(TF_FLOAT, DIMS(2)));
    put_node(&graph, "y", "Id", INPUTS("w"));
    put_version(&graph, 27);
    Pb whole = graph;
    graph = (Pb){0};
    for (size_t n = 1; n < whole.n; n++) {
        uint8_t *part = malloc(n); /* so that a read past the end is seen */
        memcpy(part, whole.at, n);
        TfGraph *g = load_bytes(part, n);
        ck_assert(g || job.status == JITC_E_INVALID);
        restart();
        free(part);
    }
    free(whole.at);
}
END_TEST

START_TEST(memory_limit)
{
    Pb n = node("a", "Op", NULL), v = {0}, l = {0};
    for (int i = 0; i < 500000; i++) pb_bytes(&l, 7, "", 0); /* two bytes each in the file, 100 decoded */
    pb_message(&v, 1, l);
    attr(&n, "shapes", v);
    pb_message(&graph, 1, n);
    job_free(&job);
    job_init(&job, 16 << 20);
    ck_assert_ptr_null(load());
    ck_assert_int_eq(job.status, JITC_E_NOMEM);
}
END_TEST

START_TEST(legacy_placeholder)
{
    for (int producer = 21; producer <= 22; producer++) {
        Pb n = node("x", "Placeholder", NULL), v = {0};
        pb_message(&v, 7, shape(0, NULL));
        attr(&n, "shape", v);
        pb_message(&graph, 1, n);
        put_version(&graph, producer);
        TfGraph *g = load();
        ck_assert_ptr_nonnull(g);
        ck_assert_int_eq(g->producer, producer);
        ck_assert(tf_attr_find(tf_node_find(g, "x"), "shape")->shape.unknown_rank == (producer == 21));
        restart();
    }
}
END_TEST

START_TEST(functions)
{
    Pb lib = {0}, fn = {0}, sig = {0};
    pb_text(&sig, 1, "cond_true");
    pb_message(&fn, 1, sig);
    pb_message(&lib, 1, fn);
    pb_message(&graph, 2, lib);
    put_node(&graph, "x", "NoOp", NULL);
    TfGraph *g = load();
    ck_assert_ptr_nonnull(g);
    ck_assert_uint_eq(g->nfunctions, 1);
    ck_assert_str_eq(g->functions[0].name, "cond_true");
}
END_TEST

START_TEST(other_formats)
{
    pb_raw(&graph, "\x89HDF\r\n\x1a\n", 8);
    refused("HDF5");
    pb_raw(&graph, "\x1c\0\0\0TFL3", 8);
    refused("TensorFlow Lite");
    pb_raw(&graph, "\x08\x01\x12\x05hello", 9);
    refused("a SavedModel");
}
END_TEST

START_TEST(text)
{
    static const char t[] =
        "# comment\n"
        "node { name: \"w\" op: 'Const'\n"
        "  attr { key: \"value\" value { tensor { dtype: DT_INT16\n"
        "    tensor_shape { dim { size: 2 } dim { size: 2 } } int_val: [1, -2] int_val: 0x10 } } }\n"
        "  attr { key: \"f\" value { f: 1e-1f } } attr { key: 's' value { s: \"a\\001\\x02\" 'b' } }\n"
        "  attr { key: 'fn' value: < func { name: 'g' attr { key: 'T' value { b: true } } } > }\n"
        "  unknown { x: [ { y: 1 } ] } }\n"
        "node { name: 'y', op: 'Id'; input: 'w' }\n"
        "library { function { signature { name: 'g' } } }\n"
        "versions { producer: 27 }\n";
    TfGraph *g = load_bytes(t, sizeof t - 1);
    ck_assert_msg(g != NULL, "%s", job.diags ? job.diags->text : "");
    int16_t v[4];
    read_value(g, "w", v, 8);
    ck_assert_mem_eq(v, ((int16_t[]){1, -2, 16, 16}), 8);
    const TfNode *w = tf_node_find(g, "w");
    ck_assert_float_eq(tf_attr_find(w, "f")->f, 0.1f);
    ck_assert_mem_eq(tf_attr_find(w, "s")->s.at, "a\1\2b", 5);
    ck_assert_str_eq(tf_attr_find(w, "fn")->func.name, "g");
    ck_assert_str_eq(g->functions[0].name, "g");
    ck_assert_int_eq(g->producer, 27);
    restart();
    static const char *const bad[][2] = {
        {"node { name: 'a' ", "expected a name"},
        {"node { name: 'a\n' }", "line 1: a string has no end"},
        {"node {\n name: 5 }", "line 2: expected a string"},
        {"node { attr { value { i: 99999999999999999999 } } }", "expected an integer"},
        {"node { attr { value { type: DT_BLUE } } }", "no such value"},
        {"node { name 'a' }", "expected ':'"},
        {"node: 5", "expected '{'"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        ck_assert_ptr_null(load_bytes(bad[i][0], strlen(bad[i][0])));
        ck_assert_msg(said(bad[i][1]), "expected '%s', got '%s'", bad[i][1], job.diags->text);
        restart();
    }
}
END_TEST

START_TEST(files)
{
    char path[] = "/tmp/jitc-decode-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    Pb t = tensor(TF_FLOAT, DIMS(20000)); /* larger than the decoder's window */
    static float data[20000], back[20000];
    for (int i = 0; i < 20000; i++) data[i] = (float)i;
    pb_bytes(&t, 4, data, 80000);
    put_const(&graph, "w", t);
    put_node(&graph, "y", "Id", INPUTS("w"));
    ck_assert_int_eq(write(fd, graph.at, graph.n), (ssize_t)graph.n);
    TfGraph *volatile g = NULL;
    if (JOB_ENTER(&job) == JITC_OK) {
        source_open(&job, &src, path);
        g = tf_graph_load(&job, &src);
    }
    ck_assert_ptr_nonnull(g);
    ck_assert_uint_lt(job.arena.total, 600 << 10); /* no copy of the weights */
    read_value(g, "w", back, 80000);
    ck_assert_mem_eq(back, data, 80000);
    const TfTensor *w = value_of(g, "w");
    ck_assert_int_eq(ftruncate(fd, 1000), 0);
    if (JOB_ENTER(&job) == JITC_OK) tf_tensor_read(&job, &src, w, back);
    ck_assert_int_eq(job.status, JITC_E_IO);
    close(fd);
    unlink(path);
    static const char *const bad[][2] = {{"/nonexistent/x.pb", "cannot be opened"},
                                         {"/tmp", "is a folder"},
                                         {"/dev/null", "is not a regular file"}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        restart();
        if (JOB_ENTER(&job) == JITC_OK) source_open(&job, &src, bad[i][0]);
        ck_assert(job.status != JITC_OK && said(bad[i][1]));
    }
}
END_TEST

Suite *decode_suite(void)
{
    Suite *s = suite_create("decode");
    TCase *c = tcase_create("decode");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, edges);
    tcase_add_test(c, bad_edges);
    tcase_add_test(c, cycles);
    tcase_add_test(c, long_chain);
    tcase_add_test(c, problem_count);
    tcase_add_test(c, names);
    tcase_add_test(c, attributes);
    tcase_add_test(c, float_tensors);
    tcase_add_test(c, other_tensors);
    tcase_add_test(c, bad_tensors);
    tcase_add_test(c, broken_encoding);
    tcase_add_test(c, truncation);
    tcase_add_test(c, memory_limit);
    tcase_add_test(c, legacy_placeholder);
    tcase_add_test(c, functions);
    tcase_add_test(c, other_formats);
    tcase_add_test(c, text);
    tcase_add_test(c, files);
    suite_add_tcase(s, c);
    return s;
}
