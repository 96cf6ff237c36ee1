/* Inputs, outputs and shapes of the command line: files are read and checked against the graph. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "ir/ir.h"
#include "runtime/jitc_internal.h"
#include "runtime/npz.h"

typedef struct {
    Options *o;
    const Model *m;
    Binding *b;
    Texts unnamed;     /* files without a NAME= */
    ImportIo declared; /* without any options, where it was `asked` */
    bool asked;
} Binder;

static void free_tensor(void *t)
{
    npy_free(t);
}

static void add_problem(Binder *x, char *why)
{
    if (!why) job_fail(x->o->job, JITC_E_NOMEM);
    job_error(x->o->job, "%s", why);
    free(why);
}

static Bound *find_bound(Binding *b, const char *name)
{
    for (uint32_t i = 0; i < b->in.n; i++)
        if (strcmp(b->in.at[i].name, name) == 0) return &b->in.at[i];
    return NULL;
}

static const jitc_io *find_io(const Binding *b, const char *name)
{
    for (size_t i = 0; i < b->io.nin; i++)
        if (strcmp(b->io.in[i].name, name) == 0) return &b->io.in[i];
    return NULL;
}

static void add_bound(Binder *x, const char *name, const char *file, jitc_tensor value)
{
    if (find_bound(x->b, name)) {
        npy_free(&value);
        usage_error(x->o->job, "input '%s' is given twice", name);
    }
    jitc_tensor *own = job_new(x->o->job, jitc_tensor);
    *own = value;
    job_on_exit(x->o->job, free_tensor, own);
    vec_push(x->o->job, &x->b->in, (Bound){name, file, value});
    vec_push(x->o->job, &x->b->in_names, name);
}

/* -- Names ------------------------------------------------------------------------------------------ */
static void free_program(void *p)
{
    jitc_program_free(p);
}

/* The interface, which the cache may know although the model was not read. False: *why says why not. */
static bool ask_interface(Binder *x, ImportIo *io, jitc_status *status, const char **why)
{
    Job *job = x->o->job;
    jitc_options options;
    jitc_program *p;
    jitc_error *e = NULL;
    binding_options(x->o, x->b, &options);
    options.log = log_warning;
    *status = program_interface(x->m->path, &options, &p, &e);
    if (*status) {
        *why = e ? job_strndup(job, jitc_error_text(e), strlen(jitc_error_text(e))) : "out of memory";
        jitc_error_free(e);
        return false;
    }
    job_on_exit(job, free_program, p);
    *io = (ImportIo){.nin = jitc_program_input_count(p), .nout = jitc_program_output_count(p)};
    io->in = job_array(job, jitc_io, io->nin + 1);
    io->out = job_array(job, jitc_io, io->nout + 1);
    for (size_t i = 0; i < io->nin; i++) io->in[i] = *jitc_program_input(p, i);
    for (size_t i = 0; i < io->nout; i++) io->out[i] = *jitc_program_output(p, i);
    return true;
}

/* Whether the model has the tensor; its inputs are asked first, for which it need not be read. */
static bool has_tensor(Binder *x, const char *name, size_t n)
{
    jitc_status status;
    const char *why, *plain = tensor_name(x->o->job, name, n);
    if (!x->m->graph && !x->asked) {
        x->asked = true;
        if (!ask_interface(x, &x->declared, &status, &why)) x->declared.nin = 0;
    }
    for (size_t i = 0; i < x->declared.nin; i++)
        if (strcmp(x->declared.in[i].name, plain) == 0) return true;
    return model_has_tensor(x->m, name, n);
}

static void check_named(Binder *x, const char *option, const char *name)
{
    if (!has_tensor(x, name, strlen(name)))
        job_error(x->o->job, "%s '%s': the graph has no such tensor", option, name);
}

static void free_npz(void *f)
{
    npz_free(f);
}

