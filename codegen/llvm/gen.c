/* The builder over LLVM's C API. */
#include "codegen/llvm/gen_llvm.h"

#include <stddef.h>

#include "codegen/llvm/module.h"
#include "codegen/run.h"

typedef LLVMValueRef V;

const Isa *g_isa(const Gen *g)
{
    return &g->isa;
}

_Noreturn void g_fail(Gen *g, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    job_verror(g->job, fmt, ap);
    va_end(ap);
    job_fail(g->job, JITC_E_INTERNAL);
}

/* -- Types ------------------------------------------------------------------------------------- */
static LLVMTypeRef scalar_type(Gen *g, DType t)
{
    switch (t) {
    case JITC_FLOAT32: return LLVMFloatTypeInContext(g->cx);
    case JITC_FLOAT64: return LLVMDoubleTypeInContext(g->cx);
    case JITC_BOOL: return g->i1;
    default: return LLVMIntTypeInContext(g->cx, (unsigned)dtype_size(t) * 8);
    }
}

/* As it lies in memory: a bool is a byte. */
static LLVMTypeRef memory_type(Gen *g, DType t, int lanes)
{
    LLVMTypeRef s = t == JITC_BOOL ? g->i8 : scalar_type(g, t);
    return lanes == 1 ? s : LLVMVectorType(s, (unsigned)lanes);
}

V gen_intrinsic(Gen *g, const char *name, LLVMTypeRef *overload, size_t nover, V *args, unsigned nargs)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    V f = LLVMGetIntrinsicDeclaration(g->module, id, overload, nover);
    return LLVMBuildCall2(g->b, LLVMIntrinsicGetType(g->cx, id, overload, nover), f, args, nargs, "");
}

/* -- Functions --------------------------------------------------------------------------------- */
void gen_attributes(Gen *g, V fn)
{
    unsigned nounwind = LLVMGetEnumAttributeKindForName("nounwind", 8);
    LLVMAttributeRef list[] = {
        LLVMCreateEnumAttribute(g->cx, nounwind, 0),
        LLVMCreateStringAttribute(g->cx, "no-jump-tables", 14, "true", 4),
        LLVMCreateStringAttribute(g->cx, "no-builtins", 11, "", 0),
        LLVMCreateStringAttribute(g->cx, "prefer-vector-width", 19, "512", 3),
    };
    for (size_t i = 0; i < COUNT(list); i++) LLVMAddAttributeAtIndex(fn, LLVMAttributeFunctionIndex, list[i]);
    if (g->cpu) LLVMAddTargetDependentFunctionAttr(fn, "target-cpu", g->cpu);
    if (g->features && *g->features) LLVMAddTargetDependentFunctionAttr(fn, "target-features", g->features);
    if (g->tune) LLVMAddTargetDependentFunctionAttr(fn, "tune-cpu", g->tune);
}

V gen_declare(Gen *g, const char *name)
{
    LLVMTypeRef params[] = {g->ptr, g->ptr, g->ptr, g->i64, g->i64, g->ptr};
    V fn = LLVMAddFunction(g->module, name, LLVMFunctionType(LLVMVoidTypeInContext(g->cx), params, 6, 0));
    gen_attributes(g, fn);
    return fn;
}

void gen_begin(Gen *g, V fn, int nptrs, int ndims)
{
    g->fn = fn;
    LLVMPositionBuilderAtEnd(g->b, LLVMAppendBasicBlockInContext(g->cx, g->fn, "entry"));
    g->nptrs = nptrs;
    g->ndims = ndims;
    for (int i = 0; i < nptrs; i++) {
        V at = LLVMBuildInBoundsGEP2(g->b, g->ptr, LLVMGetParam(g->fn, 1),
                                     (V[]){LLVMConstInt(g->i64, (unsigned)i, 0)}, 1, "");
        g->ptrs[i] = LLVMBuildLoad2(g->b, g->ptr, at, "p");
    }
    for (int i = 0; i < ndims; i++) {
        V at = LLVMBuildInBoundsGEP2(g->b, g->i64, LLVMGetParam(g->fn, 2),
                                     (V[]){LLVMConstInt(g->i64, (unsigned)i, 0)}, 1, "");
        g->dims[i] = LLVMBuildLoad2(g->b, g->i64, at, "d");
    }
}

