/* Places in sorted rows. */
#include "frontend/tf/tf.h"

static Value *search(Cx *cx, Value *row, Value *x, bool upper, DType to)
{
    return row && x ? ir_v(&cx->b, OP_search_sorted, IN(row, x), AT(at_b("upper", upper), at_t("to", to)))
                    : NULL;
}

static void import_bound(Cx *cx, Value **in, Value **out)
{
    DType t = get_type(cx, "out_type", JITC_INT32);
    if (!cx->failed && need_rank(cx, in[0], "the sorted rows", 2, 2) &&
        need_rank(cx, in[1], "the values", 2, 2))
        out[0] = search(cx, in[0], in[1], cx->op->arg, t);
}

/* Boundaries are floats; integers are compared with them as floats, f64 as f64. */
static void import_bucketize(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0];
    const TfAttr *a = tf_attr_find(cx->node, "boundaries");
    if (!a || a->kind != TF_ATTR_LIST || a->list->ni || a->list->ns) {
        fail(cx, "attribute 'boundaries' must be a list of numbers");
        return;
    }
    Dim n = a->list->nf;
    DType t = x->type.dtype == JITC_FLOAT64 ? JITC_FLOAT64 : JITC_FLOAT32;
    Type type = type_make(t, 2, (Dim[]){1, n});
    Tensor row = tensor_new(cx->job, &type);
    for (Dim i = 0; i < n; i++) {
        tensor_set_f(&row, i, a->list->f[i]);
        if (i && a->list->f[i] < a->list->f[i - 1]) fail(cx, "the boundaries are not sorted");
    }
    if (cx->failed) return;
    Value *line = flattened(cx, ir_cast(&cx->b, x, t), x->type.rank);
    line = line ? ir_reshape(&cx->b, line, (Dim[]){1, line->type.dim[0]}, 2) : NULL;
    Value *v = search(cx, tensor_value(cx, &row), line, true, JITC_INT32);
    out[0] = v ? ir_reshape(&cx->b, v, x->type.dim, x->type.rank) : NULL;
}

const TfOp tf_search_ops[] = {
    {"LowerBound", import_bound, 2, 0, 1, 0},
    {"UpperBound", import_bound, 2, 0, 1, 1},
    {"Bucketize", import_bucketize, 1, 0, 1, 0},
    {0},
};
