/* Helpers that several passes share. */
#include "passes/util.h"

/* -- Cones of weights ------------------------------------------------------------------------------------ */
static void grow(Cone *c, uint32_t n)
{
    if (n <= c->n) return;
    n += n / 2 + 64;
    uint8_t *state = job_array(c->m->job, uint8_t, n);
    if (c->n) memcpy(state, c->state, c->n);
    c->state = state;
    c->n = n;
}

bool cone_has(Cone *c, const Value *v)
{
    grow(c, v->id + 1);
    if (c->state[v->id]) return c->state[v->id] == 1;
    const Op *op = v->def;
    bool yes = false;
    if (op && is_const_like(v)) {
        yes = true;
    } else if (op && op->nin && !op->body && op->def->kind != KIND_CONST && op->def->kind < KIND_SIZE) {
        yes = op_sizes_known(c->m, op);
        for (int i = 0; i < op->nout; i++) yes = yes && type_static(&op->out[i]->type);
        for (int i = 0; i < op->nin && yes; i++) yes = cone_has(c, op->in[i]);
    }
    c->state[v->id] = yes ? 1 : 2;
    return yes;
}

void cone_init(Cone *c, Module *m)
{
    *c = (Cone){.m = m};
    grow(c, m->next_value);
    /* Definitions first, so that no question recurs deeply. */
    Regions r = ir_regions(m);
    for (uint32_t k = 0; k < r.n; k++)
        ir_each_op (op, r.at[k])
            for (int i = 0; i < op->nout; i++) cone_has(c, op->out[i]);
}

/* -- Rewriting ----------------------------------------------------------------------------------------------
 */
bool replace(Module *m, Value *old, Value *by)
{
    if (!by) job_bug(m->job, "a pass built an op whose types do not fit");
    return ir_replace(m, old, by);
}

void must_replace(Module *m, Value *old, Value *by)
{
    int64_t fuel = m->fuel;
    m->fuel = INT64_MAX;
    replace(m, old, by);
    m->fuel = fuel;
}

Builder builder_at(Module *m, Op *before)
{
    return (Builder){.m = m, .region = before->parent, .before = before, .from = before->from};
}

/* -- Types
 * ---------------------------------------------------------------------------------------------------- */
bool dims_equal(const Type *a, const Type *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

Dim last_dim(const Type *t)
{
    return t->rank ? t->dim[t->rank - 1] : 1;
}

bool is_scalar_like(const Type *t)
{
    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] != 1) return false;
    return true;
}

bool is_vector_of(const Type *t, Dim c)
{
    for (int i = 0; i < t->rank - 1; i++)
        if (t->dim[i] != 1) return false;
    return last_dim(t) == 1 || last_dim(t) == c;
}

bool is_depthwise(const Op *conv)
{
    int64_t groups = attr_i(conv, "groups");
    return groups > 1 && conv->in[0]->type.dim[3] == groups;
}

int64_t bytes_guess(const Type *t)
{
    int64_t n = (int64_t)dtype_size(t->dtype);
    for (int i = 0; i < t->rank; i++)
        if (!mul_ok(n, dim_known(t->dim[i]) ? t->dim[i] : 16, &n) || n > (int64_t)1 << 48)
            return (int64_t)1 << 48;
    return n;
}

bool perm_is_trivial(const Type *t, const int64_t *perm)
{
    int64_t last = -1;
    for (int i = 0; i < t->rank; i++) {
        if (t->dim[perm[i]] == 1) continue;
        if (perm[i] < last) return false;
        last = perm[i];
    }
    return true;
}

uint32_t number_ops(Region *r)
{
    uint32_t n = 0;
    ir_each_op (op, r) op->mark = n++;
    return n;
}
