#include "ir/tuning.h"

#include <stdlib.h>

enum { FORMAT = 1, FIELDS = 6, LONGEST = 1000, MOST_LINES = 100000 };

Tuning *tuning_new(Job *job)
{
    Tuning *t = job_new(job, Tuning);
    t->job = job;
    t->machine = "";
    return t;
}

static const char *key_of(Job *job, const char *machine, const char *problem)
{
    return job_printf(job, "%s|%s", machine, problem);
}

void tuning_put(Tuning *t, const TuningLine *line)
{
    const char *key = key_of(t->job, line->machine, line->problem);
    uintptr_t at = (uintptr_t)strmap_get(&t->by_key, key);
    if (!at) {
        if (t->lines.n >= MOST_LINES) return;
        vec_push(t->job, &t->lines, (TuningLine){0});
        at = t->lines.n;
        strmap_put(t->job, &t->by_key, key, (void *)at);
    }
    TuningLine *to = &t->lines.at[at - 1];
    *to = *line;
    to->machine = job_strndup(t->job, line->machine, strlen(line->machine));
    to->problem = job_strndup(t->job, line->problem, strlen(line->problem));
    if (line->choice) to->choice = job_strndup(t->job, line->choice, strlen(line->choice));
}

/* -- Text ---------------------------------------------------------------------------------------- */
static bool printable(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] < ' ' || text[i] > '~') return false;
    return true;
}

static uint64_t checksum(const char *text, size_t n)
{
    Hash h = hash_bytes(text, n);
    return h.lo ^ h.hi;
}

static bool parse_line(Tuning *t, const char *text, size_t n)
{
    static const char between[] = " | ";
    char copy[LONGEST + 1], *field[FIELDS], *end;
    if (n > LONGEST || !printable(text, n)) return false;
    memcpy(copy, text, n);
    copy[n] = 0;
    field[0] = copy;
    for (int i = 1; i < FIELDS; i++) {
        char *next = strstr(field[i - 1], between);
        if (!next) return false;
        *next = 0;
        field[i] = next + strlen(between);
    }
    size_t summed = (size_t)(field[FIELDS - 1] - copy) - strlen(between);
    if (strtoull(field[FIELDS - 1], &end, 16) != checksum(text, summed) || end - field[FIELDS - 1] != 16 ||
        *end)
        return false;
    if (strtol(field[0], NULL, 10) != FORMAT) return true; /* of another version: no use, but no damage */
    TuningLine line = {.machine = field[1], .problem = field[2], .choice = field[3]};
    const char *usual = strstr(field[4], "usual "), *best = strstr(field[4], "best ");
    if (usual) line.usual_ms = text_to_double(usual + 6, &end);
    if (best) line.ms = text_to_double(best + 5, &end);
    tuning_put(t, &line);
    return true;
}

void tuning_parse(Tuning *t, const char *text, size_t size)
{
    for (const char *p = text, *end = text + size; p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((stop ? stop : end) - p);
        if (n && *p != '#' && !parse_line(t, p, n)) t->damaged++;
        p += n + 1;
    }
}

void tuning_print(const Tuning *t, Str *s)
{
    str_put(s,
            "# Choices that `jitc tune` has measured. Lines that do not fit their checksum are ignored.\n");
    for (uint32_t i = 0; i < t->lines.n; i++) {
        const TuningLine *l = &t->lines.at[i];
        if (!l->choice) continue;
        size_t start = s->n;
        str_printf(s, "%d | %s | %s | %s | usual %.4g ms, best %.4g ms", FORMAT, l->machine, l->problem,
                   l->choice, l->usual_ms, l->ms);
        if (!s->oom) str_printf(s, " | %016llx\n", (unsigned long long)checksum(s->at + start, s->n - start));
    }
}

/* -- Asking ------------------------------------------------------------------------------------ */
const char *tuning_choose(const Module *m, const char *problem, const char *usual, const char *others)
{
    const Tuning *t = m->tuning;
    if (!t || !problem) return NULL;
    if (t->ask) return t->ask(t->ask_arg, problem, usual, others);
    uintptr_t at = (uintptr_t)strmap_get(&t->by_key, key_of(m->job, t->machine, problem));
    return at ? t->lines.at[at - 1].choice : NULL;
}

bool tuning_number(const char *choice, const char *name, int64_t least, int64_t most, int64_t *out)
{
    size_t n = strlen(name);
    for (const char *p = choice; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
        if (strncmp(p, name, n) != 0 || p[n] != '=') continue;
        char *end;
        long long v = strtoll(p + n + 1, &end, 10);
        if (end == p + n + 1 || (*end && *end != ' ') || v < least || v > most) return false;
        *out = v;
        return true;
    }
    return false;
}

const char *tuning_conv(const Module *m, const Type *x, const Type *y, const int64_t *window)
{
    for (int d = 1; d < 4; d++)
        if (!dim_known(x->dim[d]) || !dim_known(y->dim[d])) return NULL;
    return job_printf(m->job, "conv %s %lldx%lldx%lld to %lldx%lldx%lld window %lldx%lld",
                      dtype_name(x->dtype), (long long)x->dim[1], (long long)x->dim[2], (long long)x->dim[3],
                      (long long)y->dim[1], (long long)y->dim[2], (long long)y->dim[3], (long long)window[0],
                      (long long)window[1]);
}
