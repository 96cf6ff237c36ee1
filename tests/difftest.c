/* Runs models in several ways, for scripts/random_graphs.py and keras_models.py, which compare what comes
 * out.
 *
 *     difftest [OUTPUT ...]
 *
 * Each line of standard input is a job: MODEL PREFIX INPUTS.npz,... WAY ..., separated by tabs; each INPUTS
 * is a set of inputs, one after the other given to the same program. A WAY is
 *
 *     eval                     the reference evaluator on the graph as imported
 *     eval:PASSES              … after passes
 *     code:CPU:THREADS:PASSES  compiled code; no PASSES: the default ones
 *     quick:CPU:THREADS:PASSES compiled by LLVM's fastest code generation
 *     open:CPU:THREADS:PASSES  the same, of code for all sizes of the first dimensions, as far as it can be
 *     aot:CPU:THREADS          an object file, loaded; 1 thread: one share, more: several
 *     far:CPU:THREADS          the same for another system, run there: see tests/run_far.h
 *
 * Code computes the OUTPUTs named. Kernels are compiled once, whatever graph they are of. The outputs of way
 * k for set j go to PREFIXk.j.npz. The answer is a line for each way, "ok", or "STATUS MESSAGE"; an empty
 * line ends it. */
#include <stdlib.h>

#include "ir/ir.h"
#include "passes/pass.h"
#include "runtime/jitc_internal.h"
#include "runtime/npz.h"
#include "tests/memo.h"
#include "tests/run_aot.h"

enum { MAX_SETS = 4, MAX_LINE = 16384, MAX_TENSORS = 20 };

typedef struct {
    const char *model, *prefix;
    NpzFile set[MAX_SETS];
    int nsets;
    const char *const *outputs;
    size_t noutputs;
} Task;

static void answer(jitc_status status, const char *text)
{
    printf("%d ", (int)status);
    for (; *text; text++) putchar(*text == '\n' ? ';' : *text);
    putchar('\n');
}

static jitc_status save(const Task *t, int way, int set, const NpzMember *members, size_t n)
{
    char path[4096], *why = NULL;
    snprintf(path, sizeof path, "%s%d.%d.npz", t->prefix, way, set);
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

static const jitc_tensor *input_named(const NpzFile *set, const char *name)
{
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->at[i].name, name) == 0) return &set->at[i].value;
    return NULL;
}

