/* File tests: input and expectation in one .jir file.
 *
 *     # RUN: opt --passes=fix(simplify,dce) [--fuel=N] [--remarks] [--no-eval]
 *     graph @main(...) { ... }
 *     # ----
 *     the expected output
 *
 * A line `# ====` starts another case of the same file. Modes:
 *     parse   parses and prints
 *     opt     runs passes and prints; the evaluator must give the same results before and after
 *     plan    runs passes, plans and prints the plan, whose memory is checked
 *     eval    evaluates @main on pseudo-random inputs and prints its results
 *     run     the same, and compiled code must give the same results
 * Diagnostics are printed as `# error: ...` lines, so negative tests are written in the same way. What is
 * printed must parse, and print alike. With JITC_BLESS=1 in the environment the expectations are rewritten.
 *
 *     filetest [--filter TEXT] FILE|FOLDER... */
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "codegen/plan/plan.h"
#include "ir/dim.h"
#include "passes/pass.h"
#include "runtime/jitc_internal.h"

typedef struct {
    const char *file;
    int number, line;
    char *mode, *pipeline;
    bool remarks, no_eval;
    int64_t fuel;
    const char *input;
    size_t ninput;
} Case;

static int failures, cases, blessed;
static const char *filter;

static void complain(const Case *c, const char *what, const char *detail)
{
    failures++;
    printf("%s:%d: case %d: %s\n%s%s", c->file, c->line, c->number, what, detail, *detail ? "\n" : "");
}

static void put_errors(Str *out, const Job *job)
{
    for (const Diag *d = job->diags; d; d = d->next) str_printf(out, "# error: %s\n", d->text);
    if (job->status != JITC_OK && !job->diags) str_printf(out, "# error: status %d\n", (int)job->status);
}

/* -- Evaluation -------------------------------------------------------------------------------- */
/* Sizes for the symbols of @main's arguments, in the order in which they occur. */
static Type sized(DimEnv *e, const Type *t, int *count)
{
    static const int64_t size[] = {3, 2, 5, 4};
    Type r = *t;
    for (int d = 0; d < t->rank; d++)
        if (dim_is_sym(e->m, t->dim[d]) && !dim_env_eval(e, t->dim[d], &r.dim[d]))
            dim_env_set(e, t->dim[d], size[(*count)++ % (int)COUNT(size)]);
    for (int d = 0; d < t->rank; d++)
        if (!dim_env_eval(e, t->dim[d], &r.dim[d]))
            job_bug(e->m->job, "an argument of a size that is not told");
    return r;
}

static uint32_t noise(uint64_t *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(*state >> 33);
}

static void fill(Tensor *t, uint64_t seed)
{
    uint64_t state = seed * 977 + 12345;
    int64_t n = type_numel(&t->type);
    noise(&state);
    for (int64_t i = 0; i < n; i++) {
        uint32_t r = noise(&state);
        if (dtype_is_float(t->type.dtype))
            tensor_set_f(t, i, (double)(r % 4001) / 1000 - 2);
        else
            tensor_set_i(t, i, t->type.dtype == JITC_BOOL ? r % 2 : r % 3);
    }
}

typedef struct {
    Job job;
    Tensor *arg, *result;
    int n, nargs;
    bool ok;
} Run;

static void run_main(Run *r, const char *text, size_t n)
{
    job_init(&r->job, (size_t)2 << 30);
    if (JOB_ENTER(&r->job) == JITC_OK) {
        Module *m = ir_parse(&r->job, text, n);
        job_stop_on_errors(&r->job);
        const Func *f = ir_find_func(m, "main");
        const Op *end = f ? ir_terminator(f->body) : NULL;
        if (end) {
            Tensor *args = job_array(&r->job, Tensor, f->body->nargs + 1);
            DimEnv dims = {.m = m};
            int symbols = 0;
            for (uint32_t i = 0; i < f->body->nargs; i++) {
                Type t = sized(&dims, &f->body->args[i]->type, &symbols);
                args[i] = tensor_new(&r->job, &t);
                fill(&args[i], i);
            }
            r->arg = args;
            r->nargs = (int)f->body->nargs;
            r->n = end->nin;
            r->result = job_array(&r->job, Tensor, end->nin + 1);
            ir_eval_region(m, f->body, args, r->result);
            r->ok = true;
        }
    }
}

