/* Polynomials are near-minimax (Remez exchange in 40 digits) for the stated function and interval; argument
 * reductions are the classic ones of Cody and Waite (1980) and Payne and Hanek (1983). */
#include "codegen/llvm/vecmath.h"

#include <math.h>

static bool is_f64(Vec x)
{
    return x.dtype == JITC_FLOAT64;
}

static DType int_like(Vec x)
{
    return is_f64(x) ? JITC_INT64 : JITC_INT32;
}

static Vec num(Gen *g, Vec like, double k)
{
    return v_f(g, like.dtype, like.lanes, k);
}

static Vec inum(Gen *g, Vec like, int64_t k)
{
    return v_i(g, like.dtype, like.lanes, k);
}

/* c[0] + c[1] x + … */
static Vec poly(Gen *g, Vec x, const double *c, int n)
{
    Vec p = num(g, x, c[n - 1]);
    for (int i = n - 2; i >= 0; i--) p = v_fma(g, p, x, num(g, x, c[i]));
    return p;
}
#define POLY(g, x, ...) poly(g, x, (const double[]){__VA_ARGS__}, (int)COUNT(((const double[]){__VA_ARGS__})))

/* NaN stays. */
static Vec at_most(Gen *g, Vec x, double k)
{
    Vec limit = num(g, x, k);
    return v_select(g, v_cmp(g, CMP_GT, x, limit), limit, x);
}

static Vec at_least(Gen *g, Vec x, double k)
{
    Vec limit = num(g, x, k);
    return v_select(g, v_cmp(g, CMP_LT, x, limit), limit, x);
}

static Vec sign_mask(Gen *g, Vec x)
{
    DType t = int_like(x);
    return v_i(g, t, x.lanes, is_f64(x) ? INT64_MIN : INT32_MIN);
}

Vec vm_copysign(Gen *g, Vec magnitude, Vec sign)
{
    Vec mask = sign_mask(g, sign), s = v_and(g, v_bits(g, sign, mask.dtype), mask);
    Vec m = v_and(g, v_bits(g, magnitude, mask.dtype), v_not(g, mask));
    return v_bits(g, v_or(g, m, s), sign.dtype);
}

/* |x| below 2^51 (2^22) to the nearest integer, half to even: adding 1.5 * 2^52 pushes the fraction out. The
 * low bits of the sum are the integer in two's complement. */
typedef struct {
    Vec f, bits;
} Nearest;

static Nearest nearest(Gen *g, Vec scaled_plus_magic)
{
    double magic = is_f64(scaled_plus_magic) ? 0x1.8p52 : 0x1.8p23;
    Vec m = num(g, scaled_plus_magic, magic);
    return (Nearest){v_sub(g, scaled_plus_magic, m),
                     v_bits(g, scaled_plus_magic, int_like(scaled_plus_magic))};
}

static Nearest nearest_mul(Gen *g, Vec x, double k)
{
    return nearest(g, v_fma(g, x, num(g, x, k), num(g, x, is_f64(x) ? 0x1.8p52 : 0x1.8p23)));
}

static Vec nearest_int(Gen *g, Nearest n)
{
    bool wide = n.f.dtype == JITC_FLOAT64;
    return v_sub(g, n.bits, inum(g, n.bits, wide ? 0x4338000000000000 : 0x4b400000));
}

/* 2^n for an n whose power is a normal number. */
static Vec power_of_2(Gen *g, Vec n, DType t)
{
    bool wide = t == JITC_FLOAT64;
    return v_bits(g, v_shl(g, v_add(g, n, inum(g, n, wide ? 1023 : 127)), wide ? 52 : 23), t);
}

/* floor(n / 2) for |n| < 4096; there is no 64-bit arithmetic shift in AVX2. */
static Vec half_of(Gen *g, Vec n)
{
    return v_sub(g, v_shr(g, v_add(g, n, inum(g, n, 8192)), 1), inum(g, n, 4096));
}

