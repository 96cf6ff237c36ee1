/* Vectors of sizes and indices, element by element: known when compiling, or data. */
#include "frontend/tf/tf.h"

Value *elem_value(Cx *cx, const Elem *e)
{
    int64_t v;
    if (e->data) return e->data;
    return dim_const(cx->m, e->dim, &v) ? ir_const_i(&cx->b, INDEX_TYPE, v)
                                        : size_value(cx, e->dim, INDEX_TYPE);
}

/* A sum, product, … of sizes, which are never negative; a difference may be. */
bool size_for_sure(const Module *m, Dim d)
{
    int64_t v;
    if (dim_const(m, d, &v)) return v >= 0;
    DimExpr e = dim_parts(m, d);
    switch (e.op) {
    case DIM_SYM: return true;
    case DIM_MAX: return size_for_sure(m, e.a) || size_for_sure(m, e.b);
    case DIM_MOD: return size_for_sure(m, e.b);
    default: return size_for_sure(m, e.a) && size_for_sure(m, e.b);
    }
}

static Elem elem_of(Cx *cx, Value *v, int i)
{
    Dim d[64];
    int n = (int)type_numel(&v->type);
    if (n <= 64 && ir_dims_of(cx->m, v, d, n)) return (Elem){d[i], NULL};
    if (is_op(v, OP_concat)) {
        int k = 0;
        for (; i >= (int)v->def->in[k]->type.dim[0]; k++) i -= (int)v->def->in[k]->type.dim[0];
        return elem_of(cx, v->def->in[k], i);
    }
    bool wide = is_op(v, OP_cast) && dtype_is_int(v->def->in[0]->type.dtype) &&
                dtype_size(v->def->in[0]->type.dtype) >= 4 && dtype_is_signed(v->def->in[0]->type.dtype) &&
                dtype_size(v->type.dtype) >= 4;
    if (wide || is_op(v, OP_reshape)) return elem_of(cx, v->def->in[0], i);
    if (v->type.rank > 1) v = ir_reshape(&cx->b, v, (Dim[]){n}, 1);
    if (v && v->type.rank == 1) v = ir_reshape(&cx->b, slice_axis(cx, v, 0, i, 1), NULL, 0);
    return (Elem){0, ir_cast(&cx->b, v, INDEX_TYPE)};
}

/* The elements of a vector of indices: the number, or -1 (reported). */
int elems(Cx *cx, Value *v, const char *what, Elem *out, int max)
{
    if (v->type.rank > 1 || !dtype_is_int(v->type.dtype) || !type_static(&v->type) ||
        type_numel(&v->type) > max) {
        fail(cx, "%s must be a vector of at most %d integers, but is %s", what, max,
             type_string(cx, &v->type));
        return -1;
    }
    int n = (int)type_numel(&v->type);
    for (int i = 0; i < n; i++) {
        out[i] = elem_of(cx, v, i);
        /* What may be negative has another meaning then: the run has to see. */
        int64_t k;
        bool sure = out[i].data || dim_const(cx->m, out[i].dim, &k) || size_for_sure(cx->m, out[i].dim);
        if (!sure) out[i].data = size_value(cx, out[i].dim, INDEX_TYPE);
    }
    return n;
}

bool bind_size(Cx *cx, Value *v, const char *what, Dim *d)
{
    return v && known_dims(cx, v, what, d, 1) == 1;
}

Value *select3(Cx *cx, Value *cond, Value *yes, Value *no)
{
    return cond && yes && no ? ir_v(&cx->b, OP_select, IN(cond, yes, no), NO_ATTRS) : NULL;
}
