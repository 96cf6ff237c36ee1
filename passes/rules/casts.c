/* Rules for casts. */
#include "passes/util.h"

typedef struct {
    int bits; /* of integers: value bits; of floats: exact integer bits */
    int exp;  /* floats: exponent bits */
    bool is_float, is_signed;
} Range;

static Range range_of(DType t)
{
    int bits = (int)dtype_size(t) * 8;
    if (t == JITC_FLOAT16) return (Range){11, 5, true, true};
    if (t == JITC_BFLOAT16) return (Range){8, 8, true, true};
    if (t == JITC_FLOAT32) return (Range){24, 8, true, true};
    if (t == JITC_FLOAT64) return (Range){53, 11, true, true};
    if (!dtype_is_int(t)) return (Range){1, 0, false, false};
    return (Range){bits - dtype_is_signed(t), 0, false, dtype_is_signed(t)};
}

/* Every value of type a is a value of type b. */
static bool holds(DType a, DType b)
{
    if (a == b) return true;
    Range x = range_of(a), y = range_of(b);
    if (!dtype_is_int(b) && !y.is_float) return false; /* to bool */
    if (x.is_float) return y.is_float && y.bits >= x.bits && y.exp >= x.exp;
    return y.bits >= x.bits && (y.is_signed || !x.is_signed);
}

/* cast(cast(x, a), c) is cast(x, c) when a holds every x. An integer that goes to an integer by way of
 * floating point saturates instead of wrapping, so there c must hold every x too. */
static Value *cast_rule(Builder *b, Op *op)
{
    Value *y = op->in[0];
    DType to = op->out[0]->type.dtype;
    if (y->type.dtype == to) return y;
    if (!is_op(y, OP_cast)) return NULL;
    Value *x = y->def->in[0];
    DType from = x->type.dtype, mid = y->type.dtype;
    if (!holds(from, mid)) return NULL;
    if (!dtype_is_float(from) && dtype_is_float(mid) && !dtype_is_float(to) && !holds(from, to)) return NULL;
    return ir_cast(b, x, to);
}

const Rule cast_rules[] = {{"cast", OP_cast, cast_rule}, {0}};
