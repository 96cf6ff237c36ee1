/* An open batch: one object, as many images in a run as there are. */
#include <stdio.h>
#include <stdlib.h>

#include "digits_batch.h"

enum { PIXELS = 64, CLASSES = 10, MOST = 8 };

static const char *const drawn[] = {
    "0068887000423860000048000002830000488850003750000084000000830000", /* 7 */
    "0068860003624820000018500002780000002750000004800262387000788700", /* 3 */
    "0017820000865800028006400460046004600460037006400084580000178300", /* 0 */
};

static int classify(const float *images, int64_t n)
{
    int64_t dims[DIGITS_BATCH_DIMS] = {n};
    size_t bytes = digits_batch_workspace_bytes(dims, 1);
    void *workspace = aligned_alloc(DIGITS_BATCH_WORKSPACE_ALIGN, bytes);
    float *p = malloc(digits_batch_output_bytes(0, dims));
    int error = DIGITS_BATCH_E_MEMORY;
    if (workspace && p)
        error = digits_batch_run_dims((const void *[]){images}, (void *[]){p}, workspace, bytes, dims);
    if (error) {
        fprintf(stderr, "%s\n", digits_batch_error(error));
    } else {
        printf("batch %d, workspace %5.1f KiB: ", (int)n, (double)bytes / 1024);
        for (int64_t i = 0; i < n; i++) {
            const float *row = p + i * CLASSES;
            int best = 0;
            for (int k = 1; k < CLASSES; k++)
                if (row[k] > row[best]) best = k;
            printf(" %d", best);
        }
        printf("\n");
    }
    free(p);
    free(workspace);
    return error;
}

int main(void)
{
    float images[MOST * PIXELS];
    for (int i = 0; i < MOST * PIXELS; i++) images[i] = (float)(drawn[i / PIXELS % 3][i % PIXELS] - '0') / 8;
    return classify(images, 1) || classify(images, 3) || classify(images, MOST);
}
