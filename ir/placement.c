/* Where the elements of values lie, once there are kernels. */
#include "ir/ir.h"

/* The concat outside of kernels that puts v together with others; or NULL. */
static const Op *concat_around(const Value *v)
{
    if (!v->def || (v->def->code != OP_kernel && v->def->code != OP_concat)) return NULL;
    for (uint32_t i = 0; i < v->nuses; i++)
        if (v->uses[i]->code == OP_concat && v->uses[i]->parent == v->def->parent) return v->uses[i];
    return NULL;
}

static Dim row_size(const Type *t)
{
    if (t->layout == LAYOUT_BLOCKED) return IMAGE_BLOCK;
    return t->rank ? t->dim[t->rank - 1] : 1;
}

bool ir_is_run(const Type *t, int axis)
{
    int d = 0;
    while (d < axis && t->dim[d] == 1) d++;
    return d == axis;
}

Placement ir_placement(Module *m, Value *v)
{
    Placement p = {v, 0, row_size(&v->type)};
    for (const Op *c = concat_around(v); c; c = concat_around(p.whole)) {
        int axis = (int)attr_i(c, "axis");
        const Type *t = &c->out[0]->type;
        Dim from = 0;
        for (int i = 0; c->in[i] != p.whole; i++) from = dim_add(m, from, c->in[i]->type.dim[axis]);
        bool planes = layout_of_images(t->layout); /* of one image: its channels are outermost */
        for (int d = planes ? 1 : axis + 1; d < (planes ? axis : t->rank); d++)
            from = dim_mul(m, from, t->dim[d]);
        p.offset = dim_add(m, p.offset, from);
        if (!planes && !ir_is_run(t, axis)) p.pitch = row_size(t);
        p.whole = c->out[0];
    }
    return p;
}
