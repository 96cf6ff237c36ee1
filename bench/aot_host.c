/* The host program of bench/aot.py: a model named `m` that was compiled ahead of time, as a user would link
 * it.
 *
 *     aot_host START RUNS FOLDER DIM...
 *
 * START: CLOCK_MONOTONIC in nanoseconds before exec. Input i is read from FOLDER/inI.bin; outputs go to
 * FOLDER/outI.bin when the folder has a file "keep". Prints milliseconds from START to the first answer, and
 * the median of RUNS more; then waits for a line on standard input, so that its memory can be looked at. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "m.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void *room(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 64) / 64 * 64);
    if (!p) exit(1);
    return p;
}

static FILE *open_in(const char *folder, const char *kind, int i, const char *mode)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s%d.bin", folder, kind, i);
    return fopen(path, mode);
}

int main(int argc, char **argv)
{
    if (argc < 4) return 2;
    double start = atof(argv[1]);
    int runs = atoi(argv[2]);
    int64_t dims[M_DIMS + 1] = {0};
    for (int i = 4; i < argc && i - 4 < M_DIMS; i++) dims[i - 4] = atoll(argv[i]);

    const void *in[M_INPUTS + 1];
    void *out[M_OUTPUTS];
    size_t bytes[M_OUTPUTS];
    for (int i = 0; i < M_INPUTS; i++) {
        FILE *f = open_in(argv[3], "in", i, "rb");
        if (!f || fseek(f, 0, SEEK_END)) return 1;
        size_t n = (size_t)ftell(f);
        rewind(f);
        void *p = room(n);
        if (fread(p, 1, n, f) != n) return 1;
        fclose(f);
        in[i] = p;
    }
    for (int i = 0; i < M_OUTPUTS; i++) out[i] = room(bytes[i] = m_output_bytes(i, dims));
    size_t workspace_bytes = m_workspace_bytes(dims, 1);
    void *workspace = room(workspace_bytes);
    m_options options = {.size = sizeof options};

    double *took = room(sizeof *took * (size_t)(runs + 1)), first = 0;
    for (int r = 0; r <= runs; r++) {
        double t = r ? now() : start;
        int error = m_run_options(in, out, workspace, workspace_bytes, dims, &options);
        if (error) {
            fprintf(stderr, "%s\n", m_error(error));
            return 1;
        }
        took[r] = now() - t;
    }
    first = took[0];
    qsort(took + 1, (size_t)runs, sizeof *took, by_size);
    printf("%.3f %.3f %zu\n", first / 1e6, runs ? took[1 + runs / 2] / 1e6 : 0, workspace_bytes);
    fflush(stdout);

    FILE *keep = open_in(argv[3], "keep", 0, "rb");
    for (int i = 0; keep && i < M_OUTPUTS; i++) {
        FILE *f = open_in(argv[3], "out", i, "wb");
        if (!f || fwrite(out[i], 1, bytes[i], f) != bytes[i] || fclose(f)) return 1;
    }
    return getchar() == EOF;
}
