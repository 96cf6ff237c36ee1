/* Control code as machine code: does what runtime/control.c does, an instruction at a time. Calls go through
 * one function, which reads what a call is from a table of constants, so that a call takes few bytes. */
#include <stddef.h>

#include "codegen/llvm/model_private.h"
#include "ir/dim.h"

typedef LLVMValueRef V;

typedef struct {
    ModelGen *mg;
    Gen *g;
    const Plan *p;
    Ptr state, regs, bufs;
    V variant;                     /* i64: which of the kernels' variants runs */
    LLVMBasicBlockRef *block, end; /* by instruction */
    V call;
    bool *may_fail; /* by kernel */
} Driver;

/* -- Numbers ----------------------------------------------------------------------------------- */
static Ival ivalue(V v)
{
    return (Ival){.v = v};
}

static V saturated(Gen *g, const char *op, Ival a, Ival b)
{
    return gen_intrinsic(g, op, &g->i64, 1, (V[]){gen_raw(g, a), gen_raw(g, b)}, 2);
}

/* max_i64 or min_i64 where it does not fit. */
static Ival product(Gen *g, Ival a, Ival b)
{
    if (a.konst && b.konst) return ival(dim_apply(DIM_MUL, a.k, b.k));
    V fits, p = gen_product_fits(g, gen_raw(g, a), gen_raw(g, b), &fits);
    Cond below = {
        .v = LLVMBuildXor(g->b, LLVMBuildICmp(g->b, LLVMIntSLT, gen_raw(g, a), gen_raw(g, ival(0)), ""),
                          LLVMBuildICmp(g->b, LLVMIntSLT, gen_raw(g, b), gen_raw(g, ival(0)), ""), "")};
    Ival limit = i_select(g, below, ival(INT64_MIN), ival(INT64_MAX));
    return i_select(g, (Cond){.v = fits}, ivalue(p), limit);
}

/* Towards minus infinity; 0 by 0. INT64_MIN by -1 cannot be: divisors are sizes. */
static Ival quotient(Gen *g, Ival a, Ival b, bool rest)
{
    if (a.konst && b.konst) return ival(dim_apply(rest ? DIM_MOD : DIM_DIV, a.k, b.k));
    Cond none = c_le(g, b, ival(0));
    V d = gen_raw(g, i_select(g, none, ival(1), b)), n = gen_raw(g, a);
    V q = gen_divide(g, n, d, true, false), r = gen_divide(g, n, d, true, true);
    V low = LLVMBuildICmp(g->b, LLVMIntSLT, r, gen_raw(g, ival(0)), "");
    V step = LLVMBuildZExt(g->b, low, g->i64, "");
    V v = rest ? LLVMBuildAdd(g->b, r, LLVMBuildMul(g->b, step, d, ""), "") : LLVMBuildSub(g->b, q, step, "");
    return i_select(g, none, ival(0), ivalue(v));
}

Ival model_reg_value(Gen *g, RegKind kind, Ival a, Ival b)
{
    switch (kind) {
    case REG_ADD:
        return a.konst && b.konst ? ival(dim_apply(DIM_ADD, a.k, b.k))
                                  : ivalue(saturated(g, "llvm.sadd.sat", a, b));
    case REG_MUL: return product(g, a, b);
    case REG_DIV: return quotient(g, a, b, false);
    case REG_MOD: return quotient(g, a, b, true);
    case REG_MIN: return i_min(g, a, b);
    default: return i_max(g, a, b);
    }
}

static Ival number(const Driver *d, PlanNum n)
{
    return n >= 0 ? ival(n) : i_load(d->g, d->regs, ival(-n - 1), JITC_INT64);
}

static Ptr buffer(const Driver *d, uint32_t buf)
{
    return p_load(d->g, d->bufs, ival(buf));
}

/* -- Calls: void call(state, kernel, table) --------------------------------------------------------------
 * The table: operands and results, dims, units, elements, grain, scratch, the error's number; then the
 * buffers' numbers, then the dims. */
