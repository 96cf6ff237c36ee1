/* Map ops on vectors of any dtype. The evaluators in ir/ops are the reference: this file follows them case by
 * case, NaN and division by zero included. */
#include <math.h>

#include "codegen/llvm/emit.h"
#include "codegen/llvm/vecmath.h"

typedef Vec MapFn(Gen *g, const Op *op, const Vec *in);

static bool is_f(Vec v)
{
    return dtype_is_float(v.dtype);
}

static Vec k_of(Gen *g, Vec like, double k)
{
    return is_f(like) ? v_f(g, like.dtype, like.lanes, k) : v_i(g, like.dtype, like.lanes, (int64_t)k);
}

static Vec zero_of(Gen *g, Vec like)
{
    return k_of(g, like, 0);
}

/* -- Half precision: to f32 and back in integer arithmetic ------------------------------------------ */
static Vec k32(Gen *g, Vec like, int64_t k)
{
    return v_i(g, JITC_UINT32, like.lanes, k);
}

static Vec half_to_f32(Gen *g, Vec half, DType t)
{
    Vec h = v_cast(g, half, JITC_UINT32);
    if (t == JITC_BFLOAT16) return v_bits(g, v_shl(g, h, 16), JITC_FLOAT32);
    Vec sign = v_shl(g, v_and(g, h, k32(g, h, 0x8000)), 16), em = v_and(g, h, k32(g, h, 0x7fff));
    Vec bits = v_add(g, v_shl(g, em, 13), k32(g, h, 112 << 23));
    bits = v_select(g, v_cmp(g, CMP_GE, em, k32(g, h, 0x7c00)), v_add(g, bits, k32(g, h, 112 << 23)), bits);
    Vec small =
        v_mul(g, v_cast(g, v_cast(g, em, JITC_INT32), JITC_FLOAT32), v_f(g, JITC_FLOAT32, h.lanes, 0x1p-24));
    bits = v_select(g, v_cmp(g, CMP_LT, em, k32(g, h, 0x400)), v_bits(g, small, JITC_UINT32), bits);
    return v_bits(g, v_or(g, bits, sign), JITC_FLOAT32);
}

static Vec f32_to_half(Gen *g, Vec x, DType t)
{
    Vec bits = v_bits(g, x, JITC_UINT32), sign = v_and(g, bits, k32(g, x, 0x80000000));
    Vec a = v_xor(g, bits, sign), r, nan = v_cmp(g, CMP_GT, a, k32(g, x, 0x7f800000));
    int drop = t == JITC_BFLOAT16 ? 16 : 13;
    Vec even = v_and(g, v_shr(g, a, drop), k32(g, x, 1));
    Vec rounded = v_shr(g, v_add(g, v_add(g, a, k32(g, x, ((int64_t)1 << (drop - 1)) - 1)), even), drop);
    if (t == JITC_BFLOAT16) {
        r = v_select(g, nan, k32(g, x, 0x7fc0), rounded);
    } else {
        r = v_sub(g, rounded, k32(g, x, 112 << 10));
        r = v_select(g, v_cmp(g, CMP_GE, a, k32(g, x, 0x47800000)), k32(g, x, 0x7c00), r);
        /* Below 2^-14 adding 0.5 rounds to multiples of 2^-24. */
        Vec sum = v_add(g, v_abs(g, x), v_f(g, JITC_FLOAT32, x.lanes, 0.5));
        Vec small = v_sub(g, v_bits(g, sum, JITC_UINT32), k32(g, x, 0x3f000000));
        r = v_select(g, v_cmp(g, CMP_LT, a, k32(g, x, 0x38800000)), small, r);
        r = v_select(g, nan, k32(g, x, 0x7e00), r);
    }
    return v_cast(g, v_or(g, r, v_shr(g, sign, 16)), JITC_UINT16);
}

Vec widen(Gen *g, Vec v, DType t)
{
    return carrier(t) != t ? half_to_f32(g, v, t) : v;
}

Vec narrow(Gen *g, Vec v, DType t)
{
    return carrier(t) != t ? f32_to_half(g, v, t) : v;
}

/* -- One operand ------------------------------------------------------------------------------------ */
#define UNARY(name, expr)                                                                                    \
    static Vec name(Gen *g, const Op *op, const Vec *in)                                                     \
    {                                                                                                        \
        Vec x = in[0];                                                                                       \
        (void)op;                                                                                            \
        return expr;                                                                                         \
    }
