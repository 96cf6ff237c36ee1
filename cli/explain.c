/* jitc explain: which nodes ended in which kernel, how it works, and what the passes had to say. */
#include "cli/cli.h"
#include "codegen/plan/plan.h"
#include "ir/ir.h"
#include "passes/pass.h"

static bool chosen(const Options *o, const Module *m, const From *from)
{
    if (!o->node) return true;
    for (uint32_t i = 0; from && i < from->n; i++)
        if (strncmp(m->nodes.at[from->node[i]], o->node, strlen(o->node)) == 0) return true;
    return false;
}

static bool overlap(const From *a, const From *b)
{
    for (uint32_t i = 0, k = 0; a && b && i < a->n && k < b->n;) {
        if (a->node[i] == b->node[k]) return true;
        if (a->node[i] < b->node[k])
            i++;
        else
            k++;
    }
    return false;
}

static void put_node(Str *s, const Module *m, uint32_t i)
{
    str_escape(s, m->nodes.at[i], strlen(m->nodes.at[i]));
    if (i < m->node_ops.n && m->node_ops.at[i]) str_printf(s, " (%s)", m->node_ops.at[i]);
}

/* "  label     ", behind which a line of a kernel goes on. */
static void put_label(Str *s, const char *label)
{
    str_printf(s, "  %-9s ", label);
}

static bool same_remark(const Remark *a, const Remark *b)
{
    return a->from == b->from && strcmp(a->pass, b->pass) == 0 && strcmp(a->text, b->text) == 0;
}

/* `fuse` lists the operations of kernels, which is done here. Else it speaks of an operation, in quotes. */
static bool is_list(const Remark *r)
{
    return strcmp(r->pass, "fuse") == 0 && r->text[0] != '\'';
}

/* Passes may look at a node several times. */
static bool repeats(const Module *m, const Remark *r)
{
    for (const Remark *x = m->remarks; x != r; x = x->next)
        if (same_remark(x, r)) return true;
    return false;
}

static void put_remark(Str *s, const Module *m, const Remark *r, bool named)
{
    if (named && r->from && r->from->n) {
        put_node(s, m, r->from->node[r->from->n - 1]);
        str_put(s, ": ");
    }
    str_escape(s, r->text, strlen(r->text));
    str_put(s, "\n");
}

/* -- Kernels ------------------------------------------------------------------------------------ */
/* A list of nodes behind a label, in lines of the terminal's width. */
typedef struct {
    Str *s;
    const Module *m;
    int column, width; /* column: 0 before the first */
} NodeList;

static void put_node_of(NodeList *l, const char *label, uint32_t node)
{
    enum { INDENT = 12 };
    Str name = {0};
    put_node(&name, l->m, node);
    int w = name_width(str_text(&name), 1000);
    bool first = !l->column, fits = l->column + w + 3 <= l->width;
    if (first)
        put_label(l->s, label);
    else if (fits)
        str_put(l->s, ", ");
    else
        str_printf(l->s, ",\n%*s", INDENT, "");
    l->column = (first || !fits ? INDENT : l->column + 2) + w;
    str_put(l->s, str_text(&name));
    str_free(&name);
}

static void put_fused(Str *s, const Module *m, const From *from, uint32_t title)
{
    NodeList l = {s, m, 0, terminal_width()};
    for (uint32_t i = 0; from && i < from->n; i++)
        if (from->node[i] != title) put_node_of(&l, "fused", from->node[i]);
    if (l.column) str_put(s, "\n");
}

static bool computes(const Op *op)
{
    bool alone = !op->prev && op->next && !op->next->next;
    if (op->code == OP_relayout && !alone) return false; /* how the others read and store images */
    return op->def->kind != KIND_CONST && op->def->kind != KIND_REGION;
}

/* The kernel's operations in order, and what they amount to. */
static void put_work(Str *s, const Op *kernel, const KernelWork *w)
{
    bool counted = !w->open && w->flops > 0;
    int n = 0;
    ir_each_op (op, kernel->body) n += computes(op);
    if (!counted && n < 2) return;
    put_label(s, "work");
    if (counted) put_si(s, w->done, "FLOP");
    if (counted && w->done != w->flops) {
        str_put(s, " in place of ");
        put_si(s, w->flops, "FLOP");
    }
    if (n > 1) {
        str_put(s, counted ? ": " : "");
        n = 0;
        ir_each_op (op, kernel->body)
            if (computes(op)) str_printf(s, "%s%s", n++ ? ", " : "", op->def->name);
    }
    str_put(s, "\n");
}

