#include "tests/memo.h"

#include <stdlib.h>

#include "runtime/jitc_internal.h"

enum { MAX_KERNELS = 4096, MAX_MISSING = 1024 };

static const Codegen *real;
static bool quick;
static struct {
    Hash key;
    kernel_fn *fn;
} kernels[MAX_KERNELS + MAX_MISSING];
static CodegenImage *images[MAX_KERNELS + MAX_MISSING];
static size_t nkernels, nimages;

static Hash key_of(const CodegenTarget *t, const CodegenKernel *k)
{
    Str s = {0};
    str_printf(&s, "%s %s %d\n", t->cpu, t->features, t->quick);
    str_putn(&s, k->text, k->size);
    Hash key = hash_bytes(str_text(&s), s.n);
    str_free(&s);
    return key;
}

static kernel_fn *known(Hash key)
{
    for (size_t i = nkernels; i-- > 0;)
        if (hash_eq(kernels[i].key, key)) return kernels[i].fn;
    return NULL;
}

static CodegenResult compile(const CodegenTarget *want, const CodegenKernel *k, size_t n, CodegenEmit emit,
                             int threads, const Limits *limits)
{
    CodegenTarget t = *want;
    t.quick = quick;
    if (emit != EMIT_NONE || n > MAX_MISSING) return real->compile(&t, k, n, emit, threads, limits);
    CodegenKernel *missing = calloc(n + 1, sizeof *missing);
    kernel_fn **fn = calloc(n + 1, sizeof *fn);
    size_t nmissing = 0;
    for (size_t i = 0; i < n; i++)
        if (!(fn[i] = known(key_of(&t, &k[i])))) missing[nmissing++] = k[i];
    CodegenResult r = {0};
    if (nmissing) r = real->compile(&t, missing, nmissing, emit, threads, limits);
    free(missing);
    if (r.error) {
        free(fn);
        return r;
    }
    for (size_t i = 0, m = 0; i < n; i++) {
        if (fn[i]) continue;
        fn[i] = r.fn[m++];
        kernels[nkernels].key = key_of(&t, &k[i]);
        kernels[nkernels++].fn = fn[i];
    }
    if (r.image) images[nimages++] = r.image;
    r.fn = fn;
    r.image = (CodegenImage *)fn;
    return r;
}

static void free_image(CodegenImage *image)
{
    free(image); /* the table of functions, from compile() */
}

bool memo_install(void)
{
    static Codegen memo = {.abi = CODEGEN_ABI, .compile = compile, .free_image = free_image};
    char *why;
    real = plugin_open(&why);
    free(why);
    if (!real) return false;
    memo.describe = real->describe;
    memo.object = real->object;
    memo.symbol = real->symbol;
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
    for (size_t i = 0; i < nimages; i++) real->free_image(images[i]);
    nkernels = nimages = 0;
}
