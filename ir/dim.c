/* Dimensions: hash-consed integer expressions in normal form, so that equal ids mean equal values.
 *
 * A sum is a binary chain `term + rest`, terms in the order of compare(), constant last; a term is `factor *
 * k` or a factor; products are binary chains in that order. Atoms: symbols, floordiv, mod, min, max. */
#include "ir/dim.h"

#include <stdlib.h>

enum {
    D_SYM = DIM_SYM,
    D_ADD = DIM_ADD,
    D_MUL = DIM_MUL,
    D_DIV = DIM_DIV,
    D_MOD = DIM_MOD,
    D_MIN = DIM_MIN,
    D_MAX = DIM_MAX,
    D_NEGCONST
};

typedef struct {
    int op;
    Dim a, b;         /* D_NEGCONST: a is the (negative) number */
    const char *name; /* D_SYM */
} DimNode;

struct DimTable {
    VEC(DimNode) nodes;
    uint32_t *slots, nslots;
    uint32_t fresh;
};

DimTable *dim_table(Job *job)
{
    return job_new(job, DimTable);
}

static const DimNode *node(const Module *m, Dim d)
{
    return &m->dims->nodes.at[-d - 1];
}

static uint64_t node_hash(const DimNode *n)
{
    int64_t key[3] = {(int64_t)n->op, n->a, n->b};
    return n->name ? hash_string(n->name) : hash_bytes(key, sizeof key).lo;
}

static Dim intern(Module *m, DimNode n)
{
    DimTable *t = m->dims;
    if (t->nodes.n * 2 >= t->nslots) {
        t->nslots = t->nslots ? t->nslots * 2 : 64;
        t->slots = job_array(m->job, uint32_t, t->nslots);
        for (uint32_t i = 0; i < t->nodes.n; i++) {
            uint32_t k = (uint32_t)node_hash(&t->nodes.at[i]) & (t->nslots - 1);
            while (t->slots[k]) k = (k + 1) & (t->nslots - 1);
            t->slots[k] = i + 1;
        }
    }
    uint32_t k = (uint32_t)node_hash(&n) & (t->nslots - 1);
    for (; t->slots[k]; k = (k + 1) & (t->nslots - 1)) {
        const DimNode *o = &t->nodes.at[t->slots[k] - 1];
        if (o->op == n.op && o->a == n.a && o->b == n.b && (n.op != D_SYM || strcmp(o->name, n.name) == 0))
            return -(Dim)t->slots[k];
    }
    vec_push(m->job, &t->nodes, n);
    t->slots[k] = t->nodes.n;
    return -(Dim)t->nodes.n;
}

Dim dim_sym(Module *m, const char *name)
{
    return intern(m, (DimNode){D_SYM, 0, 0, job_strndup(m->job, name, strlen(name))});
}

Dim dim_fresh(Module *m, const char *prefix)
{
    return dim_sym(m, job_printf(m->job, "%s%u", prefix, m->dims->fresh++));
}

/* Constants: a Dim >= 0 is itself; a negative constant needs a node. */
static bool get_const(const Module *m, Dim d, int64_t *v)
{
    if (d >= 0) return *v = d, true;
    if (node(m, d)->op == D_NEGCONST) return *v = node(m, d)->a, true;
    return false;
}

static Dim make_const(Module *m, int64_t v)
{
    return v >= 0 ? v : intern(m, (DimNode){D_NEGCONST, v, 0, NULL});
}

bool dim_const(const Module *m, Dim d, int64_t *v)
{
    return get_const(m, d, v);
}

/* A term of a sum: coefficient times a product of atoms (0: the constant term). */
typedef struct {
    Dim factor;
    int64_t k;
} Term;

static void split_term(const Module *m, Dim d, Term *t)
{
    int64_t c;
    if (get_const(m, d, &c)) {
        *t = (Term){0, c};
    } else if (node(m, d)->op == D_MUL && get_const(m, node(m, d)->b, &c)) {
        *t = (Term){node(m, d)->a, c};
    } else {
        *t = (Term){d, 1};
    }
}