enum { CALL_BUFS, CALL_DIMS, CALL_UNITS, CALL_ELEMENTS, CALL_GRAIN, CALL_SCRATCH, CALL_ERROR, CALL_REST };

static void run_kernel(ModelGen *mg, Ptr state, Ival from, Ival to, Ptr scratch)
{
    Gen *g = mg->g;
    Ptr words = state_words(g, state), fn = p_load(g, p_at(g, words, ival(STATE_FN), JITC_INT64), ival(0));
    Ptr ptr = p_at(g, words, ival(STATE_PTR), JITC_INT64), dim = p_at(g, words, ival(STATE_DIM), JITC_INT64);
    V args[] = {state.v, ptr.v, dim.v, gen_raw(g, from), gen_raw(g, to), scratch.v};
    model_call_ptr(mg, fn, LLVMVoidTypeInContext(g->cx), args, 6);
}

/* As in runtime/control.c. */
static Ival share_begin(Gen *g, Ptr state, Ival i)
{
    Ival units = state_get(g, state, STATE_UNITS), n = state_get(g, state, STATE_SHARES);
    Ival whole = i_mul(g, i_div(g, units, n), i);
    return i_add(g, whole, i_div(g, i_mul(g, i_mod(g, units, n), i), n));
}

/* void share(void *state, size_t i): what parallel_for calls. */
static V share_function(ModelGen *mg)
{
    Gen *g = mg->g;
    V outer = g->fn, fn = model_function(mg, "share", LLVMVoidTypeInContext(g->cx), "ps");
    LLVMBasicBlockRef back = LLVMGetInsertBlock(g->b);
    g->fn = fn;
    LLVMPositionBuilderAtEnd(g->b, LLVMAppendBasicBlockInContext(g->cx, fn, "entry"));
    V mode = model_fp_enter(mg);
    Ptr state = {LLVMGetParam(fn, 0)};
    Ival i = ivalue(LLVMBuildZExt(g->b, LLVMGetParam(fn, 1), g->i64, ""));
    Ival from = share_begin(g, state, i), to = share_begin(g, state, i_add(g, i, ival(1)));
    Ptr scratch = p_load(g, p_at(g, state_words(g, state), ival(STATE_SCRATCH), JITC_INT64), ival(0));
    scratch = p_bytes(g, scratch, i_mul(g, i, state_get(g, state, STATE_CALL_EACH)));
    run_kernel(mg, state, from, to, scratch);
    model_fp_leave(mg, mode);
    LLVMBuildRetVoid(g->b);
    g->fn = outer;
    LLVMPositionBuilderAtEnd(g->b, back);
    return fn;
}

/* No system gives more at once; and it is a size_t, with room for rounding up. */
static int64_t most_bytes(const Gen *g)
{
    return g->isa.bits32 ? INT32_MAX : INT64_C(1) << 46;
}

static Ptr take_memory(ModelGen *mg, Ptr state, Ptr old, Ival bytes)
{
    Gen *g = mg->g;
    LLVMTypeRef size = model_size_type(mg);
    V n = LLVMBuildTrunc(g->b, gen_raw(g, bytes), size, "");
    V args[] = {p_load(g, RUN_FIELD(g, state, heap), ival(0)).v, old.v, n};
    return (Ptr){model_call_ptr(mg, p_load(g, RUN_FIELD(g, state, alloc), ival(0)), g->ptr, args, 3)};
}

static void give_memory(ModelGen *mg, Ptr state, Ptr at)
{
    Gen *g = mg->g;
    IF(g, some, c_not(g, is_null(g, at))) take_memory(mg, state, at, ival(0));
}

bool model_grows(const Plan *p)
{
    for (uint32_t i = 0; i < p->ncall; i++)
        if (p->call[i].scratch < 0 && !p->reg[-p->call[i].scratch - 1].entry) return true;
    return false;
}

