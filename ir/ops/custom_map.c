/* A custom operator made of code, on each element. The evaluator calls the function compiled as it is, one
 * element at a time, so that it judges what becomes of it in kernels. */
#include <stdlib.h>

#include "ir/custom.h"
#include "ir/ops/common.h"

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const char *letters = attr_s(op, "types");
    Type all = {0}, next;
    if (op->nin > MAP_MAX_IN || strlen(letters) != (size_t)op->nin + 1)
        return infer_fail(cx, "'%s' does not tell the types of %d operands and a result", letters, op->nin);
    for (int i = 0; i < op->nin; i++) {
        if (!takes(cx, op, i, TAKE_ANY)) return false;
        if (!custom_letter_fits(letters[i], in_type(op, i)->dtype))
            return infer_fail(cx, "operand %d is %s", i, type_text(cx, in_type(op, i)));
        if (!ir_broadcast_dims(cx->m, &all, in_type(op, i), &next))
            return infer_fail(cx, "operand %d, %s, does not broadcast with those before it", i,
                              type_text(cx, in_type(op, i)));
        memcpy(all.dim, next.dim, sizeof all.dim);
        all.rank = next.rank;
    }
    DType to = (DType)attr_i(op, "to");
    if (!custom_letter_fits(letters[op->nin], to))
        return infer_fail(cx, "its result cannot be %s", dtype_known(to) ? dtype_name(to) : "of that type");
    *out = type_make(to, all.rank, all.dim);
    return result_fits(cx, out);
}

static _Noreturn void failed(EvalCx *cx, char *why)
{
    job_error(cx->job, "node '%s' (%s): %s", ir_node_name(cx->m, cx->op->from), attr_s(cx->op, "op"),
              why ? why : "this custom operator is not registered");
    free(why);
    job_fail(cx->job, JITC_E_INVALID);
}

static bool is_half(const Tensor *t)
{
    return t->type.dtype == JITC_FLOAT16 || t->type.dtype == JITC_BFLOAT16;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    const Op *op = cx->op;
    const CustomOps *ops = cx->m->custom;
    CustomOp *custom = custom_find_code(ops, attr_s(op, "code"));
    char *why = NULL;
    custom_scalar *f = custom ? ops->scalar(custom, &why) : NULL;
    if (!f) failed(cx, why);
    int64_t stride[MAP_MAX_IN][IR_MAX_RANK], n = type_numel(&out->type);
    for (int i = 0; i < op->nin; i++) broadcast_strides(&in[i].type, &out->type, stride[i]);
    for (int64_t k = 0; k < n; k++) {
        float wide[MAP_MAX_IN], result;
        const void *arg[MAP_MAX_IN];
        for (int i = 0; i < op->nin; i++) {
            int64_t at = 0, rest = k;
            for (int d = out->type.rank - 1; d >= 0; rest /= out->type.dim[d--])
                at += rest % out->type.dim[d] * stride[i][d];
            wide[i] = is_half(&in[i]) ? (float)tensor_f(&in[i], at) : 0;
            arg[i] = is_half(&in[i]) ? (const void *)&wide[i]
                                     : (const char *)in[i].data + (size_t)at * dtype_size(in[i].type.dtype);
        }
        f(arg, is_half(out) ? (void *)&result : (char *)out->data + (size_t)k * dtype_size(out->type.dtype));
        if (is_half(out)) tensor_set_f(out, k, (double)result);
    }
}

const OpDef op_custom_map = {
    .name = "custom_map",
    .doc = "a function that the user has registered, on each element: `op` is the operator's name, `code` a "
           "hash "
           "of the function; `types`: those of its parameters and of its result, f float, d double, b bool, "
           "1 2 4 8 integers of so many bytes",
    .kind = KIND_MAP,
    .nin = 1,
    .nin_max = -1,
    .nout = 1,
    .cost = COST_HEAVY,
    .attrs = {{"op", ATTR_STR}, {"code", ATTR_STR}, {"types", ATTR_STR}, {"to", ATTR_DTYPE}},
    .infer = infer,
    .eval = eval,
};
