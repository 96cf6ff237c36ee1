/* The same graph, compiled ahead of time: Mish is in the object file, UnitRows is called in ops.c. */
#include "check.h"
#include "custom_model.h"

enum { INPUTS = 12 };

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";
    long nx, ny;
    float *x = read_floats(folder, "x.npy", &nx), *want = read_floats(folder, "y.npy", &ny);
    int64_t dims[CUSTOM_MODEL_DIMS] = {nx / INPUTS};
    size_t bytes = custom_model_workspace_bytes(dims, 1);
    void *workspace = aligned_alloc(CUSTOM_MODEL_WORKSPACE_ALIGN, bytes);
    float *y = malloc(custom_model_output_bytes(0, dims));
    if (!workspace || !y) return 1;
    int error = custom_model_run_dims((const void *[]){x}, (void *[]){y}, workspace, bytes, dims);
    if (error) fprintf(stderr, "%s\n", custom_model_error(error));
    int status = error ? 1 : report(y, want, ny);

    x[INPUTS] = NAN;
    error = custom_model_run_dims((const void *[]){x}, (void *[]){y}, workspace, bytes, dims);
    printf("%s\n", custom_model_error(error));

    free(workspace);
    free(x);
    free(y);
    free(want);
    return status;
}
