/* Sparse tensors: indices [n, rank], values [n] and a shape. */
#include "frontend/tf/tf.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}

static Value *i64(Cx *cx, int64_t v)
{
    return ir_const_i(&cx->b, JITC_INT64, v);
}

Value *matrix_column(Cx *cx, Value *v, int c)
{
    Value *col = slice_axis(cx, v, 1, c, 1);
    return col ? ir_reshape(&cx->b, col, col->type.dim, 1) : NULL;
}

Value *vector_element(Cx *cx, Value *v, int i)
{
    Value *e = slice_axis(cx, v, 0, i, 1);
    return e ? ir_reshape(&cx->b, e, NULL, 0) : NULL;
}

bool sparse_operands(Cx *cx, Value *index, Value *values, Value *shape)
{
    if (!need_rank(cx, index, "indices", 2, 2) || !need_rank(cx, shape, "the shape", 1, 1) ||
        (values && !need_rank(cx, values, "the values", 1, 1)))
        return false;
    if (sizes_match(cx, index->type.dim[1], shape->type.dim[0]) &&
        (!values || sizes_match(cx, index->type.dim[0], values->type.dim[0])))
        return true;
    fail(cx, "indices %s do not fit %s", type_string(cx, &index->type),
         type_string(cx, values ? &values->type : &shape->type));
    return false;
}

/* Rows of b, times the values, added up where the indices say. */
static void import_matmul(Cx *cx, Value **in, Value **out)
{
    bool adjoint_a = get_bool(cx, "adjoint_a", false), adjoint_b = get_bool(cx, "adjoint_b", false);
    Value *index = index_operand(cx, in[0]), *values = in[1], *b = in[3];
    DType t = b->type.dtype;
    Dim size[2];
    if (cx->failed || !index || !sparse_operands(cx, index, values, in[2]) || !need_rank(cx, b, "b", 2, 2) ||
        known_dims(cx, in[2], "the shape of a", size, 2) < 0)
        return;
    if (!dtype_is_float(t) && !dtype_is_int(t)) {
        fail(cx, "a product of %s is not supported", type_string(cx, &b->type));
        return;
    }
    if (in[2]->type.dim[0] != 2) {
        fail(cx, "a must be a matrix, but its shape is %s", type_string(cx, &in[2]->type));
        return;
    }
    if (adjoint_b) b = ir_transpose(&cx->b, b, (int64_t[]){1, 0});
    if (!b) return;
    Dim rows = size[adjoint_a], inner = size[!adjoint_a];
    if (!sizes_match(cx, inner, b->type.dim[0])) {
        fail(cx, "a has %lld columns, b %lld rows", (long long)inner, (long long)b->type.dim[0]);
        return;
    }
    bool half = dtype_is_float(t) && dtype_size(t) == 2;
    DType sum = half ? JITC_FLOAT32 : t;
    Value *picked = gather(cx, ir_cast(&cx->b, b, sum), matrix_column(cx, index, !adjoint_a), 0, 0);
    Value *factor = ir_reshape(&cx->b, ir_cast(&cx->b, values, sum), (Dim[]){values->type.dim[0], 1}, 2);
    Value *zeros = filled(cx, scalar(cx, sum, 0), (Dim[]){rows, b->type.dim[1]}, 2);
    Value *at = slice_axis(cx, index, 1, adjoint_a, 1);
    Value *v = scatter(cx, "add", zeros, at, bi(cx, OP_mul, picked, factor), false);
    out[0] = v ? ir_cast(&cx->b, v, t) : NULL;
}

Value *sparse_steps(Cx *cx, Value *shape)
{
    return shape ? ir_v(&cx->b, OP_cumprod, IN(shape),
                        AT(at_i("axis", 0), at_b("exclusive", true), at_b("reverse", true)))
                 : NULL;
}

static Value *sum_of(Cx *cx, Value *v, int axis)
{
    return v ? reduce(cx, OP_reduce_sum, v, (int64_t[]){axis}, 1, false) : NULL;
}

static Value *product_of(Cx *cx, Value *v)
{
    return v ? reduce(cx, OP_reduce_prod, v, (int64_t[]){0}, 1, false) : NULL;
}

