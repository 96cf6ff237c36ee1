/* Common subexpressions: ops with equal code, attributes and operands compute one value. */
#include "passes/util.h"

typedef struct {
    Hash key;
    Op *op;
} Entry;

static void put(Str *s, const void *data, size_t n)
{
    str_putn(s, data, n);
}

static void put_attrs(Str *s, const Op *op)
{
    for (int k = 0; k < IR_MAX_ATTRS && op->def->attrs[k].name; k++) {
        const Attr *a = &op->attrs[k];
        if (a->kind == ATTR_STR)
            put(s, a->s, strlen(a->s) + 1);
        else if (a->kind == ATTR_INTS || a->kind == ATTR_DIMS)
            put(s, &a->n, sizeof a->n), put(s, a->v, a->n * sizeof *a->v);
        else if (a->kind == ATTR_FLOAT)
            put(s, &a->f, sizeof a->f);
        else
            put(s, &a->i, sizeof a->i);
    }
}

static void put_type(Str *s, const Type *t)
{
    put(s, (uint8_t[]){t->dtype, t->rank, t->layout}, 3);
    put(s, t->dim, t->rank * sizeof *t->dim);
}

static Hash key_of(const Op *op)
{
    Str s = {0};
    uint32_t code = op->code;
    put(&s, &code, sizeof code);
    put_attrs(&s, op);
    if (op->code == OP_const || op->code == OP_weight) put_type(&s, &op->out[0]->type);
    if (op->code == OP_const) {
        Hash h = hash_bytes(op->value.data, (size_t)type_bytes(&op->value.type));
        put(&s, &h, sizeof h);
    } else if (op->code == OP_weight) {
        const WeightRef *w = &op->weight;
        uint32_t kind = w->kind;
        put(&s, &kind, sizeof kind);
        put(&s, &w->offset, sizeof w->offset);
        put(&s, &w->splat, sizeof w->splat);
        put(&s, &w->bytes, sizeof w->bytes);
        put(&s, &w->handle, sizeof w->handle);
    }
    bool swap = op->def->commutative && op->nin == 2 && op->in[0]->id > op->in[1]->id;
    for (int i = 0; i < op->nin; i++) put(&s, &op->in[swap ? 1 - i : i]->id, sizeof op->in[i]->id);
    Hash h = hash_bytes(str_text(&s), s.n);
    if (s.oom) h = (Hash){op->id, (uint64_t)1 << 63}; /* equal to no other */
    str_free(&s);
    return h;
}

typedef struct {
    Module *m;
    Entry *table;
    uint32_t cap;
    VEC(uint32_t) filled; /* in order, so that a region's entries can be taken out again */
    bool changed;
} Cse;

/* Values of the regions around are visible, those of a region that has ended are not. */
static void run(Cse *c, Region *r)
{
    uint32_t filled = c->filled.n;
    ir_each_op (op, r) {
        if (op->other) {
            run(c, op->other);
            run(c, op->body);
        }
        if ((op->def->kind >= KIND_SIZE && op->code != OP_sizes) || op->nout != 1 || !op->out[0]->nuses ||
            !op_is_pure(op))
            continue;
        Hash key = key_of(op);
        uint32_t i = (uint32_t)key.lo & (c->cap - 1);
        while (c->table[i].op && !hash_eq(c->table[i].key, key)) i = (i + 1) & (c->cap - 1);
        if (!c->table[i].op) {
            c->table[i] = (Entry){key, op};
            vec_push(c->m->job, &c->filled, i);
        } else if (ir_replace(c->m, op->out[0], c->table[i].op->out[0])) {
            c->changed = true;
        }
    }
    while (c->filled.n > filled) c->table[c->filled.at[--c->filled.n]].op = NULL;
}

bool pass_cse(Module *m, PassCx *cx)
{
    (void)cx;
    Cse c = {.m = m, .cap = 64};
    Regions r = ir_regions(m);
    uint32_t n = 0;
    for (uint32_t i = 0; i < r.n; i++) n += number_ops(r.at[i]);
    while (c.cap < 2 * n) c.cap *= 2;
    c.table = job_array(m->job, Entry, c.cap);
    for (Func *f = m->funcs; f; f = f->next) run(&c, f->body);
    return c.changed;
}
