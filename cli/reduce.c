/* jitc reduce: a smaller graph that fails in the same way. Each try runs in a child process, because what is
 * looked for may be a crash. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/compare.h"
#include "frontend/encode.h"
#include "runtime/npz.h"

enum { TRY_SECONDS = 120, MAX_ERRORS = 1 << 20 };

typedef struct {
    Options *o;
    const Model *m;
    Binding *all;       /* as the command line has it */
    VEC(Bound) in;      /* what is given now */
    const char *output; /* NULL: as the command line has it */
    NpzFile *values;    /* tensors that may become inputs */
    const char *temp;
    unsigned tries;
} Reduction;

/* -- One try -------------------------------------------------------------------------------------------- */
typedef ExitStatus ChildFn(Options *o, const Reduction *r);

static _Noreturn void child_main(const Reduction *r, ChildFn *fn, int err)
{
    static Job job;
    static Options o;
    static int status;
    int null = open("/dev/null", O_WRONLY);
    if (null < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0) _exit(EXIT_UNUSABLE);
    alarm(TRY_SECONDS);
    o = *r->o;
    job_init(&job, o.max_memory);
    o.job = &job;
    o.quiet = true;
    if (JOB_ENTER(&job) == JITC_OK) {
        status = fn(&o, r);
    } else {
        for (const Diag *d = job.diags; d; d = d->next) say_lines("error", d->text);
        status = exit_status(job.status);
    }
    fflush(NULL);
    _exit(status);
}

static _Noreturn void no_process(Job *job)
{
    job_error(job, "reduce: no process can be started");
    job_fail(job, JITC_E_IO);
}

/* The status as wait() gives it; *errors gets what went to standard error. */
static int run_child(const Reduction *r, ChildFn *fn, Str *errors)
{
    Job *job = r->o->job;
    FILE *f = tmpfile();
    int status = 0;
    fflush(NULL);
    if (!f) no_process(job);
    pid_t pid = fork();
    if (pid == 0) child_main(r, fn, fileno(f));
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        fclose(f);
        no_process(job);
    }
    rewind(f);
    char part[4096];
    for (size_t n; errors->n < MAX_ERRORS && (n = fread(part, 1, sizeof part, f)) > 0;)
        str_putn(errors, part, n);
    fclose(f);
    return status;
}

static Binding *binding_of(Job *job, const Reduction *r)
{
    Binding *b = job_new(job, Binding);
    for (uint32_t i = 0; i < r->in.n; i++) {
        const Bound *in = &r->in.at[i];
        jitc_shape s = {.name = in->name, .rank = in->value.rank};
        memcpy(s.dim, in->value.shape, sizeof s.dim);
        vec_push(job, &b->in, *in);
        vec_push(job, &b->in_names, in->name);
        vec_push(job, &b->shapes, s);
    }
    if (r->output)
        vec_push(job, &b->out_names, r->output);
    else
        b->out_names = r->all->out_names;
    b->import = r->all->import;
    b->import.inputs = b->in_names.at;
    b->import.ninputs = b->in_names.n;
    b->import.outputs = b->out_names.at;
    b->import.noutputs = b->out_names.n;
    b->import.shapes = b->shapes.at;
    b->import.nshapes = b->shapes.n;
    return b;
}

static ExitStatus try_here(Options *o, const Reduction *r)
{
    return compare_model(o, r->m, binding_of(o->job, r));
}

static bool is_failure(const Reduction *r, int status, const Str *errors)
{
    const char *check = r->o->check, *text = str_text(errors);
    if (check && strcmp(check, "crash") == 0)
        return WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DEFECT);
    if (!WIFEXITED(status) || WEXITSTATUS(status) == EXIT_DONE) return false;
    return check && strncmp(check, "error:", 6) == 0 ? strstr(text, check + 6) != NULL
                                                     : strstr(text, "jitc: error: compare: ") != NULL;
}

