/* What operators do with complex operands. Linear ones work on the two parts like on real tensors, products
 * on pairs of parts; the rest is written out. */
#include <math.h>

#include "frontend/tf/complex.h"

const TfOp *base_op(Cx *cx)
{
    return tf_op_find(cx->node->op); /* there is one: the variant was found by its name */
}

void run_base(Cx *cx, Value **in, Value **out)
{
    const TfOp *variant = cx->op;
    cx->op = base_op(cx);
    cx->op->import(cx, in, out);
    cx->op = variant;
}

enum { MANY = 256 };

/* -- Linear: part by part ------------------------------------------------------------------------------- */
static void import_by_parts(Cx *cx, Value **in, Value **out)
{
    uint32_t n = cx->node->ninputs, nout = cx->node->ninputs + 8;
    Value **re = job_array(cx->job, Value *, n + 4), **im = job_array(cx->job, Value *, n + 4);
    Value **ore = job_array(cx->job, Value *, nout), **oim = job_array(cx->job, Value *, nout);
    DType part = 0;
    for (uint32_t i = 0; i < n && in[i]; i++) {
        re[i] = im[i] = in[i];
        if (!dtype_is_complex(in[i]->type.dtype)) continue;
        Pair p = split(cx, in[i]);
        part = dtype_part(in[i]->type.dtype);
        re[i] = p.re, im[i] = p.im;
        if (!p.re || !p.im) return;
    }
    run_base(cx, re, ore);
    if (cx->failed) return;
    run_base(cx, im, oim);
    int count = cx->op->nout;
    for (int i = 0; i < count; i++)
        out[i] = ore[i] && oim[i] && ore[i]->type.dtype == part ? join(cx, (Pair){ore[i], oim[i]}) : ore[i];
}

/* -- Bilinear: four products of parts ------------------------------------------------------------------ */
enum { CONJ_NONE, CONJ_ADJ, CONJ_SPARSE };

static Value *product(Cx *cx, Value **in, int i, Value *x, int j, Value *y)
{
    Value *args[8], *out[4] = {0};
    for (int n = 0; n < (int)cx->node->ninputs && n < 8; n++) args[n] = in[n];
    args[i] = x;
    args[j] = y;
    run_base(cx, args, out);
    return cx->failed ? NULL : out[0];
}

static void import_bilinear(Cx *cx, Value **in, Value **out)
{
    bool sparse = cx->op->arg == CONJ_SPARSE;
    int i = sparse ? 1 : 0, j = sparse ? 3 : 1;
    if (cx->node->ninputs != (sparse ? 4 : 2)) {
        if (cx->node->ninputs == 1)
            import_by_parts(cx, in, out);
        else
            fail(cx, "complex products of %u operands are not supported", cx->node->ninputs);
        return;
    }
    Pair a = split(cx, in[i]), b = split(cx, in[j]);
    if (!a.re || !b.re) return;
    bool adj_a = cx->op->arg == CONJ_ADJ    ? get_bool(cx, "adj_x", false)
                 : cx->op->arg == CONJ_NONE ? false
                                            : get_bool(cx, "adjoint_a", false);
    bool adj_b = cx->op->arg == CONJ_ADJ    ? get_bool(cx, "adj_y", false)
                 : cx->op->arg == CONJ_NONE ? false
                                            : get_bool(cx, "adjoint_b", false);
    if (adj_a) a = pair_conj(cx, a);
    if (adj_b) b = pair_conj(cx, b);
    Value *rr = product(cx, in, i, a.re, j, b.re);
    if (!rr) return;
    Value *ii = product(cx, in, i, a.im, j, b.im), *ri = product(cx, in, i, a.re, j, b.im),
          *ir = product(cx, in, i, a.im, j, b.re);
    out[0] = join(cx, (Pair){ir_binary(&cx->b, OP_sub, rr, ii), ir_binary(&cx->b, OP_add, ri, ir)});
}

/* -- Elementwise ---------------------------------------------------------------------------------------- */
enum { MUL, DIV, DIV_NO_NAN, MUL_NO_NAN, SQUARED_DIFFERENCE, XDIVY, XLOGY, XLOG1PY, POW };

static Pair widened(Cx *cx, Pair p)
{
    return (Pair){ir_cast(&cx->b, p.re, JITC_FLOAT64), ir_cast(&cx->b, p.im, JITC_FLOAT64)};
}

static Pair narrowed(Cx *cx, Pair p, DType t)
{
    return (Pair){ir_cast(&cx->b, p.re, t), ir_cast(&cx->b, p.im, t)};
}

