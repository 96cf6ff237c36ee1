/* Classifies the held-back digits with the frozen network beside this file and shows a few of them.
 *
 *     digits [FOLDER]        FOLDER: where digits.pb, test_images.npy and test_labels.npy are
 */
#include <jitc/jitc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, CLASSES = 10, SHOWN = 8 };

/* The data of a version-1 .npy file of known type: magic, version, header length, header, then bytes. */
static void *read_npy(const char *folder, const char *name, const char *descr, size_t item, size_t *count)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    unsigned char head[10] = {0};
    char header[65536] = "";
    void *data = NULL;
    bool ok = f && fread(head, 1, 10, f) == 10 && memcmp(head, "\x93NUMPY\1", 7) == 0;
    size_t length = ok ? head[8] + 256u * head[9] : 0;
    ok = ok && fread(header, 1, length, f) == length && strstr(header, descr);
    if (ok && fseek(f, 0, SEEK_END) == 0) {
        size_t bytes = (size_t)ftell(f) - 10 - length;
        *count = bytes / item;
        data = malloc(bytes);
        fseek(f, (long)(10 + length), SEEK_SET);
        if (data && fread(data, 1, bytes, f) != bytes) {
            free(data);
            data = NULL;
        }
    }
    if (!data) fprintf(stderr, "digits: cannot use %s\n", path);
    if (f) fclose(f);
    return data;
}

static int most_likely(const float *p)
{
    int top = 0;
    for (int i = 1; i < CLASSES; i++)
        if (p[i] > p[top]) top = i;
    return top;
}

/* Images side by side, two characters a pixel. */
static void show(const float *images, const int32_t *labels, const float *probs, const size_t *which, int n)
{
    static const char shades[] = " .:-=+*#%@";
    for (int y = 0; y < SIDE; y++) {
        for (int k = 0; k < n; k++) {
            for (int x = 0; x < SIDE; x++) {
                int s = (int)(images[which[k] * PIXELS + (size_t)(y * SIDE + x)] * 9.0f + 0.5f);
                char c = shades[s < 0 ? 0 : s > 9 ? 9 : s];
                putchar(c), putchar(c);
            }
            fputs(k + 1 < n ? "  |  " : "\n", stdout);
        }
    }
    for (int k = 0; k < n; k++) {
        const float *p = probs + which[k] * CLASSES;
        int top = most_likely(p);
        char text[64];
        snprintf(text, sizeof text, "%d (%.0f%%), label %d%s", top, 100.0 * p[top], labels[which[k]],
                 top == labels[which[k]] ? "" : " !");
        printf("%-16s%s", text, k + 1 < n ? "  |  " : "\n\n");
    }
}

/* The probabilities of all images in one run; borrowed from the exec. */
static const float *classify(jitc_exec *exec, float *images, size_t n)
{
    jitc_tensor x = {JITC_FLOAT32, 4, {(int64_t)n, SIDE, SIDE, 1}, images}, y;
    if (jitc_exec_bind(exec, "images", &x) != JITC_OK || jitc_exec_run(exec) != JITC_OK ||
        jitc_exec_output(exec, 0, &y) != JITC_OK) {
        fprintf(stderr, "digits: %s\n", jitc_exec_error(exec));
        return NULL;
    }
    bool fits = y.dtype == JITC_FLOAT32 && y.rank == 2 && y.shape[0] == (int64_t)n && y.shape[1] == CLASSES;
    if (!fits) fprintf(stderr, "digits: the model does not give %d probabilities per image\n", CLASSES);
    return fits ? y.data : NULL;
}

static void report(const float *images, const int32_t *labels, const float *probs, size_t n)
{
    size_t which[SHOWN], right = 0, wrong = 0;
    int shown = 0;
    for (size_t i = 0; i < n; i++) right += most_likely(probs + i * CLASSES) == labels[i];
    /* Some that are right, one of each digit in turn, and one that is wrong. */
    for (size_t i = 0; i < n && shown < SHOWN - (right < n); i++)
        if (labels[i] == shown && most_likely(probs + i * CLASSES) == labels[i]) which[shown++] = i;
    for (; wrong < n && most_likely(probs + wrong * CLASSES) == labels[wrong]; wrong++) {}
    if (wrong < n) which[shown++] = wrong;
    for (int k = 0; k < shown; k += 4) show(images, labels, probs, which + k, shown - k < 4 ? shown - k : 4);
    printf("accuracy: %zu of %zu held-back images right (%.1f%%)\n", right, n,
           n ? 100.0 * (double)right / (double)n : 0.0);
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "examples/digits";
    char path[4096];
    snprintf(path, sizeof path, "%s/digits.pb", folder);

    jitc_program *program = NULL;
    jitc_exec *exec = NULL;
    jitc_error *error = NULL;
    size_t pixels = 0, nlabels = 0;
    float *images = read_npy(folder, "test_images.npy", "'<f4'", sizeof(float), &pixels);
    int32_t *labels = read_npy(folder, "test_labels.npy", "'<i4'", sizeof(int32_t), &nlabels);
    int status = 1;
    if (!images || !labels) goto out;
    if (pixels != nlabels * PIXELS) {
        fprintf(stderr, "digits: %zu labels for %zu images\n", nlabels, pixels / PIXELS);
        goto out;
    }
    if (jitc_program_load(path, NULL, &program, &error) != JITC_OK) {
        fprintf(stderr, "digits: %s\n", jitc_error_text(error));
        jitc_error_free(error);
        goto out;
    }
    if (jitc_exec_new(program, &exec) != JITC_OK) goto out;
    const float *probs = classify(exec, images, nlabels);
    if (!probs) goto out;
    report(images, labels, probs, nlabels);
    status = 0;
out:
    jitc_exec_free(exec);
    jitc_program_free(program);
    free(images);
    free(labels);
    return status;
}
