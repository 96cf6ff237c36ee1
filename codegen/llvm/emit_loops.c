/* Kernels of loops: for each unit a row of the result (or FLAT_UNIT elements of a flat one), evaluated in
 * vectors along its last dim where that is possible, else element by element. */
#include "codegen/llvm/access.h"
#include "codegen/plan/spec.h"

enum { BODIES_MAX = 24, ASSUMED_MAX = 8, HEAVY = 24 };

/* Results of one shape, computed together. */
typedef struct {
    int n;
    Value *v[YIELDS];
    Ptr out[YIELDS];
    Ival pitch[YIELDS]; /* elements from row to row */
    Type t;
    Ival size;   /* elements along the run */
    Ival row;    /* number of the row */
    Ival lo, hi; /* part of the row that the unit covers */
    int nv;
} Results;

static bool is_panel(const Type *t)
{
    return t->layout == LAYOUT_PANEL || t->layout == LAYOUT_FILTER;
}

static void store(Eval *e, Results *r, int i, const Vec *v)
{
    Gen *g = e->g;
    const Lanes *l = &e->lane;
    const Type *t = &r->v[i]->type;
    for (int j = 0; j < l->nv; j++) {
        Ival o = i_add(g, l->o, ival((int64_t)j * LANES));
        if (is_panel(t)) {
            Ival k = t->layout == LAYOUT_PANEL ? dim_divisor(e, t->dim[t->rank - 2])
                                               : ix_max(e, dims_product(e, t, 0, t->rank - 1), ival(1));
            Ival panels = ix_div(e, ix_add(e, r->size, ival(LANES - 1)), ival(LANES));
            Ival kk = ix_mod(e, r->row, k), batch = ix_div(e, r->row, k);
            Ival panel = i_add(g, i_mul(g, batch, panels), i_div(g, o, ival(LANES)));
            Ival at = i_mul(g, i_add(g, i_mul(g, panel, k), kk), ival(LANES));
            Vec x = l->partial ? v_select(g, l->mask, v[j], zero_vec(g, v[j].dtype, LANES)) : v[j];
            v_store(g, r->out[i], l->lanes == 1 ? i_add(g, at, i_mod(g, o, ival(LANES))) : at, x);
            continue;
        }
        Ival at = i_add(g, ix_mul(e, r->row, r->pitch[i]), o);
        if (t->layout == LAYOUT_BLOCKED) at = i_add(g, ix_mul(e, r->row, ival(LANES)), block_offset(e, t, o));
        if (l->partial)
            v_store_n(g, r->out[i], at, v[j], l->mask);
        else
            v_store(g, r->out[i], at, v[j]);
    }
}

static void evaluate(Eval *e, Results *r, const Index *x)
{
    Scope s = scope_enter(e);
    Vec v[YIELDS][NV_MAX];
    for (int i = 0; i < r->n; i++) {
        int have = eval_at(e, r->v[i], x, v[i]);
        for (int j = have; j < e->lane.nv; j++) v[i][j] = v[i][0];
    }
    for (int i = 0; i < r->n; i++) store(e, r, i, v[i]);
    scope_leave(e, s);
}

static void set_lanes(Eval *e, Ival o, int lanes, int nv)
{
    e->lane.o = o;
    e->lane.lanes = lanes;
    e->lane.nv = nv;
    e->lane.id = ++e->last_lane;
    e->lane.partial = false;
}

static void one_by_one(Eval *e, Results *r, const Index *x, Ival lo, Ival hi)
{
    FOR (e->g, o, lo, hi, ival(1)) {
        set_lanes(e, o.i, 1, 1);
        evaluate(e, r, x);
    }
}

/* Masks are cheap for 4- and 8-byte elements where the target has them. */
static bool masks_well(Gen *g, const Results *r)
{
    bool ok = g_isa(g)->masks;
    for (int i = 0; i < r->n; i++) ok = ok && dtype_size(carrier(r->v[i]->type.dtype)) >= 4;
    return ok;
}

static void tail(Eval *e, Results *r, const Index *x, Ival lo, Ival hi, bool masked)
{
    Gen *g = e->g;
    if (!masked && !is_panel(&r->t)) {
        one_by_one(e, r, x, lo, hi);
        return;
    }
    IF(g, some, c_lt(g, lo, hi))
    {
        Scope s = scope_enter(e);
        set_lanes(e, lo, LANES, 1);
        e->lane.partial = true;
        e->lane.count = i_sub(g, hi, lo);
        e->lane.mask = v_first(g, e->lane.count);
        evaluate(e, r, x);
        scope_leave(e, s);
    }
}

