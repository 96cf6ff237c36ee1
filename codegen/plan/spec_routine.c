/* Texts of routines: the op as it is. */
#include "codegen/plan/spec_private.h"

static const Op *routine_of(const Op *kernel)
{
    for (const Op *op = kernel->body->first; op; op = op->next)
        if (op->def->kind == KIND_ROUTINE) return op;
    return NULL;
}

/* Operand 0 of the op, and no other operand of it, is block argument `a`. */
static bool only_first(const Op *op, const Value *a)
{
    if (op->in[0] != a) return false;
    for (int i = 1; i < op->nin; i++)
        if (op->in[i] == a) return false;
    return true;
}

void make_routine(Module *m, const Op *kernel, KernelSpec *out)
{
    const Op *op = routine_of(kernel);
    if (!op || op->nout != kernel->nout) job_bug(m->job, "a routine's kernel holds something else");
    Text t;
    text_begin(&t, m, kernel, out);
    for (uint32_t i = 0; i < kernel->body->nargs; i++) {
        const Value *a = kernel->body->args[i];
        text_bind(
            &t, a,
            text_arg(&t, a, text_type(&t, &a->type), op->def->in_place && op->nin && only_first(op, a)));
    }
    text_copy(&t, op);
    Value **result = job_array(m->job, Value *, op->nout + 1);
    for (int i = 0; i < op->nout; i++) result[i] = text_value(&t, op->out[i]);
    ir_yield(&t.b, result, op->nout);
    memcpy(out->dim, t.symbol, sizeof out->dim);
    out->ndims = t.nsymbols;
    out->units = rows_of(m, &op->out[0]->type, op->def->outer ? op->def->outer(op) : 0);
    out->scratch = op->def->scratch ? op->def->scratch(m, op) : 0;
    spec_grain(out, 1);
    text_end(&t, "#algo=routine");
}
