/* Execs: the tensors that are bound, the memory that runs use, and the runs.
 *
 * Shapes decide which version runs, so that one is looked for only after a bind that changed them; pointers
 * are put in place after any bind. A run between binds does neither, and allocates nothing. */
#include <stdlib.h>
#include <sys/random.h>

#include "runtime/control.h"
#include "runtime/fpmode.h"
#include "runtime/heap.h"
#include "runtime/program.h"

typedef struct {
    jitc_tensor t; /* what is bound */
    bool bound;
    HeapBlock own; /* OUTPUT: where it lives unless it is bound. Both: the copy of a tensor that cannot be
                      used in place */
    bool staged;
    int64_t bytes;                /* for these inputs, or of the last run */
    bool open;                    /* OUTPUT: only a run tells its size */
    int64_t shape[JITC_MAX_RANK]; /* OUTPUT: where it is not open, or of the last run */
} Slot;

struct jitc_exec {
    jitc_program *p;
    Version *v;
    ThreadPool *pool;
    Slot *in, *out;
    bool new_shapes, new_pointers;
    bool ran; /* outputs hold the last run's results */
    HeapBlock arena, scratch;
    RunHeap heap;
    uint64_t runs[2];  /* ImportOptions.runs */
    int64_t *reg;      /* the plan's registers */
    void **buf, **ptr; /* where buffers are; where they are at the start of a run follows them in `buf` */
    const void **in_ptr;
    void **out_ptr;
    const int64_t **dims; /* of the inputs */
    jitc_run run;
    int stop;
    ExecTap *tap;
    void *tap_arg;
    char *error;
};

static char *text_of(const char *fmt, va_list ap)
{
    Str raw = {0}, s = {0};
    str_vprintf(&raw, fmt, ap);
    str_escape(&s, str_text(&raw), raw.n);
    char *r = s.oom || raw.oom ? NULL : strdup(str_text(&s));
    str_free(&raw);
    str_free(&s);
    return r;
}

static jitc_status fail(jitc_exec *x, jitc_status status, const char *fmt, ...) PRINTF(3, 4);
static jitc_status fail(jitc_exec *x, jitc_status status, const char *fmt, ...)
{
    va_list ap;
    free(x->error);
    va_start(ap, fmt);
    x->error = text_of(fmt, ap);
    va_end(ap);
    return status;
}

static jitc_status fail_nomem(jitc_exec *x)
{
    return fail(x, JITC_E_NOMEM, "%s", status_text(JITC_E_NOMEM));
}

static void clear_error(jitc_exec *x)
{
    free(x->error);
    x->error = NULL;
}

/* -- Names and shapes
 * ------------------------------------------------------------------------------------------ */
static bool same_name(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    if (na > 2 && strcmp(a + na - 2, ":0") == 0) na -= 2;
    if (nb > 2 && strcmp(b + nb - 2, ":0") == 0) nb -= 2;
    return na == nb && memcmp(a, b, na) == 0;
}

static int find_io(const jitc_io *io, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (same_name(io[i].name, name)) return (int)i;
    return -1;
}

static void put_type(Str *s, jitc_dtype dtype, int32_t rank, const int64_t *dim)
{
    const char *name = jitc_dtype_name(dtype);
    str_put(s, name ? name : "a type of its own");
    if (rank < 0) {
        str_put(s, " of any shape");
        return;
    }
    str_put(s, "[");
    for (int32_t i = 0; i < rank; i++) {
        if (i) str_put(s, ",");
        if (dim[i] < 0)
            str_put(s, "?");
        else
            str_printf(s, "%lld", (long long)dim[i]);
    }
    str_put(s, "]");
}

static bool shape_fits(const jitc_io *io, int32_t rank, const int64_t *dim)
{
    if (io->rank < 0) return true;
    if (io->rank != rank) return false;
    for (int32_t i = 0; i < rank; i++)
        if (io->shape[i] >= 0 && io->shape[i] != dim[i]) return false;
    return true;
}

