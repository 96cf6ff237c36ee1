/* Padding. */
#include "frontend/tf/tf.h"

#include <math.h>

bool known_pads(Cx *cx, Value *v, int rank, Dim *lo, Dim *hi, Value **x)
{
    Dim pad[2 * IR_MAX_RANK];
    bool told = false; /* by data */
    if (v->type.rank != 2 || v->type.dim[0] != rank || v->type.dim[1] != 2) {
        fail(cx, "paddings must have shape [%d,2], but are %s", rank, type_string(cx, &v->type));
        return false;
    }
    Value *list = ir_reshape(&cx->b, v, (Dim[]){2 * rank}, 1);
    if (!list || known_dims(cx, list, "the padding", pad, 2 * rank) < 0) return false;
    for (int d = 0; d < rank; d++) {
        int64_t a = 0, b = 0;
        lo[d] = pad[2 * d];
        hi[d] = pad[2 * d + 1];
        told = !dim_const(cx->m, lo[d], &a) || told;
        told = !dim_const(cx->m, hi[d], &b) || told;
        if (a >= 0 && b >= 0 && a <= INT32_MAX && b <= INT32_MAX) continue;
        fail(cx, "paddings[%d] are %lld and %lld", d, (long long)a, (long long)b);
        return false;
    }
    if (!told) return true;
    Value *zero = ir_const_i(&cx->b, v->type.dtype, 0), *ok = ir_binary(&cx->b, OP_greater_equal, list, zero);
    *x = checked(cx, *x, ok ? reduce(cx, OP_reduce_all, ok, (int64_t[]){0}, 1, false) : NULL);
    return *x != NULL;
}

/* By pieces before and after in each dimension. */
static Value *pad_joined(Cx *cx, Value *x, Value *value, const Dim *lo, const Dim *hi)
{
    for (int d = 0; x && d < x->type.rank; d++) {
        Value *part[3];
        uint32_t n = 0;
        Dim dim[IR_MAX_RANK];
        for (int side = 0; side < 3; side++) {
            Dim size = side == 0 ? lo[d] : hi[d];
            if (side != 1 && size == 0) continue;
            memcpy(dim, x->type.dim, sizeof dim);
            dim[d] = size;
            if (!(part[n++] = side == 1 ? x : broadcast(cx, value, dim, x->type.rank))) return NULL;
        }
        x = concat(cx, part, n, d);
    }
    return x;
}

static void import_pad(Cx *cx, Value **in, Value **out)
{
    Dim lo[IR_MAX_RANK] = {0}, hi[IR_MAX_RANK] = {0};
    Value *x = in[0], *value = cx->op->arg ? in[2] : NULL;
    int rank = x->type.rank;
    double number = 0;
    if (!known_pads(cx, in[1], rank, lo, hi, &x)) return;
    if (value && !need_rank(cx, value, "constant_values", 0, 0)) return;
    if (value && value->type.dtype != x->type.dtype) {
        fail(cx, "constant_values and the input differ in type");
        return;
    }
    /* The attribute is a double: it has to hold the value. */
    const Tensor *t = value ? ir_reveal(cx->m, value) : NULL;
    if (t) number = tensor_f(t, 0);
    if (dtype_is_complex(x->type.dtype)) t = NULL;
    bool exact = !value || (t && (!dtype_is_int(x->type.dtype) || fabs(number) <= 9007199254740992.0));
    if (exact)
        out[0] = ir_v(&cx->b, OP_pad, IN(x),
                      AT(at_ds("lo", lo, rank), at_ds("hi", hi, rank), at_f("value", number)));
    else
        out[0] = pad_joined(cx, x, value, lo, hi);
}

Value *mirror_pad(Cx *cx, Value *x, Value *paddings)
{
    Dim lo[IR_MAX_RANK] = {0}, hi[IR_MAX_RANK] = {0};
    const char *mode = get_str(cx, "mode", "");
    bool reflect = strcmp(mode, "REFLECT") == 0;
    if (cx->failed || !known_pads(cx, paddings, x->type.rank, lo, hi, &x)) return NULL;
    if (!reflect && strcmp(mode, "SYMMETRIC") != 0) {
        fail(cx, "mode '%s' is not supported; REFLECT and SYMMETRIC are", mode);
        return NULL;
    }
    bool none = true;
    Dim room = 0; /* of the dimension that has the least, where it is not known now */
    for (int d = 0; d < x->type.rank; d++) {
        none = none && !lo[d] && !hi[d];
        Dim n = x->type.dim[d], most = dim_max(cx->m, lo[d], hi[d]);
        if (most && !(dim_known(n) && dim_known(most)))
            room = dim_min(cx->m, room, dim_sub(cx->m, dim_sub(cx->m, n, reflect), most));
    }
    if (none) return x;
    if (room) {
        Value *least = size_value(cx, room, JITC_INT64), *zero = ir_const_i(&cx->b, JITC_INT64, 0);
        x = checked(cx, x, least ? ir_binary(&cx->b, OP_greater_equal, least, zero) : NULL);
        if (!x) return NULL;
    }
    return ir_v(&cx->b, OP_mirror_pad, IN(x),
                AT(at_ds("lo", lo, x->type.rank), at_ds("hi", hi, x->type.rank), at_b("reflect", reflect)));
}

static void import_mirror_pad(Cx *cx, Value **in, Value **out)
{
    out[0] = mirror_pad(cx, in[0], in[1]);
}

const TfOp tf_pad_ops[] = {
    {"Pad", import_pad, 2, 0, 1, 0},
    {"PadV2", import_pad, 3, 0, 1, 1},
    {"MirrorPad", import_mirror_pad, 2, 0, 1, 0},
    {0},
};
