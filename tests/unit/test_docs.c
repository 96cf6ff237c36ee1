/* docs/ops.md and docs/passes.md are made from the tables of the code; this suite checks that they are up to
 * date. JITC_BLESS=1 in the environment rewrites them. The examples of docs/ir.md must parse. */
#include <stdlib.h>

#include "passes/pass.h"
#include "tests/unit/suites.h"

static const char *const kind_names[] = {
    [KIND_CONST] = "const",   [KIND_MAP] = "map",       [KIND_REDUCE] = "reduce",     [KIND_ROW] = "row",
    [KIND_SCAN] = "scan",     [KIND_WINDOW] = "window", [KIND_CONTRACT] = "contract", [KIND_VIEW] = "view",
    [KIND_MOVE] = "move",     [KIND_INDEX] = "index",   [KIND_ROUTINE] = "routine",   [KIND_SIZE] = "size",
    [KIND_REGION] = "region",
};
static const char *const kind_docs[] = {
    [KIND_CONST] = "No operand is read at run time.",
    [KIND_MAP] = "Elementwise, with numpy's broadcasting.",
    [KIND_REDUCE] = "Many elements become one, along the attribute `axes` or `axis`.",
    [KIND_ROW] = "Each row along the last dimension as a whole; same shape out.",
    [KIND_SCAN] = "Running results along `axis`; same shape out.",
    [KIND_WINDOW] = "Windows over an image [n,h,w,c].",
    [KIND_CONTRACT] = "Sums of products.",
    [KIND_VIEW] = "The same bytes under other dimensions.",
    [KIND_MOVE] = "Each result element is copied from a place that the attributes give.",
    [KIND_INDEX] = "The place to read from is computed, or comes from data.",
    [KIND_ROUTINE] = "Sorting and the like.",
    [KIND_SIZE] = "Sizes that only a run knows.",
    [KIND_REGION] = "Structure and control flow.",
};
static const char *const attr_names[] = {
    [ATTR_INT] = "int", [ATTR_FLOAT] = "float", [ATTR_BOOL] = "bool", [ATTR_DTYPE] = "dtype",
    [ATTR_STR] = "str", [ATTR_INTS] = "ints",   [ATTR_DIMS] = "dims",
};

static void put_attr(Str *s, const AttrDef *a)
{
    str_printf(s, "`%s`: %s", a->name, attr_names[a->kind]);
    if (!a->has_default) return;
    switch (a->kind) {
    case ATTR_BOOL: str_printf(s, " = %s", a->def != 0 ? "true" : "false"); break;
    case ATTR_DTYPE: str_printf(s, " = %s", dtype_name((DType)a->def)); break;
    case ATTR_STR: str_put(s, " = \"\""); break;
    case ATTR_INTS:
    case ATTR_DIMS: str_put(s, " = []"); break;
    default: str_printf(s, " = %g", a->def);
    }
}

static void put_count(Str *s, const OpDef *d)
{
    if (d->nin_max < 0)
        str_printf(s, "%d or more", d->nin);
    else if (d->nin_max)
        str_printf(s, "%d to %d", d->nin, d->nin_max);
    else
        str_printf(s, "%d", d->nin);
}

static void put_op(Str *s, const OpDef *d)
{
    str_printf(s, "| `%s` | ", d->name);
    put_count(s, d);
    str_put(s, " | ");
    for (int i = 0; i < IR_MAX_ATTRS && d->attrs[i].name; i++) {
        if (i) str_put(s, "; ");
        put_attr(s, &d->attrs[i]);
    }
    str_put(s, " | ");
    for (const char *c = d->doc; *c; c++) {
        if (*c == '|') str_put(s, "\\");
        str_putn(s, c, 1);
    }
    str_put(s, " |\n");
}

