/* Reductions at an index. When the operand's last dim is reduced, 16 lanes (times the streams of a step)
 * accumulate in order and meet in one fixed tree, so the bits do not depend on the target or on how work is
 * split. */
#include "codegen/llvm/access.h"

#include <float.h>
#include <math.h>

enum { STREAMS = 4 };

static void step(Eval *e, const RunLoop *r, Ival o, Ival lo, Ival hi, int nv, Ival tail)
{
    Gen *g = e->g;
    Scope s = scope_enter(e);
    e->lane = (Lanes){.lanes = LANES, .nv = nv, .id = ++e->last_lane, .o = o, .lo = lo.k, .hi = hi.k};
    e->lane.open = !lo.konst || !hi.konst;
    if (!tail.konst || tail.k) {
        e->lane.partial = true;
        e->lane.count = tail;
        e->lane.mask = v_first(g, e->lane.count);
    }
    r->body(e, nv, r->arg);
    scope_leave(e, s);
}

void run_loop(Eval *e, Ival lo, Ival hi, const RunLoop *r)
{
    Gen *g = e->g;
    Lanes outer = e->lane;
    Ival n = ix_sub(e, hi, lo), wide = ival((int64_t)r->nv * LANES), line = ival(LANES);
    Ival main_end = ix_add(e, lo, ix_mul(e, ix_div(e, n, wide), wide));
    Ival whole = ix_add(e, lo, ix_mul(e, ix_div(e, n, line), line));
    FOR_CARRY (g, o, lo, main_end, wide, r->carry, r->ncarry) step(e, r, o.i, lo, hi, r->nv, ival(0));
    if (r->nv > 1)
        FOR_CARRY (g, o, main_end, whole, line, r->carry, r->ncarry) step(e, r, o.i, lo, hi, 1, ival(0));
    Ival rest = ix_sub(e, hi, whole);
    FOR_CARRY (g, o, whole, hi, line, r->carry, r->ncarry) step(e, r, o.i, lo, hi, 1, rest);
    e->lane = outer;
}

void run_loop_cut(Eval *e, const Cuts *c, const RunLoop *r)
{
    Gen *g = e->g;
    if (!c->at_run) {
        for (int i = 0; i + 1 < c->cuts; i++) run_loop(e, c->at[i], c->at[i + 1], r);
        return;
    }
    FOR_CARRY (g, o, ival(0), c->n, ival(1), r->carry, r->ncarry) {
        Scope s = scope_enter(e);
        Ival end = next_cut(e, c, o.i);
        run_loop(e, o.i, end, r);
        scope_leave(e, s);
        o.step = i_sub(g, end, o.i);
    }
}

/* -- Combining -------------------------------------------------------------------------------------- */
static Vec neutral(Gen *g, OpCode code, DType t, int lanes)
{
    switch (code) {
    case OP_reduce_prod: return const_number(g, t, lanes, 1);
    case OP_reduce_all: return v_i(g, t, lanes, 1);
    case OP_reduce_max:
        if (dtype_is_float(t)) return v_f(g, t, lanes, -INFINITY);
        return v_i(g, t, lanes, dtype_is_signed(t) ? (int64_t)(~0ULL << (8 * dtype_size(t) - 1)) : 0);
    case OP_reduce_min:
        if (dtype_is_float(t)) return v_f(g, t, lanes, INFINITY);
        return v_i(g, t, lanes, (int64_t)(~0ULL >> (64 - 8 * dtype_size(t) + dtype_is_signed(t))));
    default: return zero_vec(g, t, lanes);
    }
}

static Vec combine(Gen *g, OpCode code, Vec acc, Vec x)
{
    switch (code) {
    case OP_reduce_sum:
    case OP_reduce_mean: return v_add(g, acc, x);
    case OP_reduce_prod: return v_mul(g, acc, x);
    case OP_reduce_all: return v_and(g, acc, x);
    case OP_reduce_any: return v_or(g, acc, x);
    default: break;
    }
    Vec better = v_cmp(g, code == OP_reduce_max ? CMP_GT : CMP_LT, x, acc);
    if (dtype_is_float(x.dtype)) better = v_or(g, better, v_cmp(g, CMP_UNORD, x, x)); /* NaN wins */
    return v_select(g, better, x, acc);
}

