/* Loops shared by the evaluators of ops. */
#include "ir/ops/common.h"

#include <float.h>

#define CHUNK 256

void load_f(const Tensor *t, int64_t at, int64_t stride, int64_t n, double *to)
{
    if (t->type.dtype == JITC_FLOAT32) {
        const float *x = (const float *)t->data + at;
        for (int64_t j = 0; j < n; j++) to[j] = x[j * stride];
    } else if (t->type.dtype == JITC_FLOAT64) {
        const double *x = (const double *)t->data + at;
        for (int64_t j = 0; j < n; j++) to[j] = x[j * stride];
    } else {
        for (int64_t j = 0; j < n; j++) to[j] = tensor_f(t, at + j * stride);
    }
}

void load_i(const Tensor *t, int64_t at, int64_t stride, int64_t n, int64_t *to)
{
    for (int64_t j = 0; j < n; j++) to[j] = tensor_i(t, at + j * stride);
}

void store_f(Tensor *t, int64_t at, int64_t n, const double *from)
{
    if (t->type.dtype == JITC_FLOAT32) {
        float *x = (float *)t->data + at;
        for (int64_t j = 0; j < n; j++) x[j] = (float)from[j];
    } else {
        for (int64_t j = 0; j < n; j++) tensor_set_f(t, at + j, from[j]);
    }
}

void store_i(Tensor *t, int64_t at, int64_t n, const int64_t *from)
{
    for (int64_t j = 0; j < n; j++) tensor_set_i(t, at + j, from[j]);
}

int64_t dtype_lowest(DType t)
{
    if (!dtype_is_signed(t)) return 0;
    return INT64_MIN >> (64 - 8 * (int)dtype_size(t));
}

int64_t dtype_highest(DType t)
{
    if (t == JITC_BOOL) return 1;
    int bits = 8 * (int)dtype_size(t) - dtype_is_signed(t);
    return (int64_t)(UINT64_MAX >> (64 - bits));
}

double float_lowest(DType t)
{
    switch (t) {
    case JITC_FLOAT16: return -65504;
    case JITC_BFLOAT16: return -0x1.FEp127;
    case JITC_FLOAT32: return -FLT_MAX;
    default: return -DBL_MAX;
    }
}

/* -- Walks -------------------------------------------------------------------------------------------- */
Walk walk_start(int rank, const int64_t *dim, int nop, const int64_t *const *stride)
{
    Walk w = {.nop = nop, .n = 1, .more = true};
    for (int d = 0; d < rank; d++) {
        if (dim[d] != 0) continue;
        w.more = false;
        return w;
    }
    for (int d = 0; d < rank; d++) {
        if (dim[d] == 1) continue;
        bool merge = w.rank > 0;
        for (int o = 0; o < nop && merge; o++)
            merge = w.stride[o][w.rank - 1] == (int64_t)((uint64_t)stride[o][d] * (uint64_t)dim[d]);
        int k = merge ? w.rank - 1 : w.rank++;
        w.dim[k] = merge ? w.dim[k] * dim[d] : dim[d];
        for (int o = 0; o < nop; o++) w.stride[o][k] = stride[o][d];
    }
    if (w.rank > 0) {
        w.rank--;
        w.n = w.dim[w.rank];
        for (int o = 0; o < nop; o++) w.step[o] = w.stride[o][w.rank];
    }
    return w;
}

void walk_next(Walk *w)
{
    int d = w->rank - 1;
    for (; d >= 0; d--) {
        for (int o = 0; o < w->nop; o++) w->at[o] += w->stride[o][d];
        if (++w->index[d] < w->dim[d]) return;
        for (int o = 0; o < w->nop; o++) w->at[o] -= w->stride[o][d] * w->dim[d];
        w->index[d] = 0;
    }
    w->more = false;
}

void broadcast_strides(const Type *in, const Type *out, int64_t *stride)
{
    int64_t own[IR_MAX_RANK];
    int skip = out->rank - in->rank;
    strides_of(in, own);
    for (int d = 0; d < out->rank; d++) stride[d] = d < skip || in->dim[d - skip] == 1 ? 0 : own[d - skip];
}

