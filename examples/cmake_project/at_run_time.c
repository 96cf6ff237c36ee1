/* The model is a file that libjitc loads.
 *
 *     at_run_time digits.pb */
#include <jitc/jitc.h>

#include "seven.h"

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: at_run_time digits.pb\n");
        return 2;
    }
    jitc_program *program;
    jitc_error *error;
    if (jitc_program_load(argv[1], NULL, &program, &error)) {
        fprintf(stderr, "%s\n", jitc_error_text(error));
        jitc_error_free(error);
        return 1;
    }
    float p[10];
    const jitc_tensor in = {JITC_FLOAT32, 4, {1, 8, 8, 1}, (void *)seven},
                      out = {JITC_FLOAT32, 2, {1, 10}, p};
    jitc_exec *exec = NULL;
    int status = 1;
    if (jitc_exec_new(program, &exec)) {
        fprintf(stderr, "out of memory\n");
    } else if (jitc_exec_bind(exec, "images", &in) || jitc_exec_bind(exec, "probabilities", &out) ||
               jitc_exec_run(exec)) {
        fprintf(stderr, "%s\n", jitc_exec_error(exec));
    } else {
        say_digit(p);
        status = 0;
    }
    jitc_exec_free(exec);
    jitc_program_free(program);
    return status;
}
