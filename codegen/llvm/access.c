#include <stdlib.h>

#include "codegen/llvm/access.h"

/* -- Remembered arithmetic
 * ------------------------------------------------------------------------------------ */
static bool same_int(Ival a, Ival b)
{
    return a.konst ? b.konst && a.k == b.k : !b.konst && a.v == b.v;
}

static Ival arithmetic(Eval *e, char op, Ival a, Ival b)
{
    if (!(a.konst && b.konst))
        for (uint32_t i = e->ints.n; i-- > 0;) {
            const KnownInt *k = &e->ints.at[i];
            if (k->op == op && same_int(k->a, a) && same_int(k->b, b)) return k->r;
        }
    Gen *g = e->g;
    Ival r = op == '+'   ? i_add(g, a, b)
             : op == '-' ? i_sub(g, a, b)
             : op == '*' ? i_mul(g, a, b)
             : op == '/' ? i_div(g, a, b)
                         : i_mod(g, a, b);
    if (!(a.konst && b.konst)) vec_push(e->job, &e->ints, (KnownInt){op, a, b, r});
    return r;
}

Ival ix_add(Eval *e, Ival a, Ival b)
{
    return arithmetic(e, '+', a, b);
}
Ival ix_sub(Eval *e, Ival a, Ival b)
{
    return arithmetic(e, '-', a, b);
}
Ival ix_mul(Eval *e, Ival a, Ival b)
{
    return arithmetic(e, '*', a, b);
}
Ival ix_div(Eval *e, Ival a, Ival b)
{
    return arithmetic(e, '/', a, b);
}
Ival ix_mod(Eval *e, Ival a, Ival b)
{
    return arithmetic(e, '%', a, b);
}

/* -- Indices
 * ---------------------------------------------------------------------------------------------------- */
Index index_zero(void)
{
    Index x = {.vd = -1, .vs = 1, .vbase = ival(0)};
    for (int d = 0; d < IR_MAX_RANK; d++) x.i[d] = ival(0);
    return x;
}

bool index_same(const Index *a, const Index *b, int rank)
{
    if (a->vd != b->vd || a->unknown != b->unknown) return false;
    if (a->vd >= 0 && (a->vs != b->vs || !same_int(a->vbase, b->vbase))) return false;
    for (int d = 0; d < rank; d++)
        if (d != a->vd && !same_int(a->i[d], b->i[d])) return false;
    return true;
}

Ival index_at(Eval *e, const Index *x, int d)
{
    if (d != x->vd) return x->i[d];
    return ix_add(e, x->vbase, ix_mul(e, e->lane.o, ival(x->vs)));
}

Index index_single(Eval *e, const Index *x)
{
    Index y = *x;
    if (x->vd < 0) return y;
    y.i[x->vd] = index_at(e, x, x->vd);
    y.vd = -1;
    return y;
}

Index outer_index(Eval *e, const Type *t, Ival u)
{
    Index x = index_zero();
    int first = 0;
    while (first < t->rank - 1 && t->dim[first] == 1) first++;
    for (int d = t->rank - 2; d >= first; d--) {
        x.i[d] = d == first ? u : ix_mod(e, u, ival(t->dim[d]));
        if (d > first) u = ix_div(e, u, ival(t->dim[d]));
    }
    return x;
}

/* Dim `to` of y is dim `from` of x. */
static void take_dim(Index *y, int to, const Index *x, int from)
{
    if (x->vd == from) {
        y->vd = to;
        y->vs = x->vs;
        y->vbase = x->vbase;
        return;
    }
    y->i[to] = x->i[from];
    if (x->unknown >> from & 1) y->unknown |= 1u << to;
}

static void set_unknown(Index *y, int d)
{
    y->unknown |= 1u << d;
}

static Index broadcast_index(const Type *in, int out_rank, const Index *x)
{
    Index y = index_zero();
    for (int d = 0; d < in->rank; d++)
        if (in->dim[d] != 1) take_dim(&y, d, x, d + out_rank - in->rank);
    return y;
}

