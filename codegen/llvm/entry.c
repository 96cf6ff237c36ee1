/* The functions of a model that callers see; docs/aot.md says what they do. */
#include <stddef.h>

#include "codegen/llvm/model_private.h"

typedef LLVMValueRef V;

/* The words of ModelOptions. */
enum { OPT_SIZE, OPT_WEIGHTS, OPT_PARALLEL, OPT_HOST, OPT_ALLOC, OPT_HEAP, OPT_STOP, OPT_SHARES, OPT_WORDS };

/* -- Numbers that follow from dims ---------------------------------------------------------------------- */
typedef struct {
    ModelGen *mg;
    Ptr dims;
    Ival *reg;
} Entry;

static Ival value(const Entry *e, PlanNum n)
{
    return n >= 0 ? ival(n) : e->reg[-n - 1];
}

/* The registers that are known at entry, as values: those that nothing uses cost nothing. */
static Entry entry_values(ModelGen *mg, Ptr dims)
{
    const CodegenModel *m = mg->m;
    Gen *g = mg->g;
    Entry e = {mg, dims, job_array(g->job, Ival, m->plan->nreg + 1)};
    for (uint32_t i = 0; i < m->plan->nreg; i++) {
        const PlanReg *r = &m->plan->reg[i];
        if (r->kind == REG_CONST) {
            e.reg[i] = ival(r->a);
        } else if (r->kind == REG_INPUT) {
            uint32_t k = 0;
            while (k < m->nin_dims && (m->in_dim[k].tensor != r->a || m->in_dim[k].dim != r->b)) k++;
            if (k == m->nin_dims) g_fail(g, "an input's size is not among the model's dims");
            e.reg[i] = i_load(g, dims, ival(k), JITC_INT64);
        } else {
            e.reg[i] = r->entry ? model_reg_value(g, r->kind, value(&e, r->a), value(&e, r->b)) : ival(0);
        }
    }
    return e;
}

static Ival at_most(Gen *g, Ival v, int64_t most)
{
    return i_min(g, i_max(g, v, ival(0)), ival(most));
}

/* Far above what any machine has, and sums of them still fit. */
static const int64_t MOST_BYTES = INT64_C(1) << 56;

static Ival scratch_each(const Entry *e)
{
    Gen *g = e->mg->g;
    return round_line(g, at_most(g, value(e, e->mg->m->plan->scratch), MOST_BYTES >> 16));
}

static Ival arena_bytes(const Entry *e)
{
    return at_most(e->mg->g, value(e, e->mg->m->plan->arena), MOST_BYTES);
}

static Ival workspace_bytes(const Entry *e, Ival shares)
{
    Gen *g = e->mg->g;
    Ival bytes = i_add(g, ival(model_state_bytes(e->mg->m->plan)), arena_bytes(e));
    return i_add(g, bytes, i_mul(g, scratch_each(e), shares));
}

static Ival limit_shares(Gen *g, Ival shares)
{
    return i_min(g, i_max(g, shares, ival(1)), ival(UINT16_MAX));
}

/* -- Functions --------------------------------------------------------------------------------- */
static V begin(ModelGen *mg, const char *name, LLVMTypeRef result, const char *params)
{
    Gen *g = mg->g;
    V fn = model_function(mg, job_printf(g->job, "%s_%s", mg->m->name, name), result, params);
    LLVMSetLinkage(fn, LLVMExternalLinkage);
    g->fn = fn;
    LLVMPositionBuilderAtEnd(g->b, LLVMAppendBasicBlockInContext(g->cx, fn, "entry"));
    return fn;
}

static Ival size_param(ModelGen *mg, V fn, unsigned i)
{
    return (Ival){.v = LLVMBuildZExt(mg->g->b, LLVMGetParam(fn, i), mg->g->i64, "")};
}

/* The largest size_t where it does not fit. */
static V as_size(ModelGen *mg, Ival v)
{
    if (mg->g->isa.bits32) v = i_min(mg->g, v, ival(UINT32_MAX));
    return LLVMBuildTrunc(mg->g->b, gen_raw(mg->g, v), model_size_type(mg), "");
}

