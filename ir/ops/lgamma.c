#include "ir/ops/common.h"

/* Stirling's series, for x >= 0.5. */
static double log_gamma(double x)
{
    double p = 1;
    if (x == 1 || x == 2) return 0;
    while (x < 10) {
        p *= x;
        x += 1;
    }
    double r = 1 / x, z = r * r, s = 1.0 / 156;
    static const double c[] = {-691.0 / 360360, 1.0 / 1188, -1.0 / 1680, 1.0 / 1260, -1.0 / 360, 1.0 / 12};
    for (size_t k = 0; k < COUNT(c); k++) s = s * z + c[k];
    return (x - 0.5) * log(x) - x + 0.91893853320467274178 + s * r - log(p);
}

static double f(double x)
{
    /* Not lgamma(), which writes to a global. */
    if (x != x || isinf(x)) return x * x;
    if (x <= 0 && x == floor(x)) return INFINITY;
    if (x < 0.5) return log(M_PI / fabs(sin(M_PI * (x - rint(x))))) - log_gamma(1 - x);
    return log_gamma(x);
}

const OpDef op_lgamma = {
    .name = "lgamma",
    .doc = "logarithm of |gamma(x)|",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
