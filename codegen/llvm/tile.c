#include "codegen/llvm/tile.h"

#include "codegen/plan/spec.h"

/* Rows that the registers hold beside a line of each panel and a broadcast. */
static int tile_rows(const Isa *isa, DType t, int nv)
{
    int per_vec = (int)(LANES * dtype_size(t)) / isa->vec_bytes;
    int acc = isa->vec_bytes == 16 ? 8 : 12;
    if (isa->vec_regs == 32) acc = per_vec == 1 ? 31 - nv : isa->vec_bytes == 16 ? 20 : 24;
    int mr = acc / (per_vec * nv);
    return mr < 1 ? 1 : mr > TILE_ROWS ? TILE_ROWS : mr;
}

static int widest(const Kernel *k)
{
    int nv = TILE_PANELS;
    while (nv > 1 && !(k->widths >> (nv - 1) & 1)) nv--;
    return nv;
}

int tile_panels(const Isa *isa, const Kernel *k, DType t)
{
    int most = widest(k), single = tile_rows(isa, t, 1);
    if (k->rows == 1) return most < single ? most : single;
    return isa->vec_regs == 32 && isa->vec_bytes == 64 && dtype_size(t) <= 4 ? most : 1;
}

int tile_highest(const Isa *isa, const Kernel *k, DType t)
{
    int rows = tile_rows(isa, t, tile_panels(isa, k, t));
    return k->rows > 0 && k->rows < rows ? (int)k->rows : rows;
}

bool tile_has_width(const Isa *isa, const Kernel *k, DType t, int nv)
{
    int most = tile_panels(isa, k, t);
    return nv == most || (nv < most && (most < widest(k) || k->widths >> (nv - 1) & 1));
}

int tile_fetch(const Isa *isa, const Kernel *k, DType t)
{
    if (!k->far) return 0;
    int64_t rows = k->rows ? k->rows : TILE_ROWS;
    int64_t tiles = max_i64(k->far * rows / tile_highest(isa, k, t), 1);
    int quarters = tile_panels(isa, k, t) * TILE_KU, fetch = (int)ceil_div(quarters, tiles);
    if (!k->kcut) return fetch;
    int even = 1; /* a tile's part must not go from within a panel into another one */
    while (even < fetch) even *= 2;
    return even < quarters ? even : quarters;
}

Ptr tile_next(Gen *g, const Kernel *k, const Tile *p, Ptr from, Ival row)
{
    int quarters = tile_panels(g_isa(g), k, p->t) * TILE_KU, highest = tile_highest(g_isa(g), k, p->t);
    if (p->fetch >= quarters) return from;
    /* This counts the tiles, which have one of two heights, as long as parts are told apart. */
    Ival tile = i_div(g, row, ival(highest > 1 ? highest - 1 : 1));
    /* In quarters of a panel; tiles too many fetch the last part again, which costs next to nothing. */
    Ival part = i_min(g, i_mul(g, tile, ival(p->fetch)), ival(quarters - p->fetch));
    Ival quarter = i_mul(g, i_div(g, p->k, ival(TILE_KU)), ival(PANEL));
    if (!p->apart) return p_at(g, from, i_mul(g, part, quarter), p->t);
    Ival panel = i_mul(g, i_div(g, part, ival(TILE_KU)), p->panel);
    return p_at(g, from, i_add(g, panel, i_mul(g, i_mod(g, part, ival(TILE_KU)), quarter)), p->t);
}

Vec tile_zero(Gen *g, DType t)
{
    return dtype_is_float(t) ? v_f(g, t, LANES, 0) : v_i(g, t, LANES, 0);
}

int tile_fewer(int rows, int highest)
{
    if (rows == highest && rows > 2) return rows - 1;
    return rows == 1 ? 0 : (rows + 1) / 2;
}

Ival tile_count(Gen *g, Ival rows, int height, int highest)
{
    if (height < highest || height == 1) return i_div(g, rows, ival(height));
    Ival tiles = i_div(g, i_add(g, rows, ival(height - 1)), ival(height));
    Ival lower = i_sub(g, i_mul(g, tiles, ival(height)), rows);
    return i_max(g, i_sub(g, tiles, lower), ival(0));
}

