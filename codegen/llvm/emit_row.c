/* Softmax and its logarithm: over the last dim, one row a unit. */
#include "codegen/llvm/access.h"
#include "codegen/llvm/vecmath.h"

#include <math.h>

enum { STREAMS = 4, SUMS = 2, HELD_MAX = 4 }; /* streams of maxima and of sums */

static Vec row_max(Gen *g, Vec a, Vec b)
{
    Vec better = v_or(g, v_cmp(g, CMP_GT, b, a), v_cmp(g, CMP_UNORD, b, b)); /* NaN wins */
    return v_select(g, better, b, a);
}

static Vec combine(Gen *g, bool max, Vec a, Vec b)
{
    return max ? row_max(g, a, b) : v_add(g, a, b);
}

static Vec tree(Gen *g, bool max, Vec *acc, int streams)
{
    for (; streams > 1; streams /= 2)
        for (int i = 0; i < streams / 2; i++) acc[i] = combine(g, max, acc[i], acc[i + streams / 2]);
    Vec v = acc[0];
    for (int half = LANES / 2; half > 0; half /= 2) {
        int lane[LANES];
        for (int i = 0; i < LANES; i++) lane[i] = (i + half) % LANES;
        v = combine(g, max, v, v_shuffle(g, v, v, lane, LANES));
    }
    return v_lane(g, v, 0);
}

typedef struct {
    const Op *op;
    const Value *x;
    Index in;
    DType t;
    Vec acc[STREAMS], max, scale; /* scale: 1 / sum, or log(sum) */
    /* Of a whole kernel: the row of the result, which holds values between the passes. */
    bool to_memory, from_memory;
    Ptr out;
    Ival row;
} Row;

static Vec mask_off(Eval *e, Vec v, double k)
{
    return e->lane.partial ? v_select(e->g, e->lane.mask, v, v_f(e->g, v.dtype, LANES, k)) : v;
}

static Ival row_at(Eval *e, const Row *r, int j)
{
    return i_add(e->g, i_add(e->g, r->row, e->lane.o), ival((int64_t)j * LANES));
}

static void operand(Eval *e, Row *r, Vec *v)
{
    Gen *g = e->g;
    if (!r->from_memory) {
        int n = eval_wide(e, r->x, &r->in, v);
        for (int j = n; j < e->lane.nv; j++) v[j] = v[0];
        return;
    }
    for (int j = 0; j < e->lane.nv; j++) {
        Vec x = e->lane.partial
                    ? v_load_n(g, r->out, row_at(e, r, j), carrier(r->x->type.dtype), e->lane.mask)
                    : v_load(g, r->out, row_at(e, r, j), carrier(r->x->type.dtype), LANES);
        v[j] = widen(g, x, r->x->type.dtype);
    }
}

static void put(Eval *e, Row *r, int j, Vec v)
{
    v = narrow(e->g, v, r->x->type.dtype);
    if (e->lane.partial)
        v_store_n(e->g, r->out, row_at(e, r, j), v, e->lane.mask);
    else
        v_store(e->g, r->out, row_at(e, r, j), v);
}

static void max_pass(Eval *e, int streams, void *arg)
{
    Row *r = arg;
    Vec v[NV_MAX];
    operand(e, r, v);
    for (int j = 0; j < streams; j++) {
        if (r->to_memory) put(e, r, j, v[j]);
        r->acc[j] = row_max(e->g, r->acc[j], mask_off(e, v[j], -INFINITY));
    }
}

static void sum_pass(Eval *e, int streams, void *arg)
{
    Row *r = arg;
    Vec v[NV_MAX];
    operand(e, r, v);
    for (int j = 0; j < streams; j++) {
        Vec y = vm_exp_neg(e->g, v_sub(e->g, v[j], v_splat(e->g, r->max, LANES)));
        if (r->to_memory) put(e, r, j, y);
        r->acc[j] = v_add(e->g, r->acc[j], mask_off(e, y, 0));
    }
}

