/* Jacobi's rotations, of eigh and svd; both compute in f64. */
#ifndef JITC_OPS_JACOBI_H
#define JITC_OPS_JACOBI_H

#include "ir/ops/common.h"

enum { JACOBI_SWEEPS = 60 };   /* at most; some eight are enough */
#define JACOBI_EPSILON 0x1p-53 /* what is smaller, relatively, counts as 0 */

/* c and s that take `off` to 0 between diagonal elements p and q. */
static inline void jacobi_rotation(double p, double q, double off, double *c, double *s)
{
    double theta = (q - p) / (2 * off), t = 1 / (fabs(theta) + sqrt(theta * theta + 1));
    if (theta < 0) t = -t;
    *c = 1 / sqrt(t * t + 1);
    *s = t * *c;
}

/* Columns (or, with other strides, rows) p and q of n numbers. */
static inline void jacobi_rotate(double *p, double *q, int64_t n, int64_t stride, double c, double s)
{
    for (int64_t k = 0; k < n * stride; k += stride) {
        double x = p[k], y = q[k];
        p[k] = c * x - s * y;
        q[k] = s * x + c * y;
    }
}
#endif