static bool near(const Tensor *a, const Tensor *b, Str *why)
{
    if (!type_equal(&a->type, &b->type)) {
        str_put(why, "types differ");
        return false;
    }
    int64_t n = type_numel(&a->type);
    double scale = 1;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(tensor_f(a, i))) scale = fmax(scale, fabs(tensor_f(a, i)));
    for (int64_t i = 0; i < n; i++) {
        double x = tensor_f(a, i), y = tensor_f(b, i);
        if ((x != x && y != y) || x == y || fabs(x - y) <= 1e-5 * scale) continue;
        str_printf(why, "element %lld is %.9g, not %.9g", (long long)i, y, x);
        return false;
    }
    return true;
}

static void compare(const Case *c, const char *after, size_t nafter)
{
    Run a = {0}, b = {0};
    run_main(&a, c->input, c->ninput);
    run_main(&b, after, nafter);
    Str why = {0};
    if (!a.ok || !b.ok) {
        put_errors(&why, a.ok ? &b.job : &a.job);
        complain(c, a.ok ? "the result cannot be evaluated" : "the input cannot be evaluated",
                 str_text(&why));
    } else if (a.n != b.n) {
        complain(c, "another number of results", "");
    } else {
        for (int i = 0; i < a.n; i++) {
            if (near(&a.result[i], &b.result[i], &why)) continue;
            complain(c, "the evaluator gives other results", str_text(&why));
            break;
        }
    }
    str_free(&why);
    job_free(&a.job);
    job_free(&b.job);
}

/* -- Modes ------------------------------------------------------------------------------------- */
static bool print_case(const Case *c, Str *out)
{
    Job job;
    Str why = {0};
    bool ok = false;
    job_init(&job, (size_t)2 << 30);
    if (JOB_ENTER(&job) == JITC_OK) {
        Module *m = ir_parse(&job, c->input, c->ninput);
        job_stop_on_errors(&job);
        if (!ir_verify(m, &why)) job_error(&job, "verifier: %s", str_text(&why));
        job_stop_on_errors(&job);
        m->fuel = c->fuel;
        if (strcmp(c->mode, "parse") != 0) passes_run(m, c->pipeline, &(PassOptions){.verify = true});
        if (strcmp(c->mode, "plan") == 0) {
            Plan *p = plan_make(m, &(Machine){.l2 = 1 << 20, .panels = 4});
            if (!plan_check(p, &why)) job_error(&job, "plan: %s", str_text(&why));
            plan_print(p, out);
        } else {
            ir_print(m, out);
        }
        if (c->remarks)
            for (const Remark *r = m->remarks; r; r = r->next)
                str_printf(out, "# remark: %s: %s: %s\n", r->pass, ir_node_name(m, r->from), r->text);
        ok = true;
    }
    put_errors(out, &job);
    str_free(&why);
    job_free(&job);
    return ok;
}

/* The text without provenance, whose order is that of the importer's nodes. */
static char *plain(const char *text)
{
    char *copy = strdup(text), *to = copy;
    for (const char *s = copy; *s;) {
        size_t n = strcspn(s, "\n");
        const char *at = memmem(s, n, "  @\"", 4);
        size_t keep = at ? (size_t)(at - s) : n;
        memmove(to, s, keep);
        to += keep;
        s += n;
        if (*s) *to++ = *s++;
    }
    *to = 0;
    return copy;
}

static void check_round_trip(const Case *c, const char *text, size_t n)
{
    Job job;
    Str again = {0};
    job_init(&job, (size_t)2 << 30);
    if (JOB_ENTER(&job) == JITC_OK) {
        Module *m = ir_parse(&job, text, n);
        job_stop_on_errors(&job);
        ir_print(m, &again);
    }
    put_errors(&again, &job);
    char *a = plain(text), *b = plain(str_text(&again));
    if (strncmp(a, b, strlen(b)) != 0)
        complain(c, "what is printed does not parse to the same", str_text(&again));
    free(a);
    free(b);
    str_free(&again);
    job_free(&job);
}

