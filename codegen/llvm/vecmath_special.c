/* Error and gamma functions, computed in f64 for every type but erfc of f32. The rational approximations are
 * Moshier's (Cephes); their powers are divided out where they would overflow. */
#include "codegen/llvm/vecmath.h"

#include <math.h>

static Vec num(Gen *g, Vec like, double k)
{
    return v_f(g, like.dtype, like.lanes, k);
}

/* c[0] x^(n-1) + … + c[n-1] */
static Vec poly(Gen *g, Vec x, const double *c, int n)
{
    Vec p = num(g, x, c[0]);
    for (int i = 1; i < n; i++) p = v_fma(g, p, x, num(g, x, c[i]));
    return p;
}
#define POLY(g, x, ...) poly(g, x, (const double[]){__VA_ARGS__}, (int)COUNT(((const double[]){__VA_ARGS__})))

static Vec in_f64(Gen *g, Vec x, Vec (*f)(Gen *, Vec))
{
    if (x.dtype == JITC_FLOAT64) return f(g, x);
    return v_cast(g, f(g, v_cast(g, x, JITC_FLOAT64)), x.dtype);
}

static Vec below(Gen *g, Vec x, double k)
{
    return v_cmp(g, CMP_LT, x, num(g, x, k));
}

static Vec at_most(Gen *g, Vec x, double k)
{
    return v_select(g, v_cmp(g, CMP_GT, x, num(g, x, k)), num(g, x, k), x);
}

/* exp(-x^2): the square is split, since its rounding error would be amplified. */
static Vec exp_minus_square(Gen *g, Vec x)
{
    Vec bits = v_bits(g, x, JITC_INT64);
    Vec high = v_bits(g, v_and(g, bits, v_i(g, JITC_INT64, x.lanes, -((int64_t)1 << 27))), JITC_FLOAT64);
    Vec low = v_mul(g, v_sub(g, x, high), v_add(g, x, high));
    return v_mul(g, vm_exp(g, v_neg(g, v_mul(g, high, high))), vm_exp(g, v_neg(g, low)));
}

static Vec erfc_f64(Gen *g, Vec x)
{
    Vec one = num(g, x, 1), a = at_most(g, v_abs(g, x), 28);
    Vec p = POLY(g, a, 2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0,
                 4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
                 9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2);
    Vec q = POLY(g, a, 1, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
                 9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3,
                 1.65666309194161350182e3, 5.57535340817727675546e2);
    Vec r = POLY(g, a, 5.64189583547755073984e-1, 1.27536670759978104416e0, 5.01905042251180477414e0,
                 6.16021097993053585195e0, 7.40974269950448939160e0, 2.97886665372100240670e0);
    Vec s = POLY(g, a, 1, 2.26052863220117276590e0, 9.39603524938001434673e0, 1.20489539808096656605e1,
                 1.70814450747565897222e1, 9.60896809063285878198e0, 3.36907645100081516050e0);
    Vec middle = below(g, a, 8);
    Vec tail = v_div(g, v_select(g, middle, p, r), v_select(g, middle, q, s));
    tail = v_mul(g, exp_minus_square(g, a), tail);
    tail = v_select(g, below(g, x, 0), v_sub(g, num(g, x, 2), tail), tail);
    return v_select(g, below(g, a, 1), v_sub(g, one, vm_erf(g, x)), tail);
}

Vec vm_erfc(Gen *g, Vec x)
{
    return x.dtype == JITC_FLOAT64 ? erfc_f64(g, x) : vm_erfc_f32(g, x);
}

/* The distance from x to the nearest whole number, times pi. */
static Vec turn(Gen *g, Vec x)
{
    return v_mul(g, v_sub(g, x, v_rint(g, x)), num(g, x, M_PI));
}

static Vec is_pole(Gen *g, Vec x)
{
    return v_and(g, v_cmp(g, CMP_LE, x, num(g, x, 0)), v_cmp(g, CMP_EQ, v_floor(g, x), x));
}

/* log gamma(x) for x >= 0.5: x is raised to 10 or more, and what that multiplies by taken out again. */
static Vec log_gamma(Gen *g, Vec x)
{
    Vec one = num(g, x, 1), p = one, y = x;
    for (int k = 0; k < 10; k++) {
        Vec low = below(g, y, 10);
        p = v_select(g, low, v_mul(g, p, y), p);
        y = v_select(g, low, v_add(g, y, one), y);
    }
    Vec r = v_div(g, one, y), z = v_mul(g, r, r);
    Vec s = POLY(g, z, 1.0 / 156, -691.0 / 360360, 1.0 / 1188, -1.0 / 1680, 1.0 / 1260, -1.0 / 360, 1.0 / 12);
    Vec t = v_fma(g, v_sub(g, y, num(g, x, 0.5)), vm_log(g, y), v_neg(g, y));
    t = v_add(g, v_add(g, t, num(g, x, 0.91893853320467274178)), v_mul(g, s, r));
    t = v_sub(g, t, vm_log(g, p));
    Vec root = v_or(g, v_cmp(g, CMP_EQ, x, one), v_cmp(g, CMP_EQ, x, num(g, x, 2)));
    t = v_select(g, root, num(g, x, 0), t);
    return v_select(g, v_cmp(g, CMP_EQ, x, num(g, x, INFINITY)), x, t);
}

