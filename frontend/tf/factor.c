/* Factorisations of matrices, and what is solved with them. */
#include "frontend/tf/tf.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}

static bool square(Cx *cx, const Value *v, const char *what)
{
    int rank = v->type.rank;
    if (!need_rank(cx, v, what, 2, IR_MAX_RANK) || !need_float(cx, v, what)) return false;
    if (sizes_match(cx, v->type.dim[rank - 2], v->type.dim[rank - 1])) return true;
    fail(cx, "%s must be square matrices, but is %s", what, type_string(cx, &v->type));
    return false;
}

static Value *transposed(Cx *cx, Value *v)
{
    int64_t perm[IR_MAX_RANK];
    int rank = v->type.rank;
    for (int d = 0; d < rank; d++) perm[d] = d;
    perm[rank - 2] = rank - 1;
    perm[rank - 1] = rank - 2;
    return transpose(cx, v, perm);
}

/* Zero rows or columns: nothing to compute. */
static bool is_empty(const Type *t)
{
    for (int d = 0; d < t->rank; d++)
        if (t->dim[d] == 0) return true;
    return false;
}

static void import_cholesky(Cx *cx, Value **in, Value **out)
{
    if (!square(cx, in[0], "the input")) return;
    out[0] = is_empty(&in[0]->type) ? in[0] : ir_unary(&cx->b, OP_cholesky, in[0]);
}

/* -- Solving ----------------------------------------------------------------------------------- */
static Value *solve_triangle(Cx *cx, Value *a, Value *b, bool lower, bool trans, bool unit)
{
    if (!a || !b) return NULL;
    return ir_v(&cx->b, OP_triangular_solve, IN(a, b),
                AT(at_b("lower", lower), at_b("trans", trans), at_b("unit", unit)));
}

static Op *factors(Cx *cx, Value *a, bool strict)
{
    return a ? ir_op(&cx->b, OP_lu, IN(a),
                     AT(at_b("strict", strict), at_s("report", strict ? "a matrix is not invertible" : "")))
             : NULL;
}

/* The rows of b as the pivots went, then l, then u. */
static Value *solve(Cx *cx, Value *a, Value *b)
{
    int axis = a->type.rank - 2;
    Op *lu = factors(cx, a, true);
    if (!lu) return NULL;
    Value *x = ir_v(&cx->b, OP_gather, IN(b, lu->out[1]), AT(at_i("axis", axis), at_i("batch_dims", axis)));
    x = solve_triangle(cx, lu->out[0], x, true, false, true);
    return solve_triangle(cx, lu->out[0], x, false, false, false);
}

/* b is as high as a's matrices, and there is one for each. */
static bool fits_matrix(Cx *cx, const Value *a, const Value *b)
{
    bool fits = a->type.rank == b->type.rank && a->type.dtype == b->type.dtype;
    for (int d = 0; fits && d < a->type.rank - 1; d++) fits = sizes_match(cx, a->type.dim[d], b->type.dim[d]);
    if (!fits) fail(cx, "%s does not fit %s", type_string(cx, &b->type), type_string(cx, &a->type));
    return fits;
}

static void import_solve(Cx *cx, Value **in, Value **out)
{
    bool adjoint = get_bool(cx, "adjoint", false);
    if (cx->failed || !square(cx, in[0], "the matrix") || !fits_matrix(cx, in[0], in[1])) return;
    if (is_empty(&in[0]->type) || is_empty(&in[1]->type)) {
        out[0] = in[1];
        return;
    }
    Value *a = adjoint ? transposed(cx, in[0]) : in[0];
    out[0] = a ? solve(cx, a, in[1]) : NULL;
}

/* The batch dimensions of both, broadcast. */
static bool common_batch(Cx *cx, Value **a, Value **b)
{
    Type x = (*a)->type, y = (*b)->type, all = {0};
    x.rank -= 2, y.rank -= 2;
    if (!ir_broadcast_dims(cx->m, &x, &y, &all)) {
        fail(cx, "%s does not fit %s", type_string(cx, &(*b)->type), type_string(cx, &(*a)->type));
        return false;
    }
    Value **v[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        const Type *t = &(*v[i])->type;
        Dim dim[IR_MAX_RANK];
        memcpy(dim, all.dim, sizeof dim);
        memcpy(dim + all.rank, t->dim + t->rank - 2, 2 * sizeof *dim);
        if (!(*v[i] = broadcast(cx, *v[i], dim, all.rank + 2))) return false;
    }
    return true;
}

static void import_triangular_solve(Cx *cx, Value **in, Value **out)
{
    bool lower = get_bool(cx, "lower", true), adjoint = get_bool(cx, "adjoint", false);
    Value *a = in[0], *b = in[1];
    if (cx->failed || !square(cx, a, "the matrix") || !need_rank(cx, b, "rhs", 2, IR_MAX_RANK)) return;
    if (!common_batch(cx, &a, &b) || !fits_matrix(cx, a, b)) return;
    out[0] = is_empty(&a->type) || is_empty(&b->type) ? b : solve_triangle(cx, a, b, lower, adjoint, false);
}

