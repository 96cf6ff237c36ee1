/* Transformed filters, straight from the filter into panels. */
#include "codegen/plan/pack_private.h"
#include "codegen/plan/spec.h"
#include "ir/ops/winograd.h"

typedef double Line[PANEL];

static void add(double k, const double *x, double *y)
{
    for (int o = 0; o < PANEL && k != 0; o++) y[o] += k * x[o];
}

/* y = g x gᵀ for each of the panel's outputs. */
static void transform(const Winograd *h, const Winograd *w, const Line *x, Line *y)
{
    Line half[WINOGRAD_MAX * WINOGRAD_MAX] = {{0}};
    for (int r = 0; r < h->r; r++)
        for (int j = 0; j < w->n; j++)
            for (int s = 0; s < w->r; s++) add(w->g[j][s], x[r * w->r + s], half[r * w->n + j]);
    memset(y, 0, (size_t)(h->n * w->n) * sizeof *y);
    for (int i = 0; i < h->n; i++)
        for (int r = 0; r < h->r; r++)
            for (int j = 0; j < w->n; j++) add(h->g[i][r], half[r * w->n + j], y[i * w->n + j]);
}

void pack_winograd(Job *job, const Op *op, const PackView *v, const Tensor *src, const Tensor *scale,
                   void *dst)
{
    Winograd h, w;
    PackLines l;
    winograd_of(op, &h, &w);
    pack_lines(job, v, 0, src, scale, &l);
    int64_t taps = (int64_t)h.r * w.r, c = v->type.dim[2], panels = (l.nn + PANEL - 1) / PANEL;
    Line x[WINOGRAD_MAX * WINOGRAD_MAX] = {{0}}, y[WINOGRAD_MAX * WINOGRAD_MAX] = {{0}};
    if (c == 0) return;
    for (int64_t panel = 0; panel < panels; panel++) {
        int64_t n0 = panel * PANEL, count = min_i64(l.nn - n0, PANEL);
        job_tick(job);
        for (int64_t i = 0; i < c; i++) {
            for (int64_t tap = 0; tap < taps; tap++) {
                float line[PANEL] = {0};
                pack_line(&l, 0, tap * c + i, n0, count, (uint8_t *)line);
                for (int o = 0; o < PANEL; o++) x[tap][o] = line[o];
            }
            transform(&h, &w, x, y);
            for (int64_t q = 0; q < (int64_t)h.n * w.n; q++) {
                float *to = (float *)dst + ((q * panels + panel) * c + i) * PANEL;
                for (int o = 0; o < PANEL; o++) to[o] = (float)y[q][o];
            }
        }
    }
}