/* x^y by way of the logarithm. As in C, 0^y is 0, infinite or NaN as the real part of y is above, below or 0.
 */
static Pair pair_pow(Cx *cx, Pair x, Pair y)
{
    Pair p = pair_exp(cx, pair_mul(cx, y, pair_log(cx, x)));
    if (!p.re || !p.im) return (Pair){0};
    Value *zero = scalar(cx, JITC_FLOAT64, 0), *nan = scalar(cx, JITC_FLOAT64, (double)NAN),
          *inf = scalar(cx, JITC_FLOAT64, (double)INFINITY);
    Pair below = {ir_v(&cx->b, OP_select, IN(ir_binary(&cx->b, OP_less, y.re, zero), inf, nan), NO_ATTRS),
                  nan};
    Pair at_zero = pair_where(cx, ir_binary(&cx->b, OP_greater, y.re, zero), pair_real(cx, zero), below);
    return pair_where(cx, pair_is_zero(cx, x), at_zero, p);
}

static void import_pairs(Cx *cx, Value **in, Value **out)
{
    DType t = in[0]->type.dtype, part = dtype_part(t);
    Pair x = split(cx, in[0]), y = split(cx, in[1]), r;
    if (!x.re || !y.re) return;
    if (in[1]->type.dtype != t) {
        fail(cx, "the operands differ in type: %s and %s", type_string(cx, &in[0]->type),
             type_string(cx, &in[1]->type));
        return;
    }
    Value *zero_x = pair_is_zero(cx, x), *zero_y = pair_is_zero(cx, y);
    Pair zero = pair_real(cx, scalar(cx, part, 0));
    switch (cx->op->arg) {
    case MUL: r = pair_mul(cx, x, y); break;
    case MUL_NO_NAN: r = pair_where(cx, zero_y, zero, pair_mul(cx, x, y)); break;
    case SQUARED_DIFFERENCE: {
        Pair d = pair_sub(cx, x, y);
        r = pair_mul(cx, d, pair_conj(cx, d));
        break;
    }
    case DIV: r = pair_div(cx, x, y); break;
    case DIV_NO_NAN: r = pair_where(cx, zero_y, zero, pair_div(cx, x, y)); break;
    case XDIVY: r = pair_where(cx, zero_x, zero, pair_div(cx, x, y)); break;
    case POW: r = narrowed(cx, pair_pow(cx, widened(cx, x), widened(cx, y)), part); break;
    default: {
        PairFn *log = complex_function(cx->op->arg == XLOGY ? FN_LOG : FN_LOG1P);
        r = pair_where(cx, zero_x, zero, pair_mul(cx, x, narrowed(cx, log(cx, widened(cx, y)), part)));
    }
    }
    out[0] = join(cx, r);
}

static void import_function(Cx *cx, Value **in, Value **out)
{
    DType part = dtype_part(in[0]->type.dtype);
    Pair z = widened(cx, split(cx, in[0]));
    if (z.re && z.im) out[0] = join(cx, narrowed(cx, complex_function(cx->op->arg)(cx, z), part));
}

static void import_square(Cx *cx, Value **in, Value **out)
{
    Pair z = split(cx, in[0]);
    out[0] = join(cx, pair_mul(cx, z, z));
}

static void import_conjugated(Cx *cx, Value **in, Value **out)
{
    run_base(cx, in, out);
    if (out[0]) out[0] = join(cx, pair_conj(cx, split(cx, out[0])));
}

static void import_norm(Cx *cx, Value **in, Value **out)
{
    Value *args[2] = {pair_abs(cx, split(cx, in[0])), in[1]};
    if (!args[0]) return;
    run_base(cx, args, out);
    if (out[0]) out[0] = join(cx, pair_real(cx, out[0]));
}

static void import_reciprocal(Cx *cx, Value **in, Value **out)
{
    Pair z = split(cx, in[0]);
    if (z.re) out[0] = join(cx, pair_div(cx, pair_real(cx, scalar(cx, z.re->type.dtype, 1)), z));
}

/* z / |z|, 0 of 0 */
static void import_sign(Cx *cx, Value **in, Value **out)
{
    Pair z = split(cx, in[0]);
    if (!z.re) return;
    Value *size = pair_abs(cx, z);
    Pair unit = {ir_binary(&cx->b, OP_div, z.re, size), ir_binary(&cx->b, OP_div, z.im, size)};
    out[0] = join(cx, pair_where(cx, pair_is_zero(cx, z), z, unit));
}

