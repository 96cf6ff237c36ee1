/* Fourier transforms in the Stockham form: stage by stage between two buffers, one factor of n each, with
 * real and imaginary parts apart. */
#include "codegen/llvm/routines/routine.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

typedef struct {
    Vec re, im;
} Pair;

typedef struct {
    const Routine *r;
    Gen *g;
    DType t;
    Ival n;
    Ptr buffer; /* both: real parts, imaginary parts, twice */
} Fft;

/* A factor r of n after others with the product s: m = n / (r * s). */
typedef struct {
    Ival r, s, m, from, to; /* places of the buffers */
} Stage;

enum { RADIX_MAX = 5 };
static const int radixes[] = {4, 2, 3, RADIX_MAX}; /* those of straight code */

static Pair load(const Fft *f, Ival at, int lanes)
{
    Gen *g = f->g;
    return (Pair){v_load(g, f->buffer, at, f->t, lanes),
                  v_load(g, f->buffer, i_add(g, at, f->n), f->t, lanes)};
}

static void store(const Fft *f, Ival at, Pair v)
{
    v_store(f->g, f->buffer, at, v.re);
    v_store(f->g, f->buffer, i_add(f->g, at, f->n), v.im);
}

static Pair root(const Fft *f, Ival k, int lanes)
{
    Gen *g = f->g;
    Ival at = i_add(g, k, k);
    Vec re = v_load(g, f->r->in[1], at, f->t, 1), im = v_load(g, f->r->in[1], i_add(g, at, ival(1)), f->t, 1);
    return (Pair){v_splat(g, re, lanes), v_splat(g, im, lanes)};
}

static Pair add(Gen *g, Pair a, Pair b)
{
    return (Pair){v_add(g, a.re, b.re), v_add(g, a.im, b.im)};
}

static Pair sub(Gen *g, Pair a, Pair b)
{
    return (Pair){v_sub(g, a.re, b.re), v_sub(g, a.im, b.im)};
}

static Pair mul(Gen *g, Pair a, Pair b)
{
    return (Pair){v_sub(g, v_mul(g, a.re, b.re), v_mul(g, a.im, b.im)),
                  v_add(g, v_mul(g, a.re, b.im), v_mul(g, a.im, b.re))};
}

static Pair by_minus_i(Gen *g, Pair a)
{
    return (Pair){a.im, v_neg(g, a.re)};
}

static Pair add_times(Gen *g, Pair sum, Pair a, double k)
{
    Vec f = v_f(g, a.re.dtype, a.re.lanes, k);
    return (Pair){v_add(g, sum.re, v_mul(g, a.re, f)), v_add(g, sum.im, v_mul(g, a.im, f))};
}

/* Elements j and r - j of the transform are the sum and the difference of one combination. */
static void odd_butterfly(Gen *g, int r, const Pair *a, Pair *y)
{
    int half = r / 2;
    Pair plus[RADIX_MAX / 2 + 1], minus[RADIX_MAX / 2 + 1], zero = sub(g, a[0], a[0]);
    y[0] = a[0];
    for (int k = 1; k <= half; k++) {
        plus[k] = add(g, a[k], a[r - k]);
        minus[k] = by_minus_i(g, sub(g, a[k], a[r - k]));
        y[0] = add(g, y[0], plus[k]);
    }
    for (int j = 1; j <= half; j++) {
        Pair even = a[0], odd = zero;
        for (int k = 1; k <= half; k++) {
            double turn = 2 * PI * (j * k % r) / r;
            even = add_times(g, even, plus[k], cos(turn));
            odd = add_times(g, odd, minus[k], sin(turn));
        }
        y[j] = add(g, even, odd);
        y[r - j] = sub(g, even, odd);
    }
}

static void butterfly(Gen *g, int r, const Pair *a, Pair *y)
{
    if (r == 2) {
        y[0] = add(g, a[0], a[1]);
        y[1] = sub(g, a[0], a[1]);
    } else if (r == 4) {
        Pair p = add(g, a[0], a[2]), q = add(g, a[1], a[3]);
        Pair u = sub(g, a[0], a[2]), v = by_minus_i(g, sub(g, a[1], a[3]));
        y[0] = add(g, p, q), y[1] = add(g, u, v), y[2] = sub(g, p, q), y[3] = sub(g, u, v);
    } else {
        odd_butterfly(g, r, a, y);
    }
}

