#include "picture.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

enum { SIDE_MAX = 16384, FILE_MAX = 256 << 20 };

static const char *read_png(const unsigned char *bytes, size_t size, Picture *p)
{
    static char why[sizeof(((png_image *)0)->message)];
    png_image image = {.version = PNG_IMAGE_VERSION};
    if (png_image_begin_read_from_memory(&image, bytes, size)) {
        image.format = PNG_FORMAT_RGB;
        p->height = image.height, p->width = image.width;
        if (image.height > SIDE_MAX || image.width > SIDE_MAX) {
            png_image_free(&image);
            return "the picture is too large";
        }
        p->rgb = malloc(PNG_IMAGE_SIZE(image));
        png_color white = {255, 255, 255}; /* behind what is transparent */
        if (p->rgb && png_image_finish_read(&image, &white, p->rgb, 0, NULL)) return NULL;
    }
    if (!image.message[0]) snprintf(image.message, sizeof image.message, "out of memory");
    memcpy(why, image.message, sizeof why);
    png_image_free(&image);
    return why;
}

static const char *read_jpeg(const unsigned char *bytes, size_t size, Picture *p)
{
    tjhandle jpeg = tjInitDecompress();
    if (!jpeg) return "out of memory";
    const char *why = NULL;
    int width = 0, height = 0, subsampling, colours;
    if (tjDecompressHeader3(jpeg, bytes, (unsigned long)size, &width, &height, &subsampling, &colours)) {
        why = "not a JPEG file that can be read";
    } else if (width > SIDE_MAX || height > SIDE_MAX) {
        why = "the picture is too large";
    } else {
        p->height = height, p->width = width;
        p->rgb = malloc((size_t)width * (size_t)height * 3);
        if (!p->rgb)
            why = "out of memory";
        else if (tjDecompress2(jpeg, bytes, (unsigned long)size, p->rgb, width, 0, height, TJPF_RGB, 0) &&
                 tjGetErrorCode(jpeg) == TJERR_FATAL)
            why = "the JPEG file is damaged";
    }
    tjDestroy(jpeg);
    return why;
}

const char *picture_read(const char *path, Picture *p)
{
    *p = (Picture){0};
    FILE *f = fopen(path, "rb");
    if (!f) return strerror(errno);
    const char *why = NULL;
    unsigned char *bytes = NULL;
    long size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    if (size < 0 || size > FILE_MAX || fseek(f, 0, SEEK_SET) != 0)
        why = "not a picture file of at most 256 MiB";
    else if (!(bytes = malloc((size_t)size + 1)))
        why = "out of memory";
    else if (fread(bytes, 1, (size_t)size, f) != (size_t)size)
        why = "cannot be read";
    else if (size > 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
        why = read_png(bytes, (size_t)size, p);
    else if (size > 2 && bytes[0] == 0xff && bytes[1] == 0xd8)
        why = read_jpeg(bytes, (size_t)size, p);
    else
        why = "neither PNG nor JPEG";
    if (why) free(p->rgb), p->rgb = NULL;
    free(bytes);
    fclose(f);
    return why;
}
