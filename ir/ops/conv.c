#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    /* The filter may be packed. */
    if (!takes(cx, op, 0, TAKE_NUM) || !same_dtype(cx, op, 0, 1) || !takes_rank(cx, op, 0, 4, 4) ||
        !takes_rank(cx, op, 1, 4, 4) || !ints_in_range(cx, op, "strides", 2, 1, WINDOW_MAX) ||
        !ints_in_range(cx, op, "dilations", 2, 1, WINDOW_MAX) ||
        !pads_in_range(cx, op, "pad_lo", 2, WINDOW_MAX) || !pads_in_range(cx, op, "pad_hi", 2, WINDOW_MAX))
        return false;
    const Type *x = in_type(op, 0), *w = in_type(op, 1);
    const int64_t *strides = attr_v(op, "strides", NULL), *dilations = attr_v(op, "dilations", NULL);
    const Dim *lo = attr_v(op, "pad_lo", NULL), *hi = attr_v(op, "pad_hi", NULL);
    int64_t groups = attr_i(op, "groups");
    if (w->layout == LAYOUT_PANEL)
        return infer_fail(cx, "the filter is packed as a matrix: %s", type_text(cx, w));
    if (groups < 1 || groups > WINDOW_MAX)
        return infer_fail(cx, "the number of groups must be positive, not %lld", (long long)groups);
    if (!dims_agree(cx, x->dim[3], dim_mul(cx->m, w->dim[2], groups)))
        return infer_fail(cx, "input depth must be the filter's depth times %lld groups: input %s, filter %s",
                          (long long)groups, type_text(cx, x), type_text(cx, w));
    if (dim_known(w->dim[3]) && w->dim[3] % groups)
        return infer_fail(cx, "output depth must be a multiple of %lld groups: filter %s", (long long)groups,
                          type_text(cx, w));
    if (w->dim[0] == 0 || w->dim[1] == 0)
        return infer_fail(cx, "filter must not be empty: %s", type_text(cx, w));
    Dim dim[4] = {x->dim[0], 0, 0, w->dim[3]};
    for (int d = 0; d < 2; d++)
        dim[1 + d] = window_size(cx->m, x->dim[1 + d], w->dim[d], dilations[d], strides[d], lo[d], hi[d]);
    *out = type_make(x->dtype, 4, dim);
    return result_fits(cx, out);
}

/* acc[o] += Σ x[group of o] * w[·][o] for one filter tap; w starts at element `at`. */
static void tap_floats(const Tensor *w, int64_t at, const double *x, int64_t cin, int64_t cout,
                       int64_t groups, double *acc, double *row)
{
    const float *f = w->type.dtype == JITC_FLOAT32 ? (const float *)w->data : NULL;
    int64_t ci = cin / groups, co = cout / groups;
    for (int64_t c = 0; c < ci; c++, at += cout) {
        if (!f) load_f(w, at, 1, cout, row);
        for (int64_t g = 0; g < groups; g++) {
            double v = x[g * ci + c], *a = acc + g * co;
            if (f) {
                for (int64_t o = 0; o < co; o++) a[o] += v * f[at + g * co + o];
            } else {
                for (int64_t o = 0; o < co; o++) a[o] += v * row[g * co + o];
            }
        }
    }
}

static void tap_ints(const Tensor *w, int64_t at, const Tensor *in, int64_t from, int64_t cin, int64_t cout,
                     int64_t groups, int64_t *acc)
{
    int64_t ci = cin / groups, co = cout / groups;
    for (int64_t c = 0; c < ci; c++, at += cout)
        for (int64_t o = 0; o < cout; o++)
            acc[o] = wrap_add(acc[o], wrap_mul(tensor_i(in, from + o / co * ci + c), tensor_i(w, at + o)));
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    const int64_t *strides = attr_v(cx->op, "strides", NULL), *dilations = attr_v(cx->op, "dilations", NULL);
    const int64_t *dx = in[0].type.dim, *dw = in[1].type.dim;
    int64_t lo[2];
    const int64_t *dim = out->type.dim;
    int64_t groups = attr_i(cx->op, "groups"), cin = dx[3], cout = dw[3], to = 0;
    bool floats = dtype_is_float(in->type.dtype);
    eval_dims(cx, "pad_lo", lo);
    if (type_numel(&out->type) == 0 || cin == 0) return; /* of no channels: zeros */
    double *x = job_array(cx->job, double, cin), *row = job_array(cx->job, double, cout);
    double *acc = job_array(cx->job, double, cout);
    int64_t *iacc = job_array(cx->job, int64_t, cout);
    for (int64_t n = 0; n < dim[0]; n++)
        for (int64_t oy = 0; oy < dim[1]; oy++) {
            job_tick(cx->job);
            for (int64_t ox = 0; ox < dim[2]; ox++, to += cout) {
                for (int64_t o = 0; o < cout; o++) acc[o] = 0, iacc[o] = 0;
                for (int64_t ky = 0; ky < dw[0]; ky++) {
                    int64_t y = oy * strides[0] + ky * dilations[0] - lo[0];
                    if (y < 0 || y >= dx[1]) continue;
                    for (int64_t kx = 0; kx < dw[1]; kx++) {
                        int64_t px = ox * strides[1] + kx * dilations[1] - lo[1];
                        if (px < 0 || px >= dx[2]) continue;
                        int64_t from = ((n * dx[1] + y) * dx[2] + px) * cin,
                                at = (ky * dw[1] + kx) * dw[2] * cout;
                        if (floats) {
                            load_f(&in[0], from, 1, cin, x);
                            tap_floats(&in[1], at, x, cin, cout, groups, acc, row);
                        } else {
                            tap_ints(&in[1], at, &in[0], from, cin, cout, groups, iacc);
                        }
                    }
                }
                if (floats)
                    store_f(out, to, cout, acc);
                else
                    store_i(out, to, cout, iacc);
            }
        }
}

const OpDef op_conv = {
    .name = "conv",
    .doc = "2-D convolution of x[n,h,w,c] with w[kh,kw,c/groups,o]; padding is zeros",
    .kind = KIND_CONTRACT,
    .nin = 2,
    .nout = 1,
    .attrs = {{"strides", ATTR_INTS},
              {"dilations", ATTR_INTS},
              {"pad_lo", ATTR_DIMS},
              {"pad_hi", ATTR_DIMS},
              {"groups", ATTR_INT, true, 1}},
    .infer = infer,
    .eval = eval,
};
