/* Modules, values, ops: construction, attributes, rewriting. */
#include "ir/ir.h"

#include "ir/dim.h"

#define OP(name) extern const OpDef op_##name;
#include "ir/ops.def"
#undef OP

const OpDef *const op_defs[OP_COUNT] = {
#define OP(name) &op_##name,
#include "ir/ops.def"
#undef OP
};

const OpDef *op_find(const char *name, size_t n)
{
    for (int i = 0; i < OP_COUNT; i++)
        if (strlen(op_defs[i]->name) == n && memcmp(op_defs[i]->name, name, n) == 0) return op_defs[i];
    return NULL;
}

static OpCode code_of(const OpDef *def)
{
    int i = 0;
    while (op_defs[i] != def) i++;
    return (OpCode)i;
}

OpCode ir_code(const OpDef *def)
{
    return code_of(def);
}

bool infer_fail(InferCx *cx, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char text[512];
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cx->why = job_strndup(cx->m->job, text, strlen(text));
    return false;
}

/* -- Containers --------------------------------------------------------------------------------------- */
Module *ir_module(Job *job)
{
    Module *m = job_new(job, Module);
    m->job = job;
    m->dims = dim_table(job);
    m->fuel = INT64_MAX;
    return m;
}

Region *ir_region(Module *m, Op *owner)
{
    Region *r = job_new(m->job, Region);
    r->owner = owner;
    return r;
}

Func *ir_func(Module *m, const char *name)
{
    Func *f = job_new(m->job, Func), **end = &m->funcs;
    f->name = job_strndup(m->job, name, strlen(name));
    f->body = ir_region(m, NULL);
    while (*end) end = &(*end)->next;
    return *end = f;
}

Func *ir_find_func(const Module *m, const char *name)
{
    for (Func *f = m->funcs; f; f = f->next)
        if (strcmp(f->name, name) == 0) return f;
    return NULL;
}

static Value *new_value(Module *m, Type t)
{
    Value *v = job_new(m->job, Value);
    v->id = m->next_value++;
    v->type = t;
    return v;
}

Value *ir_arg(Module *m, Region *r, Type t, const char *name)
{
    Value **args = job_array(m->job, Value *, r->nargs + 1);
    if (r->nargs) memcpy(args, r->args, r->nargs * sizeof *args);
    Value *v = new_value(m, t);
    v->owner = r;
    v->index = r->nargs;
    v->name = name ? job_strndup(m->job, name, strlen(name)) : NULL;
    args[r->nargs++] = v;
    r->args = args;
    return v;
}

/* -- Use lists ------------------------------------------------------------------------------------------ */
static void add_use(Module *m, Value *v, Op *op)
{
    if (v->nuses == v->cap_uses) {
        uint32_t cap = v->cap_uses ? v->cap_uses * 2 : 4;
        Op **uses = job_array(m->job, Op *, cap);
        if (v->nuses) memcpy(uses, v->uses, v->nuses * sizeof *uses);
        v->uses = uses;
        v->cap_uses = cap;
    }
    v->uses[v->nuses++] = op;
}

static void drop_use(Value *v, const Op *op)
{
    /* From both ends: passes go forwards or backwards, and a value may have very many uses. */
    uint32_t i = 0, back = v->nuses - 1;
    while (v->uses[i] != op && v->uses[back] != op) i++, back--;
    if (v->uses[i] != op) i = back;
    memmove(v->uses + i, v->uses + i + 1, (v->nuses - i - 1) * sizeof *v->uses);
    v->nuses--;
}

void ir_set_operand(Module *m, Op *op, int i, Value *v)
{
    drop_use(op->in[i], op);
    op->in[i] = v;
    add_use(m, v, op);
}

void ir_drop_operand(Module *m, Op *op, int i)
{
    (void)m;
    drop_use(op->in[i], op);
    for (int k = i + 1; k < op->nin; k++) op->in[k - 1] = op->in[k];
    op->nin--;
}

void ir_add_operand(Module *m, Op *op, Value *v)
{
    Value **in = job_array(m->job, Value *, op->nin + 1);
    if (op->nin) memcpy(in, op->in, op->nin * sizeof *in);
    in[op->nin++] = v;
    op->in = in;
    add_use(m, v, op);
}

/* -- Ops --------------------------------------------------------------------------------------- */
static void link_op(const Builder *b, Op *op)
{
    Region *r = b->region;
    op->parent = r;
    op->next = b->before;
    op->prev = b->before ? b->before->prev : r->last;
    *(op->prev ? &op->prev->next : &r->first) = op;
    *(op->next ? &op->next->prev : &r->last) = op;
}

