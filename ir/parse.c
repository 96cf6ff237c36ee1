/* The text form, parsed: recursive descent; the first error ends it, with its line. */
#include <math.h>
#include <stdlib.h>

#include "ir/dim.h"
#include "ir/ir.h"

typedef struct {
    Job *job;
    Module *m;
    const char *at, *end;
    int line;
    StrMap names; /* values in scope, by name */
    StrMap nodes; /* index + 1 of frontend node names */
    bool failed;
    int depth;
} Parser;

static bool fail(Parser *p, const char *what)
{
    if (!p->failed) job_error(p->job, "line %d: %s", p->line, what);
    p->failed = true;
    p->at = p->end;
    return false;
}

static void skip(Parser *p)
{
    while (p->at < p->end) {
        if (*p->at == '\n')
            p->line++, p->at++;
        else if (*p->at == ' ' || *p->at == '\t' || *p->at == '\r')
            p->at++;
        else if (*p->at == '#')
            while (p->at < p->end && *p->at != '\n') p->at++;
        else
            break;
    }
}

static bool peek(Parser *p, const char *text)
{
    skip(p);
    size_t n = strlen(text);
    return (size_t)(p->end - p->at) >= n && memcmp(p->at, text, n) == 0;
}

static bool accept(Parser *p, const char *text)
{
    if (!peek(p, text)) return false;
    p->at += strlen(text);
    return true;
}

static bool expect(Parser *p, const char *text)
{
    if (accept(p, text)) return true;
    char what[64];
    snprintf(what, sizeof what, "'%s' expected", text);
    return fail(p, what);
}

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

static size_t word(Parser *p, const char **start)
{
    skip(p);
    *start = p->at;
    while (p->at < p->end && word_char(*p->at)) p->at++;
    return (size_t)(p->at - *start);
}

static const char *name(Parser *p)
{
    const char *w;
    size_t n = word(p, &w);
    if (!n) fail(p, "a name expected");
    return job_strndup(p->job, w, n);
}

static int64_t integer_as(Parser *p, bool bits)
{
    skip(p);
    char buf[32];
    size_t n = 0;
    while (p->at < p->end && n < sizeof buf - 1 &&
           ((*p->at >= '0' && *p->at <= '9') || (n == 0 && *p->at == '-')))
        buf[n++] = *p->at++;
    buf[n] = 0;
    char *e;
    int64_t v = bits && buf[0] != '-' ? (int64_t)strtoull(buf, &e, 10) : strtoll(buf, &e, 10);
    if (!n || *e) fail(p, "an integer expected");
    return v;
}

static int64_t integer(Parser *p)
{
    return integer_as(p, false);
}

static double number(Parser *p)
{
    skip(p);
    char buf[64];
    size_t n = 0;
    while (p->at < p->end && n < sizeof buf - 1 && (word_char(*p->at) || *p->at == '-' || *p->at == '+'))
        buf[n++] = *p->at++;
    buf[n] = 0;
    char *e;
    double v = text_to_double(buf, &e);
    if (!n || *e) fail(p, "a number expected");
    return v;
}

static const char *quoted(Parser *p)
{
    Str s = {0};
    if (!expect(p, "\"")) return "";
    while (p->at < p->end && *p->at != '"') {
        if (*p->at == '\\' && p->at + 1 < p->end) p->at++;
        str_putn(&s, p->at++, 1);
    }
    expect(p, "\"");
    const char *r = job_strndup(p->job, str_text(&s), s.n);
    str_free(&s);
    return r;
}

/* -- Dims and types ------------------------------------------------------------------------------------ */
static Dim dim_expr(Parser *p);

static Dim dim_atom(Parser *p)
{
    static const struct {
        const char *name;
        Dim (*fn)(Module *, Dim, Dim);
    } calls[] = {{"div", dim_floordiv}, {"mod", dim_mod}, {"min", dim_min}, {"max", dim_max}};
    if (accept(p, "?")) return dim_sym(p->m, name(p));
    for (size_t i = 0; i < COUNT(calls); i++) {
        if (!accept(p, calls[i].name)) continue;
        if (++p->depth > 100) return fail(p, "nested too deeply"), 0;
        expect(p, "(");
        Dim a = dim_expr(p);
        expect(p, ",");
        Dim b = dim_expr(p);
        expect(p, ")");
        p->depth--;
        return p->failed ? 0 : calls[i].fn(p->m, a, b);
    }
    int64_t v = integer(p);
    return v >= 0 ? v : dim_sub(p->m, 0, v == INT64_MIN ? INT64_MAX : -v);
}

static Dim dim_term(Parser *p)
{
    Dim d = dim_atom(p);
    while (accept(p, "*")) d = dim_mul(p->m, d, dim_atom(p));
    return d;
}

