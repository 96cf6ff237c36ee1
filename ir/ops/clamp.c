#include "ir/ops/common.h"

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    (void)cx;
    bool floats = dtype_is_float(in->type.dtype);
    int64_t flip = in->type.dtype == JITC_UINT64 ? INT64_MIN : 0;
    for (Walk w = walk_broadcast(in, 3, out); w.more; walk_next(&w))
        for (int64_t j = 0; j < w.n; j++) {
            int64_t x = w.at[1] + j * w.step[1], lo = w.at[2] + j * w.step[2], hi = w.at[3] + j * w.step[3];
            if (floats) {
                double v = tensor_f(&in[0], x), low = tensor_f(&in[1], lo), high = tensor_f(&in[2], hi);
                v = high < v ? high : v;
                tensor_set_f(out, w.at[0] + j, low > v ? low : v);
            } else {
                int64_t v = min_i(tensor_i(&in[0], x) ^ flip, tensor_i(&in[2], hi) ^ flip);
                tensor_set_i(out, w.at[0] + j, max_i(v, tensor_i(&in[1], lo) ^ flip) ^ flip);
            }
        }
}

const OpDef op_clamp = {
    .name = "clamp",
    .doc = "x limited to at most hi, then to at least lo (operands x, lo, hi); NaN stays, a NaN limit has no "
           "effect",
    .kind = KIND_MAP,
    .nin = 3,
    .nout = 1,
    .infer = infer_map,
    .eval = eval,
};
