/* Loading: a graph or a text of the IR, with the options that hold for all of its versions. */
#include "runtime/program.h"

#include <stdlib.h>

#include "passes/pass.h"
#include "runtime/threads.h"

const char *phase_name(Phase p)
{
    static const char *const names[PHASES] = {"decode", "import",  "passes", "plan",
                                              "pack",   "codegen", "link"};
    return names[p];
}

const char *status_text(jitc_status status)
{
    switch (status) {
    case JITC_OK: return "";
    case JITC_E_INVALID: return "the model or the data cannot be used";
    case JITC_E_USAGE: return "wrong usage";
    case JITC_E_INTERNAL: return "internal error";
    case JITC_E_NOMEM: return "out of memory";
    case JITC_E_IO: return "a file cannot be read";
    case JITC_E_DEADLINE: return "the deadline for compiling has passed";
    case JITC_E_CPU: return "this CPU cannot run the code";
    }
    return "unknown status";
}

char *job_text(const Job *job, jitc_status status)
{
    Str s = {0};
    str_diags(&s, job);
    char *r = strdup(s.n && !s.oom ? str_text(&s) : status_text(status));
    str_free(&s);
    return r;
}

struct jitc_error {
    jitc_status status;
    char text[];
};

jitc_error *error_new(jitc_status status, const char *text)
{
    size_t n = strlen(text) + 1;
    jitc_error *e = malloc(sizeof *e + n);
    if (!e) return NULL;
    e->status = status;
    memcpy(e->text, text, n);
    return e;
}

/* -- Options
 * -------------------------------------------------------------------------------------------------- */
static const char *copy_text(Job *job, const char *s)
{
    return s ? job_strndup(job, s, strlen(s)) : NULL;
}

static const char **copy_names(Job *job, const char *const *name, size_t n)
{
    const char **r = job_array(job, const char *, n + 1);
    for (size_t i = 0; i < n; i++) r[i] = name[i] ? copy_text(job, name[i]) : "";
    return r;
}

static void check_options(Job *job, const jitc_options *o)
{
    bool lists = (o->inputs || !o->ninputs) && (o->outputs || !o->noutputs) && (o->shapes || !o->nshapes) &&
                 (o->sets || !o->nsets);
    if (!lists) job_error(job, "options: a list is NULL but its number is not 0");
    for (size_t i = 0; lists && i < o->nshapes; i++) {
        const jitc_shape *s = &o->shapes[i];
        if (!s->name || s->rank < 0 || s->rank > JITC_MAX_RANK)
            job_error(job, "options: shape %zu has no name, or a rank that is not in 0..%d", i,
                      JITC_MAX_RANK);
        for (int32_t d = 0; s->rank <= JITC_MAX_RANK && d < s->rank; d++)
            if (s->dim[d] < -1) job_error(job, "options: shape %zu has a dimension below -1", i);
    }
    for (size_t i = 0; lists && i < o->nsets; i++)
        if (!o->sets[i].name) job_error(job, "options: set %zu has no name", i);
    if (o->threads < 0) job_error(job, "options: %d threads", o->threads);
    if (o->deadline_ms < 0) job_error(job, "options: a deadline before now");
    if (job->nerrors) job_fail(job, JITC_E_USAGE);
}

CodegenTarget program_cpu(Job *job, const char *cpu)
{
    if (!cpu || !cpu[0]) cpu = "native";
    size_t n = strcspn(cpu, ",");
    return (CodegenTarget){job_strndup(job, cpu, n), copy_text(job, cpu + n + (cpu[n] == ',')), false};
}

static void copy_options(jitc_program *p, const jitc_options *o)
{
    Job *job = &p->job;
    check_options(job, o);
    p->threads = o->threads ? o->threads : threads_available();
    p->target = program_cpu(job, o->cpu);
    p->deadline_ms = o->deadline_ms;
    p->log = o->log;
    p->log_arg = o->log_arg;
    jitc_shape *shapes = job_array(job, jitc_shape, o->nshapes + 1);
    for (size_t i = 0; i < o->nshapes; i++) {
        shapes[i] = o->shapes[i];
        shapes[i].name = copy_text(job, o->shapes[i].name);
    }
    jitc_set *sets = job_array(job, jitc_set, o->nsets + 1);
    for (size_t i = 0; i < o->nsets; i++)
        sets[i] = (jitc_set){copy_text(job, o->sets[i].name), o->sets[i].value};
    p->opt = (ImportOptions){.inputs = copy_names(job, o->inputs, o->ninputs),
                             .ninputs = o->ninputs,
                             .outputs = copy_names(job, o->outputs, o->noutputs),
                             .noutputs = o->noutputs,
                             .shapes = shapes,
                             .nshapes = o->nshapes,
                             .sets = sets,
                             .nsets = o->nsets};
}

/* -- Modules
 * -------------------------------------------------------------------------------------------------- */
const char *program_pipeline(const jitc_program *p)
{
    return p->pipeline ? p->pipeline : passes_default_pipeline();
}
bool program_is_static(const jitc_program *p)
{
    return p->is_static;
}

