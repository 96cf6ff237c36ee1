/* Elementary functions of complex numbers. Arguments are pairs of f64. */
#include <math.h>

#include "frontend/tf/complex.h"

static Value *un(Cx *cx, OpCode code, Value *x)
{
    return ir_unary(&cx->b, code, x);
}
static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}
static Value *k(Cx *cx, double v)
{
    return scalar(cx, JITC_FLOAT64, v);
}
static Value *select(Cx *cx, Value *cond, Value *a, Value *b)
{
    return ir_v(&cx->b, OP_select, IN(cond, a, b), NO_ATTRS);
}
static Value *halved(Cx *cx, Value *x)
{
    return bi(cx, OP_mul, x, k(cx, 0.5));
}

/* |x| with the sign of s, that of zero too: it tells the side of a branch cut. */
static Value *copy_sign(Cx *cx, Value *x, Value *s)
{
    Value *bits = ir_v(&cx->b, OP_bitcast, IN(s), AT(at_t("to", JITC_INT64)));
    Value *negative = bi(cx, OP_less, bits, ir_const_i(&cx->b, JITC_INT64, 0));
    x = un(cx, OP_abs, x);
    return select(cx, negative, un(cx, OP_neg, x), x);
}

/* -- Real functions ----------------------------------------------------------------------------------- */
static Value *sinh_of(Cx *cx, Value *x)
{
    Value *e = un(cx, OP_expm1, un(cx, OP_abs, x)); /* sinh |x| = (e + e / (e + 1)) / 2 */
    Value *s = halved(cx, bi(cx, OP_add, e, bi(cx, OP_div, e, bi(cx, OP_add, e, k(cx, 1)))));
    return copy_sign(cx, s, x);
}

static Value *cosh_of(Cx *cx, Value *x)
{
    Value *e = un(cx, OP_exp, un(cx, OP_abs, x));
    return halved(cx, bi(cx, OP_add, e, bi(cx, OP_div, k(cx, 1), e)));
}

static Value *asinh_of(Cx *cx, Value *x)
{
    Value *a = un(cx, OP_abs, x); /* log1p(a + a^2 / (1 + sqrt(a^2 + 1))) */
    Value *root = un(cx, OP_sqrt, bi(cx, OP_add, un(cx, OP_square, a), k(cx, 1)));
    Value *more = bi(cx, OP_mul, a, bi(cx, OP_div, a, bi(cx, OP_add, k(cx, 1), root)));
    return copy_sign(cx, un(cx, OP_log1p, bi(cx, OP_add, a, more)), x);
}

/* -- Exponentials ------------------------------------------------------------------------------------- */
Pair pair_exp(Cx *cx, Pair z)
{
    Value *e = un(cx, OP_exp, z.re);
    return (Pair){bi(cx, OP_mul, e, un(cx, OP_cos, z.im)), bi(cx, OP_mul, e, un(cx, OP_sin, z.im))};
}

static Pair expm1_of(Cx *cx, Pair z)
{
    Value *half = un(cx, OP_sin, halved(cx, z.im)); /* e^a cos b - 1 without cancellation */
    Value *loss = bi(cx, OP_mul, k(cx, 2), un(cx, OP_square, half));
    Value *re = bi(cx, OP_sub, bi(cx, OP_mul, un(cx, OP_expm1, z.re), un(cx, OP_cos, z.im)), loss);
    return (Pair){re, bi(cx, OP_mul, un(cx, OP_exp, z.re), un(cx, OP_sin, z.im))};
}

/* log |z|: near 1 by the distance from it. */
static Value *log_abs(Cx *cx, Pair z)
{
    Value *a = un(cx, OP_abs, z.re), *b = un(cx, OP_abs, z.im);
    Value *big = bi(cx, OP_maximum, a, b), *small = bi(cx, OP_minimum, a, b);
    Value *near_one =
        bi(cx, OP_logical_and, bi(cx, OP_less, big, k(cx, 2)), bi(cx, OP_less, k(cx, 0.5), big));
    Value *off = bi(cx, OP_mul, bi(cx, OP_sub, big, k(cx, 1)), bi(cx, OP_add, big, k(cx, 1)));
    off = bi(cx, OP_add, off, un(cx, OP_square, small));
    return select(cx, near_one, halved(cx, un(cx, OP_log1p, off)), un(cx, OP_log, pair_abs(cx, z)));
}