static Dim dim_expr(Parser *p)
{
    Dim d = dim_term(p);
    for (;;) {
        if (accept(p, "+"))
            d = dim_add(p->m, d, dim_term(p));
        else if (accept(p, "-"))
            d = dim_sub(p->m, d, dim_term(p));
        else
            return d;
    }
}

static Type type(Parser *p)
{
    const char *w;
    size_t n = word(p, &w);
    Type t = {.dtype = dtype_parse(w, n)};
    if (!t.dtype) fail(p, "a type expected");
    expect(p, "[");
    while (!p->failed && !peek(p, "]")) {
        if (t.rank == IR_MAX_RANK) return fail(p, "too many dimensions"), t;
        int64_t v;
        t.dim[t.rank++] = dim_expr(p);
        if (!p->failed && dim_const(p->m, t.dim[t.rank - 1], &v) && v < 0)
            fail(p, "a dimension is not negative");
        if (!accept(p, ",")) break;
    }
    expect(p, "]");
    for (Layout l = LAYOUT_PANEL; peek(p, "{") && l < LAYOUTS; l++)
        if (accept(p, job_printf(p->job, "{%s}", layout_name(l)))) t.layout = l;
    if (!type_may_lie(&t, t.layout)) fail(p, "a tensor of these dimensions cannot lie so");
    return t;
}

/* -- Values ------------------------------------------------------------------------------------ */
static Value *value(Parser *p)
{
    expect(p, "%");
    if (p->failed) return NULL;
    const char *n = name(p);
    Value *v = p->failed ? NULL : strmap_get(&p->names, n);
    if (!v && !p->failed) fail(p, job_printf(p->job, "%%%s is not defined", n));
    return v;
}

static void bind(Parser *p, const char *n, Value *v)
{
    if (strmap_get(&p->names, n)) {
        fail(p, job_printf(p->job, "%%%s is defined twice", n));
        return;
    }
    v->name = n;
    strmap_put(p->job, &p->names, n, v);
}

static Attr attribute(Parser *p, AttrKind kind)
{
    Attr a = {.kind = kind};
    VEC(int64_t) list = {0};
    switch (kind) {
    case ATTR_INT: a.i = integer(p); break;
    case ATTR_BOOL: a.i = accept(p, "true") || (expect(p, "false"), 0); break;
    case ATTR_FLOAT: a.f = number(p); break;
    case ATTR_STR: a.s = quoted(p); break;
    case ATTR_DTYPE: {
        const char *w;
        size_t n = word(p, &w);
        a.i = dtype_parse(w, n);
        if (!a.i) fail(p, "an element type expected");
        break;
    }
    default:
        expect(p, "[");
        while (!p->failed && !peek(p, "]")) {
            vec_push(p->job, &list, kind == ATTR_DIMS ? dim_expr(p) : integer(p));
            if (!accept(p, ",")) break;
        }
        expect(p, "]");
        a.v = list.at;
        a.n = list.n;
    }
    return a;
}

static int attributes(Parser *p, const OpDef *def, AttrArg *out)
{
    int n = 0;
    if (!accept(p, "{")) return 0;
    while (!p->failed && !peek(p, "}")) {
        const char *w = name(p);
        int k = 0;
        while (k < IR_MAX_ATTRS && def->attrs[k].name && strcmp(def->attrs[k].name, w) != 0) k++;
        if (k == IR_MAX_ATTRS || !def->attrs[k].name || n == IR_MAX_ATTRS) {
            fail(p, job_printf(p->job, "'%s' has no attribute '%s'", def->name, w));
            return 0;
        }
        expect(p, "=");
        out[n++] = (AttrArg){def->attrs[k].name, attribute(p, def->attrs[k].kind)};
        if (!accept(p, ",")) break;
    }
    expect(p, "}");
    return n;
}

static void element(Parser *p, const Tensor *x, int64_t i)
{
    DType part = dtype_part(x->type.dtype);
    if (part) {
        Tensor parts = {type_scalar(part), x->data};
        expect(p, "(");
        tensor_set_f(&parts, 2 * i, number(p));
        expect(p, ",");
        tensor_set_f(&parts, 2 * i + 1, number(p));
        expect(p, ")");
    } else if (dtype_is_float(x->type.dtype)) {
        tensor_set_f(x, i, number(p));
    } else {
        tensor_set_i(x, i, integer_as(p, x->type.dtype == JITC_UINT64));
    }
}