/* An archive binds by member name. */
static void add_archive(Binder *x, const char *file)
{
    Job *job = x->o->job;
    NpzFile *z = job_new(job, NpzFile);
    job_on_exit(job, free_npz, z);
    char *why = NULL;
    if (npz_read(file, z, &why) != JITC_OK) {
        add_problem(x, why);
        return;
    }
    for (size_t i = 0; i < z->n; i++) {
        const char *name = tensor_name(job, z->at[i].name, strlen(z->at[i].name));
        if (!has_tensor(x, name, strlen(name))) {
            job_error(job, "%s: holds '%s', but the graph has no such tensor", file, name);
            continue;
        }
        jitc_tensor value = z->at[i].value;
        z->at[i].value = (jitc_tensor){0};
        add_bound(x, name, file, value);
    }
}

static void read_arguments(Binder *x)
{
    Job *job = x->o->job;
    for (uint32_t i = 0; i < x->o->inputs.n; i++) {
        const char *text = x->o->inputs.at[i], *eq = strchr(text, '=');
        if (eq && has_tensor(x, text, (size_t)(eq - text)))
            add_bound(x, tensor_name(job, text, (size_t)(eq - text)), eq + 1, (jitc_tensor){0});
        else if (npz_detect(text))
            add_archive(x, text);
        else
            vec_push(job, &x->unnamed, text);
    }
    for (uint32_t i = 0; i < x->o->outputs.n; i++) {
        const char *text = x->o->outputs.at[i], *eq = strchr(text, '=');
        Wanted w = {.file = eq ? eq + 1 : NULL};
        size_t n = eq ? (size_t)(eq - text) : strlen(text);
        w.name = tensor_name(job, text, n);
        check_named(x, "--output", w.name);
        if (eq && !eq[1]) job_error(job, "--output '%s': a file's name is missing after '='", text);
        for (w.index = 0; w.index < x->b->out_names.n; w.index++)
            if (strcmp(x->b->out_names.at[w.index], w.name) == 0) break;
        if (w.index == x->b->out_names.n) vec_push(job, &x->b->out_names, w.name);
        for (uint32_t k = 0; w.file && k < x->b->out.n; k++)
            if (x->b->out.at[k].file && strcmp(x->b->out.at[k].file, w.file) == 0)
                job_error(job, "--output: '%s' is to be written twice", w.file);
        vec_push(job, &x->b->out, w);
    }
    for (uint32_t i = 0; i < x->o->shapes.n; i++) {
        check_named(x, "--shape", x->o->shapes.at[i].name);
        vec_push(job, &x->b->shapes, x->o->shapes.at[i]);
    }
    for (uint32_t i = 0; i < x->o->sets.n; i++) check_named(x, "--set", x->o->sets.at[i].name);
    if (job->nerrors) job_fail(job, JITC_E_USAGE);
}

static void set_import(Binder *x)
{
    Binding *b = x->b;
    operators_load(x->o);
    b->import = (ImportOptions){.inputs = b->in_names.at,
                                .ninputs = b->in_names.n,
                                .outputs = b->out_names.at,
                                .noutputs = b->out_names.n,
                                .shapes = b->shapes.at,
                                .nshapes = b->shapes.n,
                                .sets = x->o->sets.at,
                                .nsets = x->o->sets.n,
                                .custom = x->o->custom,
                                .symbolic = true};
}

/* "a, b and 3 more" */
static const char *open_inputs(Binder *x, size_t *count)
{
    Str s = {0};
    *count = 0;
    for (size_t i = 0; i < x->b->io.nin; i++) {
        if (find_bound(x->b, x->b->io.in[i].name)) continue;
        if (++*count <= 8) str_printf(&s, "%s%s", s.n ? ", " : "", x->b->io.in[i].name);
    }
    if (*count > 8) str_printf(&s, " and %zu more", *count - 8);
    const char *text = job_strndup(x->o->job, str_text(&s), s.n);
    str_free(&s);
    return text;
}

