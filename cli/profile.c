/* jitc profile: where the time of a run goes. */
#include <stdlib.h>

#include "cli/profile.h"
#include "runtime/jitc_internal.h"

enum { LEAST_RUNS = 5, MAX_RUNS = 20000, MAX_SAMPLES = 1 << 22, MAX_EVENTS = 1 << 20 };

/* -- Called while the model runs: it must not unwind ------------------------------------------------------
 */
static bool room_for(void **at, size_t *room, size_t n, size_t size)
{
    if (n <= *room) return true;
    size_t more = n < 64 ? 256 : 2 * n;
    void *p = more > MAX_EVENTS ? NULL : realloc(*at, more * size);
    if (!p) return false;
    *at = p;
    *room = more;
    return true;
}

static void keep_event(TimeLine *l, const jitc_call *c)
{
    void *events = l->event, *shares = l->share;
    bool fits = !l->cut && room_for(&events, &l->event_room, l->nevents + 1, sizeof *l->event);
    l->event = events;
    fits = fits && room_for(&shares, &l->share_room, l->nshares + c->nshares, sizeof *l->share);
    l->share = shares;
    l->cut = !fits;
    if (!fits) return;
    l->event[l->nevents++] = (ProfileEvent){c->index, c->start_ns, c->end_ns, l->nshares, c->nshares};
    if (c->nshares) memcpy(l->share + l->nshares, c->shares, c->nshares * sizeof *l->share);
    l->nshares += c->nshares;
}

static void take_call(void *arg, const jitc_call *c)
{
    Profile *p = arg;
    if (c->index >= p->ncalls) return;
    ProfileCall *call = &p->call[c->index];
    if (!call->about.size) call->about = *c;
    call->ns += (double)(c->end_ns - c->start_ns);
    call->flops += c->flops;
    call->done += c->done_flops;
    call->bytes += c->bytes;
    call->rounds++;
    keep_event(p->now, c);
}

/* -- Measuring ------------------------------------------------------------------------------------------- */
static void free_lines(void *profile)
{
    Profile *p = profile;
    free(p->now->event);
    free(p->now->share);
    free(p->fastest->event);
    free(p->fastest->share);
}

static void one_run(Options *o, Session *s, Profile *p)
{
    for (uint32_t i = 0; i < p->ncalls; i++) {
        ProfileCall *c = &p->call[i];
        c->ns = c->flops = c->done = c->bytes = 0;
        c->rounds = 0;
    }
    TimeLine *l = p->now;
    l->nevents = l->nshares = 0;
    l->cut = false;
    l->start = now_ns();
    session_run(o, s);
    l->end = now_ns();
}

static void keep_run(Profile *p)
{
    TimeLine *l = p->now;
    p->run_ms[p->runs] = (float)((double)(l->end - l->start) / 1e6);
    double ns = 0;
    for (uint32_t i = 0; i < p->ncalls; i++) {
        p->call[i].ms[p->runs] = (float)(p->call[i].ns / 1e6);
        ns += p->call[i].ns;
    }
    p->gap_ms[p->runs] = (float)(((double)(l->end - l->start) - ns) / 1e6);
    if (!p->runs++ || l->end - l->start < p->fastest->end - p->fastest->start) {
        p->now = p->fastest;
        p->fastest = l;
    }
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void settle(float *ms, uint32_t n, double *min, double *median)
{
    qsort(ms, n, sizeof *ms, by_value);
    *min = ms[0];
    *median = n % 2 ? ms[n / 2] : ((double)ms[n / 2 - 1] + ms[n / 2]) / 2;
}

static void measure(Options *o, Session *s, Profile *p)
{
    uint32_t most = (uint32_t)max_i64(min_i64(MAX_SAMPLES / (p->ncalls + 1), MAX_RUNS), LEAST_RUNS);
    p->run_ms = job_array(o->job, float, most);
    p->gap_ms = job_array(o->job, float, most);
    for (uint32_t i = 0; i < p->ncalls; i++) p->call[i].ms = job_array(o->job, float, most);
    int64_t limit = (int64_t)(o->secs * 1e9), warm = min_i64(limit / 10, 300000000);
    Progress *progress = progress_start(o, "measuring");
    int64_t start = now_ns();
    do one_run(o, s, p);
    while (now_ns() - start < warm);
    for (start = now_ns(); p->runs < most && (now_ns() - start < limit || p->runs < LEAST_RUNS);) {
        one_run(o, s, p);
        keep_run(p);
    }
    progress_stop(progress);
    double least_gap;
    settle(p->run_ms, p->runs, &p->min, &p->median);
    settle(p->gap_ms, p->runs, &least_gap, &p->gap);
    for (uint32_t i = 0; i < p->ncalls; i++)
        settle(p->call[i].ms, p->runs, &p->call[i].min, &p->call[i].median);
}

static void write_text(const Profile *p, const char *path, void (*put)(Str *s, const Profile *p))
{
    Str s = {0};
    if (!path) return;
    put(&s, p);
    put_file(p->o->job, path, &s);
}

ExitStatus command_profile(Options *o)
{
    Model *m = model_open(o->job, o->files.at[0]);
    Binding *b = bind_options(o, m);
    bind_generated(o, b);
    Session *s = session_open(o, m, b);
    Profile *p = job_new(o->job, Profile);
    *p = (Profile){.o = o, .model = m, .ncalls = exec_plan(s->exec)->ncall};
    p->now = job_new(o->job, TimeLine);
    p->fastest = job_new(o->job, TimeLine);
    p->call = job_array(o->job, ProfileCall, p->ncalls + 1);
    job_on_exit(o->job, free_lines, p);
    session_run(o, s);
    jitc_exec_set_profile(s->exec, take_call, p);
    measure(o, s, p);
    p->peak = fma_peak_gflops(o->cpu, o->threads);
    bool to_stdout = (o->json && strcmp(o->json, "-") == 0) || (o->trace && strcmp(o->trace, "-") == 0) ||
                     (o->svg && strcmp(o->svg, "-") == 0);
    if (!to_stdout) {
        Str s2 = {0};
        profile_table(o->job, &s2, p);
        put_stdout(o->job, &s2);
    }
    write_text(p, o->json, profile_json);
    write_text(p, o->trace, profile_trace);
    write_text(p, o->svg, profile_svg);
    return EXIT_DONE;
}
