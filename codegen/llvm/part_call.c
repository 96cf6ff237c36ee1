#include "codegen/llvm/part_call.h"

#include "codegen/plan/spec.h"

enum { TABLE_BYTES = 512 };

Ival part_dim(Gen *g, int i)
{
    return i_load(g, g_dims(g), ival(i), JITC_INT64);
}

Ival part_ceil(Gen *g, Ival a, Ival b)
{
    return i_div(g, i_sub(g, i_add(g, a, b), ival(1)), b);
}

Ptr part_tables(Gen *g, PartCall *c, Ptr there)
{
    c->g = g;
    c->ptrs = there;
    c->dims = p_bytes(g, there, ival(TABLE_BYTES));
    return p_bytes(g, there, ival(CHAIN_CALL));
}

void part_set_dim(const PartCall *c, int i, Ival v)
{
    i_store(c->g, c->dims, ival(i), JITC_INT64, v);
}

void part_dims(const PartCall *c, const KernelPart *p, int at)
{
    Gen *g = c->g;
    if (p->kernel->nin * 8 + 8 > TABLE_BYTES || p->ndims * 8 > CHAIN_CALL - TABLE_BYTES)
        g_fail(g, "a part with too many arguments");
    FOR (g, d, ival(0), ival(p->ndims), ival(1))
        i_store(g, c->dims, d.i, JITC_INT64, i_load(g, g_dims(g), i_add(g, d.i, ival(at)), JITC_INT64));
}

Ival part_igemm_rows(const PartCall *c, int at, Ival rows)
{
    Gen *g = c->g;
    part_set_dim(c, IG_M, rows);
    return i_mul(g, part_ceil(g, rows, part_dim(g, at + IG_MU)),
                 part_ceil(g, part_ceil(g, part_dim(g, at + IG_N), ival(PANEL)), part_dim(g, at + IG_PU)));
}

void part_ptr(const PartCall *c, int i, Ptr p)
{
    p_store(c->g, c->ptrs, ival(i), p);
}

void part_call(const PartCall *c, const KernelPart *p, Ival units)
{
    g_call_kernel(c->g, p->fn, c->ptrs, c->dims, units, c->scratch);
}
