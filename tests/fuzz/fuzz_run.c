/* Bytes as a GraphDef: compiled, and run on small inputs. A graph with a loop is not run, for it may never
 * end. */
#include "runtime/jitc_internal.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_INPUT = 1 << 20, MAX_INPUTS = 64, OPEN_SIZE = 2 };

static volatile uint8_t sink;

static void judge(jitc_status status, const char *text)
{
    if (status != JITC_E_INTERNAL && status != JITC_E_CPU) return; /* a large model may pass the deadline */
    fprintf(stderr, "finding: %s\n", text);
    abort();
}

static bool has(const uint8_t *data, size_t size, const char *word)
{
    return memmem(data, size, word, strlen(word)) != NULL;
}

/* Open sizes are small; elements are 0, small, or all bits set. */
static bool make_input(const jitc_io *io, int pattern, jitc_tensor *t)
{
    *t = (jitc_tensor){.dtype = io->dtype, .rank = io->rank < 0 ? 1 : io->rank};
    size_t n = 1, each = jitc_dtype_size(io->dtype);
    if (!each) each = 1;
    for (int32_t d = 0; d < t->rank; d++) {
        t->shape[d] = io->rank < 0 || io->shape[d] < 0 ? OPEN_SIZE : io->shape[d];
        if (t->shape[d] > MAX_INPUT || (n *= (size_t)t->shape[d]) > MAX_INPUT) return false;
    }
    t->data = malloc(n * each + 1);
    if (!t->data) return false;
    memset(t->data, pattern == 2 ? 0xff : 0, n * each);
    if (pattern == 1 || io->dtype == JITC_BOOL)
        for (size_t i = 0; i < n; i++) ((uint8_t *)t->data)[i * each] = (uint8_t)(i % 3 % (pattern + 1));
    return true;
}

static void run(jitc_program *p, jitc_exec *x, int pattern)
{
    jitc_tensor in[MAX_INPUTS];
    size_t n = jitc_program_input_count(p), made = 0;
    jitc_status status = JITC_OK;
    for (; made < n && n <= MAX_INPUTS; made++) {
        const jitc_io *io = jitc_program_input(p, made);
        if (!make_input(io, pattern, &in[made])) break;
        if (!status) status = jitc_exec_bind(x, io->name, &in[made]);
    }
    if (!status && made == n) status = jitc_exec_run(x);
    judge(status, jitc_exec_error(x));
    for (size_t i = 0; !status && made == n && i < jitc_program_output_count(p); i++) {
        jitc_tensor t;
        if (jitc_exec_output(x, i, &t) != JITC_OK) continue;
        size_t bytes = jitc_dtype_size(t.dtype);
        for (int32_t d = 0; d < t.rank; d++) bytes *= (size_t)t.shape[d];
        for (size_t k = 0; k < bytes; k++) sink ^= ((const uint8_t *)t.data)[k];
    }
    for (size_t i = 0; i < made; i++) {
        jitc_exec_bind(x, jitc_program_input(p, i)->name, NULL);
        free(in[i].data);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    jitc_options options = JITC_OPTIONS_INIT;
    options.max_memory = FUZZ_MEMORY;
    options.deadline_ms = FUZZ_SECONDS * 1000;
    jitc_program *p;
    jitc_exec *x = NULL;
    jitc_error *error = NULL;
    jitc_status status = jitc_program_load_memory(data, size, &options, &p, &error);
    judge(status, status ? jitc_error_text(error) : "");
    jitc_error_free(error);
    if (status) return 0;
    bool loops = has(data, size, "While") || has(data, size, "NextIteration");
    if (!loops && jitc_exec_new(p, &x) == JITC_OK)
        for (int pattern = 0; pattern < 3; pattern++) run(p, x, pattern);
    jitc_exec_free(x);
    jitc_program_free(p);
    return 0;
}
