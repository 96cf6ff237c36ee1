/* Sizes that must agree, or lie within others, where that cannot be proved: a `check` at run time, after
 * which the operand has the proved size. Before all other passes, so that they may take for granted that what
 * meets fits. */
#include "ir/dim.h"
#include "passes/util.h"

typedef struct {
    Dim a, b;
    bool at_most;
    const Region *r;
} Checked;

typedef struct {
    Module *m;
    VEC(Checked) done;
    bool changed;
} Guard;

static void check(Guard *g, Op *at, Dim a, Dim b, bool at_most)
{
    for (uint32_t i = 0; i < g->done.n; i++) {
        const Checked *c = &g->done.at[i];
        if (c->a == a && c->b == b && c->at_most == at_most && ir_inside(at->parent, c->r)) return;
    }
    vec_push(g->m->job, &g->done, (Checked){a, b, at_most, at->parent});
    Builder b0 = builder_at(g->m, at);
    if (!ir_op(&b0, OP_check, NO_IN, AT(at_ds("a", &a, 1), at_ds("b", &b, 1), at_b("at_most", at_most))))
        job_bug(g->m->job, "a check cannot be built");
    g->changed = true;
}

/* Operand i has these dims, which it may not show. */
static void retype(Guard *g, Op *op, int i, const Dim *dim)
{
    Value *v = op->in[i];
    int rank = v->type.rank;
    if (!memcmp(v->type.dim, dim, (size_t)rank * sizeof *dim)) return;
    for (int d = 0; d < rank; d++)
        if (v->type.dim[d] != dim[d]) check(g, op, v->type.dim[d], dim[d], false);
    Builder b = builder_at(g->m, op);
    Value *as = ir_reshape(&b, v, dim, rank);
    if (!as) job_bug(g->m->job, "sizes that do not fit got through the type check");
    ir_set_operand(g->m, op, i, as);
    g->changed = true;
}

/* Operands that broadcast to the result: each size is the result's, or 1. */
static void broadcast(Guard *g, Op *op, const Type *out)
{
    for (int i = 0; i < op->nin; i++) {
        const Type *t = &op->in[i]->type;
        Dim dim[IR_MAX_RANK];
        for (int d = 0; d < t->rank; d++) {
            Dim want = out->dim[d + out->rank - t->rank];
            dim[d] = t->dim[d] == 1 ? 1 : want;
        }
        retype(g, op, i, dim);
    }
}

static void concat(Guard *g, Op *op)
{
    int axis = (int)attr_i(op, "axis");
    const Type *out = &op->out[0]->type;
    for (int i = 0; i < op->nin; i++) {
        Dim dim[IR_MAX_RANK];
        memcpy(dim, out->dim, sizeof dim);
        dim[axis] = op->in[i]->type.dim[axis];
        retype(g, op, i, dim);
    }
}

static void dot(Guard *g, Op *op)
{
    Type a = op->in[0]->type, b = op->in[1]->type;
    const Type *out = &op->out[0]->type;
    int ka = a.rank - (attr_i(op, "trans_a") ? 2 : 1), kb = b.rank - (attr_i(op, "trans_b") ? 1 : 2);
    Dim k = dim_known(b.dim[kb]) ? b.dim[kb] : a.dim[ka];
    a.dim[ka] = b.dim[kb] = k;
    for (int d = 0; d < a.rank - 2; d++)
        if (a.dim[d] != 1) a.dim[d] = out->dim[d + out->rank - a.rank];
    for (int d = 0; d < b.rank - 2; d++)
        if (b.dim[d] != 1) b.dim[d] = out->dim[d + out->rank - b.rank];
    retype(g, op, 0, a.dim);
    retype(g, op, 1, b.dim);
}

static Dim numel(Module *m, const Type *t)
{
    Dim n = 1;
    for (int d = 0; d < t->rank; d++) n = dim_mul(m, n, t->dim[d]);
    return n;
}

static void reshape(Guard *g, Op *op)
{
    Dim a = numel(g->m, &op->in[0]->type), b = numel(g->m, &op->out[0]->type);
    if (a != b) check(g, op, a, b, false);
}

/* begin + (size - 1) * stride lies within the operand, for strides of either sign. */
static void slice(Guard *g, Op *op)
{
    Module *m = g->m;
    const Dim *begin = attr_v(op, "begin", NULL), *size = attr_v(op, "size", NULL);
    const int64_t *stride = attr_v(op, "strides", NULL);
    for (int d = 0; d < op->out[0]->type.rank; d++) {
        Dim n = op->in[0]->type.dim[d];
        if (dim_known(begin[d]) && dim_known(size[d]) && dim_known(n)) continue;
        if (begin[d] == 0 && size[d] == n && stride[d] == 1) continue;
        int64_t s = stride[d] < 0 ? -stride[d] : stride[d], k;
        Dim reach = dim_mul(m, dim_sub(m, size[d], 1), s), end, rest;
        if (stride[d] > 0) { /* begin + reach + 1 <= n */
            end = dim_add(m, dim_add(m, begin[d], reach), 1);
        } else { /* begin + 1 <= n, and reach <= begin */
            end = dim_add(m, begin[d], 1);
            if (!(dim_const(m, dim_sub(m, begin[d], reach), &k) && k >= 0))
                check(g, op, reach, begin[d], true);
        }
        rest = dim_sub(m, n, end);
        if (!(dim_const(m, rest, &k) && k >= 0)) check(g, op, dim_max(m, end, 0), n, true);
    }
}

static void guard(Guard *g, Op *op)
{
    if (!op->nout || op->other) return;
    const Type *out = &op->out[0]->type;
    bool open = false;
    for (int i = 0; i < op->nin; i++) open = open || !type_static(&op->in[i]->type);
    for (int i = 0; i < op->nout; i++) open = open || !type_static(&op->out[i]->type);
    if (!open) return;
    if (op->def->kind == KIND_MAP || op->code == OP_broadcast)
        broadcast(g, op, out);
    else if (op->code == OP_concat)
        concat(g, op);
    else if (op->code == OP_dot)
        dot(g, op);
    else if (op->code == OP_reshape)
        reshape(g, op);
    else if (op->code == OP_slice)
        slice(g, op);
    else if (op->code == OP_prefix && op->in[0]->type.dim[0] != out->dim[0])
        check(g, op, out->dim[0], op->in[0]->type.dim[0], true);
    /* Whatever else its inference took for granted. */
    DimPairs pairs = {0};
    if (op->code != OP_reshape) ir_assumed_equal(g->m, op, &pairs);
    for (uint32_t i = 0; i < pairs.n; i++) check(g, op, pairs.at[i].a, pairs.at[i].b, false);
}

bool pass_guard(Module *m, PassCx *cx)
{
    (void)cx;
    Guard g = {.m = m};
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    for (uint32_t i = 0; i < r.n; i++) {
        job_tick(m->job);
        ir_each_op (op, r.at[i]) guard(&g, op);
    }
    return g.changed;
}