/* x + rest = n ln2 + r, |r| <= ln2 / 2; returns (e^r - 1 - r) / r^2. No rest: NULL. It is small beside x. */
static Vec exp_reduce(Gen *g, Vec x, const Vec *rest, Vec *r, Vec *n)
{
    Nearest k = nearest_mul(g, rest ? v_add(g, x, *rest) : x, 1.4426950408889634);
    bool wide = is_f64(x);
    *n = nearest_int(g, k);
    Vec t = v_fma(g, k.f, num(g, x, wide ? -6.93147180369123816490e-01 : -0.693359375), x);
    if (rest) t = v_add(g, t, *rest);
    *r = v_fma(g, k.f, num(g, x, wide ? -1.90821492927058770002e-10 : 2.12194440e-4), t);
    if (!wide) return POLY(g, *r, 0.5000000102, 0.1666651289, 0.04166618552, 0.008369598574, 0.00139518192);
    return POLY(g, *r, 0.4999999999999999996, 0.1666666666666668562, 0.04166666666666672957,
                0.008333333333315377012, 0.001388888888885630202, 0.0001984126990045850081,
                0.00002480158737754706679, 2.755723081769996136e-6, 2.755723034321050353e-7,
                2.511343795405410865e-8, 2.092782308286191745e-9);
}

Vec vm_exp(Gen *g, Vec x)
{
    Vec r, n, q;
    x = is_f64(x) ? at_most(g, at_least(g, x, -746), 710) : at_most(g, at_least(g, x, -104), 89);
    q = exp_reduce(g, x, NULL, &r, &n);
    Vec y = v_add(g, v_fma(g, v_mul(g, r, r), q, r), num(g, x, 1)), half = half_of(g, n);
    /* In two steps, since 2^n alone may be out of range. */
    y = v_mul(g, y, power_of_2(g, half, x.dtype));
    return v_mul(g, y, power_of_2(g, v_sub(g, n, half), x.dtype));
}

/* e^(x + rest), where it is at most half of the largest number: 2^n is a number then, or its exponent is that
 * of 0, and so is the result. */
static Vec exp_in_range(Gen *g, Vec x, const Vec *rest)
{
    Vec r, n, q = exp_reduce(g, at_least(g, x, is_f64(x) ? -709 : -88), rest, &r, &n);
    Vec y = v_add(g, v_fma(g, v_mul(g, r, r), q, r), num(g, x, 1));
    return v_mul(g, y, power_of_2(g, n, x.dtype));
}

Vec vm_exp_neg(Gen *g, Vec x)
{
    return exp_in_range(g, x, NULL);
}

Vec vm_expm1(Gen *g, Vec x0)
{
    Vec r, n, q, x;
    x = is_f64(x0) ? at_most(g, at_least(g, x0, -40), 710) : at_most(g, at_least(g, x0, -20), 89);
    q = exp_reduce(g, x, NULL, &r, &n);
    Vec m = v_fma(g, v_mul(g, r, r), q, r); /* e^r - 1 */
    /* 2^n (m + 1) - 1, halved so that n = 128 does not overflow too soon. */
    Vec half = power_of_2(g, v_sub(g, n, inum(g, n, 1)), x.dtype);
    Vec y = v_fma(g, half, m, v_sub(g, half, num(g, x, 0.5)));
    y = v_add(g, y, y);
    return v_select(g, v_cmp(g, CMP_EQ, x0, num(g, x, 0)), x0, y); /* -0 */
}

