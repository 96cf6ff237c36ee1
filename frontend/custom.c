/* Nodes of operators that the user has registered. */
#include "ir/custom.h"

#include <stdlib.h>

#include "frontend/import_private.h"

const TfOp *custom_tf_op(Job *job, const CustomOps *ops, const char *name)
{
    const CustomOp *op = custom_find(ops, name);
    if (!op) return NULL;
    TfOp *t = job_new(job, TfOp);
    *t = (TfOp){.name = op->op.name,
                .import = import_custom,
                .nin = (int8_t)(op->op.inputs < 0 ? 0 : op->op.inputs),
                .nin_max = op->op.inputs < 0 ? -1 : 0,
                .nout = (int16_t)op->op.outputs};
    return t;
}

/* -- Attributes ----------------------------------------------------------------------------------------- */
static jitc_attr_kind kind_of(const TfAttr *a)
{
    static const jitc_attr_kind kinds[] = {
        [TF_ATTR_S] = JITC_ATTR_STRING,         [TF_ATTR_I] = JITC_ATTR_INT,
        [TF_ATTR_F] = JITC_ATTR_FLOAT,          [TF_ATTR_B] = JITC_ATTR_BOOL,
        [TF_ATTR_TYPE] = JITC_ATTR_TYPE,        [TF_ATTR_SHAPE] = JITC_ATTR_SHAPE,
        [TF_ATTR_PLACEHOLDER] = JITC_ATTR_OTHER};
    return (size_t)a->kind < COUNT(kinds) ? kinds[a->kind] : JITC_ATTR_OTHER;
}

static jitc_shape shape_of(Cx *cx, const char *name, const TfShape *s)
{
    jitc_shape r = {.rank = s->unknown_rank ? -1 : s->rank};
    if (r.rank > JITC_MAX_RANK) {
        fail(cx, "attribute '%s' has a shape of %d dimensions; at most %d are possible", name, s->rank,
             JITC_MAX_RANK);
        r.rank = 0;
    }
    for (int32_t d = 0; d < r.rank; d++) r.dim[d] = s->dim[d];
    return r;
}

static void *numbers(Cx *cx, jitc_attr *a, uint32_t n)
{
    a->n = n;
    return (void *)(uintptr_t)(a->data = job_calloc(cx->job, n + 1u, 8));
}

/* The elements of a list that the operator declares, or that has elements: an empty one does not tell its
 * kind. */
static void list_of_kind(Cx *cx, const TfList *l, jitc_attr *a)
{
    int64_t *v;
    switch (a->kind) {
    case JITC_ATTR_INT:
        v = numbers(cx, a, l->ni);
        for (uint32_t i = 0; i < l->ni; i++) v[i] = l->i[i];
        break;
    case JITC_ATTR_FLOAT: {
        double *f = numbers(cx, a, l->nf);
        for (uint32_t i = 0; i < l->nf; i++) f[i] = (double)l->f[i];
        break;
    }
    case JITC_ATTR_BOOL:
        v = numbers(cx, a, l->nb);
        for (uint32_t i = 0; i < l->nb; i++) v[i] = l->b[i];
        break;
    case JITC_ATTR_TYPE:
        v = numbers(cx, a, l->ntype);
        for (uint32_t i = 0; i < l->ntype; i++) v[i] = l->type[i];
        break;
    case JITC_ATTR_STRING: {
        jitc_string *s = job_array(cx->job, jitc_string, l->ns + 1u);
        for (uint32_t i = 0; i < l->ns; i++) s[i] = (jitc_string){l->s[i].at, (int64_t)l->s[i].n};
        a->data = s;
        a->n = l->ns;
        break;
    }
    case JITC_ATTR_SHAPE: {
        jitc_shape *s = job_array(cx->job, jitc_shape, l->nshape + 1u);
        for (uint32_t i = 0; i < l->nshape; i++) s[i] = shape_of(cx, a->name, &l->shape[i]);
        a->data = s;
        a->n = l->nshape;
        break;
    }
    default: break;
    }
}

