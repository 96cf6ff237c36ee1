/* Edges inside a function: "argument", "node:output argument:number", "^node". */
#include "frontend/decode.h"

#include <stdlib.h>

static void bad_edge(Decoder *d, const char *where, const char *text, const char *why)
{
    problem(d, "%s: input '%s' %s", where, text, why);
}

/* Digits alone, at most six. */
static bool number(const char *s, uint32_t *k)
{
    size_t n = strlen(s);
    if (!n || n > 6 || strspn(s, "0123456789") != n) return false;
    *k = (uint32_t)strtoul(s, NULL, 10);
    return true;
}

static bool resolve(Decoder *d, const TfGraph *whole, const char *where, const char *text, TfInput *in)
{
    char *name = job_strndup(d->job, text, strlen(text)), *arg = NULL, *last = NULL;
    uint32_t k = 0;
    if ((arg = strchr(name, ':'))) {
        *arg++ = 0;
        if ((last = strchr(arg, ':'))) *last++ = 0;
    }
    const TfNode *to = strmap_get(&d->graph->by_name, name);
    if (!to) {
        bad_edge(d, where, text, "names nothing that the function has");
        return false;
    }
    *in = (TfInput){(uint32_t)(to - d->graph->nodes), 0};
    if (!arg) return true;
    if ((last || !number(arg, &in->out)) && (!last || !number(last, &k))) {
        bad_edge(d, where, text, "is malformed; expected 'argument' or 'node:output:number'");
        return false;
    }
    if (!last) return true;
    int64_t out = decode_output_number(whole, to, arg, k);
    if (out < 0) bad_edge(d, where, text, "names no output of that operation");
    if (out >= 0) in->out = (uint32_t)out;
    return out >= 0;
}

static void resolve_node(Decoder *d, const TfGraph *whole, TfNode *n, const char **names)
{
    uint32_t count = 0;
    while (names[count]) count++;
    n->inputs = job_array(d->job, TfInput, count);
    n->controls = job_array(d->job, uint32_t, count);
    const char *where = job_printf(d->job, "node '%s' (%s)", n->name, n->op);
    for (uint32_t i = 0; i < count; i++) {
        bool control = names[i][0] == '^';
        TfInput in;
        if (!resolve(d, whole, where, names[i] + control, &in)) continue;
        if (&d->graph->nodes[in.node] == n)
            bad_edge(d, where, names[i], "is the node itself");
        else if (control)
            n->controls[n->ncontrols++] = in.node;
        else
            n->inputs[n->ninputs++] = in;
    }
}

void decode_function_edges(Decoder *d, const TfGraph *whole, TfFunction *f, const FunctionParts *parts)
{
    TfGraph *g = d->graph;
    for (uint32_t i = 0; i < g->nnodes; i++) {
        resolve_node(d, whole, &g->nodes[i], d->names[i]);
        job_tick(d->job);
    }
    decode_order(d);
    f->rets = job_array(d->job, TfInput, f->nrets + 1u);
    for (uint32_t i = 0; i < f->nrets; i++) {
        uint32_t k = 0;
        while (k < parts->keys.n && strcmp(parts->keys.at[k], f->ret_names[i]) != 0) k++;
        if (k == parts->keys.n)
            problem(d, "its result '%s' is not given", f->ret_names[i]);
        else
            resolve(d, whole, job_printf(d->job, "result '%s'", f->ret_names[i]), parts->values.at[k],
                    &f->rets[i]);
    }
}