Walk walk_broadcast(const Tensor *in, int nin, const Tensor *out)
{
    int64_t stride[WALK_MAX][IR_MAX_RANK];
    const int64_t *at[WALK_MAX] = {stride[0]};
    strides_of(&out->type, stride[0]);
    for (int i = 0; i < nin; i++) {
        broadcast_strides(&in[i].type, &out->type, stride[i + 1]);
        at[i + 1] = stride[i + 1];
    }
    return walk_start(out->type.rank, out->type.dim, nin + 1, at);
}

/* -- Elementwise ops ---------------------------------------------------------------------------------- */
static void map_floats(const MapFns *fns, int nin, const Tensor *in, Tensor *out, const Walk *w)
{
    double a[CHUNK], b[CHUNK];
    for (int64_t j = 0; j < w->n; j += CHUNK) {
        int64_t n = min_i64(CHUNK, w->n - j);
        load_f(&in[0], w->at[1] + j * w->step[1], w->step[1], n, a);
        if (nin == 2) {
            load_f(&in[1], w->at[2] + j * w->step[2], w->step[2], n, b);
            for (int64_t k = 0; k < n; k++) a[k] = fns->f2(a[k], b[k]);
        } else {
            for (int64_t k = 0; k < n; k++) a[k] = fns->f1(a[k]);
        }
        store_f(out, w->at[0] + j, n, a);
    }
}

/* `flip` turns the order of unsigned 64-bit numbers into that of signed ones. */
static void map_ints(const MapFns *fns, int nin, const Tensor *in, Tensor *out, const Walk *w, int64_t flip)
{
    int64_t a[CHUNK], b[CHUNK], back = fns->to_bool ? 0 : flip;
    for (int64_t j = 0; j < w->n; j += CHUNK) {
        int64_t n = min_i64(CHUNK, w->n - j);
        load_i(&in[0], w->at[1] + j * w->step[1], w->step[1], n, a);
        if (nin == 2) {
            load_i(&in[1], w->at[2] + j * w->step[2], w->step[2], n, b);
            for (int64_t k = 0; k < n; k++) a[k] = fns->i2(a[k] ^ flip, b[k] ^ flip) ^ back;
        } else {
            for (int64_t k = 0; k < n; k++) a[k] = fns->i1(a[k] ^ flip) ^ back;
        }
        store_i(out, w->at[0] + j, n, a);
    }
}

static void map_run(EvalCx *cx, const MapFns *fns, const Tensor *in, Tensor *out, int64_t flip)
{
    int nin = cx->op->nin;
    bool ints = !dtype_is_float(in[0].type.dtype) && (nin == 2 ? fns->i2 != NULL : fns->i1 != NULL);
    for (Walk w = walk_broadcast(in, nin, out); w.more; walk_next(&w)) {
        if (ints)
            map_ints(fns, nin, in, out, &w, flip);
        else
            map_floats(fns, nin, in, out, &w);
    }
}

void eval_map_fns(EvalCx *cx, const MapFns *fns, const Tensor *in, Tensor *out)
{
    map_run(cx, fns, in, out, 0);
}
void eval_map(EvalCx *cx, const Tensor *in, Tensor *out)
{
    map_run(cx, &cx->op->def->map, in, out, 0);
}

void eval_map_ordered(EvalCx *cx, const Tensor *in, Tensor *out)
{
    map_run(cx, &cx->op->def->map, in, out, in[0].type.dtype == JITC_UINT64 ? INT64_MIN : 0);
}

/* -- Reductions --------------------------------------------------------------------------------------- */
/* The strides by which the result is written while the operand is read in order; 0 along reduced axes. */
static void reduce_strides(const Op *op, const Type *in, const Type *out, int64_t *stride)
{
    int64_t own[IR_MAX_RANK];
    int n, k = 0, at = 0;
    const int64_t *axes = attr_v(op, "axes", &n);
    bool keep = attr_i(op, "keep");
    strides_of(out, own);
    for (int d = 0; d < in->rank; d++) {
        bool reduced = k < n && axes[k] == d;
        stride[d] = reduced ? 0 : own[at];
        k += reduced;
        at += !reduced || keep;
    }
}

