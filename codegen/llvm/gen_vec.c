/* The builder's vectors. */
#include <math.h>

#include "codegen/llvm/gen_llvm.h"

typedef LLVMValueRef V;

static LLVMTypeRef scalar_type(Gen *g, DType t)
{
    switch (t) {
    case JITC_FLOAT32: return LLVMFloatTypeInContext(g->cx);
    case JITC_FLOAT64: return LLVMDoubleTypeInContext(g->cx);
    case JITC_BOOL: return g->i1;
    default: return LLVMIntTypeInContext(g->cx, (unsigned)dtype_size(t) * 8);
    }
}

static LLVMTypeRef vec_type(Gen *g, DType t, int lanes)
{
    LLVMTypeRef s = scalar_type(g, t);
    return lanes == 1 ? s : LLVMVectorType(s, (unsigned)lanes);
}

static Vec vec(V v, Vec like)
{
    return (Vec){v, like.dtype, like.lanes};
}
static bool is_f(Vec v)
{
    return dtype_is_float(v.dtype);
}
static bool is_s(Vec v)
{
    return dtype_is_signed(v.dtype);
}

static V intrinsic(Gen *g, const char *name, V *args, unsigned n)
{
    LLVMTypeRef over[] = {LLVMTypeOf(args[0])};
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    V f = LLVMGetIntrinsicDeclaration(g->module, id, over, 1);
    return LLVMBuildCall2(g->b, LLVMIntrinsicGetType(g->cx, id, over, 1), f, args, n, "");
}

static void same(Gen *g, Vec a, Vec b)
{
    if (a.dtype == JITC_FLOAT16 || a.dtype == JITC_BFLOAT16)
        g_fail(g, "arithmetic on %s", dtype_name(a.dtype));
    if (a.dtype != b.dtype || a.lanes != b.lanes)
        g_fail(g, "vectors of %s x %d and %s x %d meet", dtype_name(a.dtype), a.lanes, dtype_name(b.dtype),
               b.lanes);
}

/* -- Constants and lanes ----------------------------------------------------------------------- */
static Vec constant(Gen *g, V s, DType t, int lanes)
{
    if (lanes == 1) return (Vec){s, t, 1};
    V lane[LANES];
    for (int i = 0; i < lanes; i++) lane[i] = s;
    (void)g;
    return (Vec){LLVMConstVector(lane, (unsigned)lanes), t, (uint8_t)lanes};
}

Vec v_f(Gen *g, DType t, int lanes, double k)
{
    return constant(g, LLVMConstReal(scalar_type(g, t), k), t, lanes);
}

Vec v_i(Gen *g, DType t, int lanes, int64_t k)
{
    if (t == JITC_BOOL) k = k != 0;
    return constant(g, LLVMConstInt(scalar_type(g, t), (unsigned long long)k, 1), t, lanes);
}

Vec v_bytes(Gen *g, DType t, int lanes, const void *element)
{
    uint64_t word[2] = {0};
    unsigned bits = (unsigned)dtype_size(t) * 8;
    memcpy(word, element, dtype_size(t));
    V k = LLVMConstIntOfArbitraryPrecision(LLVMIntTypeInContext(g->cx, bits), bits > 64 ? 2 : 1, word);
    if (dtype_is_float(t)) k = LLVMConstBitCast(k, scalar_type(g, t));
    return constant(g, k, t, lanes);
}

Vec v_iota(Gen *g, DType t)
{
    V lane[LANES];
    for (int i = 0; i < LANES; i++)
        lane[i] = dtype_is_float(t) ? LLVMConstReal(scalar_type(g, t), i)
                                    : LLVMConstInt(scalar_type(g, t), (unsigned)i, 0);
    return (Vec){LLVMConstVector(lane, LANES), t, LANES};
}

Vec v_from_i(Gen *g, Ival a, DType t)
{
    V v = a.konst ? LLVMConstInt(g->i64, (unsigned long long)a.k, 1) : a.v;
    return v_cast(g, (Vec){v, JITC_INT64, 1}, t);
}

Ival i_from_v(Gen *g, Vec s)
{
    Vec w = v_cast(g, s, JITC_INT64);
    if (LLVMIsAConstantInt(w.v)) return ival(LLVMConstIntGetSExtValue(w.v));
    return (Ival){false, 0, w.v};
}

