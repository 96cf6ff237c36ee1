/* jitc tune --batch: measures a model at several batch sizes and says which to use.
 *
 * One program has a version for each size, so weights are packed once. Of a range, powers of two come first,
 * then sizes between the best one and its neighbours; then all of them take turns. */
#include <stdlib.h>

#include "cli/tune.h"
#include "cli/tune_batch.h"
#include "ir/ir.h"

enum {
    ROUNDS = 3,      /* in which the sizes take turns */
    LEAST_RUNS = 3,  /* in one of them */
    REFINED = 4,     /* sizes of a range that are tried beside the first ones, at most */
    RANDOM_ROWS = 32 /* of an input that is made up; larger batches repeat them */
};
static const double ENOUGH = 0.97; /* of the best throughput: a smaller batch is then the better one */

/* -- Inputs ---------------------------------------------------------------------------------------- */
static const jitc_io *io_of(const ImportIo *io, const char *name)
{
    for (size_t i = 0; i < io->nin; i++)
        if (strcmp(io->in[i].name, name) == 0) return &io->in[i];
    return NULL;
}

/* Whether its first dimension is the batch: it is open. Where the graph does not tell the rank, the tensor
 * that was given does. */
static bool is_open(const Binding *b, const jitc_io *io)
{
    if (io->dtype == JITC_STRING) return false;
    if (io->rank >= 0) return io->rank && io->shape[0] < 0;
    for (uint32_t i = 0; i < b->in.n; i++)
        if (strcmp(b->in.at[i].name, io->name) == 0) return b->in.at[i].value.rank > 0;
    return true;
}

/* No input has an open first dimension: what could be done? */
static _Noreturn void refuse(const Batches *t)
{
    Job *job = t->o->job;
    ImportOptions plain = t->b->import;
    ImportIo declared;
    plain.nshapes = 0;
    tf_graph_io(job, t->m->graph, &plain, &declared);
    for (size_t i = 0; i < declared.nin; i++)
        if (is_open(t->b, &declared.in[i]))
            usage_error(job, "--batch: --shape fixes the first dimension of input '%s'; write ? there",
                        declared.in[i].name);
    for (size_t i = 0; i < declared.nin; i++)
        if (declared.in[i].rank > 0 && declared.in[i].dtype != JITC_STRING)
            job_error(
                job,
                "--batch: the model fixes the first dimension of input '%s' at %lld; export it again with "
                "an open one (None)",
                declared.in[i].name, (long long)declared.in[i].shape[0]);
    if (!job->nerrors) job_error(job, "--batch: the model has no input with a first dimension");
    job_fail(job, JITC_E_INVALID);
}

/* Rows for all inputs; in the binding's shapes the first dimensions of what has batches become open again. */
static void bind_rows(Batches *t)
{
    Job *job = t->o->job;
    Binding *b = t->b;
    bool *open = job_array(job, bool, b->io.nin + 1), any = false;
    int64_t most = min_i64(t->o->batches.at[t->o->batches.n - 1], RANDOM_ROWS);
    for (size_t i = 0; i < b->io.nin; i++) {
        jitc_io *io = &b->io.in[i];
        open[i] = is_open(b, io);
        any |= open[i];
        if (open[i] && io->rank > 0) io->shape[0] = most;
    }
    if (!any) refuse(t);
    bind_generated(t->o, b);
    for (uint32_t i = 0; i < b->shapes.n; i++) {
        jitc_shape *s = &b->shapes.at[i];
        const jitc_io *io = io_of(&b->io, s->name);
        if (!io || !open[io - b->io.in] || !s->rank) continue;
        if (!s->dim[0]) job_error(job, "input '%s' has no rows that could be repeated", s->name);
        s->dim[0] = -1;
    }
    job_stop_on_errors(job);
}

static const jitc_shape *shape_of_input(const Binding *b, const char *name)
{
    for (uint32_t i = 0; i < b->shapes.n; i++)
        if (strcmp(b->shapes.at[i].name, name) == 0) return &b->shapes.at[i];
    return NULL;
}

