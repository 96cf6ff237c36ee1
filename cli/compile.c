/* jitc compile: a model as an object file with a C header. */
#include <ctype.h>
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "passes/pass.h"
#include "runtime/file.h"

extern char **environ;

typedef struct {
    Job *job;
    jitc_program *program;
    jitc_object *object;
    OutFile file[3];
    int nfiles;
    const char *temp; /* an object for the linker */
} Compile;

static void end_compile(void *arg)
{
    Compile *c = arg;
    for (int i = 0; i < c->nfiles; i++) outfile_abort(&c->file[i]);
    if (c->temp) unlink(c->temp);
    jitc_object_free(c->object);
    jitc_program_free(c->program);
}

/* -- Names ------------------------------------------------------------------------------------- */
static bool is_identifier(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_') return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '_') return false;
    return true;
}

/* "out/my-net.v2.o" gives "my_net_v2". */
static const char *stem_of(Job *job, const char *path)
{
    const char *base = base_name(path), *dot = strrchr(base, '.');
    size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    char *name = job_printf(job, "%s%.*s", isdigit((unsigned char)*base) ? "_" : "", (int)n, base);
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c)) *c = '_';
    return name;
}

/* -- Compiling --------------------------------------------------------------------------------- */
static _Noreturn void fail_with(Job *job, jitc_status status, jitc_error *e)
{
    const char *text = e ? jitc_error_text(e) : "out of memory";
    text = job_strndup(job, text, strlen(text));
    jitc_error_free(e);
    give_up(job, status, text);
}

static void compile(Options *o, const char *path, const Binding *b, Compile *c)
{
    jitc_options options;
    jitc_error *e = NULL;
    binding_options(o, b, &options);
    options.cpu = NULL;
    options.log = log_warning;
    options.shapes = o->shapes.at;
    options.nshapes = o->shapes.n;
    options.flags |= JITC_LAZY;
    jitc_status status = jitc_program_load(path, &options, &c->program, &e);
    if (status) fail_with(o->job, status, e);
    jitc_aot_options aot = JITC_AOT_OPTIONS_INIT;
    aot.name = o->name;
    aot.target = o->target;
    aot.cpu = o->cpu;
    aot.weights_outside = o->weights != NULL;
    if (strcmp(o->emit, "asm") == 0) aot.emit = JITC_EMIT_ASM;
    if (strcmp(o->emit, "llvm") == 0) aot.emit = JITC_EMIT_LLVM;
    status = jitc_aot_compile(c->program, &aot, &c->object, &e);
    if (status) fail_with(o->job, status == JITC_E_CPU ? JITC_E_USAGE : status, e);
}

/* -- Files ------------------------------------------------------------------------------------- */
static void add_file(Compile *c, const char *path, const void *data, size_t size)
{
    char *why = NULL;
    OutFile *f = &c->file[c->nfiles];
    jitc_status status = outfile_open(f, path, &why);
    if (status) {
        job_on_exit(c->job, free, why);
        give_up(c->job, status, why ? why : "out of memory");
    }
    c->nfiles++;
    outfile_write(f, data, size);
}

static void add_data(Compile *c, const char *path, const void *(*part)(const jitc_object *o, size_t *bytes))
{
    size_t size;
    const void *data = part(c->object, &size);
    add_file(c, path, data, size);
}

static void publish(Compile *c)
{
    for (int i = 0; i < c->nfiles; i++) {
        char *why = NULL;
        jitc_status status = outfile_close(&c->file[i], &why);
        if (!status) continue;
        job_on_exit(c->job, free, why);
        give_up(c->job, status, why ? why : "out of memory");
    }
}

