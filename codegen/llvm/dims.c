/* Sizes of a kernel of loops: numbers, or expressions over symbols ?s0, ?s1, …, which the call passes. */
#include <stdlib.h>

#include "codegen/llvm/access.h"
#include "ir/dim.h"

/* Number of a symbol named s0, s1, …; -1: of another name. */
static int symbol_number(const char *name)
{
    char *end;
    long n = name[0] == 's' && name[1] >= '0' && name[1] <= '9' ? strtol(name + 1, &end, 10) : -1;
    return n >= 0 && n < SYMBOLS_MAX && !*end ? (int)n : -1;
}

int dim_symbols(const Module *m)
{
    int n = 0;
    for (uint32_t i = 0; i < dim_count(m); i++) {
        int64_t k;
        Dim d = -(Dim)i - 1;
        if (dim_const(m, d, &k)) continue;
        DimExpr x = dim_parts(m, d);
        int s = x.op == DIM_SYM ? symbol_number(x.name) + 1 : 0;
        if (s > n) n = s;
    }
    return n;
}

/* Floor and remainder of any numbers; of a division by 0 they are 0. */
static Ival floor_div(Eval *e, Ival a, Ival b)
{
    Gen *g = e->g;
    Ival zero = ival(0);
    Cond none = c_eq(g, b, zero), minus = c_lt(g, b, zero);
    a = i_select(g, minus, ix_sub(e, zero, a), a);
    b = i_max(g, ival(1), i_select(g, minus, ix_sub(e, zero, b), b));
    Ival up = i_div(g, i_add(g, i_sub(g, zero, a), i_sub(g, b, ival(1))), b);
    Ival q = i_select(g, c_lt(g, a, zero), i_sub(g, zero, up), i_div(g, a, b));
    return i_select(g, none, zero, q);
}

Ival dim_ival(Eval *e, Dim d)
{
    const Module *m = e->k->m;
    int64_t k;
    if (dim_const(m, d, &k)) return ival(k);
    for (uint32_t i = 0; i < e->dims.n; i++)
        if (e->dims.at[i].d == d) return e->dims.at[i].v;
    DimExpr x = dim_parts(m, d);
    Ival r;
    if (x.op == DIM_SYM) {
        int s = symbol_number(x.name);
        if (s < 0) g_fail(e->g, "a size named '%s'", x.name);
        r = g_dim(e->g, s + (e->k->pitch ? e->k->nin + e->k->nout : 0));
    } else {
        Ival a = dim_ival(e, x.a), b = dim_ival(e, x.b);
        switch (x.op) {
        case DIM_ADD: r = ix_add(e, a, b); break;
        case DIM_MUL: r = ix_mul(e, a, b); break;
        case DIM_DIV: r = floor_div(e, a, b); break;
        case DIM_MOD:
            r = i_select(e->g, c_eq(e->g, b, ival(0)), ival(0),
                         ix_sub(e, a, ix_mul(e, floor_div(e, a, b), b)));
            break;
        case DIM_MIN: r = i_min(e->g, a, b); break;
        default: r = i_max(e->g, a, b);
        }
    }
    if (e->at_entry) vec_push(e->job, &e->dims, (KnownDim){d, r});
    return r;
}

void ival_strides(Eval *e, const Type *t, Ival *stride)
{
    Ival s = ival(1);
    for (int d = t->rank - 1; d >= 0; d--) {
        stride[d] = s;
        s = ix_mul(e, s, dim_ival(e, t->dim[d]));
    }
}

Ival dims_product(Eval *e, const Type *t, int from, int to)
{
    Ival n = ival(1);
    for (int d = from; d < to; d++) n = ix_mul(e, n, dim_ival(e, t->dim[d]));
    return n;
}

Ival dim_divisor(Eval *e, Dim d)
{
    return dim_known(d) ? ival(max_i64(d, 1)) : ix_max(e, dim_ival(e, d), ival(1));
}

static void type_at_entry(Eval *e, const Type *t)
{
    Ival stride[IR_MAX_RANK];
    ival_strides(e, t, stride);
    dims_product(e, t, 0, t->rank);
    for (int d = 0; d < t->rank; d++) dim_divisor(e, t->dim[d]);
}

void eval_begin(Eval *e, Gen *g, const Kernel *k)
{
    *e = (Eval){.g = g, .k = k, .job = k->m->job};
    e->lane = (Lanes){.lanes = 1, .nv = 1, .o = ival(0), .hi = 1};
    e->symbolic = dim_symbols(k->m) > 0;
    if (!e->symbolic) return;
    e->at_entry = true;
    for (uint32_t i = 0; i < k->body->nargs; i++) type_at_entry(e, &k->body->args[i]->type);
    for (const Op *op = k->body->first; op; op = op->next) {
        for (int i = 0; i < op->nout; i++) type_at_entry(e, &op->out[i]->type);
        for (int i = 0; i < IR_MAX_ATTRS && op->def->attrs[i].name; i++)
            for (uint32_t j = 0; op->attrs[i].kind == ATTR_DIMS && j < op->attrs[i].n; j++)
                dim_ival(e, op->attrs[i].v[j]);
    }
    e->at_entry = false;
}
