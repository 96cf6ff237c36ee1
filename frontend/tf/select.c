/* What data select: indices of what is not zero, rows that differ, parts. */
#include "frontend/tf/tf.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}

Value *where(Cx *cx, Value *x)
{
    Op *op = x ? ir_op(&cx->b, OP_where, IN(x), NO_ATTRS) : NULL;
    return op ? take_rows(cx, op->out[0], op->out[1]) : NULL;
}

static void import_where(Cx *cx, Value **in, Value **out)
{
    out[0] = where(cx, in[0]);
}

enum { AXIS = 1, COUNTS = 2 };

static void import_unique(Cx *cx, Value **in, Value **out)
{
    int axis = 0;
    Value *x = in[0];
    DType t = get_type(cx, "out_idx", JITC_INT32);
    int64_t given[1];
    int n = cx->op->arg & AXIS ? known_ints(cx, in[1], "the axis", given, 1) : 0;
    if (n < 0 || cx->failed) return;
    if (n) axis = check_axis(cx, given[0], "the axis", x->type.rank);
    if (axis < 0 || (!n && !need_rank(cx, x, "the input", 1, 1))) return;
    int64_t perm[IR_MAX_RANK];
    for (int d = 0; d < x->type.rank; d++) perm[d] = d == 0 ? axis : d <= axis ? d - 1 : d;
    Value *rows = transpose(cx, x, perm);
    Dim dim[2] = {x->type.dim[axis], 1};
    if (!rows) return;
    dim[1] = dims_product(cx, rows->type.dim + 1, rows->type.rank - 1);
    rows = ir_reshape(&cx->b, rows, dim, 2);
    Op *op = rows ? ir_op(&cx->b, OP_unique, IN(rows), NO_ATTRS) : NULL;
    Value *first = op ? take_rows(cx, op->out[0], op->out[3]) : NULL;
    if (!first) return;
    out[0] = gather(cx, x, first, axis, 0);
    out[1] = ir_cast(&cx->b, op->out[1], t);
    if (cx->op->arg & COUNTS) {
        Value *times = take_rows(cx, op->out[2], op->out[3]);
        out[2] = times ? ir_cast(&cx->b, times, t) : NULL;
    }
}

static void import_partition(Cx *cx, Value **in, Value **out)
{
    Value *part = index_operand(cx, in[1]), *x = in[0];
    int64_t n = get_int(cx, "num_partitions", 0);
    if (!part || cx->failed) return;
    int rank = part->type.rank;
    if (x->type.rank < rank) {
        fail(cx, "data %s has fewer dimensions than the partitions %s", type_string(cx, &x->type),
             type_string(cx, &part->type));
        return;
    }
    x = flattened(cx, x, rank);
    part = flattened(cx, part, rank);
    if (!x || !part) return;
    DType t = part->type.dtype;
    Value *low = bi(cx, OP_less_equal, ir_const_i(&cx->b, t, 0), part);
    Value *good = all_true(cx, bi(cx, OP_logical_and, low, bi(cx, OP_less, part, ir_const_i(&cx->b, t, n))));
    x = checked(cx, x, good);
    for (int64_t i = 0; x && i < n; i++) {
        Value *at = where(cx, bi(cx, OP_equal, part, ir_const_i(&cx->b, t, i)));
        at = at ? ir_reshape(&cx->b, at, at->type.dim, 1) : NULL;
        out[i] = at ? gather(cx, x, at, 0, 0) : NULL;
    }
}

/* Each element of x is compared with each one of y. */
static void import_list_diff(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0], *y = in[1];
    DType t = get_type(cx, "out_idx", JITC_INT32);
    if (cx->failed || !need_rank(cx, x, "x", 1, 1) || !need_rank(cx, y, "y", 1, 1)) return;
    Value *a = ir_reshape(&cx->b, x, (Dim[]){x->type.dim[0], 1}, 2),
          *b = ir_reshape(&cx->b, y, (Dim[]){1, y->type.dim[0]}, 2), *same = bi(cx, OP_equal, a, b);
    same = same ? reduce(cx, OP_reduce_any, same, (int64_t[]){1}, 1, false) : NULL;
    Value *at = same ? where(cx, ir_unary(&cx->b, OP_logical_not, same)) : NULL;
    at = at ? ir_reshape(&cx->b, at, at->type.dim, 1) : NULL;
    if (!at) return;
    out[0] = gather(cx, x, at, 0, 0);
    out[1] = ir_cast(&cx->b, at, t);
}

const TfOp tf_select_ops[] = {
    {"Where", import_where, 1, 0, 1, 0},
    {"Unique", import_unique, 1, 0, 2, 0},
    {"UniqueV2", import_unique, 2, 0, 2, AXIS},
    {"UniqueWithCounts", import_unique, 1, 0, 3, COUNTS},
    {"UniqueWithCountsV2", import_unique, 2, 0, 3, AXIS | COUNTS},
    {"DynamicPartition", import_partition, 2, 0, OUT_NUM_PARTITIONS, 0},
    {"ListDiff", import_list_diff, 2, 0, 2, 0},
    {0},
};
