/* NumPy's .npy files: header versions 1 to 3, C or Fortran order, either byte order. What is read is always
 * row-major and in native byte order. bfloat16 is |V2, as NumPy writes it for ml_dtypes. Nothing in a file
 * is ever evaluated; objects, strings and structured types are refused.
 *
 * Status and *why are as in runtime/file.h: JITC_E_INVALID for a bad file, JITC_E_IO, JITC_E_NOMEM. */
#ifndef JITC_RUNTIME_NPY_H
#define JITC_RUNTIME_NPY_H

#include "runtime/file.h"

/* On success out->data is heap memory aligned to 64 bytes, never NULL, for npy_free(); on failure *out is
 * all zero. */
jitc_status npy_read(const char *path, jitc_tensor *out, char **why);
jitc_status npy_parse(const void *data, size_t size, jitc_tensor *out, char **why);
void npy_free(jitc_tensor *t);

/* `path` then holds the whole tensor or is as before; JITC_E_USAGE for a tensor that .npy has no type for. */
jitc_status npy_write(const char *path, const jitc_tensor *t, char **why);

/* -- For containers of .npy data ------------------------------------------------------------------ */

/* Where data comes from. read() returns the bytes it got, fewer than n only at the end, or minus a
 * jitc_status with *why set. */
typedef struct NpySource {
    int64_t (*read)(void *self, void *buf, size_t n, char **why);
    void *self;
    uint64_t size; /* all there is to read, UINT64_MAX when that is not known */
    bool trusted;  /* `size` bytes do exist: memory for them may be taken at once */
} NpySource;

/* `what` starts the error text; the data must end with the array. */
jitc_status npy_read_source(NpySource *src, const char *what, jitc_tensor *out, char **why);

/* Whether the machine has that much memory at all; an allocation may succeed where it has not. */
bool npy_fits_memory(uint64_t bytes);

enum { NPY_HEADER_MAX = 384 };
/* Writes the header, at most NPY_HEADER_MAX bytes, and the number of data bytes; false when .npy has no such
 * tensor. */
bool npy_header(const jitc_tensor *t, char *buf, size_t *header_size, size_t *data_size);
#endif