void gen_end(Gen *g)
{
    LLVMBuildRetVoid(g->b);
}

static Ival ivar(V v)
{
    return (Ival){false, 0, v};
}

Ptr g_ptr(Gen *g, int i)
{
    if (i >= g->nptrs) g_fail(g, "pointer %d of %d", i, g->nptrs);
    return (Ptr){g->ptrs[i]};
}

Ival g_dim(Gen *g, int i)
{
    if (i >= g->ndims) g_fail(g, "dim %d of %d", i, g->ndims);
    return ivar(g->dims[i]);
}

Ptr g_dims(Gen *g)
{
    return (Ptr){LLVMGetParam(g->fn, 2)};
}

int g_operands(Gen *g)
{
    return g->nptrs - 1;
}

Job *g_job(Gen *g)
{
    return g->job;
}

void g_call_kernel(Gen *g, void *fn, Ptr ptrs, Ptr dims, Ival units, Ptr scratch)
{
    V args[] = {LLVMGetParam(g->fn, 0), ptrs.v, dims.v, gen_raw(g, ival(0)), gen_raw(g, units), scratch.v};
    LLVMBuildCall2(g->b, LLVMGlobalGetValueType(fn), fn, args, (unsigned)COUNT(args), "");
}

Ival g_unit0(Gen *g)
{
    return ivar(LLVMGetParam(g->fn, 3));
}
Ival g_unit1(Gen *g)
{
    return ivar(LLVMGetParam(g->fn, 4));
}
Ptr g_scratch(Gen *g)
{
    return (Ptr){LLVMGetParam(g->fn, 5)};
}

/* -- Integers ---------------------------------------------------------------------------------- */
V gen_raw(Gen *g, Ival a)
{
    return a.konst ? LLVMConstInt(g->i64, (unsigned long long)a.k, 1) : a.v;
}
static V rawc(Gen *g, Cond c)
{
    return c.konst ? LLVMConstInt(g->i1, c.k, 0) : c.v;
}

Ival i_add(Gen *g, Ival a, Ival b)
{
    if (a.konst && b.konst) return ival(a.k + b.k);
    if (a.konst && a.k == 0) return b;
    if (b.konst && b.k == 0) return a;
    return ivar(LLVMBuildNSWAdd(g->b, gen_raw(g, a), gen_raw(g, b), ""));
}

Ival i_sub(Gen *g, Ival a, Ival b)
{
    if (a.konst && b.konst) return ival(a.k - b.k);
    if (b.konst && b.k == 0) return a;
    return ivar(LLVMBuildNSWSub(g->b, gen_raw(g, a), gen_raw(g, b), ""));
}

Ival i_mul(Gen *g, Ival a, Ival b)
{
    if (a.konst && b.konst) return ival(a.k * b.k);
    if ((a.konst && a.k == 0) || (b.konst && b.k == 1)) return a;
    if ((b.konst && b.k == 0) || (a.konst && a.k == 1)) return b;
    return ivar(LLVMBuildNSWMul(g->b, gen_raw(g, a), gen_raw(g, b), ""));
}

Ival i_div(Gen *g, Ival a, Ival b)
{
    if (a.konst && b.konst) return ival(a.k / b.k);
    if (b.konst && b.k == 1) return a;
    return ivar(gen_divide(g, gen_raw(g, a), gen_raw(g, b), false, false));
}

Ival i_mod(Gen *g, Ival a, Ival b)
{
    if (a.konst && b.konst) return ival(a.k % b.k);
    if (b.konst && b.k == 1) return ival(0);
    return ivar(gen_divide(g, gen_raw(g, a), gen_raw(g, b), false, true));
}

static Cond compare(Gen *g, LLVMIntPredicate p, Ival a, Ival b, bool folded)
{
    if (a.konst && b.konst) return c_const(folded);
    return (Cond){false, false, LLVMBuildICmp(g->b, p, gen_raw(g, a), gen_raw(g, b), "")};
}

