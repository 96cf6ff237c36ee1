#include "codegen/llvm/igemm_parts.h"

#include "codegen/plan/spec.h"

enum { MOST_VALUES = 256 };

/* The vectors of one row and 16 columns. Of a tensor as wide as the product there is one per part. */
typedef struct {
    const Parts *p;
    int64_t n;
    Ival m, column;
    bool masked;
    Vec mask;
    struct {
        const Value *value;
        int64_t part;
        Vec vec;
    } known[MOST_VALUES];
    int nknown;
} Columns;

static int64_t product_width(const Kernel *k)
{
    return k->body->args[1]->type.dim[1];
}

int64_t parts_count(const Kernel *k)
{
    return product_width(k) / k->parts;
}

int64_t parts_width(const Kernel *k)
{
    return round_up(product_width(k), PANEL);
}

void parts_panels(const Parts *p, Ival part, Ival *first, Ival *end)
{
    Gen *g = p->g;
    Ival begin = i_mul(g, part, ival(p->k->parts)), up = ival(PANEL - 1), line = ival(PANEL);
    Ival before = i_sub(g, i_add(g, begin, p->to), ival(p->k->parts));
    Ival had = i_div(g, i_max(g, ival(0), i_add(g, before, up)), line);
    *first = i_max(g, had, i_div(g, i_add(g, begin, p->from), line));
    *end = i_div(g, i_add(g, i_add(g, begin, p->to), up), line);
}

static Vec load(const Columns *c, Ptr from, Ival at, DType t)
{
    return c->masked ? v_load_n(c->p->g, from, at, t, c->mask) : v_load(c->p->g, from, at, t, LANES);
}

static Vec value_of(Columns *c, const Value *v, int64_t part)
{
    const Parts *p = c->p;
    Gen *g = p->g;
    const Type *t = &v->type;
    bool whole = t->rank && t->dim[t->rank - 1] == c->n;
    if (!whole) part = 0;
    for (int i = 0; i < c->nknown; i++)
        if (c->known[i].value == v && c->known[i].part == part) return c->known[i].vec;
    Ival at = i_add(g, c->column, ival(whole ? part * p->k->parts : 0));
    Vec r;
    if (v == p->anchor) {
        Ival row = i_mul(g, i_sub(g, c->m, p->m0), ival(parts_width(p->k)));
        r = load(c, p->sums, i_add(g, row, at), t->dtype);
    } else if (!v->def && t->rank == 0) {
        r = v_splat(g, v_load(g, g_ptr(g, (int)v->index), ival(0), t->dtype, 1), LANES);
    } else if (!v->def) {
        if (t->rank == 2) at = i_add(g, at, i_mul(g, c->m, ival(whole ? c->n : p->k->parts)));
        r = load(c, g_ptr(g, (int)v->index), at, t->dtype);
    } else if (v->def->code == OP_const) {
        r = const_element(g, v->def, 0, LANES);
    } else if (v->def->code == OP_slice) {
        r = value_of(c, v->def->in[0], attr_v(v->def, "begin", NULL)[1] / p->k->parts);
    } else {
        Vec in[MAP_MAX_IN];
        if (v->def->nin > MAP_MAX_IN) g_fail(g, "'%s' in an epilogue", v->def->def->name);
        for (int i = 0; i < v->def->nin; i++) in[i] = value_of(c, v->def->in[i], part);
        r = map_op(g, v->def, in);
    }
    if (c->nknown == MOST_VALUES) g_fail(g, "an epilogue of more than %d values", MOST_VALUES);
    c->known[c->nknown].value = v;
    c->known[c->nknown].part = part;
    c->known[c->nknown++].vec = r;
    return r;
}

/* All is computed before anything is stored: a result may take an operand's place. */
static void store_columns(Columns *c)
{
    const Parts *p = c->p;
    Gen *g = p->g;
    const Op *yield = ir_terminator(p->k->body);
    Ival at = i_add(g, i_mul(g, c->m, ival(p->k->parts)), c->column);
    c->nknown = 0;
    for (int i = 0; i < yield->nin; i++) value_of(c, yield->in[i], 0);
    for (int i = 0; i < yield->nin; i++) {
        Vec v = value_of(c, yield->in[i], 0);
        if (c->masked)
            v_store_n(g, g_ptr(g, p->k->nin + i), at, v, c->mask);
        else
            v_store(g, g_ptr(g, p->k->nin + i), at, v);
    }
}

void parts_store(const Parts *p)
{
    Gen *g = p->g;
    Columns c = {.p = p, .n = product_width(p->k)};
    FOR (g, m, p->m0, p->m1, ival(1))
        FOR (g, column, p->from, p->to, ival(LANES)) {
            c.m = m.i;
            c.column = column.i;
            Ival left = i_sub(g, p->to, column.i);
            Cond full = p->k->parts % LANES ? c_le(g, ival(LANES), left) : c_const(true);
            c.masked = false;
            IF(g, all, full) store_columns(&c);
            IF(g, some, c_not(g, full))
            {
                c.masked = true;
                c.mask = v_first(g, left);
                store_columns(&c);
            }
        }
}
