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
    if (cx->op->arg) {
        a = ir_cast(&cx->b, a, t);
        b = ir_cast(&cx->b, b, t);
    }
    out[0] = dot(cx, a, b, ta, tb);
}

/* -- Einsum ------------------------------------------------------------------------------------------- */
/* A label is a letter; ELLIPSIS + i is the i-th dimension, from the last, that an ellipsis stands for. */
enum { ELLIPSIS = 256, LABELS = ELLIPSIS + IR_MAX_RANK };

typedef struct {
    int n;
    int label[IR_MAX_RANK];
} Labels;

static bool push_label(Cx *cx, Labels *l, int label)
{
    for (int i = 0; i < l->n; i++)
        if (l->label[i] == label) {
            fail(cx, "equation '%s': a repeated label in one term is not supported",
                 get_str(cx, "equation", ""));
            return false;
        }
    if (l->n == IR_MAX_RANK) {
        fail(cx, "equation '%s': more than %d dimensions", get_str(cx, "equation", ""), IR_MAX_RANK);
        return false;
    }
    l->label[l->n++] = label;
    return true;
}

/* One term of the equation up to ',', '-' or its end; an ellipsis takes what is left of rank, or `dots`. */
static const char *parse_term(Cx *cx, const char *s, int rank, int *dots, Labels *l)
{
    int letters = 0;
    *l = (Labels){0};
    for (const char *p = s; *p && *p != ',' && *p != '-'; p++)
        letters += (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
    for (; *s && *s != ',' && *s != '-'; s++) {
        if (*s == ' ') continue;
        if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z')) {
            if (!push_label(cx, l, (unsigned char)*s)) return NULL;
        } else if (strncmp(s, "...", 3) == 0) {
            int n = rank >= 0 ? rank - letters : *dots;
            if (rank >= 0 && n > *dots) *dots = n;
            for (int i = n - 1; i >= 0; i--)
                if (!push_label(cx, l, ELLIPSIS + i)) return NULL;
            s += 2;
        } else {
            fail(cx, "equation '%s' is malformed", get_str(cx, "equation", ""));
            return NULL;
        }
    }
    if (rank >= 0 && l->n != rank) {
        fail(cx, "equation '%s' does not fit the rank of its operands", get_str(cx, "equation", ""));
        return NULL;
    }
    return s;
}

static int find_label(const Labels *l, int label)
{
    for (int i = 0; i < l->n; i++)
        if (l->label[i] == label) return i;
    return -1;
}

/* Sums out the labels that stand in no other term. */
static Value *sum_out(Cx *cx, Value *v, Labels *l, const Labels *other, const Labels *result)
{
    int64_t axes[IR_MAX_RANK];
    Labels kept = {0};
    int n = 0;
    for (int i = 0; i < l->n; i++) {
        if ((other && find_label(other, l->label[i]) >= 0) || find_label(result, l->label[i]) >= 0)
            kept.label[kept.n++] = l->label[i];
        else
            axes[n++] = i;
    }
    *l = kept;
    return n ? reduce(cx, OP_reduce_sum, v, axes, n, false) : v;
}

/* The dimensions in the order of `want`, absent ones as size 1. */
static Value *arrange(Cx *cx, Value *v, const Labels *l, const Labels *want)
{
    int64_t perm[IR_MAX_RANK];
    Dim dim[IR_MAX_RANK];
    int n = 0;
    if (!v) return NULL;
    for (int i = 0; i < want->n; i++) {
        int at = find_label(l, want->label[i]);
        dim[i] = at < 0 ? 1 : v->type.dim[at];
        if (at >= 0) perm[n++] = at;
    }
    v = transpose(cx, v, perm);
    return v && n != want->n ? ir_reshape(&cx->b, v, dim, want->n) : v;
}

static void add_all(Labels *to, const Labels *from)
{
    for (int i = 0; i < from->n && to->n < IR_MAX_RANK; i++) to->label[to->n++] = from->label[i];
}

/* [batch..., product of rows, product of columns] of v, whose dims are batch, rows, columns. */
static Value *as_matrix(Cx *cx, Value *v, int batch, int rows, int columns)
{
    if (!v || (rows == 1 && columns == 1)) return v;
    if (batch + 2 > IR_MAX_RANK) {
        fail(cx, "more than %d batch dimensions", IR_MAX_RANK - 2);
        return NULL;
    }
    Dim dim[IR_MAX_RANK];
    memcpy(dim, v->type.dim, sizeof dim);
    dim[batch] = dims_product(cx, v->type.dim + batch, rows);
    dim[batch + 1] = dims_product(cx, v->type.dim + batch + rows, columns);
    return ir_reshape(&cx->b, v, dim, batch + 2);
}