const CodegenTarget *program_target(const jitc_program *p)
{
    return &p->target;
}

static jitc_io io_of(Job *job, const Value *v, const char *prefix, uint32_t number)
{
    jitc_io io = {.dtype = (jitc_dtype)v->type.dtype, .rank = v->type.rank};
    io.name = v->tensor ? v->tensor : v->name;
    io.name = io.name ? copy_text(job, io.name) : job_printf(job, "%s%u", prefix, number);
    for (int i = 0; i < v->type.rank; i++) io.shape[i] = dim_known(v->type.dim[i]) ? v->type.dim[i] : -1;
    return io;
}

static Module *parse_text(const jitc_program *p, Job *job, ImportIo *io)
{
    Module *m = ir_parse(job, p->text, p->text_size);
    job_stop_on_errors(job);
    const Func *f = ir_find_func(m, "main");
    const Op *end = f ? ir_terminator(f->body) : NULL;
    if (!end) {
        job_error(job, "the text has no @main");
        job_fail(job, JITC_E_INVALID);
    }
    io->nin = f->body->nargs;
    io->nout = end->nin;
    io->in = job_array(job, jitc_io, io->nin + 1);
    io->out = job_array(job, jitc_io, io->nout + 1);
    for (uint32_t i = 0; i < io->nin; i++) io->in[i] = io_of(job, f->body->args[i], "input", i);
    for (uint32_t i = 0; i < io->nout; i++) io->out[i] = io_of(job, end->in[i], "output", i);
    return m;
}

static Module *import(jitc_program *p, Job *job, const ImportOptions *opt, ImportIo *io)
{
    ImportIo unused;
    if (!io) io = &unused;
    return p->graph ? tf_import(job, p->graph, &p->src, opt, io) : parse_text(p, job, io);
}

Module *program_import(jitc_program *p, Job *job, const jitc_shape *shapes, size_t nshapes, bool symbolic,
                       ImportIo *io)
{
    ImportOptions opt = p->opt;
    if (shapes) {
        opt.shapes = shapes;
        opt.nshapes = nshapes;
    }
    opt.symbolic = symbolic;
    return import(p, job, &opt, io);
}

Module *program_module(jitc_program *p, Job *job, const jitc_io *in, bool symbolic, ImportIo *io)
{
    jitc_shape *shapes = job_array(job, jitc_shape, p->io.nin + 1);
    for (size_t i = 0; i < p->io.nin; i++) {
        shapes[i].name = in[i].name;
        shapes[i].rank = in[i].rank;
        memcpy(shapes[i].dim, in[i].shape, sizeof shapes[i].dim);
    }
    ImportOptions opt = p->opt;
    opt.shapes = shapes;
    opt.nshapes = p->io.nin;
    opt.symbolic = symbolic;
    opt.runs = true;
    return import(p, job, &opt, io);
}

/* -- Loading
 * -------------------------------------------------------------------------------------------------- */
static bool all_known(const ImportIo *io)
{
    for (size_t i = 0; i < io->nin; i++) {
        if (io->in[i].rank < 0) return false;
        for (int32_t d = 0; d < io->in[i].rank; d++)
            if (io->in[i].shape[d] < 0) return false;
    }
    return true;
}

/* Result types of a graph with open dims, as far as they follow from the inputs'. That something cannot be
 * derived before the shapes are known is no error. */
static void symbolic_outputs(jitc_program *p)
{
    for (size_t i = 0; i < p->io.nin; i++)
        if (p->io.in[i].rank < 0) return;
    Job *job = malloc(sizeof *job);
    if (!job) return;
    job_init(job, p->max_memory);
    if (JOB_ENTER(job) == JITC_OK) {
        ImportIo io = {0};
        program_import(p, job, NULL, 0, true, &io);
        for (size_t i = 0; i < io.nout && i < p->io.nout; i++) {
            const char *name = p->io.out[i].name;
            p->io.out[i] = io.out[i];
            p->io.out[i].name = name;
        }
    }
    job_free(job);
    free(job);
}

typedef struct {
    const char *path;
    const void *data;
    size_t size;
    bool is_text;
    const char *pipeline;
} Input;

static void load(jitc_program *p, const Input *in, const jitc_options *o)
{
    Job *job = &p->job;
    copy_options(p, o);
    p->pipeline = copy_text(job, in->pipeline);
    int64_t start = now_ns();
    if (in->is_text) {
        p->text = job_strndup(job, in->data, in->size);
        p->text_size = in->size;
        parse_text(p, job, &p->io);
        p->decode_ns = now_ns() - start;
        return;
    }
    if (in->path)
        source_open(job, &p->src, in->path);
    else
        source_from_memory(job, &p->src, in->data, in->size);
    p->graph = tf_graph_load(job, &p->src);
    p->decode_ns = now_ns() - start;
    tf_graph_io(job, p->graph, &p->opt, &p->io);
}

/* Inputs with a shape in the options or in the graph are all known: compile at once, so that what is wrong
 * shows. */
