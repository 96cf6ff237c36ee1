/* Writing slices of a tensor. */
#include "codegen/llvm/routines/routine.h"

void emit_update(Routine *r, Ival unit)
{
    Gen *g = r->g;
    const Type *t = r_out(r, 0);
    (void)unit; /* there is one */
    r_start_with_operand(r);
    Ival i = r_int(r, 1, ival(0)), n = r_numel(r, t, 1, t->rank);
    Cond ok = c_ult(g, i, r_dim(r, t, 0));
    g_report(g, c_not(g, ok), ival(0));
    IF(g, in, ok) r_copy(r, r->out[0], i_mul(g, i, n), r->in[2], ival(0), n, t->dtype);
}