static bool label_sizes(Cx *cx, const Value *v, const Labels *l, Dim size[LABELS])
{
    for (int i = 0; i < l->n; i++) {
        Dim *s = &size[l->label[i]], d = v->type.dim[i];
        bool one = l->label[i] >= ELLIPSIS && (*s == 1 || d == 1);
        if (dim_known(*s) && dim_known(d) && *s != d && *s && !one) {
            fail(cx, "equation '%s': sizes %lld and %lld of one label", get_str(cx, "equation", ""),
                 (long long)*s, (long long)d);
            return false;
        }
        if (*s == 0 || *s == 1) *s = d;
    }
    return true;
}

static Value *einsum2(Cx *cx, Value *a, Labels *la, Value *b, Labels *lb, const Labels *result)
{
    Labels batch = {0}, rows = {0}, cols = {0}, inner = {0};
    Dim size[LABELS] = {0};
    if (!label_sizes(cx, a, la, size) || !label_sizes(cx, b, lb, size)) return NULL;
    a = sum_out(cx, a, la, lb, result);
    b = sum_out(cx, b, lb, la, result);
    if (!a || !b) return NULL;
    for (int i = 0; i < result->n; i++) {
        int label = result->label[i];
        bool in_a = find_label(la, label) >= 0, in_b = find_label(lb, label) >= 0;
        Labels *to = label >= ELLIPSIS || (in_a && in_b) ? &batch : in_a ? &rows : &cols;
        to->label[to->n++] = label;
    }
    for (int i = 0; i < la->n; i++)
        if (find_label(result, la->label[i]) < 0) inner.label[inner.n++] = la->label[i];
    if (batch.n + rows.n + inner.n > IR_MAX_RANK || batch.n + cols.n + inner.n > IR_MAX_RANK) {
        fail(cx, "more than %d dimensions", IR_MAX_RANK);
        return NULL;
    }
    Labels wa = batch, wb = batch, order = batch;
    add_all(&wa, &rows);
    add_all(&wa, &inner);
    add_all(&wb, &inner);
    add_all(&wb, &cols);
    add_all(&order, &rows);
    add_all(&order, &cols);
    a = as_matrix(cx, arrange(cx, a, la, &wa), batch.n, rows.n, inner.n);
    b = as_matrix(cx, arrange(cx, b, lb, &wb), batch.n, inner.n, cols.n);
    Value *v = a && b ? dot(cx, a, b, false, false) : NULL;
    if (!v) return NULL;
    Dim dim[IR_MAX_RANK];
    for (int i = 0; i < order.n; i++) dim[i] = i < batch.n ? v->type.dim[i] : size[order.label[i]];
    if (rows.n != 1 || cols.n != 1) v = ir_reshape(&cx->b, v, dim, order.n);
    return arrange(cx, v, &order, result);
}

static void import_einsum(Cx *cx, Value **in, Value **out)
{
    const char *equation = get_str(cx, "equation", NULL), *s = equation;
    uint32_t n = cx->node->ninputs;
    Labels term[2] = {0}, result = {0};
    int dots = 0;
    if (cx->failed || !need_attr(cx, "equation")) return;
    if (n > 2) {
        fail(cx, "%u operands; at most 2 are supported", n);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        s = parse_term(cx, s, in[i]->type.rank, &dots, &term[i]);
        if (!s) return;
        if (i + 1 < n ? *s++ != ',' : *s != '-') {
            fail(cx, "equation '%s' is malformed", equation);
            return;
        }
    }
    if (s[1] != '>') {
        fail(cx, "equation '%s' is malformed", equation);
        return;
    }
    s = parse_term(cx, s + 2, -1, &dots, &result);
    if (!s) return;
    for (int i = 0; i < result.n; i++) {
        bool known = find_label(&term[0], result.label[i]) >= 0;
        if (known || (n == 2 && find_label(&term[1], result.label[i]) >= 0)) continue;
        fail(cx, "equation '%s': a label of the result stands in no operand", equation);
        return;
    }
    if (*s)
        fail(cx, "equation '%s' is malformed", equation);
    else if (n == 2)
        out[0] = einsum2(cx, in[0], &term[0], in[1], &term[1], &result);
    else
        out[0] = arrange(cx, sum_out(cx, in[0], &term[0], NULL, &result), &term[0], &result);
}

const TfOp tf_linalg_ops[] = {
    {"MatMul", import_matmul, 2, 0, 1, 0},
    {"BatchMatMul", import_batch_matmul, 2, 0, 1, 0},
    {"BatchMatMulV2", import_batch_matmul, 2, 0, 1, 0},
    {"BatchMatMulV3", import_batch_matmul, 2, 0, 1, 1},
    {"Einsum", import_einsum, 1, -1, 1, 0},
    {0},
};
