/* Loading: a graph or a text of the IR, with the options that hold for all of its versions. */
#include "runtime/program.h"

#include <stdlib.h>

#include "passes/pass.h"
#include "runtime/code.h"
#include "runtime/custom.h"
#include "runtime/fpmode.h"
#include "runtime/threads.h"
#include "runtime/tuning.h"

const char *phase_name(Phase p)
{
    static const char *const names[PHASES] = {"decode",  "import",      "passes",       "plan",
                                              "pack",    "cache",       "open",         "codegen",
                                              "llvm_ir", "llvm_passes", "llvm_machine", "link"};
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
    case JITC_E_CANCELLED: return "cancelled";
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

/* -- Names ------------------------------------------------------------------------------------- */
static bool same_name(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    if (na > 2 && strcmp(a + na - 2, ":0") == 0) na -= 2;
    if (nb > 2 && strcmp(b + nb - 2, ":0") == 0) nb -= 2;
    return na == nb && memcmp(a, b, na) == 0;
}

int io_find(const jitc_io *io, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (same_name(io[i].name, name)) return (int)i;
    return -1;
}

/* -- Options ----------------------------------------------------------------------------------- */
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
                 (o->sets || !o->nsets) && (o->ops || !o->nops);
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
    if (o->deadline_ms < 0 || o->deadline_ms > INT64_MAX / 4000000)
        job_error(job, "options: deadline_ms is %lld", (long long)o->deadline_ms);
    ImageLayout layout;
    if (!image_layout(o->layout, &layout))
        job_error(job, "options: layout '%s' is none of auto, nhwc, nchw, blocked", o->layout);
    if (o->flags & ~(uint64_t)(JITC_LAZY | JITC_PRECISE | JITC_VERIFY | JITC_TIERED))
        job_error(job, "options: flags has bits that this version does not know");
    if (job->nerrors) job_fail(job, JITC_E_USAGE);
}

CodegenTarget program_cpu(Job *job, const char *cpu)
{
    if (!cpu || !cpu[0]) cpu = "native";
    size_t n = strcspn(cpu, ",");
    return (CodegenTarget){.cpu = job_strndup(job, cpu, n),
                           .features = copy_text(job, cpu + n + (cpu[n] == ','))};
}

static void copy_options(jitc_program *p, const jitc_options *o)
{
    Job *job = &p->job;
    check_options(job, o);
    p->threads = o->threads ? o->threads : threads_available();
    p->target = program_cpu(job, o->cpu);
    p->precise = o->flags & JITC_PRECISE;
    image_layout(o->layout, &p->layout);
    p->tiered = o->flags & JITC_TIERED;
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
                             .nsets = o->nsets,
                             .custom = custom_register(job, o->ops, o->nops)};
}

/* -- Modules ----------------------------------------------------------------------------------- */
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

/* Read when something is asked that the cache does not know. */
static const TfGraph *graph_of(jitc_program *p, Job *job)
{
    if (p->graph) return p->graph;
    Job *own = &p->job; /* the graph lives as long as the program */
    own->limits = job->limits;
    own->diags = own->last_diag = NULL;
    own->nerrors = 0;
    if (JOB_ENTER(own) == JITC_OK) p->graph = tf_graph_load(own, &p->src);
    if (own->status) {
        for (const Diag *d = own->diags; d; d = d->next) job_error(job, "%s", d->text);
        job_fail(job, own->status);
    }
    return p->graph;
}