static void return_if(Gen *g, Cond c, int64_t code)
{
    LLVMBasicBlockRef yes = LLVMAppendBasicBlockInContext(g->cx, g->fn, ""),
                      no = LLVMAppendBasicBlockInContext(g->cx, g->fn, "");
    LLVMBuildCondBr(g->b, c.konst ? LLVMConstInt(g->i1, c.k, 0) : c.v, yes, no);
    LLVMPositionBuilderAtEnd(g->b, yes);
    LLVMBuildRet(g->b, LLVMConstInt(g->i32, (unsigned long long)code, 1));
    LLVMPositionBuilderAtEnd(g->b, no);
}

/* void *alloc(void *heap, void *old, size_t bytes): memory aligned to 64 bytes from the C library; frees
 * `old` for no bytes. */
static V libc_alloc(ModelGen *mg)
{
    Gen *g = mg->g;
    LLVMTypeRef size = model_size_type(mg);
    V outer = g->fn, fn = model_function(mg, "libc_alloc", g->ptr, "pps");
    LLVMBasicBlockRef back = outer ? LLVMGetInsertBlock(g->b) : NULL;
    bool windows = mg->system->os == OS_WINDOWS;
    g->fn = fn;
    LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(g->cx, fn, "entry"),
                      give = LLVMAppendBasicBlockInContext(g->cx, fn, "give"),
                      take = LLVMAppendBasicBlockInContext(g->cx, fn, "take");
    V bytes = LLVMGetParam(fn, 2), zero = LLVMConstInt(size, 0, 0);
    LLVMPositionBuilderAtEnd(g->b, entry);
    LLVMBuildCondBr(g->b, LLVMBuildICmp(g->b, LLVMIntEQ, bytes, zero, ""), give, take);
    LLVMPositionBuilderAtEnd(g->b, give);
    LLVMTypeRef free_type = LLVMFunctionType(LLVMVoidTypeInContext(g->cx), &g->ptr, 1, 0);
    V release = LLVMAddFunction(g->module, windows ? "_aligned_free" : "free", free_type);
    LLVMBuildCall2(g->b, free_type, release, (V[]){LLVMGetParam(fn, 1)}, 1, "");
    LLVMBuildRet(g->b, LLVMConstPointerNull(g->ptr));
    LLVMPositionBuilderAtEnd(g->b, take);
    LLVMTypeRef alloc_type = LLVMFunctionType(g->ptr, (LLVMTypeRef[]){size, size}, 2, 0);
    V obtain = LLVMAddFunction(g->module, windows ? "_aligned_malloc" : "aligned_alloc", alloc_type);
    V line = LLVMConstInt(size, RUN_ALIGN, 0), mask = LLVMConstInt(size, RUN_ALIGN - 1, 0);
    V whole = LLVMBuildAnd(g->b, LLVMBuildAdd(g->b, bytes, mask, ""), LLVMBuildNot(g->b, mask, ""), "");
    V args[] = {windows ? whole : line, windows ? line : whole};
    LLVMBuildRet(g->b, LLVMBuildCall2(g->b, alloc_type, obtain, args, 2, ""));
    g->fn = outer;
    if (back) LLVMPositionBuilderAtEnd(g->b, back);
    return fn;
}

static bool allocates(const Plan *p)
{
    for (uint32_t i = 0; i < p->nbuf; i++)
        if (p->buf[i].kind == BUF_HEAP) return true;
    return model_grows(p);
}

static V constant_word(Gen *g, const char *name)
{
    V word = LLVMAddGlobal(g->module, g->i32, name);
    LLVMSetLinkage(word, LLVMInternalLinkage);
    LLVMSetGlobalConstant(word, 1);
    LLVMSetInitializer(word, LLVMConstInt(g->i32, 0, 0));
    return word;
}

static Ptr or_else(Gen *g, Ptr p, V other)
{
    return p_select(g, is_null(g, p), (Ptr){other}, p);
}

