/* Elementwise kernels: rows of the innermost dim in vectors, operands broadcast by their strides. */
#include "codegen/llvm/emit.h"

enum { MAP_RANK = 6, UNROLL_MAX = 4, OPERANDS = 64, VALUES = 256 };

typedef struct {
    Ptr p;
    DType t;
    bool has[MAP_RANK]; /* steps along that dim; else broadcast */
    Ival stride[MAP_RANK];
    Ival row;  /* offset of the current row */
    Vec line;  /* where rows are one vector, and follow each other with the same one: that */
    Vec splat; /* when it does not step along the innermost dim */
} Operand;

typedef struct {
    Gen *g;
    const Kernel *k;
    int rank;
    Ival dim[MAP_RANK];
    Operand in[OPERANDS];
    Ptr out[OPERANDS];
    Ival out_pitch[OPERANDS], out_row; /* elements from row to row; the row's number */
    const Op *yield;
    int nin, unroll;
    bool narrow; /* some tail would need masks that the target lacks */
} Map;

static bool steps(const Type *t, int rank, int d)
{
    int at = d - (rank - t->rank);
    return at >= 0 && t->dim[at] != 1;
}

/* Roughly the instructions of an op on one vector. */
static int cost(const Op *op)
{
    switch (op->code) {
    case OP_exp:
    case OP_expm1:
    case OP_log:
    case OP_log1p:
    case OP_tanh:
    case OP_sigmoid:
    case OP_erf:
    case OP_elu:
    case OP_selu:
    case OP_custom_map:
    case OP_softplus:
    case OP_softsign: return 24;
    case OP_sin:
    case OP_cos:
    case OP_pow:
    case OP_atan2:
    case OP_floor_div:
    case OP_floor_mod:
    case OP_trunc_mod: return 100;
    default: return 1;
    }
}

static void setup(Map *m)
{
    Gen *g = m->g;
    const Region *body = m->k->body;
    m->yield = ir_terminator(body);
    const Type *r = &m->yield->in[0]->type;
    m->rank = r->rank;
    m->nin = (int)body->nargs;
    if (m->rank < 1 || m->rank > MAP_RANK || m->nin > OPERANDS || m->yield->nin > OPERANDS)
        g_fail(g, "a map kernel of rank %d with %d operands", m->rank, m->nin);
    for (int d = 0; d < m->rank; d++) m->dim[d] = dim_known(r->dim[d]) ? ival(r->dim[d]) : g_dim(g, d);
    for (int i = 0; i < m->nin; i++) {
        const Type *t = &body->args[i]->type;
        Operand *o = &m->in[i];
        o->p = g_ptr(g, i);
        o->t = carrier(t->dtype);
        o->row = ival(0);
        m->narrow = m->narrow || dtype_size(o->t) < 4;
        Ival stride = ival(1);
        for (int d = m->rank - 1; d >= 0; d--) {
            o->has[d] = steps(t, m->rank, d);
            o->stride[d] = stride;
            bool rows = m->k->pitch && d == m->rank - 1;
            if (o->has[d]) stride = rows ? g_dim(g, m->rank + 1 + i) : i_mul(g, stride, m->dim[d]);
        }
    }
    int work = 0;
    for (const Op *op = body->first; op; op = op->next) work += op->nout ? cost(op) : 0;
    for (int i = 0; i < m->yield->nin; i++) {
        m->out[i] = g_ptr(g, m->nin + i);
        m->out_pitch[i] = m->k->pitch ? g_dim(g, m->rank + 1 + m->nin + i) : m->dim[m->rank - 1];
        m->narrow = m->narrow || dtype_size(carrier(m->yield->in[i]->type.dtype)) < 4;
    }
    m->narrow = m->narrow || !g_isa(g)->masks;
    m->unroll = work <= 8 ? 4 : work <= 30 ? 2 : 1;
}

/* Evaluates the region for `n` vectors from element `at` of the row, and stores its results. With `mask` one
 * partial vector; lanes 1: one element. */
