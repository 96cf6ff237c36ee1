#include "ir/ops/common.h"

#include "ir/dim.h"

int64_t norm_axis(int64_t axis, int rank)
{
    if (axis < 0) axis += rank;
    return axis >= 0 && axis < rank ? axis : -1;
}

void strides_of(const Type *t, int64_t *stride)
{
    int64_t s = 1;
    for (int d = t->rank - 1; d >= 0; d--) {
        stride[d] = s;
        s = (int64_t)((uint64_t)s * (uint64_t)t->dim[d]);
    }
}

const char *type_text(InferCx *cx, const Type *t)
{
    Str s = {0};
    type_print(cx->m, &s, t);
    const char *text = job_strndup(cx->m->job, str_text(&s), s.n);
    str_free(&s);
    return text;
}

const char *dim_text(InferCx *cx, Dim d)
{
    Str s = {0};
    dim_print(cx->m, &s, d);
    const char *text = job_strndup(cx->m->job, str_text(&s), s.n);
    str_free(&s);
    return text;
}

static const char *take_text(unsigned take)
{
    switch (take) {
    case TAKE_FLOAT: return "floating-point";
    case TAKE_INT: return "integer";
    case TAKE_BOOL: return "boolean";
    case TAKE_NUM: return "numeric";
    default: return "numeric or boolean";
    }
}

bool takes(InferCx *cx, const Op *op, int i, unsigned take)
{
    const Type *t = in_type(op, i);
    if (t->layout != LAYOUT_PLAIN) return infer_fail(cx, "operand %d is packed: %s", i, type_text(cx, t));
    if (take == TAKE_ANY) return true;
    unsigned is = dtype_is_float(t->dtype) ? TAKE_FLOAT
                  : dtype_is_int(t->dtype) ? TAKE_INT
                  : t->dtype == JITC_BOOL  ? TAKE_BOOL
                                           : 0;
    if (is & take) return true;
    return infer_fail(cx, "operand %d must be %s, not %s", i, take_text(take), type_text(cx, t));
}

bool takes_rank(InferCx *cx, const Op *op, int i, int min, int max)
{
    const Type *t = in_type(op, i);
    if (t->rank >= min && t->rank <= max) return true;
    if (min == max) return infer_fail(cx, "operand %d must have rank %d, not %s", i, min, type_text(cx, t));
    return infer_fail(cx, "operand %d must have rank %d to %d, not %s", i, min, max, type_text(cx, t));
}

bool takes_matrix(InferCx *cx, const Op *op, int i)
{
    const Type *t = in_type(op, i);
    if (!takes(cx, op, i, TAKE_FLOAT) || !takes_rank(cx, op, i, 2, IR_MAX_RANK)) return false;
    if (dtype_size(t->dtype) >= 4) return true;
    return infer_fail(cx, "operand %d must be f32 or f64, not %s", i, type_text(cx, t));
}

bool takes_square(InferCx *cx, const Op *op, int i)
{
    const Type *t = in_type(op, i);
    if (!takes_matrix(cx, op, i)) return false;
    if (dims_agree(cx, t->dim[t->rank - 2], t->dim[t->rank - 1])) return true;
    return infer_fail(cx, "operand %d must be square matrices, but is %s", i, type_text(cx, t));
}

int outer_of_matrices(const Op *op)
{
    return op->out[0]->type.rank - 2;
}

bool same_dtype(InferCx *cx, const Op *op, int i, int j)
{
    const Type *a = in_type(op, i), *b = in_type(op, j);
    if (a->dtype == b->dtype) return true;
    return infer_fail(cx, "operands %d and %d must have the same element type: %s, %s", i, j,
                      type_text(cx, a), type_text(cx, b));
}

bool axis_in_range(InferCx *cx, const char *attr, int64_t axis, int rank)
{
    if (axis >= 0 && axis < rank) return true;
    return infer_fail(cx, "%s %lld is out of range for rank %d", attr, (long long)axis, rank);
}

bool ints_in_range(InferCx *cx, const Op *op, const char *attr, int n, int64_t lo, int64_t hi)
{
    int have;
    const int64_t *v = attr_v(op, attr, &have);
    if (have != n) return infer_fail(cx, "%s must have %d elements, not %d", attr, n, have);
    for (int k = 0; k < n; k++)
        if (v[k] < lo || v[k] > hi)
            return infer_fail(cx, "%s must be between %lld and %lld, not %lld", attr, (long long)lo,
                              (long long)hi, (long long)v[k]);
    return true;
}

