/* Kernel ops become canonical kernel texts: dims that cost nothing are symbols, names and origins are gone.
 */
#include "codegen/plan/spec.h"

#include "codegen/plan/spec_private.h"
#include "ir/dim.h"

/* -- The text under construction ---------------------------------------------------------------------- */
void text_begin(Text *t, Module *from, const Op *kernel, KernelSpec *out)
{
    *t = (Text){.from = from, .m = ir_module(from->job), .kernel = kernel, .out = out};
    t->b = (Builder){.m = t->m, .region = ir_func(t->m, "k")->body};
    int cap = 0;
    for (const Op *op = kernel->body->first; op; op = op->next) cap += op->nin + op->nout;
    t->map = job_array(from->job, TextBinding, cap + (int)kernel->body->nargs + 1);
    t->symbol = job_array(from->job, Dim, SPEC_MAX_DIMS);
    out->operand = job_array(from->job, uint16_t, cap + (int)kernel->body->nargs + 1);
    out->in_place = job_array(from->job, bool, cap + (int)kernel->body->nargs + 1);
}

void text_bind(Text *t, const Value *old, Value *new_value)
{
    t->map[t->nmap].old = old;
    t->map[t->nmap++].new_value = new_value;
}

Value *text_value(const Text *t, const Value *old)
{
    for (int i = t->nmap; i-- > 0;)
        if (t->map[i].old == old) return t->map[i].new_value;
    return NULL;
}

Value *text_arg(Text *t, const Value *old, Type type, bool in_place)
{
    KernelSpec *s = t->out;
    s->operand[s->noperands] = (uint16_t)old->index;
    s->in_place[s->noperands++] = in_place;
    return ir_arg(t->m, t->b.region, type, NULL);
}

/* -- Open sizes ----------------------------------------------------------------------------------------- */
static Dim text_dim(Text *t, Dim d)
{
    Module *m = t->m;
    int64_t k;
    if (dim_known(d)) return d;
    if (dim_const(t->from, d, &k)) return dim_sub(m, 0, -k);
    DimExpr e = dim_parts(t->from, d);
    if (e.op == DIM_SYM) {
        int i = 0;
        while (i < t->nsymbols && t->symbol[i] != d) i++;
        if (i == t->nsymbols && i < SPEC_MAX_DIMS) t->symbol[t->nsymbols++] = d;
        char name[16];
        snprintf(name, sizeof name, "s%d", i);
        return dim_sym(m, name);
    }
    Dim a = text_dim(t, e.a), b = text_dim(t, e.b);
    switch (e.op) {
    case DIM_ADD: return dim_add(m, a, b);
    case DIM_MUL: return dim_mul(m, a, b);
    case DIM_DIV: return dim_floordiv(m, a, b);
    case DIM_MOD: return dim_mod(m, a, b);
    case DIM_MIN: return dim_min(m, a, b);
    default: return dim_max(m, a, b);
    }
}

Type text_type(Text *t, const Type *type)
{
    Type r = *type;
    for (int d = 0; d < r.rank; d++) r.dim[d] = text_dim(t, r.dim[d]);
    return r;
}

Dim rows_of(Module *m, const Type *t, int dims)
{
    Dim n = 1;
    for (int d = 0; d < dims; d++) n = dim_mul(m, n, t->dim[d]);
    return n;
}

Dim pitch_in(Module *m, const Op *kernel, const Value *a)
{
    return ir_placement(m, kernel->in[a->index]).pitch;
}

Dim pitch_out(Module *m, const Op *kernel)
{
    return ir_placement(m, kernel->out[0]).pitch;
}

/* One element of any rank becomes a scalar: it broadcasts alike, and equal kernels get equal texts. */
static Value *clone_const(Text *t, const Op *op)
{
    Tensor x = op->value;
    if (type_numel(&x.type) == 1) x.type = type_scalar(x.type.dtype);
    return ir_const(&t->b, &x);
}

static Op *same_op(Text *t, const Op *op)
{
    Value **in = job_array(t->m->job, Value *, op->nin + 1);
    for (int i = 0; i < op->nin; i++) {
        in[i] = text_value(t, op->in[i]);
        if (!in[i]) job_bug(t->m->job, "kernel text: operand of '%s' has no value", op->def->name);
    }
    AttrArg attrs[IR_MAX_ATTRS];
    int n = 0;
    for (; n < IR_MAX_ATTRS && op->def->attrs[n].name; n++) {
        Attr a = op->attrs[n];
        if (a.kind == ATTR_DIMS) {
            int64_t *v = job_array(t->m->job, int64_t, a.n + 1);
            for (uint32_t i = 0; i < a.n; i++) v[i] = text_dim(t, a.v[i]);
            a.v = v;
        }
        attrs[n] = (AttrArg){op->def->attrs[n].name, a};
    }
    Op *copy = ir_op(&t->b, op->code, in, op->nin, attrs, n);
    if (!copy) job_bug(t->m->job, "kernel text: '%s' does not fit its operands", op->def->name);
    return copy;
}

