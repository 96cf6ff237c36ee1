/* Cutting, joining and moving elements. */
#include "frontend/tf/tf.h"

static Value *insert_dim(Cx *cx, Value *v, int axis)
{
    Dim dim[IR_MAX_RANK];
    if (v->type.rank == IR_MAX_RANK) {
        fail(cx, "the result has rank %d; at most %d is supported", v->type.rank + 1, IR_MAX_RANK);
        return NULL;
    }
    for (int d = 0; d <= v->type.rank; d++) dim[d] = d == axis ? 1 : v->type.dim[d - (d > axis)];
    return ir_reshape(&cx->b, v, dim, v->type.rank + 1);
}

static Value *remove_dim(Cx *cx, Value *v, int axis)
{
    Dim dim[IR_MAX_RANK];
    if (!v) return NULL;
    for (int d = 0; d + 1 < v->type.rank; d++) dim[d] = v->type.dim[d + (d >= axis)];
    return ir_reshape(&cx->b, v, dim, v->type.rank - 1);
}

static void import_pack(Cx *cx, Value **in, Value **out)
{
    int axis = check_axis(cx, get_int(cx, "axis", 0), "attribute 'axis'", in[0]->type.rank + 1);
    uint32_t n = cx->node->ninputs;
    if (axis < 0 || cx->failed) return;
    for (uint32_t i = 0; i < n; i++) {
        if (in[i]->type.rank != in[0]->type.rank) {
            fail(cx, "inputs 0 and %u differ in shape: %s and %s", i, type_string(cx, &in[0]->type),
                 type_string(cx, &in[i]->type));
            return;
        }
    }
    for (uint32_t i = 0; i < n; i++)
        if (!(in[i] = insert_dim(cx, in[i], axis))) return;
    out[0] = concat(cx, in, n, axis);
}

static void import_unpack(Cx *cx, Value **in, Value **out)
{
    int64_t num = get_int(cx, "num", -1);
    int axis = check_axis(cx, get_int(cx, "axis", 0), "attribute 'axis'", in[0]->type.rank);
    if (axis < 0 || cx->failed) return;
    Dim size = in[0]->type.dim[axis];
    if (dim_known(size) && size != num) {
        fail(cx, "attribute 'num' is %lld, but dimension %d of %s is not", (long long)num, axis,
             type_string(cx, &in[0]->type));
        return;
    }
    for (int64_t i = 0; i < num; i++) out[i] = remove_dim(cx, slice_axis(cx, in[0], axis, i, 1), axis);
}

/* The axis comes first (Concat) or last (ConcatV2). */
static void import_concat(Cx *cx, Value **in, Value **out)
{
    uint32_t n = cx->node->ninputs - 1;
    bool first = cx->op->arg == 1;
    Value **part = first ? in + 1 : in;
    int rank = part[0]->type.rank, axis = known_axis(cx, first ? in[0] : in[n], "the axis", rank);
    if (axis >= 0) out[0] = concat(cx, part, n, axis);
}

static void import_split(Cx *cx, Value **in, Value **out)
{
    int64_t num = get_int(cx, "num_split", 0);
    int axis = known_axis(cx, in[0], "the axis", in[1]->type.rank);
    if (axis < 0) return;
    Dim size = in[1]->type.dim[axis];
    if (num < 1 || (dim_known(size) && size % num)) {
        fail(cx, "dimension %d of %s cannot be split in %lld", axis, type_string(cx, &in[1]->type),
             (long long)num);
        return;
    }
    Dim part = dim_floordiv(cx->m, size, num);
    for (int64_t i = 0; i < num; i++) out[i] = slice_axis(cx, in[1], axis, dim_mul(cx->m, part, i), part);
}

