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

static bool run(Module *m, Region *r)
{
    uint32_t n = number_ops(r), cap = 64;
    while (cap < 2 * n) cap *= 2;
    Entry *table = job_array(m->job, Entry, cap);
    bool changed = false;
    ir_each_op (op, r) {
        if (op->def->kind == KIND_REGION || op->nout != 1 || !op->out[0]->nuses) continue;
        Hash key = key_of(op);
        uint32_t i = (uint32_t)key.lo & (cap - 1);
        while (table[i].op && !hash_eq(table[i].key, key)) i = (i + 1) & (cap - 1);
        if (!table[i].op)
            table[i] = (Entry){key, op};
        else if (ir_replace(m, op->out[0], table[i].op->out[0]))
            changed = true;
    }
    return changed;
}

bool pass_cse(Module *m, PassCx *cx)
{
    (void)cx;
    bool changed = false;
    for (Func *f = m->funcs; f; f = f->next) changed |= run(m, f->body);
    return changed;
}
