/* Diagonals and bands of matrices: elements picked by indices that are computed from rows and columns. */
#include "frontend/tf/tf.h"

enum { IDX = JITC_INT64 };

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}

static Value *num(Cx *cx, int64_t k)
{
    return ir_const_i(&cx->b, IDX, k);
}

/* 0, 1, … as a column or as a row of a matrix. */
static Value *axis_index(Cx *cx, Dim n, bool column)
{
    Value *v = iota_vector(cx, IDX, n);
    return v && column ? ir_reshape(&cx->b, v, (Dim[]){n, 1}, 2) : v;
}

static Dim min0(Cx *cx, Dim size, int64_t k)
{
    return k < 0 ? dim_sub(cx->m, size, -k) : size;
}

/* The range of diagonals [k0, k1]: one number or two. */
static bool diagonals(Cx *cx, Value *k, int64_t range[2], bool *one)
{
    int n = known_ints(cx, k, "k", range, 2);
    if (n == 1) range[1] = range[0];
    *one = range[0] == range[1];
    if (n > 0 && range[0] > range[1])
        fail(cx, "k is [%lld,%lld]: the first must not be larger", (long long)range[0], (long long)range[1]);
    else if (n == 0)
        fail(cx, "k must not be empty");
    else if (n > 0 && (range[0] < -INT32_MAX || range[1] > INT32_MAX))
        fail(cx, "k is out of range");
    return n > 0 && !cx->failed;
}

static bool diagonals_exist(Cx *cx, const int64_t range[2], Dim rows, Dim cols)
{
    for (int i = 0; i < 2; i++) {
        bool low = dim_known(rows) && range[i] <= -rows, high = dim_known(cols) && range[i] >= cols;
        if (range[i] == 0 || !(low || high)) continue;
        fail(cx, "there is no diagonal %lld", (long long)range[i]);
        return false;
    }
    return true;
}

/* How many elements the longest diagonal of the range has. */
static Dim longest(Cx *cx, const int64_t range[2], Dim rows, Dim cols)
{
    return dim_min(cx->m, min0(cx, rows, range[1]), min0(cx, cols, -range[0]));
}

typedef struct {
    int64_t range[2]; /* of diagonals */
    bool one;         /* diagonals have no dimension of their own */
    bool left_super, left_sub;
    Dim rows, cols, length; /* of the matrix, and of the rows that hold diagonals */
    Value *vrows, *vcols, *vlength;
} Band;

static void band_sizes(Cx *cx, Band *b)
{
    b->vrows = size_value(cx, b->rows, IDX);
    b->vcols = size_value(cx, b->cols, IDX);
    b->vlength = size_value(cx, b->length, IDX);
}

static bool alignment(Cx *cx, Band *b, int version)
{
    static const char *const names[] = {"RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT"};
    const char *align = version < 3 ? "LEFT_LEFT" : get_str(cx, "align", "RIGHT_LEFT");
    int i = 0;
    while (i < 4 && strcmp(align, names[i]) != 0) i++;
    if (i == 4) fail(cx, "align '%s' is not possible", align);
    b->left_super = i == 1 || i == 2;
    b->left_sub = i == 0 || i == 2;
    return !cx->failed;
}

/* The number of elements of diagonal k, and where in its row it begins. */
static Value *diagonal_offset(Cx *cx, const Band *b, Value *k, Value **length)
{
    Value *below = bi(cx, OP_minimum, k, num(cx, 0)), *above = bi(cx, OP_maximum, k, num(cx, 0));
    *length = bi(cx, OP_minimum, bi(cx, OP_add, b->vrows, below), bi(cx, OP_sub, b->vcols, above));
    if (b->left_super && b->left_sub) return num(cx, 0);
    Value *right = bi(cx, OP_sub, b->vlength, *length);
    if (!b->left_super && !b->left_sub) return right;
    Value *left = bi(cx, b->left_super ? OP_greater_equal : OP_less_equal, k, num(cx, 0));
    return ir_v(&cx->b, OP_select, IN(left, num(cx, 0), right), NO_ATTRS);
}