static void import_split_v(Cx *cx, Value **in, Value **out)
{
    int64_t num = get_int(cx, "num_split", 0), v;
    int axis = known_axis(cx, in[2], "the axis", in[0]->type.rank), rest = -1;
    if (axis < 0) return;
    Dim *size = job_array(cx->job, Dim, num + 1), sum = 0, begin = 0, whole = in[0]->type.dim[axis];
    int n = known_dims(cx, in[1], "size_splits", size, (int)num);
    if (n < 0) return;
    for (int i = 0; i < n; i++) {
        if (!dim_const(cx->m, size[i], &v) || v >= 0) {
            sum = dim_add(cx->m, sum, size[i]);
        } else if (v != -1 || rest >= 0) {
            fail(cx, "size_splits must be sizes, one of which may be -1");
            return;
        } else {
            rest = i;
        }
    }
    if (rest >= 0) size[rest] = dim_sub(cx->m, whole, sum);
    if (n != num || (rest < 0 && dim_known(whole) && dim_known(sum) && whole != sum) ||
        (rest >= 0 && dim_const(cx->m, size[rest], &v) && v < 0)) {
        fail(cx, "size_splits do not fit dimension %d of %s", axis, type_string(cx, &in[0]->type));
        return;
    }
    for (int i = 0; i < n; i++) {
        out[i] = slice_axis(cx, in[0], axis, begin, size[i]);
        begin = dim_add(cx->m, begin, size[i]);
    }
}

/* Elements of a vector of indices, each known or not. */
static int some_dims(Cx *cx, Value *v, const char *what, Dim *out, bool *known, int max)
{
    bool vector =
        v->type.rank == 1 && dim_known(v->type.dim[0]) && v->type.dim[0] <= max && v->type.dim[0] > 0;
    int n = vector ? (int)v->type.dim[0] : 0;
    for (int i = 0; i < max; i++) known[i] = true;
    if (!vector || ir_dims_of(cx->m, v, out, n)) return known_dims(cx, v, what, out, max);
    for (int i = 0; i < n; i++) known[i] = false;
    if (!is_op(v, OP_concat)) return n;
    for (int i = 0, at = 0; i < v->def->nin; i++) {
        Value *part = v->def->in[i];
        int len = (int)part->type.dim[0];
        bool k = len > 0 && ir_dims_of(cx->m, part, out + at, len);
        for (int e = 0; e < len; e++) known[at + e] = k;
        at += len;
    }
    return n;
}

/* Element i of a vector of indices as a scalar; negative ones count from the end of `size` when asked for. */
static Value *index_at(Cx *cx, Value *v, int i, Dim size, bool wrap)
{
    DType t = v->type.dtype;
    Value *x = slice_axis(cx, v, 0, i, 1);
    x = x ? ir_reshape(&cx->b, x, NULL, 0) : NULL;
    if (t != JITC_INT32 && t != JITC_INT64) x = ir_cast(&cx->b, x, t = JITC_INT32);
    if (!x || !wrap) return x;
    if (!dim_known(size)) return x;
    Value *from_end = ir_binary(&cx->b, OP_add, x, ir_const_i(&cx->b, t, size));
    Value *negative = ir_binary(&cx->b, OP_less, x, ir_const_i(&cx->b, t, 0));
    return ir_v(&cx->b, OP_select, IN(negative, from_end, x), NO_ATTRS);
}

/* size elements along an axis from an index on that is data */
static Value *slice_from(Cx *cx, Value *v, int axis, Value *begin, Dim size)
{
    if (!v || !begin) return NULL;
    Value *index = begin;
    if (!dim_known(size) || size > 1 << 24) {
        fail(cx, "begin depends on data, but not even the size is known");
        return NULL;
    }
    Type t = type_make(begin->type.dtype, 1, &size);
    Tensor x = tensor_new(cx->job, &t);
    for (int64_t i = 0; i < size; i++) tensor_set_i(&x, i, i);
    index = ir_binary(&cx->b, OP_add, begin, tensor_value(cx, &x));
    return ir_v(&cx->b, OP_gather, IN(v, index), AT(at_i("axis", axis)));
}

