/* Contractions as an indirect matrix product: for each block of result rows, the left operand's rows are
 * gathered tap by tap into lines (tile.h), which stay in the second-level cache, so that one kernel serves
 * every convolution geometry, and padding is zeros (after Dukhan, "The Indirect Convolution Algorithm", 2019,
 * which gathers pointers instead). The right operand is packed in panels of 16 outputs.
 *
 * Images of few channels are the exception: where rows that follow each other begin a few elements apart and
 * there is no padding, tiles read the image itself.
 *
 * A unit is a block of rows times a block of panels. Per panel the rows go through a register tile of mr x nv
 * vectors. Every output accumulates over k in ascending order whatever the tile, so tiles never change bits.
 *
 * The tile that does most of the work keeps its sums in registers until the epilogue. The tiles of left-over
 * rows and panels, and all tiles before a long epilogue, are functions that every kernel of the module
 * shares: they leave their sums in scratch, where one loop runs the epilogue, which keeps the code small and
 * quick to compile. */
#include "codegen/llvm/emit.h"
#include "codegen/llvm/igemm_parts.h"
#include "codegen/llvm/tile.h"
#include "codegen/plan/spec.h"

/* Rows of a unit that lie in the lines alike: blocks of `height` rows, one after the other. */
typedef struct {
    Ival from, to, height; /* counted from the unit's first row */
} Rows;

typedef struct {
    Gen *g;
    const Kernel *k;
    DType t;
    const Value *anchor, *result, *left; /* left: the prologue's result; NULL: there is none */
    Ival n, run, taps, k_all, panel;     /* elements per panel */
    Ival depth;                          /* elements per row in the lines */
    Ptr w, out, sums, row, lines, operand[64];
    Ival m0, m1, p0, p1, mu; /* of the unit */
    Ival k0, k1;             /* the part of k that the lines hold */
    Ptr image;               /* without lines: where row m0 begins; `direct`: where row 0 does */
    Rows rows[3];
    Ptr wide;                 /* of parts: the unit's sums, row by row */
    Ival image_no;            /* of the row that is gathered */
    Ival channel;             /* while the prologue runs: of its first lane */
    const Vec *part;          /* the lanes that there are; NULL: all */
    Ival batch_in, batch_out; /* offsets of the epilogue's operands and of the result in this batch */
    /* While the epilogue of one tile runs: */
    Ival m, n0;
    bool masked;
    Vec mask;
    Vec column[64];
    bool have_column[64];
} Igemm;

static Vec load_columns(Igemm *c, Ptr p, Ival at)
{
    return c->masked ? v_load_n(c->g, p, at, c->t, c->mask) : v_load(c->g, p, at, c->t, LANES);
}

/* Where row m of the epilogue's panel is: of the result, or of what has its shape. */
static Ival place_at(Igemm *c, Ival m, Ival stride)
{
    Gen *g = c->g;
    Ival panel = c->k->oblocked ? i_mul(g, c->n0, g_dim(g, IG_M)) : c->n0;
    return i_add(g, i_mul(g, m, stride), panel);
}

/* Operand of the epilogue at row c->m, outputs from c->n0. Vectors over n are loaded once per tile. */
static Vec epilogue_operand(Gen *g, void *arg, const Value *v)
{
    Igemm *c = arg;
    const Type *t = &v->type;
    int i = (int)v->index;
    bool per_row = t->rank == 2 && t->dim[0] != 1;
    if (per_row)
        return load_columns(c, c->operand[i], i_add(g, place_at(c, c->m, g_dim(g, IG_ES)), c->batch_in));
    if (!c->have_column[i]) {
        bool scalar = t->rank == 0 || t->dim[t->rank - 1] == 1;
        c->column[i] = scalar ? v_splat(g, v_load(g, c->operand[i], ival(0), t->dtype, 1), LANES)
                              : load_columns(c, c->operand[i], c->n0);
        c->have_column[i] = true;
    }
    return c->column[i];
}

/* An operand of the prologue, over k. */
static bool is_of_left(const Igemm *c, const Type *t)
{
    const Type *x = &c->k->body->args[0]->type;
    return t->rank && t->dim[t->rank - 1] == x->dim[1] && x->dim[1] != c->anchor->type.dim[1];
}