static bool has_batch(const Batches *t, const Bound *in)
{
    const jitc_shape *s = shape_of_input(t->b, in->name);
    return s && s->rank && s->dim[0] < 0;
}

static int64_t bytes_of(const jitc_tensor *t)
{
    Type type = {.dtype = (DType)t->dtype, .rank = (uint8_t)t->rank};
    for (int i = 0; i < t->rank; i++) type.dim[i] = t->shape[i];
    return t->dtype == JITC_STRING ? t->shape[0] : type_bytes(&type);
}

static int64_t input_bytes(const Batches *t, int64_t n)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < t->b->in.n; i++) {
        const Bound *in = &t->b->in.at[i];
        int64_t bytes = bytes_of(&in->value);
        sum += has_batch(t, in) ? bytes / in->value.shape[0] * n : bytes;
    }
    return sum;
}

/* -- Measuring ------------------------------------------------------------------------------------- */
static double secs_spent(const Batches *t)
{
    return (double)(now_ns() - t->start) / 1e9;
}

/* Leaves a size out; false, so that larger ones are not tried. */
static bool leave_out(Batch *z, const char *why)
{
    z->left_out = why;
    return false;
}

/* What a call came to that may have failed: true, or the size cannot be measured. */
static bool done(Batches *t, Batch *z, jitc_status status, const char *lines)
{
    if (status == JITC_OK) return true;
    if (status == JITC_E_CANCELLED && tune_stop) {
        t->over = true;
        return false;
    }
    if (status == JITC_E_NOMEM) return leave_out(z, "out of memory");
    job_error(t->o->job, "the model cannot run with a batch size of %lld:", (long long)z->n);
    give_up(t->o->job, status, lines);
}

static bool fits(const Batches *t, Batch *z)
{
    if ((uint64_t)batch_memory(z) <= t->max_memory) return true;
    Str s = {0};
    put_bytes(&s, batch_memory(z));
    str_put(&s, " of memory, more than ");
    put_bytes(&s, (int64_t)t->max_memory);
    const char *why = job_strndup(t->o->job, str_text(&s), s.n);
    str_free(&s);
    return leave_out(z, why);
}

static bool compile(Batches *t, Batch *z)
{
    const Binding *b = t->b;
    jitc_shape *shapes = job_array(t->o->job, jitc_shape, b->shapes.n + 1);
    for (uint32_t i = 0; i < b->shapes.n; i++) {
        shapes[i] = b->shapes.at[i];
        if (shapes[i].rank && shapes[i].dim[0] < 0) shapes[i].dim[0] = z->n;
    }
    jitc_error *error = NULL;
    jitc_status status = jitc_program_specialise(t->s->program, shapes, b->shapes.n, &error);
    const char *text = error ? jitc_error_text(error) : "";
    text = job_strndup(t->o->job, text, strlen(text));
    jitc_error_free(error);
    return done(t, z, status, text);
}

/* A batch of what there are rows of; the memory is malloc()'s. */
static void *repeat_rows(const jitc_tensor *rows, int64_t n, jitc_tensor *out)
{
    size_t have = (size_t)bytes_of(rows), want = have / (size_t)rows->shape[0] * (size_t)n;
    *out = *rows;
    out->shape[0] = n;
    out->data = aligned_alloc(64, (size_t)round_up((int64_t)want + 1, 64));
    for (size_t at = 0; out->data && at < want; at += have)
        memcpy((char *)out->data + at, rows->data, want - at < have ? want - at : have);
    return out->data;
}

static void free_batch(void *batches)
{
    Batches *t = batches;
    for (uint32_t i = 0; i < t->b->in.n; i++) {
        free(t->memory[i]);
        t->memory[i] = NULL;
    }
}