/* A file without a name is for the one input that is left. */
static void name_the_unnamed(Binder *x)
{
    Job *job = x->o->job;
    if (!x->unnamed.n) return;
    size_t left;
    const char *names = open_inputs(x, &left), *file = x->unnamed.at[0], *eq = strchr(file, '=');
    if (left == 1 && x->unnamed.n == 1) {
        for (size_t i = 0; i < x->b->io.nin; i++)
            if (!find_bound(x->b, x->b->io.in[i].name)) {
                if (eq && access(file, F_OK) != 0) continue;
                add_bound(x, x->b->io.in[i].name, file, (jitc_tensor){0});
                return;
            }
    }
    if (eq)
        usage_error(job, "--input '%s': the graph has no tensor '%.*s'; its inputs are: %s", file,
                    (int)(eq - file), file, left ? names : "none");
    if (left == 0) usage_error(job, "--input '%s': the model has no input that it could be for", file);
    if (left == 1) usage_error(job, "--input '%s': input '%s' is given twice", x->unnamed.at[1], names);
    usage_error(job, "--input '%s': for which input? write NAME=FILE; the inputs are: %s", file, names);
}

/* -- Types and shapes ------------------------------------------------------------------------------- */
/* What .npy holds for a type of TensorFlow: quantised types are plain integers there. */
static jitc_dtype plain_type(int dtype)
{
    switch (dtype) {
    case TF_QINT8: return JITC_INT8;
    case TF_QUINT8: return JITC_UINT8;
    case TF_QINT16: return JITC_INT16;
    case TF_QUINT16: return JITC_UINT16;
    case TF_QINT32: return JITC_INT32;
    default: return (jitc_dtype)dtype;
    }
}

static const char *numpy_name(jitc_dtype t)
{
    static const struct {
        jitc_dtype type;
        const char *name;
    } names[] = {{JITC_FLOAT32, "float32"}, {JITC_FLOAT64, "float64"}, {JITC_INT32, "int32"},
                 {JITC_UINT8, "uint8"},     {JITC_INT16, "int16"},     {JITC_INT8, "int8"},
                 {JITC_INT64, "int64"},     {JITC_BOOL, "bool"},       {JITC_UINT16, "uint16"},
                 {JITC_FLOAT16, "float16"}, {JITC_UINT32, "uint32"},   {JITC_UINT64, "uint64"}};
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].type == t) return names[i].name;
    return NULL;
}

static bool dims_fit(const int64_t *have, const int64_t *want, const int *perm, int rank)
{
    for (int i = 0; i < rank; i++)
        if (want[i] >= 0 && have[perm ? perm[i] : i] != want[i]) return false;
    return true;
}

/* What would make a tensor fit, or NULL. */
static const char *shape_hint(const jitc_tensor *t, const jitc_io *io)
{
    static const int to_last[] = {0, 2, 3, 1}, to_first[] = {0, 3, 1, 2};
    const int64_t *have = t->shape, *want = io->shape;
    if (t->rank == 4 && io->rank == 4) {
        if (want[3] > 0 && want[3] <= 4 && dims_fit(have, want, to_last, 4))
            return "it looks channels-first: transpose it with (0, 2, 3, 1)";
        if (want[1] > 0 && want[1] <= 4 && dims_fit(have, want, to_first, 4))
            return "it looks channels-last: transpose it with (0, 3, 1, 2)";
        if (want[3] > 4 && dims_fit(have, want, to_last, 4))
            return "transposed with (0, 2, 3, 1) it would fit";
    }
    if (t->rank + 1 == io->rank && (want[0] < 0 || want[0] == 1) && dims_fit(have, want + 1, NULL, t->rank))
        return "the batch dimension seems to be missing: x[None] adds it";
    if (t->rank == io->rank + 1 && have[0] == 1 && dims_fit(have + 1, want, NULL, io->rank))
        return "there seems to be a dimension too many: x[0] removes it";
    return NULL;
}

static void check_input(Binder *x, const Bound *in, const jitc_io *io)
{
    jitc_dtype want = plain_type(io->dtype);
    bool same_type = !want || in->value.dtype == want;
    bool same_shape =
        io->rank < 0 || (io->rank == in->value.rank && dims_fit(in->value.shape, io->shape, NULL, io->rank));
    if (same_type && same_shape) return;
    Str s = {0};
    str_printf(&s, "input '%s' is ", in->name);
    put_type(&s, in->value.dtype, in->value.rank, in->value.shape);
    str_put(&s, ", the model wants ");
    put_type(&s, want, io->rank, io->shape);
    const char *hint = shape_hint(&in->value, io), *numpy = numpy_name(want);
    if (!same_shape && hint) str_printf(&s, "; %s", hint);
    if (!same_type && numpy) str_printf(&s, "; convert it with x.astype(\"%s\")", numpy);
    job_error(x->o->job, "%s", str_text(&s));
    str_free(&s);
}

