/* Transposed convolution: the gradient of a convolution for its input. */
#include "frontend/tf/tf.h"

/* One spatial dimension of it: result i collects x[o] * w[k] over o * s + k - lo = i. With j = i + lo = q * s
 * + r and k = t * s + r that is the sum over t of x[q - t] * w[t * s + r]: a convolution of stride 1 with the
 * taps t turned round, one output per r, whose rows q and phases r interleave; the result is cut out from q0
 * on. Where s does not divide the filter's size, the last phases have a tap less. They are a convolution of
 * their own: a tap of zeros would turn infinity into NaN. */
typedef struct {
    int64_t s, taps, whole; /* `whole` phases have all taps */
    Dim q0, hi, rows;       /* pad of the convolution at the high end, its rows */
    Dim begin;              /* of the result within what it gives */
} Phase;

/* Phases with equally many taps. */
typedef struct {
    int64_t first, count, taps;
} Part;

static Part part_of(const Phase *p, bool last)
{
    return last ? (Part){p->whole, p->s - p->whole, p->taps - 1} : (Part){0, p->whole, p->taps};
}

static bool same_size(Cx *cx, Dim want, Dim x, Dim size, int d)
{
    int64_t v, size_v = -1;
    if (want == x) return true;
    if (!dim_const(cx->m, want, &v) || !dim_known(x))
        return ir_op(&cx->b, OP_check, NO_IN, AT(at_ds("a", &want, 1), at_ds("b", &x, 1))) != NULL;
    dim_const(cx->m, size, &size_v);
    fail(cx, "a result of size %lld does not fit an input of size %lld (dimension %d)", (long long)size_v,
         (long long)x, d + 1);
    return false;
}

static bool phase(Cx *cx, const Window *w, int d, Dim x, Dim size, int64_t k, Phase *p)
{
    Module *m = cx->m;
    int64_t s = w->strides[d];
    Dim lo = 0;
    *p = (Phase){.s = s, .taps = (k + s - 1) / s, .whole = (k - 1) % s + 1};
    /* The forward convolution's pads, and whether it does give x from the result's size. */
    Dim reach = dim_add(m, dim_mul(m, dim_sub(m, x, 1), s), k); /* from the first to the last pixel read */
    Dim want = w->padding == PAD_SAME ? dim_ceildiv(m, size, s) : dim_floordiv(m, dim_sub(m, size, k), s);
    if (w->padding == PAD_EXPLICIT)
        want = dim_floordiv(m, dim_sub(m, dim_add(m, size, dim_add(m, w->lo[d], w->hi[d])), k), s);
    if (w->padding != PAD_SAME) want = dim_add(m, want, 1);
    if (!same_size(cx, want, x, size, d)) return false;
    if (w->padding == PAD_EXPLICIT) lo = w->lo[d];
    if (w->padding == PAD_SAME) lo = dim_floordiv(m, dim_max(m, dim_sub(m, reach, size), 0), 2);
    int64_t fewest = part_of(p, p->whole < s).taps;
    p->q0 = dim_min(m, dim_floordiv(m, lo, s), max_i64(fewest - 1, 0));
    p->begin = dim_sub(m, lo, dim_mul(m, p->q0, s));
    Dim rows = dim_ceildiv(m, dim_add(m, size, p->begin), s), have = dim_sub(m, x, p->q0);
    p->hi = dim_max(m, dim_sub(m, rows, have), 0);
    p->rows = dim_add(m, have, p->hi);
    return true;
}

/* Zeros after each spatial dimension. */
static Value *pad_after(Cx *cx, Value *v, const Dim *hi)
{
    Dim lo[IR_MAX_RANK] = {0};
    int rank = v->type.rank;
    bool any = false;
    for (int d = 0; d < rank; d++) any = any || hi[d];
    if (!any) return v;
    return ir_v(&cx->b, OP_pad, IN(v), AT(at_ds("lo", lo, rank), at_ds("hi", hi, rank), at_f("value", 0)));
}

