/* Eight threads run one program 10,000 times each, with execs of their own, while its shapes change and code
 * for more shapes is made. Every answer has the bits of the first. For ThreadSanitizer above all.
 *
 *     soak DIGITS.pb [RUNS] */
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "guest.h"

enum { THREADS = 8, BATCHES = 6, PIXELS = 64, CLASSES = 10, REBIND = 500 };

static jitc_program *program;
static float image[BATCHES * PIXELS], want[BATCHES * CLASSES];
static int runs = 10000;

static void bind_batch(jitc_exec *x, int n, float *out)
{
    jitc_tensor in = {JITC_FLOAT32, 4, {n, 8, 8, 1}, image}, scores = {JITC_FLOAT32, 2, {n, CLASSES}, out};
    const char *output = jitc_program_output(program, 0)->name;
    bind(x, "images", &in);
    bind(x, output, &scores);
}

static void *runner(void *arg)
{
    int self = (int)(intptr_t)arg;
    float got[BATCHES * CLASSES];
    jitc_exec *x = new_exec(program);
    for (int i = 0; i < runs; i++) {
        int n = 1 + (self + i / REBIND) % BATCHES;
        if (i % REBIND == 0) bind_batch(x, n, got);
        memset(got, 0xff, sizeof got);
        run(x);
        CHECK(memcmp(got, want, (size_t)n * CLASSES * sizeof *got) == 0, "thread %d, run %d: other answers",
              self, i);
        if (i % 4999 == 4998) { /* execs come and go meanwhile */
            jitc_exec_free(x);
            x = new_exec(program);
            bind_batch(x, n, got);
        }
    }
    jitc_exec_free(x);
    return NULL;
}

static void *specialiser(void *arg)
{
    for (int n = 1; n <= BATCHES; n++) {
        jitc_error *error = NULL;
        jitc_shape shape = {"images", 4, {n, 8, 8, 1}};
        jitc_status status = jitc_program_specialise(program, &shape, 1, &error);
        CHECK(status == JITC_OK, "specialise: %s", jitc_error_text(error));
    }
    return arg;
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: soak DIGITS.pb [RUNS]\n");
        return 2;
    }
    if (argc == 3) runs = atoi(argv[2]);
    for (int i = 0; i < BATCHES * PIXELS; i++) image[i] = (float)(i * 37 % 101) / 101;
    program = load(argv[1], 1);
    jitc_exec *first = new_exec(program);
    for (int n = 1; n <= BATCHES; n++) { /* an image's answer does not depend on its neighbours */
        float scores[BATCHES * CLASSES];
        bind_batch(first, n, scores);
        run(first);
        if (n > 1) CHECK(memcmp(want, scores, (size_t)(n - 1) * CLASSES * sizeof *want) == 0, "batch %d", n);
        memcpy(want, scores, (size_t)n * CLASSES * sizeof *want);
    }
    jitc_exec_free(first);
    jitc_program_free(program);
    program = load(argv[1], 1); /* without code */
    pthread_t id[THREADS + 1];
    for (int i = 0; i <= THREADS; i++) {
        int failed = pthread_create(&id[i], NULL, i < THREADS ? runner : specialiser, (void *)(intptr_t)i);
        CHECK(!failed, "thread %d cannot be started", i);
    }
    for (int i = 0; i <= THREADS; i++) pthread_join(id[i], NULL);
    jitc_program_free(program);
    return PASSED;
}