static Vec lgamma_f64(Gen *g, Vec x)
{
    Vec one = num(g, x, 1), inf = num(g, x, INFINITY), left = below(g, x, 0.5);
    Vec y = log_gamma(g, v_select(g, left, v_sub(g, one, x), x));
    Vec sine = v_abs(g, vm_sin(g, turn(g, x)));
    Vec mirrored = v_sub(g, vm_log(g, v_div(g, num(g, x, M_PI), sine)), y);
    y = v_select(g, left, mirrored, y);
    return v_select(g, is_pole(g, x), inf, y);
}

Vec vm_lgamma(Gen *g, Vec x)
{
    return in_f64(g, x, lgamma_f64);
}

static Vec digamma_f64(Gen *g, Vec x)
{
    Vec one = num(g, x, 1), zero = num(g, x, 0), left = v_cmp(g, CMP_LE, x, zero), sum = zero;
    Vec y = v_select(g, left, v_sub(g, one, x), x);
    for (int k = 0; k < 10; k++) {
        Vec low = below(g, y, 10);
        sum = v_select(g, low, v_add(g, sum, v_div(g, one, y)), sum);
        y = v_select(g, low, v_add(g, y, one), y);
    }
    Vec z = v_div(g, one, v_mul(g, y, y));
    Vec s = POLY(g, z, 1.0 / 12, -691.0 / 32760, 1.0 / 132, -1.0 / 240, 1.0 / 252, -1.0 / 120, 1.0 / 12);
    Vec r = v_sub(g, vm_log(g, y), v_div(g, num(g, x, 0.5), y));
    r = v_sub(g, v_sub(g, r, v_mul(g, s, z)), sum);
    Vec t = turn(g, x), cot = v_div(g, vm_cos(g, t), vm_sin(g, t));
    r = v_select(g, left, v_sub(g, r, v_mul(g, num(g, x, M_PI), cot)), r);
    return v_select(g, is_pole(g, x), num(g, x, NAN), r);
}

Vec vm_digamma(Gen *g, Vec x)
{
    return in_f64(g, x, digamma_f64);
}

static Vec ndtri_f64(Gen *g, Vec x)
{
    Vec one = num(g, x, 1), zero = num(g, x, 0), half = num(g, x, 0.5), low = below(g, x, 0.5);
    Vec p = v_select(g, low, x, v_sub(g, one, x)), y = v_sub(g, x, half), z = v_mul(g, y, y);
    Vec near = v_div(g,
                     POLY(g, z, -5.99633501014107895267e1, 9.80010754185999661536e1,
                          -5.66762857469070293439e1, 1.39312609387279679503e1, -1.23916583867381258016e0),
                     POLY(g, z, 1, 1.95448858338141759834e0, 4.67627912898881538453e0,
                          8.63602421390890590575e1, -2.25462687854119370527e2, 2.00260212380060660359e2,
                          -8.20372256168333339912e1, 1.59056225126211695515e1, -1.18331621121330003142e0));
    near = v_mul(g, v_fma(g, y, v_mul(g, z, near), y), num(g, x, 2.50662827463100050242));
    Vec t = v_sqrt(g, v_mul(g, num(g, x, -2), vm_log(g, p))), r = v_div(g, one, t), middle = below(g, t, 8);
    Vec p1 = POLY(g, r, 4.05544892305962419923e0, 3.15251094599893866154e1, 5.71628192246421288162e1,
                  4.40805073893200834700e1, 1.46849561928858024014e1, 2.18663306850790267539e0,
                  -1.40256079171354495875e-1, -3.50424626827848203418e-2, -8.57456785154685413611e-4);
    Vec q1 = POLY(g, r, 1, 1.57799883256466749731e1, 4.53907635128879210584e1, 4.13172038254672030440e1,
                  1.50425385692907503408e1, 2.50464946208309415979e0, -1.42182922854787788574e-1,
                  -3.80806407691578277194e-2, -9.33259480895457427372e-4);
    Vec p2 = POLY(g, r, 3.23774891776946035970e0, 6.91522889068984211695e0, 3.93881025292474443415e0,
                  1.33303460815807542389e0, 2.01485389549179081538e-1, 1.23716634817820021358e-2,
                  3.01581553508235416007e-4, 2.65806974686737550832e-6, 6.23974539184983293730e-9);
    Vec q2 = POLY(g, r, 1, 6.02427039364742014255e0, 3.67983563856160859403e0, 1.37702099489081330271e0,
                  2.16236993594496635890e-1, 1.34204006088543189037e-2, 3.28014464682127739104e-4,
                  2.89247864745380683936e-6, 6.79019408009981274425e-9);
    Vec far = v_div(g, v_select(g, middle, p1, p2), v_select(g, middle, q1, q2));
    far = v_sub(g, v_sub(g, t, v_div(g, vm_log(g, t), t)), v_mul(g, r, far));
    far = v_select(g, low, v_neg(g, far), far);
    Vec v = v_select(g, below(g, p, 0.13533528323661269189), far, near);
    v = v_select(g, v_cmp(g, CMP_EQ, x, zero), num(g, x, -INFINITY), v);
    v = v_select(g, v_cmp(g, CMP_EQ, x, one), num(g, x, INFINITY), v);
    Vec ok = v_and(g, v_cmp(g, CMP_GE, x, zero), v_cmp(g, CMP_LE, x, one));
    return v_select(g, ok, v, num(g, x, NAN));
}

Vec vm_ndtri(Gen *g, Vec x)
{
    return in_f64(g, x, ndtri_f64);
}