/* What the mistake probably is. */
static const char *shape_hint(const jitc_io *io, const jitc_tensor *t)
{
    static const int first[4] = {0, 2, 3, 1}, last[4] = {0, 3, 1, 2};
    if (io->rank == 4 && t->rank == 4) {
        int64_t a[4], b[4];
        for (int i = 0; i < 4; i++) {
            a[i] = t->shape[first[i]];
            b[i] = t->shape[last[i]];
        }
        if (shape_fits(io, 4, a)) return "; it looks channels-first: transpose it with (0, 2, 3, 1)";
        if (shape_fits(io, 4, b)) return "; it looks channels-last: transpose it with (0, 3, 1, 2)";
    }
    if (io->rank == t->rank + 1 && (io->shape[0] < 0 || io->shape[0] == 1)) {
        jitc_io inner = *io;
        inner.rank = t->rank;
        memmove(inner.shape, io->shape + 1, (size_t)t->rank * sizeof *inner.shape);
        if (shape_fits(&inner, t->rank, t->shape)) return "; it lacks the batch dimension at the front";
    }
    return "";
}

static bool same_dtype(jitc_dtype want, jitc_dtype is)
{
    return want == is || !want || (want == JITC_STRING && is == JITC_UINT8) ||
           (want == JITC_UINT8 && is == JITC_STRING);
}

static jitc_status misfit(jitc_exec *x, const char *what, const jitc_io *io, const jitc_tensor *t,
                          const char *hint)
{
    Str is = {0}, want = {0};
    put_type(&is, t->dtype, t->rank, t->shape);
    put_type(&want, io->dtype, io->rank, io->shape);
    jitc_status status = fail(x, JITC_E_INVALID, "%s '%s' is %s, the model %s %s%s", what, io->name,
                              str_text(&is), what[0] == 'i' ? "wants" : "gives", str_text(&want), hint);
    str_free(&is);
    str_free(&want);
    return status;
}

static bool tensor_bytes(const jitc_tensor *t, int64_t *bytes)
{
    *bytes = (int64_t)jitc_dtype_size(t->dtype);
    if (!*bytes || t->rank < 0 || t->rank > JITC_MAX_RANK) return false;
    for (int32_t i = 0; i < t->rank; i++)
        if (t->shape[i] < 0 || !mul_ok(*bytes, t->shape[i], bytes)) return false;
    return true;
}

/* -- Life
 * ------------------------------------------------------------------------------------------------------- */
static jitc_status set_version(jitc_exec *x, const jitc_io *in, bool special);

static void parallel_for_run(void *host, void (*f)(void *arg, size_t share), void *arg, size_t n)
{
    parallel_for(host, f, arg, n);
}

jitc_status jitc_exec_new(jitc_program *p, jitc_exec **out)
{
    if (out) *out = NULL;
    if (!p || !out) return JITC_E_USAGE;
    jitc_exec *x = calloc(1, sizeof *x);
    if (!x) return JITC_E_NOMEM;
    program_ref(p);
    x->p = p;
    x->pool = threads_new(p->threads);
    x->in = calloc(p->io.nin + 1, sizeof *x->in);
    x->out = calloc(p->io.nout + 1, sizeof *x->out);
    x->in_ptr = calloc(p->io.nin + 1, sizeof *x->in_ptr); /* and `runs` */
    x->out_ptr = calloc(p->io.nout + 1, sizeof *x->out_ptr);
    x->dims = calloc(p->io.nin + 1, sizeof *x->dims);
    if (getrandom(x->runs, sizeof x->runs[0], GRND_NONBLOCK) < 0) x->runs[0] = (uint64_t)(uintptr_t)x;
    x->new_shapes = x->new_pointers = true;
    x->run.in = x->in_ptr;
    x->run.out = x->out_ptr;
    x->run.parallel_for = parallel_for_run;
    x->run.host = x->pool;
    x->run.stop = &x->stop;
    jitc_status status =
        x->pool && x->in && x->out && x->in_ptr && x->out_ptr && x->dims ? JITC_OK : JITC_E_NOMEM;
    if (!status && p->is_static) status = set_version(x, p->io.in, true);
    if (status) {
        jitc_exec_free(x);
        return status;
    }
    *out = x;
    return JITC_OK;
}

