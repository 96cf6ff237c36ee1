/* Values of memory, constants, moves and maps; other kinds have files of their own. */
#include "codegen/llvm/access.h"

/* -- Values ----------------------------------------------------------------------------------------- */
Vec zero_vec(Gen *g, DType t, int lanes)
{
    return dtype_is_float(t) ? v_f(g, t, lanes, 0) : v_i(g, t, lanes, 0);
}

static int width(const Eval *e, const Index *x)
{
    return x->vd >= 0 ? e->lane.nv : 1;
}

/* Where channel c of an image in blocks is, from where the pixel's channel 0 is. */
Ival block_offset(Eval *e, const Type *t, Ival c)
{
    Ival each = ix_mul(e, ix_mul(e, dim_ival(e, t->dim[1]), dim_ival(e, t->dim[2])), ival(LANES));
    return ix_add(e, ix_mul(e, ix_div(e, c, ival(LANES)), each), ix_mod(e, c, ival(LANES)));
}

/* A run over the channels of an image in blocks. Vectors are whole blocks: the pass `layout` sees to that. */
static void load_blocks(Eval *e, Ptr p, const Type *t, const Index *x, const Ival *stride, Vec *out)
{
    Gen *g = e->g;
    const Lanes *l = &e->lane;
    DType dt = carrier(t->dtype);
    Ival pixel = ival(0);
    for (int d = 0; d < 3; d++) pixel = ix_add(e, pixel, ix_mul(e, x->i[d], stride[d]));
    for (int j = 0; j < l->nv; j++) {
        Ival c = i_add(g, x->vbase, i_mul(g, i_add(g, l->o, ival(j * LANES)), ival(x->vs)));
        Ival at = i_add(g, pixel, block_offset(e, t, c));
        if (l->lanes > 1 && x->vs != 1) g_fail(g, "a run over channels in blocks with gaps");
        out[j] = l->lanes == 1 ? v_load(g, p, at, dt, 1)
                 : l->partial  ? v_load_n(g, p, at, dt, l->mask)
                               : v_load(g, p, at, dt, LANES);
    }
}

/* Elements of argument `arg`, seen as `as`: itself, or a reshape of it, which has no gaps. */
static void load(Eval *e, const Value *arg, const Value *as, const Index *x, Vec *out)
{
    Gen *g = e->g;
    const Type *t = &as->type;
    const Lanes *l = &e->lane;
    Ptr p = g_ptr(g, (int)arg->index);
    DType dt = carrier(t->dtype);
    Ival stride[IR_MAX_RANK];
    ival_strides(e, t, stride);
    bool blocked = t->layout == LAYOUT_BLOCKED;
    if (e->k->pitch && as == arg && !blocked) {
        Ival pitch = g_dim(g, (int)arg->index);
        for (int d = t->rank - 2; d >= 0; d--) {
            stride[d] = pitch;
            pitch = ix_mul(e, pitch, dim_ival(e, t->dim[d]));
        }
    }
    if (t->layout != LAYOUT_PLAIN && !blocked) g_fail(g, "a packed operand in a kernel of loops");
    Ival at = ival(0);
    if (blocked) {
        stride[2] = ival(LANES);
        stride[1] = ix_mul(e, stride[2], dim_ival(e, t->dim[2]));
        if (x->vd == 3) {
            load_blocks(e, p, t, x, stride, out);
            return;
        }
        at = block_offset(e, t, x->i[3]);
    }
    for (int d = 0; d < t->rank; d++)
        if (!blocked || d < 3) at = ix_add(e, at, ix_mul(e, d == x->vd ? x->vbase : x->i[d], stride[d]));
    if (x->vd < 0) {
        out[0] = v_load(g, p, at, dt, 1);
        return;
    }
    Ival step = ix_mul(e, stride[x->vd], ival(x->vs));
    at = ix_add(e, at, ix_mul(e, l->o, step));
    for (int j = 0; j < l->nv; j++) {
        Ival from = i_add(g, at, i_mul(g, ival(j * LANES), step));
        if (l->lanes == 1) {
            out[j] = v_load(g, p, from, dt, 1);
        } else if (step.konst && step.k == 1) {
            out[j] = l->partial ? v_load_n(g, p, from, dt, l->mask) : v_load(g, p, from, dt, LANES);
        } else if (step.konst && step.k == -1 && !l->partial) {
            int reversed[LANES];
            for (int i = 0; i < LANES; i++) reversed[i] = LANES - 1 - i;
            Vec v = v_load(g, p, i_sub(g, from, ival(LANES - 1)), dt, LANES);
            out[j] = v_shuffle(g, v, v, reversed, LANES);
        } else {
            out[j] = v_gather(g, p, from, step, dt, l->partial ? l->count : ival(LANES));
        }
    }
}

