#include "ir/ops/common.h"

/* A prefix of labels: a node of the tree of prefixes. Log probabilities are of t - 1 and of t. */
typedef struct {
    int32_t parent, label, child, sibling;
    double old_total, old_blank, total, blank, name;
} Node;

enum { NONE = -1, UNLINKED = -2 };

typedef struct {
    DType t;
    int64_t width, n, next, spare; /* leaves, nodes, and a list by `child` of those that are free again */
    Node *node;
    int32_t *leaf, *branch; /* the beam, by falling probability, and as it was before the step */
} Beam;

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0), *length = in_type(op, 1);
    int64_t width = attr_i(op, "width"), paths = attr_i(op, "paths");
    if (!takes(cx, op, 0, TAKE_FLOAT) || !takes_rank(cx, op, 0, 3, 3) || !takes(cx, op, 1, TAKE_INT) ||
        !takes_rank(cx, op, 1, 1, 1))
        return false;
    if (dtype_size(x->dtype) < 4) return infer_fail(cx, "operand 0 cannot be %s", type_text(cx, x));
    if (!dims_agree(cx, x->dim[1], length->dim[0]) || x->dim[2] == 0)
        return infer_fail(cx, "lengths %s do not fit %s", type_text(cx, length), type_text(cx, x));
    if (width < 1 || width > INT16_MAX || paths < 1 || paths > width)
        return infer_fail(cx, "%lld paths of a beam of %lld", (long long)paths, (long long)width);
    out[0] = type_make(JITC_INT32, 3, (Dim[]){x->dim[1], paths, x->dim[0]});
    out[1] = type_make(JITC_INT64, 2, (Dim[]){x->dim[1], paths});
    out[2] = type_make(x->dtype, 2, (Dim[]){x->dim[1], paths});
    return result_fits(cx, &out[0]) && result_fits(cx, &out[2]);
}

static double rounded(const Beam *b, double x)
{
    return b->t == JITC_FLOAT32 ? (double)(float)x : x;
}

/* In f32, also of f64. */
static double log_sum_exp(const Beam *b, double x, double y)
{
    if (x == -INFINITY) return y;
    if (y == -INFINITY) return x;
    return x > y ? rounded(b, x + (double)log1pf(expf((float)(y - x))))
                 : rounded(b, y + (double)log1pf(expf((float)(x - y))));
}

static int32_t new_node(Beam *b, int32_t parent, int32_t label)
{
    int32_t id = (int32_t)(b->spare >= 0 ? b->spare : b->next++);
    if (b->spare >= 0) b->spare = b->node[id].child;
    b->node[id] = (Node){.parent = parent, .label = label, .child = NONE, .sibling = UNLINKED};
    return id;
}

static void insert(Beam *b, int32_t id)
{
    int64_t p = b->n++;
    while (p > 0 && b->node[b->leaf[p - 1]].total < b->node[id].total) {
        b->leaf[p] = b->leaf[p - 1];
        p--;
    }
    b->leaf[p] = id;
}

static bool gets_in(const Beam *b, double total)
{
    return total > -INFINITY && (b->n < b->width || total > b->node[b->leaf[b->n - 1]].total);
}

static void drop_last(Beam *b)
{
    Node *last = &b->node[b->leaf[--b->n]];
    last->total = last->blank = last->name = -INFINITY;
    if (last->sibling != UNLINKED) return;
    last->child = (int32_t)b->spare;
    b->spare = b->leaf[b->n];
}

static void extend(Beam *b, int32_t of, int32_t label, double x)
{
    const Node *p = &b->node[of];
    double total = rounded(b, x + (label == p->label ? p->old_blank : p->old_total));
    int32_t id = p->child;
    while (id >= 0 && b->node[id].label != label) id = b->node[id].sibling;
    if (id >= 0 && b->node[id].total != -INFINITY) return;
    if (!gets_in(b, total)) { /* nor does what it was in the step before */
        if (id >= 0) b->node[id].old_total = b->node[id].old_blank = -INFINITY;
        return;
    }
    if (id < 0) id = new_node(b, of, label);
    b->node[id].blank = -INFINITY;
    b->node[id].name = b->node[id].total = total;
    if (b->n == b->width) drop_last(b);
    insert(b, id);
}