static void import_slice(Cx *cx, Value **in, Value **out)
{
    Dim begin[IR_MAX_RANK] = {0}, size[IR_MAX_RANK];
    bool known[IR_MAX_RANK];
    const Type *t = &in[0]->type;
    int nb = some_dims(cx, in[1], "begin", begin, known, IR_MAX_RANK);
    int ns = nb < 0 ? -1 : known_dims(cx, in[2], "size", size, IR_MAX_RANK);
    if (ns < 0) return;
    if (nb != t->rank || ns != t->rank) {
        fail(cx, "begin and size must have %d elements, not %d and %d", t->rank, nb, ns);
        return;
    }
    Dim part[IR_MAX_RANK];
    for (int d = 0; d < t->rank; d++) {
        int64_t v;
        if (known[d] && dim_const(cx->m, begin[d], &v) && v < 0) {
            fail(cx, "begin[%d] is %lld", d, (long long)v);
            return;
        }
        if (dim_const(cx->m, size[d], &v) && v == -1) {
            if (!known[d]) {
                fail(cx, "size[%d] depends on data, as begin does", d);
                return;
            }
            size[d] = dim_sub(cx->m, t->dim[d], begin[d]);
        }
        if (!known[d]) begin[d] = 0;
        part[d] = known[d] ? size[d] : t->dim[d];
    }
    Value *v = slice(cx, in[0], begin, part);
    for (int d = 0; d < t->rank; d++)
        if (!known[d]) v = slice_from(cx, v, d, index_at(cx, in[1], d, 0, false), size[d]);
    out[0] = v;
}

/* -- StridedSlice ------------------------------------------------------------------------------------- */
typedef struct {
    Dim begin, size;
    int64_t stride;
    bool shrink;
} Range;

/* An index as TensorFlow reads it: negative ones count from the end, all are clamped to lo..hi. Into an open
 * dimension an index is taken to be in range, and an expression over open dimensions to count from the front.
 */
static Dim clamp_index(Cx *cx, Dim i, Dim size, int64_t lo, Dim hi)
{
    int64_t v, last;
    Module *m = cx->m;
    if (i == size) return hi;
    if (!dim_const(m, i, &v)) return dim_min(m, i, hi);
    if (!dim_known(size)) return v < 0 ? dim_add(m, size, i) : i;
    if (v < 0) v = v < -size ? lo : v + size;
    if (v < lo) v = lo;
    if (dim_const(m, hi, &last) && v > last) v = last;
    return v >= 0 ? v : dim_sub(m, 0, -v);
}

static bool range_of(Cx *cx, int d, Dim size, Dim begin, Dim end, int64_t stride, bool no_begin, bool no_end,
                     bool shrink, Range *r)
{
    Module *m = cx->m;
    int64_t b;
    *r = (Range){.stride = stride, .shrink = shrink};
    if (stride == 0) {
        fail(cx, "strides[%d] is 0", d);
        return false;
    }
    /* Beyond any size they are all the same. */
    stride = max_i64(min_i64(stride, (int64_t)1 << 48), -((int64_t)1 << 48));
    r->stride = stride;
    if (shrink) {
        if (stride < 0) {
            fail(cx, "a dimension that is dropped needs a positive stride");
            return false;
        }
        bool number = dim_const(m, begin, &b);
        if (no_begin) b = 0, number = true;
        if (number && dim_known(size) && (b >= size || b < -size)) {
            fail(cx, "index %lld is out of range: dimension %d has size %lld", (long long)b, d,
                 (long long)size);
            return false;
        }
        r->begin = !number ? begin : b < 0 ? dim_add(m, size, begin) : b;
        r->size = r->stride = 1;
        return true;
    }
    Dim minus_one = dim_sub(m, 0, 1);
    if (stride > 0) {
        Dim from = no_begin ? 0 : clamp_index(cx, begin, size, 0, size);
        Dim to = no_end ? size : clamp_index(cx, end, size, 0, size);
        r->begin = from;
        r->size = dim_ceildiv(m, dim_sub(m, to, from), stride);
        if (dim_known(size)) r->size = dim_max(m, r->size, 0);
    } else {
        Dim last = dim_sub(m, size, 1);
        Dim from = no_begin ? last : clamp_index(cx, begin, size, -1, last);
        Dim to = no_end ? minus_one : clamp_index(cx, end, size, -1, last);
        r->size = dim_ceildiv(m, dim_sub(m, from, to), -stride);
        if (dim_known(size)) r->size = dim_max(m, r->size, 0);
        r->begin = from;
        r->stride = stride;
    }
    if (r->size == 0) r->begin = 0, r->stride = 1;
    return true;
}

