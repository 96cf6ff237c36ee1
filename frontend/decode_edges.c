/* Edges: "node", "node:k" and "^node" resolved to node numbers, and an order in which inputs come first. */
#include "frontend/decode.h"

static void bad_input(Decoder *d, const TfNode *n, const char *text, const char *why)
{
    problem(d, "node '%s' (%s): input '%s' %s", n->name, n->op, text, why);
}

/* Splits "name:k" in place of a copy; false if the part behind the colon is no output number. */
static bool split_output(char *name, uint32_t *out)
{
    *out = 0;
    char *colon = strchr(name, ':');
    if (!colon) return true;
    *colon = 0;
    size_t n = strlen(colon + 1);
    if (!n || n > 6) return false;
    for (char *p = colon + 1; *p; p++) {
        if (*p < '0' || *p > '9') return false;
        *out = *out * 10 + (uint32_t)(*p - '0');
    }
    return true;
}

static bool resolve(Decoder *d, const TfNode *n, const char *text, TfInput *in)
{
    bool control = text[0] == '^';
    const TfNode *to;
    if (control) {
        to = strmap_get(&d->graph->by_name, text + 1);
        in->out = 0;
    } else {
        const char *name = text;
        in->out = 0;
        if (strchr(text, ':')) {
            char *copy = job_strndup(d->job, text, strlen(text));
            if (!split_output(copy, &in->out)) {
                bad_input(d, n, text, "is malformed; expected 'node', 'node:number' or '^node'");
                return false;
            }
            name = copy;
        }
        to = strmap_get(&d->graph->by_name, name);
    }
    if (!to) {
        bad_input(d, n, text, "names a node that the graph does not have");
        return false;
    }
    if (to == n) {
        bad_input(d, n, text, "is the node itself");
        return false;
    }
    in->node = (uint32_t)(to - d->graph->nodes);
    return true;
}

static void resolve_node(Decoder *d, TfNode *n, const char **names)
{
    uint32_t count = 0;
    while (names[count]) count++;
    n->inputs = job_array(d->job, TfInput, count);
    uint32_t controls = 0;
    for (uint32_t i = 0; i < count; i++) controls += names[i][0] == '^';
    n->controls = job_array(d->job, uint32_t, controls);
    for (uint32_t i = 0; i < count; i++) {
        TfInput in;
        if (names[i][0] != '^' && n->ncontrols)
            bad_input(d, n, names[i], "is a data input after a control input");
        if (!resolve(d, n, names[i], &in)) continue;
        if (names[i][0] == '^')
            n->controls[n->ncontrols++] = in.node;
        else
            n->inputs[n->ninputs++] = in;
    }
}

/* -- Order: depth-first, inputs before users; a node still open when it is met again closes a cycle  */
enum { NEW, OPEN, DONE };
typedef struct Frame {
    uint32_t node, next; /* next: the input to follow, data inputs first */
} Frame;

static void report_cycle(Decoder *d, const Frame *stack, uint32_t from, uint32_t depth)
{
    enum { MAX_NAMED = 8 };
    const TfNode *nodes = d->graph->nodes;
    const char *text = "";
    uint32_t n = depth - from;
    /* The stack goes from users to inputs; data flows the other way. */
    for (uint32_t i = 0; i < n && i < MAX_NAMED && d->problems < MAX_PRINTED; i++)
        text = job_printf(d->job, "%s'%s' -> ", text, nodes[stack[depth - 1 - i].node].name);
    if (n > MAX_NAMED) text = job_printf(d->job, "%s(%u more) -> ", text, n - MAX_NAMED);
    problem(d, "nodes form a cycle without a NextIteration: %s'%s'", text, nodes[stack[depth - 1].node].name);
}

static bool cuts_cycles(const TfNode *n)
{
    return strcmp(n->op, "NextIteration") == 0 || strcmp(n->op, "RefNextIteration") == 0;
}

void decode_order(Decoder *d)
{
    TfGraph *g = d->graph;
    uint8_t *state = job_array(d->job, uint8_t, g->nnodes);
    uint32_t *depth_of = job_array(d->job, uint32_t, g->nnodes);
    Frame *stack = job_array(d->job, Frame, g->nnodes);
    g->order = job_array(d->job, uint32_t, g->nnodes);
    uint32_t depth = 0, done = 0;
    for (uint32_t root = 0; root < g->nnodes; root++) {
        if (state[root] != NEW) continue;
        stack[depth++] = (Frame){root, 0};
        state[root] = OPEN;
        while (depth) {
            Frame *f = &stack[depth - 1];
            const TfNode *n = &g->nodes[f->node];
            if (f->next == n->ninputs + n->ncontrols) {
                state[f->node] = DONE;
                g->order[done++] = f->node;
                depth--;
                job_tick(d->job);
                continue;
            }
            uint32_t k = f->next++, to = k < n->ninputs ? n->inputs[k].node : n->controls[k - n->ninputs];
            if (cuts_cycles(&g->nodes[to])) continue;
            if (state[to] == NEW) {
                state[to] = OPEN;
                depth_of[to] = depth;
                stack[depth++] = (Frame){to, 0};
            } else if (state[to] == OPEN) {
                report_cycle(d, stack, depth_of[to], depth);
            }
        }
    }
}

void decode_edges(Decoder *d)
{
    for (uint32_t i = 0; i < d->graph->nnodes; i++) {
        resolve_node(d, &d->graph->nodes[i], d->names[i]);
        job_tick(d->job);
    }
    decode_order(d);
}
