#include "ir/ops/common.h"

static Value *simplify(Builder *b, Op *op)
{
    Value *x = op->in[0];
    if (is_op(x, OP_logical_not)) return x->def->in[0];
    /* Orderings have no such opposite: NaN compares false both ways. */
    if (is_op(x, OP_equal)) return ir_binary(b, OP_not_equal, x->def->in[0], x->def->in[1]);
    if (is_op(x, OP_not_equal)) return ir_binary(b, OP_equal, x->def->in[0], x->def->in[1]);
    return NULL;
}

static int64_t i(int64_t x)
{
    return !x;
}

const OpDef op_logical_not = {
    .name = "logical_not",
    .doc = "not x",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .infer = infer_bool_map,
    .map = {.i1 = i},
    .simplify = simplify,
};
