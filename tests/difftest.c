/* Runs models in several ways, for scripts/random_graphs.py and keras_models.py, which compare what comes
 * out.
 *
 *     difftest [OUTPUT ...]
 *
 * Each line of standard input is a job: MODEL INPUTS.npz PREFIX WAY ..., separated by tabs. A WAY is "eval"
 * or "eval:PASSES" (the reference evaluator on the graph as imported, or after passes), or
 * "code:CPU:THREADS:PASSES" (compiled code; no PASSES: the default ones), or "sizes:CPU:THREADS:OTHER.npz"
 * (code that runs INPUTS, then OTHER, then INPUTS again). The outputs of way k go to PREFIXk.npz, and those
 * of OTHER to PREFIXk.other.npz. Code computes the OUTPUTs named. The answer is a line for each way, "ok", or
 * "STATUS MESSAGE"; an empty line ends it. */
#include <stdlib.h>

#include "ir/ir.h"
#include "passes/pass.h"
#include "runtime/jitc_internal.h"
#include "runtime/npz.h"

enum { MAX_WAYS = 16, MAX_LINE = 16384 };

typedef struct {
    const char *model, *prefix;
    NpzFile in;
    const char *const *outputs;
    size_t noutputs;
} Task;

static void answer(jitc_status status, const char *text)
{
    printf("%d ", (int)status);
    for (; *text; text++) putchar(*text == '\n' ? ';' : *text);
    putchar('\n');
}

static jitc_status save(const Task *t, int way, const char *suffix, const NpzMember *members, size_t n)
{
    char path[4096], *why = NULL;
    snprintf(path, sizeof path, "%s%d%s", t->prefix, way, suffix);
    jitc_status status = npz_write(path, members, n, &why);
    if (status) answer(status, why ? why : "out of memory");
    free(why);
    return status;
}

/* -- The evaluator ---------------------------------------------------------------------------------- */
static void close_source(void *s)
{
    source_close(s);
}

static const jitc_tensor *input_named(const Task *t, const char *name)
{
    for (size_t i = 0; i < t->in.n; i++)
        if (strcmp(t->in.at[i].name, name) == 0) return &t->in.at[i].value;
    return NULL;
}

static void eval_model(Job *job, const Task *t, int way, const char *passes)
{
    Source *src = job_new(job, Source);
    src->fd = -1;
    job_on_exit(job, close_source, src);
    source_open(job, src, t->model);
    const TfGraph *g = tf_graph_load(job, src);
    jitc_shape *shapes = job_array(job, jitc_shape, t->in.n + 1);
    for (size_t i = 0; i < t->in.n; i++) {
        const jitc_tensor *v = &t->in.at[i].value;
        shapes[i] = (jitc_shape){.name = t->in.at[i].name, .rank = v->rank};
        memcpy(shapes[i].dim, v->shape, sizeof shapes[i].dim);
    }
    ImportIo io;
    Module *m = tf_import(job, g, src, &(ImportOptions){.shapes = shapes, .nshapes = t->in.n}, &io);
    if (passes) passes_run(m, *passes ? passes : passes_default_pipeline(), &(PassOptions){.verify = true});
    Tensor *in = job_array(job, Tensor, io.nin + 1), *out = job_array(job, Tensor, io.nout + 1);
    const Region *main = ir_find_func(m, "main")->body;
    for (size_t i = 0; i < io.nin; i++) {
        const jitc_tensor *v = input_named(t, io.in[i].name);
        if (!v) {
            job_error(job, "input '%s' is not given", io.in[i].name);
            job_fail(job, JITC_E_USAGE);
        }
        in[i] = (Tensor){main->args[i]->type, v->data};
    }
    ir_eval_region(m, main, in, out);
    NpzMember *members = job_array(job, NpzMember, io.nout + 1);
    for (size_t i = 0; i < io.nout; i++) {
        jitc_tensor *v = &members[i].value;
        members[i].name = job_strndup(job, io.out[i].name, strlen(io.out[i].name));
        *v = (jitc_tensor){.dtype = (jitc_dtype)out[i].type.dtype, .rank = out[i].type.rank};
        memcpy(v->shape, out[i].type.dim, sizeof v->shape);
        v->data = out[i].data;
    }
    if (save(t, way, ".npz", members, io.nout) == JITC_OK) puts("ok");
}

