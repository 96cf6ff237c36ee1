#include "ir/ops/winograd.h"

#include "ir/ops/common.h"

void winograd_make(Winograd *w, int m, int r)
{
    static const double point[WINOGRAD_MAX - 1] = {0, 1, -1, 0.5, -2, 2, -0.5};
    memset(w, 0, sizeof *w);
    w->m = m;
    w->r = r;
    w->n = m + r - 1;
    int finite = w->n - 1;
    for (int j = 0; j <= finite; j++) {
        /* Row j of bt: the coefficients of the product of all x - p but p's own; infinity has none of its
         * own. */
        double *c = w->bt[j], scale = 1;
        c[0] = 1;
        for (int l = 0, degree = 0; l < finite; l++) {
            if (l == j) continue;
            degree++;
            for (int d = degree; d >= 0; d--) c[d] = (d ? c[d - 1] : 0) - point[l] * c[d];
            if (j < finite) scale *= point[j] - point[l];
        }
        double p = j < finite ? point[j] : 0, power = 1;
        for (int k = 0; k < m || k < r; k++, power *= p) {
            if (k < m) w->at[k][j] = j < finite ? power : k == m - 1;
            if (k < r) w->g[j][k] = j < finite ? power / scale : k == r - 1;
        }
    }
}

bool winograd_forms(InferCx *cx, const Op *op)
{
    if (!ints_in_range(cx, op, "tile", 2, 1, WINOGRAD_MAX) ||
        !ints_in_range(cx, op, "window", 2, 1, WINOGRAD_MAX))
        return false;
    const int64_t *tile = attr_v(op, "tile", NULL), *window = attr_v(op, "window", NULL);
    for (int d = 0; d < 2; d++)
        if (tile[d] + window[d] - 1 > WINOGRAD_MAX)
            return infer_fail(cx, "a tile of %lld and a window of %lld are too large together",
                              (long long)tile[d], (long long)window[d]);
    return true;
}

void winograd_of(const Op *op, Winograd *h, Winograd *w)
{
    const int64_t *tile = attr_v(op, "tile", NULL), *window = attr_v(op, "window", NULL);
    winograd_make(h, (int)tile[0], (int)window[0]);
    winograd_make(w, (int)tile[1], (int)window[1]);
}

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    /* The filter may be packed. */
    if (!takes(cx, op, 0, TAKE_FLOAT) || !same_dtype(cx, op, 0, 1) || !takes_rank(cx, op, 0, 4, 4) ||
        !takes_rank(cx, op, 1, 3, 3) || !winograd_forms(cx, op) ||
        !pads_in_range(cx, op, "pad_lo", 2, WINDOW_MAX) || !pads_in_range(cx, op, "pad_hi", 2, WINDOW_MAX))
        return false;
    const Type *x = in_type(op, 0), *u = in_type(op, 1);
    const int64_t *tile = attr_v(op, "tile", NULL), *window = attr_v(op, "window", NULL);
    const Dim *lo = attr_v(op, "pad_lo", NULL), *hi = attr_v(op, "pad_hi", NULL);
    if (u->dim[0] != (tile[0] + window[0] - 1) * (tile[1] + window[1] - 1))
        return infer_fail(cx, "the filter has not as many matrices as the tile has products: %s",
                          type_text(cx, u));
    if (!dims_agree(cx, x->dim[3], u->dim[1]))
        return infer_fail(cx, "input depth must be the filter's: input %s, filter %s", type_text(cx, x),
                          type_text(cx, u));
    Dim dim[4] = {x->dim[0], 0, 0, u->dim[2]};
    for (int d = 0; d < 2; d++) dim[1 + d] = window_size(cx->m, x->dim[1 + d], window[d], 1, 1, lo[d], hi[d]);
    *out = type_make(x->dtype, 4, dim);
    return result_fits(cx, out);
}

typedef struct {
    Winograd h, w;
    int64_t cin, cout, height, width;
    double *v, *m; /* per product: the input's channels, the result's */
    double *x, *y, *row;
} Tile;