/* Zeros between the taps, in place of dilations. */
static Value *spread_taps(Cx *cx, Value *filter, Window *w)
{
    int n = w->n;
    Dim split[IR_MAX_RANK], hi[IR_MAX_RANK] = {0}, join[IR_MAX_RANK], size[IR_MAX_RANK],
                            zero[IR_MAX_RANK] = {0};
    bool any = false;
    for (int d = 0; d < n; d++) {
        Dim k = filter->type.dim[d];
        any = any || w->dilations[d] > 1;
        split[2 * d] = k;
        split[2 * d + 1] = 1;
        hi[2 * d + 1] = w->dilations[d] - 1;
        join[d] = dim_mul(cx->m, k, w->dilations[d]);
        size[d] = (k - 1) * w->dilations[d] + 1;
        w->dilations[d] = 1;
    }
    if (!any) return filter;
    split[2 * n] = dim_mul(cx->m, filter->type.dim[n], filter->type.dim[n + 1]);
    for (int d = n; d < n + 2; d++) join[d] = size[d] = filter->type.dim[d];
    filter = ir_reshape(&cx->b, filter, split, 2 * n + 1);
    filter = filter ? pad_after(cx, filter, hi) : NULL;
    filter = filter ? ir_reshape(&cx->b, filter, join, n + 2) : NULL;
    return slice(cx, filter, zero, size);
}

/* [k, out, groups * in] -> [taps, in, groups * phases * out] of some phases; one group in three dimensions */
static Value *phase_filter(Cx *cx, Value *w, const Phase *p, const Part *part, int n, int64_t groups)
{
    Dim f[MAX_SPATIAL + 2], hi[IR_MAX_RANK] = {0}, split[IR_MAX_RANK], join[MAX_SPATIAL + 2];
    Dim first[IR_MAX_RANK] = {0}, count[IR_MAX_RANK];
    int64_t perm2[] = {0, 2, 6, 5, 1, 3, 4}, perm3[] = {0, 2, 4, 7, 1, 3, 5, 6}, phases = 1;
    memcpy(f, w->type.dim, sizeof f);
    for (int d = 0; d < n; d++) {
        hi[d] = p[d].taps * p[d].s - f[d];
        split[2 * d] = p[d].taps;
        split[2 * d + 1] = p[d].s;
        count[2 * d] = join[d] = part[d].taps;
        first[2 * d + 1] = part[d].first;
        count[2 * d + 1] = part[d].count;
        phases *= part[d].count;
    }
    Dim in = dim_floordiv(cx->m, f[n + 1], groups);
    int rank = 2 * n;
    split[rank++] = f[n];
    if (n == 2) split[rank++] = groups;
    split[rank++] = in;
    memcpy(count + 2 * n, split + 2 * n, (size_t)(rank - 2 * n) * sizeof *count);
    join[n] = in;
    join[n + 1] = dim_mul(cx->m, f[n], groups * phases);
    w = pad_after(cx, w, hi);
    w = w ? ir_reshape(&cx->b, w, split, rank) : NULL;
    w = w ? slice(cx, w, first, count) : NULL;
    w = w ? ir_v(&cx->b, OP_reverse, IN(w), AT(at_is("axes", (int64_t[]){0, 2, 4}, n))) : NULL;
    w = transpose(cx, w, n == 2 ? perm2 : perm3);
    return w ? ir_reshape(&cx->b, w, join, n + 2) : NULL;
}

/* [n, rows, groups, phases, out] of some phases; without groups in three dimensions */
static Value *convolve_part(Cx *cx, Value *x, Value *filter, const Phase *p, const Part *part, int n,
                            int64_t groups)
{
    Dim dim[IR_MAX_RANK] = {x->type.dim[0]};
    Window one = {.n = n};
    bool none = false;
    int rank = 1;
    for (int d = 0; d < n; d++) {
        none = none || !part[d].taps;
        dim[rank++] = p[d].rows;
    }
    if (n == 2) dim[rank++] = groups;
    for (int d = 0; d < n; d++) dim[rank++] = part[d].count;
    dim[rank++] = filter->type.dim[n];
    if (none) return broadcast(cx, scalar(cx, x->type.dtype, 0), dim, rank);
    for (int d = 0; d < n; d++) {
        one.strides[d] = one.dilations[d] = 1;
        one.lo[d] = dim_sub(cx->m, part[d].taps - 1, p[d].q0);
        one.hi[d] = p[d].hi;
    }
    Value *y = conv(cx, x, phase_filter(cx, filter, p, part, n, groups), &one, groups);
    return y ? ir_reshape(&cx->b, y, dim, rank) : NULL;
}