static void step(Beam *b, const double *x, int64_t classes)
{
    double most = x[0];
    for (int64_t j = 1; j < classes; j++) most = x[j] > most ? x[j] : most;
    double sum = rounded(b, exp(rounded(b, x[0] - most)));
    for (int64_t j = 1; j < classes; j++) sum = rounded(b, sum + rounded(b, exp(rounded(b, x[j] - most))));
    double norm = rounded(b, most + rounded(b, log(sum)));
    int64_t n = b->n;
    memcpy(b->branch, b->leaf, (size_t)n * sizeof *b->leaf);
    b->n = 0;
    for (int64_t i = 0; i < n; i++) {
        Node *p = &b->node[b->branch[i]];
        p->old_total = p->total;
        p->old_blank = p->blank;
    }
    for (int64_t i = 0; i < n; i++) {
        Node *p = &b->node[b->branch[i]], *up = p->parent < 0 ? NULL : &b->node[p->parent];
        if (up && up->total != -INFINITY)
            p->name = log_sum_exp(b, p->name, p->label == up->label ? up->old_blank : up->old_total);
        if (up) p->name = rounded(b, p->name + rounded(b, x[p->label] - norm));
        p->blank = rounded(b, rounded(b, p->old_total + x[classes - 1]) - norm);
        p->total = log_sum_exp(b, p->blank, p->name);
        insert(b, b->branch[i]);
    }
    for (int64_t i = 0; i < n; i++) {
        if (!gets_in(b, b->node[b->branch[i]].old_total)) continue;
        for (int64_t j = 0; j < classes - 1; j++)
            extend(b, b->branch[i], (int32_t)j, rounded(b, x[j] - norm));
    }
    for (int64_t i = 0; i < b->n; i++) {
        Node *p = &b->node[b->leaf[i]];
        if (p->sibling != UNLINKED) continue;
        p->sibling = b->node[p->parent].child;
        b->node[p->parent].child = b->leaf[i];
    }
}

/* The labels from the root on; returns how many. */
static int64_t path(const Beam *b, int32_t id, bool merge, int32_t *to)
{
    int64_t n = 0;
    int32_t last = NONE;
    for (; b->node[id].parent >= 0; id = b->node[id].parent) {
        if (!merge || b->node[id].label != last) to[n++] = b->node[id].label;
        last = b->node[id].label;
    }
    for (int64_t i = 0; i < n / 2; i++) {
        int32_t x = to[i];
        to[i] = to[n - 1 - i];
        to[n - 1 - i] = x;
    }
    return n;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int64_t time = in[0].type.dim[0], batch = in[0].type.dim[1], classes = in[0].type.dim[2];
    int64_t paths = attr_i(cx->op, "paths");
    Beam b = {.t = in[0].type.dtype, .width = attr_i(cx->op, "width")};
    b.node = job_array(cx->job, Node, time * b.width + 2);
    b.leaf = job_array(cx->job, int32_t, b.width + 1);
    b.branch = job_array(cx->job, int32_t, b.width + 1);
    double *x = job_array(cx->job, double, classes + 1);
    int32_t *labels = out[0].data;
    memset(labels, 0, (size_t)type_bytes(&out[0].type));
    for (int64_t s = 0; s < batch; s++) {
        int64_t length = classes ? min_i64(tensor_i(&in[1], s), time) : 0;
        b.n = b.next = 0;
        b.spare = NONE;
        int32_t root = new_node(&b, NONE, NONE);
        b.node[root].sibling = NONE;
        b.node[root].name = -INFINITY;
        insert(&b, root);
        for (int64_t t = 0; t < length; t++) {
            load_f(&in[0], (t * batch + s) * classes, 1, classes, x);
            step(&b, x, classes);
        }
        for (int64_t i = 0; i < paths; i++) {
            int64_t at = s * paths + i;
            bool is = i < b.n;
            tensor_set_i(&out[1], at,
                         is ? path(&b, b.leaf[i], attr_i(cx->op, "merge"), labels + at * time) : -1);
            tensor_set_f(&out[2], at, is ? b.node[b.leaf[i]].total : 0);
        }
    }
}

static int outer(const Op *op)
{
    (void)op;
    return 1;
}

static Dim scratch(Module *m, const Op *op)
{
    int64_t node = 4 * 4 + 5 * (int64_t)dtype_size(in_type(op, 0)->dtype), width = attr_i(op, "width");
    Dim nodes = dim_add(m, dim_mul(m, in_type(op, 0)->dim[0], width), 2);
    return dim_add(m, dim_mul(m, nodes, node), 3 * 8 + 2 * 4 * (width + 1));
}

const OpDef op_ctc_beam_search = {
    .name = "ctc_beam_search",
    .doc = "the most probable sequences of labels for logits [t, n, classes] and lengths [n], the last class "
           "being the blank: labels [n, paths, t], padded with 0, their numbers (-1: no path) and the "
           "logarithms "
           "of their probabilities. `merge`: equal neighbours become one",
    .kind = KIND_ROUTINE,
    .nin = 2,
    .nout = 3,
    .cost = 100,
    .attrs = {{"width", ATTR_INT}, {"paths", ATTR_INT}, {"merge", ATTR_BOOL, true}},
    .infer = infer,
    .eval = eval,
    .outer = outer,
    .scratch = scratch,
};
