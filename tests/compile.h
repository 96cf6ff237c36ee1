/* Kernel texts become functions of this process. */
#ifndef JITC_TESTS_COMPILE_H
#define JITC_TESTS_COMPILE_H

#include "runtime/image.h"

/* Symbol i is kernel i. NULL: *why, from malloc. */
Image *compile_here(const Codegen *cg, const CodegenTarget *t, const CodegenKernel *k, size_t n, int threads,
                    char **why);
/* The same with objects that were made before. */
Image *load_here(const CodegenResult *r, const CodegenKernel *k, size_t n, char **why);
static inline kernel_fn *kernel_here(const Image *image, size_t i)
{
    return (kernel_fn *)image_symbol(image, i);
}
#endif