static double bytes_of(const PlanBuf *b)
{
    return b->bytes > 0 ? (double)b->bytes : 0;
}

static void put_tensor(Str *s, const PlanBuf *b)
{
    put_type(s, b->type.dtype, b->type.rank, b->type.dim);
    if (layout_of_images((Layout)b->type.layout)) str_printf(s, "{%s}", layout_name((Layout)b->type.layout));
    if (b->bytes < 1000) return;
    str_put(s, " ");
    put_si(s, bytes_of(b), "B");
}

/* Operands and results; weights as they are packed. */
static void put_memory(Str *s, const Plan *p, const PlanCall *c)
{
    double weights = 0;
    int layout = -1;
    bool first = true;
    put_label(s, "memory");
    for (uint32_t i = 0; i < c->noperands; i++) {
        const PlanBuf *b = &p->buf[p->call_buf[c->buf0 + i]];
        if (b->kind == BUF_WEIGHT) {
            weights += bytes_of(b);
            layout = (int)b->type.layout > layout ? (int)b->type.layout : layout;
            continue;
        }
        str_put(s, first ? "" : ", ");
        put_tensor(s, b);
        first = false;
    }
    if (weights > 0) {
        str_put(s, first ? "weights " : ", weights ");
        put_si(s, weights, "B");
        if (layout > LAYOUT_PLAIN) str_printf(s, " as {%s}", layout_name((Layout)layout));
        first = false;
    }
    for (uint32_t i = 0; i < c->nresults; i++) {
        str_put(s, i ? ", " : first ? "→ " : " → ");
        put_tensor(s, &p->buf[p->call_buf[c->buf0 + c->noperands + i]]);
    }
    if (c->in_place >= 0) str_put(s, " in its place");
    str_put(s, "\n");
}

static void put_number(Str *s, PlanNum n)
{
    if (n >= 0)
        str_printf(s, "%lld", (long long)n);
    else
        str_put(s, "?");
}

/* What a unit is; classes that are not named have one row of the result in it. */
static void put_unit(Str *s, const PlanCall *c, const PlanNum *dim)
{
    if (strcmp(c->work.kernel, "igemm") == 0) {
        PlanNum k = dim[IG_KC];
        str_put(s, " of ");
        put_number(s, dim[IG_MU]);
        str_put(s, " rows × ");
        put_number(s, dim[IG_PU] >= 0 ? dim[IG_PU] * PANEL : dim[IG_PU]);
        str_put(s, " columns");
        if (k > 0 && k != INT32_MAX) str_printf(s, ", %lld terms at a time", (long long)k);
        str_put(s, dim[IG_ORDER] == 1 ? ", columns outermost" : "");
    } else if (strcmp(c->work.kernel, "winograd") == 0) {
        str_put(s, " of ");
        put_number(s, dim[WG_TILES]);
        str_put(s, " tiles × ");
        put_number(s, dim[WG_PANELS] >= 0 ? dim[WG_PANELS] * PANEL : dim[WG_PANELS]);
        str_put(s, " channels");
    } else if (strcmp(c->work.kernel, "attention") == 0) {
        str_put(s, " of ");
        put_number(s, dim[AT_BLOCK]);
        str_put(s, " rows");
    } else if (strcmp(c->work.kernel, "depthwise") == 0) {
        str_put(s, " of ");
        put_number(s, dim[DW_ROWS]);
        str_put(s, " rows × ");
        put_number(s, dim[DW_CHUNK]);
        str_put(s, " channels");
    }
}

static void put_schedule(Str *s, const Plan *p, const PlanCall *c)
{
    put_label(s, "schedule");
    put_number(s, c->units);
    str_printf(s, " unit%s", c->units == 1 ? "" : "s");
    put_unit(s, c, p->dim + c->dim0);
    if (c->units != 1 && (c->units < 0 || 2 * c->grain <= c->units)) {
        if (c->grain > 1) str_printf(s, ", a thread takes at least %lld", (long long)c->grain);
    } else if (c->units > 1) {
        str_put(s, ", for one thread: there is little to do");
    }
    if (c->scratch > 0) {
        str_put(s, "; working memory ");
        put_si(s, (double)c->scratch, "B");
    }
    str_put(s, "\n");
}

