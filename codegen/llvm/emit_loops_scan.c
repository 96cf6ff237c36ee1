/* Running sums: one unit; the sum is carried along the axis, other dims are loops and vectors. */
#include "codegen/llvm/access.h"

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
    int64_t stride[IR_MAX_RANK];
    strides_of(t, stride);
    Ival at = ival(0);
    for (int d = 0; d < t->rank; d++) at = i_add(g, at, i_mul(g, index_at(e, &s->x, d), ival(stride[d])));
    Vec r[NV_MAX];
    eval_at(e, v, &s->x, r);
    if (e->lane.partial)
        v_store_n(g, out, at, r[0], e->lane.mask);
    else
        v_store(g, out, at, r[0]);
}

/* The whole axis for one element, or one run, of the other dims. */
static void line(Scan *s)
{
    Eval *e = &s->e;
    Gen *g = e->g;
    const Value *x = s->op->in[0], *y = s->op->out[0];
    DType t = x->type.dtype;
    int64_t n = x->type.dim[s->axis];
    bool reverse = attr_i(s->op, "reverse"), exclusive = attr_i(s->op, "exclusive");
    int lanes = s->x.vd >= 0 ? e->lane.lanes : 1;
    Vec acc = zero_vec(g, carrier(t) != t ? JITC_FLOAT32 : t, lanes);
    FOR_CARRY (g, j, ival(0), ival(n), ival(1), &acc, 1) {
        Scope scope = scope_enter(e);
        s->x.i[s->axis] = reverse ? i_sub(g, ival(n - 1), j.i) : j.i;
        Vec v[NV_MAX];
        eval_wide(e, x, &s->x, v);
        Vec sum = v_add(g, acc, v[0]);
        Known k = {
            .v = y, .x = s->x, .lane = e->lane.id, .n = 1, .vec = {narrow(g, exclusive ? acc : sum, t)}};
        vec_push(e->job, &e->known, k);
        for (int i = 0; i < s->yield->nin; i++) store(s, s->yield->in[i], g_ptr(g, e->k->nin + i));
        acc = sum;
        scope_leave(e, scope);
    }
}

static void run(Scan *s, Ival o, int64_t size, int64_t count)
{
    Eval *e = &s->e;
    Scope scope = scope_enter(e);
    e->lane = (Lanes){.lanes = LANES, .nv = 1, .id = ++e->last_lane, .o = o, .hi = size};
    if (count < LANES) {
        e->lane.partial = true;
        e->lane.count = ival(count);
        e->lane.mask = v_first(e->g, e->lane.count);
    }
    line(s);
    scope_leave(e, scope);
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
    bool vectors = d == last && t->dim[d] >= 4;
    if (vectors) {
        s->x.vd = d, s->x.vs = 1, s->x.vbase = ival(0);
        e->lane = (Lanes){.lanes = LANES, .nv = 1, .hi = t->dim[d], .o = ival(0)};
        int64_t cut[CUTS_MAX];
        Index probe = s->x;
        vectors = vectorisable(e, s->op->in[0], &probe) &&
                  find_cuts(e, s->yield->in, s->yield->nin, &probe, t->dim[d], cut) == 2 &&
                  find_cuts(e, &s->op->in[0], 1, &probe, t->dim[d], cut) == 2;
    }
    if (vectors) {
        int64_t whole = t->dim[d] / LANES * LANES;
        FOR (g, o, ival(0), ival(whole), ival(LANES)) run(s, o.i, t->dim[d], LANES);
        if (whole < t->dim[d]) run(s, ival(whole), t->dim[d], t->dim[d] - whole);
        s->x.vd = -1;
        return;
    }
    s->x.vd = -1;
    e->lane = (Lanes){.lanes = 1, .nv = 1, .id = ++e->last_lane, .o = ival(0), .hi = 1};
    if (d > last) {
        line(s);
        return;
    }
    FOR (g, i, ival(0), ival(t->dim[d]), ival(1)) {
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
    s->e = (Eval){.g = g, .k = k, .job = k->m->job};
    s->op = scan;
    s->yield = yield;
    s->axis = (int)attr_i(scan, "axis");
    s->x = index_zero();
    FOR (g, u, g_unit0(g), g_unit1(g), ival(1)) dims(s, 0);
    return true;
}
