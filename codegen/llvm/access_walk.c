/* Looking through a region before code is written: what can be vectors, what comes first, where runs are cut.
 */
#include "codegen/llvm/access.h"

#include <stdlib.h>

/* -- Walks ------------------------------------------------------------------------------------------ */
typedef struct {
    const Value *v;
    Index x;
} Seen;

typedef struct {
    Eval *e;
    Visit *visit;
    void *arg;
    VEC(Seen) seen;
} Walker;

static void walk(Walker *w, const Value *v, const Index *x)
{
    Eval *e = w->e;
    for (uint32_t i = 0; i < w->seen.n; i++)
        if (w->seen.at[i].v == v && index_same(&w->seen.at[i].x, x, v->type.rank)) return;
    vec_push(e->job, &w->seen, (Seen){v, *x});
    if (!w->visit(e, v, x, w->arg) || !v->def || v->def->code == OP_const) return;
    const Op *op = v->def;
    if (op->code == OP_reshape && reshaped_arg(v)) return;
    int only = op->code == OP_concat ? static_piece(e, op, x) : -1;
    if (op->code == OP_concat && only < 0) only = assumed_piece(e, op, x);
    for (int i = 0; i < op->nin; i++) {
        if (only >= 0 && i != only) continue;
        Index y = operand_index(e, op, i, x);
        walk(w, op->in[i], &y);
    }
}

void walk_values(Eval *e, const Value *v, const Index *x, Visit *visit, void *arg)
{
    Walker w = {.e = e, .visit = visit, .arg = arg};
    walk(&w, v, x);
}

/* -- Can it be vectors? ----------------------------------------------------------------------------- */
static bool run_fits(Eval *e, const Value *v, const Index *x, void *arg)
{
    bool *ok = arg;
    const Op *op = v->def;
    if (!*ok || !op || x->vd < 0) return *ok;
    int last = op->nin ? op->in[0]->type.rank - 1 : 0;
    switch (op->code) {
    case OP_reshape:
        if (!reshaped_arg(v)) *ok = reshape_pieces(e, &op->in[0]->type, &op->out[0]->type, x) != 0;
        break;
    case OP_gather: {
        Index idx = operand_index(e, op, 1, x);
        *ok = idx.vd < 0;
        break;
    }
    case OP_concat: *ok = e->symbolic || x->vd != attr_i(op, "axis") || x->vbase.konst; break;
    case OP_pad:
    case OP_mirror_pad: *ok = e->symbolic || x->vbase.konst || !padded_dim(op, x->vd); break;
    case OP_resize_bilinear:
    case OP_resize_nearest:
    case OP_max_pool:
    case OP_avg_pool: *ok = x->vd == 3; break;
    case OP_conv: *ok = x->vd == 3 && attr_i(op, "groups") == 1; break;
    case OP_softmax:
    case OP_log_softmax: *ok = x->vd == v->type.rank - 1; break;
    case OP_argmax:
    case OP_argmin: *ok = attr_i(op, "axis") != last; break;
    default:
        if (op->def->kind == KIND_SCAN) *ok = false;
        if (op->def->kind == KIND_REDUCE) {
            int n;
            const int64_t *axes = attr_v(op, "axes", &n);
            *ok = n == 0 || axes[n - 1] != last;
        }
    }
    return *ok;
}

bool vectorisable(Eval *e, const Value *v, const Index *x)
{
    bool ok = true;
    Ival o = e->lane.o;
    e->lane.o = ival(0); /* what it was need not be seen here */
    walk_values(e, v, x, run_fits, &ok);
    e->lane.o = o;
    return ok;
}

/* -- Ahead of loops --------------------------------------------------------------------------------- */
static bool is_costly(const Op *op)
{
    switch (op->def->kind) {
    case KIND_REDUCE:
    case KIND_WINDOW:
    case KIND_CONTRACT: return true;
    default: return op->code == OP_gather;
    }
}

