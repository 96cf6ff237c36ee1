/* Ops whose source index is looked up or computed. */
#include "codegen/llvm/access.h"

/* Element of the index tensor that x asks for; reported with the position in it. */
Ival gather_row(Eval *e, const Op *op, const Index *x)
{
    Gen *g = e->g;
    const Value *idx = op->in[1];
    Index at = operand_index(e, op, 1, x);
    for (uint32_t i = e->facts.n; i-- > 0;)
        if (e->facts.at[i].op == op && index_same(&e->facts.at[i].x, &at, idx->type.rank))
            return e->facts.at[i].i;
    Ival stride[IR_MAX_RANK], many = dim_ival(e, op->in[0]->type.dim[attr_i(op, "axis")]);
    ival_strides(e, &idx->type, stride);
    Ival i = eval_int(e, idx, &at), element = ival(0);
    for (int d = 0; d < idx->type.rank; d++) element = ix_add(e, element, ix_mul(e, at.i[d], stride[d]));
    g_report(g, c_not(g, c_ult(g, i, many)), element);
    i = i_max(g, ival(0), i_min(g, i, ix_sub(e, many, ival(1))));
    vec_push(e->job, &e->facts, (KnownFact){.op = op, .x = at, .i = i});
    return i;
}

void eval_gather_op(Eval *e, const Op *op, const Index *x0, Vec *out)
{
    Index x = *x0;
    if (e->lane.lanes == 1) x = index_single(e, &x);
    Ival row = gather_row(e, op, &x);
    Index in = operand_index(e, op, 0, &x);
    in.unknown = 0;
    in.i[attr_i(op, "axis")] = row;
    Dim many = op->in[0]->type.dim[attr_i(op, "axis")];
    if (dim_known(many) && many > 0) {
        int n = eval_at(e, op->in[0], &in, out);
        for (int j = n; j < e->lane.nv && x0->vd >= 0; j++) out[j] = out[0];
        return;
    }
    /* An empty table has nothing to read; the index is reported. */
    int n = in.vd >= 0 ? e->lane.nv : 1;
    Vec none = zero_vec(e->g, carrier(op->out[0]->type.dtype), in.vd >= 0 ? e->lane.lanes : 1);
    for (int j = 0; j < n; j++) out[j] = none;
    guarded(e, c_lt(e->g, ival(0), dim_ival(e, many)), op->in[0], &in, out, n);
    for (int j = n; j < e->lane.nv && x0->vd >= 0; j++) out[j] = out[0];
}

void eval_one_hot_op(Eval *e, const Op *op, const Index *x, Vec *out)
{
    Gen *g = e->g;
    int axis = (int)attr_i(op, "axis"), lanes = x->vd >= 0 ? e->lane.lanes : 1,
        n = x->vd >= 0 ? e->lane.nv : 1;
    Index at = operand_index(e, op, 0, x), scalar = index_zero();
    Vec idx[NV_MAX], on = v_splat(g, eval_one(e, op->in[1], &scalar), lanes),
                     off = v_splat(g, eval_one(e, op->in[2], &scalar), lanes);
    int have = eval_at(e, op->in[0], &at, idx);
    DType t = op->in[0]->type.dtype;
    for (int j = 0; j < n; j++) {
        Ival i = i_add(g, index_at(e, x, axis), ival(x->vd == axis ? (int64_t)j * LANES * x->vs : 0));
        Vec position = v_splat(g, v_from_i(g, i, JITC_INT64), lanes);
        if (x->vd == axis && lanes > 1)
            position = v_add(g, position, v_mul(g, v_iota(g, JITC_INT64), v_i(g, JITC_INT64, lanes, x->vs)));
        /* 64 bits, or an index such as 256 would equal 0 in a narrow type. */
        Vec wanted = v_cast(g, v_splat(g, idx[j < have ? j : 0], lanes), JITC_INT64);
        Vec same = v_cmp(g, CMP_EQ, wanted, position);
        if (t == JITC_UINT64) same = v_and(g, same, v_cmp(g, CMP_GE, wanted, v_i(g, JITC_INT64, lanes, 0)));
        out[j] = v_select(g, same, on, off);
    }
}

/* -- Resizing: coordinates in f32, as TensorFlow computes them -------------------------------------- */
static Vec kf(Gen *g, double k)
{
    return v_f(g, JITC_FLOAT32, 1, k);
}

static Vec quotient(Gen *g, Ival a, Ival b)
{
    return v_div(g, v_from_i(g, a, JITC_FLOAT32), v_from_i(g, b, JITC_FLOAT32));
}

static Vec scale_of(Eval *e, const Op *op, int d)
{
    Gen *g = e->g;
    Ival in = dim_ival(e, op->in[0]->type.dim[1 + d]), out = dim_ival(e, op->out[0]->type.dim[1 + d]);
    Ival less = ival(attr_i(op, "align_corners") ? 1 : 0);
    if (in.konst && out.konst) {
        if (out.k <= 1) less.k = 0;
        return kf(g, (float)(in.k - less.k) / (float)(out.k - less.k));
    }
    less = i_select(g, c_lt(g, ival(1), out), less, ival(0));
    return quotient(g, i_sub(g, in, less), i_sub(g, out, less));
}

