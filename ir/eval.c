/* The reference evaluator: regions over dense tensors. It folds constants, runs @init at load and judges
 * compiled code in tests; a running program never calls it. */
#include "ir/dim.h"
#include "ir/ir.h"
#include "ir/ops/common.h"

/* Values by id, and symbols, of one evaluation. */
typedef struct {
    Module *m;
    Tensor *value;
    DimEnv dims;
    const Region *top;
    EvalTrace *trace; /* of the ops of `top`; may be NULL */
    void *trace_arg;
} Eval;

static void eval_region(Eval *e, const Region *r, Tensor *results);

/* The operand's own sizes tell what symbols in its type stand for. */
static void learn(Eval *e, const Type *declared, const Type *is)
{
    for (int d = 0; d < declared->rank; d++)
        if (dim_is_sym(e->m, declared->dim[d])) dim_env_set(&e->dims, declared->dim[d], is->dim[d]);
}

static Dim number(Eval *e, const Op *op, Dim d)
{
    int64_t v;
    if (dim_known(d)) return d;
    if (!dim_env_eval(&e->dims, d, &v))
        job_bug(e->m->job, "'%s': a size that nothing has told", op->def->name);
    return v;
}

/* The op with numbers for symbols, in its attributes and in its operands' types. */
static const Op *concrete(Eval *e, const Op *op, const Tensor *in)
{
    Job *job = e->m->job;
    bool open = false;
    for (int i = 0; i < op->nin; i++) open = open || !type_static(&op->in[i]->type);
    for (int i = 0; i < op->nout; i++) open = open || !type_static(&op->out[i]->type);
    for (int k = 0; k < IR_MAX_ATTRS && op->def->attrs[k].name; k++)
        for (uint32_t i = 0; op->attrs[k].kind == ATTR_DIMS && i < op->attrs[k].n; i++)
            open = open || !dim_known(op->attrs[k].v[i]);
    if (!open) return op;
    Op *c = job_new(job, Op);
    *c = *op;
    c->in = job_array(job, Value *, op->nin + 1);
    for (int i = 0; i < op->nin; i++) {
        c->in[i] = job_new(job, Value);
        *c->in[i] = *op->in[i];
        c->in[i]->type = in[i].type;
    }
    c->attrs = job_array(job, Attr, IR_MAX_ATTRS);
    memcpy(c->attrs, op->attrs, IR_MAX_ATTRS * sizeof *c->attrs);
    for (int k = 0; k < IR_MAX_ATTRS && op->def->attrs[k].name; k++) {
        Attr *a = &c->attrs[k];
        if (a->kind != ATTR_DIMS || op->def->kind == KIND_SIZE) continue;
        int64_t *v = job_array(job, int64_t, a->n + 1);
        for (uint32_t i = 0; i < a->n; i++) v[i] = number(e, op, a->v[i]);
        a->v = v;
    }
    c->out = job_array(job, Value *, op->nout + 1);
    Type t[8];
    char *why = NULL;
    memset(t, 0, sizeof t);
    if (op->nout > 8 || !ir_infer(e->m, c, t, &why)) {
        job_error(job, "node '%s': %s", ir_node_name(e->m, op->from), why ? why : "sizes do not fit");
        job_fail(job, JITC_E_INVALID);
    }
    for (int i = 0; i < op->nout; i++) {
        c->out[i] = job_new(job, Value);
        *c->out[i] = *op->out[i];
        c->out[i]->type = t[i];
    }
    return c;
}

static void eval_bind(Eval *e, const Op *op, const Tensor *in)
{
    int n;
    const Dim *d = attr_v(op, "dims", &n);
    int64_t least = attr_i(op, "least");
    for (int i = 0; i < n; i++) {
        int64_t v = tensor_i(in, i);
        if (v < least) {
            job_error(e->m->job, "node '%s': a size or position of %lld", ir_node_name(e->m, op->from),
                      (long long)v);
            job_fail(e->m->job, JITC_E_INVALID);
        }
        dim_env_set(&e->dims, d[i], v);
    }
}

static void eval_sizes(Eval *e, const Op *op, const Dim *d, int n, Tensor *out)
{
    *out = tensor_new(e->m->job, &op->out[0]->type);
    for (int i = 0; i < n; i++) tensor_set_i(out, i, number(e, op, d[i]));
}

static void eval_check(Eval *e, const Op *op)
{
    int n;
    const Dim *a = attr_v(op, "a", &n), *b = attr_v(op, "b", NULL);
    for (int i = 0; i < n; i++) {
        int64_t x = number(e, op, a[i]), y = number(e, op, b[i]);
        if (attr_i(op, "at_most") ? x <= y : x == y) continue;
        job_error(e->m->job, "node '%s': sizes %lld and %lld do not agree", ir_node_name(e->m, op->from),
                  (long long)x, (long long)y);
        job_fail(e->m->job, JITC_E_INVALID);
    }
}

static void eval_if(Eval *e, const Op *op, const Tensor *in, Tensor *out)
{
    const Region *r = tensor_i(in, 0) ? op->body : op->other;
    eval_region(e, r, out);
    for (int i = 0; i < op->nout; i++) learn(e, &op->out[i]->type, &out[i].type);
}

