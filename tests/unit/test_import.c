/* The importer: text graphs with the module that they become, or the errors, in tests/file/import.
 *
 * A case is a GraphDef in text form. Its comment `# OPTIONS:` may hold --input, --output, --shape NAME=DIMS,
 * --set NAME=VALUE and --symbolic; after `# ----` the expectation follows as comments, and `# ====` starts
 * another case. With JITC_BLESS=1 in the environment the expectations are rewritten. */
#include <check.h>
#include <dirent.h>
#include <stdlib.h>

#include "frontend/import.h"
#include "tests/unit/suites.h"

enum { MAX_OPTIONS = 8 };

typedef struct {
    char text[512]; /* the options' words */
    const char *inputs[MAX_OPTIONS], *outputs[MAX_OPTIONS];
    jitc_shape shapes[MAX_OPTIONS];
    jitc_set sets[MAX_OPTIONS];
    ImportOptions o;
} Options;

static char *after_equals(char *word)
{
    char *eq = strchr(word, '=');
    ck_assert_ptr_nonnull(eq);
    *eq = 0;
    return eq + 1;
}

static void add_shape(Options *p, char *word)
{
    jitc_shape *s = &p->shapes[p->o.nshapes++];
    char *dims = after_equals(word);
    s->name = word;
    for (char *d = strtok_r(dims, ",", &dims); d; d = strtok_r(NULL, ",", &dims))
        s->dim[s->rank++] = *d == '?' ? -1 : atoll(d);
}

/* From `text` up to the end of the line. */
static void parse_options(Options *p, const char *text)
{
    memset(p, 0, sizeof *p);
    snprintf(p->text, sizeof p->text, "%.*s", (int)strcspn(text, "\n"), text);
    p->o = (ImportOptions){.inputs = p->inputs, .outputs = p->outputs, .shapes = p->shapes, .sets = p->sets};
    char *rest = p->text;
    for (char *w = strtok_r(rest, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
        char *value = strcmp(w, "--symbolic") == 0 ? w : strtok_r(NULL, " ", &rest);
        ck_assert_ptr_nonnull(value);
        if (value == w)
            p->o.symbolic = true;
        else if (strcmp(w, "--input") == 0)
            p->inputs[p->o.ninputs++] = value;
        else if (strcmp(w, "--output") == 0)
            p->outputs[p->o.noutputs++] = value;
        else if (strcmp(w, "--shape") == 0)
            add_shape(p, value);
        else if (strcmp(w, "--set") == 0) {
            jitc_set *s = &p->sets[p->o.nsets++];
            s->value = atof(after_equals(value));
            s->name = value;
        } else {
            ck_abort_msg("option %s", w);
        }
    }
}

/* What becomes of a graph, as comment lines. */
static void import_text(const char *graph, size_t n, const Options *p, Str *out)
{
    Job job;
    Source src = {.fd = -1};
    Str text = {0};
    job_init(&job, (size_t)256 << 20);
    if (JOB_ENTER(&job) == JITC_OK) {
        source_from_memory(&job, &src, graph, n);
        TfGraph *g = tf_graph_load(&job, &src);
        ImportIo io;
        Module *m = tf_import(&job, g, &src, &p->o, &io);
        ck_assert_msg(ir_verify(m, &text), "%s", str_text(&text));
        for (size_t i = 0; i < io.nin + io.nout; i++) {
            const jitc_io *t = i < io.nin ? &io.in[i] : &io.out[i - io.nin];
            str_printf(&text, "%s %s: %s[", i < io.nin ? "in" : "out", t->name, jitc_dtype_name(t->dtype));
            for (int d = 0; d < t->rank; d++)
                str_printf(&text, t->shape[d] < 0 ? "%s?" : "%s%lld", d ? "," : "", (long long)t->shape[d]);
            str_put(&text, "]\n");
        }
        ir_print(m, &text);
    }
    for (const Diag *d = job.diags; d; d = d->next) str_printf(&text, "error: %s\n", d->text);
    for (const char *line = str_text(&text); *line;) {
        size_t len = strcspn(line, "\n");
        str_printf(out, "# %.*s\n", (int)len, line);
        line += len + (line[len] == '\n');
    }
    str_free(&text);
    source_close(&src);
    job_free(&job);
}

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "rb");
    Str s = {0};
    char buf[4096];
    ck_assert_msg(f, "%s", path);
    for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;) str_putn(&s, buf, n);
    fclose(f);
    return s.at;
}