/* x = 2^e (1 + f), sqrt(1/2) <= 1 + f < sqrt(2). */
static Vec log_reduce(Gen *g, Vec x, Vec *e)
{
    bool wide = is_f64(x);
    Vec bits = v_bits(g, x, int_like(x));
    Vec root = inum(g, bits, wide ? 0x3fe6a09e667f3bcc : 0x3f3504f3);
    Vec d = v_sub(g, bits, root);
    /* Logical shifts, with the exponent raised first. */
    Vec raised = v_add(g, d, inum(g, bits, wide ? (int64_t)1 << 62 : 0));
    if (wide) {
        *e = v_sub(g, v_shr(g, raised, 52), inum(g, bits, 1024));
        /* Small enough for the conversion by the magic number. */
        Vec magic = v_bits(g, v_add(g, *e, inum(g, bits, 0x4338000000000000)), JITC_FLOAT64);
        *e = v_sub(g, magic, num(g, x, 0x1.8p52));
    } else {
        *e = v_cast(g, v_sar(g, d, 23), JITC_FLOAT32);
    }
    Vec mantissa = v_and(g, d, inum(g, bits, wide ? 0x000fffffffffffff : 0x007fffff));
    return v_sub(g, v_bits(g, v_add(g, mantissa, root), x.dtype), num(g, x, 1));
}

/* log x for x > 0, finite and normal. */
static Vec log_core(Gen *g, Vec x)
{
    Vec e, f = log_reduce(g, x, &e);
    if (!is_f64(x)) {
        Vec z = v_mul(g, f, f);
        Vec p = POLY(g, f, 0.3333331672, -0.2500081031, 0.2000228657, -0.1662455613, 0.1418118757,
                     -0.1312873883, 0.1288166973, -0.07859664946);
        Vec y = v_mul(g, v_mul(g, f, z), p);
        y = v_fma(g, e, num(g, x, -2.12194440e-4), y);
        y = v_fma(g, z, num(g, x, -0.5), y);
        return v_fma(g, e, num(g, x, 0.693359375), v_add(g, f, y));
    }
    /* log(1 + f) = f - s (f - z R(z)) with s = f / (2 + f), z = s^2, from 2 atanh(s) = 2s + s z R(z). */
    Vec s = v_div(g, f, v_add(g, f, num(g, x, 2))), z = v_mul(g, s, s);
    Vec r = POLY(g, z, 0.6666666666666734617, 0.399999999994131496, 0.28571428742762621,
                 0.2222219853137818133, 0.1818356665146269098, 0.1531398685263443635, 0.1479662481940039078);
    Vec half = v_mul(g, num(g, x, 0.5), v_mul(g, f, f));
    Vec t = v_fma(g, s, v_fma(g, z, r, half), v_mul(g, e, num(g, x, 1.90821492927058770002e-10)));
    t = v_add(g, f, v_sub(g, t, half));
    return v_fma(g, e, num(g, x, 6.93147180369123816490e-01), t);
}

Vec vm_log(Gen *g, Vec x)
{
    Vec zero = num(g, x, 0), inf = num(g, x, INFINITY), y = log_core(g, x);
    y = v_select(g, v_cmp(g, CMP_EQ, x, inf), inf, y);
    y = v_select(g, v_cmp(g, CMP_LT, x, num(g, x, is_f64(x) ? 0x1p-1022 : 0x1p-126)), v_neg(g, inf), y);
    Vec ok = v_cmp(g, CMP_GE, x, zero);
    return v_select(g, ok, y, num(g, x, NAN));
}

Vec vm_log1p(Gen *g, Vec x)
{
    Vec one = num(g, x, 1), u = v_add(g, one, x);
    /* What rounding u lost, as a correction of first order. */
    Vec lost =
        v_select(g, v_cmp(g, CMP_GT, x, one), v_sub(g, one, v_sub(g, u, x)), v_sub(g, x, v_sub(g, u, one)));
    Vec y = v_add(g, vm_log(g, u), v_div(g, lost, u));
    Vec tiny = v_cmp(g, CMP_LT, v_abs(g, x), num(g, x, is_f64(x) ? 0x1p-54 : 0x1p-25));
    y = v_select(g, tiny, x, y);
    y = v_select(g, v_cmp(g, CMP_EQ, x, num(g, x, INFINITY)), x, y);
    return v_select(g, v_cmp(g, CMP_EQ, x, num(g, x, -1)), num(g, x, -INFINITY), y);
}