/* The epilogue of panel n0 begins: its mask, and operands over n before any store, since they may alias the
 * result. */
static void begin_panel(Igemm *c, Ival panel, bool masked)
{
    Gen *g = c->g;
    c->n0 = i_mul(g, panel, ival(PANEL));
    c->masked = masked;
    if (masked) c->mask = v_first(g, i_sub(g, c->n, c->n0));
    memset(c->have_column, 0, sizeof c->have_column);
    for (uint32_t i = 2; i < c->k->body->nargs; i++) {
        const Type *t = &c->k->body->args[i]->type;
        if (!is_of_left(c, t) && !(t->rank == 2 && t->dim[0] != 1))
            epilogue_operand(g, c, c->k->body->args[i]);
    }
}

static void finish_row(Igemm *c, Ival m, Vec sum)
{
    Gen *g = c->g;
    c->m = m;
    Vec r = eval_epilogue(g, c->k, c->result, c->anchor, sum, epilogue_operand, c);
    Ival at = i_add(g, place_at(c, m, g_dim(g, IG_OS)), c->batch_out);
    if (c->masked)
        v_store_n(g, c->out, at, r, c->mask);
    else
        v_store(g, c->out, at, r);
}

/* One panel from scratch. */
static void store_panel(Igemm *c, Ptr sums, Ival m0, Ival panel, Ival j, Ival mr, Ival nv, bool masked)
{
    Gen *g = c->g;
    begin_panel(c, panel, masked);
    FOR (g, i, ival(0), mr, ival(1)) {
        Ival at = i_mul(g, i_add(g, i_mul(g, i.i, nv), j), ival(LANES));
        finish_row(c, i_add(g, m0, i.i), v_load_line(g, sums, at, c->t));
    }
}

/* To where the epilogue of parts finds the sums. */
static void store_wide(Igemm *c, Ptr sums, Ival m0, Ival panel, Ival mr, Ival nv)
{
    Gen *g = c->g;
    Ival row = i_sub(g, m0, c->m0), width = ival(parts_width(c->k));
    FOR (g, i, ival(0), mr, ival(1))
        FOR (g, j, ival(0), nv, ival(1)) {
            Ival to = i_mul(g, i_add(g, row, i.i), width), at = i_add(g, panel, j.i);
            Ival from = i_mul(g, i_add(g, i_mul(g, i.i, nv), j.i), ival(LANES));
            v_store(g, c->wide, i_add(g, to, i_mul(g, at, ival(LANES))), v_load_line(g, sums, from, c->t));
        }
}

/* Whether the panels before `end` have all of their outputs. */
static Cond whole_panels(Igemm *c, Ival end)
{
    return c->k->ntail ? c_le(c->g, i_mul(c->g, end, ival(PANEL)), c->n) : c_const(true);
}

static void store_sums(Igemm *c, Ptr sums, Ival m0, Ival panel, Ival mr, Ival nv)
{
    Gen *g = c->g;
    if (c->k->parts) {
        store_wide(c, sums, m0, panel, mr, nv);
        return;
    }
    FOR (g, j, ival(0), nv, ival(1)) {
        Ival at = i_add(g, panel, j.i);
        Cond full = whole_panels(c, i_add(g, at, ival(1)));
        IF(g, whole, full) store_panel(c, sums, m0, at, j.i, mr, nv, false);
        IF(g, part, c_not(g, full)) store_panel(c, sums, m0, at, j.i, mr, nv, true);
    }
}

/* Element k of a row of x, a multiple of 16 where it lies in blocks. */
static Ival k_offset(Igemm *c, Ival k)
{
    Gen *g = c->g;
    return c->k->xblocked ? i_mul(g, i_div(g, k, ival(LANES)), g_dim(g, IG_XN)) : k;
}

/* What is done with a tile. */
typedef enum {
    TO_RESULT, /* all of its sum, and the epilogue */
    ADD_SUMS,  /* the part over [k0, k1), added to what scratch has */
    FINISH     /* the epilogue on what scratch has */
} Step;