static void import_equal(Cx *cx, Value **in, Value **out)
{
    Pair x = split(cx, in[0]), y = split(cx, in[1]);
    if (!x.re || !y.re) return;
    OpCode each = (OpCode)cx->op->arg, both = each == OP_equal ? OP_logical_and : OP_logical_or;
    out[0] =
        ir_binary(&cx->b, both, ir_binary(&cx->b, each, x.re, y.re), ir_binary(&cx->b, each, x.im, y.im));
}

static void import_cast(Cx *cx, Value **in, Value **out)
{
    DType to = get_type(cx, "DstT", 0);
    if (!cx->failed && need_attr(cx, "DstT")) out[0] = complex_cast(cx, in[0], to);
}

/* -- Products along dimensions --------------------------------------------------------------------------- */
static Value *piece(Cx *cx, Value *v, int axis, Dim from, Dim n)
{
    return slice_axis(cx, v, axis, from, n);
}

static Pair pair_piece(Cx *cx, Pair p, int axis, Dim from, Dim n)
{
    return (Pair){piece(cx, p.re, axis, from, n), piece(cx, p.im, axis, from, n)};
}

static Pair pair_concat(Cx *cx, Pair a, Pair b, int axis)
{
    return (Pair){concat(cx, (Value *[]){a.re, b.re}, 2, axis), concat(cx, (Value *[]){a.im, b.im}, 2, axis)};
}

static bool multiply(Cx *cx, const void *arg, Value *t, Value *const *var, Value **next)
{
    int axis = *(const int *)arg;
    Pair z = {gather(cx, var[2], t, axis, 0), gather(cx, var[3], t, axis, 0)};
    if (!z.re || !z.im) return false;
    z = pair_mul(cx, (Pair){var[0], var[1]}, z);
    next[0] = z.re, next[1] = z.im, next[2] = var[2], next[3] = var[3];
    return z.re && z.im;
}

static Pair product_of_open(Cx *cx, Pair p, int axis)
{
    Dim dim[IR_MAX_RANK], size = p.re->type.dim[axis];
    int rank = p.re->type.rank, left = 0;
    DType t = p.re->type.dtype;
    for (int d = 0; d < rank; d++)
        if (d != axis) dim[left++] = p.re->type.dim[d];
    Value *var[4] = {broadcast(cx, scalar(cx, t, 1), dim, left), broadcast(cx, scalar(cx, t, 0), dim, left),
                     p.re, p.im};
    if (!counted_loop(cx, size_value(cx, size, JITC_INT64), var, 4, multiply, &axis)) return (Pair){0};
    memcpy(dim, p.re->type.dim, sizeof dim);
    dim[axis] = 1;
    return (Pair){ir_reshape(&cx->b, var[0], dim, rank), ir_reshape(&cx->b, var[1], dim, rank)};
}

/* One axis, by halves where its size is known; it stays with size 1. */
static Pair product_along(Cx *cx, Pair p, int axis)
{
    if (!dim_known(p.re->type.dim[axis])) return product_of_open(cx, p, axis);
    int64_t n = p.re->type.dim[axis];
    if (n == 0) {
        Dim dim[IR_MAX_RANK];
        int rank = p.re->type.rank;
        DType t = p.re->type.dtype;
        memcpy(dim, p.re->type.dim, sizeof dim);
        dim[axis] = 1;
        return (Pair){broadcast(cx, scalar(cx, t, 1), dim, rank), broadcast(cx, scalar(cx, t, 0), dim, rank)};
    }
    for (; n > 1 && p.re && p.im; n = (n + 1) / 2) {
        int64_t half = n / 2;
        Pair q = pair_mul(cx, pair_piece(cx, p, axis, 0, half), pair_piece(cx, p, axis, half, half));
        p = n % 2 ? pair_concat(cx, q, pair_piece(cx, p, axis, n - 1, 1), axis) : q;
    }
    return p;
}

static void import_prod(Cx *cx, Value **in, Value **out)
{
    int64_t given[64];
    bool over[IR_MAX_RANK] = {false}, keep = get_bool(cx, "keep_dims", false);
    int n = known_ints(cx, in[1], "the axes", given, 64), rank = in[0]->type.rank, left = 0;
    if (n < 0 || cx->failed) return;
    Pair p = split(cx, in[0]);
    for (int i = 0; i < n; i++) {
        int axis = check_axis(cx, given[i], "the axis", rank);
        if (axis < 0 || !p.re) return;
        if (over[axis]) {
            fail(cx, "axis %d is given twice", axis);
            return;
        }
        over[axis] = true;
        p = product_along(cx, p, axis);
    }
    Value *z = join(cx, p);
    if (!z || keep) {
        out[0] = z;
        return;
    }
    Dim dim[IR_MAX_RANK];
    for (int d = 0; d < rank; d++)
        if (!over[d]) dim[left++] = z->type.dim[d];
    out[0] = ir_reshape(&cx->b, z, dim, left);
}

