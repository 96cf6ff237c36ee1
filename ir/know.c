/* What passes may know about values without reading weights: dims, facts, small revealed values. */
#include "ir/dim.h"

enum { REVEAL_MAX = 64, CONE_MAX = 512, DIMS_STEPS = 4096, DIMS_DEPTH = 256 };

static bool dims_of(Module *m, Value *v, Dim *out, int n)
{
    if (v->def->def->dims && v->def->def->dims(m, v->def, out, n)) return true;
    const Tensor *t = n <= REVEAL_MAX ? ir_reveal(m, v) : NULL;
    for (int i = 0; t && i < n; i++) {
        int64_t x = tensor_i(t, i);
        if (x == INT64_MIN) return false;
        out[i] = x >= 0 ? x : dim_sub(m, 0, -x);
    }
    return t != NULL;
}

/* The hooks of ops come back here for their operands: a budget per question bounds graphs in which values are
 * shared over and over. */
bool ir_dims_of(Module *m, Value *v, Dim *out, int n)
{
    if (!v->def || !type_static(&v->type) || type_numel(&v->type) != n) return false;
    if (!dtype_is_int(v->type.dtype)) return false;
    if (!m->dims_depth) m->dims_left = DIMS_STEPS;
    if (!m->dims_left || m->dims_depth == DIMS_DEPTH) return false;
    m->dims_left--;
    m->dims_depth++;
    bool known = dims_of(m, v, out, n);
    m->dims_depth--;
    return known;
}

bool op_is_pure(const Op *op)
{
    return op->code != OP_custom || attr_i(op, "pure");
}

bool op_sizes_known(const Module *m, const Op *op)
{
    int64_t k;
    for (int i = 0; i < IR_MAX_ATTRS && op->def->attrs[i].name; i++)
        for (uint32_t j = 0; op->attrs[i].kind == ATTR_DIMS && j < op->attrs[i].n; j++)
            if (!dim_const(m, op->attrs[i].v[j], &k)) return false;
    return true;
}

/* Collects the ops that v depends on, operands first; false when it depends on an argument or is too large.
 */
static bool cone(Module *m, Value *v, int64_t max_weight, uint32_t mark, uint32_t *budget)
{
    Op *op = v->def;
    if (!op || op->def->kind == KIND_REGION || !op_is_pure(op) || !type_static(&v->type) ||
        !op_sizes_known(m, op))
        return false;
    if (op->mark == mark) return true;
    if (op->code == OP_shape_of) return type_static(&op->in[0]->type);
    if (op->code == OP_weight && type_numel(&v->type) > max_weight) return false;
    if (!(*budget)--) return false;
    for (int i = 0; i < op->nin; i++)
        if (!cone(m, op->in[i], max_weight, mark, budget)) return false;
    op->mark = mark;
    return true;
}

static Tensor eval_cone(Module *m, Value *v, Tensor *env)
{
    Op *op = v->def;
    if (op->code == OP_const) return op->value;
    if (env[v->id].data) return env[v->id];
    Tensor *out = job_array(m->job, Tensor, op->nout), *in = job_array(m->job, Tensor, op->nin + 1);
    for (int i = 0; i < op->nout; i++) out[i] = tensor_new(m->job, &op->out[i]->type);
    for (int i = 0; i < op->nin; i++)
        in[i] = op->code == OP_shape_of ? (Tensor){.type = op->in[i]->type} : eval_cone(m, op->in[i], env);
    if (op->code != OP_weight)
        ir_eval_op(m, op, in, out);
    else if (!weight_read(m, &op->weight, &v->type, out[0].data))
        job_fail(m->job, JITC_E_INVALID);
    for (int i = 0; i < op->nout; i++) env[op->out[i]->id] = out[i];
    return out[v->index];
}

static const Tensor *reveal(Module *m, Value *v, int64_t max_weight, uint32_t budget)
{
    static const uint32_t fresh = 0x80000000u; /* marks of passes stay below */
    m->reveals++;
    if (!cone(m, v, max_weight, fresh | m->reveals, &budget)) return NULL;
    Tensor *t = job_new(m->job, Tensor);
    *t = eval_cone(m, v, job_array(m->job, Tensor, m->next_value));
    return t;
}

const Tensor *ir_reveal(Module *m, Value *v)
{
    if (!type_static(&v->type) || type_numel(&v->type) > 4096) return NULL;
    return reveal(m, v, REVEAL_MAX, CONE_MAX);
}

const Tensor *ir_reveal_any(Module *m, Value *v)
{
    return reveal(m, v, INT64_MAX, CONE_MAX);
}

bool ir_all_equal(Module *m, Value *v, double x)
{
    if (!is_const_like(v) || !type_static(&v->type) || type_numel(&v->type) > 4096) return false;
    if (dtype_is_complex(v->type.dtype)) return false;
    Tensor t = v->def->value;
    if (v->def->code == OP_weight) {
        if (v->def->weight.kind == WEIGHT_INIT) return false;
        if (v->def->weight.kind == WEIGHT_SPLAT) return v->def->weight.splat == x;
        t = tensor_new(m->job, &v->type);
        if (!weight_read(m, &v->def->weight, &v->type, t.data)) return false;
    }
    int64_t n = type_numel(&v->type);
    for (int64_t i = 0; i < n; i++)
        if (tensor_f(&t, i) != x) return false;
    return n > 0;
}