Value *text_op(Text *t, const Op *op)
{
    return op->code == OP_const ? clone_const(t, op) : same_op(t, op)->out[0];
}

void text_copy(Text *t, const Op *op)
{
    Op *copy = op->code == OP_const ? ir_clone(&t->b, op, NULL) : same_op(t, op);
    copy->from = NULL;
    for (int i = 0; i < op->nout; i++) text_bind(t, op->out[i], copy->out[i]);
}

void text_end(Text *t, const char *header)
{
    Str s = {0};
    str_printf(&s, "%s\n", header);
    ir_print(t->m, &s);
    KernelSpec *out = t->out;
    if (s.oom) {
        str_free(&s);
        job_fail(t->m->job, JITC_E_NOMEM);
    }
    out->text = job_strndup(t->m->job, str_text(&s), s.n);
    out->size = s.n;
    str_free(&s);
    out->key = hash_bytes(out->text, out->size);
}

/* -- Costs ------------------------------------------------------------------------------------- */
static void costs(const Op *kernel, KernelSpec *out)
{
    for (const Op *op = kernel->body->first; op; op = op->next) out->flops += work_flops(op);
    out->bytes = work_bytes(kernel);
}

void spec_of_parts(Module *m, const Op *kernel, Str *text, KernelSpec *out)
{
    if (text->oom) {
        str_free(text);
        job_fail(m->job, JITC_E_NOMEM);
    }
    out->text = job_strndup(m->job, str_text(text), text->n);
    out->size = text->n;
    str_free(text);
    out->key = hash_bytes(out->text, out->size);
    out->noperands = kernel->nin;
    out->operand = job_array(m->job, uint16_t, kernel->nin + 1);
    out->in_place = job_array(m->job, bool, kernel->nin + 1);
    for (int i = 0; i < kernel->nin; i++) out->operand[i] = (uint16_t)i;
}

/* Handing a share to another thread costs some microseconds: a share should be worth more. It may have to be
 * larger already. */
void spec_grain(KernelSpec *out, double flops_per_ns)
{
    enum { SHARE_NS = 10000 };
    double ns = out->flops / flops_per_ns + out->bytes / 8;
    bool open = !dim_known(out->units); /* guessed as the sizes that it is made of are */
    double units = open ? 64 : (double)out->units, per_unit = ns / (units > 1 ? units : 1);
    double grain = per_unit * units <= SHARE_NS && !open ? units : SHARE_NS / per_unit;
    out->grain = max_i64(out->grain, grain < 1 ? 1 : grain > 1e15 ? (int64_t)1e15 : (int64_t)grain);
}

/* -- Kernels whose texts say whether rows lie with gaps ----------------------------------------- */
static bool has_gaps(Module *m, Value *v)
{
    const Type *t = &v->type;
    return t->rank && t->layout == LAYOUT_PLAIN && ir_placement(m, v).pitch != t->dim[t->rank - 1];
}

static bool any_gaps(Module *m, const Op *kernel)
{
    for (int i = 0; i < kernel->nin; i++)
        if (has_gaps(m, kernel->in[i])) return true;
    for (int i = 0; i < kernel->nout; i++)
        if (has_gaps(m, kernel->out[i])) return true;
    return false;
}

/* The pitches of operands and results, at dim argument `at`. */
static int put_pitches(Module *m, const Op *kernel, Dim *dim, int at)
{
    for (int i = 0; i < kernel->nin + kernel->nout; i++, at++) {
        Value *v = i < kernel->nin ? kernel->in[i] : kernel->out[i - kernel->nin];
        if (at < SPEC_MAX_DIMS) dim[at] = ir_placement(m, v).pitch;
    }
    return at;
}

