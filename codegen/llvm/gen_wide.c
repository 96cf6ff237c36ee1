/* What machines of 32 bits lack: division of integers (LLVM would call a helper of the compiler's library,
 * which an object should not need), and conversions between 64-bit integers and floating-point numbers. */
#include "codegen/llvm/gen_llvm.h"

typedef LLVMValueRef V;

static unsigned lanes_of(V v)
{
    LLVMTypeRef t = LLVMTypeOf(v);
    return LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMGetVectorSize(t) : 1;
}

static unsigned bits_of(V v)
{
    LLVMTypeRef t = LLVMTypeOf(v);
    return LLVMGetIntTypeWidth(LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMGetElementType(t) : t);
}

/* As many lanes of t as v has. */
static LLVMTypeRef like(V v, LLVMTypeRef t)
{
    unsigned n = lanes_of(v);
    return n == 1 && LLVMGetTypeKind(LLVMTypeOf(v)) != LLVMVectorTypeKind ? t : LLVMVectorType(t, n);
}

static V splat(V v, V k)
{
    V lane[LANES];
    unsigned n = lanes_of(v);
    if (n == 1) return k;
    for (unsigned i = 0; i < n; i++) lane[i] = k;
    return LLVMConstVector(lane, n);
}

static V real(Gen *g, V v, double k)
{
    return splat(v, LLVMConstReal(LLVMDoubleTypeInContext(g->cx), k));
}

static V integer(Gen *g, V v, uint64_t k)
{
    return splat(v, LLVMConstInt(g->i64, k, 0));
}

/* -- Division ----------------------------------------------------------------------------------------------
 * A quotient of 32-bit integers is exact in f64, once what lies behind the point is cut off. */
static V divide32(Gen *g, V a, V b, bool is_signed)
{
    LLVMTypeRef wide = like(a, LLVMDoubleTypeInContext(g->cx));
    LLVMOpcode to = is_signed ? LLVMSIToFP : LLVMUIToFP, from = is_signed ? LLVMFPToSI : LLVMFPToUI;
    V q = LLVMBuildFDiv(g->b, LLVMBuildCast(g->b, to, a, wide, ""), LLVMBuildCast(g->b, to, b, wide, ""), "");
    return LLVMBuildCast(g->b, from, q, LLVMTypeOf(a), "");
}

static V less(Gen *g, LLVMIntPredicate p, V a, V b)
{
    return LLVMBuildICmp(g->b, p, a, b, "");
}

/* The body of udiv64(n, d): by f64 where both have 32 bits, else a bit at a time. The caller's rounding mode
 * may be any, so the first may be one too many. */
static void divide64_body(Gen *g, V fn)
{
    V n = LLVMGetParam(fn, 0), d = LLVMGetParam(fn, 1), zero = LLVMConstInt(g->i64, 0, 0);
    V one = LLVMConstInt(g->i64, 1, 0), top = LLVMConstInt(g->i64, 63, 0);
    LLVMBasicBlockRef block[5];
    static const char *const name[] = {"entry", "small", "large", "loop", "done"};
    for (int i = 0; i < 5; i++) block[i] = LLVMAppendBasicBlockInContext(g->cx, fn, name[i]);
    LLVMPositionBuilderAtEnd(g->b, block[0]);
    V high = LLVMBuildLShr(g->b, LLVMBuildOr(g->b, n, d, ""), LLVMConstInt(g->i64, 32, 0), "");
    LLVMBuildCondBr(g->b, less(g, LLVMIntEQ, high, zero), block[1], block[2]);

    LLVMPositionBuilderAtEnd(g->b, block[1]);
    V q = divide32(g, LLVMBuildTrunc(g->b, n, g->i32, ""), LLVMBuildTrunc(g->b, d, g->i32, ""), false);
    q = LLVMBuildZExt(g->b, q, g->i64, "");
    V over = less(g, LLVMIntUGT, LLVMBuildMul(g->b, q, d, ""), n);
    LLVMBuildRet(g->b, LLVMBuildSub(g->b, q, LLVMBuildZExt(g->b, over, g->i64, ""), ""));

    LLVMPositionBuilderAtEnd(g->b, block[2]);
    LLVMBuildBr(g->b, block[3]);
    LLVMPositionBuilderAtEnd(g->b, block[3]);
    V at = LLVMBuildPhi(g->b, g->i64, ""), rest = LLVMBuildPhi(g->b, g->i64, ""),
      got = LLVMBuildPhi(g->b, g->i64, "");
    V bit = LLVMBuildAnd(g->b, LLVMBuildLShr(g->b, n, at, ""), one, "");
    V carry = less(g, LLVMIntSLT, rest, zero); /* a rest of 64 bits that is doubled exceeds every divisor */
    V r = LLVMBuildOr(g->b, LLVMBuildShl(g->b, rest, one, ""), bit, "");
    V fits = LLVMBuildOr(g->b, carry, less(g, LLVMIntUGE, r, d), "");
    V next = LLVMBuildSelect(g->b, fits, LLVMBuildSub(g->b, r, d, ""), r, "");
    V sum = LLVMBuildOr(g->b, LLVMBuildShl(g->b, got, one, ""), LLVMBuildZExt(g->b, fits, g->i64, ""), "");
    V below = LLVMBuildSub(g->b, at, one, "");
    LLVMAddIncoming(at, (V[]){top, below}, (LLVMBasicBlockRef[]){block[2], block[3]}, 2);
    LLVMAddIncoming(rest, (V[]){zero, next}, (LLVMBasicBlockRef[]){block[2], block[3]}, 2);
    LLVMAddIncoming(got, (V[]){zero, sum}, (LLVMBasicBlockRef[]){block[2], block[3]}, 2);
    LLVMBuildCondBr(g->b, less(g, LLVMIntEQ, at, zero), block[4], block[3]);
    LLVMPositionBuilderAtEnd(g->b, block[4]);
    LLVMBuildRet(g->b, sum);
}

