/* Flow: graphs written for channels-first arrive with a transpose on each side of every image op. This pass
 * chooses, for each set of values that elementwise ops and their like tie together, whether to hold them
 * permuted, so that transposes meet and cancel.
 *
 * For a permutation p, a value v of a flipped set is held as v' with v = transpose(v', p). The choice is made
 * by cost: the bytes that transposes move never rise. At equal cost a transpose moves down, away from a
 * contraction that could otherwise not be fused with what follows. */
#include <stdlib.h>

#include "passes/util.h"

enum { ROUNDS = 16, MAX_PERMS = 16 };

typedef struct {
    Module *m;
    Region *r;
    Cone cone;
    int rank;
    int64_t p[IR_MAX_RANK], q[IR_MAX_RANK]; /* q: the inverse */
    uint32_t n;                             /* values */
    uint32_t *parent;                       /* union-find by value id */
    int64_t *delta;                         /* of the set's root: bytes after minus bytes before */
    uint8_t *flags;                         /* of the root */
} Flow;
enum { HAS_WORK = 1, AFTER_CONTRACT = 2, LOCKED = 4, NOTED = 8 };

static uint32_t find(Flow *l, uint32_t v)
{
    while (l->parent[v] != v) v = l->parent[v] = l->parent[l->parent[v]];
    return v;
}

static void unite(Flow *l, const Value *a, const Value *b)
{
    uint32_t x = find(l, a->id), y = find(l, b->id);
    if (x != y) l->parent[x > y ? x : y] = x < y ? x : y;
}

static bool member(Flow *l, const Value *v)
{
    if ((v->def ? v->def->parent : v->owner) != l->r) return false;
    return v->type.rank == l->rank && v->type.layout == LAYOUT_PLAIN && !cone_has(&l->cone, v);
}

static bool drops_dims(const Op *op)
{
    return op->def->kind == KIND_REDUCE && op->out[0]->type.rank < op->in[0]->type.rank;
}

/* Ops that can be done on permuted operands. */
static bool flexible(Flow *l, const Op *op)
{
    if (op->nout != 1 || !op->nin || op->body || op->parent != l->r || !op->out[0]->nuses) return false;
    switch (op->def->kind) {
    case KIND_MAP: return member(l, op->out[0]);
    case KIND_REDUCE:
    case KIND_SCAN: return member(l, op->in[0]);
    case KIND_ROW: return member(l, op->in[0]) && l->p[l->rank - 1] == l->rank - 1;
    case KIND_MOVE:
        return member(l, op->out[0]) && op->in[0]->type.rank == l->rank &&
               (op->code == OP_concat || op->code == OP_pad || op->code == OP_slice ||
                op->code == OP_mirror_pad || op->code == OP_reverse);
    default: return false;
    }
}

static void compose(const int64_t *first, const int64_t *then, int rank, int64_t *out)
{
    for (int i = 0; i < rank; i++) out[i] = first[then[i]];
}

static bool identity(const int64_t *p, int rank)
{
    for (int i = 0; i < rank; i++)
        if (p[i] != i) return false;
    return true;
}

/* How the result of a reduction that drops dims comes out of the permuted operand. */
static void dropped_perm(Flow *l, const Op *op, int64_t *perm)
{
    bool gone[IR_MAX_RANK] = {0};
    int n = 1, left = 0;
    int64_t axis = attr_i(op, "axis");
    const int64_t *axes = attr_v(op, "axes", &n);
    if (axes)
        for (int i = 0; i < n; i++) gone[axes[i]] = true;
    else
        gone[axis] = true;
    for (int i = 0; i < l->rank; i++) {
        if (gone[i]) continue;
        int64_t before = 0;
        for (int k = 0; k < l->rank; k++) before += !gone[k] && l->p[k] < l->p[i];
        perm[left++] = before;
    }
}

static void add(Flow *l, const Value *v, int64_t cost)
{
    l->delta[find(l, v->id)] += cost;
}

static int64_t cost_of(const Type *t, const int64_t *perm)
{
    return perm_is_trivial(t, perm) ? 0 : bytes_guess(t);
}

static void tie(Flow *l, Op *op)
{
    const Value *anchor = NULL;
    if (!drops_dims(op)) anchor = op->out[0];
    for (int i = 0; i < op->nin; i++) {
        if (!member(l, op->in[i])) continue;
        if (anchor) unite(l, anchor, op->in[i]);
        anchor = op->in[i];
    }
}