/* The weights that come after these nv panels of this part of k. */
static Ptr next_weights(Igemm *c, Ival panel, Ival nv)
{
    Gen *g = c->g;
    Ival next = i_add(g, panel, nv), k = c->k0;
    if (c->k->kcut) { /* the unit's panels again, and later those of another unit */
        Cond more = c_lt(g, next, c->p1), again = c_lt(g, c->k1, c->k_all);
        k = i_select(g, more, c->k0, i_select(g, again, c->k1, ival(0)));
        next = i_select(g, more, next, i_select(g, again, c->p0, c->p1));
    }
    return p_at(g, c->w, i_add(g, i_mul(g, next, c->panel), i_mul(g, k, ival(PANEL))), c->t);
}

/* The block of `height` rows that begins with row `first` of the unit, and nv panels from panel `panel` on.
 */
static Tile tile_at(Igemm *c, Step step, Ival first, Ival height, Ival panel, Ival nv)
{
    Gen *g = c->g;
    Tile p = {.t = c->t,
              .a = p_at(g, c->lines, i_mul(g, first, c->depth), c->t),
              .w = p_at(g, c->w, i_add(g, i_mul(g, panel, c->panel), i_mul(g, c->k0, ival(PANEL))), c->t),
              .line = i_mul(g, height, ival(LANES)),
              .panel = c->panel,
              .k = i_sub(g, c->k1, c->k0),
              .tail = c->k->kmult < TILE_KU,
              .fetch = step == FINISH ? 0 : tile_fetch(g_isa(g), c->k, c->t),
              .apart = c->k->kcut};
    if (p.fetch) p.next = tile_next(g, c->k, &p, next_weights(c, panel, nv), first);
    if (c->k->direct) {
        p.line = g_dim(g, IG_XN);
        Ival m = i_add(g, c->m0, first);
        p.a = p_at(g, c->image, i_add(g, i_mul(g, m, ival(LANES)), k_offset(c, c->k0)), c->t);
    }
    if (c->k->step) {
        p.a = p_at(g, c->image, i_mul(g, first, ival(c->k->step)), c->t);
        p.k = c->run;
        p.step = c->k->step;
        p.taps = c->taps;
        p.tap = i_mul(g, g_dim(g, IG_DH), g_dim(g, IG_XH));
    }
    return p;
}

/* The same, whole panels, with the sums in registers. */
static void tile_in_registers(Igemm *c, Ival first, Ival panel, int mr, int nv)
{
    Gen *g = c->g;
    Tile p = tile_at(c, TO_RESULT, first, ival(mr), panel, ival(nv));
    Vec acc[TILE_ACC];
    for (int i = 0; i < mr * nv; i++) acc[i] = tile_zero(g, c->t);
    tile_multiply(g, &p, acc, mr, nv);
    Ival m0 = i_add(g, c->m0, first);
    for (int j = 0; j < nv; j++) {
        begin_panel(c, i_add(g, panel, ival(j)), false);
        for (int i = 0; i < mr; i++) finish_row(c, i_add(g, m0, ival(i)), acc[i * nv + j]);
    }
}

/* The same with the sums in scratch. */
static void tile_in_scratch(Igemm *c, Step step, Ival first, Ival height, Ival panel, Ival nv)
{
    Gen *g = c->g;
    Tile p = tile_at(c, step, first, height, panel, nv);
    Ival at = i_add(g, i_mul(g, first, i_sub(g, c->p1, c->p0)), i_mul(g, i_sub(g, panel, c->p0), height));
    Ptr sums = step == TO_RESULT ? c->sums : p_at(g, c->sums, i_mul(g, at, ival(LANES)), c->t);
    if (step != FINISH) tiles_call(g, c->k, &p, sums, step == ADD_SUMS, height, nv);
    if (step != ADD_SUMS) store_sums(c, sums, i_add(g, c->m0, first), panel, height, nv);
}

/* Deals the unit's rows: blocks as high as the highest tile, and one row lower; what does not fit into those,
 * is one block. */
static void deal_rows(Igemm *c)
{
    Gen *g = c->g;
    int highest = tile_highest(g_isa(g), c->k, c->t), lower = tile_fewer(highest, highest);
    Ival all = i_sub(g, c->m1, c->m0), high = i_mul(g, tile_count(g, all, highest, highest), ival(highest));
    Ival low = ival(0);
    if (lower) low = i_mul(g, tile_count(g, i_sub(g, all, high), lower, highest), ival(lower));
    Ival end = i_add(g, high, low);
    c->rows[0] = (Rows){ival(0), high, ival(highest)};
    c->rows[1] = (Rows){high, end, ival(lower)};
    c->rows[2] = (Rows){end, all, i_sub(g, all, end)};
}