/* The same of all phases. */
static Value *convolve_phases(Cx *cx, Value *x, Value *filter, const Phase *p, int n, int64_t groups)
{
    Value *y[1 << MAX_SPATIAL] = {0}; /* bit d: the last phases of dimension d */
    for (int last = 0; last < 1 << n; last++) {
        Part part[MAX_SPATIAL];
        bool any = true;
        for (int d = 0; d < n; d++) {
            part[d] = part_of(&p[d], last >> d & 1);
            any = any && part[d].count;
        }
        y[last] = any ? convolve_part(cx, x, filter, p, part, n, groups) : NULL;
        if (any && !y[last]) return NULL;
    }
    for (int d = n - 1; d >= 0; d--)
        for (int last = 0; last < 1 << d; last++) {
            Value *two[2] = {y[last], y[last | 1 << d]};
            if (two[0] && two[1]) y[last] = concat(cx, two, 2, 1 + n + (n == 2) + d);
        }
    return y[0];
}

/* [n, rows, groups, phases, out] -> [n, rows * phases, groups * out] */
static Value *interleave(Cx *cx, Value *y, const Phase *p, int n, int64_t groups, Dim c)
{
    Dim join[MAX_SPATIAL + 2] = {y->type.dim[0]};
    int64_t perm2[] = {0, 1, 4, 2, 5, 3, 6}, perm3[] = {0, 1, 4, 2, 5, 3, 6, 7};
    bool phases = false;
    for (int d = 0; d < n; d++) {
        join[1 + d] = dim_mul(cx->m, p[d].rows, p[d].s);
        phases = phases || p[d].s > 1;
    }
    join[1 + n] = dim_mul(cx->m, c, groups);
    if (phases) y = transpose(cx, y, n == 2 ? perm2 : perm3);
    return y ? ir_reshape(&cx->b, y, join, n + 2) : NULL;
}

/* x [n, spatial, groups * in] with a filter [k, out, groups * in]; size: of the result, spatial only */
static Value *conv_back(Cx *cx, Value *x, Value *filter, Window *w, const Dim *size, int64_t groups)
{
    Phase p[MAX_SPATIAL];
    int n = w->n;
    for (int d = 0; d < n; d++) {
        Dim k = filter->type.dim[d];
        if (!dim_known(k) || k < 1 || k > INT32_MAX || w->strides[d] > 4096 || w->dilations[d] > 4096) {
            fail(cx, "filter %s, stride %lld are not supported", type_string(cx, &filter->type),
                 (long long)w->strides[d]);
            return NULL;
        }
    }
    if (!(filter = spread_taps(cx, filter, w))) return NULL;
    for (int d = 0; d < n; d++)
        if (!phase(cx, w, d, x->type.dim[1 + d], size[d], filter->type.dim[d], &p[d])) return NULL;
    Dim c = filter->type.dim[n], begin[MAX_SPATIAL + 2] = {0}, all[MAX_SPATIAL + 2] = {x->type.dim[0]};
    Value *y = convolve_phases(cx, x, filter, p, n, groups);
    y = y ? interleave(cx, y, p, n, groups, c) : NULL;
    for (int d = 0; d < n; d++) {
        begin[1 + d] = p[d].begin;
        all[1 + d] = size[d];
    }
    all[1 + n] = dim_mul(cx->m, c, groups);
    return slice(cx, y, begin, all);
}

/* In three dimensions each group by itself. */
static Value *conv_back_groups(Cx *cx, Value *x, Value *filter, Window *w, const Dim *size, int64_t groups)
{
    if (groups == 1 || w->n == 2) return conv_back(cx, x, filter, w, size, groups);
    Value **part = job_array(cx->job, Value *, groups);
    Dim in = dim_floordiv(cx->m, filter->type.dim[w->n + 1], groups);
    for (int64_t g = 0; g < groups; g++) {
        Window copy = *w;
        Dim at = dim_mul(cx->m, in, g);
        Value *xg = slice_axis(cx, x, w->n + 1, at, in), *fg = slice_axis(cx, filter, w->n + 1, at, in);
        part[g] = xg && fg ? conv_back(cx, xg, fg, &copy, size, 1) : NULL;
        if (!part[g]) return NULL;
    }
    return concat(cx, part, (uint32_t)groups, w->n + 1);
}

enum { PLAIN, DEPTHWISE, VOLUME, VOLUME_LIKE }; /* LIKE: the first operand has the shape, not the sizes */

