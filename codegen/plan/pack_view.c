/* Which values of @init are views of one tensor, and how they are packed from it. */
#include "codegen/plan/pack_private.h"

/* Coordinate c of the value that the walk has reached: base[c] + step[c] * (coordinate by[c] of the result).
 */
typedef struct {
    int64_t base[IR_MAX_RANK], step[IR_MAX_RANK];
    int8_t by[IR_MAX_RANK]; /* -1: the coordinate is `base` */
} Coords;

static void through_transpose(const Op *op, Coords *c)
{
    Coords old = *c;
    const int64_t *perm = attr_v(op, "perm", NULL);
    for (int i = 0; i < op->out[0]->type.rank; i++) {
        c->base[perm[i]] = old.base[i];
        c->step[perm[i]] = old.step[i];
        c->by[perm[i]] = old.by[i];
    }
}

static void through_slice(const Op *op, Coords *c)
{
    const int64_t *begin = attr_v(op, "begin", NULL), *strides = attr_v(op, "strides", NULL);
    for (int i = 0; i < op->out[0]->type.rank; i++) {
        c->base[i] = begin[i] + strides[i] * c->base[i];
        c->step[i] *= strides[i];
    }
}

/* A reshape that adds or drops dims of size 1 only. */
static bool through_reshape(const Op *op, Coords *c)
{
    const Type *in = &op->in[0]->type, *out = &op->out[0]->type;
    Coords old = *c;
    int k = 0;
    for (int i = 0; i < in->rank; i++) {
        c->base[i] = 0;
        c->step[i] = 0;
        c->by[i] = -1;
        if (in->dim[i] == 1) continue;
        while (k < out->rank && out->dim[k] == 1) k++;
        if (k == out->rank || out->dim[k] != in->dim[i]) {
            *c = old;
            return false;
        }
        c->base[i] = old.base[k];
        c->step[i] = old.step[k];
        c->by[i] = old.by[k];
        k++;
    }
    return true;
}

static void strides_by_result(const Coords *c, const Type *t, const Type *full, int64_t *offset,
                              int64_t *stride)
{
    int64_t own[IR_MAX_RANK];
    strides_of(t, own);
    *offset = 0;
    memset(stride, 0, IR_MAX_RANK * sizeof *stride);
    for (int i = 0; i < t->rank; i++) {
        int k = i + full->rank - t->rank;
        if (t->dim[i] == 1) continue;
        *offset += c->base[k] * own[i];
        if (c->by[k] >= 0) stride[c->by[k]] += c->step[k] * own[i];
    }
}

static bool rounds_here(DType t)
{
    return t == JITC_FLOAT32 || t == JITC_FLOAT64;
}

static bool same_shape(const Type *a, const Type *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, a->rank * sizeof(Dim)) == 0;
}

static const Value *through_mul(const Op *op, const Coords *c, PackView *v)
{
    const Type *t = &op->out[0]->type;
    int x = type_numel(&op->in[0]->type) >= type_numel(&op->in[1]->type) ? 0 : 1;
    if (!rounds_here(t->dtype) || !same_shape(&op->in[x]->type, t) || v->nsteps == MAX_STEPS) return NULL;
    PackStep *s = &v->step[v->nsteps++];
    *s = (PackStep){.to = t->dtype, .scale = op->in[1 - x]};
    strides_by_result(c, &op->in[1 - x]->type, t, &s->offset, s->stride);
    return op->in[x];
}

static const Value *through_cast(const Op *op, PackView *v)
{
    DType from = op->in[0]->type.dtype, to = op->out[0]->type.dtype;
    bool exact = dtype_size(from) < 8 || from == JITC_FLOAT64; /* as a double */
    if (!rounds_here(to) || !exact || v->nsteps == MAX_STEPS) return NULL;
    v->step[v->nsteps++] = (PackStep){.to = to};
    return op->in[0];
}

void pack_view(const Value *v, PackView *out)
{
    *out = (PackView){.type = v->type};
    out->type.layout = LAYOUT_PLAIN;
    Coords c;
    for (int i = 0; i < IR_MAX_RANK; i++) {
        c.base[i] = 0;
        c.step[i] = 1;
        c.by[i] = (int8_t)i;
    }
    for (bool more = true; more && v->def;) {
        const Op *op = v->def;
        const Value *next = NULL;
        switch (op->code) {
        case OP_relayout: next = op->in[0]; break;
        case OP_transpose:
            through_transpose(op, &c);
            next = op->in[0];
            break;
        case OP_slice:
            through_slice(op, &c);
            next = op->in[0];
            break;
        case OP_reshape:
            if (through_reshape(op, &c)) next = op->in[0];
            break;
        case OP_mul: next = through_mul(op, &c, out); break;
        case OP_cast: next = through_cast(op, out); break;
        default: break;
        }
        if (next)
            v = next;
        else
            more = false;
    }
    out->src = v;
    strides_by_result(&c, &v->type, &v->type, &out->offset, out->stride);
}

bool pack_view_is_copy(const PackView *v)
{
    int64_t own[IR_MAX_RANK];
    strides_of(&v->type, own);
    if (v->nsteps || v->offset || type_numel(&v->type) != type_numel(&v->src->type)) return false;
    for (int i = 0; i < v->type.rank; i++)
        if (v->type.dim[i] != 1 && v->stride[i] != own[i]) return false;
    return true;
}

