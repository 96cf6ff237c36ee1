/* An explicit zero padding of the image becomes the convolution's own. Convolutions of few channels stay:
 * their kernel reads whole rows without bounds checks (see padsplit). */
#include "passes/util.h"

static bool spatial_zero_pad(const Op *pad)
{
    if (pad->out[0]->type.rank != 4 || attr_f(pad, "value") != 0) return false;
    const Dim *lo = attr_v(pad, "lo", NULL), *hi = attr_v(pad, "hi", NULL);
    for (int i = 0; i < 4; i++) {
        if (lo[i] > 4096 || hi[i] > 4096) return false;
        if ((i == 0 || i == 3) && (lo[i] || hi[i])) return false;
    }
    return true;
}

static Value *with_padding(Builder *b, const Op *conv, Value *x, const Dim *lo, const Dim *hi)
{
    return ir_v(b, OP_conv, IN(x, conv->in[1]),
                AT(at_is("strides", attr_v(conv, "strides", NULL), 2),
                   at_is("dilations", attr_v(conv, "dilations", NULL), 2), at_ds("pad_lo", lo, 2),
                   at_ds("pad_hi", hi, 2), at_i("groups", attr_i(conv, "groups"))));
}

static bool fold_pad(Module *m, Op *op)
{
    if (!is_op(op->in[0], OP_pad)) return false;
    Op *pad = op->in[0]->def;
    if (!spatial_zero_pad(pad)) {
        ir_remark(m, "padfold", op->from, "not folded: the padding is not zeros around the image");
        return false;
    }
    Dim cin = op->in[1]->type.dim[2];
    if (attr_i(op, "groups") == 1 && (!dim_known(cin) || cin < 8)) return false;
    const Dim *lo = attr_v(pad, "lo", NULL), *hi = attr_v(pad, "hi", NULL);
    const Dim *l = attr_v(op, "pad_lo", NULL), *h = attr_v(op, "pad_hi", NULL);
    Dim low[2], high[2];
    for (int i = 0; i < 2; i++) low[i] = dim_add(m, l[i], lo[1 + i]), high[i] = dim_add(m, h[i], hi[1 + i]);
    Builder b = builder_at(m, op);
    b.from = ir_from_union(m, op->from, pad->from);
    return replace(m, op->out[0], with_padding(&b, op, pad->in[0], low, high));
}

/* Rows and columns cut from the edges of a result are not computed, where the padding allows. */
static bool fold_crop(Module *m, Op *op)
{
    Value *y = op->in[0];
    if (!is_op(y, OP_conv) || !one_use(y) || !op->out[0]->nuses) return false;
    if (y->def->parent != op->parent) return false; /* not into a loop */
    Op *conv = y->def;
    const Dim *begin = attr_v(op, "begin", NULL), *size = attr_v(op, "size", NULL);
    const int64_t *step = attr_v(op, "strides", NULL), *s = attr_v(conv, "strides", NULL);
    Dim lo[2], hi[2];
    for (int i = 0; i < 4; i++) {
        if (step[i] != 1 || !dim_known(begin[i])) return false;
        if (i == 0 || i == 3) {
            if (begin[i] != 0 || size[i] != y->type.dim[i]) return false;
            continue;
        }
        if (s[i - 1] != 1 || !dim_known(size[i]) || !dim_known(y->type.dim[i])) return false;
        lo[i - 1] = attr_v(conv, "pad_lo", NULL)[i - 1];
        hi[i - 1] = attr_v(conv, "pad_hi", NULL)[i - 1];
        if (!dim_known(lo[i - 1]) || !dim_known(hi[i - 1])) return false;
        lo[i - 1] -= begin[i];
        hi[i - 1] -= y->type.dim[i] - begin[i] - size[i];
        if (lo[i - 1] < 0 || hi[i - 1] < 0) return false;
    }
    Builder b = builder_at(m, op);
    b.from = ir_from_union(m, op->from, conv->from);
    Value *v = with_padding(&b, conv, conv->in[0], lo, hi);
    return v && dims_equal(&v->type, &op->out[0]->type) && replace(m, op->out[0], v);
}

bool pass_padfold(Module *m, PassCx *cx)
{
    (void)cx;
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    bool changed = false;
    for (uint32_t k = 0; k < r.n; k++)
        ir_each_op (op, r.at[k]) {
            if (op->code == OP_conv) changed |= fold_pad(m, op);
            if (op->code == OP_slice && op->in[0]->type.rank == 4) changed |= fold_crop(m, op);
        }
    return changed;
}
