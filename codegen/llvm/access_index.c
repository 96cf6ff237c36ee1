/* Indices, and where each op reads its operands. */
#include "codegen/llvm/access.h"

/* -- Remembered arithmetic -------------------------------------------------------------------------- */
static bool same_int(Ival a, Ival b)
{
    return a.konst ? b.konst && a.k == b.k : !b.konst && a.v == b.v;
}

static const KnownInt *find_int(const Eval *e, char op, Ival a, Ival b, Ival yes, Ival no)
{
    for (uint32_t i = e->ints.n; i-- > 0;) {
        const KnownInt *k = &e->ints.at[i];
        if (k->op != op || !same_int(k->a, a) || !same_int(k->b, b)) continue;
        if (op != '?' || (same_int(k->yes, yes) && same_int(k->no, no))) return k;
    }
    return NULL;
}

/* a < b ? yes : no */
static Ival ix_if_less(Eval *e, Ival a, Ival b, Ival yes, Ival no)
{
    const KnownInt *k = a.konst && b.konst ? NULL : find_int(e, '?', a, b, yes, no);
    if (k) return k->r;
    Ival r = i_select(e->g, c_lt(e->g, a, b), yes, no);
    if (!(a.konst && b.konst)) vec_push(e->job, &e->ints, (KnownInt){'?', a, b, r, yes, no});
    return r;
}

