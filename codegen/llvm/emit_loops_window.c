/* Windows and the contractions that no other algorithm takes: plain loops around the element or run asked
 * for. */
#include "codegen/llvm/access.h"

#include <float.h>

static DType compute_type(DType t)
{
    return carrier(t) != t ? JITC_FLOAT32 : t;
}

static Vec lowest(Gen *g, DType own, int lanes)
{
    DType t = compute_type(own);
    if (!dtype_is_float(own))
        return v_i(g, t, lanes, dtype_is_signed(own) ? (int64_t)(~0ULL << (8 * dtype_size(own) - 1)) : 0);
    return v_f(g, t, lanes,
               own == JITC_FLOAT16    ? -65504
               : own == JITC_BFLOAT16 ? -0x1.FEp127
               : own == JITC_FLOAT32  ? -FLT_MAX
                                      : -DBL_MAX);
}

/* The image's rows (columns) under the window. */
static void bounds(Eval *e, const Op *op, const Index *x, int d, Ival *lo, Ival *hi)
{
    int64_t window = attr_v(op, "window", NULL)[d], stride = attr_v(op, "strides", NULL)[d];
    Dim pad = attr_v(op, "pad_lo", NULL)[d];
    bool padded = pad || attr_v(op, "pad_hi", NULL)[d];
    Ival from = ix_sub(e, ix_mul(e, x->i[1 + d], ival(stride)), dim_ival(e, pad)),
         to = ix_add(e, from, ival(window));
    *lo = padded ? i_max(e->g, from, ival(0)) : from;
    *hi = padded ? i_min(e->g, to, dim_ival(e, op->in[0]->type.dim[1 + d])) : to;
}

void eval_pool_op(Eval *e, const Op *op, const Index *x0, Vec *out)
{
    Gen *g = e->g;
    Index x = e->lane.lanes == 1 ? index_single(e, x0) : *x0, in = operand_index(e, op, 0, &x);
    DType own = op->in[0]->type.dtype;
    bool max = op->code == OP_max_pool;
    int n = x.vd >= 0 ? e->lane.nv : 1, lanes = x.vd >= 0 ? LANES : 1;
    Ival lo[2], hi[2];
    for (int d = 0; d < 2; d++) bounds(e, op, &x, d, &lo[d], &hi[d]);
    for (int j = 0; j < n; j++) out[j] = max ? lowest(g, own, lanes) : zero_vec(g, compute_type(own), lanes);
    in.unknown = 0;
    Scope s = scope_enter(e);
    FOR_CARRY (g, y, lo[0], hi[0], ival(1), out, n) {
        in.i[1] = y.i;
        FOR_CARRY (g, c, lo[1], hi[1], ival(1), out, n) {
            Scope inner = scope_enter(e);
            Vec v[NV_MAX];
            in.i[2] = c.i;
            eval_wide(e, op->in[0], &in, v);
            for (int j = 0; j < n; j++)
                out[j] =
                    max ? v_select(g, v_cmp(g, CMP_GT, v[j], out[j]), v[j], out[j]) : v_add(g, out[j], v[j]);
            scope_leave(e, inner);
        }
    }
    scope_leave(e, s);
    if (!max) {
        Ival count = i_mul(g, i_sub(g, hi[0], lo[0]), i_sub(g, hi[1], lo[1]));
        Vec by = v_splat(g, v_from_i(g, count, out[0].dtype), lanes);
        for (int j = 0; j < n; j++) out[j] = v_div(g, out[j], by);
    }
    for (int j = 0; j < n; j++) out[j] = narrow(g, out[j], own);
}

/* acc += a * b, each one vector per stream or one scalar. */
static void multiply(Eval *e, const Op *op, const Index *a, const Index *b, Vec *acc, int n)
{
    Vec x[NV_MAX], w[NV_MAX];
    int nx = eval_wide(e, op->in[0], a, x), nw = eval_wide(e, op->in[1], b, w);
    for (int j = 0; j < n; j++) {
        Vec p = v_splat(e->g, x[j < nx ? j : 0], acc[j].lanes),
            q = v_splat(e->g, w[j < nw ? j : 0], acc[j].lanes);
        acc[j] = v_mac(e->g, p, q, acc[j]);
    }
}