/* Where each buffer is at the start of a run. */
static void place_buffers(const Entry *e, Ptr state, Ptr in, Ptr out, Ptr weights, Ptr arena)
{
    Gen *g = e->mg->g;
    const Plan *p = e->mg->m->plan;
    Ptr bufs = p_bytes(g, state, ival(model_buffers_at(p)));
    enum { KIND, AT, OFFSET, ROW };
    int64_t *table = job_array(g->job, int64_t, ROW * (size_t)p->nbuf + 1);
    for (uint32_t i = 0; i < p->nbuf; i++) {
        const PlanBuf *b = &p->buf[i];
        table[ROW * i + KIND] = b->kind;
        table[ROW * i + AT] = b->kind == BUF_WEIGHT ? e->mg->m->weight_at[b->index] : b->index;
        table[ROW * i + OFFSET] = b->offset;
    }
    Ptr rows = {model_table(e->mg, table, ROW * (size_t)p->nbuf)};
    Ptr regs = p_at(g, state_words(g, state), ival(STATE_REG), JITC_INT64);
    FOR (g, l, ival(0), ival(p->nbuf), ival(1)) {
        Ptr row = p_at(g, rows, i_mul(g, l.i, ival(ROW)), JITC_INT64);
        Ival kind = i_load(g, row, ival(KIND), JITC_INT64), at = i_load(g, row, ival(AT), JITC_INT64);
        p_store(g, bufs, l.i, (Ptr){LLVMConstPointerNull(g->ptr)});
        IF(g, input, c_eq(g, kind, ival(BUF_INPUT))) p_store(g, bufs, l.i, p_load(g, in, at));
        IF(g, weight, c_eq(g, kind, ival(BUF_WEIGHT))) p_store(g, bufs, l.i, p_bytes(g, weights, at));
        Ival offset = number_at(g, regs, row, ival(OFFSET));
        IF(g, output, c_eq(g, kind, ival(BUF_OUTPUT)))
        p_store(g, bufs, l.i, p_bytes(g, p_load(g, out, at), offset));
        IF(g, slot, c_eq(g, kind, ival(BUF_SLOT))) p_store(g, bufs, l.i, p_bytes(g, arena, offset));
    }
}

static Ptr weights_of(ModelGen *mg, Ptr options)
{
    const CodegenModel *m = mg->m;
    Gen *g = mg->g;
    if (!m->weights) {
        Ptr given = p_load(g, options, ival(OPT_WEIGHTS));
        if (m->weight_bytes) return_if(g, is_null(g, given), MODEL_E_WEIGHTS);
        return given;
    }
    V bytes = LLVMConstStringInContext2(g->cx, (const char *)m->weights, (size_t)m->weight_bytes, 1);
    V global = LLVMAddGlobal(g->module, LLVMTypeOf(bytes), "weights");
    LLVMSetInitializer(global, bytes);
    LLVMSetGlobalConstant(global, 1);
    LLVMSetLinkage(global, LLVMInternalLinkage);
    LLVMSetAlignment(global, 64);
    return (Ptr){global};
}

static void store_ptr(Gen *g, Ptr field, Ptr p)
{
    p_store(g, field, ival(0), p);
}

/* A size that the inputs' sizes make negative: a window larger than its input, of which code for all sizes
 * knows nothing. */
static Cond negative_sizes(const Entry *e)
{
    Gen *g = e->mg->g;
    const Plan *p = e->mg->m->plan;
    bool *seen = job_array(g->job, bool, p->nreg + 1);
    Cond bad = c_const(false);
    for (uint32_t i = 0; i < p->nbuf; i++)
        for (int d = 0; d < p->buf[i].type.rank; d++) {
            PlanNum n = p->buf[i].type.dim[d];
            if (n >= 0 || seen[-n - 1] || !p->reg[-n - 1].entry) continue;
            seen[-n - 1] = true;
            bad = c_or(g, bad, c_lt(g, value(e, n), ival(0)));
        }
    return bad;
}

static Cond has_needs(Gen *g, Ival has, uint32_t needs)
{
    V bits = LLVMConstInt(g->i64, needs, 0), both = LLVMBuildAnd(g->b, gen_raw(g, has), bits, "");
    return (Cond){.v = LLVMBuildICmp(g->b, LLVMIntEQ, both, bits, "")};
}