static void unlink_op(Op *op)
{
    Region *r = op->parent;
    *(op->prev ? &op->prev->next : &r->first) = op->next;
    *(op->next ? &op->next->prev : &r->last) = op->prev;
}

void ir_move_before(Op *op, Op *before)
{
    unlink_op(op);
    Builder b = {.region = before->parent, .before = before};
    link_op(&b, op);
}

void ir_move(Op *op, const Builder *to)
{
    unlink_op(op);
    link_op(to, op);
}

static void erase_region(Module *m, Region *r)
{
    while (r && r->last) ir_erase(m, r->last);
}

void ir_erase(Module *m, Op *op)
{
    for (int i = 0; i < op->nout; i++)
        if (op->out[i]->nuses) job_bug(m->job, "erasing '%s', whose result is used", op->def->name);
    if (op->code != OP_kernel) {
        erase_region(m, op->body);
        erase_region(m, op->other);
    }
    for (int i = 0; i < op->nin; i++) drop_use(op->in[i], op);
    unlink_op(op);
}

static Attr copy_attr(Module *m, Attr a)
{
    if (a.kind == ATTR_INTS || a.kind == ATTR_DIMS) {
        int64_t *v = job_array(m->job, int64_t, a.n + 1);
        if (a.n) memcpy(v, a.v, a.n * sizeof *v);
        a.v = v;
    } else if (a.kind == ATTR_STR) {
        a.s = job_strndup(m->job, a.s, strlen(a.s));
    }
    return a;
}

static int attr_index(const OpDef *def, const char *name)
{
    for (int i = 0; i < IR_MAX_ATTRS && def->attrs[i].name; i++)
        if (strcmp(def->attrs[i].name, name) == 0) return i;
    return -1;
}

static Attr default_attr(const AttrDef *d)
{
    Attr a = {.kind = d->kind};
    switch (d->kind) {
    case ATTR_FLOAT: a.f = d->def; break;
    case ATTR_STR: a.s = ""; break;
    case ATTR_INTS:
    case ATTR_DIMS: break;
    default: a.i = (int64_t)d->def;
    }
    return a;
}

/* Numbers are dims; negative ones need a node of the table. */
static Attr dims_of_ints(Module *m, Attr a)
{
    Dim *v = job_array(m->job, Dim, a.n + 1);
    for (uint32_t i = 0; i < a.n; i++)
        v[i] = a.v[i] >= 0 ? a.v[i] : dim_sub(m, dim_sub(m, 0, -(a.v[i] + 1)), 1);
    a.kind = ATTR_DIMS;
    a.v = v;
    return a;
}

static bool set_attrs(Builder *b, Op *op, const AttrArg *attrs, int n)
{
    Module *m = b->m;
    op->attrs = job_array(m->job, Attr, IR_MAX_ATTRS);
    for (int i = 0; i < n; i++) {
        int k = attr_index(op->def, attrs[i].name);
        Attr a = attrs[i].attr;
        if (k >= 0 && op->def->attrs[k].kind == ATTR_DIMS && a.kind == ATTR_INTS) a = dims_of_ints(m, a);
        if (k < 0 || op->def->attrs[k].kind != a.kind) {
            job_error(m->job, "op '%s' has no attribute '%s' of that kind", op->def->name, attrs[i].name);
            return false;
        }
        op->attrs[k] = copy_attr(m, a);
    }
    for (int k = 0; k < IR_MAX_ATTRS && op->def->attrs[k].name; k++) {
        const AttrDef *d = &op->def->attrs[k];
        if (op->attrs[k].kind) continue;
        if (!d->has_default) {
            job_error(m->job, "op '%s' needs attribute '%s'", op->def->name, d->name);
            return false;
        }
        op->attrs[k] = default_attr(d);
    }
    return true;
}

static Op *new_op(Builder *b, OpCode code, Value *const *in, int nin)
{
    Module *m = b->m;
    Op *op = job_new(m->job, Op);
    op->id = m->next_op++;
    op->code = code;
    op->def = op_defs[code];
    op->nin = (uint16_t)nin;
    op->in = job_array(m->job, Value *, nin + 1);
    for (int i = 0; i < nin; i++) op->in[i] = in[i];
    op->from = b->from;
    return op;
}

static void add_results(Module *m, Op *op, const Type *t, int n)
{
    op->out = job_array(m->job, Value *, n + 1);
    op->nout = (uint16_t)n;
    for (int i = 0; i < n; i++) {
        op->out[i] = new_value(m, t[i]);
        op->out[i]->def = op;
        op->out[i]->index = (uint32_t)i;
    }
}

