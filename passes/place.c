/* Concatenations in place: where kernels can store their results straight into their part of the concatenated
 * tensor, and all that read those results can read them there, the `concat` leaves its kernel. It then copies
 * nothing: ir_placement() tells where its operands lie. */
#include "ir/dim.h"
#include "passes/util.h"

enum { LINE = 64 }; /* a part's rows are at least a cache line, else their edges cost more than a copy */

static bool is_kernel(const Op *op)
{
    return op->code == OP_kernel && op->nout == 1;
}

static bool has_kind(const Op *kernel, OpKind kind)
{
    ir_each_op (op, kernel->body)
        if (op->def->kind == kind) return true;
    return false;
}

static bool has_op(const Op *kernel, OpCode code)
{
    ir_each_op (op, kernel->body)
        if (op->code == code) return true;
    return false;
}

/* A kernel that does nothing but concatenate: the concat. */
static const Op *sole_concat(const Op *kernel)
{
    if (!is_kernel(kernel)) return NULL;
    const Op *op = kernel->body->first;
    if (op->code != OP_concat || op->next != ir_terminator(kernel->body)) return NULL;
    for (uint32_t i = 0; i < kernel->body->nargs; i++)
        if (kernel->body->args[i]->nuses != 1) return NULL;
    return op;
}

/* -- What kernels can do ------------------------------------------------------------------------------- */
static bool is_matrix(const Op *kernel)
{
    return has_algo(kernel, "igemm") || has_algo(kernel, "winograd") || has_algo(kernel, "depthwise");
}

/* Kernels that neither read nor store rows at a distance that they are told. */
static bool is_dense(const Op *kernel)
{
    static const char *const algos[] = {"routine", "custom", "chain", "attention"};
    for (size_t i = 0; i < COUNT(algos); i++)
        if (has_algo(kernel, algos[i])) return true;
    return false;
}

/* Kernels that store rows of their result one by one. */
static bool stores_rows(const Op *kernel)
{
    if (is_dense(kernel)) return false;
    if (kernel->out[0]->type.layout != LAYOUT_PLAIN || has_op(kernel, OP_transpose)) return false;
    if (is_matrix(kernel)) return !has_op(kernel, OP_slice);
    return !has_kind(kernel, KIND_SCAN) && !has_kind(kernel, KIND_ROW);
}

/* The contraction, or what comes before it: both read rows of the image. */
static bool is_before_result(const Op *op)
{
    while (op && op->def->kind != KIND_CONTRACT) op = op->next;
    return op != NULL;
}

/* Whether argument a of a matrix kernel is read by its contraction, or is the one tensor of the result's
 * shape that its epilogue reads: those have one distance from row to row. */
static bool reads_matrix_rows(const Op *kernel, const Value *a)
{
    int full = 0;
    bool epilogue = false;
    const Type *t = &kernel->out[0]->type;
    bool gathered = false;
    for (uint32_t k = 0; k < a->nuses; k++) {
        const Op *u = a->uses[k];
        epilogue = epilogue || !is_before_result(u);
        gathered = gathered || u->def->kind == KIND_CONTRACT || dims_equal(&u->out[0]->type, &a->type);
    }
    if (!epilogue) return gathered; /* else it is a vector, or one for each image, side by side */
    for (uint32_t i = 0; i < kernel->body->nargs; i++) {
        const Value *b = kernel->body->args[i];
        for (uint32_t k = 0; k < b->nuses; k++) {
            if (is_before_result(b->uses[k]) || !dims_equal(&b->type, t)) continue;
            full++;
            break;
        }
    }
    return full == 1;
}

static bool reads_rows(const Op *kernel, const Value *v)
{
    if (is_dense(kernel)) return false;
    if (has_op(kernel, OP_transpose)) return false;
    for (int i = 0; i < kernel->nin; i++) {
        const Value *a = kernel->body->args[i];
        if (kernel->in[i] != v) continue;
        if (is_matrix(kernel) && (has_op(kernel, OP_slice) || !reads_matrix_rows(kernel, a))) return false;
        for (uint32_t k = 0; k < a->nuses; k++)
            if (a->uses[k]->code == OP_reshape) return false;
    }
    return true;
}

/* -- Where values may lie ------------------------------------------------------------------------------ */
/* Why value v cannot lie inside another one; `run`: its elements would follow each other. `concat`: what
 * would put it there. */