/* index * stride + begin */
static void scale_dim(Eval *e, Index *y, int d, int64_t stride, int64_t begin)
{
    if (y->vd == d) {
        y->vbase = ix_add(e, ix_mul(e, y->vbase, ival(stride)), ival(begin));
        y->vs *= stride;
    } else if (!(y->unknown >> d & 1)) {
        y->i[d] = ix_add(e, ix_mul(e, y->i[d], ival(stride)), ival(begin));
    }
}

/* Which third of a mirrored dim the run along it lies in: -1, 0, 1; 2: in more than one, or not known. */
static int mirror_part(const Eval *e, const Op *op, const Index *x, int d)
{
    if (x->vd != d || !x->vbase.konst) return 2;
    int64_t lo = attr_v(op, "lo", NULL)[d], n = op->in[0]->type.dim[d];
    int64_t a = x->vbase.k + x->vs * e->lane.lo, b = x->vbase.k + x->vs * (e->lane.hi - 1);
    int64_t least = min_i64(a, b) - lo, most = max_i64(a, b) - lo;
    return most < 0 ? -1 : least >= n ? 1 : least >= 0 && most < n ? 0 : 2;
}

static Index mirror_index(Eval *e, const Op *op, const Index *x)
{
    const int64_t *lo = attr_v(op, "lo", NULL), *hi = attr_v(op, "hi", NULL);
    int64_t reflect = attr_i(op, "reflect");
    Index y = *x;
    for (int d = 0; d < op->in[0]->type.rank; d++) {
        int64_t n = op->in[0]->type.dim[d];
        if (!lo[d] && !hi[d]) continue;
        if (y.unknown >> d & 1) continue;
        if (y.vd == d) {
            int part = mirror_part(e, op, x, d);
            if (part == 2 && e->lane.lanes == 1)
                y = index_single(e, &y);
            else {
                scale_dim(e, &y, d, part == 0 ? 1 : -1,
                          part == 0  ? -lo[d]
                          : part < 0 ? lo[d] - !reflect
                                     : lo[d] + 2 * n - 1 - reflect);
                continue;
            }
        }
        Gen *g = e->g;
        Ival i = ix_sub(e, y.i[d], ival(lo[d]));
        Ival below = ix_sub(e, ival(-!reflect), i), above = ix_sub(e, ival(2 * n - 1 - reflect), i);
        y.i[d] = i_select(g, c_lt(g, i, ival(0)), below, i_select(g, c_lt(g, i, ival(n)), i, above));
    }
    return y;
}

/* Dims of a reshape fall into groups of equal products; a group that is one dim on both sides just passes. */
static Index reshape_index(Eval *e, const Type *in, const Type *out, const Index *x)
{
    Index y = index_zero();
    int a = 0, b = 0;
    while (a < out->rank || b < in->rank) {
        int a1 = a, b1 = b;
        int64_t pa = 1, pb = 1;
        do {
            if ((pa <= pb && a1 < out->rank) || b1 == in->rank)
                pa *= out->dim[a1++];
            else
                pb *= in->dim[b1++];
        } while (pa != pb && (a1 < out->rank || b1 < in->rank));
        if (a1 - a == 1 && b1 - b == 1) {
            take_dim(&y, b, x, a);
            a = a1, b = b1;
            continue;
        }
        Ival base = ival(0); /* of the group, without the run */
        bool unknown = false, run = false;
        for (int d = a; d < a1; d++) {
            run = run || x->vd == d;
            unknown = unknown || (x->unknown >> d & 1);
            base = ix_add(e, ix_mul(e, base, ival(out->dim[d])), x->vd == d ? ival(0) : x->i[d]);
        }
        int last = b1 - 1;
        if (run && !unknown) {
            int64_t size = in->dim[last];
            y.vd = last;
            y.vs = x->vs;
            if (size % out->dim[a1 - 1] == 0) { /* the run stays within the operand's dim */
                base = ix_add(e, base, x->vbase);
                y.vbase = last == b ? base : ix_mod(e, base, ival(size));
                base = ix_div(e, base, ival(size));
            } else { /* it was cut where it leaves it */
                int64_t piece = x->vbase.konst ? (x->vbase.k + e->lane.lo) / size : 0;
                y.vbase = ix_sub(e, x->vbase, ival(piece * size));
                base = ix_add(e, ix_div(e, base, ival(size)), ival(piece));
            }
            last--;
        }
        for (int d = last; d >= b; d--) {
            if (unknown) {
                set_unknown(&y, d);
                continue;
            }
            y.i[d] = d == b ? base : ix_mod(e, base, ival(in->dim[d]));
            if (d > b) base = ix_div(e, base, ival(in->dim[d]));
        }
        a = a1, b = b1;
    }
    return y;
}