void jitc_exec_free(jitc_exec *x)
{
    if (!x) return;
    for (size_t i = 0; x->in && i < x->p->io.nin; i++) heap_free(&x->in[i].own);
    for (size_t i = 0; x->out && i < x->p->io.nout; i++) heap_free(&x->out[i].own);
    heap_free(&x->arena);
    heap_free(&x->scratch);
    run_heap_free(&x->heap);
    free(x->reg);
    version_release(x->p, x->v);
    threads_free(x->pool);
    free(x->in);
    free(x->out);
    free(x->in_ptr);
    free(x->out_ptr);
    free(x->dims);
    free(x->buf);
    free(x->ptr);
    free(x->error);
    program_unref(x->p);
    free(x);
}

/* -- Binding
 * ---------------------------------------------------------------------------------------------------- */
static bool same_shape(const jitc_tensor *a, const jitc_tensor *b)
{
    return a->rank == b->rank &&
           (a->rank <= 0 || memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0);
}

static jitc_status bind_input(jitc_exec *x, size_t i, const jitc_tensor *t)
{
    const jitc_io *io = &x->p->io.in[i];
    Slot *s = &x->in[i];
    int64_t bytes;
    if (!tensor_bytes(t, &bytes))
        return fail(x, JITC_E_USAGE, "input '%s': its type, rank or shape is not valid", io->name);
    if (!t->data && bytes) return fail(x, JITC_E_USAGE, "input '%s': its data is NULL", io->name);
    if (!same_dtype(io->dtype, t->dtype)) return misfit(x, "input", io, t, "");
    if (!shape_fits(io, t->rank, t->shape)) return misfit(x, "input", io, t, shape_hint(io, t));
    if (!s->bound || !same_shape(&s->t, t)) x->new_shapes = true;
    s->t = *t;
    s->bound = true;
    return JITC_OK;
}

static jitc_status bind_output(jitc_exec *x, size_t i, const jitc_tensor *t)
{
    const jitc_io *io = &x->p->io.out[i];
    int64_t bytes;
    if (!tensor_bytes(t, &bytes))
        return fail(x, JITC_E_USAGE, "output '%s': its type, rank or shape is not valid", io->name);
    if (!t->data && bytes) return fail(x, JITC_E_USAGE, "output '%s': its data is NULL", io->name);
    if (!same_dtype(io->dtype, t->dtype)) return misfit(x, "output", io, t, "");
    x->out[i].t = *t;
    x->out[i].bound = true;
    return JITC_OK;
}

jitc_status jitc_exec_bind(jitc_exec *x, const char *name, const jitc_tensor *t)
{
    if (!x) return JITC_E_USAGE;
    clear_error(x);
    if (!name) return fail(x, JITC_E_USAGE, "the name of a tensor is NULL");
    const ImportIo *io = &x->p->io;
    int i = find_io(io->in, io->nin, name), o = i < 0 ? find_io(io->out, io->nout, name) : -1;
    if (i < 0 && o < 0) return fail(x, JITC_E_USAGE, "the program has no input or output '%s'", name);
    x->new_pointers = true;
    x->ran = false;
    if (t) return i >= 0 ? bind_input(x, (size_t)i, t) : bind_output(x, (size_t)o, t);
    (i >= 0 ? &x->in[i] : &x->out[o])->bound = false;
    return JITC_OK;
}

/* -- Preparing
 * -------------------------------------------------------------------------------------------------- */
