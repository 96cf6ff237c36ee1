/* A grouped convolution is one convolution per group, on slices of the channels. Depthwise ones have kernels
 * of their own. */
#include "passes/util.h"

enum { MAX_GROUPS = 128 };

static Value *channels(Builder *b, Value *x, int64_t begin, int64_t size)
{
    int64_t rank = x->type.rank, stride[IR_MAX_RANK];
    Dim first[IR_MAX_RANK], dim[IR_MAX_RANK];
    for (int i = 0; i < rank; i++) first[i] = 0, dim[i] = x->type.dim[i], stride[i] = 1;
    first[rank - 1] = begin;
    dim[rank - 1] = size;
    return ir_v(b, OP_slice, IN(x),
                AT(at_ds("begin", first, (int)rank), at_ds("size", dim, (int)rank),
                   at_is("strides", stride, (int)rank)));
}

bool pass_groups(Module *m, PassCx *cx)
{
    (void)cx;
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    bool changed = false;
    for (uint32_t k = 0; k < r.n; k++)
        ir_each_op (op, r.at[k]) {
            if (op->code != OP_conv || !op->out[0]->nuses) continue;
            int64_t groups = attr_i(op, "groups");
            if (groups == 1 || groups > MAX_GROUPS || is_depthwise(op)) continue;
            Dim cin = op->in[0]->type.dim[3], cout = op->in[1]->type.dim[3];
            if (!dim_known(cin) || !dim_known(cout) || op->in[0]->type.layout || op->in[1]->type.layout)
                continue;
            Builder b = builder_at(m, op);
            Value *part[MAX_GROUPS];
            for (int64_t g = 0; g < groups; g++) {
                Value *x = channels(&b, op->in[0], g * (cin / groups), cin / groups);
                Value *w = channels(&b, op->in[1], g * (cout / groups), cout / groups);
                part[g] = ir_v(&b, OP_conv, IN(x, w),
                               AT(at_is("strides", attr_v(op, "strides", NULL), 2),
                                  at_is("dilations", attr_v(op, "dilations", NULL), 2),
                                  at_ds("pad_lo", attr_v(op, "pad_lo", NULL), 2),
                                  at_ds("pad_hi", attr_v(op, "pad_hi", NULL), 2)));
            }
            must_replace(m, op->out[0], ir_v(&b, OP_concat, part, (int)groups, AT(at_i("axis", 3))));
            ir_remark(m, "groups", op->from, "%lld groups, each a convolution of its own", (long long)groups);
            changed = true;
        }
    return changed;
}
