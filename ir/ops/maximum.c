#include "ir/ops/common.h"

static bool dims(Module *m, const Op *op, Dim *out, int n)
{
    return dims_binary(m, op, out, n, dim_max, DIMS_ANY);
}

const OpDef op_maximum = {
    .name = "maximum",
    .doc = "the larger; NaN wins, then the first operand",
    .kind = KIND_MAP,
    .commutative = true,
    .nin = 2,
    .nout = 1,
    .infer = infer_map,
    .eval = eval_map_ordered,
    .map = {.f2 = max_f, .i2 = max_i},
    .simplify = simplify_same_operands,
    .dims = dims,
};
