/* Rules for ops that only move or view elements: chains of them become one, or none. */
#include "passes/util.h"

enum { CONCAT_MAX = 128 };

static Value *transpose_rule(Builder *b, Op *op)
{
    Value *x = op->in[0];
    const int64_t *perm = attr_v(op, "perm", NULL);
    int rank = x->type.rank;
    bool identity = true;
    for (int i = 0; i < rank; i++) identity = identity && perm[i] == i;
    if (identity) return x;
    if (perm_is_trivial(&x->type, perm)) return ir_reshape(b, x, op->out[0]->type.dim, rank);
    if (!is_op(x, OP_transpose)) return NULL;
    const int64_t *inner = attr_v(x->def, "perm", NULL);
    int64_t both[IR_MAX_RANK];
    for (int i = 0; i < rank; i++) both[i] = inner[perm[i]];
    return ir_transpose(b, x->def->in[0], both);
}

static Value *reshape_rule(Builder *b, Op *op)
{
    Value *x = op->in[0];
    const Type *t = &op->out[0]->type;
    if (type_equal(&x->type, t)) return x;
    if (is_op(x, OP_reshape)) return ir_reshape(b, x->def->in[0], t->dim, t->rank);
    return NULL;
}

/* reshape(dot(reshape(x), w)), where the reshapes only merge and split the rows, is dot(x, w). */
static Value *rows_rule(Builder *b, Op *op)
{
    const Type *t = &op->out[0]->type;
    Value *y = op->in[0];
    if (!is_op(y, OP_dot) || !one_use(y) || t->rank < 2) return NULL;
    Op *dot = y->def;
    Value *a = dot->in[0], *w = dot->in[1];
    if (!is_op(a, OP_reshape) || attr_i(dot, "trans_a") || a->type.rank != 2 || w->type.rank != 2)
        return NULL;
    Value *x = a->def->in[0];
    int rank = x->type.rank;
    if (rank != t->rank || last_dim(&x->type) != last_dim(&a->type) || last_dim(&y->type) != last_dim(t))
        return NULL;
    for (int i = 0; i < rank - 1; i++)
        if (x->type.dim[i] != t->dim[i]) return NULL;
    return ir_v(b, OP_dot, IN(x, w), AT(at_b("trans_b", attr_i(dot, "trans_b"))));
}

static Value *pad_rule(Builder *b, Op *op)
{
    Value *x = op->in[0];
    int n;
    const Dim *lo = attr_v(op, "lo", &n), *hi = attr_v(op, "hi", NULL);
    bool none = true;
    for (int i = 0; i < n; i++) none = none && !lo[i] && !hi[i];
    if (none) return x;
    if (!is_op(x, OP_pad) || attr_f(op, "value") != attr_f(x->def, "value")) return NULL;
    const Dim *lo1 = attr_v(x->def, "lo", NULL), *hi1 = attr_v(x->def, "hi", NULL);
    Dim l[IR_MAX_RANK], h[IR_MAX_RANK];
    for (int i = 0; i < n; i++) l[i] = dim_add(b->m, lo[i], lo1[i]), h[i] = dim_add(b->m, hi[i], hi1[i]);
    return ir_v(b, OP_pad, IN(x->def->in[0]),
                AT(at_ds("lo", l, n), at_ds("hi", h, n), at_f("value", attr_f(op, "value"))));
}

static Value *slice_rule(Builder *b, Op *op)
{
    Value *x = op->in[0];
    int n;
    const Dim *begin = attr_v(op, "begin", &n), *size = attr_v(op, "size", NULL);
    const int64_t *stride = attr_v(op, "strides", NULL);
    bool all = true;
    for (int i = 0; i < n; i++) all = all && begin[i] == 0 && stride[i] == 1 && size[i] == x->type.dim[i];
    if (all) return x;
    if (!is_op(x, OP_slice)) return NULL;
    const Dim *begin1 = attr_v(x->def, "begin", NULL);
    const int64_t *stride1 = attr_v(x->def, "strides", NULL);
    Dim first[IR_MAX_RANK];
    int64_t step[IR_MAX_RANK];
    for (int i = 0; i < n; i++) {
        if (stride1[i] == 1) {
            first[i] = begin1[i] == 0  ? begin[i]
                       : begin[i] == 0 ? begin1[i]
                                       : dim_add(b->m, begin1[i], begin[i]);
        } else {
            int64_t at;
            if (!dim_known(begin[i]) || !dim_known(begin1[i])) return NULL;
            if (!mul_ok(begin[i], stride1[i], &at) || !add_ok(at, begin1[i], &at) || at < 0) return NULL;
            first[i] = at;
        }
        if (!mul_ok(stride[i], stride1[i], &step[i])) return NULL;
    }
    return ir_v(b, OP_slice, IN(x->def->in[0]),
                AT(at_ds("begin", first, n), at_ds("size", size, n), at_is("strides", step, n)));
}

