/* Slices: Slice, StridedSlice and what writes into one. Where they begin and end may be data. */
#include "frontend/tf/tf.h"

enum { IDX = INDEX_TYPE };

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}

static Value *num(Cx *cx, int64_t k)
{
    return ir_const_i(&cx->b, IDX, k);
}

/* size elements along an axis from an index on that is data; the run fails when they are not all there. */
static Value *slice_from(Cx *cx, Value *v, int axis, Value *begin, Dim size)
{
    if (!v || !begin) return NULL;
    Value *index = size == 1 ? ir_reshape(&cx->b, begin, &size, 1) : iota_vector(cx, IDX, size);
    if (index && size != 1) index = bi(cx, OP_add, begin, index);
    return index ? ir_v(&cx->b, OP_gather, IN(v, index), AT(at_i("axis", axis))) : NULL;
}

/* From the start of the first dimension on: the same memory. */
static bool is_prefix(const Type *t, const Dim *begin, const Dim *size, const int64_t *step)
{
    bool ok = t->rank && !dim_known(size[0]);
    for (int d = 0; d < t->rank; d++)
        ok = ok && begin[d] == 0 && step[d] == 1 && (d == 0 || size[d] == t->dim[d]);
    return ok;
}

static Value *cut(Cx *cx, Value *v, const Dim *begin, const Dim *size, const int64_t *step)
{
    const Type *t = &v->type;
    bool whole = true;
    for (int d = 0; d < t->rank; d++) whole = whole && begin[d] == 0 && size[d] == t->dim[d] && step[d] == 1;
    if (whole) return v;
    if (is_prefix(t, begin, size, step)) return ir_v(&cx->b, OP_prefix, IN(v), AT(at_ds("rows", size, 1)));
    return ir_v(
        &cx->b, OP_slice, IN(v),
        AT(at_ds("begin", begin, t->rank), at_ds("size", size, t->rank), at_is("strides", step, t->rank)));
}

/* -- Slice ------------------------------------------------------------------------------------- */
static void import_slice(Cx *cx, Value **in, Value **out)
{
    Elem b[IR_MAX_RANK], s[IR_MAX_RANK];
    Dim begin[IR_MAX_RANK] = {0}, size[IR_MAX_RANK] = {0}, part[IR_MAX_RANK] = {0};
    int64_t one[IR_MAX_RANK] = {0}, k;
    Value *from[IR_MAX_RANK] = {NULL}; /* where it begins, of a known size */
    const Type *t = &in[0]->type;
    int nb = elems(cx, in[1], "begin", b, IR_MAX_RANK);
    int ns = nb < 0 ? -1 : elems(cx, in[2], "size", s, IR_MAX_RANK);
    if (ns < 0) return;
    if (nb != t->rank || ns != t->rank) {
        fail(cx, "begin and size must have %d elements, not %d and %d", t->rank, nb, ns);
        return;
    }
    for (int d = 0; d < t->rank; d++) {
        one[d] = 1;
        begin[d] = b[d].dim;
        size[d] = s[d].dim;
        bool rest = !s[d].data && dim_const(cx->m, size[d], &k) && k == -1;
        if (!b[d].data && dim_const(cx->m, begin[d], &k) && k < 0) {
            fail(cx, "begin[%d] is %lld", d, (long long)k);
            return;
        }
        if (b[d].data && !s[d].data && !rest && dim_known(size[d])) {
            from[d] = b[d].data;
            begin[d] = 0;
            part[d] = t->dim[d];
            continue;
        }
        if (b[d].data && !bind_size(cx, b[d].data, "begin", &begin[d])) return;
        if (s[d].data) { /* -1 takes the rest */
            Value *left = bi(cx, OP_sub, size_value(cx, t->dim[d], IDX), size_value(cx, begin[d], IDX));
            Value *n = select3(cx, bi(cx, OP_equal, s[d].data, num(cx, -1)), left, s[d].data);
            if (!bind_size(cx, n, "size", &size[d])) return;
        }
        if (rest) size[d] = dim_sub(cx->m, t->dim[d], begin[d]);
        part[d] = size[d];
        Dim end = dim_add(cx->m, begin[d], size[d]);
        if (!dim_known(end) && !sizes_match(cx, dim_max(cx->m, end, t->dim[d]), t->dim[d])) {
            fail(cx, "it exceeds dimension %d of %s", d, type_string(cx, t));
            return;
        }
    }
    Value *v = cut(cx, in[0], begin, part, one);
    for (int d = 0; d < t->rank; d++)
        if (from[d]) v = slice_from(cx, v, d, from[d], size[d]);
    out[0] = v;
}