static jitc_attr_kind kind_of_list(const TfList *l)
{
    return l->ni       ? JITC_ATTR_INT
           : l->nf     ? JITC_ATTR_FLOAT
           : l->nb     ? JITC_ATTR_BOOL
           : l->ns     ? JITC_ATTR_STRING
           : l->ntype  ? JITC_ATTR_TYPE
           : l->nshape ? JITC_ATTR_SHAPE
                       : JITC_ATTR_OTHER;
}

static jitc_attr single(Cx *cx, const TfAttr *a)
{
    jitc_attr r = {.name = a->name, .kind = (int32_t)kind_of(a), .n = 1};
    switch (r.kind) {
    case JITC_ATTR_INT: *(int64_t *)numbers(cx, &r, 1) = a->i; break;
    case JITC_ATTR_FLOAT: *(double *)numbers(cx, &r, 1) = (double)a->f; break;
    case JITC_ATTR_BOOL: *(int64_t *)numbers(cx, &r, 1) = a->b; break;
    case JITC_ATTR_TYPE: *(int64_t *)numbers(cx, &r, 1) = a->type; break;
    case JITC_ATTR_STRING: {
        jitc_string *s = job_new(cx->job, jitc_string);
        *s = (jitc_string){a->s.at, (int64_t)a->s.n};
        r.data = s;
        break;
    }
    case JITC_ATTR_SHAPE: {
        jitc_shape *s = job_new(cx->job, jitc_shape);
        *s = shape_of(cx, a->name, &a->shape);
        r.data = s;
        break;
    }
    default: r.n = 0;
    }
    return r;
}

static const char *kind_name(jitc_attr_kind k)
{
    static const char *const names[] = {"",         "an integer", "a float", "a bool",
                                        "a string", "a type",     "a shape"};
    return names[k];
}

static jitc_attr declared(Cx *cx, const CustomAttr *want)
{
    const TfAttr *a = tf_attr_find(cx->node, want->name);
    jitc_attr r = {.name = want->name, .kind = (int32_t)want->kind, .is_list = want->is_list};
    if (!a && want->has_default) return want->def;
    if (!a) {
        fail(cx, "attribute '%s' is missing", want->name);
        return r;
    }
    jitc_attr_kind list = a->kind == TF_ATTR_LIST ? kind_of_list(a->list) : JITC_ATTR_OTHER;
    bool fits = want->is_list ? a->kind == TF_ATTR_LIST && (!list || list == want->kind)
                              : a->kind != TF_ATTR_LIST && kind_of(a) == want->kind;
    if (!fits) {
        fail(cx, "attribute '%s' must be %s%s", want->name, want->is_list ? "a list, each element " : "",
             kind_name(want->kind));
        return r;
    }
    if (!want->is_list) return single(cx, a);
    list_of_kind(cx, a->list, &r);
    return r;
}

static void read_attrs(Cx *cx, const CustomOp *op, jitc_op_node *node)
{
    jitc_attr *attrs = job_array(cx->job, jitc_attr, op->nattrs + cx->node->nattrs + 1u);
    int32_t n = 0;
    for (uint32_t i = 0; i < op->nattrs; i++) attrs[n++] = declared(cx, &op->attrs[i]);
    for (uint32_t i = 0; i < cx->node->nattrs; i++) {
        const TfAttr *a = &cx->node->attrs[i];
        bool known = false;
        for (uint32_t k = 0; k < op->nattrs; k++) known = known || strcmp(op->attrs[k].name, a->name) == 0;
        if (known) continue;
        if (a->kind == TF_ATTR_LIST) {
            attrs[n] = (jitc_attr){.name = a->name, .kind = (int32_t)kind_of_list(a->list), .is_list = 1};
            list_of_kind(cx, a->list, &attrs[n++]);
        } else {
            attrs[n++] = single(cx, a);
        }
    }
    node->attrs = attrs;
    node->nattrs = n;
}