/* int NAME_run_options(inputs, outputs, workspace, workspace_bytes, dims, options) */
static V run_options(ModelGen *mg, V drive)
{
    Gen *g = mg->g;
    const Plan *p = mg->m->plan;
    V cpu = model_cpu(mg);
    V defaults = LLVMAddGlobal(g->module, LLVMArrayType(g->ptr, OPT_WORDS), "no_options");
    V null = LLVMConstPointerNull(g->ptr);
    LLVMSetLinkage(defaults, LLVMInternalLinkage);
    LLVMSetGlobalConstant(defaults, 1);
    LLVMSetInitializer(defaults, LLVMConstNull(LLVMArrayType(g->ptr, OPT_WORDS)));
    V alloc = allocates(p) ? libc_alloc(mg) : null, never = constant_word(g, "never");
    V fn = begin(mg, "run_options", g->i32, "pppspp");
    Ptr in = {LLVMGetParam(fn, 0)}, out = {LLVMGetParam(fn, 1)}, state = {LLVMGetParam(fn, 2)};
    Ival room = size_param(mg, fn, 3);
    Ptr dims = {LLVMGetParam(fn, 4)}, given = {LLVMGetParam(fn, 5)}, options = or_else(g, given, defaults);
    Ival variant = ival(0), cpu_has = ival(0);
    if (cpu)
        cpu_has.konst = false,
        cpu_has.v = LLVMBuildCall2(g->b, LLVMGlobalGetValueType(cpu), cpu, NULL, 0, "");
    if (mg->needs[0]) return_if(g, c_not(g, has_needs(g, cpu_has, mg->needs[0])), MODEL_E_CPU);
    for (int k = 1; k < mg->nvariants; k++)
        variant = i_select(g, has_needs(g, cpu_has, mg->needs[k]), ival(k), variant);

    V word = LLVMBuildLoad2(g->b, model_size_type(mg), options.v, "");
    Cond known = {
        .v = LLVMBuildICmp(
            g->b, LLVMIntUGE, word,
            LLVMConstInt(model_size_type(mg), OPT_WORDS * (LLVMGetIntTypeWidth(model_size_type(mg)) / 8), 0),
            "")};
    return_if(g, c_and(g, c_not(g, is_null(g, given)), c_not(g, known)), MODEL_E_OPTIONS);
    Ptr weights = weights_of(mg, options);
    for (uint32_t i = 0; i < mg->m->nin_dims; i++)
        return_if(g, c_lt(g, i_load(g, dims, ival(i), JITC_INT64), ival(0)), MODEL_E_DIMS);
    Entry e = entry_values(mg, dims);
    Cond negative = negative_sizes(&e);
    if (!negative.konst) return_if(g, negative, MODEL_E_DIMS);
    V shares_at = LLVMBuildInBoundsGEP2(g->b, g->ptr, options.v, (V[]){gen_raw(g, ival(OPT_SHARES))}, 1, "");
    V shares_word = LLVMBuildLoad2(g->b, model_size_type(mg), shares_at, "");
    Ival shares = limit_shares(g, (Ival){.v = LLVMBuildZExt(g->b, shares_word, g->i64, "")});
    Ptr parallel = p_load(g, options, ival(OPT_PARALLEL));
    shares = i_select(g, is_null(g, parallel), ival(1), shares);
    Ival address = {.v = LLVMBuildPtrToInt(g->b, state.v, g->i64, "")};
    Cond bad = c_or(g, is_null(g, state), c_not(g, c_eq(g, i_mod(g, address, ival(RUN_ALIGN)), ival(0))));
    return_if(g, c_or(g, bad, c_lt(g, room, workspace_bytes(&e, shares))), MODEL_E_WORKSPACE);

    Ptr arena = p_bytes(g, state, ival(model_state_bytes(p))), scratch = p_bytes(g, arena, arena_bytes(&e));
    store_ptr(g, RUN_FIELD(g, state, in), in);
    store_ptr(g, RUN_FIELD(g, state, out), out);
    store_ptr(g, RUN_FIELD(g, state, dims), dims);
    store_ptr(g, RUN_FIELD(g, state, arena), arena);
    store_ptr(g, RUN_FIELD(g, state, scratch), scratch);
    store_ptr(g, RUN_FIELD(g, state, parallel_for), parallel);
    store_ptr(g, RUN_FIELD(g, state, host), p_load(g, options, ival(OPT_HOST)));
    store_ptr(g, RUN_FIELD(g, state, alloc), or_else(g, p_load(g, options, ival(OPT_ALLOC)), alloc));
    store_ptr(g, RUN_FIELD(g, state, heap), p_load(g, options, ival(OPT_HEAP)));
    store_ptr(g, RUN_FIELD(g, state, stop), or_else(g, p_load(g, options, ival(OPT_STOP)), never));
    i_store(g, RUN_FIELD(g, state, shares), ival(0), JITC_UINT32, shares);
    i_store(g, RUN_FIELD(g, state, backward), ival(0), JITC_UINT32, ival(0));
    i_store(g, RUN_FIELD(g, state, fail), ival(0), JITC_INT64, ival(-1));
    state_set(g, state, STATE_CODE, ival(0));
    state_set(g, state, STATE_EACH, scratch_each(&e));
    state_set(g, state, STATE_MORE_BYTES, ival(0));
    store_ptr(g, p_at(g, state_words(g, state), ival(STATE_MORE), JITC_INT64), (Ptr){null});
    Ptr regs = p_at(g, state_words(g, state), ival(STATE_REG), JITC_INT64);
    for (uint32_t i = 0; i < p->nreg; i++) i_store(g, regs, ival(i), JITC_INT64, e.reg[i]);
    place_buffers(&e, state, in, out, weights, arena);
    V mode = model_fp_enter(mg);
    model_call(mg, drive, (V[]){state.v, gen_raw(g, variant)}, 2);
    model_fp_leave(mg, mode);
    LLVMBuildRet(g->b, LLVMBuildTrunc(g->b, gen_raw(g, state_get(g, state, STATE_CODE)), g->i32, ""));
    return fn;
}