/* More scratch memory than the workspace has. */
static void grow_scratch(ModelGen *mg, Ptr state, Ival each)
{
    Gen *g = mg->g;
    Ptr at = p_at(g, state_words(g, state), ival(STATE_MORE), JITC_INT64);
    Ptr slot = p_at(g, state_words(g, state), ival(STATE_SCRATCH), JITC_INT64);
    Ival shares = i_load(g, RUN_FIELD(g, state, shares), ival(0), JITC_UINT32);
    Cond sane = c_and(g, c_lt(g, each, ival(INT64_C(1) << 40)), c_lt(g, shares, ival(1 << 16)));
    Ival bytes = i_mul(g, i_select(g, sane, each, ival(0)), shares);
    sane = c_and(g, sane, c_le(g, bytes, ival(most_bytes(g))));
    IF(g, more, c_lt(g, state_get(g, state, STATE_MORE_BYTES), bytes))
    {
        give_memory(mg, state, p_load(g, at, ival(0)));
        p_store(g, at, ival(0), take_memory(mg, state, (Ptr){LLVMConstPointerNull(g->ptr)}, bytes));
        state_set(g, state, STATE_MORE_BYTES, bytes);
    }
    Ptr memory = p_load(g, at, ival(0));
    IF(g, none, c_or(g, is_null(g, memory), c_not(g, sane)))
    {
        state_set(g, state, STATE_CODE, ival(MODEL_E_MEMORY));
        state_set(g, state, STATE_MORE_BYTES, ival(0));
        p_store(g, at, ival(0), (Ptr){LLVMConstPointerNull(g->ptr)});
    }
    p_store(g, slot, ival(0), memory);
    state_set(g, state, STATE_CALL_EACH, each);
}

static void call_body(ModelGen *mg, V fn)
{
    Gen *g = mg->g;
    Ptr state = {LLVMGetParam(fn, 0)}, table = {LLVMGetParam(fn, 2)}, words = state_words(g, state);
    Ptr regs = p_at(g, words, ival(STATE_REG), JITC_INT64);
    Ptr bufs = p_bytes(g, state, ival(model_buffers_at(mg->m->plan)));
    Ival units = number_at(g, regs, table, ival(CALL_UNITS));
    Ival elements = number_at(g, regs, table, ival(CALL_ELEMENTS));
    IF(g, some, c_and(g, c_lt(g, ival(0), units), c_lt(g, ival(0), elements)))
    {
        Ival nbufs = i_load(g, table, ival(CALL_BUFS), JITC_INT64);
        Ival ndims = i_load(g, table, ival(CALL_DIMS), JITC_INT64);
        Ptr ptr = p_at(g, words, ival(STATE_PTR), JITC_INT64),
            dim = p_at(g, words, ival(STATE_DIM), JITC_INT64);
        FOR (g, l, ival(0), nbufs, ival(1))
            p_store(g, ptr, l.i,
                    p_load(g, bufs, i_load(g, table, i_add(g, l.i, ival(CALL_REST)), JITC_INT64)));
        Ptr dims = p_at(g, p_at(g, table, ival(CALL_REST), JITC_INT64), nbufs, JITC_INT64);
        FOR (g, l, ival(0), ndims, ival(1)) i_store(g, dim, l.i, JITC_INT64, number_at(g, regs, dims, l.i));
        p_store(g, p_at(g, words, ival(STATE_FN), JITC_INT64), ival(0), (Ptr){LLVMGetParam(fn, 1)});
        p_store(g, p_at(g, words, ival(STATE_SCRATCH), JITC_INT64), ival(0),
                p_load(g, RUN_FIELD(g, state, scratch), ival(0)));
        Ival each = state_get(g, state, STATE_EACH);
        state_set(g, state, STATE_CALL_EACH, each);
        Ival need = number_at(g, regs, table, ival(CALL_SCRATCH));
        if (model_grows(mg->m->plan))
            IF(g, more, c_lt(g, each, need)) grow_scratch(mg, state, round_line(g, need));
        IF(g, ready, c_eq(g, state_get(g, state, STATE_CODE), ival(0)))
        {
            Ival shares = i_load(g, RUN_FIELD(g, state, shares), ival(0), JITC_UINT32);
            Ival threads = i_div(g, shares, ival(RUN_SHARES_EACH)), one_each = i_max(g, threads, ival(1));
            shares = i_min(g, shares, i_div(g, units, i_load(g, table, ival(CALL_GRAIN), JITC_INT64)));
            shares =
                i_select(g, c_lt(g, threads, shares), i_sub(g, shares, i_mod(g, shares, one_each)), shares);
            Cond split = c_lt(g, ival(1), shares);
            IF(g, many, split)
            {
                state_set(g, state, STATE_UNITS, units);
                state_set(g, state, STATE_SHARES, shares);
                V n = LLVMBuildTrunc(g->b, gen_raw(g, shares), model_size_type(mg), "");
                V args[] = {p_load(g, RUN_FIELD(g, state, host), ival(0)).v, share_function(mg), state.v, n};
                model_call_ptr(mg, p_load(g, RUN_FIELD(g, state, parallel_for), ival(0)),
                               LLVMVoidTypeInContext(g->cx), args, 4);
            }
            IF(g, one, c_not(g, split))
            run_kernel(mg, state, ival(0), units,
                       p_load(g, p_at(g, words, ival(STATE_SCRATCH), JITC_INT64), ival(0)));
            Ival fail = i_load(g, RUN_FIELD(g, state, fail), ival(0), JITC_INT64);
            IF(g, failed, c_not(g, c_eq(g, fail, ival(-1))))
            state_set(g, state, STATE_CODE, i_load(g, table, ival(CALL_ERROR), JITC_INT64));
        }
    }
}