enum { MAX_TERMS = 64 };

static int collect(const Module *m, Dim d, int64_t scale, Term *t, int n)
{
    for (;;) {
        bool sum = d < 0 && node(m, d)->op == D_ADD;
        Term x;
        split_term(m, sum ? node(m, d)->a : d, &x);
        if (!mul_ok(x.k, scale, &x.k)) return -1;
        int i = 0;
        while (i < n && t[i].factor != x.factor) i++;
        if (i == MAX_TERMS) return -1;
        if (i == n) t[n++] = (Term){x.factor, 0};
        if (!add_ok(t[i].k, x.k, &t[i].k)) return -1;
        if (!sum) return n;
        d = node(m, d)->b;
    }
}

/* Whether x stands before y in a sum or product: expressions by their structure, then symbols by name, then
 * numbers. What was printed and parsed again has the same order. */
static int compare(const Module *m, Dim x, Dim y)
{
    int64_t cx, cy;
    bool kx = get_const(m, x, &cx), ky = get_const(m, y, &cy);
    if (x == y) return 0;
    if (kx || ky) return kx && ky ? (cx < cy ? -1 : 1) : kx ? 1 : -1;
    const DimNode *a = node(m, x), *b = node(m, y);
    if (a->op == D_SYM || b->op == D_SYM)
        return a->op != b->op ? (a->op == D_SYM ? 1 : -1) : strcmp(a->name, b->name);
    if (a->op != b->op) return a->op < b->op ? -1 : 1;
    int first = compare(m, a->a, b->a);
    return first ? first : compare(m, a->b, b->b);
}

static Dim build_sum(Module *m, Term *t, int n)
{
    for (int i = 1; i < n; i++) /* the constant (factor 0) comes last */
        for (int j = i; j && compare(m, t[j].factor, t[j - 1].factor) < 0; j--) {
            Term x = t[j];
            t[j] = t[j - 1];
            t[j - 1] = x;
        }
    Dim r = 0;
    bool empty = true;
    for (int i = n - 1; i >= 0; i--) {
        if (!t[i].k) continue;
        Dim x = t[i].factor == 0 ? make_const(m, t[i].k)
                : t[i].k == 1    ? t[i].factor
                                 : intern(m, (DimNode){D_MUL, t[i].factor, make_const(m, t[i].k), NULL});
        r = empty ? x : intern(m, (DimNode){D_ADD, x, r, NULL});
        empty = false;
    }
    return r;
}

/* Overflowing or oversized expressions become opaque symbols: still sound, only unknown. */
static Dim add_scaled(Module *m, Dim a, Dim b, int64_t kb)
{
    Term t[MAX_TERMS];
    int n = collect(m, a, 1, t, 0);
    if (n >= 0) n = collect(m, b, kb, t, n);
    return n < 0 ? dim_fresh(m, "big") : build_sum(m, t, n);
}

Dim dim_add(Module *m, Dim a, Dim b)
{
    return add_scaled(m, a, b, 1);
}
Dim dim_sub(Module *m, Dim a, Dim b)
{
    return add_scaled(m, a, b, -1);
}

/* Product of two terms' factors: a chain of atoms in ascending order. */
static Dim mul_factors(Module *m, Dim a, Dim b)
{
    if (!a) return b;
    if (!b) return a;
    Dim atoms[MAX_TERMS];
    int n = 0;
    for (int side = 0; side < 2; side++) {
        Dim d = side ? b : a;
        for (; n < MAX_TERMS && node(m, d)->op == D_MUL; d = node(m, d)->b) atoms[n++] = node(m, d)->a;
        if (n >= MAX_TERMS) return dim_fresh(m, "big");
        atoms[n++] = d;
    }
    for (int i = 1; i < n; i++)
        for (int j = i; j && compare(m, atoms[j], atoms[j - 1]) < 0; j--) {
            Dim x = atoms[j];
            atoms[j] = atoms[j - 1];
            atoms[j - 1] = x;
        }
    Dim r = atoms[n - 1];
    for (int i = n - 2; i >= 0; i--) r = intern(m, (DimNode){D_MUL, atoms[i], r, NULL});
    return r;
}

