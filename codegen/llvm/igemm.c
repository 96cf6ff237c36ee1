/* Contractions as an indirect matrix product: rows of the left operand are found through a table of pointers,
 * so that one kernel serves every convolution geometry, and padding is a row of zeros (Dukhan, "The Indirect
 * Convolution Algorithm", 2019). The right operand is packed in panels of 16 outputs.
 *
 * A unit is a block of rows times a block of panels. Per panel the rows go through a register tile of mr x nv
 * vectors. Every output accumulates over k in ascending order whatever the tile, so tiles never change bits.
 *
 * The tile that does most of the work keeps its sums in registers until the epilogue. The tiles of left-over
 * rows, and all tiles before a long epilogue, are functions that every kernel of the module shares: they
 * leave their sums in scratch, where one loop runs the epilogue, which keeps the code small and quick to
 * compile. */
#include "codegen/llvm/emit.h"
#include "codegen/plan/spec.h"

enum { MR_MAX = 10, NV_MAX = 4, ACC_MAX = 24, KU = 4 /* unrolling over k */ };

typedef struct {
    Gen *g;
    const Kernel *k;
    DType t;
    const Value *anchor, *result;
    Ival n, run, taps, panel; /* panel: elements per panel */
    Ptr w, out, sums, table, operand[64];
    Ival batch_out; /* offset of the result in this batch */
    Ival rows;      /* of the table */
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

/* Operand of the epilogue at row c->m, outputs from c->n0. Vectors over n are loaded once per tile. */
static Vec epilogue_operand(Gen *g, void *arg, const Value *v)
{
    Igemm *c = arg;
    const Type *t = &v->type;
    int i = (int)v->index;
    bool per_row = t->rank == 2 && t->dim[0] != 1;
    if (per_row)
        return load_columns(c, c->operand[i], i_add(g, i_add(g, i_mul(g, c->m, c->n), c->n0), c->batch_out));
    if (!c->have_column[i]) {
        bool scalar = t->rank == 0 || t->dim[t->rank - 1] == 1;
        c->column[i] = scalar ? v_splat(g, v_load(g, c->operand[i], ival(0), t->dtype, 1), LANES)
                              : load_columns(c, c->operand[i], c->n0);
        c->have_column[i] = true;
    }
    return c->column[i];
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
        if (!(t->rank == 2 && t->dim[0] != 1)) epilogue_operand(g, c, c->k->body->args[i]);
    }
}

static void finish_row(Igemm *c, Ival m, Vec sum)
{
    Gen *g = c->g;
    c->m = m;
    Vec r = eval_epilogue(g, c->k, c->result, c->anchor, sum, epilogue_operand, c);
    Ival at = i_add(g, i_add(g, i_mul(g, m, c->n), c->n0), c->batch_out);
    if (c->masked)
        v_store_n(g, c->out, at, r, c->mask);
    else
        v_store(g, c->out, at, r);
}

/* From registers. */
static void store_tile(Igemm *c, Ival m0, Ival panel, const Vec *acc, int mr, int nv, bool masked)
{
    for (int j = 0; j < nv; j++) {
        begin_panel(c, i_add(c->g, panel, ival(j)), masked);
        for (int i = 0; i < mr; i++) finish_row(c, i_add(c->g, m0, ival(i)), acc[i * nv + j]);
    }
}

/* One panel from scratch. */
static void store_sums(Igemm *c, Ival m0, Ival panel, Ival j, int mr, int nv, bool masked)
{
    Gen *g = c->g;
    begin_panel(c, panel, masked);
    FOR (g, i, ival(0), ival(mr), ival(1)) {
        Ival at = i_mul(g, i_add(g, i_mul(g, i.i, ival(nv)), j), ival(LANES));
        finish_row(c, i_add(g, m0, i.i), v_load_line(g, c->sums, at, c->t));
    }
}

/* What a register tile multiplies: rows found at table[tap * rows + i], panels at w + j * panel. */
typedef struct {
    Ptr table, w;
    Ival rows, panel, run, taps;
} Product;

