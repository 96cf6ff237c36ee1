/* Tensor lists as stacked tensors: records, and what lists and arrays share. */
#include "frontend/tf/list_private.h"

/* -- Records --------------------------------------------------------------------------------------------- */
List *list_of(Cx *cx, const Value *v)
{
    return v->id < cx->lists.n ? cx->lists.at[v->id] : NULL;
}

void list_note(Cx *cx, const Value *v, const List *l)
{
    while (cx->lists.n <= v->id) vec_push(cx->job, &cx->lists, NULL);
    cx->lists.at[v->id] = job_new(cx->job, List);
    *cx->lists.at[v->id] = *l;
}

Value *list_make(Cx *cx, const List *l)
{
    Value *v = ir_const_i(&cx->b, l->dtype, 0);
    list_note(cx, v, l);
    return v;
}

static Value *zeros(Cx *cx, DType t, const Dim *dim, int rank)
{
    return broadcast(cx, ir_const_i(&cx->b, t, 0), dim, rank);
}

static bool rank_fits(Cx *cx, int rank)
{
    if (rank < IR_MAX_RANK) return true;
    fail(cx, "its elements have %d dimensions; at most %d are supported", rank, IR_MAX_RANK - 1);
    return false;
}

Value *list_zeros(Cx *cx, const List *l, int rank, const Dim *element)
{
    Dim dim[IR_MAX_RANK] = {l->n};
    if (!rank_fits(cx, rank)) return NULL;
    memcpy(dim + 1, element, (size_t)rank * sizeof *dim);
    return zeros(cx, l->dtype, dim, rank + 1);
}

Value *list_ragged(Cx *cx, const List *l, int rank, const Dim *element)
{
    Dim dim[IR_MAX_RANK] = {0};
    if (rank < 1 || rank > IR_MAX_RANK) {
        fail(cx, "elements of a tensor list have different sizes");
        return NULL;
    }
    memcpy(dim + 1, element + 1, (size_t)(rank - 1) * sizeof *dim);
    List ragged = *l;
    ragged.ragged = true;
    ragged.lengths = zeros(cx, JITC_INT64, (Dim[]){0}, 1);
    Value *v = zeros(cx, l->dtype, dim, rank);
    if (!v || !ragged.lengths) return NULL;
    list_note(cx, v, &ragged);
    return v;
}

bool list_told(const List *l)
{
    for (int d = 0; d < l->rank; d++)
        if (l->dim[d] == DIM_UNKNOWN) return false;
    return l->rank >= 0;
}

void list_shape(Cx *cx, Value *v, List *l)
{
    l->rank = -1;
    if (!v || v->type.rank != 1 || !type_static(&v->type) || v->type.dim[0] > IR_MAX_RANK) return;
    l->rank = (int)v->type.dim[0];
    Dim d[IR_MAX_RANK];
    bool known = ir_dims_of(cx->m, v, d, l->rank);
    for (int i = 0; i < l->rank; i++) {
        int64_t x;
        l->dim[i] = known && (!dim_const(cx->m, d[i], &x) || x >= 0) ? d[i] : DIM_UNKNOWN;
    }
}

Value *list_new(Cx *cx, const List *l)
{
    return list_told(l) ? list_zeros(cx, l, l->rank, l->dim) : list_make(cx, l);
}

Dim list_length(Cx *cx, const Value *list)
{
    const List *l = list_of(cx, list);
    if (!l) return list->type.rank ? list->type.dim[0] : 0;
    return l->ragged && (l->grows || l->origin->grows) ? l->lengths->type.dim[0] : l->n;
}

static Value *one(Cx *cx, Value *item)
{
    Dim dim[IR_MAX_RANK] = {1};
    if (!item || !rank_fits(cx, item->type.rank)) return NULL;
    memcpy(dim + 1, item->type.dim, item->type.rank * sizeof *dim);
    return ir_reshape(&cx->b, item, dim, item->type.rank + 1);
}