Cond c_lt(Gen *g, Ival a, Ival b)
{
    return compare(g, LLVMIntSLT, a, b, a.k < b.k);
}
Cond c_le(Gen *g, Ival a, Ival b)
{
    return compare(g, LLVMIntSLE, a, b, a.k <= b.k);
}
Cond c_ult(Gen *g, Ival a, Ival b)
{
    return compare(g, LLVMIntULT, a, b, (uint64_t)a.k < (uint64_t)b.k);
}
Cond c_eq(Gen *g, Ival a, Ival b)
{
    return compare(g, LLVMIntEQ, a, b, a.k == b.k);
}

Cond c_and(Gen *g, Cond a, Cond b)
{
    if (a.konst) return a.k ? b : a;
    if (b.konst) return b.k ? a : b;
    return (Cond){false, false, LLVMBuildAnd(g->b, a.v, b.v, "")};
}

Cond c_or(Gen *g, Cond a, Cond b)
{
    if (a.konst) return a.k ? a : b;
    if (b.konst) return b.k ? b : a;
    return (Cond){false, false, LLVMBuildOr(g->b, a.v, b.v, "")};
}

Cond c_not(Gen *g, Cond a)
{
    if (a.konst) return c_const(!a.k);
    return (Cond){false, false, LLVMBuildNot(g->b, a.v, "")};
}

Cond c_from_v(Gen *g, Vec scalar)
{
    if (scalar.dtype != JITC_BOOL || scalar.lanes != 1) g_fail(g, "a condition that is not one bool");
    return (Cond){false, false, scalar.v};
}

Vec v_from_c(Gen *g, Cond c)
{
    return (Vec){rawc(g, c), JITC_BOOL, 1};
}

Ival i_select(Gen *g, Cond c, Ival a, Ival b)
{
    if (c.konst) return c.k ? a : b;
    return ivar(LLVMBuildSelect(g->b, c.v, gen_raw(g, a), gen_raw(g, b), ""));
}

Ival i_min(Gen *g, Ival a, Ival b)
{
    return i_select(g, c_lt(g, a, b), a, b);
}
Ival i_max(Gen *g, Ival a, Ival b)
{
    return i_select(g, c_lt(g, a, b), b, a);
}

Ival i_load(Gen *g, Ptr p, Ival at, DType t)
{
    return i_from_v(g, v_load(g, p, at, t, 1));
}
void i_store(Gen *g, Ptr p, Ival at, DType t, Ival v)
{
    v_store(g, p, at, v_from_i(g, v, t));
}

/* -- Control ----------------------------------------------------------------------------------- */
static LLVMBasicBlockRef new_block(Gen *g, const char *name)
{
    return LLVMAppendBasicBlockInContext(g->cx, g->fn, name);
}

/* Bottom-tested, with a guard in front unless the first iteration is certain. */
static void begin_loop(Gen *g, Loop *l, Cond first, Ival lo)
{
    l->emitted = true;
    l->before = LLVMGetInsertBlock(g->b);
    l->body = new_block(g, "loop");
    l->exit = new_block(g, "done");
    if (first.konst)
        LLVMBuildBr(g->b, l->body);
    else
        LLVMBuildCondBr(g->b, first.v, l->body, l->exit);
    LLVMPositionBuilderAtEnd(g->b, l->body);
    LLVMBasicBlockRef before = l->before;
    l->iv = LLVMBuildPhi(g->b, g->i64, "i");
    V start = gen_raw(g, lo);
    LLVMAddIncoming(l->iv, &start, &before, 1);
    for (int i = 0; i < l->ncarry; i++) {
        V init = l->carry[i].v;
        l->phi[i] = LLVMBuildPhi(g->b, LLVMTypeOf(init), "");
        l->init[i] = init;
        LLVMAddIncoming(l->phi[i], &init, &before, 1);
        l->carry[i].v = l->phi[i];
    }
    l->i = ivar(l->iv);
}

