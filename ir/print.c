/* The text form, printed. docs/ir.md describes it. Values are numbered anew in each region, so that equal
 * regions print alike. */
#include <math.h>
#include <stdlib.h>

#include "ir/ir.h"

typedef struct {
    const Module *m;
    Str *s;
    uint32_t *number; /* by value id */
    uint32_t next;
} Printer;

static void put_float(Str *s, double v, DType t)
{
    if (v != v)
        str_put(s, "nan");
    else if (isinf(v))
        str_put(s, v < 0 ? "-inf" : "inf");
    else
        str_printf(s, t == JITC_FLOAT64 ? "%.17g" : "%.9g", v);
}

static void put_element(Str *s, const Tensor *t, int64_t i)
{
    DType part = dtype_part(t->type.dtype);
    if (part) {
        Tensor parts = {type_scalar(part), t->data};
        str_put(s, "(");
        put_float(s, tensor_f(&parts, 2 * i), part);
        str_put(s, ",");
        put_float(s, tensor_f(&parts, 2 * i + 1), part);
        str_put(s, ")");
    } else if (dtype_is_float(t->type.dtype))
        put_float(s, tensor_f(t, i), t->type.dtype);
    else if (t->type.dtype == JITC_UINT64)
        str_printf(s, "%llu", (unsigned long long)tensor_i(t, i));
    else
        str_printf(s, "%lld", (long long)tensor_i(t, i));
}

static void put_elements(Str *s, const Tensor *t)
{
    int64_t n = type_numel(&t->type);
    if (t->type.rank == 0) {
        put_element(s, t, 0);
        return;
    }
    str_put(s, "[");
    for (int64_t i = 0; i < n; i++) {
        if (i) str_put(s, ",");
        put_element(s, t, i);
    }
    str_put(s, "]");
}

static void put_quoted(Str *s, const char *text)
{
    str_put(s, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') str_put(s, "\\");
        str_putn(s, text, 1);
    }
    str_put(s, "\"");
}

static void put_attr(Printer *p, const Attr *a)
{
    Str *s = p->s;
    switch (a->kind) {
    case ATTR_INT: str_printf(s, "%lld", (long long)a->i); break;
    case ATTR_BOOL: str_put(s, a->i ? "true" : "false"); break;
    case ATTR_FLOAT: put_float(s, a->f, JITC_FLOAT64); break;
    case ATTR_DTYPE: str_put(s, dtype_name((DType)a->i)); break;
    case ATTR_STR: put_quoted(s, a->s); break;
    default:
        str_put(s, "[");
        for (uint32_t i = 0; i < a->n; i++) {
            if (i) str_put(s, ",");
            if (a->kind == ATTR_DIMS)
                dim_print(p->m, s, a->v[i]);
            else
                str_printf(s, "%lld", (long long)a->v[i]);
        }
        str_put(s, "]");
    }
}

static bool is_default(const AttrDef *d, const Attr *a)
{
    if (!d->has_default) return false;
    switch (a->kind) {
    case ATTR_FLOAT: return a->f == d->def;
    case ATTR_STR: return !a->s[0];
    case ATTR_INTS:
    case ATTR_DIMS: return a->n == 0;
    default: return a->i == (int64_t)d->def;
    }
}

static void put_attrs(Printer *p, const Op *op)
{
    bool first = true;
    for (int k = 0; k < IR_MAX_ATTRS && op->def->attrs[k].name; k++) {
        if (is_default(&op->def->attrs[k], &op->attrs[k])) continue;
        str_printf(p->s, "%s%s=", first ? " {" : ", ", op->def->attrs[k].name);
        put_attr(p, &op->attrs[k]);
        first = false;
    }
    if (!first) str_put(p->s, "}");
}

static void put_weight(Str *s, const Op *op)
{
    const WeightRef *w = &op->weight;
    switch (w->kind) {
    case WEIGHT_FILE: str_printf(s, "file+%llu", (unsigned long long)w->offset); break;
    case WEIGHT_SPLAT:
        str_put(s, "splat(");
        put_float(s, w->splat, JITC_FLOAT64);
        str_put(s, ")");
        break;
    case WEIGHT_RAND: str_printf(s, "rand(%llu)", (unsigned long long)w->offset); break;
    case WEIGHT_INIT: str_printf(s, "init(%llu)", (unsigned long long)w->offset); break;
    case WEIGHT_BYTES: {
        Tensor t = {op->out[0]->type, (void *)(uintptr_t)w->bytes};
        put_elements(s, &t);
    }
    }
}

