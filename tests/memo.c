#include "tests/memo.h"

#include <stdlib.h>

#include "runtime/jitc_internal.h"

enum { MAX_KERNELS = 4096, MAX_MISSING = 1024 };

static const Codegen *real;
static bool quick;
static struct {
    Hash key;
    CodegenFile object;
} kernels[MAX_KERNELS + MAX_MISSING];
static size_t nkernels;

static Hash key_of(const CodegenTarget *t, const CodegenKernel *k)
{
    Str s = {0};
    str_printf(&s, "%s %s %d\n", t->cpu, t->features, t->quick);
    str_putn(&s, k->text, k->size);
    Hash key = hash_bytes(str_text(&s), s.n);
    str_free(&s);
    return key;
}

static const CodegenFile *known(Hash key)
{
    for (size_t i = nkernels; i-- > 0;)
        if (hash_eq(kernels[i].key, key)) return &kernels[i].object;
    return NULL;
}

/* Each kernel is an object of its own, so that any of them can be put together. */
static CodegenResult compile(const CodegenTarget *want, const CodegenKernel *k, size_t n, CodegenEmit emit,
                             int threads, const Limits *limits)
{
    CodegenTarget t = *want;
    t.quick = quick;
    if (emit != EMIT_OBJECT || n > MAX_MISSING) return real->compile(&t, k, n, emit, threads, limits);
    CodegenResult r = {.file = calloc(n + 1, sizeof *r.file)};
    for (size_t i = 0; i < n; i++) {
        Hash key = key_of(&t, &k[i]);
        const CodegenFile *object = known(key);
        if (!object) {
            CodegenResult one = real->compile(&t, &k[i], 1, emit, 1, limits);
            if (one.error) {
                codegen_result_free(&r);
                return one;
            }
            kernels[nkernels].key = key;
            object = &kernels[nkernels].object;
            kernels[nkernels++].object = one.file[0];
            free(one.file);
        }
        r.file[r.nfiles++] = (CodegenFile){malloc(object->size), object->size};
        memcpy(r.file[i].bytes, object->bytes, object->size);
    }
    return r;
}

bool memo_install(void)
{
    static Codegen memo;
    char *why;
    real = plugin_open(&why);
    free(why);
    if (!real) return false;
    memo = *real;
    memo.compile = compile;
    plugin_replace(&memo);
    return true;
}

void memo_quick(bool q)
{
    quick = q;
}

void memo_trim(void)
{
    if (nkernels < MAX_KERNELS) return;
    while (nkernels) free(kernels[--nkernels].object.bytes);
}