static void import_strided_slice(Cx *cx, Value **in, Value **out)
{
    enum { MAX = 32 };
    Dim begin[MAX], end[MAX], shape[IR_MAX_RANK];
    int64_t strides[MAX];
    const Type *t = &in[0]->type;
    bool begin_known[MAX], end_known[MAX];
    int n = some_dims(cx, in[1], "begin", begin, begin_known, MAX);
    int ne = n < 0 ? -1 : some_dims(cx, in[2], "end", end, end_known, MAX);
    int ns = ne < 0 ? -1 : known_ints(cx, in[3], "strides", strides, MAX);
    if (ns < 0) return;
    if (n != ne || n != ns) {
        fail(cx, "begin, end and strides have %d, %d and %d elements", n, ne, ns);
        return;
    }
    uint64_t begin_mask = (uint64_t)get_int(cx, "begin_mask", 0),
             end_mask = (uint64_t)get_int(cx, "end_mask", 0);
    uint64_t ellipsis = (uint64_t)get_int(cx, "ellipsis_mask", 0),
             fresh = (uint64_t)get_int(cx, "new_axis_mask", 0);
    uint64_t shrink = (uint64_t)get_int(cx, "shrink_axis_mask", 0), valid = ((uint64_t)1 << n) - 1;
    ellipsis &= valid;
    if (ellipsis & (ellipsis - 1)) fail(cx, "more than one ellipsis");
    if (cx->failed) return;
    /* Dimensions that the ellipsis stands for; new axes beat shrinking, both yield to the ellipsis. */
    int given = 0;
    for (int i = 0; i < n; i++) given += !(ellipsis >> i & 1) && !(fresh >> i & 1);
    if (given > t->rank) {
        fail(cx, "%d indices for %s", given, type_string(cx, t));
        return;
    }
    int spanned = t->rank - given, d = 0, rank = 0;
    Range r[IR_MAX_RANK];
    int picked[IR_MAX_RANK]; /* the index that is data, or -1 */
    for (int k = 0; k < IR_MAX_RANK; k++) picked[k] = -1;
    for (int i = 0; i <= n; i++) {
        bool dots = i < n && (ellipsis >> i & 1);
        int whole = dots ? spanned : i == n && !ellipsis ? spanned : 0;
        for (int k = 0; k < whole; k++, d++) {
            r[d] = (Range){0, t->dim[d], 1, false};
            if (rank < IR_MAX_RANK) shape[rank] = t->dim[d];
            rank++;
        }
        if (dots || i == n) continue;
        if (fresh >> i & 1) {
            if (rank < IR_MAX_RANK) shape[rank] = 1;
            rank++;
            continue;
        }
        /* An index that is data may pick one element; where a range begins or ends must be known. */
        bool drop = shrink >> i & 1;
        bool open =
            (!begin_known[i] && !(begin_mask >> i & 1)) || (!drop && !end_known[i] && !(end_mask >> i & 1));
        if (open && !drop) {
            fail(cx,
                 "where it begins and ends in dimension %d depends on data, but must be known when "
                 "compiling: make it a "
                 "constant, or cut the graph behind this node (--input)",
                 d);
            return;
        }
        if (open) picked[d] = i;
        if (!begin_known[i]) begin[i] = 0;
        if (!end_known[i]) end[i] = 0;
        if (!range_of(cx, d, t->dim[d], begin[i], end[i], strides[i], begin_mask >> i & 1, end_mask >> i & 1,
                      shrink >> i & 1, &r[d]))
            return;
        if (!r[d].shrink) {
            if (rank < IR_MAX_RANK) shape[rank] = r[d].size;
            rank++;
        }
        d++;
    }
    if (rank > IR_MAX_RANK) {
        fail(cx, "the result has rank %d; at most %d is supported", rank, IR_MAX_RANK);
        return;
    }
    Dim from[IR_MAX_RANK], size[IR_MAX_RANK];
    int64_t step[IR_MAX_RANK];
    bool whole = true;
    for (int k = 0; k < t->rank; k++) {
        bool all = picked[k] >= 0;
        from[k] = all ? 0 : r[k].begin;
        size[k] = all ? t->dim[k] : r[k].size;
        step[k] = all ? 1 : r[k].stride;
        whole = whole && from[k] == 0 && size[k] == t->dim[k] && step[k] == 1;
    }
    Value *v = in[0];
    if (!whole)
        v = ir_v(
            &cx->b, OP_slice, IN(v),
            AT(at_ds("begin", from, t->rank), at_ds("size", size, t->rank), at_is("strides", step, t->rank)));
    for (int k = 0; k < t->rank; k++)
        if (picked[k] >= 0) v = slice_from(cx, v, k, index_at(cx, in[1], picked[k], t->dim[k], true), 1);
    if (v && (rank != t->rank || memcmp(shape, v->type.dim, (size_t)rank * sizeof *shape)))
        v = ir_reshape(&cx->b, v, shape, rank);
    out[0] = v;
}