static bool bind_batch(Batches *t, Batch *z)
{
    for (uint32_t i = 0; i < t->b->in.n; i++) {
        const Bound *in = &t->b->in.at[i];
        jitc_tensor value = in->value;
        if (has_batch(t, in)) t->memory[i] = repeat_rows(&in->value, z->n, &value);
        if (!value.data) return leave_out(z, "out of memory");
        jitc_status status = jitc_exec_bind(t->s->exec, in->name, &value);
        if (!done(t, z, status, jitc_exec_error(t->s->exec))) return false;
    }
    return done(t, z, jitc_exec_prepare(t->s->exec), jitc_exec_error(t->s->exec));
}

static bool run_once(Batches *t, Batch *z, double *ms)
{
    char doing[48];
    snprintf(doing, sizeof doing, "batch size %lld", (long long)z->n);
    tune_progress(t->o, t->start, doing, false);
    int64_t start = now_ns();
    jitc_status status = jitc_exec_run(t->s->exec);
    *ms = (double)(now_ns() - start) / 1e6;
    return done(t, z, status, jitc_exec_error(t->s->exec));
}

static bool is_short_enough(const Batches *t, Batch *z)
{
    double most = t->o->max_latency;
    z->left_out = NULL;
    if (most <= 0 || z->median <= most) return true;
    Str s = {0};
    str_put(&s, "more than ");
    put_ms(&s, most);
    const char *why = job_strndup(t->o->job, str_text(&s), s.n);
    str_free(&s);
    return leave_out(z, why);
}

/* For its part of the time. */
static bool time_runs(Batches *t, Batch *z)
{
    int64_t from = now_ns(), share = (int64_t)((t->o->budget - secs_spent(t)) / t->to_do * 1e9);
    bool fine = true;
    double ms;
    do
        if (!run_once(t, z, &ms)) return false;
    while (now_ns() - from < min_i64(share / 10, 300000000));
    for (int n = 0; n < LEAST_RUNS || now_ns() - from < share; n++) {
        fine = run_once(t, z, &ms);
        if (!fine) break;
        samples_add(&z->samples, ms);
    }
    if (z->samples.runs < LEAST_RUNS || (!fine && !t->over)) return false;
    samples_sort(&z->samples);
    z->runs = z->samples.runs;
    z->median = samples_quantile(&z->samples, 0.5);
    z->p90 = samples_quantile(&z->samples, 0.9);
    return is_short_enough(t, z);
}

/* In an exec of its own, so that there is one arena at a time. */
static bool measure_in_exec(Batches *t, Batch *z)
{
    SessionInfo info;
    if (!bind_batch(t, z)) return false;
    session_info(t->s, &info);
    z->arena = info.arena_bytes;
    z->weights = info.weights_bytes;
    z->code = info.code_bytes;
    return fits(t, z) && time_runs(t, z);
}

static void add_size(Batches *t, const Batch *z)
{
    vec_push(t->o->job, &t->sizes, *z);
    for (uint32_t i = t->sizes.n - 1; i && t->sizes.at[i - 1].n > t->sizes.at[i].n; i--) {
        Batch swap = t->sizes.at[i];
        t->sizes.at[i] = t->sizes.at[i - 1];
        t->sizes.at[i - 1] = swap;
    }
}

/* Runs a size for a while; there is code for it. */
static bool visit(Batches *t, Batch *z)
{
    jitc_status status = jitc_exec_new(t->s->program, &t->s->exec);
    bool fine = done(t, z, status, "") && measure_in_exec(t, z);
    jitc_exec_free(t->s->exec);
    t->s->exec = NULL;
    free_batch(t);
    if (t->to_do > 1) t->to_do--;
    return fine;
}

/* A new size. False: larger ones need not be tried. */
static bool measure(Batches *t, int64_t n)
{
    Batch z = {.n = n, .inputs = input_bytes(t, n)};
    samples_clear(t->o->job, &z.samples);
    bool fine = fits(t, &z) && compile(t, &z) && visit(t, &z);
    if (z.runs || z.left_out) add_size(t, &z);
    return fine;
}