static void insert(Builder *b, Op *op)
{
    for (int i = 0; i < op->nin; i++) add_use(b->m, op->in[i], op);
    link_op(b, op);
}

static int results_of(const Op *op)
{
    int n;
    if (op->def->nout >= 0) return (uint8_t)op->def->nout;
    attr_v(op, "types", &n);
    return n;
}

void ir_assumed_equal(Module *m, const Op *op, DimPairs *out)
{
    InferCx cx = {.m = m, .equal = out};
    Type few[8], *t = op->nout <= 8 ? few : job_array(m->job, Type, op->nout);
    memset(t, 0, (op->nout ? op->nout : 1) * sizeof *t);
    op->def->infer(&cx, op, t);
}

bool ir_infer(Module *m, const Op *op, Type *out, char **why)
{
    InferCx cx = {.m = m};
    const OpDef *d = op->def;
    bool ok = true;
    if (op->nin < d->nin || (d->nin_max == 0 && op->nin != d->nin) ||
        (d->nin_max > 0 && op->nin > d->nin_max))
        ok = infer_fail(&cx, "takes %d operand%s, not %d", d->nin, d->nin == 1 ? "" : "s", op->nin);
    ok = ok && d->infer(&cx, op, out);
    for (int i = 0; ok && i < results_of(op); i++)
        if (type_static(&out[i]) && type_bytes(&out[i]) > (int64_t)1 << 46)
            ok = infer_fail(&cx, "the result would be too large");
    *why = cx.why;
    return ok;
}

Op *ir_op(Builder *b, OpCode code, Value *const *in, int nin, const AttrArg *attrs, int nattrs)
{
    Op *op = new_op(b, code, in, nin);
    for (int i = 0; i < nin; i++)
        if (!in[i]) return NULL; /* already reported where it failed */
    if (!set_attrs(b, op, attrs, nattrs)) return NULL;
    Type out[8];
    char *why = NULL;
    memset(out, 0, sizeof out);
    if (!ir_infer(b->m, op, out, &why)) {
        const char *type =
            b->from && b->from->n ? b->m->node_ops.at[b->from->node[b->from->n - 1]] : op->def->name;
        job_error(b->m->job, "node '%s' (%s): %s", ir_node_name(b->m, b->from), type,
                  why ? why : "cannot be typed");
        return NULL;
    }
    add_results(b->m, op, out, results_of(op));
    insert(b, op);
    return op;
}

Value *ir_v(Builder *b, OpCode code, Value *const *in, int nin, const AttrArg *attrs, int nattrs)
{
    Op *op = ir_op(b, code, in, nin, attrs, nattrs);
    return op ? op->out[0] : NULL;
}

static Op *leaf(Builder *b, OpCode code, const Type *t)
{
    Op *op = new_op(b, code, NULL, 0);
    set_attrs(b, op, NULL, 0);
    add_results(b->m, op, t, 1);
    insert(b, op);
    return op;
}

Value *ir_const(Builder *b, const Tensor *t)
{
    Op *op = leaf(b, OP_const, &t->type);
    op->value = tensor_new(b->m->job, &t->type);
    memcpy(op->value.data, t->data, (size_t)type_bytes(&t->type));
    return op->out[0];
}

Value *ir_const_ints(Builder *b, DType t, const int64_t *v, int n)
{
    Type type = type_make(t, 1, (Dim[]){n});
    Tensor x = tensor_new(b->m->job, &type);
    for (int i = 0; i < n; i++) tensor_set_i(&x, i, v[i]);
    return ir_const(b, &x);
}

Value *ir_const_i(Builder *b, DType t, int64_t v)
{
    Type type = type_scalar(t);
    Tensor x = tensor_new(b->m->job, &type);
    tensor_set_i(&x, 0, v);
    return ir_const(b, &x);
}

Value *ir_const_f(Builder *b, DType t, double v)
{
    Type type = type_scalar(t);
    Tensor x = tensor_new(b->m->job, &type);
    tensor_set_f(&x, 0, v);
    return ir_const(b, &x);
}

Value *ir_weight(Builder *b, Type t, WeightRef w)
{
    Op *op = leaf(b, OP_weight, &t);
    op->weight = w;
    return op->out[0];
}

void ir_yield(Builder *b, Value *const *v, int n)
{
    Op *op = new_op(b, OP_yield, v, n);
    set_attrs(b, op, NULL, 0);
    op->out = job_array(b->m->job, Value *, 1);
    insert(b, op);
}