/* Elements [lo, hi) of the row, one case for every concat and pad along it. */
static void segment(Eval *e, Results *r, const Index *x, Ival lo, Ival hi)
{
    Gen *g = e->g;
    bool vectors = true;
    e->lane.lanes = LANES;
    for (int i = 0; i < r->n; i++) vectors = vectors && vectorisable(e, r->v[i], x);
    bool whole_row = lo.konst && lo.k == 0 && (!hi.konst || hi.k == r->size.k);
    if (is_panel(&r->t) && !whole_row) vectors = false;
    bool known = lo.konst && hi.konst;
    int64_t len = known ? hi.k - lo.k : 0;
    if (!vectors || (known && len < 4 && !is_panel(&r->t))) {
        one_by_one(e, r, x, lo, hi);
        return;
    }
    int64_t wide = (int64_t)r->nv * LANES;
    Ival count = i_max(g, ival(0), i_sub(g, hi, lo));
    Ival main_end = i_add(g, lo, i_mul(g, i_div(g, count, ival(wide)), ival(wide)));
    Ival whole = i_add(g, lo, i_mul(g, i_div(g, count, ival(LANES)), ival(LANES)));
    FOR (g, o, lo, main_end, ival(wide)) {
        set_lanes(e, o.i, LANES, r->nv);
        evaluate(e, r, x);
    }
    if (r->nv > 1)
        FOR (g, o, main_end, whole, ival(LANES)) {
            set_lanes(e, o.i, LANES, 1);
            evaluate(e, r, x);
        }
    if (known && len >= LANES && len % LANES &&
        !is_panel(&r->t)) { /* the last vector once more, ending at hi */
        set_lanes(e, ival(hi.k - LANES), LANES, 1);
        evaluate(e, r, x);
        return;
    }
    tail(e, r, x, whole, hi, masks_well(g, r));
}

static void row(Eval *e, Results *r, const Index *x)
{
    Gen *g = e->g;
    Index ahead = *x;
    if (x->vd >= 0) {
        ahead.vd = -1;
        ahead.unknown = 1u << x->vd;
    }
    for (int i = 0; i < r->n; i++) prepare(e, r->v[i], &ahead);
    if (x->vd < 0) {
        set_lanes(e, ival(0), 1, 1);
        evaluate(e, r, x);
        return;
    }
    Cuts cut;
    find_cuts(e, r->v, r->n, x, r->size, &cut);
    if (is_panel(&r->t) && !one_range(&cut)) g_fail(g, "packing of something concatenated or padded");
    if (cut.at_run) {
        e->lane.open = true;
        FOR (g, o, r->lo, r->hi, ival(1)) {
            Scope s = scope_enter(e);
            Ival end = i_min(g, next_cut(e, &cut, o.i), r->hi);
            segment(e, r, x, o.i, end);
            scope_leave(e, s);
            o.step = i_sub(g, end, o.i);
        }
        return;
    }
    for (int c = 0; c + 1 < cut.cuts; c++) {
        e->lane.lo = cut.at[c].k, e->lane.hi = cut.at[c + 1].k;
        e->lane.open = !cut.at[c + 1].konst;
        segment(e, r, x, i_max(g, r->lo, cut.at[c]), i_min(g, r->hi, cut.at[c + 1]));
    }
}

/* -- Pads and concats along other dims: one branch per row, not per vector -------------------------- */
typedef struct {
    const Op *op;
    Index x;
} Choice;

static bool find_choice(Eval *e, const Value *v, const Index *x, void *arg)
{
    Choice *c = arg;
    const Op *op = v->def;
    if (c->op || !op) return false;
    if (op->code == OP_pad) {
        int which = assumed_piece(e, op, x);
        if (which >= 0) return which == 1;
        for (int d = 0; d < v->type.rank; d++) {
            if (!padded_dim(op, d) || d == x->vd) continue;
            if (x->unknown >> d & 1) return false;
            if (!x->i[d].konst) {
                *c = (Choice){op, *x};
                return false;
            }
        }
        return true;
    }
    if (op->code == OP_mirror_pad && e->symbolic && padded_dim(op, x->vd)) return false;
    if (op->code == OP_concat) {
        int axis = (int)attr_i(op, "axis");
        if (axis == x->vd || assumed_piece(e, op, x) >= 0) return true;
        if (!(x->unknown >> axis & 1)) *c = (Choice){op, *x};
        return false;
    }
    return !(op->def->kind == KIND_REDUCE || op->def->kind == KIND_WINDOW || op->def->kind == KIND_CONTRACT);
}

static void choices(Eval *e, Results *r, const Index *x, int budget)
{
    Gen *g = e->g;
    Choice c = {0};
    e->lane.o = ival(0);
    e->lane.lo = 0, e->lane.hi = r->size.k;
    e->lane.open = !r->size.konst;
    if (e->assumed.n < ASSUMED_MAX)
        for (int i = 0; i < r->n; i++) walk_values(e, r->v[i], x, find_choice, &c);
    int ways = !c.op ? 0 : c.op->code == OP_pad ? 2 : c.op->nin;
    if (!c.op || ways > budget) {
        row(e, r, x);
        return;
    }
    for (int w = 0; w < ways; w++) {
        Cond is = c.op->code == OP_concat ? inside_piece(e, c.op, w, c.x.i[attr_i(c.op, "axis")])
                  : w                     ? inside_pad(e, c.op, &c.x)
                                          : c_not(g, inside_pad(e, c.op, &c.x));
        IF(g, way, is)
        {
            Scope s = scope_enter(e);
            vec_push(e->job, &e->assumed, (Assumption){c.op, c.x, w});
            choices(e, r, x, budget / ways);
            e->assumed.n--;
            scope_leave(e, s);
        }
    }
}

