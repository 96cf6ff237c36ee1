#include "runtime/tuning.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "runtime/file.h"

enum { MOST_BYTES = 16 << 20 };
static const char file_name[] = "choices.txt";

/* -- The machine --------------------------------------------------------------------------------- */
#if defined(__x86_64__)
static const char *processor(Job *job)
{
    unsigned a = 0, b = 0, c = 0, d = 0, top;
    char vendor[13] = "";
    __get_cpuid(0, &top, &b, &c, &d);
    memcpy(vendor, &b, 4);
    memcpy(vendor + 4, &d, 4);
    memcpy(vendor + 8, &c, 4);
    for (char *p = vendor; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '|') *p = '_';
    __get_cpuid(1, &a, &b, &c, &d);
    unsigned family = (a >> 8 & 15) + ((a >> 8 & 15) == 15 ? a >> 20 & 255 : 0);
    unsigned model = (a >> 4 & 15) | (a >> 12 & 0xf0);
    const char *vectors = __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") ? "avx512"
                          : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")        ? "avx2"
                                                                                                   : "sse";
    return job_printf(job, "%s-%u-%u %s", vendor, family, model, vectors);
}
#else
static const char *processor(Job *job)
{
    struct utsname u;
    return uname(&u) ? "unknown" : job_printf(job, "%s", u.machine);
}
#endif

static long cache_kib(int name)
{
    long n = sysconf(name);
    return n > 0 ? n >> 10 : 0;
}

const char *tuning_machine(Job *job, const char *cpu)
{
    char *s = job_printf(job, "%s caches %ld+%ld+%ld for %s", processor(job),
                         cache_kib(_SC_LEVEL1_DCACHE_SIZE), cache_kib(_SC_LEVEL2_CACHE_SIZE),
                         cache_kib(_SC_LEVEL3_CACHE_SIZE), cpu && *cpu ? cpu : "native");
    for (char *p = s; *p; p++)
        if (*p < ' ' || *p > '~' || *p == '|') *p = '_';
    return s;
}

/* -- The user's cache: jitc/tune, private to the user
 * ------------------------------------------------------------ */
static const char *cache_base(Job *job)
{
    const char *dir = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
    if (dir && *dir == '/') return job_strndup(job, dir, strlen(dir));
    return home && *home == '/' ? job_printf(job, "%s/.cache", home) : NULL;
}

typedef struct {
    int fd; /* -1: there is none */
    const char *path, *why;
} Folder;

/* Nobody else may write there, nor lead us elsewhere. */
static Folder enter(Job *job, Folder in, const char *name, bool make)
{
    Folder out = {.fd = -1, .path = job_printf(job, "%s/%s", in.path, name), .why = in.why};
    if (in.fd < 0) return out;
    if (make && mkdirat(in.fd, name, 0700) && errno != EEXIST)
        out.why = job_printf(job, "%s: %s", out.path, strerror(errno));
    struct stat st;
    if (!out.why) {
        out.fd = openat(in.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (out.fd < 0 && (make || errno != ENOENT))
            out.why = job_printf(job, "%s: %s", out.path, strerror(errno));
    }
    close(in.fd);
    if (out.fd >= 0 && (fstat(out.fd, &st) || st.st_uid != geteuid() || st.st_mode & 077)) {
        out.why = job_printf(job, "%s is not private to this user (owner, mode 700)", out.path);
        close(out.fd);
        out.fd = -1;
    }
    return out;
}

static Folder open_folder(Job *job, bool make)
{
    Folder f = {.fd = -1, .path = cache_base(job)};
    if (!f.path) {
        if (make) f.why = "neither XDG_CACHE_HOME nor HOME names a folder";
        return f;
    }
    if (make) mkdir(f.path, 0700); /* with its parents there; else the next says what is wrong */
    f.fd = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f.fd < 0) {
        if (make || errno != ENOENT) f.why = job_printf(job, "%s: %s", f.path, strerror(errno));
        return f;
    }
    return enter(job, enter(job, f, "jitc", make), "tune", make);
}