typedef struct {
    Ival lower, upper;
    Vec lerp;
} Source;

static Source bilinear_source(Eval *e, const Op *op, const Index *x, int d)
{
    Gen *g = e->g;
    Vec i = v_from_i(g, x->i[1 + d], JITC_FLOAT32), scale = scale_of(e, op, d), at;
    if (attr_i(op, "half_pixel"))
        at = v_sub(g, v_mul(g, v_add(g, i, kf(g, 0.5)), scale), kf(g, 0.5));
    else
        at = v_mul(g, i, scale);
    Vec whole = v_floor(g, at);
    Ival last = ix_sub(e, dim_ival(e, op->in[0]->type.dim[1 + d]), ival(1));
    Ival upper = i_min(g, i_from_v(g, v_cast(g, v_ceil(g, at), JITC_INT64)), last);
    Ival lower = i_min(g, i_max(g, i_from_v(g, v_cast(g, whole, JITC_INT64)), ival(0)), upper);
    return (Source){lower, upper, v_sub(g, at, whole)};
}

static Vec lerp(Gen *g, Vec a, Vec b, Vec t)
{
    return v_add(g, a, v_mul(g, v_sub(g, b, a), v_splat(g, t, a.lanes)));
}

void eval_bilinear_op(Eval *e, const Op *op, const Index *x0, Vec *out)
{
    Gen *g = e->g;
    Index x = e->lane.lanes == 1 ? index_single(e, x0) : *x0, in = operand_index(e, op, 0, &x);
    const Type *ti = &op->in[0]->type, *to = &op->out[0]->type;
    int n = x.vd >= 0 ? e->lane.nv : 1;
    Vec v[2][2][NV_MAX];
    in.unknown = 0;
    /* Of the same size the image is copied, which matters for infinities. */
    Cond same = c_const(true);
    for (int d = 1; d <= 2; d++)
        if (ti->dim[d] != to->dim[d])
            same = c_and(g, same, c_eq(g, dim_ival(e, ti->dim[d]), dim_ival(e, to->dim[d])));
    bool copy = same.konst && same.k;
    Source y = {0}, z = {0};
    if (!copy) {
        y = bilinear_source(e, op, &x, 0);
        z = bilinear_source(e, op, &x, 1);
    }
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            in.i[1] = copy ? x.i[1] : a ? y.upper : y.lower;
            in.i[2] = copy ? x.i[2] : b ? z.upper : z.lower;
            eval_wide(e, op->in[0], &in, v[a][b]);
            for (int j = 0; j < n; j++) v[a][b][j] = v_cast(g, v[a][b][j], JITC_FLOAT32);
        }
    Vec copied = v_from_i(g, i_select(g, same, ival(1), ival(0)), JITC_BOOL);
    for (int j = 0; j < n; j++) {
        out[j] = v[0][0][j];
        if (copy) continue;
        Vec r =
            lerp(g, lerp(g, v[0][0][j], v[0][1][j], z.lerp), lerp(g, v[1][0][j], v[1][1][j], z.lerp), y.lerp);
        out[j] = same.konst ? r : v_select(g, v_splat(g, copied, r.lanes), out[j], r);
    }
}

/* round() of a coordinate, which is not negative: halves away from zero. */
static Vec round_half_up(Gen *g, Vec at)
{
    Vec whole = v_floor(g, at), up = v_cmp(g, CMP_GE, v_sub(g, at, whole), kf(g, 0.5));
    return v_select(g, up, v_add(g, whole, kf(g, 1)), whole);
}

static Ival nearest_source(Eval *e, const Op *op, const Index *x, int d)
{
    Gen *g = e->g;
    Vec i = v_from_i(g, x->i[1 + d], JITC_FLOAT32);
    Vec at = v_mul(g, v_add(g, i, kf(g, attr_i(op, "half_pixel") ? 0.5 : 0)), scale_of(e, op, d));
    at = attr_i(op, "align_corners") ? round_half_up(g, at) : v_floor(g, at);
    return i_max(g, ival(0),
                 i_min(g, i_from_v(g, v_cast(g, at, JITC_INT64)),
                       ix_sub(e, dim_ival(e, op->in[0]->type.dim[1 + d]), ival(1))));
}

void eval_nearest_op(Eval *e, const Op *op, const Index *x0, Vec *out)
{
    Index x = e->lane.lanes == 1 ? index_single(e, x0) : *x0, in = operand_index(e, op, 0, &x);
    in.unknown = 0;
    for (int d = 0; d < 2; d++) in.i[1 + d] = nearest_source(e, op, &x, d);
    int n = eval_at(e, op->in[0], &in, out);
    for (int j = n; j < e->lane.nv && x0->vd >= 0; j++) out[j] = out[0];
}
