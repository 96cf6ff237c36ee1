/* Blocks of code become executable. */
#include "runtime/image.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char magic[8] = "jitccode";

static char *reason(const char *what, int error)
{
    char *why;
    return asprintf(&why, "%s: %s", what, strerror(error)) < 0 ? NULL : why;
}

void image_put_header(void *block, uint32_t nsymbols, size_t code_size, size_t data_size)
{
    ImageHeader *h = block;
    memcpy(h->magic, magic, sizeof magic);
    h->version = IMAGE_VERSION;
    h->nsymbols = nsymbols;
    h->code_size = code_size;
    h->data_size = data_size;
}

static bool is_block(const void *block, size_t size)
{
    const ImageHeader *h = block;
    if (memcmp(h->magic, magic, sizeof magic) != 0 || h->version != IMAGE_VERSION) return false;
    size_t at = image_code_at(h->nsymbols);
    if (at > size || h->code_size > size || h->data_size > size) return false;
    if (at + image_pages(h->code_size) + image_pages(h->data_size) != size) return false;
    for (uint32_t i = 0; i < h->nsymbols; i++)
        if (h->symbol[i] < at || h->symbol[i] - at >= h->code_size) return false;
    return true;
}

static bool has_pages(size_t size)
{
    return size && size % IMAGE_PAGE == 0;
}

static Image *refuse(Image *image, char **why)
{
    image_free(image);
    *why = strdup("this is no code, or it is damaged");
    return NULL;
}

Image *image_new(size_t size, char **why)
{
    Image *image = calloc(1, sizeof *image);
    void *pages =
        image ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    if (pages == MAP_FAILED) {
        *why = reason("no memory for code", errno);
        free(image);
        return NULL;
    }
    *image = (Image){pages, size};
    return image;
}

static bool make_executable(Image *image)
{
    const ImageHeader *h = (const ImageHeader *)image->base;
    return !mprotect(image->base + image_code_at(h->nsymbols), image_pages(h->code_size),
                     PROT_READ | PROT_EXEC);
}

bool image_protect(Image *image, size_t variables, char **why)
{
    if (!mprotect(image->base, variables, PROT_READ) && make_executable(image)) return true;
    *why = reason("memory cannot be made executable", errno);
    return false;
}

Image *image_load(const void *block, size_t size, char **why)
{
    if (!has_pages(size)) return refuse(NULL, why);
    Image *image = image_new(size, why);
    if (!image) return NULL;
    memcpy(image->base, block, size);
    if (!is_block(image->base, size)) return refuse(image, why);
    if (image_protect(image, size, why)) return image;
    image_free(image);
    return NULL;
}

Image *image_map(int fd, off_t offset, size_t size, char **why)
{
    struct stat st;
    if (!has_pages(size) || offset < 0 || offset % IMAGE_PAGE || fstat(fd, &st) || st.st_size < offset ||
        (uint64_t)(st.st_size - offset) < size)
        return refuse(NULL, why);
    Image *image = calloc(1, sizeof *image);
    void *pages = image ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, offset) : MAP_FAILED;
    if (pages == MAP_FAILED) {
        *why = reason("code cannot be mapped", errno);
        free(image);
        return NULL;
    }
    *image = (Image){pages, size};
    if (!is_block(pages, size)) return refuse(image, why);
    if (make_executable(image)) return image;
    Image *copy = image_load(pages, size, why);
    image_free(image);
    return copy;
}

void *image_symbol(const Image *image, size_t i)
{
    const ImageHeader *h = (const ImageHeader *)image->base;
    return i < h->nsymbols ? image->base + h->symbol[i] : NULL;
}

void image_free(Image *image)
{
    if (!image) return;
    munmap(image->base, image->size);
    free(image);
}
