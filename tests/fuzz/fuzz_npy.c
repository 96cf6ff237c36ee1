/* Bytes as .npy and as .npz. Every byte of what is read must be there. */
#include "runtime/npz.h"
#include "tests/fuzz/fuzz.h"

static volatile uint8_t sink;

static void touch(const jitc_tensor *t)
{
    size_t n = jitc_dtype_size(t->dtype);
    for (int32_t i = 0; i < t->rank; i++) n *= (size_t)t->shape[i];
    for (size_t i = 0; i < n; i++) sink ^= ((const uint8_t *)t->data)[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    jitc_tensor t;
    NpzFile z;
    if (npy_parse(data, size, &t, NULL) == JITC_OK) touch(&t);
    npy_free(&t);
    if (npz_parse(data, size, &z, NULL) == JITC_OK)
        for (size_t i = 0; i < z.n; i++) touch(&z.at[i].value);
    npz_free(&z);
    return 0;
}