static void define(Printer *p, const Value *v)
{
    p->number[v->id] = p->next++;
    str_printf(p->s, "%%%u", p->number[v->id]);
}

static void put_args(Printer *p, const Region *r)
{
    str_put(p->s, "(");
    for (uint32_t i = 0; i < r->nargs; i++) {
        if (i) str_put(p->s, ", ");
        define(p, r->args[i]);
        str_put(p->s, ": ");
        type_print(p->m, p->s, &r->args[i]->type);
    }
    str_put(p->s, ")");
}

static void put_body(Printer *p, const Region *r, int indent);

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In the order of names, since parsing numbers nodes anew. */
static void put_nodes(Printer *p, const From *from)
{
    if (!from || !from->n) return;
    const char **name = job_array(p->m->job, const char *, from->n);
    for (uint32_t i = 0; i < from->n; i++)
        name[i] = from->node[i] < p->m->nodes.n ? p->m->nodes.at[from->node[i]] : "?";
    qsort(name, from->n, sizeof *name, by_name);
    for (uint32_t i = 0; i < from->n; i++) {
        str_put(p->s, i ? "," : "  @");
        put_quoted(p->s, name[i]);
    }
}

/* A region of `if` or `while`: it sees the values around it, so its numbers go on from theirs. */
static void put_open(Printer *p, const char *what, const Region *r, int indent)
{
    str_printf(p->s, " %s", what);
    if (r->nargs) str_put(p->s, " "), put_args(p, r);
    str_put(p->s, " {\n");
    put_body(p, r, indent + 2);
    str_printf(p->s, "%*s}", indent, "");
}

static void put_op(Printer *p, const Op *op, int indent)
{
    Str *s = p->s;
    str_printf(s, "%*s", indent, "");
    for (int i = 0; i < op->nout; i++) {
        if (i) str_put(s, ", ");
        define(p, op->out[i]);
    }
    if (op->nout) str_put(s, " = ");
    str_put(s, op->code == OP_yield && !op->parent->owner ? "return" : op->def->name);
    if (op->code == OP_const || op->code == OP_weight) {
        str_put(s, " ");
        type_print(p->m, s, &op->out[0]->type);
        str_put(s, " ");
        if (op->code == OP_const)
            put_elements(s, &op->value);
        else
            put_weight(s, op);
    } else {
        for (int i = 0; i < op->nin; i++) str_printf(s, "%s%%%u", i ? ", " : " ", p->number[op->in[i]->id]);
        put_attrs(p, op);
        if (op->other) {
            bool loop = op->code == OP_while;
            put_open(p, loop ? "cond" : "then", loop ? op->other : op->body, indent);
            put_open(p, loop ? "body" : "else", loop ? op->body : op->other, indent);
        } else if (op->body) {
            Printer inner = *p;
            inner.next = 0;
            str_put(s, " ");
            put_args(&inner, op->body);
            str_put(s, " {\n");
            put_body(&inner, op->body, indent + 2);
            str_printf(s, "%*s}", indent, "");
        }
        for (int i = 0; i < op->nout; i++) {
            str_put(s, i ? ", " : " : ");
            type_print(p->m, s, &op->out[i]->type);
        }
    }
    put_nodes(p, op->from);
    str_put(s, "\n");
}

static void put_body(Printer *p, const Region *r, int indent)
{
    for (const Op *op = r->first; op; op = op->next) put_op(p, op, indent);
}

static Printer printer(const Module *m, Str *s)
{
    return (Printer){m, s, job_array(m->job, uint32_t, m->next_value + 1), 0};
}

void ir_print_region(const Module *m, Str *s, const Region *r, int indent)
{
    Printer p = printer(m, s);
    put_args(&p, r);
    str_put(s, " {\n");
    put_body(&p, r, indent + 2);
    str_printf(s, "%*s}\n", indent, "");
}

void ir_print(const Module *m, Str *s)
{
    for (const Func *f = m->funcs; f; f = f->next) {
        Printer p = printer(m, s);
        str_printf(s, "graph @%s", f->name);
        put_args(&p, f->body);
        str_put(s, " {\n");
        put_body(&p, f->body, 2);
        str_put(s, "}\n");
    }
}
