/* A scalar function on vectors: each of its instructions becomes one on all lanes.
 *
 * Blocks are written one after the other, all of them in one block of the kernel. Where the function
 * branches, both ways are computed, and what comes together again is selected by masks. So nothing here may
 * trap or change memory, and there are no loops; what the function's optimiser has left of those is refused.
 */
#include <stdlib.h>

#include "codegen/llvm/gen_code.h"
#include "codegen/llvm/gen_llvm.h"

typedef LLVMValueRef V;

typedef struct {
    V from, to;
} Known;

typedef struct {
    LLVMBasicBlockRef block;
    V mask; /* NULL: all lanes come here */
    bool done;
} Place;

typedef struct {
    Gen *g;
    const char *tag;
    int lanes;
    VEC(Known) known;
    VEC(Place) places; /* in an order in which predecessors come first */
    V result;
} Widen;

static _Noreturn void refuse(Widen *w, const char *what)
{
    job_error(w->g->job, "%s", what);
    job_fail(w->g->job, JITC_E_INVALID);
}

static _Noreturn void refuse_instruction(Widen *w, V i)
{
    char *text = LLVMPrintValueToString(i);
    const char *line = text + strspn(text, " ");
    job_error(w->g->job, "an instruction that cannot be applied to vectors: %.*s", (int)strcspn(line, "\n"),
              line);
    LLVMDisposeMessage(text);
    job_fail(w->g->job, JITC_E_INVALID);
}

/* -- Values ------------------------------------------------------------------------------------ */
static LLVMTypeRef wide_type(const Widen *w, LLVMTypeRef t)
{
    return w->lanes == 1 ? t : LLVMVectorType(t, (unsigned)w->lanes);
}

static V splat(Widen *w, V v)
{
    Gen *g = w->g;
    if (w->lanes == 1) return v;
    if (LLVMIsConstant(v)) {
        V lane[LANES];
        for (int i = 0; i < w->lanes; i++) lane[i] = v;
        return LLVMConstVector(lane, (unsigned)w->lanes);
    }
    V none = LLVMGetPoison(wide_type(w, LLVMTypeOf(v)));
    V one = LLVMBuildInsertElement(g->b, none, v, LLVMConstInt(g->i32, 0, 0), "");
    return LLVMBuildShuffleVector(g->b, one, none, LLVMConstNull(LLVMVectorType(g->i32, (unsigned)w->lanes)),
                                  "");
}

/* A number, or an array or struct of them, without addresses. */
static bool is_plain(V v)
{
    if (LLVMIsAConstantInt(v) || LLVMIsAConstantFP(v) || LLVMIsAConstantDataSequential(v) ||
        LLVMIsAConstantAggregateZero(v) || LLVMIsAUndefValue(v))
        return true;
    if (!LLVMIsAConstantArray(v) && !LLVMIsAConstantStruct(v)) return false;
    for (int i = 0; i < LLVMGetNumOperands(v); i++)
        if (!is_plain(LLVMGetOperand(v, (unsigned)i))) return false;
    return true;
}

/* A table of the function's, in the kernels' module. */
static V table(Widen *w, V from)
{
    Gen *g = w->g;
    size_t n;
    const char *name = job_printf(g->job, "%s.%s", w->tag, LLVMGetValueName2(from, &n));
    V at = LLVMGetNamedGlobal(g->module, name), init = LLVMGetInitializer(from);
    if (at) return at;
    if (!init || !is_plain(init)) refuse(w, "it reads a table that is not made of numbers alone");
    at = LLVMAddGlobal(g->module, LLVMGlobalGetValueType(from), name);
    LLVMSetInitializer(at, init);
    LLVMSetGlobalConstant(at, 1);
    LLVMSetLinkage(at, LLVMPrivateLinkage);
    LLVMSetUnnamedAddress(at, LLVMGlobalUnnamedAddr);
    LLVMSetAlignment(at, LLVMGetAlignment(from));
    return at;
}

/* A constant address: a table, or a place in one. Of one lane. */
static V address(Widen *w, V v)
{
    if (LLVMIsAGlobalVariable(v)) return table(w, v);
    if (!LLVMIsAConstantExpr(v) || LLVMGetConstOpcode(v) != LLVMGetElementPtr)
        refuse(w, "it computes with an address");
    V index[8];
    int n = LLVMGetNumOperands(v) - 1;
    if (n > (int)COUNT(index)) refuse(w, "it reads a table of many dimensions");
    for (int i = 0; i < n; i++) index[i] = LLVMGetOperand(v, (unsigned)i + 1);
    return LLVMConstInBoundsGEP2(LLVMGetGEPSourceElementType(v), address(w, LLVMGetOperand(v, 0)), index,
                                 (unsigned)n);
}

