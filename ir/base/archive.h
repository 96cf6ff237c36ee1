/* Data as bytes and back. One function that goes through all parts of a structure serves three directions: it
 * copies them into another job, saves them, and loads them again. What it is given is a copy of the structure
 * itself, whose pointers are the parts still to be copied or saved, or have no meaning yet.
 *
 * Bytes are read by the program that wrote them, or an equal one: structures lie in them as in memory. */
#ifndef JITC_ARCHIVE_H
#define JITC_ARCHIVE_H

#include "ir/base/base.h"

typedef enum { ARCHIVE_COPY, ARCHIVE_SAVE, ARCHIVE_LOAD } ArchiveMode;

typedef struct {
    ArchiveMode mode;
    Job *job;                /* of the copies */
    Str *out;                /* SAVE */
    const uint8_t *at, *end; /* LOAD; running out of bytes unwinds with JITC_E_INVALID */
} Archive;

void archive_bytes(Archive *a, void *at, size_t n);
/* *at: n elements of `size` bytes, n being known already. */
void archive_array_(Archive *a, void **at, size_t n, size_t size);
#define archive_array(a, at, n) archive_array_((a), (void **)(at), (n), sizeof **(at))
void archive_text(Archive *a, const char **text); /* NULL stays */
#endif