Dim dim_mul(Module *m, Dim a, Dim b)
{
    Term ta[MAX_TERMS], tb[MAX_TERMS], t[MAX_TERMS];
    int na = collect(m, a, 1, ta, 0), nb = collect(m, b, 1, tb, 0), n = 0;
    if (na < 0 || nb < 0) return dim_fresh(m, "big");
    for (int i = 0; i < na; i++)
        for (int j = 0; j < nb; j++) {
            Term x = {mul_factors(m, ta[i].factor, tb[j].factor), 0};
            if (!mul_ok(ta[i].k, tb[j].k, &x.k)) return dim_fresh(m, "big");
            int q = 0;
            while (q < n && t[q].factor != x.factor) q++;
            if (q == MAX_TERMS) return dim_fresh(m, "big");
            if (q == n) t[n++] = (Term){x.factor, 0};
            if (!add_ok(t[q].k, x.k, &t[q].k)) return dim_fresh(m, "big");
        }
    return build_sum(m, t, n);
}

static int64_t floor_div_i(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - ((a % b != 0) && ((a < 0) != (b < 0)));
}

Dim dim_floordiv(Module *m, Dim a, Dim b)
{
    int64_t ca, cb;
    if (a == b && !get_const(m, a, &ca)) return 1;
    if (get_const(m, b, &cb)) {
        if (cb == 1) return a;
        if (get_const(m, a, &ca) && cb > 0) return make_const(m, floor_div_i(ca, cb));
        Term t[MAX_TERMS], rest[MAX_TERMS];
        int n = collect(m, a, 1, t, 0), nr = 0, nd = 0;
        if (n > 0 && cb > 0) { /* (cb*x + r) div cb = x + r div cb */
            for (int i = 0; i < n; i++) {
                if (t[i].k % cb == 0)
                    t[nd++] = (Term){t[i].factor, t[i].k / cb};
                else
                    rest[nr++] = t[i];
            }
            if (nd) {
                Dim whole = build_sum(m, t, nd), r = build_sum(m, rest, nr);
                return nr ? dim_add(m, whole, dim_floordiv(m, r, b)) : whole;
            }
        }
    }
    return intern(m, (DimNode){D_DIV, a, b, NULL});
}

Dim dim_ceildiv(Module *m, Dim a, Dim b)
{
    return dim_floordiv(m, dim_add(m, a, dim_sub(m, b, 1)), b);
}

Dim dim_mod(Module *m, Dim a, Dim b)
{
    int64_t ca, cb;
    if (get_const(m, b, &cb) && cb > 0) {
        if (get_const(m, a, &ca)) return ca - floor_div_i(ca, cb) * cb;
        Dim q = dim_floordiv(m, a, b);
        Dim r = dim_sub(m, a, dim_mul(m, q, b));
        if (get_const(m, r, &ca)) return r;
    }
    return intern(m, (DimNode){D_MOD, a, b, NULL});
}

static Dim min_max(Module *m, Dim a, Dim b, int op)
{
    int64_t ca, cb, diff;
    if (a == b) return a;
    if (get_const(m, a, &ca) && get_const(m, b, &cb))
        return make_const(m, (op == D_MIN) == (ca < cb) ? ca : cb);
    if (get_const(m, dim_sub(m, a, b), &diff)) return (op == D_MIN) == (diff < 0) ? a : b;
    if (compare(m, b, a) < 0) {
        Dim x = a;
        a = b;
        b = x;
    }
    return intern(m, (DimNode){op, a, b, NULL});
}

Dim dim_min(Module *m, Dim a, Dim b)
{
    return min_max(m, a, b, D_MIN);
}
Dim dim_max(Module *m, Dim a, Dim b)
{
    return min_max(m, a, b, D_MAX);
}

