#include "tests/run_aot.h"

#include <stdlib.h>

#include "runtime/aot.h"

typedef int run_fn(const void *const *in, void *const *out, void *workspace, size_t bytes, int64_t *dims,
                   const ModelOptions *options);
typedef size_t workspace_fn(const int64_t *dims, size_t shares);
typedef size_t output_fn(int i, const int64_t *dims);
typedef void shape_fn(int i, const int64_t *dims, int64_t *shape);
typedef const char *error_fn(int code);

typedef struct {
    const char *name;
    int32_t dtype, rank;
    int64_t shape[8];
} TensorRow;
typedef struct {
    int32_t is_output, tensor, dim;
} DimRow;

enum { MOST = 20, SHARES = 3, GUARD = 64 };

/* A host that runs shares backwards. */
static void backwards(void *host, void (*f)(void *arg, size_t i), void *arg, size_t n)
{
    *(size_t *)host += n;
    while (n) f(arg, --n);
}

typedef struct {
    const Codegen *codegen;
    const AotModel *m;
    run_fn *run;
    workspace_fn *workspace;
    output_fn *output;
    shape_fn *shape;
    error_fn *error;
    const TensorRow *in, *out;
    const DimRow *dim;
    int32_t nin, nout, ndims;
} Loaded;

static void *find(const Loaded *l, const char *name, Str *why)
{
    void *p = l->codegen->symbol(l->m->object.image, name);
    if (!p) str_printf(why, "the object lacks '%s'", name);
    return p;
}

static bool load(const AotModel *m, Loaded *l, Str *why)
{
    char *text = NULL;
    *l = (Loaded){.codegen = plugin_open(&text), .m = m};
    free(text);
    void *code[] = {find(l, "m_run_options", why), find(l, "m_workspace_bytes", why),
                    find(l, "m_output_bytes", why), find(l, "m_error", why), find(l, "m_output_shape", why)};
    memcpy(&l->run, &code[0], sizeof code[0]);
    memcpy(&l->workspace, &code[1], sizeof code[1]);
    memcpy(&l->output, &code[2], sizeof code[2]);
    memcpy(&l->error, &code[3], sizeof code[3]);
    memcpy(&l->shape, &code[4], sizeof code[4]);
    l->in = find(l, "m_inputs", why);
    l->out = find(l, "m_outputs", why);
    l->dim = find(l, "m_dims", why);
    const int32_t *count[] = {find(l, "m_input_count", why), find(l, "m_output_count", why),
                              find(l, "m_dim_count", why)};
    if (why->n) return false;
    l->nin = *count[0], l->nout = *count[1], l->ndims = *count[2];
    if (l->nin > MOST || l->nout > MOST || l->ndims > 8 * MOST) str_put(why, "too many tensors");
    return why->n == 0;
}

/* What dims must hold: sizes of inputs, and room for outputs. */
static void fill_dims(const Loaded *l, const jitc_tensor *const *given, size_t ngiven, int64_t room,
                      int64_t *dims)
{
    for (int32_t i = 0; i < l->ndims; i++) {
        const DimRow *d = &l->dim[i];
        dims[i] = d->is_output || (size_t)d->tensor >= ngiven ? room : given[d->tensor]->shape[d->dim];
    }
}

static bool call(const Loaded *l, bool shares, const jitc_tensor *const *given, size_t ngiven,
                 jitc_tensor *out, Str *why)
{
    const void *in[MOST] = {0};
    void *to[MOST] = {0};
    int64_t dims[8 * MOST] = {0};
    static const uint64_t runs[2];
    size_t calls = 0;
    ModelOptions options = {sizeof options, NULL, backwards, &calls, NULL, NULL, NULL, SHARES};
    for (int32_t i = 0; i < l->nin; i++) in[i] = (size_t)i < ngiven ? given[i]->data : runs;
    fill_dims(l, given, ngiven, 0, dims);
    size_t bytes = l->workspace(dims, shares ? SHARES : 1);
    void *workspace = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (workspace) memset(workspace, 0xa5, bytes);
    int code = 0;
    for (int try = 0; try < 2; try++) { /* the first one may learn how large the outputs are */
        for (int32_t i = 0; i < l->nout; i++) {
            size_t n = l->output(i, dims);
            if (n > 1 << 30) {
                str_printf(why, "output %d needs %zu bytes", i, n);
                free(workspace);
                return false;
            }
            free(out[i].data);
            to[i] = out[i].data = malloc(n + GUARD);
            if (to[i]) memset(to[i], 0xa5, n + GUARD);
        }
        code = l->run(in, to, workspace, bytes, dims, shares ? &options : NULL);
        if (code != MODEL_E_OUTPUT) break;
    }
    for (int32_t i = 0; i < l->nout && !code; i++) {
        size_t n = l->output(i, dims);
        for (size_t k = n; k < n + GUARD; k++)
            if (((uint8_t *)to[i])[k] != 0xa5 && !why->n)
                str_printf(why, "output %d: written beyond its end", i);
    }
    if (code) str_printf(why, "error %d: %s", code, l->error(code));
    for (int32_t i = 0; i < l->nout && !code; i++) {
        out[i].dtype = (jitc_dtype)l->out[i].dtype;
        out[i].rank = l->out[i].rank;
        l->shape(i, dims, out[i].shape);
    }
    free(workspace);
    return why->n == 0;
}

bool run_aot(jitc_program *p, const char *cpu, bool shares, const jitc_tensor *const *in, size_t nin,
             jitc_tensor *out, size_t nout, Str *why)
{
    AotModel m;
    Loaded l;
    jitc_error *e = NULL;
    AotOptions o = {.name = "m", .cpu = cpu ? cpu : "native", .emit = EMIT_NONE};
    if (nout > MOST || program_compile(p, &o, &m, &e)) {
        str_put(why, e ? jitc_error_text(e) : "no reason given");
        jitc_error_free(e);
        return false;
    }
    bool fine = load(&m, &l, why) && call(&l, shares, in, nin, out, why);
    aot_free(&m);
    return fine;
}
