/* Ragged tensors: rows of different lengths, as their elements one after the other and where rows begin. */
#include "frontend/tf/tf.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}

static Value *i64(Cx *cx, int64_t v)
{
    return ir_const_i(&cx->b, JITC_INT64, v);
}

static Value *wide(Cx *cx, Value *v)
{
    return v ? ir_cast(&cx->b, v, JITC_INT64) : NULL;
}

/* For each of the sorted row how many elements of x are below it; `upper`: not above it. */
static Value *bound(Cx *cx, Value *row, Value *x, bool upper)
{
    if (!row || !x) return NULL;
    Dim n = x->type.dim[0];
    Value *a = ir_reshape(&cx->b, row, (Dim[]){1, row->type.dim[0]}, 2),
          *b = ir_reshape(&cx->b, x, (Dim[]){1, n}, 2);
    Value *v =
        a && b ? ir_v(&cx->b, OP_search_sorted, IN(a, b), AT(at_b("upper", upper), at_t("to", JITC_INT64)))
               : NULL;
    return v ? ir_reshape(&cx->b, v, &n, 1) : NULL;
}

/* All elements but the first, or but the last. */
static Value *ends(Cx *cx, Value *splits)
{
    return slice_axis(cx, splits, 0, 1, dim_sub(cx->m, splits->type.dim[0], 1));
}
static Value *starts(Cx *cx, Value *splits)
{
    return slice_axis(cx, splits, 0, 0, dim_sub(cx->m, splits->type.dim[0], 1));
}

static Value *most(Cx *cx, Value *v) /* at least 0 */
{
    v = v ? reduce(cx, OP_reduce_max, v, (int64_t[]){0}, 1, false) : NULL;
    return bi(cx, OP_maximum, v, i64(cx, 0));
}

/* -- RaggedRange ----------------------------------------------------------------------------------------- */
static Value *lengths(Cx *cx, Value *from, Value *to, Value *by)
{
    DType t = from->type.dtype;
    Value *zero = scalar(cx, t, 0), *up = bi(cx, OP_less, zero, by), *span = bi(cx, OP_sub, to, from);
    Value *some = bi(cx, OP_equal, up, bi(cx, OP_less, zero, span)), *n;
    some = bi(cx, OP_logical_and, some, bi(cx, OP_not_equal, span, zero));
    if (!span || !some) return NULL;
    if (dtype_is_float(t)) {
        n = bi(cx, OP_div, span, by);
        n = n ? ir_unary(&cx->b, OP_ceil, ir_unary(&cx->b, OP_abs, n)) : NULL;
    } else {
        Value *step = ir_unary(&cx->b, OP_abs, by), *one = scalar(cx, t, 1);
        n = bi(cx, OP_sub, bi(cx, OP_add, ir_unary(&cx->b, OP_abs, span), step), one);
        n = bi(cx, OP_div, n, bi(cx, OP_maximum, step, one));
    }
    return select3(cx, some, wide(cx, n), i64(cx, 0));
}

static void import_range(Cx *cx, Value **in, Value **out)
{
    DType t = get_type(cx, "Tsplits", JITC_INT64);
    Dim n = 1;
    for (int i = 0; i < 3; i++) {
        if (!need_rank(cx, in[i], i == 0 ? "starts" : i == 1 ? "limits" : "deltas", 0, 1)) return;
        if (in[i]->type.rank) n = in[i]->type.dim[0];
    }
    Value *v[3];
    for (int i = 0; i < 3; i++) {
        if (in[i]->type.rank && !sizes_match(cx, in[i]->type.dim[0], n)) {
            fail(cx, "starts, limits and deltas differ in their numbers");
            return;
        }
        v[i] = in[i]->type.rank ? in[i] : broadcast(cx, in[i], &n, 1);
        if (!v[i]) return;
    }
    Value *by = checked_as(
        cx, v[2], all_true(cx, bi(cx, OP_not_equal, v[2], scalar(cx, v[2]->type.dtype, 0))), "a delta is 0");
    Value *length = by ? lengths(cx, v[0], v[1], by) : NULL;
    Value *end = length ? ir_v(&cx->b, OP_cumsum, IN(length), AT(at_i("axis", 0))) : NULL;
    Value *splits =
        end ? ir_v(&cx->b, OP_pad, IN(end), AT(at_ds("lo", (Dim[]){1}, 1), at_ds("hi", (Dim[]){0}, 1)))
            : NULL;
    Dim total;
    if (!splits || !bind_size(cx, most(cx, end), "the number of elements", &total)) return;
    Value *i = iota_vector(cx, JITC_INT64, total), *row = bound(cx, end, i, true);
    Value *at = row ? bi(cx, OP_sub, i, gather(cx, starts(cx, splits), row, 0, 0)) : NULL;
    if (!at) return;
    out[0] = ir_cast(&cx->b, splits, t);
    Value *far = bi(cx, OP_mul, gather(cx, by, row, 0, 0), ir_cast(&cx->b, at, by->type.dtype));
    out[1] = bi(cx, OP_add, gather(cx, v[0], row, 0, 0), far);
}

