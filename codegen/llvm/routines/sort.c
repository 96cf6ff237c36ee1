/* Orders of rows: the k largest or smallest elements. */
#include "codegen/llvm/routines/routine.h"

enum { INSERTION_MAX = 64 }; /* k up to which a short sorted list is kept, instead of sorting the row */

typedef struct {
    const Routine *r;
    Ptr x; /* the row */
    Ptr at;
    DType t;
    bool smallest;
    Ival n, k;
} Row;

static Vec key(const Row *w, Ival index)
{
    return r_get(w->r, w->x, index, w->t);
}

static Ival listed(const Row *w, Ival i)
{
    return i_load(w->r->g, w->at, i, JITC_INT64);
}

/* a comes before b whatever their places; NaN comes last. */
static Cond before(const Row *w, Vec a, Vec b)
{
    Gen *g = w->r->g;
    Vec is = v_cmp(g, w->smallest ? CMP_LT : CMP_GT, a, b);
    if (dtype_is_float(a.dtype))
        is = v_or(g, is, v_and(g, v_cmp(g, CMP_UNORD, b, b), v_not(g, v_cmp(g, CMP_UNORD, a, a))));
    return c_from_v(g, is);
}

/* The list of the best so far, in order; most elements do not get into it. */
static Ival insertion(Row *w)
{
    Gen *g = w->r->g;
    FOR (g, c, ival(0), w->n, ival(1)) {
        Vec x = key(w, c.i);
        Ival have = i_min(g, c.i, w->k);
        Cond room = c_lt(g, have, w->k);
        Ival worst = i_select(g, room, c.i, listed(w, i_sub(g, w->k, ival(1))));
        IF(g, enters, c_or(g, room, before(w, x, key(w, worst))))
        {
            Vec p = r_i64(w->r, i_select(g, room, have, i_sub(g, w->k, ival(1))));
            Ival first = i_max(g, ival(0), i_sub(g, i_from_v(g, p), ival(1)));
            Cond down = c_and(
                g, c_lt(g, ival(0), i_from_v(g, p)),
                before(w, x, key(w, i_select(g, c_lt(g, ival(0), i_from_v(g, p)), listed(w, first), c.i))));
            REPEAT(g, l, down, &p, 1)
            {
                Ival at = i_from_v(g, p), left = i_sub(g, at, ival(1));
                i_store(g, w->at, at, JITC_INT64, listed(w, left));
                Ival next = i_max(g, ival(0), i_sub(g, left, ival(1)));
                l.more = c_and(g, c_lt(g, ival(0), left), before(w, x, key(w, listed(w, next))));
                p = r_i64(w->r, left);
            }
            i_store(g, w->at, i_from_v(g, p), JITC_INT64, c.i);
        }
    }
    return ival(0);
}

static void merge(Row *w, Ival from, Ival to, Ival lo, Ival mid, Ival hi)
{
    Gen *g = w->r->g;
    Vec ij[2] = {r_i64(w->r, lo), r_i64(w->r, mid)};
    FOR_CARRY (g, o, lo, hi, ival(1), ij, 2) {
        Ival i = i_from_v(g, ij[0]), j = i_from_v(g, ij[1]), last = i_sub(g, hi, ival(1));
        Ival a = listed(w, i_add(g, from, i_min(g, i, last))),
             b = listed(w, i_add(g, from, i_min(g, j, last)));
        Cond right = c_or(g, c_le(g, mid, i), c_and(g, c_lt(g, j, hi), before(w, key(w, b), key(w, a))));
        i_store(g, w->at, i_add(g, to, o.i), JITC_INT64, i_select(g, right, b, a));
        ij[0] = r_i64(w->r, i_select(g, right, i, i_add(g, i, ival(1))));
        ij[1] = r_i64(w->r, i_select(g, right, i_add(g, j, ival(1)), j));
    }
}

/* Sorts all indices, from one half of the scratch to the other; returns where the result begins. */
static Ival merge_sort(Row *w)
{
    Gen *g = w->r->g;
    FOR (g, i, ival(0), w->n, ival(1)) i_store(g, w->at, i.i, JITC_INT64, i.i);
    Vec state[2] = {r_i64(w->r, ival(1)), r_i64(w->r, ival(0))};
    REPEAT(g, l, c_lt(g, ival(1), w->n), state, 2)
    {
        Ival width = i_from_v(g, state[0]), from = i_from_v(g, state[1]), to = i_sub(g, w->n, from);
        Ival both = i_add(g, width, width);
        FOR (g, lo, ival(0), w->n, both)
            merge(w, from, to, lo.i, i_min(g, i_add(g, lo.i, width), w->n),
                  i_min(g, i_add(g, lo.i, both), w->n));
        l.more = c_lt(g, both, w->n);
        state[0] = r_i64(w->r, both);
        state[1] = r_i64(w->r, to);
    }
    return i_from_v(g, state[1]);
}

void emit_top_k(Routine *r, Ival unit)
{
    Gen *g = r->g;
    const Type *t = r_in(r, 0), *v = r_out(r, 0);
    Row w = {.r = r, .t = t->dtype, .at = r->scratch, .smallest = attr_i(r->op, "smallest")};
    w.n = r_dim(r, t, t->rank - 1);
    w.k = r_dim(r, v, v->rank - 1);
    w.x = p_at(g, r->in[0], i_mul(g, unit, w.n), carrier(t->dtype));
    Ival out = i_mul(g, unit, w.k), first;
    first = w.k.konst && w.k.k <= INSERTION_MAX ? insertion(&w) : merge_sort(&w);
    FOR (g, i, ival(0), w.k, ival(1)) {
        Ival index = listed(&w, i_add(g, first, i.i));
        i_store(g, r->out[1], i_add(g, out, i.i), r_out(r, 1)->dtype, index);
        v_store(g, r->out[0], i_add(g, out, i.i), v_load(g, w.x, index, carrier(t->dtype), 1));
    }
}

void emit_search_sorted(Routine *r, Ival unit)
{
    Gen *g = r->g;
    DType t = r_in(r, 0)->dtype;
    bool upper = attr_i(r->op, "upper");
    Ival n = r_dim(r, r_in(r, 0), 1), m = r_dim(r, r_in(r, 1), 1), first = i_mul(g, i_div(g, unit, m), n);
    Vec x = r_get(r, r->in[1], unit, t), state[2] = {r_i64(r, ival(0)), r_i64(r, n)};
    REPEAT(g, l, c_lt(g, ival(0), n), state, 2)
    {
        Ival lo = i_from_v(g, state[0]), count = i_from_v(g, state[1]), half = i_div(g, count, ival(2));
        Vec mid = r_get(r, r->in[0], i_add(g, first, i_add(g, lo, half)), t);
        Cond right =
            upper ? c_not(g, c_from_v(g, v_cmp(g, CMP_LT, x, mid))) : c_from_v(g, v_cmp(g, CMP_LT, mid, x));
        Ival more = i_add(g, half, ival(1));
        count = i_select(g, right, i_sub(g, count, more), half);
        state[0] = r_i64(r, i_select(g, right, i_add(g, lo, more), lo));
        state[1] = r_i64(r, count);
        l.more = c_lt(g, ival(0), count);
    }
    i_store(g, r->out[0], unit, r_out(r, 0)->dtype, i_from_v(g, state[0]));
}
