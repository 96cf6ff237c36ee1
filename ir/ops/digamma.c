#include "ir/ops/common.h"

static double psi(double x)
{
    double sum = 0;
    while (x < 10) {
        sum += 1 / x;
        x += 1;
    }
    double z = 1 / (x * x), s = 1.0 / 12;
    static const double c[] = {-691.0 / 32760, 1.0 / 132, -1.0 / 240, 1.0 / 252, -1.0 / 120, 1.0 / 12};
    for (size_t k = 0; k < COUNT(c); k++) s = s * z + c[k];
    return log(x) - 0.5 / x - s * z - sum;
}

static double f(double x)
{
    if (x <= 0 && x == floor(x)) return NAN; /* -inf too */
    if (x > 0) return psi(x);
    double t = M_PI * (x - rint(x));
    return psi(1 - x) - M_PI * cos(t) / sin(t);
}

const OpDef op_digamma = {
    .name = "digamma",
    .doc = "derivative of the logarithm of gamma(x); NaN at 0, -1, …",
    .kind = KIND_MAP,
    .nin = 1,
    .nout = 1,
    .cost = COST_HEAVY,
    .infer = infer_float_map,
    .map = {.f1 = f},
};