static bool read_private(Job *job, const Folder *f, Tuning *t, const char **why)
{
    int fd = openat(f->fd, file_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    const char *path = job_printf(job, "%s/%s", f->path, file_name);
    if (fd < 0) {
        if (errno != ENOENT) *why = job_printf(job, "%s: %s", path, strerror(errno));
        return false;
    }
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 022) {
        *why = job_printf(job, "%s is not this user's alone to write", path);
        close(fd);
        return false;
    }
    void *data = NULL;
    size_t size = 0;
    char *text = NULL;
    jitc_status status = file_read_fd(fd, path, MOST_BYTES, &data, &size, &text);
    close(fd);
    if (status) *why = job_printf(job, "%s", text ? text : "out of memory");
    free(text);
    job_on_exit(job, free, data);
    if (!status) tuning_parse(t, data, size);
    return !status;
}

/* -- Reading --------------------------------------------------------------------------------------- */
static void read_named(Job *job, const char *path, Tuning *t)
{
    void *data = NULL;
    size_t size = 0;
    char *why = NULL;
    jitc_status status = file_read(path, MOST_BYTES, &data, &size, &why);
    job_on_exit(job, free, data);
    if (status) {
        job_error(job, "the tuning: %s", why ? why : "out of memory");
        free(why);
        job_fail(job, status);
    }
    tuning_parse(t, data, size);
}

Tuning *tuning_load(Job *job, const char *path, const char **warning)
{
    *warning = NULL;
    if (path && !*path) return NULL;
    Tuning *t = tuning_new(job);
    if (path) {
        read_named(job, path, t);
    } else {
        Folder f = open_folder(job, false);
        const char *why = f.why;
        if (f.fd >= 0) {
            read_private(job, &f, t, &why);
            close(f.fd);
            path = job_printf(job, "%s/%s", f.path, file_name);
        }
        if (why) *warning = job_printf(job, "no choices that were tuned are used: %s", why);
    }
    if (t->damaged)
        *warning = job_printf(job, "%s: %u damaged line%s left out", path, t->damaged,
                              t->damaged == 1 ? " is" : "s are");
    return t->lines.n ? t : NULL;
}

/* -- Writing --------------------------------------------------------------------------------------- */
static void join(Tuning *all, const Tuning *t)
{
    for (uint32_t i = 0; i < t->lines.n; i++) tuning_put(all, &t->lines.at[i]);
}

static bool write_all(int fd, const char *at, size_t n)
{
    while (n) {
        ssize_t k = write(fd, at, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return false;
        at += k;
        n -= (size_t)k;
    }
    return true;
}

static const char *write_private(Job *job, const Folder *f, const Str *s)
{
    const char *temp = job_printf(job, ".%s.%ld", file_name, (long)getpid());
    unlinkat(f->fd, temp, 0); /* of a process that had this number and was killed */
    int fd = openat(f->fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool fine = fd >= 0 && write_all(fd, s->at, s->n) && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0 && close(fd) && fine) fine = false, error = errno;
    if (fine && renameat(f->fd, temp, f->fd, file_name)) fine = false, error = errno;
    if (fine) return NULL;
    if (fd >= 0) unlinkat(f->fd, temp, 0);
    return job_printf(job, "%s/%s: %s", f->path, file_name, strerror(error));
}

static const char *save_private(Job *job, const Tuning *t, const char **to)
{
    Folder f = open_folder(job, true);
    *to = job_printf(job, "%s/%s", f.path ? f.path : "", file_name);
    if (f.fd < 0) return f.why;
    while (flock(f.fd, LOCK_EX) && errno == EINTR) {}
    Tuning *all = tuning_new(job);
    const char *why = NULL;
    read_private(job, &f, all, &why); /* what cannot be read is made anew */
    join(all, t);
    Str s = {0};
    tuning_print(all, &s);
    why = s.oom ? "out of memory" : write_private(job, &f, &s);
    str_free(&s);
    close(f.fd);
    return why;
}

const char *tuning_save(Job *job, const Tuning *t, const char *path, const char **to)
{
    if (!path) return save_private(job, t, to);
    *to = path;
    Tuning *all = tuning_new(job);
    if (access(path, F_OK) == 0) read_named(job, path, all);
    join(all, t);
    OutFile f;
    char *text = NULL;
    Str s = {0};
    tuning_print(all, &s);
    jitc_status status = s.oom ? JITC_E_NOMEM : outfile_open(&f, path, &text);
    if (!status) {
        outfile_write(&f, s.at, s.n);
        status = outfile_close(&f, &text);
    }
    str_free(&s);
    const char *why = !status ? NULL : job_printf(job, "%s", text ? text : "out of memory");
    free(text);
    return why;
}