/* -- StridedSlice ------------------------------------------------------------------------------ */
typedef struct {
    Dim begin, size;
    int64_t stride;
    bool shrink;
    Value *picked; /* the one index, which is data; begin and size are not used */
} Range;

typedef struct {
    Range r[IR_MAX_RANK];
    Dim shape[IR_MAX_RANK]; /* of the result */
    int rank;
} Slices;

/* An index as TensorFlow reads it: negative ones count from the end, all are clamped to lo..hi. */
static Dim clamp_index(Cx *cx, Dim i, Dim size, int64_t lo, Dim hi)
{
    int64_t v, last;
    Module *m = cx->m;
    if (i == size) return hi;
    if (!dim_const(m, i, &v)) return dim_min(m, i, hi);
    if (!dim_known(size)) {
        Dim least = lo < 0 ? dim_sub(m, 0, 1) : 0;
        return v < 0 ? dim_max(m, dim_add(m, size, i), least) : dim_min(m, i, hi);
    }
    if (v < 0) v = v < -size ? lo : v + size;
    if (v < lo) v = lo;
    if (dim_const(m, hi, &last) && v > last) v = last;
    return v >= 0 ? v : dim_sub(m, 0, -v);
}

/* The same of data. */
static Value *clamp_data(Cx *cx, const Elem *e, Value *size, bool backwards)
{
    Value *i = elem_value(cx, e), *lo = num(cx, backwards ? -1 : 0);
    i = select3(cx, bi(cx, OP_less, i, num(cx, 0)), bi(cx, OP_add, i, size), i);
    Value *hi = backwards ? bi(cx, OP_sub, size, num(cx, 1)) : size;
    return i && hi ? bi(cx, OP_minimum, bi(cx, OP_maximum, i, lo), hi) : NULL;
}

/* A range of which an end is data. */
static bool range_of_data(Cx *cx, Dim size, const Elem *begin, const Elem *end, Range *r)
{
    Elem none = {0, NULL}, whole = {size, NULL};
    bool back = r->stride < 0;
    int64_t step = back ? -r->stride : r->stride;
    Value *n = size_value(cx, size, IDX), *from, *to;
    from = begin  ? clamp_data(cx, begin, n, back)
           : back ? bi(cx, OP_sub, n, num(cx, 1))
                  : elem_value(cx, &none);
    to = end ? clamp_data(cx, end, n, back) : back ? num(cx, -1) : elem_value(cx, &whole);
    if (!from || !to) return false;
    Value *count = back ? bi(cx, OP_sub, from, to) : bi(cx, OP_sub, to, from);
    count = bi(cx, OP_add, bi(cx, OP_maximum, count, num(cx, 0)), num(cx, step - 1));
    count = bi(cx, OP_div, count, num(cx, step));
    int64_t b = 0;
    bool fixed = !back && (!begin || (!begin->data && dim_const(cx->m, begin->dim, &b))) && b == 0;
    if (!fixed) from = select3(cx, bi(cx, OP_equal, count, num(cx, 0)), num(cx, 0), from);
    return bind_size(cx, count, "where it ends", &r->size) &&
           (fixed ? (r->begin = 0, true) : bind_size(cx, from, "where it begins", &r->begin));
}

static bool one_index(Cx *cx, int d, Dim size, const Elem *begin, Range *r)
{
    int64_t b;
    if (!begin) return false; /* the mask does not apply to it */
    if (r->stride < 0) {
        fail(cx, "a dimension that is dropped needs a positive stride");
        return false;
    }
    r->stride = r->size = 1;
    bool number = !begin->data && dim_const(cx->m, begin->dim, &b);
    if (number && dim_known(size)) {
        if (b >= size || b < -size) {
            fail(cx, "index %lld is out of range: dimension %d has size %lld", (long long)b, d,
                 (long long)size);
            return false;
        }
        r->begin = b < 0 ? b + size : b;
        return true;
    }
    Value *i = elem_value(cx, begin);
    if (!number || b < 0)
        i = select3(cx, bi(cx, OP_less, i, num(cx, 0)), bi(cx, OP_add, i, size_value(cx, size, IDX)), i);
    r->picked = i;
    return i != NULL;
}