Vec v_splat(Gen *g, Vec s, int lanes)
{
    if (lanes == 1 || s.lanes == lanes) return s;
    LLVMTypeRef t = vec_type(g, s.dtype, lanes);
    V one = LLVMBuildInsertElement(g->b, LLVMGetPoison(t), s.v, LLVMConstInt(g->i32, 0, 0), "");
    V mask = LLVMConstNull(LLVMVectorType(g->i32, (unsigned)lanes));
    return (Vec){LLVMBuildShuffleVector(g->b, one, LLVMGetPoison(t), mask, ""), s.dtype, (uint8_t)lanes};
}

Vec v_lane(Gen *g, Vec v, int lane)
{
    if (v.lanes == 1) return v;
    return (Vec){LLVMBuildExtractElement(g->b, v.v, LLVMConstInt(g->i32, (unsigned)lane, 0), ""), v.dtype, 1};
}

Vec v_insert(Gen *g, Vec v, int lane, Vec s)
{
    return vec(LLVMBuildInsertElement(g->b, v.v, s.v, LLVMConstInt(g->i32, (unsigned)lane, 0), ""), v);
}

Vec v_shuffle(Gen *g, Vec a, Vec b, const int *lane, int n)
{
    V mask[2 * LANES];
    for (int i = 0; i < n; i++) mask[i] = LLVMConstInt(g->i32, (unsigned)lane[i], 0);
    return (Vec){LLVMBuildShuffleVector(g->b, a.v, b.v, LLVMConstVector(mask, (unsigned)n), ""), a.dtype,
                 (uint8_t)n};
}

/* -- Arithmetic -------------------------------------------------------------------------------- */
Vec v_add(Gen *g, Vec a, Vec b)
{
    same(g, a, b);
    return vec(is_f(a) ? LLVMBuildFAdd(g->b, a.v, b.v, "") : LLVMBuildAdd(g->b, a.v, b.v, ""), a);
}

Vec v_sub(Gen *g, Vec a, Vec b)
{
    same(g, a, b);
    return vec(is_f(a) ? LLVMBuildFSub(g->b, a.v, b.v, "") : LLVMBuildSub(g->b, a.v, b.v, ""), a);
}

Vec v_mul(Gen *g, Vec a, Vec b)
{
    same(g, a, b);
    return vec(is_f(a) ? LLVMBuildFMul(g->b, a.v, b.v, "") : LLVMBuildMul(g->b, a.v, b.v, ""), a);
}

/* Division never traps: a zero divisor and MIN / -1 are replaced before dividing. */
static Vec int_div(Gen *g, Vec a, Vec b, bool rem)
{
    Vec zero = v_i(g, a.dtype, a.lanes, 0), one = v_i(g, a.dtype, a.lanes, 1);
    Vec by0 = v_cmp(g, CMP_EQ, b, zero), safe = v_select(g, by0, one, b), q;
    if (!is_s(a)) {
        q = vec(gen_divide(g, a.v, safe.v, false, rem), a);
        return v_select(g, by0, zero, q);
    }
    Vec minus1 = v_i(g, a.dtype, a.lanes, -1), by_m1 = v_cmp(g, CMP_EQ, b, minus1);
    safe = v_select(g, by_m1, one, safe);
    q = vec(gen_divide(g, a.v, safe.v, true, rem), a);
    q = v_select(g, by_m1, rem ? zero : v_sub(g, zero, a), q);
    return v_select(g, by0, zero, q);
}

Vec v_div(Gen *g, Vec a, Vec b)
{
    same(g, a, b);
    return is_f(a) ? vec(LLVMBuildFDiv(g->b, a.v, b.v, ""), a) : int_div(g, a, b, false);
}

Vec v_rem(Gen *g, Vec a, Vec b)
{
    same(g, a, b);
    return int_div(g, a, b, true);
}

/* Without FMA hardware llvm.fma would call libm for each lane. */
Vec v_fma(Gen *g, Vec a, Vec b, Vec c)
{
    if (!is_f(a) || !g->isa.fma) return v_add(g, c, v_mul(g, a, b));
    same(g, a, b);
    same(g, a, c);
    return vec(intrinsic(g, "llvm.fma", (V[]){a.v, b.v, c.v}, 3), a);
}

Vec v_mac(Gen *g, Vec a, Vec b, Vec acc)
{
    return v_fma(g, a, b, acc);
}

Vec v_neg(Gen *g, Vec a)
{
    return vec(is_f(a) ? LLVMBuildFNeg(g->b, a.v, "") : LLVMBuildNeg(g->b, a.v, ""), a);
}