/* Sizes that must be equal, but are not known to be, are compared when running. */
static bool same_element(Cx *cx, const Value *list, const Value *item)
{
    const Type *s = &list->type, *x = &item->type;
    Dim a[IR_MAX_RANK], b[IR_MAX_RANK];
    int n = 0;
    bool fits = s->dtype == x->dtype && s->rank == x->rank + 1;
    for (int d = 0; fits && d < x->rank; d++) {
        if (s->dim[d + 1] == x->dim[d]) continue;
        fits = !dim_known(s->dim[d + 1]) || !dim_known(x->dim[d]);
        a[n] = s->dim[d + 1];
        b[n++] = x->dim[d];
    }
    if (!fits)
        fail(cx, "an element of a tensor list is %s, but the others are rows of %s", type_string(cx, x),
             type_string(cx, s));
    if (fits && n) ir_op(&cx->b, OP_check, NO_IN, AT(at_ds("a", a, n), at_ds("b", b, n)));
    return fits;
}

/* One more element of a list whose elements differ. */
static Value *append_ragged(Cx *cx, Value *list, Value *item)
{
    const List *l = list_of(cx, list);
    if (!need_rank(cx, item, "an element of a tensor list", 1, IR_MAX_RANK)) return NULL;
    Value *length = size_value(cx, item->type.dim[0], JITC_INT64);
    List more = *l;
    more.lengths = concat(cx, (Value *[]){l->lengths, one(cx, length)}, 2, 0);
    Value *v = concat(cx, (Value *[]){list, item}, 2, 0);
    if (!v || !more.lengths) return NULL;
    list_note(cx, v, &more);
    return v;
}

/* A list of unknown elements, when its first one is there. */
static Value *begin(Cx *cx, Value *list, const Value *item)
{
    const List *l = list_of(cx, list);
    if (!l || l->ragged) return list;
    if (l->dtype != item->type.dtype) {
        fail(cx, "an element of a tensor list is %s, but the list holds %s", type_string(cx, &item->type),
             dtype_name(l->dtype));
        return NULL;
    }
    return l->origin->ragged ? list_ragged(cx, l, item->type.rank, item->type.dim)
                             : list_zeros(cx, l, item->type.rank, item->type.dim);
}

Value *list_resize(Cx *cx, Value *list, Dim n)
{
    List *l = list_of(cx, list);
    if (l && l->ragged) {
        fail(cx, "a list whose elements have different sizes cannot be resized");
        return NULL;
    }
    if (l) {
        List other = *l;
        other.n = n;
        return list_make(cx, &other);
    }
    Dim have = list->type.dim[0], dim[IR_MAX_RANK];
    if (have == n) return list;
    Value *head = slice_axis(cx, list, 0, 0, dim_min(cx->m, have, n));
    memcpy(dim, list->type.dim, sizeof dim);
    dim[0] = dim_sub(cx->m, dim_max(cx->m, have, n), have);
    if (dim[0] == 0 || !head) return head;
    return concat(cx, (Value *[]){head, zeros(cx, list->type.dtype, dim, list->type.rank)}, 2, 0);
}

Value *list_set(Cx *cx, Value *list, Value *index, Value *item, bool grows)
{
    list = begin(cx, list, item);
    if (!list || !need_rank(cx, index, "the index", 0, 0)) return NULL;
    const List *l = list_of(cx, list);
    if (l) {
        l->origin->grows |= grows;
        Value *next = size_value(cx, l->lengths->type.dim[0], index->type.dtype);
        Value *in_order = next ? ir_binary(&cx->b, OP_equal, index, next) : NULL;
        return append_ragged(cx, list, checked(cx, item, in_order));
    }
    if (!same_element(cx, list, item)) return NULL;
    if (grows) {
        Dim at;
        if (known_dims(cx, index, "the index", &at, 1) != 1) return NULL;
        list = list_resize(cx, list, dim_max(cx->m, list->type.dim[0], dim_add(cx->m, at, 1)));
    }
    return ir_v(&cx->b, OP_update, IN(list, index, item), NO_ATTRS);
}