static V udivide64(Gen *g, V a, V b)
{
    const char *name = job_printf(g->job, "udiv64%s", g->suffix);
    V fn = LLVMGetNamedFunction(g->module, name);
    LLVMTypeRef type = LLVMFunctionType(g->i64, (LLVMTypeRef[]){g->i64, g->i64}, 2, 0);
    if (!fn) {
        LLVMBasicBlockRef back = LLVMGetInsertBlock(g->b);
        fn = LLVMAddFunction(g->module, name, type);
        LLVMSetLinkage(fn, LLVMInternalLinkage);
        gen_attributes(g, fn);
        divide64_body(g, fn);
        LLVMPositionBuilderAtEnd(g->b, back);
    }
    return LLVMBuildCall2(g->b, type, fn, (V[]){a, b}, 2, "");
}

static V divide64(Gen *g, V a, V b, bool is_signed)
{
    V zero = LLVMConstInt(g->i64, 0, 0);
    if (!is_signed) return udivide64(g, a, b);
    V na = less(g, LLVMIntSLT, a, zero), nb = less(g, LLVMIntSLT, b, zero);
    V q = udivide64(g, LLVMBuildSelect(g->b, na, LLVMBuildNeg(g->b, a, ""), a, ""),
                    LLVMBuildSelect(g->b, nb, LLVMBuildNeg(g->b, b, ""), b, ""));
    return LLVMBuildSelect(g->b, LLVMBuildXor(g->b, na, nb, ""), LLVMBuildNeg(g->b, q, ""), q, "");
}

static V lane(Gen *g, V v, unsigned i)
{
    return LLVMBuildExtractElement(g->b, v, LLVMConstInt(g->i32, i, 0), "");
}

static V quotient(Gen *g, V a, V b, bool is_signed)
{
    LLVMTypeRef type = LLVMTypeOf(a), word = like(a, g->i32);
    if (bits_of(a) <= 32) {
        LLVMOpcode extend = is_signed ? LLVMSExt : LLVMZExt;
        if (bits_of(a) < 32)
            a = LLVMBuildCast(g->b, extend, a, word, ""), b = LLVMBuildCast(g->b, extend, b, word, "");
        V q = divide32(g, a, b, is_signed);
        return LLVMTypeOf(q) == type ? q : LLVMBuildTrunc(g->b, q, type, "");
    }
    if (LLVMGetTypeKind(type) != LLVMVectorTypeKind) return divide64(g, a, b, is_signed);
    V all = LLVMGetPoison(type);
    for (unsigned i = 0; i < lanes_of(a); i++)
        all = LLVMBuildInsertElement(g->b, all, divide64(g, lane(g, a, i), lane(g, b, i), is_signed),
                                     LLVMConstInt(g->i32, i, 0), "");
    return all;
}

static bool power_of_two(V v)
{
    if (!LLVMIsAConstantInt(v)) return false;
    unsigned long long k = LLVMConstIntGetZExtValue(v);
    return k && !(k & (k - 1));
}

V gen_divide(Gen *g, V a, V b, bool is_signed, bool rem)
{
    if (!g->isa.bits32 || power_of_two(b)) {
        static const LLVMOpcode op[2][2] = {{LLVMUDiv, LLVMURem}, {LLVMSDiv, LLVMSRem}};
        return LLVMBuildBinOp(g->b, op[is_signed][rem], a, b, "");
    }
    V q = quotient(g, a, b, is_signed);
    return rem ? LLVMBuildSub(g->b, a, LLVMBuildMul(g->b, q, b, ""), "") : q;
}

/* -- Conversion: by halves --------------------------------------------------------------------- */
/* Rounds once: what f64 could not hold of a number on its way to f32 becomes one bit that says that it was
 * there. */