static jitc_status allocate(jitc_exec *x)
{
    const Plan *plan = x->v->plan;
    void **buf = realloc(x->buf, (2 * plan->nbuf + 1) * sizeof *buf);
    if (buf) x->buf = buf;
    void **ptr = realloc(x->ptr, (plan->ncall_buf + 1) * sizeof *ptr);
    if (ptr) x->ptr = ptr;
    int64_t *reg = realloc(x->reg, (plan->nreg + 1) * sizeof *reg);
    if (reg) x->reg = reg;
    if (!buf || !ptr || !reg) return fail_nomem(x);
    x->run.shares = x->p->threads > 1 ? 4 * (uint32_t)x->p->threads : 1;
    x->run.weights = x->v->segment;
    x->run.dims = x->reg;
    x->heap.limit = x->p->max_memory > INT64_MAX ? INT64_MAX : (int64_t)x->p->max_memory;
    return JITC_OK;
}

static jitc_status set_version(jitc_exec *x, const jitc_io *in, bool special)
{
    Version *v;
    char *why;
    jitc_status status = version_get(x->p, in, special, &v, &why);
    if (status) {
        fail(x, status, "%s", why ? why : status_text(status));
        /* Lines stay lines: the text was escaped when it was reported. */
        if (why) {
            free(x->error);
            x->error = why;
        }
        return status;
    }
    version_release(x->p, x->v);
    x->v = v;
    x->run.ticks = NULL; /* their number is another one */
    status = allocate(x);
    if (status) {
        version_release(x->p, v);
        x->v = NULL;
    }
    return status;
}

static jitc_status update_version(jitc_exec *x, bool special)
{
    size_t n = x->p->io.nin;
    jitc_io *in = malloc((n + 1) * sizeof *in);
    if (!in) return fail_nomem(x);
    bool same = x->v != NULL && !x->v->general;
    for (size_t i = 0; i < n; i++) {
        in[i] = x->p->io.in[i];
        in[i].rank = x->in[i].t.rank;
        memcpy(in[i].shape, x->in[i].t.shape, sizeof in[i].shape);
        same = same && shape_fits(&x->v->in[i], in[i].rank, in[i].shape);
    }
    jitc_status status = same ? JITC_OK : set_version(x, in, special);
    free(in);
    if (!status) x->new_shapes = false;
    return status;
}

static bool overlap(const void *a, int64_t na, const void *b, int64_t nb)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return na > 0 && nb > 0 && x < y + (uintptr_t)nb && y < x + (uintptr_t)na;
}

static bool aligned(const jitc_tensor *t)
{
    return (uintptr_t)t->data % jitc_dtype_size(t->dtype) == 0;
}

static bool clashes(const jitc_exec *x, size_t o)
{
    const Slot *s = &x->out[o];
    for (size_t i = 0; i < x->p->io.nin; i++)
        if (overlap(s->t.data, s->bytes, x->in[i].t.data, x->in[i].bytes)) return true;
    for (size_t i = 0; i < x->p->io.nout; i++)
        if (i != o && x->out[i].bound && overlap(s->t.data, s->bytes, x->out[i].t.data, x->out[i].bytes))
            return true;
    return false;
}

/* Bytes of output i, and its shape, as the registers tell them. False: too large. */
static bool measure_output(jitc_exec *x, size_t i)
{
    const Type *t = &x->v->plan->out_type[i];
    Slot *s = &x->out[i];
    s->bytes = (int64_t)dtype_size(t->dtype);
    for (int d = 0; d < t->rank; d++) {
        s->shape[d] = plan_num(t->dim[d], x->reg);
        if (s->shape[d] < 0 || !mul_ok(s->bytes, s->shape[d], &s->bytes)) return false;
    }
    return true;
}

/* The memory that runs with these sizes of inputs take. */
static jitc_status reserve(jitc_exec *x)
{
    const Plan *plan = x->v->plan;
    int64_t arena = plan_num(plan->arena, x->reg), scratch = plan_num(plan->scratch, x->reg), bytes;
    if (scratch > INT64_MAX / 2 || !mul_ok(round_up(scratch, RUN_ALIGN), x->run.shares, &bytes) ||
        !add_ok(arena, bytes, &bytes) || (x->heap.limit && bytes > x->heap.limit))
        return fail_nomem(x);
    if (!heap_ensure(&x->arena, arena) || !heap_ensure(&x->scratch, bytes - arena)) return fail_nomem(x);
    x->run.arena = x->arena.at;
    x->run.scratch = x->scratch.at;
    return JITC_OK;
}

