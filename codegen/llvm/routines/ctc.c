/* Beam search: a tree of prefixes, whose most probable ones are the beam. */
#include <math.h>

#include "codegen/llvm/routines/routine.h"
#include "codegen/llvm/vecmath.h"

enum { NONE = -1, UNLINKED = -2 };
enum { LEAVES, NEXT, SPARE, STATES }; /* leaves, nodes, and a list by `child` of those that are free again */

/* Arrays by node, log probabilities of t - 1 and t; the leaves by falling probability, and as they were
 * before the step. */
typedef struct {
    const Routine *r;
    Gen *g;
    DType t;
    int64_t width;
    Ptr state, old_total, old_blank, total, blank, name, parent, label, child, sibling, leaf, branch;
} Beam;

static Vec lowest(const Beam *b)
{
    return v_f(b->g, b->t, 1, -INFINITY);
}

static Vec get(const Beam *b, Ptr p, Ival node)
{
    return v_load(b->g, p, node, b->t, 1);
}

static Ival get_i(const Beam *b, Ptr p, Ival at)
{
    return i_load(b->g, p, at, JITC_INT32);
}

static void set_i(const Beam *b, Ptr p, Ival at, Ival v)
{
    i_store(b->g, p, at, JITC_INT32, v);
}

static Ival state(const Beam *b, int which)
{
    return i_load(b->g, b->state, ival(which), JITC_INT64);
}

static void set_state(const Beam *b, int which, Ival v)
{
    i_store(b->g, b->state, ival(which), JITC_INT64, v);
}

static Vec log_sum_exp(const Beam *b, Vec x, Vec y)
{
    Gen *g = b->g;
    Vec more = v_cmp(g, CMP_GT, x, y), hi = v_select(g, more, x, y), lo = v_select(g, more, y, x);
    Vec e = vm_log1p(g, vm_exp(g, v_cast(g, v_sub(g, lo, hi), JITC_FLOAT32)));
    Vec sum = v_add(g, hi, v_cast(g, e, b->t));
    sum = v_select(g, v_cmp(g, CMP_EQ, y, lowest(b)), x, sum);
    return v_select(g, v_cmp(g, CMP_EQ, x, lowest(b)), y, sum);
}

static void insert(const Beam *b, Ival id)
{
    Gen *g = b->g;
    Ival n = state(b, LEAVES);
    Vec total = get(b, b->total, id), p = r_i64(b->r, n);
    set_state(b, LEAVES, i_add(g, n, ival(1)));
    REPEAT(g, l, c_lt(g, ival(0), n), &p, 1)
    {
        Ival at = i_from_v(g, p), left = i_sub(g, at, ival(1)), before = get_i(b, b->leaf, left);
        Cond moves = c_from_v(g, v_cmp(g, CMP_LT, get(b, b->total, before), total));
        IF(g, move, moves) set_i(b, b->leaf, at, before);
        Ival now = i_select(g, moves, left, at);
        l.more = c_and(g, moves, c_lt(g, ival(0), now));
        p = r_i64(b->r, now);
    }
    set_i(b, b->leaf, i_from_v(g, p), id);
}

static Cond gets_in(const Beam *b, Vec total)
{
    Gen *g = b->g;
    Ival n = state(b, LEAVES);
    Vec last = get(b, b->total, get_i(b, b->leaf, i_sub(g, n, ival(1))));
    return c_and(g, c_from_v(g, v_cmp(g, CMP_GT, total, lowest(b))),
                 c_or(g, c_lt(g, n, ival(b->width)), c_from_v(g, v_cmp(g, CMP_GT, total, last))));
}

static void drop_last(const Beam *b)
{
    Gen *g = b->g;
    Ival n = i_sub(g, state(b, LEAVES), ival(1)), last = get_i(b, b->leaf, n);
    set_state(b, LEAVES, n);
    v_store(g, b->total, last, lowest(b));
    v_store(g, b->blank, last, lowest(b));
    v_store(g, b->name, last, lowest(b));
    IF(g, free, c_eq(g, get_i(b, b->sibling, last), ival(UNLINKED)))
    {
        set_i(b, b->child, last, state(b, SPARE));
        set_state(b, SPARE, last);
    }
}

static void start_node(const Beam *b, Ival id, Ival parent, Ival label, int sibling)
{
    set_i(b, b->parent, id, parent);
    set_i(b, b->label, id, label);
    set_i(b, b->child, id, ival(NONE));
    set_i(b, b->sibling, id, ival(sibling));
}

static Ival new_node(const Beam *b, Ival parent, Ival label)
{
    Gen *g = b->g;
    Ival spare = state(b, SPARE), next = state(b, NEXT);
    Cond free = c_le(g, ival(0), spare);
    Ival id = i_select(g, free, spare, next);
    set_state(b, NEXT, i_select(g, free, next, i_add(g, next, ival(1))));
    set_state(b, SPARE, i_select(g, free, get_i(b, b->child, i_max(g, spare, ival(0))), spare));
    start_node(b, id, parent, label, UNLINKED);
    return id;
}