/* Size of the operand's dim that the run goes along; 0: along several at once. */
static int64_t reshaped_dim(const Type *in, const Type *out, const Index *x)
{
    int64_t inner_out = 1, inner_in = 1;
    int d = out->rank - 1, k = in->rank - 1;
    for (; d > x->vd; d--) inner_out *= out->dim[d];
    for (; k >= 0 && inner_in < inner_out; k--) inner_in *= in->dim[k];
    while (k > 0 && in->dim[k] == 1) k--;
    return inner_in == inner_out && k >= 0 ? in->dim[k] : 0;
}

/* The run crosses the operand's dim in whole pieces of it; how many: 1 where it stays inside, 0 when it does
 * not. */
static int64_t reshape_pieces(const Type *in, const Type *out, const Index *x)
{
    enum { PIECES_MAX = 64 };
    if (x->vd < 0) return 1;
    int64_t size = reshaped_dim(in, out, x), run = out->dim[x->vd];
    if (!size) return 0;
    if (run == 1 || size % run == 0) return 1;
    return run % size == 0 && run / size <= PIECES_MAX && x->vs == 1 && x->vbase.konst ? run / size : 0;
}

Index operand_index(Eval *e, const Op *op, int i, const Index *x)
{
    const Type *in = &op->in[i]->type, *out = &op->out[0]->type;
    Index y = index_zero();
    switch (op->code) {
    case OP_transpose: {
        const int64_t *perm = attr_v(op, "perm", NULL);
        for (int d = 0; d < out->rank; d++) take_dim(&y, (int)perm[d], x, d);
        return y;
    }
    case OP_slice: {
        const Dim *begin = attr_v(op, "begin", NULL);
        const int64_t *strides = attr_v(op, "strides", NULL);
        y = *x;
        for (int d = 0; d < in->rank; d++) scale_dim(e, &y, d, out->dim[d] == 1 ? 1 : strides[d], begin[d]);
        return y;
    }
    case OP_pad: {
        const int64_t *lo = attr_v(op, "lo", NULL);
        y = *x;
        for (int d = 0; d < in->rank; d++) scale_dim(e, &y, d, 1, -lo[d]);
        return y;
    }
    case OP_mirror_pad: return mirror_index(e, op, x);
    case OP_concat: {
        int64_t before = 0;
        int axis = (int)attr_i(op, "axis");
        for (int k = 0; k < i; k++) before += op->in[k]->type.dim[axis];
        y = *x;
        scale_dim(e, &y, axis, 1, -before);
        return y;
    }
    case OP_reverse: {
        int n;
        const int64_t *axes = attr_v(op, "axes", &n);
        y = *x;
        for (int k = 0; k < n; k++) scale_dim(e, &y, (int)axes[k], -1, in->dim[axes[k]] - 1);
        return y;
    }
    case OP_reshape: return reshape_index(e, in, out, x);
    case OP_relayout:
    case OP_softmax:
    case OP_log_softmax: return *x;
    case OP_cumsum:
        y = *x;
        set_unknown(&y, (int)attr_i(op, "axis"));
        return y;
    case OP_argmax:
    case OP_argmin: {
        int axis = (int)attr_i(op, "axis");
        for (int d = 0; d < in->rank; d++) {
            if (d == axis)
                set_unknown(&y, d);
            else
                take_dim(&y, d, x, d - (d > axis));
        }
        return y;
    }
    case OP_gather: {
        int axis = (int)attr_i(op, "axis"), batch = (int)attr_i(op, "batch_dims");
        int nidx = op->in[1]->type.rank;
        if (i == 1) {
            for (int d = 0; d < nidx; d++) take_dim(&y, d, x, d < batch ? d : axis + d - batch);
            return y;
        }
        for (int d = 0; d < in->rank; d++) {
            if (d == axis)
                set_unknown(&y, d);
            else
                take_dim(&y, d, x, d < axis ? d : d - 1 + nidx - batch);
        }
        return y;
    }
    case OP_one_hot: {
        int axis = (int)attr_i(op, "axis");
        if (i > 0) return y;
        for (int d = 0; d < in->rank; d++) take_dim(&y, d, x, d < axis ? d : d + 1);
        return y;
    }
    case OP_resize_bilinear:
    case OP_resize_nearest:
    case OP_max_pool:
    case OP_avg_pool:
        take_dim(&y, 0, x, 0);
        set_unknown(&y, 1), set_unknown(&y, 2);
        take_dim(&y, 3, x, 3);
        return y;
    case OP_conv:
        for (int d = 0; d < 3; d++) set_unknown(&y, d);
        if (i == 0) {
            y.unknown = 1u << 1 | 1u << 2 | 1u << 3;
            take_dim(&y, 0, x, 0);
        } else {
            take_dim(&y, 3, x, 3);
        }
        return y;
    case OP_dot: {
        bool trans = attr_i(op, i ? "trans_b" : "trans_a");
        int kept = in->rank - (i ? (trans ? 2 : 1) : (trans ? 1 : 2)),
            k = in->rank - (i ? (trans ? 1 : 2) : (trans ? 2 : 1));
        for (int d = 0; d < in->rank - 2; d++)
            if (in->dim[d] != 1) take_dim(&y, d, x, d + out->rank - in->rank);
        take_dim(&y, kept, x, out->rank - (i ? 1 : 2));
        set_unknown(&y, k);
        return y;
    }
    default: break;
    }
    if (op->def->kind == KIND_REDUCE) {
        int n, k = 0, from = 0;
        const int64_t *axes = attr_v(op, "axes", &n);
        bool keep = attr_i(op, "keep");
        for (int d = 0; d < in->rank; d++) {
            if (k < n && axes[k] == d) {
                set_unknown(&y, d);
                k++;
                from += keep;
            } else {
                take_dim(&y, d, x, from++);
            }
        }
        return y;
    }
    if (op->def->kind != KIND_MAP && op->code != OP_broadcast)
        g_fail(e->g, "'%s' inside a kernel of loops", op->def->name);
    return broadcast_index(in, out->rank, x);
}

