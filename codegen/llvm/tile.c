#include "codegen/llvm/tile.h"

#include "codegen/plan/spec.h"

int tile_panels(const Isa *isa, DType t)
{
    return isa->vec_regs == 32 && isa->vec_bytes == 64 && dtype_size(t) <= 4 ? 2 : 1;
}

int tile_rows(const Isa *isa, DType t, int nv)
{
    int per_vec = (int)(LANES * dtype_size(t)) / isa->vec_bytes;
    int acc = isa->vec_bytes == 16 ? 8 : 12;
    if (isa->vec_regs == 32) acc = per_vec == 1 ? TILE_ACC : isa->vec_bytes == 16 ? 20 : 24;
    int mr = acc / (per_vec * nv);
    return mr < 1 ? 1 : mr > TILE_ROWS ? TILE_ROWS : mr;
}

int tile_fetch(const Isa *isa, DType t, int64_t least, int nv)
{
    if (!least) return 0;
    int64_t tiles = max_i64(least * TILE_ROWS / tile_rows(isa, t, nv), 1);
    return (int)max_i64(nv * TILE_KU / tiles, 1);
}

Ptr tile_next(Gen *g, const Tile *p, Ptr from, Ival row, int highest, int nv)
{
    if (p->fetch >= nv * TILE_KU) return from;
    /* This counts the tiles, which have one of two heights, as long as parts are told apart. */
    Ival tile = i_div(g, row, ival(highest > 1 ? highest - 1 : 1));
    /* In quarters of a panel; tiles too many fetch the last part again, which costs next to nothing. */
    Ival part = i_min(g, i_mul(g, tile, ival(p->fetch)), ival(nv * TILE_KU - p->fetch));
    Ival quarter = i_mul(g, i_div(g, p->k, ival(TILE_KU)), ival(PANEL));
    Ival panel = i_mul(g, i_div(g, part, ival(TILE_KU)), p->panel);
    return p_at(g, from, i_add(g, panel, i_mul(g, i_mod(g, part, ival(TILE_KU)), quarter)), p->t);
}

Vec tile_zero(Gen *g, DType t)
{
    return dtype_is_float(t) ? v_f(g, t, LANES, 0) : v_i(g, t, LANES, 0);
}

int tile_highest(const Isa *isa, const Kernel *k, DType t, int nv)
{
    int rows = tile_rows(isa, t, nv);
    return k->rows > 0 && k->rows < rows ? (int)k->rows : rows;
}

int tile_fewer(int rows, int highest)
{
    if (rows == highest && rows > 2) return rows - 1;
    return rows == 1 ? 0 : (rows + 1) / 2;
}

Ival tile_count(Gen *g, Ival rows, int height, int highest)
{
    Ival whole = i_div(g, rows, ival(height));
    if (height < highest || height == 1) return whole;
    Ival tiles = i_div(g, i_add(g, rows, ival(height - 1)), ival(height));
    Ival lower = i_sub(g, i_mul(g, tiles, ival(height)), rows);
    return i_select(g, c_le(g, lower, tiles), i_sub(g, tiles, lower), whole);
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
            Ptr a = p_at(g, p->a, at, p->t), w[TILE_NV];
            for (int j = 0; j < nv; j++)
                w[j] = p_at(g, p->w, i_add(g, i_mul(g, k.i, ival(PANEL)), i_mul(g, ival(j), p->panel)), p->t);
            for (int i = 0; i < p->fetch && !rest; i++) {
                int of_panel = p->fetch < TILE_KU ? p->fetch : TILE_KU;
                Ival line =
                    i_add(g, i_mul(g, k.i, ival(of_panel * PANEL / TILE_KU)), ival(i % of_panel * PANEL));
                g_prefetch(g, p_at(g, p->next, i_add(g, line, i_mul(g, ival(i / of_panel), p->panel)), p->t));
            }
            for (int u = 0; u < ku; u++) {
                /* Else loads of later terms come first, for which there are no registers. */
                if (u) g_keep_order(g);
                Vec column[TILE_NV];
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

void tile_call(Gen *g, const Tile *p, Ptr sums, bool add, int mr, int nv)
{
    char name[96];
    int n = snprintf(name, sizeof name, "tile_%s_%dx%d%s%s", dtype_name(p->t), mr, nv, p->tail ? "_tail" : "",
                     add ? "_add" : "");
    if (p->fetch) n += snprintf(name + n, sizeof name - (size_t)n, "_fetch%d", p->fetch);
    if (p->step) snprintf(name + n, sizeof name - (size_t)n, "_step%lld", (long long)p->step);
    Sub s = g_sub(g, name, "ppiiippii");
    if (s.fresh) {
        Tile q = {.t = p->t,
                  .a = g_param(g, &s, 0).p,
                  .w = g_param(g, &s, 1).p,
                  .line = g_param(g, &s, 2).i,
                  .panel = g_param(g, &s, 3).i,
                  .k = g_param(g, &s, 4).i,
                  .tail = p->tail,
                  .fetch = p->fetch,
                  .next = g_param(g, &s, 6).p,
                  .step = p->step,
                  .taps = g_param(g, &s, 7).i,
                  .tap = g_param(g, &s, 8).i};
        Vec acc[TILE_ACC];
        Ptr to = g_param(g, &s, 5).p;
        for (int i = 0; i < mr * nv; i++)
            acc[i] = add ? v_load_line(g, to, ival(i * LANES), p->t) : tile_zero(g, p->t);
        tile_multiply(g, &q, acc, mr, nv);
        for (int i = 0; i < mr * nv; i++) v_store(g, to, ival(i * LANES), acc[i]);
        g_sub_end(g, &s);
    }
    Ival taps = p->step ? p->taps : ival(0), tap = p->step ? p->tap : ival(0);
    SubArg args[] = {{.p = p->a},
                     {.p = p->w},
                     {.i = p->line},
                     {.i = p->panel},
                     {.i = p->k},
                     {.p = sums},
                     {.p = p->fetch ? p->next : p->w},
                     {.i = taps},
                     {.i = tap}};
    g_call(g, &s, args, COUNT(args));
}
