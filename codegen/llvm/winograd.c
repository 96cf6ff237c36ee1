/* Convolutions of stride 1 by Winograd's algorithm (ir/ops/winograd.h). For a block of tiles: the input of
 * each tile is transformed, 16 channels at a time; then, per some panels of outputs, each of the products is
 * a matrix product over the channels, of the block's tiles by the panels; and the sums of a tile are
 * transformed to its results, which the epilogue finishes. Consecutive units of one block find the
 * transformed input in scratch.
 *
 * The transforms and the matrix product's tiles are functions that the kernels of a module share. Every sum
 * goes over the channels in ascending order, whatever the tile, so tiles never change bits. */
#include "ir/ops/winograd.h"
#include "codegen/llvm/emit.h"
#include "codegen/llvm/tile.h"
#include "codegen/plan/spec.h"

enum { PRODUCTS = WINOGRAD_MAX * WINOGRAD_MAX };

typedef struct {
    Gen *g;
    const Kernel *k;
    const Op *op;
    const Value *result;
    Winograd h, w;
    int products;
    Ival height, width, c, k_all, oh, ow, tiles_h, tiles_w, tiles, block, lines, panels;
    Ptr x, u, out, y, table, zero, sums, v;
    /* While the epilogue of a panel runs: */
    Ival pixel, o0;
    bool masked;
    Vec mask, column[64];
    bool have_column[64];
} Wino;

/* -- Transforms -------------------------------------------------------------------------------- */
/* Σ k[i] x[i]; a factor of 1 comes first where there is one, to save a product. */
static Vec combine(Gen *g, const double *k, const Vec *x, int n)
{
    int first = 0;
    while (first < n && k[first] != 1) first++;
    if (first == n)
        for (first = 0; k[first] == 0;) first++;
    Vec sum = k[first] == 1 ? x[first] : v_mul(g, x[first], v_f(g, JITC_FLOAT32, LANES, k[first]));
    for (int i = 0; i < n; i++) {
        if (i == first || k[i] == 0) continue;
        if (k[i] == 1)
            sum = v_add(g, sum, x[i]);
        else if (k[i] == -1)
            sum = v_sub(g, sum, x[i]);
        else
            sum = v_mac(g, x[i], v_f(g, JITC_FLOAT32, LANES, k[i]), sum);
    }
    return sum;
}

/* y = a x bᵀ; a: rows × h, b: columns × w. */
static void transform(Gen *g, const double (*a)[WINOGRAD_MAX], int rows, int h,
                      const double (*b)[WINOGRAD_MAX], int columns, int w, const Vec *x, Vec *y)
{
    Vec half[PRODUCTS] = {0};
    for (int r = 0; r < h; r++)
        for (int j = 0; j < columns; j++) half[j * h + r] = combine(g, b[j], x + r * w, w);
    for (int j = 0; j < columns; j++)
        for (int i = 0; i < rows; i++) y[i * columns + j] = combine(g, a[i], half + j * h, h);
}

static const char *form_name(Wino *s, const char *what)
{
    return job_printf(s->k->m->job, "%s_%dx%d_%dx%d", what, s->h.m, s->w.m, s->h.r, s->w.r);
}

/* 16 channels from c0 of the pixels in the table, to v + product * step. With a mask: what is left of them.
 */
static void input_channels(Wino *s, Ptr table, Ival c0, const SubArg *blocks, Ptr v, Ival step,
                           const Vec *mask)
{
    Gen *g = s->g;
    Vec x[PRODUCTS] = {0}, y[PRODUCTS] = {0};
    for (int i = 0; i < s->products; i++) {
        Ptr p = p_load(g, table, ival(i));
        if (s->k->xblocked) { /* zeros are one block */
            Ptr block = p_at(g, p, i_mul(g, c0, blocks[0].i), JITC_FLOAT32);
            x[i] = v_load(g, p_select(g, p_equal(g, p, blocks[1].p), p, block), ival(0), JITC_FLOAT32, LANES);
            continue;
        }
        x[i] = mask ? v_load_n(g, p, c0, JITC_FLOAT32, *mask) : v_load(g, p, c0, JITC_FLOAT32, LANES);
    }
    transform(g, s->h.bt, s->h.n, s->h.n, s->w.bt, s->w.n, s->w.n, x, y);
    for (int i = 0; i < s->products; i++) v_store(g, v, i_mul(g, ival(i), step), y[i]);
}