/* -- Cases along the run
 * ------------------------------------------------------------------------------------------ */
int static_piece(Eval *e, const Op *op, const Index *x)
{
    bool pad = op->code == OP_pad;
    int axis = pad ? x->vd : (int)attr_i(op, "axis");
    if (pad && x->vd < 0) return 1;
    if (axis != x->vd || !x->vbase.konst) return -1;
    int64_t a = x->vbase.k + x->vs * e->lane.lo, b = x->vbase.k + x->vs * (e->lane.hi - 1);
    int64_t least = min_i64(a, b), most = max_i64(a, b), start = 0;
    if (pad) {
        int64_t lo = attr_v(op, "lo", NULL)[axis], n = op->in[0]->type.dim[axis];
        return least >= lo && most < lo + n ? 1 : most < lo || least >= lo + n ? 0 : -1;
    }
    for (int i = 0; i < op->nin; i++) {
        int64_t end = start + op->in[i]->type.dim[axis];
        if (least >= start && most < end) return i;
        start = end;
    }
    return -1;
}

int assumed_piece(Eval *e, const Op *op, const Index *x)
{
    for (uint32_t i = 0; i < e->assumed.n; i++)
        if (e->assumed.at[i].op == op && index_same(&e->assumed.at[i].x, x, op->out[0]->type.rank))
            return e->assumed.at[i].which;
    return -1;
}