/* A single iteration is no loop. */
Loop g_for(Gen *g, Ival lo, Ival hi, Ival step, Vec *carry, int ncarry)
{
    Loop l = {.open = true, .hi = hi, .step = step, .carry = carry, .ncarry = ncarry};
    if (ncarry > (int)COUNT(l.phi)) g_fail(g, "a loop carries too many values");
    bool known = lo.konst && hi.konst;
    if (known && lo.k >= hi.k) {
        l.open = false;
        return l;
    }
    if (known && step.konst && lo.k + step.k >= hi.k) {
        l.i = lo;
        return l;
    }
    begin_loop(g, &l, c_lt(g, lo, hi), lo);
    return l;
}

Loop g_repeat(Gen *g, Cond first, Vec *carry, int ncarry)
{
    Loop l = {.open = true, .repeat = true, .step = ival(1), .carry = carry, .ncarry = ncarry};
    if (ncarry > (int)COUNT(l.phi)) g_fail(g, "a loop carries too many values");
    l.more = c_const(false);
    if (first.konst && !first.k)
        l.open = false;
    else
        begin_loop(g, &l, first, ival(0));
    return l;
}

void g_end(Gen *g, Loop *l)
{
    l->open = false;
    if (!l->emitted) return;
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(g->b), before = l->before;
    Ival next = i_add(g, l->i, l->step);
    V nv = gen_raw(g, next);
    LLVMAddIncoming(l->iv, &nv, &latch, 1);
    for (int i = 0; i < l->ncarry; i++) {
        V v = l->carry[i].v;
        LLVMAddIncoming(l->phi[i], &v, &latch, 1);
    }
    LLVMBuildCondBr(g->b, rawc(g, l->repeat ? l->more : c_lt(g, next, l->hi)), l->body, l->exit);
    LLVMPositionBuilderAtEnd(g->b, l->exit);
    /* `before` reaches the exit only through the guard. */
    bool guarded = LLVMGetNumSuccessors(LLVMGetBasicBlockTerminator(before)) == 2;
    for (int i = 0; i < l->ncarry; i++) {
        V out = LLVMBuildPhi(g->b, LLVMTypeOf(l->init[i]), ""), v = l->carry[i].v, init = l->init[i];
        LLVMAddIncoming(out, &v, &latch, 1);
        if (guarded) LLVMAddIncoming(out, &init, &before, 1);
        l->carry[i].v = out;
    }
}

If g_if(Gen *g, Cond c, Vec *carry, int ncarry)
{
    If f = {.open = true, .carry = carry, .ncarry = ncarry};
    if (ncarry > IF_CARRY_MAX) g_fail(g, "a branch carries too many values");
    if (c.konst) {
        f.open = c.k;
        return f;
    }
    for (int i = 0; i < ncarry; i++) f.old[i] = carry[i].v;
    f.before = LLVMGetInsertBlock(g->b);
    f.then = new_block(g, "then");
    f.join = new_block(g, "join");
    LLVMBuildCondBr(g->b, c.v, f.then, f.join);
    LLVMPositionBuilderAtEnd(g->b, f.then);
    return f;
}

void g_fi(Gen *g, If *f)
{
    f->open = false;
    if (!f->join) return;
    LLVMBasicBlockRef end = LLVMGetInsertBlock(g->b), before = f->before;
    LLVMBuildBr(g->b, f->join);
    LLVMPositionBuilderAtEnd(g->b, f->join);
    for (int i = 0; i < f->ncarry; i++) {
        V v = f->carry[i].v, old = f->old[i], out = LLVMBuildPhi(g->b, LLVMTypeOf(v), "");
        LLVMAddIncoming(out, &v, &end, 1);
        LLVMAddIncoming(out, &old, &before, 1);
        f->carry[i].v = out;
    }
}

void g_report(Gen *g, Cond bad, Ival element)
{
    IF(g, f, bad)
    {
        Ptr at = p_bytes(g, (Ptr){LLVMGetParam(g->fn, 0)}, ival(offsetof(jitc_run, fail)));
        LLVMBuildAtomicRMW(g->b, LLVMAtomicRMWBinOpUMin, at.v, gen_raw(g, element),
                           LLVMAtomicOrderingMonotonic, 0);
    }
}