static void cost_transpose(Flow *l, const Op *op)
{
    const Value *x = op->in[0], *y = op->out[0];
    if (!member(l, x)) return;
    const int64_t *t = attr_v(op, "perm", NULL);
    int64_t both[IR_MAX_RANK], left[IR_MAX_RANK], right[IR_MAX_RANK];
    Type held = x->type; /* x' */
    for (int i = 0; i < l->rank; i++) held.dim[l->p[i]] = x->type.dim[i];
    compose(l->p, t, l->rank, left);  /* x flipped: y = T_t(T_p(x')) */
    compose(t, l->q, l->rank, right); /* y flipped: y' = T_q(T_t(x)) */
    compose(left, l->q, l->rank, both);
    int64_t now = cost_of(&x->type, t);
    if (find(l, x->id) == find(l, y->id)) {
        add(l, x, cost_of(&held, both) - now);
    } else {
        add(l, x, cost_of(&held, left) - now);
        add(l, y, cost_of(&x->type, right) - now);
    }
    if (identity(right, l->rank) && is_kind(x, KIND_CONTRACT)) l->flags[find(l, y->id)] |= AFTER_CONTRACT;
}

/* What holding v permuted costs where inflexible ops make or read it. */
static void cost_value(Flow *l, const Value *v)
{
    bool exits = false, work = v->def && flexible(l, v->def);
    for (uint32_t i = 0; i < v->nuses; i++) {
        const Op *u = v->uses[i];
        if (u->code == OP_transpose) continue;
        if (flexible(l, u))
            l->flags[find(l, v->id)] |= HAS_WORK;
        else
            exits = true;
    }
    if (work) {
        if (exits) add(l, v, cost_of(&v->type, l->q)); /* by symmetry as much as T_p of v' */
    } else if (v->def && v->def->code == OP_transpose && !cone_has(&l->cone, v->def->in[0])) {
        if (exits) add(l, v, cost_of(&v->def->in[0]->type, attr_v(v->def, "perm", NULL)));
    } else {
        add(l, v, cost_of(&v->type, l->q));
    }
}

static void cost_flexible(Flow *l, const Op *op)
{
    if (drops_dims(op)) {
        int64_t perm[IR_MAX_RANK] = {0};
        dropped_perm(l, op, perm);
        if (!identity(perm, op->out[0]->type.rank)) add(l, op->in[0], bytes_guess(&op->out[0]->type));
        return;
    }
    for (int i = 0; i < op->nin; i++) { /* operands of lower rank, broadcast */
        const Value *v = op->in[i];
        if (member(l, v) || cone_has(&l->cone, v) || v->type.rank == 0) continue;
        int wide = 0;
        for (int k = 0; k < v->type.rank; k++) wide += v->type.dim[k] != 1;
        if (wide > 1) add(l, op->out[0], bytes_guess(&v->type));
    }
}