/* Where the tensors of the caller lie, or copies of those that kernels cannot work on. */
static jitc_status place_tensors(jitc_exec *x)
{
    const Version *v = x->v;
    size_t nin = x->p->io.nin, nout = x->p->io.nout;
    for (size_t i = 0; i < nin; i++)
        if (!tensor_bytes(&x->in[i].t, &x->in[i].bytes)) return fail_nomem(x);
    for (size_t i = 0; i < nout; i++) {
        Slot *s = &x->out[i];
        int64_t room;
        s->open = !plan_known_at_entry(v->plan, &v->plan->out_type[i]);
        s->bytes = 0;
        if (!s->open && !measure_output(x, i)) return fail_nomem(x);
        if (!s->bound) continue;
        if (!same_dtype(v->out[i].dtype, s->t.dtype)) return misfit(x, "output", &v->out[i], &s->t, "");
        if (!tensor_bytes(&s->t, &room) || room < s->bytes)
            return fail(x, JITC_E_USAGE, "output '%s' needs %lld bytes, the memory bound to it has %lld",
                        v->out[i].name, (long long)s->bytes, (long long)room);
    }
    for (size_t i = 0; i < nin; i++) {
        Slot *s = &x->in[i];
        if (!same_dtype(v->in[i].dtype, s->t.dtype)) return misfit(x, "input", &v->in[i], &s->t, "");
        s->staged = s->bytes == 0 || !aligned(&s->t);
        if (s->staged && !heap_ensure(&s->own, s->bytes)) return fail_nomem(x);
        x->in_ptr[i] = s->staged ? s->own.at : s->t.data;
    }
    for (size_t i = 0; i < nout; i++) {
        Slot *s = &x->out[i];
        s->staged = !s->bound || s->bytes == 0 || !aligned(&s->t) || clashes(x, i);
        if (s->staged && !heap_ensure(&s->own, s->bytes)) return fail_nomem(x);
        x->out_ptr[i] = s->staged ? s->own.at : s->t.data;
    }
    return JITC_OK;
}

static void place_buffers(jitc_exec *x)
{
    const Plan *plan = x->v->plan;
    x->in_ptr[x->p->io.nin] = x->runs;
    for (uint32_t i = 0; i < plan->nbuf; i++) {
        const PlanBuf *b = &plan->buf[i];
        switch (b->kind) {
        case BUF_INPUT: x->buf[i] = (void *)(uintptr_t)x->in_ptr[b->index]; break;
        case BUF_OUTPUT: x->buf[i] = x->out_ptr[b->index]; break;
        case BUF_WEIGHT: x->buf[i] = x->v->weight[b->index]->data; break;
        case BUF_SLOT: x->buf[i] = (uint8_t *)x->arena.at + plan_num(b->offset, x->reg); break;
        case BUF_HEAP: x->buf[i] = NULL; break;
        }
    }
    memcpy(x->buf + plan->nbuf, x->buf, plan->nbuf * sizeof *x->buf);
    for (uint32_t i = 0; i < plan->ncall_buf; i++) x->ptr[i] = x->buf[plan->call_buf[i]];
}

/* Windows that are larger than the input, of whose sizes code for all sizes knows nothing. */
static bool negative_sizes(const jitc_exec *x)
{
    const Plan *plan = x->v->plan;
    for (uint32_t i = 0; i < plan->nbuf; i++) {
        const Type *t = &plan->buf[i].type;
        bool known = plan_known_at_entry(plan, t);
        for (int d = 0; known && d < t->rank; d++)
            if (plan_num(t->dim[d], x->reg) < 0) return true;
    }
    return false;
}