/* The last two dimensions as one. */
static Value *flatten2(Cx *cx, Value *v)
{
    Dim dim[IR_MAX_RANK];
    int rank = v->type.rank;
    memcpy(dim, v->type.dim, sizeof dim);
    dim[rank - 2] = dims_product(cx, v->type.dim + rank - 2, 2);
    return ir_reshape(&cx->b, v, dim, rank - 1);
}

/* Where `valid`, the element of v's last dimension that `index` tells, else `other`. */
static Value *pick(Cx *cx, Value *v, Value *index, Value *valid, Value *other)
{
    if (!v || !index || !valid) return NULL;
    Dim dim[IR_MAX_RANK];
    int axis = v->type.rank - 1, rank = axis + index->type.rank;
    if (rank > IR_MAX_RANK) {
        fail(cx, "the result has rank %d; at most %d is supported", rank, IR_MAX_RANK);
        return NULL;
    }
    memcpy(dim, v->type.dim, sizeof dim);
    memcpy(dim + axis, index->type.dim, index->type.rank * sizeof *dim);
    if (v->type.dim[axis] == 0) return broadcast(cx, other, dim, rank);
    if (!dim_known(v->type.dim[axis])) { /* a run may find it empty: one element more can always be read */
        Dim lo[IR_MAX_RANK] = {0}, hi[IR_MAX_RANK] = {0};
        hi[axis] = 1;
        v = ir_v(&cx->b, OP_pad, IN(v),
                 AT(at_ds("lo", lo, axis + 1), at_ds("hi", hi, axis + 1), at_f("value", 0)));
        if (!v) return NULL;
    }
    index = ir_v(&cx->b, OP_select, IN(valid, index, num(cx, 0)), NO_ATTRS);
    Value *x = index ? ir_v(&cx->b, OP_gather, IN(v, index), AT(at_i("axis", axis))) : NULL;
    return x ? ir_v(&cx->b, OP_select, IN(valid, x, other), NO_ATTRS) : NULL;
}

static bool fits_padding(Cx *cx, const Value *x, const Value *padding)
{
    if (x->type.dtype != padding->type.dtype) fail(cx, "padding_value and the input differ in type");
    return !cx->failed && need_rank(cx, padding, "padding_value", 0, 0);
}

static void import_diag_part(Cx *cx, Value **in, Value **out)
{
    int version = cx->op->arg, rank = in[0]->type.rank;
    Band b = {.one = true};
    if (!need_rank(cx, in[0], "the input", 2, IR_MAX_RANK) || !alignment(cx, &b, version)) return;
    if (version > 1 && (!diagonals(cx, in[1], b.range, &b.one) || !fits_padding(cx, in[0], in[2]))) return;
    b.rows = in[0]->type.dim[rank - 2];
    b.cols = in[0]->type.dim[rank - 1];
    if (!diagonals_exist(cx, b.range, b.rows, b.cols)) return;
    b.length = longest(cx, b.range, b.rows, b.cols);
    band_sizes(cx, &b);
    Dim count = b.range[1] - b.range[0] + 1;
    Value *row = axis_index(cx, count, true), *at = axis_index(cx, b.length, false), *length;
    if (!row || !at) return;
    Value *k = bi(cx, OP_sub, num(cx, b.range[1]), row), *offset = diagonal_offset(cx, &b, k, &length);
    at = bi(cx, OP_sub, at, offset);
    Value *valid =
        bi(cx, OP_logical_and, bi(cx, OP_greater_equal, at, num(cx, 0)), bi(cx, OP_less, at, length));
    Value *r = bi(cx, OP_sub, at, bi(cx, OP_minimum, k, num(cx, 0)));
    Value *c = bi(cx, OP_add, at, bi(cx, OP_maximum, k, num(cx, 0)));
    Value *index = bi(cx, OP_add, bi(cx, OP_mul, r, b.vcols), c);
    Value *padding = version > 1 ? in[2] : scalar(cx, in[0]->type.dtype, 0);
    Value *v = pick(cx, flatten2(cx, in[0]), index, valid, padding);
    if (!v) return;
    Dim dim[IR_MAX_RANK];
    memcpy(dim, v->type.dim, sizeof dim);
    dim[rank - 2] = b.length;
    out[0] = b.one ? ir_reshape(&cx->b, v, dim, rank - 1) : v;
}