/* Streams in pairs, then lanes by halves. */
static Vec tree(Gen *g, OpCode code, Vec *acc, int streams)
{
    for (; streams > 1; streams /= 2)
        for (int i = 0; i < streams / 2; i++) acc[i] = combine(g, code, acc[i], acc[i + streams / 2]);
    Vec v = acc[0];
    for (int half = LANES / 2; half > 0; half /= 2) {
        int lane[LANES];
        for (int i = 0; i < LANES; i++) lane[i] = (i + half) % LANES;
        v = combine(g, code, v, v_shuffle(g, v, v, lane, LANES));
    }
    return v_lane(g, v, 0);
}

typedef struct {
    const Op *op;
    Index in;
    Vec acc[STREAMS];
    int nacc;
    bool run;  /* the last dims go in vectors, */
    int along; /* counted in this one */
    Ival n;
} Reduce;

static void accumulate(Eval *e, int streams, void *arg)
{
    Gen *g = e->g;
    Reduce *r = arg;
    Vec v[NV_MAX];
    int have = eval_wide(e, r->op->in[0], &r->in, v);
    for (int j = 0; j < streams; j++) {
        Vec x = v_splat(g, v[j < have ? j : 0], r->acc[j].lanes);
        if (r->run && e->lane.partial)
            x = v_select(g, e->lane.mask, x, neutral(g, r->op->code, x.dtype, LANES));
        r->acc[j] = combine(g, r->op->code, r->acc[j], x);
    }
}

/* Loops over the reduced dims from d on. */
static void reduce_dims(Eval *e, Reduce *r, int d)
{
    Gen *g = e->g;
    const Type *t = &r->op->in[0]->type;
    while (d < t->rank && (!(r->in.unknown >> d & 1) || (r->run && d == r->along))) d++;
    if (d < t->rank) {
        Scope s = scope_enter(e);
        uint32_t was = r->in.unknown;
        r->in.unknown &= ~(1u << d);
        FOR_CARRY (g, i, ival(0), dim_ival(e, t->dim[d]), ival(1), r->acc, r->nacc) {
            r->in.i[d] = i.i;
            reduce_dims(e, r, d + 1);
        }
        r->in.unknown = was;
        r->in.i[d] = ival(0);
        scope_leave(e, s);
        return;
    }
    if (!r->run) {
        accumulate(e, r->nacc, r);
        return;
    }
    Index in = r->in;
    in.unknown &= ~(1u << r->along);
    in.vd = r->along, in.vs = 1, in.vbase = ival(0);
    Cuts cut;
    find_cuts(e, &r->op->in[0], 1, &in, r->n, &cut);
    RunLoop loop = {r->acc, r->nacc, accumulate, r, r->nacc};
    Index outer = r->in;
    r->in = in;
    run_loop_cut(e, &cut, &loop);
    r->in = outer;
}

typedef struct {
    const Type *t;
    int from, along;
    bool ok;
} Straight;

/* Neighbouring reduced dims at the end are one run when all memory below is read straight on. */
static bool reads_straight(Eval *e, const Value *v, const Index *x, void *arg)
{
    (void)e, (void)x;
    Straight *q = arg;
    if (v->def && v->def->code != OP_const && v->def->def->kind != KIND_MAP) q->ok = false;
    bool some = false, all = true;
    for (int d = q->from; d < q->t->rank; d++) {
        if (q->t->dim[d] == 1) continue;
        int k = d - (q->t->rank - v->type.rank);
        bool has = k >= 0 && v->type.dim[k] == q->t->dim[d];
        if (k >= 0 && !has && v->type.dim[k] != 1) q->ok = false; /* only the call tells whether it repeats */
        some = some || has;
        all = all && has;
    }
    if (some && !all) q->ok = false;
    /* The run is counted in a dim along which an operand of size 1 would be taken to broadcast. */
    if (v->def && q->t->dim[q->along] == 1) q->ok = false;
    if (v->def && v->def->code == OP_const && type_numel(&v->type) != 1) q->ok = false;
    return q->ok;
}