static bool fails(Reduction *r)
{
    Str errors = {0};
    r->tries++;
    int status = run_child(r, try_here, &errors);
    bool yes = is_failure(r, status, &errors);
    if (r->o->verbose && yes) {
        say_note(r->o, "try %u still fails", r->tries);
        say_lines("note", str_text(&errors));
    }
    str_free(&errors);
    return yes;
}

/* -- Outputs ----------------------------------------------------------------------------------- */
static bool find_tensor(const Reduction *r, const char *name, TfInput *at)
{
    const TfGraph *g = r->m->graph;
    size_t n = node_length(name, strlen(name));
    const TfNode *node = tf_node_find(g, job_strndup(r->o->job, name, n));
    if (!node) return false;
    *at = (TfInput){(uint32_t)(node - g->nodes), name[n] ? (uint32_t)strtoul(name + n + 1, NULL, 10) : 0};
    return true;
}

static const char *name_of(const Reduction *r, TfInput at)
{
    const char *node = r->m->graph->nodes[at.node].name;
    return at.out ? job_printf(r->o->job, "%s:%u", node, at.out) : node;
}

static bool try_output(Reduction *r, const char *name)
{
    const char *before = r->output;
    r->output = name;
    if (fails(r)) return true;
    r->output = before;
    return false;
}

static void choose_output(Reduction *r)
{
    for (size_t i = 0; i < r->all->io.nout && !r->output; i++) try_output(r, r->all->io.out[i].name);
    TfInput at;
    for (bool moved = r->output; moved;) {
        moved = false;
        if (!find_tensor(r, r->output, &at)) return;
        const TfNode *n = &r->m->graph->nodes[at.node];
        for (uint32_t i = 0; i < n->ninputs && !moved; i++)
            moved = r->m->graph->nodes[n->inputs[i].node].ninputs && try_output(r, name_of(r, n->inputs[i]));
    }
}

/* -- Inputs ------------------------------------------------------------------------------------ */
typedef struct {
    VEC(NpzMember) members;
    StrMap seen;
    Job *job;
} Trace;

static void see_value(void *arg, const Value *v, const Tensor *t)
{
    Trace *x = arg;
    if (!v->tensor || t->type.layout != LAYOUT_PLAIN || strmap_get(&x->seen, v->tensor)) return;
    strmap_put(x->job, &x->seen, v->tensor, x);
    NpzMember m = {job_strndup(x->job, v->tensor, strlen(v->tensor)),
                   {.dtype = (jitc_dtype)t->type.dtype, .rank = t->type.rank, .data = t->data}};
    memcpy(m.value.shape, t->type.dim, sizeof m.value.shape);
    vec_push(x->job, &x->members, m);
}

static ExitStatus trace(Options *o, const Reduction *r)
{
    Trace x = {.job = o->job};
    compare_trace(o, r->m, binding_of(o->job, r), see_value, &x);
    return npz_write(r->temp, x.members.at, x.members.n, NULL) ? EXIT_UNUSABLE : EXIT_DONE;
}

static void free_npz(void *f)
{
    npz_free(f);
}

/* Of a given reference, its tensors alone: others may be what is wrong. Without values, no input is added. */
static void read_values(Reduction *r)
{
    Str errors = {0};
    r->values = job_new(r->o->job, NpzFile);
    job_on_exit(r->o->job, free_npz, r->values);
    char *why = NULL;
    if (r->o->ref) {
        npz_read(r->o->ref, r->values, &why);
    } else {
        int status = run_child(r, trace, &errors);
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE) npz_read(r->temp, r->values, &why);
        unlink(r->temp);
    }
    free(why);
    str_free(&errors);
}

static TfCut *cuts_of(const Reduction *r)
{
    TfCut *cut = job_array(r->o->job, TfCut, r->in.n + 1u);
    for (uint32_t i = 0; i < r->in.n; i++) {
        const Bound *in = &r->in.at[i];
        cut[i] = (TfCut){.name = in->name, .dtype = (int32_t)in->value.dtype, .rank = in->value.rank};
        cut[i].dim = in->value.shape;
        if (in->value.dtype == JITC_STRING) cut[i].rank = 0;
        if (!find_tensor(r, in->name, &cut[i].at)) cut[i].at.node = UINT32_MAX;
    }
    return cut;
}

