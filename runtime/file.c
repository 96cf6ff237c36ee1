#include "runtime/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void explain_text(char **why, const char *fmt, ...)
{
    if (!why) return;
    Str raw = {0}, text = {0};
    va_list ap;
    va_start(ap, fmt);
    str_vprintf(&raw, fmt, ap);
    va_end(ap);
    str_escape(&text, str_text(&raw), raw.n);
    str_free(&raw);
    *why = text.at;
}

/* -- Reading -------------------------------------------------------------------------------------- */
bool file_read_some(int fd, void *data, size_t size, size_t *got)
{
    *got = 0;
    while (*got < size) {
        ssize_t n = read(fd, (char *)data + *got, size - *got);
        if (n == 0) break;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        *got += (size_t)n;
    }
    return true;
}

jitc_status file_read_fd(int fd, const char *path, size_t max, void **data, size_t *size, char **why)
{
    *data = NULL;
    *size = 0;
    struct stat st;
    if (fstat(fd, &st)) return explain(why, JITC_E_IO, "%s: %s", path, strerror(errno));
    size_t cap = 4096;
    if (S_ISREG(st.st_mode)) {
        if (max && (uint64_t)st.st_size > max)
            return explain(why, JITC_E_INVALID, "%s: larger than %zu bytes", path, max);
        cap = (size_t)st.st_size + 2; /* one more than the text, so that the end is seen in one read */
    }
    char *buf = NULL;
    for (size_t n = 0;;) {
        char *p = realloc(buf, cap);
        if (!p) {
            free(buf);
            return explain(why, JITC_E_NOMEM, "%s: out of memory", path);
        }
        buf = p;
        size_t got;
        if (!file_read_some(fd, buf + n, cap - 1 - n, &got)) {
            free(buf);
            return explain(why, JITC_E_IO, "%s: %s", path, strerror(errno));
        }
        n += got;
        if (max && n > max) {
            free(buf);
            return explain(why, JITC_E_INVALID, "%s: larger than %zu bytes", path, max);
        }
        if (n < cap - 1) {
            buf[n] = 0;
            *data = buf;
            *size = n;
            return JITC_OK;
        }
        if (cap > SIZE_MAX / 2) {
            free(buf);
            return explain(why, JITC_E_NOMEM, "%s: out of memory", path);
        }
        cap *= 2;
    }
}

jitc_status file_read(const char *path, size_t max, void **data, size_t *size, char **why)
{
    *data = NULL;
    *size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return explain(why, JITC_E_IO, "%s: %s", path, strerror(errno));
    jitc_status status = file_read_fd(fd, path, max, data, size, why);
    close(fd);
    return status;
}

/* -- Writing -------------------------------------------------------------------------------------- */

/* The descriptor that a path such as /dev/stdout stands for, else -1. Opening the path anew would truncate
 * a redirected file, and replacing it would lose what is written there besides. */
static int path_descriptor(const char *path)
{
    if (!strcmp(path, "/dev/stdout")) return STDOUT_FILENO;
    if (!strcmp(path, "/dev/stderr")) return STDERR_FILENO;
    const char *digits;
    if (!strncmp(path, "/dev/fd/", 8))
        digits = path + 8;
    else if (!strncmp(path, "/proc/self/fd/", 14))
        digits = path + 14;
    else
        return -1;
    int fd = 0;
    if (!*digits) return -1;
    for (; *digits; digits++) {
        if (*digits < '0' || *digits > '9' || fd > 100000000) return -1;
        fd = fd * 10 + (*digits - '0');
    }
    return fd;
}