static V call_function(ModelGen *mg)
{
    Gen *g = mg->g;
    V fn = model_function(mg, "call", LLVMVoidTypeInContext(g->cx), "ppp");
    g->fn = fn;
    LLVMPositionBuilderAtEnd(g->b, LLVMAppendBasicBlockInContext(g->cx, fn, "entry"));
    call_body(mg, fn);
    LLVMBuildRetVoid(g->b);
    return fn;
}

static void end_if(Driver *d, Cond c)
{
    Gen *g = d->g;
    LLVMBasicBlockRef next = LLVMAppendBasicBlockInContext(g->cx, g->fn, "");
    LLVMBuildCondBr(g->b, c.konst ? LLVMConstInt(g->i1, c.k, 0) : c.v, d->end, next);
    LLVMPositionBuilderAtEnd(g->b, next);
}

/* The run ends with this number where it is so. */
static void fail_if(Driver *d, Cond c, int64_t code)
{
    Gen *g = d->g;
    IF(g, bad, c) state_set(g, d->state, STATE_CODE, ival(code));
    end_if(d, c);
}

static void add_call(Driver *d, const PlanCall *c)
{
    Gen *g = d->g;
    ModelGen *mg = d->mg;
    uint32_t nbufs = c->noperands + c->nresults, n = 0;
    int64_t *table = job_array(g->job, int64_t, CALL_REST + nbufs + c->ndims + 1), error = 0;
    if (d->may_fail[c->kernel]) {
        const char *node = c->nnodes ? c->nodes[c->nnodes - 1] : "?";
        const char *why;
        int len = plan_report(&d->p->kernel[c->kernel], &why);
        error = len ? model_error(mg, "node '%s': %.*s", node, len, why)
                    : model_error(mg, "node '%s': an index is out of range", node);
    }
    int64_t head[CALL_REST] = {nbufs, c->ndims, c->units, c->elements, c->grain, c->scratch, error};
    for (; n < CALL_REST; n++) table[n] = head[n];
    for (uint32_t i = 0; i < nbufs; i++) table[n++] = d->p->call_buf[c->buf0 + i];
    for (uint32_t i = 0; i < c->ndims; i++) table[n++] = d->p->dim[c->dim0 + i];
    V fn = mg->fn[0][c->kernel];
    for (int k = 1; k < mg->nvariants; k++) {
        V here = LLVMBuildICmp(g->b, LLVMIntUGE, d->variant, LLVMConstInt(g->i64, (unsigned)k, 0), "");
        fn = LLVMBuildSelect(g->b, here, mg->fn[k][c->kernel], fn, "");
    }
    model_call(mg, d->call, (V[]){d->state.v, fn, model_table(mg, table, n)}, 3);
    if (error || model_grows(d->p)) end_if(d, c_not(g, c_eq(g, state_get(g, d->state, STATE_CODE), ival(0))));
}

