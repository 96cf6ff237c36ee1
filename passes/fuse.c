/* Fusion: every op of main but constants, weights and views ends in exactly one kernel.
 *
 * A kernel has at most one anchor (a contraction, reduction, ...), an epilogue of elementwise ops on the
 * anchor's result, for reductions a prologue on their operand, and one result. All its ops reach that result,
 * so that kernels never depend on each other in a cycle, and the place of the result's op suits the kernel.
 *
 * A matrix product whose result is cut into equal parts, as the gates of a recurrent cell, goes on with
 * elementwise ops on these, of which several may be results. It is in a place after all that it reads, and
 * before all that reads it.
 *
 * A normalisation of rows has several anchors, its reductions. Contractions that gather rows of their left
 * operand have a prologue too: see fuse_prologue.c.
 *
 * Contractions choose first, the latest first: the add that ends a residual block joins its last convolution.
 */
#include <stdlib.h>

#include "passes/fuse.h"

/* KINDS: different kernels of elementwise ops that a program may have; code for each costs some 20 ms. */
enum { KINDS = 256, KINDS_TABLE = 1024 };
/* What elementwise kernels there are, by a hash of their ops. */
struct Kinds {
    uint64_t at[KINDS_TABLE];
    uint32_t n;
};

static bool stays_outside(const Op *op)
{
    return op->def->kind == KIND_CONST || op->def->kind == KIND_VIEW || op->def->kind >= KIND_SIZE;
}

bool is_free(const Fuse *f, const Op *op, bool slices)
{
    if (op->parent != f->r || f->taken[op->mark]) return false;
    return op->def->kind == KIND_MAP || (slices && op->code == OP_slice);
}

static bool is_inside_const(const Value *v)
{
    return is_const(v) && is_scalar_like(&v->type);
}

/* Values of the set that are read outside it. */
static int escapes(const Fuse *f, const Set *s)
{
    int n = 0;
    for (int i = 0; i < s->n; i++) {
        const Value *v = s->op[i]->out[0];
        bool outside = false;
        for (uint32_t k = 0; k < v->nuses && !outside; k++) outside = !in_set(f, v->uses[k]);
        n += outside;
    }
    return n;
}

int operands(const Fuse *f, const Set *s)
{
    const Value *seen[MAX_OPERANDS + 1];
    int n = 0;
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->op[i]->nin; k++) {
            const Value *v = s->op[i]->in[k];
            if ((v->def && in_set(f, v->def)) || is_inside_const(v)) continue;
            int j = 0;
            while (j < n && seen[j] != v) j++;
            if (j == n) seen[n++] = v;
            if (n > MAX_OPERANDS) return n;
        }
    return n;
}

/* A vector over the last dim for each of the outermost one. */
static bool is_vector_per_image(const Type *v, const Type *t)
{
    int last = t->rank - 1;
    bool fits = last > 1 && v->rank == t->rank && v->dim[0] == t->dim[0] && v->dim[last] == t->dim[last];
    for (int d = 1; d < last && fits; d++) fits = v->dim[d] == 1;
    return fits;
}

const char *misfit(const Fuse *f, const Op *op, const Type *t, bool images)
{
    if (f->taken[op->mark]) return "it is part of another kernel";
    if (op->def->kind != KIND_MAP) return "it is not elementwise";
    if (!dims_equal(&op->out[0]->type, t)) return "its result has another shape";
    if (op->out[0]->type.dtype != t->dtype) return "its result has another element type";
    for (int i = 0; i < op->nin; i++) {
        const Value *v = op->in[i];
        if (v->def && in_set(f, v->def)) continue;
        if (v->type.dtype != t->dtype) return "an operand has another element type";
        if (v->type.layout != LAYOUT_PLAIN) return "an operand is packed";
        if (!dims_equal(&v->type, t) && !is_vector_of(&v->type, last_dim(t)) &&
            !(images && is_vector_per_image(&v->type, t)))
            return "an operand is neither a scalar, nor a vector over the last dimension, nor of the same "
                   "shape";
    }
    return NULL;
}

/* Users of the set's values in order; -1: too many, or some in another region. */
static int pending_users(const Fuse *f, const Set *s, Op **first)
{
    *first = NULL;
    for (int i = 0; i < s->n; i++) {
        const Value *v = s->op[i]->out[0];
        if (v->nuses > MAX_PENDING) return -1;
        for (uint32_t k = 0; k < v->nuses; k++) {
            Op *u = v->uses[k];
            if (u->parent != f->r) return -1; /* in a loop or a branch */
            if (!in_set(f, u) && (!*first || u->mark < (*first)->mark)) *first = u;
        }
    }
    return *first != NULL;
}

