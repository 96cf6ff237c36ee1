/* Packing the weights of a plan: recipes and their keys, evaluation of what is no view, the order of work. */
#include "codegen/plan/pack.h"

#include <stdlib.h>

#include "codegen/plan/pack_private.h"

/* -- Keys: a hash over the tree of ops down to the places of the source's bytes -------------------------- */
static void put_hash(Str *s, Hash h)
{
    str_putn(s, (const char *)&h, sizeof h);
}

static Hash leaf_key(Job *job, const Op *op)
{
    Str s = {0};
    str_printf(&s, "%s ", op->def->name);
    Type plain = op->out[0]->type;
    plain.layout = LAYOUT_PLAIN; /* a form is chosen by the reader */
    type_print(NULL, &s, &plain);
    const void *bytes = op->code == OP_const ? op->value.data : NULL;
    if (op->code == OP_weight) {
        const WeightRef *w = &op->weight;
        str_printf(&s, " %d %llu %a", (int)w->kind, (unsigned long long)w->offset, w->splat);
        if (w->kind == WEIGHT_BYTES) bytes = w->bytes;
    }
    if (bytes) put_hash(&s, hash_bytes(bytes, (size_t)type_bytes(&plain)));
    bool oom = s.oom;
    Hash h = hash_bytes(str_text(&s), s.n);
    str_free(&s);
    if (oom) job_fail(job, JITC_E_NOMEM);
    return h;
}

static Hash op_key(const Recipes *r, const Op *op, int result)
{
    Str s = {0};
    str_printf(&s, "%s %d ", op->def->name, result);
    for (int i = 0; i < IR_MAX_ATTRS && op->def->attrs[i].name; i++) {
        const Attr *a = &op->attrs[i];
        if (a->kind == ATTR_STR)
            str_printf(&s, "%zu %s ", strlen(a->s), a->s);
        else if (a->kind == ATTR_INTS || a->kind == ATTR_DIMS)
            for (uint32_t k = 0; k <= a->n; k++)
                str_printf(&s, "%lld ", k ? (long long)a->v[k - 1] : (long long)a->n);
        else
            str_printf(&s, "%llx ", (unsigned long long)a->i); /* FLOAT: its bits */
    }
    for (int i = 0; i < op->nin; i++) put_hash(&s, r->key[op->in[i]->id]);
    bool oom = s.oom;
    Hash h = hash_bytes(str_text(&s), s.n);
    str_free(&s);
    if (oom) job_fail(r->m->job, JITC_E_NOMEM);
    return h;
}

void recipes_init(Recipes *r, Module *m)
{
    *r = (Recipes){m, job_array(m->job, Hash, m->next_value + 1)};
    const Func *f = ir_find_func(m, "init");
    for (const Op *op = f ? f->body->first : NULL; op && op->code != OP_yield; op = op->next) {
        job_tick(m->job);
        for (int i = 0; i < op->nout; i++)
            r->key[op->out[i]->id] = is_const_like(op->out[i]) ? leaf_key(m->job, op) : op_key(r, op, i);
    }
}

Hash recipe_key(const Recipes *r, const Value *v)
{
    Hash h = r->key[v->id];
    return h.lo || h.hi ? h : leaf_key(r->m->job, v->def);
}

/* -- Evaluation -------------------------------------------------------------------------------- */
enum {
    KEEP = 64 << 10
}; /* results up to this size stay for other recipes: scales are shared, filters are not */

typedef struct {
    Module *m;
    Recipes recipes;
    PackTable *table;
    Tensor *env;  /* by value id: results of @init that stay */
    Tensor *temp; /* by value id: those of the running recipe */
    VEC(uint32_t) temps;
    Job tmp; /* their memory */
    bool tmp_open;
} Packer;

static void close_tmp(void *arg)
{
    Packer *p = arg;
    if (p->tmp_open) job_free(&p->tmp);
    p->tmp_open = false;
}

static Tensor known(const Packer *p, const Value *v)
{
    if (v->def->code == OP_const) return v->def->value;
    return p->env[v->id].data ? p->env[v->id] : p->temp[v->id];
}

static void set_known(Packer *p, const Value *v, Tensor t)
{
    t.type.layout = LAYOUT_PLAIN;
    if (type_bytes(&t.type) <= KEEP) {
        p->env[v->id] = t;
    } else {
        p->temp[v->id] = t;
        vec_push(p->m->job, &p->temps, v->id);
    }
}

static Tensor new_tensor(Packer *p, const Type *type)
{
    Type t = *type;
    t.layout = LAYOUT_PLAIN;
    return tensor_new(type_bytes(&t) <= KEEP ? p->m->job : &p->tmp, &t);
}

static void read_leaf(Packer *p, const Op *op)
{
    const Type *t = &op->out[0]->type;
    Tensor x = {*t, NULL};
    if (op->weight.kind == WEIGHT_BYTES) {
        x.data = (void *)(uintptr_t)op->weight.bytes;
    } else {
        x = new_tensor(p, t);
        if (!weight_read(p->m, &op->weight, t, x.data)) job_fail(p->m->job, JITC_E_INVALID);
    }
    set_known(p, op->out[0], x);
}

static int by_mark(const void *a, const void *b)
{
    const Op *x = *(Op *const *)a, *y = *(Op *const *)b;
    return (x->mark > y->mark) - (x->mark < y->mark);
}