/* -- The change -------------------------------------------------------------------------------- */
static Value *held(Flow *l, Builder *b, Value *v)
{
    if (v->type.rank == 0) return v;
    if (is_op(v, OP_transpose)) {
        int64_t both[IR_MAX_RANK];
        if (v->type.rank == l->rank) {
            compose(attr_v(v->def, "perm", NULL), l->q, l->rank, both);
            return identity(both, l->rank) ? v->def->in[0] : ir_transpose(b, v->def->in[0], both);
        }
    }
    if (v->type.rank < l->rank) {
        Dim dim[IR_MAX_RANK];
        int more = l->rank - v->type.rank;
        for (int i = 0; i < l->rank; i++) dim[i] = i < more ? 1 : v->type.dim[i - more];
        v = ir_reshape(b, v, dim, l->rank);
    }
    return ir_transpose(b, v, l->q);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Axes and lists by dim follow the dims. */
static int attrs_held(Flow *l, const Op *op, AttrArg *out)
{
    int n = 0;
    for (int k = 0; k < IR_MAX_ATTRS && op->def->attrs[k].name; k++) {
        Attr a = op->attrs[k];
        const char *name = op->def->attrs[k].name;
        if (a.kind == ATTR_INT && strcmp(name, "axis") == 0) {
            a.i = l->p[a.i];
        } else if (a.kind == ATTR_INTS || a.kind == ATTR_DIMS) {
            int64_t *v = job_array(l->m->job, int64_t, a.n + 1);
            bool axes = strcmp(name, "axes") == 0;
            for (uint32_t i = 0; i < a.n; i++)
                if (axes)
                    v[i] = l->p[a.v[i]];
                else
                    v[l->p[i]] = a.v[i];
            if (axes && a.n) qsort(v, a.n, sizeof *v, by_value);
            a.v = v;
        }
        out[n++] = (AttrArg){name, a};
    }
    return n;
}

static bool flip(Flow *l, Op *op)
{
    Builder b = builder_at(l->m, op);
    Value **in = job_array(l->m->job, Value *, op->nin);
    for (int i = 0; i < op->nin; i++) in[i] = held(l, &b, op->in[i]);
    AttrArg attrs[IR_MAX_ATTRS];
    int nattrs = attrs_held(l, op, attrs);
    Value *v = ir_v(&b, op->code, in, op->nin, attrs, nattrs);
    if (drops_dims(op)) {
        int64_t perm[IR_MAX_RANK] = {0};
        dropped_perm(l, op, perm);
        if (!identity(perm, op->out[0]->type.rank)) v = ir_transpose(&b, v, perm);
    } else {
        v = ir_transpose(&b, v, l->p);
    }
    return replace(l->m, op->out[0], v);
}

static bool wins(const Flow *l, uint32_t root)
{
    int64_t d = l->delta[root];
    uint8_t f = l->flags[root];
    return (f & HAS_WORK) && !(f & LOCKED) && (d < 0 || (d == 0 && (f & AFTER_CONTRACT)));
}

/* Once for each set that is held permuted, with its first op. */
static void remark(Flow *l, const Op *op, uint32_t root)
{
    if (l->flags[root] & NOTED) return;
    l->flags[root] |= NOTED;
    Str perm = {0};
    for (int i = 0; i < l->rank; i++) str_printf(&perm, "%s%d", i ? "," : "", (int)l->q[i]);
    ir_remark(l->m, "permute", op->from, "held in the order (%s): transposes move %.1f KiB less",
              str_text(&perm), -(double)l->delta[root] / 1024);
    str_free(&perm);
}

static bool try_perm(Flow *l)
{
    Module *m = l->m;
    cone_init(&l->cone, m);
    l->n = m->next_value;
    l->parent = job_array(m->job, uint32_t, l->n);
    l->delta = job_array(m->job, int64_t, l->n);
    l->flags = job_array(m->job, uint8_t, l->n);
    for (uint32_t i = 0; i < l->n; i++) l->parent[i] = i;
    ir_each_op (op, l->r)
        if (flexible(l, op)) tie(l, op);
    for (uint32_t i = 0; i < l->r->nargs; i++)
        if (member(l, l->r->args[i])) cost_value(l, l->r->args[i]);
    ir_each_op (op, l->r) {
        if (op->code == OP_transpose) cost_transpose(l, op);
        if (flexible(l, op)) cost_flexible(l, op);
        for (int i = 0; i < op->nout; i++)
            if (member(l, op->out[i])) cost_value(l, op->out[i]);
    }
    /* Two sets with a transpose between them do not both change in one round: each was costed alone. */
    ir_each_op (op, l->r) {
        if (op->code != OP_transpose || !member(l, op->in[0])) continue;
        uint32_t x = find(l, op->in[0]->id), y = find(l, op->out[0]->id);
        if (x != y && wins(l, x) && wins(l, y)) l->flags[l->delta[x] <= l->delta[y] ? y : x] |= LOCKED;
    }
    uint32_t nops = m->next_op;
    uint8_t *chosen = job_array(m->job, uint8_t, nops); /* before anything moves */
    ir_each_op (op, l->r)
        if (flexible(l, op)) {
            uint32_t root = find(l, drops_dims(op) ? op->in[0]->id : op->out[0]->id);
            chosen[op->id] = wins(l, root);
            if (chosen[op->id]) remark(l, op, root);
        }
    bool changed = false;
    ir_each_op (op, l->r) {
        if (op->id >= nops || !chosen[op->id]) continue;
        if (!flip(l, op)) break;
        changed = true;
    }
    return changed;
}

typedef struct {
    int rank;
    int64_t p[IR_MAX_RANK];
} Perm;

static void note(Perm *list, int *n, int rank, const int64_t *p)
{
    for (int i = 0; i < *n; i++)
        if (list[i].rank == rank && memcmp(list[i].p, p, (size_t)rank * sizeof *p) == 0) return;
    if (*n == MAX_PERMS) return;
    list[*n].rank = rank;
    memcpy(list[(*n)++].p, p, (size_t)rank * sizeof *p);
}

static void invert(const int64_t *p, int rank, int64_t *q)
{
    for (int i = 0; i < rank; i++) q[p[i]] = i;
}

static bool run(Module *m, PassCx *cx, Region *r)
{
    bool changed = false;
    for (int round = 0; round < ROUNDS; round++) {
        Perm list[MAX_PERMS];
        int n = 0;
        Flow l = {.m = m, .r = r};
        cone_init(&l.cone, m);
        ir_each_op (op, r) {
            if (op->code != OP_transpose || cone_has(&l.cone, op->out[0])) continue;
            const int64_t *p = attr_v(op, "perm", NULL);
            int64_t q[IR_MAX_RANK];
            if (perm_is_trivial(&op->in[0]->type, p)) continue;
            invert(p, op->in[0]->type.rank, q);
            note(list, &n, op->in[0]->type.rank, p);
            note(list, &n, op->in[0]->type.rank, q);
        }
        bool again = false;
        for (int i = 0; i < n; i++) {
            l.rank = list[i].rank;
            memcpy(l.p, list[i].p, sizeof l.p);
            invert(l.p, l.rank, l.q);
            if (!try_perm(&l)) continue;
            again = changed = true;
            pass_simplify(m, cx);
            pass_cse(m, cx);
            pass_dce(m, cx);
        }
        if (!again) break;
    }
    return changed;
}

bool pass_permute(Module *m, PassCx *cx)
{
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    bool changed = false;
    for (uint32_t i = 0; i < r.n; i++) changed |= run(m, cx, r.at[i]);
    return changed;
}
