/* Complex matrices as real ones of twice the size: each number a + bi becomes [a -b; b a]. Sums, products,
 * inverses and transposes of such matrices are such matrices again; so is the Cholesky factor, being unique.
 */
#include "frontend/tf/complex.h"

static Value *reshaped(Cx *cx, Value *v, int outer, const Dim *dim, int n)
{
    Dim all[IR_MAX_RANK];
    if (!v) return NULL;
    memcpy(all, v->type.dim, (size_t)outer * sizeof *all);
    memcpy(all + outer, dim, (size_t)n * sizeof *dim);
    return ir_reshape(&cx->b, v, all, outer + n);
}

static Value *beside(Cx *cx, Value *a, Value *b, int axis)
{
    return a && b ? concat(cx, (Value *[]){a, b}, 2, axis) : NULL;
}

static Value *embedded(Cx *cx, Pair z)
{
    if (!z.re || !z.im) return NULL;
    int outer = z.re->type.rank - 2;
    Dim rows = z.re->type.dim[outer], cols = z.re->type.dim[outer + 1], apart[4] = {rows, 1, cols, 1};
    Value *re = reshaped(cx, z.re, outer, apart, 4), *im = reshaped(cx, z.im, outer, apart, 4);
    if (!re || !im) return NULL;
    Value *upper = beside(cx, re, ir_unary(&cx->b, OP_neg, im), outer + 3);
    Value *both = beside(cx, upper, beside(cx, im, re, outer + 3), outer + 1);
    Dim dim[2] = {dim_mul(cx->m, rows, 2), dim_mul(cx->m, cols, 2)};
    return reshaped(cx, both, outer, dim, 2);
}

static Value *extracted(Cx *cx, Value *v)
{
    if (!v) return NULL;
    int outer = v->type.rank - 2;
    Dim rows = dim_floordiv(cx->m, v->type.dim[outer], 2),
        cols = dim_floordiv(cx->m, v->type.dim[outer + 1], 2);
    Value *apart = reshaped(cx, v, outer, (Dim[]){rows, 2, cols, 2}, 4);
    Value *left = apart ? slice_axis(cx, apart, outer + 3, 0, 1) : NULL;
    if (!left) return NULL;
    Dim dim[2] = {rows, cols};
    Pair z = {reshaped(cx, slice_axis(cx, left, outer + 1, 0, 1), outer, dim, 2),
              reshaped(cx, slice_axis(cx, left, outer + 1, 1, 1), outer, dim, 2)};
    return join(cx, z);
}

static bool takes_matrices(Cx *cx, Value *const *in, int n)
{
    for (int i = 0; i < n; i++) {
        if (!need_rank(cx, in[i], "a complex matrix", 2, IR_MAX_RANK - 2)) return false;
        if (in[i]->type.dtype == in[0]->type.dtype) continue;
        fail(cx, "the operands differ in type: %s and %s", type_string(cx, &in[0]->type),
             type_string(cx, &in[i]->type));
        return false;
    }
    return true;
}

/* The operator of real matrices, on these. */
void import_embedded(Cx *cx, Value **in, Value **out)
{
    Value *args[2] = {0};
    int n = (int)cx->node->ninputs;
    if (!takes_matrices(cx, in, n)) return;
    for (int i = 0; i < n; i++)
        if (!(args[i] = embedded(cx, split(cx, in[i])))) return;
    run_base(cx, args, out);
    if (!cx->failed) out[0] = extracted(cx, out[0]);
}

/* Only the lower triangle and the real part of the diagonal are read. */
void import_complex_cholesky(Cx *cx, Value **in, Value **out)
{
    if (!takes_matrices(cx, in, 1)) return;
    Value *a = in[0];
    int rank = a->type.rank;
    Dim n = a->type.dim[rank - 1];
    Value *index = iota_vector(cx, JITC_INT32, n);
    Value *column = index ? ir_reshape(&cx->b, index, (Dim[]){n, 1}, 2) : NULL;
    Pair z = split(cx, a);
    if (!column || !z.re) return;
    Value *on = broadcast(cx, ir_binary(&cx->b, OP_equal, column, index), a->type.dim, rank);
    z.im = select3(cx, on, broadcast(cx, scalar(cx, z.im->type.dtype, 0), a->type.dim, rank), z.im);
    Value *arg = embedded(cx, z), *l[1] = {0};
    if (!arg) return;
    run_base(cx, &arg, l);
    if (!cx->failed) out[0] = extracted(cx, l[0]);
}

/* With ones on its diagonal the matrix stays triangular when it is embedded. */
void import_complex_triangular_solve(Cx *cx, Value **in, Value **out)
{
    bool adjoint = get_bool(cx, "adjoint", false);
    if (cx->failed || !takes_matrices(cx, in, 2)) return;
    const Type *t = &in[0]->type;
    int rank = t->rank;
    Dim n = t->dim[rank - 1], dim[IR_MAX_RANK];
    if (!sizes_match(cx, t->dim[rank - 2], n)) {
        fail(cx, "the matrix must be square, but is %s", type_string(cx, t));
        return;
    }
    Pair a = split(cx, in[0]), b = split(cx, in[1]);
    Value *index = iota_vector(cx, JITC_INT32, n);
    Value *column = index ? ir_reshape(&cx->b, index, (Dim[]){n, 1}, 2) : NULL;
    if (!column || !a.re || !b.re) return;
    Value *zero = broadcast(cx, scalar(cx, a.re->type.dtype, 0), t->dim, rank);
    Value *on = broadcast(cx, ir_binary(&cx->b, OP_equal, column, index), t->dim, rank);
    Pair d = pair_where(cx, on, a, (Pair){zero, zero});
    int64_t over[1] = {rank - 1};
    d = (Pair){reduce(cx, OP_reduce_sum, d.re, over, 1, true),
               reduce(cx, OP_reduce_sum, d.im, over, 1, true)};
    if (!d.re || !d.im) return;
    Pair by_row = d;
    if (adjoint) { /* its columns are rows of what is solved with */
        memcpy(dim, t->dim, sizeof dim);
        dim[rank - 2] = 1, dim[rank - 1] = n;
        by_row = (Pair){ir_reshape(&cx->b, d.re, dim, rank), ir_reshape(&cx->b, d.im, dim, rank)};
        d = pair_conj(cx, d);
    }
    Value *args[2] = {embedded(cx, pair_div(cx, a, by_row)), NULL};
    args[1] = embedded(cx, pair_div(cx, b, d));
    if (!args[0] || !args[1]) return;
    run_base(cx, args, out);
    if (!cx->failed) out[0] = extracted(cx, out[0]);
}