static void read_string(Binder *x, Bound *in)
{
    void *data;
    size_t size;
    char *why = NULL;
    if (file_read(in->file, INT32_MAX, &data, &size, &why) != JITC_OK) {
        add_problem(x, why);
        return;
    }
    job_on_exit(x->o->job, free, data);
    in->value = (jitc_tensor){.dtype = JITC_STRING, .rank = 1, .shape = {(int64_t)size}, .data = data};
}

static void read_tensor(Binder *x, Bound *in)
{
    char *why = NULL;
    jitc_tensor *t = job_new(x->o->job, jitc_tensor);
    job_on_exit(x->o->job, free_tensor, t);
    if (npz_detect(in->file)) {
        NpzFile *z = job_new(x->o->job, NpzFile);
        job_on_exit(x->o->job, free_npz, z);
        if (npz_read(in->file, z, &why) != JITC_OK) {
            add_problem(x, why);
            return;
        }
        size_t k = 0;
        while (k < z->n && z->n > 1 && strcmp(z->at[k].name, in->name) != 0) k++;
        if (k == z->n) {
            job_error(x->o->job, "%s: holds no array for input '%s'", in->file, in->name);
            return;
        }
        *t = z->at[k].value;
        z->at[k].value = (jitc_tensor){0};
    } else if (npy_read(in->file, t, &why) != JITC_OK) {
        add_problem(x, why);
        return;
    }
    in->value = *t;
}

static void read_files(Binder *x)
{
    for (uint32_t i = 0; i < x->b->in.n; i++) {
        Bound *in = &x->b->in.at[i];
        const jitc_io *io = find_io(x->b, in->name);
        if (in->value.data) {
            if (io && io->dtype == JITC_STRING)
                job_error(x->o->job, "input '%s' is a string: give a file whose bytes it is", in->name);
        } else if (io && io->dtype == JITC_STRING) {
            read_string(x, in);
        } else {
            read_tensor(x, in);
        }
        if (in->value.data && io && io->dtype != JITC_STRING) check_input(x, in, io);
    }
    job_stop_on_errors(x->o->job);
}

/* Shapes of inputs stand in for --shape. */
static void add_shapes(Options *o, Binding *b)
{
    for (uint32_t i = 0; i < b->in.n; i++) {
        const Bound *in = &b->in.at[i];
        jitc_shape s = {.name = in->name, .rank = in->value.rank};
        memcpy(s.dim, in->value.shape, sizeof s.dim);
        uint32_t k = 0;
        while (k < b->shapes.n && strcmp(b->shapes.at[k].name, in->name) != 0) k++;
        if (k < b->shapes.n)
            b->shapes.at[k] = s;
        else
            vec_push(o->job, &b->shapes, s);
    }
    b->import.shapes = b->shapes.at;
    b->import.nshapes = b->shapes.n;
    b->import.inputs = b->in_names.at;
    b->import.ninputs = b->in_names.n;
}

/* Only what the words say: no interface yet, and files without a NAME are left alone. */
static Binder read_words(Options *o, const Model *m)
{
    Binder x = {.o = o, .m = m, .b = job_new(o->job, Binding)};
    read_arguments(&x);
    set_import(&x);
    return x;
}

Binding *bind_names(Options *o, const Model *m)
{
    return read_words(o, m).b;
}

Binding *bind_options(Options *o, const Model *m)
{
    Binder x = read_words(o, m);
    jitc_status status;
    const char *why;
    if (m->graph)
        tf_graph_io(o->job, m->graph, &x.b->import, &x.b->io);
    else if (!ask_interface(&x, &x.b->io, &status, &why))
        give_up(o->job, status, why);
    name_the_unnamed(&x);
    read_files(&x);
    add_shapes(o, x.b);
    return x.b;
}