/* -- Moving ------------------------------------------------------------------------------------------- */
static void import_transpose(Cx *cx, Value **in, Value **out)
{
    int64_t perm[IR_MAX_RANK];
    bool seen[IR_MAX_RANK] = {false};
    int rank = in[0]->type.rank, n = known_ints(cx, in[1], "the permutation", perm, IR_MAX_RANK);
    if (n < 0) return;
    bool fine = n == rank;
    for (int i = 0; i < n && fine; i++) {
        int axis = check_axis(cx, perm[i], "the permutation", rank);
        if (axis < 0) return;
        fine = !seen[axis];
        seen[axis] = true;
        perm[i] = axis;
    }
    if (fine)
        out[0] = transpose(cx, in[0], perm);
    else
        fail(cx, "it is no permutation of the %d dimensions of %s", rank, type_string(cx, &in[0]->type));
}

/* Each dimension in turn: [outer, 1, inner] is broadcast to [outer, m, inner]. */
static void import_tile(Cx *cx, Value **in, Value **out)
{
    Dim times[IR_MAX_RANK], dim[IR_MAX_RANK];
    const Type *t = &in[0]->type;
    int n = known_dims(cx, in[1], "multiples", times, IR_MAX_RANK);
    if (n < 0) return;
    if (n != t->rank) {
        fail(cx, "%d multiples for %s", n, type_string(cx, t));
        return;
    }
    Value *v = in[0];
    memcpy(dim, t->dim, sizeof dim);
    for (int d = 0; d < n && v; d++) {
        int64_t k;
        if (times[d] == 1) continue;
        if (dim_const(cx->m, times[d], &k) && k < 0) {
            fail(cx, "multiples[%d] is %lld", d, (long long)k);
            return;
        }
        Dim outer = dims_product(cx, dim, d), inner = dims_product(cx, dim + d, n - d);
        v = ir_reshape(&cx->b, v, (Dim[]){outer, 1, inner}, 3);
        v = broadcast(cx, v, (Dim[]){outer, times[d], inner}, 3);
        dim[d] = dim_mul(cx->m, dim[d], times[d]);
        v = v ? ir_reshape(&cx->b, v, dim, n) : NULL;
    }
    out[0] = v;
}