/* -- The other instructions -------------------------------------------------------------------- */
static void copy_bytes(Driver *d, uint32_t from, uint32_t to, PlanNum bytes)
{
    Gen *g = d->g;
    Ival n = number(d, bytes);
    IF(g, some, c_lt(g, ival(0), n))
    {
        V size = LLVMBuildTrunc(g->b, gen_raw(g, n), model_size_type(d->mg), "");
        LLVMBuildMemCpy(g->b, buffer(d, to).v, 1, buffer(d, from).v, 1, size);
    }
}

static void evaluate(Driver *d, const Ctl *c)
{
    for (uint32_t k = 0; k < c->b; k++) {
        uint32_t reg = d->p->eval[c->a + k];
        const PlanReg *r = &d->p->reg[reg];
        Ival v = r->kind == REG_CONST ? ival(r->a)
                                      : model_reg_value(d->g, r->kind, number(d, r->a), number(d, r->b));
        i_store(d->g, d->regs, ival(reg), JITC_INT64, v);
    }
}

static void set_registers(Driver *d, const Ctl *c)
{
    Ival *v = job_array(d->g->job, Ival, c->b + 1);
    const uint32_t *pair = &d->p->set[c->a];
    for (uint32_t k = 0; k < c->b; k++) v[k] = i_load(d->g, d->regs, ival(pair[2 * k + 1]), JITC_INT64);
    for (uint32_t k = 0; k < c->b; k++) i_store(d->g, d->regs, ival(pair[2 * k]), JITC_INT64, v[k]);
}

static void bind_sizes(Driver *d, const Ctl *c)
{
    const PlanSite *s = &d->p->site[c->a];
    int64_t error = model_error(d->mg, "node '%s': a size that depends on data is below %lld", s->node,
                                (long long)s->least);
    for (uint32_t k = 0; k < s->nnums; k++) {
        Ival v = i_load(d->g, buffer(d, c->b), ival(k), s->dtype);
        fail_if(d, c_lt(d->g, v, ival(s->least)), error);
        i_store(d->g, d->regs, ival(d->p->num[s->num0 + k]), JITC_INT64, v);
    }
}

static void write_sizes(Driver *d, const Ctl *c)
{
    const PlanSite *s = &d->p->site[c->a];
    for (uint32_t k = 0; k < s->nnums; k++)
        i_store(d->g, buffer(d, c->b), ival(k), s->dtype, number(d, d->p->num[s->num0 + k]));
}

static void check_sizes(Driver *d, const Ctl *c)
{
    const PlanSite *s = &d->p->site[c->a];
    int64_t error = model_error(d->mg, "node '%s': sizes do not fit", s->node);
    for (uint32_t k = 0; k < s->nnums; k += 2) {
        Ival a = number(d, d->p->num[s->num0 + k]), b = number(d, d->p->num[s->num0 + k + 1]);
        fail_if(d, s->least ? c_lt(d->g, b, a) : c_not(d->g, c_eq(d->g, a, b)), error);
    }
}