Cond inside_pad(Eval *e, const Op *op, const Index *x)
{
    const int64_t *lo = attr_v(op, "lo", NULL), *hi = attr_v(op, "hi", NULL);
    Cond c = c_const(true);
    for (int d = 0; d < op->out[0]->type.rank; d++)
        if ((lo[d] || hi[d]) && d != x->vd)
            c = c_and(e->g, c, c_ult(e->g, ix_sub(e, x->i[d], ival(lo[d])), ival(op->in[0]->type.dim[d])));
    return c;
}

Cond inside_piece(Eval *e, const Op *op, int piece, Ival at)
{
    int64_t start = 0;
    int axis = (int)attr_i(op, "axis");
    for (int i = 0; i < piece; i++) start += op->in[i]->type.dim[axis];
    return c_ult(e->g, ix_sub(e, at, ival(start)), ival(op->in[piece]->type.dim[axis]));
}

/* -- Values
 * ---------------------------------------------------------------------------------------------------------
 */
Vec zero_vec(Gen *g, DType t, int lanes)
{
    return dtype_is_float(t) ? v_f(g, t, lanes, 0) : v_i(g, t, lanes, 0);
}

int64_t type_dim_product(const Type *t, int from, int to)
{
    int64_t n = 1;
    for (int d = from; d < to; d++) n *= t->dim[d];
    return n;
}

static int width(const Eval *e, const Index *x)
{
    return x->vd >= 0 ? e->lane.nv : 1;
}