static Vec finish(Eval *e, Row *r, Vec v, bool have_exp)
{
    Gen *g = e->g;
    Vec max = v_splat(g, r->max, v.lanes), scale = v_splat(g, r->scale, v.lanes);
    if (r->op->code == OP_log_softmax) return v_sub(g, v_sub(g, v, max), scale);
    return v_mul(g, have_exp ? v : vm_exp_neg(g, v_sub(g, v, max)), scale);
}

static void last_pass(Eval *e, int streams, void *arg)
{
    Row *r = arg;
    Vec v[NV_MAX];
    operand(e, r, v);
    for (int j = 0; j < streams; j++) put(e, r, j, finish(e, r, v[j], r->op->code == OP_softmax));
}

/* Without memory in between. */
static void cold_pass(Eval *e, int streams, void *arg)
{
    Row *r = arg;
    Vec v[NV_MAX];
    operand(e, r, v);
    for (int j = 0; j < streams; j++) put(e, r, j, finish(e, r, v[j], false));
}

static void pass(Eval *e, Row *r, void (*body)(Eval *, int, void *), int carried, int nv)
{
    Cuts cut;
    Value *x = r->op->in[0];
    find_cuts(e, &x, 1, &r->in, dim_ival(e, x->type.dim[x->type.rank - 1]), &cut);
    RunLoop loop = {r->acc, carried, body, r, nv};
    if (!vectorisable(e, x, &r->in))
        g_fail(e->g, "the operand of '%s' cannot be read in vectors", r->op->def->name);
    run_loop_cut(e, &cut, &loop);
}

static void start(Eval *e, Row *r, double k)
{
    for (int j = 0; j < STREAMS; j++) r->acc[j] = v_f(e->g, r->t, LANES, k);
}

static void set_scale(Eval *e, Row *r, Vec sum)
{
    r->scale = r->op->code == OP_softmax ? v_div(e->g, v_f(e->g, r->t, 1, 1), sum) : vm_log(e->g, sum);
}

static Row row_of(const Op *op, const Index *x)
{
    const Type *t = &op->in[0]->type;
    Row r = {.op = op, .x = op->in[0], .in = *x};
    r.t = carrier(t->dtype) != t->dtype ? JITC_FLOAT32 : t->dtype;
    r.in.vd = t->rank - 1, r.in.vs = 1, r.in.vbase = ival(0);
    r.in.unknown = 0;
    return r;
}

/* Fewer elements would never come to the other streams; so bits do not tell whether n was known. */
static int streams_for(Ival n)
{
    return !n.konst || n.k >= STREAMS * LANES ? STREAMS : 1;
}

const KnownFact *row_facts(Eval *e, const Op *op, const Index *x)
{
    Row r = row_of(op, x);
    int last = op->in[0]->type.rank - 1;
    Index key = r.in;
    key.vd = -1;
    key.i[last] = ival(0);
    for (uint32_t i = e->facts.n; i-- > 0;)
        if (e->facts.at[i].op == op && index_same(&e->facts.at[i].x, &key, last)) return &e->facts.at[i];
    int n = streams_for(dim_ival(e, op->in[0]->type.dim[last]));
    Index ahead = key;
    ahead.unknown = 1u << last;
    prepare(e, op->in[0], &ahead);
    start(e, &r, -INFINITY);
    pass(e, &r, max_pass, n, n);
    r.max = tree(e->g, true, r.acc, n);
    start(e, &r, 0);
    pass(e, &r, sum_pass, SUMS, SUMS);
    set_scale(e, &r, tree(e->g, false, r.acc, SUMS));
    vec_push(e->job, &e->facts, (KnownFact){.op = op, .x = key, .vec = {r.max, r.scale}});
    return &e->facts.at[e->facts.n - 1];
}

void eval_row_op(Eval *e, const Op *op, const Index *x0, Vec *out)
{
    Index x = *x0;
    if (x.vd >= 0 && x.vd != op->in[0]->type.rank - 1) x = index_single(e, &x);
    const KnownFact *f = row_facts(e, op, &x);
    Row r = {.op = op, .max = f->vec[0], .scale = f->vec[1]};
    Vec v[NV_MAX];
    int n = eval_wide(e, op->in[0], &x, v);
    for (int j = 0; j < n; j++) out[j] = narrow(e->g, finish(e, &r, v[j], false), op->out[0]->type.dtype);
}

