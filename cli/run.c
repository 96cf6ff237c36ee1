/* jitc run: compiles a model and runs it. */
#include "cli/cli.h"

/* "resnet50.pb: 53 convolutions, 25.6 M weights, 3.86 GMAC; "; of a model that was not read, the work alone.
 */
static void put_headline(Options *o, const Model *m, const Binding *b, const SessionInfo *info, Str *s)
{
    ModelStats stats;
    Str why = {0};
    str_escape(s, base_name(m->path), strlen(base_name(m->path)));
    str_put(s, ": ");
    if (!m->graph && strcmp(info->cache, "hit") == 0) {
        if (info->macs) put_si(s, (double)info->macs, "MAC");
        if (info->macs) str_put(s, "; ");
    } else if (try_stats(o, m, &b->import, NULL, &stats, &why)) {
        put_stats(s, &stats);
        str_put(s, "; ");
    }
    str_free(&why);
}

/* What was asked for, in that order, or all outputs. */
static void collect(Options *o, const Session *s, const Binding *b, Results *out)
{
    Job *job = o->job;
    if (b->out.n) {
        for (uint32_t i = 0; i < b->out.n; i++) {
            const Wanted *w = &b->out.at[i];
            Result r = {.name = w->name, .file = w->file};
            if (jitc_exec_output(s->exec, w->index, &r.value) != JITC_OK)
                job_bug(job, "%s", jitc_exec_error(s->exec));
            vec_push(job, out, r);
        }
    } else {
        for (size_t i = 0; i < jitc_program_output_count(s->program); i++) {
            Result r = {.name = jitc_program_output(s->program, i)->name};
            if (jitc_exec_output(s->exec, i, &r.value) != JITC_OK)
                job_bug(job, "%s", jitc_exec_error(s->exec));
            vec_push(job, out, r);
        }
    }
    for (uint32_t i = 0; i < out->n && o->output_dir; i++)
        if (!out->at[i].file) out->at[i].file = output_path(job, o->output_dir, out->at[i].name, out);
}

static bool writes_to_stdout(const Results *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->at[i].file &&
            (strcmp(r->at[i].file, "/dev/stdout") == 0 || strcmp(r->at[i].file, "/dev/fd/1") == 0))
            return true;
    return false;
}

ExitStatus command_run(Options *o)
{
    Model *m = model_named(o->job, o->files.at[0]);
    Binding *b = bind_options(o, m);
    bind_require_all(o, b);
    outputs_check(o->job, b, o->output_dir);
    Session *s = session_open(o, m, b);

    double least = 0, total = 0;
    Progress *progress = progress_start(o, "running");
    for (int64_t i = 0; i < o->repeat; i++) {
        double ms = session_run(o, s);
        total += ms;
        if (i == 0 || ms < least) least = ms;
    }
    progress_stop(progress);

    Results results = {0};
    collect(o, s, b, &results);
    outputs_write(o->job, &results);
    if (writes_to_stdout(&results)) return EXIT_DONE;
    Str text = {0};
    if (!o->quiet) {
        SessionInfo info;
        session_info(s, &info);
        put_headline(o, m, b, &info, &text);
        str_put(&text, strcmp(info.cache, "hit") == 0 ? "from the cache in " : "compiled in ");
        put_ms(&text, s->load_ms);
        str_put(&text, "\n");
    }
    Results shown = {0};
    for (uint32_t i = 0; i < results.n; i++)
        if (!o->quiet || !results.at[i].file) vec_push(o->job, &shown, results.at[i]);
    outputs_show(&text, &shown);
    if (!o->quiet) {
        str_printf(&text, "%lld run%s, ", (long long)o->repeat, o->repeat == 1 ? "" : "s");
        if (o->repeat > 1) {
            str_put(&text, "mean ");
            put_ms(&text, total / (double)o->repeat);
            str_put(&text, ", least ");
        }
        put_ms(&text, least);
        str_printf(&text, " (%d thread%s)\n", o->threads, o->threads == 1 ? "" : "s");
    }
    put_stdout(o->job, &text);
    return EXIT_DONE;
}
