/* TensorArray operations. An array's handle tells what it was made with; its flow is what it holds. */
#include "frontend/tf/list_private.h"

static void shape_attr(const TfNode *n, const char *name, List *l)
{
    const TfAttr *a = tf_attr_find(n, name);
    l->rank = -1;
    if (!a || a->kind != TF_ATTR_SHAPE || a->shape.unknown_rank || a->shape.rank >= IR_MAX_RANK) return;
    l->rank = a->shape.rank;
    for (int d = 0; d < l->rank; d++) l->dim[d] = a->shape.dim[d] < 0 ? DIM_UNKNOWN : a->shape.dim[d];
}

static void import_array(Cx *cx, Value **in, Value **out)
{
    List l = {.dtype = get_type(cx, "dtype", 0), .grows = get_bool(cx, "dynamic_size", false)};
    if (!l.dtype) {
        fail(cx, "attribute 'dtype' is missing, or of a type that is not supported");
        return;
    }
    shape_attr(cx->node, "element_shape", &l);
    l.origin = job_new(cx->job, ListOrigin);
    if (known_dims(cx, in[0], "the size", &l.n, 1) != 1) return;
    out[0] = list_make(cx, &l);
    if (!cx->op->arg) out[1] = list_new(cx, &l);
}

static const List *handle(Cx *cx, const Value *v)
{
    const List *l = list_of(cx, v);
    if (!l) fail(cx, "its first input is no tensor array");
    return l;
}

/* What the array holds: old forms begin with a flow that says nothing. */
static Value *flow(Cx *cx, Value **in, int k)
{
    return list_of(cx, in[k]) || in[k]->type.rank ? in[k] : in[0];
}

static void import_read(Cx *cx, Value **in, Value **out)
{
    const List *l = handle(cx, in[0]);
    if (l) out[0] = list_get(cx, flow(cx, in, 2), in[1], l);
}

static void import_write(Cx *cx, Value **in, Value **out)
{
    const List *l = handle(cx, in[0]);
    if (l) out[0] = list_set(cx, flow(cx, in, 3), in[1], in[2], l->grows);
}

static void import_gather(Cx *cx, Value **in, Value **out)
{
    const List *l = handle(cx, in[0]);
    if (!l) return;
    List like = *l;
    if (!list_told(&like)) shape_attr(cx->node, "element_shape", &like);
    out[0] = list_gather(cx, flow(cx, in, 2), in[1], &like);
}

static void import_scatter(Cx *cx, Value **in, Value **out)
{
    const List *l = handle(cx, in[0]);
    if (l) out[0] = list_scatter(cx, flow(cx, in, 3), in[2], in[1], l->grows);
}

static void import_size(Cx *cx, Value **in, Value **out)
{
    if (handle(cx, in[0])) out[0] = size_value(cx, list_length(cx, flow(cx, in, 1)), JITC_INT32);
}

static void import_concat(Cx *cx, Value **in, Value **out)
{
    const List *l = handle(cx, in[0]);
    if (l) out[0] = list_concat(cx, flow(cx, in, 1), l, &out[1]);
}

static void import_split(Cx *cx, Value **in, Value **out)
{
    const List *l = handle(cx, in[0]);
    if (l) out[0] = list_split(cx, l, in[1], in[2]);
}

static void import_close(Cx *cx, Value **in, Value **out)
{
    (void)cx, (void)in, (void)out;
}

const TfOp tf_tensor_array_ops[] = {
    {"TensorArrayV3", import_array, 1, 0, 2, 0},
    {"TensorArrayV2", import_array, 1, 0, 1, 1},
    {"TensorArray", import_array, 1, 0, 1, 1},
    {"TensorArrayReadV3", import_read, 3, 0, 1, 0},
    {"TensorArrayReadV2", import_read, 3, 0, 1, 0},
    {"TensorArrayRead", import_read, 3, 0, 1, 0},
    {"TensorArrayWriteV3", import_write, 4, 0, 1, 0},
    {"TensorArrayWriteV2", import_write, 4, 0, 1, 0},
    {"TensorArrayWrite", import_write, 4, 0, 1, 0},
    {"TensorArrayGatherV3", import_gather, 3, 0, 1, 0},
    {"TensorArrayGatherV2", import_gather, 3, 0, 1, 0},
    {"TensorArrayGather", import_gather, 3, 0, 1, 0},
    {"TensorArrayScatterV3", import_scatter, 4, 0, 1, 0},
    {"TensorArrayScatterV2", import_scatter, 4, 0, 1, 0},
    {"TensorArrayScatter", import_scatter, 4, 0, 1, 0},
    {"TensorArraySizeV3", import_size, 2, 0, 1, 0},
    {"TensorArraySizeV2", import_size, 2, 0, 1, 0},
    {"TensorArraySize", import_size, 2, 0, 1, 0},
    {"TensorArrayConcatV3", import_concat, 2, 0, 2, 0},
    {"TensorArrayConcatV2", import_concat, 2, 0, 2, 0},
    {"TensorArrayConcat", import_concat, 2, 0, 2, 0},
    {"TensorArraySplitV3", import_split, 4, 0, 1, 0},
    {"TensorArraySplitV2", import_split, 4, 0, 1, 0},
    {"TensorArraySplit", import_split, 4, 0, 1, 0},
    {"TensorArrayCloseV3", import_close, 1, 0, 0, 0},
    {"TensorArrayCloseV2", import_close, 1, 0, 0, 0},
    {"TensorArrayClose", import_close, 1, 0, 0, 0},
    {0},
};