bool known_pads(Cx *cx, Value *v, int rank, Dim *lo, Dim *hi, Value **x)
{
    Dim pad[2 * IR_MAX_RANK];
    bool told = false; /* by data */
    if (v->type.rank != 2 || v->type.dim[0] != rank || v->type.dim[1] != 2) {
        fail(cx, "paddings must have shape [%d,2], but are %s", rank, type_string(cx, &v->type));
        return false;
    }
    Value *list = ir_reshape(&cx->b, v, (Dim[]){2 * rank}, 1);
    if (!list || known_dims(cx, list, "the padding", pad, 2 * rank) < 0) return false;
    for (int d = 0; d < rank; d++) {
        int64_t a = 0, b = 0;
        lo[d] = pad[2 * d];
        hi[d] = pad[2 * d + 1];
        told = !dim_const(cx->m, lo[d], &a) || told;
        told = !dim_const(cx->m, hi[d], &b) || told;
        if (a >= 0 && b >= 0 && a <= INT32_MAX && b <= INT32_MAX) continue;
        fail(cx, "paddings[%d] are %lld and %lld", d, (long long)a, (long long)b);
        return false;
    }
    if (!told) return true;
    Value *zero = ir_const_i(&cx->b, v->type.dtype, 0), *ok = ir_binary(&cx->b, OP_greater_equal, list, zero);
    *x = checked(cx, *x, ok ? reduce(cx, OP_reduce_all, ok, (int64_t[]){0}, 1, false) : NULL);
    return *x != NULL;
}

static void import_pad(Cx *cx, Value **in, Value **out)
{
    Dim lo[IR_MAX_RANK], hi[IR_MAX_RANK];
    Value *x = in[0];
    int rank = x->type.rank;
    double value = 0;
    if (!known_pads(cx, in[1], rank, lo, hi, &x)) return;
    if (cx->op->arg) {
        const Tensor *t =
            need_rank(cx, in[2], "constant_values", 0, 0) ? known_tensor(cx, in[2], "constant_values") : NULL;
        if (!t) return;
        value = tensor_f(t, 0);
        if (in[2]->type.dtype != in[0]->type.dtype) {
            fail(cx, "constant_values and the input differ in type");
            return;
        }
        if (dtype_is_int(t->type.dtype) &&
            (tensor_i(t, 0) > (int64_t)1 << 53 || tensor_i(t, 0) < -((int64_t)1 << 53))) {
            fail(cx, "padding with %lld is not supported", (long long)tensor_i(t, 0));
            return;
        }
    }
    out[0] =
        ir_v(&cx->b, OP_pad, IN(x), AT(at_ds("lo", lo, rank), at_ds("hi", hi, rank), at_f("value", value)));
}

Value *mirror_pad(Cx *cx, Value *x, Value *paddings)
{
    Dim lo[IR_MAX_RANK], hi[IR_MAX_RANK];
    const char *mode = get_str(cx, "mode", "");
    bool reflect = strcmp(mode, "REFLECT") == 0;
    if (cx->failed || !known_pads(cx, paddings, x->type.rank, lo, hi, &x)) return NULL;
    if (!reflect && strcmp(mode, "SYMMETRIC") != 0) {
        fail(cx, "mode '%s' is not supported; REFLECT and SYMMETRIC are", mode);
        return NULL;
    }
    bool none = true;
    Dim room = 0; /* of the dimension that has the least, where it is not known now */
    for (int d = 0; d < x->type.rank; d++) {
        none = none && !lo[d] && !hi[d];
        Dim n = x->type.dim[d], most = dim_max(cx->m, lo[d], hi[d]);
        if (most && !(dim_known(n) && dim_known(most)))
            room = dim_min(cx->m, room, dim_sub(cx->m, dim_sub(cx->m, n, reflect), most));
    }
    if (none) return x;
    if (room) {
        Value *least = size_value(cx, room, JITC_INT64), *zero = ir_const_i(&cx->b, JITC_INT64, 0);
        x = checked(cx, x, least ? ir_binary(&cx->b, OP_greater_equal, least, zero) : NULL);
        if (!x) return NULL;
    }
    return ir_v(&cx->b, OP_mirror_pad, IN(x),
                AT(at_ds("lo", lo, x->type.rank), at_ds("hi", hi, x->type.rank), at_b("reflect", reflect)));
}

