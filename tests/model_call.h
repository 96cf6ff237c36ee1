/* A model's object file, called as a host program calls it. Nothing here needs more than the C library, since
 * tests/cross/driver.c brings it to the systems that objects are made for. */
#ifndef JITC_MODEL_CALL_H
#define JITC_MODEL_CALL_H

#include "codegen/model.h"

enum { MODEL_MOST = 20 }; /* tensors */

typedef struct {
    const char *name;
    int32_t dtype, rank;
    int64_t shape[8];
} ModelTensor;
typedef struct {
    int32_t is_output, tensor, dim;
} ModelDimRow;

typedef struct {
    int (*run)(const void *const *in, void *const *out, void *workspace, size_t bytes, int64_t *dims,
               const ModelOptions *options);
    size_t (*workspace)(const int64_t *dims, size_t shares);
    size_t (*output)(int i, const int64_t *dims);
    void (*shape)(int i, const int64_t *dims, int64_t *shape);
    const char *(*error)(int code);
    const ModelTensor *in, *out;
    const ModelDimRow *dim;
    int32_t nin, nout, ndims;
} ModelCalls;

/* The symbols m_…, and what they are; false: why says what is missing. */
enum { MODEL_SYMBOLS = 11 };
extern const char *const model_symbols[MODEL_SYMBOLS];
bool model_find(ModelCalls *m, void *(*find)(void *arg, const char *name), void *arg, char *why, size_t nwhy);
/* One run; `shares`: in several shares, backwards. `out`: memory for m->nout tensors, whose data is for
 * free(). */
bool model_call(const ModelCalls *m, bool shares, const jitc_tensor *const *given, size_t ngiven,
                jitc_tensor *out, char *why, size_t nwhy);
#endif