static void allocate(Driver *d, const Ctl *c)
{
    Gen *g = d->g;
    Ival bytes = number(d, c->n);
    give_memory(d->mg, d->state, buffer(d, c->a));
    p_store(g, d->bufs, ival(c->a), (Ptr){LLVMConstPointerNull(g->ptr)});
    fail_if(d, c_or(g, c_lt(g, bytes, ival(0)), c_lt(g, ival(most_bytes(g)), bytes)), MODEL_E_MEMORY);
    Ptr at =
        take_memory(d->mg, d->state, (Ptr){LLVMConstPointerNull(g->ptr)}, i_max(g, bytes, ival(RUN_ALIGN)));
    p_store(g, d->bufs, ival(c->a), at);
    fail_if(d, is_null(g, at), MODEL_E_MEMORY);
}

static void stop_if_asked(Driver *d)
{
    Gen *g = d->g;
    V word = LLVMBuildLoad2(g->b, g->i32, p_load(g, RUN_FIELD(g, d->state, stop), ival(0)).v, "");
    LLVMSetVolatile(word, 1);
    Cond set = {.v = LLVMBuildICmp(g->b, LLVMIntNE, word, LLVMConstInt(g->i32, 0, 0), "")};
    fail_if(d, set, MODEL_E_STOPPED);
}

static void instruction(Driver *d, const Ctl *c)
{
    Gen *g = d->g;
    switch (c->code) {
    case CTL_call: add_call(d, &d->p->call[c->a]); break;
    case CTL_copy: copy_bytes(d, c->a, c->b, c->n); break;
    case CTL_eval: evaluate(d, c); break;
    case CTL_set: set_registers(d, c); break;
    case CTL_bind: bind_sizes(d, c); break;
    case CTL_sizes: write_sizes(d, c); break;
    case CTL_check: check_sizes(d, c); break;
    case CTL_alloc: allocate(d, c); break;
    case CTL_free:
        give_memory(d->mg, d->state, buffer(d, c->a));
        p_store(g, d->bufs, ival(c->a), (Ptr){LLVMConstPointerNull(g->ptr)});
        break;
    case CTL_alias:
        give_memory(d->mg, d->state, buffer(d, c->a));
        p_store(g, d->bufs, ival(c->a), buffer(d, c->b));
        p_store(g, d->bufs, ival(c->b), (Ptr){LLVMConstPointerNull(g->ptr)});
        break;
    case CTL_swap: {
        Ptr a = buffer(d, c->a), b = buffer(d, c->b);
        p_store(g, d->bufs, ival(c->a), b);
        p_store(g, d->bufs, ival(c->b), a);
        break;
    }
    case CTL_jump:
        stop_if_asked(d);
        if (c->a <= (uint32_t)(c - d->p->code)) { /* another round of a loop */
            Ptr at = RUN_FIELD(g, d->state, backward);
            i_store(g, at, ival(0), JITC_UINT32, i_sub(g, ival(1), i_load(g, at, ival(0), JITC_UINT32)));
        }
        LLVMBuildBr(g->b, d->block[c->a]);
        break;
    case CTL_branch: {
        Cond no = c_eq(g, i_load(g, buffer(d, c->a), ival(0), JITC_UINT8), ival(0));
        LLVMBasicBlockRef next = d->block[c - d->p->code + 1];
        LLVMBuildCondBr(g->b, no.v, d->block[c->b], next);
        break;
    }
    case CTL_ret: LLVMBuildBr(g->b, d->end); break;
    }
}

/* Buffers of the heap, and scratch memory, that a run which ended leaves. */
static void free_all(Driver *d)
{
    const Plan *p = d->p;
    for (uint32_t i = 0; i < p->nbuf; i++)
        if (p->buf[i].kind == BUF_HEAP) give_memory(d->mg, d->state, buffer(d, i));
    if (!model_grows(p)) return;
    Ptr at = p_at(d->g, state_words(d->g, d->state), ival(STATE_MORE), JITC_INT64);
    give_memory(d->mg, d->state, p_load(d->g, at, ival(0)));
}

