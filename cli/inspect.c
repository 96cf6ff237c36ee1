/* jitc inspect: what a model takes and gives, what it is made of, and what keeps it from being compiled. */
#include <stdlib.h>

#include "cli/cli.h"
#include "ir/ir.h"
#include "passes/pass.h"

typedef struct {
    const char *node, *op, *reason; /* node and op: "" when the problem is not one node's */
} Problem;

typedef struct {
    const char *op;
    uint32_t n;
} OpCount;

typedef struct {
    Job job; /* in which the graph is imported as far as that goes */
    Options *o;
    const Model *m;
    Binding *b;
    ImportIo io;
    bool shapeless; /* an input without a known rank: only its operations can be checked */
    bool imported, ones;
    ModelStats stats;
    VEC(Problem) problems;
    VEC(OpCount) ops;
} Inspection;

static const char cleanup_passes[] = "fix(simplify,fold,cse,dce)";

/* "node 'NAME' (OP): REASON", as the importer words it. */
static Problem parse_problem(Job *job, const char *text)
{
    Problem p = {"", "", job_strndup(job, text, strlen(text))};
    static const char head[] = "node '";
    const char *name = text + sizeof head - 1, *end = strstr(text, "' (");
    const char *close = end ? strstr(end, "): ") : NULL;
    if (strncmp(text, head, sizeof head - 1) != 0 || !close || end < name) return p;
    p.node = job_strndup(job, name, (size_t)(end - name));
    p.op = job_strndup(job, end + 3, (size_t)(close - end - 3));
    p.reason = job_strndup(job, close + 3, strlen(close + 3));
    return p;
}

static void import(Inspection *x)
{
    tf_graph_io(&x->job, x->m->graph, &x->b->import, &x->io);
    for (size_t i = 0; i < x->io.nin; i++) x->shapeless |= x->io.in[i].rank < 0;
    if (x->shapeless) return;
    Module *m = tf_import(&x->job, x->m->graph, &x->m->src, &x->b->import, &x->io);
    x->imported = true;
    passes_run(m, cleanup_passes, NULL);
    model_stats(m, &x->stats);
}

/* The interface's open dimensions, were they 1; false when there are none. */
static bool with_ones(Inspection *x, ImportOptions *import)
{
    VEC(jitc_shape) shapes = {0};
    bool open = false;
    for (size_t i = 0; i < x->io.nin; i++) {
        jitc_shape s = {.name = x->io.in[i].name, .rank = x->io.in[i].rank};
        for (int d = 0; d < s.rank; d++) {
            open |= x->io.in[i].shape[d] < 0;
            s.dim[d] = x->io.in[i].shape[d] < 0 ? 1 : x->io.in[i].shape[d];
        }
        vec_push(x->o->job, &shapes, s);
    }
    *import = x->b->import;
    import->shapes = shapes.at;
    import->nshapes = shapes.n;
    return open && !x->shapeless;
}

static void free_job(void *job)
{
    job_free(job);
}

static void try_import(Inspection *x)
{
    Job *job = x->o->job;
    job_init(&x->job, x->o->max_memory);
    job_on_exit(job, free_job, &x->job);
    if (JOB_ENTER(&x->job) == JITC_OK) {
        import(x);
        return;
    }
    if (!x->job.diags || x->job.status == JITC_E_INTERNAL) {
        for (const Diag *d = x->job.diags; d; d = d->next) job_error(job, "%s", d->text);
        job_fail(job, x->job.status);
    }
    /* What cannot be derived from open dimensions may be plain once they are known. */
    ImportOptions ones;
    Str why = {0};
    bool fine =
        x->io.nout && with_ones(x, &ones) && try_stats(x->o, x->m, &ones, cleanup_passes, &x->stats, &why);
    str_free(&why);
    x->imported = x->ones = fine;
    for (const Diag *d = x->job.diags; d && !fine; d = d->next)
        vec_push(job, &x->problems, parse_problem(job, d->text));
}

static void count_with_ones(Inspection *x)
{
    ImportOptions ones;
    ModelStats stats;
    Str why = {0};
    if (!x->imported || !x->stats.open || !with_ones(x, &ones)) return;
    if (try_stats(x->o, x->m, &ones, cleanup_passes, &stats, &why)) {
        x->stats.macs = stats.macs;
        x->stats.open = false;
        x->ones = true;
    }
    str_free(&why);
}

static int by_count(const void *a, const void *b)
{
    const OpCount *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n ? 1 : -1) : strcmp(x->op, y->op);
}