static Rows rows_of_part(Igemm *c, Ival part)
{
    Gen *g = c->g;
    Rows r = c->rows[2];
    for (int i = 0; i < 2; i++) {
        Cond this = c_eq(g, part, ival(i));
        r.from = i_select(g, this, c->rows[i].from, r.from);
        r.to = i_select(g, this, c->rows[i].to, r.to);
        r.height = i_select(g, this, c->rows[i].height, r.height);
    }
    return r;
}

/* All tiles of the unit, so that each panel comes by once. */
static void unit(Igemm *c, Step step, bool in_registers)
{
    Gen *g = c->g;
    int nv = tile_panels(g_isa(g), c->k, c->t), highest = tile_highest(g_isa(g), c->k, c->t);
    Ival panels = i_sub(g, c->p1, c->p0), tiles = i_div(g, i_add(g, panels, ival(nv - 1)), ival(nv));
    Ival wide = tile_count(g, panels, nv, nv), less = ival(nv - 1);
    FOR (g, i, ival(0), tiles, ival(1)) {
        Cond main = c_lt(g, i.i, wide);
        /* Those before it are as wide, or one panel less. */
        Ival before = i_add(g, i_mul(g, i.i, less), i_min(g, i.i, wide)), p = i_add(g, c->p0, before);
        Ival some = i_min(g, i_select(g, main, ival(nv), less), i_sub(g, c->p1, p));
        Cond full = c_and(g, main, whole_panels(c, i_add(g, p, ival(nv))));
        FOR (g, part, ival(0), ival(highest == 1 ? 1 : (int64_t)COUNT(c->rows)), ival(1)) {
            Rows r = rows_of_part(c, part.i);
            FOR (g, m, r.from, r.to, r.height) {
                Cond registers = c_const(false);
                if (in_registers && highest > 1) registers = c_and(g, c_eq(g, part.i, ival(0)), full);
                IF(g, fast, registers) tile_in_registers(c, m.i, p, highest, nv);
                IF(g, slow, c_not(g, registers)) tile_in_scratch(c, step, m.i, r.height, p, some);
            }
        }
    }
}

/* -- Lines ------------------------------------------------------------------------------------- */
static Vec prologue_operand(Gen *g, void *arg, const Value *v)
{
    Igemm *c = arg;
    Ptr p = g_ptr(g, (int)v->index);
    if (!v->type.rank) return v_splat(g, v_load(g, p, ival(0), c->t, 1), LANES);
    Ival at = v->type.rank == 1 ? c->channel : i_add(g, i_mul(g, c->image_no, c->k_all), c->channel);
    return c->part ? v_load_n(g, p, at, c->t, *c->part) : v_load(g, p, at, c->t, LANES);
}

/* LANES elements of a row from p + at on, which are channel `channel` and following, or some of them. */
static Vec load_left(Igemm *c, Ptr p, Ival at, Ival channel, const Vec *part)
{
    Gen *g = c->g;
    Vec x = part ? v_load_n(g, p, at, c->t, *part) : v_load(g, p, at, c->t, LANES);
    if (!c->left) return x;
    c->channel = channel;
    c->part = part;
    return eval_epilogue(g, c->k, c->left, c->k->body->args[0], x, prologue_operand, c);
}

/* Elements k .. k + run - 1 of a row, from p, or zeros. `to` is its element 0; it has 16 elements, then, a
 * line later, 16 more. Where taps are no whole lines, they meet in a row of their own first; what a tap
 * stores too much there, the next one overwrites. */
