/* Cutting, joining and moving elements. */
#include "frontend/tf/tf.h"

static Value *insert_dim(Cx *cx, Value *v, int axis)
{
    Dim dim[IR_MAX_RANK];
    if (v->type.rank == IR_MAX_RANK) {
        fail(cx, "the result has rank %d; at most %d is supported", v->type.rank + 1, IR_MAX_RANK);
        return NULL;
    }
    for (int d = 0; d <= v->type.rank; d++) dim[d] = d == axis ? 1 : v->type.dim[d - (d > axis)];
    return ir_reshape(&cx->b, v, dim, v->type.rank + 1);
}

static Value *remove_dim(Cx *cx, Value *v, int axis)
{
    Dim dim[IR_MAX_RANK];
    if (!v) return NULL;
    for (int d = 0; d + 1 < v->type.rank; d++) dim[d] = v->type.dim[d + (d >= axis)];
    return ir_reshape(&cx->b, v, dim, v->type.rank - 1);
}

static void import_pack(Cx *cx, Value **in, Value **out)
{
    int axis = check_axis(cx, get_int(cx, "axis", 0), "attribute 'axis'", in[0]->type.rank + 1);
    uint32_t n = cx->node->ninputs;
    if (axis < 0 || cx->failed) return;
    for (uint32_t i = 0; i < n; i++) {
        if (in[i]->type.rank != in[0]->type.rank) {
            fail(cx, "inputs 0 and %u differ in shape: %s and %s", i, type_string(cx, &in[0]->type),
                 type_string(cx, &in[i]->type));
            return;
        }
    }
    for (uint32_t i = 0; i < n; i++)
        if (!(in[i] = insert_dim(cx, in[i], axis))) return;
    out[0] = concat(cx, in, n, axis);
}

static void import_unpack(Cx *cx, Value **in, Value **out)
{
    int64_t num = get_int(cx, "num", -1);
    int axis = check_axis(cx, get_int(cx, "axis", 0), "attribute 'axis'", in[0]->type.rank);
    if (axis < 0 || cx->failed) return;
    if (!sizes_match(cx, in[0]->type.dim[axis], num)) {
        fail(cx, "attribute 'num' is %lld, but dimension %d of %s is not", (long long)num, axis,
             type_string(cx, &in[0]->type));
        return;
    }
    for (int64_t i = 0; i < num; i++) out[i] = remove_dim(cx, slice_axis(cx, in[0], axis, i, 1), axis);
}

/* The axis comes first (Concat) or last (ConcatV2). */
static void import_concat(Cx *cx, Value **in, Value **out)
{
    uint32_t n = cx->node->ninputs - 1;
    bool first = cx->op->arg == 1;
    Value **part = first ? in + 1 : in;
    int rank = part[0]->type.rank, axis = known_axis(cx, first ? in[0] : in[n], "the axis", rank);
    if (axis >= 0) out[0] = concat(cx, part, n, axis);
}

/* Of tensors whose first dimension is 1. */
static void import_parallel_concat(Cx *cx, Value **in, Value **out)
{
    uint32_t n = cx->node->ninputs;
    for (uint32_t i = 0; i < n; i++) {
        if (in[i]->type.rank == 0 || !sizes_match(cx, in[i]->type.dim[0], 1)) {
            fail(cx, "the first dimension of input %u must be 1, its type is %s", i,
                 type_string(cx, &in[i]->type));
            return;
        }
    }
    out[0] = concat(cx, in, n, 0);
}

static void import_split(Cx *cx, Value **in, Value **out)
{
    int64_t num = get_int(cx, "num_split", 0);
    int axis = known_axis(cx, in[0], "the axis", in[1]->type.rank);
    if (axis < 0) return;
    Dim size = in[1]->type.dim[axis];
    if (num < 1 || (dim_known(size) && size % num)) {
        fail(cx, "dimension %d of %s cannot be split in %lld", axis, type_string(cx, &in[1]->type),
             (long long)num);
        return;
    }
    Dim part = dim_floordiv(cx->m, size, num);
    sizes_match(cx, dim_mul(cx->m, part, num), size);
    for (int64_t i = 0; i < num; i++) out[i] = slice_axis(cx, in[1], axis, dim_mul(cx->m, part, i), part);
}