/* Adds elementwise ops after the anchor, as many as leave one result. */
static void grow_epilogue(Fuse *f, Set *s, const Type *t)
{
    int best = s->n, limit = s->n + MAX_EPILOGUE;
    Op *u;
    while (s->n < limit && pending_users(f, s, &u) > 0) {
        s->blocked = u;
        s->why = misfit(f, u, t, false);
        if (s->why) break;
        put(f, s, u);
        s->blocked = NULL;
        if (operands(f, s) > MAX_OPERANDS) break;
        if (escapes(f, s) == 1) best = s->n;
    }
    if (best < s->n && !s->blocked)
        s->blocked = s->op[best], s->why = "a value before it is read elsewhere too";
    cut(f, s, best);
}

bool all_uses_inside(const Fuse *f, const Value *v)
{
    if (v->nuses > MAX_PENDING) return false;
    for (uint32_t k = 0; k < v->nuses; k++)
        if (!in_set(f, v->uses[k])) return false;
    return true;
}

/* Adds elementwise ops before what is in the set, whose results are read inside it only; slices too, which
 * then are only another place to read from. `strict`: the operand rules of epilogues, and no slices. */
static void grow_up(Fuse *f, Set *s, const Type *t, int limit, bool strict)
{
    int64_t below = INT64_MAX; /* consumers come before producers: one sweep */
    limit += s->n;
    while (s->n < limit) {
        Op *next = NULL;
        for (int i = 0; i < s->n; i++)
            for (int k = 0; k < s->op[i]->nin; k++) {
                Op *d = s->op[i]->in[k]->def;
                if (!d || in_set(f, d) || d->mark >= below || !is_free(f, d, !strict)) continue;
                if (!next || d->mark > next->mark) next = d;
            }
        if (!next) return;
        below = next->mark;
        if (!dims_equal(&next->out[0]->type, t) || !all_uses_inside(f, next->out[0])) continue;
        if (strict && misfit(f, next, t, false)) continue;
        put(f, s, next);
        if (operands(f, s) > MAX_OPERANDS) cut(f, s, s->n - 1);
    }
}

/* -- Parts: products whose result is cut along the last dim, as the gates of a recurrent cell --------------
 */
/* One of some equal parts of a tensor of dims t. */
static bool is_part(const Op *op, const Type *t)
{
    if (op->code != OP_slice || !dims_equal(&op->in[0]->type, t)) return false;
    const Type *y = &op->out[0]->type;
    const int64_t *strides = attr_v(op, "strides", NULL);
    Dim n = last_dim(t), part = last_dim(y), from = attr_v(op, "begin", NULL)[t->rank - 1];
    for (int d = 0; d < t->rank; d++)
        if (strides[d] != 1 || (d < t->rank - 1 && y->dim[d] != t->dim[d])) return false;
    return dim_known(n) && dim_known(part) && part > 0 && part < n && n % part == 0 &&
           n / part <= MAX_PARTS && dim_known(from) && from % part == 0;
}

/* The set's values that are read outside, all of dims `part`, and the op of the set that has all of the
 * kernel's operands before it, and all who read its results behind it. */
static bool find_results(const Fuse *f, Set *s, const Type *part)
{
    uint32_t first = UINT32_MAX;
    s->nresults = 0;
    s->at = NULL;
    for (int i = 0; i < s->n; i++) {
        Value *v = s->op[i]->out[0];
        bool outside = false;
        for (uint32_t k = 0; k < v->nuses; k++) {
            if (in_set(f, v->uses[k])) continue;
            if (v->uses[k]->parent != f->r) return false;
            outside = true;
            if (v->uses[k]->mark < first) first = v->uses[k]->mark;
        }
        if (!outside) continue;
        if (!dims_equal(&v->type, part) || s->nresults == MAX_RESULTS) return false;
        s->result[s->nresults++] = v;
    }
    for (int i = 0; i < s->n; i++)
        if (s->op[i]->mark < first && (!s->at || s->op[i]->mark > s->at->mark)) s->at = s->op[i];
    for (int i = 0; s->at && i < s->n; i++)
        for (int k = 0; k < s->op[i]->nin; k++) {
            const Op *d = s->op[i]->in[k]->def;
            if (d && d->parent == f->r && !in_set(f, d) && d->mark >= s->at->mark) return false;
        }
    return s->at && s->nresults && operands(f, s) <= MAX_OPERANDS;
}