/* ku steps of k: one line of each panel, one element of each row. */
static void k_steps(Gen *g, DType t, const Ptr *row, const Ptr *w, Ival kk, int ku, Vec *acc, int mr, int nv)
{
    for (int u = 0; u < ku; u++) {
        Ival ki = i_add(g, kk, ival(u));
        Vec line[NV_MAX];
        for (int j = 0; j < nv; j++) line[j] = v_load_line(g, w[j], i_mul(g, ki, ival(PANEL)), t);
        for (int i = 0; i < mr; i++) {
            Vec x = v_splat(g, v_load(g, row[i], ki, t, 1), LANES);
            for (int j = 0; j < nv; j++) acc[i * nv + j] = v_mac(g, x, line[j], acc[i * nv + j]);
        }
    }
}

static void multiply(Gen *g, DType t, const Product *p, int64_t kmult, Vec *acc, int mr, int nv)
{
    Vec zero = dtype_is_float(t) ? v_f(g, t, LANES, 0) : v_i(g, t, LANES, 0);
    for (int i = 0; i < mr * nv; i++) acc[i] = zero;
    FOR_CARRY (g, tap, ival(0), p->taps, ival(1), acc, mr * nv) {
        Ptr row[MR_MAX], w[NV_MAX];
        for (int i = 0; i < mr; i++)
            row[i] = p_load(g, p->table, i_add(g, i_mul(g, tap.i, p->rows), ival(i)));
        for (int j = 0; j < nv; j++)
            w[j] = p_at(g, p->w,
                        i_add(g, i_mul(g, p->panel, ival(j)), i_mul(g, tap.i, i_mul(g, p->run, ival(PANEL)))),
                        t);
        Ival whole = kmult >= KU ? p->run : i_mul(g, i_div(g, p->run, ival(KU)), ival(KU));
        FOR_CARRY (g, kk, ival(0), whole, ival(KU), acc, mr * nv)
            k_steps(g, t, row, w, kk.i, KU, acc, mr, nv);
        if (kmult < KU)
            FOR_CARRY (g, kr, whole, p->run, ival(1), acc, mr * nv)
                k_steps(g, t, row, w, kr.i, 1, acc, mr, nv);
    }
}

/* The tile as a function of the module: sums to scratch. */
static void call_tile(Igemm *c, const Product *p, int mr, int nv)
{
    Gen *g = c->g;
    char name[64];
    snprintf(name, sizeof name, "tile_%s_%dx%d_%d", dtype_name(c->t), mr, nv, c->k->kmult >= KU);
    Sub s = g_sub(g, name, "ppiiiip");
    if (s.fresh) {
        Product q = {g_param(g, &s, 0).p, g_param(g, &s, 1).p, g_param(g, &s, 2).i,
                     g_param(g, &s, 3).i, g_param(g, &s, 4).i, g_param(g, &s, 5).i};
        Vec acc[ACC_MAX];
        multiply(g, c->t, &q, c->k->kmult, acc, mr, nv);
        for (int i = 0; i < mr * nv; i++) v_store(g, g_param(g, &s, 6).p, ival(i * LANES), acc[i]);
        g_sub_end(g, &s);
    }
    SubArg args[] = {{.p = p->table}, {.p = p->w},    {.i = p->rows}, {.i = p->panel},
                     {.i = p->run},   {.i = p->taps}, {.p = c->sums}};
    g_call(g, &s, args, COUNT(args));
}

/* mr rows from m0 (row `first` of the table) by nv panels. */
static void tile(Igemm *c, Ival m0, Ival first, Ival panel, int mr, int nv, bool in_registers)
{
    Gen *g = c->g;
    Product p = {p_entry(g, c->table, first),
                 p_at(g, c->w, i_mul(g, panel, c->panel), c->t),
                 c->rows,
                 c->panel,
                 c->run,
                 c->taps};
    if (!in_registers) {
        call_tile(c, &p, mr, nv);
        FOR (g, j, ival(0), ival(nv), ival(1)) {
            Ival at = i_add(g, panel, j.i);
            Cond full =
                c->k->ntail ? c_le(g, i_mul(g, i_add(g, at, ival(1)), ival(PANEL)), c->n) : c_const(true);
            IF(g, whole, full) store_sums(c, m0, at, j.i, mr, nv, false);
            IF(g, part, c_not(g, full)) store_sums(c, m0, at, j.i, mr, nv, true);
        }
        return;
    }
    Vec acc[ACC_MAX];
    multiply(g, c->t, &p, c->k->kmult, acc, mr, nv);
    Cond full = c->k->ntail ? c_le(g, i_mul(g, i_add(g, panel, ival(nv)), ival(PANEL)), c->n) : c_const(true);
    IF(g, whole, full) store_tile(c, m0, panel, acc, mr, nv, false);
    IF(g, part, c_not(g, full)) store_tile(c, m0, panel, acc, mr, nv, true);
}

