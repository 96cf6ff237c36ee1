/* Running sums and the like: one unit; the sum is carried along the axis, other dims are loops and vectors.
 */
#include <math.h>

#include "codegen/llvm/access.h"
#include "codegen/llvm/vecmath.h"

typedef struct {
    Eval e;
    const Op *op, *yield;
    int axis;
    Index x; /* of the element that is being added */
} Scan;

static void store(Scan *s, const Value *v, Ptr out)
{
    Eval *e = &s->e;
    Gen *g = e->g;
    const Type *t = &s->op->out[0]->type;
    Ival stride[IR_MAX_RANK], at = ival(0);
    ival_strides(e, t, stride);
    for (int d = 0; d < t->rank; d++) at = i_add(g, at, i_mul(g, index_at(e, &s->x, d), stride[d]));
    Vec r[NV_MAX];
    eval_at(e, v, &s->x, r);
    if (e->lane.partial)
        v_store_n(g, out, at, r[0], e->lane.mask);
    else
        v_store(g, out, at, r[0]);
}

static Vec start(Gen *g, OpCode code, DType t, int lanes)
{
    switch (code) {
    case OP_cumprod: return const_number(g, t, lanes, 1);
    case OP_cumlogsumexp: return v_f(g, t, lanes, -INFINITY);
    default: return zero_vec(g, t, lanes);
    }
}

static Vec combine(Gen *g, OpCode code, Vec acc, Vec x)
{
    if (code == OP_cumprod) return v_mul(g, acc, x);
    if (code != OP_cumlogsumexp) return v_add(g, acc, x);
    /* A NaN x counts as acc, as in TensorFlow. */
    Vec most = v_select(g, v_cmp(g, CMP_LT, acc, x), x, acc),
        least = v_select(g, v_cmp(g, CMP_LT, x, acc), x, acc);
    Vec sum = v_add(g, most, vm_log1p(g, vm_exp(g, v_sub(g, least, most))));
    Vec none = v_cmp(g, CMP_EQ, most, v_f(g, x.dtype, x.lanes, -INFINITY));
    none = v_and(g, none, v_cmp(g, CMP_EQ, least, most));
    return v_select(g, none, most, sum);
}

/* The whole axis for one element, or one run, of the other dims. */
static void line(Scan *s)
{
    Eval *e = &s->e;
    Gen *g = e->g;
    const Value *x = s->op->in[0], *y = s->op->out[0];
    DType t = x->type.dtype;
    Ival n = dim_ival(e, x->type.dim[s->axis]), end = ix_sub(e, n, ival(1));
    bool reverse = attr_i(s->op, "reverse"), exclusive = attr_i(s->op, "exclusive");
    int lanes = s->x.vd >= 0 ? e->lane.lanes : 1;
    Vec acc = start(g, s->op->code, carrier(t) != t ? JITC_FLOAT32 : t, lanes);
    FOR_CARRY (g, j, ival(0), n, ival(1), &acc, 1) {
        Scope scope = scope_enter(e);
        s->x.i[s->axis] = reverse ? i_sub(g, end, j.i) : j.i;
        Vec v[NV_MAX];
        eval_wide(e, x, &s->x, v);
        /* Rounded at each step, as TensorFlow does. */
        Vec sum = widen(g, narrow(g, combine(g, s->op->code, acc, v[0]), t), t);
        Known k = {
            .v = y, .x = s->x, .lane = e->lane.id, .n = 1, .vec = {narrow(g, exclusive ? acc : sum, t)}};
        vec_push(e->job, &e->known, k);
        for (int i = 0; i < s->yield->nin; i++) store(s, s->yield->in[i], g_ptr(g, e->k->nin + i));
        acc = sum;
        scope_leave(e, scope);
    }
}

static void run(Scan *s, Ival o, Ival size, Ival count)
{
    Eval *e = &s->e;
    Scope scope = scope_enter(e);
    e->lane = (Lanes){.lanes = LANES, .nv = 1, .id = ++e->last_lane, .o = o, .hi = size.k};
    e->lane.open = !size.konst;
    if (!count.konst || count.k < LANES) {
        e->lane.partial = true;
        e->lane.count = count;
        e->lane.mask = v_first(e->g, e->lane.count);
    }
    line(s);
    scope_leave(e, scope);
}

/* Whether the last dim goes in vectors. */
static bool vector_lines(Scan *s, int d, Ival n)
{
    Eval *e = &s->e;
    s->x.vd = d, s->x.vs = 1, s->x.vbase = ival(0);
    e->lane = (Lanes){.lanes = LANES, .nv = 1, .hi = n.k, .open = !n.konst, .o = ival(0)};
    Cuts results, operand;
    Index probe = s->x;
    find_cuts(e, s->yield->in, s->yield->nin, &probe, n, &results);
    find_cuts(e, &s->op->in[0], 1, &probe, n, &operand);
    return vectorisable(e, s->op->in[0], &probe) && one_range(&results) && one_range(&operand);
}

static void dims(Scan *s, int d)
{
    Eval *e = &s->e;
    Gen *g = e->g;
    const Type *t = &s->op->out[0]->type;
    int last = t->rank - 1;
    if (d == s->axis) {
        dims(s, d + 1);
        return;
    }
    Ival n = d < t->rank ? dim_ival(e, t->dim[d]) : ival(1);
    if (d == last && (!n.konst || n.k >= 4) && vector_lines(s, d, n)) {
        Ival line = ival(LANES), whole = ix_mul(e, ix_div(e, n, line), line), rest = ix_sub(e, n, whole);
        FOR (g, o, ival(0), whole, line) run(s, o.i, n, line);
        FOR (g, o, whole, n, line) run(s, o.i, n, rest);
        s->x.vd = -1;
        return;
    }
    s->x.vd = -1;
    e->lane = (Lanes){.lanes = 1, .nv = 1, .id = ++e->last_lane, .o = ival(0), .hi = 1};
    if (d > last) {
        line(s);
        return;
    }
    FOR (g, i, ival(0), n, ival(1)) {
        Scope scope = scope_enter(e);
        s->x.i[d] = i.i;
        dims(s, d + 1);
        scope_leave(e, scope);
    }
}

bool emit_scan_kernel(Gen *g, const Kernel *k)
{
    const Op *scan = NULL, *yield = ir_terminator(k->body);
    for (const Op *op = k->body->first; op; op = op->next) {
        if (op->def->kind != KIND_SCAN) continue;
        if (scan) g_fail(g, "two running sums in one kernel");
        scan = op;
    }
    if (!scan) return false;
    for (int i = 0; i < yield->nin; i++) {
        const Type *t = &yield->in[i]->type, *want = &scan->out[0]->type;
        if (t->rank != want->rank || memcmp(t->dim, want->dim, t->rank * sizeof(Dim)) != 0)
            g_fail(g, "a running sum in a kernel of another shape");
    }
    Scan *s = job_new(k->m->job, Scan);
    eval_begin(&s->e, g, k);
    s->op = scan;
    s->yield = yield;
    s->axis = (int)attr_i(scan, "axis");
    s->x = index_zero();
    FOR (g, u, g_unit0(g), g_unit1(g), ival(1)) dims(s, 0);
    return true;
}