static bool prepare_value(Eval *e, const Value *v, const Index *x, void *arg)
{
    (void)arg;
    const Op *op = v->def;
    if (!op || op->code == OP_pad) return false;
    if (op->code == OP_concat) return static_piece(e, op, x) >= 0 || assumed_piece(e, op, x) >= 0;
    if (is_costly(op) && !x->unknown && x->vd < 0) {
        eval_one(e, v, x);
        return false;
    }
    if (op->code == OP_gather) {
        Index idx = operand_index(e, op, 1, x);
        if (!idx.unknown && idx.vd < 0) gather_row(e, op, x);
    }
    if (op->def->kind == KIND_ROW) {
        Index row = *x;
        int last = v->type.rank - 1;
        row.unknown &= ~(1u << last);
        row.i[last] = ival(0);
        if (row.vd == last) row.vd = -1;
        if (!row.unknown && row.vd < 0) row_facts(e, op, x);
    }
    return true;
}

void prepare(Eval *e, const Value *v, const Index *x)
{
    walk_values(e, v, x, prepare_value, NULL);
}

/* -- Cuts ------------------------------------------------------------------------------------------- */
/* The run crosses a coordinate of its dim: a cut before the first o on the other side. */
static void cut_at(Eval *e, Cuts *c, const Index *x, Ival coordinate)
{
    if (!x->vbase.konst || !coordinate.konst || !c->n.konst) {
        c->at_run = c->at_run || e->symbolic;
        return;
    }
    int64_t away = coordinate.k - x->vbase.k, o;
    if (x->vs > 0)
        o = away <= 0 ? 0 : ceil_div(away, x->vs);
    else
        o = away > 0 ? 0 : -away / -x->vs + 1;
    if (o <= 0 || o >= c->n.k) return;
    for (int i = 0; i < c->cuts; i++)
        if (c->at[i].k == o) return;
    if (c->cuts == CUTS_MAX - 2) g_fail(e->g, "a kernel of too many pieces");
    c->at[c->cuts++] = ival(o);
}

static bool find_cut(Eval *e, const Value *v, const Index *x, void *arg)
{
    Cuts *c = arg;
    const Op *op = v->def;
    if (!op || !op->nin || x->vd < 0 || c->at_run) return false;
    const Type *t = &op->in[0]->type;
    if ((op->code == OP_pad || op->code == OP_mirror_pad) && padded_dim(op, x->vd)) {
        Dim low = attr_v(op, "lo", NULL)[x->vd], high = attr_v(op, "hi", NULL)[x->vd];
        Ival lo = dim_ival(e, low), n = dim_ival(e, t->dim[x->vd]);
        if (!lo.konst || !n.konst) {
            c->at_run = true;
            return false;
        }
        if (low) cut_at(e, c, x, lo);
        if (high) cut_at(e, c, x, ix_add(e, lo, n));
        if (op->code == OP_mirror_pad) { /* what lies below may be cut in each third */
            Lanes l = e->lane;
            for (int third = 0; third < 3 && !c->at_run; third++) {
                int64_t from = third == 0   ? 0
                               : third == 1 ? low
                                            : low + n.k,
                        many = third == 0   ? low
                               : third == 1 ? n.k
                                            : high;
                if (!many || x->vs != 1 || !x->vbase.konst) continue;
                e->lane.lo = from - x->vbase.k, e->lane.hi = e->lane.lo + many;
                Index y = operand_index(e, op, 0, x);
                walk_values(e, op->in[0], &y, find_cut, arg);
            }
            e->lane = l;
            return false;
        }
    }
    int64_t pieces = op->code == OP_reshape && !reshaped_arg(v) ? reshape_pieces(e, t, &v->type, x) : 1;
    if (pieces < 0) c->at_run = true;
    if (pieces <= 0) return false;
    if (pieces > 1) {
        Lanes l = e->lane;
        int64_t size = v->type.dim[x->vd] / pieces;
        for (int64_t i = 0; i < pieces; i++) {
            cut_at(e, c, x, ival(i * size));
            e->lane.lo = i * size - x->vbase.k, e->lane.hi = e->lane.lo + size;
            Index y = operand_index(e, op, 0, x);
            walk_values(e, op->in[0], &y, find_cut, arg);
        }
        e->lane = l;
        return false;
    }
    if (op->code == OP_concat && attr_i(op, "axis") == x->vd)
        for (int i = 1; i < op->nin; i++) cut_at(e, c, x, piece_start(e, op, i));
    return true;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = ((const Ival *)a)->k, y = ((const Ival *)b)->k;
    return (x > y) - (x < y);
}