/* Panels [p0, p1) for the rows [m0, m1) in steps of mr; m1 - m0 is a multiple of mr. */
static void rows(Igemm *c, Ival block, Ival m0, Ival m1, Ival p0, Ival p1, int mr, int nv, bool in_registers)
{
    Gen *g = c->g;
    Ival even = i_add(g, p0, i_mul(g, i_div(g, i_sub(g, p1, p0), ival(nv)), ival(nv)));
    FOR (g, p, p0, even, ival(nv))
        FOR (g, m, m0, m1, ival(mr)) tile(c, m.i, i_sub(g, m.i, block), p.i, mr, nv, in_registers);
    if (nv == 1) return;
    FOR (g, p, even, p1, ival(1))
        FOR (g, m, m0, m1, ival(mr)) tile(c, m.i, i_sub(g, m.i, block), p.i, mr, 1, false);
}

/* Pointers of rows [m0, m1) for every tap. */
static void build_table(Igemm *c, Ptr x, Ptr zero, Ival m0, Ival m1)
{
    Gen *g = c->g;
    Ival oh = g_dim(g, IG_OH), ow = g_dim(g, IG_OW), tw = g_dim(g, IG_TAPS_W);
    FOR (g, m, m0, m1, ival(1)) {
        Ival line = i_div(g, m.i, ow), col = i_mod(g, m.i, ow), image = i_div(g, line, oh);
        Ival h0 = i_sub(g, i_mul(g, i_mod(g, line, oh), g_dim(g, IG_SH)), g_dim(g, IG_PH));
        Ival w0 = i_sub(g, i_mul(g, col, g_dim(g, IG_SW)), g_dim(g, IG_PW));
        Ptr base = p_at(g, x, i_mul(g, image, g_dim(g, IG_XN)), c->t);
        FOR (g, th, ival(0), g_dim(g, IG_TAPS_H), ival(1))
            FOR (g, tx, ival(0), tw, ival(1)) {
                Ival ih = i_add(g, h0, i_mul(g, th.i, g_dim(g, IG_DH)));
                Ival iw = i_add(g, w0, i_mul(g, tx.i, g_dim(g, IG_DW)));
                Cond in = c_and(g, c_ult(g, ih, g_dim(g, IG_H)), c_ult(g, iw, g_dim(g, IG_W)));
                Ival at = i_add(g, i_mul(g, ih, g_dim(g, IG_XH)), i_mul(g, iw, g_dim(g, IG_XW)));
                Ptr p = p_select(g, in, p_at(g, base, at, c->t), zero);
                Ival tap = i_add(g, i_mul(g, th.i, tw), tx.i);
                p_store(g, c->table, i_add(g, i_mul(g, tap, c->rows), i_sub(g, m.i, m0)), p);
            }
    }
}

/* Rows of the main tile: what fits the registers beside one line per panel and a broadcast. */
static int main_rows(const Isa *isa, DType t, int nv)
{
    int per_vec = (int)(LANES * dtype_size(t)) / isa->vec_bytes;
    int acc = isa->vec_regs == 32 ? 24 : isa->vec_bytes == 16 ? 8 : 12;
    int mr = acc / (per_vec * nv);
    return mr < 1 ? 1 : mr > MR_MAX ? MR_MAX : mr;
}