static V value(Widen *w, V v)
{
    if (LLVMIsConstant(v)) {
        if (LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMPointerTypeKind) return splat(w, address(w, v));
        if (!LLVMIsAConstantInt(v) && !LLVMIsAConstantFP(v) && !LLVMIsAUndefValue(v))
            refuse(w, "it has a constant that is no number");
        return splat(w, v);
    }
    for (uint32_t i = w->known.n; i-- > 0;)
        if (w->known.at[i].from == v) return w->known.at[i].to;
    refuse(w, "a value is used before it is computed");
}

static V operand(Widen *w, V i, unsigned k)
{
    return value(w, LLVMGetOperand(i, k));
}

/* Of a type that vectors are made of here. */
static bool fits(LLVMTypeRef t)
{
    LLVMTypeKind k = LLVMGetTypeKind(t);
    return k == LLVMFloatTypeKind || k == LLVMDoubleTypeKind ||
           (k == LLVMIntegerTypeKind && LLVMGetIntTypeWidth(t) <= 64);
}

static DType dtype_of(Widen *w, V i, LLVMTypeRef t, bool is_signed)
{
    switch (LLVMGetTypeKind(t)) {
    case LLVMFloatTypeKind: return JITC_FLOAT32;
    case LLVMDoubleTypeKind: return JITC_FLOAT64;
    case LLVMIntegerTypeKind:
        switch (LLVMGetIntTypeWidth(t)) {
        case 8: return is_signed ? JITC_INT8 : JITC_UINT8;
        case 16: return is_signed ? JITC_INT16 : JITC_UINT16;
        case 32: return is_signed ? JITC_INT32 : JITC_UINT32;
        case 64: return is_signed ? JITC_INT64 : JITC_UINT64;
        default: refuse_instruction(w, i);
        }
    default: refuse_instruction(w, i);
    }
}

static Vec vec(Widen *w, V i, unsigned k, bool is_signed)
{
    LLVMTypeRef t = LLVMTypeOf(LLVMGetOperand(i, k));
    return (Vec){operand(w, i, k), dtype_of(w, i, t, is_signed), (uint8_t)w->lanes};
}

/* Of a division, which poison would make undefined as a whole. */
static Vec divided(Widen *w, V i, unsigned k, bool is_signed)
{
    Vec v = vec(w, i, k, is_signed);
    v.v = LLVMBuildFreeze(w->g->b, v.v, "");
    return v;
}

/* -- Masks ------------------------------------------------------------------------------------- */
/* Where a lane does not come by, b may be anything, LLVM's poison too: it must not count. */
static V both(Widen *w, V a, V b)
{
    return !a ? b : !b ? a : LLVMBuildSelect(w->g->b, a, b, LLVMConstNull(LLVMTypeOf(a)), "");
}

static Place *place_of(Widen *w, LLVMBasicBlockRef b)
{
    for (uint32_t i = 0; i < w->places.n; i++)
        if (w->places.at[i].block == b) return &w->places.at[i];
    return NULL;
}

/* The lanes that go from block `from` to block `to` when the way is taken that leaves by successor k. */
static V way(Widen *w, V end, unsigned k)
{
    Gen *g = w->g;
    if (LLVMGetInstructionOpcode(end) == LLVMBr) {
        if (!LLVMIsConditional(end)) return NULL;
        V c = value(w, LLVMGetCondition(end));
        return k ? LLVMBuildNot(g->b, c, "") : c;
    }
    /* switch: its operands are the value, the default's block, then pairs of a case and its block. */
    V x = operand(w, end, 0), any = NULL;
    if (k) return LLVMBuildICmp(g->b, LLVMIntEQ, x, operand(w, end, 2 * k), "");
    for (unsigned i = 1; i < LLVMGetNumSuccessors(end); i++) {
        V is = LLVMBuildICmp(g->b, LLVMIntEQ, x, operand(w, end, 2 * i), "");
        any = any ? LLVMBuildOr(g->b, any, is, "") : is;
    }
    return any ? LLVMBuildNot(g->b, any, "") : NULL;
}