/* Elements of dense memory of type t. */
static void load(Eval *e, Ptr p, const Type *t, const Index *x, Vec *out)
{
    Gen *g = e->g;
    const Lanes *l = &e->lane;
    DType dt = carrier(t->dtype);
    int64_t stride[IR_MAX_RANK];
    strides_of(t, stride);
    if (t->layout != LAYOUT_PLAIN) g_fail(g, "a packed operand in a kernel of loops");
    Ival at = ival(0);
    for (int d = 0; d < t->rank; d++)
        at = ix_add(e, at, ix_mul(e, d == x->vd ? x->vbase : x->i[d], ival(stride[d])));
    if (x->vd < 0) {
        out[0] = v_load(g, p, at, dt, 1);
        return;
    }
    int64_t step = x->vs * stride[x->vd];
    at = ix_add(e, at, ix_mul(e, l->o, ival(step)));
    for (int j = 0; j < l->nv; j++) {
        Ival from = i_add(g, at, ival(j * LANES * step));
        if (l->lanes == 1) {
            out[j] = v_load(g, p, from, dt, 1);
        } else if (step == 1) {
            out[j] = l->partial ? v_load_n(g, p, from, dt, l->mask) : v_load(g, p, from, dt, LANES);
        } else if (step == -1 && !l->partial) {
            int reversed[LANES];
            for (int i = 0; i < LANES; i++) reversed[i] = LANES - 1 - i;
            Vec v = v_load(g, p, i_sub(g, from, ival(LANES - 1)), dt, LANES);
            out[j] = v_shuffle(g, v, v, reversed, LANES);
        } else {
            out[j] = v_gather(g, p, from, ival(step), dt, l->partial ? l->count : ival(LANES));
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
static void guarded(Eval *e, Cond c, const Value *v, const Index *x, Vec *out, int n)
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
    for (int j = 0; j < n; j++) out[j] = v;
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
    if (along < 0 && e->lane.lanes != 1) g_fail(e->g, "a vector across the edge of a pad");
    if (along < 0) x = index_single(e, &x);
    Index y = operand_index(e, op, 0, &x);
    if (which == 1 && along == 1) {
        eval_at(e, op->in[0], &y, out);
        return;
    }
    Cond c = inside_pad(e, op, &x);
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
    if (x0->vd == axis && e->lane.lanes != 1) g_fail(e->g, "a vector across pieces of a concat");
    Index x = x0->vd == axis ? index_single(e, x0) : *x0;
    fill(out, n, zero_vec(e->g, carrier(op->out[0]->type.dtype), x.vd >= 0 ? e->lane.lanes : 1));
    for (int i = 0; i < op->nin; i++) {
        Index y = operand_index(e, op, i, &x);
        guarded(e, inside_piece(e, op, i, x.i[axis]), op->in[i], &y, out, n);
    }
}

static void map_values(Eval *e, const Op *op, const Index *x, Vec *out)
{
    Vec in[3][NV_MAX];
    int have[3], n = width(e, x);
    for (int i = 0; i < op->nin; i++) {
        Index y = operand_index(e, op, i, x);
        have[i] = eval_at(e, op->in[i], &y, in[i]);
    }
    for (int j = 0; j < n; j++) {
        Vec v[3];
        for (int i = 0; i < op->nin; i++) v[i] = in[i][have[i] > j ? j : 0];
        out[j] = map_op(e->g, op, v);
    }
}

/* A reshape of an operand only reads its memory by other dims. */
static const Value *reshaped_arg(const Value *v)
{
    while (v->def && v->def->code == OP_reshape) v = v->def->in[0];
    return v->def ? NULL : v;
}

static void pass_on(Eval *e, const Op *op, const Index *x, Vec *out)
{
    Index y = operand_index(e, op, 0, x);
    int have = eval_at(e, op->in[0], &y, out);
    for (int j = have; j < width(e, x); j++) out[j] = out[0];
}

static void compute(Eval *e, const Value *v, const Index *x0, Vec *out)
{
    const Op *op = v->def;
    Index x = *x0;
    if (!op) {
        load(e, g_ptr(e->g, (int)v->index), &v->type, &x, out);
        return;
    }
    switch (op->code) {
    case OP_const: constant(e, op, &x, out); return;
    case OP_pad: pad_op(e, op, &x, out); return;
    case OP_concat: concat_op(e, op, &x, out); return;
    case OP_reshape: {
        const Value *arg = reshaped_arg(v);
        if (arg) {
            load(e, g_ptr(e->g, (int)arg->index), &v->type, &x, out);
            return;
        }
        if (e->lane.lanes == 1) x = index_single(e, &x);
        pass_on(e, op, &x, out);
        return;
    }
    case OP_transpose:
    case OP_slice:
    case OP_mirror_pad:
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

/* -- Walks
 * ------------------------------------------------------------------------------------------------------------
 */
typedef struct {
    const Value *v;
    Index x;
} Seen;

typedef struct {
    Eval *e;
    Visit *visit;
    void *arg;
    VEC(Seen) seen;
} Walker;

static void walk(Walker *w, const Value *v, const Index *x)
{
    Eval *e = w->e;
    for (uint32_t i = 0; i < w->seen.n; i++)
        if (w->seen.at[i].v == v && index_same(&w->seen.at[i].x, x, v->type.rank)) return;
    vec_push(e->job, &w->seen, (Seen){v, *x});
    if (!w->visit(e, v, x, w->arg) || !v->def || v->def->code == OP_const) return;
    const Op *op = v->def;
    if (op->code == OP_reshape && reshaped_arg(v)) return;
    int only = op->code == OP_concat ? static_piece(e, op, x) : -1;
    if (op->code == OP_concat && only < 0) only = assumed_piece(e, op, x);
    for (int i = 0; i < op->nin; i++) {
        if (only >= 0 && i != only) continue;
        Index y = operand_index(e, op, i, x);
        walk(w, op->in[i], &y);
    }
}

void walk_values(Eval *e, const Value *v, const Index *x, Visit *visit, void *arg)
{
    Walker w = {.e = e, .visit = visit, .arg = arg};
    walk(&w, v, x);
}

/* -- Can it be vectors?
 * ------------------------------------------------------------------------------------------------- */
static bool run_fits(Eval *e, const Value *v, const Index *x, void *arg)
{
    bool *ok = arg;
    const Op *op = v->def;
    if (!*ok || !op || x->vd < 0) return *ok;
    int last = op->nin ? op->in[0]->type.rank - 1 : 0;
    switch (op->code) {
    case OP_reshape:
        if (!reshaped_arg(v)) *ok = reshape_pieces(&op->in[0]->type, &op->out[0]->type, x) > 0;
        break;
    case OP_gather: {
        Index idx = operand_index(e, op, 1, x);
        *ok = idx.vd < 0;
        break;
    }
    case OP_concat: *ok = x->vd != attr_i(op, "axis") || x->vbase.konst; break;
    case OP_pad:
    case OP_mirror_pad: {
        const int64_t *lo = attr_v(op, "lo", NULL), *hi = attr_v(op, "hi", NULL);
        *ok = x->vbase.konst || (!lo[x->vd] && !hi[x->vd]);
        break;
    }
    case OP_resize_bilinear:
    case OP_resize_nearest:
    case OP_max_pool:
    case OP_avg_pool: *ok = x->vd == 3; break;
    case OP_conv: *ok = x->vd == 3 && attr_i(op, "groups") == 1; break;
    case OP_softmax:
    case OP_log_softmax: *ok = x->vd == v->type.rank - 1; break;
    case OP_argmax:
    case OP_argmin: *ok = attr_i(op, "axis") != last; break;
    case OP_cumsum: *ok = false; break;
    default:
        if (op->def->kind == KIND_REDUCE) {
            int n;
            const int64_t *axes = attr_v(op, "axes", &n);
            *ok = n == 0 || axes[n - 1] != last;
        }
    }
    return *ok;
}

bool vectorisable(Eval *e, const Value *v, const Index *x)
{
    bool ok = true;
    walk_values(e, v, x, run_fits, &ok);
    return ok;
}

/* -- Ahead of loops
 * -------------------------------------------------------------------------------------------------------- */
static bool is_costly(const Op *op)
{
    switch (op->def->kind) {
    case KIND_REDUCE:
    case KIND_WINDOW:
    case KIND_CONTRACT: return true;
    default: return op->code == OP_gather;
    }
}

static bool prepare_value(Eval *e, const Value *v, const Index *x, void *arg)
{
    (void)arg;
    const Op *op = v->def;
    if (!op || op->code == OP_pad) return false;
    if (op->code == OP_concat) return static_piece(e, op, x) >= 0 || assumed_piece(e, op, x) >= 0;
    if (is_costly(op) && !x->unknown && x->vd < 0) {
        eval_one(e, v, x);
        return false;
    }
    if (op->code == OP_gather) {
        Index idx = operand_index(e, op, 1, x);
        if (!idx.unknown && idx.vd < 0) gather_row(e, op, x);
    }
    if (op->def->kind == KIND_ROW) {
        Index row = *x;
        int last = v->type.rank - 1;
        row.unknown &= ~(1u << last);
        row.i[last] = ival(0);
        if (row.vd == last) row.vd = -1;
        if (!row.unknown && row.vd < 0) row_facts(e, op, x);
    }
    return true;
}

void prepare(Eval *e, const Value *v, const Index *x)
{
    walk_values(e, v, x, prepare_value, NULL);
}

/* -- Cuts
 * -------------------------------------------------------------------------------------------------------------------
 */
typedef struct {
    int64_t n, *at;
    int cuts;
} Cuts;

/* The run crosses coordinate c of its dim: a cut before the first o on the other side. */
static void cut_at(Eval *e, Cuts *c, const Index *x, int64_t coordinate)
{
    if (!x->vbase.konst) return;
    int64_t away = coordinate - x->vbase.k, o;
    if (x->vs > 0)
        o = away <= 0 ? 0 : ceil_div(away, x->vs);
    else
        o = away > 0 ? 0 : -away / -x->vs + 1;
    if (o <= 0 || o >= c->n) return;
    for (int i = 0; i < c->cuts; i++)
        if (c->at[i] == o) return;
    if (c->cuts == CUTS_MAX - 2) g_fail(e->g, "a kernel of too many pieces");
    c->at[c->cuts++] = o;
}

static bool find_cut(Eval *e, const Value *v, const Index *x, void *arg)
{
    Cuts *c = arg;
    const Op *op = v->def;
    if (!op || x->vd < 0) return false;
    const Type *t = op->nin ? &op->in[0]->type : NULL;
    if (op->code == OP_pad || op->code == OP_mirror_pad) {
        int64_t lo = attr_v(op, "lo", NULL)[x->vd], hi = attr_v(op, "hi", NULL)[x->vd];
        if (lo) cut_at(e, c, x, lo);
        if (hi) cut_at(e, c, x, lo + t->dim[x->vd]);
        if (op->code == OP_mirror_pad && (lo || hi)) { /* what lies below may be cut in each third */
            Lanes l = e->lane;
            for (int third = 0; third < 3; third++) {
                int64_t n = t->dim[x->vd],
                        from = third == 0   ? 0
                               : third == 1 ? lo
                                            : lo + n,
                        many = third == 0   ? lo
                               : third == 1 ? n
                                            : hi;
                if (!many || x->vs != 1 || !x->vbase.konst) continue;
                e->lane.lo = from - x->vbase.k, e->lane.hi = e->lane.lo + many;
                Index y = operand_index(e, op, 0, x);
                walk_values(e, op->in[0], &y, find_cut, arg);
            }
            e->lane = l;
            return false;
        }
    }
    int64_t pieces = op->code == OP_reshape && !reshaped_arg(v) ? reshape_pieces(t, &v->type, x) : 1;
    if (pieces == 0) return false;
    if (pieces > 1) {
        Lanes l = e->lane;
        int64_t size = v->type.dim[x->vd] / pieces;
        for (int64_t i = 0; i < pieces; i++) {
            cut_at(e, c, x, i * size);
            e->lane.lo = i * size - x->vbase.k, e->lane.hi = e->lane.lo + size;
            Index y = operand_index(e, op, 0, x);
            walk_values(e, op->in[0], &y, find_cut, arg);
        }
        e->lane = l;
        return false;
    }
    if (op->code == OP_concat && attr_i(op, "axis") == x->vd) {
        int64_t start = 0;
        for (int i = 1; i < op->nin; i++) cut_at(e, c, x, start += op->in[i - 1]->type.dim[x->vd]);
    }
    return true;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int find_cuts(Eval *e, Value *const *v, int nv, const Index *x, int64_t n, int64_t *cut)
{
    Cuts c = {n, cut, 0};
    Lanes l = e->lane;
    e->lane.o = ival(0);
    e->lane.lo = 0, e->lane.hi = n;
    for (int i = 0; i < nv; i++) walk_values(e, v[i], x, find_cut, &c);
    e->lane = l;
    cut[c.cuts++] = 0;
    cut[c.cuts++] = n;
    qsort(cut, (size_t)c.cuts, sizeof *cut, by_value);
    return c.cuts;
}