static void gather_tap(Igemm *c, Ptr p, Cond in, Ival run, Ival k, Ptr to, Ival line)
{
    Gen *g = c->g;
    Ival whole = i_mul(g, i_div(g, run, ival(LANES)), ival(LANES));
    Ival step = c->k->in_lines ? line : ival(LANES);
    Ival channel = i_add(g, c->k0, k);
    to = c->k->in_lines ? p_at(g, to, i_mul(g, i_div(g, k, ival(LANES)), line), c->t)
                        : p_at(g, c->row, k, c->t);
    IF(g, inside, in)
    {
        FOR (g, r, ival(0), whole, ival(LANES))
            v_store(g, to, i_mul(g, i_div(g, r.i, ival(LANES)), step),
                    load_left(c, p, k_offset(c, r.i), i_add(g, channel, r.i), NULL));
        if (!c->k->run16) {
            IF(g, left, c_lt(g, whole, run))
            {
                Vec part = v_first(g, i_sub(g, run, whole));
                v_store(g, to, i_mul(g, i_div(g, whole, ival(LANES)), step),
                        load_left(c, p, whole, i_add(g, channel, whole), &part));
            }
        }
    }
    IF(g, outside, c_not(g, in))
    FOR (g, r, ival(0), run, ival(LANES))
        v_store(g, to, i_mul(g, i_div(g, r.i, ival(LANES)), step), tile_zero(g, c->t));
}

/* Row m of the left operand, where rows are taps of a window. */
static void gather_window(Igemm *c, Ptr x, Ival m, Ptr to, Ival line_step)
{
    Gen *g = c->g;
    Ival oh = g_dim(g, IG_OH), ow = g_dim(g, IG_OW), tw = g_dim(g, IG_TAPS_W);
    Ival line = i_div(g, m, ow), col = i_mod(g, m, ow), image = i_div(g, line, oh);
    Ival h0 = i_sub(g, i_mul(g, i_mod(g, line, oh), g_dim(g, IG_SH)), g_dim(g, IG_PH));
    Ival w0 = i_sub(g, i_mul(g, col, g_dim(g, IG_SW)), g_dim(g, IG_PW));
    Ptr base = p_at(g, x, i_mul(g, image, g_dim(g, IG_XN)), c->t);
    FOR (g, th, ival(0), g_dim(g, IG_TAPS_H), ival(1))
        FOR (g, tx, ival(0), tw, ival(1)) {
            Ival ih = i_add(g, h0, i_mul(g, th.i, g_dim(g, IG_DH)));
            Ival iw = i_add(g, w0, i_mul(g, tx.i, g_dim(g, IG_DW)));
            Cond in = c_and(g, c_ult(g, ih, g_dim(g, IG_H)), c_ult(g, iw, g_dim(g, IG_W)));
            Ival at = i_add(g, i_mul(g, ih, g_dim(g, IG_XH)), i_mul(g, iw, g_dim(g, IG_XW)));
            Ival k = i_mul(g, i_add(g, i_mul(g, th.i, tw), tx.i), c->run), end = i_add(g, k, c->run);
            if (!c->k->kcut) {
                gather_tap(c, p_at(g, base, at, c->t), in, c->run, k, to, line_step);
                continue;
            }
            Ival lo = i_max(g, k, c->k0), hi = i_min(g, end, c->k1);
            IF(g, some, c_lt(g, lo, hi))
            gather_tap(c, p_at(g, base, i_add(g, at, k_offset(c, i_sub(g, lo, k))), c->t), in,
                       i_sub(g, hi, lo), i_sub(g, lo, c->k0), to, line_step);
        }
}

/* The part [k0, k1) of the unit's rows of the left operand. */
static void gather(Igemm *c, Ptr x)
{
    Gen *g = c->g;
    c->image = x;
    if (c->k->direct) return;
    bool per_image = false;
    for (uint32_t i = 2; i < c->k->body->nargs; i++) {
        const Type *t = &c->k->body->args[i]->type;
        per_image = per_image || (t->rank == 2 && is_of_left(c, t));
    }
    FOR (g, part, ival(0), ival((int64_t)COUNT(c->rows)), ival(1)) {
        Rows r = rows_of_part(c, part.i);
        Ival line = i_mul(g, r.height, ival(LANES));
        FOR (g, block, r.from, r.to, r.height) {
            Ptr lines = p_at(g, c->lines, i_mul(g, block.i, c->depth), c->t);
            FOR (g, i, ival(0), r.height, ival(1)) {
                Ival m = i_add(g, i_add(g, c->m0, block.i), i.i);
                Ptr row = p_at(g, lines, i_mul(g, i.i, ival(LANES)), c->t);
                if (per_image) c->image_no = i_div(g, m, g_dim(g, IG_IMAGE));
                if (c->k->linear)
                    gather_tap(c,
                               p_at(g, x, i_add(g, i_mul(g, m, g_dim(g, IG_XW)), k_offset(c, c->k0)), c->t),
                               c_const(true), i_sub(g, c->k1, c->k0), ival(0), row, line);
                else
                    gather_window(c, x, m, row, line);
                if (!c->k->in_lines)
                    FOR (g, k, ival(0), i_sub(g, c->k1, c->k0), ival(LANES))
                        v_store(g, row, i_mul(g, i_div(g, k.i, ival(LANES)), line),
                                v_load(g, c->row, k.i, c->t, LANES));
            }
        }
    }
}