/* The first op after this place that reads a value of the set. */
static Op *next_user(const Fuse *f, const Set *s, int64_t place)
{
    Op *next = NULL;
    for (int i = 0; i < s->n; i++) {
        const Value *v = s->op[i]->out[0];
        for (uint32_t k = 0; k < v->nuses; k++) {
            Op *u = v->uses[k];
            if (u->parent == f->r && u->mark > place && !in_set(f, u) && (!next || u->mark < next->mark))
                next = u;
        }
    }
    return next;
}

/* Adds the parts that the set's result is cut into, the elementwise ops on parts, and slices of other tensors
 * of the same dims that these alone read. */
static void grow_parts(Fuse *f, Set *s, const Type *t)
{
    const int before = s->n;
    const Value *whole = s->op[0]->out[0];
    for (int i = 0; i < s->n; i++)
        if (!all_uses_inside(f, s->op[i]->out[0])) whole = s->op[i]->out[0];
    for (uint32_t k = 0; k < whole->nuses; k++) {
        const Op *u = whole->uses[k];
        if (u->parent != f->r || f->taken[u->mark] || !is_part(u, t)) return;
        if (!dims_equal(&u->out[0]->type, &whole->uses[0]->out[0]->type)) return;
    }
    if (whole->nuses < 2 || whole->nuses > MAX_PARTS) return;
    const Type part = whole->uses[0]->out[0]->type;
    for (uint32_t k = 0; k < whole->nuses; k++) put(f, s, whole->uses[k]);
    const int parts = s->n;
    Op *u;
    for (int64_t place = -1; s->n < MAX_MAP && (u = next_user(f, s, place)); place = u->mark) {
        if (misfit(f, u, &part, false)) continue;
        put(f, s, u);
        if (!find_results(f, s, &part)) {
            cut(f, s, s->n - 1);
            continue;
        }
        for (int k = 0; k < u->nin; k++) {
            Op *d = u->in[k]->def;
            if (!d || in_set(f, d) || !is_free(f, d, true) || !is_part(d, t)) continue;
            if (dims_equal(&d->out[0]->type, &part) && all_uses_inside(f, d->out[0])) put(f, s, d);
        }
    }
    if (s->n > parts && find_results(f, s, &part)) {
        s->blocked = NULL;
        return;
    }
    cut(f, s, before);
    s->nresults = 0;
    s->at = NULL;
    ir_remark(f->m, "fuse", whole->def->from, "no elementwise ops on its parts can be in its kernel");
}

/* -- Rows: normalisations ----------------------------------------------------------------------------- */
/* A row of a result is computed from rows of the operands, which then are in the first-level cache: each
 * reduction over the row reads them once, and what comes after the last one writes the result. */
enum { MAX_ROW = 16384 };

static bool is_row_type(const Type *t)
{
    Dim n = last_dim(t);
    return t->rank >= 2 && n != 0 && n != 1 && n <= MAX_ROW;
}

/* One value per row of a tensor of dims t. */
static bool is_per_row(const Type *v, const Type *t)
{
    return v->rank == t->rank && v->dim[v->rank - 1] == 1 &&
           memcmp(v->dim, t->dim, (v->rank - 1U) * sizeof *v->dim) == 0;
}

/* A reduction of each row of dims t. */
static bool is_row_reduction(const Op *op, const Type *t)
{
    int n;
    if (op->def->kind != KIND_REDUCE || op->nout != 1 || !dims_equal(&op->in[0]->type, t) ||
        !is_per_row(&op->out[0]->type, t))
        return false;
    const int64_t *axes = attr_v(op, "axes", &n);
    return axes && n == 1 && axes[0] == t->rank - 1;
}

/* Adds what rows of the set's first op are computed from by elementwise ops and by reductions of rows; true
 * when there are any of these. What is costly and read in several passes stays outside. */