static Ival find_child(const Beam *b, Ival parent, Ival label)
{
    Gen *g = b->g;
    Ival first = get_i(b, b->child, parent);
    Vec at = r_i64(b->r, first);
    REPEAT(g, l, c_le(g, ival(0), first), &at, 1)
    {
        Ival id = i_from_v(g, at);
        Cond other = c_not(g, c_eq(g, get_i(b, b->label, id), label));
        Ival now = i_select(g, other, get_i(b, b->sibling, id), id);
        l.more = c_and(g, other, c_le(g, ival(0), now));
        at = r_i64(b->r, now);
    }
    return i_from_v(g, at);
}

static void extend(const Beam *b, Ival of, Ival label, Vec x)
{
    Gen *g = b->g;
    Vec before = v_select(g, v_from_c(g, c_eq(g, label, get_i(b, b->label, of))), get(b, b->old_blank, of),
                          get(b, b->old_total, of));
    Vec total = v_add(g, x, before);
    Ival found = find_child(b, of, label);
    Cond is = c_le(g, ival(0), found);
    Vec now = get(b, b->total, i_max(g, found, ival(0)));
    IF(g, idle, c_or(g, c_not(g, is), c_from_v(g, v_cmp(g, CMP_EQ, now, lowest(b)))))
    {
        Cond enters = gets_in(b, total);
        IF(g, stays_out, c_and(g, is, c_not(g, enters))) /* and so does what it was in the step before */
        {
            v_store(g, b->old_total, found, lowest(b));
            v_store(g, b->old_blank, found, lowest(b));
        }
        IF(g, candidate, enters)
        {
            Vec id = r_i64(b->r, found);
            IF_CARRY(g, fresh, c_not(g, is), &id, 1) id = r_i64(b->r, new_node(b, of, label));
            Ival node = i_from_v(g, id);
            v_store(g, b->blank, node, lowest(b));
            v_store(g, b->name, node, total);
            v_store(g, b->total, node, total);
            IF(g, full, c_le(g, ival(b->width), state(b, LEAVES))) drop_last(b);
            insert(b, node);
        }
    }
}

static void update(const Beam *b, Ival id, Ptr x, Vec blank, Vec norm)
{
    Gen *g = b->g;
    Ival up = get_i(b, b->parent, id), label = get_i(b, b->label, id);
    IF(g, inner, c_le(g, ival(0), up))
    {
        Vec name = get(b, b->name, id);
        Vec before = v_select(g, v_from_c(g, c_eq(g, label, get_i(b, b->label, up))),
                              get(b, b->old_blank, up), get(b, b->old_total, up));
        name = v_select(g, v_cmp(g, CMP_EQ, get(b, b->total, up), lowest(b)), name,
                        log_sum_exp(b, name, before));
        v_store(g, b->name, id, v_add(g, name, v_sub(g, get(b, x, label), norm)));
    }
    Vec now = v_sub(g, v_add(g, get(b, b->old_total, id), blank), norm);
    v_store(g, b->blank, id, now);
    v_store(g, b->total, id, log_sum_exp(b, now, get(b, b->name, id)));
    insert(b, id);
}

static Vec normaliser(const Beam *b, Ptr x, Ival classes)
{
    Gen *g = b->g;
    Vec most = get(b, x, ival(0)), sum = v_f(g, b->t, 1, 0);
    FOR_CARRY (g, j, ival(1), classes, ival(1), &most, 1) {
        Vec v = get(b, x, j.i);
        most = v_select(g, v_cmp(g, CMP_GT, v, most), v, most);
    }
    FOR_CARRY (g, j, ival(0), classes, ival(1), &sum, 1)
        sum = v_add(g, sum, vm_exp(g, v_sub(g, get(b, x, j.i), most)));
    return v_add(g, most, vm_log(g, sum));
}

static void step(const Beam *b, Ptr x, Ival classes)
{
    Gen *g = b->g;
    Vec norm = normaliser(b, x, classes);
    Ival n = state(b, LEAVES), blank = i_sub(g, classes, ival(1));
    FOR (g, i, ival(0), n, ival(1)) {
        Ival id = get_i(b, b->leaf, i.i);
        set_i(b, b->branch, i.i, id);
        v_store(g, b->old_total, id, get(b, b->total, id));
        v_store(g, b->old_blank, id, get(b, b->blank, id));
    }
    set_state(b, LEAVES, ival(0));
    FOR (g, i, ival(0), n, ival(1)) update(b, get_i(b, b->branch, i.i), x, get(b, x, blank), norm);
    FOR (g, i, ival(0), n, ival(1)) {
        Ival id = get_i(b, b->branch, i.i);
        IF(g, grows, gets_in(b, get(b, b->old_total, id)))
        FOR (g, j, ival(0), blank, ival(1)) extend(b, id, j.i, v_sub(g, get(b, x, j.i), norm));
    }
    FOR (g, i, ival(0), state(b, LEAVES), ival(1)) {
        Ival id = get_i(b, b->leaf, i.i);
        IF(g, fresh, c_eq(g, get_i(b, b->sibling, id), ival(UNLINKED)))
        {
            Ival up = get_i(b, b->parent, id);
            set_i(b, b->sibling, id, get_i(b, b->child, up));
            set_i(b, b->child, up, id);
        }
    }
}

