/* Old graphs write a dilated convolution as space_to_batch, convolution, batch_to_space, which the importer
 * lowers to views and transposes:
 *
 *     x [N,Y*a,X*b,C] -> reshape [N,Y,a,X,b,C] -> transpose [2,4,0,1,3,5] -> reshape [a*b*N,Y,X,C] -> conv
 *       -> reshape [a,b,N,y,x,K] -> transpose [2,3,0,4,1,5] -> reshape [N,y*a,x*b,K]
 *
 * That is one convolution of x with dilations a, b. */
#include "passes/util.h"

static bool perm_is(const Value *v, const int64_t want[6])
{
    if (!is_op(v, OP_transpose) || v->type.rank != 6) return false;
    const int64_t *p = attr_v(v->def, "perm", NULL);
    return memcmp(p, want, 6 * sizeof *p) == 0;
}

/* The reshape's operand when it has that rank, else NULL. */
static Value *under(const Value *v, OpCode code, int rank)
{
    if (!v || !is_op(v, code) || v->def->in[0]->type.rank != rank) return NULL;
    return v->def->in[0];
}

static bool match(Module *m, Op *op)
{
    static const int64_t down[6] = {2, 4, 0, 1, 3, 5}, up[6] = {2, 3, 0, 4, 1, 5};
    Value *out = op->out[0];
    if (out->type.rank != 4) return false;
    Value *t2 = under(out, OP_reshape, 6);
    if (!t2 || !perm_is(t2, up)) return false;
    Value *r3 = t2->def->in[0], *y = under(r3, OP_reshape, 4);
    if (!y || !is_op(y, OP_conv) || !one_use(y) || y->def->parent != op->parent) return false;
    Op *conv = y->def;
    Value *r2 = conv->in[0], *t1 = under(r2, OP_reshape, 6);
    if (!t1 || !perm_is(t1, down)) return false;
    Value *r1 = t1->def->in[0], *x = under(r1, OP_reshape, 4);
    if (!x) return false;
    const int64_t *s = attr_v(conv, "strides", NULL), *d = attr_v(conv, "dilations", NULL);
    const Dim *lo = attr_v(conv, "pad_lo", NULL), *hi = attr_v(conv, "pad_hi", NULL);
    for (int i = 0; i < 2; i++)
        if (s[i] != 1 || d[i] != 1 || lo[i] || hi[i]) return false;
    const Dim *split = r1->type.dim, *join = r3->type.dim; /* [N,Y,a,X,b,C] and [a,b,N,y,x,K] */
    Dim a = split[2], b = split[4];
    if (!dim_known(a) || !dim_known(b) || a < 1 || b < 1 || a > 4096 || b > 4096) return false;
    if (split[0] != x->type.dim[0] || split[5] != x->type.dim[3]) return false;
    if (x->type.dim[1] != dim_mul(m, split[1], a) || x->type.dim[2] != dim_mul(m, split[3], b)) return false;
    if (r2->type.dim[1] != split[1] || r2->type.dim[2] != split[3] || r2->type.dim[3] != split[5])
        return false;
    if (join[0] != a || join[1] != b || join[2] != split[0]) return false;
    if (join[3] != y->type.dim[1] || join[4] != y->type.dim[2] || join[5] != y->type.dim[3]) return false;
    if (out->type.dim[0] != split[0] || out->type.dim[3] != join[5]) return false;
    if (out->type.dim[1] != dim_mul(m, join[3], a) || out->type.dim[2] != dim_mul(m, join[4], b))
        return false;
    Builder at = builder_at(m, op);
    at.from = ir_from_union(m, ir_from_union(m, op->from, conv->from), r2->def->from);
    Value *v =
        ir_v(&at, OP_conv, IN(x, conv->in[1]),
             AT(at_is("strides", s, 2), at_is("dilations", (int64_t[]){a, b}, 2), at_ds("pad_lo", lo, 2),
                at_ds("pad_hi", hi, 2), at_i("groups", attr_i(conv, "groups"))));
    if (!v || !dims_equal(&v->type, &out->type)) return false;
    ir_remark(m, "dilate", at.from, "a convolution with dilations %lld, %lld", (long long)a, (long long)b);
    return replace(m, out, v);
}

bool pass_dilate(Module *m, PassCx *cx)
{
    (void)cx;
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    bool changed = false;
    for (uint32_t k = 0; k < r.n; k++)
        ir_each_op (op, r.at[k])
            if (op->code == OP_reshape && op->out[0]->nuses) changed |= match(m, op);
    return changed;
}
