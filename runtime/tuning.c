#include "runtime/tuning.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "runtime/file.h"
#include "runtime/folder.h"
#include "runtime/host_cpu.h"

enum { MOST_BYTES = 16 << 20 };
static const char file_name[] = "choices.txt";

/* -- The machine --------------------------------------------------------------------------------- */
static long cache_kib(int name)
{
    long n = sysconf(name);
    return n > 0 ? n >> 10 : 0;
}

const char *tuning_machine(Job *job, const char *cpu)
{
    char *s = job_printf(job, "%s caches %ld+%ld+%ld for %s", cpu_model(job),
                         cache_kib(_SC_LEVEL1_DCACHE_SIZE), cache_kib(_SC_LEVEL2_CACHE_SIZE),
                         cache_kib(_SC_LEVEL3_CACHE_SIZE), cpu && *cpu ? cpu : "native");
    for (char *p = s; *p; p++)
        if (*p < ' ' || *p > '~' || *p == '|') *p = '_';
    return s;
}

/* -- The user's cache: jitc/tune, private to the user -------------------------------------------- */
static const char folder_name[] = "tune";

static bool read_private(Job *job, const Folder *f, Tuning *t, const char **why)
{
    int fd = folder_open(job, f, file_name, why);
    if (fd < 0) return false;
    void *data = NULL;
    size_t size = 0;
    char *text = NULL;
    jitc_status status =
        file_read_fd(fd, job_printf(job, "%s/%s", f->path, file_name), MOST_BYTES, &data, &size, &text);
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
        Folder f = folder_user(job, folder_name, false);
        const char *why = f.why;
        if (f.fd >= 0) {
            read_private(job, &f, t, &why);
            folder_close(&f);
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

static const char *write_private(Job *job, const Folder *f, const Str *s)
{
    FolderTemp t;
    folder_sweep(f);
    bool fine = folder_create(f, &t) && folder_write(&t, s->at, s->n);
    if (fine && folder_publish(f, &t, file_name, true, NULL)) return NULL;
    const char *why = job_printf(job, "%s/%s: %s", f->path, file_name, strerror(errno));
    folder_drop(f, &t);
    return why;
}

static const char *save_private(Job *job, const Tuning *t, const char **to)
{
    Folder f = folder_user(job, folder_name, true);
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
    folder_close(&f);
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