bool dims_agree(InferCx *cx, Dim a, Dim b)
{
    if (dim_known(a) && dim_known(b)) return a == b;
    if (cx->equal && a != b) vec_push(cx->m->job, cx->equal, (DimPair){a, b});
    return true;
}

bool dim_is_negative(Module *m, Dim d)
{
    int64_t v;
    return dim_const(m, d, &v) && v < 0;
}

bool shape_attr(InferCx *cx, const Op *op, const char *attr, const Dim **dim, int *rank)
{
    const Dim *v = attr_v(op, attr, rank);
    if (*rank > IR_MAX_RANK)
        return infer_fail(cx, "%s has rank %d; at most %d is supported", attr, *rank, IR_MAX_RANK);
    for (int d = 0; d < *rank; d++)
        if (dim_is_negative(cx->m, v[d]))
            return infer_fail(cx, "%s has the negative value %s at %d", attr, dim_text(cx, v[d]), d);
    *dim = v;
    return true;
}

bool result_fits(InferCx *cx, const Type *t)
{
    int64_t bytes = (int64_t)dtype_size(t->dtype);
    bool empty = false, ok = true;
    for (int d = 0; d < t->rank; d++) {
        if (dim_is_negative(cx->m, t->dim[d]))
            return infer_fail(cx, "dimension %d of the result would be negative: %s", d, type_text(cx, t));
        if (t->dim[d] == 0)
            empty = true;
        else if (dim_known(t->dim[d]))
            ok = ok && mul_ok(bytes, t->dim[d], &bytes);
    }
    return ok || empty ? true : infer_fail(cx, "the result is too large: %s", type_text(cx, t));
}

bool infer_elementwise(InferCx *cx, const Op *op, Type *out, unsigned take, DType to)
{
    if (!takes(cx, op, 0, take)) return false;
    *out = *in_type(op, 0);
    for (int i = 1; i < op->nin; i++) {
        Type wide;
        if (!takes(cx, op, i, take) || !same_dtype(cx, op, 0, i)) return false;
        if (!ir_broadcast_dims(cx->m, out, in_type(op, i), &wide))
            return infer_fail(cx, "incompatible shapes: %s vs. %s", type_text(cx, out),
                              type_text(cx, in_type(op, i)));
        wide.dtype = out->dtype;
        wide.layout = LAYOUT_PLAIN;
        *out = wide;
    }
    if (to) out->dtype = to;
    return result_fits(cx, out);
}

bool infer_same(InferCx *cx, const Op *op, Type *out)
{
    if (!takes(cx, op, 0, TAKE_ANY)) return false;
    *out = *in_type(op, 0);
    return true;
}

bool infer_map(InferCx *cx, const Op *op, Type *out)
{
    return infer_elementwise(cx, op, out, TAKE_NUM, 0);
}

bool infer_compare(InferCx *cx, const Op *op, Type *out)
{
    return infer_elementwise(cx, op, out, TAKE_NUM, JITC_BOOL);
}

bool infer_float_map(InferCx *cx, const Op *op, Type *out)
{
    return infer_elementwise(cx, op, out, TAKE_FLOAT, 0);
}

bool infer_bool_map(InferCx *cx, const Op *op, Type *out)
{
    return infer_elementwise(cx, op, out, TAKE_BOOL, 0);
}

bool infer_float_test(InferCx *cx, const Op *op, Type *out)
{
    return infer_elementwise(cx, op, out, TAKE_FLOAT, JITC_BOOL);
}

bool infer_reduce(InferCx *cx, const Op *op, Type *out, unsigned take)
{
    if (!takes(cx, op, 0, take)) return false;
    const Type *x = in_type(op, 0);
    int n, k = 0, rank = 0;
    const int64_t *axes = attr_v(op, "axes", &n);
    for (int j = 0; j < n; j++) {
        if (!axis_in_range(cx, "reduction axis", axes[j], x->rank)) return false;
        if (j && axes[j] <= axes[j - 1])
            return infer_fail(cx, "reduction axes must be distinct and ascending");
    }
    Dim dim[IR_MAX_RANK];
    for (int d = 0; d < x->rank; d++) {
        bool reduced = k < n && axes[k] == d;
        if (reduced) k++;
        if (!reduced)
            dim[rank++] = x->dim[d];
        else if (attr_i(op, "keep"))
            dim[rank++] = 1;
    }
    *out = type_make(x->dtype, rank, dim);
    return true;
}