/* A small constant: the element is selected among all. */
static void constant(Eval *e, const Op *op, const Index *x, Vec *out)
{
    Gen *g = e->g;
    const Type *t = &op->out[0]->type;
    int64_t stride[IR_MAX_RANK], n = type_numel(t);
    strides_of(t, stride);
    Ival at = ival(0);
    for (int d = 0; d < t->rank; d++) at = ix_add(e, at, ix_mul(e, index_at(e, x, d), ival(stride[d])));
    int lanes = x->vd >= 0 ? e->lane.lanes : 1;
    if (n == 1 || (at.konst && lanes == 1)) {
        out[0] = const_element(g, op, n == 1 ? 0 : at.k, lanes);
        for (int j = 1; j < width(e, x); j++) out[j] = out[0];
        return;
    }
    if (n > 256) g_fail(g, "a constant of %lld elements inside a kernel", (long long)n);
    for (int j = 0; j < width(e, x); j++) {
        int64_t step = x->vd >= 0 ? x->vs * stride[x->vd] : 0;
        Vec which = v_splat(g, v_from_i(g, i_add(g, at, ival(j * LANES * step)), JITC_INT32), lanes);
        if (lanes > 1)
            which = v_add(g, which, v_mul(g, v_iota(g, JITC_INT32), v_i(g, JITC_INT32, lanes, step)));
        out[j] = const_element(g, op, 0, lanes);
        for (int64_t i = 1; i < n; i++)
            out[j] = v_select(g, v_cmp(g, CMP_EQ, which, v_i(g, JITC_INT32, lanes, i)),
                              const_element(g, op, i, lanes), out[j]);
    }
}

/* out = v at x where c holds, else it stays. Both sides are `lanes` wide. */
void guarded(Eval *e, Cond c, const Value *v, const Index *x, Vec *out, int n)
{
    Gen *g = e->g;
    if (c.konst && !c.k) return;
    Scope s = scope_enter(e);
    FOR_CARRY (g, once, ival(0), i_select(g, c, ival(1), ival(0)), ival(1), out, n) {
        Vec r[NV_MAX];
        eval_at(e, v, x, r);
        for (int j = 0; j < n; j++) out[j] = v_splat(g, r[j], out[j].lanes);
    }
    scope_leave(e, s);
}

static void fill(Vec *out, int n, Vec v)
{
    for (int j = 0; j < n && j < NV_MAX; j++) out[j] = v; /* the second bound is for gcc, which warns */
}

static void pad_op(Eval *e, const Op *op, const Index *x0, Vec *out)
{
    Index x = *x0;
    int along = static_piece(e, op, &x), which = assumed_piece(e, op, &x), n = width(e, &x);
    Vec outside =
        const_number(e->g, op->out[0]->type.dtype, x.vd >= 0 ? e->lane.lanes : 1, attr_f(op, "value"));
    if (along == 0 || which == 0) {
        fill(out, n, outside);
        return;
    }
    if (along < 0 && e->lane.lanes != 1 && !e->symbolic) g_fail(e->g, "a vector across the edge of a pad");
    if (along < 0 && e->lane.lanes == 1) x = index_single(e, &x);
    Index y = operand_index(e, op, 0, &x);
    if (which == 1 && along == 1) {
        eval_at(e, op->in[0], &y, out);
        return;
    }
    Cond c = inside_pad(e, op, &x);
    if (along < 0 && x.vd >= 0) c = c_and(e->g, c, inside_run(e, op, &x)); /* the run was cut at the edge */
    fill(out, n, outside);
    if (c.konst && c.k)
        eval_at(e, op->in[0], &y, out);
    else
        guarded(e, c, op->in[0], &y, out, n);
}

