/* NumPy's .npz files: zip archives of .npy members, stored or deflated, zip64 included. Encrypted, split and
 * otherwise compressed archives are refused. Status and *why are as in runtime/file.h. */
#ifndef JITC_RUNTIME_NPZ_H
#define JITC_RUNTIME_NPZ_H

#include "runtime/npy.h"

typedef struct NpzMember {
    char *name; /* without ".npy" */
    jitc_tensor value;
} NpzMember;

typedef struct NpzFile {
    NpzMember *at; /* in the order of the archive's directory; names are unique */
    size_t n;
} NpzFile;

/* Whether a regular file starts as a zip archive does. */
bool npz_detect(const char *path);

/* On success *out is for npz_free(); on failure it is all zero. */
jitc_status npz_read(const char *path, NpzFile *out, char **why);
jitc_status npz_parse(const void *data, size_t size, NpzFile *out, char **why);
void npz_free(NpzFile *f);

/* Members are stored, not compressed; names are unique and at most 64000 bytes. */
jitc_status npz_write(const char *path, const NpzMember *members, size_t n, char **why);
#endif
