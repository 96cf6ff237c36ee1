/* The shortest host program: load a frozen graph, run it once, print the most likely class.
 *
 *     embed_c MODEL.pb
 *
 * The input is filled with zeros; open dimensions are taken as 1. */
#include <jitc/jitc.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: embed_c MODEL.pb\n");
        return 2;
    }

    jitc_program *program;
    jitc_error *error;
    if (jitc_program_load(argv[1], NULL, &program, &error) != JITC_OK) {
        fprintf(stderr, "%s\n", jitc_error_text(error));
        jitc_error_free(error);
        return 1;
    }
    jitc_exec *exec;
    if (jitc_exec_new(program, &exec) != JITC_OK) {
        jitc_program_free(program);
        return 1;
    }

    /* What the model wants. */
    const jitc_io *in = jitc_program_input(program, 0);
    int status = 1;
    if (!in || in->rank < 0) {
        fprintf(stderr, "%s has no input of known rank\n", argv[1]);
        jitc_exec_free(exec);
        jitc_program_free(program);
        return 1;
    }
    jitc_tensor x = {.dtype = in->dtype, .rank = in->rank};
    size_t count = 1;
    for (int i = 0; i < in->rank; i++) {
        x.shape[i] = in->shape[i] < 0 ? 1 : in->shape[i];
        count *= (size_t)x.shape[i];
    }
    x.data = calloc(count, jitc_dtype_size(in->dtype));
    printf("input %s: %s, %zu elements\n", in->name, jitc_dtype_name(in->dtype), count);

    jitc_tensor y;
    if (!x.data || jitc_exec_bind(exec, in->name, &x) != JITC_OK || jitc_exec_run(exec) != JITC_OK ||
        jitc_exec_output(exec, 0, &y) != JITC_OK) {
        fprintf(stderr, "%s\n", jitc_exec_error(exec));
    } else if (y.dtype != JITC_FLOAT32 || y.rank == 0) {
        printf("output %s: %s\n", jitc_program_output(program, 0)->name, jitc_dtype_name(y.dtype));
        status = 0;
    } else {
        const float *p = y.data;
        int64_t classes = y.shape[y.rank - 1], top = 0;
        for (int64_t i = 1; i < classes; i++)
            if (p[i] > p[top]) top = i;
        if (classes > 0)
            printf("output %s: class %lld, value %g\n", jitc_program_output(program, 0)->name, (long long)top,
                   p[top]);
        status = 0;
    }

    free(x.data);
    jitc_exec_free(exec);
    jitc_program_free(program);
    return status;
}