Cond g_backward(Gen *g)
{
    Ptr at = p_bytes(g, (Ptr){LLVMGetParam(g->fn, 0)}, ival(offsetof(jitc_run, backward)));
    return c_not(g, c_eq(g, i_load(g, at, ival(0), JITC_UINT32), ival(0)));
}

/* -- Shared functions -------------------------------------------------------------------------- */
Sub g_sub(Gen *g, const char *name, const char *params)
{
    Sub s = {.outer = g->fn, .block = LLVMGetInsertBlock(g->b)};
    name = job_printf(g->job, "%s%s", name, g->suffix);
    s.fn = LLVMGetNamedFunction(g->module, name);
    if (s.fn) return s;
    LLVMTypeRef type[16];
    unsigned n = 0;
    for (; params[n] && n < COUNT(type); n++) type[n] = params[n] == 'p' ? g->ptr : g->i64;
    s.fn = LLVMAddFunction(g->module, name, LLVMFunctionType(LLVMVoidTypeInContext(g->cx), type, n, 0));
    gen_attributes(g, s.fn);
    if (!module_defines(g->names, name)) return s;
    s.fresh = true;
    if (!g->names) LLVMSetLinkage(s.fn, LLVMInternalLinkage);
    unsigned noinline = LLVMGetEnumAttributeKindForName("noinline", 8);
    LLVMAddAttributeAtIndex(s.fn, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(g->cx, noinline, 0));
    g->fn = s.fn;
    LLVMPositionBuilderAtEnd(g->b, LLVMAppendBasicBlockInContext(g->cx, g->fn, "entry"));
    return s;
}

SubArg g_param(Gen *g, const Sub *s, int i)
{
    V v = LLVMGetParam(s->fn, (unsigned)i);
    (void)g;
    return LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMPointerTypeKind ? (SubArg){.p = {v}}
                                                                 : (SubArg){.i = ivar(v)};
}

void g_sub_end(Gen *g, Sub *s)
{
    LLVMBuildRetVoid(g->b);
    g->fn = s->outer;
    LLVMPositionBuilderAtEnd(g->b, s->block);
    s->fresh = false;
}

void g_call(Gen *g, const Sub *s, const SubArg *args, int n)
{
    V v[16];
    for (int i = 0; i < n; i++) v[i] = args[i].p.v ? args[i].p.v : gen_raw(g, args[i].i);
    LLVMBuildCall2(g->b, LLVMGlobalGetValueType(s->fn), s->fn, v, (unsigned)n, "");
}

/* -- Memory ------------------------------------------------------------------------------------ */
static Ptr gep(Gen *g, LLVMTypeRef t, Ptr p, Ival at)
{
    if (at.konst && at.k == 0) return p;
    return (Ptr){LLVMBuildInBoundsGEP2(g->b, t, p.v, (V[]){gen_raw(g, at)}, 1, "")};
}

Ptr p_at(Gen *g, Ptr p, Ival elements, DType t)
{
    return gep(g, memory_type(g, t, 1), p, elements);
}
Ptr p_bytes(Gen *g, Ptr p, Ival bytes)
{
    return gep(g, g->i8, p, bytes);
}

Ptr p_select(Gen *g, Cond c, Ptr a, Ptr b)
{
    if (c.konst) return c.k ? a : b;
    return (Ptr){LLVMBuildSelect(g->b, c.v, a.v, b.v, "")};
}

Cond p_equal(Gen *g, Ptr a, Ptr b)
{
    return (Cond){false, false, LLVMBuildICmp(g->b, LLVMIntEQ, a.v, b.v, "")};
}

Ptr p_entry(Gen *g, Ptr table, Ival at)
{
    return gep(g, g->ptr, table, at);
}
Ptr p_load(Gen *g, Ptr table, Ival at)
{
    return (Ptr){LLVMBuildLoad2(g->b, g->ptr, gep(g, g->ptr, table, at).v, "")};
}
void p_store(Gen *g, Ptr table, Ival at, Ptr p)
{
    LLVMBuildStore(g->b, p.v, gep(g, g->ptr, table, at).v);
}