static Tensor elements(Parser *p, const Type *t)
{
    if (!type_static(t)) {
        fail(p, "a constant needs a static type");
        return (Tensor){0};
    }
    if (type_numel(t) > (int64_t)1 << 24) {
        fail(p, "too many elements");
        return (Tensor){0};
    }
    Tensor x = tensor_new(p->job, t);
    int64_t n = type_numel(t);
    bool list = t->rank > 0;
    if (list) expect(p, "[");
    for (int64_t i = 0; i < n && !p->failed; i++) {
        if (i) expect(p, ",");
        element(p, &x, i);
    }
    if (list) expect(p, "]");
    return x;
}

static WeightRef weight(Parser *p, const Type *t)
{
    WeightRef w = {0};
    if (accept(p, "file+")) {
        w.kind = WEIGHT_FILE;
        w.offset = (uint64_t)integer(p);
    } else if (accept(p, "splat(")) {
        w.kind = WEIGHT_SPLAT;
        w.splat = number(p);
        expect(p, ")");
    } else if (peek(p, "rand(") || peek(p, "init(")) {
        w.kind = accept(p, "rand(") ? WEIGHT_RAND : (accept(p, "init("), WEIGHT_INIT);
        w.offset = (uint64_t)integer(p);
        expect(p, ")");
    } else {
        w.kind = WEIGHT_BYTES;
        w.bytes = elements(p, t).data;
    }
    return w;
}

static const From *provenance(Parser *p)
{
    if (!accept(p, "@")) return NULL;
    const From *from = NULL;
    do {
        const char *n = quoted(p);
        uintptr_t k = (uintptr_t)strmap_get(&p->nodes, n);
        if (!k) {
            vec_push(p->job, &p->m->nodes, n);
            vec_push(p->job, &p->m->node_ops, "node");
            k = p->m->nodes.n;
            strmap_put(p->job, &p->nodes, n, (void *)k);
        }
        from = ir_from_union(p->m, from, ir_from(p->m, (uint32_t[]){(uint32_t)k - 1}, 1));
    } while (!p->failed && accept(p, ","));
    return from;
}

/* -- Ops --------------------------------------------------------------------------------------- */
static void body(Parser *p, Builder *b);

static void arguments(Parser *p, Region *r)
{
    expect(p, "(");
    while (!p->failed && !peek(p, ")")) {
        expect(p, "%");
        const char *n = name(p);
        expect(p, ":");
        Type t = type(p);
        if (p->failed) return;
        bind(p, n, ir_arg(p->m, r, t, NULL));
        if (!accept(p, ",")) break;
    }
    expect(p, ")");
}

static Op *kernel(Parser *p, Builder *b, Value **in, int nin, const char *algo)
{
    StrMap outer = p->names;
    memset(&p->names, 0, sizeof p->names); /* a kernel is closed */
    Region *r = ir_region(p->m, NULL);
    arguments(p, r);
    if (!p->failed && (int)r->nargs != nin) fail(p, "a kernel has as many arguments as operands");
    if (++p->depth > 4) fail(p, "nested too deeply");
    expect(p, "{");
    Builder inner = {.m = p->m, .region = r};
    r->owner = (Op *)1; /* so that the end of its body reads as a yield; ir_kernel sets it */
    body(p, &inner);
    p->depth--;
    p->names = outer;
    return p->failed ? NULL : ir_kernel(b, in, nin, algo, r);
}

/* A region of `if` or `while`. Its names stay known after it, so that no other value takes them; the verifier
 * tells when they are used there. */
static Region *open_region(Parser *p, const char *what, bool args)
{
    Region *r = ir_region(p->m, NULL);
    expect(p, what);
    if (args) arguments(p, r);
    if (++p->depth > 32) fail(p, "nested too deeply");
    expect(p, "{");
    Builder inner = {.m = p->m, .region = r};
    r->owner = (Op *)1; /* as for kernels */
    body(p, &inner);
    r->owner = NULL;
    p->depth--;
    return r;
}

static Op *branch_or_loop(Parser *p, Builder *b, OpCode code, Value **in, int nin)
{
    bool loop = code == OP_while;
    if (!loop && nin != 1) {
        fail(p, "'if' takes one operand");
        return NULL;
    }
    Region *first = open_region(p, loop ? "cond" : "then", loop && nin);
    Region *second = p->failed ? NULL : open_region(p, loop ? "body" : "else", loop && nin);
    if (p->failed) return NULL;
    Op *op = loop ? ir_while(b, in, nin, first, second) : ir_if(b, *in, first, second);
    if (!op) fail(p, loop ? "'while' is wrong" : "'if' is wrong");
    return op;
}