/* A kernel's result types are those that its body yields; the body is moved in as it is. */
Op *ir_kernel(Builder *b, Value *const *in, int nin, const char *algo, Region *body)
{
    Op *op = new_op(b, OP_kernel, in, nin);
    set_attrs(b, op, AT(at_s("algo", algo)));
    op->body = body;
    body->owner = op;
    const Op *y = ir_terminator(body);
    Type t[64];
    for (int i = 0; i < y->nin; i++) t[i] = y->in[i]->type;
    add_results(b->m, op, t, y->nin);
    insert(b, op);
    return op;
}

/* An op whose result types are given, after its `infer` has judged the regions. */
static Op *region_op(Builder *b, OpCode code, Value *const *in, int nin, Region *body, Region *other,
                     const Type *t, int nout)
{
    for (int i = 0; i < nin; i++)
        if (!in[i]) return NULL;
    Op *op = new_op(b, code, in, nin);
    set_attrs(b, op, NULL, 0);
    op->body = body;
    op->other = other;
    char *why = NULL;
    if (!ir_infer(b->m, op, NULL, &why)) {
        job_error(b->m->job, "node '%s': %s", ir_node_name(b->m, b->from), why);
        return NULL;
    }
    body->owner = other->owner = op;
    add_results(b->m, op, t, nout);
    insert(b, op);
    return op;
}

Op *ir_if(Builder *b, Value *pred, Region *then, Region *otherwise)
{
    const Op *x = ir_terminator(then), *y = ir_terminator(otherwise);
    int n = x && y && x->nin == y->nin ? x->nin : 0;
    Type *t = job_array(b->m->job, Type, n + 1);
    struct {
        Dim a, b, sym;
    } *joined = job_calloc(b->m->job, (size_t)n * IR_MAX_RANK + 1, sizeof *joined);
    int many = 0;
    for (int i = 0; i < n; i++) {
        t[i] = x->in[i]->type;
        for (int d = 0; d < t[i].rank && t[i].rank == y->in[i]->type.rank; d++) {
            Dim p = t[i].dim[d], q = y->in[i]->type.dim[d];
            if (p == q) continue;
            int k = 0; /* sizes that are equal in both branches are one symbol */
            while (k < many && (joined[k].a != p || joined[k].b != q)) k++;
            if (k == many) joined[many].a = p, joined[many].b = q, joined[many++].sym = dim_fresh(b->m, "i");
            t[i].dim[d] = joined[k].sym;
        }
    }
    return region_op(b, OP_if, &pred, 1, then, otherwise, t, n);
}

Op *ir_while(Builder *b, Value *const *in, int nin, Region *cond, Region *body)
{
    Type *t = job_array(b->m->job, Type, nin + 1);
    for (int i = 0; i < nin && (uint32_t)i < body->nargs; i++) t[i] = body->args[i]->type;
    return region_op(b, OP_while, in, nin, body, cond, t, nin);
}

Op *ir_clone(Builder *b, const Op *op, Value *const *in)
{
    Op *c = new_op(b, op->code, in, op->nin);
    c->attrs = op->attrs;
    c->value = op->value;
    c->weight = op->weight;
    c->from = op->from;
    Type few[8], *t = op->nout <= 8 ? few : job_array(b->m->job, Type, op->nout);
    for (int i = 0; i < op->nout; i++) t[i] = op->out[i]->type;
    add_results(b->m, c, t, op->nout);
    for (int i = 0; i < op->nout; i++) {
        c->out[i]->tensor = op->out[i]->tensor;
        c->out[i]->name = op->out[i]->name;
    }
    insert(b, c);
    return c;
}

Op *ir_terminator(const Region *r)
{
    return r->last && r->last->code == OP_yield ? r->last : NULL;
}

Value *ir_reshape(Builder *b, Value *x, const Dim *dim, int rank)
{
    return ir_v(b, OP_reshape, IN(x), AT(at_ds("shape", dim, rank)));
}

Value *ir_transpose(Builder *b, Value *x, const int64_t *perm)
{
    return x ? ir_v(b, OP_transpose, IN(x), AT(at_is("perm", perm, x->type.rank))) : NULL;
}

Value *ir_unary(Builder *b, OpCode code, Value *x)
{
    return ir_v(b, code, IN(x), NO_ATTRS);
}
Value *ir_binary(Builder *b, OpCode code, Value *x, Value *y)
{
    return ir_v(b, code, IN(x, y), NO_ATTRS);
}

Value *ir_cast(Builder *b, Value *x, DType t)
{
    if (!x || x->type.dtype == t) return x;
    return ir_v(b, OP_cast, IN(x), AT(at_t("to", t)));
}