bool infer_reduce_num(InferCx *cx, const Op *op, Type *out)
{
    return infer_reduce(cx, op, out, TAKE_NUM);
}
bool infer_reduce_bool(InferCx *cx, const Op *op, Type *out)
{
    return infer_reduce(cx, op, out, TAKE_BOOL);
}

bool infer_arg(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    int64_t axis = attr_i(op, "axis");
    DType to = (DType)attr_i(op, "to");
    if (!takes(cx, op, 0, TAKE_NUM | TAKE_BOOL) || !axis_in_range(cx, "axis", axis, x->rank)) return false;
    if (to != JITC_INT32 && to != JITC_INT64) return infer_fail(cx, "the result must be i32 or i64");
    if (x->dim[axis] == 0)
        return infer_fail(cx, "reduction axis %d is empty in %s", (int)axis, type_text(cx, x));
    Dim dim[IR_MAX_RANK];
    for (int d = 0, n = 0; d < x->rank; d++)
        if (d != axis) dim[n++] = x->dim[d];
    *out = type_make(to, x->rank - 1, dim);
    return true;
}

bool infer_row(InferCx *cx, const Op *op, Type *out)
{
    return takes(cx, op, 0, TAKE_FLOAT) && takes_rank(cx, op, 0, 1, IR_MAX_RANK) && infer_same(cx, op, out);
}

bool pads_in_range(InferCx *cx, const Op *op, const char *attr, int n, int64_t most)
{
    int have;
    const Dim *v = attr_v(op, attr, &have);
    if (have != n) return infer_fail(cx, "%s must have %d elements, not %d", attr, n, have);
    for (int k = 0; k < n; k++)
        if (dim_is_negative(cx->m, v[k]) || v[k] > most)
            return infer_fail(cx, "%s must be between 0 and %lld, not %s", attr, (long long)most,
                              dim_text(cx, v[k]));
    return true;
}

bool infer_scan(InferCx *cx, const Op *op, Type *out, unsigned take)
{
    return takes(cx, op, 0, take) && axis_in_range(cx, "axis", attr_i(op, "axis"), in_type(op, 0)->rank) &&
           infer_same(cx, op, out);
}

Dim window_size(Module *m, Dim in, Dim k, int64_t dilation, int64_t stride, Dim lo, Dim hi)
{
    if (dim_known(in) && dim_known(k) && dim_known(lo) && dim_known(hi)) {
        __int128 room = (__int128)in + lo + hi - ((__int128)(k - 1) * dilation + 1);
        __int128 n = room < 0 ? 0 : room / stride + 1;
        return n > INT64_MAX ? INT64_MAX : (Dim)n;
    }
    Dim reach = dim_add(m, dim_mul(m, dim_sub(m, k, 1), dilation), 1);
    Dim room = dim_sub(m, dim_add(m, in, dim_add(m, lo, hi)), reach);
    return dim_add(m, dim_floordiv(m, room, stride), 1);
}

bool padded_size(InferCx *cx, Dim in, Dim lo, Dim hi, Dim *out)
{
    int64_t sum = 0;
    Dim part[3] = {lo, hi, in};
    for (int i = 0; i < 3; i++)
        if (dim_known(part[i]) && !add_ok(sum, part[i], &sum))
            return infer_fail(cx, "paddings %s and %s are too large", dim_text(cx, lo), dim_text(cx, hi));
    *out = dim_add(cx->m, in, dim_add(cx->m, lo, hi));
    return true;
}

bool infer_pool(InferCx *cx, const Op *op, Type *out, unsigned take)
{
    if (!takes(cx, op, 0, take) || !takes_rank(cx, op, 0, 4, 4) ||
        !ints_in_range(cx, op, "window", 2, 1, WINDOW_MAX) ||
        !ints_in_range(cx, op, "strides", 2, 1, WINDOW_MAX) ||
        !pads_in_range(cx, op, "pad_lo", 2, WINDOW_MAX) || !pads_in_range(cx, op, "pad_hi", 2, WINDOW_MAX))
        return false;
    const int64_t *window = attr_v(op, "window", NULL), *strides = attr_v(op, "strides", NULL);
    const Dim *lo = attr_v(op, "pad_lo", NULL), *hi = attr_v(op, "pad_hi", NULL);
    *out = *in_type(op, 0);
    for (int d = 0; d < 2; d++) {
        if (lo[d] >= window[d] || hi[d] >= window[d])
            return infer_fail(cx, "padding must be smaller than the window");
        out->dim[1 + d] = window_size(cx->m, out->dim[1 + d], window[d], 1, strides[d], lo[d], hi[d]);
    }
    return result_fits(cx, out);
}