Value *list_push(Cx *cx, Value *list, Value *item)
{
    list = begin(cx, list, item);
    if (!list) return NULL;
    if (list_of(cx, list)) return append_ragged(cx, list, item);
    if (!same_element(cx, list, item)) return NULL;
    return concat(cx, (Value *[]){list, one(cx, item)}, 2, 0);
}

/* A list of unknown elements as zeros, if the operand or the attribute of this node tells their shape. */
static Value *told(Cx *cx, Value *list, const List *like)
{
    const List *l = list_of(cx, list);
    if (!l || l->ragged) return list;
    if (like && list_told(like)) return list_zeros(cx, l, like->rank, like->dim);
    if (l->n == 0 && like && like->rank >= 0) return list_zeros(cx, l, like->rank, like->dim);
    fail(cx, "nothing tells the shape of the list's elements: none has been written");
    return NULL;
}

Value *list_get(Cx *cx, Value *list, Value *index, const List *like)
{
    list = told(cx, list, like);
    if (!list || !need_rank(cx, index, "the index", 0, 0)) return NULL;
    const List *l = list_of(cx, list);
    if (!l) return ir_v(&cx->b, OP_gather, IN(list, index), AT(at_i("axis", 0)));
    Value *ends = ir_v(&cx->b, OP_cumsum, IN(l->lengths), AT(at_i("axis", 0), at_b("exclusive", true)));
    Value *begin_v = ends ? ir_v(&cx->b, OP_gather, IN(ends, index), AT(at_i("axis", 0))) : NULL;
    Value *size_v = ir_v(&cx->b, OP_gather, IN(l->lengths, index), AT(at_i("axis", 0)));
    Dim first, size;
    if (!begin_v || !size_v || known_dims(cx, begin_v, "an element's place", &first, 1) != 1 ||
        known_dims(cx, size_v, "an element's size", &size, 1) != 1)
        return NULL;
    return slice_axis(cx, list, 0, first, size);
}

static bool not_ragged(Cx *cx, Value *list)
{
    if (!list) return false;
    if (!list_of(cx, list)) return true;
    fail(cx, "the list's elements have different sizes, so they cannot be stacked");
    return false;
}

Value *list_stack(Cx *cx, Value *list, const List *like)
{
    list = told(cx, list, like);
    return not_ragged(cx, list) ? list : NULL;
}

Value *list_gather(Cx *cx, Value *list, Value *indices, const List *like)
{
    list = told(cx, list, like);
    if (!not_ragged(cx, list)) return NULL;
    return ir_v(&cx->b, OP_gather, IN(list, indices), AT(at_i("axis", 0)));
}

/* Whether a vector is 0, 1, …, n - 1. */
static bool counts_up(Cx *cx, Value *v)
{
    if (v->type.rank != 1) return false;
    if (!type_static(&v->type)) {
        if (!is_op(v, OP_cumsum) || !attr_i(v->def, "exclusive") || !is_op(v->def->in[0], OP_broadcast))
            return false;
        Value *step = v->def->in[0]->def->in[0];
        return type_static(&step->type) && type_numel(&step->type) == 1 && ir_all_equal(cx->m, step, 1);
    }
    int64_t n = type_numel(&v->type);
    const Tensor *t = ir_reveal(cx->m, v);
    Tensor own = {v->type, NULL};
    if (!t && is_op(v, OP_weight) && n <= 1 << 24) {
        own.data = job_alloc(cx->job, (size_t)type_bytes(&v->type) + 1);
        if (!weight_read(cx->m, &v->def->weight, &v->type, own.data)) return false;
        t = &own;
    }
    for (int64_t i = 0; t && i < n; i++)
        if (tensor_i(t, i) != i) return false;
    return t != NULL;
}

