/* The reference evaluator: regions over dense tensors. It folds constants, runs @init at load and judges
 * compiled code in tests; a running program never calls it. */
#include "ir/ir.h"
#include "ir/ops/common.h"

static void eval_op(Module *m, const Op *op, Tensor *env)
{
    Tensor *in = job_array(m->job, Tensor, op->nin + 1), *out = job_array(m->job, Tensor, op->nout + 1);
    for (int i = 0; i < op->nin; i++) in[i] = env[op->in[i]->id];
    job_tick(m->job);
    if (op->code == OP_const) {
        out[0] = op->value;
    } else if (op->code == OP_weight) {
        out[0] = tensor_new(m->job, &op->out[0]->type);
        if (!weight_read(m, &op->weight, &op->out[0]->type, out[0].data)) job_fail(m->job, JITC_E_INVALID);
    } else if (op->code == OP_kernel) {
        ir_eval_region(m, op->body, in, out);
    } else {
        for (int i = 0; i < op->nout; i++) out[i] = tensor_new(m->job, &op->out[i]->type);
        ir_eval_op(m, op, in, out);
    }
    for (int i = 0; i < op->nout; i++) env[op->out[i]->id] = out[i];
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

void ir_eval_region(Module *m, const Region *r, const Tensor *args, Tensor *results)
{
    Tensor *env = job_array(m->job, Tensor, m->next_value + 1);
    for (uint32_t i = 0; i < r->nargs; i++) env[r->args[i]->id] = args[i];
    for (const Op *op = r->first; op; op = op->next) {
        if (op->code == OP_yield)
            for (int i = 0; i < op->nin; i++) results[i] = env[op->in[i]->id];
        else
            eval_op(m, op, env);
    }
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
