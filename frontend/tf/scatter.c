/* Rows written at indices: scatters, stitched and inverted indices, sparse tensors, counts. */
#include "frontend/tf/tf.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}

/* -- Shared ------------------------------------------------------------------------------------------- */
Value *filled(Cx *cx, Value *one, const Dim *dim, int rank)
{
    return one ? ir_v(&cx->b, OP_broadcast, IN(one), AT(at_ds("shape", dim, rank))) : NULL;
}

Value *flattened(Cx *cx, Value *v, int dims)
{
    if (!v) return NULL;
    Dim d[IR_MAX_RANK + 1] = {dims_product(cx, v->type.dim, dims)};
    int rest = v->type.rank - dims;
    if (dims == 0 && rest == IR_MAX_RANK) {
        fail(cx, "it has %d dimensions", IR_MAX_RANK);
        return NULL;
    }
    memcpy(d + 1, v->type.dim + dims, (size_t)rest * sizeof *d);
    return dims == 1 ? v : ir_reshape(&cx->b, v, d, 1 + rest);
}

Value *index_column(Cx *cx, Value *v)
{
    if (!v) return NULL;
    Dim d[2] = {dims_product(cx, v->type.dim, v->type.rank), 1};
    return ir_reshape(&cx->b, v, d, 2);
}

Value *all_true(Cx *cx, Value *v)
{
    v = flattened(cx, v, v ? v->type.rank : 0);
    return v ? reduce(cx, OP_reduce_all, v, (int64_t[]){0}, 1, false) : NULL;
}

Value *ascending(Cx *cx, Value *v, bool strictly)
{
    Dim n = v->type.dim[0], less = dim_max(cx->m, dim_sub(cx->m, n, 1), 0);
    if (n == 0 || n == 1) return ir_const_i(&cx->b, JITC_BOOL, 1);
    Value *a = slice_axis(cx, v, 0, 0, less), *b = slice_axis(cx, v, 0, dim_min(cx->m, n, 1), less);
    return all_true(cx, bi(cx, strictly ? OP_less : OP_less_equal, a, b));
}

Value *rows_needed(Cx *cx, Value *index, Dim *rows)
{
    index = flattened(cx, index, index ? index->type.rank : 0);
    if (!index) return NULL;
    if (index->type.dim[0] == 0) {
        *rows = 0;
        return index;
    }
    Value *most = reduce(cx, OP_reduce_max, ir_cast(&cx->b, index, JITC_INT64), (int64_t[]){0}, 1, false);
    most = bi(cx, OP_maximum, most, ir_const_i(&cx->b, JITC_INT64, -1));
    Value *n = bi(cx, OP_add, most, ir_const_i(&cx->b, JITC_INT64, 1));
    const Tensor *known = n ? ir_reveal(cx->m, n) : NULL;
    if (known) *rows = tensor_i(known, 0);
    if (!n || (!known && known_dims(cx, n, "the number of rows", rows, 1) != 1)) return NULL;
    return index;
}

static bool is_complex(DType t)
{
    return t == JITC_COMPLEX64 || t == JITC_COMPLEX128;
}

Value *scatter(Cx *cx, const char *how, Value *x, Value *index, Value *rows, bool skip_negative)
{
    if (!x || !index || !rows) return NULL;
    int outer = index->type.rank - 1, rank = x->type.rank;
    Dim k = index->type.dim[outer];
    if (!dim_known(k) || k > rank || rows->type.rank != outer + rank - k) {
        fail(cx, "indices %s and updates %s do not fit %s", type_string(cx, &index->type),
             type_string(cx, &rows->type), type_string(cx, &x->type));
        return NULL;
    }
    DType t = x->type.dtype, part = t == JITC_COMPLEX64 ? JITC_FLOAT32 : JITC_FLOAT64;
    bool set = strcmp(how, "set") == 0, pairs = is_complex(t) && !set;
    if (pairs && strcmp(how, "add") != 0 && strcmp(how, "sub") != 0) {
        fail(cx, "complex numbers cannot be combined by %s", how);
        return NULL;
    }
    if (t == JITC_BOOL && !set) { /* a sum of bools is true when one of them is */
        x = ir_cast(&cx->b, x, JITC_UINT8);
        rows = ir_cast(&cx->b, rows, JITC_UINT8);
        how = "max";
    }
    if (pairs) {
        x = ir_v(&cx->b, OP_bitcast, IN(x), AT(at_t("to", part)));
        rows = x ? ir_v(&cx->b, OP_bitcast, IN(rows), AT(at_t("to", part))) : NULL;
        if (!rows) return NULL;
    }
    bool fits = true;
    for (int d = 0; d < rows->type.rank; d++)
        fits = fits && sizes_match(cx, d < outer ? index->type.dim[d] : x->type.dim[d - outer + k],
                                   rows->type.dim[d]);
    if (!fits) {
        fail(cx, "indices %s and updates %s do not fit %s", type_string(cx, &index->type),
             type_string(cx, &rows->type), type_string(cx, &x->type));
        return NULL;
    }
    if (index->type.rank != 2) index = flattened(cx, index, outer);
    if (outer != 1) rows = flattened(cx, rows, outer);
    if (!x || !index || !rows) return NULL;
    Value *v = ir_v(&cx->b, OP_scatter, IN(x, index, rows),
                    AT(at_s("how", how), at_b("skip_negative", skip_negative)));
    if (v && pairs) v = ir_v(&cx->b, OP_bitcast, IN(v), AT(at_t("to", t)));
    return v && v->type.dtype != t ? ir_cast(&cx->b, v, t) : v;
}