/* -- loops ------------------------------------------------------------------------------------- */
static void make_loops(Module *m, const Op *kernel, KernelSpec *out)
{
    Text t;
    text_begin(&t, m, kernel, out);
    bool scan = false, row = false;
    for (uint32_t i = 0; i < kernel->body->nargs; i++) {
        const Value *a = kernel->body->args[i];
        text_bind(&t, a, text_arg(&t, a, text_type(&t, &a->type), false));
    }
    const Op *end = ir_terminator(kernel->body);
    if (!end) job_bug(m->job, "a kernel without an end");
    for (const Op *op = kernel->body->first; op != end; op = op->next) {
        text_copy(&t, op);
        scan = scan || op->def->kind == KIND_SCAN;
        row = row || op->def->kind == KIND_ROW;
    }
    Value **result = job_array(m->job, Value *, end->nin + 1);
    for (int i = 0; i < end->nin; i++) result[i] = text_value(&t, end->in[i]);
    ir_yield(&t.b, result, end->nin);
    const Type *r = &kernel->out[0]->type;
    bool empty = r->rank && r->dim[r->rank - 1] == 0;
    out->units = scan || (row && r->rank == 1)        ? 1
                 : !row && spec_is_flat(kernel->body) ? dim_ceildiv(m, rows_of(m, r, r->rank), FLAT_UNIT)
                 : empty                              ? 0
                                                      : rows_of(m, r, r->rank - 1);
    bool gaps = any_gaps(m, kernel);
    out->ndims = gaps ? put_pitches(m, kernel, out->dim, 0) : 0;
    for (int i = 0; i < t.nsymbols; i++, out->ndims++)
        if (out->ndims < SPEC_MAX_DIMS) out->dim[out->ndims] = t.symbol[i];
    spec_grain(out, 2);
    text_end(&t, gaps ? "#algo=loops pitch=1" : "#algo=loops");
}

/* -- map --------------------------------------------------------------------------------------- */
enum { MAP_RANK = 6 };

typedef struct {
    int r;
    Dim size[IR_MAX_RANK];
    uint32_t first[IR_MAX_RANK]; /* a dim of the result that the group contains */
} Groups;

/* Whether operand type t has dim d of the result (and not 1 in its place); -1: it does not fit. */
static int has_dim(const Type *t, const Type *result, int d)
{
    int k = d - (result->rank - t->rank);
    if (k < 0 || t->dim[k] == 1) return result->dim[d] == 1;
    return t->dim[k] == result->dim[d] ? 1 : -1;
}

static bool is_single(const Type *t)
{
    for (int d = 0; d < t->rank; d++)
        if (t->dim[d] != 1) return false;
    return true;
}

static bool is_pure_map(const Op *kernel, const Op *end)
{
    const Type *r = &kernel->out[0]->type;
    for (const Op *op = kernel->body->first; op != end; op = op->next) {
        if (op->code == OP_const ? !is_single(&op->out[0]->type) : op->def->kind != KIND_MAP) return false;
    }
    for (int i = 0; i < end->nin; i++) {
        const Type *t = &end->in[i]->type;
        if (t->rank != r->rank || memcmp(t->dim, r->dim, r->rank * sizeof(Dim)) != 0) return false;
        if (!end->in[i]->def || end->in[i]->def->code == OP_const) return false;
    }
    for (uint32_t i = 0; i < kernel->body->nargs; i++) {
        const Type *t = &kernel->body->args[i]->type;
        if (t->rank > r->rank || t->layout != LAYOUT_PLAIN) return false;
        for (int d = 0; d < r->rank; d++)
            if (has_dim(t, r, d) < 0) return false;
    }
    return true;
}

static Groups collapse(Module *m, const Op *kernel, bool gaps)
{
    const Type *r = &kernel->out[0]->type;
    const Region *body = kernel->body;
    Groups g = {0};
    for (int d = 0; d < r->rank; d++) {
        if (r->dim[d] == 1) continue;
        bool joins = g.r > 0 && !(gaps && d == r->rank - 1);
        for (uint32_t i = 0; joins && i < body->nargs; i++)
            joins = has_dim(&body->args[i]->type, r, d) ==
                    has_dim(&body->args[i]->type, r, (int)g.first[g.r - 1]);
        if (joins) {
            g.size[g.r - 1] = dim_mul(m, g.size[g.r - 1], r->dim[d]);
        } else {
            g.first[g.r] = (uint32_t)d;
            g.size[g.r++] = r->dim[d];
        }
    }
    if (!g.r) g.size[g.r++] = 1;
    return g;
}