static void eval_while(Eval *e, const Op *op, const Tensor *in, Tensor *out)
{
    Job *job = e->m->job;
    Tensor *now = job_array(job, Tensor, op->nin + 1), *next = job_array(job, Tensor, op->nin + 1), go;
    memcpy(now, in, op->nin * sizeof *now);
    for (;;) {
        for (int i = 0; i < op->nin; i++) {
            e->value[op->other->args[i]->id] = e->value[op->body->args[i]->id] = now[i];
            learn(e, &op->body->args[i]->type, &now[i].type);
        }
        eval_region(e, op->other, &go);
        if (!tensor_i(&go, 0)) break;
        eval_region(e, op->body, next);
        memcpy(now, next, op->nin * sizeof *now);
        job_tick(job);
    }
    memcpy(out, now, op->nin * sizeof *now);
}

static void eval_op(Eval *e, const Op *op)
{
    Module *m = e->m;
    Tensor *in = job_array(m->job, Tensor, op->nin + 1), *out = job_array(m->job, Tensor, op->nout + 1);
    for (int i = 0; i < op->nin; i++) in[i] = e->value[op->in[i]->id];
    job_tick(m->job);
    int n;
    if (op->code == OP_const) {
        out[0] = op->value;
    } else if (op->code == OP_weight) {
        out[0] = tensor_new(m->job, &op->out[0]->type);
        if (!weight_read(m, &op->weight, &op->out[0]->type, out[0].data)) job_fail(m->job, JITC_E_INVALID);
    } else if (op->code == OP_kernel) {
        for (int i = 0; i < op->nin; i++) e->value[op->body->args[i]->id] = in[i];
        eval_region(e, op->body, out);
    } else if (op->code == OP_if) {
        eval_if(e, op, in, out);
    } else if (op->code == OP_while) {
        eval_while(e, op, in, out);
    } else if (op->code == OP_check) {
        eval_check(e, op);
    } else if (op->code == OP_sizes) {
        const Dim *d = attr_v(op, "dims", &n);
        eval_sizes(e, op, d, n, out);
    } else {
        if (op->code == OP_bind) eval_bind(e, op, in);
        const Op *c = concrete(e, op, in);
        for (int i = 0; i < op->nout; i++) out[i] = tensor_new(m->job, &c->out[i]->type);
        ir_eval_op(m, c, in, out);
    }
    for (int i = 0; i < op->nout; i++) e->value[op->out[i]->id] = out[i];
}

void ir_eval_op(Module *m, const Op *op, const Tensor *in, Tensor *out)
{
    EvalCx cx = {m->job, m, op};
    if (op->def->eval)
        op->def->eval(&cx, in, out);
    else if (op->def->kind == KIND_MAP)
        eval_map(&cx, in, out);
    else
        job_bug(m->job, "op '%s' cannot be evaluated", op->def->name);
}

static void eval_region(Eval *e, const Region *r, Tensor *results)
{
    for (const Op *op = r->first; op; op = op->next) {
        if (op->code == OP_yield)
            for (int i = 0; i < op->nin; i++) results[i] = e->value[op->in[i]->id];
        else
            eval_op(e, op);
        for (int i = 0; e->trace && r == e->top && i < op->nout; i++)
            e->trace(e->trace_arg, op->out[i], &e->value[op->out[i]->id]);
    }
}

void ir_eval_region(Module *m, const Region *r, const Tensor *args, Tensor *results)
{
    ir_eval_traced(m, r, args, results, NULL, NULL);
}

void ir_eval_traced(Module *m, const Region *r, const Tensor *args, Tensor *results, EvalTrace *trace,
                    void *arg)
{
    Eval e = {.m = m,
              .value = job_array(m->job, Tensor, m->next_value + 1),
              .dims = {.m = m},
              .top = r,
              .trace = trace,
              .trace_arg = arg};
    for (uint32_t i = 0; i < r->nargs; i++) {
        e.value[r->args[i]->id] = args[i];
        learn(&e, &r->args[i]->type, &args[i].type);
    }
    eval_region(&e, r, results);
}

/* A fixed pseudo-random sequence (splitmix64), roughly normal, for weights of the text form. */
static double random_normal(uint64_t *state)
{
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t z = *state += 0x9e3779b97f4a7c15ULL;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
        sum += (double)((z ^ z >> 31) >> 11) * 0x1p-53 - 0.5;
    }
    return sum * 1.7320508;
}

bool weight_read(Module *m, const WeightRef *w, const Type *type, void *dst)
{
    Type plain = *type;
    plain.layout = LAYOUT_PLAIN;
    Tensor t = {plain, dst};
    int64_t n = type_numel(type);
    switch (w->kind) {
    case WEIGHT_BYTES: memcpy(dst, w->bytes, (size_t)type_bytes(&plain)); return true;
    case WEIGHT_SPLAT:
        for (int64_t i = 0; i < n; i++) tensor_set_f(&t, i, w->splat);
        return true;
    case WEIGHT_RAND: {
        uint64_t state = w->offset * 0x2545f4914f6cdd1dULL + 1;
        for (int64_t i = 0; i < n; i++) tensor_set_f(&t, i, random_normal(&state));
        return true;
    }
    case WEIGHT_FILE:
        if (m->read_file) return m->read_file(m->read_arg, m->job, w, &plain, dst);
        job_error(m->job, "a weight refers to a file, but there is none");
        return false;
    case WEIGHT_INIT: break;
    }
    /* A result of @init: evaluate what it needs. */
    const Func *f = ir_find_func(m, "init");
    const Op *y = f ? ir_terminator(f->body) : NULL;
    const Tensor *v = y && w->offset < y->nin ? ir_reveal_any(m, y->in[w->offset]) : NULL;
    if (!v) {
        job_error(m->job, "a weight refers to result %llu of @init, which there is not",
                  (unsigned long long)w->offset);
        return false;
    }
    memcpy(dst, v->data, (size_t)type_bytes(&plain));
    return true;
}
