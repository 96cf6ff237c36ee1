#include "frontend/survey.h"

#include "frontend/import_cut.h"

/* -- A flow network: unsupported nodes -> tensors -> consumers -> outputs ---------------------- */
enum { NONE = -1, ENDLESS = 1 << 30, OUTPUT_COST = 1 << 20 };

typedef struct {
    int32_t to, next; /* next edge from the same vertex */
    int32_t room;     /* capacity that is left; edge k ^ 1 goes back */
} Edge;

typedef struct {
    uint32_t node, out;
    int32_t next; /* tensor of the same node */
    bool output;
} Wire;

typedef struct {
    Job *job;
    const TfGraph *g;
    const Cut *cut;
    Survey *s;
    VEC(Wire) tensors;
    int32_t *first_tensor; /* by node */
    VEC(Edge) edges;
    int32_t *first_edge, *from; /* by vertex; from: the edge by which a search came, or NONE */
    int32_t source, sink, nvertices;
    bool *in_loop; /* by node: values exist once per round */
} Network;

static int32_t tensor_of(Network *w, uint32_t node, uint32_t out)
{
    for (int32_t t = w->tensors.at ? w->first_tensor[node] : NONE; t != NONE; t = w->tensors.at[t].next)
        if (w->tensors.at[t].out == out) return t;
    vec_push(w->job, &w->tensors, (Wire){node, out, w->first_tensor[node], false});
    return w->first_tensor[node] = (int32_t)w->tensors.n - 1;
}

/* Vertices: nodes, then two for each tensor, between which the graph can be cut. */
static int32_t entry(const Network *w, int32_t tensor)
{
    return (int32_t)w->g->nnodes + 2 * tensor;
}

static void add_edge(Network *w, int32_t from, int32_t to, int32_t room)
{
    vec_push(w->job, &w->edges, (Edge){to, w->first_edge[from], room});
    w->first_edge[from] = (int32_t)w->edges.n - 1;
    vec_push(w->job, &w->edges, (Edge){from, w->first_edge[to], 0});
    w->first_edge[to] = (int32_t)w->edges.n - 1;
}

static bool is(const TfNode *n, const char *op)
{
    return strcmp(n->op, op) == 0 || (strncmp(n->op, "Ref", 3) == 0 && strcmp(n->op + 3, op) == 0);
}

static void find_loops(Network *w)
{
    for (uint32_t o = 0; o < w->g->nnodes; o++) {
        uint32_t i = w->g->order[o];
        const TfNode *n = &w->g->nodes[i];
        w->in_loop[i] = is(n, "Enter");
        for (uint32_t k = 0; k < n->ninputs; k++)
            w->in_loop[i] |= w->in_loop[n->inputs[k].node] && !is(&w->g->nodes[n->inputs[k].node], "Exit");
    }
}

/* Whether a user can give the tensor as an input. */
static bool can_be_input(const Network *w, uint32_t node, uint32_t out)
{
    const TfNode *n = &w->g->nodes[node];
    bool cut = true;
    tf_unsupported_reason(n->op, &cut);
    if (!w->cut->nodes[node].op && !cut) return false;
    if (w->in_loop[node] && !is(n, "Exit")) return false;
    return tf_type_usable(cut_dtype(w->g, node, out));
}

static bool matters(const Network *w, uint32_t node)
{
    return w->cut->nodes[node].needed && !w->cut->nodes[node].dead;
}

static void each_operand(Network *w, uint32_t node, void (*f)(Network *, uint32_t node, int32_t tensor))
{
    const TfNode *n = &w->g->nodes[node];
    const NodeCut *c = &w->cut->nodes[node];
    if (c->set) return;
    uint32_t from = c->live_input >= 0 ? (uint32_t)c->live_input : 0;
    uint32_t end = c->live_input >= 0 ? from + 1 : cut_ninputs(n);
    for (uint32_t k = from; k < end; k++) {
        const TfInput *in = &n->inputs[k];
        if (matters(w, in->node) && cut_at(w->cut, in->node, in->out) < 0)
            f(w, node, tensor_of(w, in->node, in->out));
    }
}

