/* Where a model's bytes come from: a file, the caller's memory, or functions of the caller. */
#ifndef JITC_FRONTEND_SOURCE_H
#define JITC_FRONTEND_SOURCE_H

#include "ir/base/base.h"

typedef struct Source {
    int fd;             /* -1: memory */
    const uint8_t *mem; /* NULL: file or reader */
    void *owned;        /* memory to free on closing, or NULL */
    uint64_t size;
    jitc_reader reader; /* where `read` is set */
} Source;

/* Opens a regular file of less than 2 GiB; unwinds with JITC_E_IO or JITC_E_INVALID. source_close() it. */
void source_open(Job *job, Source *s, const char *path);
/* The bytes must stay valid as long as the source is used. */
void source_from_memory(Job *job, Source *s, const void *data, size_t size);
/* Takes the reader over: source_close() closes it, also where this unwinds. */
void source_from_reader(Job *job, Source *s, const jitc_reader *reader);
/* Copies n bytes from offset `off`; false if they are not all there (the file shrank, an I/O error). Safe to
 * call from several threads. */
bool source_read(const Source *s, uint64_t off, void *dst, size_t n);
void source_close(Source *s); /* accepts a zeroed or closed source */
#endif
