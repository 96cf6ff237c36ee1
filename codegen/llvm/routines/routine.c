/* What routines share: the table, sizes, elements. */
#include "codegen/llvm/routines/routine.h"

#define ROUTINE(op, fn) [OP_##op] = fn,
static RoutineFn *const routines[OP_COUNT] = {
#include "codegen/llvm/routines/routines.def"
};
#undef ROUTINE

void emit_routine(Gen *g, const Kernel *k)
{
    const Op *op = k->body->first;
    if (!op || op->def->kind != KIND_ROUTINE || !routines[op->code])
        g_fail(g, "no routine for '%s'", op ? op->def->name : "");
    if (op->nin > ROUTINE_OPERANDS || op->nout > ROUTINE_RESULTS)
        g_fail(g, "a routine of %d operands", op->nin);
    Routine r = {.g = g, .op = op, .scratch = g_scratch(g), .eval = job_new(k->m->job, Eval)};
    eval_begin(r.eval, g, k);
    for (int i = 0; i < op->nin; i++) {
        if (op->in[i]->def) g_fail(g, "a routine's operand that is not memory");
        r.in[i] = g_ptr(g, (int)op->in[i]->index);
    }
    for (int i = 0; i < op->nout; i++) r.out[i] = g_ptr(g, k->nin + i);
    FOR (g, u, g_unit0(g), g_unit1(g), ival(1)) routines[op->code](&r, u.i);
}

Ival r_size(const Routine *r, Dim d)
{
    return dim_ival(r->eval, d);
}

Ival r_dim(const Routine *r, const Type *t, int d)
{
    return r_size(r, t->dim[d]);
}

Ival r_numel(const Routine *r, const Type *t, int from, int to)
{
    Ival n = ival(1);
    for (int d = from; d < to; d++) n = i_mul(r->g, n, r_dim(r, t, d));
    return n;
}

Vec r_get(const Routine *r, Ptr p, Ival at, DType t)
{
    return widen(r->g, v_load(r->g, p, at, carrier(t), 1), t);
}

void r_put(const Routine *r, Ptr p, Ival at, DType t, Vec v)
{
    v_store(r->g, p, at, narrow(r->g, v, t));
}

Vec r_round(const Routine *r, Vec v, DType t)
{
    return widen(r->g, narrow(r->g, v, t), t);
}

Ival r_int(const Routine *r, int operand, Ival at)
{
    return i_load(r->g, r->in[operand], at, r_in(r, operand)->dtype);
}

Vec r_i64(const Routine *r, Ival i)
{
    return v_from_i(r->g, i, JITC_INT64);
}

/* Elements as words without a meaning. */
static DType word_of(DType t)
{
    switch (dtype_size(t)) {
    case 1: return JITC_UINT8;
    case 2: return JITC_UINT16;
    case 4: return JITC_UINT32;
    default: return JITC_UINT64;
    }
}

void r_copy(const Routine *r, Ptr to, Ival to_at, Ptr from, Ival from_at, Ival n, DType t)
{
    Gen *g = r->g;
    DType w = word_of(t);
    Ival words = ival((int64_t)(dtype_size(t) / dtype_size(w)));
    Ptr dst = p_at(g, to, i_mul(g, to_at, words), w), src = p_at(g, from, i_mul(g, from_at, words), w);
    n = i_mul(g, n, words);
    Ival whole = i_mul(g, i_div(g, n, ival(LANES)), ival(LANES));
    FOR (g, i, ival(0), whole, ival(LANES)) v_store(g, dst, i.i, v_load(g, src, i.i, w, LANES));
    FOR (g, i, whole, n, ival(1)) v_store(g, dst, i.i, v_load(g, src, i.i, w, 1));
}

void r_zero(const Routine *r, Ptr to, Ival at, Ival n, DType t)
{
    Gen *g = r->g;
    DType w = word_of(t);
    Ival words = ival((int64_t)(dtype_size(t) / dtype_size(w)));
    Ptr dst = p_at(g, to, i_mul(g, at, words), w);
    n = i_mul(g, n, words);
    Ival whole = i_mul(g, i_div(g, n, ival(LANES)), ival(LANES));
    FOR (g, i, ival(0), whole, ival(LANES)) v_store(g, dst, i.i, v_i(g, w, LANES, 0));
    FOR (g, i, whole, n, ival(1)) v_store(g, dst, i.i, v_i(g, w, 1, 0));
}

void r_start_with_operand(const Routine *r)
{
    const Type *t = r_out(r, 0);
    IF(r->g, elsewhere, c_not(r->g, p_equal(r->g, r->in[0], r->out[0])))
    r_copy(r, r->out[0], ival(0), r->in[0], ival(0), r_numel(r, t, 0, t->rank), t->dtype);
}