static void note_tensor(Network *w, uint32_t node, int32_t tensor)
{
    (void)w, (void)node, (void)tensor; /* tensor_of() has numbered it */
}

static void link_consumer(Network *w, uint32_t node, int32_t tensor)
{
    add_edge(w, entry(w, tensor) + 1, (int32_t)node, ENDLESS);
}

static void build(Network *w)
{
    uint32_t n = w->g->nnodes;
    w->first_tensor = job_array(w->job, int32_t, n + 1);
    w->in_loop = job_array(w->job, bool, n + 1);
    for (uint32_t i = 0; i < n; i++) w->first_tensor[i] = NONE;
    find_loops(w);
    for (uint32_t i = 0; i < n; i++)
        if (matters(w, i)) each_operand(w, i, note_tensor);
    for (uint32_t i = 0; i < w->cut->outputs.n; i++) {
        const TensorRef *r = &w->cut->outputs.at[i];
        if (!matters(w, r->node) || cut_at(w->cut, r->node, r->out) >= 0) continue;
        int32_t t = tensor_of(w, r->node, r->out);
        w->tensors.at[t].output = true;
    }
    w->source = entry(w, (int32_t)w->tensors.n);
    w->sink = w->source + 1;
    w->nvertices = w->sink + 1;
    w->first_edge = job_array(w->job, int32_t, w->nvertices);
    w->from = job_array(w->job, int32_t, w->nvertices);
    for (int32_t i = 0; i < w->nvertices; i++) w->first_edge[i] = NONE;
    for (uint32_t i = 0; i < n; i++) {
        if (!matters(w, i)) continue;
        if (w->s->node[i].state == NODE_UNSUPPORTED) add_edge(w, w->source, (int32_t)i, ENDLESS);
        each_operand(w, i, link_consumer);
    }
    for (int32_t t = 0; t < (int32_t)w->tensors.n; t++) {
        const Wire *x = &w->tensors.at[t];
        int32_t cost = x->output ? OUTPUT_COST : can_be_input(w, x->node, x->out) ? 1 : ENDLESS;
        add_edge(w, (int32_t)x->node, entry(w, t), ENDLESS);
        add_edge(w, entry(w, t), entry(w, t) + 1, cost);
        if (x->output) add_edge(w, entry(w, t) + 1, w->sink, ENDLESS);
    }
}

/* Breadth first along edges with room; whether the sink was reached. */
static bool search(Network *w, int32_t *queue)
{
    for (int32_t i = 0; i < w->nvertices; i++) w->from[i] = NONE;
    int32_t n = 0;
    queue[n++] = w->source;
    for (int32_t at = 0; at < n; at++)
        for (int32_t e = w->first_edge[queue[at]]; e != NONE; e = w->edges.at[e].next) {
            int32_t to = w->edges.at[e].to;
            if (!w->edges.at[e].room || w->from[to] != NONE || to == w->source) continue;
            w->from[to] = e;
            queue[n++] = to;
        }
    return w->from[w->sink] != NONE;
}

static void maximise(Network *w)
{
    int32_t *queue = job_array(w->job, int32_t, w->nvertices);
    while (search(w, queue)) {
        int32_t least = ENDLESS;
        for (int32_t v = w->sink; v != w->source; v = w->edges.at[w->from[v] ^ 1].to)
            if (w->edges.at[w->from[v]].room < least) least = w->edges.at[w->from[v]].room;
        for (int32_t v = w->sink; v != w->source; v = w->edges.at[w->from[v] ^ 1].to) {
            w->edges.at[w->from[v]].room -= least;
            w->edges.at[w->from[v] ^ 1].room += least;
        }
        if (least == ENDLESS) break; /* nothing on the way can be an input */
        job_tick(w->job);
    }
}

