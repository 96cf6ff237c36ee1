/* Ragged tensors as their parts: rows chosen, and entries as sparse tensors have them. */
#include "frontend/tf/tf.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}

static Value *i64(Cx *cx, int64_t v)
{
    return ir_const_i(&cx->b, JITC_INT64, v);
}

static Value *cast64(Cx *cx, Value *v)
{
    return v ? ir_cast(&cx->b, v, JITC_INT64) : NULL;
}

static Value *at(Cx *cx, Value *v, Value *index)
{
    return v && index ? gather(cx, v, index, 0, 0) : NULL;
}

static Value *part(Cx *cx, Value *v, Dim begin, Dim n)
{
    return v ? slice_axis(cx, v, 0, begin, n) : NULL;
}

static Value *element(Cx *cx, Value *v, Dim i)
{
    Value *e = part(cx, v, i, 1);
    return e ? ir_reshape(&cx->b, e, NULL, 0) : NULL;
}

/* For each place in a row of x, how many elements of the sorted row are at most, or below it. */
static Value *search(Cx *cx, Value *row, Value *x, bool upper)
{
    if (!row || !x) return NULL;
    Dim m = row->type.dim[0], n = x->type.dim[0];
    row = ir_reshape(&cx->b, row, (Dim[]){1, m}, 2);
    x = ir_reshape(&cx->b, x, (Dim[]){1, n}, 2);
    Value *v = row && x ? ir_v(&cx->b, OP_search_sorted, IN(row, x),
                               AT(at_b("upper", upper), at_t("to", JITC_INT64)))
                        : NULL;
    return v ? ir_reshape(&cx->b, v, &n, 1) : NULL;
}

/* One ragged dimension. */
typedef struct {
    Dim rows, n;        /* n values in so many rows */
    Value *row, *place; /* i64 [n]: of each value its row, and its place there */
} Rows;

/* Splits [rows + 1] that n values stand in. */
static bool rows_of_splits(Cx *cx, Value *splits, Dim n, Rows *r)
{
    *r = (Rows){dim_sub(cx->m, splits->type.dim[0], 1), n, NULL, NULL};
    Value *good = bi(cx, OP_logical_and, bi(cx, OP_equal, element(cx, splits, 0), i64(cx, 0)),
                     bi(cx, OP_equal, element(cx, splits, r->rows), size_value(cx, n, JITC_INT64)));
    good = bi(cx, OP_logical_and, good, ascending(cx, splits, false));
    splits = checked_as(cx, splits, good, "the splits do not fit the values");
    Value *each = iota_vector(cx, JITC_INT64, n);
    r->row = bi(cx, OP_sub, search(cx, splits, each, true), i64(cx, 1));
    r->place = bi(cx, OP_sub, each, at(cx, splits, r->row));
    return r->place != NULL;
}

/* Rows of the given lengths: their splits, and what is above. */
static Value *rows_of_lengths(Cx *cx, Value *lengths, Rows *r)
{
    Value *ends = lengths ? ir_v(&cx->b, OP_cumsum, IN(lengths), AT(at_i("axis", 0))) : NULL;
    Value *zero = filled(cx, i64(cx, 0), (Dim[]){1}, 1);
    Value *splits = ends && zero ? concat(cx, (Value *[]){zero, ends}, 2, 0) : NULL;
    if (!splits) return NULL;
    Dim n;
    r->rows = lengths->type.dim[0];
    if (!bind_size(cx, element(cx, splits, r->rows), "the number of values", &n)) return NULL;
    r->n = n;
    Value *each = iota_vector(cx, JITC_INT64, n);
    r->row = bi(cx, OP_sub, search(cx, splits, each, true), i64(cx, 1));
    r->place = bi(cx, OP_sub, each, at(cx, splits, r->row));
    return r->place ? splits : NULL;
}

/* -- To sparse ---------------------------------------------------------------------------------------- */
/* All indices below `dim`, in order: i64 [product, n]. */
static Value *all_indices(Cx *cx, const Dim *dim, int n)
{
    Dim whole = dims_product(cx, dim, n);
    Value *column[IR_MAX_RANK];
    for (int d = 0; d < n; d++) {
        Dim one[IR_MAX_RANK];
        for (int k = 0; k < n; k++) one[k] = k == d ? dim[d] : 1;
        Value *v = iota_vector(cx, JITC_INT64, dim[d]);
        v = v ? ir_reshape(&cx->b, v, one, n) : NULL;
        v = v ? broadcast(cx, v, dim, n) : NULL;
        column[d] = v ? ir_reshape(&cx->b, v, (Dim[]){whole, 1}, 2) : NULL;
        if (!column[d]) return NULL;
    }
    return concat(cx, column, (uint32_t)n, 1);
}