/* The C compiler links: $CC, or for this system cc. Gives the path of the shared object. */
static const char *link_shared(Job *job, const char *cc, Compile *c)
{
    const char *folder = getenv("TMPDIR");
    char *object = job_printf(job, "%s/jitcXXXXXX", folder && *folder ? folder : "/tmp");
    int fd = mkstemp(object);
    if (fd < 0) {
        job_error(job, "%s: %s", object, strerror(errno));
        job_fail(job, JITC_E_IO);
    }
    c->temp = object;
    size_t size, done = 0;
    const char *bytes = jitc_object_data(c->object, &size);
    while (done < size) {
        ssize_t n = write(fd, bytes + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += (size_t)n;
    }
    bool written = done == size;
    if (close(fd) || !written) {
        job_error(job, "%s: %s", object, strerror(errno));
        job_fail(job, JITC_E_IO);
    }
    char *shared = job_printf(job, "%s.so", object);
    char *const argv[] = {"sh",   "-c",   job_printf(job, "exec %s -shared -o \"$1\" \"$0\"", cc),
                          object, shared, NULL};
    pid_t pid;
    int status = 0;
    bool fine = posix_spawnp(&pid, "sh", NULL, NULL, argv, environ) == 0 && waitpid(pid, &status, 0) == pid &&
                !status;
    if (!fine) {
        unlink(shared);
        job_error(job, "--emit shared: '%s' cannot link; CC names the C compiler", cc);
        job_fail(job, JITC_E_IO);
    }
    return shared;
}

static void write_shared(Job *job, Options *o, Compile *c)
{
    const char *cc = getenv("CC");
    const char *shared = link_shared(job, cc && *cc ? cc : "cc", c);
    void *data = NULL;
    size_t size = 0;
    char *why = NULL;
    jitc_status status = file_read(shared, 0, &data, &size, &why);
    unlink(shared);
    if (status) {
        job_on_exit(job, free, why);
        give_up(job, status, why ? why : "out of memory");
    }
    job_on_exit(job, free, data);
    add_file(c, o->out, data, size);
}

static void write_ir(Options *o, const Model *m, const Binding *b)
{
    ImportOptions import = b->import;
    import.symbolic = true;
    Module *module = tf_import(o->job, m->graph, &m->src, &import, NULL);
    passes_run(module, passes_default_pipeline(), NULL);
    Str s = {0};
    ir_print(module, &s);
    put_file(o->job, o->out, &s);
}

static void check_usage(Options *o)
{
    if (!o->emit) o->emit = "obj";
    bool ir = strcmp(o->emit, "jir") == 0;
    if (!o->out) job_error(o->job, "where to? -o FILE");
    if (!o->header && (strcmp(o->emit, "obj") == 0 || strcmp(o->emit, "shared") == 0))
        job_error(o->job, "the header is how programs call the model: --header FILE");
    const char *cc = getenv("CC");
    if (o->target && strcmp(o->emit, "shared") == 0 && !(cc && *cc))
        job_error(o->job, "--emit shared needs a linker: let CC name the C compiler for %s", o->target);
    if (ir && (o->header || o->weights)) job_error(o->job, "--emit jir has neither header nor weights");
    if (!o->name && o->out) o->name = stem_of(o->job, o->out);
    if (o->name && !is_identifier(o->name))
        job_error(o->job, "--name '%s': letters, digits and underscores, no digit first", o->name);
    if (o->job->nerrors) job_fail(o->job, JITC_E_USAGE);
}

ExitStatus command_compile(Options *o)
{
    check_usage(o);
    Model *m = model_open(o->job, o->files.at[0]);
    Binding *b = bind_names(o, m);
    if (strcmp(o->emit, "jir") == 0) {
        write_ir(o, m, b);
        return EXIT_DONE;
    }
    Compile *c = job_new(o->job, Compile);
    c->job = o->job;
    job_on_exit(o->job, end_compile, c);
    Progress *progress = progress_start(o, "compiling");
    compile(o, m->path, b, c);
    progress_stop(progress);
    if (strcmp(o->emit, "shared") == 0)
        write_shared(o->job, o, c);
    else
        add_data(c, o->out, jitc_object_data);
    const char *header = jitc_object_header(c->object);
    if (o->header) add_file(c, o->header, header, strlen(header));
    if (o->weights) add_data(c, o->weights, jitc_object_weights);
    publish(c);
    return EXIT_DONE;
}