/* The parts of long sums one after the other. */
static void cut_unit(Igemm *c, Ptr x)
{
    Gen *g = c->g;
    Ival sums = i_mul(g, i_mul(g, c->mu, i_sub(g, c->p1, c->p0)), ival(LANES));
    FOR (g, i, ival(0), sums, ival(LANES)) v_store(g, c->sums, i.i, tile_zero(g, c->t));
    FOR (g, k, ival(0), c->k_all, g_dim(g, IG_KC)) {
        c->k0 = k.i;
        c->k1 = i_min(g, i_add(g, k.i, g_dim(g, IG_KC)), c->k_all);
        gather(c, x);
        unit(c, ADD_SUMS, false);
    }
    c->k0 = c->k1 = ival(0);
    unit(c, FINISH, false);
}

/* Without lines: one row of the result image after the other. */
static void image_rows(Igemm *c, Ptr x, bool in_registers)
{
    Gen *g = c->g;
    Ival ow = g_dim(g, IG_OW), oh = g_dim(g, IG_OH), from = c->m0, to = c->m1;
    FOR (g, m, from, to, ow) {
        Ival line = i_div(g, m.i, ow), image = i_div(g, line, oh);
        Ival at = i_mul(g, i_mul(g, i_mod(g, line, oh), g_dim(g, IG_SH)), g_dim(g, IG_XH));
        c->image = p_at(g, x, i_add(g, i_mul(g, image, g_dim(g, IG_XN)), at), c->t);
        c->m0 = m.i;
        c->m1 = i_add(g, m.i, ow);
        deal_rows(c);
        unit(c, TO_RESULT, in_registers);
    }
}

/* The unit's columns of all parts: their panels, then all results of these columns. */
static void parts_unit(Igemm *c, Cond only)
{
    Gen *g = c->g;
    Ival width = ival(c->k->parts), all = ival(parts_width(c->k) / PANEL);
    Parts p = {.g = g, .k = c->k, .anchor = c->anchor, .sums = c->wide, .m0 = c->m0, .m1 = c->m1};
    p.from = i_mul(g, c->p0, ival(PANEL));
    p.to = i_min(g, i_mul(g, c->p1, ival(PANEL)), width);
    FOR (g, part, ival(0), i_select(g, only, ival(1), ival(parts_count(c->k))), ival(1)) {
        Ival first, end;
        parts_panels(&p, part.i, &first, &end);
        c->p0 = i_select(g, only, ival(0), first);
        c->p1 = i_select(g, only, all, end);
        unit(c, TO_RESULT, false);
    }
    parts_store(&p);
}

