/* Attention: a product of queries and keys, elementwise ops on these scores, softmax, and the product with
 * the values become one kernel, which does all of it for a block of queries after the other: the scores of a
 * block stay in the caches (codegen/plan/spec.h). Transposes of what the products read, and of the result,
 * join it: they are distances in memory. */
#include "passes/util.h"

enum { CACHE = 1 << 20, LEAST_QUERIES = 13, LEAST_DEPTH = 8, MOST_DEPTH = 1024, LEAST_WORK = 64 << 10 };
enum { MAX_MAPS = 8, MAX_MASKS = 6 };

typedef struct {
    Module *m;
    Op *softmax, *scores, *sum; /* and the products before and after it */
    Op *map[MAX_MAPS];          /* from the softmax up to the scores */
    int nmaps;
    const char *why; /* it is no attention after all; NULL: nothing to remark on */
    /* While the kernel is built: values and what they are inside. */
    Value *outer[1 + MAX_MAPS + MAX_MASKS], *inner[1 + MAX_MAPS + MAX_MASKS];
    int known;
    Value *in[3 + MAX_MASKS];
    int nin;
    const From *from;
} Attention;

static bool refuse(Attention *a, const char *why)
{
    a->why = why;
    return false;
}

static bool is_plain_f32(const Value *v)
{
    return v->type.dtype == JITC_FLOAT32 && v->type.layout == LAYOUT_PLAIN;
}

/* A batched product whose right operand is packed by a run. */
static bool is_product(const Op *op, const Region *r)
{
    if (!op || op->code != OP_dot || op->parent != r || !is_plain_f32(op->out[0])) return false;
    const Type *a = &op->in[0]->type, *w = &op->in[1]->type;
    const Op *pack = op->in[1]->def;
    return (a->rank == 3 || a->rank == 4) && w->rank == a->rank && pack && pack->code == OP_relayout &&
           pack->parent == r && is_plain_f32(pack->in[0]) && w->layout == LAYOUT_PANEL;
}

/* From what the softmax reads up to the product: elementwise ops, each on the result of the one before. */
static bool find_scores(Attention *a, const Value *v)
{
    Op *op = v->def;
    const Type *t = &a->softmax->in[0]->type;
    if (!op || op->parent != a->softmax->parent || !one_use(v) || !dims_equal(&v->type, t) ||
        !is_plain_f32(v))
        return false;
    if (is_product(op, op->parent)) {
        a->scores = op;
        return true;
    }
    if (op->def->kind != KIND_MAP || a->nmaps == MAX_MAPS) return false;
    a->map[a->nmaps++] = op;
    for (int i = 0; i < op->nin; i++)
        if (find_scores(a, op->in[i])) return true;
    a->nmaps--;
    return false;
}

static bool is_inside(const Attention *a, const Value *v)
{
    bool found = v->def == a->scores;
    for (int i = 0; i < a->nmaps && !found; i++) found = v->def == a->map[i];
    return found;
}

/* Another operand of the elementwise ops: for each matrix of scores one, a row, or a matrix. */
static bool is_mask(const Value *v, const Type *t)
{
    const Type *x = &v->type;
    if (!is_plain_f32(v) || x->rank > t->rank) return false;
    int missing = t->rank - x->rank;
    for (int d = 0; d < x->rank; d++)
        if (x->dim[d] != 1 && x->dim[d] != t->dim[d + missing]) return false;
    bool rows = x->rank > 1 && x->dim[x->rank - 2] != 1;
    return !rows || x->dim[x->rank - 1] == t->dim[t->rank - 1];
}

/* A transpose whose operand has the last dim in place `last` of the result; or NULL. */
static Op *transpose_of(const Op *op, const Region *r, int last)
{
    if (!op || op->code != OP_transpose || op->parent != r) return NULL;
    return attr_v(op, "perm", NULL)[last] == op->in[0]->type.rank - 1 ? (Op *)op : NULL;
}

