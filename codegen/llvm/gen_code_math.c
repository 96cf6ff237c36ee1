/* C's mathematical functions, as code of custom operators calls them, made of those of jitc's own operators.
 */

#include "codegen/llvm/gen_code.h"
#include "codegen/llvm/vecmath.h"

static Vec k_of(Gen *g, Vec like, double k)
{
    return v_f(g, like.dtype, like.lanes, k);
}

#define ONE(name, expr)                                                                                      \
    static Vec name(Gen *g, const Vec *in)                                                                   \
    {                                                                                                        \
        Vec x = in[0];                                                                                       \
        return expr;                                                                                         \
    }
#define TWO(name, expr)                                                                                      \
    static Vec name(Gen *g, const Vec *in)                                                                   \
    {                                                                                                        \
        Vec x = in[0], y = in[1];                                                                            \
        return expr;                                                                                         \
    }
ONE(m_exp, vm_exp(g, x))
ONE(m_exp2, vm_pow(g, k_of(g, x, 2), x))
ONE(m_expm1, vm_expm1(g, x))
ONE(m_log, vm_log(g, x))
ONE(m_log2, v_mul(g, vm_log(g, x), k_of(g, x, 1.4426950408889634)))
ONE(m_log10, v_mul(g, vm_log(g, x), k_of(g, x, 0.4342944819032518)))
ONE(m_log1p, vm_log1p(g, x))
ONE(m_sin, vm_sin(g, x))
ONE(m_cos, vm_cos(g, x))
ONE(m_tan, v_div(g, vm_sin(g, x), vm_cos(g, x)))
ONE(m_tanh, vm_tanh(g, x))
ONE(m_erf, vm_erf(g, x))
ONE(m_erfc, vm_erfc(g, x))
ONE(m_lgamma, vm_lgamma(g, x))
ONE(m_sqrt, v_sqrt(g, x))
ONE(m_fabs, v_abs(g, x))
ONE(m_floor, v_floor(g, x))
ONE(m_ceil, v_ceil(g, x))
ONE(m_trunc, vm_trunc(g, x))
ONE(m_rint, v_rint(g, x))
TWO(m_pow, vm_pow(g, x, y))
TWO(m_atan2, vm_atan2(g, x, y))
TWO(m_fmod, vm_fmod(g, x, y))
TWO(m_copysign, vm_copysign(g, x, y))
ONE(m_atan, vm_atan2(g, x, k_of(g, x, 1)))

/* Half away from zero. */
static Vec m_round(Gen *g, const Vec *in)
{
    Vec x = in[0], t = vm_trunc(g, x), away = vm_copysign(g, k_of(g, x, 1), x);
    Vec half = v_cmp(g, CMP_GE, v_abs(g, v_sub(g, x, t)), k_of(g, x, 0.5));
    return v_select(g, half, v_add(g, t, away), t);
}

/* Of a number and a NaN the number. */
static Vec pick(Gen *g, const Vec *in, Cmp c)
{
    Vec x = in[0], y = in[1], r = v_select(g, v_cmp(g, c, x, y), x, y);
    return v_select(g, v_cmp(g, CMP_UNORD, y, y), x, r);
}
static Vec m_fmin(Gen *g, const Vec *in)
{
    return pick(g, in, CMP_LT);
}
static Vec m_fmax(Gen *g, const Vec *in)
{
    return pick(g, in, CMP_GT);
}

static Vec m_fma(Gen *g, const Vec *in)
{
    return v_fma(g, in[0], in[1], in[2]);
}

typedef struct {
    const char *name, *alias; /* alias: of LLVM's intrinsic, where that is another one */
    int operands;
    Vec (*f)(Gen *g, const Vec *in);
} MathFn;

static const MathFn functions[] = {
    {"exp", NULL, 1, m_exp},           {"exp2", NULL, 1, m_exp2},     {"expm1", NULL, 1, m_expm1},
    {"log", NULL, 1, m_log},           {"log2", NULL, 1, m_log2},     {"log10", NULL, 1, m_log10},
    {"log1p", NULL, 1, m_log1p},       {"sin", NULL, 1, m_sin},       {"cos", NULL, 1, m_cos},
    {"tan", NULL, 1, m_tan},           {"tanh", NULL, 1, m_tanh},     {"erf", NULL, 1, m_erf},
    {"erfc", NULL, 1, m_erfc},         {"lgamma", NULL, 1, m_lgamma}, {"sqrt", NULL, 1, m_sqrt},
    {"fabs", NULL, 1, m_fabs},         {"floor", NULL, 1, m_floor},   {"ceil", NULL, 1, m_ceil},
    {"trunc", NULL, 1, m_trunc},       {"rint", NULL, 1, m_rint},     {"nearbyint", NULL, 1, m_rint},
    {"roundeven", NULL, 1, m_rint},    {"round", NULL, 1, m_round},   {"atan", NULL, 1, m_atan},
    {"pow", NULL, 2, m_pow},           {"atan2", NULL, 2, m_atan2},   {"fmod", NULL, 2, m_fmod},
    {"copysign", NULL, 2, m_copysign}, {"fmin", "minnum", 2, m_fmin}, {"fmax", "maxnum", 2, m_fmax},
    {"fma", NULL, 3, m_fma},           {"fma", "fmuladd", 3, m_fma},
};

/* "expf", "exp", "llvm.exp.f32": the same function. */
static const MathFn *find(const char *name)
{
    char base[32];
    bool intrinsic = strncmp(name, "llvm.", 5) == 0;
    if (intrinsic) name += 5;
    size_t n = intrinsic ? strcspn(name, ".") : strlen(name);
    if (n >= sizeof base) return NULL;
    memcpy(base, name, n);
    base[n] = 0;
    for (int cut = 0; cut < 2; cut++) {
        for (size_t i = 0; i < COUNT(functions); i++) {
            const MathFn *f = &functions[i];
            if (strcmp(intrinsic && f->alias ? f->alias : f->name, base) == 0) return f;
        }
        if (intrinsic || !n || base[n - 1] != 'f') return NULL;
        base[n - 1] = 0;
    }
    return NULL;
}

int code_math(const char *name)
{
    const MathFn *f = find(name);
    return f ? f->operands : -1;
}

Vec code_math_value(Gen *g, const char *name, const Vec *in)
{
    return find(name)->f(g, in);
}
