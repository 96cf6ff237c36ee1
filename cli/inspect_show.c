/* What `jitc inspect` prints: for people, for programs, for Graphviz. */
#include "cli/inspect.h"
#include "frontend/tf/tf.h"

/* -- For people ------------------------------------------------------------------------------------- */
static void put_bytes(Str *s, int64_t bytes)
{
    double v = (double)bytes;
    static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t k = 0;
    while (v >= 1024 && k + 1 < COUNT(unit)) v /= 1024, k++;
    put_sig(s, v);
    str_printf(s, " %s", unit[k]);
}

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

/* "N   images[0] · probabilities[0]" */
static void put_dims(Str *s, const Inspection *x)
{
    bool first = true;
    for (uint32_t i = 0; i < x->facts.dims.n; i++) {
        const OpenDim *d = &x->facts.dims.at[i];
        bool seen = false;
        for (uint32_t k = 0; k < i; k++) seen |= strcmp(x->facts.dims.at[k].size, d->size) == 0;
        if (seen) continue;
        str_printf(s, "%-8s  %s  ", first ? "sizes" : "", d->size);
        first = false;
        for (uint32_t k = i; k < x->facts.dims.n; k++) {
            const OpenDim *e = &x->facts.dims.at[k];
            if (strcmp(e->size, d->size) != 0) continue;
            str_put(s, k > i ? " · " : "");
            str_escape(s, e->tensor, strlen(e->tensor));
            str_printf(s, "[%d]", e->axis);
        }
        str_put(s, "\n");
    }
}

/* "f32 25.6 M in 161 tensors, 97.5 MiB" */
static void put_weights(Str *s, const Inspection *x)
{
    for (uint32_t i = 0; i < x->facts.weights.n; i++) {
        const WeightCount *w = &x->facts.weights.at[i];
        str_printf(s, "%-8s  %s ", i ? "" : "weights", w->dtype);
        put_count(s, w->elements);
        str_printf(s, " in %lld tensor%s, ", (long long)w->tensors, w->tensors == 1 ? "" : "s");
        put_bytes(s, w->bytes);
        str_put(s, "\n");
    }
}

/* "74 with work · 60 folded · 3 in branches never taken · …" */
static void put_states(Str *s, const Inspection *x)
{
    static const struct {
        const char *state, *text;
    } rows[] = {{"supported", "at work"},
                {"folded", "folded"},
                {"unused", "not needed by the outputs"},
                {"dead", "in branches that are never taken"},
                {"unsupported", "not supported"},
                {"blocked", "behind those"}};
    bool first = true;
    for (size_t r = 0; r < COUNT(rows); r++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < x->m->graph->nnodes; i++) n += strcmp(node_state(x, i), rows[r].state) == 0;
        if (!n) continue;
        str_printf(s, "%s%u %s", first ? "nodes     " : " · ", n, rows[r].text);
        first = false;
    }
    if (!first) str_put(s, "\n");
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

/* The fewest inputs that do without all of these nodes. */
static void put_cuts(Str *s, const Inspection *x)
{
    const Survey *v = &x->survey;
    for (uint32_t i = 0; i < v->ncuts; i++) {
        str_put(s, i ? "          --input " : "cut       --input ");
        str_escape(s, v->cut[i].name, strlen(v->cut[i].name));
        str_put(s, "=FILE   ");
        put_io_type(s, &v->cut[i]);
        str_put(s, "\n");
    }
    if (x->checked) str_put(s, "          with which the rest compiles\n");
    for (uint32_t i = 0; i < v->nlost; i++) {
        str_put(s, i ? "          " : "lost      ");
        str_escape(s, v->lost[i], strlen(v->lost[i]));
        str_put(s, " cannot be computed, whatever the inputs\n");
    }
}

/* The operations that nothing is known about, each once. */
static void put_unknown_ops(Str *s, const Inspection *x)
{
    Str names = {0};
    for (uint32_t i = 0; i < x->problems.n; i++) {
        const char *op = x->problems.at[i].op;
        bool known = !*op || tf_op_find(op) || tf_unsupported_reason(op, &(bool){true});
        for (uint32_t k = 0; k < i && !known; k++) known = strcmp(x->problems.at[k].op, op) == 0;
        if (known) continue;
        if (names.n) str_put(&names, ", ");
        str_escape(&names, op, strlen(op));
    }
    if (names.n) str_printf(s, "or        supply in C: %s (--op-library)\n", str_text(&names));
    str_free(&names);
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
    put_cuts(s, x);
    put_unknown_ops(s, x);
}