static void import_reshape_sparse(Cx *cx, Value **in, Value **out)
{
    Value *index = ir_cast(&cx->b, in[0], JITC_INT64), *shape = ir_cast(&cx->b, in[1], JITC_INT64),
          *wanted = ir_cast(&cx->b, in[2], JITC_INT64);
    if (!index || !shape || !wanted || !sparse_operands(cx, index, NULL, shape) ||
        !need_rank(cx, wanted, "the new shape", 1, 1))
        return;
    Value *zero = i64(cx, 0), *one = i64(cx, 1), *open = bi(cx, OP_equal, wanted, i64(cx, -1));
    Value *known = open ? select3(cx, open, one, wanted) : NULL, *whole = product_of(cx, shape);
    Value *rest = bi(cx, OP_div, whole, bi(cx, OP_maximum, product_of(cx, known), one));
    Value *size = rest ? select3(cx, open, rest, wanted) : NULL;
    Value *opens = open ? sum_of(cx, ir_cast(&cx->b, open, JITC_INT64), 0) : NULL;
    Value *ok = bi(cx, OP_logical_and, bi(cx, OP_equal, product_of(cx, size), whole),
                   bi(cx, OP_less_equal, opens, one));
    ok = bi(cx, OP_logical_and, ok, all_true(cx, bi(cx, OP_less_equal, zero, known)));
    /* What is missing cannot be told from nothing. */
    Value *told =
        bi(cx, OP_logical_or, bi(cx, OP_less, zero, product_of(cx, known)), bi(cx, OP_equal, opens, zero));
    size = checked_as(cx, size, bi(cx, OP_logical_and, ok, told), "the new shape does not fit");
    Value *line = sum_of(cx, bi(cx, OP_mul, index, sparse_steps(cx, shape)), 1);
    if (!line || !size) return;
    line = ir_reshape(&cx->b, line, (Dim[]){line->type.dim[0], 1}, 2);
    Value *step = bi(cx, OP_maximum, sparse_steps(cx, size), one);
    out[0] = bi(cx, OP_floor_mod, bi(cx, OP_floor_div, line, step), bi(cx, OP_maximum, size, one));
    out[1] = size;
}

/* Every row gets an entry: its own ones in their order, or the default in column 0. */
static void import_fill_rows(Cx *cx, Value **in, Value **out)
{
    Value *index = ir_cast(&cx->b, in[0], JITC_INT64), *values = in[1], *shape = in[2];
    Dim rows;
    if (!index || !sparse_operands(cx, index, values, shape) || !need_rank(cx, in[3], "the default", 0, 0))
        return;
    Dim n = index->type.dim[0], rank = index->type.dim[1];
    if (!dim_known(rank) || rank == 0) {
        fail(cx, "indices are %s; their rank must be known", type_string(cx, &index->type));
        return;
    }
    if (known_dims(cx, vector_element(cx, shape, 0), "the number of rows", &rows, 1) != 1) return;
    Value *row = matrix_column(cx, index, 0), *zero = i64(cx, 0), *one = i64(cx, 1);
    Value *none = filled(cx, zero, &rows, 1), *ones = filled(cx, one, &n, 1);
    Value *count = row ? scatter(cx, "add", none, index_column(cx, row), ones, false) : NULL;
    Value *empty = bi(cx, OP_equal, count, zero), *room = bi(cx, OP_maximum, count, one);
    if (!empty || !room) return;
    AttrArg before[] = {at_i("axis", 0), at_b("exclusive", true)};
    Value *start = ir_v(&cx->b, OP_cumsum, IN(room), before, 2),
          *was = ir_v(&cx->b, OP_cumsum, IN(count), before, 2);
    /* Where each entry is when they are sorted by row, and how far empty rows before it move it. */
    Op *order = ir_op(&cx->b, OP_top_k, IN(row),
                      AT(at_ds("k", &n, 1), at_t("to", JITC_INT64), at_b("smallest", true)));
    Value *place = order ? scatter(cx, "set", filled(cx, zero, &n, 1), index_column(cx, order->out[1]),
                                   iota_vector(cx, JITC_INT64, n), false)
                         : NULL;
    Value *shift = bi(cx, OP_sub, start, was);
    place = shift ? bi(cx, OP_add, place, gather(cx, shift, row, 0, 0)) : NULL;
    Dim most = dim_add(cx->m, n, rows), dim[2] = {most, rank}, lo[2] = {0}, hi[2] = {0, rank - 1};
    Value *new_at = empty ? index_column(cx, select3(cx, empty, start, i64(cx, -1))) : NULL;
    Value *new_row = index_column(cx, iota_vector(cx, JITC_INT64, rows));
    if (!place || !new_at || !new_row) return;
    if (rank > 1) new_row = ir_v(&cx->b, OP_pad, IN(new_row), AT(at_ds("lo", lo, 2), at_ds("hi", hi, 2)));
    Value *to = index_column(cx, place), *total = sum_of(cx, room, 0);
    Value *all = scatter(cx, "set", filled(cx, zero, dim, 2), new_at, new_row, true);
    all = scatter(cx, "set", all, to, index, false);
    Value *v = scatter(cx, "set", filled(cx, in[3], &most, 1), to, values, false);
    out[0] = take_rows(cx, all, total);
    out[1] = take_rows(cx, v, total);
    out[2] = empty;
    out[3] = place;
}

const TfOp tf_sparse_ops[] = {
    {"SparseTensorDenseMatMul", import_matmul, 4, 0, 1, 0},
    {"SparseReshape", import_reshape_sparse, 3, 0, 2, 0},
    {"SparseFillEmptyRows", import_fill_rows, 4, 0, 4, 0},
    {0},
};
