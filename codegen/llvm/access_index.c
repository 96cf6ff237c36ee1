/* Indices, and where each op reads its operands. */
#include "codegen/llvm/access.h"

/* -- Remembered arithmetic -------------------------------------------------------------------------- */
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

/* -- Indices ---------------------------------------------------------------------------------------- */
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

int64_t reshape_pieces(const Type *in, const Type *out, const Index *x)
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

/* -- Cases along the run ---------------------------------------------------------------------------- */
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