static bool grow_rows(Fuse *f, Set *s, const Type *t)
{
    int64_t below = INT64_MAX;
    int passes = 1;
    f->passes[s->op[0]->mark] = 1;
    while (s->n < MAX_MAP) {
        Op *next = NULL;
        for (int i = 0; i < s->n; i++)
            for (int k = 0; k < s->op[i]->nin; k++) {
                Op *d = s->op[i]->in[k]->def;
                if (!d || d->parent != f->r || f->taken[d->mark] || in_set(f, d) || d->mark >= below)
                    continue;
                if (!next || d->mark > next->mark) next = d;
            }
        if (!next) return passes > 1;
        below = next->mark;
        bool reduction = is_row_reduction(next, t), full = next->nout && dims_equal(&next->out[0]->type, t);
        bool map = next->def->kind == KIND_MAP && (full || is_per_row(&next->out[0]->type, t));
        if ((!reduction && !map) || !all_uses_inside(f, next->out[0])) continue;
        if (reduction && passes == 64) continue;
        uint64_t in = reduction ? (uint64_t)1 << passes : 0;
        for (uint32_t k = 0; k < next->out[0]->nuses && full; k++)
            in |= f->passes[next->out[0]->uses[k]->mark];
        if ((in & (in - 1)) && op_cost(next->def) >= COST_HEAVY) continue;
        f->passes[next->mark] = in;
        put(f, s, next);
        if (operands(f, s) > MAX_OPERANDS)
            cut(f, s, s->n - 1);
        else
            passes += reduction;
    }
    return passes > 1;
}

static int by_place(const void *a, const void *b)
{
    const Op *x = *(Op *const *)a, *y = *(Op *const *)b;
    return (x->mark > y->mark) - (x->mark < y->mark);
}

Value **inner(Fuse *f, const Value *v)
{
    if (v->id >= f->ninner) {
        uint32_t n = f->m->next_value * 2;
        Value **at = job_array(f->m->job, Value *, n);
        if (f->ninner) memcpy(at, f->inner, f->ninner * sizeof *at);
        f->inner = at;
        f->ninner = n;
    }
    return &f->inner[v->id];
}

void operand(Fuse *f, Region *body, Value *v, bool routine, Value **in, int *nin)
{
    Value **known = inner(f, v);
    if (*known) return;
    if (is_inside_const(v) && !routine) { /* all that routines read is memory */
        Builder b = {.m = f->m, .region = body};
        *known = ir_clone(&b, v->def, NULL)->out[0];
        return;
    }
    in[(*nin)++] = v;
    *known = ir_arg(f->m, body, v->type, NULL);
}

static void remark(Fuse *f, const Set *s, const Op *anchor, const char *algo, const Op *kernel)
{
    if (s->n > 1) {
        Str text = {0};
        for (int i = 0; i < s->n; i++) str_printf(&text, "%s%s", i ? ", " : "", s->op[i]->def->name);
        ir_remark(f->m, "fuse", kernel->from, "%s: %s", algo, str_text(&text));
        str_free(&text);
    }
    if (anchor->def->kind == KIND_CONTRACT && s->blocked && s->blocked->def->kind == KIND_MAP)
        ir_remark(f->m, "fuse", kernel->from, "'%s' (%s) is not in the kernel of %s: %s",
                  ir_node_name(f->m, s->blocked->from), s->blocked->def->name, anchor->def->name, s->why);
}

const From *clone_set(Fuse *f, Set *s, Builder *b, bool routine, Value **in, int *nin)
{
    const From *from = NULL;
    qsort(s->op, (size_t)s->n, sizeof *s->op, by_place);
    /* Scalars first, so that they head the region's text. */
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->op[i]->nin; k++) {
            Value *v = s->op[i]->in[k];
            if (!v->def || !in_set(f, v->def)) operand(f, b->region, v, routine, in, nin);
        }
    Value **args = job_array(f->m->job, Value *, operands_most(s) + 1);
    for (int i = 0; i < s->n; i++) {
        Op *op = s->op[i];
        for (int k = 0; k < op->nin; k++) args[k] = *inner(f, op->in[k]);
        Op *c = ir_clone(b, op, args);
        for (int k = 0; k < op->nout; k++) *inner(f, op->out[k]) = c->out[k];
        from = ir_from_union(f->m, from, op->from);
    }
    return from;
}

void erase_set(Fuse *f, Set *s)
{
    for (int i = 0; i < s->n; i++) {
        for (int k = 0; k < s->op[i]->nin; k++) *inner(f, s->op[i]->in[k]) = NULL;
        for (int k = 0; k < s->op[i]->nout; k++) *inner(f, s->op[i]->out[k]) = NULL;
        f->taken[s->op[i]->mark] = 1;
    }
    for (int i = s->n; i-- > 0;) {
        f->op[s->op[i]->mark] = NULL;
        ir_erase(f->m, s->op[i]);
    }
}

