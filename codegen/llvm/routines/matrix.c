/* Factorisations of matrices, and what is solved with them: one matrix a unit. */
#include "codegen/llvm/routines/routine.h"

#include <float.h>
#include <math.h>

typedef struct {
    const Routine *r;
    Ptr p; /* first element */
    Ival rows, cols;
    DType t;
} Matrix;

static Matrix matrix(const Routine *r, Ptr p, const Type *t, Ival unit)
{
    Gen *g = r->g;
    Ival rows = r_dim(r, t, t->rank - 2), cols = r_dim(r, t, t->rank - 1);
    p = p_at(g, p, i_mul(g, unit, i_mul(g, rows, cols)), t->dtype);
    return (Matrix){r, p, rows, cols, t->dtype};
}

static Vec get(const Matrix *m, Ival i, Ival j)
{
    Gen *g = m->r->g;
    return r_get(m->r, m->p, i_add(g, i_mul(g, i, m->cols), j), m->t);
}

static void put(const Matrix *m, Ival i, Ival j, Vec v)
{
    Gen *g = m->r->g;
    r_put(m->r, m->p, i_add(g, i_mul(g, i, m->cols), j), m->t, v);
}

static void copy(const Matrix *to, const Matrix *from)
{
    r_copy(to->r, to->p, ival(0), from->p, ival(0), i_mul(to->r->g, from->rows, from->cols), to->t);
}

static Vec number(const Matrix *m, double k)
{
    return v_f(m->r->g, m->t, 1, k);
}

static Ival next(Gen *g, Ival i)
{
    return i_add(g, i, ival(1));
}

void emit_cholesky(Routine *r, Ival unit)
{
    Gen *g = r->g;
    Matrix x = matrix(r, r->in[0], r_in(r, 0), unit), l = matrix(r, r->out[0], r_out(r, 0), unit);
    Vec zero = number(&x, 0), failed = zero;
    FOR_CARRY (g, j, ival(0), x.rows, ival(1), &failed, 1) {
        Vec s = get(&x, j.i, j.i);
        FOR_CARRY (g, k, ival(0), j.i, ival(1), &s, 1) {
            Vec v = get(&l, j.i, k.i);
            s = v_sub(g, s, v_mul(g, v, v));
        }
        failed = v_select(g, v_cmp(g, CMP_LE, s, zero), number(&x, 1), failed);
        Vec d = v_sqrt(g, s);
        put(&l, j.i, j.i, d);
        FOR (g, i, next(g, j.i), x.rows, ival(1)) {
            Vec u = get(&x, i.i, j.i);
            FOR_CARRY (g, k, ival(0), j.i, ival(1), &u, 1)
                u = v_sub(g, u, v_mul(g, get(&l, i.i, k.i), get(&l, j.i, k.i)));
            put(&l, i.i, j.i, v_div(g, u, d));
            put(&l, j.i, i.i, zero);
        }
    }
    IF(g, none, c_from_v(g, v_cmp(g, CMP_NE, failed, zero)))
    {
        FOR (g, i, ival(0), x.rows, ival(1))
            FOR (g, j, ival(0), next(g, i.i), ival(1)) put(&l, i.i, j.i, number(&x, NAN));
    }
}

/* -- LU ---------------------------------------------------------------------------------------- */
/* The row of the largest element of column k from row k on; the first of equals. */
static Ival pivot_row(const Matrix *a, Ival k)
{
    Gen *g = a->r->g;
    Vec best[2] = {v_abs(g, get(a, k, k)), r_i64(a->r, k)};
    FOR_CARRY (g, i, next(g, k), a->rows, ival(1), best, 2) {
        Vec v = v_abs(g, get(a, i.i, k)), more = v_cmp(g, CMP_GT, v, best[0]);
        best[0] = v_select(g, more, v, best[0]);
        best[1] = v_select(g, more, r_i64(a->r, i.i), best[1]);
    }
    return r_ival(a->r, best[1]);
}

static void swap_rows(const Matrix *a, Ptr perm, Ival i, Ival j)
{
    Gen *g = a->r->g;
    FOR (g, k, ival(0), a->cols, ival(1)) {
        Vec v = get(a, i, k.i);
        put(a, i, k.i, get(a, j, k.i));
        put(a, j, k.i, v);
    }
    Ival p = i_load(g, perm, i, JITC_INT32), q = i_load(g, perm, j, JITC_INT32);
    i_store(g, perm, i, JITC_INT32, q);
    i_store(g, perm, j, JITC_INT32, p);
}

void emit_lu(Routine *r, Ival unit)
{
    Gen *g = r->g;
    Matrix x = matrix(r, r->in[0], r_in(r, 0), unit), a = matrix(r, r->out[0], r_out(r, 0), unit);
    Ptr perm = p_at(g, r->out[1], i_mul(g, unit, a.rows), JITC_INT32);
    Vec sign = number(&a, 1), zero = number(&a, 0);
    copy(&a, &x);
    FOR (g, i, ival(0), a.rows, ival(1)) i_store(g, perm, i.i, JITC_INT32, i.i);
    FOR_CARRY (g, k, ival(0), a.rows, ival(1), &sign, 1) {
        Ival p = pivot_row(&a, k.i);
        IF_CARRY(g, other, c_not(g, c_eq(g, p, k.i)), &sign, 1)
        {
            swap_rows(&a, perm, k.i, p);
            sign = v_neg(g, sign);
        }
        Vec pivot = get(&a, k.i, k.i);
        if (attr_i(r->op, "strict")) g_report(g, c_from_v(g, v_cmp(g, CMP_EQ, pivot, zero)), unit);
        IF(g, some, c_from_v(g, v_cmp(g, CMP_NE, pivot, zero)))
        {
            FOR (g, i, next(g, k.i), a.rows, ival(1)) {
                Vec f = v_div(g, get(&a, i.i, k.i), pivot);
                put(&a, i.i, k.i, f);
                FOR (g, j, next(g, k.i), a.cols, ival(1))
                    put(&a, i.i, j.i, v_sub(g, get(&a, i.i, j.i), v_mul(g, f, get(&a, k.i, j.i))));
            }
        }
    }
    r_put(r, r->out[2], unit, a.t, sign);
}