/* A bool in memory is 0 or 1, but any byte that is not 0 counts as true. */
static Vec from_memory(Gen *g, V v, DType t, int lanes)
{
    if (t == JITC_BOOL) v = LLVMBuildICmp(g->b, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "");
    return (Vec){v, t, (uint8_t)lanes};
}

static V to_memory(Gen *g, Vec v)
{
    return v.dtype == JITC_BOOL ? LLVMBuildZExt(g->b, v.v, memory_type(g, v.dtype, v.lanes), "") : v.v;
}

static Vec load_aligned(Gen *g, Ptr p, Ival at, DType t, int lanes, unsigned align)
{
    V v = LLVMBuildLoad2(g->b, memory_type(g, t, lanes), p_at(g, p, at, t).v, "");
    LLVMSetAlignment(v, align);
    return from_memory(g, v, t, lanes);
}

Vec v_load(Gen *g, Ptr p, Ival at, DType t, int lanes)
{
    return load_aligned(g, p, at, t, lanes, (unsigned)dtype_size(t));
}
Vec v_load_line(Gen *g, Ptr p, Ival at, DType t)
{
    return load_aligned(g, p, at, t, LANES, 64);
}

void v_store(Gen *g, Ptr p, Ival at, Vec v)
{
    V s = LLVMBuildStore(g->b, to_memory(g, v), p_at(g, p, at, v.dtype).v);
    LLVMSetAlignment(s, (unsigned)dtype_size(v.dtype));
}

Vec v_load_n(Gen *g, Ptr p, Ival at, DType t, Vec mask)
{
    LLVMTypeRef mt = memory_type(g, t, LANES);
    V align = LLVMConstInt(g->i32, dtype_size(t), 0);
    V v = gen_intrinsic(g, "llvm.masked.load", (LLVMTypeRef[]){mt, g->ptr}, 2,
                        (V[]){p_at(g, p, at, t).v, align, mask.v, LLVMConstNull(mt)}, 4);
    return from_memory(g, v, t, LANES);
}

void v_store_n(Gen *g, Ptr p, Ival at, Vec v, Vec mask)
{
    V align = LLVMConstInt(g->i32, dtype_size(v.dtype), 0);
    LLVMTypeRef mt = memory_type(g, v.dtype, LANES);
    gen_intrinsic(g, "llvm.masked.store", (LLVMTypeRef[]){mt, g->ptr}, 2,
                  (V[]){to_memory(g, v), p_at(g, p, at, v.dtype).v, align, mask.v}, 4);
}

Vec v_gather(Gen *g, Ptr p, Ival at, Ival stride, DType t, Ival count)
{
    Vec v = v_i(g, t, LANES, 0);
    if (dtype_is_float(t)) v = v_f(g, t, LANES, 0);
    Ival last = i_sub(g, count, ival(1)); /* lanes past the end read the last element again */
    for (int i = 0; i < LANES; i++) {
        Ival lane = count.konst && i >= count.k ? last : i_min(g, ival(i), last);
        v = v_insert(g, v, i, v_load(g, p, i_add(g, at, i_mul(g, lane, stride)), t, 1));
    }
    if (count.konst && count.k >= LANES) return v;
    Vec zero = dtype_is_float(t) ? v_f(g, t, LANES, 0) : v_i(g, t, LANES, 0);
    return v_select(g, v_first(g, count), v, zero);
}

Vec v_first(Gen *g, Ival count)
{
    Vec n = v_splat(g, v_from_i(g, i_min(g, count, ival(LANES)), JITC_INT32), LANES);
    return v_cmp(g, CMP_LT, v_iota(g, JITC_INT32), n);
}

void g_prefetch(Gen *g, Ptr p)
{
    V zero = LLVMConstInt(g->i32, 0, 0), near = LLVMConstInt(g->i32, 2, 0), one = LLVMConstInt(g->i32, 1, 0);
    gen_intrinsic(g, "llvm.prefetch", (LLVMTypeRef[]){g->ptr}, 1, (V[]){p.v, zero, near, one}, 4);
}

void g_keep_order(Gen *g)
{
    LLVMBuildFence(g->b, LLVMAtomicOrderingAcquireRelease, true, "");
}