static int create_temp(OutFile *f)
{
    static _Atomic unsigned serial;
    for (int attempt = 0; attempt < 100; attempt++) {
        snprintf(f->temp, sizeof f->temp, ".jitc-%ld-%x%06x.tmp", (long)getpid(),
                 atomic_fetch_add(&serial, 1), (unsigned)now_ns() & 0xffffff);
        int fd = openat(f->dir, f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
}

static void outfile_reset(OutFile *f)
{
    if (f->fd >= 0) close(f->fd);
    if (f->dir >= 0) close(f->dir);
    free(f->path);
    free(f->name);
    memset(f, 0, sizeof *f);
    f->fd = f->dir = -1;
}

static jitc_status open_failed(OutFile *f, const char *path, int error, char **why)
{
    outfile_reset(f);
    return explain(why, error == ENOMEM ? JITC_E_NOMEM : JITC_E_IO, "%s: cannot write: %s", path,
                   strerror(error));
}

/* Opens the folder of `target` and a new file in it; mode < 0: that of a new file. */
static jitc_status open_beside(OutFile *f, const char *path, const char *target, int mode, char **why)
{
    const char *slash = strrchr(target, '/');
    const char *base = slash ? slash + 1 : target;
    if (!*base) return open_failed(f, path, *target ? EISDIR : ENOENT, why);
    if (strlen(base) > NAME_MAX) return open_failed(f, path, ENAMETOOLONG, why);
    f->name = strdup(base);
    char *dir = slash ? strndup(target, (size_t)(slash - target) + 1) : strdup(".");
    if (!f->name || !dir) {
        free(dir);
        return open_failed(f, path, ENOMEM, why);
    }
    f->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->dir < 0) f->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC); /* a folder to enter, not to list */
    int error = errno;
    free(dir);
    if (f->dir < 0) return open_failed(f, path, error, why);
    f->fd = create_temp(f);
    if (f->fd < 0) return open_failed(f, path, errno, why);
    if (mode >= 0 && fchmod(f->fd, (mode_t)mode)) {
        error = errno;
        unlinkat(f->dir, f->temp, 0);
        return open_failed(f, path, error, why);
    }
    return JITC_OK;
}

jitc_status outfile_open(OutFile *f, const char *path, char **why)
{
    *f = (OutFile){.fd = -1, .dir = -1};
    f->path = strdup(path);
    if (!f->path) return open_failed(f, path, ENOMEM, why);

    int given = path_descriptor(path);
    if (given >= 0) {
        f->fd = fcntl(given, F_DUPFD_CLOEXEC, 0);
        return f->fd >= 0 ? JITC_OK : open_failed(f, path, errno, why);
    }
    struct stat st;
    if (stat(path, &st)) {
        if (errno != ENOENT) return open_failed(f, path, errno, why);
        if (!lstat(path, &st)) {
            outfile_reset(f);
            return explain(why, JITC_E_IO, "%s: cannot write: a symbolic link to a file that does not exist",
                           path);
        }
        return open_beside(f, path, path, -1, why);
    }
    if (S_ISDIR(st.st_mode)) return open_failed(f, path, EISDIR, why);
    if (!S_ISREG(st.st_mode)) {
        f->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return f->fd >= 0 ? JITC_OK : open_failed(f, path, errno, why);
    }
    /* rename() would not mind a write-protected file, and would replace a link instead of what it names. */
    if (access(path, W_OK)) return open_failed(f, path, errno, why);
    char *target = realpath(path, NULL);
    if (!target) return open_failed(f, path, errno, why);
    jitc_status status = open_beside(f, path, target, (int)(st.st_mode & 0777), why);
    free(target);
    return status;
}

void outfile_write(OutFile *f, const void *data, size_t size)
{
    const char *p = data;
    while (size && !f->error) {
        ssize_t n = write(f->fd, p, size);
        if (n <= 0) {
            if (n == 0 || errno != EINTR) f->error = n ? errno : EIO;
            continue;
        }
        p += n;
        size -= (size_t)n;
    }
}

jitc_status outfile_close(OutFile *f, char **why)
{
    bool direct = f->dir < 0;
    if (!f->error && !direct && fsync(f->fd)) f->error = errno;
    if (close(f->fd) && !f->error && errno != EINTR) f->error = errno;
    f->fd = -1;
    if (!f->error && !direct && renameat(f->dir, f->temp, f->dir, f->name)) f->error = errno;
    jitc_status status = JITC_OK;
    if (f->error) {
        status = explain(why, JITC_E_IO, "%s: cannot write: %s", f->path, strerror(f->error));
        outfile_abort(f);
    }
    outfile_reset(f);
    return status;
}

void outfile_abort(OutFile *f)
{
    if (f->dir >= 0) unlinkat(f->dir, f->temp, 0);
    outfile_reset(f);
}
