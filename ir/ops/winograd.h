/* Winograd's minimal filtering F(m, r): m results of a filter of r taps from n = m + r - 1 products instead
 * of m * r,
 *
 *     y = at [(g f) * (bt x)]        at: m × n, g: n × r, bt: n × n, * elementwise
 *
 * (S. Winograd, "Arithmetic Complexity of Computations", 1980; Lavin and Gray, "Fast Algorithms for
 * Convolutional Neural Networks", 2015). The matrices come from Toom and Cook's interpolation in n - 1 points
 * and infinity. The points are those that lose least accuracy (Barabasz et al., "Error Analysis and Improving
 * the Accuracy of Winograd Convolution", 2020), and powers of two, so that `at` and `bt` are exact. */
#ifndef JITC_OPS_WINOGRAD_H
#define JITC_OPS_WINOGRAD_H

#include "ir/ir.h"

enum { WINOGRAD_MAX = 8 }; /* n at most */

typedef struct {
    int m, r, n;
    double at[WINOGRAD_MAX][WINOGRAD_MAX], g[WINOGRAD_MAX][WINOGRAD_MAX], bt[WINOGRAD_MAX][WINOGRAD_MAX];
} Winograd;

/* m, r >= 1; m + r - 1 <= WINOGRAD_MAX. F(1, 1) is the identity. */
void winograd_make(Winograd *w, int m, int r);
/* The attributes `tile` and `window` of the ops that compute so: whether they are in range; their forms. */
bool winograd_forms(InferCx *cx, const Op *op);
void winograd_of(const Op *op, Winograd *h, Winograd *w);
#endif