/* v = bt x btᵀ for the tile whose window begins at (top, left) of an image that begins at element `from`. */
static void transform_input(Tile *t, const Tensor *in, int64_t from, int64_t top, int64_t left)
{
    int n = t->h.n * t->w.n;
    memset(t->v, 0, (size_t)(n * t->cin) * sizeof *t->v);
    for (int r = 0; r < t->h.n; r++)
        for (int s = 0; s < t->w.n; s++) {
            int64_t y = top + r, x = left + s;
            if (y < 0 || y >= t->height || x < 0 || x >= t->width) continue;
            load_f(in, from + (y * t->width + x) * t->cin, 1, t->cin, t->x);
            for (int i = 0; i < t->h.n; i++)
                for (int j = 0; j < t->w.n; j++) {
                    double k = t->h.bt[i][r] * t->w.bt[j][s], *v = t->v + (i * t->w.n + j) * t->cin;
                    for (int64_t c = 0; c < t->cin && k != 0; c++) v[c] += k * t->x[c];
                }
        }
}

static void multiply(Tile *t, const Tensor *u)
{
    for (int i = 0; i < t->h.n * t->w.n; i++) {
        double *m = t->m + i * t->cout;
        memset(m, 0, (size_t)t->cout * sizeof *m);
        for (int64_t c = 0; c < t->cin; c++) {
            load_f(u, (i * t->cin + c) * t->cout, 1, t->cout, t->row);
            for (int64_t o = 0; o < t->cout; o++) m[o] += t->v[i * t->cin + c] * t->row[o];
        }
    }
}

/* Result (r, s) of the tile. */
static void transform_output(Tile *t, int r, int s)
{
    memset(t->y, 0, (size_t)t->cout * sizeof *t->y);
    for (int i = 0; i < t->h.n; i++)
        for (int j = 0; j < t->w.n; j++) {
            double k = t->h.at[r][i] * t->w.at[s][j], *m = t->m + (i * t->w.n + j) * t->cout;
            for (int64_t o = 0; o < t->cout && k != 0; o++) t->y[o] += k * m[o];
        }
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    const int64_t *dx = in[0].type.dim, *dy = out->type.dim;
    int64_t lo[2];
    eval_dims(cx, "pad_lo", lo);
    if (type_numel(&out->type) == 0 || dx[3] == 0) return; /* of no channels: zeros */
    Tile t = {.cin = dx[3], .cout = dy[3], .height = dx[1], .width = dx[2]};
    winograd_of(cx->op, &t.h, &t.w);
    int n = t.h.n * t.w.n;
    t.v = job_array(cx->job, double, n *t.cin);
    t.m = job_array(cx->job, double, n *t.cout);
    t.x = job_array(cx->job, double, t.cin);
    t.y = job_array(cx->job, double, t.cout);
    t.row = job_array(cx->job, double, t.cout);
    for (int64_t image = 0; image < dy[0]; image++)
        for (int64_t oy = 0; oy < dy[1]; oy += t.h.m) {
            job_tick(cx->job);
            for (int64_t ox = 0; ox < dy[2]; ox += t.w.m) {
                transform_input(&t, &in[0], image * dx[1] * dx[2] * dx[3], oy - lo[0], ox - lo[1]);
                multiply(&t, &in[1]);
                for (int r = 0; r < t.h.m && oy + r < dy[1]; r++)
                    for (int s = 0; s < t.w.m && ox + s < dy[2]; s++) {
                        transform_output(&t, r, s);
                        store_f(out, ((image * dy[1] + oy + r) * dy[2] + ox + s) * t.cout, t.cout, t.y);
                    }
            }
        }
}

const OpDef op_winograd = {
    .name = "winograd",
    .doc = "2-D convolution of x[n,h,w,c] of stride 1 by Winograd's algorithm, in tiles of the result, with "
           "a filter "
           "from `winograd_filter`; padding is zeros",
    .kind = KIND_CONTRACT,
    .nin = 2,
    .nout = 1,
    .attrs = {{"tile", ATTR_INTS}, {"window", ATTR_INTS}, {"pad_lo", ATTR_DIMS}, {"pad_hi", ATTR_DIMS}},
    .infer = infer,
    .eval = eval,
};
