/* Nodes are copied as they stand in the file, but for the names of their inputs. */
#include "frontend/encode.h"

#include "frontend/decode.h"

enum { GRAPH_NODE = 1, NODE_NAME = 1, NODE_OP = 2, NODE_INPUT = 3, NODE_ATTR = 5 };
enum { ENTRY_KEY = 1, ENTRY_VALUE = 2, VALUE_TYPE = 6, VALUE_SHAPE = 7, SHAPE_DIM = 2, DIM_SIZE = 1 };

static const TfCut *cut_at(const TfCut *cut, size_t ncuts, TfInput at)
{
    for (size_t i = 0; i < ncuts; i++)
        if (cut[i].at.node == at.node && cut[i].at.out == at.out) return &cut[i];
    return NULL;
}

void tf_graph_mark(Job *job, const TfGraph *g, uint32_t node, const TfCut *cut, size_t ncuts, bool *keep)
{
    VEC(uint32_t) stack = {0};
    vec_push(job, &stack, node);
    while (stack.n) {
        uint32_t i = stack.at[--stack.n];
        if (keep[i]) continue;
        keep[i] = true;
        const TfNode *n = &g->nodes[i];
        for (uint32_t k = 0; k < n->ninputs; k++)
            if (!cut_at(cut, ncuts, n->inputs[k])) vec_push(job, &stack, n->inputs[k].node);
        for (uint32_t k = 0; k < n->ncontrols; k++) vec_push(job, &stack, n->controls[k]);
    }
}

static void put_number(Str *s, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) str_putn(s, &(char){(char)(v | 0x80)}, 1);
    str_putn(s, &(char){(char)v}, 1);
}

static void put_bytes(Str *s, uint32_t field, const char *at, size_t n)
{
    put_number(s, field << 3 | WIRE_LEN);
    put_number(s, n);
    str_putn(s, at, n);
}

static void put_text(Str *s, uint32_t field, const char *text)
{
    put_bytes(s, field, text, strlen(text));
}

/* Frees what it puts. */
static void put_message(Str *s, uint32_t field, Str *message)
{
    put_bytes(s, field, str_text(message), message->n);
    s->oom |= message->oom;
    str_free(message);
}

static void put_attr(Str *node, const char *key, Str *value)
{
    Str entry = {0};
    put_text(&entry, ENTRY_KEY, key);
    put_message(&entry, ENTRY_VALUE, value);
    put_message(node, NODE_ATTR, &entry);
}

static void put_placeholder(Str *out, const TfCut *c)
{
    Str node = {0}, type = {0}, shape = {0}, value = {0};
    put_text(&node, NODE_NAME, c->name);
    put_text(&node, NODE_OP, "Placeholder");
    put_number(&type, VALUE_TYPE << 3 | WIRE_VARINT);
    put_number(&type, (uint64_t)c->dtype);
    put_attr(&node, "dtype", &type);
    for (int32_t d = 0; d < c->rank; d++) {
        Str dim = {0};
        put_number(&dim, DIM_SIZE << 3 | WIRE_VARINT);
        put_number(&dim, (uint64_t)c->dim[d]);
        put_message(&shape, SHAPE_DIM, &dim);
    }
    put_message(&value, VALUE_SHAPE, &shape);
    put_attr(&node, "shape", &value);
    put_message(out, GRAPH_NODE, &node);
}

static void copy_field(Decoder *d, const Field *f, Str *out)
{
    size_t n = f->body + f->size - f->head;
    char *bytes = job_alloc(d->job, n + 1);
    wire_copy(d, f->head, bytes, n);
    str_putn(out, bytes, n);
}

static void put_node(Decoder *d, const Field *node, const TfNode *n, const TfCut *cut, size_t ncuts, Str *out)
{
    const TfGraph *g = d->graph;
    Str copy = {0};
    Field f;
    for (uint64_t pos = node->body; wire_next(d, &pos, node->body + node->size, &f);)
        if (f.no != NODE_INPUT) copy_field(d, &f, &copy);
    for (uint32_t k = 0; k < n->ninputs; k++) {
        const TfCut *c = cut_at(cut, ncuts, n->inputs[k]);
        const char *name = g->nodes[n->inputs[k].node].name;
        if (!c && n->inputs[k].out) name = job_printf(d->job, "%s:%u", name, n->inputs[k].out);
        put_text(&copy, NODE_INPUT, c ? c->name : name);
    }
    for (uint32_t k = 0; k < n->ncontrols; k++)
        put_text(&copy, NODE_INPUT, job_printf(d->job, "^%s", g->nodes[n->controls[k]].name));
    put_message(out, GRAPH_NODE, &copy);
}

void tf_graph_write(Job *job, const TfGraph *g, const Source *src, const bool *keep, const TfCut *cut,
                    size_t ncuts, Str *out)
{
    Decoder d = {.job = job, .src = src, .graph = (TfGraph *)(uintptr_t)g, .where = "node number"};
    for (size_t i = 0; i < ncuts; i++) put_placeholder(out, &cut[i]);
    uint32_t node = 0;
    Field f;
    for (uint64_t pos = 0; wire_next(&d, &pos, src->size, &f);) {
        if (f.no != GRAPH_NODE)
            copy_field(&d, &f, out);
        else if (node < g->nnodes && keep[node++])
            put_node(&d, &f, &g->nodes[node - 1], cut, ncuts, out);
    }
    if (out->oom) job_fail(job, JITC_E_NOMEM);
}
