/* Constants, placeholders with defaults, operations that hand a tensor on. */
#include "frontend/tf/tf.h"

enum { CONST_MAX = 4096 }; /* elements of an integer tensor that the IR holds itself */

static bool const_type(Cx *cx, const TfTensor *f, Type *t)
{
    if (!tf_type_usable(tf_plain_type(f->dtype))) {
        fail(cx, "type %s is not supported", tf_dtype_name(f->dtype));
        return false;
    }
    if (f->shape.rank > IR_MAX_RANK) {
        fail(cx, "rank %d; at most %d is supported", f->shape.rank, IR_MAX_RANK);
        return false;
    }
    *t = type_make((DType)tf_plain_type(f->dtype), f->shape.rank, f->shape.dim);
    if (type_bytes(t) <= (int64_t)1 << 40) return true;
    fail(cx, "a constant of shape %s is too large", tf_shape_text(cx->job, &f->shape));
    return false;
}

/* All elements are the one in the file. */
static double splat_value(Cx *cx, const TfTensor *f)
{
    TfTensor one = *f;
    Type t = type_scalar((DType)tf_plain_type(f->dtype));
    Tensor x = tensor_new(cx->job, &t);
    one.numel = 1;
    tf_tensor_read(cx->job, cx->src, &one, x.data);
    return tensor_f(&x, 0);
}

static void import_const(Cx *cx, Value **in, Value **out)
{
    (void)in;
    const TfAttr *a = tf_attr_find(cx->node, "value");
    Type t;
    if (!a || a->kind != TF_ATTR_TENSOR) {
        fail(cx, "attribute 'value' must be a tensor");
        return;
    }
    const TfTensor *f = a->tensor;
    if (f->dtype == TF_STRING) return; /* an error only where it is read */
    if (!const_type(cx, f, &t)) return;
    bool real = dtype_is_float(t.dtype), pairs = dtype_is_complex(t.dtype);
    if (!real && !pairs && f->numel <= CONST_MAX) {
        Tensor x = tensor_new(cx->job, &t);
        tf_tensor_read(cx->job, cx->src, f, x.data);
        for (int64_t i = 0; t.dtype == JITC_BOOL && i < f->numel; i++)
            tensor_set_i(&x, i, tensor_i(&x, i) != 0);
        out[0] = ir_const(&cx->b, &x);
    } else if (real && f->numel > 1 && f->stored <= 1) {
        out[0] = ir_weight(&cx->b, t, (WeightRef){.kind = WEIGHT_SPLAT, .splat = splat_value(cx, f)});
    } else if (f->store == TF_STORE_BYTES) { /* written as numbers: it has no place of its own in the file */
        Tensor x = tensor_new(cx->job, &t);
        tf_tensor_read(cx->job, cx->src, f, x.data);
        out[0] = tensor_value(cx, &x);
    } else {
        out[0] = ir_weight(&cx->b, t, (WeightRef){.kind = WEIGHT_FILE, .offset = f->offset, .handle = f});
    }
}

static void import_same(Cx *cx, Value **in, Value **out)
{
    (void)cx;
    out[0] = in[0];
}

static void import_identity_n(Cx *cx, Value **in, Value **out)
{
    for (uint32_t i = 0; i < cx->node->ninputs; i++) out[i] = in[i];
}

static void import_none(Cx *cx, Value **in, Value **out)
{
    (void)cx, (void)in, (void)out;
}

static void import_ensure_shape(Cx *cx, Value **in, Value **out)
{
    const TfAttr *a = tf_attr_find(cx->node, "shape");
    const Type *t = &in[0]->type;
    if (a && a->kind != TF_ATTR_SHAPE) {
        fail(cx, "attribute 'shape' must be a shape");
        return;
    }
    bool fits = !a || a->shape.unknown_rank || a->shape.rank == t->rank;
    for (int d = 0; a && fits && !a->shape.unknown_rank && d < t->rank; d++)
        fits = a->shape.dim[d] < 0 || sizes_match(cx, t->dim[d], a->shape.dim[d]);
    if (fits)
        out[0] = in[0];
    else
        fail(cx, "%s does not have the shape %s", type_string(cx, t), tf_shape_text(cx->job, &a->shape));
}

const TfOp tf_const_ops[] = {
    {"Const", import_const, 0, 0, 1, 0},
    {"Placeholder", import_none, 0, -1, 1, 0},
    {"PlaceholderV2", import_none, 0, -1, 1, 0},
    {"PlaceholderWithDefault", import_same, 1, 0, 1, 0},
    {"NoOp", import_none, 0, -1, 0, 0},
    {"Assert", import_none, 0, -1, 0, 0},
    {"PrintV2", import_none, 0, -1, 0, 0},
    {"Identity", import_same, 1, 0, 1, 0},
    {"IdentityN", import_identity_n, 1, -1, OUT_NINPUTS, 0},
    {"StopGradient", import_same, 1, 0, 1, 0},
    {"PreventGradient", import_same, 1, 0, 1, 0},
    {"CheckNumerics", import_same, 1, 0, 1, 0},
    {"Snapshot", import_same, 1, 0, 1, 0},
    {"GuaranteeConst", import_same, 1, 0, 1, 0},
    {"DeepCopy", import_same, 1, 0, 1, 0},
    {"Print", import_same, 1, -1, 1, 0},
    {"EnsureShape", import_ensure_shape, 1, 0, 1, 0},
    /* Only with a predicate that is constant; the walk over the graph deals with them. */
    {0},
};