static void import_inverse(Cx *cx, Value **in, Value **out)
{
    bool adjoint = get_bool(cx, "adjoint", false);
    Value *x = in[0];
    DType t = x->type.dtype;
    if (cx->failed || !square(cx, x, "the input")) return;
    if (is_empty(&x->type)) {
        out[0] = x;
        return;
    }
    if (dtype_size(t) < 4) x = ir_cast(&cx->b, x, JITC_FLOAT32);
    if (adjoint) x = transposed(cx, x);
    if (!x) return;
    Dim n = x->type.dim[x->type.rank - 1];
    Value *index = iota_vector(cx, JITC_INT32, n);
    Value *on = index ? bi(cx, OP_equal, ir_reshape(&cx->b, index, (Dim[]){n, 1}, 2), index) : NULL;
    Value *one = on ? broadcast(cx, ir_cast(&cx->b, on, x->type.dtype), x->type.dim, x->type.rank) : NULL;
    Value *v = one ? solve(cx, x, one) : NULL;
    out[0] = v ? ir_cast(&cx->b, v, t) : NULL;
}

static void import_lu(Cx *cx, Value **in, Value **out)
{
    DType t = get_type(cx, "output_idx_type", JITC_INT32);
    const Type *x = &in[0]->type;
    if (cx->failed || !square(cx, in[0], "the input")) return;
    if (is_empty(x)) {
        out[0] = in[0];
        out[1] = broadcast(cx, ir_const_i(&cx->b, t, 0), x->dim, x->rank - 1);
        return;
    }
    Op *lu = factors(cx, in[0], true);
    if (!lu) return;
    out[0] = lu->out[0];
    out[1] = ir_cast(&cx->b, lu->out[1], t);
}

static void import_qr(Cx *cx, Value **in, Value **out)
{
    bool full = get_bool(cx, "full_matrices", false);
    Value *x = in[0];
    DType t = x->type.dtype;
    if (cx->failed || !need_rank(cx, x, "the input", 2, IR_MAX_RANK) || !need_float(cx, x, "the input"))
        return;
    if (dtype_size(t) < 4) x = ir_cast(&cx->b, x, JITC_FLOAT32);
    Op *qr = x ? ir_op(&cx->b, OP_qr, IN(x), AT(at_b("full", full))) : NULL;
    for (int i = 0; qr && i < 2; i++) out[i] = ir_cast(&cx->b, qr->out[i], t);
}

/* -- Determinants ------------------------------------------------------------------------------ */
/* The diagonal of u, and the sign of the permutation. */
static Value *pivots(Cx *cx, Value *x, Value **sign)
{
    Op *lu = factors(cx, x, false);
    if (!lu) return NULL;
    int rank = x->type.rank;
    Dim dim[IR_MAX_RANK], n = x->type.dim[rank - 1];
    *sign = lu->out[2];
    /* Every (n + 1)th element of the matrix in a row. */
    Value *index = iota_vector(cx, INDEX_TYPE, n);
    Value *step = size_value(cx, dim_add(cx->m, n, 1), INDEX_TYPE);
    memcpy(dim, x->type.dim, sizeof dim);
    dim[rank - 2] = dim_mul(cx->m, n, n);
    Value *flat = ir_reshape(&cx->b, lu->out[0], dim, rank - 1);
    index = index && step ? bi(cx, OP_mul, index, step) : NULL;
    return flat && index ? ir_v(&cx->b, OP_gather, IN(flat, index), AT(at_i("axis", rank - 2))) : NULL;
}

static Value *over_last(Cx *cx, OpCode code, Value *v)
{
    return v ? reduce(cx, code, v, (int64_t[]){v->type.rank - 1}, 1, false) : NULL;
}

static void import_determinant(Cx *cx, Value **in, Value **out)
{
    const Type *t = &in[0]->type;
    bool log = cx->op->arg;
    Value *sign;
    if (!square(cx, in[0], "the input")) return;
    if (is_empty(t)) {
        out[0] = broadcast(cx, scalar(cx, t->dtype, 1), t->dim, t->rank - 2);
        if (log) out[1] = broadcast(cx, scalar(cx, t->dtype, 0), t->dim, t->rank - 2);
        return;
    }
    Value *d = pivots(cx, in[0], &sign);
    if (!d) return;
    out[0] = bi(cx, OP_mul, sign, over_last(cx, OP_reduce_prod, log ? ir_unary(&cx->b, OP_sign, d) : d));
    if (log) out[1] = over_last(cx, OP_reduce_sum, ir_unary(&cx->b, OP_log, ir_unary(&cx->b, OP_abs, d)));
}

const TfOp tf_factor_ops[] = {
    {"Cholesky", import_cholesky, 1, 0, 1, 0},
    {"BatchCholesky", import_cholesky, 1, 0, 1, 0},
    {"MatrixSolve", import_solve, 2, 0, 1, 0},
    {"BatchMatrixSolve", import_solve, 2, 0, 1, 0},
    {"MatrixTriangularSolve", import_triangular_solve, 2, 0, 1, 0},
    {"BatchMatrixTriangularSolve", import_triangular_solve, 2, 0, 1, 0},
    {"MatrixInverse", import_inverse, 1, 0, 1, 0},
    {"BatchMatrixInverse", import_inverse, 1, 0, 1, 0},
    {"MatrixDeterminant", import_determinant, 1, 0, 1, 0},
    {"BatchMatrixDeterminant", import_determinant, 1, 0, 1, 0},
    {"LogMatrixDeterminant", import_determinant, 1, 0, 2, 1},
    {"Lu", import_lu, 1, 0, 2, 0},
    {"Qr", import_qr, 1, 0, 2, 0},
    {0},
};
