/* Affine folding: what batch normalisation leaves behind a convolution or matrix product.
 *
 *     mul(conv(x, w), s)       -> conv(x, mul(w, s))          s: weights only, one factor per output channel
 *     mul(add(conv, b), s)     -> add(conv(x, mul(w, s)), mul(b, s))
 *     add(add(y, b1), b2)      -> add(y, add(b1, b2))         likewise sub; mul(mul(y, s1), s2)
 *     conv(mul(x, s), w)       -> conv(x, mul(w, s))          s: one factor, or one per input channel
 *     div(y, s)                -> mul(y, reciprocal(s))       s: weights only, y after a contraction
 *
 * The new products depend on weights only, so @init computes them once. */
#include "passes/util.h"

typedef struct {
    Module *m;
    Cone cone;
    bool changed;
} Bn;

static bool other_is_weight(Bn *p, const Op *op, int *dynamic)
{
    bool a = cone_has(&p->cone, op->in[0]), b = cone_has(&p->cone, op->in[1]);
    *dynamic = b ? 0 : 1;
    return a != b;
}

static Value *as_vector(Builder *b, Value *s)
{
    Dim n = last_dim(&s->type);
    if (n == 1) return s->type.rank ? ir_reshape(b, s, NULL, 0) : s;
    return s->type.rank == 1 ? s : ir_reshape(b, s, &n, 1);
}

/* w * s along w's last dim (or its last but one, for a transposed right operand). */
static Value *scale_weight(Builder *b, Value *w, Value *s, bool trans)
{
    if (trans && s->type.rank)
        return ir_binary(b, OP_mul, w, ir_reshape(b, s, (Dim[]){s->type.dim[0], 1}, 2));
    /* One vector per weight keeps the form that packing absorbs. */
    if (is_op(w, OP_mul) && dims_equal(&w->def->in[0]->type, &w->type) && w->def->in[1]->type.rank <= 1)
        return ir_binary(b, OP_mul, w->def->in[0], ir_binary(b, OP_mul, w->def->in[1], s));
    return ir_binary(b, OP_mul, w, s);
}

/* y * s (s: rank 0 or 1) without a multiplication in the graph, or NULL. */
static Value *scaled(Bn *p, Builder *b, Value *y, Value *s, int depth)
{
    Op *op = y->def;
    if (!op || depth > 8 || op->parent != b->region) return NULL; /* not into a loop */
    if (op->def->kind == KIND_CONTRACT) {
        if (!cone_has(&p->cone, op->in[1])) return NULL;
        if (!one_use(y)) {
            ir_remark(p->m, "bn", op->from, "not folded: the result of '%s' before the scale has %u uses",
                      op->def->name, y->nuses);
            return NULL;
        }
        bool trans = is_op(y, OP_dot) && attr_i(op, "trans_b");
        Value *w = scale_weight(b, op->in[1], s, trans);
        Op *c = ir_clone(b, op, (Value *[]){op->in[0], w});
        c->out[0]->tensor = NULL;
        return c->out[0];
    }
    int k;
    if (!one_use(y) || (!is_op(y, OP_add) && !is_op(y, OP_sub)) || !other_is_weight(p, op, &k)) return NULL;
    Value *bias = op->in[!k];
    if (!is_vector_of(&bias->type, last_dim(&y->type))) return NULL;
    Value *t = scaled(p, b, op->in[k], s, depth + 1);
    if (!t) return NULL;
    Value *in[2];
    in[k] = t;
    in[!k] = ir_binary(b, OP_mul, bias, s);
    Value *r = ir_v(b, op->code, in, 2, NO_ATTRS);
    if (r) r->def->from = ir_from_union(p->m, op->from, t->def->from);
    return r;
}

static bool fold_scale(Bn *p, Op *op)
{
    int k;
    if ((!is_op(op->out[0], OP_mul) && !is_op(op->out[0], OP_div)) || !other_is_weight(p, op, &k))
        return false;
    bool div = op->code == OP_div;
    if (div && k) return false;
    Value *y = op->in[k], *s = op->in[!k];
    if (!dims_equal(&y->type, &op->out[0]->type) || !is_vector_of(&s->type, last_dim(&y->type))) return false;
    Op *was = op->prev;
    Builder b = builder_at(p->m, op);
    s = as_vector(&b, s);
    if (div) s = ir_unary(&b, OP_reciprocal, s);
    Value *v = scaled(p, &b, y, s, 0);
    if (v && replace(p->m, op->out[0], v)) {
        ir_remark(p->m, "bn", v->def->from, "scale folded into the weights");
        return true;
    }
    while (op->prev != was && !op->prev->out[0]->nuses) ir_erase(p->m, op->prev);
    return false;
}

