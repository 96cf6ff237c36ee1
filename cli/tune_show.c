/* jitc tune: what it shows, while it measures and afterwards. */
#include <unistd.h>

#include "cli/tune.h"

void tune_progress(const Options *o, int64_t start, const char *doing, bool done)
{
    enum { WIDTH = 24 };
    static int64_t last;
    if (o->quiet || !isatty(STDERR_FILENO)) return;
    int64_t now = now_ns();
    if (!done && now - last < 100000000) return;
    last = now;
    fputs("\r\033[K", stderr);
    if (done) return;
    double spent = (double)(now - start) / 1e9, share = spent / o->budget;
    if (share > 1) share = 1;
    fputs("tuning ", stderr);
    for (int i = 0; i < WIDTH; i++) fputs(i < (int)(share * WIDTH) ? "█" : "░", stderr);
    fprintf(stderr, " %3.0f%%  %.0f s left  %s (Ctrl-C keeps what was found)", share * 100,
            o->budget > spent ? o->budget - spent : 0, doing);
    fflush(stderr);
}

static double gain_of(const Problem *p)
{
    return 1 - p->after / p->before;
}

/* With --verbose: all that was tried. */
static void show_ways(Str *s, const Tune *t)
{
    for (uint32_t i = 0; i < t->problems.n; i++) {
        const Problem *p = &t->problems.at[i];
        if (!p->settled) continue;
        str_printf(s, "%s\n", p->text);
        for (uint32_t k = 0; k < p->ways.n; k++)
            if (p->ways.at[k].ms > 0)
                str_printf(s, "  %9.4f ms  %s\n", p->ways.at[k].ms, p->ways.at[k].choice);
    }
}

void tune_show(Str *s, const Tune *t, const char *file)
{
    uint32_t kept = 0, tried = 0;
    if (t->o->verbose) show_ways(s, t);
    int problem = 7, usual = 7, best = 4;
    for (uint32_t i = 0; i < t->problems.n; i++) {
        const Problem *p = &t->problems.at[i];
        tried += p->before > 0 && !p->unused;
        if (!problem_kept(p) || p->unused) continue;
        kept++;
        problem = (int)max_i64(problem, (int64_t)strlen(p->text));
        usual = (int)max_i64(usual, (int64_t)strlen(p->ways.at[0].choice));
        best = (int)max_i64(best, (int64_t)strlen(p->ways.at[p->best].choice));
    }
    if (kept)
        str_printf(s, "%-*s  %-*s  %-*s  %9s %9s  gain\n", problem, "problem", usual, "default", best, "best",
                   "default", "best");
    for (uint32_t i = 0; i < t->problems.n; i++) {
        const Problem *p = &t->problems.at[i];
        if (!problem_kept(p) || p->unused) continue;
        str_printf(s, "%-*s  %-*s  %-*s  %6.3f ms %6.3f ms  %3.0f%%\n", problem, p->text, usual,
                   p->ways.at[0].choice, best, p->ways.at[p->best].choice, p->before, p->after,
                   100 * gain_of(p));
    }
    str_printf(s, "%u of %u problems are solved faster than by default", kept, tried);
    if (t->over) str_put(s, " (interrupted)");
    if (t->after > 0 && kept) {
        str_put(s, "; a run takes ");
        put_ms(s, t->after);
        str_put(s, " instead of ");
        put_ms(s, t->before);
    }
    str_printf(s, "\n%s\n", file);
}