int operands_most(const Set *s)
{
    int most = 0;
    for (int i = 0; i < s->n; i++) most += s->op[i]->nin;
    return most;
}

/* Makes the kernel. Unless the set tells its results, they are those of its last op. */
static void make(Fuse *f, Set *s, const char *algo)
{
    Module *m = f->m;
    const Op *anchor = s->op[0];
    Builder b = {.m = m, .region = ir_region(m, NULL)};
    int nin = 0;
    Value **in = job_array(m->job, Value *, operands_most(s) + 1);
    const From *from = clone_set(f, s, &b, anchor->def->kind == KIND_ROUTINE, in, &nin);
    if (!s->at) {
        s->at = s->op[s->n - 1];
        s->nresults = s->at->nout;
        for (int k = 0; k < s->nresults; k++) s->result[k] = s->at->out[k];
    }
    Value *out[MAX_RESULTS];
    for (int k = 0; k < s->nresults; k++) out[k] = *inner(f, s->result[k]);
    ir_yield(&b, out, s->nresults);
    Builder at = builder_at(m, s->at);
    at.from = from;
    Op *kernel = ir_kernel(&at, in, nin, algo, b.region);
    kernel->mark = s->at->mark;
    for (int k = 0; k < s->nresults; k++) must_replace(m, s->result[k], kernel->out[k]);
    remark(f, s, anchor, algo, kernel);
    erase_set(f, s);
    f->op[kernel->mark] = kernel;
}

/* The set's ops, and which of them each operand is. Constants inside count by their value. */
static uint64_t kind_of(Set *s)
{
    qsort(s->op, (size_t)s->n, sizeof *s->op, by_place);
    Hash h = {0, 0};
    for (int i = 0; i < s->n; i++) {
        const Op *op = s->op[i];
        int64_t key[4 + 2 * MAP_MAX_IN] = {(int64_t)h.lo, op->code, op->out[0]->type.dtype};
        if (op->code == OP_custom_map) key[3 + 2 * MAP_MAX_IN] = (int64_t)hash_string(attr_s(op, "code"));
        for (int k = 0; k < op->nin && k < MAP_MAX_IN; k++) {
            const Value *v = op->in[k];
            int j = 0;
            while (j < s->n && s->op[j] != v->def) j++;
            key[3 + 2 * k] = j < s->n ? j : -1 - (v->type.rank == 0) - 2 * v->type.dtype;
            if (is_inside_const(v))
                key[4 + 2 * k] = (int64_t)hash_bytes(v->def->value.data, dtype_size(v->type.dtype)).lo;
        }
        h = hash_bytes(key, sizeof key);
    }
    return h.lo | 1;
}

/* Whether a kernel of this kind may be made: where a graph has very many, only those of one op go on being
 * added, which are few. */
static bool admit(struct Kinds *k, uint64_t kind)
{
    uint32_t i = (uint32_t)kind & (KINDS_TABLE - 1);
    while (k->at[i] && k->at[i] != kind) i = (i + 1) & (KINDS_TABLE - 1);
    if (k->at[i]) return true;
    if (k->n >= KINDS) return false;
    k->at[i] = kind;
    k->n++;
    return true;
}

static const char *algo_of(const Op *op)
{
    bool f32 = op->out[0]->type.dtype == JITC_FLOAT32;
    switch (op->def->kind) {
    case KIND_CONTRACT:
        if (op->code == OP_winograd) return "winograd";
        if (op->in[1]->type.layout != LAYOUT_PLAIN) return "igemm";
        if (op->code == OP_dot) return "dot_loops";
        return f32 && is_depthwise(op) && op->in[0]->type.dim[3] == op->out[0]->type.dim[3] ? "depthwise"
                                                                                            : "conv_loops";
    case KIND_REDUCE: return "reduce";
    case KIND_ROW: return "row";
    case KIND_SCAN: return "scan";
    case KIND_WINDOW: return "window";
    case KIND_MOVE: return "move";
    case KIND_INDEX: return "index";
    case KIND_ROUTINE: return op->code == OP_custom ? "custom" : "routine";
    default: return "map";
    }
}

/* -- Heads: batched products whose operand or result lies in memory with rows before batches ------------ */
static bool swaps_rows(const Fuse *f, const Op *op)
{
    if (!op || op->code != OP_transpose || op->parent != f->r || f->taken[op->mark]) return false;
    const int64_t *perm = attr_v(op, "perm", NULL);
    return op->in[0]->type.rank == 4 && perm[0] == 0 && perm[1] == 2 && perm[2] == 1;
}