/* The sums over k of one tap, or of all lines. */
static void multiply(Gen *g, const Tile *p, Vec *acc, int mr, int nv)
{
    Ival whole = i_mul(g, i_div(g, p->k, ival(TILE_KU)), ival(TILE_KU));
    int64_t row = p->step ? p->step : LANES;
    for (int rest = 0; rest < (p->tail ? 2 : 1); rest++) {
        int ku = rest ? 1 : TILE_KU;
        FOR_CARRY (g, k, rest ? whole : ival(0), rest ? p->k : whole, ival(ku), acc, mr * nv) {
            Ival at = k.i;
            if (!p->step) {
                Ival line = i_mul(g, i_div(g, k.i, ival(LANES)), p->line);
                at = i_add(g, line, i_mod(g, k.i, ival(LANES)));
            }
            Ptr a = p_at(g, p->a, at, p->t), w[TILE_PANELS];
            for (int j = 0; j < nv; j++)
                w[j] = p_at(g, p->w, i_add(g, i_mul(g, k.i, ival(PANEL)), i_mul(g, ival(j), p->panel)), p->t);
            for (int i = 0; i < p->fetch && !rest; i++) {
                int of_panel = p->apart && p->fetch > TILE_KU ? TILE_KU : p->fetch;
                Ival line =
                    i_add(g, i_mul(g, k.i, ival(of_panel * PANEL / TILE_KU)), ival(i % of_panel * PANEL));
                g_prefetch(g, p_at(g, p->next, i_add(g, line, i_mul(g, ival(i / of_panel), p->panel)), p->t));
            }
            for (int u = 0; u < ku; u++) {
                /* Else loads of later terms come first, for which there are no registers. */
                if (u) g_keep_order(g);
                Vec column[TILE_PANELS];
                for (int j = 0; j < nv; j++) column[j] = v_load_line(g, w[j], ival(u * PANEL), p->t);
                for (int i = 0; i < mr; i++) {
                    Vec x = v_splat(g, v_load(g, a, ival(i * row + u), p->t, 1), LANES);
                    for (int j = 0; j < nv; j++) acc[i * nv + j] = v_mac(g, x, column[j], acc[i * nv + j]);
                }
            }
        }
    }
}

void tile_multiply(Gen *g, const Tile *p, Vec *acc, int mr, int nv)
{
    if (!p->step) {
        multiply(g, p, acc, mr, nv);
        return;
    }
    FOR_CARRY (g, t, ival(0), p->taps, ival(1), acc, mr * nv) {
        Tile one = *p;
        one.a = p_at(g, p->a, i_mul(g, t.i, p->tap), p->t);
        one.w = p_at(g, p->w, i_mul(g, t.i, i_mul(g, p->k, ival(PANEL))), p->t);
        multiply(g, &one, acc, mr, nv);
    }
}

/* -- Functions ------------------------------------------------------------------------------------------- */
enum { TILE_PARAMS = 9 };

static const char *tile_name(Gen *g, const char *what, const Tile *p, bool add, int mr, int nv)
{
    const char *step = p->step ? job_printf(g_job(g), "_step%lld", (long long)p->step) : "",
               *fetch =
                   p->fetch ? job_printf(g_job(g), "_fetch%d%s", p->fetch, p->apart ? "_apart" : "") : "";
    return job_printf(g_job(g), "%s_%s_%dx%d%s%s%s%s", what, dtype_name(p->t), mr, nv, p->tail ? "_tail" : "",
                      add ? "_add" : "", fetch, step);
}

static Tile tile_params(Gen *g, const Sub *s, const Tile *p)
{
    return (Tile){.t = p->t,
                  .a = g_param(g, s, 0).p,
                  .w = g_param(g, s, 1).p,
                  .line = g_param(g, s, 2).i,
                  .panel = g_param(g, s, 3).i,
                  .k = g_param(g, s, 4).i,
                  .tail = p->tail,
                  .fetch = p->fetch,
                  .next = g_param(g, s, 6).p,
                  .apart = p->apart,
                  .step = p->step,
                  .taps = g_param(g, s, 7).i,
                  .tap = g_param(g, s, 8).i};
}

