/* Machine code in memory. The code generator makes object files; image_link.c lays them out in pages, and
 * image.c makes these executable. No page is ever writable and executable at once. */
#ifndef JITC_RUNTIME_IMAGE_H
#define JITC_RUNTIME_IMAGE_H

#include <sys/types.h>

#include "codegen/service.h"

/* Objects laid out as whole pages that run wherever they lie: a block may be kept in a file. It begins with
 * this header; from the next page on there is code, then, from a page's start, the data that it reads. */
enum { IMAGE_PAGE = 4096, IMAGE_VERSION = 1 };
typedef struct {
    char magic[8];
    uint32_t version, nsymbols;
    uint64_t code_size, data_size;
    uint32_t symbol[]; /* in the order in which they were asked for: bytes from the block's start */
} ImageHeader;
typedef struct {
    const void *bytes;
    size_t size;
} ImageBlock;

typedef struct {
    uint8_t *base;
    size_t size;
} Image;

/* A block with the functions of that name, in the job's memory. The objects may call each other's functions,
 * and nothing else; a job that meets anything else is broken. */
ImageBlock image_link(Job *job, const CodegenFile *object, size_t n, const char *const *symbol,
                      size_t nsymbols);
/* For this process alone, of objects that may also have variables, hold addresses, and call what the process
 * has. NULL: *why, from malloc. */
Image *image_open(const CodegenFile *object, size_t n, const char *const *symbol, size_t nsymbols,
                  char **why);

/* A block becomes executable: a copy of it, or pages of a file, which all processes share that map them; a
 * copy as well where the file system forbids to execute. A block that is none is refused, so that no function
 * lies outside of its code; whether the code is what was written there is for the caller to know. NULL: *why,
 * from malloc. */
Image *image_load(const void *block, size_t size, char **why);
Image *image_map(int fd, off_t offset, size_t size, char **why); /* `offset`: of a page */

void *image_symbol(const Image *image, size_t i); /* NULL: it has fewer */
void image_free(Image *image);                    /* accepts NULL */

/* -- image.c, for image_link.c ----------------------------------------------------------------- */
static inline size_t image_pages(uint64_t size)
{
    return (size_t)((size + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE);
}
/* Where the code of a block with so many symbols begins. */
static inline size_t image_code_at(uint32_t nsymbols)
{
    return image_pages(sizeof(ImageHeader) + 4 * (uint64_t)nsymbols);
}
void image_put_header(void *block, uint32_t nsymbols, size_t code_size,
                      size_t data_size);   /* but the symbols */
Image *image_new(size_t size, char **why); /* pages for writing; zeros */
/* The code executable, what follows readable; from `variables` on it stays writable. */
bool image_protect(Image *image, size_t variables, char **why);
#endif