Value *list_scatter(Cx *cx, Value *list, Value *tensor, Value *indices, bool grows)
{
    if (!need_rank(cx, tensor, "the elements", 1, IR_MAX_RANK) ||
        !need_rank(cx, indices, "the indices", 1, 1))
        return NULL;
    Type element = tensor->type;
    element.rank--;
    memmove(element.dim, element.dim + 1, element.rank * sizeof *element.dim);
    const List *l = list_of(cx, list);
    Dim n = list_length(cx, list), k = tensor->type.dim[0];
    if (l && l->ragged) {
        fail(cx, "the list's elements have different sizes, so it must be written in order");
        return NULL;
    }
    if (l && counts_up(cx, indices)) {
        if (k == n || (grows && n == 0)) return tensor;
        return list_resize(cx, tensor, grows ? dim_max(cx->m, n, k) : n);
    }
    if (l) list = list_zeros(cx, l, element.rank, element.dim);
    Dim at[64];
    if (!list || known_dims(cx, indices, "the indices", at, 64) < 0 || !dim_known(k)) return NULL;
    for (int64_t i = 0; i < k && list; i++) {
        Value *index = size_value(cx, at[i], JITC_INT64);
        Value *row = ir_reshape(&cx->b, slice_axis(cx, tensor, 0, i, 1), element.dim, element.rank);
        if (!index || !row) return NULL;
        list = list_set(cx, list, index, row, grows);
    }
    return list;
}

Value *list_concat(Cx *cx, Value *list, const List *like, Value **lengths)
{
    const List *l = list_of(cx, list);
    if (l && l->ragged) {
        Dim written = l->lengths->type.dim[0];
        if (!l->grows && !l->origin->grows && written != l->n)
            ir_op(&cx->b, OP_check, NO_IN, AT(at_ds("a", &written, 1), at_ds("b", &l->n, 1)));
        *lengths = l->lengths;
        /* A value of its own: this one is no list. */
        return ir_reshape(&cx->b, list, list->type.dim, list->type.rank);
    }
    list = told(cx, list, like);
    if (!list || !need_rank(cx, list, "the stacked list", 2, IR_MAX_RANK)) return NULL;
    Dim dim[IR_MAX_RANK], n = list->type.dim[0];
    memcpy(dim + 1, list->type.dim + 2, (size_t)(list->type.rank - 2) * sizeof *dim);
    dim[0] = dim_mul(cx->m, n, list->type.dim[1]);
    Value *each = size_value(cx, list->type.dim[1], JITC_INT64);
    *lengths = each ? broadcast(cx, each, &n, 1) : NULL;
    return ir_reshape(&cx->b, list, dim, list->type.rank - 1);
}

Value *list_split(Cx *cx, const List *l, Value *tensor, Value *lengths)
{
    if (!need_rank(cx, tensor, "the tensor", 1, IR_MAX_RANK) || !need_rank(cx, lengths, "the lengths", 1, 1))
        return NULL;
    const Tensor *t = ir_reveal(cx->m, lengths);
    int64_t n = t ? type_numel(&t->type) : 0;
    bool alike = n > 0;
    for (int64_t i = 1; i < n; i++) alike = alike && tensor_i(t, i) == tensor_i(t, 0);
    if (alike && rank_fits(cx, tensor->type.rank)) {
        Dim dim[IR_MAX_RANK] = {n, tensor_i(t, 0)};
        memcpy(dim + 2, tensor->type.dim + 1, (size_t)(tensor->type.rank - 1) * sizeof *dim);
        return ir_reshape(&cx->b, tensor, dim, tensor->type.rank + 1);
    }
    Value *v = ir_reshape(&cx->b, tensor, tensor->type.dim, tensor->type.rank);
    List ragged = *l;
    ragged.ragged = true;
    ragged.n = lengths->type.dim[0];
    ragged.lengths = ir_cast(&cx->b, lengths, JITC_INT64);
    if (!v || !ragged.lengths) return NULL;
    list_note(cx, v, &ragged);
    return v;
}