static void import_to_sparse(Cx *cx, Value **in, Value **out)
{
    int levels = (int)cx->node->ninputs - 1;
    Value *values = in[levels], *path = NULL, *size[IR_MAX_RANK];
    int inner = values->type.rank - 1, rank = levels + 1 + inner;
    if (!need_rank(cx, values, "the values", 1, IR_MAX_RANK)) return;
    if (levels < 1 || rank > IR_MAX_RANK) {
        fail(cx, "the result has rank %d; at most %d is supported", rank, IR_MAX_RANK);
        return;
    }
    for (int i = 0; i < levels; i++) {
        if (!need_rank(cx, in[i], "the splits", 1, 1)) return;
        Value *splits = cast64(cx, in[i]);
        Dim n = i + 1 < levels ? dim_sub(cx->m, in[i + 1]->type.dim[0], 1) : values->type.dim[0], widest;
        Rows r;
        if (!splits || !rows_of_splits(cx, splits, n, &r) || !rows_needed(cx, r.place, &widest)) return;
        if (i == 0) size[0] = size_value(cx, r.rows, JITC_INT64);
        size[i + 1] = size_value(cx, widest, JITC_INT64);
        Value *before = i ? at(cx, path, r.row) : index_column(cx, r.row);
        Value *place = index_column(cx, r.place);
        path = before && place ? concat(cx, (Value *[]){before, place}, 2, 1) : NULL;
        if (!path) return;
    }
    Dim n = values->type.dim[0];
    if (inner) { /* what is inside a value is dense */
        Dim each = dims_product(cx, values->type.dim + 1, inner);
        Value *rest = all_indices(cx, values->type.dim + 1, inner);
        Value *a = ir_reshape(&cx->b, path, (Dim[]){n, 1, levels + 1}, 3);
        a = a ? broadcast(cx, a, (Dim[]){n, each, levels + 1}, 3) : NULL;
        Value *b = rest ? broadcast(cx, rest, (Dim[]){n, each, inner}, 3) : NULL;
        path = a && b ? flattened(cx, concat(cx, (Value *[]){a, b}, 2, 2), 2) : NULL;
        for (int d = 0; d < inner; d++)
            size[levels + 1 + d] = size_value(cx, values->type.dim[d + 1], JITC_INT64);
    }
    for (int d = 0; d < rank; d++) size[d] = size[d] ? ir_reshape(&cx->b, size[d], (Dim[]){1}, 1) : NULL;
    for (int d = 0; d < rank; d++)
        if (!size[d]) return;
    out[0] = path;
    out[1] = flattened(cx, values, inner + 1);
    out[2] = concat(cx, size, (uint32_t)rank, 0);
}

/* -- Rows chosen -------------------------------------------------------------------------------------- */
/* Splits of rows that are all `width` long. */
static Value *even_splits(Cx *cx, Dim rows, Dim width, DType t)
{
    Value *v = bi(cx, OP_mul, iota_vector(cx, JITC_INT64, dim_add(cx->m, rows, 1)),
                  size_value(cx, width, JITC_INT64));
    return v ? ir_cast(&cx->b, v, t) : NULL;
}

static void import_ragged_gather(Cx *cx, Value **in, Value **out)
{
    int levels = (int)cx->node->ninputs - 2, given = (int)get_int(cx, "OUTPUT_RAGGED_RANK", 0);
    Value *values = in[levels], *index = index_operand(cx, in[levels + 1]), *end = i64(cx, 1);
    if (!index || cx->failed || !need_rank(cx, index, "indices", 1, IR_MAX_RANK) ||
        !need_rank(cx, values, "the values", 1, IR_MAX_RANK))
        return;
    int outer = index->type.rank - 1;
    if (given != levels + outer) {
        fail(cx, "OUTPUT_RAGGED_RANK is %d, but %d dimensions are ragged", given, levels + outer);
        return;
    }
    for (int i = 0; i < outer; i++)
        out[i] = even_splits(cx, dims_product(cx, index->type.dim, i + 1), index->type.dim[i + 1],
                             in[0]->type.dtype);
    Value *rows = cast64(cx, flattened(cx, index, outer + 1));
    for (int i = 0; i < levels; i++) {
        if (!need_rank(cx, in[i], "the splits", 1, 1)) return;
        Value *splits = cast64(cx, in[i]);
        splits = splits ? checked_as(cx, splits, ascending(cx, splits, false), "the splits are not in order")
                        : NULL;
        Value *first = at(cx, splits, rows),
              *length = bi(cx, OP_sub, at(cx, splits, bi(cx, OP_add, rows, end)), first);
        Rows r;
        Value *made = rows_of_lengths(cx, length, &r);
        if (!made) return;
        out[outer + i] = ir_cast(&cx->b, made, in[i]->type.dtype);
        rows = bi(cx, OP_add, at(cx, first, r.row), r.place);
    }
    out[levels + outer] = at(cx, values, rows);
}

const TfOp tf_ragged_rows_ops[] = {
    {"RaggedGather", import_ragged_gather, 3, -1, OUT_RAGGED, 0},
    {"RaggedTensorToSparse", import_to_sparse, 2, -1, 3, 0},
    {0},
};
