/* Einsum: diagonals, sums, transposes and one matrix product. */
#include "frontend/tf/tf.h"

/* A label is a letter; ELLIPSIS + i is the i-th dimension, from the last, that an ellipsis stands for. */
enum { ELLIPSIS = 256, LABELS = ELLIPSIS + IR_MAX_RANK };

typedef struct {
    int n;
    int label[IR_MAX_RANK];
} Labels;

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool push_label(Cx *cx, Labels *l, int label)
{
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
    int letters = 0, ellipses = 0;
    *l = (Labels){0};
    for (const char *p = s; *p && *p != ',' && *p != '-'; p++) letters += is_letter(*p);
    for (; *s && *s != ',' && *s != '-'; s++) {
        if (is_letter(*s)) {
            if (!push_label(cx, l, (unsigned char)*s)) return NULL;
        } else if (strncmp(s, "...", 3) == 0 && !ellipses++) {
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

static Labels unique(const Labels *l)
{
    Labels u = {0};
    for (int i = 0; i < l->n; i++)
        if (find_label(&u, l->label[i]) < 0) u.label[u.n++] = l->label[i];
    return u;
}

typedef struct {
    bool set[LABELS];
    Dim at[LABELS];
} Sizes;

/* Only the dimensions of an ellipsis broadcast. */
static bool label_sizes(Cx *cx, const Value *v, const Labels *l, Sizes *s)
{
    for (int i = 0; i < l->n; i++) {
        int label = l->label[i];
        Dim *at = &s->at[label], d = v->type.dim[i];
        bool dots = label >= ELLIPSIS;
        if (s->set[label] && dim_known(*at) && dim_known(d) && *at != d && !(dots && (*at == 1 || d == 1))) {
            fail(cx, "equation '%s': sizes %lld and %lld of one label", get_str(cx, "equation", ""),
                 (long long)*at, (long long)d);
            return false;
        }
        if (!s->set[label] || *at == 1 || (!dim_known(*at) && dim_known(d) && !(dots && d == 1))) *at = d;
        s->set[label] = true;
    }
    return true;
}

/* Dimensions p < q are one: v[…, i, …, i, …]. */
static Value *diagonal(Cx *cx, Value *v, int p, int q)
{
    int64_t perm[IR_MAX_RANK], back[IR_MAX_RANK];
    int rank = v->type.rank, n = 0;
    perm[n++] = p;
    perm[n++] = q;
    for (int d = 0; d < rank; d++)
        if (d != p && d != q) perm[n++] = d;
    v = transpose(cx, v, perm);
    if (!v) return NULL;
    Value *index = iota_vector(cx, JITC_INT32, v->type.dim[0]);
    v = index ? ir_v(&cx->b, OP_gather, IN(v, index), AT(at_i("axis", 1), at_i("batch_dims", 1))) : NULL;
    /* The first dimension goes back to p. */
    for (int d = 0; d < rank - 1; d++) back[d] = d == p ? 0 : d < p ? d + 1 : d;
    return v ? transpose(cx, v, back) : NULL;
}

static Value *take_diagonals(Cx *cx, Value *v, Labels *l)
{
    for (int p = 0; p < l->n; p++)
        for (int q = l->n - 1; v && q > p; q--) {
            if (l->label[p] != l->label[q]) continue;
            v = diagonal(cx, v, p, q);
            l->n--;
            memmove(l->label + q, l->label + q + 1, (size_t)(l->n - q) * sizeof *l->label);
        }
    return v;
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
    return n && v ? reduce(cx, OP_reduce_sum, v, axes, n, false) : v;
}

/* The dimensions in the order of `want`, absent ones as size 1. */
static Value *arrange(Cx *cx, Value *v, const Labels *l, const Labels *want)
{
    int64_t perm[IR_MAX_RANK];
    Dim dim[IR_MAX_RANK];
    Labels seen = {0};
    int n = 0;
    if (!v) return NULL;
    for (int i = 0; i < want->n; i++) {
        int at = find_label(&seen, want->label[i]) < 0 ? find_label(l, want->label[i]) : -1;
        seen.label[seen.n++] = want->label[i];
        dim[i] = at < 0 ? 1 : v->type.dim[at];
        if (at >= 0) perm[n++] = at;
    }
    v = transpose(cx, v, perm);
    return v && n != want->n ? ir_reshape(&cx->b, v, dim, want->n) : v;
}

/* A label that the result has again: zeros but for the diagonal of the two dimensions. */
static Value *spread(Cx *cx, Value *v, const Labels *result, const Sizes *size)
{
    for (int q = 0; v && q < result->n; q++) {
        int p = find_label(result, result->label[q]);
        if (p == q) continue;
        Dim n = size->at[result->label[q]], dim[IR_MAX_RANK];
        Value *side[2];
        for (int k = 0; k < 2; k++) {
            for (int d = 0; d < result->n; d++) dim[d] = d == (k ? q : p) ? n : 1;
            Value *index = iota_vector(cx, JITC_INT32, n);
            if (!index) return NULL;
            side[k] = ir_reshape(&cx->b, index, dim, result->n);
        }
        Value *on = ir_binary(&cx->b, OP_equal, side[0], side[1]);
        v = on ? ir_v(&cx->b, OP_select, IN(on, v, scalar(cx, v->type.dtype, 0)), NO_ATTRS) : NULL;
    }
    return v;
}

static void add_all(Labels *to, const Labels *from)
{
    for (int i = 0; i < from->n && to->n < IR_MAX_RANK; i++) to->label[to->n++] = from->label[i];
}

/* [batch..., product of rows, product of columns] of v, whose dims are batch, rows, columns. */
static Value *as_matrix(Cx *cx, Value *v, int batch, bool one_batch, int rows, int columns)
{
    if (!v || (rows == 1 && columns == 1 && !one_batch)) return v;
    Dim dim[IR_MAX_RANK];
    int n = one_batch ? 1 : batch;
    memcpy(dim, v->type.dim, sizeof dim);
    if (one_batch) dim[0] = dims_product(cx, v->type.dim, batch);
    dim[n] = dims_product(cx, v->type.dim + batch, rows);
    dim[n + 1] = dims_product(cx, v->type.dim + batch + rows, columns);
    return ir_reshape(&cx->b, v, dim, n + 2);
}

static Value *einsum2(Cx *cx, Value *a, Labels *la, Value *b, Labels *lb, const Labels *result,
                      const Sizes *size)
{
    Labels batch = {0}, rows = {0}, cols = {0}, inner = {0};
    a = sum_out(cx, a, la, lb, result);
    b = sum_out(cx, b, lb, la, result);
    if (!a || !b) return NULL;
    for (int i = 0; i < la->n; i++)
        if (find_label(result, la->label[i]) < 0) inner.label[inner.n++] = la->label[i];
    if (inner.n == 0) { /* an outer or elementwise product */
        a = arrange(cx, a, la, result);
        b = arrange(cx, b, lb, result);
        return a && b ? ir_binary(&cx->b, OP_mul, a, b) : NULL;
    }
    for (int i = 0; i < result->n; i++) {
        int label = result->label[i];
        bool in_a = find_label(la, label) >= 0, in_b = find_label(lb, label) >= 0;
        Labels *to = label >= ELLIPSIS || (in_a && in_b) ? &batch : in_a ? &rows : &cols;
        to->label[to->n++] = label;
    }
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
    a = arrange(cx, a, la, &wa);
    b = arrange(cx, b, lb, &wb);
    if (!a || !b) return NULL;
    bool one_batch = batch.n + 2 > IR_MAX_RANK;
    if (one_batch && memcmp(a->type.dim, b->type.dim, (size_t)batch.n * sizeof(Dim)) != 0) {
        fail(cx, "more than %d batch dimensions, of which some broadcast", IR_MAX_RANK - 2);
        return NULL;
    }
    a = as_matrix(cx, a, batch.n, one_batch, rows.n, inner.n);
    b = as_matrix(cx, b, batch.n, one_batch, inner.n, cols.n);
    Value *v = a && b ? dot(cx, a, b, false, false) : NULL;
    if (!v) return NULL;
    Dim dim[IR_MAX_RANK];
    for (int i = 0; i < order.n; i++) dim[i] = size->at[order.label[i]];
    if (rows.n != 1 || cols.n != 1 || one_batch) v = ir_reshape(&cx->b, v, dim, order.n);
    return arrange(cx, v, &order, result);
}

static bool result_labels(Cx *cx, const Labels *term, uint32_t n, const Labels *result, int dots)
{
    const char *equation = get_str(cx, "equation", "");
    for (int i = 0; i < result->n; i++) {
        if (result->label[i] >= ELLIPSIS || find_label(&term[0], result->label[i]) >= 0) continue;
        if (n == 2 && find_label(&term[1], result->label[i]) >= 0) continue;
        fail(cx, "equation '%s': a label of the result stands in no operand", equation);
        return false;
    }
    if (dots == 0 || find_label(result, ELLIPSIS) >= 0) return true;
    fail(cx, "equation '%s': the dimensions of the ellipsis are missing in the result", equation);
    return false;
}

void import_einsum(Cx *cx, Value **in, Value **out)
{
    const char *equation = get_str(cx, "equation", NULL), *s = equation;
    uint32_t n = cx->node->ninputs;
    Labels term[2] = {0}, result = {0};
    int dots = 0;
    if (cx->failed || !need_attr(cx, "equation")) return;
    if (n > 2) {
        fail(cx, "%u operands; at most 2 are possible", n);
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
    if (!s || !result_labels(cx, term, n, &result, dots)) return;
    if (*s) {
        fail(cx, "equation '%s' is malformed", equation);
        return;
    }
    Sizes size = {0};
    Labels once = unique(&result);
    for (uint32_t i = 0; i < n; i++) {
        if (!label_sizes(cx, in[i], &term[i], &size)) return;
        if (!(in[i] = take_diagonals(cx, in[i], &term[i]))) return;
    }
    Value *v = n == 2 ? einsum2(cx, in[0], &term[0], in[1], &term[1], &once, &size)
                      : arrange(cx, sum_out(cx, in[0], &term[0], NULL, &once), &term[0], &once);
    if (v && once.n != result.n) v = spread(cx, arrange(cx, v, &once, &result), &result, &size);
    out[0] = v;
}
