/* The kernel for convolutions of few input channels (a network's first) reads rows without bounds checks, so
 * that its padding is an op of its own. */
#include "passes/util.h"

enum { FEW = 4 };

bool pass_padsplit(Module *m, PassCx *cx)
{
    (void)cx;
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    bool changed = false;
    for (uint32_t k = 0; k < r.n; k++)
        ir_each_op (op, r.at[k]) {
            if (op->code != OP_conv || attr_i(op, "groups") != 1 || !op->out[0]->nuses) continue;
            Dim cin = op->in[1]->type.dim[2];
            const Dim *lo = attr_v(op, "pad_lo", NULL), *hi = attr_v(op, "pad_hi", NULL);
            if (!dim_known(cin) || cin > FEW || !(lo[0] || lo[1] || hi[0] || hi[1])) continue;
            Builder b = builder_at(m, op);
            Value *x = ir_v(&b, OP_pad, IN(op->in[0]),
                            AT(at_ds("lo", (Dim[]){0, lo[0], lo[1], 0}, 4),
                               at_ds("hi", (Dim[]){0, hi[0], hi[1], 0}, 4), at_f("value", 0)));
            Value *y = ir_v(&b, OP_conv, IN(x, op->in[1]),
                            AT(at_is("strides", attr_v(op, "strides", NULL), 2),
                               at_is("dilations", attr_v(op, "dilations", NULL), 2),
                               at_ds("pad_lo", (Dim[]){0, 0}, 2), at_ds("pad_hi", (Dim[]){0, 0}, 2)));
            must_replace(m, op->out[0], y);
            changed = true;
        }
    return changed;
}