bool ir_broadcast_dims(Module *m, const Type *a, const Type *b, Type *out)
{
    (void)m;
    int rank = a->rank > b->rank ? a->rank : b->rank;
    out->rank = (uint8_t)rank;
    for (int i = 0; i < rank; i++) {
        Dim x = i < rank - a->rank ? 1 : a->dim[i - (rank - a->rank)];
        Dim y = i < rank - b->rank ? 1 : b->dim[i - (rank - b->rank)];
        if (x == y || y == 1)
            out->dim[i] = x;
        else if (x == 1)
            out->dim[i] = y;
        else if (x >= 0 && y >= 0)
            return false;
        else
            out->dim[i] = x >= 0 ? x : y >= 0 ? y : x; /* must be equal, or 1, when the sizes are known */
    }
    return true;
}

/* -- Attributes -------------------------------------------------------------------------------- */
static const Attr *get_attr(const Op *op, const char *name)
{
    static const Attr none;
    int k = attr_index(op->def, name);
    return k < 0 ? &none : &op->attrs[k];
}

int64_t attr_i(const Op *op, const char *name)
{
    return get_attr(op, name)->i;
}
double attr_f(const Op *op, const char *name)
{
    return get_attr(op, name)->f;
}
const char *attr_s(const Op *op, const char *name)
{
    return get_attr(op, name)->s;
}

const int64_t *attr_v(const Op *op, const char *name, int *n)
{
    const Attr *a = get_attr(op, name);
    if (n) *n = (int)a->n;
    return a->v;
}

void attr_set(Module *m, Op *op, AttrArg a)
{
    int k = attr_index(op->def, a.name);
    if (k < 0) job_bug(m->job, "op '%s' has no attribute '%s'", op->def->name, a.name);
    Attr *attrs = job_array(m->job, Attr, IR_MAX_ATTRS); /* clones share theirs */
    memcpy(attrs, op->attrs, IR_MAX_ATTRS * sizeof *attrs);
    attrs[k] = copy_attr(m, a.attr);
    op->attrs = attrs;
}

/* -- Rewriting --------------------------------------------------------------------------------- */
bool ir_replace(Module *m, Value *old, Value *by)
{
    if (old == by) return true;
    if (!m->fuel) return false;
    if (m->fuel != INT64_MAX) m->fuel--;
    m->rewrites++;
    while (old->nuses) {
        Op *u = old->uses[old->nuses - 1];
        for (int i = 0; i < u->nin; i++)
            if (u->in[i] == old) {
                ir_set_operand(m, u, i, by);
                break;
            }
    }
    if (!by->tensor && type_equal(&old->type, &by->type)) by->tensor = old->tensor;
    if (old->def && by->def && by->def->code != OP_const && by->def->code != OP_weight)
        by->def->from = ir_from_union(m, by->def->from, old->def->from);
    return true;
}

const From *ir_from(Module *m, const uint32_t *id, uint32_t n)
{
    for (uint32_t i = m->froms.n; i-- > 0;) { /* the newest sets recur most */
        const From *f = m->froms.at[i];
        if (f->n == n && memcmp(f->node, id, n * sizeof *id) == 0) return f;
        if (m->froms.n - i > 64) break;
    }
    From *f = job_new(m->job, From);
    uint32_t *node = job_array(m->job, uint32_t, n + 1);
    if (n) memcpy(node, id, n * sizeof *id);
    *f = (From){n, node};
    vec_push(m->job, &m->froms, f);
    return f;
}

const From *ir_from_union(Module *m, const From *a, const From *b)
{
    if (!a || !a->n || a == b) return b;
    if (!b || !b->n) return a;
    uint32_t *node = job_array(m->job, uint32_t, a->n + b->n), n = 0, i = 0, j = 0;
    while (i < a->n || j < b->n) {
        uint32_t x = i < a->n ? a->node[i] : UINT32_MAX, y = j < b->n ? b->node[j] : UINT32_MAX;
        node[n++] = x < y ? x : y;
        i += x <= y;
        j += y <= x;
    }
    return ir_from(m, node, n);
}

void ir_remark(Module *m, const char *pass, const From *from, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    Remark *r = job_new(m->job, Remark);
    *r = (Remark){pass, job_strndup(m->job, text, strlen(text)), from, NULL};
    if (m->last_remark)
        m->last_remark->next = r;
    else
        m->remarks = r;
    m->last_remark = r;
}

const char *ir_node_name(const Module *m, const From *from)
{
    return from && from->n && from->node[from->n - 1] < m->nodes.n ? m->nodes.at[from->node[from->n - 1]]
                                                                   : "?";
}