Vec vm_tanh(Gen *g, Vec x)
{
    /* (e^2a - 1) / (e^2a + 1); beyond the limit the quotient rounds to 1. */
    Vec a = at_most(g, v_abs(g, x), is_f64(x) ? 20 : 9.1);
    Vec e = vm_expm1(g, v_add(g, a, a));
    return vm_copysign(g, v_div(g, e, v_add(g, e, num(g, x, 2))), x);
}

Vec vm_sigmoid(Gen *g, Vec x)
{
    Vec one = num(g, x, 1);
    if (is_f64(x)) return v_div(g, one, v_add(g, one, vm_exp(g, v_neg(g, x))));
    /* 1 / (1 + 2^n e^-s) with x = s - n ln2, where 2^n is a normal number; beyond, the result is 0 or 1. */
    x = at_most(g, at_least(g, x, -88), 87);
    Nearest n = nearest_mul(g, x, -1.4426950408889634);
    Vec s = v_fma(g, n.f, num(g, x, 0.693359375), x);
    s = v_fma(g, n.f, num(g, x, -2.12194440e-4), s);
    Vec q = POLY(g, s, 0.5000000102, -0.1666651289, 0.04166618552, -0.008369598574, 0.00139518192);
    Vec y = v_fma(g, v_mul(g, s, s), q, v_sub(g, one, s));
    y = v_bits(g, v_add(g, v_bits(g, y, n.bits.dtype), v_shl(g, n.bits, 23)), x.dtype);
    return v_div(g, one, v_add(g, one, y));
}

Vec vm_softplus(Gen *g, Vec x)
{
    Vec zero = num(g, x, 0), positive = v_select(g, v_cmp(g, CMP_LT, x, zero), zero, x);
    return v_add(g, positive, vm_log1p(g, vm_exp_neg(g, v_neg(g, v_abs(g, x)))));
}

Vec vm_erf(Gen *g, Vec x)
{
    Vec one = num(g, x, 1);
    if (!is_f64(x)) {
        /* x P(x^2) / Q(x^2) up to 3.92, where the quotient rounds to 1. */
        Vec c = at_most(g, at_least(g, x, -3.92), 3.92), z = v_mul(g, c, c);
        Vec p = POLY(g, z, 1.128379146, 0.1903950158, 0.05274697303, 0.003765066823, 0.0002848606445,
                     2.050045438e-6);
        Vec q = POLY(g, z, 1, 0.5020659333, 0.1141041672, 0.014968115, 0.001162384417, 3.809013197e-5);
        Vec y = v_div(g, v_mul(g, c, p), q);
        return at_most(g, at_least(g, y, -1), 1);
    }
    Vec a = v_abs(g, x), near = v_cmp(g, CMP_LE, a, one), z = v_mul(g, x, x);
    /* x P(x^2) up to 1; then erfc(x) = exp(-x^2) H(t), t = (x - 2) / (x + 2). */
    Vec small = POLY(g, z, 1.128379167095512574, -0.3761263890318374818, 0.1128379167095488446,
                     -0.02686617064507787397, 0.005223977624828429581, -0.0008548326981425996339,
                     0.0001205533113298864549, -0.00001492559577330565675, 1.646100850046362513e-6,
                     -1.635039650490322632e-7, 1.466033085878754786e-8, -1.137496477419525488e-9,
                     5.960701739558499383e-11);
    Vec c = at_most(g, a, 6), two = num(g, x, 2), t = v_div(g, v_sub(g, c, two), v_add(g, c, two));
    Vec h = POLY(g, t, 0.2553956763105057379, -0.4271858474139583213, 0.2416581942424735629,
                 -0.07897858101570501402, 0.003732892403263012525, 0.00699746173179274222,
                 -0.0008471432096107170413, -0.000981976578783095312, 0.00004355549428882900765,
                 0.0001743509603550574473, 0.00002750703017923961524, -0.00002749072597032649002,
                 -0.00001367042734577322862, 1.262560026776746893e-6, 2.410558241207195511e-6);
    Vec large = v_sub(g, one, v_mul(g, vm_exp(g, v_neg(g, v_mul(g, c, c))), h));
    return v_select(g, near, v_mul(g, x, small), vm_copysign(g, large, x));
}