/* Calls for each label from the last to the first: stored below `end`, or counted only when there is none. */
static Ival labels(const Beam *b, Ival id, bool merge, Ptr to, Ival end, bool store)
{
    Gen *g = b->g;
    Vec walk[3] = {r_i64(b->r, id), r_i64(b->r, ival(NONE)), r_i64(b->r, ival(0))};
    REPEAT(g, l, c_le(g, ival(0), get_i(b, b->parent, id)), walk, 3)
    {
        Ival at = i_from_v(g, walk[0]), label = get_i(b, b->label, at), n = i_from_v(g, walk[2]);
        Cond keep = merge ? c_not(g, c_eq(g, label, i_from_v(g, walk[1]))) : c_const(true);
        if (store) IF(g, kept, keep) set_i(b, to, i_sub(g, i_sub(g, end, n), ival(1)), label);
        Ival up = get_i(b, b->parent, at);
        l.more = c_le(g, ival(0), get_i(b, b->parent, up));
        walk[0] = r_i64(b->r, up);
        walk[1] = r_i64(b->r, label);
        walk[2] = r_i64(b->r, i_add(g, n, i_select(g, keep, ival(1), ival(0))));
    }
    return i_from_v(g, walk[2]);
}

static void set_up(Beam *b, Ival nodes)
{
    Gen *g = b->g;
    b->state = b->r->scratch;
    Ptr at = p_at(g, b->state, ival(STATES), JITC_INT64);
    Ptr *const numbers[] = {&b->old_total, &b->old_blank, &b->total, &b->blank, &b->name},
               *const integers[] = {&b->parent, &b->label, &b->child, &b->sibling};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        *numbers[i] = at;
        at = p_at(g, at, nodes, b->t);
    }
    for (size_t i = 0; i < COUNT(integers); i++) {
        *integers[i] = at;
        at = p_at(g, at, nodes, JITC_INT32);
    }
    b->leaf = at;
    b->branch = p_at(g, at, ival(b->width + 1), JITC_INT32);
}

void emit_ctc_beam_search(Routine *r, Ival unit)
{
    Gen *g = r->g;
    const Type *tx = r_in(r, 0);
    Beam b = {.r = r, .g = g, .t = tx->dtype, .width = attr_i(r->op, "width")};
    Ival time = r_dim(r, tx, 0), batch = r_dim(r, tx, 1), classes = r_dim(r, tx, 2);
    Ival paths = ival(attr_i(r->op, "paths")), root = ival(0);
    set_up(&b, i_add(g, i_mul(g, time, ival(b.width)), ival(2)));
    start_node(&b, root, ival(NONE), ival(NONE), NONE);
    v_store(g, b.total, root, v_f(g, b.t, 1, 0));
    v_store(g, b.blank, root, v_f(g, b.t, 1, 0));
    v_store(g, b.name, root, lowest(&b));
    set_i(&b, b.leaf, ival(0), root);
    set_state(&b, LEAVES, ival(1));
    set_state(&b, NEXT, ival(1));
    set_state(&b, SPARE, ival(NONE));
    Ival length = i_select(g, c_eq(g, classes, ival(0)), ival(0), i_min(g, r_int(r, 1, unit), time));
    FOR (g, t, ival(0), length, ival(1)) {
        Ival row = i_add(g, i_mul(g, t.i, batch), unit);
        step(&b, p_at(g, r->in[0], i_mul(g, row, classes), b.t), classes);
    }
    r_zero(r, r->out[0], i_mul(g, i_mul(g, unit, paths), time), i_mul(g, paths, time), JITC_INT32);
    FOR (g, i, ival(0), paths, ival(1)) {
        Ival at = i_add(g, i_mul(g, unit, paths), i.i);
        i_store(g, r->out[1], at, JITC_INT64, ival(-1));
        v_store(g, r->out[2], at, v_f(g, b.t, 1, 0));
        IF(g, is, c_lt(g, i.i, state(&b, LEAVES)))
        {
            Ival id = get_i(&b, b.leaf, i.i);
            bool merge = attr_i(r->op, "merge");
            Ival n = labels(&b, id, merge, r->out[0], ival(0), false);
            labels(&b, id, merge, p_at(g, r->out[0], i_mul(g, at, time), JITC_INT32), n, true);
            i_store(g, r->out[1], at, JITC_INT64, n);
            v_store(g, r->out[2], at, get(&b, b.total, id));
        }
    }
}