/* -- Scatters ----------------------------------------------------------------------------------------- */
enum { SET, ADD, SUB, MIN, MAX };
static const char *const hows[] = {"set", "add", "sub", "min", "max"};

static bool good_policy(Cx *cx)
{
    const char *policy = get_str(cx, "bad_indices_policy", "");
    if (cx->failed || !policy || !*policy || !strcmp(policy, "DEFAULT") || !strcmp(policy, "ERROR"))
        return !cx->failed;
    fail(cx, "bad_indices_policy '%s' is not supported", policy);
    return false;
}

static void import_tensor_scatter(Cx *cx, Value **in, Value **out)
{
    Value *index = index_operand(cx, in[1]);
    if (!index || !need_rank(cx, index, "indices", 1, IR_MAX_RANK) || !good_policy(cx)) return;
    out[0] = scatter(cx, hows[cx->op->arg], in[0], index, in[2], false);
}

static void import_scatter_nd(Cx *cx, Value **in, Value **out)
{
    Dim dim[IR_MAX_RANK];
    Value *index = index_operand(cx, in[0]);
    if (!index || !need_rank(cx, index, "indices", 1, IR_MAX_RANK) || !good_policy(cx)) return;
    int rank = known_dims(cx, in[2], "the shape", dim, IR_MAX_RANK);
    if (rank < 0) return;
    out[0] = scatter(cx, "add", filled(cx, scalar(cx, in[1]->type.dtype, 0), dim, rank), index, in[1], false);
}

/* -- Indices ------------------------------------------------------------------------------------------ */
static void import_invert_permutation(Cx *cx, Value **in, Value **out)
{
    Value *x = index_operand(cx, in[0]);
    if (!x || !need_rank(cx, x, "the permutation", 1, 1)) return;
    Value *places = iota_vector(cx, x->type.dtype, x->type.dim[0]);
    Value *y = scatter(cx, "set", filled(cx, scalar(cx, x->type.dtype, 0), x->type.dim, 1),
                       index_column(cx, x), places, false);
    if (!y) return;
    /* Twice the same number leaves a place that says otherwise. */
    out[0] = checked(cx, y, all_true(cx, bi(cx, OP_equal, gather(cx, y, x, 0, 0), places)));
}

static void import_stitch(Cx *cx, Value **in, Value **out)
{
    uint32_t n = cx->node->ninputs / 2;
    Value **index = job_array(cx->job, Value *, n + 1), **rows = job_array(cx->job, Value *, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        int rank = in[i]->type.rank;
        index[i] = index_operand(cx, in[i]);
        if (!index[i]) return;
        if (in[n + i]->type.rank < rank) {
            fail(cx, "data %s has fewer dimensions than its indices %s", type_string(cx, &in[n + i]->type),
                 type_string(cx, &in[i]->type));
            return;
        }
        index[i] = flattened(cx, index[i], rank);
        rows[i] = flattened(cx, in[n + i], rank);
        if (!index[i] || !rows[i]) return;
    }
    Dim dim[IR_MAX_RANK];
    Value *all = concat(cx, index, n, 0), *data = concat(cx, rows, n, 0);
    if (!all || !data || !rows_needed(cx, all, dim)) return;
    int rank = data->type.rank;
    memcpy(dim + 1, data->type.dim + 1, (size_t)(rank - 1) * sizeof *dim);
    Value *zeros = filled(cx, scalar(cx, data->type.dtype, 0), dim, rank);
    out[0] = scatter(cx, "set", zeros, index_column(cx, all), data, false);
}

static void import_sparse_to_dense(Cx *cx, Value **in, Value **out)
{
    Dim dim[IR_MAX_RANK];
    Value *index = index_operand(cx, in[0]), *values = in[2];
    int rank = known_dims(cx, in[1], "the shape", dim, IR_MAX_RANK);
    bool check = get_bool(cx, "validate_indices", true);
    if (rank < 0 || !index || cx->failed || !need_rank(cx, index, "indices", 0, 2) ||
        !need_rank(cx, values, "the values", 0, 1) || !need_rank(cx, in[3], "the default", 0, 0))
        return;
    if (index->type.rank < 2) index = index_column(cx, index);
    Dim n = index ? index->type.dim[0] : 0;
    if (values->type.rank == 0) values = filled(cx, values, &n, 1);
    if (!index || index->type.dim[1] != rank) {
        fail(cx, "indices %s do not fit a result of rank %d", index ? type_string(cx, &index->type) : "",
             rank);
        return;
    }
    Value *v = scatter(cx, "set", filled(cx, in[3], dim, rank), index, values, false);
    if (check && v && n != 0 && n != 1) {
        Value *line = NULL;
        index = ir_cast(&cx->b, index, JITC_INT64);
        for (int d = 0; d < rank && index; d++) {
            Value *c = slice_axis(cx, index, 1, d, 1);
            Value *size = size_value(cx, dim[d], JITC_INT64);
            line = line ? bi(cx, OP_add, bi(cx, OP_mul, line, size), c) : c;
        }
        line = flattened(cx, line, 2);
        if (!line) return;
        v = checked(cx, v, ascending(cx, line, true));
    }
    out[0] = v;
}