void eval_reduce(EvalCx *cx, const ReduceFns *fns, const Tensor *in, Tensor *out)
{
    bool floats = dtype_is_float(in->type.dtype);
    int naxes;
    attr_v(cx->op, "axes", &naxes);
    if (naxes == 0) { /* not even the sign of a zero changes */
        for (int64_t j = 0, count = type_numel(&in->type); j < count; j++) {
            if (floats)
                tensor_set_f(out, j, tensor_f(in, j));
            else
                tensor_set_i(out, j, tensor_i(in, j));
        }
        return;
    }
    int64_t flip = fns->ordered && in->type.dtype == JITC_UINT64 ? INT64_MIN : 0;
    int64_t n = type_numel(&out->type), stride[2][IR_MAX_RANK];
    double *f = floats ? job_array(cx->job, double, n) : NULL;
    int64_t *v = floats ? NULL : job_array(cx->job, int64_t, n);
    for (int64_t j = 0; j < n; j++) {
        if (floats)
            f[j] = fns->f0;
        else
            v[j] = fns->i0 ^ flip;
    }
    strides_of(&in->type, stride[0]);
    reduce_strides(cx->op, &in->type, &out->type, stride[1]);
    for (Walk w = walk_start(in->type.rank, in->type.dim, 2, (const int64_t *[]){stride[0], stride[1]});
         w.more; walk_next(&w)) {
        for (int64_t j = 0; j < w.n; j += CHUNK) {
            int64_t many = min_i64(CHUNK, w.n - j), to = w.at[1] + j * w.step[1];
            double x[CHUNK];
            int64_t y[CHUNK];
            if (floats) {
                load_f(in, w.at[0] + j, 1, many, x);
                for (int64_t k = 0; k < many; k++, to += w.step[1]) f[to] = fns->f(f[to], x[k]);
            } else {
                load_i(in, w.at[0] + j, 1, many, y);
                for (int64_t k = 0; k < many; k++, to += w.step[1]) v[to] = fns->i(v[to], y[k] ^ flip);
            }
        }
    }
    if (floats) {
        store_f(out, 0, n, f);
    } else {
        for (int64_t j = 0; j < n; j++) tensor_set_i(out, j, v[j] ^ flip);
    }
}

int64_t numel_between(const Type *t, int from, int to)
{
    int64_t n = 1;
    for (int d = from; d < to; d++) n = wrap_mul(n, t->dim[d]); /* the whole tensor may be empty */
    return n;
}

/* As TensorFlow, the search starts from the lowest finite number: NaN never wins, and where nothing exceeds
 * that number the index is 0. */
void eval_arg(EvalCx *cx, const Tensor *in, Tensor *out, bool max)
{
    int axis = (int)attr_i(cx->op, "axis");
    int64_t n = in->type.dim[axis], inner = numel_between(&in->type, axis + 1, in->type.rank);
    bool floats = dtype_is_float(in->type.dtype);
    int64_t flip = in->type.dtype == JITC_UINT64 ? INT64_MIN : 0;
    for (int64_t r = 0, rows = type_numel(&out->type); r < rows; r++) {
        int64_t at = r / inner * inner * n + r % inner, best = 0;
        double f = max ? float_lowest(in->type.dtype) : -float_lowest(in->type.dtype);
        int64_t v = floats || n == 0 ? 0 : tensor_i(in, at) ^ flip;
        for (int64_t j = 0; j < n; j++, at += inner) {
            if (floats) {
                double x = tensor_f(in, at);
                if (max ? x > f : x < f) f = x, best = j;
            } else {
                int64_t x = tensor_i(in, at) ^ flip;
                if (max ? x > v : x < v) v = x, best = j;
            }
        }
        tensor_set_i(out, r, best);
    }
}

