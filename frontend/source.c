#include "frontend/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A protobuf message cannot be larger than this. */
#define SIZE_LIMIT ((uint64_t)INT32_MAX)

void source_open(Job *job, Source *s, const char *path)
{
    *s = (Source){.fd = -1};
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        int err = errno;
        if (fd >= 0) close(fd);
        job_error(job, "%s: cannot be opened: %s", path, strerror(err));
        job_fail(job, JITC_E_IO);
    }
    const char *why = NULL;
    if (!S_ISREG(st.st_mode))
        why = S_ISDIR(st.st_mode) ? "is a folder; name the .pb file in it" : "is not a regular file";
    else if (st.st_size == 0)
        why = "is empty";
    else if ((uint64_t)st.st_size > SIZE_LIMIT)
        why = "is 2 GiB or larger, which no GraphDef can be";
    if (why) {
        close(fd);
        job_error(job, "%s: %s", path, why);
        job_fail(job, JITC_E_INVALID);
    }
    s->fd = fd;
    s->size = (uint64_t)st.st_size;
}

void source_from_memory(Job *job, Source *s, const void *data, size_t size)
{
    *s = (Source){.fd = -1};
    if (!size || size > SIZE_LIMIT) {
        job_error(job,
                  size ? "the model has 2 GiB or more, which no GraphDef can have" : "the model is empty");
        job_fail(job, JITC_E_INVALID);
    }
    s->mem = data;
    s->size = size;
}

void source_from_reader(Job *job, Source *s, const jitc_reader *reader)
{
    *s = (Source){.fd = -1, .reader = *reader};
    if (!reader->bytes || reader->bytes > SIZE_LIMIT) {
        job_error(job, reader->bytes ? "the model has 2 GiB or more, which no GraphDef can have"
                                     : "the model is empty");
        job_fail(job, JITC_E_INVALID);
    }
    s->size = reader->bytes;
}

bool source_read(const Source *s, uint64_t off, void *dst, size_t n)
{
    if (off > s->size || n > s->size - off) return false;
    if (s->mem) {
        if (n) memcpy(dst, s->mem + off, n);
        return true;
    }
    if (s->reader.read) return !n || s->reader.read(s->reader.arg, off, dst, n) == 0;
    uint8_t *p = dst;
    while (n) {
        ssize_t got = pread(s->fd, p, n, (off_t)off);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        p += got;
        off += (uint64_t)got;
        n -= (size_t)got;
    }
    return true;
}

void source_close(Source *s)
{
    if (!s->mem && s->size && s->fd >= 0) close(s->fd);
    if (s->reader.close) s->reader.close(s->reader.arg);
    free(s->owned);
    *s = (Source){.fd = -1};
}