static const char *obstacle(const Value *v, bool run, const Op *concat)
{
    const Op *op = v->def;
    if (!op || op->parent != concat->parent || (op->code != OP_kernel && op->code != OP_concat))
        return "an operand is not made by a kernel beside it";
    if (op->nout != 1) return "an operand is made by a kernel of several results";
    if (op->code == OP_kernel && (has_algo(op, "custom") || (!run && !stores_rows(op))))
        return "the kernel of an operand stores no rows with gaps";
    int placed = 0;
    for (uint32_t i = 0; i < v->nuses; i++) {
        const Op *u = v->uses[i];
        placed += u == concat || u->code == OP_concat;
        if (u == concat || u->code == OP_concat) continue;
        if (u->code != OP_kernel || u->parent != concat->parent || has_algo(u, "custom"))
            return "an operand is needed as a tensor of its own";
        if (!run && !reads_rows(u, v)) return "an operand is read by a kernel that reads no rows with gaps";
    }
    if (placed > 1) return "an operand is part of several concatenations";
    if (op->code != OP_concat) return NULL;
    int axis = (int)attr_i(op, "axis");
    if (!run && axis != v->type.rank - 1) return "an operand is concatenated along another dimension";
    for (int i = 0; i < op->nin; i++) {
        const char *why = obstacle(op->in[i], run && ir_is_run(&v->type, axis), op);
        if (why) return why;
    }
    return NULL;
}

/* Whether the sizes follow from those of @main's arguments. */
static bool known_at_entry(const Module *m, const Region *main, Dim d)
{
    int64_t number;
    if (dim_const(m, d, &number)) return true;
    DimExpr e = dim_parts(m, d);
    if (e.op != DIM_SYM) return known_at_entry(m, main, e.a) && known_at_entry(m, main, e.b);
    for (uint32_t i = 0; i < main->nargs; i++)
        for (int k = 0; k < main->args[i]->type.rank; k++)
            if (main->args[i]->type.dim[k] == d) return true;
    return false;
}

static const char *why_not(const Module *m, const Region *main, const Op *kernel, const Op *concat)
{
    const Type *t = &kernel->out[0]->type;
    int axis = (int)attr_i(concat, "axis");
    bool run = ir_is_run(t, axis);
    if (!run && axis != t->rank - 1) return "its dimension is neither the last one nor the outermost";
    for (int d = 0; d < t->rank; d++) {
        if (t->dim[d] == 0) return "it has no elements";
        if (!known_at_entry(m, main, t->dim[d])) return "its size is known to a run only";
    }
    for (uint32_t i = 0; i < kernel->out[0]->nuses; i++) {
        const Op *u = kernel->out[0]->uses[i];
        bool fits =
            u->code == OP_kernel || u->def->kind == KIND_VIEW || (u->code == OP_yield && u->parent == main);
        if (!fits) return "its result is needed by control flow";
    }
    for (int i = 0; i < kernel->nin; i++) {
        const Type *part = &kernel->in[i]->type;
        if (!run && dim_known(last_dim(part)) && last_dim(part) * (Dim)dtype_size(t->dtype) < LINE)
            return "rows of an operand are shorter than a cache line";
        const char *why = obstacle(kernel->in[i], run, kernel);
        if (why) return why;
    }
    return NULL;
}

static bool place(Module *m, const Region *main, Op *kernel)
{
    const Op *concat = sole_concat(kernel);
    if (!concat || m->fuel <= 0) return false;
    const char *why = why_not(m, main, kernel, concat);
    if (why) {
        ir_remark(m, "place", kernel->from, "the concatenation copies: %s", why);
        return false;
    }
    Builder b = builder_at(m, kernel);
    Value **in = job_array(m->job, Value *, kernel->nin);
    for (int i = 0; i < concat->nin; i++) in[i] = kernel->in[concat->in[i]->index];
    Value *v = ir_v(&b, OP_concat, in, concat->nin, AT(at_i("axis", attr_i(concat, "axis"))));
    must_replace(m, kernel->out[0], v);
    ir_remark(m, "place", kernel->from, "the kernels of its operands store into the concatenated tensor");
    ir_erase(m, kernel);
    if (m->fuel != INT64_MAX) m->fuel--;
    return true;
}

bool pass_place(Module *m, PassCx *cx)
{
    if (cx->opt->layout == IMAGES_NCHW) return false; /* rows with gaps are those of channels last */
    const Func *f = ir_find_func(m, "main");
    Regions r = ir_func_regions(m, f);
    bool changed = false;
    for (uint32_t i = 0; i < r.n; i++)
        ir_each_op (op, r.at[i]) changed |= place(m, f->body, op);
    return changed;
}