/* Evaluates v and what it needs, in the order of @init. */
static Tensor evaluate(Packer *p, const Value *v)
{
    if (!v->def) job_bug(p->m->job, "@init has an argument");
    if (known(p, v).data) return known(p, v);
    Job *job = p->m->job;
    VEC(Op *) todo = {0};
    uint8_t *seen = job_alloc(&p->tmp, p->m->next_value + 1);
    vec_push(job, &todo, v->def);
    seen[v->id] = 1;
    for (uint32_t i = 0; i < todo.n; i++) {
        const Op *op = todo.at[i];
        for (int k = 0; k < op->nin; k++) {
            const Value *in = op->in[k];
            if (!in->def) job_bug(job, "@init has an argument");
            if (seen[in->id] || known(p, in).data) continue;
            seen[in->id] = 1;
            vec_push(job, &todo, in->def);
        }
    }
    qsort(todo.at, todo.n, sizeof *todo.at, by_mark);
    for (uint32_t i = 0; i < todo.n; i++) {
        const Op *op = todo.at[i];
        job_tick(job);
        if (known(p, op->out[0]).data) continue;
        if (op->code == OP_weight) {
            read_leaf(p, op);
            continue;
        }
        Tensor *in = job_array(job, Tensor, op->nin + 1), *out = job_array(job, Tensor, op->nout + 1);
        for (int k = 0; k < op->nin; k++) in[k] = known(p, op->in[k]);
        for (int k = 0; k < op->nout; k++) out[k] = new_tensor(p, &op->out[k]->type);
        ir_eval_op(p->m, op, in, out);
        for (int k = 0; k < op->nout; k++) set_known(p, op->out[k], out[k]);
    }
    return known(p, v);
}

/* -- One weight -------------------------------------------------------------------------------- */
/* The value that the weight w of @main is: a result of @init, or itself. */
static const Value *source_of(Packer *p, const Value *w)
{
    if (w->def->code != OP_weight || w->def->weight.kind != WEIGHT_INIT) return w;
    const Func *f = ir_find_func(p->m, "init");
    const Op *end = f ? ir_terminator(f->body) : NULL;
    if (!end || w->def->weight.offset >= end->nin) job_bug(p->m->job, "a weight is no result of @init");
    return end->in[w->def->weight.offset];
}

static void fill(Packer *p, const PackView *view, Layout layout, void *dst)
{
    const Value *src = view->src;
    if (layout == LAYOUT_PLAIN && src->def->code == OP_weight && pack_view_is_copy(view)) {
        if (!weight_read(p->m, &src->def->weight, &src->type, dst)) job_fail(p->m->job, JITC_E_INVALID);
        return;
    }
    /* A transformed filter is several times larger than the filter, so it is made in its place. */
    const Op *winograd = NULL;
    PackView filter;
    if (layout == LAYOUT_PANEL && is_op(src, OP_winograd_filter) && src->type.dtype == JITC_FLOAT32 &&
        pack_view_is_copy(view)) {
        winograd = src->def;
        pack_view(winograd->in[0], &filter);
        view = &filter;
    }
    Tensor from = evaluate(p, view->src), scale[MAX_STEPS] = {0};
    for (int i = 0; i < view->nsteps; i++)
        if (view->step[i].scale) scale[i] = evaluate(p, view->step[i].scale);
    if (winograd)
        pack_winograd(&p->tmp, winograd, view, &from, scale, dst);
    else
        pack_fill(&p->tmp, view, layout, &from, scale, dst);
}

static void drop_temps(Packer *p)
{
    for (uint32_t i = 0; i < p->temps.n; i++) p->temp[p->temps.at[i]] = (Tensor){0};
    p->temps.n = 0;
}

/* *out is set before the work begins, so that an entry whose filling fails is released with the others. */
static void pack_one(Packer *p, const Value *w, Packed **out)
{
    const Value *v = source_of(p, w);
    struct {
        Hash recipe;
        uint64_t form;
    } text = {recipe_key(&p->recipes, v), w->type.layout};
    Hash key = hash_bytes(&text, sizeof text);
    if ((*out = pack_take(p->table, key))) return;
    PackView view;
    pack_view(v, &view);
    *out = pack_add(p->m->job, p->table, key, type_bytes(&w->type));
    /* The temporary tensors have a job of their own, so that they are gone when the next one begins. */
    job_init_in(&p->tmp, p->table->memory, &p->m->job->limits);
    p->tmp_open = true;
    if (JOB_ENTER(&p->tmp) == JITC_OK) fill(p, &view, w->type.layout, (*out)->data);
    jitc_status status = p->tmp.status;
    for (const Diag *d = p->tmp.diags; d; d = d->next) job_error(p->m->job, "%s", d->text);
    close_tmp(p);
    drop_temps(p);
    if (status) job_fail(p->m->job, status);
}

void pack_weights(Module *m, const Plan *plan, PackTable *t, Packed **out)
{
    Packer *p = job_new(m->job, Packer);
    p->m = m;
    p->table = t;
    p->env = job_array(m->job, Tensor, m->next_value + 1);
    p->temp = job_array(m->job, Tensor, m->next_value + 1);
    job_on_exit(m->job, close_tmp, p);
    recipes_init(&p->recipes, m);
    const Func *f = ir_find_func(m, "init");
    uint32_t n = 0;
    for (Op *op = f ? f->body->first : NULL; op; op = op->next) op->mark = n++;
    for (uint32_t i = 0; i < plan->nweight; i++) {
        job_tick(m->job);
        pack_one(p, plan->weight[i], &out[i]);
    }
}
