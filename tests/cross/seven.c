/* Calls every function of the digits' object with an open batch, once in the usual floating-point mode and
 * once in one that rounds upwards, which must change nothing and stay. Says what came of it: "it is a 7", or
 * the error. Exit status: the error's number without its sign. */
#include <fenv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seven.h"

int main(void)
{
    enum { BATCH = 3 };
    static const float image[64] = {0, 9, 16, 16, 16, 16, 9, 0, 0, 3, 4,  4,  6,  16, 6, 0,
                                    0, 0, 0,  0,  10, 13, 0, 0, 0, 0, 0,  3,  16, 5,  0, 0,
                                    0, 0, 0,  9,  13, 0,  0, 0, 0, 0, 1,  15, 6,  0,  0, 0,
                                    0, 0, 6,  15, 0,  0,  0, 0, 0, 0, 12, 9,  0,  0,  0, 0};
    float in[BATCH * 64], *out;
    int64_t dims[SEVEN_DIMS] = {BATCH}, shape[8] = {0};
    for (int i = 0; i < BATCH * 64; i++) in[i] = image[i % 64];
    size_t bytes = seven_workspace_bytes(dims, 1);
    void *workspace = aligned_alloc(SEVEN_WORKSPACE_ALIGN, bytes);
    seven_output_shape(0, dims, shape);
    out = malloc(seven_output_bytes(0, dims));
    if (!workspace || !out || seven_output_bytes(0, dims) != BATCH * 10 * sizeof *out || shape[0] != BATCH ||
        shape[1] != 10 || seven_input_count != 1)
        return 99;
    int error = 0;
    float first[BATCH * 10];
    for (int up = 0; up < 2 && !error; up++) {
        if (fesetround(up ? FE_UPWARD : FE_TONEAREST)) return 98;
        error = seven_run_dims((const void *[]){in}, (void *[]){out}, workspace, bytes, dims);
        if (fegetround() != (up ? FE_UPWARD : FE_TONEAREST)) return 97;
        if (!error && up && memcmp(first, out, sizeof first)) return 96;
        memcpy(first, out, sizeof first);
    }
    fesetround(FE_TONEAREST);
    int best[BATCH] = {0};
    for (int i = 0; i < BATCH * 10 && !error; i++)
        if (out[i] > out[i / 10 * 10 + best[i / 10]]) best[i / 10] = i % 10;
    if (error)
        puts(seven_error(error));
    else if (best[0] == best[1] && best[1] == best[2])
        printf("it is a %d\n", best[0]);
    free(workspace);
    free(out);
    return error < 0 ? -error : error;
}