/* -- RaggedTensorToTensor -------------------------------------------------------------------------------- */
enum { FIRST, ROW_IDS, ROW_SPLITS };

static int partition(Cx *cx, const TfAttr *a, uint32_t i)
{
    static const char *const names[] = {"FIRST_DIM_SIZE", "VALUE_ROWIDS", "ROW_SPLITS"};
    for (int k = 0; k < (int)COUNT(names); k++)
        if (strcmp(a->list->s[i].at, names[k]) == 0) return k;
    fail(cx, "a row partition of type '%s' is not possible", a->list->s[i].at);
    return -1;
}

typedef struct {
    Value *place; /* of each row in the result so far; -1: outside */
    Dim dim[IR_MAX_RANK];
    int rank;
    Elem wanted[IR_MAX_RANK]; /* -1: as many as needed */
} Dense;

static bool is_open(Cx *cx, const Elem *e)
{
    int64_t v;
    return !e->data && dim_const(cx->m, e->dim, &v) && v == -1;
}

/* The size of dimension d, of which `needed` (a scalar) elements are used. */
static bool size_of(Cx *cx, Dense *t, int d, Value *needed)
{
    const Elem *e = &t->wanted[d];
    int64_t v;
    if (!needed) return false;
    if (is_open(cx, e)) return bind_size(cx, needed, "the length of the longest row", &t->dim[d]);
    if (e->data) {
        Value *size = select3(cx, bi(cx, OP_equal, e->data, i64(cx, -1)), needed, e->data);
        return bind_size(cx, size, "the shape", &t->dim[d]);
    }
    if (dim_const(cx->m, e->dim, &v) && v < 0) {
        fail(cx, "the shape has a size of %lld", (long long)v);
        return false;
    }
    t->dim[d] = e->dim;
    return true;
}

/* Elements n of rows go to their columns. */
static bool add_level(Cx *cx, Dense *t, Value *part, bool splits, Dim n)
{
    Value *i = iota_vector(cx, JITC_INT64, n), *row, *first, *width;
    if (splits) {
        row = bound(cx, ends(cx, part), i, true);
        width = most(cx, bi(cx, OP_sub, ends(cx, part), starts(cx, part)));
        first = row ? gather(cx, starts(cx, part), row, 0, 0) : NULL;
    } else {
        row = part;
        first = bound(cx, part, part, false);
        width = first ? bi(cx, OP_add, bi(cx, OP_sub, i, first), i64(cx, 1)) : NULL;
        width = most(cx, width);
    }
    Value *column = bi(cx, OP_sub, i, first);
    if (!column || !size_of(cx, t, t->rank, width)) return false;
    Value *size = size_value(cx, t->dim[t->rank], JITC_INT64), *up = gather(cx, t->place, row, 0, 0);
    Value *inside =
        bi(cx, OP_logical_and, bi(cx, OP_less_equal, i64(cx, 0), up), bi(cx, OP_less, column, size));
    t->place =
        inside ? select3(cx, inside, bi(cx, OP_add, bi(cx, OP_mul, up, size), column), i64(cx, -1)) : NULL;
    t->rank++;
    return t->place;
}

static bool wanted_shape(Cx *cx, Value *shape, Dense *t, int rank)
{
    for (int d = 0; d < IR_MAX_RANK; d++) t->wanted[d] = (Elem){dim_sub(cx->m, 0, 1), NULL};
    Elem e[IR_MAX_RANK];
    int n = elems(cx, shape, "the shape", e, IR_MAX_RANK);
    if (n < 0 || (shape->type.rank == 0 && is_open(cx, e))) return n >= 0;
    if (shape->type.rank == 0 || n != rank) {
        fail(cx, "the shape has %d dimensions, not the tensor's %d", n, rank);
        return false;
    }
    memcpy(t->wanted, e, (size_t)n * sizeof *e);
    return true;
}

