#include "ir/ops/common.h"

/* The product of the numbers among the sizes; false when it overflows. */
static bool known_product(const Dim *dim, int rank, int64_t *n)
{
    bool ok = true;
    *n = 1;
    for (int d = 0; d < rank; d++)
        if (dim[d] == 0) return *n = 0, true;
    for (int d = 0; d < rank; d++)
        if (dim_known(dim[d])) ok = ok && mul_ok(*n, dim[d], n);
    return ok;
}

static Dim product(Module *m, const Dim *dim, int rank, int64_t known)
{
    Dim n = known;
    for (int d = 0; d < rank; d++)
        if (!dim_known(dim[d])) n = dim_mul(m, n, dim[d]);
    return n;
}

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    const Dim *shape;
    int rank;
    int64_t from, to;
    if (!takes(cx, op, 0, TAKE_ANY) || !shape_attr(cx, op, "shape", &shape, &rank)) return false;
    *out = type_make(x->dtype, rank, shape);
    if (!known_product(x->dim, x->rank, &from) || !known_product(shape, rank, &to))
        return infer_fail(cx, "the result is too large: %s", type_text(cx, out));
    if (!dims_agree(cx, product(cx->m, x->dim, x->rank, from), product(cx->m, shape, rank, to)))
        return infer_fail(cx, "a tensor with %s cannot be reshaped to %s", type_text(cx, x),
                          type_text(cx, out));
    return result_fits(cx, out);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    if (type_numel(&in->type) != type_numel(&out->type)) {
        job_error(cx->job, "reshape: %lld values requested, but the tensor has %lld",
                  (long long)type_numel(&out->type), (long long)type_numel(&in->type));
        job_fail(cx->job, JITC_E_INVALID);
    }
    memcpy(out->data, in->data, (size_t)type_bytes(&in->type));
}

static Value *simplify(Builder *b, Op *op)
{
    Value *x = op->in[0];
    int rank;
    const Dim *shape = attr_v(op, "shape", &rank);
    if (same_type(x, op)) return x;
    if (!is_op(x, OP_reshape)) return NULL;
    const Type *from = in_type(x->def, 0), *to = &op->out[0]->type;
    /* An unknown size between two numbers may hide that they differ; evaluation will report it. */
    if (type_static(from) && type_static(to) && type_numel(from) != type_numel(to)) return NULL;
    return ir_reshape(b, x->def->in[0], shape, rank);
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    return ir_dims_of(m, op->in[0], out, n);
}

const OpDef op_reshape = {
    .name = "reshape",
    .doc = "the same elements in row-major order, with other sizes",
    .kind = KIND_VIEW,
    .nin = 1,
    .nout = 1,
    .attrs = {{"shape", ATTR_DIMS}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
    .dims = dims,
};
