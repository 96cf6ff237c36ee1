/* Convolutions of stride 1 become Winograd's where that costs less: fewer products, but more bytes of weights
 * and transforms. The choice depends on the sizes of one image, not on how many there are, so that every
 * batch size has the same bits and the same packed weights. */

#include <math.h>

#include "ir/ops/winograd.h"
#include "ir/tuning.h"
#include "passes/util.h"

/* Costs are in multiply-adds of one core near its peak. */
enum {
    OPEN_SIZE = 64,   /* an open dimension counts as */
    PER_BYTE = 4,     /* a byte of weights, which come from memory once per run */
    PER_TRANSFORM = 2 /* a product of a transform */
};

static const int64_t tile_sizes[] = {2, 4};

typedef struct {
    int64_t tile[2], window[2]; /* tile 0: the direct form */
    double cost, bytes;
} Form;

static double size_of(Dim d)
{
    return dim_known(d) ? (double)d : OPEN_SIZE;
}

static double tiles_along(Dim size, int64_t tile)
{
    return ceil(size_of(size) / (double)tile);
}

static void direct_cost(const Op *conv, Form *f)
{
    const Type *w = &conv->in[1]->type, *y = &conv->out[0]->type;
    double taps = (double)w->dim[0] * (double)w->dim[1] * (double)w->dim[2] * (double)w->dim[3];
    f->bytes = 4 * taps;
    f->cost = taps * size_of(y->dim[1]) * size_of(y->dim[2]) + PER_BYTE * f->bytes;
}

static void form_cost(const Op *conv, Form *f)
{
    const Type *w = &conv->in[1]->type, *y = &conv->out[0]->type;
    double c = (double)w->dim[2], o = (double)w->dim[3];
    double nh = (double)(f->tile[0] + f->window[0] - 1), nw = (double)(f->tile[1] + f->window[1] - 1);
    double mh = (double)f->tile[0], mw = (double)f->tile[1];
    double tiles = tiles_along(y->dim[1], f->tile[0]) * tiles_along(y->dim[2], f->tile[1]);
    double transforms = c * (nh * nw * (nh + nw)) + o * (mh * nw * nh + mh * mw * nw);
    f->bytes = 4 * nh * nw * c * o;
    f->cost = tiles * (nh * nw * c * o + PER_TRANSFORM * transforms) + PER_BYTE * f->bytes;
}

/* Form 0 is the direct one; gives how many there are. */
static int forms_of(const Op *conv, Form *form)
{
    const Type *w = &conv->in[1]->type;
    int n = 1;
    form[0] = (Form){0};
    direct_cost(conv, &form[0]);
    for (size_t i = 0; i < COUNT(tile_sizes); i++) {
        Form f = {.window = {w->dim[0], w->dim[1]}};
        bool fits = true;
        for (int d = 0; d < 2; d++) {
            f.tile[d] = f.window[d] == 1 ? 1 : tile_sizes[i];
            fits = fits && f.tile[d] + f.window[d] - 1 <= WINOGRAD_MAX;
        }
        if (!fits) continue;
        form_cost(conv, &f);
        form[n++] = f;
    }
    return n;
}

static const char *form_text(Job *job, const Form *f)
{
    return f->tile[0] ? job_printf(job, "winograd=%lldx%lld", (long long)f->tile[0], (long long)f->tile[1])
                      : "direct";
}

/* Which of n forms was measured to be best; -1: no other than the usual one. */
static int measured(Module *m, const Op *conv, const Form *form, int n, int usual)
{
    if (!m->tuning) return -1;
    const char *text[1 + COUNT(tile_sizes)] = {0}, *others = "";
    for (int i = 0; i < n; i++) {
        text[i] = form_text(m->job, &form[i]);
        if (i != usual) others = job_printf(m->job, "%s%s%s", others, *others ? ", " : "", text[i]);
    }
    const char *problem = tuning_conv(m, &conv->in[0]->type, &conv->out[0]->type, conv->in[1]->type.dim);
    const char *choice = tuning_choose(m, problem, text[usual], others);
    for (int i = 0; choice && i < n; i++)
        if (i != usual && strcmp(choice, text[i]) == 0) return i;
    return -1;
}

static void remark(Module *m, const From *from, const Form *f, const Form *direct, bool used, bool tuned)
{
    ir_remark(m, "winograd", from,
              "%sF(%lld×%lld) costs as much as %.3g M multiply-adds, with %.0f KiB of weights; the direct "
              "convolution %.3g M, with %.0f KiB%s",
              used ? "" : "not used: ", (long long)f->tile[0], (long long)f->tile[1], f->cost / 1e6,
              f->bytes / 1024, direct->cost / 1e6, direct->bytes / 1024,
              !tuned ? ""
              : used ? "; it was measured to be the best"
                     : "; that was measured to be the best");
}

/* The cheapest form, unless another one was measured to be better. Tile 0: the direct one. */
static Form choose(Module *m, const Op *conv)
{
    Form form[1 + COUNT(tile_sizes)];
    int n = forms_of(conv, form), cheapest = 1;
    if (n == 1) return form[0];
    for (int i = 2; i < n; i++)
        if (form[i].cost < form[cheapest].cost) cheapest = i;
    int best = form[cheapest].cost < form[0].cost ? cheapest : 0, other = measured(m, conv, form, n, best);
    if (other >= 0) best = other;
    remark(m, conv->from, &form[best ? best : cheapest], &form[0], best > 0, other >= 0);
    return form[best];
}

static bool suits(Cone *cone, const Op *op)
{
    if (op->code != OP_conv || !op->out[0]->nuses || op->out[0]->type.dtype != JITC_FLOAT32) return false;
    const Type *w = &op->in[1]->type;
    const int64_t *strides = attr_v(op, "strides", NULL), *dilations = attr_v(op, "dilations", NULL);
    if (!type_static(w) || w->layout || op->in[0]->type.layout || attr_i(op, "groups") != 1) return false;
    if (w->dim[0] * w->dim[1] == 1 || w->dim[0] > WINOGRAD_MAX || w->dim[1] > WINOGRAD_MAX) return false;
    if (w->dim[2] < 16 || w->dim[3] < 16) return false; /* the transforms would cost more than they save */
    for (int d = 0; d < 2; d++)
        if (strides[d] != 1 || dilations[d] != 1) return false;
    return cone_has(cone, op->in[1]);
}

bool pass_winograd(Module *m, PassCx *cx)
{
    if (cx->opt->precise) return false;
    Cone cone;
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    bool changed = false;
    cone_init(&cone, m);
    for (uint32_t k = 0; k < r.n; k++)
        ir_each_op (op, r.at[k]) {
            if (!suits(&cone, op)) continue;
            Form f = choose(m, op);
            if (!f.tile[0]) continue;
            Builder b = builder_at(m, op);
            AttrArg tile = at_is("tile", f.tile, 2), window = at_is("window", f.window, 2);
            Value *u = ir_v(&b, OP_winograd_filter, IN(op->in[1]), AT(tile, window));
            if (u) u = ir_v(&b, OP_relayout, IN(u), AT(at_s("to", "panel")));
            if (!u) continue;
            Value *y = ir_v(&b, OP_winograd, IN(op->in[0], u),
                            AT(tile, window, at_ds("pad_lo", attr_v(op, "pad_lo", NULL), 2),
                               at_ds("pad_hi", attr_v(op, "pad_hi", NULL), 2)));
            if (!replace(m, op->out[0], y)) continue;
            changed = true;
        }
    return changed;
}
