#include "tests/model_call.h"

#include <stdlib.h>
#include <string.h>

enum { SHARES = 3, GUARD = 64 };

const char *const model_symbols[MODEL_SYMBOLS] = {
    "m_run_options",  "m_workspace_bytes", "m_output_bytes", "m_error",
    "m_output_shape", "m_inputs",          "m_outputs",      "m_dims",
    "m_input_count",  "m_output_count",    "m_dim_count"};

bool model_find(ModelCalls *m, void *(*find)(void *arg, const char *name), void *arg, char *why, size_t nwhy)
{
    void *at[MODEL_SYMBOLS];
    for (size_t i = 0; i < MODEL_SYMBOLS; i++) {
        at[i] = find(arg, model_symbols[i]);
        if (at[i]) continue;
        snprintf(why, nwhy, "the object lacks '%s'", model_symbols[i]);
        return false;
    }
    memcpy(&m->run, &at[0], sizeof at[0]);
    memcpy(&m->workspace, &at[1], sizeof at[0]);
    memcpy(&m->output, &at[2], sizeof at[0]);
    memcpy(&m->error, &at[3], sizeof at[0]);
    memcpy(&m->shape, &at[4], sizeof at[0]);
    m->in = at[5], m->out = at[6], m->dim = at[7];
    const int32_t *count[] = {at[8], at[9], at[10]};
    m->nin = *count[0], m->nout = *count[1], m->ndims = *count[2];
    bool fits = m->nin <= MODEL_MOST && m->nout <= MODEL_MOST && m->ndims <= 8 * MODEL_MOST;
    if (!fits) snprintf(why, nwhy, "too many tensors");
    return fits;
}

/* A host that runs shares backwards. */
static void backwards(void *host, void (*f)(void *arg, size_t i), void *arg, size_t n)
{
    *(size_t *)host += n;
    while (n) f(arg, --n);
}

/* What dims must hold: sizes of inputs, and room for outputs. */
static void fill_dims(const ModelCalls *m, const jitc_tensor *const *given, size_t ngiven, int64_t room,
                      int64_t *dims)
{
    for (int32_t i = 0; i < m->ndims; i++) {
        const ModelDimRow *d = &m->dim[i];
        dims[i] = d->is_output || (size_t)d->tensor >= ngiven ? room : given[d->tensor]->shape[d->dim];
    }
}

/* Room for the outputs, with a guard behind each. */
static bool make_room(const ModelCalls *m, const int64_t *dims, jitc_tensor *out, void **to, char *why,
                      size_t nwhy)
{
    for (int32_t i = 0; i < m->nout; i++) {
        size_t n = m->output(i, dims);
        free(out[i].data);
        to[i] = out[i].data = n > 1 << 30 ? NULL : malloc(n + GUARD);
        if (!to[i]) {
            snprintf(why, nwhy, "output %d needs %zu bytes", (int)i, n);
            return false;
        }
        memset(to[i], 0xa5, n + GUARD);
    }
    return true;
}

static bool guards_hold(const ModelCalls *m, const int64_t *dims, void *const *to, char *why, size_t nwhy)
{
    for (int32_t i = 0; i < m->nout; i++) {
        size_t n = m->output(i, dims);
        for (size_t k = n; k < n + GUARD; k++)
            if (((uint8_t *)to[i])[k] != 0xa5) {
                snprintf(why, nwhy, "output %d: written beyond its end", (int)i);
                return false;
            }
    }
    return true;
}

bool model_call(const ModelCalls *m, bool shares, const jitc_tensor *const *given, size_t ngiven,
                jitc_tensor *out, char *why, size_t nwhy)
{
    const void *in[MODEL_MOST] = {0};
    void *to[MODEL_MOST] = {0};
    int64_t dims[8 * MODEL_MOST] = {0};
    static const uint64_t runs[2];
    size_t calls = 0;
    ModelOptions options = {sizeof options, NULL, backwards, &calls, NULL, NULL, NULL, SHARES};
    for (int32_t i = 0; i < m->nin; i++) in[i] = (size_t)i < ngiven ? given[i]->data : runs;
    fill_dims(m, given, ngiven, 0, dims);
    size_t bytes = m->workspace(dims, shares ? SHARES : 1);
    void *workspace = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (workspace) memset(workspace, 0xa5, bytes);
    bool fine = true;
    int code = MODEL_E_OUTPUT;
    for (int try = 0; try < 2 && fine && code == MODEL_E_OUTPUT; try++) { /* the first may learn the sizes */
        fine = make_room(m, dims, out, to, why, nwhy);
        if (fine) code = m->run(in, to, workspace, bytes, dims, shares ? &options : NULL);
    }
    free(workspace);
    if (fine && code) {
        snprintf(why, nwhy, "error %d: %s", code, m->error(code));
        fine = false;
    }
    if (!fine || !guards_hold(m, dims, to, why, nwhy)) return false;
    for (int32_t i = 0; i < m->nout; i++) {
        out[i].dtype = (jitc_dtype)m->out[i].dtype;
        out[i].rank = m->out[i].rank;
        m->shape(i, dims, out[i].shape);
    }
    return true;
}