static V keep_sticky(Gen *g, V v)
{
    V low = integer(g, v, 2047);
    V sum = LLVMBuildAdd(g->b, LLVMBuildAnd(g->b, v, low, ""), low, "");
    V cut = LLVMBuildAnd(g->b, LLVMBuildOr(g->b, sum, v, ""), integer(g, v, ~UINT64_C(2047)), "");
    V high = LLVMBuildAdd(g->b, LLVMBuildAShr(g->b, v, integer(g, v, 53), ""), integer(g, v, 1), "");
    V small = less(g, LLVMIntULT, high, integer(g, v, 2)); /* -2^53 <= v < 2^53 */
    return LLVMBuildSelect(g->b, small, v, cut, "");
}

V gen_wide_to_real(Gen *g, V v, LLVMTypeRef to, bool is_signed)
{
    LLVMTypeRef wide = like(v, LLVMDoubleTypeInContext(g->cx)), word = like(v, g->i32);
    if (to != wide) v = keep_sticky(g, v);
    V low = LLVMBuildTrunc(g->b, v, word, "");
    V high = LLVMBuildTrunc(g->b, LLVMBuildLShr(g->b, v, integer(g, v, 32), ""), word, "");
    high = LLVMBuildCast(g->b, is_signed ? LLVMSIToFP : LLVMUIToFP, high, wide, "");
    V sum = LLVMBuildFAdd(g->b, LLVMBuildFMul(g->b, high, real(g, v, 0x1p32), ""),
                          LLVMBuildUIToFP(g->b, low, wide, ""), "");
    return to == wide ? sum : LLVMBuildFPTrunc(g->b, sum, to, "");
}

V gen_real_to_wide(Gen *g, V v, LLVMTypeRef to, bool is_signed)
{
    LLVMTypeRef wide = like(v, LLVMDoubleTypeInContext(g->cx)), word = like(v, g->i32);
    if (LLVMTypeOf(v) != wide) v = LLVMBuildFPExt(g->b, v, wide, "");
    V size = gen_intrinsic(g, "llvm.fabs", &wide, 1, &v, 1);
    V high = LLVMBuildFPToUI(g->b, LLVMBuildFMul(g->b, size, real(g, v, 0x1p-32), ""), word, "");
    V back = LLVMBuildFMul(g->b, LLVMBuildUIToFP(g->b, high, wide, ""), real(g, v, 0x1p32), "");
    V low = LLVMBuildFPToUI(g->b, LLVMBuildFSub(g->b, size, back, ""), word, "");
    V r = LLVMBuildShl(g->b, LLVMBuildZExt(g->b, high, to, ""), integer(g, v, 32), "");
    r = LLVMBuildOr(g->b, r, LLVMBuildZExt(g->b, low, to, ""), "");
    if (!is_signed) return r;
    V negative = LLVMBuildFCmp(g->b, LLVMRealOLT, v, real(g, v, 0), "");
    return LLVMBuildSelect(g->b, negative, LLVMBuildNeg(g->b, r, ""), r, "");
}

/* -- Products that tell whether they fit ------------------------------------------------------- */
V gen_product_fits(Gen *g, V a, V b, V *fits)
{
    if (!g->isa.bits32) {
        V pair = gen_intrinsic(g, "llvm.smul.with.overflow", &g->i64, 1, (V[]){a, b}, 2);
        *fits = LLVMBuildNot(g->b, LLVMBuildExtractValue(g->b, pair, 1, ""), "");
        return LLVMBuildExtractValue(g->b, pair, 0, "");
    }
    V zero = LLVMConstInt(g->i64, 0, 0), half = LLVMConstInt(g->i64, 32, 0),
      mask = LLVMConstInt(g->i64, UINT32_MAX, 0);
    V na = less(g, LLVMIntSLT, a, zero), nb = less(g, LLVMIntSLT, b, zero);
    a = LLVMBuildSelect(g->b, na, LLVMBuildNeg(g->b, a, ""), a, "");
    b = LLVMBuildSelect(g->b, nb, LLVMBuildNeg(g->b, b, ""), b, "");
    V ah = LLVMBuildLShr(g->b, a, half, ""), bh = LLVMBuildLShr(g->b, b, half, "");
    V al = LLVMBuildAnd(g->b, a, mask, ""), bl = LLVMBuildAnd(g->b, b, mask, "");
    V low = LLVMBuildMul(g->b, al, bl, "");
    V cross = LLVMBuildAdd(g->b, LLVMBuildMul(g->b, ah, bl, ""), LLVMBuildMul(g->b, al, bh, ""), "");
    V p = LLVMBuildAdd(g->b, low, LLVMBuildShl(g->b, cross, half, ""), "");
    V both = LLVMBuildAnd(g->b, less(g, LLVMIntNE, ah, zero), less(g, LLVMIntNE, bh, zero), "");
    V over = LLVMBuildOr(g->b, both, less(g, LLVMIntUGT, cross, mask), "");
    over = LLVMBuildOr(g->b, over, less(g, LLVMIntULT, p, low), "");
    over = LLVMBuildOr(g->b, over, less(g, LLVMIntSLT, p, zero), "");
    *fits = LLVMBuildNot(g->b, over, "");
    return LLVMBuildSelect(g->b, LLVMBuildXor(g->b, na, nb, ""), LLVMBuildNeg(g->b, p, ""), p, "");
}