static jitc_io describe(Network *w, const Wire *t)
{
    const TfNode *n = &w->g->nodes[t->node];
    jitc_io io = {.name = cut_tensor_name(w->job, n, t->out),
                  .dtype = (jitc_dtype)cut_dtype(w->g, t->node, t->out),
                  .rank = -1};
    const TfAttr *a = tf_attr_find(n, "_output_shapes");
    if (!a || a->kind != TF_ATTR_LIST || t->out >= a->list->nshape) return io;
    const TfShape *s = &a->list->shape[t->out];
    if (s->unknown_rank || s->rank > JITC_MAX_RANK) return io;
    io.rank = s->rank;
    for (int d = 0; d < s->rank; d++) io.shape[d] = s->dim[d] < 0 ? -1 : s->dim[d];
    return io;
}

static void find_cuts(Network *w)
{
    Survey *s = w->s;
    s->cut = job_array(w->job, jitc_io, w->tensors.n + 1);
    s->lost = job_array(w->job, const char *, w->tensors.n + 1);
    maximise(w);
    for (uint32_t t = 0; t < w->tensors.n; t++) {
        const Wire *x = &w->tensors.at[t];
        int32_t v = entry(w, (int32_t)t);
        bool before = w->from[v] != NONE, behind = w->from[v + 1] != NONE;
        jitc_io io = describe(w, x);
        if (before && x->output)
            s->lost[s->nlost++] = io.name;
        else if (before && !behind)
            s->cut[s->ncuts++] = io;
    }
}

/* -- States ------------------------------------------------------------------------------------ */
/* "node 'NAME' (OP): REASON", as the importer words it. */
static void attribute(Job *job, const TfGraph *g, const char *text, Survey *s)
{
    static const char head[] = "node '";
    const char *name = text + sizeof head - 1,
               *end = strncmp(text, head, sizeof head - 1) ? NULL : strstr(name, "' (");
    const char *close = end ? strstr(end, "): ") : NULL;
    if (!close) return;
    const TfNode *n = tf_node_find(g, job_strndup(job, name, (size_t)(end - name)));
    if (!n) return;
    NodeInfo *info = &s->node[n - g->nodes];
    info->state = NODE_UNSUPPORTED;
    if (!info->reason) info->reason = close + 3;
}

static const char *unsupported_reason(const TfNode *n)
{
    bool cut = true;
    const char *why = tf_unsupported_reason(n->op, &cut);
    return why ? why : "this operation is not supported";
}

static void find_states(const TfGraph *g, const Cut *cut, Survey *s)
{
    for (uint32_t i = 0; i < g->nnodes; i++) {
        const NodeCut *c = &cut->nodes[i];
        NodeInfo *info = &s->node[i];
        if (info->state == NODE_UNSUPPORTED) continue;
        if (cut_at(cut, i, 0) >= 0)
            info->state = NODE_INPUT;
        else if (c->dead)
            info->state = NODE_DEAD;
        else if (!c->needed)
            info->state = NODE_UNUSED;
        else if (!c->op)
            *info = (NodeInfo){NODE_UNSUPPORTED, unsupported_reason(&g->nodes[i])};
    }
    for (uint32_t o = 0; o < g->nnodes; o++) {
        uint32_t i = g->order[o];
        const TfNode *n = &g->nodes[i];
        if (s->node[i].state != NODE_SUPPORTED) continue;
        for (uint32_t k = 0; k < cut_ninputs(n); k++) {
            NodeState from = s->node[n->inputs[k].node].state;
            if ((from == NODE_UNSUPPORTED || from == NODE_BLOCKED) &&
                cut_at(cut, n->inputs[k].node, n->inputs[k].out) < 0)
                s->node[i].state = NODE_BLOCKED;
        }
    }
}

void tf_survey(Job *job, const TfGraph *g, const Source *src, const ImportOptions *opt,
               const char *const *problems, size_t nproblems, Survey *out)
{
    *out = (Survey){.node = job_array(job, NodeInfo, g->nnodes + 1u)};
    const Cut *cut = cut_graph(job, g, src, opt);
    cut_io(cut, &out->io);
    for (size_t i = 0; i < nproblems; i++) attribute(job, g, problems[i], out);
    find_states(g, cut, out);
    Network w = {.job = job, .g = g, .cut = cut, .s = out};
    build(&w);
    find_cuts(&w);
}
