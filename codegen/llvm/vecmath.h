/* Elementary functions on vectors of f32 and f64, from arithmetic alone: no libm call, no instruction that
 * only some targets have, so an object needs nobody and every target gives the same bits (up to fused
 * multiply-adds). NaN, infinities and signed zeros come out as C's Annex F says, unless noted. */
#ifndef JITC_VECMATH_H
#define JITC_VECMATH_H

#include "codegen/llvm/gen.h"

Vec vm_exp(Gen *g, Vec x);
Vec vm_exp_neg(Gen *g, Vec x); /* of what is at most 0; results that are not normal are 0 */
Vec vm_expm1(Gen *g, Vec x);
Vec vm_log(Gen *g, Vec x); /* denormal operands count as 0, as in the mode that kernels run in */
Vec vm_log1p(Gen *g, Vec x);
Vec vm_sin(Gen *g, Vec x); /* f64: exact reduction up to about 1e6 */
Vec vm_cos(Gen *g, Vec x);
Vec vm_tanh(Gen *g, Vec x);
Vec vm_sigmoid(Gen *g, Vec x);
Vec vm_softplus(Gen *g, Vec x);
Vec vm_erf(Gen *g, Vec x);
Vec vm_erfc(Gen *g, Vec x);
Vec vm_erfc_f32(Gen *g, Vec x); /* within 4e-7 of the result, as far as that is normal */
Vec vm_lgamma(Gen *g, Vec x);   /* of f64 within about 1e-14 of the larger of 1 and the result */
Vec vm_digamma(Gen *g, Vec x);
Vec vm_ndtri(Gen *g, Vec x);
Vec vm_pow(Gen *g, Vec x, Vec y); /* f64: relative error about |y log x| ulp */
Vec vm_atan2(Gen *g, Vec y, Vec x);
Vec vm_fmod(Gen *g, Vec x, Vec y); /* exact */
Vec vm_trunc(Gen *g, Vec x);
Vec vm_copysign(Gen *g, Vec magnitude, Vec sign);
#endif