/* -- Moves -------------------------------------------------------------------------------------------- */
/* Each result is rounded before the next is made from it, as TensorFlow does. */
void eval_scan(EvalCx *cx, const ReduceFns *fns, const Tensor *in, Tensor *out)
{
    int axis = (int)attr_i(cx->op, "axis");
    bool exclusive = attr_i(cx->op, "exclusive"), reverse = attr_i(cx->op, "reverse");
    bool floats = dtype_is_float(in->type.dtype);
    int64_t n = in->type.dim[axis], inner = numel_between(&in->type, axis + 1, in->type.rank);
    if (type_numel(&in->type) == 0) return;
    int64_t lines = type_numel(&in->type) / n;
    for (int64_t l = 0; l < lines; l++) {
        int64_t first = l / inner * inner * n + l % inner, v = fns->i0;
        double f = fns->f0;
        for (int64_t j = 0; j < n; j++) {
            int64_t at = first + (reverse ? n - 1 - j : j) * inner;
            if (floats) {
                double f0 = f;
                tensor_set_f(out, at, fns->f(f, tensor_f(in, at)));
                f = tensor_f(out, at);
                if (exclusive) tensor_set_f(out, at, f0);
            } else {
                int64_t v0 = v;
                v = fns->i(v, tensor_i(in, at));
                tensor_set_i(out, at, exclusive ? v0 : v);
            }
        }
    }
}

void copy_box(Tensor *out, int64_t dst_base, const int64_t *dst, const Tensor *in, int64_t src_base,
              const int64_t *src, int rank, const int64_t *dim)
{
    int64_t size = (int64_t)dtype_size(in->type.dtype);
    char *to = (char *)out->data + dst_base * size;
    const char *from = (const char *)in->data + src_base * size;
    for (Walk w = walk_start(rank, dim, 2, (const int64_t *[]){dst, src}); w.more; walk_next(&w)) {
        char *p = to + w.at[0] * size;
        const char *q = from + w.at[1] * size;
        if (w.n == 1 || (w.step[0] == 1 && w.step[1] == 1)) {
            memcpy(p, q, (size_t)(w.n * size));
            continue;
        }
        for (int64_t j = 0; j < w.n; j++)
            memcpy(p + j * w.step[0] * size, q + j * w.step[1] * size, (size_t)size);
    }
}

void eval_pool(EvalCx *cx, const Tensor *in, Tensor *out, PoolFn *pool)
{
    const int64_t *window = attr_v(cx->op, "window", NULL), *strides = attr_v(cx->op, "strides", NULL);
    const int64_t *dim = out->type.dim;
    int64_t lo[2] = {0}, at = 0;
    eval_dims(cx, "pad_lo", lo);
    if (type_numel(&out->type) == 0) return;
    for (int64_t n = 0; n < dim[0]; n++)
        for (int64_t y = 0; y < dim[1]; y++) {
            job_tick(cx->job);
            for (int64_t x = 0; x < dim[2]; x++) {
                int64_t top = y * strides[0] - lo[0], left = x * strides[1] - lo[1];
                Window w = {n, max_i64(top, 0), min_i64(top + window[0], in->type.dim[1]), max_i64(left, 0),
                            min_i64(left + window[1], in->type.dim[2])};
                for (int64_t c = 0; c < dim[3]; c++) pool(in, &w, c, out, at++);
            }
        }
}

void fill_f(Tensor *out, double v)
{
    for (int64_t j = 0, n = type_numel(&out->type); j < n; j++) tensor_set_f(out, j, v);
}

void eval_dims(EvalCx *cx, const char *attr, int64_t *v)
{
    int n;
    const Dim *dim = attr_v(cx->op, attr, &n);
    for (int d = 0; d < n; d++) {
        if (!dim_known(dim[d])) {
            job_error(cx->job, "%s: %s depends on a dimension that is not known yet", cx->op->def->name,
                      attr);
            job_fail(cx->job, JITC_E_INVALID);
        }
        v[d] = dim[d];
    }
}

float resize_scale(int64_t in, int64_t out, bool align_corners)
{
    return align_corners && out > 1 ? (float)(in - 1) / (float)(out - 1) : (float)in / (float)out;
}