static void count_ops(Inspection *x)
{
    const TfGraph *g = x->m->graph;
    Job *job = x->o->job;
    StrMap index = {0};
    for (uint32_t i = 0; i < g->nnodes; i++) {
        const char *op = g->nodes[i].op;
        uint32_t *at = strmap_get(&index, op);
        if (!at) {
            at = job_new(job, uint32_t);
            *at = x->ops.n;
            strmap_put(job, &index, op, at);
            vec_push(job, &x->ops, (OpCount){op, 0});
        }
        x->ops.at[*at].n++;
    }
    if (x->ops.n) qsort(x->ops.at, x->ops.n, sizeof *x->ops.at, by_count);
}

/* -- For people ------------------------------------------------------------------------------------- */
static void put_list(Str *s, const char *title, const jitc_io *io, size_t n, int width)
{
    for (size_t i = 0; i < n; i++) {
        str_printf(s, "%-8s  ", i ? "" : title);
        put_name(s, io[i].name, width);
        str_put(s, "  ");
        put_io_type(s, &io[i]);
        str_put(s, "\n");
    }
}

static void put_ops(Str *s, const Inspection *x)
{
    enum { WIDTH = 100 };
    int column = 0;
    for (uint32_t i = 0; i < x->ops.n; i++) {
        Str item = {0};
        str_escape(&item, x->ops.at[i].op, strlen(x->ops.at[i].op));
        str_printf(&item, " %u", x->ops.at[i].n);
        if (i && column + (int)item.n + 3 > WIDTH) {
            str_put(s, " ·\n");
            column = 0;
        }
        if (column == 0) {
            str_printf(s, "%-8s  ", i ? "" : "ops");
            column = 10;
        } else {
            str_put(s, " · ");
            column += 3;
        }
        str_put(s, str_text(&item));
        column += (int)item.n;
        str_free(&item);
    }
    if (x->ops.n) str_put(s, "\n");
}

/* In a table the importer's advice is shorter. */
static void put_reason(Str *s, const char *reason)
{
    static const char advice[] = "; to do without it, make what it computes an input (";
    const char *at = strstr(reason, advice), *cut = at ? at + sizeof advice - 1 : NULL;
    size_t n = cut ? strlen(cut) : 0;
    if (n && cut[n - 1] == ')')
        str_printf(s, "%.*s: feed its output instead, %.*s\n", (int)(at - reason), reason, (int)n - 1, cut);
    else
        str_printf(s, "%s\n", reason);
}

static void put_problems(Str *s, const Inspection *x)
{
    int names = 0, ops = 0;
    uint32_t nodes = 0;
    for (uint32_t i = 0; i < x->problems.n; i++) {
        const Problem *p = &x->problems.at[i];
        int name = name_width(p->node, 40), op = name_width(p->op, 30);
        names = name > names ? name : names;
        ops = op > ops ? op : ops;
        nodes += *p->node != 0;
    }
    if (nodes == x->problems.n)
        str_printf(s, "cannot compile: %u of %u nodes\n", nodes, x->m->graph->nnodes);
    else
        str_put(s, "cannot compile:\n");
    for (uint32_t i = 0; i < x->problems.n; i++) {
        const Problem *p = &x->problems.at[i];
        str_put(s, "  ");
        if (*p->node) {
            put_name(s, p->node, names);
            str_put(s, "  ");
            put_name(s, p->op, ops);
            str_put(s, "  ");
        }
        put_reason(s, p->reason);
    }
}

static void put_text(Str *s, const Inspection *x)
{
    const TfGraph *g = x->m->graph;
    const char *name = base_name(x->m->path);
    str_escape(s, name, strlen(name));
    str_put(s, ": ");
    if (g->producer) str_printf(s, "GraphDef version %d, ", g->producer);
    str_printf(s, "%u node%s", g->nnodes, g->nnodes == 1 ? "" : "s");
    if (x->imported) {
        str_printf(s, " (%lld after folding), ", (long long)x->stats.nodes);
        put_stats(s, &x->stats);
        if (x->ones) str_put(s, " (open dimensions taken as 1)");
    }
    str_put(s, "\n");
    int width = 12;
    for (size_t i = 0; i < x->io.nin + x->io.nout; i++) {
        int w = name_width(i < x->io.nin ? x->io.in[i].name : x->io.out[i - x->io.nin].name, 48);
        width = w > width ? w : width;
    }
    put_list(s, "inputs", x->io.in, x->io.nin, width);
    put_list(s, "outputs", x->io.out, x->io.nout, width);
    put_ops(s, x);
    if (x->shapeless) str_put(s, "an input has no known number of dimensions: --shape NAME=DIMS says more\n");
    if (x->problems.n) put_problems(s, x);
}