/* NULL: all lanes. */
static V edge_mask(Widen *w, LLVMBasicBlockRef from, LLVMBasicBlockRef to)
{
    V end = LLVMGetBasicBlockTerminator(from), any = NULL;
    const Place *p = place_of(w, from);
    for (unsigned k = 0; k < LLVMGetNumSuccessors(end); k++) {
        if (LLVMGetSuccessor(end, k) != to) continue;
        V m = both(w, p->mask, way(w, end, k));
        if (!m) return NULL;
        any = any ? LLVMBuildOr(w->g->b, any, m, "") : m;
    }
    return any;
}

static V block_mask(Widen *w, LLVMBasicBlockRef b)
{
    V any = NULL;
    for (uint32_t i = 0; i < w->places.n && w->places.at[i].done; i++) {
        V end = LLVMGetBasicBlockTerminator(w->places.at[i].block);
        bool leads = false;
        for (unsigned k = 0; k < LLVMGetNumSuccessors(end); k++)
            leads = leads || LLVMGetSuccessor(end, k) == b;
        if (!leads) continue;
        V m = edge_mask(w, w->places.at[i].block, b);
        if (!m) return NULL;
        any = any ? LLVMBuildOr(w->g->b, any, m, "") : m;
    }
    return any;
}

static V phi(Widen *w, V i, LLVMBasicBlockRef here)
{
    V r = NULL;
    for (unsigned k = 0; k < LLVMCountIncoming(i); k++) {
        LLVMBasicBlockRef from = LLVMGetIncomingBlock(i, k);
        if (!place_of(w, from)) continue; /* never reached */
        V v = value(w, LLVMGetIncomingValue(i, k)), m = r ? edge_mask(w, from, here) : NULL;
        r = r && m ? LLVMBuildSelect(w->g->b, m, v, r, "") : v;
    }
    return r;
}

/* -- Instructions ------------------------------------------------------------------------------ */
/* What each lane reads, one after the other; lanes that do not come here read a word of zeros. */
static V load(Widen *w, V i, V mask)
{
    Gen *g = w->g;
    LLVMTypeRef t = LLVMTypeOf(i);
    V at = operand(w, i, 0), r = NULL;
    if (!fits(t) || LLVMGetTypeKind(t) == LLVMPointerTypeKind) refuse_instruction(w, i);
    if (mask) {
        V safe = LLVMGetNamedGlobal(g->module, "nowhere");
        if (!safe) {
            safe = LLVMAddGlobal(g->module, g->i64, "nowhere");
            LLVMSetInitializer(safe, LLVMConstInt(g->i64, 0, 0));
            LLVMSetGlobalConstant(safe, 1);
            LLVMSetLinkage(safe, LLVMPrivateLinkage);
        }
        at = LLVMBuildSelect(g->b, mask, at, splat(w, safe), "");
    }
    for (int k = 0; k < w->lanes; k++) {
        V lane = LLVMConstInt(g->i32, (unsigned)k, 0);
        V p = w->lanes == 1 ? at : LLVMBuildExtractElement(g->b, at, lane, "");
        V v = LLVMBuildLoad2(g->b, t, p, "");
        LLVMSetAlignment(v, LLVMGetAlignment(i));
        if (w->lanes == 1) return v;
        r = LLVMBuildInsertElement(g->b, r ? r : LLVMGetPoison(wide_type(w, t)), v, lane, "");
    }
    return r;
}

static V element_address(Widen *w, V i)
{
    V index[8];
    int n = LLVMGetNumOperands(i) - 1;
    LLVMTypeRef of = LLVMGetGEPSourceElementType(i);
    if (n > (int)COUNT(index)) refuse_instruction(w, i);
    for (int k = 0; k < n; k++) {
        V v = LLVMGetOperand(i, (unsigned)k + 1);
        index[k] = LLVMIsAConstantInt(v) ? v : value(w, v); /* fields of structs are told by numbers */
    }
    return LLVMBuildGEP2(w->g->b, of, operand(w, i, 0), index, (unsigned)n, "");
}

