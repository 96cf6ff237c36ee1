/* Matrix products. */
#include "frontend/tf/tf.h"

static bool fit(Cx *cx, const Value *a, const Value *b, bool ta, bool tb)
{
    Dim k = a->type.dim[a->type.rank - (ta ? 2 : 1)], l = b->type.dim[b->type.rank - (tb ? 1 : 2)];
    if (!dim_known(k) || !dim_known(l) || k == l) return true;
    fail(cx, "sizes %lld and %lld do not fit: %s, %s", (long long)k, (long long)l, type_string(cx, &a->type),
         type_string(cx, &b->type));
    return false;
}

Value *matmul(Cx *cx, Value *a, Value *b)
{
    bool ta = get_bool(cx, "transpose_a", false), tb = get_bool(cx, "transpose_b", false);
    if (cx->failed || !need_rank(cx, a, "the first operand", 2, 2) ||
        !need_rank(cx, b, "the second operand", 2, 2) || !fit(cx, a, b, ta, tb))
        return NULL;
    return dot(cx, a, b, ta, tb);
}

static void import_matmul(Cx *cx, Value **in, Value **out)
{
    out[0] = matmul(cx, in[0], in[1]);
}

static void import_batch_matmul(Cx *cx, Value **in, Value **out)
{
    bool ta = get_bool(cx, "adj_x", false), tb = get_bool(cx, "adj_y", false);
    Value *a = in[0], *b = in[1];
    DType t = cx->op->arg ? get_type(cx, "Tout", a->type.dtype) : a->type.dtype;
    if (cx->failed || !need_rank(cx, a, "the first operand", 2, IR_MAX_RANK) ||
        !need_rank(cx, b, "the second operand", 2, IR_MAX_RANK) || !fit(cx, a, b, ta, tb))
        return;
    if (dtype_part(t) == a->type.dtype) t = a->type.dtype; /* of parts of complex operands */
    if (cx->op->arg) {
        a = ir_cast(&cx->b, a, t);
        b = ir_cast(&cx->b, b, t);
    }
    out[0] = dot(cx, a, b, ta, tb);
}

/* a × b of vectors of three along the last dimension */
static void import_cross(Cx *cx, Value **in, Value **out)
{
    const Type *t = &in[0]->type;
    int last = t->rank - 1;
    bool fits = t->rank && t->rank == in[1]->type.rank && t->dtype == in[1]->type.dtype;
    for (int d = 0; fits && d <= last; d++)
        fits = t->dim[d] == in[1]->type.dim[d] || !dim_known(t->dim[d]) || !dim_known(in[1]->type.dim[d]);
    if (!fits || (dim_known(t->dim[last]) && t->dim[last] != 3)) {
        fail(cx, "%s and %s must have one shape, whose last dimension is 3", type_string(cx, t),
             type_string(cx, &in[1]->type));
        return;
    }
    Value *part[2][3], *v[3];
    for (int k = 0; k < 6; k++)
        if (!(part[k / 3][k % 3] = slice_axis(cx, in[k / 3], last, k % 3, 1))) return;
    for (int k = 0; k < 3; k++) {
        int i = (k + 1) % 3, j = (k + 2) % 3;
        v[k] = ir_binary(&cx->b, OP_sub, ir_binary(&cx->b, OP_mul, part[0][i], part[1][j]),
                         ir_binary(&cx->b, OP_mul, part[0][j], part[1][i]));
        if (!v[k]) return;
    }
    out[0] = concat(cx, v, 3, last);
}

const TfOp tf_linalg_ops[] = {
    {"MatMul", import_matmul, 2, 0, 1, 0},
    {"BatchMatMul", import_batch_matmul, 2, 0, 1, 0},
    {"BatchMatMulV2", import_batch_matmul, 2, 0, 1, 0},
    {"BatchMatMulV3", import_batch_matmul, 2, 0, 1, 1},
    {"Cross", import_cross, 2, 0, 1, 0},
    {"Einsum", import_einsum, 1, -1, 1, 0},
    {0},
};