static bool make_map(Module *m, const Op *kernel, const Op *end, KernelSpec *out)
{
    enum { UNIT_ELEMENTS = 4096, ROUND = 16 };
    bool plain = images_are_plain(kernel);
    if (!plain) {
        kernel = maps_as_they_lie(m, kernel);
        end = ir_terminator(kernel->body);
    }
    if (!is_pure_map(kernel, end)) return false;
    const Type *r = &kernel->out[0]->type;
    bool gaps = any_gaps(m, kernel);
    Groups g = collapse(m, kernel, gaps);
    if (g.r > MAP_RANK || (gaps && (r->dim[r->rank - 1] == 1 || g.r < 2))) return false;
    Text t;
    text_begin(&t, m, kernel, out);
    Dim sym[MAP_RANK];
    for (int i = 0; i < g.r; i++) {
        char name[16];
        snprintf(name, sizeof name, "d%d", i);
        sym[i] = dim_sym(t.m, name);
    }
    if (!plain && g.size[g.r - 1] == PANEL) sym[g.r - 1] = PANEL; /* rows of one vector */
    size_t esize = dtype_size(r->dtype);
    bool single = is_single(r);
    for (uint32_t i = 0; i < kernel->body->nargs; i++) {
        const Value *a = kernel->body->args[i];
        Type type = type_make(a->type.dtype, g.r, sym);
        bool full = true, any = single;
        for (int k = 0; k < g.r && !single; k++) {
            bool has = has_dim(&a->type, r, (int)g.first[k]) == 1;
            if (!has) type.dim[k] = 1;
            full = full && has;
            any = any || has;
        }
        if (!any) type = type_scalar(a->type.dtype);
        text_bind(&t, a,
                  text_arg(&t, a, type, full && kernel->nout == 1 && dtype_size(a->type.dtype) == esize));
    }
    for (const Op *op = kernel->body->first; op != end; op = op->next)
        text_bind(&t, op->out[0], text_op(&t, op));
    Value **results = job_array(m->job, Value *, end->nin + 1);
    for (int i = 0; i < end->nin; i++) {
        results[i] = text_value(&t, end->in[i]);
        const Type *y = &results[i]->type;
        if (y->rank != g.r || memcmp(y->dim, sym, (size_t)g.r * sizeof *sym) != 0) return false;
    }
    ir_yield(&t.b, results, end->nin);

    Dim rows = 1, inner = g.size[g.r - 1];
    for (int i = 0; i < g.r; i++) out->dim[i] = g.size[i];
    if (g.r == 1) {
        out->dim[1] = UNIT_ELEMENTS;
        out->units = dim_ceildiv(m, inner, UNIT_ELEMENTS);
    } else {
        for (int i = 0; i < g.r - 1; i++) rows = dim_mul(m, rows, g.size[i]);
        Dim each = dim_floordiv(m, UNIT_ELEMENTS, dim_max(m, inner, 1));
        out->dim[g.r] = dim_max(m, 1, dim_min(m, rows, each));
        out->units = dim_ceildiv(m, rows, out->dim[g.r]);
    }
    out->ndims = gaps ? put_pitches(m, kernel, out->dim, g.r + 1) : g.r + 1;
    spec_grain(out, 8);
    text_end(&t, gaps ? "#algo=map pitch=1" : "#algo=map");
    return true;
}

void spec_make(Module *m, const Op *kernel, const Machine *machine, KernelSpec *out)
{
    memset(out, 0, sizeof *out);
    const char *algo = attr_s(kernel, "algo");
    const Op *end = ir_terminator(kernel->body);
    if (!end || kernel->nout < 1) job_bug(m->job, "a kernel without results");
    costs(kernel, out);
    if (strcmp(algo, "igemm") == 0)
        make_igemm(m, without_relayouts(m, kernel), machine, out);
    else if (strcmp(algo, "depthwise") == 0)
        make_depthwise(m, without_relayouts(m, kernel), out);
    else if (strcmp(algo, "winograd") == 0)
        make_winograd(m, without_relayouts(m, kernel), machine, out);
    else if (strcmp(algo, "chain") == 0)
        make_chain(m, kernel, machine, out);
    else if (strcmp(algo, "attention") == 0)
        make_attention(m, kernel, machine, out);
    else if (strcmp(algo, "routine") == 0)
        make_routine(m, kernel, out);
    else if (strcmp(algo, "custom") == 0)
        make_custom(m, kernel, out);
    else if (strcmp(algo, "map") != 0 || !make_map(m, kernel, end, out)) {
        double flops = out->flops, bytes = out->bytes;
        *out = (KernelSpec){.flops = flops, .bytes = bytes};
        const Op *transpose = images_are_plain(kernel) ? NULL : relayout_as_transpose(m, kernel);
        make_loops(m, transpose ? transpose : kernel, out);
    }
}

const char *spec_class(Job *job, const KernelSpec *s)
{
    static const char key[] = "#algo=";
    const char *class = s->text + sizeof key - 1;
    return job_strndup(job, class, strcspn(class, " \n"));
}
