#include "ir/ops/common.h"

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    return dims_binary(m, op, out, n, dim_min, DIMS_ANY);
}

const OpDef op_minimum = {
    .name = "minimum",
    .doc = "the smaller; NaN wins, then the first operand",
    .kind = KIND_MAP,
    .commutative = true,
    .nin = 2,
    .nout = 1,
    .infer = infer_map,
    .eval = eval_map_ordered,
    .map = {.f2 = min_f, .i2 = min_i},
    .simplify = simplify_same_operands,
    .dims = dims,
};