/* The diagonals in the form [..., elements], each matrix's one after the other; checks their number. */
static Value *flat_diagonals(Cx *cx, const Band *b, Value *v)
{
    int64_t count = b->range[1] - b->range[0] + 1;
    int rank = v->type.rank;
    if (b->one) return v;
    if (rank < 2 || (dim_known(v->type.dim[rank - 2]) && v->type.dim[rank - 2] != count)) {
        fail(cx, "%s has not the %lld diagonals that k tells", type_string(cx, &v->type), (long long)count);
        return NULL;
    }
    return flatten2(cx, v);
}

/* A matrix with the diagonals of the band, and `other` elsewhere. */
static Value *with_diagonals(Cx *cx, const Band *b, Value *diagonal, Value *other)
{
    Value *r = axis_index(cx, b->rows, true), *c = axis_index(cx, b->cols, false), *length;
    if (!r || !c || !diagonal) return NULL;
    Value *k = bi(cx, OP_sub, c, r), *offset = diagonal_offset(cx, b, k, &length);
    Value *valid = bi(cx, OP_logical_and, bi(cx, OP_greater_equal, k, num(cx, b->range[0])),
                      bi(cx, OP_less_equal, k, num(cx, b->range[1])));
    Value *row = bi(cx, OP_mul, bi(cx, OP_sub, num(cx, b->range[1]), k), b->vlength);
    Value *index = bi(cx, OP_add, bi(cx, OP_add, row, offset), bi(cx, OP_minimum, r, c));
    return pick(cx, diagonal, index, valid, other);
}

static bool negative(Cx *cx, Dim d)
{
    int64_t v;
    return dim_const(cx->m, d, &v) && v < 0;
}

/* num_rows and num_cols: given, or -1. */
static bool matrix_size(Cx *cx, Band *b, Value *rows, Value *cols)
{
    Module *m = cx->m;
    Dim least[2] = {dim_add(m, b->length, max_i64(-b->range[1], 0)),
                    dim_add(m, b->length, max_i64(b->range[0], 0))};
    Dim given[2];
    if (known_dims(cx, rows, "num_rows", &given[0], 1) < 1 ||
        known_dims(cx, cols, "num_cols", &given[1], 1) < 1)
        return false;
    bool open[2] = {negative(cx, given[0]), negative(cx, given[1])};
    b->rows = open[0] ? open[1] ? dim_max(m, least[0], least[1]) : least[0] : given[0];
    b->cols = open[1] ? open[0] ? b->rows : least[1] : given[1];
    bool too_small =
        negative(cx, dim_sub(m, b->rows, least[0])) || negative(cx, dim_sub(m, b->cols, least[1]));
    bool fits = !dim_known(b->rows) || !dim_known(b->cols) || !dim_known(b->length) || (open[0] && open[1]) ||
                b->rows == least[0] || b->cols == least[1];
    if (fits && !too_small) return true;
    fail(cx, "num_rows, num_cols and k do not fit the diagonals");
    return false;
}