/* -- Units ------------------------------------------------------------------------------------------ */
static int vectors_per_step(Gen *g, const Kernel *k, Ival n)
{
    int most = g_isa(g)->vec_bytes * g_isa(g)->vec_regs >= 512 ? 4 : 2, heavy = 0;
    for (const Op *op = k->body->first; op; op = op->next) heavy += op_cost(op->def) >= COST_HEAVY;
    if (heavy) most = heavy == 1 ? 2 : 1;
    while (most > 1 && n.konst && n.k < (int64_t)most * LANES) most /= 2;
    return most;
}

/* Row u of the results; all of a flat result's elements lo to hi. */
static void unit(Eval *e, Results *r, Ival u)
{
    Scope s = scope_enter(e);
    Index x = outer_index(e, &r->t, u);
    r->row = u;
    if (r->t.rank > 0 && (!r->size.konst || r->size.k > 1)) {
        x.vd = r->t.rank - 1;
        x.vs = 1;
        x.vbase = ival(0);
    }
    set_lanes(e, ival(0), 1, 1);
    choices(e, r, &x, BODIES_MAX);
    scope_leave(e, s);
}

static bool same_dims(const Type *a, const Type *b)
{
    return a->rank == b->rank && a->layout == b->layout && memcmp(a->dim, b->dim, a->rank * sizeof(Dim)) == 0;
}

void emit_loops(Gen *g, const Kernel *k)
{
    if (emit_scan_kernel(g, k) || emit_row_kernel(g, k) || emit_transpose_kernel(g, k)) return;
    const Op *yield = ir_terminator(k->body);
    Eval *e = job_new(k->m->job, Eval);
    eval_begin(e, g, k);
    Results *group = job_array(k->m->job, Results, yield->nin);
    int groups = 0;
    for (int i = 0; i < yield->nin; i++) {
        const Type *t = &yield->in[i]->type;
        int j = 0;
        while (j < groups && !same_dims(&group[j].t, t)) j++;
        Results *r = &group[j];
        if (j == groups) {
            groups++;
            r->t = *t;
            r->size = t->rank ? dim_ival(e, t->dim[t->rank - 1]) : ival(1);
            r->nv = vectors_per_step(g, k, r->size);
        }
        if (r->n == YIELDS) g_fail(g, "a kernel of more than %d results", YIELDS);
        r->v[r->n] = yield->in[i];
        r->pitch[r->n] = k->pitch ? g_dim(g, k->nin + i) : r->size;
        r->out[r->n++] = g_ptr(g, k->nin + i);
    }
    for (int i = 0; i < yield->nin; i++) { /* what no result's index changes: once per call */
        Index all = index_zero();
        all.unknown = (1u << yield->in[i]->type.rank) - 1;
        prepare(e, yield->in[i], &all);
    }
    const Type *first = &group[0].t;
    bool flat = spec_is_flat(k->body);
    Ival units = flat ? ix_div(e, ix_add(e, dims_product(e, first, 0, first->rank), ival(FLAT_UNIT - 1)),
                               ival(FLAT_UNIT))
                 : first->rank >= 2 ? dims_product(e, first, 0, first->rank - 1)
                                    : ival(1);
    FOR (g, u, g_unit0(g), g_unit1(g), ival(1)) {
        for (int i = 0; i < groups; i++) {
            Results *r = &group[i];
            Ival rows = dims_product(e, &r->t, 0, r->t.rank ? r->t.rank - 1 : 0);
            r->lo = ival(0), r->hi = r->size;
            if (i == 0 && (flat || r->t.rank < 2)) {
                if (flat && !(units.konst && units.k <= 1)) {
                    r->lo = i_mul(g, u.i, ival(FLAT_UNIT));
                    r->hi = i_min(g, i_add(g, r->lo, ival(FLAT_UNIT)), r->size);
                }
                unit(e, r, ival(0));
            } else if (rows.konst ? units.konst && rows.k == units.k : rows.v == units.v) {
                unit(e, r, u.i);
            } else { /* its rows dealt evenly to the units of the first result */
                Ival many = ix_max(e, units, ival(1)), next = i_add(g, u.i, ival(1));
                Ival from = i_div(g, i_mul(g, u.i, rows), many), to = i_div(g, i_mul(g, next, rows), many);
                FOR (g, q, from, to, ival(1)) unit(e, r, q.i);
            }
        }
    }
}
