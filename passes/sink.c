/* Reshapes between a contraction and the elementwise ops that follow move behind these, so that they become
 * its epilogue:
 *
 *     add(reshape(dot), z)   ->   reshape(add(dot, z'))
 *
 * Other operands are reshaped instead, which costs nothing: those of the same shape, vectors over what was
 * the contraction's last dim, and scalars. Others keep the reshape where it is. */
#include "passes/util.h"

/* z, which goes with values of dims `shape`, for the same values in dims `was`; NULL: it has no such form. */
static Value *as_before(Builder *b, Value *z, const Type *shape, const Type *was)
{
    if (is_scalar_like(&z->type)) return z->type.rank <= was->rank ? z : ir_reshape(b, z, NULL, 0);
    if (dims_equal(&z->type, shape)) {
        if (is_op(z, OP_reshape) && dims_equal(&z->def->in[0]->type, was)) return z->def->in[0];
        return ir_reshape(b, z, was->dim, was->rank);
    }
    int ones = 0, rank = z->type.rank;
    while (z->type.dim[ones] == 1) ones++;
    Dim n = 1;
    for (int i = ones; i < rank; i++) {
        if (z->type.dim[i] != shape->dim[shape->rank - rank + i]) return NULL;
        n = dim_mul(b->m, n, z->type.dim[i]);
    }
    return n == last_dim(was) ? ir_reshape(b, z, &n, 1) : NULL;
}

/* Whether all that reads v are elementwise ops on values of its dims. */
static bool read_elementwise(const Value *v)
{
    for (uint32_t i = 0; i < v->nuses; i++) {
        const Op *u = v->uses[i];
        if (u->def->kind != KIND_MAP || !dims_equal(&u->out[0]->type, &v->type)) return false;
    }
    return true;
}

static bool sink(Module *m, Op *op)
{
    const Type *shape = &op->out[0]->type, *was = NULL;
    for (int i = 0; i < op->nin && !was; i++) {
        const Value *v = op->in[i];
        if (is_op(v, OP_reshape) && dims_equal(&v->type, shape) && read_elementwise(v) &&
            follows_contraction(v->def->in[0], op->parent))
            was = &v->def->in[0]->type;
    }
    if (!was) return false;
    Value *in[MAP_MAX_IN];
    AttrArg attrs[IR_MAX_ATTRS];
    int nattrs = 0;
    Builder b = builder_at(m, op);
    for (int i = 0; i < op->nin; i++)
        if (!(in[i] = as_before(&b, op->in[i], shape, was))) return false;
    for (; nattrs < IR_MAX_ATTRS && op->def->attrs[nattrs].name; nattrs++)
        attrs[nattrs] = (AttrArg){op->def->attrs[nattrs].name, op->attrs[nattrs]};
    Value *v = ir_v(&b, op->code, in, op->nin, attrs, nattrs);
    return replace(m, op->out[0], ir_reshape(&b, v, shape->dim, shape->rank));
}

bool pass_sink(Module *m, PassCx *cx)
{
    (void)cx;
    bool changed = false;
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    for (uint32_t k = 0; k < r.n; k++)
        ir_each_op (op, r.at[k])
            if (op->def->kind == KIND_MAP && op->nout == 1 && op->nin <= MAP_MAX_IN && op->out[0]->nuses)
                changed |= sink(m, op);
    return changed;
}