/* begin, end: NULL where the mask leaves them out; of a dropped dimension never. */
static bool range_of(Cx *cx, int d, Dim size, const Elem *begin, const Elem *end, Range *r)
{
    Module *m = cx->m;
    if (r->stride == 0) {
        fail(cx, "strides[%d] is 0", d);
        return false;
    }
    /* Beyond any size they are all the same. */
    r->stride = max_i64(min_i64(r->stride, (int64_t)1 << 48), -((int64_t)1 << 48));
    if (r->shrink) return one_index(cx, d, size, begin, r);
    if ((begin && begin->data) || (end && end->data)) return range_of_data(cx, size, begin, end, r);
    Dim from, to;
    if (r->stride > 0) {
        from = begin ? clamp_index(cx, begin->dim, size, 0, size) : 0;
        to = end ? clamp_index(cx, end->dim, size, 0, size) : size;
        Dim length = dim_sub(m, to, from);
        int64_t b = 0, e;
        /* The same, simpler, of a slice that leaves out elements at both ends. */
        if (!dim_known(size) && end && dim_const(m, end->dim, &e) && e < 0 &&
            (!begin || (dim_const(m, begin->dim, &b) && b >= 0)))
            length = dim_sub(m, dim_add(m, size, end->dim), b);
        r->size = dim_ceildiv(m, length, r->stride);
    } else {
        Dim last = dim_sub(m, size, 1);
        from = begin ? clamp_index(cx, begin->dim, size, -1, last) : last;
        to = end ? clamp_index(cx, end->dim, size, -1, last) : dim_sub(m, 0, 1);
        r->size = dim_ceildiv(m, dim_sub(m, from, to), -r->stride);
    }
    if (!size_for_sure(m, r->size)) r->size = dim_max(m, r->size, 0);
    r->begin = from;
    if (r->size == 0) r->begin = 0, r->stride = 1;
    return true;
}

/* What begin, end, strides and the masks say about a tensor of type t. */
static bool read_slices(Cx *cx, const Type *t, Value **spec, Slices *s)
{
    enum { MAX = 32 };
    Elem begin[MAX], end[MAX];
    int64_t strides[MAX];
    int n = elems(cx, spec[0], "begin", begin, MAX);
    int ne = n < 0 ? -1 : elems(cx, spec[1], "end", end, MAX);
    int ns = ne < 0 ? -1 : known_ints(cx, spec[2], "strides", strides, MAX);
    if (ns < 0) return false;
    if (n != ne || n != ns) {
        fail(cx, "begin, end and strides have %d, %d and %d elements", n, ne, ns);
        return false;
    }
    uint64_t no_begin = (uint64_t)get_int(cx, "begin_mask", 0), no_end = (uint64_t)get_int(cx, "end_mask", 0);
    uint64_t ellipsis = (uint64_t)get_int(cx, "ellipsis_mask", 0),
             fresh = (uint64_t)get_int(cx, "new_axis_mask", 0);
    uint64_t shrink = (uint64_t)get_int(cx, "shrink_axis_mask", 0), valid = ((uint64_t)1 << n) - 1;
    ellipsis &= valid;
    if (ellipsis & (ellipsis - 1)) fail(cx, "more than one ellipsis");
    if (cx->failed) return false;
    /* Dimensions that the ellipsis stands for; new axes beat shrinking, both yield to the ellipsis. */
    int given = 0;
    for (int i = 0; i < n; i++) given += !(ellipsis >> i & 1) && !(fresh >> i & 1);
    if (given > t->rank) {
        fail(cx, "%d indices for %s", given, type_string(cx, t));
        return false;
    }
    int spanned = t->rank - given, d = 0, rank = 0;
    for (int i = 0; i <= n; i++) {
        bool dots = i < n && (ellipsis >> i & 1);
        int whole = dots ? spanned : i == n && !ellipsis ? spanned : 0;
        for (int k = 0; k < whole; k++, d++) {
            s->r[d] = (Range){0, t->dim[d], 1, false, NULL};
            if (rank < IR_MAX_RANK) s->shape[rank] = t->dim[d];
            rank++;
        }
        if (dots || i == n) continue;
        if (fresh >> i & 1) {
            if (rank < IR_MAX_RANK) s->shape[rank] = 1;
            rank++;
            continue;
        }
        Range *r = &s->r[d];
        *r = (Range){.stride = strides[i], .shrink = shrink >> i & 1};
        /* The one index of a dimension that is dropped is not masked. */
        if (!range_of(cx, d, t->dim[d], (no_begin & ~shrink) >> i & 1 ? NULL : &begin[i],
                      no_end >> i & 1 ? NULL : &end[i], r))
            return false;
        if (!r->shrink) {
            if (rank < IR_MAX_RANK) s->shape[rank] = r->size;
            rank++;
        }
        d++;
    }
    s->rank = rank;
    if (rank > IR_MAX_RANK) fail(cx, "the result has rank %d; at most %d is supported", rank, IR_MAX_RANK);
    return rank <= IR_MAX_RANK;
}