/* -- Filling ----------------------------------------------------------------------------------- */
/* Offsets of index 0, 1, … over dims [lo, hi), row-major. */
static int64_t *offsets(Job *job, const Type *t, int lo, int hi, const int64_t *stride, int64_t n)
{
    int64_t *at = job_array(job, int64_t, n + 1), index[IR_MAX_RANK] = {0}, sum = 0;
    for (int64_t i = 0; i < n; i++) {
        at[i] = sum;
        for (int d = hi; d-- > lo;) {
            sum += stride[d];
            if (++index[d] < t->dim[d]) break;
            sum -= stride[d] * t->dim[d];
            index[d] = 0;
        }
    }
    return at;
}

static PackAxes axes(Job *job, const Type *t, const Tensor *data, int64_t offset, const int64_t *stride,
                     const PackLines *l)
{
    int last = t->rank ? t->rank - 1 : 0;
    return (PackAxes){data, offset, offsets(job, t, 0, l->split, stride, l->nb),
                      offsets(job, t, l->split, last, stride, l->nk),
                      offsets(job, t, last, t->rank, stride, l->nn)};
}

void pack_lines(Job *job, const PackView *v, int split, const Tensor *src, const Tensor *scale, PackLines *l)
{
    const Type *t = &v->type;
    *l = (PackLines){.v = v, .split = split, .nb = 1, .nk = 1, .nn = t->rank ? t->dim[t->rank - 1] : 1};
    for (int i = 0; i < split; i++) l->nb *= t->dim[i];
    for (int i = split; i < t->rank - 1; i++) l->nk *= t->dim[i];
    l->from = axes(job, t, src, v->offset, v->stride, l);
    for (int i = 0; i < v->nsteps; i++)
        if (v->step[i].scale) l->by[i] = axes(job, t, &scale[i], v->step[i].offset, v->step[i].stride, l);
}

static double element(const PackView *v, const PackAxes *src, const PackAxes *scale, int64_t b, int64_t k,
                      int64_t n)
{
    double x = tensor_f(src->data, src->offset + src->batch[b] + src->k[k] + src->n[n]);
    for (int i = v->nsteps; i-- > 0;) {
        const PackAxes *s = &scale[i];
        if (v->step[i].scale) x *= tensor_f(s->data, s->offset + s->batch[b] + s->k[k] + s->n[n]);
        if (v->step[i].to == JITC_FLOAT32) x = (float)x;
    }
    return x;
}

void pack_line(const PackLines *l, int64_t b, int64_t k, int64_t n0, int64_t count, uint8_t *dst)
{
    const PackView *v = l->v;
    const PackAxes *src = &l->from, *scale = l->by;
    size_t size = dtype_size(v->type.dtype);
    int64_t at = src->offset + src->batch[b] + src->k[k];
    const int64_t *n = src->n + n0;
    bool dense = n[count - 1] - n[0] == count - 1; /* offsets are affine */
    if (v->nsteps == 0 && dense) {
        memcpy(dst, (const uint8_t *)src->data->data + (size_t)(at + n[0]) * size, (size_t)count * size);
    } else if (v->nsteps == 0 && size == 4) {
        const uint32_t *from = (const uint32_t *)src->data->data + at;
        for (int64_t i = 0; i < count; i++) ((uint32_t *)dst)[i] = from[n[i]];
    } else if (v->nsteps == 0) {
        for (int64_t i = 0; i < count; i++)
            memcpy(dst + (size_t)i * size, (const uint8_t *)src->data->data + (size_t)(at + n[i]) * size,
                   size);
    } else if (v->nsteps == 1 && v->step[0].scale && v->type.dtype == JITC_FLOAT32) {
        const float *from = (const float *)src->data->data + at;
        const float *s =
            (const float *)scale[0].data->data + scale[0].offset + scale[0].batch[b] + scale[0].k[k];
        const int64_t *sn = scale[0].n + n0;
        float *to = (void *)dst;
        if (dense && sn[count - 1] - sn[0] == count - 1)
            for (int64_t i = 0; i < count; i++) to[i] = from[n[0] + i] * s[sn[0] + i];
        else
            for (int64_t i = 0; i < count; i++) to[i] = from[n[i]] * s[sn[i]];
    } else {
        Tensor t = {v->type, dst};
        for (int64_t i = 0; i < count; i++) tensor_set_f(&t, i, element(v, src, scale, b, k, n0 + i));
    }
}

void pack_fill(Job *job, const PackView *v, Layout layout, const Tensor *src, const Tensor *scale, void *dst)
{
    const Type *t = &v->type;
    if (type_numel(t) == 0) return;
    PackLines l;
    pack_lines(job, v, layout == LAYOUT_PANEL ? t->rank - 2 : 0, src, scale,
               &l); /* dims before it are batches */
    size_t size = dtype_size(t->dtype), line = PANEL * size;
    uint8_t *at = dst;
    for (int64_t b = 0; b < l.nb; b++) {
        job_tick(job);
        if (layout == LAYOUT_PLAIN) {
            for (int64_t k = 0; k < l.nk; k++, at += (size_t)l.nn * size) pack_line(&l, b, k, 0, l.nn, at);
            continue;
        }
        for (int64_t n0 = 0; n0 < l.nn; n0 += PANEL) {
            int64_t count = min_i64(l.nn - n0, PANEL);
            for (int64_t k = 0; k < l.nk; k++, at += line) {
                if (count < PANEL) memset(at, 0, line);
                pack_line(&l, b, k, n0, count, at);
            }
        }
    }
}