static bool *needed(const Reduction *r)
{
    bool *keep = job_array(r->o->job, bool, r->m->graph->nnodes + 1u);
    TfInput at;
    if (!r->output)
        memset(keep, true, r->m->graph->nnodes);
    else if (find_tensor(r, r->output, &at))
        tf_graph_mark(r->o->job, r->m->graph, at.node, cuts_of(r), r->in.n, keep);
    return keep;
}

/* Cuts the graph at all outputs of a node whose values are known. */
static bool cut_node(Reduction *r, const char *node)
{
    uint32_t before = r->in.n;
    size_t n = strlen(node);
    for (size_t i = 0; i < r->values->n; i++) {
        const NpzMember *m = &r->values->at[i];
        if (node_length(m->name, strlen(m->name)) != n || memcmp(m->name, node, n) != 0) continue;
        if (r->output && strcmp(m->name, r->output) == 0) continue;
        vec_push(r->o->job, &r->in, (Bound){m->name, NULL, m->value});
    }
    if (r->in.n == before) return false;
    if (fails(r)) return true;
    r->in.n = before;
    return false;
}

/* From the output back: what lies behind a cut is not looked at any more. */
static void cut_inputs(Reduction *r)
{
    const TfGraph *g = r->m->graph;
    bool *keep = needed(r);
    TfInput at, in;
    if (!r->output || !find_tensor(r, r->output, &at)) return;
    for (uint32_t i = g->nnodes; i-- > 0;) {
        uint32_t k = g->order[i];
        bool given = !keep[k] || k == at.node || !g->nodes[k].ninputs;
        for (uint32_t j = 0; j < r->in.n && !given; j++)
            given = find_tensor(r, r->in.at[j].name, &in) && in.node == k;
        if (!given && cut_node(r, g->nodes[k].name)) keep = needed(r);
    }
}

/* Inputs that nothing reads any more. */
static void drop_inputs(Reduction *r)
{
    const TfGraph *g = r->m->graph;
    const bool *keep = needed(r);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->in.n; i++) {
        TfInput at;
        bool read = !r->output;
        if (!find_tensor(r, r->in.at[i].name, &at)) continue;
        for (uint32_t k = 0; k < g->nnodes && !read; k++)
            for (uint32_t j = 0; keep[k] && j < g->nodes[k].ninputs && !read; j++)
                read = g->nodes[k].inputs[j].node == at.node && g->nodes[k].inputs[j].out == at.out;
        if (read) r->in.at[kept++] = r->in.at[i];
    }
    r->in.n = kept;
}

/* -- What is left ------------------------------------------------------------------------------ */
static void check_write(Job *job, jitc_status status, char *why)
{
    if (status == JITC_OK) return;
    job_on_exit(job, free, why);
    if (why) job_error(job, "%s", why);
    job_fail(job, status);
}

static const char *input_file(Reduction *r, const char *stem, uint32_t number, const jitc_tensor *t)
{
    Job *job = r->o->job;
    bool text = t->dtype == JITC_STRING;
    const char *file = job_printf(job, "%s.in%u.%s", stem, number, text ? "bin" : "npy");
    char *why = NULL;
    if (text) {
        Str s = {0};
        str_putn(&s, t->data, (size_t)t->shape[0]);
        put_file(job, file, &s);
    } else {
        check_write(job, npy_write(file, t, &why), why);
    }
    return file;
}

static const char *reference_file(Reduction *r, const char *stem)
{
    const char *file = job_printf(r->o->job, "%s.ref.npz", stem);
    for (size_t i = 0; i < r->values->n; i++) {
        char *why = NULL;
        if (strcmp(r->values->at[i].name, r->output ? r->output : "") != 0) continue;
        check_write(r->o->job, npz_write(file, &r->values->at[i], 1, &why), why);
        return file;
    }
    return r->o->ref;
}