static void import_split_v(Cx *cx, Value **in, Value **out)
{
    int64_t num = get_int(cx, "num_split", 0), v;
    int axis = known_axis(cx, in[2], "the axis", in[0]->type.rank), rest = -1;
    if (axis < 0) return;
    Dim *size = job_array(cx->job, Dim, num + 1), sum = 0, begin = 0, whole = in[0]->type.dim[axis];
    int n = known_dims(cx, in[1], "size_splits", size, (int)num);
    if (n < 0) return;
    for (int i = 0; i < n; i++) {
        if (!dim_const(cx->m, size[i], &v) || v >= 0) {
            sum = dim_add(cx->m, sum, size[i]);
        } else if (v != -1 || rest >= 0) {
            fail(cx, "size_splits must be sizes, one of which may be -1");
            return;
        } else {
            rest = i;
        }
    }
    if (rest >= 0) size[rest] = dim_sub(cx->m, whole, sum);
    if (n != num || (rest < 0 && dim_known(whole) && dim_known(sum) && whole != sum) ||
        (rest >= 0 && dim_const(cx->m, size[rest], &v) && v < 0)) {
        fail(cx, "size_splits do not fit dimension %d of %s", axis, type_string(cx, &in[0]->type));
        return;
    }
    for (int i = 0; i < n; i++) {
        out[i] = slice_axis(cx, in[0], axis, begin, size[i]);
        begin = dim_add(cx->m, begin, size[i]);
    }
}

/* -- Moving ------------------------------------------------------------------------------------------- */
static void import_transpose(Cx *cx, Value **in, Value **out)
{
    int64_t perm[IR_MAX_RANK];
    bool seen[IR_MAX_RANK] = {false};
    int rank = in[0]->type.rank, n = known_ints(cx, in[1], "the permutation", perm, IR_MAX_RANK);
    if (n < 0) return;
    bool fine = n == rank;
    for (int i = 0; i < n && fine; i++) {
        int axis = check_axis(cx, perm[i], "the permutation", rank);
        if (axis < 0) return;
        fine = !seen[axis];
        seen[axis] = true;
        perm[i] = axis;
    }
    if (fine)
        out[0] = transpose(cx, in[0], perm);
    else
        fail(cx, "it is no permutation of the %d dimensions of %s", rank, type_string(cx, &in[0]->type));
}

/* Each dimension in turn: [outer, 1, inner] is broadcast to [outer, m, inner]. */
static void import_tile(Cx *cx, Value **in, Value **out)
{
    Dim times[IR_MAX_RANK], dim[IR_MAX_RANK];
    const Type *t = &in[0]->type;
    int n = known_dims(cx, in[1], "multiples", times, IR_MAX_RANK);
    if (n < 0) return;
    if (n != t->rank) {
        fail(cx, "%d multiples for %s", n, type_string(cx, t));
        return;
    }
    Value *v = in[0];
    memcpy(dim, t->dim, sizeof dim);
    for (int d = 0; d < n && v; d++) {
        int64_t k;
        if (times[d] == 1) continue;
        if (dim_const(cx->m, times[d], &k) && k < 0) {
            fail(cx, "multiples[%d] is %lld", d, (long long)k);
            return;
        }
        Dim outer = dims_product(cx, dim, d), inner = dims_product(cx, dim + d, n - d);
        v = ir_reshape(&cx->b, v, (Dim[]){outer, 1, inner}, 3);
        v = broadcast(cx, v, (Dim[]){outer, times[d], inner}, 3);
        dim[d] = dim_mul(cx->m, dim[d], times[d]);
        v = v ? ir_reshape(&cx->b, v, dim, n) : NULL;
    }
    out[0] = v;
}

static void import_reverse(Cx *cx, Value **in, Value **out)
{
    int rank = in[0]->type.rank, n = 0;
    int64_t axes[IR_MAX_RANK];
    if (cx->op->arg) { /* ReverseV2: a list of axes */
        n = known_ints(cx, in[1], "the axes", axes, IR_MAX_RANK);
        for (int i = 0; i < n; i++)
            if ((axes[i] = check_axis(cx, axes[i], "the axis", rank)) < 0) return;
    } else { /* Reverse: a bool per dimension */
        const Tensor *t = known_tensor(cx, in[1], "dims");
        if (!t) return;
        if (type_numel(&t->type) != rank || t->type.dtype != JITC_BOOL) {
            fail(cx, "dims must be %d bools", rank);
            return;
        }
        for (int d = 0; d < rank; d++)
            if (tensor_i(t, d)) axes[n++] = d;
    }
    if (n >= 0) out[0] = n ? ir_v(&cx->b, OP_reverse, IN(in[0]), AT(at_is("axes", axes, n))) : in[0];
}

const TfOp tf_array_ops[] = {
    {"Pack", import_pack, 1, -1, 1, 0},
    {"Unpack", import_unpack, 1, 0, OUT_NUM, 0},
    {"Concat", import_concat, 2, -1, 1, 1},
    {"ConcatV2", import_concat, 2, -1, 1, 0},
    {"ParallelConcat", import_parallel_concat, 1, -1, 1, 0},
    {"Split", import_split, 2, 0, OUT_NUM_SPLIT, 0},
    {"SplitV", import_split_v, 3, 0, OUT_NUM_SPLIT, 0},
    {"Transpose", import_transpose, 2, 0, 1, 0},
    {"ConjugateTranspose", import_transpose, 2, 0, 1, 0},
    {"Tile", import_tile, 2, 0, 1, 0},
    {"Reverse", import_reverse, 2, 0, 1, 0},
    {"ReverseV2", import_reverse, 2, 0, 1, 1},
    {0},
};