static void tile_args(const Tile *p, Ptr sums, SubArg *arg)
{
    Ival taps = p->step ? p->taps : ival(0), tap = p->step ? p->tap : ival(0);
    const SubArg all[TILE_PARAMS] = {{.p = p->a},
                                     {.p = p->w},
                                     {.i = p->line},
                                     {.i = p->panel},
                                     {.i = p->k},
                                     {.p = sums},
                                     {.p = p->fetch ? p->next : p->w},
                                     {.i = taps},
                                     {.i = tap}};
    memcpy(arg, all, sizeof all);
}

void tile_call(Gen *g, const Tile *p, Ptr sums, bool add, int mr, int nv)
{
    Sub s = g_sub(g, tile_name(g, "tile", p, add, mr, nv), "ppiiippii");
    if (s.fresh) {
        Tile q = tile_params(g, &s, p);
        Vec acc[TILE_ACC];
        Ptr to = g_param(g, &s, 5).p;
        for (int i = 0; i < mr * nv; i++)
            acc[i] = add ? v_load_line(g, to, ival(i * LANES), p->t) : tile_zero(g, p->t);
        tile_multiply(g, &q, acc, mr, nv);
        for (int i = 0; i < mr * nv; i++) v_store(g, to, ival(i * LANES), acc[i]);
        g_sub_end(g, &s);
    }
    SubArg args[TILE_PARAMS];
    tile_args(p, sums, args);
    g_call(g, &s, args, COUNT(args));
}

/* Left-over rows: smaller and smaller tiles. */
static void left_over(Gen *g, const Tile *p, Ptr sums, bool add, Ival rows, int below, int highest, int nv)
{
    Ival at = ival(0);
    for (int mr = tile_fewer(below, highest); mr; mr = tile_fewer(mr, highest)) {
        Ival next = i_add(g, at, i_mul(g, i_div(g, i_sub(g, rows, at), ival(mr)), ival(mr)));
        FOR (g, i, at, next, ival(mr)) {
            Tile q = *p;
            if (mr == 1) q.fetch = 0;
            q.a = p_at(g, p->a, i_mul(g, i.i, ival(p->step ? p->step : LANES)), p->t);
            tile_call(g, &q, p_at(g, sums, i_mul(g, i.i, ival((int64_t)nv * LANES)), p->t), add, mr, nv);
        }
        at = next;
    }
}

static void any_tile(Gen *g, const Kernel *k, const Tile *p, Ptr sums, bool add, Ival mr, Ival nv)
{
    const Isa *isa = g_isa(g);
    int panels = tile_panels(isa, k, p->t), highest = tile_highest(isa, k, p->t);
    int lower = tile_fewer(highest, highest);
    for (int w = panels; w > 0; w--) {
        if (!tile_has_width(isa, k, p->t, w)) continue;
        IF(g, width, c_eq(g, nv, ival(w)))
        {
            Tile q = *p;
            if (w + 1 < panels) q.fetch = 0;
            IF(g, whole, c_eq(g, mr, ival(highest))) tile_call(g, &q, sums, add, highest, w);
            if (lower) IF(g, less, c_eq(g, mr, ival(lower))) tile_call(g, &q, sums, add, lower, w);
            if (lower > 1)
                IF(g, rest, c_lt(g, mr, ival(lower))) left_over(g, &q, sums, add, mr, lower, highest, w);
        }
    }
}

void tiles_call(Gen *g, const Kernel *k, const Tile *p, Ptr sums, bool add, Ival mr, Ival nv)
{
    const Isa *isa = g_isa(g);
    int panels = tile_panels(isa, k, p->t), highest = tile_highest(isa, k, p->t), widths = 0;
    for (int w = 1; w <= panels; w++) widths |= tile_has_width(isa, k, p->t, w) << (w - 1);
    Sub s = g_sub(g, tile_name(g, job_printf(g_job(g), "tiles%d", widths), p, add, highest, panels),
                  "ppiiippiiii");
    if (s.fresh) {
        Tile q = tile_params(g, &s, p);
        any_tile(g, k, &q, g_param(g, &s, 5).p, add, g_param(g, &s, 9).i, g_param(g, &s, 10).i);
        g_sub_end(g, &s);
    }
    SubArg args[TILE_PARAMS + 2] = {[TILE_PARAMS] = {.i = mr}, {.i = nv}};
    tile_args(p, sums, args);
    g_call(g, &s, args, COUNT(args));
}