/* -- Counts ------------------------------------------------------------------------------------------- */
/* A weight for each of the n elements of x: without weights, ones. Only a run may tell which. */
static Value *weights_of(Cx *cx, Value *x, Value *weights)
{
    Dim n = dims_product(cx, x->type.dim, x->type.rank), have;
    Value *one = scalar(cx, weights->type.dtype, 1), *w = flattened(cx, weights, weights->type.rank);
    if (!one || !w) return NULL;
    have = w->type.dim[0];
    if (have == 0) return filled(cx, one, &n, 1);
    if (have == n) return w;
    if (!sizes_match(cx, dim_mul(cx->m, have, have), dim_mul(cx->m, have, n))) {
        fail(cx, "weights %s do not fit %s", type_string(cx, &weights->type), type_string(cx, &x->type));
        return NULL;
    }
    Value *last = size_value(cx, have, JITC_INT64);
    w = concat(cx, IN(w, ir_reshape(&cx->b, one, (Dim[]){1}, 1)), 0);
    Value *at = bi(cx, OP_minimum, iota_vector(cx, JITC_INT64, n), last);
    return w && at ? gather(cx, w, at, 0, 0) : NULL;
}

/* Numbers that are too large count nowhere; negative ones are errors. */
static void import_bincount(Cx *cx, Value **in, Value **out)
{
    bool dense = cx->op->arg, binary = dense && get_bool(cx, "binary_output", false);
    Value *x = index_operand(cx, in[0]), *weights = in[2];
    Dim size;
    if (!x || known_dims(cx, in[1], "the size", &size, 1) != 1 || cx->failed) return;
    if (dense && !need_rank(cx, x, "the input", 0, 2)) return;
    DType t = weights->type.dtype;
    bool rows = dense && x->type.rank == 2;
    x = ir_cast(&cx->b, x, JITC_INT64);
    Value *zero = ir_const_i(&cx->b, JITC_INT64, 0), *limit = size_value(cx, size, JITC_INT64);
    Value *ok = all_true(cx, bi(cx, OP_less_equal, zero, x)), *at = x;
    if (!ok) return;
    if (rows) {
        Value *row = iota_vector(cx, JITC_INT64, x->type.dim[0]);
        row = row ? ir_reshape(&cx->b, row, (Dim[]){x->type.dim[0], 1}, 2) : NULL;
        at = bi(cx, OP_add, x, bi(cx, OP_mul, row, limit));
    }
    at = select3(cx, bi(cx, OP_less, x, limit), at, ir_const_i(&cx->b, JITC_INT64, -1));
    Value *one = scalar(cx, t, 1);
    Dim many = rows ? dim_mul(cx->m, x->type.dim[0], size) : size;
    Dim n = dims_product(cx, x->type.dim, x->type.rank);
    Value *w = binary ? filled(cx, one, &n, 1) : weights_of(cx, x, weights);
    Value *v = scatter(cx, binary ? "set" : "add", filled(cx, scalar(cx, t, 0), &many, 1),
                       index_column(cx, at), w, true);
    v = checked(cx, v, ok);
    out[0] = v && rows ? ir_reshape(&cx->b, v, (Dim[]){x->type.dim[0], size}, 2) : v;
}

const TfOp tf_scatter_ops[] = {
    {"ScatterNd", import_scatter_nd, 3, 0, 1, 0},
    {"TensorScatterUpdate", import_tensor_scatter, 3, 0, 1, SET},
    {"TensorScatterAdd", import_tensor_scatter, 3, 0, 1, ADD},
    {"TensorScatterSub", import_tensor_scatter, 3, 0, 1, SUB},
    {"TensorScatterMin", import_tensor_scatter, 3, 0, 1, MIN},
    {"TensorScatterMax", import_tensor_scatter, 3, 0, 1, MAX},
    {"ScatterNdNonAliasingAdd", import_tensor_scatter, 3, 0, 1, ADD},
    {"InvertPermutation", import_invert_permutation, 1, 0, 1, 0},
    {"DynamicStitch", import_stitch, 2, -1, 1, 0},
    {"ParallelDynamicStitch", import_stitch, 2, -1, 1, 0},
    {"SparseToDense", import_sparse_to_dense, 4, 0, 1, 0},
    {"Bincount", import_bincount, 3, 0, 1, 0},
    {"DenseBincount", import_bincount, 3, 0, 1, 1},
    {0},
};