void bind_require_all(Options *o, const Binding *b)
{
    for (size_t i = 0; i < b->io.nin; i++) {
        const jitc_io *io = &b->io.in[i];
        if (find_bound((Binding *)(uintptr_t)b, io->name)) continue;
        Str s = {0};
        put_type(&s, plain_type(io->dtype), io->rank, io->shape);
        job_error(o->job, "input '%s', %s, is not given: --input %s=FILE", io->name, str_text(&s), io->name);
        str_free(&s);
    }
    if (o->job->nerrors) job_fail(o->job, JITC_E_USAGE);
}

/* -- Inputs out of thin air ----------------------------------------------------------------------------- */
/* Uniform in [0, 1), the same in every run. */
static void fill_random(const Tensor *t, int64_t n, uint64_t seed)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15ULL + 1;
    for (int64_t i = 0; i < n; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        tensor_set_f(t, i, (double)(x >> 40) * 0x1p-24);
    }
}

static bool generate(Options *o, const jitc_io *io, size_t number, jitc_tensor *out, bool *opened)
{
    jitc_dtype type = plain_type(io->dtype);
    const char *why = NULL;
    if (io->dtype == JITC_STRING)
        why = "is a string";
    else if (io->rank < 0)
        why = "has no known number of dimensions";
    else if (!dtype_size((DType)type))
        why = "has a type that cannot be made up";
    if (why) {
        job_error(o->job, "input '%s' %s: give it with --input%s", io->name, why,
                  io->rank < 0 ? ", or its dimensions with --shape" : "");
        return false;
    }
    Type t = {.dtype = (DType)type, .rank = (uint8_t)io->rank};
    *out = (jitc_tensor){.dtype = type, .rank = io->rank};
    for (int i = 0; i < io->rank; i++) {
        *opened |= io->shape[i] < 0;
        t.dim[i] = out->shape[i] = io->shape[i] < 0 ? 1 : io->shape[i];
    }
    int64_t n = type_numel(&t), bytes = type_bytes(&t);
    if (n == INT64_MAX || bytes > (int64_t)1 << 40) {
        job_error(o->job, "input '%s' is too large", io->name);
        return false;
    }
    out->data = aligned_alloc(64, (size_t)round_up(bytes + 1, 64));
    if (!out->data) job_fail(o->job, JITC_E_NOMEM);
    memset(out->data, 0, (size_t)bytes);
    job_on_exit(o->job, free, out->data);
    Tensor v = {t, out->data};
    if (dtype_is_float(t.dtype)) fill_random(&v, n, number + 1);
    return true;
}

void bind_generated(Options *o, Binding *b)
{
    Str opened = {0};
    for (size_t i = 0; i < b->io.nin; i++) {
        const jitc_io *io = &b->io.in[i];
        if (find_bound(b, io->name)) continue;
        jitc_tensor value;
        bool open = false;
        if (!generate(o, io, i, &value, &open)) continue;
        vec_push(o->job, &b->in, (Bound){io->name, NULL, value});
        if (!open) continue;
        str_printf(&opened, "%s%s ", opened.n ? ", " : "", io->name);
        put_type(&opened, value.dtype, value.rank, value.shape);
    }
    if (opened.n) say_note(o, "open dimensions taken as 1: %s", str_text(&opened));
    str_free(&opened);
    job_stop_on_errors(o->job);
    add_shapes(o, b);
}

void binding_options(const Options *o, const Binding *b, jitc_options *out)
{
    *out = (jitc_options)JITC_OPTIONS_INIT;
    out->threads = o->threads;
    out->cpu = o->cpu;
    out->inputs = b->in_names.n ? b->in_names.at : NULL;
    out->ninputs = b->in_names.n;
    out->outputs = b->out_names.n ? b->out_names.at : NULL;
    out->noutputs = b->out_names.n;
    out->shapes = b->shapes.at;
    out->nshapes = b->shapes.n;
    out->sets = o->sets.at;
    out->nsets = o->sets.n;
    out->ops = o->ops.at;
    out->nops = o->ops.n;
    out->max_memory = o->max_memory;
    out->tuning = o->tuning;
    out->stop = o->stop;
    out->cache = o->cache;
    out->cache_bytes = o->cache_bytes;
    out->layout = o->layout;
    if (o->precise) out->flags |= JITC_PRECISE;
    if (o->verify) out->flags |= JITC_VERIFY;
    if (o->tiered) out->flags |= JITC_TIERED;
}
