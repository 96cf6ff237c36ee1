#include "ir/ops/common.h"

static Value *simplify(Builder *b, Op *op)
{
    if (op->in[0] == op->in[1]) return op->in[0];
    if (all_equal(b, op->in[1], 1)) return if_same_type(op->in[0], op);
    if (all_equal(b, op->in[0], 1)) return if_same_type(op->in[1], op);
    return NULL;
}

static int64_t i(int64_t x, int64_t y)
{
    return x && y;
}

const OpDef op_logical_and = {
    .name = "logical_and",
    .doc = "x and y",
    .kind = KIND_MAP,
    .commutative = true,
    .nin = 2,
    .nout = 1,
    .infer = infer_bool_map,
    .map = {.i2 = i},
    .simplify = simplify,
};
