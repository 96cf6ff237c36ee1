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

/* Element-wise, in vectors where rows are long. */
static Vec combine(Gen *g, const char *how, Vec a, Vec b)
{
    if (strcmp(how, "add") == 0) return v_add(g, a, b);
    if (strcmp(how, "sub") == 0) return v_sub(g, a, b);
    if (strcmp(how, "mul") == 0) return v_mul(g, a, b);
    bool last = strncmp(how, "last_", 5) == 0, min = strcmp(last ? how + 5 : how, "min") == 0;
    Vec kept = last ? b : a, other = last ? a : b;
    return v_select(g, v_cmp(g, min ? CMP_LT : CMP_GT, other, kept), other, kept);
}

static void combine_row(const Routine *r, const char *how, Ival to, Ival from, Ival n)
{
    Gen *g = r->g;
    DType t = r_out(r, 0)->dtype, c = carrier(t);
    Ival whole = i_mul(g, i_div(g, n, ival(LANES)), ival(LANES));
    for (int wide = 1; wide >= 0; wide--) {
        int lanes = wide ? LANES : 1;
        FOR (g, i, wide ? ival(0) : whole, wide ? whole : n, ival(lanes)) {
            Ival at = i_add(g, to, i.i);
            Vec a = widen(g, v_load(g, r->out[0], at, c, lanes), t);
            Vec b = widen(g, v_load(g, r->in[2], i_add(g, from, i.i), c, lanes), t);
            v_store(g, r->out[0], at, narrow(g, combine(g, how, a, b), t));
        }
    }
}

void emit_scatter(Routine *r, Ival unit)
{
    Gen *g = r->g;
    const Type *t = r_out(r, 0), *index = r_in(r, 1);
    const char *how = attr_s(r->op, "how");
    int k = (int)index->dim[1];
    (void)unit; /* there is one: rows of one place follow each other */
    r_start_with_operand(r);
    Ival row = r_numel(r, t, k, t->rank);
    FOR (g, i, ival(0), r_dim(r, index, 0), ival(1)) {
        Ival first = i_mul(g, i.i, ival(k)), at = ival(0);
        Cond inside = c_const(true), skip = c_const(false);
        for (int c = 0; c < k; c++) {
            Ival j = r_int(r, 1, i_add(g, first, ival(c))), n = r_dim(r, t, c);
            inside = c_and(g, inside, c_ult(g, j, n));
            if (c == 0 && attr_i(r->op, "skip_negative")) skip = c_lt(g, j, ival(0));
            at = i_add(g, i_mul(g, at, n), j);
        }
        g_report(g, c_not(g, c_or(g, inside, skip)), first);
        IF(g, ok, inside)
        {
            Ival to = i_mul(g, at, row), from = i_mul(g, i.i, row);
            if (strcmp(how, "set") == 0)
                r_copy(r, r->out[0], to, r->in[2], from, row, t->dtype);
            else
                combine_row(r, how, to, from, row);
        }
    }
}