static Ival arithmetic(Eval *e, char op, Ival a, Ival b)
{
    const KnownInt *k = a.konst && b.konst ? NULL : find_int(e, op, a, b, a, b);
    if (k) return k->r;
    Gen *g = e->g;
    Ival r = op == '+'   ? i_add(g, a, b)
             : op == '-' ? i_sub(g, a, b)
             : op == '*' ? i_mul(g, a, b)
             : op == '/' ? i_div(g, a, b)
             : op == '%' ? i_mod(g, a, b)
                         : i_max(g, a, b);
    if (!(a.konst && b.konst)) vec_push(e->job, &e->ints, (KnownInt){op, a, b, r, a, b});
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
Ival ix_max(Eval *e, Ival a, Ival b)
{
    return arithmetic(e, 'm', a, b);
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
        x.i[d] = d == first ? u : ix_mod(e, u, dim_divisor(e, t->dim[d]));
        if (d > first) u = ix_div(e, u, dim_divisor(e, t->dim[d]));
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

/* Whether only the call tells if dim d of an operand is repeated. */
static bool open_dim(const Type *in, const Type *out, int d)
{
    Dim a = in->dim[d], b = out->dim[d + out->rank - in->rank];
    return a != b && a != 1 && !(dim_known(a) && dim_known(b));
}

bool open_run(const Op *op, int i, const Index *x)
{
    const Type *in = &op->in[i]->type, *out = &op->out[0]->type;
    int d = x->vd - (out->rank - in->rank);
    return x->vd >= 0 && d >= 0 && open_dim(in, out, d);
}

static Index broadcast_index(Eval *e, const Type *in, const Type *out, const Index *x)
{
    Index y = index_zero();
    for (int d = 0; d < in->rank; d++) {
        int from = d + out->rank - in->rank;
        if (in->dim[d] == 1) continue;
        take_dim(&y, d, x, from);
        if (x->vd != from && !(x->unknown >> from & 1) && open_dim(in, out, d)) {
            y.i[d] = ix_if_less(e, ival(1), dim_ival(e, in->dim[d]), x->i[from], ival(0));
        }
    }
    return y;
}

/* index * stride + begin */
static void scale_dim(Eval *e, Index *y, int d, int64_t stride, Ival begin)
{
    if (y->vd == d) {
        y->vbase = ix_add(e, ix_mul(e, y->vbase, ival(stride)), begin);
        y->vs *= stride;
    } else if (!(y->unknown >> d & 1)) {
        y->i[d] = ix_add(e, ix_mul(e, y->i[d], ival(stride)), begin);
    }
}

/* Which third of a mirrored dim the run along it lies in: -1, 0, 1; 2: in more than one, or not known. */
int mirror_part(const Eval *e, const Op *op, const Index *x)
{
    const Lanes *l = &e->lane;
    Dim lo = attr_v(op, "lo", NULL)[x->vd], n = op->in[0]->type.dim[x->vd];
    if (!x->vbase.konst || l->open || !dim_known(lo) || !dim_known(n)) return 2;
    int64_t a = x->vbase.k + x->vs * l->lo, b = x->vbase.k + x->vs * (l->hi - 1);
    int64_t least = min_i64(a, b) - lo, most = max_i64(a, b) - lo;
    return most < 0 ? -1 : least >= n ? 1 : least >= 0 && most < n ? 0 : 2;
}

bool padded_dim(const Op *op, int d)
{
    return d >= 0 && (attr_v(op, "lo", NULL)[d] || attr_v(op, "hi", NULL)[d]);
}

Index mirror_index(Eval *e, const Op *op, const Index *x, int part)
{
    const Dim *lo = attr_v(op, "lo", NULL);
    int64_t reflect = attr_i(op, "reflect");
    Index y = *x;
    for (int d = 0; d < op->in[0]->type.rank; d++) {
        if (!padded_dim(op, d) || (y.unknown >> d & 1)) continue;
        Ival n = dim_ival(e, op->in[0]->type.dim[d]), low = dim_ival(e, lo[d]);
        Ival twice = ix_sub(e, ix_add(e, n, n), ival(1 + reflect));
        if (y.vd == d && part == 2 && e->lane.lanes == 1) y = index_single(e, &y);
        if (y.vd == d) {
            scale_dim(e, &y, d, part == 0 ? 1 : -1,
                      part == 0  ? ix_sub(e, ival(0), low)
                      : part < 0 ? ix_sub(e, low, ival(!reflect))
                                 : ix_add(e, low, twice));
            continue;
        }
        Ival i = ix_sub(e, y.i[d], low);
        Ival below = ix_sub(e, ival(-!reflect), i), above = ix_sub(e, twice, i);
        y.i[d] = ix_if_less(e, i, ival(0), below, ix_if_less(e, i, n, i, above));
    }
    return y;
}

/* -- Reshapes --------------------------------------------------------------------------------------- */
/* Dims of a reshape fall into groups of equal products: dims [a, a1) of the result, [b, b1) of the operand.
 * Where sizes that are no numbers hide the equality, the group is all that is left. */
typedef struct {
    int a, b, a1, b1;
} Group;

static Group next_group(Eval *e, const Type *in, const Type *out, int a, int b)
{
    Group q = {a, b, a, b};
    if (type_static(in) && type_static(out)) {
        int64_t pa = 1, pb = 1;
        do {
            if ((pa <= pb && q.a1 < out->rank) || q.b1 == in->rank)
                pa *= out->dim[q.a1++];
            else
                pb *= in->dim[q.b1++];
        } while (pa != pb && (q.a1 < out->rank || q.b1 < in->rank));
        return q;
    }
    Dim pa = 1;
    for (q.a1 = a; q.a1 <= out->rank; q.a1++) {
        Dim pb = 1;
        for (q.b1 = b; q.b1 <= in->rank; q.b1++) {
            if (pa == pb && (q.a1 > a || q.b1 > b)) return q;
            if (q.b1 < in->rank) pb = dim_mul(e->k->m, pb, in->dim[q.b1]);
        }
        if (q.a1 < out->rank) pa = dim_mul(e->k->m, pa, out->dim[q.a1]);
    }
    return (Group){a, b, out->rank, in->rank};
}

static Group run_group(Eval *e, const Type *in, const Type *out, int vd)
{
    Group q = next_group(e, in, out, 0, 0);
    while (q.a1 <= vd) q = next_group(e, in, out, q.a1, q.b1);
    return q;
}

/* Position of the index in the group, without the run. */
static Ival group_base(Eval *e, const Group *q, const Type *out, const Index *x)
{
    Ival base = ival(0);
    for (int d = q->a; d < q->a1; d++)
        base = ix_add(e, ix_mul(e, base, dim_ival(e, out->dim[d])), x->vd == d ? ival(0) : x->i[d]);
    return base;
}

/* Whether runs of `run` elements, one after the other, never leave the operand's dim. */
static bool run_stays(Eval *e, Dim size, Dim run)
{
    if (run == 0 || size == run) return true;
    return dim_known(run) && dim_mod(e->k->m, size, run) == 0;
}

static Index reshape_index(Eval *e, const Type *in, const Type *out, const Index *x)
{
    Index y = index_zero();
    Group q = {0};
    while (q.a1 < out->rank || q.b1 < in->rank) {
        q = next_group(e, in, out, q.a1, q.b1);
        if (q.a1 - q.a == 1 && q.b1 - q.b == 1) {
            take_dim(&y, q.b, x, q.a);
            continue;
        }
        Ival base = group_base(e, &q, out, x);
        bool unknown = false, run = false;
        for (int d = q.a; d < q.a1; d++) {
            run = run || x->vd == d;
            unknown = unknown || (x->unknown >> d & 1);
        }
        int last = q.b1 - 1;
        if (run && !unknown && last >= q.b) {
            Ival size = dim_divisor(e, in->dim[last]);
            y.vd = last;
            y.vs = x->vs;
            if (run_stays(e, in->dim[last], out->dim[x->vd])) {
                base = ix_add(e, base, x->vbase);
                y.vbase = last == q.b ? base : ix_mod(e, base, size);
                base = ix_div(e, base, size);
            } else if (size.konst && ((x->vbase.konst && !e->lane.open) || !e->symbolic)) {
                /* it was cut where it leaves it */
                int64_t piece = x->vbase.konst ? (x->vbase.k + e->lane.lo) / size.k : 0;
                y.vbase = ix_sub(e, x->vbase, ival(piece * size.k));
                base = ix_add(e, ix_div(e, base, size), ival(piece));
            } else {
                Ival along = ix_mul(e, e->lane.o, ival(x->vs));
                base = ix_add(e, ix_add(e, base, x->vbase), along);
                y.vbase = ix_sub(e, ix_mod(e, base, size), along);
                base = ix_div(e, base, size);
            }
            last--;
        }
        for (int d = last; d >= q.b; d--) {
            if (unknown) {
                set_unknown(&y, d);
                continue;
            }
            y.i[d] = d == q.b ? base : ix_mod(e, base, dim_divisor(e, in->dim[d]));
            if (d > q.b) base = ix_div(e, base, dim_divisor(e, in->dim[d]));
        }
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

int64_t reshape_pieces(Eval *e, const Type *in, const Type *out, const Index *x)
{
    enum { PIECES_MAX = 64 };
    if (x->vd < 0) return 1;
    if (!type_static(in) || !type_static(out)) {
        Group q = run_group(e, in, out, x->vd);
        if (q.a1 - q.a == 1 && q.b1 - q.b == 1) return 1;
        for (int d = x->vd + 1; d < q.a1; d++)
            if (out->dim[d] != 1) return 0;
        if (q.b1 == q.b) return 0;
        return run_stays(e, in->dim[q.b1 - 1], out->dim[x->vd]) ? 1 : x->vs == 1 ? -1 : 0;
    }
    int64_t size = reshaped_dim(in, out, x), run = out->dim[x->vd];
    if (!size) return 0;
    if (run <= 1 || size % run == 0) return 1;
    return run % size == 0 && run / size <= PIECES_MAX && x->vs == 1 && x->vbase.konst ? run / size : 0;
}

Ival reshape_cut(Eval *e, const Type *in, const Type *out, const Index *x, Ival at)
{
    Group q = run_group(e, in, out, x->vd);
    Ival base = group_base(e, &q, out, x), size = dim_divisor(e, in->dim[q.b1 - 1]);
    Ival piece = ix_div(e, ix_add(e, base, at), size);
    return ix_sub(e, ix_mul(e, ix_add(e, piece, ival(1)), size), base);
}

Ival piece_start(Eval *e, const Op *op, int piece)
{
    Ival start = ival(0);
    for (int i = 0; i < piece; i++)
        start = ix_add(e, start, dim_ival(e, op->in[i]->type.dim[attr_i(op, "axis")]));
    return start;
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
        for (int d = 0; d < in->rank; d++)
            scale_dim(e, &y, d, out->dim[d] == 1 ? 1 : strides[d], dim_ival(e, begin[d]));
        return y;
    }
    case OP_pad: {
        const Dim *lo = attr_v(op, "lo", NULL);
        y = *x;
        for (int d = 0; d < in->rank; d++) scale_dim(e, &y, d, 1, ix_sub(e, ival(0), dim_ival(e, lo[d])));
        return y;
    }
    case OP_mirror_pad: return mirror_index(e, op, x, padded_dim(op, x->vd) ? mirror_part(e, op, x) : 0);
    case OP_concat:
        y = *x;
        scale_dim(e, &y, (int)attr_i(op, "axis"), 1, ix_sub(e, ival(0), piece_start(e, op, i)));
        return y;
    case OP_reverse: {
        int n;
        const int64_t *axes = attr_v(op, "axes", &n);
        y = *x;
        for (int k = 0; k < n; k++)
            scale_dim(e, &y, (int)axes[k], -1, ix_sub(e, dim_ival(e, in->dim[axes[k]]), ival(1)));
        return y;
    }
    case OP_reshape: return reshape_index(e, in, out, x);
    case OP_relayout:
    case OP_softmax:
    case OP_log_softmax: return *x;
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
    if (op->def->kind == KIND_SCAN) {
        y = *x;
        set_unknown(&y, (int)attr_i(op, "axis"));
        return y;
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
    return broadcast_index(e, in, out, x);
}

/* -- Cases along the run ---------------------------------------------------------------------------- */
int static_piece(Eval *e, const Op *op, const Index *x)
{
    bool pad = op->code == OP_pad;
    int axis = pad ? x->vd : (int)attr_i(op, "axis");
    const Lanes *l = &e->lane;
    if (pad && (x->vd < 0 || (e->symbolic && !padded_dim(op, axis)))) return 1;
    if (axis != x->vd || !x->vbase.konst || l->open) return -1;
    int64_t a = x->vbase.k + x->vs * l->lo, b = x->vbase.k + x->vs * (l->hi - 1);
    int64_t least = min_i64(a, b), most = max_i64(a, b), start = 0;
    if (pad) {
        Dim lo = attr_v(op, "lo", NULL)[axis], n = op->in[0]->type.dim[axis];
        if (!dim_known(lo) || !dim_known(n)) return -1;
        return least >= lo && most < lo + n ? 1 : most < lo || least >= lo + n ? 0 : -1;
    }
    for (int i = 0; i < op->nin; i++) {
        Dim n = op->in[i]->type.dim[axis];
        if (!dim_known(n)) return -1;
        if (least >= start && most < start + n) return i;
        start += n;
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

static Cond inside_dim(Eval *e, const Op *op, int d, Ival at)
{
    return c_ult(e->g, ix_sub(e, at, dim_ival(e, attr_v(op, "lo", NULL)[d])),
                 dim_ival(e, op->in[0]->type.dim[d]));
}

Cond inside_pad(Eval *e, const Op *op, const Index *x)
{
    Cond c = c_const(true);
    for (int d = 0; d < op->out[0]->type.rank; d++)
        if (padded_dim(op, d) && d != x->vd) c = c_and(e->g, c, inside_dim(e, op, d, x->i[d]));
    return c;
}

Cond inside_run(Eval *e, const Op *op, const Index *x)
{
    return inside_dim(e, op, x->vd, index_at(e, x, x->vd));
}

Cond inside_piece(Eval *e, const Op *op, int piece, Ival at)
{
    return c_ult(e->g, ix_sub(e, at, piece_start(e, op, piece)),
                 dim_ival(e, op->in[piece]->type.dim[attr_i(op, "axis")]));
}
