/* What `jitc profile` has measured. */
#ifndef JITC_PROFILE_H
#define JITC_PROFILE_H

#include "cli/cli.h"

/* A call of the compiled code; in a loop it happens several times in a run, which count together. */
typedef struct {
    jitc_call about; /* of the first time */
    float *ms;       /* by run */
    double median, min;
    double ns, flops, done, bytes; /* of the run that was last measured, all its rounds */
    int64_t rounds;
} ProfileCall;

typedef struct {
    uint32_t call;
    int64_t start, end;
    size_t share0, nshares;
} ProfileEvent;

/* What happened when in one run. */
typedef struct {
    ProfileEvent *event;
    jitc_share_time *share;
    size_t nevents, nshares, event_room, share_room;
    int64_t start, end;
    bool cut; /* more happened than there is room for */
} TimeLine;

typedef struct {
    const Options *o;
    const Model *model;
    ProfileCall *call; /* by index */
    uint32_t ncalls, runs;
    float *run_ms, *gap_ms;
    double median, min, gap; /* of a run; what passes between calls, median */
    double peak;             /* GFLOP/s */
    TimeLine *fastest, *now;
} Profile;

void profile_table(Job *job, Str *s, const Profile *p);
void profile_json(Str *s, const Profile *p);
void profile_trace(Str *s, const Profile *p);
void profile_svg(Str *s, const Profile *p);
/* Operations per nanosecond, as a share of the peak; 0 where that is not known. */
static inline double peak_share(double flops, double ms, double peak)
{
    return flops > 0 && ms > 0 ? flops / (ms * 1e6) / peak : 0;
}
#endif