/* -- For programs ----------------------------------------------------------------------------------- */
static void put_json_io(Str *s, const jitc_io *io, size_t n)
{
    str_put(s, "[");
    for (size_t i = 0; i < n; i++) {
        const char *type = jitc_dtype_name(io[i].dtype);
        str_put(s, i ? ", {\"name\": " : "{\"name\": ");
        put_json(s, io[i].name);
        str_put(s, ", \"dtype\": ");
        if (type)
            put_json(s, type);
        else
            str_put(s, "null");
        str_put(s, ", \"shape\": ");
        put_json_dims(s, io[i].rank, io[i].shape);
        str_put(s, "}");
    }
    str_put(s, "]");
}

static void put_json_report(Str *s, const Inspection *x)
{
    str_put(s, "{\n  \"model\": ");
    put_json(s, x->m->path);
    str_printf(s, ",\n  \"producer\": %d,\n  \"nodes\": %u,\n", x->m->graph->producer, x->m->graph->nnodes);
    if (x->imported) {
        str_printf(s, "  \"nodes_after_folding\": %lld,\n  \"weights\": %lld,\n  \"macs\": ",
                   (long long)x->stats.nodes, (long long)x->stats.weights);
        str_printf(s, "%.0f,\n  \"open_dimensions\": %s,\n", x->stats.macs,
                   x->stats.open || x->ones ? "true" : "false");
    }
    str_put(s, "  \"inputs\": ");
    put_json_io(s, x->io.in, x->io.nin);
    str_put(s, ",\n  \"outputs\": ");
    put_json_io(s, x->io.out, x->io.nout);
    str_put(s, ",\n  \"ops\": {");
    for (uint32_t i = 0; i < x->ops.n; i++) {
        str_put(s, i ? ", " : "");
        put_json(s, x->ops.at[i].op);
        str_printf(s, ": %u", x->ops.at[i].n);
    }
    str_printf(s, "},\n  \"can_compile\": %s,\n  \"problems\": [", x->problems.n ? "false" : "true");
    for (uint32_t i = 0; i < x->problems.n; i++) {
        str_put(s, i ? ",\n    {\"node\": " : "\n    {\"node\": ");
        put_json(s, x->problems.at[i].node);
        str_put(s, ", \"op\": ");
        put_json(s, x->problems.at[i].op);
        str_put(s, ", \"reason\": ");
        put_json(s, x->problems.at[i].reason);
        str_put(s, "}");
    }
    str_put(s, x->problems.n ? "\n  ]\n}\n" : "]\n}\n");
}

/* -- Graphviz --------------------------------------------------------------------------------------- */
static bool is_problem(const Inspection *x, const char *node)
{
    for (uint32_t i = 0; i < x->problems.n; i++)
        if (strcmp(x->problems.at[i].node, node) == 0) return true;
    return false;
}

static void put_dot(Str *s, const Inspection *x)
{
    const TfGraph *g = x->m->graph;
    str_put(s, "digraph model {\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n");
    for (uint32_t i = 0; i < g->nnodes; i++) {
        const TfNode *n = &g->nodes[i];
        if (strcmp(n->op, "Const") == 0) continue; /* they would hide the rest */
        Str op = {0}, name = {0};
        put_json(&op, n->op);
        put_json(&name, n->name);
        str_printf(s, "  n%u [label=%.*s\\n%s", i, (int)op.n - 1, str_text(&op), str_text(&name) + 1);
        str_free(&op);
        str_free(&name);
        str_put(s, is_problem(x, n->name)                   ? ", style=filled, fillcolor=\"#f4b6b6\""
                   : strncmp(n->op, "Placeholder", 11) == 0 ? ", style=filled, fillcolor=\"#cfe3f7\""
                                                            : "");
        str_put(s, "];\n");
        for (uint32_t k = 0; k < n->ninputs; k++)
            if (strcmp(g->nodes[n->inputs[k].node].op, "Const") != 0)
                str_printf(s, "  n%u -> n%u;\n", n->inputs[k].node, i);
    }
    str_put(s, "}\n");
}

ExitStatus command_inspect(Options *o)
{
    Inspection *x = job_new(o->job, Inspection);
    x->o = o;
    x->m = model_open(o->job, o->files.at[0]);
    x->b = bind_names(o, x->m);
    try_import(x);
    count_with_ones(x);
    count_ops(x);
    Str s = {0};
    if (o->dot) {
        put_dot(&s, x);
        put_file(o->job, o->dot, &s);
    }
    if (o->json)
        put_json_report(&s, x);
    else if (!o->quiet || x->problems.n)
        put_text(&s, x);
    if (!o->dot || strcmp(o->dot, "-") != 0) put_stdout(o->job, &s);
    str_free(&s);
    return x->problems.n ? EXIT_UNUSABLE : EXIT_DONE;
}