UNARY(map_neg, v_neg(g, x))
UNARY(map_abs, v_abs(g, x))
UNARY(map_floor, v_floor(g, x))
UNARY(map_ceil, v_ceil(g, x))
UNARY(map_rint, v_rint(g, x))
UNARY(map_sqrt, v_sqrt(g, x))
UNARY(map_rsqrt, v_div(g, k_of(g, x, 1), v_sqrt(g, x)))
UNARY(map_square, v_mul(g, x, x))
UNARY(map_reciprocal, v_div(g, k_of(g, x, 1), x))
UNARY(map_exp, vm_exp(g, x))
UNARY(map_expm1, vm_expm1(g, x))
UNARY(map_log, vm_log(g, x))
UNARY(map_log1p, vm_log1p(g, x))
UNARY(map_sin, vm_sin(g, x))
UNARY(map_cos, vm_cos(g, x))
UNARY(map_tanh, vm_tanh(g, x))
UNARY(map_sigmoid, vm_sigmoid(g, x))
UNARY(map_erf, vm_erf(g, x))
UNARY(map_erfc, vm_erfc(g, x))
UNARY(map_lgamma, vm_lgamma(g, x))
UNARY(map_digamma, vm_digamma(g, x))
UNARY(map_ndtri, vm_ndtri(g, x))
UNARY(map_popcount, v_cast(g, v_popcount(g, x), JITC_UINT8))
UNARY(map_softplus, vm_softplus(g, x))
UNARY(map_softsign, v_div(g, x, v_add(g, k_of(g, x, 1), v_abs(g, x))))
UNARY(map_logical_not, v_not(g, x))
UNARY(map_is_nan, v_cmp(g, CMP_UNORD, x, x))
UNARY(map_is_inf, v_cmp(g, CMP_EQ, v_abs(g, x), k_of(g, x, INFINITY)))
UNARY(map_is_finite, v_cmp(g, CMP_LT, v_abs(g, x), k_of(g, x, INFINITY)))
UNARY(map_elu, v_select(g, v_cmp(g, CMP_LT, x, zero_of(g, x)), vm_expm1(g, x), x))

static Vec map_sign(Gen *g, const Op *op, const Vec *in)
{
    (void)op;
    Vec x = in[0], zero = zero_of(g, x), one = k_of(g, x, 1);
    Vec y = v_select(g, v_cmp(g, CMP_GT, x, zero), one, x);
    if (!is_f(x) && !dtype_is_signed(x.dtype)) return y;
    return v_select(g, v_cmp(g, CMP_LT, x, zero), k_of(g, x, -1), y);
}

static Vec map_relu(Gen *g, const Op *op, const Vec *in)
{
    (void)op;
    Vec zero = zero_of(g, in[0]);
    return v_select(g, v_cmp(g, CMP_LT, in[0], zero), zero, in[0]);
}

static Vec map_relu6(Gen *g, const Op *op, const Vec *in)
{
    Vec x = map_relu(g, op, in), six = k_of(g, x, 6);
    return v_select(g, v_cmp(g, CMP_GT, x, six), six, x);
}

static Vec map_selu(Gen *g, const Op *op, const Vec *in)
{
    (void)op;
    Vec x = in[0], low = v_mul(g, k_of(g, x, 1.7580993408473768), vm_expm1(g, x));
    Vec high = v_mul(g, k_of(g, x, 1.0507009873554805), x);
    return v_select(g, v_cmp(g, CMP_LT, x, zero_of(g, x)), low, high);
}

static Vec map_leaky_relu(Gen *g, const Op *op, const Vec *in)
{
    Vec x = in[0], low = v_mul(g, k_of(g, x, (float)attr_f(op, "alpha")), x);
    return v_select(g, v_cmp(g, CMP_LT, x, zero_of(g, x)), low, x);
}

static Vec map_cast(Gen *g, const Op *op, const Vec *in)
{
    Vec x = in[0];
    DType to = (DType)attr_i(op, "to");
    if (carrier(to) != to) return v_cast(g, x, JITC_FLOAT32); /* map_op rounds */
    Vec y = v_cast(g, x, to);
    if (!is_f(x) || !dtype_is_signed(to)) return y;
    Vec lowest = v_i(g, to, x.lanes, (int64_t)(~0ULL << (8 * dtype_size(to) - 1)));
    return v_select(g, v_cmp(g, CMP_UNORD, x, x), lowest, y);
}

/* -- Two and three operands ------------------------------------------------------------------------- */
#define BINARY(name, expr)                                                                                   \
    static Vec name(Gen *g, const Op *op, const Vec *in)                                                     \
    {                                                                                                        \
        Vec x = in[0], y = in[1];                                                                            \
        (void)op;                                                                                            \
        return expr;                                                                                         \
    }