static void import_matrix_diag(Cx *cx, Value **in, Value **out)
{
    int version = cx->op->arg, rank = in[0]->type.rank;
    Band b = {.one = true};
    if (!need_rank(cx, in[0], "the diagonal", 1, IR_MAX_RANK) || !alignment(cx, &b, version)) return;
    if (version > 1 && (!diagonals(cx, in[1], b.range, &b.one) || !fits_padding(cx, in[0], in[4]))) return;
    b.length = b.rows = b.cols = in[0]->type.dim[rank - 1];
    Value *flat = flat_diagonals(cx, &b, in[0]);
    if (!flat || (version > 1 && !matrix_size(cx, &b, in[2], in[3]))) return; /* k may lie outside */
    band_sizes(cx, &b);
    out[0] = with_diagonals(cx, &b, flat, version > 1 ? in[4] : scalar(cx, in[0]->type.dtype, 0));
}

static void import_set_diag(Cx *cx, Value **in, Value **out)
{
    int version = cx->op->arg, rank = in[0]->type.rank, drank = in[1]->type.rank;
    Band b = {.one = true};
    if (!need_rank(cx, in[0], "the input", 2, IR_MAX_RANK) || !alignment(cx, &b, version)) return;
    if (version > 1 && !diagonals(cx, in[2], b.range, &b.one)) return;
    b.rows = in[0]->type.dim[rank - 2];
    b.cols = in[0]->type.dim[rank - 1];
    if (!diagonals_exist(cx, b.range, b.rows, b.cols)) return;
    Value *flat = drank == rank - b.one ? flat_diagonals(cx, &b, in[1]) : NULL;
    b.length = longest(cx, b.range, b.rows, b.cols);
    bool fits = in[0]->type.dtype == in[1]->type.dtype && flat;
    for (int d = 0; fits && d < rank - 2; d++)
        fits = in[0]->type.dim[d] == in[1]->type.dim[d] || !dim_known(in[0]->type.dim[d]) ||
               !dim_known(in[1]->type.dim[d]);
    Dim have = drank ? in[1]->type.dim[drank - 1] : 0;
    if (!fits || (dim_known(have) && dim_known(b.length) && have != b.length)) {
        if (!cx->failed)
            fail(cx, "the diagonals %s do not fit %s", type_string(cx, &in[1]->type),
                 type_string(cx, &in[0]->type));
        return;
    }
    band_sizes(cx, &b);
    out[0] = with_diagonals(cx, &b, flat, in[0]);
}

/* One more than is to be dropped may be asked for; what is below 0 keeps all. */
static Value *band_limit(Cx *cx, Value *v, Value *size, const char *what, Value **ok)
{
    if (!need_rank(cx, v, what, 0, 0)) return NULL;
    v = ir_cast(&cx->b, v, IDX);
    *ok = v ? bi(cx, OP_less_equal, v, size) : NULL;
    return v;
}

static void import_band_part(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0], *ok[2];
    int rank = x->type.rank;
    if (!need_rank(cx, x, "the input", 2, IR_MAX_RANK)) return;
    Value *rows = size_value(cx, x->type.dim[rank - 2], IDX),
          *cols = size_value(cx, x->type.dim[rank - 1], IDX);
    Value *lower = band_limit(cx, in[1], rows, "num_lower", &ok[0]);
    Value *upper = lower ? band_limit(cx, in[2], cols, "num_upper", &ok[1]) : NULL;
    Value *r = axis_index(cx, x->type.dim[rank - 2], true), *c = axis_index(cx, x->type.dim[rank - 1], false);
    if (!upper || !r || !c) return;
    Value *fine = bi(cx, OP_logical_and, ok[0], ok[1]);
    const Tensor *known = ir_reveal(cx->m, fine);
    if (known && !tensor_i(known, 0)) {
        fail(cx, "num_lower or num_upper is larger than the matrices of %s", type_string(cx, &x->type));
        return;
    }
    if (!known) lower = checked_as(cx, lower, fine, "num_lower or num_upper is larger than the matrix");
    Value *k = bi(cx, OP_sub, c, r);
    Value *low = bi(cx, OP_logical_or, bi(cx, OP_less, lower, num(cx, 0)),
                    bi(cx, OP_less_equal, ir_unary(&cx->b, OP_neg, k), lower));
    Value *high = bi(cx, OP_logical_or, bi(cx, OP_less, upper, num(cx, 0)), bi(cx, OP_less_equal, k, upper));
    Value *keep = bi(cx, OP_logical_and, low, high);
    if (keep) out[0] = ir_v(&cx->b, OP_select, IN(keep, x, scalar(cx, x->type.dtype, 0)), NO_ATTRS);
}

