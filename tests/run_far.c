#include "tests/run_far.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/objfile.h"
#include "tests/wire.h"

/* The driver, started with the first question and anew when it has died. */
static struct {
    pid_t pid;
    FILE *to, *from;
    char folder[64];
} driver;

bool far_from_environment(Far *f)
{
    *f = (Far){getenv("FAR_TARGET"), getenv("FAR_CC"), getenv("FAR_DRIVER"), getenv("FAR_NO_RTZ") != NULL};
    return f->target && *f->target;
}

/* Looks for vf(w|n)cvt.rtz.x(u).f.(v|w) among all halfwords, which finds each, and rarely more. */
bool far_can_run(const Far *f, const void *object, size_t size)
{
    const uint8_t *p = object;
    for (size_t i = 0; f->no_rtz && i + 4 <= size; i += 2) {
        uint32_t word = p[i] | (uint32_t)p[i + 1] << 8 | (uint32_t)p[i + 2] << 16 | (uint32_t)p[i + 3] << 24;
        uint32_t kind = word >> 15 & 31;
        if ((word & 0xfc00707f) == 0x48001057 && (kind & 6) == 6 && kind < 24) return false;
    }
    return true;
}

static void leave(void)
{
    char path[128];
    if (!driver.folder[0]) return;
    for (const char *const *name = (const char *const[]){"m.o", "m.so", NULL}; *name; name++) {
        snprintf(path, sizeof path, "%s/%s", driver.folder, *name);
        unlink(path);
    }
    rmdir(driver.folder);
}

static bool make_folder(Str *why)
{
    if (driver.folder[0]) return true;
    snprintf(driver.folder, sizeof driver.folder, "/tmp/jitc-far-XXXXXX");
    if (!mkdtemp(driver.folder)) {
        str_printf(why, "%s: %s", driver.folder, strerror(errno));
        driver.folder[0] = 0;
        return false;
    }
    atexit(leave);
    return true;
}

static bool start(const char *command, Str *why)
{
    int to[2], from[2];
    if (driver.pid) return true;
    if (pipe(to) || pipe(from)) {
        str_printf(why, "pipe: %s", strerror(errno));
        return false;
    }
    signal(SIGPIPE, SIG_IGN);
    fflush(NULL);
    driver.pid = fork();
    if (driver.pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        for (int i = 0; i < 2; i++) close(to[i]), close(from[i]);
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    close(to[0]), close(from[1]);
    driver.to = fdopen(to[1], "wb");
    driver.from = fdopen(from[0], "rb");
    return driver.pid > 0 && driver.to && driver.from;
}

static bool died(Str *why)
{
    int status = 0;
    fclose(driver.to), fclose(driver.from);
    waitpid(driver.pid, &status, 0);
    driver.pid = 0;
    /* The shell tells of a signal by a number above 128. */
    int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    str_printf(why, code > 128 ? "the driver was ended by signal %d" : "the driver ended with %d",
               code > 128 ? code - 128 : code);
    return false;
}

static bool link_object(const Far *f, const void *object, size_t size, Str *why)
{
    char path[128], command[512];
    snprintf(path, sizeof path, "%s/m.o", driver.folder);
    FILE *file = fopen(path, "wb");
    bool written = file && fwrite(object, 1, size, file) == size;
    if (file && fclose(file)) written = false;
    snprintf(command, sizeof command, "%s -shared -o %s/m.so %s/m.o -lm", f->cc, driver.folder,
             driver.folder);
    if (written && system(command) == 0) return true;
    str_put(why, written ? "it cannot be linked" : "the object cannot be written");
    return false;
}

static void give(const jitc_tensor *t)
{
    int64_t bytes = (int64_t)jitc_dtype_size(t->dtype);
    for (int32_t i = 0; i < t->rank; i++) bytes *= t->shape[i];
    wire_give(driver.to, t, (size_t)bytes);
}

static bool take(void *to, size_t n)
{
    return wire_take(driver.from, to, n);
}

bool far_run(const Far *f, const void *object, size_t size, bool shares, const jitc_tensor *const *in,
             size_t nin, jitc_tensor *out, size_t nout, Str *why)
{
    int32_t head[] = {shares, (int32_t)nin};
    if (!make_folder(why) || !link_object(f, object, size, why) || !start(f->driver, why)) return false;
    fprintf(driver.to, "%s/m.so\n", driver.folder);
    fwrite(head, sizeof head, 1, driver.to);
    for (size_t i = 0; i < nin; i++) give(in[i]);
    if (fflush(driver.to) || !take(head, sizeof head)) return died(why);
    char text[512];
    if (head[1] < 0 || head[1] >= (int32_t)sizeof text || !take(text, (size_t)head[1])) return died(why);
    str_putn(why, text, (size_t)head[1]);
    if (head[0] < 0) return false;
    if ((size_t)head[0] != nout) {
        str_printf(why, "%d outputs instead of %zu", (int)head[0], nout);
        return died(why);
    }
    for (size_t i = 0; i < nout; i++)
        if (!wire_take_tensor(driver.from, &out[i])) return died(why);
    return true;
}

bool far_read(const void *object, size_t size, Str *why)
{
    Job job;
    ObjFile f;
    job_init(&job, 0);
    if (JOB_ENTER(&job) == JITC_OK) {
        const char *wrong = objfile_read(&job, object, size, &f),
                   *foreign = wrong ? NULL : objfile_foreign(&f);
        if (wrong) str_put(why, wrong);
        if (foreign) str_printf(why, "the object needs '%s'", foreign);
        if (!wrong && f.writable_bytes > 4)
            str_printf(why, "%lld bytes of data are written", (long long)f.writable_bytes);
    } else {
        str_put(why, "out of memory");
    }
    job_free(&job);
    return why->n == 0;
}