/* All channels of a tile. */
static void input_tile(Wino *s, Ptr v)
{
    Gen *g = s->g;
    bool tail = s->k->ctail;
    Ival line = i_mul(g, s->block, ival(LANES));
    bool blocked = s->k->xblocked;
    Sub f = g_sub(g, form_name(s, blocked ? "wino_in_blocks" : tail ? "wino_in_tail" : "wino_in"), "ppiiip");
    if (f.fresh) {
        SubArg blocks[] = {g_param(g, &f, 4), g_param(g, &f, 5)};
        Ptr table = g_param(g, &f, 0).p, to = g_param(g, &f, 1).p;
        Ival c = g_param(g, &f, 2).i, each = g_param(g, &f, 3).i;
        Ival whole = i_div(g, c, ival(LANES));
        Ival step = i_mul(g, each, i_div(g, i_add(g, c, ival(LANES - 1)), ival(LANES)));
        FOR (g, l, ival(0), whole, ival(1))
            input_channels(s, table, i_mul(g, l.i, ival(LANES)), blocks,
                           p_at(g, to, i_mul(g, l.i, each), JITC_FLOAT32), step, NULL);
        if (tail) {
            Ival c0 = i_mul(g, whole, ival(LANES));
            IF(g, left, c_lt(g, c0, c))
            {
                Vec mask = v_first(g, i_sub(g, c, c0));
                input_channels(s, table, c0, blocks, p_at(g, to, i_mul(g, whole, each), JITC_FLOAT32), step,
                               &mask);
            }
        }
        g_sub_end(g, &f);
    }
    /* Elements from a channel to the same pixel's next one, on the average over a block. */
    Ival pixels = i_mul(g, s->height, s->width);
    SubArg args[] = {{.p = s->table}, {.p = v}, {.i = s->c}, {.i = line}, {.i = pixels}, {.p = s->zero}};
    g_call(g, &f, args, COUNT(args));
}

/* Where the pixels of tile number t begin: a table of pointers, to zeros outside the image. */
static void find_pixels(Wino *s, Ival t)
{
    Gen *g = s->g;
    Ival per_image = i_mul(g, s->tiles_h, s->tiles_w), image = i_div(g, t, per_image),
         r = i_mod(g, t, per_image);
    Ival top = i_sub(g, i_mul(g, i_div(g, r, s->tiles_w), ival(s->h.m)), g_dim(g, WG_PH));
    Ival left = i_sub(g, i_mul(g, i_mod(g, r, s->tiles_w), ival(s->w.m)), g_dim(g, WG_PW));
    Ival pitch = g_dim(g, WG_XP);
    FOR (g, i, ival(0), ival(s->h.n), ival(1)) {
        Ival y = i_add(g, top, i.i);
        Ptr row = p_at(g, s->x, i_mul(g, i_mul(g, i_add(g, i_mul(g, image, s->height), y), s->width), pitch),
                       JITC_FLOAT32);
        Cond in = c_ult(g, y, s->height);
        for (int j = 0; j < s->w.n; j++) {
            Ival x = i_add(g, left, ival(j));
            Ptr p = p_select(g, c_and(g, in, c_ult(g, x, s->width)),
                             p_at(g, row, i_mul(g, x, pitch), JITC_FLOAT32), s->zero);
            p_store(g, s->table, i_add(g, i_mul(g, i.i, ival(s->w.n)), ival(j)), p);
        }
    }
}