bool infer_resize(InferCx *cx, const Op *op, Type *out, DType to)
{
    const Dim *size = NULL;
    int n = 0;
    if (!takes(cx, op, 0, TAKE_NUM) || !takes_rank(cx, op, 0, 4, 4) || !shape_attr(cx, op, "size", &size, &n))
        return false;
    if (!size || n != 2) return infer_fail(cx, "size must have 2 elements, not %d", n);
    if (size[0] == 0 || size[1] == 0) return infer_fail(cx, "output dimensions must be positive");
    if (attr_i(op, "align_corners") && attr_i(op, "half_pixel"))
        return infer_fail(cx, "if half_pixel_centers is true, align_corners must be false");
    *out = *in_type(op, 0);
    if (out->dim[1] == 0 || out->dim[2] == 0) return infer_fail(cx, "input image must be of non-zero size");
    if (to) out->dtype = to;
    out->dim[1] = size[0];
    out->dim[2] = size[1];
    return result_fits(cx, out);
}

/* -- Abstract evaluation over dims -------------------------------------------------------------------- */
bool dims_ints(const Type *t)
{
    return t->dtype == JITC_INT32 || t->dtype == JITC_INT64;
}

bool dim_from_int(Module *m, int64_t v, Dim *d)
{
    if (v == INT64_MIN) return false;
    *d = v >= 0 ? v : dim_sub(m, 0, -v); /* a negative number needs a node of the table */
    return true;
}

bool dims_operand(Module *m, const Op *op, int i, Dim *out, int *n)
{
    const Type *t = in_type(op, i);
    if (!dims_ints(t) || !type_static(t) || type_numel(t) > DIMS_MAX) return false;
    *n = (int)type_numel(t);
    return ir_dims_of(m, op->in[i], out, *n);
}

bool dims_binary(Module *m, const Op *op, Dim *out, int n, Dim (*f)(Module *, Dim, Dim), DimsRule rule)
{
    Dim a[DIMS_MAX], b[DIMS_MAX];
    int na, nb;
    const Type *to = &op->out[0]->type;
    if (!type_static(to) || !dims_operand(m, op, 0, a, &na) || !dims_operand(m, op, 1, b, &nb)) return false;
    for (int k = 0; rule == DIMS_TRUNC && k < na; k++)
        if (dim_is_negative(m, a[k])) return false;
    for (int k = 0; rule != DIMS_ANY && k < nb; k++)
        if (b[k] <= 0) return false;
    const Tensor in[2] = {{*in_type(op, 0), NULL}, {*in_type(op, 1), NULL}}, result = {*to, NULL};
    for (Walk w = walk_broadcast(in, 2, &result); w.more; walk_next(&w))
        for (int64_t j = 0; j < w.n && w.at[0] + j < n; j++)
            out[w.at[0] + j] = f(m, a[w.at[1] + j * w.step[1]], b[w.at[2] + j * w.step[2]]);
    return true;
}

bool dims_reduce(Module *m, const Op *op, Dim *out, int n, Dim init, Dim (*f)(Module *, Dim, Dim))
{
    Dim x[DIMS_MAX];
    int nx, naxes;
    attr_v(op, "axes", &naxes);
    /* Shapes are vectors; nothing else is worth the walk. */
    if (!dims_operand(m, op, 0, x, &nx) || in_type(op, 0)->rank != 1 || naxes != 1 || n != 1) return false;
    out[0] = init;
    for (int j = 0; j < nx; j++) out[0] = f(m, out[0], x[j]);
    return true;
}

/* -- Simplification ----------------------------------------------------------------------------------- */
Value *simplify_idempotent(Builder *b, Op *op)
{
    (void)b;
    return is_op(op->in[0], op->code) ? op->in[0] : NULL;
}

Value *simplify_same_operands(Builder *b, Op *op)
{
    (void)b;
    return op->in[0] == op->in[1] ? op->in[0] : NULL;
}

Value *simplify_no_axes(Builder *b, Op *op)
{
    (void)b;
    int n;
    attr_v(op, "axes", &n);
    return n == 0 ? if_same_type(op->in[0], op) : NULL;
}
