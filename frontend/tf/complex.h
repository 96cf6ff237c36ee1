/* Complex numbers as pairs of real tensors. */
#ifndef JITC_FRONTEND_TF_COMPLEX_H
#define JITC_FRONTEND_TF_COMPLEX_H

#include "frontend/tf/tf.h"

typedef struct {
    Value *re, *im;
} Pair;

bool need_complex(Cx *cx, const Value *v);
Pair split(Cx *cx, Value *z);
Value *join(Cx *cx, Pair p);
Value *complex_cast(Cx *cx, Value *v, DType to); /* one of the two types is complex */

Pair pair_add(Cx *cx, Pair a, Pair b);
Pair pair_sub(Cx *cx, Pair a, Pair b);
Pair pair_mul(Cx *cx, Pair a, Pair b);
Pair pair_div(Cx *cx, Pair a, Pair b);
Pair pair_neg(Cx *cx, Pair a);
Pair pair_conj(Cx *cx, Pair a);
Pair pair_real(Cx *cx, Value *re); /* with an imaginary part of 0 */
Pair pair_where(Cx *cx, Value *cond, Pair a, Pair b);
Value *pair_abs(Cx *cx, Pair a);
Value *pair_is_zero(Cx *cx, Pair a);

/* The operator of a variant itself, with other operands. */
const TfOp *base_op(Cx *cx);
void run_base(Cx *cx, Value **in, Value **out);
ImportFn import_embedded, import_complex_cholesky, import_complex_triangular_solve;
ImportFn import_complex_lu, import_complex_determinant, import_complex_qr;

/* Along the last dimension of n real numbers, the n / 2 + 1 first of their transform. */
Value *real_fft(Cx *cx, Value *x);

/* Elementary functions; pairs of f64, so that those of complex64 lose nothing. */
Pair pair_exp(Cx *cx, Pair z);
Pair pair_log(Cx *cx, Pair z);
typedef Pair PairFn(Cx *cx, Pair z);
PairFn *complex_function(int which);
enum {
    FN_EXP,
    FN_LOG,
    FN_EXPM1,
    FN_LOG1P,
    FN_SQRT,
    FN_RSQRT,
    FN_SIN,
    FN_COS,
    FN_TAN,
    FN_SINH,
    FN_COSH,
    FN_TANH,
    FN_SIGMOID,
    FN_ASIN,
    FN_ACOS,
    FN_ATAN,
    FN_ASINH,
    FN_ACOSH,
    FN_ATANH,
    FN_COUNT
};
#endif