static bool is_batched(const Op *op)
{
    return op->code == OP_dot && op->in[0]->type.rank == 4 && op->in[1]->type.rank == 4 &&
           op->in[1]->type.layout == LAYOUT_PANEL;
}

/* The transpose of the set's result becomes part of it: rows of the product are stored where they belong. */
static void add_transpose_of_result(Fuse *f, Set *s)
{
    for (int i = 0; i < s->n; i++) {
        const Value *v = s->op[i]->out[0];
        if (one_use(v) && swaps_rows(f, v->uses[0])) {
            put(f, s, v->uses[0]);
            return;
        }
    }
}

/* A product whose kernel can go on with parts of its result. */
static bool cuts_result(const Op *op)
{
    return op->code == OP_dot && op->in[1]->type.layout == LAYOUT_PANEL && op->in[1]->type.rank == 2;
}

static void kernel_of(Fuse *f, Op *op)
{
    Module *m = f->m;
    Set s = {0};
    f->now++;
    put(f, &s, op);
    bool may_grow = m->fuel > 0 && op->nout == 1 && op->out[0]->type.layout == LAYOUT_PLAIN;
    if (may_grow && op->def->kind == KIND_MAP) {
        grow_up(f, &s, &op->out[0]->type, MAX_MAP - 1, false);
        if (s.n > 1 && !admit(f->kinds, kind_of(&s))) {
            cut(f, &s, 0);
            put(f, &s, op);
        }
    } else if (may_grow) {
        Op *before = op->nin ? op->in[0]->def : NULL;
        if (is_batched(op) && one_use(op->in[0]) && swaps_rows(f, before)) put(f, &s, before);
        if (op->def->kind == KIND_REDUCE) grow_up(f, &s, &op->in[0]->type, MAX_PROLOGUE, true);
        if (op->def->kind != KIND_ROUTINE) grow_epilogue(f, &s, &op->out[0]->type);
        if (is_batched(op)) add_transpose_of_result(f, &s);
        if (cuts_result(op)) grow_parts(f, &s, &op->out[0]->type);
    }
    if (s.n > 1 && m->fuel != INT64_MAX) m->fuel--;
    make(f, &s, algo_of(op));
}

static bool row_kernel_of(Fuse *f, Op *op)
{
    Set s = {0};
    if (!f->m->fuel || op->nout != 1 || !is_row_type(&op->out[0]->type)) return false;
    f->now++;
    put(f, &s, op);
    if (!grow_rows(f, &s, &op->out[0]->type)) return false;
    if (f->m->fuel != INT64_MAX) f->m->fuel--;
    make(f, &s, "rows");
    return true;
}

static bool run(Module *m, Region *r, struct Kinds *kinds)
{
    bool changed = false;
    Fuse f = {.m = m, .kinds = kinds, .r = r};
    f.n = number_ops(f.r);
    f.op = job_array(m->job, Op *, f.n + 1);
    f.taken = job_array(m->job, uint8_t, f.n + 1);
    f.passes = job_array(m->job, uint64_t, f.n + 1);
    f.stamp = job_array(m->job, uint32_t, f.n + 1);
    ir_each_op (op, f.r) f.op[op->mark] = op;
    enum { CONTRACTIONS, PROLOGUES, ROWS, ANCHORS, MAPS, ROUNDS };
    for (int round = 0; round < ROUNDS; round++)
        for (uint32_t i = f.n; i-- > 0;) {
            Op *op = f.op[i];
            if (round == PROLOGUES && op && op->code == OP_kernel) prologue_of(&f, op);
            if (!op || stays_outside(op)) continue;
            OpKind kind = op->def->kind;
            int turn = kind == KIND_CONTRACT ? CONTRACTIONS : kind == KIND_MAP ? MAPS : ANCHORS;
            if (round == ROWS && turn == MAPS) changed |= row_kernel_of(&f, op);
            if (turn != round) continue;
            kernel_of(&f, op);
            changed = true;
        }
    return changed;
}

bool pass_fuse(Module *m, PassCx *cx)
{
    bool changed = pass_dce(m, cx); /* what nobody reads would become kernels */
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    struct Kinds *kinds = job_new(m->job, struct Kinds);
    for (uint32_t i = 0; i < r.n; i++) changed |= run(m, r.at[i], kinds);
    pass_dce(m, cx); /* constants that went inside */
    return changed;
}