static bool is_attention(Attention *a)
{
    const Value *weights = a->softmax->out[0];
    const Type *t = &weights->type;
    for (uint32_t k = 0; k < weights->nuses && !a->sum; k++)
        if (is_product(weights->uses[k], a->softmax->parent) && weights->uses[k]->in[0] == weights)
            a->sum = weights->uses[k];
    if (!a->sum) return false;
    if (!one_use(weights)) return refuse(a, "the softmax is read elsewhere too");
    if (!find_scores(a, a->softmax->in[0]))
        return refuse(a, "the softmax is not of a product and elementwise ops that nothing else reads");
    int masks = 0;
    for (int i = 0; i < a->nmaps; i++)
        for (int k = 0; k < a->map[i]->nin; k++) {
            if (is_inside(a, a->map[i]->in[k])) continue;
            if (!is_mask(a->map[i]->in[k], t))
                return refuse(a, "an operand of the elementwise ops has a shape or type of its own");
            if (++masks > MAX_MASKS) return refuse(a, "the elementwise ops read too much");
        }
    Dim depth = last_dim(&a->scores->in[0]->type), width = last_dim(&a->sum->out[0]->type),
        keys = last_dim(t);
    if (!dim_known(depth) || !dim_known(width) || depth < LEAST_DEPTH || width < 1 || depth > MOST_DEPTH ||
        width > MOST_DEPTH)
        return refuse(a, "heads are open, or small, or large");
    int64_t row = dim_known(keys) ? keys * (int64_t)sizeof(float) : 0;
    if (row > CACHE / 2 / LEAST_QUERIES)
        return refuse(a, "scores of so many keys do not stay in the second-level cache");
    /* A unit costs as much as some ten thousand operations, whatever it does. */
    Dim queries = t->dim[t->rank - 2];
    if (dim_known(keys) && dim_known(queries) && 2 * queries * keys * (depth + width) < LEAST_WORK)
        return refuse(a, "heads are small");
    return true;
}

/* -- The kernel -------------------------------------------------------------------------------------- */
static void knows(Attention *a, Value *outer, Value *inner)
{
    a->outer[a->known] = outer;
    a->inner[a->known++] = inner;
}

static Value *operand(Attention *a, Region *body, Value *v)
{
    a->in[a->nin++] = v;
    return ir_arg(a->m, body, v->type, NULL);
}

static Value *inside(Attention *a, Region *body, Value *v)
{
    for (int i = 0; i < a->known; i++)
        if (a->outer[i] == v) return a->inner[i];
    Value *x = operand(a, body, v);
    knows(a, v, x);
    return x;
}

static Value *copy(Attention *a, Builder *b, const Op *op, Value *const *in)
{
    a->from = ir_from_union(a->m, a->from, op->from);
    return ir_clone(b, op, in)->out[0];
}

/* An operand of its own, and the transpose that it comes from if rows of the last dim, or of place `last`,
 * stay together. */
static Value *side(Attention *a, Builder *b, Value *v, int last)
{
    const Op *before = transpose_of(v->def, a->softmax->parent, v->type.rank - 1);
    if (!before) before = transpose_of(v->def, a->softmax->parent, last);
    if (!before) return operand(a, b->region, v);
    return copy(a, b, before, (Value *[]){operand(a, b->region, before->in[0])});
}

static void join(Attention *a)
{
    Module *m = a->m;
    Op *after = NULL, *key = a->scores->in[1]->def, *value = a->sum->in[1]->def;
    int last = a->sum->out[0]->type.rank - 1;
    if (one_use(a->sum->out[0])) after = transpose_of(a->sum->out[0]->uses[0], a->sum->parent, last);
    Op *end = after ? after : a->sum;
    Builder b = {.m = m, .region = ir_region(m, NULL)}, at = builder_at(m, end);
    Value *q = side(a, &b, a->scores->in[0], last), *k = side(a, &b, key->in[0], last - 1),
          *v = side(a, &b, value->in[0], last);
    k = copy(a, &b, key, (Value *[]){k});
    Value *x = copy(a, &b, a->scores, (Value *[]){q, k});
    knows(a, a->scores->out[0], x);
    for (int i = a->nmaps; i-- > 0;) {
        Value *in[MAP_MAX_IN];
        for (int j = 0; j < a->map[i]->nin; j++) in[j] = inside(a, b.region, a->map[i]->in[j]);
        x = copy(a, &b, a->map[i], in);
        knows(a, a->map[i]->out[0], x);
    }
    x = copy(a, &b, a->softmax, (Value *[]){x});
    v = copy(a, &b, value, (Value *[]){v});
    x = copy(a, &b, a->sum, (Value *[]){x, v});
    if (after) x = copy(a, &b, after, (Value *[]){x});
    ir_yield(&b, &x, 1);
    at.from = a->from;
    Op *kernel = ir_kernel(&at, a->in, a->nin, "attention", b.region);
    must_replace(m, end->out[0], kernel->out[0]);
    ir_remark(m, "attention", kernel->from,
              "both products and the softmax are one kernel, by blocks of rows");
    if (m->fuel != INT64_MAX) m->fuel--;
}

bool pass_attention(Module *m, PassCx *cx)
{
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    bool changed = false;
    for (uint32_t k = 0; k < r.n; k++)
        ir_each_op (op, r.at[k]) {
            if (op->code != OP_softmax || !is_plain_f32(op->out[0]) || m->fuel <= 0) continue;
            Attention *a = job_new(m->job, Attention);
            a->m = m;
            a->softmax = op;
            if (!is_attention(a)) {
                if (a->why) ir_remark(m, "attention", op->from, "not one kernel: %s", a->why);
                continue;
            }
            join(a);
            changed = true;
        }
    return pass_dce(m, cx) || changed;
}