/* -- Products -------------------------------------------------------------------------------------------- */
/* Sums of all products for `count` tiles and nv panels. */
static void products(Wino *s, Ival count, Ival panel, int nv)
{
    Gen *g = s->g;
    Ival line = i_mul(g, s->block, ival(LANES)), each = i_mul(g, s->c, ival(PANEL));
    FOR (g, i, ival(0), ival(s->products), ival(1)) {
        Ptr v = p_at(g, s->v, i_mul(g, i.i, i_mul(g, line, s->lines)), JITC_FLOAT32);
        Ptr u = p_at(g, s->u, i_mul(g, i_add(g, i_mul(g, i.i, s->panels), panel), each), JITC_FLOAT32);
        Ptr sums = p_at(g, s->sums, i_mul(g, i.i, i_mul(g, line, ival(nv))), JITC_FLOAT32);
        Cond more = c_lt(g, i.i, ival(s->products - 1));
        Ptr next = p_select(g, more, p_at(g, u, i_mul(g, s->panels, each), JITC_FLOAT32),
                            p_at(g, s->u, i_mul(g, i_add(g, panel, ival(nv)), each), JITC_FLOAT32));
        Ival at = ival(0);
        int highest = tile_highest(g_isa(g), s->k, JITC_FLOAT32);
        for (int mr = highest; mr; mr = tile_fewer(mr, highest)) {
            Ival end = i_add(g, at, i_mul(g, tile_count(g, i_sub(g, count, at), mr, highest), ival(mr)));
            FOR (g, t, at, end, ival(mr)) {
                Tile p = {.t = JITC_FLOAT32,
                          .a = p_at(g, v, i_mul(g, t.i, ival(LANES)), JITC_FLOAT32),
                          .w = u,
                          .line = line,
                          .panel = each,
                          .k = s->c,
                          .tail = s->k->ctail,
                          .fetch = tile_fetch(g_isa(g), s->k, JITC_FLOAT32)};
                if (p.fetch) p.next = tile_next(g, s->k, &p, next, t.i);
                tile_call(g, &p, p_at(g, sums, i_mul(g, t.i, ival(nv * LANES)), JITC_FLOAT32), false, mr, nv);
            }
            at = end;
        }
    }
}

/* -- Results --------------------------------------------------------------------------------------------- */
static Vec load_columns(Wino *s, Ptr p, Ival at)
{
    return s->masked ? v_load_n(s->g, p, at, JITC_FLOAT32, s->mask)
                     : v_load(s->g, p, at, JITC_FLOAT32, LANES);
}

/* Where the pixel's outputs of the panel are: of the result, or of what has its shape. */
static Ival place_at(Wino *s, Ival pitch)
{
    Gen *g = s->g;
    Ival pixel = i_mul(g, s->pixel, pitch), each = i_mul(g, s->oh, s->ow);
    return i_add(g, pixel, s->k->oblocked ? i_mul(g, s->o0, each) : s->o0);
}

static Vec epilogue_operand(Gen *g, void *arg, const Value *v)
{
    Wino *s = arg;
    const Type *t = &v->type;
    int i = (int)v->index;
    if (t->rank == 4) return load_columns(s, g_ptr(g, i), place_at(s, g_dim(g, WG_EP)));
    if (!s->have_column[i]) {
        s->column[i] = t->rank ? load_columns(s, g_ptr(g, i), s->o0)
                               : v_splat(g, v_load(g, g_ptr(g, i), ival(0), JITC_FLOAT32, 1), LANES);
        s->have_column[i] = true;
    }
    return s->column[i];
}