/* The compiled program, twice with one exec: it must give what the evaluator gives. */
static void run_compiled(const Case *c, const Run *r)
{
    jitc_program *p = NULL;
    jitc_exec *x = NULL;
    jitc_error *e = NULL;
    jitc_options o = JITC_OPTIONS_INIT;
    o.threads = 2;
    Str why = {0};
    if (program_load_ir(c->input, c->ninput, *c->pipeline ? c->pipeline : NULL, &o, &p, &e)) {
        str_put(&why, jitc_error_text(e));
    } else if (jitc_exec_new(p, &x)) {
        str_put(&why, "no exec");
    }
    for (int i = 0; x && i < r->nargs; i++) {
        jitc_tensor t = {.dtype = (jitc_dtype)r->arg[i].type.dtype, .rank = r->arg[i].type.rank};
        memcpy(t.shape, r->arg[i].type.dim, sizeof t.shape);
        t.data = r->arg[i].data;
        if (jitc_exec_bind(x, jitc_program_input(p, (size_t)i)->name, &t)) str_put(&why, jitc_exec_error(x));
    }
    for (int round = 0; x && round < 2 && !why.n; round++) {
        bool failed = jitc_exec_run(x) != JITC_OK;
        if (failed && r->ok) str_put(&why, jitc_exec_error(x));
        if (!failed && !r->ok) str_put(&why, "it runs, but the evaluator fails");
        for (int i = 0; !failed && r->ok && i < r->n && !why.n; i++) {
            jitc_tensor t;
            jitc_exec_output(x, (size_t)i, &t);
            Tensor got = {type_make((DType)t.dtype, t.rank, t.shape), t.data};
            near(&r->result[i], &got, &why);
        }
    }
    if (why.n) complain(c, "compiled code gives something else than the evaluator", str_text(&why));
    str_free(&why);
    jitc_exec_free(x);
    jitc_program_free(p);
    jitc_error_free(e);
}

static void eval_case(const Case *c, Str *out)
{
    Run r = {0};
    run_main(&r, c->input, c->ninput);
    if (strcmp(c->mode, "run") == 0) run_compiled(c, &r);
    for (int i = 0; r.ok && i < r.n; i++) {
        const Tensor *t = &r.result[i];
        int64_t n = type_numel(&t->type);
        Module m = {0};
        type_print(&m, out, &t->type);
        for (int64_t k = 0; k < n && k < 64; k++) str_printf(out, " %.6g", tensor_f(t, k));
        str_put(out, n > 64 ? " ...\n" : "\n");
    }
    put_errors(out, &r.job);
    job_free(&r.job);
}

/* -- Files ------------------------------------------------------------------------------------- */
static const char *find_line(const char *text, const char *line)
{
    size_t n = strlen(line);
    for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n')
        if (strncmp(s, line, n) == 0 && (s[n] == '\n' || !s[n])) return s;
    return NULL;
}

static void show_difference(const Case *c, const char *want, const char *got)
{
    int line = 1;
    while (*want && *want == *got) line += *want == '\n', want++, got++;
    while (line > 1 && want[-1] != '\n') want--, got--;
    Str s = {0};
    str_printf(&s, "  line %d of the output\n  expected: %.*s\n  got:      %.*s", line,
               (int)strcspn(want, "\n"), want, (int)strcspn(got, "\n"), got);
    complain(c, "the output differs", str_text(&s));
    str_free(&s);
}

/* Reads the RUN line; false: reported. */
static bool read_run(Case *c, const char *text, size_t n, char *buf, size_t cap)
{
    const char *s = memmem(text, n, "# RUN:", 6);
    size_t len = s ? strcspn(s, "\n") : 0;
    if (!s || len >= cap) {
        complain(c, "no '# RUN:' line", "");
        return false;
    }
    memcpy(buf, s + 6, len - 6);
    buf[len - 6] = 0;
    char *save, *word = strtok_r(buf, " \t", &save);
    c->mode = word ? word : "";
    c->pipeline = "";
    c->fuel = INT64_MAX;
    while ((word = strtok_r(NULL, " \t", &save))) {
        if (strncmp(word, "--passes=", 9) == 0)
            c->pipeline =
                strcmp(word + 9, "default") == 0 ? (char *)(uintptr_t)passes_default_pipeline() : word + 9;
        else if (strncmp(word, "--fuel=", 7) == 0)
            c->fuel = strtoll(word + 7, NULL, 10);
        else if (strcmp(word, "--remarks") == 0)
            c->remarks = true;
        else if (strcmp(word, "--no-eval") == 0)
            c->no_eval = true;
        else
            complain(c, "an unknown word in the RUN line", word);
    }
    return true;
}

