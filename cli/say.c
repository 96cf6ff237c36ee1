/* Messages, and text that leaves the program. */
#include <errno.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "runtime/file.h"

void say_lines(const char *kind, const char *lines)
{
    Str s = {0};
    for (const char *p = lines, *end; *p; p = *end ? end + 1 : end) {
        end = p + strcspn(p, "\n");
        str_printf(&s, "jitc: %s: ", kind);
        str_escape(&s, p, (size_t)(end - p));
        str_put(&s, "\n");
    }
    fflush(stdout); /* what was said before stays before it */
    fwrite(str_text(&s), 1, s.n, stderr);
    str_free(&s);
}

static void say(const char *kind, const char *fmt, va_list ap)
{
    Str raw = {0}, text = {0};
    str_vprintf(&raw, fmt, ap);
    str_escape(&text, str_text(&raw), raw.n);
    say_lines(kind, str_text(&text));
    str_free(&raw);
    str_free(&text);
}

void say_error(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say("error", fmt, ap);
    va_end(ap);
}

void say_note(const Options *o, const char *fmt, ...)
{
    if (o->quiet) return;
    va_list ap;
    va_start(ap, fmt);
    say("note", fmt, ap);
    va_end(ap);
}

_Noreturn void usage_error(Job *job, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    job_verror(job, fmt, ap);
    va_end(ap);
    job_fail(job, JITC_E_USAGE);
}

static void check_memory(Job *job, Str *s)
{
    if (!s->oom) return;
    str_free(s);
    job_fail(job, JITC_E_NOMEM);
}

void put_stdout(Job *job, Str *s)
{
    check_memory(job, s);
    errno = 0;
    bool ok = fwrite(str_text(s), 1, s->n, stdout) == s->n && fflush(stdout) == 0;
    int error = errno ? errno : EIO;
    str_free(s);
    if (ok) return;
    job_error(job, "standard output: cannot write: %s", strerror(error));
    job_fail(job, JITC_E_IO);
}

void put_file(Job *job, const char *path, Str *s)
{
    if (strcmp(path, "-") == 0) {
        put_stdout(job, s);
        return;
    }
    check_memory(job, s);
    OutFile f;
    char *why = NULL;
    jitc_status status = outfile_open(&f, path, &why);
    if (status == JITC_OK) {
        outfile_write(&f, str_text(s), s->n);
        status = outfile_close(&f, &why);
    }
    str_free(s);
    if (status == JITC_OK) return;
    job_on_exit(job, free, why);
    if (why) job_error(job, "%s", why);
    job_fail(job, status);
}

ExitStatus exit_status(jitc_status s)
{
    switch (s) {
    case JITC_OK: return EXIT_DONE;
    case JITC_E_USAGE: return EXIT_USAGE;
    case JITC_E_INTERNAL: return EXIT_DEFECT;
    default: return EXIT_UNUSABLE;
    }
}
