/* Eigenvalues and singular values by Jacobi's rotations, in f64. */
#include "ir/ops/jacobi.h"
#include "codegen/llvm/routines/routine.h"

static const DType wide = JITC_FLOAT64;

static Vec number(Gen *g, double x)
{
    return v_f(g, wide, 1, x);
}

/* Element [i, j] of n columns. */
static Ival at(Gen *g, Ival i, Ival n, Ival j)
{
    return i_add(g, i_mul(g, i, n), j);
}

static Vec get(Gen *g, Ptr p, Ival i)
{
    return v_load(g, p, i, wide, 1);
}

static void rotation(Gen *g, Vec p, Vec q, Vec off, Vec *c, Vec *s)
{
    Vec one = number(g, 1), theta = v_div(g, v_sub(g, q, p), v_mul(g, number(g, 2), off));
    Vec root = v_sqrt(g, v_add(g, v_mul(g, theta, theta), one));
    Vec t = v_div(g, one, v_add(g, v_abs(g, theta), root));
    t = v_select(g, v_cmp(g, CMP_LT, theta, number(g, 0)), v_neg(g, t), t);
    *c = v_div(g, one, v_sqrt(g, v_add(g, v_mul(g, t, t), one)));
    *s = v_mul(g, t, *c);
}

static void rotate(Gen *g, Ptr p, Ival first, Ival second, Ival n, Ival stride, Vec c, Vec s)
{
    FOR (g, k, ival(0), n, ival(1)) {
        Ival far = i_mul(g, k.i, stride), i = i_add(g, first, far), j = i_add(g, second, far);
        Vec x = get(g, p, i), y = get(g, p, j);
        v_store(g, p, i, v_sub(g, v_mul(g, c, x), v_mul(g, s, y)));
        v_store(g, p, j, v_add(g, v_mul(g, s, x), v_mul(g, c, y)));
    }
}

static void identity(Gen *g, Ptr p, Ival n)
{
    FOR (g, i, ival(0), n, ival(1))
        FOR (g, j, ival(0), n, ival(1))
            v_store(g, p, at(g, i.i, n, j.i),
                    v_from_i(g, i_select(g, c_eq(g, i.i, j.i), ival(1), ival(0)), wide));
}

static void put(Routine *r, int result, Ival i, Vec v)
{
    DType t = r_out(r, result)->dtype;
    v_store(r->g, r->out[result], i, v_cast(r->g, v, t));
}

/* How many of n numbers, `step` apart, come before number j: the lesser ones, or the greater ones. */
static Ival place_of(Routine *r, Ptr p, Ival step, Ival n, Ival j, bool lesser)
{
    Gen *g = r->g;
    Vec own = get(g, p, i_mul(g, j, step)), count = r_i64(r, ival(0));
    FOR_CARRY (g, i, ival(0), n, ival(1), &count, 1) {
        Vec x = get(g, p, i_mul(g, i.i, step));
        Cond before = c_from_v(g, v_cmp(g, lesser ? CMP_LT : CMP_GT, x, own));
        Cond after = c_from_v(g, v_cmp(g, lesser ? CMP_LT : CMP_GT, own, x));
        before = c_or(g, before, c_and(g, c_lt(g, i.i, j), c_not(g, after)));
        count = r_i64(r, i_add(g, i_from_v(g, count), i_select(g, before, ival(1), ival(0))));
    }
    return i_from_v(g, count);
}

typedef struct {
    Ptr a, v; /* a: eigh's matrix, svd's u */
    Ival m, n;
} Task;

/* Whether there was something to rotate; `columns`: which are to be orthogonal, not a matrix diagonal. */
static Vec pair(Routine *r, const Task *t, Ival p, Ival q, bool columns)
{
    Gen *g = r->g;
    Vec x, y, off, least, more = r_i64(r, ival(0));
    if (columns) {
        Vec sum[3] = {number(g, 0), number(g, 0), number(g, 0)};
        FOR_CARRY (g, k, ival(0), t->m, ival(1), sum, 3) {
            Vec a = get(g, t->a, at(g, k.i, t->n, p)), b = get(g, t->a, at(g, k.i, t->n, q));
            sum[0] = v_add(g, sum[0], v_mul(g, a, a));
            sum[1] = v_add(g, sum[1], v_mul(g, b, b));
            sum[2] = v_add(g, sum[2], v_mul(g, a, b));
        }
        x = sum[0], y = sum[1], off = sum[2];
        least = v_mul(g, v_mul(g, number(g, JACOBI_EPSILON), v_sqrt(g, x)), v_sqrt(g, y));
    } else {
        x = get(g, t->a, at(g, p, t->n, p));
        y = get(g, t->a, at(g, q, t->n, q));
        off = get(g, t->a, at(g, p, t->n, q));
        least = v_mul(g, number(g, JACOBI_EPSILON), v_add(g, v_abs(g, x), v_abs(g, y)));
    }
    IF_CARRY(g, is, c_from_v(g, v_cmp(g, CMP_GT, v_abs(g, off), least)), &more, 1)
    {
        Vec c, s;
        rotation(g, x, y, off, &c, &s);
        rotate(g, t->a, p, q, t->m, t->n, c, s);
        if (!columns) rotate(g, t->a, i_mul(g, p, t->n), i_mul(g, q, t->n), t->n, ival(1), c, s);
        rotate(g, t->v, p, q, t->n, t->n, c, s);
        more = r_i64(r, ival(1));
    }
    return more;
}