static bool fixed_size(Cx *cx, const Value *v, int axis)
{
    if (dim_known(v->type.dim[axis])) return true;
    fail(cx, "products of complex numbers along an open dimension are not supported: fix it (--shape)");
    return false;
}

/* Doubling steps: after each, an element has the product of twice as many before it. */
static void import_cumprod(Cx *cx, Value **in, Value **out)
{
    bool exclusive = get_bool(cx, "exclusive", false), reverse = get_bool(cx, "reverse", false);
    int axis = known_axis(cx, in[1], "the axis", in[0]->type.rank);
    if (axis < 0 || cx->failed) return;
    Value *z = in[0];
    AttrArg axes = at_is("axes", (int64_t[]){axis}, 1);
    if (reverse) z = ir_v(&cx->b, OP_reverse, IN(z), &axes, 1);
    Pair p = split(cx, z);
    if (!p.re || !fixed_size(cx, p.re, axis)) return;
    int64_t n = p.re->type.dim[axis];
    if (exclusive && n) {
        Dim dim[IR_MAX_RANK];
        memcpy(dim, p.re->type.dim, sizeof dim);
        dim[axis] = 1;
        DType t = p.re->type.dtype;
        Pair one = {broadcast(cx, scalar(cx, t, 1), dim, p.re->type.rank),
                    broadcast(cx, scalar(cx, t, 0), dim, p.re->type.rank)};
        p = n == 1 ? one : pair_concat(cx, one, pair_piece(cx, p, axis, 0, n - 1), axis);
    }
    for (int64_t by = 1; by < n && p.re && p.im; by *= 2) {
        Pair q = pair_mul(cx, pair_piece(cx, p, axis, 0, n - by), pair_piece(cx, p, axis, by, n - by));
        p = pair_concat(cx, pair_piece(cx, p, axis, 0, by), q, axis);
    }
    z = join(cx, p);
    out[0] = z && reverse ? ir_v(&cx->b, OP_reverse, IN(z), &axes, 1) : z;
}