static jitc_status prepare(jitc_exec *x, bool special)
{
    for (size_t i = 0; i < x->p->io.nin; i++)
        if (!x->in[i].bound) return fail(x, JITC_E_USAGE, "input '%s' is not bound", x->p->io.in[i].name);
    jitc_status status = x->new_shapes ? update_version(x, special) : JITC_OK;
    if (status) return status;
    static const int64_t runs_dims[] = {2};
    for (size_t i = 0; i < x->p->io.nin; i++) x->dims[i] = x->in[i].t.shape;
    x->dims[x->p->io.nin] = runs_dims;
    control_enter(x->v->plan, x->dims, x->reg);
    if (x->v->general && negative_sizes(x)) {
        status = update_version(x, true);
        if (status) return status;
        control_enter(x->v->plan, x->dims, x->reg);
    }
    status = reserve(x);
    if (!status) status = place_tensors(x);
    if (status) return status;
    place_buffers(x);
    x->new_pointers = false;
    return JITC_OK;
}

/* -- Running
 * ---------------------------------------------------------------------------------------------------- */
static jitc_status report_failure(jitc_exec *x, ControlResult r)
{
    const Plan *plan = x->v->plan;
    switch (r.end) {
    case CONTROL_INDEX: {
        const PlanCall *c = &plan->call[r.at];
        const char *node = c->nnodes ? c->nodes[c->nnodes - 1] : "?", *why;
        int n = plan_report(&plan->kernel[c->kernel], &why);
        if (n) return fail(x, JITC_E_INVALID, "node '%s': %.*s", node, n, why);
        return fail(x, JITC_E_INVALID, "node '%s': an index is out of range (element %llu of its indices)",
                    node, (unsigned long long)x->run.fail);
    }
    case CONTROL_SIZE: {
        const PlanSite *s = &plan->site[r.at];
        if (s->dtype)
            return fail(x, JITC_E_INVALID,
                        "node '%s': a size that depends on data is %lld, which is below %lld", s->node,
                        (long long)r.a, (long long)r.b);
        return fail(x, JITC_E_INVALID, "node '%s': sizes do not fit: %lld %s %lld", s->node, (long long)r.a,
                    s->least ? "is more than" : "is not", (long long)r.b);
    }
    case CONTROL_STOPPED: return fail(x, JITC_E_DEADLINE, "the run was stopped");
    default: return fail_nomem(x);
    }
}

/* Results of sizes that the run has told go to where the caller gets them. */
static jitc_status take_open(jitc_exec *x, size_t i)
{
    const Plan *plan = x->v->plan;
    Slot *s = &x->out[i];
    int64_t room;
    if (!measure_output(x, i)) return fail_nomem(x);
    if (s->bound && (!tensor_bytes(&s->t, &room) || room < s->bytes))
        return fail(x, JITC_E_USAGE, "output '%s' needs %lld bytes, the memory bound to it has %lld",
                    x->v->out[i].name, (long long)s->bytes, (long long)room);
    if (!s->bound && !heap_ensure(&s->own, s->bytes)) return fail_nomem(x);
    if (s->bytes) memmove(s->bound ? s->t.data : s->own.at, x->buf[plan->out_buf[i]], (size_t)s->bytes);
    return JITC_OK;
}

static ControlResult run_once(jitc_exec *x)
{
    for (size_t i = 0; i < x->p->io.nin; i++)
        if (x->in[i].staged && x->in[i].bytes)
            memcpy(x->in[i].own.at, x->in[i].t.data, (size_t)x->in[i].bytes);
    const Plan *plan = x->v->plan;
    int64_t scratch = round_up(plan_num(plan->scratch, x->reg), RUN_ALIGN);
    Control c = {plan, x->v->fn, x->buf, x->ptr, x->pool, scratch, &x->scratch, &x->heap};
    if (plan->moves) {
        memcpy(x->buf, x->buf + plan->nbuf, plan->nbuf * sizeof *x->buf);
        run_heap_reset(&x->heap);
    }
    x->run.fail = UINT64_MAX;
    FpMode mode = fp_enter();
    ControlResult r = control_run(&c, &x->run);
    fp_leave(mode);
    return r;
}