Vec v_abs(Gen *g, Vec a)
{
    if (is_f(a)) return vec(intrinsic(g, "llvm.fabs", (V[]){a.v}, 1), a);
    if (!is_s(a)) return a;
    return v_select(g, v_cmp(g, CMP_LT, a, v_i(g, a.dtype, a.lanes, 0)), v_neg(g, a), a);
}

Vec v_sqrt(Gen *g, Vec a)
{
    return vec(intrinsic(g, "llvm.sqrt", (V[]){a.v}, 1), a);
}

/* Rounds to the nearest integer, half to even, by adding and subtracting 2^23 (2^52): exact where |x| is
 * below it, and larger numbers are integers already. Keeps the sign of zero. */
static Vec rint_by_magic(Gen *g, Vec a)
{
    double big = a.dtype == JITC_FLOAT32 ? 0x1p23 : 0x1p52;
    Vec magic = v_f(g, a.dtype, a.lanes, big), mag = v_abs(g, a);
    Vec r = v_sub(g, v_add(g, mag, magic), magic);
    r = vec(intrinsic(g, "llvm.copysign", (V[]){r.v, a.v}, 2), a);
    return v_select(g, v_cmp(g, CMP_LT, mag, magic), r, a);
}

Vec v_rint(Gen *g, Vec a)
{
    if (!is_f(a)) return a;
    if (g->isa.rounds) return vec(intrinsic(g, "llvm.roundeven", (V[]){a.v}, 1), a);
    return rint_by_magic(g, a);
}

Vec v_floor(Gen *g, Vec a)
{
    if (!is_f(a)) return a;
    if (g->isa.rounds) return vec(intrinsic(g, "llvm.floor", (V[]){a.v}, 1), a);
    Vec r = rint_by_magic(g, a), less = v_sub(g, r, v_f(g, a.dtype, a.lanes, 1));
    return v_select(g, v_cmp(g, CMP_GT, r, a), less, r);
}

Vec v_ceil(Gen *g, Vec a)
{
    if (!is_f(a)) return a;
    if (g->isa.rounds) return vec(intrinsic(g, "llvm.ceil", (V[]){a.v}, 1), a);
    return v_neg(g, v_floor(g, v_neg(g, a)));
}

/* -- Comparison and bits ----------------------------------------------------------------------- */
Vec v_cmp(Gen *g, Cmp c, Vec a, Vec b)
{
    static const LLVMRealPredicate real[] = {LLVMRealOEQ, LLVMRealUNE, LLVMRealOLT, LLVMRealOLE,
                                             LLVMRealOGT, LLVMRealOGE, LLVMRealUNO};
    static const LLVMIntPredicate sig[] = {LLVMIntEQ,  LLVMIntNE,  LLVMIntSLT,
                                           LLVMIntSLE, LLVMIntSGT, LLVMIntSGE};
    static const LLVMIntPredicate uns[] = {LLVMIntEQ,  LLVMIntNE,  LLVMIntULT,
                                           LLVMIntULE, LLVMIntUGT, LLVMIntUGE};
    same(g, a, b);
    V v = is_f(a)          ? LLVMBuildFCmp(g->b, real[c], a.v, b.v, "")
          : c == CMP_UNORD ? LLVMConstNull(vec_type(g, JITC_BOOL, a.lanes))
          : is_s(a)        ? LLVMBuildICmp(g->b, sig[c], a.v, b.v, "")
                           : LLVMBuildICmp(g->b, uns[c], a.v, b.v, "");
    return (Vec){v, JITC_BOOL, a.lanes};
}

Vec v_select(Gen *g, Vec mask, Vec a, Vec b)
{
    return vec(LLVMBuildSelect(g->b, mask.v, a.v, b.v, ""), a);
}

Vec v_and(Gen *g, Vec a, Vec b)
{
    return same(g, a, b), vec(LLVMBuildAnd(g->b, a.v, b.v, ""), a);
}
Vec v_or(Gen *g, Vec a, Vec b)
{
    return same(g, a, b), vec(LLVMBuildOr(g->b, a.v, b.v, ""), a);
}
Vec v_xor(Gen *g, Vec a, Vec b)
{
    return same(g, a, b), vec(LLVMBuildXor(g->b, a.v, b.v, ""), a);
}
Vec v_not(Gen *g, Vec a)
{
    return vec(LLVMBuildNot(g->b, a.v, ""), a);
}

