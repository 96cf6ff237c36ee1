/* Work on weights alone moves to @init, which runs once at load; main reads the results as weights. The
 * chains that end in a relayout stay whole there: packing reads the source and never makes the steps between.
 */
#include "passes/util.h"

typedef struct {
    Module *m;
    Func *init;
    Region *main;
    Cone cone;
    Value **inside; /* by value id of main: the same value in @init */
    Value **result; /* by value id of main: the weight that reads it */
    uint32_t n;
} Init;

/* An op that moves: on weights only, and not itself a leaf. */
static bool moves(Init *p, const Op *op)
{
    return op->parent == p->main && op->nout == 1 && !is_const_like(op->out[0]) &&
           cone_has(&p->cone, op->out[0]);
}

static Value *inside(Init *p, Value *v)
{
    Op *op = v->def;
    if (op->code == OP_weight && op->weight.kind == WEIGHT_INIT) /* of this run or an earlier one */
        return ir_terminator(p->init->body)->in[op->weight.offset];
    if (p->inside[v->id]) return p->inside[v->id];
    Builder b = {.m = p->m, .region = p->init->body, .before = ir_terminator(p->init->body)};
    Value *in[64], **at = op->nin <= 64 ? in : job_array(p->m->job, Value *, op->nin);
    for (int i = 0; i < op->nin; i++) at[i] = inside(p, op->in[i]); /* movers come in order: one level deep */
    const Op *c = ir_clone(&b, op, at);
    for (int i = 0; i < op->nout; i++) p->inside[op->out[i]->id] = c->out[i];
    return p->inside[v->id];
}

/* The main weight that carries a moved value. */
static Value *outside(Init *p, Value *v)
{
    if (p->result[v->id]) return p->result[v->id];
    Op *end = ir_terminator(p->init->body);
    Builder b = builder_at(p->m, v->def);
    WeightRef ref = {.kind = WEIGHT_INIT, .offset = end->nin};
    ir_add_operand(p->m, end, inside(p, v));
    return p->result[v->id] = ir_weight(&b, v->type, ref);
}

bool pass_init(Module *m, PassCx *cx)
{
    (void)cx;
    Init p = {.m = m, .init = ir_find_func(m, "init")};
    Func *main = ir_find_func(m, "main");
    if (!main) return false;
    p.main = main->body;
    cone_init(&p.cone, m);
    p.n = m->next_value;
    p.inside = job_array(m->job, Value *, p.n);
    p.result = job_array(m->job, Value *, p.n);
    bool changed = false;
    ir_each_op (op, p.main) {
        if (!moves(&p, op)) continue;
        if (!p.init) {
            p.init = ir_func(m, "init");
            Builder b = {.m = m, .region = p.init->body};
            ir_yield(&b, NULL, 0);
        }
        inside(&p, op->out[0]);
        bool leaves = false;
        for (uint32_t i = 0; i < op->out[0]->nuses; i++) leaves = leaves || !moves(&p, op->out[0]->uses[i]);
        if (!leaves) continue;
        Value *w = outside(&p, op->out[0]);
        w->def->from = op->from;
        VEC(Op *) users = {0};
        for (uint32_t i = 0; i < op->out[0]->nuses; i++)
            if (!moves(&p, op->out[0]->uses[i])) vec_push(m->job, &users, op->out[0]->uses[i]);
        for (uint32_t i = 0; i < users.n; i++)
            for (int k = 0; k < users.at[i]->nin; k++)
                if (users.at[i]->in[k] == op->out[0]) ir_set_operand(m, users.at[i], k, w);
        w->tensor = op->out[0]->tensor;
        changed = true;
    }
    return changed;
}