static void put_ops(Str *s)
{
    str_put(s, "# Ops of the IR\n\n"
               "This file is generated from the op table (`ir/ops.def`, `ir/ops/*.c`); do not edit it. After "
               "a change:\n"
               "`JITC_BLESS=1 build/tests/unit` in the project's root.\n\n"
               "An attribute without a default (`= ...`) is required. [ir.md](ir.md) describes the text form "
               "and the\n"
               "kinds of attribute. Image tensors are logically [n,h,w,c] everywhere.\n");
    for (size_t k = 0; k < COUNT(kind_names); k++) {
        bool any = false;
        for (int i = 0; i < OP_COUNT; i++) {
            const OpDef *d = op_defs[i];
            if (d->kind != (OpKind)k) continue;
            if (!any)
                str_printf(
                    s,
                    "\n## %s\n\n%s\n\n| op | operands | attributes | what it computes |\n|---|---|---|---|\n",
                    kind_names[k], kind_docs[k]);
            any = true;
            put_op(s, d);
        }
    }
}

static void put_passes(Str *s)
{
    str_put(s, "# Passes\n\n"
               "This file is generated from `passes/passes.def`; do not edit it. After a change:\n"
               "`JITC_BLESS=1 build/tests/unit` in the project's root.\n\n"
               "| pass | what it does |\n|---|---|\n");
    for (int i = 0; i < passes_count(); i++)
        str_printf(s, "| `%s` | %s |\n", passes_at(i)->name, passes_at(i)->help);
    str_put(s, "\nThe default pipeline, where `fix(...)` repeats its list until nothing changes:\n\n```\n");
    int depth = 0;
    for (const char *c = passes_default_pipeline(); *c; c++) {
        depth += (*c == '(') - (*c == ')');
        str_putn(s, c, 1);
        if (*c == ',' && !depth) str_put(s, "\n");
    }
    str_put(s, "\n```\n");
}

static void read_file(const char *path, Str *to)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s cannot be read; the unit tests run in the project's root", path);
    char chunk[4096];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f));) str_putn(to, chunk, n);
    fclose(f);
}

static void check_file(const char *path, const Str *want)
{
    if (getenv("JITC_BLESS")) {
        FILE *f = fopen(path, "wb");
        ck_assert_msg(f != NULL, "%s cannot be written", path);
        fwrite(str_text(want), 1, want->n, f);
        fclose(f);
        return;
    }
    Str got = {0};
    read_file(path, &got);
    ck_assert_msg(got.n == want->n && !memcmp(str_text(&got), str_text(want), got.n),
                  "%s is out of date; JITC_BLESS=1 rewrites it", path);
    str_free(&got);
}

START_TEST(ops_are_described)
{
    Str s = {0};
    put_ops(&s);
    check_file("docs/ops.md", &s);
    str_free(&s);
}
END_TEST

START_TEST(passes_are_described)
{
    Str s = {0};
    put_passes(&s);
    check_file("docs/passes.md", &s);
    str_free(&s);
}
END_TEST

static void check_example(const char *text, size_t n)
{
    Job job;
    Str why = {0};
    job_init(&job, 0);
    if (JOB_ENTER(&job) == JITC_OK) {
        Module *m = ir_parse(&job, text, n);
        job_stop_on_errors(&job);
        if (!ir_verify(m, &why)) job_error(&job, "%s", str_text(&why));
        job_stop_on_errors(&job);
    }
    ck_assert_msg(job.status == JITC_OK, "an example of docs/ir.md is wrong: %s\n%.*s",
                  job.diags ? job.diags->text : "", (int)n, text);
    str_free(&why);
    job_free(&job);
}

START_TEST(examples_are_valid)
{
    static const char open[] = "\n```jir\n", close[] = "\n```\n";
    Str s = {0};
    int examples = 0;
    read_file("docs/ir.md", &s);
    for (const char *at = str_text(&s); (at = strstr(at, open)); examples++) {
        at += strlen(open);
        const char *end = strstr(at, close);
        ck_assert_ptr_nonnull(end);
        check_example(at, (size_t)(end - at) + 1);
        at = end;
    }
    ck_assert_int_gt(examples, 0);
    str_free(&s);
}
END_TEST

Suite *docs_suite(void)
{
    Suite *suite = suite_create("docs");
    TCase *c = tcase_create("tables");
    tcase_add_test(c, ops_are_described);
    tcase_add_test(c, passes_are_described);
    tcase_add_test(c, examples_are_valid);
    suite_add_tcase(suite, c);
    return suite;
}