static void eval_model(Job *job, const Task *t, int way, int k, const char *passes)
{
    const NpzFile *set = &t->set[k];
    Source *src = job_new(job, Source);
    src->fd = -1;
    job_on_exit(job, close_source, src);
    source_open(job, src, t->model);
    const TfGraph *g = tf_graph_load(job, src);
    jitc_shape *shapes = job_array(job, jitc_shape, set->n + 1);
    for (size_t i = 0; i < set->n; i++) {
        const jitc_tensor *v = &set->at[i].value;
        shapes[i] = (jitc_shape){.name = set->at[i].name, .rank = v->rank};
        memcpy(shapes[i].dim, v->shape, sizeof shapes[i].dim);
    }
    ImportIo io;
    Module *m = tf_import(job, g, src, &(ImportOptions){.shapes = shapes, .nshapes = set->n}, &io);
    if (passes) passes_run(m, *passes ? passes : passes_default_pipeline(), &(PassOptions){.verify = true});
    Tensor *in = job_array(job, Tensor, io.nin + 1), *out = job_array(job, Tensor, io.nout + 1);
    const Region *main = ir_find_func(m, "main")->body;
    for (size_t i = 0; i < io.nin; i++) {
        const jitc_tensor *v = input_named(set, io.in[i].name);
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
    if (save(t, way, k, members, io.nout) == JITC_OK && k == t->nsets - 1) puts("ok");
}

static jitc_status eval_set(const Task *t, int way, int set, const char *passes)
{
    static Job job;
    job_init(&job, 0);
    if (JOB_ENTER(&job) == JITC_OK) {
        eval_model(&job, t, way, set, passes);
    } else {
        Str s = {0};
        str_diags(&s, &job);
        answer(job.status, str_text(&s));
        str_free(&s);
    }
    jitc_status status = job.status;
    job_free(&job);
    return status;
}

static void eval_way(const Task *t, int way, const char *passes)
{
    for (int k = 0; k < t->nsets && eval_set(t, way, k, passes) == JITC_OK; k++) {}
}

/* -- Compiled code ---------------------------------------------------------------------------------- */
static jitc_status run_set(const Task *t, int way, int k, jitc_program *p, jitc_exec *x)
{
    const NpzFile *set = &t->set[k];
    jitc_status status = JITC_OK;
    exec_fix_random(x);
    for (size_t i = 0; !status && i < set->n; i++)
        status = jitc_exec_bind(x, set->at[i].name, &set->at[i].value);
    if (!status) status = jitc_exec_run(x);
    size_t n = jitc_program_output_count(p);
    NpzMember *members = calloc(n + 1, sizeof *members);
    for (size_t i = 0; members && !status && i < n; i++) {
        members[i].name = (char *)(uintptr_t)jitc_program_output(p, i)->name;
        status = jitc_exec_output(x, i, &members[i].value);
    }
    if (status)
        answer(status, jitc_exec_error(x));
    else
        status = members ? save(t, way, k, members, n) : JITC_E_NOMEM;
    free(members);
    return status;
}

static void code_way(const Task *t, int way, bool open, char *words)
{
    jitc_options options = JITC_OPTIONS_INIT;
    options.cpu = strsep(&words, ":");
    const char *threads = strsep(&words, ":");
    options.threads = threads ? atoi(threads) : 1;
    options.outputs = t->noutputs ? t->outputs : NULL;
    options.noutputs = t->noutputs;
    jitc_program *p;
    jitc_exec *x = NULL;
    jitc_error *error = NULL;
    jitc_status status = program_load_passes(t->model, words && *words ? words : NULL, &options, &p, &error);
    if (!status) status = jitc_exec_new(p, &x);
    if (status) answer(status, error ? jitc_error_text(error) : "no exec");
    if (!status && open) program_generalise(p);
    for (int k = 0; k < t->nsets && !status; k++) status = run_set(t, way, k, p, x);
    if (!status) puts("ok");
    jitc_error_free(error);
    jitc_exec_free(x);
    jitc_program_free(p);
}

/* Ahead of time: with the dimensions open that the graph leaves open; where that cannot be, for the sizes of
 * the inputs. */
static bool try_aot(const Task *t, int way, int k, jitc_options options, const AotWay *how, bool fixed,
                    Str *why)
{
    const NpzFile *set = &t->set[k];
    jitc_shape shapes[MAX_TENSORS];
    jitc_tensor out[MAX_TENSORS] = {0};
    const jitc_tensor *in[MAX_TENSORS] = {0};
    jitc_program *p = NULL;
    jitc_error *error = NULL;
    for (size_t i = 0; fixed && i < set->n && i < MAX_TENSORS; i++) {
        const jitc_tensor *v = &set->at[i].value;
        shapes[options.nshapes] = (jitc_shape){.name = set->at[i].name, .rank = v->rank};
        memcpy(shapes[options.nshapes++].dim, v->shape, sizeof v->shape);
    }
    options.shapes = shapes;
    jitc_status status = jitc_program_load(t->model, &options, &p, &error);
    if (status) str_put(why, error ? jitc_error_text(error) : "no reason given");
    jitc_error_free(error);
    size_t nin = p ? jitc_program_input_count(p) : 0, nout = p ? jitc_program_output_count(p) : 0;
    if (nin > MAX_TENSORS || nout > MAX_TENSORS) str_put(why, "too many tensors");
    for (size_t i = 0; i < nin && !why->n; i++)
        if (!(in[i] = input_named(set, jitc_program_input(p, i)->name)))
            str_put(why, "an input is not given");
    bool ran = true;
    AotWay tell = *how;
    tell.ran = &ran;
    if (!why->n) run_aot(p, &tell, in, nin, out, nout, why);
    if (!why->n && !ran) str_put(why, "the emulator cannot run it");
    if (!why->n) {
        NpzMember members[MAX_TENSORS];
        for (size_t i = 0; i < nout; i++)
            members[i] = (NpzMember){(char *)(uintptr_t)jitc_program_output(p, i)->name, out[i]};
        if (save(t, way, k, members, nout)) str_put(why, "cannot write");
    }
    for (size_t i = 0; i < MAX_TENSORS; i++) free(out[i].data);
    jitc_program_free(p);
    return why->n == 0;
}

static void aot_way(const Task *t, int way, const Far *far, char *words)
{
    jitc_options options = JITC_OPTIONS_INIT;
    AotWay how = {.cpu = strsep(&words, ":"), .far = far};
    options.flags |= JITC_LAZY;
    how.shares = words && atoi(words) > 1;
    bool ok = true;
    options.outputs = t->noutputs ? t->outputs : NULL;
    options.noutputs = t->noutputs;
    for (int k = 0; k < t->nsets && ok; k++) {
        Str why = {0};
        ok = try_aot(t, way, k, options, &how, false, &why);
        if (!ok) {
            why.n = 0;
            ok = try_aot(t, way, k, options, &how, true, &why);
        }
        if (!ok) answer(JITC_E_INVALID, str_text(&why));
        str_free(&why);
    }
    if (ok) puts("ok");
}

static void run_way(const Task *t, int way, char *words)
{
    const char *kind = strsep(&words, ":");
    Far far;
    memo_quick(strcmp(kind, "code") != 0);
    if (strcmp(kind, "eval") == 0)
        eval_way(t, way, words);
    else if (strcmp(kind, "aot") == 0)
        aot_way(t, way, NULL, words);
    else if (strcmp(kind, "far") == 0 && far_from_environment(&far))
        aot_way(t, way, &far, words);
    else if (strcmp(kind, "far") == 0)
        answer(JITC_E_USAGE, "FAR_TARGET is not set");
    else
        code_way(t, way, strcmp(kind, "open") == 0, words);
}

static jitc_status read_sets(Task *t, char *paths, char **why)
{
    jitc_status status = JITC_OK;
    for (char *path; !status && t->nsets < MAX_SETS && (path = strsep(&paths, ","));)
        status = npz_read(path, &t->set[t->nsets++], why);
    return status;
}

int main(int argc, char **argv)
{
    static char line[MAX_LINE];
    if (!memo_install()) return 2;
    while (fgets(line, sizeof line, stdin)) {
        char *rest = line, *way, *why = NULL;
        line[strcspn(line, "\n")] = 0;
        Task t = {.outputs = (const char *const *)argv + 1, .noutputs = (size_t)argc - 1};
        t.model = strsep(&rest, "\t");
        t.prefix = strsep(&rest, "\t");
        char *inputs = strsep(&rest, "\t");
        if (!inputs) return 2;
        jitc_status status = read_sets(&t, inputs, &why);
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
        for (int k = 0; k < t.nsets; k++) npz_free(&t.set[k]);
        memo_trim();
    }
    return 0;
}
