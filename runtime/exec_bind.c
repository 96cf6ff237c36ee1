/* Binding tensors to execs, and what can be wrong with them. */
#include <stdlib.h>

#include "runtime/exec_private.h"

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

jitc_status exec_fail(jitc_exec *x, jitc_status status, const char *fmt, ...)
{
    va_list ap;
    free(x->error);
    va_start(ap, fmt);
    x->error = text_of(fmt, ap);
    va_end(ap);
    return status;
}

jitc_status exec_fail_nomem(jitc_exec *x)
{
    size_t limit = x->p->memory.limit;
    if (limit)
        return exec_fail(x, JITC_E_NOMEM, "out of memory, or over max_memory, which is %zu bytes", limit);
    return exec_fail(x, JITC_E_NOMEM, "%s", status_text(JITC_E_NOMEM));
}

void exec_clear_error(jitc_exec *x)
{
    free(x->error);
    x->error = NULL;
}

/* -- Names and shapes -------------------------------------------------------------------------- */
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

bool exec_same_dtype(jitc_dtype want, jitc_dtype is)
{
    return want == is || !want || (want == JITC_STRING && is == JITC_UINT8) ||
           (want == JITC_UINT8 && is == JITC_STRING);
}

jitc_status exec_misfit(jitc_exec *x, const char *what, const jitc_io *io, const jitc_tensor *t,
                        const char *hint)
{
    Str is = {0}, want = {0};
    put_type(&is, t->dtype, t->rank, t->shape);
    put_type(&want, io->dtype, io->rank, io->shape);
    jitc_status status = exec_fail(x, JITC_E_INVALID, "%s '%s' is %s, the model %s %s%s", what, io->name,
                                   str_text(&is), what[0] == 'i' ? "wants" : "gives", str_text(&want), hint);
    str_free(&is);
    str_free(&want);
    return status;
}

bool exec_tensor_bytes(const jitc_tensor *t, int64_t *bytes)
{
    *bytes = (int64_t)jitc_dtype_size(t->dtype);
    if (!*bytes || t->rank < 0 || t->rank > JITC_MAX_RANK) return false;
    for (int32_t i = 0; i < t->rank; i++)
        if (t->shape[i] < 0 || !mul_ok(*bytes, t->shape[i], bytes)) return false;
    return true;
}

/* -- Binding ----------------------------------------------------------------------------------- */
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
    if (!exec_tensor_bytes(t, &bytes))
        return exec_fail(x, JITC_E_USAGE, "input '%s': its type, rank or shape is not valid", io->name);
    if (!t->data && bytes) return exec_fail(x, JITC_E_USAGE, "input '%s': its data is NULL", io->name);
    if (!exec_same_dtype(io->dtype, t->dtype)) return exec_misfit(x, "input", io, t, "");
    if (!shape_fits(io, t->rank, t->shape)) return exec_misfit(x, "input", io, t, shape_hint(io, t));
    if (!s->bound || !same_shape(&s->t, t)) x->new_shapes = true;
    s->t = *t;
    s->bound = true;
    return JITC_OK;
}

static jitc_status bind_output(jitc_exec *x, size_t i, const jitc_tensor *t)
{
    const jitc_io *io = &x->p->io.out[i];
    int64_t bytes;
    if (!exec_tensor_bytes(t, &bytes))
        return exec_fail(x, JITC_E_USAGE, "output '%s': its type, rank or shape is not valid", io->name);
    if (!t->data && bytes) return exec_fail(x, JITC_E_USAGE, "output '%s': its data is NULL", io->name);
    if (!exec_same_dtype(io->dtype, t->dtype)) return exec_misfit(x, "output", io, t, "");
    x->out[i].t = *t;
    x->out[i].bound = true;
    return JITC_OK;
}

jitc_status jitc_exec_bind(jitc_exec *x, const char *name, const jitc_tensor *t)
{
    if (!x) return JITC_E_USAGE;
    exec_clear_error(x);
    if (!name) return exec_fail(x, JITC_E_USAGE, "the name of a tensor is NULL");
    const ImportIo *io = &x->p->io;
    int i = io_find(io->in, io->nin, name), o = i < 0 ? io_find(io->out, io->nout, name) : -1;
    if (i < 0 && o < 0) return exec_fail(x, JITC_E_USAGE, "the program has no input or output '%s'", name);
    x->new_pointers = true;
    x->ran = false;
    if (t) return i >= 0 ? bind_input(x, (size_t)i, t) : bind_output(x, (size_t)o, t);
    (i >= 0 ? &x->in[i] : &x->out[o])->bound = false;
    return JITC_OK;
}
