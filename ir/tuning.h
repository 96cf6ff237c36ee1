/* Choices that were measured: for a problem (a convolution of these sizes, say) the way that is best on one
 * machine. Who chooses, a pass or the planner, asks here first; without an answer its own costs decide.
 *
 * As text, one line per choice, in fields of single words and spaces between '|':
 *
 *     1 | MACHINE | PROBLEM | CHOICE | usual 0.61 ms, best 0.43 ms | CHECKSUM
 *
 * A line is valid on its own, or left out. */
#ifndef JITC_TUNING_H
#define JITC_TUNING_H

#include "ir/ir.h"

typedef struct {
    const char *machine, *problem, *choice;
    double usual_ms, ms; /* of the way that costs would choose, and of this one */
} TuningLine;

/* For `jitc tune`: what to choose among `usual` and the `others`, which are separated by ", "; NULL: the
 * usual. */
typedef const char *TuningAsk(void *arg, const char *problem, const char *usual, const char *others);

typedef struct Tuning {
    Job *job;
    const char *machine; /* whose choices count */
    int threads;         /* of runs */
    VEC(TuningLine) lines;
    StrMap by_key;
    uint32_t damaged; /* lines that were left out */
    TuningAsk *ask;   /* asked instead of the lines */
    void *ask_arg;
} Tuning;

Tuning *tuning_new(Job *job);
void tuning_parse(Tuning *t, const char *text, size_t size); /* adds to what there is; later lines count */
void tuning_print(const Tuning *t, Str *s);
void tuning_put(Tuning *t,
                const TuningLine *line); /* its texts are copied; without a choice: takes out what there is */

/* NULL: the usual way. */
const char *tuning_choose(const Module *m, const char *problem, const char *usual, const char *others);
/* The number in "rows=26 panels=2" after `name` and '='; false: there is none in [least, most]. */
bool tuning_number(const char *choice, const char *name, int64_t least, int64_t most, int64_t *out);
/* The problem of how to do a convolution of stride 1. It says nothing of how many images or threads there
 * are: all shall get the same bits. NULL: some size is open. */
const char *tuning_conv(const Module *m, const Type *x, const Type *y, const int64_t *window);
#endif
