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

void units_of_product(Module *m, const Op *anchor, KernelSpec *s, int64_t esize, int64_t v[UNITS_MOST])
{
    enum { TILE_ROWS = 13, MOST_SCRATCH = 8 << 20, LEAST_K = 128, MOST_PARTS = 8 };
    static const double rows_by[] = {1, 0.5, 2, 0.25, 4}, panels_by[] = {1, 0.5, 2, 0.25, 4, 1e6};
    const Dim *d = s->dim;
    for (int i = 0; i < IG_DIMS; i++)
        if (!dim_known(d[i])) return;
    int64_t k = d[IG_RUN] * d[IG_TAPS_H] * d[IG_TAPS_W], panels = ceil_div(d[IG_N], PANEL);
    if (!d[IG_M] || !k || !panels) return;
    Units u = {.n = 4,
               .name = {"rows", "panels", "k", "outer"},
               .least = {1, 1, min_i64(k, LEAST_K), 0},
               .most = {round_up(d[IG_M], TILE_ROWS), round_up(panels, 2), k, 1}};
    memcpy(u.v, v, sizeof u.v);
    for (size_t i = 0; i < COUNT(rows_by); i++)
        for (size_t j = 0; j < COUNT(panels_by); j++) {
            if (i > 2 && j > 2) continue;
            int64_t rows = round_up(max_i64((int64_t)((double)v[0] * rows_by[i]), 1), TILE_ROWS);
            int64_t each = max_i64(1, min_i64((int64_t)((double)v[1] * panels_by[j]), panels));
            units_add(&u,
                      (int64_t[]){min_i64(rows, u.most[0]), round_up(each, min_i64(panels, 2)), v[2], v[3]});
        }
    units_add(&u, (int64_t[]){v[0], v[1], v[2], !v[3]});
    for (int64_t parts = 1; parts <= MOST_PARTS; parts++)
        if (parts == 1 || k / parts >= 2 * LEAST_K)
            units_add(&u,
                      (int64_t[]){v[0], v[1], parts == 1 ? k : round_up(ceil_div(k, parts), PANEL), v[3]});
    const char *problem = job_printf(m->job, "product %s %lldx%lldx%lld taps %lldx%lld batch %lld",
                                     dtype_name(anchor->out[0]->type.dtype), (long long)d[IG_M], (long long)k,
                                     (long long)d[IG_N], (long long)d[IG_TAPS_H], (long long)d[IG_TAPS_W],
                                     (long long)d[IG_BATCH]);
    units_choose(m, anchor, s, problem, &u);
    /* Lines are whole, and units of several panels begin at an even one, as the kernel's tiles do. */
    if ((u.v[2] < k && u.v[2] % PANEL) || (panels > 1 && u.v[1] % 2)) return;
    if (esize * (u.v[0] + 1) * (u.v[2] + u.v[1] * PANEL + 32) > MOST_SCRATCH) return;
    memcpy(v, u.v, sizeof u.v);
}