void find_cuts(Eval *e, Value *const *v, int nv, const Index *x, Ival n, Cuts *c)
{
    c->v = v, c->nv = nv, c->x = *x, c->n = n;
    c->at_run = false;
    c->cuts = 0;
    Lanes l = e->lane;
    e->lane.o = ival(0);
    e->lane.lo = 0, e->lane.hi = n.k;
    e->lane.open = !n.konst;
    for (int i = 0; i < nv; i++) walk_values(e, v[i], x, find_cut, c);
    e->lane = l;
    if (c->at_run) return;
    qsort(c->at, (size_t)c->cuts, sizeof *c->at, by_value);
    memmove(c->at + 1, c->at, (size_t)c->cuts++ * sizeof *c->at);
    c->at[0] = ival(0);
    c->at[c->cuts++] = n;
}

/* -- Cuts that sizes tell --------------------------------------------------------------------------- */
typedef struct {
    Ival o, end;
} Next;

/* The same as cut_at, where the run has arrived at o. */
static void next_at(Eval *e, Next *q, const Index *x, Ival coordinate)
{
    Gen *g = e->g;
    Ival zero = ival(0), o;
    if (x->vs > 0) {
        Ival away = i_max(g, zero, ix_sub(e, coordinate, x->vbase));
        o = i_div(g, i_add(g, away, ival(x->vs - 1)), ival(x->vs));
    } else {
        Ival back = ix_sub(e, x->vbase, coordinate);
        o = i_add(g, i_div(g, i_max(g, zero, back), ival(-x->vs)), ival(1));
        o = i_select(g, c_lt(g, back, zero), zero, o);
    }
    q->end = i_select(g, c_lt(g, q->o, o), i_min(g, q->end, o), q->end);
}

static bool find_next(Eval *e, const Value *v, const Index *x, void *arg)
{
    Next *q = arg;
    Gen *g = e->g;
    const Op *op = v->def;
    if (!op || !op->nin || x->vd < 0) return false;
    const Type *t = &op->in[0]->type;
    if ((op->code == OP_pad || op->code == OP_mirror_pad) && padded_dim(op, x->vd)) {
        Ival lo = dim_ival(e, attr_v(op, "lo", NULL)[x->vd]);
        next_at(e, q, x, lo);
        next_at(e, q, x, ix_add(e, lo, dim_ival(e, t->dim[x->vd])));
        if (op->code == OP_pad) return true;
        for (int part = -1; part <= 1; part++) {
            Index y = mirror_index(e, op, x, part);
            walk_values(e, op->in[0], &y, find_next, arg);
        }
        return false;
    }
    int64_t pieces = op->code == OP_reshape && !reshaped_arg(v) ? reshape_pieces(e, t, &v->type, x) : 1;
    if (pieces != 1) {
        if (!pieces) return false;
        /* The run may be outside of this value, in another piece of a concat: then at an end of it. */
        Ival n = dim_ival(e, v->type.dim[x->vd]), o = e->lane.o;
        Ival at = i_max(g, ival(0), i_min(g, index_at(e, x, x->vd), ix_sub(e, n, ival(1))));
        Ival cut = reshape_cut(e, t, &v->type, x, at);
        next_at(e, q, x, i_select(g, c_lt(g, cut, n), cut, ival(0)));
        e->lane.o = i_sub(g, at, x->vbase);
        Index y = operand_index(e, op, 0, x);
        e->lane.o = o;
        walk_values(e, op->in[0], &y, find_next, arg);
        return false;
    }
    if (op->code == OP_concat && attr_i(op, "axis") == x->vd)
        for (int i = 1; i < op->nin; i++) next_at(e, q, x, piece_start(e, op, i));
    return true;
}

Ival next_cut(Eval *e, const Cuts *c, Ival o)
{
    Lanes l = e->lane;
    Next q = {o, c->n};
    e->lane.o = o;
    e->lane.open = true;
    for (int i = 0; i < c->nv; i++) walk_values(e, c->v[i], &c->x, find_next, &q);
    e->lane = l;
    return q.end;
}
