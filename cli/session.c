/* Compiled models, ready to run. */
#include <unistd.h>

#include "cli/cli.h"
#include "runtime/jitc_internal.h"
#include "runtime/tuning.h"

static void close_session(void *session)
{
    Session *s = session;
    jitc_exec_free(s->exec);
    jitc_program_free(s->program);
}

_Noreturn void give_up(Job *job, jitc_status status, const char *lines)
{
    job_error_lines(job, lines);
    job_fail(job, status);
}

static const char warning[] = "warning: ";

void log_warning(void *arg, const char *line)
{
    (void)arg;
    if (strncmp(line, warning, strlen(warning)) == 0) say_lines("warning", line + strlen(warning));
}

/* The program keeps it: it may compile again in any run. */
static void log_line(void *arg, const char *line)
{
    if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr); /* over the progress line */
    if (strncmp(line, warning, strlen(warning)) == 0)
        log_warning(arg, line);
    else
        say_lines("info", line);
}

const Tuning *tuning_of(Options *o)
{
    const char *why;
    Tuning *t = tuning_load(o->job, o->tuning, &why);
    if (why) say_lines("warning", why);
    if (!t) return NULL;
    t->machine = tuning_machine(o->job, o->cpu);
    t->threads = o->threads;
    return t;
}

static void load_program(Options *o, const Model *m, const Binding *b, Session *s)
{
    jitc_options options;
    binding_options(o, b, &options);
    options.log = o->verbose ? log_line : log_warning;
    jitc_error *error = NULL;
    jitc_status status = program_load_passes(m->path, o->passes, &options, &s->program, &error);
    if (status != JITC_OK) {
        const char *text = error ? jitc_error_text(error) : "";
        text = job_strndup(o->job, text, strlen(text));
        jitc_error_free(error);
        /* The CPU was named by the user. */
        give_up(o->job, status == JITC_E_CPU && o->cpu ? JITC_E_USAGE : status, text);
    }
}

static void compile_inputs(Options *o, const Binding *b, Session *s)
{
    jitc_status status = jitc_exec_new(s->program, &s->exec);
    if (status != JITC_OK) job_fail(o->job, status);
    for (uint32_t i = 0; i < b->in.n; i++) {
        status = jitc_exec_bind(s->exec, b->in.at[i].name, &b->in.at[i].value);
        if (status == JITC_E_USAGE) status = JITC_E_INVALID; /* the files' tensors do not fit */
        if (status != JITC_OK) give_up(o->job, status, jitc_exec_error(s->exec));
    }
    status = jitc_exec_prepare(s->exec);
    if (status != JITC_OK) give_up(o->job, status, jitc_exec_error(s->exec));
}

static void stop_progress(void *p)
{
    progress_stop(*(Progress **)p);
    *(Progress **)p = NULL;
}

static Session *open_session(Options *o, const Model *m, const Binding *b, bool whole)
{
    Session *s = job_new(o->job, Session);
    job_on_exit(o->job, close_session, s);
    Progress **progress = job_new(o->job, Progress *);
    job_on_exit(o->job, stop_progress, progress);
    *progress = progress_start(o, "compiling");
    int64_t start = now_ns();
    load_program(o, m, b, s);
    if (whole) compile_inputs(o, b, s);
    s->load_ms = (double)(now_ns() - start) / 1e6;
    stop_progress(progress);
    return s;
}

Session *session_load(Options *o, const Model *m, const Binding *b)
{
    return open_session(o, m, b, false);
}

Session *session_open(Options *o, const Model *m, const Binding *b)
{
    return open_session(o, m, b, true);
}

void session_info(const Session *s, SessionInfo *out)
{
    ExecStats stats = {0};
    exec_stats(s->exec, &stats);
    *out = (SessionInfo){.arena_bytes = stats.arena_bytes + stats.scratch_bytes,
                         .weights_bytes = stats.weights_bytes,
                         .code_bytes = stats.code_bytes,
                         .macs = stats.macs,
                         .cache = !stats.cached ? "off"
                                  : stats.found ? "hit"
                                                : "miss"};
    for (int i = 0; i < PHASES && out->nphases < COUNT(out->phases); i++) {
        out->phases[out->nphases].name = phase_name((Phase)i);
        out->phases[out->nphases++].ms = (double)stats.phase_ns[i] / 1e6;
    }
}

double session_run(Options *o, Session *s)
{
    int64_t start = now_ns();
    jitc_status status = jitc_exec_run(s->exec);
    double ms = (double)(now_ns() - start) / 1e6;
    if (status != JITC_OK) give_up(o->job, status, jitc_exec_error(s->exec));
    return ms;
}
