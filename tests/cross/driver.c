/* Runs models on the system that they are compiled for; tests/run_far.c asks it. Standard input has one
 * question after the other, standard output the answers:
 *
 * - question: the path of a shared object, a line; whether in shares, number of inputs (i32 each); the inputs
 * - answer: the number of outputs (i32), or -1; the length of a message (i32), and it; the outputs
 *
 * tests/wire.h tells how tensors are written. */
#include <dlfcn.h>
#include <stdlib.h>

#include "tests/model_call.h"
#include "tests/wire.h"

static size_t element_bytes(jitc_dtype t)
{
    switch (t) {
    case JITC_BOOL:
    case JITC_INT8:
    case JITC_UINT8: return 1;
    case JITC_INT16:
    case JITC_UINT16:
    case JITC_FLOAT16:
    case JITC_BFLOAT16: return 2;
    case JITC_INT32:
    case JITC_UINT32:
    case JITC_FLOAT32: return 4;
    case JITC_COMPLEX128: return 16;
    default: return 8;
    }
}

static size_t bytes_of(const jitc_tensor *t)
{
    size_t n = element_bytes(t->dtype);
    for (int32_t i = 0; i < t->rank; i++) n *= (size_t)t->shape[i];
    return n;
}

static void *find(void *library, const char *name)
{
    return dlsym(library, name);
}

static void answer(const char *path, bool shares, const jitc_tensor *const *in, size_t nin)
{
    jitc_tensor out[MODEL_MOST] = {{0}};
    char why[512] = "";
    ModelCalls m = {0};
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) snprintf(why, sizeof why, "%s", dlerror());
    bool fine = library && model_find(&m, find, library, why, sizeof why) &&
                model_call(&m, shares, in, nin, out, why, sizeof why);
    int32_t head[] = {fine ? m.nout : -1, (int32_t)strlen(why)};
    fwrite(head, sizeof head, 1, stdout);
    fwrite(why, 1, strlen(why), stdout);
    for (int32_t i = 0; i < m.nout; i++) {
        if (fine) wire_give(stdout, &out[i], bytes_of(&out[i]));
        free(out[i].data);
    }
    if (library) dlclose(library);
    fflush(stdout);
}

int main(void)
{
    static char path[4096];
    while (fgets(path, sizeof path, stdin)) {
        int32_t head[2];
        jitc_tensor in[MODEL_MOST] = {{0}};
        const jitc_tensor *given[MODEL_MOST];
        path[strcspn(path, "\n")] = 0;
        if (!wire_take(stdin, head, sizeof head) || head[1] > MODEL_MOST) return 2;
        for (int32_t i = 0; i < head[1]; i++) {
            if (!wire_take_tensor(stdin, &in[i])) return 2;
            given[i] = &in[i];
        }
        answer(path, head[0] != 0, given, (size_t)head[1]);
        for (int32_t i = 0; i < head[1]; i++) free(in[i].data);
    }
    return 0;
}