void dim_print(const Module *m, Str *s, Dim d)
{
    static const char *const call[] = {[D_DIV] = "div", [D_MOD] = "mod", [D_MIN] = "min", [D_MAX] = "max"};
    if (d >= 0) {
        str_printf(s, "%lld", (long long)d);
        return;
    }
    const DimNode *n = node(m, d);
    switch (n->op) {
    case D_SYM: str_printf(s, "?%s", n->name); break;
    case D_NEGCONST: str_printf(s, "%lld", (long long)n->a); break;
    case D_ADD:
    case D_MUL: {
        dim_print(m, s, n->a);
        int64_t c;
        if (n->op == D_MUL)
            str_put(s, "*");
        else if (!(get_const(m, n->b, &c) && c < 0))
            str_put(s, "+");
        dim_print(m, s, n->b);
        break;
    }
    default:
        str_printf(s, "%s(", call[n->op]);
        dim_print(m, s, n->a);
        str_put(s, ",");
        dim_print(m, s, n->b);
        str_put(s, ")");
    }
}

Dim dim_subst(Module *m, Dim d, Dim sym, Dim value)
{
    if (d == sym) return value;
    if (d >= 0) return d;
    DimNode n = *node(m, d);
    if (n.op == D_SYM || n.op == D_NEGCONST) return d;
    Dim a = dim_subst(m, n.a, sym, value), b = dim_subst(m, n.b, sym, value);
    switch (n.op) {
    case D_ADD: return dim_add(m, a, b);
    case D_MUL: return dim_mul(m, a, b);
    case D_DIV: return dim_floordiv(m, a, b);
    case D_MOD: return dim_mod(m, a, b);
    case D_MIN: return dim_min(m, a, b);
    default: return dim_max(m, a, b);
    }
}

bool dim_is_sym(const Module *m, Dim d)
{
    return d < 0 && node(m, d)->op == D_SYM;
}

/* -- Expressions from outside ------------------------------------------------------------------------- */
DimExpr dim_parts(const Module *m, Dim d)
{
    const DimNode *n = node(m, d);
    return (DimExpr){(DimOp)n->op, n->a, n->b, n->name};
}

uint32_t dim_count(const Module *m)
{
    return m->dims->nodes.n;
}

int64_t dim_apply(DimOp op, int64_t a, int64_t b)
{
    int64_t r;
    switch (op) {
    case DIM_ADD: return add_ok(a, b, &r) ? r : a < 0 ? INT64_MIN : INT64_MAX;
    case DIM_MUL: return mul_ok(a, b, &r) ? r : (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
    case DIM_DIV: return !b ? 0 : b == -1 ? dim_apply(DIM_MUL, a, -1) : floor_div_i(a, b);
    case DIM_MOD: return !b || b == -1 ? 0 : a - floor_div_i(a, b) * b;
    case DIM_MIN: return min_i64(a, b);
    case DIM_MAX: return max_i64(a, b);
    case DIM_SYM: break;
    }
    return 0;
}

void dim_env_set(DimEnv *e, Dim sym, int64_t v)
{
    uint32_t i = (uint32_t)(-sym - 1);
    if (i >= e->n) {
        uint32_t n = dim_count(e->m) + 64;
        int64_t *at = job_array(e->m->job, int64_t, n);
        uint8_t *known = job_array(e->m->job, uint8_t, n);
        if (e->n) memcpy(at, e->at, e->n * sizeof *at), memcpy(known, e->known, e->n);
        e->at = at, e->known = known, e->n = n;
    }
    e->at[i] = v;
    e->known[i] = 1;
}

bool dim_env_eval(const DimEnv *e, Dim d, int64_t *v)
{
    int64_t a, b;
    if (dim_const(e->m, d, v)) return true;
    DimExpr x = dim_parts(e->m, d);
    if (x.op == DIM_SYM) {
        uint32_t i = (uint32_t)(-d - 1);
        if (i >= e->n || !e->known[i]) return false;
        *v = e->at[i];
        return true;
    }
    if (!dim_env_eval(e, x.a, &a) || !dim_env_eval(e, x.b, &b)) return false;
    *v = dim_apply(x.op, a, b);
    return true;
}