/* -- Diag, DiagPart: a tensor's dimensions twice --------------------------------------------------------- */
static void import_diag(Cx *cx, Value **in, Value **out)
{
    const Type *t = &in[0]->type;
    if (!need_rank(cx, in[0], "the diagonal", 1, IR_MAX_RANK / 2)) return;
    Dim n = dims_product(cx, t->dim, t->rank), dim[IR_MAX_RANK];
    Value *index = iota_vector(cx, JITC_INT32, n), *flat = ir_reshape(&cx->b, in[0], &n, 1);
    if (!index || !flat) return;
    Value *on = bi(cx, OP_equal, ir_reshape(&cx->b, index, (Dim[]){n, 1}, 2), index);
    Value *v = on ? ir_v(&cx->b, OP_select, IN(on, flat, scalar(cx, t->dtype, 0)), NO_ATTRS) : NULL;
    for (int d = 0; d < 2 * t->rank; d++) dim[d] = t->dim[d % t->rank];
    out[0] = v ? ir_reshape(&cx->b, v, dim, 2 * t->rank) : NULL;
}

static void import_tensor_diag_part(Cx *cx, Value **in, Value **out)
{
    const Type *t = &in[0]->type;
    int half = t->rank / 2;
    bool fits = t->rank && t->rank % 2 == 0;
    for (int d = 0; fits && d < half; d++)
        fits = t->dim[d] == t->dim[half + d] || !dim_known(t->dim[d]) || !dim_known(t->dim[half + d]);
    if (!fits) {
        fail(cx, "%s does not have its dimensions twice", type_string(cx, t));
        return;
    }
    Dim n = dims_product(cx, t->dim, half);
    Value *index = iota_vector(cx, JITC_INT32, n), *v = ir_reshape(&cx->b, in[0], (Dim[]){n, n}, 2);
    if (!index || !v) return;
    v = ir_v(&cx->b, OP_gather, IN(v, index), AT(at_i("axis", 1), at_i("batch_dims", 1)));
    out[0] = v ? ir_reshape(&cx->b, v, t->dim, half) : NULL;
}

const TfOp tf_matdiag_ops[] = {
    {"MatrixDiag", import_matrix_diag, 1, 0, 1, 1},
    {"MatrixDiagV2", import_matrix_diag, 5, 0, 1, 2},
    {"MatrixDiagV3", import_matrix_diag, 5, 0, 1, 3},
    {"BatchMatrixDiag", import_matrix_diag, 1, 0, 1, 1},
    {"MatrixDiagPart", import_diag_part, 1, 0, 1, 1},
    {"MatrixDiagPartV2", import_diag_part, 3, 0, 1, 2},
    {"MatrixDiagPartV3", import_diag_part, 3, 0, 1, 3},
    {"BatchMatrixDiagPart", import_diag_part, 1, 0, 1, 1},
    {"MatrixSetDiag", import_set_diag, 2, 0, 1, 1},
    {"MatrixSetDiagV2", import_set_diag, 3, 0, 1, 2},
    {"MatrixSetDiagV3", import_set_diag, 3, 0, 1, 3},
    {"BatchMatrixSetDiag", import_set_diag, 2, 0, 1, 1},
    {"MatrixBandPart", import_band_part, 3, 0, 1, 0},
    {"BatchMatrixBandPart", import_band_part, 3, 0, 1, 0},
    {"Diag", import_diag, 1, 0, 1, 0},
    {"DiagPart", import_tensor_diag_part, 1, 0, 1, 0},
    {0},
};
