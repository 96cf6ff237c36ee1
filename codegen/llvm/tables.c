/* The tables of a model that callers see: NAME_inputs, NAME_outputs, NAME_dims and their counts. */
#include "codegen/llvm/model_private.h"

typedef LLVMValueRef V;

static V named(ModelGen *mg, const char *what, LLVMTypeRef type, V init)
{
    Gen *g = mg->g;
    V at = LLVMAddGlobal(g->module, type, job_printf(g->job, "%s_%s", mg->m->name, what));
    LLVMSetGlobalConstant(at, 1);
    LLVMSetInitializer(at, init);
    return at;
}

static V count(ModelGen *mg, const char *what, size_t n)
{
    return named(mg, what, mg->g->i32, LLVMConstInt(mg->g->i32, n, 0));
}

static V text(Gen *g, const char *s)
{
    V bytes = LLVMConstStringInContext2(g->cx, s, strlen(s), 0);
    V at = LLVMAddGlobal(g->module, LLVMTypeOf(bytes), "name");
    LLVMSetInitializer(at, bytes);
    LLVMSetGlobalConstant(at, 1);
    LLVMSetLinkage(at, LLVMPrivateLinkage);
    LLVMSetUnnamedAddress(at, LLVMGlobalUnnamedAddr);
    return at;
}

/* struct { const char *name; int32_t dtype, rank; int64_t shape[8]; } */
static void tensors(ModelGen *mg, const char *what, const jitc_io *io, size_t n)
{
    Gen *g = mg->g;
    LLVMTypeRef shape = LLVMArrayType(g->i64, JITC_MAX_RANK), part[] = {g->ptr, g->i32, g->i32, shape};
    LLVMTypeRef row = LLVMStructTypeInContext(g->cx, part, COUNT(part), 0);
    V *v = job_array(g->job, V, n + 1);
    for (size_t i = 0; i < n; i++) {
        V dim[JITC_MAX_RANK];
        for (int d = 0; d < JITC_MAX_RANK; d++)
            dim[d] = LLVMConstInt(g->i64, d < io[i].rank ? (unsigned long long)io[i].shape[d] : 0, 1);
        V field[] = {text(g, io[i].name), LLVMConstInt(g->i32, io[i].dtype, 0),
                     LLVMConstInt(g->i32, (unsigned)io[i].rank, 0),
                     LLVMConstArray(g->i64, dim, JITC_MAX_RANK)};
        v[i] = LLVMConstStructInContext(g->cx, field, COUNT(field), 0);
    }
    if (!n) v[n++] = LLVMConstNull(row); /* C has no array of nothing */
    named(mg, what, LLVMArrayType(row, (unsigned)n), LLVMConstArray(row, v, (unsigned)n));
}

/* struct { int32_t is_output, tensor, dim; } */
static void dims(ModelGen *mg)
{
    const CodegenModel *m = mg->m;
    Gen *g = mg->g;
    LLVMTypeRef part[] = {g->i32, g->i32, g->i32};
    LLVMTypeRef row = LLVMStructTypeInContext(g->cx, part, COUNT(part), 0);
    uint32_t n = m->nin_dims + m->nout_dims;
    V *v = job_array(g->job, V, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        const ModelDim *d = i < m->nin_dims ? &m->in_dim[i] : &m->out_dim[i - m->nin_dims];
        V field[] = {LLVMConstInt(g->i32, i >= m->nin_dims, 0), LLVMConstInt(g->i32, d->tensor, 0),
                     LLVMConstInt(g->i32, (unsigned)d->dim, 0)};
        v[i] = LLVMConstStructInContext(g->cx, field, COUNT(field), 0);
    }
    if (!n) v[n++] = LLVMConstNull(row);
    named(mg, "dims", LLVMArrayType(row, n), LLVMConstArray(row, v, n));
}

void model_tables(ModelGen *mg)
{
    const CodegenModel *m = mg->m;
    tensors(mg, "inputs", m->in, m->plan->nin);
    tensors(mg, "outputs", m->out, m->plan->nout);
    dims(mg);
    count(mg, "input_count", m->plan->nin);
    count(mg, "output_count", m->plan->nout);
    count(mg, "dim_count", m->nin_dims + m->nout_dims);
}