static void merge_run(Eval *e, Reduce *r)
{
    const Type *t = &r->op->in[0]->type;
    int d = t->rank - 1, along = d;
    r->along = d;
    r->n = dim_ival(e, t->dim[d]);
    while (d > 0 && (r->in.unknown >> (d - 1) & 1)) d--;
    while (along > d && t->dim[along] == 1) along--;
    Straight q = {t, d, along, true};
    if (d == t->rank - 1) return;
    walk_values(e, r->op->in[0], &r->in, reads_straight, &q);
    if (!q.ok) return;
    r->along = along;
    r->n = dims_product(e, t, d, t->rank);
    for (; d < t->rank; d++)
        if (d != along) {
            r->in.unknown &= ~(1u << d);
            r->in.i[d] = ival(0);
        }
}

static Ival reduced_count(Eval *e, const Op *op)
{
    int n;
    const int64_t *axes = attr_v(op, "axes", &n);
    Ival count = ival(1);
    for (int i = 0; i < n; i++) count = ix_mul(e, count, dim_ival(e, op->in[0]->type.dim[axes[i]]));
    return count;
}

static Vec finish(Eval *e, const Op *op, Vec v)
{
    Gen *g = e->g;
    DType t = op->in[0]->type.dtype;
    if (op->code == OP_reduce_mean) {
        Ival count = reduced_count(e, op);
        DType wide = dtype_is_float(t) ? v.dtype : t == JITC_UINT64 ? JITC_UINT64 : JITC_INT64;
        v = v_div(g, v_cast(g, v, wide), v_splat(g, v_from_i(g, count, wide), v.lanes));
        if (!dtype_is_float(t)) v = v_cast(g, v, t);
    }
    return narrow(g, v, t);
}

void eval_reduce_op(Eval *e, const Op *op, const Index *x0, Vec *out)
{
    Gen *g = e->g;
    Index x = e->lane.lanes == 1 ? index_single(e, x0) : *x0;
    DType t = carrier(op->in[0]->type.dtype) != op->in[0]->type.dtype ? JITC_FLOAT32 : op->in[0]->type.dtype;
    Reduce r = {.op = op, .in = operand_index(e, op, 0, &x)};
    int last = op->in[0]->type.rank - 1;
    prepare(e, op->in[0], &r.in);
    if (x.vd >= 0) {
        r.nacc = e->lane.nv;
        for (int j = 0; j < r.nacc; j++) r.acc[j] = neutral(g, op->code, t, LANES);
        reduce_dims(e, &r, 0);
        for (int j = 0; j < r.nacc; j++) out[j] = finish(e, op, r.acc[j]);
        return;
    }
    Index run = r.in;
    run.vd = last, run.vs = 1, run.vbase = ival(0);
    Lanes outer = e->lane;
    e->lane.lanes = LANES;
    r.run = last >= 0 && (r.in.unknown >> last & 1) && vectorisable(e, op->in[0], &run);
    e->lane = outer;
    if (r.run) merge_run(e, &r);
    /* A run of fewer elements never comes to the other streams; so bits do not tell whether n was known. */
    r.nacc = r.run && (!r.n.konst || r.n.k >= STREAMS * LANES) ? STREAMS : 1;
    for (int j = 0; j < r.nacc; j++) r.acc[j] = neutral(g, op->code, t, r.run ? LANES : 1);
    reduce_dims(e, &r, 0);
    out[0] = finish(e, op, r.run ? tree(g, op->code, r.acc, r.nacc) : r.acc[0]);
    for (int j = 1; j < e->lane.nv && x0->vd >= 0; j++) out[j] = out[0];
}

/* -- argmax, argmin --------------------------------------------------------------------------------- */
typedef struct {
    const Op *op;
    Index in;
    int axis;
    bool run;
    DType counts;        /* dtype of indices on the way */
    Vec acc[2 * NV_MAX]; /* best value, then its index, per stream */
    Ival at;             /* along the axis */
} Arg;

static Vec arg_start(Gen *g, const Op *op, DType t, int lanes)
{
    bool max = op->code == OP_argmax;
    DType own = op->in[0]->type.dtype;
    if (own == JITC_BOOL) return v_i(g, JITC_UINT8, lanes, max ? 0 : 1);
    if (!dtype_is_float(own)) return neutral(g, max ? OP_reduce_max : OP_reduce_min, t, lanes);
    double top = own == JITC_FLOAT16    ? 65504
                 : own == JITC_BFLOAT16 ? 0x1.FEp127
                 : own == JITC_FLOAT32  ? FLT_MAX
                                        : DBL_MAX;
    return v_f(g, t, lanes, max ? -top : top);
}