/* Where element (q, p, k) of the stage's operand, and (q, j, p) of its result are. */
static Ival operand_at(const Fft *f, const Stage *s, Ival q, Ival p, Ival k)
{
    Gen *g = f->g;
    return i_add(g, s->from, i_add(g, q, i_mul(g, s->s, i_add(g, p, i_mul(g, k, s->m)))));
}

static Ival result_at(const Fft *f, const Stage *s, Ival q, Ival p, Ival j)
{
    Gen *g = f->g;
    return i_add(g, s->to, i_add(g, q, i_mul(g, s->s, i_add(g, i_mul(g, p, s->r), j))));
}

static void straight(const Fft *f, const Stage *s, int r, Ival p, Ival q, const Pair *w, int lanes)
{
    Gen *g = f->g;
    Pair a[RADIX_MAX], y[RADIX_MAX];
    for (int k = 0; k < r; k++) a[k] = load(f, operand_at(f, s, q, p, ival(k)), lanes);
    butterfly(g, r, a, y);
    for (int j = 0; j < r; j++) {
        Pair by = j ? (Pair){v_splat(g, w[j].re, lanes), v_splat(g, w[j].im, lanes)} : y[j];
        store(f, result_at(f, s, q, p, ival(j)), j ? mul(g, y[j], by) : y[j]);
    }
}

static Ival whole_lanes(Gen *g, Ival n)
{
    return i_mul(g, i_div(g, n, ival(LANES)), ival(LANES));
}

static void straight_stage(const Fft *f, const Stage *s, int r)
{
    Gen *g = f->g;
    Ival whole = whole_lanes(g, s->s);
    FOR (g, p, ival(0), s->m, ival(1)) {
        Pair w[RADIX_MAX];
        for (int j = 1; j < r; j++) w[j] = root(f, i_mul(g, ival(j), i_mul(g, p.i, s->s)), 1);
        FOR (g, q, ival(0), whole, ival(LANES)) straight(f, s, r, p.i, q.i, w, LANES);
        FOR (g, q, whole, s->s, ival(1)) straight(f, s, r, p.i, q.i, w, 1);
    }
}

static void summed(const Fft *f, const Stage *s, Ival p, Ival j, Ival q, int lanes)
{
    Gen *g = f->g;
    Ival step = i_mul(g, j, i_mul(g, s->s, s->m)), first = i_mul(g, j, i_mul(g, p, s->s));
    Vec zero = v_f(g, f->t, lanes, 0), v[3] = {zero, zero, r_i64(f->r, first)};
    FOR_CARRY (g, k, ival(0), s->r, ival(1), v, 3) {
        Ival at = r_ival(f->r, v[2]), next = i_add(g, at, step), less = i_sub(g, next, f->n);
        Pair sum = add(g, (Pair){v[0], v[1]},
                       mul(g, load(f, operand_at(f, s, q, p, k.i), lanes), root(f, at, lanes)));
        v[0] = sum.re, v[1] = sum.im;
        v[2] = r_i64(f->r, i_select(g, c_lt(g, next, f->n), next, less));
    }
    store(f, result_at(f, s, q, p, j), (Pair){v[0], v[1]});
}

/* Any factor, by the definition. */
static void general_stage(const Fft *f, const Stage *s)
{
    Gen *g = f->g;
    Ival whole = whole_lanes(g, s->s);
    FOR (g, p, ival(0), s->m, ival(1))
        FOR (g, j, ival(0), s->r, ival(1)) {
            FOR (g, q, ival(0), whole, ival(LANES)) summed(f, s, p.i, j.i, q.i, LANES);
            FOR (g, q, whole, s->s, ival(1)) summed(f, s, p.i, j.i, q.i, 1);
        }
}

/* The place of the buffer that has the result. */
static Ival known_stages(const Fft *f)
{
    Ival from = ival(0), other = ival(2 * f->n.k);
    for (int64_t left = f->n.k, s = 1; left > 1;) {
        int64_t r = 0;
        for (size_t i = 0; i < COUNT(radixes) && !r; i++)
            if (left % radixes[i] == 0) r = radixes[i];
        bool simple = r;
        for (r = simple ? r : RADIX_MAX + 2; left % r && r * r <= left;) r += 2;
        if (left % r) r = left;
        left /= r;
        Stage stage = {ival(r), ival(s), ival(left), from, other};
        if (simple)
            straight_stage(f, &stage, (int)r);
        else
            general_stage(f, &stage);
        s *= r;
        from = stage.to, other = stage.from;
    }
    return from;
}