/* The result's shape, channels last. */
static bool result_shape(Cx *cx, Value *v, const Window *w, const Value *x, Dim c, Dim *shape)
{
    int rank = w->n + 2, n = rank;
    if (cx->op->arg == VOLUME_LIKE) {
        if (!need_rank(cx, v, "the input", rank, rank)) return false;
        memcpy(shape, v->type.dim, (size_t)rank * sizeof *shape);
    } else if ((n = known_dims(cx, v, "input_sizes", shape, rank)) < 0) {
        return false;
    }
    if (n == 2 && rank == 4) { /* height and width only */
        shape[2] = shape[1];
        shape[1] = shape[0];
        shape[0] = x->type.dim[0];
        shape[3] = c;
    } else if (n == rank && w->nchw) {
        Dim last = shape[1];
        memmove(shape + 1, shape + 2, (size_t)w->n * sizeof *shape);
        shape[rank - 1] = last;
    } else if (n != rank) {
        fail(cx, "input_sizes must be %d sizes", rank);
        return false;
    }
    for (int d = 0; d < rank; d++) {
        int64_t size;
        if (!dim_const(cx->m, shape[d], &size) || (size >= 0 && size <= INT32_MAX)) continue;
        fail(cx, "input_sizes holds %lld", (long long)size);
        return false;
    }
    if (!dim_known(shape[0]) || !dim_known(x->type.dim[0]) || shape[0] == x->type.dim[0]) return true;
    fail(cx, "input_sizes asks for a batch of %lld, but out_backprop has %lld", (long long)shape[0],
         (long long)x->type.dim[0]);
    return false;
}

static bool count_groups(Cx *cx, Dim c, Value **filter, int n, int64_t *groups)
{
    Dim f[MAX_SPATIAL + 2];
    memcpy(f, (*filter)->type.dim, sizeof f);
    *groups = 1;
    if (cx->op->arg == DEPTHWISE) {
        if (!dim_known(f[2]) || !dim_known(f[3]) || !dim_known(dim_mul(cx->m, f[2], f[3])) || f[2] < 1) {
            fail(cx, "filter %s is not supported", type_string(cx, &(*filter)->type));
            return false;
        }
        *groups = f[2];
        f[3] = dim_mul(cx->m, f[2], f[3]);
        f[2] = 1;
        *filter = ir_reshape(&cx->b, *filter, f, 4);
        if (!*filter) return false;
    } else if (dim_known(c) && dim_known(f[n]) && f[n] > 0 && c % f[n] == 0 && c) {
        *groups = c / f[n];
    }
    bool fits = !dim_known(c) || !dim_known(f[n]) || c == f[n] * *groups;
    if (fits && dim_known(f[n + 1])) fits = f[n + 1] % *groups == 0;
    if (!fits)
        fail(cx, "input_sizes asks for %lld channels, which filter %s cannot give", (long long)c,
             type_string(cx, &(*filter)->type));
    return fits;
}

static void import_conv_back(Cx *cx, Value **in, Value **out)
{
    Window w;
    int n = cx->op->arg >= VOLUME ? 3 : 2;
    Value *filter = in[1], *x = in[2];
    if (!window_attrs(cx, &w, n) || !window_ints(cx, &w, "strides", true, w.strides) ||
        !need_rank(cx, x, "out_backprop", n + 2, n + 2) || !need_rank(cx, filter, "the filter", n + 2, n + 2))
        return;
    Dim shape[MAX_SPATIAL + 2], c = filter->type.dim[n];
    int64_t groups;
    if (!(x = to_nhwc(cx, x, w.nchw)) || !result_shape(cx, in[0], &w, x, c, shape) ||
        !count_groups(cx, shape[n + 1], &filter, n, &groups))
        return;
    Value *y = conv_back_groups(cx, x, filter, &w, shape + 1, groups);
    out[0] = from_nhwc(cx, y, w.nchw);
}

const TfOp tf_conv_back_ops[] = {
    {"Conv2DBackpropInput", import_conv_back, 3, 0, 1, PLAIN},
    {"DepthwiseConv2dNativeBackpropInput", import_conv_back, 3, 0, 1, DEPTHWISE},
    {"Conv3DBackpropInput", import_conv_back, 3, 0, 1, VOLUME_LIKE},
    {"Conv3DBackpropInputV2", import_conv_back, 3, 0, 1, VOLUME},
    {0},
};