jitc_status jitc_exec_run(jitc_exec *x)
{
    if (!x) return JITC_E_USAGE;
    clear_error(x);
    x->ran = false;
    if (x->new_pointers || x->new_shapes) {
        jitc_status status = prepare(x, false);
        if (status) return status;
    }
    ControlResult r = run_once(x);
    if (r.end == CONTROL_SIZE && x->v->general) { /* sizes that broadcast, say, which it takes for equal */
        x->new_shapes = true;
        jitc_status status = prepare(x, true);
        if (status) return status;
        r = run_once(x);
    }
    if (r.end != CONTROL_DONE) return report_failure(x, r);
    for (size_t i = 0; i < x->p->io.nout; i++) {
        Slot *s = &x->out[i];
        if (s->open) {
            jitc_status status = take_open(x, i);
            if (status) return status;
        } else if (s->staged && s->bound && s->bytes) {
            memcpy(s->t.data, s->own.at, (size_t)s->bytes);
        }
    }
    x->ran = true;
    x->runs[1]++;
    return JITC_OK;
}

jitc_status jitc_exec_output(const jitc_exec *x, size_t i, jitc_tensor *out)
{
    if (!x || !out || i >= x->p->io.nout || !x->ran) return JITC_E_USAGE;
    const jitc_io *io = &x->v->out[i];
    const Slot *s = &x->out[i];
    *out = (jitc_tensor){.dtype = io->dtype, .rank = io->rank, .data = s->bound ? s->t.data : s->own.at};
    memcpy(out->shape, s->shape, sizeof out->shape);
    return JITC_OK;
}

const char *jitc_exec_error(const jitc_exec *x)
{
    return x && x->error ? x->error : "";
}

/* -- For the command line and tests
 * --------------------------------------------------------------------------- */
jitc_status exec_prepare(jitc_exec *x)
{
    clear_error(x);
    return x->new_pointers || x->new_shapes ? prepare(x, false) : JITC_OK;
}

void exec_fix_random(jitc_exec *x)
{
    memset(x->runs, 0, sizeof x->runs);
}

bool exec_is_general(const jitc_exec *x)
{
    return x->v && x->v->general;
}

const Plan *exec_plan(const jitc_exec *x)
{
    return x->v ? x->v->plan : NULL;
}

void exec_stats(const jitc_exec *x, ExecStats *out)
{
    *out = (ExecStats){0};
    const Version *v = x->v;
    if (!v) return;
    memcpy(out->phase_ns, v->phase_ns, sizeof out->phase_ns);
    out->arena_bytes = x->arena.size + x->heap.bytes;
    out->scratch_bytes = x->scratch.size;
    for (uint32_t i = 0; i < v->plan->nweight; i++) {
        bool first = true; /* of those that are the same */
        for (uint32_t k = 0; k < i && first; k++) first = v->weight[k] != v->weight[i];
        if (first) out->weights_bytes += v->weight[i]->bytes;
    }
    for (uint32_t i = 0; i < v->nimages; i++) out->code_bytes += (int64_t)v->image[i]->code_bytes;
    out->macs = v->plan->macs;
    out->calls = v->plan->ncall;
    out->kernels = v->plan->nkernel;
    out->new_kernels = v->nnew;
}

static void tap_call(void *arg, uint32_t call)
{
    jitc_exec *x = arg;
    const Plan *plan = x->v->plan;
    const PlanCall *c = &plan->call[call];
    for (uint32_t i = c->buf0; i < c->buf0 + c->noperands + c->nresults; i++)
        x->ptr[i] = x->buf[plan->call_buf[i]];
    x->tap(x->tap_arg, call, x->ptr + c->buf0);
}

void exec_set_tap(jitc_exec *x, ExecTap *tap, void *arg)
{
    x->tap = tap;
    x->tap_arg = arg;
    x->run.tap = tap ? tap_call : NULL;
    x->run.tap_arg = x;
}

void exec_set_ticks(jitc_exec *x, uint64_t *ticks)
{
    x->run.ticks = ticks;
}
