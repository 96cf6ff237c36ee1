/* The words in .wav files, with a network that is part of the program.
 *
 *     keyword FILE.wav...
 *     keyword --list
 *
 * One second of sound, 16 kHz, 16 bits, one channel. The graph reads the file's bytes itself: decoding,
 * spectrogram and cepstral coefficients are compiled code as well. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ds_cnn_s.h"

enum { WORDS = 12, SHOWN = 3, BAR = 20 };

/* In the order of the network's outputs. "silence" and "unknown" are outputs too. */
static const char *const words[WORDS] = {"(silence)", "(unknown)", "yes", "no",  "up",   "down",
                                         "left",      "right",     "on",  "off", "stop", "go"};

/* The bytes of a file, NULL: there is none. */
static void *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f) return perror(path), NULL;
    char *bytes = NULL;
    long n = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    if (n >= 0 && fseek(f, 0, SEEK_SET) == 0) bytes = malloc((size_t)n + 1);
    *size = bytes ? fread(bytes, 1, (size_t)n, f) : 0;
    if (!bytes || *size != (size_t)n) {
        perror(path);
        free(bytes);
        bytes = NULL;
    }
    fclose(f);
    return bytes;
}

static void show(const char *path, float *p)
{
    printf("%s\n", path);
    for (int i = 0; i < SHOWN; i++) {
        int top = 0;
        for (int k = 1; k < WORDS; k++)
            if (p[k] > p[top]) top = k;
        int bar = (int)(p[top] * BAR + 0.5f);
        printf("  %-10s %5.1f %%%s%.*s\n", words[top], 100 * p[top], bar ? "  " : "", bar,
               "####################");
        p[top] = -1;
    }
}

static bool hear(const char *path)
{
    int64_t dims[DS_CNN_S_DIMS];
    size_t size;
    void *bytes = read_file(path, &size);
    if (!bytes) return false;
    dims[0] = (int64_t)size;
    size_t room = ds_cnn_s_workspace_bytes(dims, 1);
    void *workspace = aligned_alloc(DS_CNN_S_WORKSPACE_ALIGN, room);
    float p[WORDS];
    int error = DS_CNN_S_E_MEMORY;
    if (workspace) error = ds_cnn_s_run_dims((const void *[]){bytes}, (void *[]){p}, workspace, room, dims);
    if (error)
        fprintf(stderr, "%s: %s\n", path, ds_cnn_s_error(error));
    else
        show(path, p);
    free(workspace);
    free(bytes);
    return !error;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (int i = 2; i < WORDS; i++) printf("%s\n", words[i]);
        return 0;
    }
    if (argc < 2) {
        fprintf(stderr, "usage: keyword FILE.wav... | --list\n");
        return 2;
    }
    int failed = 0;
    for (int i = 1; i < argc; i++) failed |= !hear(argv[i]);
    return failed;
}