static void concat_op(Eval *e, const Op *op, const Index *x0, Vec *out)
{
    int axis = (int)attr_i(op, "axis"), which = static_piece(e, op, x0), n = width(e, x0);
    if (which < 0) which = assumed_piece(e, op, x0);
    if (which >= 0) {
        Index y = operand_index(e, op, which, x0);
        eval_at(e, op->in[which], &y, out);
        return;
    }
    if (x0->vd == axis && e->lane.lanes != 1 && !e->symbolic)
        g_fail(e->g, "a vector across pieces of a concat");
    Index x = x0->vd == axis && e->lane.lanes == 1 ? index_single(e, x0) : *x0;
    fill(out, n, zero_vec(e->g, carrier(op->out[0]->type.dtype), x.vd >= 0 ? e->lane.lanes : 1));
    for (int i = 0; i < op->nin; i++) {
        Index y = operand_index(e, op, i, &x);
        guarded(e, inside_piece(e, op, i, index_at(e, &x, axis)), op->in[i], &y, out, n);
    }
}

/* Each third of a mirrored dim is read in its own way; the run was cut between them. */
static void mirror_op(Eval *e, const Op *op, const Index *x, Vec *out)
{
    Gen *g = e->g;
    int n = width(e, x);
    Ival i = ix_sub(e, index_at(e, x, x->vd), dim_ival(e, attr_v(op, "lo", NULL)[x->vd]));
    Cond below = c_lt(g, i, ival(0)), inside = c_ult(g, i, dim_ival(e, op->in[0]->type.dim[x->vd]));
    Cond is[3] = {below, inside, c_not(g, c_or(g, below, inside))};
    fill(out, n, zero_vec(g, carrier(op->out[0]->type.dtype), e->lane.lanes));
    for (int part = 0; part < 3; part++) {
        Index y = mirror_index(e, op, x, part - 1);
        guarded(e, is[part], op->in[0], &y, out, n);
    }
}

/* Operand i of an op that repeats it where its size is 1. */
static int broadcast_operand(Eval *e, const Op *op, int i, const Index *x, Vec *out)
{
    Gen *g = e->g;
    Index y = operand_index(e, op, i, x);
    const Value *v = op->in[i];
    if (!open_run(op, i, x)) return eval_at(e, v, &y, out);
    int n = width(e, x);
    Index one = y;
    one.i[y.vd] = ival(0), one.vd = -1;
    Cond repeated = c_eq(g, dim_ival(e, v->type.dim[y.vd]), ival(1));
    fill(out, n, zero_vec(g, carrier(v->type.dtype), e->lane.lanes));
    Scope s = scope_enter(e);
    FOR_CARRY (g, once, ival(0), i_select(g, repeated, ival(1), ival(0)), ival(1), out, n) {
        Vec r = v_splat(g, eval_one(e, v, &one), e->lane.lanes);
        fill(out, n, r);
    }
    scope_leave(e, s);
    guarded(e, c_not(g, repeated), v, &y, out, n);
    return n;
}

static void map_values(Eval *e, const Op *op, const Index *x, Vec *out)
{
    Vec in[MAP_MAX_IN][NV_MAX];
    int have[MAP_MAX_IN], n = width(e, x);
    for (int i = 0; i < op->nin; i++) have[i] = broadcast_operand(e, op, i, x, in[i]);
    for (int j = 0; j < n; j++) {
        Vec v[MAP_MAX_IN];
        for (int i = 0; i < op->nin; i++) v[i] = in[i][have[i] > j ? j : 0];
        out[j] = map_op(e->g, op, v);
    }
}

const Value *reshaped_arg(const Value *v)
{
    while (v->def && v->def->code == OP_reshape) v = v->def->in[0];
    return v->def ? NULL : v;
}