BINARY(map_add, v_add(g, x, y))
BINARY(map_sub, v_sub(g, x, y))
BINARY(map_mul, v_mul(g, x, y))
BINARY(map_div, v_div(g, x, y))
BINARY(map_div_no_nan, v_select(g, v_cmp(g, CMP_EQ, y, zero_of(g, y)), zero_of(g, y), v_div(g, x, y)))
BINARY(map_trunc_mod, is_f(x) ? vm_fmod(g, x, y) : v_rem(g, x, y))
BINARY(map_atan2, vm_atan2(g, x, y))
BINARY(map_equal, v_cmp(g, CMP_EQ, x, y))
BINARY(map_not_equal, v_cmp(g, CMP_NE, x, y))
BINARY(map_less, v_cmp(g, CMP_LT, x, y))
BINARY(map_less_equal, v_cmp(g, CMP_LE, x, y))
BINARY(map_greater, v_cmp(g, CMP_GT, x, y))
BINARY(map_greater_equal, v_cmp(g, CMP_GE, x, y))
BINARY(map_logical_and, v_and(g, x, y))
BINARY(map_logical_or, v_or(g, x, y))
BINARY(map_bit_and, v_and(g, x, y))
BINARY(map_bit_or, v_or(g, x, y))
BINARY(map_bit_xor, v_xor(g, x, y))

static Vec distance(Gen *g, Vec y)
{
    Vec zero = zero_of(g, y), most = k_of(g, y, 8.0 * (double)dtype_size(y.dtype) - 1);
    y = v_select(g, v_cmp(g, CMP_GT, y, most), most, y);
    return v_select(g, v_cmp(g, CMP_LT, y, zero), zero, y);
}
BINARY(map_shift_left, v_shift(g, x, distance(g, y), true))
BINARY(map_shift_right, v_shift(g, x, distance(g, y), false))

/* NaN wins, then the first operand. */
static Vec pick(Gen *g, Vec x, Vec y, Cmp better)
{
    Vec second = v_cmp(g, better, y, x);
    if (is_f(x)) second = v_or(g, second, v_cmp(g, CMP_UNORD, y, y));
    return v_select(g, second, y, x);
}
BINARY(map_maximum, pick(g, x, y, CMP_GT))
BINARY(map_minimum, pick(g, x, y, CMP_LT))

static Vec map_clamp(Gen *g, const Op *op, const Vec *in)
{
    (void)op;
    return pick(g, pick(g, in[0], in[2], CMP_LT), in[1], CMP_GT);
}

static Vec map_select(Gen *g, const Op *op, const Vec *in)
{
    (void)op;
    return v_select(g, in[0], in[1], in[2]);
}

static Vec map_squared_difference(Gen *g, const Op *op, const Vec *in)
{
    (void)op;
    Vec d = v_sub(g, in[0], in[1]);
    return v_mul(g, d, d);
}

/* The remainder r is not 0 and its sign is not y's. */
static Vec crosses(Gen *g, Vec r, Vec y)
{
    Vec zero = zero_of(g, r);
    Vec opposite = v_xor(g, v_cmp(g, CMP_LT, r, zero), v_cmp(g, CMP_LT, y, zero));
    return v_and(g, opposite, v_cmp(g, CMP_NE, r, zero));
}

static Vec map_floor_div(Gen *g, const Op *op, const Vec *in)
{
    (void)op;
    Vec x = in[0], y = in[1], q = v_div(g, x, y);
    if (is_f(x)) return v_floor(g, q);
    if (!dtype_is_signed(x.dtype)) return q;
    Vec down = v_and(g, crosses(g, v_sub(g, x, v_mul(g, q, y)), y), v_cmp(g, CMP_NE, y, zero_of(g, y)));
    return v_select(g, down, v_sub(g, q, k_of(g, q, 1)), q);
}

static Vec map_floor_mod(Gen *g, const Op *op, const Vec *in)
{
    Vec y = in[1], r = map_trunc_mod(g, op, in);
    if (!is_f(r) && !dtype_is_signed(r.dtype)) return r;
    return v_select(g, crosses(g, r, y), v_add(g, r, y), r);
}

/* By squaring, as long as the exponent's dtype has bits. */
static Vec int_pow(Gen *g, Vec x, Vec y)
{
    Vec one = k_of(g, x, 1), zero = zero_of(g, x), v[3] = {one, x, y};
    FOR_CARRY (g, bit, ival(0), ival((int64_t)dtype_size(x.dtype) * 8), ival(1), v, 3) {
        Vec odd = v_cmp(g, CMP_NE, v_and(g, v[2], one), zero);
        v[0] = v_select(g, odd, v_mul(g, v[0], v[1]), v[0]);
        v[1] = v_mul(g, v[1], v[1]);
        v[2] = v_shr(g, v[2], 1);
    }
    if (!dtype_is_signed(x.dtype)) return v[0];
    Vec minus = k_of(g, x, -1), odd = v_cmp(g, CMP_NE, v_and(g, y, one), zero);
    Vec inverse = v_select(g, v_cmp(g, CMP_EQ, x, minus), v_select(g, odd, minus, one), zero);
    inverse = v_select(g, v_cmp(g, CMP_EQ, x, one), one, inverse);
    return v_select(g, v_cmp(g, CMP_LT, y, zero), inverse, v[0]);
}
BINARY(map_pow, is_f(x) ? vm_pow(g, x, y) : int_pow(g, x, y))