/* -- The table --------------------------------------------------------------------------------- */
static const TfOp variants[] = {
    {"Add", import_by_parts, 2, 0, 1, 0},
    {"AddV2", import_by_parts, 2, 0, 1, 0},
    {"AddN", import_by_parts, 1, -1, 1, 0},
    {"Sub", import_by_parts, 2, 0, 1, 0},
    {"Neg", import_by_parts, 1, 0, 1, 0},
    {"BiasAdd", import_by_parts, 2, 0, 1, 0},
    {"BiasAddV1", import_by_parts, 2, 0, 1, 0},
    {"Sum", import_by_parts, 2, 0, 1, 0},
    {"Mean", import_by_parts, 2, 0, 1, 0},
    {"Cumsum", import_by_parts, 2, 0, 1, 0},
    {"InplaceAdd", import_by_parts, 3, 0, 1, 0},
    {"InplaceSub", import_by_parts, 3, 0, 1, 0},
    {"ExtractImagePatches", import_by_parts, 1, 0, 1, 0},
    {"SegmentSum", import_by_parts, 2, 0, 1, 0},
    {"SegmentMean", import_by_parts, 2, 0, 1, 0},
    {"UnsortedSegmentSum", import_by_parts, 3, 0, 1, 0},
    {"Bincount", import_by_parts, 3, 0, 1, 0},
    {"DenseBincount", import_by_parts, 3, 0, 1, 0},
    {"MatMul", import_bilinear, 2, 0, 1, CONJ_NONE},
    {"BatchMatMul", import_bilinear, 2, 0, 1, CONJ_ADJ},
    {"BatchMatMulV2", import_bilinear, 2, 0, 1, CONJ_ADJ},
    {"BatchMatMulV3", import_bilinear, 2, 0, 1, CONJ_ADJ},
    {"Einsum", import_bilinear, 1, -1, 1, CONJ_NONE},
    {"SparseTensorDenseMatMul", import_bilinear, 4, 0, 1, CONJ_SPARSE},
    {"Mul", import_pairs, 2, 0, 1, MUL},
    {"MulNoNan", import_pairs, 2, 0, 1, MUL_NO_NAN},
    {"SquaredDifference", import_pairs, 2, 0, 1, SQUARED_DIFFERENCE},
    {"Div", import_pairs, 2, 0, 1, DIV},
    {"RealDiv", import_pairs, 2, 0, 1, DIV},
    {"DivNoNan", import_pairs, 2, 0, 1, DIV_NO_NAN},
    {"Xdivy", import_pairs, 2, 0, 1, XDIVY},
    {"Xlogy", import_pairs, 2, 0, 1, XLOGY},
    {"Xlog1py", import_pairs, 2, 0, 1, XLOG1PY},
    {"Pow", import_pairs, 2, 0, 1, POW},
    {"ConjugateTranspose", import_conjugated, 2, 0, 1, 0},
    {"EuclideanNorm", import_norm, 2, 0, 1, 0},
    {"Square", import_square, 1, 0, 1, 0},
    {"Reciprocal", import_reciprocal, 1, 0, 1, 0},
    {"Inv", import_reciprocal, 1, 0, 1, 0},
    {"Sign", import_sign, 1, 0, 1, 0},
    {"Exp", import_function, 1, 0, 1, FN_EXP},
    {"Expm1", import_function, 1, 0, 1, FN_EXPM1},
    {"Log", import_function, 1, 0, 1, FN_LOG},
    {"Log1p", import_function, 1, 0, 1, FN_LOG1P},
    {"Sqrt", import_function, 1, 0, 1, FN_SQRT},
    {"Rsqrt", import_function, 1, 0, 1, FN_RSQRT},
    {"Sin", import_function, 1, 0, 1, FN_SIN},
    {"Cos", import_function, 1, 0, 1, FN_COS},
    {"Tan", import_function, 1, 0, 1, FN_TAN},
    {"Sinh", import_function, 1, 0, 1, FN_SINH},
    {"Cosh", import_function, 1, 0, 1, FN_COSH},
    {"Tanh", import_function, 1, 0, 1, FN_TANH},
    {"Sigmoid", import_function, 1, 0, 1, FN_SIGMOID},
    {"Asin", import_function, 1, 0, 1, FN_ASIN},
    {"Acos", import_function, 1, 0, 1, FN_ACOS},
    {"Atan", import_function, 1, 0, 1, FN_ATAN},
    {"Asinh", import_function, 1, 0, 1, FN_ASINH},
    {"Acosh", import_function, 1, 0, 1, FN_ACOSH},
    {"Atanh", import_function, 1, 0, 1, FN_ATANH},
    {"Equal", import_equal, 2, 0, 1, OP_equal},
    {"NotEqual", import_equal, 2, 0, 1, OP_not_equal},
    {"Cast", import_cast, 1, 0, 1, 0},
    {"Cholesky", import_complex_cholesky, 1, 0, 1, 0},
    {"BatchCholesky", import_complex_cholesky, 1, 0, 1, 0},
    {"MatrixInverse", import_embedded, 1, 0, 1, 0},
    {"BatchMatrixInverse", import_embedded, 1, 0, 1, 0},
    {"MatrixSolve", import_embedded, 2, 0, 1, 0},
    {"BatchMatrixSolve", import_embedded, 2, 0, 1, 0},
    {"MatrixTriangularSolve", import_complex_triangular_solve, 2, 0, 1, 0},
    {"BatchMatrixTriangularSolve", import_complex_triangular_solve, 2, 0, 1, 0},
    {"Qr", import_complex_qr, 1, 0, 2, 0},
    {"Lu", import_complex_lu, 1, 0, 2, 0},
    {"MatrixDeterminant", import_complex_determinant, 1, 0, 1, 0},
    {"BatchMatrixDeterminant", import_complex_determinant, 1, 0, 1, 0},
    {"LogMatrixDeterminant", import_complex_determinant, 1, 0, 2, 0},
    {"Prod", import_prod, 2, 0, 1, 0},
    {"Cumprod", import_cumprod, 2, 0, 1, 0},
    {0},
};

static const TfOp *variant_of(const TfOp *op)
{
    for (const TfOp *v = variants; v->name; v++)
        if (strcmp(v->name, op->name) == 0) return v;
    return NULL;
}

void run_importer(Cx *cx, Value **in, uint32_t nin, Value **out)
{
    const TfOp *op = cx->op, *variant = NULL;
    for (uint32_t i = 0; i < nin && !variant; i++)
        if (in[i] && dtype_is_complex(in[i]->type.dtype)) variant = variant_of(op);
    if (variant) cx->op = variant;
    cx->op->import(cx, in, out);
    cx->op = op;
}