Pair pair_log(Cx *cx, Pair z)
{
    return (Pair){log_abs(cx, z), bi(cx, OP_atan2, z.im, z.re)};
}

static Pair log1p_of(Cx *cx, Pair z)
{
    Value *off = bi(cx, OP_mul, z.re, bi(cx, OP_add, z.re, k(cx, 2)));
    off = bi(cx, OP_add, off, un(cx, OP_square, z.im));
    Value *near_one = bi(cx, OP_less, un(cx, OP_abs, off), k(cx, 0.5));
    Pair far = pair_log(cx, (Pair){bi(cx, OP_add, z.re, k(cx, 1)), z.im});
    return (Pair){select(cx, near_one, halved(cx, un(cx, OP_log1p, off)), far.re), far.im};
}

/* -- Roots -------------------------------------------------------------------------------------------- */
static Pair sqrt_of(Cx *cx, Pair z)
{
    Value *t = bi(cx, OP_add, un(cx, OP_abs, z.re), pair_abs(cx, z));
    t = un(cx, OP_sqrt, halved(cx, t));
    Value *u = bi(cx, OP_div, halved(cx, un(cx, OP_abs, z.im)), t);
    u = select(cx, bi(cx, OP_equal, t, k(cx, 0)), k(cx, 0), u);
    Value *right = bi(cx, OP_greater_equal, z.re, k(cx, 0));
    return (Pair){select(cx, right, t, u), copy_sign(cx, select(cx, right, u, t), z.im)};
}

static Pair rsqrt_of(Cx *cx, Pair z)
{
    return pair_div(cx, pair_real(cx, k(cx, 1)), sqrt_of(cx, z));
}

/* -- Trigonometric and hyperbolic functions ------------------------------------------------------------ */
static Pair times_i(Cx *cx, Pair z)
{
    return (Pair){un(cx, OP_neg, z.im), z.re};
}
static Pair by_i(Cx *cx, Pair z)
{
    return (Pair){z.im, un(cx, OP_neg, z.re)};
}

static Pair sinh_pair(Cx *cx, Pair z)
{
    return (Pair){bi(cx, OP_mul, sinh_of(cx, z.re), un(cx, OP_cos, z.im)),
                  bi(cx, OP_mul, cosh_of(cx, z.re), un(cx, OP_sin, z.im))};
}

static Pair cosh_pair(Cx *cx, Pair z)
{
    return (Pair){bi(cx, OP_mul, cosh_of(cx, z.re), un(cx, OP_cos, z.im)),
                  bi(cx, OP_mul, sinh_of(cx, z.re), un(cx, OP_sin, z.im))};
}

/* Kahan's form; beyond 300 the real part is ±1 anyway, and nothing may overflow. */
static Pair tanh_pair(Cx *cx, Pair z)
{
    Value *a = ir_v(&cx->b, OP_clamp, IN(z.re, k(cx, -300), k(cx, 300)), NO_ATTRS);
    Value *t = bi(cx, OP_div, un(cx, OP_sin, z.im), un(cx, OP_cos, z.im));
    Value *beta = bi(cx, OP_add, k(cx, 1), un(cx, OP_square, t)), *s = sinh_of(cx, a);
    Value *bs = bi(cx, OP_mul, beta, s);
    Value *d = bi(cx, OP_add, k(cx, 1), bi(cx, OP_mul, bs, s));
    return (Pair){bi(cx, OP_div, bi(cx, OP_mul, bs, cosh_of(cx, a)), d), bi(cx, OP_div, t, d)};
}

static Pair sin_pair(Cx *cx, Pair z)
{
    return by_i(cx, sinh_pair(cx, times_i(cx, z)));
}
static Pair cos_pair(Cx *cx, Pair z)
{
    return cosh_pair(cx, times_i(cx, z));
}
static Pair tan_pair(Cx *cx, Pair z)
{
    return by_i(cx, tanh_pair(cx, times_i(cx, z)));
}