/* Intrinsics that every target has for vectors, in some instructions, without a library. */
static V intrinsic(Widen *w, V i, const char *name)
{
    static const char *const known[] = {"ctpop",    "ctlz",     "cttz",       "bswap",    "bitreverse",
                                        "abs",      "smin",     "smax",       "umin",     "umax",
                                        "sadd.sat", "uadd.sat", "ssub.sat",   "usub.sat", "sshl.sat",
                                        "fshl",     "fshr",     "is.fpclass", "ushl.sat"};
    static const char *const nothing[] = {"assume", "lifetime.start", "lifetime.end", "donothing",
                                          "experimental.noalias.scope.decl"};
    const char *rest = name + strlen("llvm.");
    for (size_t k = 0; k < COUNT(nothing); k++)
        if (strncmp(rest, nothing[k], strlen(nothing[k])) == 0) return NULL;
    for (size_t k = 0; k < COUNT(known); k++) {
        size_t n = strlen(known[k]);
        if (strncmp(rest, known[k], n) != 0 || rest[n] != '.') continue;
        V args[3];
        unsigned many = LLVMGetNumArgOperands(i);
        if (many > COUNT(args) || !fits(LLVMTypeOf(LLVMGetOperand(i, 0)))) break;
        for (unsigned a = 0; a < many; a++) { /* what must be a constant stays a scalar */
            bool flag = a == 1 && (!strcmp(known[k], "ctlz") || !strcmp(known[k], "cttz") ||
                                   !strcmp(known[k], "abs") || !strcmp(known[k], "is.fpclass"));
            args[a] = flag ? LLVMGetOperand(i, a) : operand(w, i, a);
        }
        char base[64];
        snprintf(base, sizeof base, "llvm.%s", known[k]);
        LLVMTypeRef over[] = {LLVMTypeOf(args[0])};
        return gen_intrinsic(w->g, base, over, 1, args, many);
    }
    refuse_instruction(w, i);
}

static V call(Widen *w, V i)
{
    V callee = LLVMGetCalledValue(i);
    size_t n;
    const char *name = LLVMGetValueName2(callee, &n);
    int operands = LLVMIsAFunction(callee) ? code_math(name) : -1;
    if (operands < 0) {
        if (!LLVMIsAFunction(callee) || !LLVMGetIntrinsicID(callee)) refuse_instruction(w, i);
        return intrinsic(w, i, name);
    }
    Vec in[3];
    LLVMTypeRef t = LLVMTypeOf(i);
    if ((int)LLVMGetNumArgOperands(i) != operands || !fits(t)) refuse_instruction(w, i);
    for (int k = 0; k < operands; k++) {
        in[k] = vec(w, i, (unsigned)k, true);
        if (!dtype_is_float(in[k].dtype) || in[k].dtype != in[0].dtype) refuse_instruction(w, i);
    }
    Vec r = code_math_value(w->g, name, in);
    if (LLVMTypeOf(r.v) != wide_type(w, t)) refuse_instruction(w, i);
    return r.v;
}

static V instruction(Widen *w, V i, const Place *p)
{
    Gen *g = w->g;
    LLVMOpcode code = LLVMGetInstructionOpcode(i);
    LLVMTypeRef t = LLVMTypeOf(i);
    bool pointer = LLVMGetTypeKind(t) == LLVMPointerTypeKind;
    if (code == LLVMPHI && (pointer || fits(t))) return phi(w, i, p->block);
    if (code == LLVMSelect && (pointer || fits(t)))
        return LLVMBuildSelect(g->b, operand(w, i, 0), operand(w, i, 1), operand(w, i, 2), "");
    if (code == LLVMGetElementPtr && pointer) return element_address(w, i);
    if (code == LLVMLoad) return load(w, i, p->mask);
    if (code == LLVMCall) return call(w, i);
    if (!fits(t)) refuse_instruction(w, i);
    switch (code) {
    case LLVMAdd:
    case LLVMFAdd:
    case LLVMSub:
    case LLVMFSub:
    case LLVMMul:
    case LLVMFMul:
    case LLVMFDiv:
    case LLVMShl:
    case LLVMLShr:
    case LLVMAShr:
    case LLVMAnd:
    case LLVMOr:
    case LLVMXor: return LLVMBuildBinOp(g->b, code, operand(w, i, 0), operand(w, i, 1), "");
    case LLVMFRem: return code_math_value(g, "fmod", (Vec[]){vec(w, i, 0, true), vec(w, i, 1, true)}).v;
    case LLVMSDiv: return v_div(g, divided(w, i, 0, true), divided(w, i, 1, true)).v;
    case LLVMUDiv: return v_div(g, divided(w, i, 0, false), divided(w, i, 1, false)).v;
    case LLVMSRem: return v_rem(g, divided(w, i, 0, true), divided(w, i, 1, true)).v;
    case LLVMURem: return v_rem(g, divided(w, i, 0, false), divided(w, i, 1, false)).v;
    case LLVMFNeg: return LLVMBuildFNeg(g->b, operand(w, i, 0), "");
    case LLVMFreeze: return LLVMBuildFreeze(g->b, operand(w, i, 0), "");
    case LLVMICmp:
        if (!fits(LLVMTypeOf(LLVMGetOperand(i, 0)))) refuse_instruction(w, i);
        return LLVMBuildICmp(g->b, LLVMGetICmpPredicate(i), operand(w, i, 0), operand(w, i, 1), "");
    case LLVMFCmp:
        return LLVMBuildFCmp(g->b, LLVMGetFCmpPredicate(i), operand(w, i, 0), operand(w, i, 1), "");
    case LLVMTrunc:
    case LLVMZExt:
    case LLVMSExt:
    case LLVMFPTrunc:
    case LLVMFPExt:
    case LLVMFPToSI:
    case LLVMFPToUI:
    case LLVMSIToFP:
    case LLVMUIToFP:
    case LLVMBitCast:
        if (!fits(LLVMTypeOf(LLVMGetOperand(i, 0)))) refuse_instruction(w, i);
        return LLVMBuildCast(g->b, code, operand(w, i, 0), wide_type(w, t), "");
    default: refuse_instruction(w, i);
    }
}

