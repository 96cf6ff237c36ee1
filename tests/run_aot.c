#include "tests/run_aot.h"

#include <stdlib.h>

#include "runtime/aot.h"
#include "runtime/image.h"
#include "tests/model_call.h"

static void *find(void *image, const char *name)
{
    for (size_t i = 0; i < MODEL_SYMBOLS; i++)
        if (!strcmp(model_symbols[i], name)) return image_symbol(image, i);
    return NULL;
}

static bool run_here(const AotModel *m, bool shares, const jitc_tensor *const *in, size_t nin,
                     jitc_tensor *out, Str *why)
{
    char *reason = NULL, text[512] = "";
    ModelCalls calls;
    Image *image = image_open(&m->object.file, 1, model_symbols, MODEL_SYMBOLS, &reason);
    if (!image) str_put(why, reason ? reason : "out of memory");
    bool fine = image && model_find(&calls, find, image, text, sizeof text) &&
                model_call(&calls, shares, in, nin, out, text, sizeof text);
    str_put(why, text);
    free(reason);
    image_free(image);
    return fine;
}

bool run_aot(jitc_program *p, const AotWay *w, const jitc_tensor *const *in, size_t nin, jitc_tensor *out,
             size_t nout, Str *why)
{
    AotModel m;
    jitc_error *e = NULL;
    AotOptions o = {.name = "m", .cpu = w->cpu ? w->cpu : "native", .emit = EMIT_OBJECT};
    if (w->far) o.target = w->far->target, o.cpu = w->cpu && *w->cpu ? w->cpu : NULL;
    if (nout > MODEL_MOST || program_compile(p, &o, &m, &e)) {
        str_put(why, e ? jitc_error_text(e) : "no reason given");
        jitc_error_free(e);
        return false;
    }
    bool fine,
        runs = !w->far || (w->far->driver && far_can_run(w->far, m.object.file.bytes, m.object.file.size));
    if (w->ran) *w->ran = runs;
    if (!w->far)
        fine = run_here(&m, w->shares, in, nin, out, why);
    else if (runs)
        fine = far_run(w->far, m.object.file.bytes, m.object.file.size, w->shares, in, nin, out, nout, why);
    else
        fine = far_read(m.object.file.bytes, m.object.file.size, why);
    aot_free(&m);
    return fine;
}
