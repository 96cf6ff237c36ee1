/* Images of few channels are rows of pixels for kernels whose vectors run along the last dim: elementwise ops
 * on the inputs, with vectors over the channels, and padding get the last two dims as one. Ops after another
 * kernel stay as they are, since they join it. */
#include "passes/util.h"

enum { FEW = 15, ROW_MAX = 1 << 14, DEPTH = 16 };

typedef struct {
    Module *m;
    Cone cone;
} Narrow;

/* Dims of t with the last two as one. */
static Type merged(Module *m, const Type *t)
{
    Type r = *t;
    r.rank--;
    r.dim[r.rank - 1] = dim_mul(m, t->dim[t->rank - 2], t->dim[t->rank - 1]);
    return r;
}

static bool is_narrow(const Type *t)
{
    return t->rank >= 2 && dim_known(last_dim(t)) && last_dim(t) > 1 && last_dim(t) <= FEW;
}

static bool full_operand(const Op *op, int i)
{
    return dims_equal(&op->in[i]->type, &op->out[0]->type);
}

/* An elementwise op that can be rewritten: each operand is a scalar, a vector of weights, or such a value
 * again.
 */
static bool fits(Narrow *p, const Op *op, int depth)
{
    const Type *t = &op->out[0]->type;
    if (op->def->kind != KIND_MAP || op->nout != 1 || !is_narrow(t) || depth > DEPTH) return false;
    Dim w = t->dim[t->rank - 2];
    if (!dim_known(w) || w * last_dim(t) > ROW_MAX) return false;
    for (int i = 0; i < op->nin; i++) {
        Value *v = op->in[i];
        if (is_scalar_like(&v->type)) continue;
        if (full_operand(op, i)) {
            if (!v->def || is_op(v, OP_reshape) || fits(p, v->def, depth + 1)) continue;
            return false;
        }
        if (!is_vector_of(&v->type, last_dim(t)) || !cone_has(&p->cone, v)) return false;
    }
    return true;
}

static bool has_vector(const Op *op)
{
    for (int i = 0; i < op->nin; i++)
        if (!is_scalar_like(&op->in[i]->type) && !full_operand(op, i)) return true;
    return false;
}

static Value *rewrite(Narrow *p, Builder *b, const Op *op);

/* v with its last two dims as one: the op that it comes from is done that way too, where nobody else reads
 * it. */
static Value *narrowed(Narrow *p, Builder *b, Value *v)
{
    Op *op = v->def;
    if (op && op->parent == b->region && one_use(v) && fits(p, op, 0)) return rewrite(p, b, op);
    Type t = merged(p->m, &v->type);
    return ir_reshape(b, v, t.dim, t.rank);
}

static Value *rewrite(Narrow *p, Builder *b, const Op *op)
{
    const Type *t = &op->out[0]->type;
    Dim c = last_dim(t), row[2] = {t->dim[t->rank - 2], c}, all = row[0] * c;
    Value *in[MAP_MAX_IN];
    AttrArg attrs[IR_MAX_ATTRS];
    int n = 0;
    for (int i = 0; i < op->nin; i++) {
        Value *v = op->in[i];
        if (is_scalar_like(&v->type)) {
            in[i] = ir_reshape(b, v, NULL, 0);
        } else if (full_operand(op, i)) {
            in[i] = narrowed(p, b, v);
        } else {
            Value *one = ir_reshape(b, v, &c, 1);
            in[i] = ir_reshape(b, ir_v(b, OP_broadcast, IN(one), AT(at_ds("shape", row, 2))), &all, 1);
        }
    }
    for (; n < IR_MAX_ATTRS && op->def->attrs[n].name; n++)
        attrs[n] = (AttrArg){op->def->attrs[n].name, op->attrs[n]};
    const From *from = b->from;
    b->from = ir_from_union(p->m, from, op->from);
    Value *r = ir_v(b, op->code, in, op->nin, attrs, n);
    b->from = from;
    return r;
}

static bool narrow_map(Narrow *p, Op *op)
{
    if (!has_vector(op) || !fits(p, op, 0)) return false;
    const Type *t = &op->out[0]->type;
    Builder b = builder_at(p->m, op);
    return replace(p->m, op->out[0], ir_reshape(&b, rewrite(p, &b, op), t->dim, t->rank));
}

static bool narrow_pad(Narrow *p, Op *op)
{
    const Type *t = &op->out[0]->type;
    const Dim *lo = attr_v(op, "lo", NULL), *hi = attr_v(op, "hi", NULL);
    int last = t->rank - 1;
    if (!is_narrow(t) || lo[last] || hi[last]) return false;
    Dim l[IR_MAX_RANK], h[IR_MAX_RANK];
    memcpy(l, lo, (size_t)last * sizeof *l);
    memcpy(h, hi, (size_t)last * sizeof *h);
    l[last - 1] = dim_mul(p->m, lo[last - 1], last_dim(t));
    h[last - 1] = dim_mul(p->m, hi[last - 1], last_dim(t));
    Builder b = builder_at(p->m, op);
    Value *x = narrowed(p, &b, op->in[0]);
    Value *y = ir_v(&b, OP_pad, IN(x),
                    AT(at_ds("lo", l, last), at_ds("hi", h, last), at_f("value", attr_f(op, "value"))));
    return replace(p->m, op->out[0], ir_reshape(&b, y, t->dim, t->rank));
}

bool pass_narrow(Module *m, PassCx *cx)
{
    bool changed = pass_dce(m, cx); /* readers that nobody reads */
    Narrow p = {.m = m};
    cone_init(&p.cone, m);
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    for (uint32_t k = 0; k < r.n; k++)
        ir_each_op (op, r.at[k]) {
            if (!op->nout || !op->out[0]->nuses) continue;
            changed |= op->code == OP_pad ? narrow_pad(&p, op) : narrow_map(&p, op);
        }
    return changed;
}
