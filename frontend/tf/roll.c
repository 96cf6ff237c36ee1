/* Elements that change places by computed indices: Roll, ReverseSequence, InplaceUpdate and its kin. */
#include "frontend/tf/tf.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}

static Value *num(Cx *cx, int64_t k)
{
    return ir_const_i(&cx->b, INDEX_TYPE, k);
}

/* By a known number of elements: two pieces change places. */
static Value *roll_by(Cx *cx, Value *v, int axis, int64_t shift)
{
    int64_t size = v->type.dim[axis], s = size ? (shift % size + size) % size : 0;
    if (!s) return v;
    Value *part[2] = {slice_axis(cx, v, axis, size - s, s), slice_axis(cx, v, axis, 0, size - s)};
    return part[0] && part[1] ? concat(cx, part, 2, axis) : NULL;
}

static Value *roll_by_data(Cx *cx, Value *v, int axis, Value *shift)
{
    Value *at = iota_vector(cx, INDEX_TYPE, v->type.dim[axis]);
    at = at ? bi(cx, OP_floor_mod, bi(cx, OP_sub, at, shift), size_value(cx, v->type.dim[axis], INDEX_TYPE))
            : NULL;
    return at ? ir_v(&cx->b, OP_gather, IN(v, at), AT(at_i("axis", axis))) : NULL;
}

static void import_roll(Cx *cx, Value **in, Value **out)
{
    enum { MAX = IR_MAX_RANK * 4 };
    Elem shift[MAX];
    int64_t axes[MAX];
    int rank = in[0]->type.rank, n = elems(cx, in[1], "shift", shift, MAX);
    int na = n < 0 ? -1 : known_ints(cx, in[2], "the axes", axes, MAX);
    if (na < 0) return;
    if (n != na) {
        fail(cx, "%d shifts for %d axes", n, na);
        return;
    }
    Value *v = in[0];
    for (int i = 0; i < n && v; i++) {
        int axis = check_axis(cx, axes[i], "the axis", rank);
        int64_t by;
        if (axis < 0) return;
        if (!shift[i].data && dim_const(cx->m, shift[i].dim, &by) && dim_known(v->type.dim[axis]))
            v = roll_by(cx, v, axis, by);
        else
            v = roll_by_data(cx, v, axis, elem_value(cx, &shift[i]));
    }
    out[0] = v;
}

/* The first elements along seq_dim, as many as each batch element's length tells, in reverse order. */
static void import_reverse_sequence(Cx *cx, Value **in, Value **out)
{
    int64_t perm[IR_MAX_RANK], back[IR_MAX_RANK];
    int rank = in[0]->type.rank, n = 0;
    int seq = check_axis(cx, get_int(cx, "seq_dim", 0), "attribute 'seq_dim'", rank);
    int batch = seq < 0 ? -1 : check_axis(cx, get_int(cx, "batch_dim", 0), "attribute 'batch_dim'", rank);
    if (batch < 0 || cx->failed || !need_rank(cx, in[1], "seq_lengths", 1, 1)) return;
    if (seq == batch || !dtype_is_int(in[1]->type.dtype) ||
        !sizes_match(cx, in[1]->type.dim[0], in[0]->type.dim[batch])) {
        fail(cx, "seq_lengths %s do not fit %s", type_string(cx, &in[1]->type),
             type_string(cx, &in[0]->type));
        return;
    }
    perm[n++] = batch;
    perm[n++] = seq;
    for (int d = 0; d < rank; d++)
        if (d != batch && d != seq) perm[n++] = d;
    for (int d = 0; d < rank; d++) back[perm[d]] = d;
    Value *v = transpose(cx, in[0], perm), *i = v ? iota_vector(cx, INDEX_TYPE, v->type.dim[1]) : NULL;
    Value *length = ir_reshape(&cx->b, ir_cast(&cx->b, in[1], INDEX_TYPE), (Dim[]){in[1]->type.dim[0], 1}, 2);
    if (!i || !length) return;
    /* A length that is not possible asks for an element that does not exist. */
    Value *turned = bi(cx, OP_sub, bi(cx, OP_sub, length, num(cx, 1)), i);
    Value *wrong = bi(cx, OP_less, length, num(cx, 0));
    Value *at = select3(cx, bi(cx, OP_logical_or, wrong, bi(cx, OP_less, i, length)), turned, i);
    v = at ? ir_v(&cx->b, OP_gather, IN(v, at), AT(at_i("axis", 1), at_i("batch_dims", 1))) : NULL;
    out[0] = v ? transpose(cx, v, back) : NULL;
}

/* Row k of v in the place of row i[k] of x, the later the stronger; or added to it, or subtracted. Few rows:
 * each is a comparison with all row numbers. */
static void import_inplace(Cx *cx, Value **in, Value **out)
{
    enum { ROWS_MAX = 64 };
    Value *x = in[0], *index = in[1], *v = in[2];
    const Type *t = &x->type;
    int rank = t->rank;
    bool fits = rank && v->type.rank == rank && v->type.dtype == t->dtype && index->type.rank == 1 &&
                dtype_is_int(index->type.dtype);
    for (int d = 1; fits && d < rank; d++) fits = sizes_match(cx, t->dim[d], v->type.dim[d]);
    if (!fits || !sizes_match(cx, index->type.dim[0], v->type.dim[0])) {
        fail(cx, "rows %s at %s do not fit %s", type_string(cx, &v->type), type_string(cx, &index->type),
             type_string(cx, t));
        return;
    }
    Dim rows = v->type.dim[0], column[IR_MAX_RANK];
    if (!dim_known(rows) || rows > ROWS_MAX) {
        fail(cx, "%s rows; at most %d are supported", type_string(cx, &v->type), ROWS_MAX);
        return;
    }
    for (int d = 0; d < rank; d++) column[d] = d ? 1 : t->dim[0];
    Value *at = iota_vector(cx, INDEX_TYPE, t->dim[0]);
    at = at ? ir_reshape(&cx->b, at, column, rank) : NULL;
    index = bi(cx, OP_floor_mod, ir_cast(&cx->b, index, INDEX_TYPE), size_value(cx, t->dim[0], INDEX_TYPE));
    for (Dim k = 0; at && x && k < rows; k++) {
        Value *i = ir_reshape(&cx->b, slice_axis(cx, index, 0, k, 1), NULL, 0);
        Value *row = slice_axis(cx, v, 0, k, 1), *here = bi(cx, OP_equal, at, i);
        if (!row || !here) return;
        if (cx->op->arg != OP_yield) row = bi(cx, (OpCode)cx->op->arg, x, row);
        x = select3(cx, here, row, x);
    }
    if (at) out[0] = x;
}

const TfOp tf_roll_ops[] = {
    {"Roll", import_roll, 3, 0, 1, 0},
    {"ReverseSequence", import_reverse_sequence, 2, 0, 1, 0},
    {"InplaceUpdate", import_inplace, 3, 0, 1, OP_yield},
    {"AliasInplaceUpdate", import_inplace, 3, 0, 1, OP_yield},
    {"InplaceAdd", import_inplace, 3, 0, 1, OP_add},
    {"AliasInplaceAdd", import_inplace, 3, 0, 1, OP_add},
    {"InplaceSub", import_inplace, 3, 0, 1, OP_sub},
    {"AliasInplaceSub", import_inplace, 3, 0, 1, OP_sub},
    {0},
};