static void put_kernel(Str *s, const Module *m, const Plan *p, const PlanCall *c, bool *said)
{
    const Op *kernel = c->op;
    const From *from = kernel->from;
    uint32_t title = work_node(m, kernel);
    if (title != UINT32_MAX)
        put_node(s, m, title);
    else
        str_put(s, "(no node)");
    const KernelWork *w = &c->work;
    bool named = strncmp(w->algorithm, w->kernel, strlen(w->kernel)) == 0;
    str_printf(s, "   %s, %s%s%s%s\n", w->algorithm, w->shape, named ? "" : ", ", named ? "" : w->kernel,
               kernel->parent->owner ? ", in a loop or branch" : "");
    put_fused(s, m, from, title);
    put_work(s, kernel, &c->work);
    put_memory(s, p, c);
    put_schedule(s, p, c);
    uint32_t number = 0;
    for (const Remark *r = m->remarks; r; r = r->next, number++) {
        if (!overlap(r->from, from)) continue;
        said[number] = true;
        if (is_list(r) || repeats(m, r)) continue;
        put_label(s, r->pass);
        put_remark(s, m, r, r->from->node[r->from->n - 1] != title);
    }
    str_put(s, "\n");
}

/* -- Nodes that are in no kernel ------------------------------------------------------------------------- */
static bool is_silent(const char *op)
{
    static const char *const ops[] = {"Const", "Identity", "NoOp", "Placeholder", "PlaceholderWithDefault"};
    for (size_t i = 0; i < COUNT(ops); i++)
        if (strcmp(ops[i], op) == 0) return true;
    return false;
}

static void put_gone(Str *s, const Options *o, const Module *m, const Plan *p)
{
    enum { MOST = 24 };
    bool *kept = job_array(o->job, bool, m->nodes.n + 1);
    for (uint32_t i = 0; i < p->ncall; i++) {
        const From *from = p->call[i].op->from;
        for (uint32_t k = 0; from && k < from->n; k++) kept[from->node[k]] = true;
    }
    NodeList l = {s, m, 0, terminal_width()};
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->nodes.n; i++) {
        if (kept[i] || strncmp(m->nodes.at[i], o->node, strlen(o->node)) != 0) continue;
        if (i < m->node_ops.n && is_silent(m->node_ops.at[i])) continue;
        if (!n) str_put(s, "In no kernel, since folded, a view, control flow, or not needed:\n");
        if (n++ < MOST) put_node_of(&l, "", i);
    }
    if (n) str_put(s, "\n");
    if (n > MOST) str_printf(s, "%12s… and %u more\n", "", n - MOST);
}

ExitStatus command_explain(Options *o)
{
    Model *model = model_open(o->job, o->files.at[0]);
    Binding *b = bind_options(o, model);
    Module *m = tf_import(o->job, model->graph, &model->src, &b->import, NULL);
    m->tuning = tuning_of(o);
    PassOptions passes = {.cpu = o->cpu, .precise = o->precise, .layout = o->image_layout, .verify = true};
    passes_run(m, passes_default_pipeline(), &passes);
    Machine machine = machine_of(o->cpu, o->threads);
    const Plan *p = plan_make(m, &machine);

    uint32_t nremarks = 0, shown = 0;
    for (const Remark *r = m->remarks; r; r = r->next) nremarks++;
    bool *said = job_array(o->job, bool, nremarks + 1);
    Str s = {0};
    for (uint32_t i = 0; i < p->ncall; i++) {
        if (!chosen(o, m, p->call[i].op->from)) continue;
        put_kernel(&s, m, p, &p->call[i], said);
        shown++;
    }
    uint32_t number = 0;
    for (const Remark *r = m->remarks; r; r = r->next, number++)
        if (!said[number] && chosen(o, m, r->from) && !repeats(m, r)) {
            str_printf(&s, "%s: ", r->pass);
            put_remark(&s, m, r, true);
        }
    if (o->node) put_gone(&s, o, m, p);
    if (o->node && !shown)
        say_note(o, "no kernel does the work of a node whose name starts with '%s'", o->node);
    if (!o->quiet) {
        double weights = 0;
        for (uint32_t i = 0; i < p->nbuf; i++)
            if (p->buf[i].kind == BUF_WEIGHT) weights += bytes_of(&p->buf[i]);
        str_printf(&s, "%u kernel call%s, weights ", p->ncall, p->ncall == 1 ? "" : "s");
        put_si(&s, weights, "B");
        if (p->arena >= 0) {
            str_put(&s, ", memory between kernels ");
            put_si(&s, (double)p->arena, "B");
        }
        str_put(&s, "\n");
    }
    put_stdout(o->job, &s);
    return EXIT_DONE;
}