/* A kernel has code for each piece: many are joined in groups. */
static Value *concat_groups(Builder *b, Op *op, int64_t axis)
{
    VEC(Value *) group = {0};
    for (int i = 0; i < op->nin; i += CONCAT_MAX) {
        int n = (int)min_i64(op->nin - i, CONCAT_MAX);
        Value *v = n == 1 ? op->in[i] : ir_v(b, OP_concat, op->in + i, n, AT(at_i("axis", axis)));
        vec_push(b->m->job, &group, v);
    }
    return ir_v(b, OP_concat, group.at, (int)group.n, AT(at_i("axis", axis)));
}

static Value *concat_rule(Builder *b, Op *op)
{
    if (op->nin == 1) return op->in[0];
    int64_t axis = attr_i(op, "axis");
    if (op->nin > CONCAT_MAX) return concat_groups(b, op, axis);
    VEC(Value *) in = {0};
    bool changed = false;
    for (int i = 0; i < op->nin; i++) {
        Value *x = op->in[i];
        if (x->type.dim[axis] == 0) {
            changed = true;
        } else if (is_op(x, OP_concat) && one_use(x) && attr_i(x->def, "axis") == axis) {
            for (int k = 0; k < x->def->nin; k++) vec_push(b->m->job, &in, x->def->in[k]);
            changed = true;
        } else {
            vec_push(b->m->job, &in, x);
        }
    }
    if (!changed || !in.n || in.n > CONCAT_MAX) return NULL;
    return ir_v(b, OP_concat, in.at, (int)in.n, AT(at_i("axis", axis)));
}

static Value *broadcast_rule(Builder *b, Op *op)
{
    (void)b;
    return type_equal(&op->in[0]->type, &op->out[0]->type) ? op->in[0] : NULL;
}

/* What an elementwise op may read instead of v: they broadcast by themselves, and leading ones are nothing.
 */
static Value *unbroadcast(Value *v)
{
    if (is_op(v, OP_broadcast)) return v->def->in[0];
    if (!is_op(v, OP_reshape)) return NULL;
    Value *x = v->def->in[0];
    const Type *a = &x->type, *b = &v->type;
    int i = 0, j = 0;
    while (i < a->rank && a->dim[i] == 1) i++;
    while (j < b->rank && b->dim[j] == 1) j++;
    bool alike = a->rank - i == b->rank - j &&
                 memcmp(a->dim + i, b->dim + j, (size_t)(a->rank - i) * sizeof *a->dim) == 0;
    return alike ? x : NULL;
}

static Value *map_rule(Builder *b, Op *op)
{
    if (op->nin < 2 || op->nin > 3) return NULL;
    for (int i = 0; i < op->nin; i++) {
        Value *in[3], *x = unbroadcast(op->in[i]);
        if (!x) continue;
        Type t = type_scalar(0), u;
        for (int k = 0; k < op->nin; k++) {
            in[k] = k == i ? x : op->in[k];
            if (!ir_broadcast_dims(b->m, &t, &in[k]->type, &u)) return NULL;
            t.rank = u.rank;
            memcpy(t.dim, u.dim, sizeof t.dim);
        }
        if (!dims_equal(&t, &op->out[0]->type)) continue;
        return ir_clone(b, op, in)->out[0];
    }
    return NULL;
}

const Rule view_rules[] = {
    {"transpose", OP_transpose, transpose_rule},
    {"rows", OP_reshape, rows_rule},
    {"reshape", OP_reshape, reshape_rule},
    {"pad", OP_pad, pad_rule},
    {"slice", OP_slice, slice_rule},
    {"concat", OP_concat, concat_rule},
    {"broadcast", OP_broadcast, broadcast_rule},
    {"map", OP_COUNT, map_rule},
    {0},
};