void emit_igemm(Gen *g, const Kernel *k)
{
    const Op *yield = ir_terminator(k->body);
    Igemm c = {.g = g, .k = k, .t = k->body->args[0]->type.dtype, .result = yield->in[0]};
    ir_each_op (op, k->body)
        if (op->def->kind == KIND_CONTRACT) c.anchor = op->out[0];
    if (!c.anchor || k->nin > 64) g_fail(g, "a contraction kernel without a contraction");
    c.n = g_dim(g, IG_N);
    c.run = g_dim(g, IG_RUN);
    c.taps = i_mul(g, g_dim(g, IG_TAPS_H), g_dim(g, IG_TAPS_W));
    c.panel = i_mul(g, i_mul(g, c.taps, c.run), ival(PANEL));
    Ival mu = g_dim(g, IG_MU), pu = g_dim(g, IG_PU), m_all = g_dim(g, IG_M), one = ival(1);
    c.rows = i_mul(g, i_div(g, i_add(g, mu, ival(15)), ival(16)), ival(16));
    c.sums = p_bytes(g, g_scratch(g), ival(64));
    c.table = p_bytes(g, c.sums, ival(IG_SUMS_BYTES));
    int epilogue = 0;
    ir_each_op (op, k->body) epilogue += op->def->kind == KIND_MAP ? op_cost(op->def) : 0;
    Ptr zero = p_bytes(g, c.table, i_mul(g, i_mul(g, c.rows, c.taps), ival(8)));
    Vec z = dtype_is_float(c.t) ? v_f(g, c.t, 1, 0) : v_i(g, c.t, 1, 0);
    FOR (g, i, ival(0), c.run, one) v_store(g, zero, i.i, z);
    i_store(g, g_scratch(g), ival(0), JITC_INT64, ival(-1)); /* which block the table describes */

    Ival panels = i_div(g, i_add(g, c.n, ival(PANEL - 1)), ival(PANEL));
    Ival mblocks = i_div(g, i_sub(g, i_add(g, m_all, mu), one), mu);
    Ival nblocks = i_div(g, i_sub(g, i_add(g, panels, pu), one), pu);
    Ival per_batch = i_mul(g, mblocks, nblocks);
    Cond n_outer = c_eq(g, g_dim(g, IG_ORDER), one);
    int nv = g_isa(g)->vec_bytes == 64 && dtype_size(c.t) <= 4 ? 2 : 1, mr = main_rows(g_isa(g), c.t, nv);
    int single = main_rows(g_isa(g), c.t, 1) < NV_MAX ? main_rows(g_isa(g), c.t, 1) : NV_MAX;

    FOR (g, u, g_unit0(g), g_unit1(g), one) {
        Ival batch = i_div(g, u.i, per_batch), r = i_mod(g, u.i, per_batch);
        Ival mi = i_select(g, n_outer, i_mod(g, r, mblocks), i_div(g, r, nblocks));
        Ival ni = i_select(g, n_outer, i_div(g, r, mblocks), i_mod(g, r, nblocks));
        Ival m0 = i_mul(g, mi, mu), m1 = i_min(g, i_add(g, m0, mu), m_all);
        Ival p0 = i_mul(g, ni, pu), p1 = i_min(g, i_add(g, p0, pu), panels);
        Ival key = i_add(g, i_mul(g, batch, mblocks), mi);
        IF(g, stale, c_not(g, c_eq(g, i_load(g, g_scratch(g), ival(0), JITC_INT64), key)))
        {
            Ptr x = p_at(g, g_ptr(g, 0), i_mul(g, batch, g_dim(g, IG_BX)), c.t);
            build_table(&c, x, zero, m0, m1);
            i_store(g, g_scratch(g), ival(0), JITC_INT64, key);
        }
        c.w = p_at(g, g_ptr(g, 1), i_mul(g, batch, g_dim(g, IG_BW)), c.t);
        c.batch_out = i_mul(g, batch, g_dim(g, IG_BO));
        for (int i = 2; i < k->nin; i++) c.operand[i] = g_ptr(g, i);
        c.out = g_ptr(g, k->nin);

        Ival at = i_add(g, m0, i_mul(g, i_div(g, i_sub(g, m1, m0), ival(mr)), ival(mr)));
        rows(&c, m0, m0, at, p0, p1, mr, nv, epilogue < COST_HEAVY);
        /* Remaining rows: half a tile, then single rows over several panels, so that the multipliers stay
         * busy. */
        const int rung[] = {mr / 2 > 1 ? mr / 2 : 1, 1};
        for (size_t i = rung[0] == 1; i < COUNT(rung); i++) {
            Ival next = i_add(g, at, i_mul(g, i_div(g, i_sub(g, m1, at), ival(rung[i])), ival(rung[i])));
            rows(&c, m0, at, next, p0, p1, rung[i], rung[i] == 1 ? single : nv, false);
            at = next;
        }
    }
}