static void import_strided_slice(Cx *cx, Value **in, Value **out)
{
    const Type *t = &in[0]->type;
    Slices s = {0};
    Dim from[IR_MAX_RANK] = {0}, size[IR_MAX_RANK] = {0};
    int64_t step[IR_MAX_RANK] = {0};
    if (!read_slices(cx, t, in + 1, &s)) return;
    for (int k = 0; k < t->rank; k++) {
        bool all = s.r[k].picked != NULL;
        from[k] = all ? 0 : s.r[k].begin;
        size[k] = all ? t->dim[k] : s.r[k].size;
        step[k] = all ? 1 : s.r[k].stride;
    }
    Value *v = cut(cx, in[0], from, size, step);
    for (int k = 0; k < t->rank; k++)
        if (s.r[k].picked) v = slice_from(cx, v, k, s.r[k].picked, 1);
    if (v && (s.rank != t->rank || memcmp(s.shape, v->type.dim, (size_t)s.rank * sizeof(Dim))))
        v = ir_reshape(&cx->b, v, s.shape, s.rank);
    out[0] = v;
}

/* Where in one dimension of the slice each index of the whole dimension lies, and whether it does. */
static Value *place_in(Cx *cx, const Range *r, Dim size, Value **inside)
{
    Elem begin = {r->begin, NULL};
    Value *i = iota_vector(cx, IDX, size), *from = r->picked ? r->picked : elem_value(cx, &begin);
    if (!i || !from) return NULL;
    if (r->picked) { /* the run fails when it is out of range, as for reading */
        Value *n = size_value(cx, size, IDX);
        from = checked(
            cx, from,
            bi(cx, OP_logical_and, bi(cx, OP_greater_equal, from, num(cx, 0)), bi(cx, OP_less, from, n)));
        if (!from) return NULL;
    }
    Value *away = bi(cx, OP_sub, i, from), *step = num(cx, r->stride);
    Value *at = bi(cx, OP_floor_div, away, step);
    Value *hit = bi(cx, OP_equal, bi(cx, OP_mul, at, step), away);
    hit = bi(cx, OP_logical_and, hit, bi(cx, OP_greater_equal, at, num(cx, 0)));
    *inside = bi(cx, OP_logical_and, hit, bi(cx, OP_less, at, size_value(cx, r->size, IDX)));
    return at;
}

/* x, but in the slice the elements of v. */
static void import_slice_update(Cx *cx, Value **in, Value **out)
{
    const Type *t = &in[0]->type;
    Slices s = {0};
    if (!read_slices(cx, t, in + 1, &s)) return;
    Value *v = in[4], *ok = ir_const_i(&cx->b, JITC_BOOL, 1), *at = num(cx, 0);
    Dim count = 1;
    if (v->type.dtype != t->dtype) {
        fail(cx, "the value and the input differ in type");
        return;
    }
    v = broadcast(cx, v, s.shape, s.rank);
    for (int d = t->rank - 1; v && d >= 0; d--) {
        Value *inside, *index = place_in(cx, &s.r[d], t->dim[d], &inside);
        Dim dim[IR_MAX_RANK];
        for (int k = 0; k < t->rank; k++) dim[k] = k == d ? t->dim[d] : 1;
        if (!index) return;
        at = bi(cx, OP_add, at,
                bi(cx, OP_mul, ir_reshape(&cx->b, index, dim, t->rank), size_value(cx, count, IDX)));
        ok = bi(cx, OP_logical_and, ok, ir_reshape(&cx->b, inside, dim, t->rank));
        count = dim_mul(cx->m, count, s.r[d].size);
    }
    if (!v || !at || !ok) return;
    if (count == 0) {
        out[0] = in[0];
        return;
    }
    at = select3(cx, ok, at, num(cx, 0));
    v = ir_reshape(&cx->b, v, &count, 1);
    if (!dim_known(count)) { /* perhaps none: the place of what is outside is one more */
        Value *none = ir_reshape(&cx->b, scalar(cx, t->dtype, 0), (Dim[]){1}, 1);
        v = concat(cx, (Value *[]){v, none}, 2, 0);
    }
    v = v && at ? ir_v(&cx->b, OP_gather, IN(v, at), AT(at_i("axis", 0))) : NULL;
    out[0] = select3(cx, ok, v, in[0]);
}

const TfOp tf_slice_ops[] = {
    {"Slice", import_slice, 3, 0, 1, 0},
    {"StridedSlice", import_strided_slice, 4, 0, 1, 0},
    {"TensorStridedSliceUpdate", import_slice_update, 5, 0, 1, 0},
    {0},
};