static Module *import(jitc_program *p, Job *job, const ImportOptions *opt, ImportIo *io)
{
    ImportIo unused;
    if (!io) io = &unused;
    return p->text ? parse_text(p, job, io) : tf_import(job, graph_of(p, job), &p->src, opt, io);
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

/* -- Loading ----------------------------------------------------------------------------------- */
static bool io_is_known(const jitc_io *io)
{
    for (int32_t d = 0; d < io->rank; d++)
        if (io->shape[d] < 0) return false;
    return io->rank >= 0;
}

static bool all_known(const ImportIo *io)
{
    for (size_t i = 0; i < io->nin; i++)
        if (!io_is_known(&io->in[i])) return false;
    return true;
}

/* Result types of a graph with open dims, as far as they follow from the inputs'. That something cannot be
 * derived before the shapes are known is no error. */
static jitc_status symbolic_outputs(jitc_program *p, const Limits *limits, char **why)
{
    for (size_t i = 0; i < p->io.nin; i++)
        if (p->io.in[i].rank < 0) return JITC_OK;
    Job *job = memory_take(&p->memory, sizeof *job);
    if (!job) return JITC_E_NOMEM;
    job_init_in(job, &p->memory, limits);
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
    jitc_status status = job->status;
    memory_give(&p->memory, job, sizeof *job);
    if (status != JITC_E_DEADLINE && status != JITC_E_CANCELLED) return JITC_OK;
    *why = strdup(limits_text(status));
    return status;
}

typedef struct {
    const char *path;
    const jitc_reader *reader;
    const void *data;
    size_t size;
    bool is_text;
    const char *pipeline;
    bool interface; /* nothing else is wanted */
} Input;

static void load_tuning(jitc_program *p, const jitc_options *o)
{
    const char *warning;
    Tuning *t = tuning_load(&p->job, o->tuning, &warning);
    if (t) {
        t->machine = tuning_machine(&p->job, o->cpu);
        t->threads = p->threads;
        p->tuning = t;
    }
    Str s = {0};
    if (warning) str_printf(&s, "warning: %s", warning);
    if (warning) program_log(p, &s);
}

static void load(jitc_program *p, const Input *in, const jitc_options *o)
{
    Job *job = &p->job;
    copy_options(p, o);
    p->pipeline = copy_text(job, in->pipeline);
    if (o->tuning || !in->is_text)
        load_tuning(p, o); /* texts are for tests: nobody tunes behind their backs */
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
    else if (in->reader)
        source_from_reader(job, &p->src, in->reader);
    else
        source_from_memory(job, &p->src, in->data, in->size);
    stored_open(p, o, in->interface,
                in->path ? strrchr(in->path, '/') ? strrchr(in->path, '/') + 1 : in->path : "memory");
    p->known = stored_load_program(p);
    if (!p->known) p->graph = tf_graph_load(job, &p->src);
    p->decode_ns = now_ns() - start;
    if (!p->known) tf_graph_io(job, p->graph, &p->opt, &p->io);
}

/* Inputs with a shape in the options or in the graph are all known: compile at once, so that what is wrong
 * shows. */
static jitc_status load_versions(jitc_program *p, bool lazy, char **why)
{
    p->is_static = all_known(&p->io);
    Limits limits = p->job.limits;
    if (!p->is_static || lazy) return p->text || p->known ? JITC_OK : symbolic_outputs(p, &limits, why);
    Version *v;
    jitc_status status = version_get(p, p->io.in, VERSION_PINNED, NULL, &limits, &v, why);
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
    code_stop(p);
    version_free_all(p);
    pack_table_free(&p->weights);
    source_close(&p->src);
    stored_close(p);
    job_free(&p->job);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->compile);
    Memory last = {.alloc = p->memory.alloc, .heap = p->memory.heap};
    memory_give(&last, p, sizeof *p);
}

void program_log(const jitc_program *p, Str *line)
{
    if (p->log && !line->oom) p->log(p->log_arg, str_text(line));
    str_free(line);
}

static jitc_status give_error(jitc_status status, const char *text, jitc_error **out_error)
{
    if (out_error) *out_error = error_new(status, text ? text : status_text(JITC_E_NOMEM));
    return status;
}

/* The options of a caller of this version, an older one, or a newer one that asks for nothing new. NULL, or
 * what is wrong with them. */
const char *options_copy(void *to, size_t known, size_t least, const void *from)
{
    size_t size;
    if (!from) return NULL;
    memcpy(&size, from, sizeof size);
    if (size < least) return "the options are not initialised with their _INIT";
    const uint8_t *bytes = from;
    for (size_t i = known; i < size; i++)
        if (bytes[i]) return "the options set a field that this version of jitc does not know";
    memcpy(to, from, size < known ? size : known);
    memcpy(to, &known, sizeof known);
    return NULL;
}

static jitc_program *program_alloc(const jitc_options *o)
{
    Memory first = {.alloc = o->alloc, .heap = o->heap};
    jitc_program *p = memory_take(&first, sizeof *p);
    if (!p) return NULL;
    memset(p, 0, sizeof *p);
    p->memory = (Memory){.alloc = o->alloc, .heap = o->heap, .limit = o->max_memory};
    p->weights.memory = &p->memory;
    p->weights.unmap = cache_unmap;
    p->src.fd = -1;
    atomic_init(&p->refs, 1);
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->compile, NULL);
    p->deadline_ms = o->deadline_ms;
    p->stop = o->stop;
    Limits limits = program_limits(p, NULL);
    job_init_in(&p->job, &p->memory, &limits);
    return p;
}

static void log_load(const jitc_program *p)
{
    if (!p->log) return;
    Str s = {0};
    str_printf(&s, "read the model in %.1f ms: %zu input%s, %zu output%s", (double)p->decode_ns / 1e6,
               p->io.nin, p->io.nin == 1 ? "" : "s", p->io.nout, p->io.nout == 1 ? "" : "s");
    program_log(p, &s);
}

static jitc_status program_make(const Input *in, const jitc_options *o, jitc_program **out,
                                jitc_error **out_error)
{
    jitc_program *p = program_alloc(o);
    if (!p) {
        if (in->reader && in->reader->close) in->reader->close(in->reader->arg);
        return give_error(JITC_E_NOMEM, status_text(JITC_E_NOMEM), out_error);
    }
    if (in->reader) p->src.reader = *in->reader; /* closed with the program from here on */
    char *why = NULL;
    if (JOB_ENTER(&p->job) == JITC_OK) load(p, in, o);
    jitc_status status = p->job.status;
    if (!status) log_load(p);
    if (status)
        why = job_text(&p->job, status);
    else if (!in->interface)
        status = load_versions(p, o->flags & JITC_LAZY, &why);
    if (!status && !p->known) stored_save_program(p);
    if (status) {
        give_error(status, why ? why : status_text(status), out_error);
        program_unref(p);
    } else {
        *out = p;
    }
    free(why);
    return status;
}