static void output_tile(Wino *s, Ptr sums, Ival step)
{
    Gen *g = s->g;
    Sub f = g_sub(g, form_name(s, "wino_out"), "pip");
    if (f.fresh) {
        Vec x[PRODUCTS] = {0}, y[PRODUCTS] = {0};
        for (int i = 0; i < s->products; i++)
            x[i] = v_load_line(g, g_param(g, &f, 0).p, i_mul(g, ival(i), g_param(g, &f, 1).i), JITC_FLOAT32);
        transform(g, s->h.at, s->h.m, s->h.n, s->w.at, s->w.m, s->w.n, x, y);
        for (int i = 0; i < s->h.m * s->w.m; i++) v_store(g, g_param(g, &f, 2).p, ival(i * LANES), y[i]);
        g_sub_end(g, &f);
    }
    SubArg args[] = {{.p = sums}, {.i = step}, {.p = s->y}};
    g_call(g, &f, args, COUNT(args));
}

/* Panel number `panel`, the j-th of nv in the sums, of `count` tiles from number t0 on. */
static void finish_panel(Wino *s, Ival t0, Ival count, Ival panel, int j, int nv, bool masked)
{
    Gen *g = s->g;
    s->o0 = i_mul(g, panel, ival(PANEL));
    s->masked = masked;
    if (masked) s->mask = v_first(g, i_sub(g, s->k_all, s->o0));
    memset(s->have_column, 0, sizeof s->have_column);
    for (uint32_t i = 2; i < s->k->body->nargs; i++) /* before any store */
        if (s->k->body->args[i]->type.rank < 4) epilogue_operand(g, s, s->k->body->args[i]);
    Ival per_image = i_mul(g, s->tiles_h, s->tiles_w);
    FOR (g, t, ival(0), count, ival(1)) {
        Ptr from =
            p_at(g, s->sums, i_mul(g, i_add(g, i_mul(g, t.i, ival(nv)), ival(j)), ival(LANES)), JITC_FLOAT32);
        output_tile(s, from, i_mul(g, s->block, ival(nv * LANES)));
        Ival tile = i_add(g, t0, t.i), image = i_div(g, tile, per_image), r = i_mod(g, tile, per_image);
        Ival oy = i_mul(g, i_div(g, r, s->tiles_w), ival(s->h.m)),
             ox = i_mul(g, i_mod(g, r, s->tiles_w), ival(s->w.m));
        Ival rows = i_min(g, ival(s->h.m), i_sub(g, s->oh, oy)),
             columns = i_min(g, ival(s->w.m), i_sub(g, s->ow, ox));
        Ival first = i_add(g, i_mul(g, i_add(g, i_mul(g, image, s->oh), oy), s->ow), ox);
        FOR (g, y, ival(0), rows, ival(1))
            FOR (g, x, ival(0), columns, ival(1)) {
                s->pixel = i_add(g, i_add(g, first, i_mul(g, y.i, s->ow)), x.i);
                Ival at = i_mul(g, i_add(g, i_mul(g, y.i, ival(s->w.m)), x.i), ival(LANES));
                Vec v = eval_epilogue(g, s->k, s->result, s->op->out[0],
                                      v_load_line(g, s->y, at, JITC_FLOAT32), epilogue_operand, s);
                Ival to = place_at(s, g_dim(g, WG_OP));
                if (masked)
                    v_store_n(g, s->out, to, v, s->mask);
                else
                    v_store(g, s->out, to, v);
            }
    }
}

static void panels(Wino *s, Ival t0, Ival count, Ival panel, int nv)
{
    Gen *g = s->g;
    products(s, count, panel, nv);
    for (int j = 0; j < nv; j++) {
        Ival at = i_add(g, panel, ival(j));
        Cond full =
            s->k->ktail ? c_le(g, i_mul(g, i_add(g, at, ival(1)), ival(PANEL)), s->k_all) : c_const(true);
        IF(g, whole, full) finish_panel(s, t0, count, at, j, nv, false);
        IF(g, part, c_not(g, full)) finish_panel(s, t0, count, at, j, nv, true);
    }
}

