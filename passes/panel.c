/* The form that the matrix kernels read: plain left operands, right operands as panels. A right operand of
 * weights is packed at load; another is packed by a kernel of its own. */
#include "passes/util.h"

static Value *swap_last(Builder *b, Value *x)
{
    int64_t perm[IR_MAX_RANK];
    int rank = x->type.rank;
    for (int i = 0; i < rank; i++) perm[i] = i;
    perm[rank - 1] = rank - 2;
    perm[rank - 2] = rank - 1;
    return ir_transpose(b, x, perm);
}

/* The kernels walk the batches of both operands in step, so operands of fewer batches are repeated. */
static Value *whole_batch(Builder *b, Value *x, const Type *out)
{
    Type t = *out;
    t.dim[t.rank - 2] = x->type.dim[x->type.rank - 2];
    t.dim[t.rank - 1] = x->type.dim[x->type.rank - 1];
    if (x->type.rank == t.rank && !memcmp(x->type.dim, t.dim, t.rank * sizeof *t.dim)) return x;
    return ir_v(b, OP_broadcast, IN(x), AT(at_ds("shape", t.dim, t.rank)));
}

static bool one_matrix(const Type *t)
{
    for (int i = 0; i < t->rank - 2; i++)
        if (t->dim[i] != 1) return false;
    return true;
}

static bool dot(Module *m, Op *op)
{
    Value *a = op->in[0], *w = op->in[1];
    bool ta = attr_i(op, "trans_a"), tb = attr_i(op, "trans_b"), f32 = op->out[0]->type.dtype == JITC_FLOAT32;
    if (!ta && !tb && (!f32 || w->type.layout == LAYOUT_PANEL)) return false;
    Builder b = builder_at(m, op);
    if (ta) a = swap_last(&b, a);
    if (tb) w = swap_last(&b, w);
    if (one_matrix(&w->type)) {
        if (w->type.rank > 2 && a->type.rank >= w->type.rank)
            w = ir_reshape(&b, w, w->type.dim + w->type.rank - 2, 2);
    } else {
        a = whole_batch(&b, a, &op->out[0]->type);
        w = whole_batch(&b, w, &op->out[0]->type);
    }
    if (f32) w = ir_v(&b, OP_relayout, IN(w), AT(at_s("to", "panel")));
    must_replace(m, op->out[0], ir_v(&b, OP_dot, IN(a, w), NO_ATTRS));
    return true;
}

static bool conv(Module *m, Op *op)
{
    Value *w = op->in[1];
    if (attr_i(op, "groups") != 1 || w->type.layout == LAYOUT_FILTER || w->type.dtype != JITC_FLOAT32)
        return false;
    Builder b = builder_at(m, op);
    w = ir_v(&b, OP_relayout, IN(w), AT(at_s("to", "filter")));
    if (!w) return false;
    must_replace(m, op->out[0], ir_clone(&b, op, (Value *[]){op->in[0], w})->out[0]);
    return true;
}

bool pass_panel(Module *m, PassCx *cx)
{
    (void)cx;
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    bool changed = false;
    for (uint32_t k = 0; k < r.n; k++)
        ir_each_op (op, r.at[k]) {
            if (op->nout != 1 || !op->out[0]->nuses) continue;
            if (op->code == OP_dot) changed |= dot(m, op);
            if (op->code == OP_conv) changed |= conv(m, op);
        }
    return changed;
}