/* -- Dispatch --------------------------------------------------------------------------------------- */
static MapFn *const map_fns[OP_COUNT] = {
#define MAP(name, fn) [OP_##name] = fn,
#include "codegen/llvm/maps.def"
#undef MAP
};

/* Only moves bits. */
static bool is_blind(OpCode c)
{
    return c == OP_select;
}

Vec map_op(Gen *g, const Op *op, const Vec *in)
{
    Vec v[MAP_MAX_IN];
    int lanes = 1;
    if (!map_fns[op->code] || op->nin > MAP_MAX_IN) g_fail(g, "'%s' is not a map op", op->def->name);
    for (int i = 0; i < op->nin; i++)
        if (in[i].lanes > lanes) lanes = in[i].lanes;
    for (int i = 0; i < op->nin; i++) {
        DType t = op->in[i]->type.dtype;
        v[i] = v_splat(g, in[i], lanes);
        if (!is_blind(op->code)) v[i] = widen(g, v[i], t);
    }
    Vec r = map_fns[op->code](g, op, v);
    return is_blind(op->code) ? r : narrow(g, r, op->out[0]->type.dtype);
}

Vec const_number(Gen *g, DType t, int lanes, double v)
{
    Type type = type_scalar(t);
    uint64_t data[2] = {0};
    Tensor one = {type, data};
    tensor_set_f(&one, 0, v);
    if (carrier(t) != t) return v_i(g, JITC_UINT16, lanes, (int64_t)(data[0] & 0xffff));
    if (dtype_is_complex(t)) return v_bytes(g, t, lanes, data);
    return dtype_is_float(t) ? v_f(g, t, lanes, tensor_f(&one, 0)) : v_i(g, t, lanes, tensor_i(&one, 0));
}

Vec const_element(Gen *g, const Op *op, int64_t i, int lanes)
{
    const Tensor *c = &op->value;
    DType t = c->type.dtype;
    if (carrier(t) != t) return v_i(g, JITC_UINT16, lanes, ((const uint16_t *)c->data)[i]);
    if (dtype_is_complex(t)) return v_bytes(g, t, lanes, (const char *)c->data + (size_t)i * dtype_size(t));
    return dtype_is_float(t) ? v_f(g, t, lanes, tensor_f(c, i)) : v_i(g, t, lanes, tensor_i(c, i));
}

/* -- Epilogues -------------------------------------------------------------------------------------- */
enum { EPILOGUE_MAX = 128 };
typedef struct {
    Gen *g;
    EpilogueLoad *load;
    void *arg;
    const Value *value[EPILOGUE_MAX];
    Vec vec[EPILOGUE_MAX];
    int n;
} Epilogue;

static Vec epilogue_value(Epilogue *e, const Value *v)
{
    for (int i = 0; i < e->n; i++)
        if (e->value[i] == v) return e->vec[i];
    Vec r;
    if (!v->def) {
        r = e->load(e->g, e->arg, v);
    } else if (v->def->code == OP_const) {
        if (type_numel(&v->type) != 1) g_fail(e->g, "an epilogue constant has more than one element");
        r = const_element(e->g, v->def, 0, e->vec[0].lanes);
    } else {
        Vec in[MAP_MAX_IN];
        if (v->def->nin > MAP_MAX_IN) g_fail(e->g, "'%s' in an epilogue", v->def->def->name);
        for (int i = 0; i < v->def->nin; i++) in[i] = epilogue_value(e, v->def->in[i]);
        r = map_op(e->g, v->def, in);
    }
    if (e->n == EPILOGUE_MAX) g_fail(e->g, "an epilogue of more than %d values", EPILOGUE_MAX);
    e->value[e->n] = v;
    e->vec[e->n++] = r;
    return r;
}

Vec eval_epilogue(Gen *g, const Kernel *k, const Value *yielded, const Value *anchor, Vec anchor_vec,
                  EpilogueLoad *load, void *arg)
{
    (void)k;
    Epilogue e = {.g = g, .load = load, .arg = arg, .value = {anchor}, .vec = {anchor_vec}, .n = 1};
    return epilogue_value(&e, yielded);
}