/* erfc of an f32 as e^(-x^2) t P(t), t = 1 / (1 + 0.35 x), for x >= 0; beyond 10.1 it rounds to 0. */
Vec vm_erfc_f32(Gen *g, Vec x)
{
    Vec a = at_most(g, v_abs(g, x), 10.5), bits = v_bits(g, a, JITC_INT32);
    /* The square in two parts, the first one exact, since its rounding error would be amplified. */
    Vec high = v_bits(g, v_and(g, bits, inum(g, bits, -4096)), JITC_FLOAT32);
    Vec low = v_neg(g, v_mul(g, v_sub(g, a, high), v_add(g, a, high)));
    Vec y = exp_in_range(g, v_neg(g, v_mul(g, high, high)), &low);
    Vec t = v_div(g, num(g, x, 1), v_fma(g, a, num(g, x, 0.35), num(g, x, 1)));
    Vec p = POLY(g, t, 0.1974822879, 0.1971655041, 0.1876894087, 0.1521290988, 0.1434428841, 0.09165361524,
                 -0.03306081519, 0.1853342801, -0.1605221629, 0.03868590295);
    y = v_mul(g, y, v_mul(g, t, p));
    return v_select(g, v_cmp(g, CMP_LT, x, num(g, x, 0)), v_sub(g, num(g, x, 2), y), y);
}

/* -- Trigonometry, in f64 --------------------------------------------------------------------------- */
typedef struct {
    Vec r, quadrant; /* x = quadrant * pi/2 + r; only the two low bits of the quadrant count */
} Angle;

static Angle reduce_angle(Gen *g, Vec x)
{
    Nearest n = nearest_mul(g, x, 0.63661977236758134308);
    /* Parts of pi/2 of 33 bits: products with n are exact up to 2^20. */
    Vec r = v_fma(g, n.f, num(g, x, -1.57079632673412561417e+00), x);
    r = v_fma(g, n.f, num(g, x, -6.07710050630396597660e-11), r);
    r = v_fma(g, n.f, num(g, x, -2.02226624871116645580e-21), r);
    r = v_fma(g, n.f, num(g, x, -8.47842766036889956997e-32), r);
    r = at_most(g, at_least(g, r, -1), 1); /* beyond what the parts can reduce */
    return (Angle){r, n.bits};
}

