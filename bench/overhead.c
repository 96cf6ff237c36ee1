/* What a run costs beyond its kernels: nanoseconds per run of a model that has one kernel of four elements,
 * compiled at load and as an object file.
 *
 *     overhead GRAPH.pbtxt [RUNS] */
#include <jitc/jitc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "overhead.h"

enum { N = 4, ROUNDS = 15 };

static float x[N] = {1, 2, 3, 4}, y[N];
static _Alignas(OVERHEAD_WORKSPACE_ALIGN) unsigned char workspace[OVERHEAD_WORKSPACE_BYTES];

static bool run_exec(void *exec)
{
    return jitc_exec_run(exec) == JITC_OK;
}

static bool run_object(void *unused)
{
    (void)unused;
    return overhead_run((const void *[]){x}, (void *[]){y}, workspace) == OVERHEAD_OK;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static bool measure(const char *what, bool (*run)(void *), void *arg, long runs)
{
    double ns[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        bool ok = true;
        for (int k = 0; k < N; k++) y[k] = 0;
        double start = now();
        for (long k = 0; k < runs; k++) ok &= run(arg);
        ns[i] = (now() - start) / (double)runs;
        for (int k = 0; k < N; k++) ok = ok && y[k] == x[k] * x[k];
        if (!ok) {
            fprintf(stderr, "overhead: %s: a run fails or gives another answer\n", what);
            return false;
        }
    }
    qsort(ns, ROUNDS, sizeof *ns, by_value);
    printf("%-18s best %6.0f ns   median %6.0f ns per run\n", what, ns[0], ns[ROUNDS / 2]);
    return true;
}

int main(int argc, char **argv)
{
    long runs = argc == 3 ? atol(argv[2]) : 200000;
    if (argc < 2 || argc > 3 || runs < 1) {
        fprintf(stderr, "usage: overhead GRAPH.pbtxt [RUNS]\n");
        return 2;
    }
    jitc_program *program;
    jitc_error *error;
    jitc_exec *exec = NULL;
    jitc_tensor in = {JITC_FLOAT32, 1, {N}, x}, out = {JITC_FLOAT32, 1, {N}, y};
    if (jitc_program_load(argv[1], NULL, &program, &error) != JITC_OK) {
        fprintf(stderr, "%s\n", jitc_error_text(error));
        jitc_error_free(error);
        return 1;
    }
    bool ok = jitc_exec_new(program, &exec) == JITC_OK && jitc_exec_bind(exec, "x", &in) == JITC_OK &&
              jitc_exec_bind(exec, "y", &out) == JITC_OK &&
              measure("compiled at load", run_exec, exec, runs) &&
              measure("object file", run_object, NULL, runs);
    jitc_exec_free(exec);
    jitc_program_free(program);
    return ok ? 0 : 1;
}
