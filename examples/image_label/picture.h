/* Pictures from PNG and JPEG files, as the network wants them. */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdint.h>

typedef struct {
    int64_t height, width;
    unsigned char *rgb; /* [height, width, 3]; the caller frees it */
} Picture;

/* NULL when all is well, else what is wrong with the file. */
const char *picture_read(const char *path, Picture *picture);
#endif