/* The 32 bits of 2/pi that follow bit 32 * k + shift, three times; bit 0 is worth 2^32. */
static void two_over_pi(Gen *g, Vec k, Vec shift, Vec *w)
{
    static const uint32_t bits[] = {0,          0xa2f9836e, 0x4e441529, 0xfc2757d1,
                                    0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
    for (int i = 0; i < 3; i++) {
        Vec pair = inum(g, k, (int64_t)((uint64_t)bits[i] << 32 | bits[i + 1]));
        for (int j = 1; j < 5; j++)
            pair = v_select(g, v_cmp(g, CMP_EQ, k, inum(g, k, j)),
                            inum(g, k, (int64_t)((uint64_t)bits[i + j] << 32 | bits[i + j + 1])), pair);
        for (int b = 0; b < 5; b++) {
            Vec on = v_cmp(g, CMP_NE, v_and(g, shift, inum(g, k, 1 << b)), inum(g, k, 0));
            pair = v_select(g, on, v_shl(g, pair, 1 << b), pair);
        }
        w[i] = v_shr(g, pair, 32);
    }
}

/* Payne and Hanek's reduction of a large f32 x: x = m 2^s with an integer m of 24 bits; bits of 2/pi that
 * only contribute whole turns are skipped, and 96 bits are enough for the rest. */
static Angle reduce_large(Gen *g, Vec x)
{
    Vec bits = v_cast(g, v_bits(g, x, JITC_UINT32), JITC_INT64);
    Vec m = v_or(g, v_and(g, bits, inum(g, bits, 0x7fffff)), inum(g, bits, 0x800000));
    Vec e = v_and(g, v_shr(g, bits, 23), inum(g, bits, 255));
    Vec from = v_sub(g, e, inum(g, bits, 150 + 2 - 32));
    from = v_select(g, v_cmp(g, CMP_LT, from, inum(g, bits, 0)), inum(g, bits, 0), from);
    Vec w[3];
    two_over_pi(g, v_shr(g, from, 5), v_and(g, from, inum(g, bits, 31)), w);
    Vec p = v_add(g, v_shl(g, v_mul(g, m, w[0]), 32),
                  v_add(g, v_mul(g, m, w[1]), v_shr(g, v_mul(g, m, w[2]), 32)));
    Vec q = v_shr(g, v_add(g, p, inum(g, p, (int64_t)1 << 61)), 62);
    Vec r = v_mul(g, v_cast(g, v_sub(g, p, v_shl(g, q, 62)), JITC_FLOAT64),
                  v_f(g, JITC_FLOAT64, x.lanes, 0x1.921fb54442d18p0 * 0x1p-62));
    Vec negative = v_cmp(g, CMP_LT, x, num(g, x, 0));
    r = v_select(g, negative, v_neg(g, r), r);
    q = v_select(g, negative, v_neg(g, q), q);
    return (Angle){v_add(g, r, v_cast(g, v_sub(g, x, x), JITC_FLOAT64)), q}; /* inf - inf: NaN */
}

/* Some lane of the mask is set. */
static Cond any(Gen *g, Vec mask)
{
    Vec m = v_cast(g, mask, JITC_INT32);
    for (int half = m.lanes / 2; half > 0; half /= 2) {
        int lane[LANES];
        for (int i = 0; i < LANES; i++) lane[i] = (i + half) % LANES;
        m = v_or(g, m, v_shuffle(g, m, m, lane, m.lanes));
    }
    return c_lt(g, ival(0), i_from_v(g, v_lane(g, m, 0)));
}

static Vec sin_quadrant(Gen *g, Angle a, int64_t add)
{
    Vec r = a.r, z = v_mul(g, r, r), q = v_add(g, a.quadrant, inum(g, a.quadrant, add));
    Vec s = POLY(g, z, -0.1666666666666662995, 0.008333333333321869205, -0.0001984126982935285898,
                 2.755731352809268646e-6, -2.505073160676234775e-8, 1.589521325251701423e-10);
    Vec c = POLY(g, z, 0.04166666666666659543, -0.001388888888887338766, 0.0000248015872890017625,
                 -2.755731420809137637e-7, 2.087570298291022252e-9, -1.135856438872649688e-11);
    s = v_fma(g, v_mul(g, r, z), s, r);
    c = v_add(g, v_fma(g, v_mul(g, z, z), c, v_mul(g, z, num(g, z, -0.5))), num(g, z, 1));
    Vec odd = v_cmp(g, CMP_NE, v_and(g, q, inum(g, q, 1)), inum(g, q, 0));
    Vec sign = v_shl(g, v_and(g, q, inum(g, q, 2)), 62);
    Vec y = v_select(g, odd, c, s);
    return v_bits(g, v_xor(g, v_bits(g, y, q.dtype), sign), y.dtype);
}

static Vec sin_plus(Gen *g, Vec x, int64_t quadrants)
{
    if (is_f64(x)) return sin_quadrant(g, reduce_angle(g, x), quadrants);
    Vec large = v_cmp(g, CMP_GT, v_abs(g, x), num(g, x, 1e6));
    Vec y = v_cast(g, sin_quadrant(g, reduce_angle(g, v_cast(g, x, JITC_FLOAT64)), quadrants), JITC_FLOAT32);
    Ival rare = i_select(g, any(g, large), ival(1), ival(0));
    FOR_CARRY (g, once, ival(0), rare, ival(1), &y, 1) {
        Vec slow = v_cast(g, sin_quadrant(g, reduce_large(g, x), quadrants), JITC_FLOAT32);
        y = v_select(g, large, slow, y);
    }
    return y;
}

Vec vm_sin(Gen *g, Vec x)
{
    Vec y = sin_plus(g, x, 0);
    return v_select(g, v_cmp(g, CMP_EQ, x, num(g, x, 0)), x, y); /* -0 */
}

Vec vm_cos(Gen *g, Vec x)
{
    return sin_plus(g, x, 1);
}

static Vec atan2_f64(Gen *g, Vec y, Vec x)
{
    Vec ax = v_abs(g, x), ay = v_abs(g, y), zero = num(g, x, 0), one = num(g, x, 1);
    Vec steep = v_cmp(g, CMP_GT, ay, ax), lo = v_select(g, steep, ax, ay), hi = v_select(g, steep, ay, ax);
    Vec t = v_div(g, lo, hi);
    t = v_select(g, v_cmp(g, CMP_EQ, hi, zero), zero, t);               /* 0 / 0 */
    t = v_select(g, v_cmp(g, CMP_EQ, lo, num(g, x, INFINITY)), one, t); /* inf / inf */
    /* atan t = pi/8·2 + atan((t - 1) / (t + 1)) above tan(pi/8). */
    Vec upper = v_cmp(g, CMP_GT, t, num(g, x, 0.41421356237309503));
    Vec u = v_select(g, upper, v_div(g, v_sub(g, t, one), v_add(g, t, one)), t), z = v_mul(g, u, u);
    Vec p = POLY(g, z, -0.3333333333333320621, 0.1999999999995542103, -0.1428571428034385908,
                 0.1111111078963938893, -0.09090897911502067768, 0.07692062629861115908,
                 -0.06663128612672760687, 0.05848050730246480682, -0.05039966077453057043,
                 0.03807991733826998442, -0.01792263741081379382);
    Vec a = v_fma(g, v_mul(g, u, z), p, u);
    a = v_select(g, upper, v_add(g, a, num(g, x, M_PI_4)), a);
    a = v_select(g, steep, v_sub(g, num(g, x, M_PI_2), a), a);
    Vec bits = v_bits(g, x, JITC_INT64);
    a = v_select(g, v_cmp(g, CMP_LT, bits, inum(g, bits, 0)), v_sub(g, num(g, x, M_PI), a), a);
    Vec nan = v_cmp(g, CMP_UNORD, x, y);
    return v_select(g, nan, v_add(g, x, y), vm_copysign(g, a, y));
}

Vec vm_atan2(Gen *g, Vec y, Vec x)
{
    if (is_f64(x)) return atan2_f64(g, y, x);
    return v_cast(g, atan2_f64(g, v_cast(g, y, JITC_FLOAT64), v_cast(g, x, JITC_FLOAT64)), JITC_FLOAT32);
}

/* -- Powers and remainders -------------------------------------------------------------------------- */
static Vec pow_f64(Gen *g, Vec x, Vec y)
{
    Vec zero = num(g, x, 0), one = num(g, x, 1), ax = v_abs(g, x), nan = num(g, x, NAN);
    Vec p = vm_exp(g, v_mul(g, y, vm_log(g, ax)));
    Vec whole = v_cmp(g, CMP_EQ, v_floor(g, y), y); /* so is infinity */
    Vec h = v_mul(g, y, num(g, x, 0.5)), odd = v_and(g, whole, v_cmp(g, CMP_NE, v_floor(g, h), h));
    p = v_select(g, v_cmp(g, CMP_EQ, ax, one), v_select(g, v_cmp(g, CMP_UNORD, y, y), y, one),
                 p); /* also y = inf */
    Vec finite = v_cmp(g, CMP_LT, ax, num(g, x, INFINITY));
    Vec bad = v_and(g, v_and(g, v_cmp(g, CMP_LT, x, zero), finite), v_not(g, whole));
    p = v_select(g, bad, nan, p);
    p = v_select(g, odd, vm_copysign(g, p, x), p);
    Vec unit = v_or(g, v_cmp(g, CMP_EQ, y, zero), v_cmp(g, CMP_EQ, x, one)); /* even of NaN */
    return v_select(g, unit, one, p);
}

Vec vm_pow(Gen *g, Vec x, Vec y)
{
    if (is_f64(x)) return pow_f64(g, x, y);
    return v_cast(g, pow_f64(g, v_cast(g, x, JITC_FLOAT64), v_cast(g, y, JITC_FLOAT64)), JITC_FLOAT32);
}

Vec vm_trunc(Gen *g, Vec x)
{
    return vm_copysign(g, v_floor(g, v_abs(g, x)), x);
}

/* r mod y for 0 <= r < 2^26 y: the quotient is off by one at most, and its product with y in two halves is
 * exact. */
static Vec fmod_step(Gen *g, Vec r, Vec y)
{
    Vec zero = num(g, r, 0), q = v_floor(g, v_div(g, r, y));
    Vec bits = v_bits(g, y, JITC_INT64);
    Vec high = v_bits(g, v_and(g, bits, inum(g, bits, -((int64_t)1 << 27))), JITC_FLOAT64),
        low = v_sub(g, y, high);
    Vec t = v_sub(g, v_sub(g, r, v_mul(g, q, high)), v_mul(g, q, low));
    t = v_select(g, v_cmp(g, CMP_LT, t, zero), v_add(g, t, y), t);
    t = v_select(g, v_cmp(g, CMP_GE, t, y), v_sub(g, t, y), t);
    return v_select(g, v_cmp(g, CMP_EQ, q, zero), r, t); /* also where y is infinite */
}

static Vec fmod_f64(Gen *g, Vec x, Vec y, int steps)
{
    Vec r = v_abs(g, x), d = v_abs(g, y), inf = num(g, x, INFINITY);
    /* Larger quotients: by y * 2^(24 k) first, k descending. */
    Vec big = v_cmp(g, CMP_GE, r, v_mul(g, d, num(g, x, 0x1p24)));
    Ival rare = i_select(g, any(g, big), ival(steps), ival(0));
    FOR_CARRY (g, i, ival(0), rare, ival(1), &r, 1) {
        Vec scaled = d;
        FOR_CARRY (g, k, i.i, ival(steps - 1), ival(1), &scaled, 1)
            scaled = v_mul(g, scaled, num(g, x, 0x1p24));
        r = fmod_step(g, r, scaled);
    }
    r = fmod_step(g, r, d);
    Vec bad = v_or(g, v_cmp(g, CMP_EQ, d, num(g, x, 0)), v_not(g, v_cmp(g, CMP_LT, v_abs(g, x), inf)));
    bad = v_or(g, bad, v_cmp(g, CMP_UNORD, x, y));
    return v_select(g, bad, num(g, x, NAN), vm_copysign(g, r, x));
}

Vec vm_fmod(Gen *g, Vec x, Vec y)
{
    if (is_f64(x)) return fmod_f64(g, x, y, 88);
    return v_cast(g, fmod_f64(g, v_cast(g, x, JITC_FLOAT64), v_cast(g, y, JITC_FLOAT64), 12), JITC_FLOAT32);
}