void eval_conv_op(Eval *e, const Op *op, const Index *x0, Vec *out)
{
    Gen *g = e->g;
    Index x = e->lane.lanes == 1 ? index_single(e, x0) : *x0;
    Index a = operand_index(e, op, 0, &x), b = operand_index(e, op, 1, &x);
    const Type *tx = &op->in[0]->type, *tw = &op->in[1]->type;
    const int64_t *strides = attr_v(op, "strides", NULL), *dilations = attr_v(op, "dilations", NULL);
    const Dim *lo = attr_v(op, "pad_lo", NULL);
    int64_t groups = attr_i(op, "groups");
    Ival each = dim_ival(e, tw->dim[2]);
    DType t = op->out[0]->type.dtype;
    int n = x.vd >= 0 ? e->lane.nv : 1;
    Ival filters = ix_max(e, ix_div(e, dim_ival(e, tw->dim[3]), ival(groups)), ival(1)); /* of a group */
    Ival first = groups == 1 ? ival(0) : ix_mul(e, ix_div(e, x.i[3], filters), each);
    for (int j = 0; j < n; j++) out[j] = zero_vec(g, compute_type(t), x.vd >= 0 ? LANES : 1);
    a.unknown = b.unknown = 0;
    Scope s = scope_enter(e);
    FOR_CARRY (g, ky, ival(0), dim_ival(e, tw->dim[0]), ival(1), out, n) {
        a.i[1] = i_add(g, i_mul(g, x.i[1], ival(strides[0])),
                       i_sub(g, i_mul(g, ky.i, ival(dilations[0])), dim_ival(e, lo[0])));
        b.i[0] = ky.i;
        Ival row_ok =
            i_select(g, c_ult(g, a.i[1], dim_ival(e, tx->dim[1])), dim_ival(e, tw->dim[1]), ival(0));
        FOR_CARRY (g, kx, ival(0), row_ok, ival(1), out, n) {
            a.i[2] = i_add(g, i_mul(g, x.i[2], ival(strides[1])),
                           i_sub(g, i_mul(g, kx.i, ival(dilations[1])), dim_ival(e, lo[1])));
            b.i[1] = kx.i;
            Ival ok = i_select(g, c_ult(g, a.i[2], dim_ival(e, tx->dim[2])), each, ival(0));
            FOR_CARRY (g, c, ival(0), ok, ival(1), out, n) {
                Scope inner = scope_enter(e);
                a.i[3] = ix_add(e, first, c.i);
                b.i[2] = c.i;
                multiply(e, op, &a, &b, out, n);
                scope_leave(e, inner);
            }
        }
    }
    scope_leave(e, s);
    for (int j = 0; j < n; j++) out[j] = narrow(g, out[j], t);
}

void eval_dot_op(Eval *e, const Op *op, const Index *x, Vec *out)
{
    Gen *g = e->g;
    Index a = operand_index(e, op, 0, x), b = operand_index(e, op, 1, x);
    const Type *ta = &op->in[0]->type, *tb = &op->in[1]->type;
    int ka = ta->rank - (attr_i(op, "trans_a") ? 2 : 1), kb = tb->rank - (attr_i(op, "trans_b") ? 1 : 2);
    int n = x->vd >= 0 ? e->lane.nv : 1;
    for (int j = 0; j < n; j++) out[j] = zero_vec(g, compute_type(ta->dtype), x->vd >= 0 ? e->lane.lanes : 1);
    a.unknown = b.unknown = 0;
    Scope s = scope_enter(e);
    FOR_CARRY (g, k, ival(0), dim_ival(e, ta->dim[ka]), ival(1), out, n) {
        a.i[ka] = b.i[kb] = k.i;
        multiply(e, op, &a, &b, out, n);
    }
    scope_leave(e, s);
    for (int j = 0; j < n; j++) out[j] = narrow(g, out[j], ta->dtype);
}