void inspect_text(Str *s, const Inspection *x)
{
    const TfGraph *g = x->m->graph;
    const char *name = base_name(x->m->path);
    str_escape(s, name, strlen(name));
    str_put(s, ": ");
    if (g->producer) str_printf(s, "GraphDef version %d, ", g->producer);
    str_printf(s, "%u node%s", g->nnodes, g->nnodes == 1 ? "" : "s");
    if (x->imported) {
        str_printf(s, " (%lld after folding), ", (long long)x->facts.stats.nodes);
        put_stats(s, &x->facts.stats);
        if (x->ones) str_put(s, " (open dimensions taken as 1)");
    }
    str_put(s, "\n");
    int width = 12;
    for (size_t i = 0; i < x->io.nin + x->io.nout; i++) {
        int w = name_width(i < x->io.nin ? x->io.in[i].name : x->io.out[i - x->io.nin].name, 48);
        width = w > width ? w : width;
    }
    put_weights(s, x);
    put_list(s, "inputs", x->io.in, x->io.nin, width);
    put_list(s, "outputs", x->io.out, x->io.nout, width);
    put_dims(s, x);
    put_states(s, x);
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

static void put_json_weights(Str *s, const Inspection *x)
{
    const Facts *f = &x->facts;
    str_put(s, "  \"weight_types\": [");
    for (uint32_t i = 0; i < f->weights.n; i++) {
        const WeightCount *w = &f->weights.at[i];
        str_printf(s, "%s{\"dtype\": \"%s\", \"tensors\": %lld, \"elements\": %lld, \"bytes\": %lld}",
                   i ? ", " : "", w->dtype, (long long)w->tensors, (long long)w->elements,
                   (long long)w->bytes);
    }
    str_put(s, "],\n  \"sizes\": [");
    for (uint32_t i = 0; i < f->dims.n; i++) {
        str_put(s, i ? ", {\"size\": " : "{\"size\": ");
        put_json(s, f->dims.at[i].size);
        str_put(s, ", \"tensor\": ");
        put_json(s, f->dims.at[i].tensor);
        str_printf(s, ", \"axis\": %d}", f->dims.at[i].axis);
    }
    str_put(s, "],\n");
}

static void put_json_nodes(Str *s, const Inspection *x)
{
    const TfGraph *g = x->m->graph;
    str_put(s, "\"node_states\": {");
    for (uint32_t i = 0; i < g->nnodes; i++) {
        str_put(s, i ? ",\n    " : "\n    ");
        put_json(s, g->nodes[i].name);
        str_printf(s, ": \"%s\"", node_state(x, i));
    }
    str_put(s, g->nnodes ? "\n  },\n" : "},\n");
}

static void put_json_cuts(Str *s, const Inspection *x)
{
    const Survey *v = &x->survey;
    str_put(s, "  \"cuts\": ");
    put_json_io(s, v->cut, v->ncuts);
    str_printf(s, ",\n  \"cuts_checked\": %s,\n  \"lost_outputs\": [", x->checked ? "true" : "false");
    for (uint32_t i = 0; i < v->nlost; i++) {
        str_put(s, i ? ", " : "");
        put_json(s, v->lost[i]);
    }
    str_put(s, "],\n");
}

void inspect_json(Str *s, const Inspection *x)
{
    str_put(s, "{\n  \"model\": ");
    put_json(s, x->m->path);
    str_printf(s, ",\n  \"producer\": %d,\n  \"nodes\": %u,\n", x->m->graph->producer, x->m->graph->nnodes);
    if (x->imported) {
        str_printf(s, "  \"nodes_after_folding\": %lld,\n  \"weights\": %lld,\n  \"macs\": ",
                   (long long)x->facts.stats.nodes, (long long)x->facts.stats.weights);
        str_printf(s, "%.0f,\n  \"open_dimensions\": %s,\n", x->facts.stats.macs,
                   x->facts.stats.open || x->ones ? "true" : "false");
    }
    put_json_weights(s, x);
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
    str_put(s, "},\n  ");
    put_json_nodes(s, x);
    put_json_cuts(s, x);
    str_printf(s, "  \"can_compile\": %s,\n  \"problems\": [", x->problems.n ? "false" : "true");
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
static const char *state_colour(const char *state)
{
    static const struct {
        const char *state, *colour;
    } colours[] = {{"unsupported", "#f4b6b6"}, {"blocked", "#f8e0c0"}, {"input", "#cfe3f7"},
                   {"folded", "#e4e4e4"},      {"unused", "#ffffff"},  {"dead", "#ffffff"}};
    for (size_t i = 0; i < COUNT(colours); i++)
        if (strcmp(colours[i].state, state) == 0) return colours[i].colour;
    return "#d5efd5";
}

void inspect_dot(Str *s, const Inspection *x)
{
    const TfGraph *g = x->m->graph;
    str_put(s, "digraph model {\n  node [shape=box, style=filled, fontname=\"sans-serif\", fontsize=10];\n");
    for (uint32_t i = 0; i < g->nnodes; i++) {
        const TfNode *n = &g->nodes[i];
        if (strcmp(n->op, "Const") == 0) continue; /* they would hide the rest */
        Str op = {0}, name = {0};
        put_json(&op, n->op);
        put_json(&name, n->name);
        str_printf(s, "  n%u [label=%.*s\\n%s", i, (int)op.n - 1, str_text(&op), str_text(&name) + 1);
        str_free(&op);
        str_free(&name);
        const char *state = node_state(x, i);
        bool idle = strcmp(state, "unused") == 0 || strcmp(state, "dead") == 0;
        str_printf(s, ", fillcolor=\"%s\"%s, tooltip=\"%s\"", state_colour(state),
                   idle ? ", style=\"filled,dashed\"" : "", state);
        str_put(s, "];\n");
        for (uint32_t k = 0; k < n->ninputs; k++)
            if (strcmp(g->nodes[n->inputs[k].node].op, "Const") != 0)
                str_printf(s, "  n%u -> n%u;\n", n->inputs[k].node, i);
    }
    str_put(s, "}\n");
}
