#include "tests/run_aot.h"

#include <stdlib.h>

#include "runtime/aot.h"
#include "tests/model_call.h"

typedef struct {
    const Codegen *codegen;
    CodegenImage *image;
} Loaded;

static void *find(void *arg, const char *name)
{
    const Loaded *l = arg;
    return l->codegen->symbol(l->image, name);
}

static bool run_here(const AotModel *m, bool shares, const jitc_tensor *const *in, size_t nin,
                     jitc_tensor *out, Str *why)
{
    char *reason = NULL, text[512] = "";
    Loaded l = {plugin_open(&reason), m->object.image};
    ModelCalls calls;
    free(reason);
    bool fine = model_find(&calls, find, &l, text, sizeof text) &&
                model_call(&calls, shares, in, nin, out, text, sizeof text);
    str_put(why, text);
    return fine;
}

bool run_aot(jitc_program *p, const AotWay *w, const jitc_tensor *const *in, size_t nin, jitc_tensor *out,
             size_t nout, Str *why)
{
    AotModel m;
    jitc_error *e = NULL;
    AotOptions o = {.name = "m", .cpu = w->cpu ? w->cpu : "native", .emit = EMIT_NONE};
    if (w->far) o.target = w->far->target, o.cpu = w->cpu && *w->cpu ? w->cpu : NULL, o.emit = EMIT_OBJECT;
    if (nout > MODEL_MOST || program_compile(p, &o, &m, &e)) {
        str_put(why, e ? jitc_error_text(e) : "no reason given");
        jitc_error_free(e);
        return false;
    }
    bool fine, runs = !w->far || (w->far->driver && far_can_run(w->far, m.object.bytes, m.object.size));
    if (w->ran) *w->ran = runs;
    if (!w->far)
        fine = run_here(&m, w->shares, in, nin, out, why);
    else if (runs)
        fine = far_run(w->far, m.object.bytes, m.object.size, w->shares, in, nin, out, nout, why);
    else
        fine = far_read(m.object.bytes, m.object.size, why);
    aot_free(&m);
    return fine;
}
