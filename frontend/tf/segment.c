/* Sums and the like over the rows of each segment. */
#include <math.h>

#include "frontend/tf/tf.h"

enum { SUM, PROD, MIN, MAX, MEAN, SQRT_N, WITH_ROWS = 8 };
static const char *const hows[] = {"add", "mul", "last_min", "last_max", "add", "add"};

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}

/* What changes nothing: 0, 1, the largest or the lowest number. */
static Value *neutral(Cx *cx, DType t, int how)
{
    if (how == PROD) return scalar(cx, t, 1);
    if (how != MIN && how != MAX) return scalar(cx, t, 0);
    Value *low = lowest(cx, t);
    if (how == MAX || !low) return low;
    return dtype_is_float(t) ? ir_unary(&cx->b, OP_neg, low) : bi(cx, OP_sub, ir_const_i(&cx->b, t, -1), low);
}

static Value *combined(Cx *cx, const char *how, Value *first, Value *x, Value *ids, Dim rows, bool skip)
{
    Dim dim[IR_MAX_RANK] = {rows};
    memcpy(dim + 1, x->type.dim + 1, (size_t)(x->type.rank - 1) * sizeof *dim);
    return scatter(cx, how, filled(cx, first, dim, x->type.rank), index_column(cx, ids), x, skip);
}

/* The rows of each segment, as a column beside a tensor of x's rank. */
static Value *counts(Cx *cx, const Type *x, Value *ids, Dim rows, DType t)
{
    Dim dim[IR_MAX_RANK] = {rows};
    Value *one = filled(cx, scalar(cx, t, 1), ids->type.dim, 1);
    Value *n = one ? combined(cx, "add", scalar(cx, t, 0), one, ids, rows, false) : NULL;
    for (int d = 1; d < x->rank; d++) dim[d] = 1;
    return n ? ir_reshape(&cx->b, n, dim, x->rank) : NULL;
}

static void import_unsorted(Cx *cx, Value **in, Value **out)
{
    Dim rows;
    Value *ids = index_operand(cx, in[1]);
    if (!ids || known_dims(cx, in[2], "the number of segments", &rows, 1) != 1) return;
    int rank = ids->type.rank;
    if (in[0]->type.rank < rank) {
        fail(cx, "data %s has fewer dimensions than the segment ids %s", type_string(cx, &in[0]->type),
             type_string(cx, &ids->type));
        return;
    }
    Value *x = flattened(cx, in[0], rank);
    ids = flattened(cx, ids, rank);
    if (!x || !ids) return;
    int how = cx->op->arg;
    out[0] = combined(cx, hows[how], neutral(cx, x->type.dtype, how), x, ids, rows, true);
}

/* Half precision is summed as float. */
static Value *segments(Cx *cx, Value *x, Value *ids, int how, Dim rows)
{
    DType t = x->type.dtype;
    bool half = dtype_is_float(t) && dtype_size(t) == 2;
    if (half) x = ir_cast(&cx->b, x, JITC_FLOAT32);
    if (!x) return NULL;
    bool extreme = how == MIN || how == MAX;
    Value *first = extreme && dtype_is_float(t) ? scalar(cx, x->type.dtype, how == MIN ? INFINITY : -INFINITY)
                                                : neutral(cx, x->type.dtype, how);
    Value *v = combined(cx, hows[how], first, x, ids, rows, false);
    if (!v) return NULL;
    if (how != SUM && how != PROD) {
        DType real = x->type.dtype;
        Value *n = counts(cx, &x->type, ids, rows, real), *none = scalar(cx, real, 0);
        Value *some = bi(cx, OP_maximum, n, scalar(cx, real, 1));
        if (how == MEAN) v = bi(cx, OP_div, v, some);
        if (how == SQRT_N) v = some ? bi(cx, OP_div, v, ir_unary(&cx->b, OP_sqrt, some)) : NULL;
        if (extreme) { /* without rows: zeros */
            Value *empty = bi(cx, OP_equal, n, none), *zeros = filled(cx, none, v->type.dim, v->type.rank);
            empty = empty ? broadcast(cx, empty, v->type.dim, v->type.rank) : NULL;
            v = empty && zeros ? ir_v(&cx->b, OP_select, IN(empty, zeros, v), NO_ATTRS) : NULL;
        }
    }
    return v && half ? ir_cast(&cx->b, v, t) : v;
}

static void sorted(Cx *cx, Value *x, Value *ids, Value *number, Value **out)
{
    int how = cx->op->arg & ~WITH_ROWS;
    Dim rows, n = ids->type.dim[0];
    if (!sizes_match(cx, n, x->type.dim[0])) {
        fail(cx, "segment ids %s do not fit data %s", type_string(cx, &ids->type), type_string(cx, &x->type));
        return;
    }
    if (number ? known_dims(cx, number, "the number of segments", &rows, 1) != 1
               : !rows_needed(cx, ids, &rows))
        return;
    Value *v = segments(cx, x, ids, how, rows);
    out[0] = v ? checked(cx, v, ascending(cx, ids, false)) : NULL;
}

static void import_segment(Cx *cx, Value **in, Value **out)
{
    Value *ids = index_operand(cx, in[1]);
    if (ids && need_rank(cx, in[0], "data", 1, IR_MAX_RANK) && need_rank(cx, ids, "segment ids", 1, 1))
        sorted(cx, in[0], ids, NULL, out);
}

static void import_sparse_segment(Cx *cx, Value **in, Value **out)
{
    Value *at = index_operand(cx, in[1]), *ids = index_operand(cx, in[2]);
    if (!at || !ids || !need_rank(cx, in[0], "data", 1, IR_MAX_RANK) || !need_rank(cx, at, "indices", 1, 1) ||
        !need_rank(cx, ids, "segment ids", 1, 1))
        return;
    Value *x = gather(cx, in[0], at, 0, 0);
    if (x) sorted(cx, x, ids, cx->op->arg & WITH_ROWS ? in[3] : NULL, out);
}

const TfOp tf_segment_ops[] = {
    {"UnsortedSegmentSum", import_unsorted, 3, 0, 1, SUM},
    {"UnsortedSegmentProd", import_unsorted, 3, 0, 1, PROD},
    {"UnsortedSegmentMin", import_unsorted, 3, 0, 1, MIN},
    {"UnsortedSegmentMax", import_unsorted, 3, 0, 1, MAX},
    {"SegmentSum", import_segment, 2, 0, 1, SUM},
    {"SegmentProd", import_segment, 2, 0, 1, PROD},
    {"SegmentMin", import_segment, 2, 0, 1, MIN},
    {"SegmentMax", import_segment, 2, 0, 1, MAX},
    {"SegmentMean", import_segment, 2, 0, 1, MEAN},
    {"SparseSegmentSum", import_sparse_segment, 3, 0, 1, SUM},
    {"SparseSegmentMean", import_sparse_segment, 3, 0, 1, MEAN},
    {"SparseSegmentSqrtN", import_sparse_segment, 3, 0, 1, SQRT_N},
    {"SparseSegmentSumWithNumSegments", import_sparse_segment, 4, 0, 1, SUM | WITH_ROWS},
    {"SparseSegmentMeanWithNumSegments", import_sparse_segment, 4, 0, 1, MEAN | WITH_ROWS},
    {"SparseSegmentSqrtNWithNumSegments", import_sparse_segment, 4, 0, 1, SQRT_N | WITH_ROWS},
    {0},
};