/* -- Choosing -------------------------------------------------------------------------------------- */
static void choose(Batches *t)
{
    t->fastest = t->best = UINT32_MAX;
    double most = 0;
    for (uint32_t i = 0; i < t->sizes.n; i++) {
        const Batch *z = &t->sizes.at[i];
        if (z->left_out || items_per_second(z) <= most) continue;
        most = items_per_second(z);
        t->fastest = i;
    }
    for (uint32_t i = 0; i < t->sizes.n && t->best == UINT32_MAX; i++)
        if (!t->sizes.at[i].left_out && items_per_second(&t->sizes.at[i]) >= ENOUGH * most && most > 0)
            t->best = i;
}

/* The middle between the best size and its neighbour on one side, where that was not measured; 0: it was. */
static int64_t between(const Batches *t, int step)
{
    uint32_t other = t->best + (uint32_t)step;
    if (other >= t->sizes.n) return 0;
    int64_t a = t->sizes.at[t->best].n, b = t->sizes.at[other].n, middle = (a + b) / 2;
    return middle == a || middle == b ? 0 : middle;
}

static void refine(Batches *t)
{
    while (t->refined < REFINED && !t->over && secs_spent(t) < t->o->budget) {
        choose(t);
        if (t->best == UINT32_MAX) return;
        int64_t below = between(t, -1), above = between(t, 1);
        if (!below && !above) return;
        if (below) measure(t, below), t->refined++;
        if (above && t->refined < REFINED && !t->over) measure(t, above), t->refined++;
    }
}

/* In rounds, so that what disturbs the machine for a while does not fall on one size. */
static void measure_all(Batches *t)
{
    const Options *o = t->o;
    t->to_do = ROUNDS * (o->batches.n + (o->batch_range && o->batches.n > 1 ? REFINED : 0));
    for (uint32_t i = 0; i < o->batches.n && !t->over; i++)
        if (!measure(t, o->batches.at[i])) break;
    if (o->batch_range) refine(t);
    for (int round = 1; round < ROUNDS; round++) {
        t->to_do = t->sizes.n * (uint32_t)(ROUNDS - round);
        for (uint32_t i = 0; i < t->sizes.n; i++) {
            Batch *z = &t->sizes.at[i];
            if (t->over || secs_spent(t) > o->budget) return;
            if (z->runs) visit(t, z);
        }
        if (o->batch_range) refine(t);
    }
}

/* -- The command ----------------------------------------------------------------------------------- */
/* Bytes that programs may still take without others being swapped out. */
static size_t available_memory(void)
{
    FILE *f = fopen("/proc/meminfo", "re");
    char line[256];
    unsigned long long kib = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %llu", &kib) == 1) break;
    if (f) fclose(f);
    return kib ? (size_t)kib * 1024 : SIZE_MAX / 2;
}

ExitStatus tune_batches(Options *o)
{
    Batches *t = job_new(o->job, Batches);
    /* The limit is for batches, and checked before they run. */
    *t = (Batches){.o = o, .max_memory = o->max_memory ? o->max_memory : available_memory()};
    o->max_memory = o->job->arena.limit = 0;
    o->stop = &tune_stop;
    t->m = model_open(o->job, o->files.at[0]);
    t->b = bind_options(o, t->m);
    bind_rows(t);
    t->memory = job_array(o->job, void *, t->b->in.n + 1);
    job_on_exit(o->job, free_batch, t);
    t->start = now_ns();
    t->s = session_load(o, t->m, t->b);
    tune_catch();
    measure_all(t);
    choose(t);
    tune_release();
    tune_progress(o, t->start, "", true);

    Str s = {0};
    if (o->svg) {
        batches_svg(&s, t);
        put_file(o->job, o->svg, &s);
    }
    if (!o->json || strcmp(o->json, "-") != 0) {
        batches_show(&s, t);
        put_stdout(o->job, &s);
    }
    if (o->json) {
        batches_json(&s, t);
        put_file(o->job, o->json, &s);
    }
    return t->best == UINT32_MAX && !t->over ? EXIT_UNUSABLE : EXIT_DONE;
}