static void make_room(Wino *s)
{
    Gen *g = s->g;
    s->y = p_bytes(g, g_scratch(g), ival(64));
    s->table = p_bytes(g, s->y, ival(WG_TILE_BYTES));
    s->zero = p_bytes(g, s->table, ival(WG_TABLE_BYTES));
    s->sums = p_bytes(g, s->zero, i_mul(g, s->lines, ival(64)));
    s->v = p_bytes(
        g, s->sums,
        i_mul(g, s->block, ival((int64_t)s->products * tile_panels(g_isa(g), s->k, JITC_FLOAT32) * 64)));
    FOR (g, i, ival(0), s->lines, ival(1))
        v_store(g, s->zero, i_mul(g, i.i, ival(LANES)), v_f(g, JITC_FLOAT32, LANES, 0));
    i_store(g, g_scratch(g), ival(0), JITC_INT64, ival(-1)); /* which block v holds */
}

void emit_winograd(Gen *g, const Kernel *k)
{
    Wino s = {.g = g, .k = k, .result = ir_terminator(k->body)->in[0]};
    ir_each_op (op, k->body)
        if (op->code == OP_winograd) s.op = op;
    if (!s.op || k->nin > 64 || k->body->args[0]->type.dtype != JITC_FLOAT32)
        g_fail(g, "a Winograd kernel without its convolution");
    winograd_of(s.op, &s.h, &s.w);
    s.products = s.h.n * s.w.n;
    s.height = g_dim(g, WG_H);
    s.width = g_dim(g, WG_W);
    s.c = g_dim(g, WG_C);
    s.k_all = g_dim(g, WG_K);
    s.oh = g_dim(g, WG_OH);
    s.ow = g_dim(g, WG_OW);
    s.block = g_dim(g, WG_TILES);
    s.x = g_ptr(g, 0);
    s.u = g_ptr(g, 1);
    s.out = g_ptr(g, k->nin);
    s.tiles_h = i_div(g, i_add(g, s.oh, ival(s.h.m - 1)), ival(s.h.m));
    s.tiles_w = i_div(g, i_add(g, s.ow, ival(s.w.m - 1)), ival(s.w.m));
    s.tiles = i_mul(g, i_mul(g, g_dim(g, WG_N), s.tiles_h), s.tiles_w);
    s.lines = i_div(g, i_add(g, s.c, ival(LANES - 1)), ival(LANES));
    s.panels = i_div(g, i_add(g, s.k_all, ival(PANEL - 1)), ival(PANEL));
    make_room(&s);
    int nv = tile_panels(g_isa(g), k, JITC_FLOAT32);
    Ival group = g_dim(g, WG_PANELS), groups = i_div(g, i_sub(g, i_add(g, s.panels, group), ival(1)), group);
    FOR (g, unit, g_unit0(g), g_unit1(g), ival(1)) {
        Ival block = i_div(g, unit.i, groups), first = i_mul(g, i_mod(g, unit.i, groups), group);
        Ival t0 = i_mul(g, block, s.block), count = i_min(g, s.block, i_sub(g, s.tiles, t0));
        Ival end = i_min(g, i_add(g, first, group), s.panels);
        IF(g, stale, c_not(g, c_eq(g, i_load(g, g_scratch(g), ival(0), JITC_INT64), block)))
        {
            FOR (g, t, ival(0), count, ival(1)) {
                find_pixels(&s, i_add(g, t0, t.i));
                input_tile(&s, p_at(g, s.v, i_mul(g, t.i, ival(LANES)), JITC_FLOAT32));
            }
            i_store(g, g_scratch(g), ival(0), JITC_INT64, block);
        }
        for (int w = nv; w; w--) {
            if (!tile_has_width(g_isa(g), k, JITC_FLOAT32, w)) continue;
            Ival to = i_add(g, first, i_mul(g, tile_count(g, i_sub(g, end, first), w, nv), ival(w)));
            FOR (g, p, first, to, ival(w)) panels(&s, t0, count, p.i, w);
            first = to;
        }
    }
}