static void evaluate(Map *m, Ival at, int n, int lanes, const Vec *mask)
{
    Gen *g = m->g;
    const Region *body = m->k->body;
    struct {
        const Value *v;
        Vec vec[UNROLL_MAX];
    } known[VALUES];
    int nknown = 0;
    if (body->nargs > VALUES / 2) g_fail(g, "a map kernel of %u operands", body->nargs);
    for (uint32_t i = 0; i < body->nargs; i++, nknown++) {
        Operand *o = &m->in[i];
        known[nknown].v = body->args[i];
        for (int j = 0; j < n; j++) {
            Ival e = i_add(g, i_add(g, o->row, at), ival((int64_t)j * lanes));
            known[nknown].vec[j] = !o->has[m->rank - 1] ? v_splat(g, o->splat, lanes)
                                   : o->line.v          ? o->line
                                   : mask               ? v_load_n(g, o->p, e, o->t, *mask)
                                                        : v_load(g, o->p, e, o->t, lanes);
        }
    }
    for (const Op *op = body->first; op; op = op->next) {
        if (!op->nout) continue;
        if (nknown == VALUES) g_fail(g, "a map kernel of more than %d values", VALUES);
        known[nknown].v = op->out[0];
        for (int j = 0; j < n; j++) {
            Vec in[MAP_MAX_IN];
            for (int i = 0; i < op->nin && i < MAP_MAX_IN; i++) {
                int at_known = nknown - 1;
                while (at_known >= 0 && known[at_known].v != op->in[i]) at_known--;
                if (at_known < 0) g_fail(g, "an operand of '%s' is not computed", op->def->name);
                in[i] = known[at_known].vec[j];
            }
            known[nknown].vec[j] = op->code == OP_const ? const_element(g, op, 0, lanes) : map_op(g, op, in);
        }
        nknown++;
    }
    for (int i = 0; i < m->yield->nin; i++)
        for (int r = 0; r < nknown; r++) {
            if (known[r].v != m->yield->in[i]) continue;
            for (int j = 0; j < n; j++) {
                Ival row = i_mul(g, m->out_row, m->out_pitch[i]);
                Ival e = i_add(g, i_add(g, row, at), ival((int64_t)j * lanes));
                Vec v = v_splat(g, known[r].vec[j], lanes);
                if (mask)
                    v_store_n(g, m->out[i], e, v, *mask);
                else
                    v_store(g, m->out[i], e, v);
            }
            break;
        }
}

/* Elements [lo, hi) of the current row. */
static void run(Map *m, Ival lo, Ival hi)
{
    Gen *g = m->g;
    int64_t wide = (int64_t)m->unroll * LANES;
    Ival count = i_sub(g, hi, lo);
    Ival main_end = i_add(g, lo, i_mul(g, i_div(g, count, ival(wide)), ival(wide)));
    Ival vec_end = i_add(g, lo, i_mul(g, i_div(g, count, ival(LANES)), ival(LANES)));
    for (int i = 0; i < m->nin; i++) {
        Operand *o = &m->in[i];
        if (!o->has[m->rank - 1]) o->splat = v_load(g, o->p, o->row, o->t, 1);
    }
    FOR (g, i, lo, main_end, ival(wide)) evaluate(m, i.i, m->unroll, LANES, NULL);
    if (m->unroll > 1)
        FOR (g, i, main_end, vec_end, ival(LANES)) evaluate(m, i.i, 1, LANES, NULL);
    if (m->narrow) {
        FOR (g, i, vec_end, hi, ival(1)) evaluate(m, i.i, 1, 1, NULL);
        return;
    }
    IF(g, tail, c_lt(g, vec_end, hi))
    {
        Vec mask = v_first(g, i_sub(g, hi, vec_end));
        evaluate(m, vec_end, 1, LANES, &mask);
    }
}

void emit_map(Gen *g, const Kernel *k)
{
    Map *m = job_new(k->m->job, Map);
    m->g = g;
    m->k = k;
    setup(m);
    int r = m->rank;
    Ival rows = g_dim(g, r), inner = m->dim[r - 1], total = r == 1 ? inner : ival(1);
    for (int d = 0; d < r - 1; d++) total = i_mul(g, total, m->dim[d]);
    Ival lo = i_mul(g, g_unit0(g), rows), hi = i_min(g, i_mul(g, g_unit1(g), rows), total);
    m->out_row = ival(0);
    if (r == 1) {
        IF(g, some, c_lt(g, lo, hi)) run(m, lo, hi);
        return;
    }
    /* Rows that differ in one index alone, block after block. */
    Ival each = m->dim[r - 2], blocks = i_div(g, i_sub(g, i_add(g, hi, each), ival(1)), each);
    bool lines = inner.konst && inner.k == LANES && !m->narrow;
    FOR (g, block, i_div(g, lo, each), blocks, ival(1)) {
        Ival index[MAP_RANK], rest = block.i, first[OPERANDS] = {0};
        for (int d = r - 3; d > 0; d--) {
            index[d] = i_mod(g, rest, m->dim[d]);
            rest = i_div(g, rest, m->dim[d]);
        }
        index[0] = rest;
        for (int i = 0; i < m->nin; i++) {
            Operand *o = &m->in[i];
            first[i] = ival(0);
            for (int d = 0; d < r - 2; d++)
                if (o->has[d]) first[i] = i_add(g, first[i], i_mul(g, index[d], o->stride[d]));
            if (lines && o->has[r - 1] && !o->has[r - 2]) o->line = v_load(g, o->p, first[i], o->t, LANES);
        }
        Ival from = i_mul(g, block.i, each), end = i_min(g, hi, i_add(g, from, each));
        FOR (g, row, i_max(g, lo, from), end, ival(1)) {
            Ival at = i_sub(g, row.i, from);
            for (int i = 0; i < m->nin; i++) {
                Operand *o = &m->in[i];
                o->row = o->has[r - 2] ? i_add(g, first[i], i_mul(g, at, o->stride[r - 2])) : first[i];
            }
            m->out_row = row.i;
            run(m, ival(0), inner);
        }
    }
}