static CustomNode *new_node(Cx *cx, const CustomOp *op)
{
    CustomNode *n = job_new(cx->job, CustomNode);
    n->op = op;
    n->key = cx->node;
    n->node.name = *cx->prefix ? job_printf(cx->job, "%s%s", cx->prefix, cx->node->name) : cx->node->name;
    n->node.op = cx->node->op;
    n->node.nin = (int32_t)cut_ninputs(cx->node);
    n->node.nout = op->op.outputs;
    read_attrs(cx, op, &n->node);
    return n;
}

/* The same for one node, however often it is imported: in branches and loops. */
static int64_t number_node(Module *m, CustomNode *n)
{
    for (uint32_t i = 0; i < m->custom_nodes.n; i++) {
        const CustomNode *o = m->custom_nodes.at[i];
        if (o->key == n->key && o->node.counted == n->node.counted) return i;
    }
    vec_push(m->job, &m->custom_nodes, n);
    return m->custom_nodes.n - 1;
}

/* -- Sizes, as the caller sees them: numbers, or below -1 ----------------------------------------------- */
static int64_t size_out(Dim d)
{
    return d >= 0 ? d : d - 1;
}

static bool size_in(const Cx *cx, int64_t v, Dim *d)
{
    *d = v >= 0 ? v : v + 1;
    return v >= 0 || (v < -1 && v >= -1 - (int64_t)dim_count(cx->m));
}

static int64_t size_of(void *host, int how, int64_t x, int64_t y)
{
    Cx *cx = host;
    Module *m = cx->m;
    Dim a, b;
    if (!size_in(cx, x, &a) || !size_in(cx, y, &b)) return how == '=' ? 0 : -1;
    switch (how) {
    case '+': return size_out(dim_add(m, a, b));
    case '-': return size_out(dim_sub(m, a, b));
    case '*': return size_out(dim_mul(m, a, b));
    case '/': return b == 0 ? -1 : size_out(dim_floordiv(m, a, b));
    case 'm': return size_out(dim_min(m, a, b));
    case 'M': return size_out(dim_max(m, a, b));
    case '=': return sizes_match(cx, a, b);
    default: return -1;
    }
}

static jitc_tensor tensor_out(Cx *cx, Value *v)
{
    jitc_tensor t = {.dtype = (jitc_dtype)v->type.dtype, .rank = v->type.rank};
    for (int d = 0; d < t.rank; d++) t.shape[d] = size_out(v->type.dim[d]);
    const Tensor *known = ir_reveal(cx->m, v);
    if (known) t.data = known->data;
    return t;
}

/* -- Inference ------------------------------------------------------------------------------------------ */
typedef struct {
    int64_t types[CUSTOM_MAX_OUT], ranks[CUSTOM_MAX_OUT];
    Dim dims[CUSTOM_MAX_OUT * IR_MAX_RANK];
    int n, ndims;
} Results;

static bool add_result(Cx *cx, Results *r, int i, const jitc_tensor *t)
{
    if (!tf_type_usable((int32_t)t->dtype)) {
        fail(cx, "its infer function gives output %d no element type that tensors have here (%d)", i,
             (int)t->dtype);
        return false;
    }
    if (t->rank < 0 || t->rank > IR_MAX_RANK) {
        fail(cx, "its infer function gives output %d rank %d; 0 to %d are possible", i, t->rank, IR_MAX_RANK);
        return false;
    }
    r->types[r->n] = t->dtype;
    r->ranks[r->n++] = t->rank;
    for (int d = 0; d < t->rank; d++)
        if (!size_in(cx, t->shape[d], &r->dims[r->ndims++])) {
            fail(cx,
                 "its infer function leaves dimension %d of output %d open; sizes that data tells are upper "
                 "bounds (jitc_op_count_rows)",
                 d, i);
            return false;
        }
    return true;
}

