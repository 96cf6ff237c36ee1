/* Non-maximum suppression: candidates wait in a binary heap. */
#include "codegen/llvm/routines/routine.h"
#include "codegen/llvm/vecmath.h"

enum { BOXES, SCORES, LIMIT, OVERLAP, SCORE, SIGMA };

typedef struct {
    const Routine *r;
    DType t;
    bool overlaps, by_index;
    Ptr score, box, begin; /* heap entries: candidates, and the chosen ones that they have met */
    Ptr boxes, chosen;
    Ival n;
} Nms;

typedef struct {
    Vec score, box, begin; /* f32, i32, i32 */
} Entry;

static Entry entry(const Nms *s, Ival at)
{
    Gen *g = s->r->g;
    return (Entry){v_load(g, s->score, at, JITC_FLOAT32, 1), v_load(g, s->box, at, JITC_INT32, 1),
                   v_load(g, s->begin, at, JITC_INT32, 1)};
}

static void put(const Nms *s, Ival at, const Entry *e)
{
    v_store(s->r->g, s->score, at, e->score);
    v_store(s->r->g, s->box, at, e->box);
    v_store(s->r->g, s->begin, at, e->begin);
}

/* Of two candidates a waits longer. */
static Cond after(const Nms *s, const Entry *a, const Entry *b)
{
    Gen *g = s->r->g;
    Vec is = v_cmp(g, CMP_LT, a->score, b->score);
    if (s->by_index)
        is = v_or(g, is, v_and(g, v_cmp(g, CMP_EQ, a->score, b->score), v_cmp(g, CMP_GT, a->box, b->box)));
    return c_from_v(g, is);
}

static Ival above(Gen *g, Ival at)
{
    return i_div(g, i_sub(g, i_max(g, at, ival(1)), ival(1)), ival(2));
}

static void sift_up(const Nms *s, Ival from, const Entry *e)
{
    Gen *g = s->r->g;
    Vec at = r_i64(s->r, from);
    Entry up = entry(s, above(g, from));
    REPEAT(g, l, c_and(g, c_lt(g, ival(0), from), after(s, &up, e)), &at, 1)
    {
        Ival here = i_from_v(g, at), next = above(g, here);
        Entry moved = entry(s, next);
        put(s, here, &moved);
        Entry higher = entry(s, above(g, next));
        l.more = c_and(g, c_lt(g, ival(0), next), after(s, &higher, e));
        at = r_i64(s->r, next);
    }
    put(s, i_from_v(g, at), e);
}

/* Removes the first of n + 1 entries. */
static void pop(const Nms *s, Ival n)
{
    Gen *g = s->r->g;
    Vec at = r_i64(s->r, ival(0));
    Entry last = entry(s, n);
    REPEAT(g, l, c_lt(g, ival(1), n), &at, 1)
    {
        Ival here = i_from_v(g, at), left = i_add(g, i_mul(g, here, ival(2)), ival(1)),
             right = i_min(g, i_add(g, left, ival(1)), i_sub(g, n, ival(1)));
        Entry a = entry(s, left), b = entry(s, right);
        Ival child = i_select(g, c_or(g, c_eq(g, left, right), after(s, &b, &a)), left, right);
        Entry moved = entry(s, child);
        put(s, here, &moved);
        l.more = c_lt(g, i_add(g, i_mul(g, child, ival(2)), ival(1)), n);
        at = r_i64(s->r, child);
    }
    IF(g, some, c_lt(g, ival(0), n)) sift_up(s, i_from_v(g, at), &last);
}

static Vec lesser(Gen *g, Vec a, Vec b)
{
    return v_select(g, v_cmp(g, CMP_LT, b, a), b, a);
}

static Vec greater(Gen *g, Vec a, Vec b)
{
    return v_select(g, v_cmp(g, CMP_LT, a, b), b, a);
}

typedef struct {
    Vec lo[2], hi[2], area;
} Box;

static Box corners(const Nms *s, Ival i)
{
    Gen *g = s->r->g;
    Vec v[4];
    Box b;
    for (int c = 0; c < 4; c++) v[c] = r_get(s->r, s->boxes, i_add(g, i_mul(g, i, ival(4)), ival(c)), s->t);
    for (int c = 0; c < 2; c++) {
        b.lo[c] = lesser(g, v[c], v[c + 2]);
        b.hi[c] = greater(g, v[c], v[c + 2]);
    }
    b.area = v_mul(g, v_sub(g, b.hi[0], b.lo[0]), v_sub(g, b.hi[1], b.lo[1]));
    return b;
}

static Vec similarity(const Nms *s, const Box *a, Ival i, Ival j)
{
    Gen *g = s->r->g;
    if (s->overlaps) return r_get(s->r, s->boxes, i_add(g, i_mul(g, i, s->n), j), s->t);
    Box b = corners(s, j);
    Vec zero = v_f(g, JITC_FLOAT32, 1, 0), side[2];
    for (int c = 0; c < 2; c++) {
        side[c] = v_sub(g, lesser(g, a->hi[c], b.hi[c]), greater(g, a->lo[c], b.lo[c]));
        side[c] = v_select(g, v_cmp(g, CMP_LT, side[c], zero), zero, side[c]);
    }
    Vec both = v_mul(g, side[0], side[1]);
    Vec iou = v_div(g, both, v_sub(g, v_add(g, a->area, b.area), both));
    Vec flat = v_or(g, v_cmp(g, CMP_LE, a->area, zero), v_cmp(g, CMP_LE, b.area, zero));
    return v_select(g, flat, zero, iou);
}

typedef struct {
    Vec most, least, scale, soft;
} Rules;