static jitc_status load_versions(jitc_program *p, char **why)
{
    p->is_static = all_known(&p->io);
    if (!p->is_static) {
        if (p->graph) symbolic_outputs(p);
        return JITC_OK;
    }
    Version *v;
    jitc_status status = version_get(p, p->io.in, true, &v, why);
    if (status) return status;
    for (size_t i = 0; i < p->io.nout; i++) {
        const char *name = p->io.out[i].name;
        p->io.out[i] = v->out[i];
        p->io.out[i].name = name;
    }
    version_release(p, v);
    return JITC_OK;
}

void program_generalise(jitc_program *p)
{
    p->only_general = p->opt.open_first = true;
    p->is_static = false;
    for (size_t i = 0; i < p->io.nin; i++)
        if (p->io.in[i].rank > 0) p->io.in[i].shape[0] = -1;
}

void program_ref(jitc_program *p)
{
    atomic_fetch_add(&p->refs, 1);
}

void program_unref(jitc_program *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) != 1) return;
    version_free_all(p);
    pack_table_free(&p->weights);
    source_close(&p->src);
    job_free(&p->job);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->compile);
    free(p);
}

static jitc_status give_error(jitc_status status, const char *text, jitc_error **out_error)
{
    if (out_error) *out_error = error_new(status, text ? text : status_text(JITC_E_NOMEM));
    return status;
}

static jitc_status program_new(const Input *in, const jitc_options *options, jitc_program **out,
                               jitc_error **out_error)
{
    if (out_error) *out_error = NULL;
    if (!out) return give_error(JITC_E_USAGE, "the address for the program is NULL", out_error);
    *out = NULL;
    if (!in->path && !in->data) return give_error(JITC_E_USAGE, "the model is NULL", out_error);
    jitc_options o = JITC_OPTIONS_INIT;
    if (options && options->size > sizeof o)
        return give_error(JITC_E_USAGE, "the options are those of a newer version", out_error);
    if (options && options->size < offsetof(jitc_options, cpu))
        return give_error(JITC_E_USAGE, "the options are not initialised with JITC_OPTIONS_INIT", out_error);
    if (options) memcpy(&o, options, options->size);
    jitc_program *p = calloc(1, sizeof *p);
    if (!p) return give_error(JITC_E_NOMEM, status_text(JITC_E_NOMEM), out_error);
    p->max_memory = o.max_memory;
    p->weights.limit = o.max_memory > INT64_MAX ? INT64_MAX : (int64_t)o.max_memory;
    p->src.fd = -1;
    atomic_init(&p->refs, 1);
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->compile, NULL);
    job_init(&p->job, o.max_memory);
    if (o.deadline_ms > 0) p->job.deadline_ns = now_ns() + o.deadline_ms * 1000000;
    char *why = NULL;
    if (JOB_ENTER(&p->job) == JITC_OK) load(p, in, &o);
    jitc_status status = p->job.status;
    if (status)
        why = job_text(&p->job, status);
    else
        status = load_versions(p, &why);
    if (status) {
        give_error(status, why, out_error);
        program_unref(p);
    } else {
        *out = p;
    }
    free(why);
    return status;
}

jitc_status jitc_program_load(const char *path, const jitc_options *options, jitc_program **out,
                              jitc_error **out_error)
{
    return program_new(&(Input){.path = path}, options, out, out_error);
}

jitc_status jitc_program_load_memory(const void *data, size_t size, const jitc_options *options,
                                     jitc_program **out, jitc_error **out_error)
{
    return program_new(&(Input){.data = data, .size = size}, options, out, out_error);
}

jitc_status program_load_ir(const char *text, size_t size, const char *pipeline, const jitc_options *options,
                            jitc_program **out, jitc_error **out_error)
{
    return program_new(&(Input){.data = text, .size = size, .is_text = true, .pipeline = pipeline}, options,
                       out, out_error);
}

jitc_status program_load_passes(const char *path, const char *pipeline, const jitc_options *options,
                                jitc_program **out, jitc_error **out_error)
{
    return program_new(&(Input){.path = path, .pipeline = pipeline}, options, out, out_error);
}

void jitc_program_free(jitc_program *p)
{
    program_unref(p);
}

/* -- Errors and the interface, as the public header has them -----------------------------------------------
 */
jitc_status jitc_error_status(const jitc_error *e)
{
    return e ? e->status : JITC_OK;
}
const char *jitc_error_text(const jitc_error *e)
{
    return e ? e->text : "";
}
void jitc_error_free(jitc_error *e)
{
    free(e);
}

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)
const char *jitc_version(void)
{
    return TEXT(JITC_VERSION_MAJOR) "." TEXT(JITC_VERSION_MINOR) "." TEXT(JITC_VERSION_PATCH);
}

size_t jitc_program_input_count(const jitc_program *p)
{
    return p ? p->io.nin : 0;
}
size_t jitc_program_output_count(const jitc_program *p)
{
    return p ? p->io.nout : 0;
}
const jitc_io *jitc_program_input(const jitc_program *p, size_t i)
{
    return p && i < p->io.nin ? &p->io.in[i] : NULL;
}
const jitc_io *jitc_program_output(const jitc_program *p, size_t i)
{
    return p && i < p->io.nout ? &p->io.out[i] : NULL;
}