/* int NAME_run(inputs, outputs, workspace), where all sizes are known */
static void run_static(ModelGen *mg, V general)
{
    Gen *g = mg->g;
    V fn = begin(mg, "run", g->i32, "ppp"), null = LLVMConstPointerNull(g->ptr);
    Entry e = entry_values(mg, (Ptr){null});
    V args[] = {LLVMGetParam(fn, 0),
                LLVMGetParam(fn, 1),
                LLVMGetParam(fn, 2),
                as_size(mg, workspace_bytes(&e, ival(1))),
                null,
                null};
    LLVMBuildRet(g->b, LLVMBuildCall2(g->b, LLVMGlobalGetValueType(general), general, args, 6, ""));
}

/* int NAME_run_dims(inputs, outputs, workspace, workspace_bytes, dims) */
static void run_dims(ModelGen *mg, V general)
{
    Gen *g = mg->g;
    V fn = begin(mg, "run_dims", g->i32, "pppsp");
    V args[6] = {[5] = LLVMConstPointerNull(g->ptr)};
    for (unsigned i = 0; i < 5; i++) args[i] = LLVMGetParam(fn, i);
    LLVMBuildRet(g->b, LLVMBuildCall2(g->b, LLVMGlobalGetValueType(general), general, args, 6, ""));
}

static void workspace_function(ModelGen *mg)
{
    Gen *g = mg->g;
    V fn = begin(mg, "workspace_bytes", model_size_type(mg), "ps");
    Entry e = entry_values(mg, (Ptr){LLVMGetParam(fn, 0)});
    LLVMBuildRet(g->b, as_size(mg, workspace_bytes(&e, limit_shares(g, size_param(mg, fn, 1)))));
}

/* A size of an output: of one that the run tells, the room that the caller gives it, or after the run its
 * size. */
static Ival output_dim(const Entry *e, PlanNum n)
{
    const CodegenModel *m = e->mg->m;
    if (n >= 0 || m->plan->reg[-n - 1].entry) return value(e, n);
    uint32_t k = 0;
    while (k < m->nout_dims && m->out_dim[k].reg != n) k++;
    return i_load(e->mg->g, e->dims, ival(m->nin_dims + k), JITC_INT64);
}

static Ival output_size(const Entry *e, const Type *t)
{
    Gen *g = e->mg->g;
    Ival bytes = ival((int64_t)dtype_size(t->dtype));
    for (int d = 0; d < t->rank; d++)
        bytes = model_reg_value(g, REG_MUL, bytes, i_max(g, output_dim(e, t->dim[d]), ival(0)));
    return bytes;
}