Vec v_shl(Gen *g, Vec a, int bits)
{
    return vec(LLVMBuildShl(g->b, a.v, v_i(g, a.dtype, a.lanes, bits).v, ""), a);
}
Vec v_shr(Gen *g, Vec a, int bits)
{
    return vec(LLVMBuildLShr(g->b, a.v, v_i(g, a.dtype, a.lanes, bits).v, ""), a);
}
Vec v_sar(Gen *g, Vec a, int bits)
{
    return vec(LLVMBuildAShr(g->b, a.v, v_i(g, a.dtype, a.lanes, bits).v, ""), a);
}

Vec v_shift(Gen *g, Vec a, Vec bits, bool left)
{
    same(g, a, bits);
    return vec(left      ? LLVMBuildShl(g->b, a.v, bits.v, "")
               : is_s(a) ? LLVMBuildAShr(g->b, a.v, bits.v, "")
                         : LLVMBuildLShr(g->b, a.v, bits.v, ""),
               a);
}

Vec v_popcount(Gen *g, Vec a)
{
    return vec(intrinsic(g, "llvm.ctpop", (V[]){a.v}, 1), a);
}

Vec v_bits(Gen *g, Vec a, DType t)
{
    return (Vec){LLVMBuildBitCast(g->b, a.v, vec_type(g, t, a.lanes), ""), t, a.lanes};
}

/* -- Conversion -------------------------------------------------------------------------------- */
static Vec cast_op(Gen *g, LLVMOpcode op, Vec a, DType t)
{
    return (Vec){LLVMBuildCast(g->b, op, a.v, vec_type(g, t, a.lanes), ""), t, a.lanes};
}

/* Saturating, NaN gives 0; clamped first, since an out-of-range fptosi is poison. */
static Vec float_to_int(Gen *g, Vec a, DType t)
{
    unsigned bits = (unsigned)dtype_size(t) * 8;
    bool s = dtype_is_signed(t);
    double lo = s ? -ldexp(1, (int)bits - 1) : 0, top = ldexp(1, (int)bits - s);
    Vec zero = v_f(g, a.dtype, a.lanes, 0), low = v_f(g, a.dtype, a.lanes, lo),
        high = v_f(g, a.dtype, a.lanes, top);
    Vec under = v_cmp(g, CMP_LT, a, low), over = v_cmp(g, CMP_GE, a, high);
    Vec ok = v_and(g, v_cmp(g, CMP_GE, a, low), v_cmp(g, CMP_LT, a, high));
    Vec safe = v_select(g, ok, a, zero);
    Vec r = g->isa.bits32 && bits == 64
                ? (Vec){gen_real_to_wide(g, safe.v, vec_type(g, t, a.lanes), s), t, a.lanes}
                : cast_op(g, s ? LLVMFPToSI : LLVMFPToUI, safe, t);
    int64_t min = s ? (int64_t)(~0ULL << (bits - 1)) : 0, max = (int64_t)(s ? ~(~0ULL << (bits - 1))
                                                                          : bits == 64 ? ~0ULL
                                                                                       : ~(~0ULL << bits));
    r = v_select(g, under, v_i(g, t, a.lanes, min), r);
    return v_select(g, over, v_i(g, t, a.lanes, max), r);
}

static Vec int_to_float(Gen *g, Vec a, DType t)
{
    if (g->isa.bits32 && dtype_size(a.dtype) == 8)
        return (Vec){gen_wide_to_real(g, a.v, vec_type(g, t, a.lanes), is_s(a)), t, a.lanes};
    return cast_op(g, is_s(a) ? LLVMSIToFP : LLVMUIToFP, a, t);
}

Vec v_cast(Gen *g, Vec a, DType t)
{
    if (a.dtype == t) return a;
    if (t == JITC_BOOL) {
        Vec zero = is_f(a) ? v_f(g, a.dtype, a.lanes, 0) : v_i(g, a.dtype, a.lanes, 0);
        return v_cmp(g, CMP_NE, a, zero);
    }
    if (a.dtype == JITC_BOOL) {
        if (dtype_is_float(t)) return cast_op(g, LLVMUIToFP, a, t);
        return cast_op(g, LLVMZExt, a, t);
    }
    size_t from = dtype_size(a.dtype), to = dtype_size(t);
    if (is_f(a)) {
        if (dtype_is_float(t)) return cast_op(g, to > from ? LLVMFPExt : LLVMFPTrunc, a, t);
        return float_to_int(g, a, t);
    }
    if (dtype_is_float(t)) return int_to_float(g, a, t);
    if (to == from) return (Vec){a.v, t, a.lanes};
    if (to < from) return cast_op(g, LLVMTrunc, a, t);
    return cast_op(g, is_s(a) ? LLVMSExt : LLVMZExt, a, t);
}