/* The candidate's score after what it has not met yet of the chosen ones; *dropped: it overlaps too much. */
static Vec suppress(const Nms *s, const Rules *k, const Entry *e, Ival chosen, Vec *dropped)
{
    Gen *g = s->r->g;
    Ival box = i_from_v(g, e->box), begin = i_from_v(g, e->begin);
    Box a = {0};
    if (!s->overlaps) a = corners(s, box);
    Vec state[3] = {e->score, v_from_c(g, c_const(false)), r_i64(s->r, i_sub(g, chosen, ival(1)))};
    REPEAT(g, l, c_le(g, begin, i_from_v(g, state[2])), state, 3)
    {
        Ival at = i_from_v(g, state[2]), next = i_sub(g, at, ival(1));
        Vec near = r_round(s->r, similarity(s, &a, box, i_load(g, s->chosen, at, JITC_INT32)), s->t);
        Vec power = r_round(s->r, v_mul(g, r_round(s->r, v_mul(g, k->scale, near), s->t), near), s->t);
        Vec weight = r_round(s->r, vm_exp(g, power), s->t);
        Vec lower = r_round(s->r, v_mul(g, state[0], weight), s->t);
        state[0] = v_select(g, k->soft, lower, state[0]);
        state[1] = v_and(g, v_not(g, k->soft), v_cmp(g, CMP_GT, near, k->most));
        Vec stop = v_or(g, state[1], v_and(g, k->soft, v_cmp(g, CMP_LE, state[0], k->least)));
        l.more = c_and(g, c_le(g, begin, next), c_not(g, c_from_v(g, stop)));
        state[2] = r_i64(s->r, next);
    }
    *dropped = state[1];
    return state[0];
}

void emit_nms(Routine *r, Ival unit)
{
    Gen *g = r->g;
    const Type *tb = r_in(r, BOXES);
    DType t = tb->dtype;
    Nms s = {.r = r, .t = t, .overlaps = attr_i(r->op, "overlaps"), .by_index = !attr_i(r->op, "heap_order")};
    s.n = r_dim(r, r_in(r, SCORES), 1);
    s.score = r->scratch;
    Ival room = i_add(g, s.n, ival(1));
    s.box = p_at(g, s.score, room, JITC_FLOAT32);
    s.begin = p_at(g, s.box, room, JITC_INT32);
    Ival size = r_dim(r, r_out(r, 0), 1), out = i_mul(g, unit, size);
    Ival base = i_mul(g, i_div(g, unit, ival(attr_i(r->op, "share"))), r_numel(r, tb, 1, 3));
    s.boxes = p_at(g, r->in[BOXES], base, carrier(t));
    s.chosen = p_at(g, r->out[0], out, JITC_INT32);
    r_zero(r, r->out[0], out, size, JITC_INT32);
    r_zero(r, r->out[1], out, size, t);
    Vec sigma = r_get(r, r->in[SIGMA], ival(0), t), zero = v_f(g, JITC_FLOAT32, 1, 0);
    Rules k = {r_get(r, r->in[OVERLAP], ival(0), t), r_get(r, r->in[SCORE], ival(0), t), zero,
               v_cmp(g, CMP_GT, sigma, zero)};
    k.scale = v_select(g, k.soft, r_round(r, v_div(g, v_f(g, JITC_FLOAT32, 1, -0.5), sigma), t), zero);
    Ival limit = i_min(g, r_int(r, LIMIT, ival(0)), size), scores = i_mul(g, unit, s.n);
    Vec none = v_i(g, JITC_INT32, 1, 0), count[2] = {r_i64(r, ival(0)), r_i64(r, ival(0))};
    FOR_CARRY (g, i, ival(0), s.n, ival(1), count, 1) {
        Vec x = r_get(r, r->in[SCORES], i_add(g, scores, i.i), t);
        IF_CARRY(g, enters, c_from_v(g, v_cmp(g, CMP_GT, x, k.least)), count, 1)
        {
            Entry e = {x, v_from_i(g, i.i, JITC_INT32), none};
            sift_up(&s, i_from_v(g, count[0]), &e);
            count[0] = r_i64(r, i_add(g, i_from_v(g, count[0]), ival(1)));
        }
    }
    Cond some = c_lt(g, ival(0), i_from_v(g, count[0]));
    REPEAT(g, l, c_and(g, some, c_lt(g, ival(0), limit)), count, 2)
    {
        Ival waiting = i_sub(g, i_from_v(g, count[0]), ival(1)), chosen = i_from_v(g, count[1]);
        Entry e = entry(&s, ival(0));
        pop(&s, waiting);
        count[0] = r_i64(r, waiting);
        Vec dropped, score = suppress(&s, &k, &e, chosen, &dropped);
        Vec keeps = v_and(g, v_not(g, dropped), v_cmp(g, CMP_EQ, score, e.score));
        Vec falls = v_and(g, v_not(g, v_or(g, dropped, keeps)), v_cmp(g, CMP_GT, score, k.least));
        IF_CARRY(g, taken, c_from_v(g, keeps), count, 2)
        {
            v_store(g, s.chosen, chosen, e.box);
            r_put(r, r->out[1], i_add(g, out, chosen), t, score);
            count[1] = r_i64(r, i_add(g, chosen, ival(1)));
        }
        IF_CARRY(g, back, c_from_v(g, falls), count, 2)
        {
            Entry again = {score, e.box, v_from_i(g, chosen, JITC_INT32)};
            sift_up(&s, waiting, &again);
            count[0] = r_i64(r, i_add(g, waiting, ival(1)));
        }
        l.more = c_and(g, c_lt(g, ival(0), i_from_v(g, count[0])), c_lt(g, i_from_v(g, count[1]), limit));
    }
    v_store(g, r->out[2], unit, count[1]);
}
