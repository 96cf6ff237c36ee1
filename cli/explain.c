/* jitc explain: which nodes ended in which kernel, and what the passes had to say. */
#include "cli/cli.h"
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

/* The op that a kernel is about: what is neither a map nor a view, if there is such a one. */
static const Op *anchor(const Op *kernel)
{
    static const int rank[] = {[KIND_CONST] = 0, [KIND_MAP] = 2,    [KIND_REDUCE] = 5,   [KIND_ROW] = 5,
                               [KIND_SCAN] = 5,  [KIND_WINDOW] = 6, [KIND_CONTRACT] = 7, [KIND_VIEW] = 1,
                               [KIND_MOVE] = 3,  [KIND_INDEX] = 4,  [KIND_ROUTINE] = 6,  [KIND_REGION] = 0};
    const Op *best = NULL;
    ir_each_op (op, kernel->body) {
        if (!best || rank[op->def->kind] > rank[best->def->kind]) best = op;
    }
    return best;
}

static void put_node(Str *s, const Module *m, uint32_t i)
{
    str_escape(s, m->nodes.at[i], strlen(m->nodes.at[i]));
    if (i < m->node_ops.n && m->node_ops.at[i]) str_printf(s, " (%s)", m->node_ops.at[i]);
}

static void put_remark(Str *s, const Module *m, const Remark *r, const char *indent, bool named)
{
    str_printf(s, "%s%s: ", indent, r->pass);
    if (named && r->from && r->from->n) {
        put_node(s, m, r->from->node[r->from->n - 1]);
        str_put(s, ": ");
    }
    str_escape(s, r->text, strlen(r->text));
    str_put(s, "\n");
}

static void put_kernel(Str *s, const Module *m, const Op *kernel, bool *said)
{
    const Op *about = anchor(kernel);
    const From *from = kernel->from, *main_from = about && about->from && about->from->n ? about->from : from;
    uint32_t title = main_from && main_from->n ? main_from->node[0] : UINT32_MAX;
    if (title != UINT32_MAX)
        put_node(s, m, title);
    else
        str_put(s, "(no node)");
    str_printf(s, "   %s", attr_s(kernel, "algo"));
    if (about && strcmp(about->def->name, attr_s(kernel, "algo")) != 0)
        str_printf(s, " %s", about->def->name);
    for (int i = 0; i < kernel->nout; i++) {
        str_put(s, i ? ", " : " → ");
        type_print(m, s, &kernel->out[i]->type);
    }
    str_put(s, "\n");
    bool first = true;
    for (uint32_t i = 0; from && i < from->n; i++) {
        if (from->node[i] == title) continue;
        str_put(s, first ? "  fused: " : ", ");
        put_node(s, m, from->node[i]);
        first = false;
    }
    if (!first) str_put(s, "\n");
    uint32_t number = 0;
    for (const Remark *r = m->remarks; r; r = r->next, number++)
        if (overlap(r->from, from)) {
            put_remark(s, m, r, "  ", r->from->node[r->from->n - 1] != title);
            said[number] = true;
        }
}

ExitStatus command_explain(Options *o)
{
    Model *model = model_open(o->job, o->files.at[0]);
    Binding *b = bind_options(o, model);
    Module *m = tf_import(o->job, model->graph, &model->src, &b->import, NULL);
    PassOptions passes = {.cpu = o->cpu, .precise = o->precise, .verify = true};
    passes_run(m, passes_default_pipeline(), &passes);

    uint32_t nremarks = 0, kernels = 0, shown = 0;
    for (const Remark *r = m->remarks; r; r = r->next) nremarks++;
    bool *said = job_array(o->job, bool, nremarks + 1);
    Str s = {0};
    const Func *f = ir_find_func(m, "main");
    if (!f) job_bug(o->job, "the module has no @main");
    ir_each_op (op, f->body) {
        if (!op->body) continue;
        kernels++;
        if (!chosen(o, m, op->from)) continue;
        put_kernel(&s, m, op, said);
        shown++;
    }
    uint32_t number = 0;
    for (const Remark *r = m->remarks; r; r = r->next, number++)
        if (!said[number] && chosen(o, m, r->from)) put_remark(&s, m, r, "", true);
    if (o->node && !shown)
        say_note(o, "no kernel does the work of a node whose name starts with '%s'", o->node);
    if (!o->quiet) str_printf(&s, "%u kernel%s\n", kernels, kernels == 1 ? "" : "s");
    put_stdout(o->job, &s);
    return EXIT_DONE;
}
