#include "runtime/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { OLD_SECONDS = 3600 }; /* no file takes as long to write */

static const char temp_prefix[] = ".tmp-";

static const char *cache_base(Job *job)
{
    const char *dir = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
    if (dir && *dir == '/') return job_strndup(job, dir, strlen(dir));
    return home && *home == '/' ? job_printf(job, "%s/.cache", home) : NULL;
}

/* Within folder `at`, or AT_FDCWD. */
static void enter(Job *job, Folder *f, int at, const char *name, bool make)
{
    if (make && mkdirat(at, name, 0700) && errno != EEXIST)
        f->why = job_printf(job, "%s: %s", f->path, strerror(errno));
    if (f->why) return;
    struct stat st;
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        if (make || errno != ENOENT) f->why = job_printf(job, "%s: %s", f->path, strerror(errno));
    } else if (fstat(fd, &st) || st.st_uid != geteuid() || st.st_mode & 077) {
        f->why = job_printf(job, "%s is not private to this user (owner, mode 700)", f->path);
        close(fd);
    } else {
        f->fd = fd;
    }
}

Folder folder_named(Job *job, const char *path, bool make)
{
    Folder f = {.fd = -1, .path = path};
    enter(job, &f, AT_FDCWD, path, make);
    return f;
}

Folder folder_user(Job *job, const char *name, bool make)
{
    const char *base = cache_base(job);
    Folder f = {.fd = -1, .path = base};
    if (!base) {
        if (make) f.why = "neither XDG_CACHE_HOME nor HOME names a folder";
        return f;
    }
    if (make) mkdir(f.path, 0700); /* with its parents there; else the next says what is wrong */
    int at = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0) {
        if (make || errno != ENOENT) f.why = job_printf(job, "%s: %s", f.path, strerror(errno));
        return f;
    }
    const char *part[] = {"jitc", name};
    for (int i = 0; i < 2 && at >= 0; i++) {
        f = (Folder){.fd = -1, .path = job_printf(job, "%s/%s", f.path, part[i])};
        enter(job, &f, at, part[i], make);
        close(at);
        at = f.fd;
    }
    f.path = job_printf(job, "%s/jitc/%s", base, name);
    return f;
}

void folder_close(Folder *f)
{
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
}

int folder_open(Job *job, const Folder *f, const char *name, const char **why)
{
    *why = NULL;
    int fd = openat(f->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0) {
        if (errno != ENOENT) *why = job_printf(job, "%s/%s: %s", f->path, name, strerror(errno));
        return -1;
    }
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 022) {
        *why = job_printf(job, "%s/%s is not this user's alone to write", f->path, name);
        close(fd);
        return -1;
    }
    return fd;
}

bool folder_create(const Folder *f, FolderTemp *t)
{
    static atomic_uint serial;
    t->fd = -1;
    for (int attempt = 0; attempt < 100 && t->fd < 0; attempt++) {
        snprintf(t->name, sizeof t->name, "%s%ld-%x%06x", temp_prefix, (long)getpid(),
                 atomic_fetch_add(&serial, 1), (unsigned)now_ns() & 0xffffff);
        t->fd = openat(f->fd, t->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (t->fd < 0 && errno != EEXIST) return false;
    }
    return t->fd >= 0;
}

bool folder_write(FolderTemp *t, const void *data, size_t n)
{
    const char *at = data;
    while (n) {
        ssize_t k = write(t->fd, at, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return false;
        at += k;
        n -= (size_t)k;
    }
    return true;
}

void folder_drop(const Folder *f, FolderTemp *t)
{
    int error = errno;
    if (t->fd >= 0) {
        close(t->fd);
        unlinkat(f->fd, t->name, 0);
    }
    t->fd = -1;
    errno = error;
}

bool folder_publish(const Folder *f, FolderTemp *t, const char *name, bool sync, struct stat *st)
{
    bool fine = (!sync || fsync(t->fd) == 0) && renameat(f->fd, t->name, f->fd, name) == 0;
    if (fine && st) fine = fstat(t->fd, st) == 0;
    if (!fine) {
        folder_drop(f, t);
        return false;
    }
    close(t->fd);
    t->fd = -1;
    return true;
}

static bool is_temp(const char *name)
{
    return strncmp(name, temp_prefix, sizeof temp_prefix - 1) == 0;
}

void folder_sweep(const Folder *f)
{
    int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0) close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(dir));) {
        struct stat st;
        if (!is_temp(e->d_name) || fstatat(f->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW)) continue;
        if (time(NULL) - st.st_mtime > OLD_SECONDS) unlinkat(f->fd, e->d_name, 0);
    }
    closedir(dir);
}