static void pass_on(Eval *e, const Op *op, const Index *x, Vec *out)
{
    Index y = operand_index(e, op, 0, x);
    int have =
        op->code == OP_broadcast ? broadcast_operand(e, op, 0, x, out) : eval_at(e, op->in[0], &y, out);
    for (int j = have; j < width(e, x); j++) out[j] = out[0];
}

static void compute(Eval *e, const Value *v, const Index *x0, Vec *out)
{
    const Op *op = v->def;
    Index x = *x0;
    if (!op) {
        load(e, v, v, &x, out);
        return;
    }
    switch (op->code) {
    case OP_const: constant(e, op, &x, out); return;
    case OP_pad: pad_op(e, op, &x, out); return;
    case OP_concat: concat_op(e, op, &x, out); return;
    case OP_reshape: {
        const Value *arg = reshaped_arg(v);
        if (arg) {
            load(e, arg, v, &x, out);
            return;
        }
        if (e->lane.lanes == 1) x = index_single(e, &x);
        pass_on(e, op, &x, out);
        return;
    }
    case OP_mirror_pad:
        if (e->symbolic && e->lane.lanes != 1 && padded_dim(op, x.vd) && mirror_part(e, op, &x) == 2) {
            mirror_op(e, op, &x, out);
            return;
        }
        pass_on(e, op, &x, out);
        return;
    case OP_transpose:
    case OP_slice:
    case OP_reverse:
    case OP_relayout:
    case OP_broadcast: pass_on(e, op, &x, out); return;
    case OP_softmax:
    case OP_log_softmax: eval_row_op(e, op, &x, out); return;
    case OP_argmax:
    case OP_argmin: eval_arg_op(e, op, &x, out); return;
    case OP_max_pool:
    case OP_avg_pool: eval_pool_op(e, op, &x, out); return;
    case OP_conv: eval_conv_op(e, op, &x, out); return;
    case OP_dot: eval_dot_op(e, op, &x, out); return;
    case OP_gather: eval_gather_op(e, op, &x, out); return;
    case OP_one_hot: eval_one_hot_op(e, op, &x, out); return;
    case OP_resize_bilinear: eval_bilinear_op(e, op, &x, out); return;
    case OP_resize_nearest: eval_nearest_op(e, op, &x, out); return;
    default: break;
    }
    if (op->def->kind == KIND_MAP)
        map_values(e, op, &x, out);
    else if (op->def->kind == KIND_REDUCE)
        eval_reduce_op(e, op, &x, out);
    else
        g_fail(e->g, "'%s' inside a kernel of loops", op->def->name);
}

int eval_at(Eval *e, const Value *v, const Index *x, Vec *out)
{
    int n = width(e, x);
    for (uint32_t i = e->known.n; i-- > 0;) {
        const Known *k = &e->known.at[i];
        if (k->v != v || (x->vd >= 0 && k->lane != e->lane.id) || !index_same(&k->x, x, v->type.rank))
            continue;
        memcpy(out, k->vec, (size_t)n * sizeof *out);
        return n;
    }
    Known k = {.v = v, .x = *x, .lane = e->lane.id, .n = n};
    compute(e, v, x, k.vec);
    int lanes = x->vd >= 0 ? e->lane.lanes : 1;
    for (int j = 0; j < n; j++) out[j] = k.vec[j] = v_splat(e->g, k.vec[j], lanes);
    vec_push(e->job, &e->known, k);
    return n;
}

Vec eval_one(Eval *e, const Value *v, const Index *x)
{
    Vec out[NV_MAX];
    if (x->vd >= 0) g_fail(e->g, "one element asked for by a run");
    eval_at(e, v, x, out);
    return out[0];
}

Ival eval_int(Eval *e, const Value *v, const Index *x)
{
    return i_from_v(e->g, eval_one(e, v, x));
}

int eval_wide(Eval *e, const Value *v, const Index *x, Vec *out)
{
    int n = eval_at(e, v, x, out);
    for (int j = 0; j < n; j++) out[j] = widen(e->g, out[j], v->type.dtype);
    return n;
}