static void arg_step(Eval *e, int streams, void *arg)
{
    Gen *g = e->g;
    Arg *a = arg;
    Vec v[NV_MAX];
    int have = eval_wide(e, a->op->in[0], &a->in, v);
    DType to = a->counts;
    for (int j = 0; j < streams; j++) {
        Vec *best = &a->acc[2 * j], *index = &a->acc[2 * j + 1],
            x = v_splat(g, v[j < have ? j : 0], best->lanes);
        if (x.dtype == JITC_BOOL) x = v_cast(g, x, JITC_UINT8);
        Vec i = v_splat(g, v_from_i(g, a->run ? i_add(g, e->lane.o, ival((int64_t)j * LANES)) : a->at, to),
                        best->lanes);
        if (a->run) i = v_add(g, i, v_iota(g, to));
        Vec better = v_cmp(g, a->op->code == OP_argmax ? CMP_GT : CMP_LT, x, *best);
        if (a->run && e->lane.partial) better = v_and(g, better, e->lane.mask);
        *best = v_select(g, better, x, *best);
        *index = v_select(g, better, i, *index);
    }
}

void eval_arg_op(Eval *e, const Op *op, const Index *x0, Vec *out)
{
    Gen *g = e->g;
    Index x = e->lane.lanes == 1 ? index_single(e, x0) : *x0;
    Arg a = {.op = op, .in = operand_index(e, op, 0, &x), .axis = (int)attr_i(op, "axis")};
    const Type *in = &op->in[0]->type;
    DType t = carrier(in->dtype) != in->dtype ? JITC_FLOAT32 : in->dtype, to = (DType)attr_i(op, "to");
    a.counts = dim_known(in->dim[a.axis]) && in->dim[a.axis] <= INT32_MAX ? JITC_INT32 : JITC_INT64;
    prepare(e, op->in[0], &a.in);
    Index run = a.in;
    run.vd = a.axis, run.vs = 1, run.vbase = ival(0), run.unknown = 0;
    Lanes outer = e->lane;
    e->lane.lanes = LANES;
    a.run = x.vd < 0 && a.axis == in->rank - 1 && vectorisable(e, op->in[0], &run);
    e->lane = outer;
    int lanes = a.run || x.vd >= 0 ? LANES : 1, n = x.vd >= 0 ? e->lane.nv : 1;
    for (int j = 0; j < n; j++) {
        a.acc[2 * j] = arg_start(g, op, t, lanes);
        a.acc[2 * j + 1] = v_i(g, a.counts, lanes, 0);
    }
    a.in.unknown = 0;
    if (!a.run) {
        Scope s = scope_enter(e);
        FOR_CARRY (g, i, ival(0), dim_ival(e, in->dim[a.axis]), ival(1), a.acc, 2 * n) {
            a.in.i[a.axis] = a.at = i.i;
            arg_step(e, n, &a);
        }
        scope_leave(e, s);
        for (int j = 0; j < n; j++) out[j] = v_cast(g, a.acc[2 * j + 1], to);
        return;
    }
    Cuts cut;
    a.in = run;
    find_cuts(e, &op->in[0], 1, &run, dim_ival(e, in->dim[a.axis]), &cut);
    RunLoop loop = {a.acc, 2, arg_step, &a, 1};
    run_loop_cut(e, &cut, &loop);
    /* The best lane; of equals the first element. */
    Vec best = a.acc[0], index = a.acc[1];
    for (int half = LANES / 2; half > 0; half /= 2) {
        int lane[LANES];
        for (int i = 0; i < LANES; i++) lane[i] = (i + half) % LANES;
        Vec b = v_shuffle(g, best, best, lane, LANES), k = v_shuffle(g, index, index, lane, LANES);
        Vec wins = v_or(g, v_cmp(g, op->code == OP_argmax ? CMP_GT : CMP_LT, b, best),
                        v_and(g, v_cmp(g, CMP_EQ, b, best), v_cmp(g, CMP_LT, k, index)));
        best = v_select(g, wins, b, best);
        index = v_select(g, wins, k, index);
    }
    out[0] = v_cast(g, v_lane(g, index, 0), to);
}
