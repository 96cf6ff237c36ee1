/* Eigenvalues and singular values. */
#include "frontend/tf/tf.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}

/* Matrices whose lower half, which is what is read, is finite. */
static Value *finite_half(Cx *cx, Value *x)
{
    Dim n = x->type.dim[x->type.rank - 1];
    Value *i = iota_vector(cx, JITC_INT64, n), *row = i ? ir_reshape(&cx->b, i, (Dim[]){n, 1}, 2) : NULL;
    Value *above = bi(cx, OP_less, row, i),
          *ok = bi(cx, OP_logical_or, above, ir_unary(&cx->b, OP_is_finite, x));
    return checked_as(cx, x, all_true(cx, ok), "the input is not finite");
}

/* NaN where a matrix is not finite. */
static Value *poisoned(Cx *cx, Value *v, Value *x)
{
    DType t = x->type.dtype;
    int rank = x->type.rank;
    Value *none = bi(cx, OP_mul, x, scalar(cx, t, 0));
    if (v && v->type.rank == rank)
        none = none ? reduce(cx, OP_reduce_sum, none, (int64_t[]){rank - 2, rank - 1}, 2, true) : NULL;
    else if (none)
        none = reduce(cx, OP_reduce_sum, reduce(cx, OP_reduce_sum, none, (int64_t[]){rank - 1}, 1, true),
                      (int64_t[]){rank - 2}, 1, false);
    return bi(cx, OP_add, v, none);
}

static void import_eigen(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0];
    int rank = x->type.rank;
    bool vectors = get_bool(cx, "compute_v", true);
    if (cx->failed || !need_rank(cx, x, "the input", 2, IR_MAX_RANK) || !need_float(cx, x, "the input"))
        return;
    if (!sizes_match(cx, x->type.dim[rank - 2], x->type.dim[rank - 1])) {
        fail(cx, "the input must be square matrices, but is %s", type_string(cx, &x->type));
        return;
    }
    x = finite_half(cx, x);
    Op *op = x ? ir_op(&cx->b, OP_eigh, IN(x), NO_ATTRS) : NULL;
    if (!op) return;
    out[0] = op->out[1];
    out[1] = vectors ? op->out[0] : scalar(cx, x->type.dtype, 0);
}

static Value *transposed(Cx *cx, Value *v)
{
    int64_t perm[IR_MAX_RANK];
    int rank = v->type.rank;
    for (int d = 0; d < rank; d++) perm[d] = d < rank - 2 ? d : 2 * rank - 3 - d;
    return transpose(cx, v, perm);
}

/* The columns of u where s is not 0; others that are orthogonal to them elsewhere, and, `full`, as many more
 * as there are rows. */
static Value *completed(Cx *cx, Value *u, Value *s, bool full)
{
    int rank = u->type.rank;
    Dim m = u->type.dim[rank - 2], n = u->type.dim[rank - 1], dim[IR_MAX_RANK];
    Op *qr = ir_op(&cx->b, OP_qr, IN(u), AT(at_b("full", full)));
    memcpy(dim, u->type.dim, sizeof dim);
    dim[rank - 2] = 1;
    Value *is = ir_reshape(&cx->b, s, dim, rank);
    is = bi(cx, OP_less, is ? scalar(cx, s->type.dtype, 0) : NULL, is);
    if (!qr || !is) return NULL;
    Value *v = select3(cx, is, u, slice_axis(cx, qr->out[0], rank - 1, 0, n));
    if (!full || m == n || !v) return v;
    return concat(cx, (Value *[]){v, slice_axis(cx, qr->out[0], rank - 1, n, m - n)}, 2, rank - 1);
}

static void import_svd(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0];
    int rank = x->type.rank;
    bool vectors = get_bool(cx, "compute_uv", true), full = get_bool(cx, "full_matrices", false);
    if (cx->failed || !need_rank(cx, x, "the input", 2, IR_MAX_RANK) || !need_float(cx, x, "the input"))
        return;
    Dim m = x->type.dim[rank - 2], n = x->type.dim[rank - 1];
    if (!dim_known(m) || !dim_known(n)) {
        fail(cx, "the numbers of rows and columns of %s must be known when compiling",
             type_string(cx, &x->type));
        return;
    }
    bool wide = m < n;
    Op *op = ir_op(&cx->b, OP_svd, IN(wide ? transposed(cx, x) : x), NO_ATTRS);
    if (!op) return;
    out[0] = poisoned(cx, op->out[1], x);
    out[1] = out[2] = scalar(cx, x->type.dtype, 0);
    if (!vectors) return;
    out[1 + wide] = poisoned(cx, completed(cx, op->out[0], op->out[1], full), x);
    out[2 - wide] = poisoned(cx, op->out[2], x);
}

const TfOp tf_spectral_ops[] = {
    {"SelfAdjointEigV2", import_eigen, 1, 0, 2, 0},
    {"BatchSelfAdjointEigV2", import_eigen, 1, 0, 2, 0},
    {"Svd", import_svd, 1, 0, 3, 0},
    {"BatchSvd", import_svd, 1, 0, 3, 0},
    {0},
};