static void solve(Routine *r, const Task *t, bool columns)
{
    Gen *g = r->g;
    REPEAT(g, sweep, c_const(true), NULL, 0)
    {
        Vec more = r_i64(r, ival(0));
        FOR_CARRY (g, p, ival(0), t->n, ival(1), &more, 1)
            FOR_CARRY (g, q, i_add(g, p.i, ival(1)), t->n, ival(1), &more, 1)
                more = v_or(g, more, pair(r, t, p.i, q.i, columns));
        sweep.more = c_and(g, c_lt(g, ival(0), i_from_v(g, more)),
                           c_lt(g, i_add(g, sweep.i, ival(1)), ival(JACOBI_SWEEPS)));
    }
}

void emit_eigh(Routine *r, Ival unit)
{
    Gen *g = r->g;
    const Type *x = r_in(r, 0);
    Ival n = r_dim(r, x, x->rank - 1), area = i_mul(g, n, n), from = i_mul(g, unit, area);
    Task t = {.a = r->scratch, .v = p_at(g, r->scratch, area, wide), .m = n, .n = n};
    FOR (g, i, ival(0), n, ival(1))
        FOR (g, j, ival(0), n, ival(1)) {
            Ival below = at(g, i_max(g, i.i, j.i), n, i_min(g, i.i, j.i));
            v_store(g, t.a, at(g, i.i, n, j.i),
                    v_cast(g, v_load(g, r->in[0], i_add(g, from, below), x->dtype, 1), wide));
        }
    identity(g, t.v, n);
    solve(r, &t, false);
    r_zero(r, r->out[0], from, area, x->dtype);
    r_zero(r, r->out[1], i_mul(g, unit, n), n, x->dtype);
    FOR (g, j, ival(0), n, ival(1)) {
        Ival step = i_add(g, n, ival(1)), place = place_of(r, t.a, step, n, j.i, true);
        put(r, 1, i_add(g, i_mul(g, unit, n), place), get(g, t.a, i_mul(g, j.i, step)));
        FOR (g, i, ival(0), n, ival(1))
            put(r, 0, i_add(g, from, at(g, i.i, n, place)), get(g, t.v, at(g, i.i, n, j.i)));
    }
}

void emit_svd(Routine *r, Ival unit)
{
    Gen *g = r->g;
    const Type *x = r_in(r, 0);
    Ival m = r_dim(r, x, x->rank - 2), n = r_dim(r, x, x->rank - 1), area = i_mul(g, m, n);
    Ival from = i_mul(g, unit, area), square = i_mul(g, n, n);
    Task t = {.a = r->scratch, .v = p_at(g, r->scratch, area, wide), .m = m, .n = n};
    Ptr length = p_at(g, t.v, square, wide);
    Vec most = number(g, 0), zero = most;
    FOR_CARRY (g, i, ival(0), area, ival(1), &most, 1) {
        Vec v = v_cast(g, v_load(g, r->in[0], i_add(g, from, i.i), x->dtype, 1), wide), size = v_abs(g, v);
        v_store(g, t.a, i.i, v);
        most = v_select(g, v_cmp(g, CMP_GT, size, most), size, most);
    }
    most = v_select(g, v_cmp(g, CMP_EQ, most, zero), number(g, 1), most);
    FOR (g, i, ival(0), area, ival(1)) v_store(g, t.a, i.i, v_div(g, get(g, t.a, i.i), most));
    identity(g, t.v, n);
    solve(r, &t, true);
    r_zero(r, r->out[0], from, area, x->dtype);
    r_zero(r, r->out[1], i_mul(g, unit, n), n, x->dtype);
    r_zero(r, r->out[2], i_mul(g, unit, square), square, x->dtype);
    FOR (g, j, ival(0), n, ival(1)) {
        Vec sum = zero;
        FOR_CARRY (g, k, ival(0), m, ival(1), &sum, 1) {
            Vec v = get(g, t.a, at(g, k.i, n, j.i));
            sum = v_add(g, sum, v_mul(g, v, v));
        }
        v_store(g, length, j.i, v_sqrt(g, sum));
    }
    FOR (g, j, ival(0), n, ival(1)) {
        Ival place = place_of(r, length, ival(1), n, j.i, false);
        Vec s = get(g, length, j.i), by = v_select(g, v_cmp(g, CMP_GT, s, zero), s, number(g, 1));
        put(r, 1, i_add(g, i_mul(g, unit, n), place), v_mul(g, s, most));
        FOR (g, i, ival(0), m, ival(1))
            put(r, 0, i_add(g, from, at(g, i.i, n, place)), v_div(g, get(g, t.a, at(g, i.i, n, j.i)), by));
        FOR (g, i, ival(0), n, ival(1))
            put(r, 2, i_add(g, i_mul(g, unit, square), at(g, i.i, n, place)),
                get(g, t.v, at(g, i.i, n, j.i)));
    }
}