static void import_mirror_pad(Cx *cx, Value **in, Value **out)
{
    out[0] = mirror_pad(cx, in[0], in[1]);
}

static void import_reverse(Cx *cx, Value **in, Value **out)
{
    int rank = in[0]->type.rank, n = 0;
    int64_t axes[IR_MAX_RANK];
    if (cx->op->arg) { /* ReverseV2: a list of axes */
        n = known_ints(cx, in[1], "the axes", axes, IR_MAX_RANK);
        for (int i = 0; i < n; i++)
            if ((axes[i] = check_axis(cx, axes[i], "the axis", rank)) < 0) return;
    } else { /* Reverse: a bool per dimension */
        const Tensor *t = known_tensor(cx, in[1], "dims");
        if (!t) return;
        if (type_numel(&t->type) != rank || t->type.dtype != JITC_BOOL) {
            fail(cx, "dims must be %d bools", rank);
            return;
        }
        for (int d = 0; d < rank; d++)
            if (tensor_i(t, d)) axes[n++] = d;
    }
    if (n >= 0) out[0] = n ? ir_v(&cx->b, OP_reverse, IN(in[0]), AT(at_is("axes", axes, n))) : in[0];
}

static void import_roll(Cx *cx, Value **in, Value **out)
{
    int64_t shift[IR_MAX_RANK * 4], axes[IR_MAX_RANK * 4];
    int rank = in[0]->type.rank, n = known_ints(cx, in[1], "shift", shift, IR_MAX_RANK * 4);
    int na = n < 0 ? -1 : known_ints(cx, in[2], "the axes", axes, IR_MAX_RANK * 4);
    if (na < 0) return;
    if (n != na) {
        fail(cx, "%d shifts for %d axes", n, na);
        return;
    }
    Value *v = in[0];
    for (int i = 0; i < n && v; i++) {
        int axis = check_axis(cx, axes[i], "the axis", rank);
        if (axis < 0) return;
        Dim size = in[0]->type.dim[axis];
        if (!dim_known(size)) {
            fail(cx, "rolling an open dimension is not supported: fix it (--shape)");
            return;
        }
        int64_t s = size ? (shift[i] % size + size) % size : 0;
        if (!s) continue;
        Value *part[2] = {slice_axis(cx, v, axis, size - s, s), slice_axis(cx, v, axis, 0, size - s)};
        v = part[0] && part[1] ? concat(cx, part, 2, axis) : NULL;
    }
    out[0] = v;
}

const TfOp tf_array_ops[] = {
    {"Pack", import_pack, 1, -1, 1, 0},
    {"Unpack", import_unpack, 1, 0, OUT_NUM, 0},
    {"Concat", import_concat, 2, -1, 1, 1},
    {"ConcatV2", import_concat, 2, -1, 1, 0},
    {"Split", import_split, 2, 0, OUT_NUM_SPLIT, 0},
    {"SplitV", import_split_v, 3, 0, OUT_NUM_SPLIT, 0},
    {"Slice", import_slice, 3, 0, 1, 0},
    {"StridedSlice", import_strided_slice, 4, 0, 1, 0},
    {"Transpose", import_transpose, 2, 0, 1, 0},
    {"Tile", import_tile, 2, 0, 1, 0},
    {"Pad", import_pad, 2, 0, 1, 0},
    {"PadV2", import_pad, 3, 0, 1, 1},
    {"MirrorPad", import_mirror_pad, 2, 0, 1, 0},
    {"Reverse", import_reverse, 2, 0, 1, 0},
    {"ReverseV2", import_reverse, 2, 0, 1, 1},
    {"Roll", import_roll, 3, 0, 1, 0},
    {0},
};
