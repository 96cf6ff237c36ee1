/* How a kernel's work is cut into units: as costs say, unless something else was measured to be better. It
 * never changes bits. */
#include "codegen/plan/spec_private.h"
#include "ir/tuning.h"

static const char *units_text(Job *job, const Units *u, const int64_t *v)
{
    const char *s = "";
    for (int i = 0; i < u->n; i++)
        s = job_printf(job, "%s%s%s=%lld", s, i ? " " : "", u->name[i], (long long)v[i]);
    return s;
}

static bool parse_units(const Units *u, const char *choice, int64_t *v)
{
    for (int i = 0; i < u->n; i++)
        if (!tuning_number(choice, u->name[i], u->least[i], u->most[i], &v[i])) return false;
    return true;
}

void units_add(Units *u, const int64_t *v)
{
    if (u->nothers == UNITS_OTHERS) return;
    for (int i = 0; i < u->n; i++)
        if (v[i] < u->least[i] || v[i] > u->most[i]) return;
    for (int k = -1; k < u->nothers; k++)
        if (memcmp(k < 0 ? u->v : u->other[k], v, (size_t)u->n * sizeof *v) == 0) return;
    memcpy(u->other[u->nothers++], v, (size_t)u->n * sizeof *v);
}

void units_choose(Module *m, const Op *anchor, KernelSpec *s, const char *problem, Units *u)
{
    const Tuning *t = m->tuning;
    problem = job_printf(m->job, "%s threads %d", problem, t->threads);
    const char *others = "", *usual = units_text(m->job, u, u->v);
    for (int i = 0; t->ask && i < u->nothers; i++)
        others = job_printf(m->job, "%s%s%s", others, i ? ", " : "", units_text(m->job, u, u->other[i]));
    const char *choice = tuning_choose(m, problem, usual, others);
    if (t->ask) s->problem[1] = problem;
    int64_t v[UNITS_MOST];
    if (!choice || strcmp(choice, usual) == 0 || !parse_units(u, choice, v)) return;
    memcpy(u->v, v, sizeof v);
    if (!t->ask) ir_remark(m, "units", anchor->from, "%s, as was measured to be best", choice);
}