static jitc_status program_new(const Input *in, const jitc_options *options, jitc_program **out,
                               jitc_error **out_error)
{
    if (out_error) *out_error = NULL;
    if (out) *out = NULL;
    jitc_options o = JITC_OPTIONS_INIT;
    const char *wrong = !out                                    ? "the address for the program is NULL"
                        : !in->path && !in->data && !in->reader ? "the model is NULL"
                        : in->reader && !in->reader->read
                            ? "the reader cannot read"
                            : options_copy(&o, sizeof o, offsetof(jitc_options, cpu), options);
    if (!wrong) {
        fenv_t mode;
        fp_default(&mode);
        jitc_status status = program_make(in, &o, out, out_error);
        fp_restore(&mode);
        return status;
    }
    if (in->reader && in->reader->close) in->reader->close(in->reader->arg);
    return give_error(JITC_E_USAGE, wrong, out_error);
}

jitc_status jitc_program_load(const char *path, const jitc_options *options, jitc_program **out,
                              jitc_error **out_error)
{
    return program_new(&(Input){.path = path}, options, out, out_error);
}

jitc_status program_interface(const char *path, const jitc_options *options, jitc_program **out,
                              jitc_error **out_error)
{
    return program_new(&(Input){.path = path, .interface = true}, options, out, out_error);
}

jitc_status jitc_program_load_memory(const void *data, size_t size, const jitc_options *options,
                                     jitc_program **out, jitc_error **out_error)
{
    return program_new(&(Input){.data = data, .size = size}, options, out, out_error);
}

jitc_status jitc_program_load_reader(const jitc_reader *reader, const jitc_options *options,
                                     jitc_program **out, jitc_error **out_error)
{
    return program_new(&(Input){.reader = reader}, options, out, out_error);
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

/* -- Compiling in advance ---------------------------------------------------------------------- */
static void put_shape(Job *job, jitc_program *p, const jitc_shape *s, jitc_io *in, bool *named)
{
    int i = s->name ? io_find(p->io.in, p->io.nin, s->name) : -1;
    if (i < 0) {
        job_error(job, "the program has no input '%s'", s->name ? s->name : "(NULL)");
        return;
    }
    const jitc_io *io = &p->io.in[i];
    bool fits = s->rank >= 0 && s->rank <= JITC_MAX_RANK && (io->rank < 0 || io->rank == s->rank);
    for (int32_t d = 0; fits && d < s->rank; d++)
        fits = s->dim[d] >= 0 && (io->rank < 0 || io->shape[d] < 0 || io->shape[d] == s->dim[d]);
    if (!fits)
        job_error(job, "input '%s': the shape is not one of the model's, or not a whole one", io->name);
    if (named[i]) job_error(job, "input '%s' is named twice", io->name);
    named[i] = true;
    in[i].rank = s->rank;
    if (fits) memcpy(in[i].shape, s->dim, sizeof in[i].shape);
}

static void signature(Job *job, jitc_program *p, const jitc_shape *shapes, size_t n, jitc_io **out)
{
    jitc_io *in = job_array(job, jitc_io, p->io.nin + 1);
    bool *named = job_array(job, bool, p->io.nin + 1);
    memcpy(in, p->io.in, p->io.nin * sizeof *in);
    for (size_t i = 0; i < n; i++) put_shape(job, p, &shapes[i], in, named);
    for (size_t i = 0; i < p->io.nin; i++)
        if (!named[i] && !io_is_known(&in[i]))
            job_error(job, "input '%s': its shape is open, so it must be given", in[i].name);
    if (job->nerrors) job_fail(job, JITC_E_USAGE);
    *out = in;
}

jitc_status jitc_program_specialise(jitc_program *p, const jitc_shape *shapes, size_t n,
                                    jitc_error **out_error)
{
    if (out_error) *out_error = NULL;
    if (!p || (n && !shapes))
        return give_error(JITC_E_USAGE, p ? "the shapes are NULL" : "the program is NULL", out_error);
    Limits limits = program_limits(p, NULL);
    Job job;
    jitc_io *in = NULL;
    char *why = NULL;
    Version *v = NULL;
    job_init_in(&job, &p->memory, &limits);
    if (JOB_ENTER(&job) == JITC_OK) signature(&job, p, shapes, n, &in);
    jitc_status status = job.status;
    if (status)
        why = job_text(&job, status);
    else
        status = version_get(p, in, VERSION_PINNED, NULL, &limits, &v, &why);
    version_release(p, v);
    job_free(&job);
    if (status) give_error(status, why ? why : status_text(status), out_error);
    free(why);
    return status;
}

/* -- Errors and the interface, as the public header has them ----------------------------------- */
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
