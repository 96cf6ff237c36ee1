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

void units_of_product(Module *m, const Op *anchor, KernelSpec *s, const Product *p, Blocking *b)
{
    enum { MOST_SCRATCH = 8 << 20, LEAST_K = 128 };
    static const double rows_by[] = {1, 0.5, 2, 0.25, 4}, panels_by[] = {1, 0.5, 2, 0.25, 4, 1e6};
    const Dim *d = s->dim;
    const int most = tile_most_panels(p);
    for (int i = 0; i < IG_DIMS; i++)
        if (!dim_known(d[i])) return;
    if (!d[IG_M] || !d[IG_N] || !d[IG_RUN]) return;
    Units u = {.n = 4,
               .name = {"rows", "panels", "k", "outer"},
               .v = {b->rows, b->panels, b->k, b->n_outer},
               .least = {1, 1, min_i64(p->k, LEAST_K), 0},
               .most = {p->m, round_up(p->panels, most), p->k, 1}};
    for (size_t i = 0; i < COUNT(rows_by); i++)
        for (size_t j = 0; j < COUNT(panels_by); j++) {
            if (i > 2 && j > 2) continue;
            int64_t rows =
                min_i64(round_up((int64_t)((double)b->rows * rows_by[i]), tile_most_rows(most)), p->m);
            int64_t each = max_i64(1, min_i64((int64_t)((double)b->panels * panels_by[j]), p->panels));
            units_add(&u, (int64_t[]){rows, round_up(each, min_i64(p->panels, most)), b->k, b->n_outer});
        }
    units_add(&u, (int64_t[]){b->rows, b->panels, b->k, !b->n_outer});
    for (int64_t parts = 1; parts <= 8; parts++)
        if (parts == 1 || p->k / parts >= 2 * LEAST_K)
            units_add(&u,
                      (int64_t[]){b->rows, b->panels,
                                  parts == 1 ? p->k : round_up(ceil_div(p->k, parts), PANEL), b->n_outer});
    units_choose(m, anchor, s,
                 job_printf(m->job, "product %s %lldx%lldx%lld taps %lldx%lld batch %lld",
                            dtype_name(anchor->out[0]->type.dtype), (long long)d[IG_M], (long long)p->k,
                            (long long)d[IG_N], (long long)d[IG_TAPS_H], (long long)d[IG_TAPS_W],
                            (long long)d[IG_BATCH]),
                 &u);
    /* What make_igemm's header takes for granted. */
    if (u.v[2] < p->k && u.v[2] % PANEL) return;
    if (p->esize * (u.v[0] + 1) * (u.v[2] + u.v[1] * PANEL + 32) > MOST_SCRATCH) return;
    *b = (Blocking){u.v[0], u.v[1], u.v[2], u.v[3] != 0};
}