static void import_to_tensor(Cx *cx, Value **in, Value **out)
{
    Value *values = in[1], **part = in + 3;
    uint32_t n = cx->node->ninputs - 3;
    const TfAttr *a = tf_attr_find(cx->node, "row_partition_types");
    if (!a || a->kind != TF_ATTR_LIST || a->list->ns != n || n == 0) {
        fail(cx, "attribute 'row_partition_types' must have a type for each partition");
        return;
    }
    int kind = partition(cx, a, 0), inner = values->type.rank - 1;
    uint32_t level0 = kind == FIRST;
    int levels = (int)(n - level0), rank = levels + 1 + inner;
    Dense t = {.rank = 1};
    if (kind < 0 || !need_rank(cx, values, "the values", 1, IR_MAX_RANK)) return;
    if (kind == ROW_IDS || levels < 1 || rank > IR_MAX_RANK) {
        fail(cx, "%u row partitions for values %s are not possible", n, type_string(cx, &values->type));
        return;
    }
    if (!wanted_shape(cx, in[0], &t, rank)) return;
    for (uint32_t i = 0; i < n; i++) {
        part[i] = wide(cx, part[i]);
        if (!part[i] || !need_rank(cx, part[i], "a row partition", i < level0 ? 0 : 1, i < level0 ? 0 : 1))
            return;
    }
    Dim rows = kind == FIRST ? 0 : dim_sub(cx->m, part[0]->type.dim[0], 1);
    if (kind == FIRST && !bind_size(cx, part[0], "the number of rows", &rows)) return;
    if (is_open(cx, &t.wanted[0]))
        t.dim[0] = rows;
    else if (!size_of(cx, &t, 0, size_value(cx, rows, JITC_INT64)))
        return;
    Value *i = iota_vector(cx, JITC_INT64, rows);
    t.place = select3(cx, bi(cx, OP_less, i, size_value(cx, t.dim[0], JITC_INT64)), i, i64(cx, -1));
    for (uint32_t l = level0; l < n && t.place; l++) {
        kind = partition(cx, a, l);
        if (kind < 0) return;
        if (kind == FIRST) {
            fail(cx, "FIRST_DIM_SIZE must be the first row partition");
            return;
        }
        bool last = l + 1 == n, next_splits = !last && partition(cx, a, l + 1) == ROW_SPLITS;
        Dim count = kind == ROW_IDS ? part[l]->type.dim[0]
                    : last          ? values->type.dim[0]
                    : next_splits   ? dim_sub(cx->m, part[l + 1]->type.dim[0], 1)
                                    : 0;
        if (kind != ROW_IDS && !last && !next_splits &&
            !bind_size(cx, slice_axis(cx, part[l], 0, dim_sub(cx->m, part[l]->type.dim[0], 1), 1),
                       "the number of rows", &count))
            return;
        if (!add_level(cx, &t, part[l], kind == ROW_SPLITS, count)) return;
    }
    if (!t.place) return;
    if (!sizes_match(cx, t.place->type.dim[0], values->type.dim[0])) {
        fail(cx, "the row partitions do not fit the values %s", type_string(cx, &values->type));
        return;
    }
    Dim flat[IR_MAX_RANK] = {dims_product(cx, t.dim, t.rank)};
    for (int d = 0; d < inner; d++) {
        t.dim[t.rank + d] = flat[1 + d] = values->type.dim[1 + d];
        int k = t.rank + d;
        if (is_open(cx, &t.wanted[k])) continue;
        if (!size_of(cx, &t, k, size_value(cx, flat[1 + d], JITC_INT64))) return;
        if (!sizes_match(cx, t.dim[k], flat[1 + d])) {
            fail(cx, "the shape does not fit the values %s", type_string(cx, &values->type));
            return;
        }
    }
    if (!need_rank(cx, in[2], "the default", 0, inner)) return;
    Value *y =
        scatter(cx, "set", broadcast(cx, in[2], flat, 1 + inner), index_column(cx, t.place), values, true);
    out[0] = y ? ir_reshape(&cx->b, y, t.dim, rank) : NULL;
}

const TfOp tf_ragged_ops[] = {
    {"RaggedRange", import_range, 3, 0, 2, 0},
    {"RaggedTensorToTensor", import_to_tensor, 4, -1, 1, 0},
    {0},
};
