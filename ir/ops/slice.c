#include "ir/ops/common.h"

/* All indices begin + i * stride, i < size, lie in 0..dim - 1. */
static bool in_bounds(int64_t begin, int64_t size, int64_t stride, int64_t dim)
{
    int64_t last;
    if (size == 0) return true;
    return mul_ok(size - 1, stride, &last) && add_ok(begin, last, &last) && begin < dim && last >= 0 &&
           last < dim;
}

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    const Dim *begin, *size;
    int nbegin, nsize, nstrides;
    if (!takes(cx, op, 0, TAKE_ANY) || !shape_attr(cx, op, "begin", &begin, &nbegin) ||
        !shape_attr(cx, op, "size", &size, &nsize))
        return false;
    const int64_t *strides = attr_v(op, "strides", &nstrides);
    if (nbegin != x->rank || nsize != x->rank || nstrides != x->rank)
        return infer_fail(cx, "begin, size and strides must have %d elements each", x->rank);
    for (int d = 0; d < x->rank; d++) {
        if (strides[d] == 0) return infer_fail(cx, "strides[%d] must be non-zero", d);
        if (dim_known(begin[d]) && dim_known(size[d]) && dim_known(x->dim[d]) &&
            !in_bounds(begin[d], size[d], strides[d], x->dim[d]))
            return infer_fail(cx, "slice begin %lld, size %lld, stride %lld exceeds dimension %d of %s",
                              (long long)begin[d], (long long)size[d], (long long)strides[d], d,
                              type_text(cx, x));
    }
    *out = type_make(x->dtype, nsize, size);
    return result_fits(cx, out);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    const int64_t *strides = attr_v(cx->op, "strides", NULL), *size = out->type.dim;
    int64_t begin[IR_MAX_RANK], from[IR_MAX_RANK], to[IR_MAX_RANK], base = 0;
    if (type_numel(&out->type) == 0) return;
    eval_dims(cx, "begin", begin);
    strides_of(&in->type, from);
    strides_of(&out->type, to);
    for (int d = 0; d < in->type.rank; d++) {
        if (!in_bounds(begin[d], size[d], strides[d], in->type.dim[d])) {
            job_error(cx->job, "slice: dimension %d is exceeded", d);
            job_fail(cx->job, JITC_E_INVALID);
        }
        base += begin[d] * from[d];
        from[d] *= size[d] > 1 ? strides[d] : 1;
    }
    copy_box(out, 0, to, in, base, from, in->type.rank, size);
}

/* Begins at 0, forwards without gaps, as long as the operand. */
static bool is_whole(const Op *op)
{
    const Dim *begin = attr_v(op, "begin", NULL);
    const int64_t *strides = attr_v(op, "strides", NULL);
    if (!same_type(op->in[0], op)) return false;
    for (int d = 0; d < op->in[0]->type.rank; d++)
        if (begin[d] != 0 || strides[d] != 1) return false;
    return true;
}

static Value *simplify(Builder *b, Op *op)
{
    Value *x = op->in[0];
    if (is_whole(op)) return x;
    if (!is_op(x, OP_slice)) return NULL;
    /* A slice of a slice, where the numbers cannot overflow: element i is begin1 + (begin2 + i * s2) * s1. */
    const Dim *begin1 = attr_v(x->def, "begin", NULL), *begin2 = attr_v(op, "begin", NULL);
    const int64_t *s1 = attr_v(x->def, "strides", NULL), *s2 = attr_v(op, "strides", NULL);
    Dim begin[IR_MAX_RANK];
    int64_t strides[IR_MAX_RANK];
    int rank = x->type.rank;
    for (int d = 0; d < rank; d++) {
        if (s1[d] < 1 || s1[d] > INT32_MAX || s2[d] < INT32_MIN || s2[d] > INT32_MAX) return NULL;
        begin[d] = dim_add(b->m, begin1[d], dim_mul(b->m, begin2[d], s1[d]));
        strides[d] = s1[d] * s2[d];
    }
    return ir_v(b, OP_slice, IN(x->def->in[0]),
                AT(at_ds("begin", begin, rank), at_ds("size", op->out[0]->type.dim, rank),
                   at_is("strides", strides, rank)));
}

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    Dim x[DIMS_MAX];
    int nx;
    const Dim *begin = attr_v(op, "begin", NULL), *size = attr_v(op, "size", NULL);
    if (in_type(op, 0)->rank != 1 || size[0] != n || !dim_known(begin[0]) || !dims_operand(m, op, 0, x, &nx))
        return false;
    int64_t stride = *attr_v(op, "strides", NULL);
    if (!in_bounds(begin[0], n, stride, nx)) return false;
    for (int k = 0; k < n; k++) out[k] = x[begin[0] + k * stride];
    return true;
}

const OpDef op_slice = {
    .name = "slice",
    .doc = "elements begin + i * stride, i < size, of every dimension; strides may be negative",
    .kind = KIND_MOVE,
    .nin = 1,
    .nout = 1,
    .attrs = {{"begin", ATTR_DIMS}, {"size", ATTR_DIMS}, {"strides", ATTR_INTS}},
    .infer = infer,
    .eval = eval,
    .simplify = simplify,
    .dims = dims,
};
