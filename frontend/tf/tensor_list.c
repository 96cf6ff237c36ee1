/* TensorList operations. */
#include "frontend/tf/list_private.h"

static DType element_type(Cx *cx)
{
    return get_type(cx, "element_dtype", JITC_FLOAT32);
}

static bool like_operand(Cx *cx, Value *shape, List *l)
{
    *l = (List){.dtype = element_type(cx), .rank = -1};
    if (shape) list_shape(cx, shape, l);
    l->origin = job_new(cx->job, ListOrigin);
    return l->dtype != 0;
}

static void import_reserve(Cx *cx, Value **in, Value **out)
{
    List l;
    if (!like_operand(cx, in[0], &l) || known_dims(cx, in[1], "the number of elements", &l.n, 1) != 1) return;
    out[0] = list_new(cx, &l);
}

static void import_empty(Cx *cx, Value **in, Value **out)
{
    List l;
    if (!like_operand(cx, in[0], &l)) return;
    l.grows = true;
    out[0] = list_new(cx, &l);
}

static void import_from_tensor(Cx *cx, Value **in, Value **out)
{
    if (need_rank(cx, in[0], "the tensor", 1, IR_MAX_RANK)) out[0] = in[0];
}

static void import_stack(Cx *cx, Value **in, Value **out)
{
    List l;
    int64_t want = get_int(cx, "num_elements", -1);
    if (!like_operand(cx, in[1], &l)) return;
    Value *v = list_stack(cx, in[0], &l);
    if (v && want >= 0 && v->type.dim[0] != want) {
        Dim n = want;
        if (dim_known(v->type.dim[0])) {
            fail(cx, "the list has %lld elements, and not %lld", (long long)v->type.dim[0], (long long)want);
            return;
        }
        ir_op(&cx->b, OP_check, NO_IN, AT(at_ds("a", v->type.dim, 1), at_ds("b", &n, 1)));
    }
    out[0] = v;
}

static void import_get(Cx *cx, Value **in, Value **out)
{
    List l;
    if (like_operand(cx, in[2], &l)) out[0] = list_get(cx, in[0], in[1], &l);
}

static void import_set(Cx *cx, Value **in, Value **out)
{
    out[0] = list_set(cx, in[0], in[1], in[2], get_bool(cx, "resize_if_index_out_of_bounds", false));
}

static void import_push(Cx *cx, Value **in, Value **out)
{
    out[0] = list_push(cx, in[0], in[1]);
}

static void import_pop(Cx *cx, Value **in, Value **out)
{
    List l;
    if (!like_operand(cx, in[1], &l)) return;
    Value *list = list_stack(cx, in[0], &l);
    if (!list) return;
    Dim n = list->type.dim[0], less = dim_sub(cx->m, n, 1);
    if (n == 0) {
        fail(cx, "the list is empty");
        return;
    }
    Value *last = slice_axis(cx, list, 0, less, 1);
    out[0] = slice_axis(cx, list, 0, 0, less);
    out[1] = last ? ir_reshape(&cx->b, last, list->type.dim + 1, list->type.rank - 1) : NULL;
}

static void import_length(Cx *cx, Value **in, Value **out)
{
    out[0] = size_value(cx, list_length(cx, in[0]), JITC_INT32);
}

static void import_element_shape(Cx *cx, Value **in, Value **out)
{
    DType t = get_type(cx, "shape_type", JITC_INT32);
    const List *l = list_of(cx, in[0]);
    if (l && !list_told(l)) {
        fail(cx, "nothing tells the shape of the list's elements");
        return;
    }
    int rank = l ? l->rank : in[0]->type.rank - 1;
    const Dim *dim = l ? l->dim : in[0]->type.dim + 1;
    out[0] = ir_v(&cx->b, OP_sizes, NO_IN, AT(at_ds("dims", dim, rank), at_t("to", t)));
}

