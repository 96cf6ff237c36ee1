/* A graph with operations of its own, compiled when the program starts. */
#include <jitc/jitc.h>
#include <jitc/op.h>

#include "check.h"
#include "ops.h"

enum { INPUTS = 12 };

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";
    char model[4096];
    long nx, ny;
    float *x = read_floats(folder, "x.npy", &nx), *want = read_floats(folder, "y.npy", &ny);
    jitc_options options = JITC_OPTIONS_INIT;
    jitc_program *program;
    jitc_exec *exec;
    jitc_error *error;
    options.threads = 2;
    options.ops = jitc_ops(&options.nops);
    snprintf(model, sizeof model, "%s/model.pb", folder);
    if (jitc_program_load(model, &options, &program, &error)) {
        fprintf(stderr, "%s\n", jitc_error_text(error));
        return 1;
    }
    if (jitc_exec_new(program, &exec)) return 1;
    jitc_tensor in = {.dtype = JITC_FLOAT32, .rank = 2, .shape = {nx / INPUTS, INPUTS}, .data = x}, out;
    if (jitc_exec_bind(exec, "x", &in) || jitc_exec_run(exec) || jitc_exec_output(exec, 0, &out)) {
        fprintf(stderr, "%s\n", jitc_exec_error(exec));
        return 1;
    }
    int status = report(out.data, want, ny);

    /* What an operator says when it fails is the run's error. */
    x[INPUTS] = NAN;
    if (jitc_exec_run(exec)) printf("%s\n", jitc_exec_error(exec));

    jitc_exec_free(exec);
    jitc_program_free(program);
    free(x);
    free(want);
    return status;
}