static void run_file(const char *path, bool bless)
{
    static const char sep[] = "# ====\n", expect[] = "# ----\n", options[] = "# OPTIONS:";
    char *file = read_all(path);
    Str blessed = {0};
    int number = 0;
    for (char *at = file, *next; at; at = next) {
        number++;
        next = strstr(at, sep);
        if (next) {
            *next = 0;
            next += sizeof sep - 1;
        }
        char *want = strstr(at, expect);
        size_t n = want ? (size_t)(want - at) : strlen(at);
        char *opt = strstr(at, options);
        Options p;
        parse_options(&p, opt && opt < at + n ? opt + sizeof options - 1 : "");
        Str got = {0};
        import_text(at, n, &p, &got);
        if (bless)
            str_printf(&blessed, "%s%.*s%s%s", number > 1 ? sep : "", (int)n, at, expect, str_text(&got));
        else
            ck_assert_msg(want && strcmp(want + sizeof expect - 1, str_text(&got)) == 0, "%s, case %d:\n%s",
                          path, number, str_text(&got));
        str_free(&got);
    }
    if (bless) {
        FILE *f = fopen(path, "wb");
        ck_assert_ptr_nonnull(f);
        fputs(str_text(&blessed), f);
        fclose(f);
    }
    str_free(&blessed);
    free(file);
}

START_TEST(files)
{
    static const char folder[] = "tests/file/import";
    DIR *dir = opendir(folder);
    int n = 0;
    ck_assert_msg(dir, "%s", folder);
    for (struct dirent *e; (e = readdir(dir));) {
        char path[512];
        const char *dot = strrchr(e->d_name, '.');
        if (!dot || strcmp(dot, ".pbtxt") != 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        run_file(path, getenv("JITC_BLESS") != NULL);
        n++;
    }
    closedir(dir);
    ck_assert_int_gt(n, 0);
}
END_TEST

/* -- The library's side of it ------------------------------------------------------------------------ */
static const char reshape_graph[] =
    "node { name: \"x\" op: \"Placeholder\" attr { key: \"dtype\" value { type: DT_FLOAT } }"
    " attr { key: \"shape\" value { shape { dim { size: -1 } dim { size: 3 } } } } }\n"
    "node { name: \"s\" op: \"Placeholder\" attr { key: \"dtype\" value { type: DT_INT32 } }"
    " attr { key: \"shape\" value { shape { dim { size: 2 } } } } }\n"
    "node { name: \"y\" op: \"Reshape\" input: \"x\" input: \"s\" }\n"
    "node { name: \"z\" op: \"Foo\" input: \"x\" attr { key: \"T\" value { type: DT_HALF } } }\n";

static Job job;
static Source src;

static TfGraph *load(void)
{
    source_from_memory(&job, &src, reshape_graph, strlen(reshape_graph));
    return tf_graph_load(&job, &src);
}

static void setup(void)
{
    src = (Source){.fd = -1};
    job_init(&job, 64 << 20);
}

static void teardown(void)
{
    source_close(&src);
    job_free(&job);
}

START_TEST(declared_io)
{
    static const char *const outputs[] = {"y:0"};
    ImportOptions o = {.outputs = outputs, .noutputs = 1};
    ImportIo io;
    if (JOB_ENTER(&job) != JITC_OK) ck_abort_msg("%s", job.diags ? job.diags->text : "failed");
    tf_graph_io(&job, load(), &o, &io);
    ck_assert_uint_eq(io.nin, 2);
    ck_assert_str_eq(io.in[0].name, "x");
    ck_assert_int_eq(io.in[0].rank, 2);
    ck_assert_int_eq(io.in[0].shape[0], -1);
    ck_assert_int_eq(io.in[0].shape[1], 3);
    ck_assert_int_eq(io.in[1].dtype, JITC_INT32);
    ck_assert_uint_eq(io.nout, 1);
    ck_assert_str_eq(io.out[0].name, "y");
    ck_assert_int_eq(io.out[0].rank, -1);
}
END_TEST

/* Without an import, too, unsupported nodes are reported. */
START_TEST(declared_io_refuses)
{
    ImportIo io;
    if (JOB_ENTER(&job) == JITC_OK) {
        tf_graph_io(&job, load(), &(ImportOptions){0}, &io);
        ck_abort_msg("accepted");
    }
    ck_assert_int_eq(job.status, JITC_E_INVALID);
    ck_assert_ptr_nonnull(strstr(job.diags->text, "node 'z' (Foo)"));
}
END_TEST

START_TEST(given_values)
{
    static const char *const outputs[] = {"y"};
    static const jitc_shape shapes[] = {{"x", 2, {2, 3}}};
    int32_t s[] = {3, -1};
    ImportValue value = {"s", {JITC_INT32, 1, {2}, s}};
    ImportOptions o = {
        .outputs = outputs, .noutputs = 1, .shapes = shapes, .nshapes = 1, .values = &value, .nvalues = 1};
    ImportIo io;
    if (JOB_ENTER(&job) != JITC_OK) ck_abort_msg("%s", job.diags ? job.diags->text : "failed");
    Module *m = tf_import(&job, load(), &src, &o, &io);
    ck_assert_uint_eq(ir_find_func(m, "main")->body->nargs, 2);
    ck_assert_int_eq(io.out[0].shape[0], 3);
    ck_assert_int_eq(io.out[0].shape[1], 2);
}
END_TEST

Suite *import_suite(void)
{
    Suite *s = suite_create("import");
    TCase *c = tcase_create("import");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, files);
    tcase_add_test(c, declared_io);
    tcase_add_test(c, declared_io_refuses);
    tcase_add_test(c, given_values);
    suite_add_tcase(s, c);
    return s;
}
