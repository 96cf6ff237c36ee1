/* What is on a picture: the five likeliest labels of PNG and JPEG files.
 *
 *     image_label FILE...
 *
 * The network is part of this program. It takes pictures of any size: cutting out the middle, making it small
 * and finding the best five are nodes of the graph. */
#include <stdio.h>
#include <stdlib.h>

#include "label.h"
#include "picture.h"

enum { SHOWN = 5, BAR = 20 };

static const char *const labels[] = {"T-shirt or top", "trousers", "pullover", "dress", "coat",
                                     "sandal",         "shirt",    "sneaker",  "bag",   "ankle boot"};

/* The network's answer for one picture; 0, or its error. */
static int classify(const Picture *picture, float *probability, int32_t *label)
{
    int64_t dims[LABEL_DIMS] = {picture->height, picture->width};
    size_t bytes = label_workspace_bytes(dims, 1);
    void *workspace = aligned_alloc(LABEL_WORKSPACE_ALIGN, bytes);
    int error = LABEL_E_MEMORY;
    if (workspace)
        error = label_run_dims((const void *[]){picture->rgb}, (void *[]){probability, label}, workspace,
                               bytes, dims);
    free(workspace);
    return error;
}

int main(int argc, char **argv)
{
    int failed = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: image_label FILE...\n");
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        Picture picture;
        float probability[SHOWN];
        int32_t label[SHOWN];
        const char *why = picture_read(argv[i], &picture);
        int error = why ? 0 : classify(&picture, probability, label);
        if (why || error) {
            fprintf(stderr, "%s: %s\n", argv[i], why ? why : label_error(error));
            failed = 1;
        } else {
            printf("%s, %d x %d pixels\n", argv[i], (int)picture.width, (int)picture.height);
            for (int k = 0; k < SHOWN; k++) {
                int bar = (int)(probability[k] * BAR + 0.5f);
                printf("  %-14s %5.1f %%%s%.*s\n", labels[label[k]], 100 * probability[k], bar ? "  " : "",
                       bar, "####################");
            }
        }
        free(picture.rgb);
    }
    return failed;
}