/* Runs one case, `text` up to `n`; the rewritten case goes to `out`. */
static void run_case(Case *c, const char *text, size_t n, Str *out)
{
    char buf[1024], *copy = strndup(text, n);
    const char *bar = find_line(copy, "# ----"), *want = bar ? bar + strlen("# ----") : copy + n;
    want += *want == '\n';
    c->input = copy;
    c->ninput = bar ? (size_t)(bar - copy) : n;
    cases++;
    Str got = {0};
    if (read_run(c, copy, c->ninput, buf, sizeof buf)) {
        if (strcmp(c->mode, "parse") == 0 || strcmp(c->mode, "opt") == 0) {
            if (print_case(c, &got)) {
                check_round_trip(c, str_text(&got), got.n);
                if (strcmp(c->mode, "opt") == 0 && !c->no_eval) compare(c, str_text(&got), got.n);
            }
        } else if (strcmp(c->mode, "plan") == 0) {
            print_case(c, &got);
        } else if (strcmp(c->mode, "eval") == 0 || strcmp(c->mode, "run") == 0) {
            eval_case(c, &got);
        } else {
            complain(c, "an unknown mode", c->mode);
        }
        if (getenv("JITC_BLESS"))
            blessed += strcmp(str_text(&got), want) != 0;
        else if (strcmp(str_text(&got), want) != 0)
            show_difference(c, want, str_text(&got));
    }
    str_putn(out, copy, c->ninput);
    str_printf(out, "%s# ----\n%s", c->ninput && copy[c->ninput - 1] != '\n' ? "\n" : "", str_text(&got));
    str_free(&got);
    free(copy);
}

static void run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        printf("%s: cannot be read\n", path);
        failures++;
        return;
    }
    Str text = {0}, out = {0};
    char chunk[4096];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f));) str_putn(&text, chunk, n);
    fclose(f);
    int number = 1, line = 1;
    for (const char *s = str_text(&text); *s; number++) {
        const char *end = find_line(s, "# ====");
        size_t n = end ? (size_t)(end - s) : strlen(s);
        Case c = {.file = path, .number = number, .line = line};
        run_case(&c, s, n, &out);
        for (size_t i = 0; i < n; i++) line += s[i] == '\n';
        s += n;
        if (!end) break;
        str_put(&out, "# ====\n");
        s += strcspn(s, "\n");
        s += *s == '\n';
        line++;
    }
    if (getenv("JITC_BLESS") && strcmp(str_text(&out), str_text(&text)) != 0 && (f = fopen(path, "wb"))) {
        fwrite(str_text(&out), 1, out.n, f);
        fclose(f);
    }
    str_free(&text);
    str_free(&out);
}

static void walk(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        if (!filter || strstr(path, filter)) run_file(path);
        return;
    }
    struct dirent **list;
    int n = scandir(path, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        const char *name = list[i]->d_name;
        size_t len = strlen(name);
        bool folder =
            list[i]->d_type == DT_DIR && name[0] != '.' && strcmp(name, "kernels") != 0; /* kerneltest's */
        if (folder || (len > 4 && strcmp(name + len - 4, ".jir") == 0)) {
            Str s = {0};
            str_printf(&s, "%s/%s", path, name);
            walk(str_text(&s));
            str_free(&s);
        }
        free(list[i]);
    }
    if (n >= 0) free(list);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--filter") == 0 && i + 1 < argc)
            filter = argv[++i];
        else
            walk(argv[i]);
    }
    if (getenv("JITC_BLESS")) printf("filetest: %d expectations rewritten\n", blessed);
    printf("filetest: %d cases, %d failed\n", cases, failures);
    return failures || !cases;
}