static void import_resize(Cx *cx, Value **in, Value **out)
{
    Dim n;
    if (known_dims(cx, in[1], "the size", &n, 1) == 1) out[0] = list_resize(cx, in[0], n);
}

static void import_gather(Cx *cx, Value **in, Value **out)
{
    List l;
    if (like_operand(cx, in[2], &l)) out[0] = list_gather(cx, in[0], in[1], &l);
}

/* arg: TensorListScatterV2, which has a number of elements. */
static void import_scatter(Cx *cx, Value **in, Value **out)
{
    List l;
    int64_t n = -1;
    if (!like_operand(cx, in[2], &l)) return;
    if (cx->op->arg && (known_dims(cx, in[3], "the number of elements", &l.n, 1) != 1)) return;
    bool grows = !cx->op->arg || (dim_const(cx->m, l.n, &n) && n < 0);
    if (grows) l.n = 0;
    Value *list = list_make(cx, &l);
    out[0] = list_scatter(cx, list, in[0], in[1], grows);
}

static void import_scatter_into(Cx *cx, Value **in, Value **out)
{
    out[0] = list_scatter(cx, in[0], in[1], in[2], true);
}

static void import_concat(Cx *cx, Value **in, Value **out)
{
    List l;
    if (!like_operand(cx, cx->op->arg ? in[1] : NULL, &l)) return;
    if (!cx->op->arg) { /* the attribute leaves out nothing but what may be unknown */
        const TfAttr *a = tf_attr_find(cx->node, "element_shape");
        if (a && a->kind == TF_ATTR_SHAPE && !a->shape.unknown_rank && a->shape.rank < IR_MAX_RANK) {
            l.rank = a->shape.rank;
            for (int d = 0; d < l.rank; d++) l.dim[d] = a->shape.dim[d] < 0 ? DIM_UNKNOWN : a->shape.dim[d];
        }
    }
    out[0] = list_concat(cx, in[0], &l, &out[1]);
}

static void import_split(Cx *cx, Value **in, Value **out)
{
    List l;
    if (like_operand(cx, in[1], &l)) out[0] = list_split(cx, &l, in[0], in[2]);
}

static void import_concat_lists(Cx *cx, Value **in, Value **out)
{
    Value *a = list_stack(cx, in[0], NULL), *b = list_stack(cx, in[1], NULL);
    out[0] = a && b ? concat(cx, (Value *[]){a, b}, 2, 0) : NULL;
}

const TfOp tf_list_ops[] = {
    {"TensorListReserve", import_reserve, 2, 0, 1, 0},
    {"EmptyTensorList", import_empty, 2, 0, 1, 0},
    {"TensorListFromTensor", import_from_tensor, 2, 0, 1, 0},
    {"TensorListStack", import_stack, 2, 0, 1, 0},
    {"TensorListGetItem", import_get, 3, 0, 1, 0},
    {"TensorListSetItem", import_set, 3, 0, 1, 0},
    {"TensorListPushBack", import_push, 2, 0, 1, 0},
    {"TensorListPopBack", import_pop, 2, 0, 2, 0},
    {"TensorListLength", import_length, 1, 0, 1, 0},
    {"TensorListElementShape", import_element_shape, 1, 0, 1, 0},
    {"TensorListResize", import_resize, 2, 0, 1, 0},
    {"TensorListGather", import_gather, 3, 0, 1, 0},
    {"TensorListScatter", import_scatter, 3, 0, 1, 0},
    {"TensorListScatterV2", import_scatter, 4, 0, 1, 1},
    {"TensorListScatterIntoExistingList", import_scatter_into, 3, 0, 1, 0},
    {"TensorListConcat", import_concat, 1, 0, 2, 0},
    {"TensorListConcatV2", import_concat, 3, 0, 2, 1},
    {"TensorListSplit", import_split, 3, 0, 1, 0},
    {"TensorListConcatLists", import_concat_lists, 2, 0, 1, 0},
    {0},
};