static void eval_way(const Task *t, int way, const char *passes)
{
    static Job job;
    job_init(&job, 0);
    if (JOB_ENTER(&job) == JITC_OK) {
        eval_model(&job, t, way, passes);
    } else {
        Str s = {0};
        for (const Diag *d = job.diags; d; d = d->next) str_printf(&s, "%s%s", s.n ? "\n" : "", d->text);
        answer(job.status, str_text(&s));
        str_free(&s);
    }
    job_free(&job);
}

/* -- Compiled code ---------------------------------------------------------------------------------- */
static jitc_status run_program(const Task *t, int way, jitc_program *p, jitc_exec *x, const NpzFile *in,
                               const char *suffix)
{
    jitc_status status = JITC_OK;
    if (x) exec_fix_random(x);
    for (size_t i = 0; !status && i < in->n; i++)
        status = jitc_exec_bind(x, in->at[i].name, &in->at[i].value);
    if (!status) status = jitc_exec_run(x);
    size_t n = jitc_program_output_count(p);
    NpzMember *members = calloc(n + 1, sizeof *members);
    for (size_t i = 0; members && !status && i < n; i++) {
        members[i].name = (char *)(uintptr_t)jitc_program_output(p, i)->name;
        status = jitc_exec_output(x, i, &members[i].value);
    }
    if (status)
        answer(status, jitc_exec_error(x));
    else if (members)
        status = save(t, way, suffix, members, n);
    free(members);
    return status;
}

static void run_sizes(const Task *t, int way, jitc_program *p, jitc_exec *x, const char *other)
{
    NpzFile z;
    char *why = NULL;
    jitc_status status = npz_read(other, &z, &why);
    if (status) answer(status, why ? why : "out of memory");
    if (!status) status = run_program(t, way, p, x, &t->in, ".npz");
    if (!status) status = run_program(t, way, p, x, &z, ".other.npz");
    if (!status) status = run_program(t, way, p, x, &t->in, ".npz");
    if (!status) puts("ok");
    free(why);
    npz_free(&z);
}

static void code_way(const Task *t, int way, char *words, bool sizes)
{
    jitc_options options = JITC_OPTIONS_INIT;
    options.cpu = strsep(&words, ":");
    const char *threads = strsep(&words, ":"), *passes = sizes || !words || !*words ? NULL : words;
    options.threads = threads ? atoi(threads) : 1;
    options.outputs = t->noutputs ? t->outputs : NULL;
    options.noutputs = t->noutputs;
    jitc_program *p;
    jitc_exec *x = NULL;
    jitc_error *error = NULL;
    jitc_status status = program_load_passes(t->model, passes, &options, &p, &error);
    if (!status) status = jitc_exec_new(p, &x);
    if (status)
        answer(status, error ? jitc_error_text(error) : "no exec");
    else if (sizes)
        run_sizes(t, way, p, x, words ? words : "");
    else if (run_program(t, way, p, x, &t->in, ".npz") == JITC_OK)
        puts("ok");
    jitc_error_free(error);
    jitc_exec_free(x);
    jitc_program_free(p);
}

static void run_way(const Task *t, int way, char *words)
{
    const char *kind = strsep(&words, ":");
    if (strcmp(kind, "code") == 0 || strcmp(kind, "sizes") == 0)
        code_way(t, way, words, *kind == 's');
    else
        eval_way(t, way, words);
}

int main(int argc, char **argv)
{
    static char line[MAX_LINE];
    while (fgets(line, sizeof line, stdin)) {
        char *rest = line, *way, *why = NULL;
        line[strcspn(line, "\n")] = 0;
        Task t = {.outputs = (const char *const *)argv + 1, .noutputs = (size_t)argc - 1};
        t.model = strsep(&rest, "\t");
        const char *inputs = strsep(&rest, "\t");
        t.prefix = strsep(&rest, "\t");
        if (!inputs || !t.prefix) return 2;
        jitc_status status = npz_read(inputs, &t.in, &why);
        for (int k = 0; (way = strsep(&rest, "\t")); k++) {
            if (status)
                answer(status, why ? why : "out of memory");
            else
                run_way(&t, k, way);
            fflush(stdout);
        }
        putchar('\n');
        fflush(stdout);
        free(why);
        npz_free(&t.in);
    }
    return 0;
}
