/* What `jitc tune` has measured. */
#ifndef JITC_TUNE_H
#define JITC_TUNE_H

#include "cli/cli.h"
#include "ir/tuning.h"

/* One of the ways to solve a problem, the usual one first. */
typedef struct {
    const char *choice;
    double ms; /* in a run: the least that was measured; 0: not yet */
} Way;

typedef struct {
    const char *text;
    bool units; /* how work is cut; else how a convolution is done */
    VEC(Way) ways;
    uint32_t now, best, second; /* what builds take; what was quickest; 0: the usual way */
    bool settled;               /* all ways were measured */
    bool unused; /* by the ways that are best: the work of an algorithm that was given up, say */
    double before,
        after; /* ms of a run with the usual and with the best way, in the last measurement; 0: none */
} Problem;

/* The model, compiled with some way for each problem. */
typedef struct {
    struct Version *version;
    double *call_ms; /* least, by call */
    double run_ms;
    uint32_t ncalls;
} Trial;

typedef struct {
    Options *o;
    Session *s;
    VEC(Problem) problems;
    StrMap by_text;
    VEC(Trial) trials;
    double *sum_ms; /* of the run that is being measured, by call */
    uint32_t nsums;
    int64_t start;
    double before, after; /* ms of a run with the usual and with the best ways; 0: not measured */
    double run_ms;        /* of the last run */
    const char *doing;
    bool over; /* Ctrl-C */
} Tune;

/* A choice is kept when it is this much quicker. */
static inline bool clearly_better(double before, double after)
{
    return after > 0 && before >= 1.03 * after;
}
static inline bool problem_kept(const Problem *p)
{
    return p->best && clearly_better(p->before, p->after);
}
/* An algorithm whose work, cut better, may turn out to be the best. */
static inline bool close_second(const Problem *p)
{
    return !p->units && p->settled && p->second != p->best && p->ways.at[p->second].ms > 0 &&
           p->ways.at[p->second].ms < 1.25 * p->ways.at[p->best].ms;
}
void tune_show(Str *s, const Tune *t, const char *file);
/* The line of a measurement that has `o->budget` seconds from `start` on. */
void tune_progress(const Options *o, int64_t start, const char *doing, bool done);

extern volatile int tune_stop; /* 1 after Ctrl-C, between these two; a second one kills */
void tune_catch(void);
void tune_release(void);
ExitStatus tune_batches(Options *o); /* with --batch */
#endif