/* Outputs of sizes that the run has told go to the caller, who has said in dims how much room there is. */
static void give_outputs(Driver *d)
{
    const Plan *p = d->p;
    const CodegenModel *m = d->mg->m;
    Gen *g = d->g;
    Ptr dims = p_load(g, RUN_FIELD(g, d->state, dims), ival(0));
    Cond small = c_const(false);
    for (uint32_t i = 0; i < m->nout_dims; i++) {
        Ival is = number(d, m->out_dim[i].reg), at = ival(m->nin_dims + i);
        small = c_or(g, small, c_lt(g, i_load(g, dims, at, JITC_INT64), is));
        i_store(g, dims, at, JITC_INT64, is);
    }
    if (!small.konst) fail_if(d, small, MODEL_E_OUTPUT);
    for (uint32_t i = 0; i < p->nout; i++) {
        if (plan_known_at_entry(p, &p->out_type[i])) continue;
        Ival bytes = ival((int64_t)dtype_size(p->out_type[i].dtype));
        for (int k = 0; k < p->out_type[i].rank; k++)
            bytes = product(g, bytes, number(d, p->out_type[i].dim[k]));
        IF(g, some, c_lt(g, ival(0), bytes))
        {
            V size = LLVMBuildTrunc(g->b, gen_raw(g, bytes), model_size_type(d->mg), "");
            Ptr to = p_load(g, p_load(g, RUN_FIELD(g, d->state, out), ival(0)), ival(i));
            LLVMBuildMemCpy(g->b, to.v, 1, buffer(d, p->out_buf[i]).v, 1, size);
        }
    }
}

V model_driver(ModelGen *mg)
{
    Gen *g = mg->g;
    const Plan *p = mg->m->plan;
    Driver d = {.mg = mg, .g = g, .p = p, .call = call_function(mg)};
    d.may_fail = job_array(g->job, bool, p->nkernel + 1);
    for (uint32_t i = 0; i < p->nkernel; i++)
        d.may_fail[i] = LLVMGetFirstUse(LLVMGetParam(mg->fn[0][i], 0)) != NULL;
    V fn = model_function(mg, "drive", LLVMVoidTypeInContext(g->cx), "pi");
    g->fn = fn;
    LLVMPositionBuilderAtEnd(g->b, LLVMAppendBasicBlockInContext(g->cx, fn, "entry"));
    d.state = (Ptr){LLVMGetParam(fn, 0)};
    d.variant = LLVMGetParam(fn, 1);
    d.regs = p_at(g, state_words(g, d.state), ival(STATE_REG), JITC_INT64);
    d.bufs = p_bytes(g, d.state, ival(model_buffers_at(p)));
    d.end = LLVMAppendBasicBlockInContext(g->cx, fn, "end");
    d.block = job_array(g->job, LLVMBasicBlockRef, p->ncode + 1);
    bool *target = job_array(g->job, bool, p->ncode + 1);
    for (uint32_t i = 0; i < p->ncode; i++) {
        if (p->code[i].code == CTL_jump) target[p->code[i].a] = target[i + 1] = true;
        if (p->code[i].code == CTL_branch) target[p->code[i].b] = target[i + 1] = true;
    }
    for (uint32_t i = 0; i < p->ncode; i++)
        if (target[i]) d.block[i] = LLVMAppendBasicBlockInContext(g->cx, fn, "");
    for (uint32_t i = 0; i < p->ncode; i++) {
        CtlCode before = i ? p->code[i - 1].code : CTL_ret;
        if (target[i]) {
            if (i && before != CTL_jump && before != CTL_branch && before != CTL_ret)
                LLVMBuildBr(g->b, d.block[i]);
            LLVMPositionBuilderAtEnd(g->b, d.block[i]);
        }
        if (p->code[i].code == CTL_ret) give_outputs(&d);
        instruction(&d, &p->code[i]);
    }
    LLVMPositionBuilderAtEnd(g->b, d.end);
    free_all(&d);
    LLVMBuildRetVoid(g->b);
    return fn;
}
