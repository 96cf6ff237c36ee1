/* A model's object file on one thread, on a pthreadpool and on OpenMP's threads: the bits are the same.
 *
 *     aot_threads [THREADS] */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digits_batch.h"
#include "jitc_pthreadpool.h"
#ifdef _OPENMP
#include "jitc_openmp.h"
#endif

enum { BATCH = 512, PIXELS = 64, CLASSES = 10 };

/* One run into p; the workspace depends on the number of shares. */
static bool run(const char *name, const digits_batch_options *options, const float *images, float *p)
{
    int64_t dims[DIGITS_BATCH_DIMS] = {BATCH};
    size_t bytes = digits_batch_workspace_bytes(dims, options->shares);
    void *workspace = aligned_alloc(DIGITS_BATCH_WORKSPACE_ALIGN, bytes);
    for (int i = 0; i < BATCH * CLASSES; i++) p[i] = NAN; /* a share that is not run shows */
    int error = DIGITS_BATCH_E_MEMORY;
    if (workspace)
        error = digits_batch_run_options((const void *[]){images}, (void *[]){p}, workspace, bytes, dims,
                                         options);
    if (error)
        fprintf(stderr, "%s: %s\n", name, digits_batch_error(error));
    else
        printf("%-12s %3zu shares, workspace %6.1f KiB", name, options->shares, (double)bytes / 1024);
    free(workspace);
    return !error;
}

static bool compare(const char *name, const digits_batch_options *options, const float *images,
                    const float *expected)
{
    static float p[BATCH * CLASSES];
    if (!run(name, options, images, p)) return false;
    bool same = memcmp(p, expected, sizeof p) == 0; /* NOLINT: the bits count, not the values */
    printf(", %s\n", same ? "same bits" : "OTHER BITS");
    return same;
}

int main(int argc, char **argv)
{
    static float images[BATCH * PIXELS], one[BATCH * CLASSES];
    int threads = argc > 1 ? atoi(argv[1]) : 4;
    if (threads < 1) return fprintf(stderr, "usage: aot_threads [THREADS]\n"), 2;
    uint32_t noise = 1;
    for (int i = 0; i < BATCH * PIXELS; i++) {
        noise = noise * 1664525 + 1013904223;
        images[i] = (float)(noise >> 8) / (1 << 24);
    }

    digits_batch_options options = {.size = sizeof options, .shares = 1};
    printf("%d images, %d threads\n", BATCH, threads);
    bool fine = run("one thread", &options, images, one);
    if (fine) printf("\n");

    options.shares = 4 * (size_t)threads;
    pthreadpool_t pool = pthreadpool_create((size_t)threads);
    if (!pool) return fprintf(stderr, "pthreadpool: no threads\n"), 1;
    options.parallel_for = jitc_pthreadpool;
    options.host = pool;
    fine = fine && compare("pthreadpool", &options, images, one);
    pthreadpool_destroy(pool);

#ifdef _OPENMP
    omp_set_num_threads(threads);
    options.parallel_for = jitc_openmp;
    options.host = NULL;
    fine = fine && compare("OpenMP", &options, images, one);
#else
    printf("OpenMP       not in this program: its compiler has none\n");
#endif
    return fine ? 0 : 1;
}