/* The smallest odd factor that has no straight code. */
static Ival general_factor(const Fft *f, Ival left)
{
    Gen *g = f->g;
    Vec v = r_i64(f->r, ival(RADIX_MAX + 2));
    Cond divides = c_eq(g, i_mod(g, left, ival(RADIX_MAX + 2)), ival(0));
    REPEAT(g, l, c_not(g, divides), &v, 1)
    {
        Ival r = i_add(g, r_ival(f->r, v), ival(2));
        r = i_select(g, c_lt(g, left, i_mul(g, r, r)), left, r);
        v = r_i64(f->r, r);
        l.more = c_not(g, c_eq(g, i_mod(g, left, r), ival(0)));
    }
    return r_ival(f->r, v);
}

static Ival open_stages(const Fft *f)
{
    Gen *g = f->g;
    const Routine *r = f->r;
    Ival both = i_mul(g, ival(2), f->n);
    Vec v[3] = {r_i64(r, f->n), r_i64(r, ival(1)), r_i64(r, ival(0))};
    REPEAT(g, l, c_lt(g, ival(1), f->n), v, 3)
    {
        Ival left = r_ival(r, v[0]), s = r_ival(r, v[1]), from = r_ival(r, v[2]), to = i_sub(g, both, from);
        Cond done = c_const(false);
        Vec factor = r_i64(r, ival(1));
        for (size_t i = 0; i < COUNT(radixes); i++) {
            Ival radix = ival(radixes[i]);
            Cond fits = c_and(g, c_not(g, done), c_eq(g, i_mod(g, left, radix), ival(0)));
            IF_CARRY(g, simple, fits, &factor, 1)
            {
                Stage stage = {radix, s, i_div(g, left, radix), from, to};
                straight_stage(f, &stage, radixes[i]);
                factor = r_i64(r, radix);
            }
            done = c_or(g, done, fits);
        }
        IF_CARRY(g, general, c_not(g, done), &factor, 1)
        {
            Ival radix = general_factor(f, left);
            Stage stage = {radix, s, i_div(g, left, radix), from, to};
            general_stage(f, &stage);
            factor = r_i64(r, radix);
        }
        Ival radix = r_ival(r, factor), rest = i_div(g, left, radix);
        v[0] = r_i64(r, rest), v[1] = r_i64(r, i_mul(g, s, radix)), v[2] = r_i64(r, to);
        l.more = c_lt(g, ival(1), rest);
    }
    return r_ival(r, v[2]);
}

void emit_fft(Routine *r, Ival unit)
{
    Gen *g = r->g;
    const Type *x = r_in(r, 0);
    int64_t parts = x->dim[x->rank - 1];
    Fft f = {r, g, x->dtype, r_dim(r, x, x->rank - 2), r->scratch};
    bool inverse = attr_i(r->op, "inverse");
    Ival begin = i_mul(g, unit, f.n);
    FOR (g, i, ival(0), f.n, ival(1)) {
        Ival at = i_mul(g, i_add(g, begin, i.i), ival(parts));
        Vec re = v_load(g, r->in[0], at, f.t, 1), im = v_f(g, f.t, 1, 0);
        if (parts == 2) im = v_load(g, r->in[0], i_add(g, at, ival(1)), f.t, 1);
        store(&f, i.i, inverse ? (Pair){im, re} : (Pair){re, im});
    }
    Ival from = f.n.konst ? known_stages(&f) : open_stages(&f);
    Vec scale = v_f(g, f.t, 1, 1);
    if (inverse) scale = v_div(g, scale, v_from_i(g, f.n, f.t));
    FOR (g, i, ival(0), f.n, ival(1)) {
        Ival at = i_mul(g, i_add(g, begin, i.i), ival(2));
        Pair v = load(&f, i_add(g, from, i.i), 1);
        Vec re = inverse ? v_mul(g, v.im, scale) : v.re, im = inverse ? v_mul(g, v.re, scale) : v.im;
        v_store(g, r->out[0], at, re);
        v_store(g, r->out[0], i_add(g, at, ival(1)), im);
    }
}
