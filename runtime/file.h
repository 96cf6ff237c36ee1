/* Files: reading whole ones, and output that appears complete or not at all.
 *
 * Functions that can fail return a status and describe the failure in *why: one line of escaped text for
 * free(), NULL when memory ran out. `why` itself may be NULL. */
#ifndef JITC_RUNTIME_FILE_H
#define JITC_RUNTIME_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "ir/base/base.h"

void explain_text(char **why, const char *fmt, ...) PRINTF(2, 3);
/* Gives `status`; a macro so that compilers and analysers see which it is. */
#define explain(why, status, ...) (explain_text(why, __VA_ARGS__), (status))

/* The contents of a file or pipe, followed by a zero byte that *size does not count; free() it.
 * More than `max` bytes are an error; 0 = no limit. */
jitc_status file_read(const char *path, size_t max, void **data, size_t *size, char **why);
jitc_status file_read_fd(int fd, const char *path, size_t max, void **data, size_t *size, char **why);

/* Reads until `size` bytes or the end of the file; false with errno on failure. */
bool file_read_some(int fd, void *data, size_t size, size_t *got);

/* An output file. The bytes go to a new file in the same folder, which takes the place of `path` when it is
 * complete. What is no regular file (/dev/stdout, a pipe, a device) is written to directly. */
typedef struct OutFile {
    int fd, dir; /* dir: -1 when writing directly */
    int error;   /* errno of the first failed write */
    char *path;
    char *name; /* within dir */
    char temp[40];
} OutFile;

jitc_status outfile_open(OutFile *f, const char *path, char **why);
void outfile_write(OutFile *f, const void *data, size_t size); /* failures are kept for outfile_close */
jitc_status outfile_close(OutFile *f, char **why);             /* publishes the file */
void outfile_abort(OutFile *f);                                /* leaves no trace; also fine after a close */
#endif