/* (y + b1) + b2 and (y * s1) * s2: the two weights first. */
static bool regroup(Bn *p, Op *op)
{
    bool mul = op->code == OP_mul || op->code == OP_div;
    int k, k1;
    if ((!mul && op->code != OP_add && op->code != OP_sub) || !other_is_weight(p, op, &k)) return false;
    if (k && (op->code == OP_sub || op->code == OP_div)) return false;
    Value *x = op->in[k], *b2 = op->in[!k];
    if (!x->def || !one_use(x) || x->def->nin != 2) return false;
    Op *in = x->def;
    bool fits = mul ? in->code == OP_mul || in->code == OP_div : in->code == OP_add || in->code == OP_sub;
    if (!fits || !other_is_weight(p, in, &k1)) return false;
    if (k1 && (in->code == OP_sub || in->code == OP_div)) return false;
    Value *y = in->in[k1], *b1 = in->in[!k1];
    if (!dims_equal(&y->type, &op->out[0]->type) || !dims_equal(&x->type, &y->type)) return false;
    Type t = {0};
    if (!ir_broadcast_dims(p->m, &b1->type, &b2->type, &t)) return false;
    t.dtype = y->type.dtype;
    if (type_numel(&t) > max_i64(type_numel(&b1->type), type_numel(&b2->type))) return false;
    Builder b = builder_at(p->m, op);
    OpCode first = mul ? OP_mul : OP_add, inverse = mul ? OP_div : OP_sub;
    /* the sign of each: y (in) b1 (op) b2 */
    bool minus1 = in->code == inverse, minus2 = op->code == inverse;
    Value *w = minus1 == minus2 ? ir_binary(&b, first, b1, b2)
               : minus1         ? ir_binary(&b, inverse, b2, b1)
                                : ir_binary(&b, inverse, b1, b2);
    Value *v = ir_binary(&b, minus1 && minus2 ? inverse : first, y, w);
    return replace(p->m, op->out[0], v);
}

/* A scale before the contraction. Padding stays zero. */
static bool fold_input_scale(Bn *p, Op *op)
{
    int k;
    if (op->def->kind != KIND_CONTRACT || !cone_has(&p->cone, op->in[1])) return false;
    Value *x = op->in[0], *w = op->in[1];
    if (!is_op(x, OP_mul) || !one_use(x) || !other_is_weight(p, x->def, &k)) return false;
    Value *y = x->def->in[k], *s = x->def->in[!k];
    bool conv = op->code == OP_conv;
    if (!conv && (attr_i(op, "trans_a") || attr_i(op, "trans_b"))) return false;
    if (!dims_equal(&y->type, &x->type) || !is_vector_of(&s->type, last_dim(&x->type))) return false;
    Builder b = builder_at(p->m, op);
    if (is_scalar_like(&s->type)) {
        s = as_vector(&b, s);
    } else {
        if (conv && attr_i(op, "groups") != 1) return false;
        s = ir_reshape(&b, s, (Dim[]){last_dim(&x->type), 1}, 2);
    }
    Op *c = ir_clone(&b, op, (Value *[]){y, ir_binary(&b, OP_mul, w, s)});
    c->from = ir_from_union(p->m, op->from, x->def->from);
    return replace(p->m, op->out[0], c->out[0]);
}

/* A division takes as long as some ten multiplications. Only of what a contraction has rounded already: the
 * quotient may be rounded to whole numbers next. Half precision would lose a bit of its few. */
static bool multiply(Bn *p, Op *op)
{
    int k;
    if (op->code != OP_div || dtype_size(op->out[0]->type.dtype) < 4 || !other_is_weight(p, op, &k) || k)
        return false;
    Value *y = op->in[0], *s = op->in[1];
    if (!dims_equal(&y->type, &op->out[0]->type) || !is_vector_of(&s->type, last_dim(&y->type)) ||
        !follows_contraction(y, op->parent))
        return false;
    Builder b = builder_at(p->m, op);
    return replace(p->m, op->out[0], ir_binary(&b, OP_mul, y, ir_unary(&b, OP_reciprocal, s)));
}

bool pass_bn(Module *m, PassCx *cx)
{
    (void)cx;
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    Bn p = {.m = m};
    cone_init(&p.cone, m);
    for (uint32_t k = 0; k < r.n; k++)
        ir_each_op (op, r.at[k]) {
            if (op->nout != 1 || !op->out[0]->nuses || !dtype_is_float(op->out[0]->type.dtype)) continue;
            if (cone_has(&p.cone, op->out[0])) continue;
            p.changed |= (op->nin == 2 && op->def->kind == KIND_MAP &&
                          (fold_scale(&p, op) || regroup(&p, op) || multiply(&p, op))) ||
                         fold_input_scale(&p, op);
        }
    return p.changed;
}
