/* Calls of operators that the user has registered, for code compiled ahead of time: a function like a
 * kernel's that hands over to the user's. Without threads to keep apart and messages to keep, it is what
 * custom_call() of the runtime does. */
#include <llvm-c/Target.h>

#include "codegen/llvm/emit.h"
#include "codegen/llvm/gen_llvm.h"
#include "ir/custom.h"

typedef LLVMValueRef V;

static V i32(Gen *g, int64_t v)
{
    return LLVMConstInt(g->i32, (unsigned long long)v, 1);
}
static V i64(Gen *g, int64_t v)
{
    return LLVMConstInt(g->i64, (unsigned long long)v, 1);
}

static V global(Gen *g, V init, const char *name)
{
    V at = LLVMAddGlobal(g->module, LLVMTypeOf(init), name);
    LLVMSetInitializer(at, init);
    LLVMSetGlobalConstant(at, 1);
    LLVMSetLinkage(at, LLVMPrivateLinkage);
    return at;
}

static V text(Gen *g, const char *s, size_t n)
{
    return global(g, LLVMConstStringInContext2(g->cx, s, n, 0), "text");
}

static V record(Gen *g, V *field, unsigned n)
{
    return LLVMConstStructInContext(g->cx, field, n, 0);
}

/* An array of equal records; NULL where there are none. */
static V array(Gen *g, V *v, int64_t n)
{
    if (!n) return LLVMConstPointerNull(g->ptr);
    return global(g, LLVMConstArray(LLVMTypeOf(v[0]), v, (unsigned)n), "data");
}

static V sizes(Gen *g, const int64_t *v, int32_t rank)
{
    V dim[JITC_MAX_RANK];
    for (int32_t d = 0; d < JITC_MAX_RANK; d++) dim[d] = i64(g, d < rank ? v[d] : 0);
    return LLVMConstArray(g->i64, dim, JITC_MAX_RANK);
}

static V attr_data(Gen *g, const jitc_attr *a)
{
    V *v = job_array(g->job, V, a->n + 1);
    for (int64_t i = 0; i < a->n; i++) {
        if (a->kind == JITC_ATTR_STRING) {
            const jitc_string *s = (const jitc_string *)a->data + i;
            v[i] = record(g, (V[]){text(g, s->at, (size_t)s->n), i64(g, s->n)}, 2);
        } else if (a->kind == JITC_ATTR_SHAPE) {
            const jitc_shape *s = (const jitc_shape *)a->data + i;
            V field[] = {LLVMConstPointerNull(g->ptr), i32(g, s->rank), sizes(g, s->dim, s->rank)};
            v[i] = record(g, field, 3);
        } else if (a->kind == JITC_ATTR_FLOAT) {
            v[i] = LLVMConstReal(LLVMDoubleTypeInContext(g->cx), ((const double *)a->data)[i]);
        } else {
            v[i] = i64(g, ((const int64_t *)a->data)[i]);
        }
    }
    return array(g, v, a->n);
}

/* The jitc_op_node, once for all CPUs. */
static V node(Gen *g, const CustomNode *c, const char *name)
{
    const jitc_op_node *n = &c->node;
    V at = LLVMGetNamedGlobal(g->module, name), *attr = job_array(g->job, V, n->nattrs + 1),
      *type = job_array(g->job, V, n->nin + n->nout + 1);
    if (at) return at;
    for (int32_t i = 0; i < n->nattrs; i++) {
        const jitc_attr *a = &n->attrs[i];
        V field[] = {text(g, a->name, strlen(a->name)), i32(g, a->kind), i32(g, a->is_list), i64(g, a->n),
                     attr_data(g, a)};
        attr[i] = record(g, field, COUNT(field));
    }
    for (int32_t i = 0; i < n->nin + n->nout; i++) {
        const jitc_op_type *t = &n->types[i];
        type[i] = record(g, (V[]){i32(g, t->dtype), i32(g, t->rank), sizes(g, t->shape, t->rank)}, 3);
    }
    V field[] = {text(g, n->name, strlen(n->name)),
                 text(g, n->op, strlen(n->op)),
                 array(g, attr, n->nattrs),
                 array(g, type, n->nin + n->nout),
                 i32(g, n->nattrs),
                 i32(g, n->nin),
                 i32(g, n->nout),
                 i32(g, n->counted)};
    return global(g, record(g, field, COUNT(field)), name);
}

static void forget_rows(Gen *g, const jitc_op_node *n)
{
    Ptr table = {LLVMGetParam(g->fn, 1)};
    for (int32_t i = 0, at = n->nin + n->nout; i < n->nout; i++)
        if (n->counted >> i & 1) i_store(g, p_load(g, table, ival(at++)), ival(0), JITC_INT64, ival(-1));
}

void emit_custom(Gen *g, const Kernel *k)
{
    const CustomNode *c = k->custom;
    if (!c) g_fail(g, "a custom operator without its node");
    const char *symbol = c->op->op.symbol ? c->op->op.symbol : "jitc_operator_without_symbol";
    Str key = {0};
    ir_print(k->m, &key);
    Hash h = hash_bytes(str_text(&key), key.n);
    str_free(&key);
    V null = LLVMConstPointerNull(g->ptr), fn = LLVMGetNamedFunction(g->module, symbol);
    LLVMTypeRef size = LLVMIntPtrTypeInContext(g->cx, LLVMGetModuleDataLayout(g->module));
    LLVMTypeRef part[] = {size, g->ptr, g->ptr, g->ptr, g->i64, g->i64, g->ptr, g->ptr, size};
    LLVMTypeRef type = LLVMStructTypeInContext(g->cx, part, COUNT(part), 0);
    LLVMTypeRef proto = LLVMFunctionType(g->i32, &g->ptr, 1, 0);
    if (!fn) fn = LLVMAddFunction(g->module, symbol, proto);
    const char *name =
        job_printf(g->job, "node.%016llx%016llx", (unsigned long long)h.hi, (unsigned long long)h.lo);
    V field[] = {LLVMSizeOf(type),
                 node(g, c, name),
                 LLVMGetParam(g->fn, 1),
                 LLVMGetParam(g->fn, 2),
                 gen_raw(g, g_unit0(g)),
                 gen_raw(g, g_unit1(g)),
                 null,
                 null,
                 LLVMConstInt(size, 0, 0)};
    V call = LLVMBuildAlloca(g->b, type, "");
    if (LLVMTypeOf(field[0]) != size) field[0] = LLVMConstTrunc(field[0], size);
    for (unsigned i = 0; i < COUNT(field); i++)
        LLVMBuildStore(g->b, field[i], LLVMBuildStructGEP2(g->b, type, call, i, ""));
    forget_rows(g, &c->node);
    V status = LLVMBuildCall2(g->b, proto, fn, &call, 1, "");
    Cond bad = {.v = LLVMBuildICmp(g->b, LLVMIntNE, status, LLVMConstInt(g->i32, 0, 0), "")};
    g_report(g, bad, g_unit0(g));
}