void emit_triangular_solve(Routine *r, Ival unit)
{
    Gen *g = r->g;
    Matrix a = matrix(r, r->in[0], r_in(r, 0), unit), b = matrix(r, r->in[1], r_in(r, 1), unit);
    Matrix x = matrix(r, r->out[0], r_out(r, 0), unit);
    bool trans = attr_i(r->op, "trans"), forward = (attr_i(r->op, "lower") != 0) != trans;
    copy(&x, &b);
    FOR (g, s, ival(0), a.rows, ival(1)) {
        Ival i = forward ? s.i : i_sub(g, i_sub(g, a.rows, ival(1)), s.i);
        FOR (g, k, forward ? ival(0) : next(g, i), forward ? i : a.rows, ival(1)) {
            Vec f = trans ? get(&a, k.i, i) : get(&a, i, k.i);
            FOR (g, j, ival(0), x.cols, ival(1))
                put(&x, i, j.i, v_sub(g, get(&x, i, j.i), v_mul(g, f, get(&x, k.i, j.i))));
        }
        if (attr_i(r->op, "unit")) continue;
        Vec d = get(&a, i, i);
        FOR (g, j, ival(0), x.cols, ival(1)) put(&x, i, j.i, v_div(g, get(&x, i, j.i), d));
    }
}

/* -- QR ---------------------------------------------------------------------------------------- */
/* Applies I - tau * v * transpose(v) to the columns of `to` from `from` on; v is 1 in row k, and below it
 * what stands in column k of a. */
static void reflect(const Matrix *a, Ival k, Vec tau, const Matrix *to, Ival from)
{
    Gen *g = a->r->g;
    FOR (g, j, from, to->cols, ival(1)) {
        Vec s = get(to, k, j.i);
        FOR_CARRY (g, i, next(g, k), a->rows, ival(1), &s, 1)
            s = v_add(g, s, v_mul(g, get(a, i.i, k), get(to, i.i, j.i)));
        s = v_mul(g, s, tau);
        put(to, k, j.i, v_sub(g, get(to, k, j.i), s));
        FOR (g, i, next(g, k), a->rows, ival(1))
            put(to, i.i, j.i, v_sub(g, get(to, i.i, j.i), v_mul(g, s, get(a, i.i, k))));
    }
}

static Vec reflector(const Matrix *a, Ival k)
{
    Gen *g = a->r->g;
    Vec tail = number(a, 0), c = get(a, k, k), zero = tail;
    FOR_CARRY (g, i, next(g, k), a->rows, ival(1), &tail, 1) {
        Vec v = get(a, i.i, k);
        tail = v_add(g, tail, v_mul(g, v, v));
    }
    Vec none = v_cmp(g, CMP_LE, tail, number(a, a->t == JITC_FLOAT64 ? DBL_MIN : (double)FLT_MIN));
    Vec root = v_sqrt(g, v_add(g, v_mul(g, c, c), tail));
    Vec beta = v_select(g, v_cmp(g, CMP_GE, c, zero), v_neg(g, root), root), length = v_sub(g, c, beta);
    FOR (g, i, next(g, k), a->rows, ival(1))
        put(a, i.i, k, v_select(g, none, zero, v_div(g, get(a, i.i, k), length)));
    put(a, k, k, v_select(g, none, c, beta));
    return v_select(g, none, zero, v_div(g, v_sub(g, beta, c), beta));
}

void emit_qr(Routine *r, Ival unit)
{
    Gen *g = r->g;
    Matrix x = matrix(r, r->in[0], r_in(r, 0), unit), q = matrix(r, r->out[0], r_out(r, 0), unit);
    Matrix u = matrix(r, r->out[1], r_out(r, 1), unit), a = x;
    Ival least = i_min(g, x.rows, x.cols);
    a.p = r->scratch;
    Ptr tau = p_at(g, r->scratch, i_mul(g, x.rows, x.cols), x.t);
    copy(&a, &x);
    FOR (g, k, ival(0), least, ival(1)) {
        Vec t = reflector(&a, k.i);
        r_put(r, tau, k.i, x.t, t);
        reflect(&a, k.i, t, &a, next(g, k.i));
    }
    FOR (g, i, ival(0), q.rows, ival(1))
        FOR (g, j, ival(0), q.cols, ival(1))
            put(&q, i.i, j.i, v_from_i(g, i_select(g, c_eq(g, i.i, j.i), ival(1), ival(0)), x.t));
    FOR (g, s, ival(0), least, ival(1)) {
        Ival k = i_sub(g, i_sub(g, least, ival(1)), s.i);
        reflect(&a, k, r_get(r, tau, k, x.t), &q, ival(0));
    }
    FOR (g, i, ival(0), u.rows, ival(1))
        FOR (g, j, ival(0), u.cols, ival(1)) {
            Vec below = v_from_c(g, c_lt(g, j.i, i.i));
            put(&u, i.i, j.i, v_select(g, below, number(&x, 0), get(&a, i.i, j.i)));
        }
}