static void put_word(Str *s, const char *before, const char *word)
{
    str_printf(s, "%s'", before);
    for (; *word; word++) str_put(s, *word == '\'' ? "'\\''" : (char[]){*word, 0});
    str_put(s, "'");
}

static void write_result(Reduction *r)
{
    Job *job = r->o->job;
    const TfGraph *g = r->m->graph;
    const char *path = r->o->out;
    const char *stem = job_strndup(job, path, strlen(path) - (path_ends(path, ".pb") ? 3 : 0));
    TfCut *cut = cuts_of(r);
    bool *keep = needed(r);
    uint32_t nodes = r->in.n;
    for (uint32_t i = 0; i < g->nnodes; i++) nodes += keep[i];
    Str graph = {0}, s = {0};
    str_printf(&s, "%u of %u nodes left after %u tries\njitc compare", nodes, g->nnodes, r->tries);
    put_word(&s, " ", path);
    for (uint32_t i = 0; i < r->in.n; i++) {
        if (cut[i].at.node == UINT32_MAX) job_bug(job, "input '%s' is lost", r->in.at[i].name);
        if (!r->output) keep[cut[i].at.node] = false;
    }
    for (uint32_t i = 0; i < r->in.n; i++) {
        const TfNode *n = &g->nodes[cut[i].at.node];
        if (cut[i].at.out || keep[cut[i].at.node]) {
            cut[i].name = job_printf(job, "%s_%u", n->name, cut[i].at.out);
            while (tf_node_find(g, cut[i].name)) cut[i].name = job_printf(job, "%s_", cut[i].name);
        }
        const char *file = input_file(r, stem, i, &r->in.at[i].value);
        put_word(&s, " --input ", job_printf(job, "%s=%s", cut[i].name, file));
    }
    tf_graph_write(job, g, &r->m->src, keep, cut, r->in.n, &graph);
    put_file(job, path, &graph);
    for (uint32_t i = 0; r->output ? i < 1 : i < r->all->out_names.n; i++)
        put_word(&s, " --output ", r->output ? r->output : r->all->out_names.at[i]);
    for (uint32_t i = 0; i < r->o->sets.n; i++) {
        const TfNode *n = tf_node_find(g, r->o->sets.at[i].name);
        if (n && keep[n - g->nodes])
            put_word(&s, " --set ", job_printf(job, "%s=%.17g", n->name, r->o->sets.at[i].value));
    }
    for (uint32_t i = 0; i < r->o->op_libraries.n; i++)
        put_word(&s, " --op-library ", r->o->op_libraries.at[i]);
    if (r->o->ref) put_word(&s, " --ref ", reference_file(r, stem));
    if (r->o->evaluate) str_put(&s, " --evaluate");
    if (r->o->passes) put_word(&s, " --passes ", r->o->passes);
    if (r->o->cpu) put_word(&s, " --cpu ", r->o->cpu);
    if (r->o->rtol >= 0) str_printf(&s, " --rtol %g", r->o->rtol);
    if (r->o->atol >= 0) str_printf(&s, " --atol %g", r->o->atol);
    str_printf(&s, " --threads %d\n", r->o->threads);
    put_stdout(job, &s);
}

ExitStatus command_reduce(Options *o)
{
    Reduction *r = job_new(o->job, Reduction);
    if (!o->out) usage_error(o->job, "where to? -o FILE.pb");
    compare_passes(o);
    *r = (Reduction){.o = o, .m = model_open(o->job, o->files.at[0])};
    r->all = bind_options(o, r->m);
    bind_require_all(o, r->all);
    for (uint32_t i = 0; i < r->all->in.n; i++) vec_push(o->job, &r->in, r->all->in.at[i]);
    r->temp = job_printf(o->job, "%s.values", o->out);
    if (!fails(r)) {
        job_error(o->job, "reduce: the model does not fail so (--check %s)", o->check ? o->check : "compare");
        job_fail(o->job, JITC_E_INVALID);
    }
    choose_output(r);
    read_values(r);
    cut_inputs(r);
    drop_inputs(r);
    write_result(r);
    return EXIT_DONE;
}
