/* jitc bench: compiles a model and times it. */
#include <stdlib.h>

#include "cli/cli.h"
#include "runtime/threads.h"

typedef struct {
    const char *model, *cpu;
    int threads;
    double load_ms, first_ms, seconds, median, p90, p99, macs, peak;
    int64_t rss_kib;
    bool macs_known;
    Samples samples;
    SessionInfo info;
} Report;

enum { LEAST_RUNS = 5 };

/* The process's own peak; getrusage() would count what its parent had before exec. */
static int64_t peak_rss_kib(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    long long kib = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %lld", &kib) == 1) break;
    if (f) fclose(f);
    return kib;
}

static void measure(Options *o, Session *s, Report *r)
{
    samples_clear(o->job, &r->samples);
    int64_t limit = (int64_t)(o->secs * 1e9), warm = min_i64(limit / 10, 300000000);
    Progress *progress = progress_start(o, "measuring");
    for (int64_t start = now_ns(); now_ns() - start < warm;) session_run(o, s);
    int64_t start = now_ns();
    while (now_ns() - start < limit || r->samples.runs < LEAST_RUNS)
        samples_add(&r->samples, session_run(o, s));
    r->seconds = (double)(now_ns() - start) / 1e9;
    progress_stop(progress);
}

static void put_json_report(Str *s, const Report *r)
{
    str_put(s, "{\n  \"model\": ");
    put_json(s, r->model);
    str_printf(s, ",\n  \"threads\": %d,\n  \"cpu\": ", r->threads);
    put_json(s, r->cpu);
    const struct {
        const char *name;
        double value;
    } fields[] = {{"load_ms", r->load_ms},
                  {"first_ms", r->first_ms},
                  {"min_ms", r->samples.min},
                  {"median_ms", r->median},
                  {"p90_ms", r->p90},
                  {"p99_ms", r->p99},
                  {"runs", (double)r->samples.runs},
                  {"peak_rss_kib", (double)r->rss_kib},
                  {"arena_bytes", (double)r->info.arena_bytes},
                  {"weights_bytes", (double)r->info.weights_bytes},
                  {"code_bytes", (double)r->info.code_bytes},
                  {"macs", r->macs}};
    for (size_t i = 0; i < COUNT(fields); i++) {
        str_printf(s, ",\n  \"%s\": ", fields[i].name);
        if (i < 6)
            put_json_number(s, fields[i].value);
        else
            str_printf(s, "%.0f", fields[i].value);
    }
    str_put(s, ",\n  \"cache\": ");
    put_json(s, r->info.cache);
    str_put(s, ",\n  \"phases\": {");
    for (size_t i = 0; i < r->info.nphases; i++) {
        str_put(s, i ? ", " : "");
        put_json(s, r->info.phases[i].name);
        str_put(s, ": ");
        put_json_number(s, r->info.phases[i].ms);
    }
    str_put(s, "}\n}\n");
}

/* In MiB, as the total before it; what would be nothing there in KiB. */
static void put_part(Str *s, const char *name, int64_t bytes)
{
    double mib = (double)bytes / 1048576;
    str_printf(s, "%s ", name);
    if (bytes > 0 && mib < 0.095)
        str_printf(s, "%.0f KiB", (double)bytes / 1024);
    else
        str_printf(s, mib < 99.95 ? "%.1f" : "%.0f", mib);
}

static void put_text(Str *s, const Report *r)
{
    str_escape(s, r->cpu, strlen(r->cpu));
    str_printf(s, " (%s), %d of %d core%s · load ", cpu_vectors(), r->threads, threads_available(),
               threads_available() == 1 ? "" : "s");
    put_ms(s, r->load_ms);
    for (size_t i = 0; i < r->info.nphases; i++) {
        str_printf(s, "%s%s ", i ? ", " : " (", r->info.phases[i].name);
        put_sig(s, r->info.phases[i].ms);
    }
    if (r->info.nphases) str_printf(s, "; cache %s)", r->info.cache);

    bool micro = r->median < 0.1;
    double scale = micro ? 1000 : 1;
    str_put(s, "\nlatency   median ");
    put_sig(s, r->median * scale);
    str_put(s, micro ? " µs   min " : " ms   min ");
    put_sig(s, r->samples.min * scale);
    str_put(s, "   p90 ");
    put_sig(s, r->p90 * scale);
    str_put(s, "   p99 ");
    put_sig(s, r->p99 * scale);
    str_printf(s, "   (%lld runs in ", (long long)r->samples.runs);
    put_sig(s, r->seconds);
    str_put(s, " s)\nwork      ");
    if (r->macs_known && r->macs > 0) {
        double rate = 2e-6 * r->macs / r->median; /* GFLOP/s */
        put_si(s, 2 * r->macs, "FLOP, ");
        put_sig(s, rate);
        str_printf(s, " GFLOP/s, %.0f%% of FMA peak (", 100 * rate / r->peak);
        put_sig(s, r->peak);
        str_put(s, ")");
    } else {
        str_put(s, r->macs_known ? "no multiply-adds" : "depends on shapes");
    }
    str_put(s, "   memory ");
    str_printf(s, "%lld MiB (", (long long)(r->rss_kib + 512) / 1024);
    put_part(s, "weights", r->info.weights_bytes);
    put_part(s, ", arena", r->info.arena_bytes);
    put_part(s, ", code", r->info.code_bytes);
    str_put(s, ")\n");
}

ExitStatus command_bench(Options *o)
{
    static Report r;
    Model *m = model_named(o->job, o->files.at[0]);
    Binding *b = bind_options(o, m);
    bind_generated(o, b);
    Session *s = session_open(o, m, b);
    r.model = m->path;
    r.threads = o->threads;
    r.load_ms = s->load_ms;
    r.first_ms = session_run(o, s);
    measure(o, s, &r);
    r.rss_kib = peak_rss_kib();
    session_info(s, &r.info);
    samples_sort(&r.samples);
    r.median = samples_quantile(&r.samples, 0.5);
    r.p90 = samples_quantile(&r.samples, 0.9);
    r.p99 = samples_quantile(&r.samples, 0.99);

    ModelStats stats;
    Str why = {0};
    bool read = m->graph || strcmp(r.info.cache, "hit") != 0;
    r.macs_known = read ? try_stats(o, m, &b->import, NULL, &stats, &why) && !stats.open : r.info.macs > 0;
    if (r.macs_known) r.macs = read ? stats.macs : (double)r.info.macs;
    str_free(&why);
    char llvm[64] = "", cpu[64] = "", *no_host = NULL;
    bool native = !o->cpu || strcmp(o->cpu, "native") == 0;
    bool described = native && host_describe(llvm, sizeof llvm, cpu, sizeof cpu, &no_host);
    r.cpu = !native ? o->cpu : described ? job_printf(o->job, "%s", cpu) : "unknown";
    free(no_host);

    Str text = {0};
    bool to_stdout = o->json && strcmp(o->json, "-") == 0;
    if (!to_stdout && !o->quiet) {
        r.peak = fma_peak_gflops(o->cpu, o->threads);
        put_text(&text, &r);
        put_stdout(o->job, &text);
    }
    if (o->json) {
        put_json_report(&text, &r);
        put_file(o->job, o->json, &text);
    }
    return EXIT_DONE;
}