void emit_igemm(Gen *g, const Kernel *k)
{
    const Op *yield = ir_terminator(k->body);
    Igemm c = {.g = g, .k = k, .t = k->body->args[0]->type.dtype, .result = yield->in[0]};
    ir_each_op (op, k->body)
        if (op->def->kind == KIND_CONTRACT) c.anchor = op->out[0];
    if (!c.anchor || k->nin > 64) g_fail(g, "a contraction kernel without a contraction");
    if (c.anchor->def->in[0]->def) c.left = c.anchor->def->in[0];
    c.n = g_dim(g, IG_N);
    c.run = g_dim(g, IG_RUN);
    c.taps = i_mul(g, g_dim(g, IG_TAPS_H), g_dim(g, IG_TAPS_W));
    c.panel = i_mul(g, i_mul(g, c.taps, c.run), ival(PANEL));
    Ival mu = g_dim(g, IG_MU), pu = g_dim(g, IG_PU), m_all = g_dim(g, IG_M), one = ival(1);
    Ival panels = i_div(g, i_add(g, k->parts ? ival(k->parts) : c.n, ival(PANEL - 1)), ival(PANEL));
    int64_t esize = (int64_t)dtype_size(c.t);
    c.mu = mu;
    c.k_all = i_mul(g, c.taps, c.run);
    c.sums = p_bytes(g, g_scratch(g), ival(64));
    c.row =
        p_bytes(g, c.sums, k->kcut ? i_mul(g, i_mul(g, mu, pu), ival(PANEL * esize)) : ival(IG_SUMS_BYTES));
    c.wide = c.row;
    if (k->parts) c.row = p_bytes(g, c.row, i_mul(g, mu, ival(parts_width(k) * esize)));
    Ival k_part = k->kcut ? g_dim(g, IG_KC) : c.k_all;
    Ival row_bytes = i_mul(g, i_add(g, i_div(g, k_part, ival(LANES)), ival(2)), ival(LANES * esize));
    c.depth = i_mul(g, i_div(g, i_add(g, k_part, ival(LANES - 1)), ival(LANES)), ival(LANES));
    c.lines = p_bytes(g, c.row, k->in_lines ? ival(0) : row_bytes);
    int epilogue = 0;
    for (const Op *op = c.anchor->def; op; op = op->next)
        epilogue += op->def->kind == KIND_MAP ? op_cost(op->def) : 0;
    i_store(g, g_scratch(g), ival(0), JITC_INT64, ival(-1)); /* which block the lines hold */

    Ival mblocks = i_div(g, i_sub(g, i_add(g, m_all, mu), one), mu);
    Ival nblocks = i_div(g, i_sub(g, i_add(g, panels, pu), one), pu);
    Ival per_batch = i_mul(g, mblocks, nblocks);
    Cond n_outer = c_eq(g, g_dim(g, IG_ORDER), one);
    Ival first = g_unit0(g), end = g_unit1(g), last = i_sub(g, end, one);
    /* Weights that are to be fetched ahead are read in the order in which they lie. */
    Cond backward = k->far ? c_const(false) : g_backward(g);
    FOR (g, i, first, end, one) {
        Ival u = i_select(g, backward, i_sub(g, i_add(g, first, last), i.i), i.i);
        Ival batch = i_div(g, u, per_batch), r = i_mod(g, u, per_batch);
        Ival mi = i_select(g, n_outer, i_mod(g, r, mblocks), i_div(g, r, nblocks));
        Ival ni = i_select(g, n_outer, i_div(g, r, mblocks), i_mod(g, r, nblocks));
        c.m0 = i_mul(g, mi, mu);
        c.m1 = i_min(g, i_add(g, c.m0, mu), m_all);
        c.p0 = i_mul(g, ni, pu);
        c.p1 = i_min(g, i_add(g, c.p0, pu), panels);
        c.k0 = ival(0);
        c.k1 = c.k_all;
        deal_rows(&c);
        c.w = p_at(g, g_ptr(g, 1), i_mul(g, batch, g_dim(g, IG_BW)), c.t);
        Ival group = i_div(g, batch, g_dim(g, IG_INNER)), inner = i_mod(g, batch, g_dim(g, IG_INNER));
        c.batch_in = i_mul(g, batch, i_mul(g, m_all, g_dim(g, IG_ES)));
        c.batch_out = i_add(g, i_mul(g, group, g_dim(g, IG_BO)), i_mul(g, inner, g_dim(g, IG_BOI)));
        for (int o = 2; o < k->nin; o++) c.operand[o] = g_ptr(g, o);
        c.out = g_ptr(g, k->nin);
        Ival from = i_add(g, i_mul(g, group, g_dim(g, IG_BX)), i_mul(g, inner, g_dim(g, IG_BXI)));
        Ptr x = p_at(g, g_ptr(g, 0), from, c.t);
        if (k->kcut || k->step) {
            if (k->step)
                image_rows(&c, x, epilogue < COST_HEAVY);
            else
                cut_unit(&c, x);
            continue;
        }
        Ival key = i_add(g, i_mul(g, batch, mblocks), mi);
        IF(g, stale, c_not(g, c_eq(g, i_load(g, g_scratch(g), ival(0), JITC_INT64), key)))
        {
            gather(&c, x);
            i_store(g, g_scratch(g), ival(0), JITC_INT64, key);
        }
        if (k->parts)
            parts_unit(&c, c_eq(g, nblocks, one));
        else
            unit(&c, TO_RESULT, epilogue < COST_HEAVY);
    }
}