/* The text names the symbols that stand for sizes in which branches differ. */
static void take_joined(Parser *p, Value *v, const Type *t)
{
    const Op *x = ir_terminator(v->def->body), *y = ir_terminator(v->def->other);
    const Type *a = &x->in[v->index]->type, *b = &y->in[v->index]->type;
    if (t->rank != v->type.rank) return;
    for (int d = 0; d < t->rank; d++)
        if (a->dim[d] != b->dim[d] && dim_is_sym(p->m, t->dim[d])) v->type.dim[d] = t->dim[d];
}

static void operation(Parser *p, Builder *b)
{
    const char *results[64];
    int nresults = 0;
    while (accept(p, "%")) {
        if (nresults == 64) {
            fail(p, "too many results");
            return;
        }
        results[nresults++] = name(p);
        if (!accept(p, ",")) break;
    }
    if (nresults) expect(p, "=");
    const char *w;
    size_t n = word(p, &w);
    int line = p->line;
    bool end = n == 6 && memcmp(w, "return", 6) == 0;
    const OpDef *def = end ? op_defs[OP_yield] : op_find(w, n);
    if (!def) {
        fail(p, job_printf(p->job, "'%.*s' is not an op", (int)n, w));
        return;
    }
    OpCode code = ir_code(def);
    Op *op = NULL;
    if (code == OP_const || code == OP_weight) {
        Type t = type(p);
        if (p->failed) return;
        Value *v;
        if (code == OP_const) {
            Tensor x = elements(p, &t);
            if (p->failed) return;
            v = ir_const(b, &x);
        } else {
            WeightRef ref = weight(p, &t);
            if (p->failed) return;
            v = ir_weight(b, t, ref);
        }
        op = v->def;
        op->from = provenance(p);
    } else {
        VEC(Value *) in = {0};
        if (peek(p, "%")) do {
                Value *v = value(p);
                if (p->failed) return;
                vec_push(p->job, &in, v);
            } while (accept(p, ","));
        AttrArg attrs[IR_MAX_ATTRS];
        int nattrs = attributes(p, def, attrs);
        if (p->failed) return;
        uint32_t errors = p->job->nerrors;
        if (code == OP_kernel) {
            op = kernel(p, b, in.at, (int)in.n, nattrs ? attrs[0].attr.s : "");
        } else if (code == OP_if || code == OP_while) {
            op = branch_or_loop(p, b, code, in.at, (int)in.n);
        } else if (code == OP_yield) {
            ir_yield(b, in.at, (int)in.n);
            op = b->region->last;
        } else {
            op = ir_op(b, code, in.at, (int)in.n, attrs, nattrs);
            if (!op && p->job->nerrors > errors) {
                p->line = line;
                fail(p, job_printf(p->job, "'%s' is wrong", def->name));
            }
        }
        if (!op) return;
        if (accept(p, ":"))
            for (int i = 0; i < op->nout && !p->failed; i++) {
                if (i) expect(p, ",");
                Type t = type(p);
                if (code == OP_if && !p->failed) take_joined(p, op->out[i], &t);
                if (!p->failed && !type_equal(&t, &op->out[i]->type)) {
                    Str s = {0};
                    type_print(p->m, &s, &op->out[i]->type);
                    fail(p, job_printf(p->job, "the type of '%s' is %s", def->name, str_text(&s)));
                    str_free(&s);
                }
            }
        op->from = provenance(p);
    }
    if (!p->failed && nresults != op->nout)
        fail(p, job_printf(p->job, "'%s' has %d results", def->name, op->nout));
    for (int i = 0; i < nresults && !p->failed; i++) bind(p, results[i], op->out[i]);
}

static void body(Parser *p, Builder *b)
{
    while (!p->failed && !peek(p, "}")) {
        if (ir_terminator(b->region)) {
            fail(p, "an op after the end of its region");
            return;
        }
        operation(p, b);
        if (p->at == p->end && !p->failed) fail(p, "'}' expected");
    }
    if (!p->failed && !ir_terminator(b->region))
        fail(p, b->region->owner ? "'yield' expected" : "'return' expected");
    expect(p, "}");
}

Module *ir_parse(Job *job, const char *text, size_t n)
{
    Parser p = {.job = job, .m = ir_module(job), .at = text, .end = text + n, .line = 1};
    for (skip(&p); p.at < p.end && !p.failed; skip(&p)) {
        expect(&p, "graph");
        expect(&p, "@");
        const char *f = name(&p);
        if (p.failed) break;
        if (ir_find_func(p.m, f)) {
            fail(&p, "a function of that name exists");
            break;
        }
        memset(&p.names, 0, sizeof p.names);
        Region *r = ir_func(p.m, f)->body;
        arguments(&p, r);
        expect(&p, "{");
        Builder b = {.m = p.m, .region = r};
        body(&p, &b);
    }
    return p.failed ? NULL : p.m;
}