static bool call_infer(Cx *cx, const CustomOp *op, CustomNode *n, const jitc_tensor *in, jitc_tensor *out)
{
    char why[256] = "";
    jitc_op_infer c = {.size = sizeof c,
                       .node = &n->node,
                       .in = in,
                       .out = out,
                       .user = op->op.user,
                       .error = why,
                       .error_size = sizeof why,
                       .host = cx,
                       .size_of = size_of};
    int status = op->op.infer(&c);
    n->node.counted = c.counted & ((1u << op->op.outputs) - 1u);
    why[sizeof why - 1] = 0;
    if (status && why[0]) fail(cx, "%s", why);
    if (status && !why[0]) fail(cx, "its infer function reports error %d", status);
    return !status && !cx->failed;
}

/* A unit is a part of every output. */
static bool same_units(Cx *cx, const CustomOp *op, const Results *r)
{
    int outer = custom_outer(&op->op, (int)r->ranks[0]), at = 0;
    for (int i = 0; op->op.outer && i < r->n; at += (int)r->ranks[i++]) {
        if (r->ranks[i] >= outer && !memcmp(r->dims, r->dims + at, (size_t)outer * sizeof *r->dims)) continue;
        fail(cx,
             "outputs 0 and %d differ in their first %d dimensions, along which the work is cut into units "
             "(jitc_op.outer)",
             i, outer);
        return false;
    }
    return true;
}

static bool infer(Cx *cx, const CustomOp *op, CustomNode *n, Value **in, Results *r)
{
    jitc_tensor tensors[CUSTOM_MAX_OUT] = {0};
    jitc_tensor *operands = job_array(cx->job, jitc_tensor, n->node.nin + 1);
    for (int32_t i = 0; i < n->node.nin; i++) operands[i] = tensor_out(cx, in[i]);
    for (int i = 0; i < op->op.outputs; i++) {
        tensors[i] = (jitc_tensor){.rank = -1};
        for (int d = 0; d < JITC_MAX_RANK; d++) tensors[i].shape[d] = -1;
        if (!op->op.infer && !n->node.nin) fail(cx, "it has neither inputs nor an infer function");
        if (!op->op.infer && n->node.nin) tensors[i] = operands[0];
    }
    if (cx->failed || (op->op.infer && !call_infer(cx, op, n, operands, tensors))) return false;
    for (int i = 0; i < op->op.outputs; i++)
        if (!add_result(cx, r, i, &tensors[i])) return false;
    if (!same_units(cx, op, r)) return false;
    for (int i = 0; i < op->op.outputs; i++) {
        if (!(n->node.counted >> i & 1)) continue;
        if (!tensors[i].rank || r->n == CUSTOM_MAX_OUT || op->op.outer) {
            fail(cx,
                 tensors[i].rank ? op->op.outer ? "rows can be counted only where the work is one unit "
                                                  "(jitc_op.outer is 0)"
                                                : "it has more than 8 outputs and counts of rows"
                                 : "output %d is a scalar, whose rows cannot be counted",
                 i);
            return false;
        }
        r->types[r->n] = JITC_INT64;
        r->ranks[r->n++] = 0;
    }
    return true;
}

static void import_opaque(Cx *cx, const CustomOp *op, Value **in, Value **out)
{
    Results r = {0};
    CustomNode *n = new_node(cx, op);
    if (cx->failed || !infer(cx, op, n, in, &r)) return;
    const Op *c =
        ir_op(&cx->b, OP_custom, in, n->node.nin,
              AT(at_s("op", n->node.op), at_s("node", n->node.name), at_i("call", number_node(cx->m, n)),
                 at_is("types", r.types, r.n), at_is("ranks", r.ranks, r.n), at_ds("dims", r.dims, r.ndims),
                 at_b("pure", op->op.flags & JITC_OP_PURE), at_s("report", "the operator failed")));
    int count = op->op.outputs;
    for (int i = 0; c && i < op->op.outputs; i++)
        out[i] = n->node.counted >> i & 1 ? take_rows(cx, c->out[i], c->out[count++]) : c->out[i];
}

