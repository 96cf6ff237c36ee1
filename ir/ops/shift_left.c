#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    return infer_elementwise(cx, op, out, TAKE_INT, 0);
}

/* A distance outside the type counts as the nearest possible one. */
static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int64_t most = 8 * (int64_t)dtype_size(in->type.dtype) - 1;
    bool wide = in->type.dtype == JITC_UINT64;
    (void)cx;
    for (Walk w = walk_broadcast(in, 2, out); w.more; walk_next(&w))
        for (int64_t j = 0; j < w.n; j++) {
            int64_t x = tensor_i(&in[0], w.at[1] + j * w.step[1]),
                    n = tensor_i(&in[1], w.at[2] + j * w.step[2]);
            n = n < 0 ? (wide ? most : 0) : min_i64(n, most);
            tensor_set_i(out, w.at[0] + j, (int64_t)((uint64_t)x << n));
        }
}

const OpDef op_shift_left = {
    .name = "shift_left",
    .doc = "x * 2^y, wrapping; y is clamped to the bits of the type",
    .kind = KIND_MAP,
    .nin = 2,
    .nout = 1,
    .infer = infer,
    .eval = eval,
};
