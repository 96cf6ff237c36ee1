/* Helpers that several passes share. */
#include "passes/util.h"

#include "ir/dim.h"

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
    } else if (op && op->nin && !op->body && op_is_pure(op) && op->def->kind != KIND_CONST &&
               op->def->kind < KIND_SIZE) {
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

/* -- Rewriting --------------------------------------------------------------------------------- */
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

bool has_algo(const Op *kernel, const char *algo)
{
    return strcmp(attr_s(kernel, "algo"), algo) == 0;
}

Builder builder_at(Module *m, Op *before)
{
    return (Builder){.m = m, .region = before->parent, .before = before, .from = before->from};
}

/* -- Types ------------------------------------------------------------------------------------- */
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

static bool follows(const Value *v, const Region *r, int depth)
{
    enum { DEPTH = 16 };
    if (!v->def || v->def->parent != r || depth == DEPTH) return false;
    if (v->def->def->kind == KIND_CONTRACT) return true;
    if (v->def->def->kind != KIND_MAP) return false;
    for (int i = 0; i < v->def->nin; i++) {
        const Value *in = v->def->in[i];
        if (dims_equal(&in->type, &v->type) && follows(in, r, depth + 1)) return true;
    }
    return false;
}

bool follows_contraction(const Value *v, const Region *r)
{
    return follows(v, r, 0);
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

/* -- Counted loops -------------------------------------------------------------------------------------- */
static bool known_number(Module *m, Value *v, Dim *out)
{
    return v->type.rank <= 1 && ir_dims_of(m, v, out, 1);
}

bool loop_counter(Module *m, const Op *loop, int k, Dim *start, int64_t *step)
{
    Value *arg = loop->body->args[k];
    const Op *add = ir_terminator(loop->body)->in[k]->def;
    if (!add || add->code != OP_add || add->parent != loop->body) return false;
    int other = add->in[0] == arg ? 1 : 0;
    const Tensor *by = add->in[!other] == arg ? ir_reveal(m, add->in[other]) : NULL;
    if (!by || type_numel(&by->type) != 1 || !dtype_is_int(by->type.dtype) || tensor_i(by, 0) < 1)
        return false;
    *step = tensor_i(by, 0);
    return known_number(m, loop->in[k], start);
}

/* Rounds until `test` of the condition fails. */
static bool rounds_of(Module *m, const Op *loop, const Value *test, Dim *rounds)
{
    const Op *op = test->def;
    Dim a, b, start, limit;
    int64_t step;
    if (!op || op->parent != loop->other) return false;
    if (op->code == OP_logical_and) {
        if (!rounds_of(m, loop, op->in[0], &a) || !rounds_of(m, loop, op->in[1], &b)) return false;
        *rounds = dim_min(m, a, b);
        return true;
    }
    bool less = op->code == OP_less || op->code == OP_less_equal,
         more = op->code == OP_greater || op->code == OP_greater_equal;
    if (!less && !more) return false;
    Value *i = op->in[less ? 0 : 1], *n = op->in[less ? 1 : 0];
    if (i->owner != loop->other || !loop_counter(m, loop, (int)i->index, &start, &step)) return false;
    if (!known_number(m, n, &limit)) return false;
    if (op->code == OP_less_equal || op->code == OP_greater_equal) limit = dim_add(m, limit, 1);
    *rounds = dim_max(m, 0, dim_ceildiv(m, dim_sub(m, limit, start), step));
    return true;
}

bool loop_rounds(Module *m, const Op *loop, Dim *rounds)
{
    return loop->code == OP_while && rounds_of(m, loop, ir_terminator(loop->other)->in[0], rounds);
}