/* -- Code -------------------------------------------------------------------------------------- */
static const char *letter_name(char letter)
{
    return letter == 'f'   ? "float"
           : letter == 'd' ? "double"
           : letter == 'b' ? "bool"
           : letter == '1' ? "an integer of 8 bits"
           : letter == '2' ? "an integer of 16 bits"
           : letter == '4' ? "an integer of 32 bits"
                           : "an integer of 64 bits";
}

static DType letter_type(char letter)
{
    return letter == 'f'   ? JITC_FLOAT32
           : letter == 'd' ? JITC_FLOAT64
           : letter == 'b' ? JITC_BOOL
           : letter == '1' ? JITC_INT8
           : letter == '2' ? JITC_INT16
           : letter == '4' ? JITC_INT32
                           : JITC_INT64;
}

/* A declared attribute as a constant operand. */
static Value *parameter(Cx *cx, const jitc_attr *a, char letter)
{
    DType t = letter_type(letter);
    bool number = a->kind == JITC_ATTR_FLOAT;
    if (!a->data) return NULL; /* reported */
    if (a->is_list || a->kind == JITC_ATTR_STRING || a->kind == JITC_ATTR_SHAPE) {
        fail(cx, "attribute '%s' is no number, which is all that functions of code take", a->name);
        return NULL;
    }
    if (number != dtype_is_float(t) || (a->kind == JITC_ATTR_BOOL) != (t == JITC_BOOL)) {
        fail(cx, "attribute '%s' is %s, but the function's parameter is %s", a->name,
             kind_name((jitc_attr_kind)a->kind), letter_name(letter));
        return NULL;
    }
    if (number) return scalar(cx, t, *(const double *)a->data);
    int64_t v = *(const int64_t *)a->data, bits = 8 * (int64_t)dtype_size(t);
    if (bits < 64 && (v < -((int64_t)1 << (bits - 1)) || v >= (int64_t)1 << bits)) {
        fail(cx, "attribute '%s' is %lld, which is out of the range of the function's parameter", a->name,
             (long long)v);
        return NULL;
    }
    return ir_const_i(&cx->b, t, v);
}

/* The type of the first operand of which the result has the C type; else that type itself. */
static DType result_type(Value *const *in, int nin, const char *types)
{
    char result = types[strlen(types) - 1];
    for (int i = 0; i < nin; i++)
        if (types[i] == result) return in[i]->type.dtype;
    return letter_type(result);
}

static void import_code(Cx *cx, CustomOp *op, Value **in, Value **out)
{
    char *why = NULL;
    int nin = (int)cut_ninputs(cx->node), n = nin + (int)op->nattrs;
    if (!op->types[0] && !cx->m->custom->inspect(op, &why)) {
        fail(cx, "its code cannot be used: %s", why ? why : "out of memory");
        free(why);
        return;
    }
    int params = (int)strlen(op->types) - 1;
    if (params != n) {
        fail(cx, "the function '%s' has %d parameters, but there are %d inputs and %u declared attributes",
             op->op.function, params, nin, op->nattrs);
        return;
    }
    Value *operand[MAP_MAX_IN] = {0};
    const CustomNode *node = new_node(cx, op);
    for (int i = 0; i < n && !cx->failed; i++) {
        operand[i] = i < nin ? in[i] : parameter(cx, &node->node.attrs[i - nin], op->types[i]);
        if (i < nin && !custom_letter_fits(op->types[i], in[i]->type.dtype))
            fail(cx, "input %d is %s, but the function's parameter is %s", i, type_string(cx, &in[i]->type),
                 letter_name(op->types[i]));
    }
    if (cx->failed) return;
    out[0] = ir_v(&cx->b, OP_custom_map, operand, n,
                  AT(at_s("op", op->op.name), at_s("code", op->code), at_s("types", op->types),
                     at_t("to", result_type(in, nin, op->types))));
}

void import_custom(Cx *cx, Value **in, Value **out)
{
    CustomOp *op = custom_find(cx->m->custom, cx->node->op);
    if (op->op.code)
        import_code(cx, op, in, out);
    else
        import_opaque(cx, op, in, out);
}