/* -- Whole kernels ---------------------------------------------------------------------------------- */
/* A short row stays in registers. */
static void held_row(Eval *e, Row *r, int64_t n)
{
    Gen *g = e->g;
    Vec v[HELD_MAX];
    int many = (int)ceil_div(n, LANES);
    Lanes lane[HELD_MAX];
    for (int j = 0; j < many; j++) {
        e->lane =
            (Lanes){.lanes = LANES, .nv = 1, .id = ++e->last_lane, .o = ival((int64_t)j * LANES), .hi = n};
        int64_t rest = n - (int64_t)j * LANES;
        if (rest < LANES) {
            e->lane.partial = true;
            e->lane.count = ival(rest);
            e->lane.mask = v_first(g, e->lane.count);
        }
        lane[j] = e->lane;
        Scope s = scope_enter(e);
        operand(e, r, &v[j]);
        scope_leave(e, s);
    }
    Vec acc = v_f(g, r->t, LANES, -INFINITY);
    for (int j = 0; j < many; j++) {
        e->lane = lane[j];
        acc = row_max(g, acc, mask_off(e, v[j], -INFINITY));
    }
    r->max = tree(g, true, &acc, 1);
    Vec sum[SUMS] = {v_f(g, r->t, LANES, 0), v_f(g, r->t, LANES, 0)};
    int paired = (int)(n / (SUMS * LANES)) * SUMS; /* the others go to the first, as in run_loop() */
    for (int j = 0; j < many; j++) {
        e->lane = lane[j];
        Vec y = vm_exp_neg(g, v_sub(g, v[j], v_splat(g, r->max, LANES))),
            *to = &sum[j < paired ? j % SUMS : 0];
        if (r->op->code == OP_softmax) v[j] = y;
        *to = v_add(g, *to, mask_off(e, y, 0));
    }
    set_scale(e, r, tree(g, false, sum, paired ? SUMS : 1));
    for (int j = 0; j < many; j++) {
        e->lane = lane[j];
        put(e, r, 0, finish(e, r, v[j], true));
    }
}

static void long_row(Eval *e, Row *r, Ival n)
{
    int streams = streams_for(n);
    bool softmax = r->op->code == OP_softmax, half = carrier(r->x->type.dtype) != r->x->type.dtype;
    bool keep = !half && r->x->def; /* the operand costs something: compute it once */
    start(e, r, -INFINITY);
    r->to_memory = keep;
    pass(e, r, max_pass, streams, streams);
    r->max = tree(e->g, true, r->acc, streams);
    start(e, r, 0);
    r->from_memory = keep;
    r->to_memory = softmax && !half;
    pass(e, r, sum_pass, SUMS, SUMS);
    set_scale(e, r, tree(e->g, false, r->acc, SUMS));
    r->from_memory = keep || r->to_memory;
    pass(e, r, half ? cold_pass : last_pass, 0, streams);
}

bool emit_row_kernel(Gen *g, const Kernel *k)
{
    const Op *yield = ir_terminator(k->body), *op = yield->in[0]->def;
    if (yield->nin != 1 || !op || op->def->kind != KIND_ROW) return false;
    Eval *e = job_new(k->m->job, Eval);
    eval_begin(e, g, k);
    const Type *t = &op->out[0]->type;
    int last = t->rank - 1;
    Ival n = dim_ival(e, t->dim[last]);
    FOR (g, u, g_unit0(g), g_unit1(g), ival(1)) {
        Scope s = scope_enter(e);
        Index x = outer_index(e, t, u.i);
        x.unknown = 1u << last;
        prepare(e, op->in[0], &x);
        Row r = row_of(op, &x);
        r.out = g_ptr(g, (int)k->body->nargs);
        r.row = ix_mul(e, u.i, n);
        Cuts cut;
        Value *in = op->in[0];
        find_cuts(e, &in, 1, &r.in, n, &cut);
        if (n.konst && n.k <= HELD_MAX * LANES && one_range(&cut))
            held_row(e, &r, n.k);
        else
            long_row(e, &r, n);
        scope_leave(e, s);
    }
    return true;
}