/* void NAME_output_shape(int i, const int64_t *dims, int64_t *shape) */
static void shape_function(ModelGen *mg)
{
    Gen *g = mg->g;
    const Plan *p = mg->m->plan;
    V fn = begin(mg, "output_shape", LLVMVoidTypeInContext(g->cx), "dpp");
    Entry e = entry_values(mg, (Ptr){LLVMGetParam(fn, 1)});
    for (uint32_t i = 0; i < p->nout; i++) {
        Cond this = {.v =
                         LLVMBuildICmp(g->b, LLVMIntEQ, LLVMGetParam(fn, 0), LLVMConstInt(g->i32, i, 0), "")};
        IF(g, it, this)
        for (int d = 0; d < p->out_type[i].rank; d++)
            i_store(g, (Ptr){LLVMGetParam(fn, 2)}, ival(d), JITC_INT64,
                    output_dim(&e, p->out_type[i].dim[d]));
    }
    LLVMBuildRetVoid(g->b);
}

static void output_function(ModelGen *mg)
{
    Gen *g = mg->g;
    const Plan *p = mg->m->plan;
    V fn = begin(mg, "output_bytes", model_size_type(mg), "dp");
    Entry e = entry_values(mg, (Ptr){LLVMGetParam(fn, 1)});
    Ival bytes = ival(0);
    for (uint32_t i = 0; i < p->nout; i++) {
        Cond this = {.v =
                         LLVMBuildICmp(g->b, LLVMIntEQ, LLVMGetParam(fn, 0), LLVMConstInt(g->i32, i, 0), "")};
        bytes = i_select(g, this, output_size(&e, &p->out_type[i]), bytes);
    }
    LLVMBuildRet(g->b, as_size(mg, bytes));
}

/* const char *NAME_error(int code) */
static void error_function(ModelGen *mg)
{
    static const char *const general[] = {
        [-MODEL_E_OPTIONS] = "the options are not those of this model's header",
        [-MODEL_E_WEIGHTS] = "the options name no weights",
        [-MODEL_E_OUTPUT] = "an output is larger than its room; dims tell the sizes",
        [-MODEL_E_DIMS] = "a size is negative, or an input is smaller than a window",
        [-MODEL_E_STOPPED] = "the run was stopped",
        [-MODEL_E_MEMORY] = "out of memory",
        [-MODEL_E_WORKSPACE] = "the workspace is too small, or not aligned to 64 bytes",
        [-MODEL_E_CPU] = "this CPU cannot run the model's code",
        [-MODEL_OK] = "no error",
    };
    Gen *g = mg->g;
    Str text = {0};
    uint32_t n = mg->message.n + (uint32_t)COUNT(general);
    int64_t *at = job_array(g->job, int64_t, n + 2);
    for (uint32_t i = 0; i < n; i++) {
        const char *s =
            i < COUNT(general) ? general[COUNT(general) - 1 - i] : mg->message.at[i - COUNT(general)];
        at[i] = (int64_t)text.n;
        str_putn(&text, s, strlen(s) + 1);
    }
    at[n] = (int64_t)text.n;
    str_putn(&text, "unknown", 8);
    V bytes = LLVMConstStringInContext2(g->cx, str_text(&text), text.n, 1);
    str_free(&text);
    V global = LLVMAddGlobal(g->module, LLVMTypeOf(bytes), "errors");
    LLVMSetInitializer(global, bytes);
    LLVMSetGlobalConstant(global, 1);
    LLVMSetLinkage(global, LLVMInternalLinkage);
    V fn = begin(mg, "error", g->ptr, "d");
    Ival code = {.v = LLVMBuildSExt(g->b, LLVMGetParam(fn, 0), g->i64, "")};
    Ival row = i_sub(g, code, ival(MODEL_E_LEAST));
    row = i_select(g, c_ult(g, row, ival(n)), row, ival(n));
    Ival offset = i_load(g, (Ptr){model_table(mg, at, n + 1)}, row, JITC_INT64);
    LLVMBuildRet(g->b, p_bytes(g, (Ptr){global}, offset).v);
}

void model_entries(ModelGen *mg, V drive)
{
    V general = run_options(mg, drive);
    if (mg->m->nin_dims + mg->m->nout_dims)
        run_dims(mg, general);
    else
        run_static(mg, general);
    workspace_function(mg);
    output_function(mg);
    shape_function(mg);
    error_function(mg);
}