/* -- Blocks ------------------------------------------------------------------------------------ */
typedef struct {
    LLVMBasicBlockRef block;
    unsigned next; /* successor to visit */
} Visit;

/* Depth first, backwards: a block comes after all that lead to it. */
static void order_blocks(Widen *w, V fn)
{
    Job *job = w->g->job;
    VEC(Visit) stack = {0};
    VEC(LLVMBasicBlockRef) after = {0}, seen = {0};
    vec_push(job, &stack, (Visit){LLVMGetEntryBasicBlock(fn), 0});
    vec_push(job, &seen, LLVMGetEntryBasicBlock(fn));
    while (stack.n) {
        Visit *v = &stack.at[stack.n - 1];
        V end = LLVMGetBasicBlockTerminator(v->block);
        if (v->next == LLVMGetNumSuccessors(end)) {
            vec_push(job, &after, v->block);
            stack.n--;
            continue;
        }
        LLVMBasicBlockRef to = LLVMGetSuccessor(end, v->next++);
        for (uint32_t i = 0; i < stack.n; i++)
            if (stack.at[i].block == to)
                refuse(w, "it has a loop whose number of rounds is not a small constant; an operator with a "
                          "compute function can do that");
        bool known = false;
        for (uint32_t i = 0; i < seen.n; i++) known = known || seen.at[i] == to;
        if (known) continue;
        vec_push(job, &seen, to);
        vec_push(job, &stack, (Visit){to, 0});
    }
    for (uint32_t i = after.n; i-- > 0;) vec_push(job, &w->places, (Place){.block = after.at[i]});
}

static void add_block(Widen *w, Place *p, bool first)
{
    p->mask = first ? NULL : block_mask(w, p->block);
    for (V i = LLVMGetFirstInstruction(p->block); i; i = LLVMGetNextInstruction(i)) {
        switch (LLVMGetInstructionOpcode(i)) {
        case LLVMRet: {
            V v = operand(w, i, 0);
            w->result = w->result && p->mask ? LLVMBuildSelect(w->g->b, p->mask, v, w->result, "") : v;
            break;
        }
        case LLVMBr:
        case LLVMSwitch:
        case LLVMUnreachable: break;
        default: {
            V v = instruction(w, i, p);
            if (v) vec_push(w->g->job, &w->known, (Known){i, v});
        }
        }
    }
    p->done = true;
}

V code_widen(Gen *g, V fn, const char *tag, const V *args, int lanes)
{
    Widen w = {.g = g, .tag = tag, .lanes = lanes};
    for (unsigned i = 0; i < LLVMCountParams(fn); i++)
        vec_push(g->job, &w.known, (Known){LLVMGetParam(fn, i), args[i]});
    order_blocks(&w, fn);
    for (uint32_t i = 0; i < w.places.n; i++) add_block(&w, &w.places.at[i], i == 0);
    if (!w.result) refuse(&w, "it never returns");
    return w.result;
}