static Pair sigmoid_of(Cx *cx, Pair z)
{
    Pair one = pair_real(cx, k(cx, 1));
    return pair_div(cx, one, pair_add(cx, one, pair_exp(cx, pair_neg(cx, z))));
}

/* sqrt(1 + z), sqrt(1 - z) as Kahan's inverse functions need them */
static void roots(Cx *cx, Pair z, Pair *plus, Pair *minus)
{
    *plus = sqrt_of(cx, (Pair){bi(cx, OP_add, k(cx, 1), z.re), z.im});
    *minus = sqrt_of(cx, (Pair){bi(cx, OP_sub, k(cx, 1), z.re), un(cx, OP_neg, z.im)});
}

static Pair asin_pair(Cx *cx, Pair z)
{
    Pair p, m;
    roots(cx, z, &p, &m);
    return (Pair){bi(cx, OP_atan2, z.re, pair_mul(cx, m, p).re),
                  asinh_of(cx, pair_mul(cx, pair_conj(cx, m), p).im)};
}

static Pair acos_pair(Cx *cx, Pair z)
{
    Pair p, m;
    roots(cx, z, &p, &m);
    return (Pair){bi(cx, OP_mul, k(cx, 2), bi(cx, OP_atan2, m.re, p.re)),
                  asinh_of(cx, pair_mul(cx, pair_conj(cx, p), m).im)};
}

static Pair asinh_pair(Cx *cx, Pair z)
{
    return by_i(cx, asin_pair(cx, times_i(cx, z)));
}

static Pair acosh_pair(Cx *cx, Pair z)
{
    Pair p = sqrt_of(cx, (Pair){bi(cx, OP_add, z.re, k(cx, 1)), z.im});
    Pair m = sqrt_of(cx, (Pair){bi(cx, OP_sub, z.re, k(cx, 1)), z.im});
    return (Pair){asinh_of(cx, pair_mul(cx, pair_conj(cx, m), p).re),
                  bi(cx, OP_mul, k(cx, 2), bi(cx, OP_atan2, m.im, p.re))};
}

static Pair atanh_pair(Cx *cx, Pair z)
{
    Value *left = bi(cx, OP_sub, k(cx, 1), z.re), *b2 = un(cx, OP_square, z.im);
    Value *ratio =
        bi(cx, OP_div, bi(cx, OP_mul, k(cx, 4), z.re), bi(cx, OP_add, un(cx, OP_square, left), b2));
    Value *cosine = bi(cx, OP_sub, bi(cx, OP_mul, left, bi(cx, OP_add, k(cx, 1), z.re)), b2);
    Value *angle = bi(cx, OP_atan2, bi(cx, OP_mul, k(cx, 2), z.im), cosine);
    return (Pair){bi(cx, OP_mul, k(cx, 0.25), un(cx, OP_log1p, ratio)), halved(cx, angle)};
}

static Pair atan_pair(Cx *cx, Pair z)
{
    return by_i(cx, atanh_pair(cx, times_i(cx, z)));
}

PairFn *complex_function(int which)
{
    static PairFn *const fns[FN_COUNT] = {
        [FN_EXP] = pair_exp,       [FN_LOG] = pair_log,     [FN_EXPM1] = expm1_of,   [FN_LOG1P] = log1p_of,
        [FN_SQRT] = sqrt_of,       [FN_RSQRT] = rsqrt_of,   [FN_SIN] = sin_pair,     [FN_COS] = cos_pair,
        [FN_TAN] = tan_pair,       [FN_SINH] = sinh_pair,   [FN_COSH] = cosh_pair,   [FN_TANH] = tanh_pair,
        [FN_SIGMOID] = sigmoid_of, [FN_ASIN] = asin_pair,   [FN_ACOS] = acos_pair,   [FN_ATAN] = atan_pair,
        [FN_ASINH] = asinh_pair,   [FN_ACOSH] = acosh_pair, [FN_ATANH] = atanh_pair,
    };
    return fns[which];
}
