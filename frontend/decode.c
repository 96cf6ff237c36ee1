/* GraphDef to TfGraph. Each node is walked once in wire format (skim_node), which copies it without the
 * values of its tensors; the copy goes through protobuf-c. A tensor's values stay where they are in the
 * source: the copy's TensorProto.payload, a field of ours alone, holds the number of the note about them. */
#include "frontend/decode.h"

#include <inttypes.h>

#include "frontend/graphdef.pb-c.h"

/* Field numbers that the walk knows; the rest is graphdef.proto's business. */
enum {
    GRAPH_NODE = 1,
    GRAPH_LIBRARY = 2,
    GRAPH_VERSIONS = 4,
    LIBRARY_FUNCTION = 1,
    FUNCTION_SIGNATURE = 1,
    FUNCTION_NODE = 3,
    FUNCTION_RET = 4,
    SIGNATURE_NAME = 1,
    SIGNATURE_INPUT = 2,
    SIGNATURE_OUTPUT = 3,
    ARG_NAME = 1,
    ARG_TYPE = 3,
    ARG_NUMBER_ATTR = 5,
    ARG_TYPE_LIST_ATTR = 6,
    VERSIONS_PRODUCER = 1,
    VERSIONS_MIN_CONSUMER = 2,
    NODE_DEVICE = 4,
    NODE_ATTR = 5,
    ENTRY_KEY = 1,
    ENTRY_VALUE = 2,
    VALUE_LIST = 1,
    VALUE_TENSOR = 8,
    VALUE_LAST = 10,
    LIST_TENSOR = 8,
    TENSOR_DTYPE = 1,
    TENSOR_SHAPE = 2,
    TENSOR_CONTENT = 4,
    TENSOR_PAYLOAD = 1000
};

enum { MAX_NAME = 65535, MAX_RANK = 254, SCRATCH_START = 64 << 10 };

typedef struct NodeDecoder {
    Decoder d;
    uint8_t *slim; /* the current node without its tensors' values */
    size_t slim_n, slim_cap;
    uint8_t *scratch; /* protobuf-c's memory for the current node */
    size_t scratch_used, scratch_size;
    bool scratch_full;
    StrMap interned;
    char key[MAX_NAME + 1];
    VEC(TfNode) nodes;
    VEC(const char **) names;
    VEC(TfFunction) functions;
    VEC(FunctionParts) parts;
} NodeDecoder;

/* -- The walk ------------------------------------------------------------------------------------- */
static uint8_t *slim_room(NodeDecoder *c, size_t n)
{
    if (n > c->slim_cap - c->slim_n) {
        size_t cap = c->slim_cap ? c->slim_cap * 2 : 4096;
        while (cap - c->slim_n < n) cap *= 2;
        uint8_t *p = job_alloc(c->d.job, cap);
        if (c->slim_n) memcpy(p, c->slim, c->slim_n);
        c->slim = p;
        c->slim_cap = cap;
    }
    c->slim_n += n;
    return c->slim + c->slim_n - n;
}

static void slim_copy(NodeDecoder *c, const Field *f)
{
    size_t n = f->body + f->size - f->head;
    wire_copy(&c->d, f->head, slim_room(c, n), n);
}

static void slim_varint(NodeDecoder *c, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) *slim_room(c, 1) = (uint8_t)(v | 0x80);
    *slim_room(c, 1) = (uint8_t)v;
}

/* A message whose length is known only at its end: five bytes are kept free for it. */
static size_t slim_begin(NodeDecoder *c, uint32_t no)
{
    slim_varint(c, no << 3 | WIRE_LEN);
    slim_room(c, 5);
    return c->slim_n;
}

static void slim_end(NodeDecoder *c, size_t begin)
{
    size_t n = c->slim_n - begin;
    if (n > INT32_MAX) wire_fail(&c->d, 0, "a message is too long");
    for (int i = 0; i < 5; i++)
        c->slim[begin - 5 + (size_t)i] = (uint8_t)((n >> 7 * i & 0x7f) | (i < 4 ? 0x80 : 0));
}

static void once(NodeDecoder *c, const Field *f, bool *seen)
{
    if (*seen) wire_fail(&c->d, f->head, "a field that may occur once occurs twice");
    *seen = true;
}

static void skim_tensor(NodeDecoder *c, uint32_t no, const Field *tensor)
{
    Payload p = {.at = tensor->body, .end = tensor->body + tensor->size};
    size_t begin = slim_begin(c, no);
    bool has_dtype = false, has_shape = false, has_content = false;
    Field f;
    for (uint64_t pos = p.at; wire_next(&c->d, &pos, p.end, &f);) {
        switch (f.no) {
        case TENSOR_DTYPE:
            once(c, &f, &has_dtype);
            slim_copy(c, &f);
            break;
        case TENSOR_SHAPE:
            once(c, &f, &has_shape);
            slim_copy(c, &f);
            break;
        case TENSOR_CONTENT:
            wire_expect(&c->d, &f, WIRE_LEN);
            once(c, &f, &has_content);
            p.content_at = f.body;
            p.content_size = f.size;
            break;
        default: break;
        }
    }
    slim_varint(c, TENSOR_PAYLOAD << 3 | WIRE_VARINT);
    slim_varint(c, c->d.payloads.n);
    slim_end(c, begin);
    vec_push(c->d.job, &c->d.payloads, p);
}

static void skim_list(NodeDecoder *c, const Field *list)
{
    size_t begin = slim_begin(c, VALUE_LIST);
    Field f;
    for (uint64_t pos = list->body; wire_next(&c->d, &pos, list->body + list->size, &f);) {
        if (f.no == LIST_TENSOR) {
            wire_expect(&c->d, &f, WIRE_LEN);
            skim_tensor(c, LIST_TENSOR, &f);
        } else {
            slim_copy(c, &f);
        }
    }
    slim_end(c, begin);
}

static void skim_attr(NodeDecoder *c, const Field *entry)
{
    size_t entry_begin = slim_begin(c, NODE_ATTR);
    bool has_key = false, has_value = false, has_case = false;
    Field f, v;
    for (uint64_t pos = entry->body; wire_next(&c->d, &pos, entry->body + entry->size, &f);) {
        if (f.no == ENTRY_KEY) {
            once(c, &f, &has_key);
            slim_copy(c, &f);
        }
        if (f.no != ENTRY_VALUE) continue;
        wire_expect(&c->d, &f, WIRE_LEN);
        once(c, &f, &has_value);
        size_t begin = slim_begin(c, ENTRY_VALUE);
        for (uint64_t q = f.body; wire_next(&c->d, &q, f.body + f.size, &v);) {
            if (v.no > VALUE_LAST) continue;
            once(c, &v, &has_case);
            if (v.no == VALUE_TENSOR || v.no == VALUE_LIST) wire_expect(&c->d, &v, WIRE_LEN);
            if (v.no == VALUE_TENSOR)
                skim_tensor(c, VALUE_TENSOR, &v);
            else if (v.no == VALUE_LIST)
                skim_list(c, &v);
            else
                slim_copy(c, &v);
        }
        slim_end(c, begin);
    }
    slim_end(c, entry_begin);
}

static void skim_node(NodeDecoder *c, const Field *node)
{
    c->slim_n = 0;
    slim_room(c, 1);
    c->slim_n = 0;
    c->d.payloads.n = 0;
    Field f;
    for (uint64_t pos = node->body; wire_next(&c->d, &pos, node->body + node->size, &f);) {
        if (f.no == NODE_ATTR) {
            wire_expect(&c->d, &f, WIRE_LEN);
            skim_attr(c, &f);
        } else if (f.no <= NODE_DEVICE) {
            slim_copy(c, &f);
        }
    }
}

/* -- protobuf-c ------------------------------------------------------------------------------------ */
/* The job must not unwind across protobuf-c's frames: a full scratch makes it fail, and the caller tries
 * again with a larger one, which the job's budget may refuse. */
static void *scratch_alloc(void *data, size_t n)
{
    NodeDecoder *c = data;
    if (n > c->scratch_size - c->scratch_used) {
        c->scratch_full = true;
        return NULL;
    }
    void *p = c->scratch + c->scratch_used;
    n = (n + 15) & ~(size_t)15;
    c->scratch_used = n > c->scratch_size - c->scratch_used ? c->scratch_size : c->scratch_used + n;
    return p;
}

static void scratch_free(void *data, void *p)
{
    (void)data;
    (void)p;
}

static JitcPb__NodeDef *unpack_node(NodeDecoder *c)
{
    ProtobufCAllocator allocator = {scratch_alloc, scratch_free, c};
    for (;;) {
        if (!c->scratch || c->scratch_full) {
            c->scratch_size = c->scratch ? c->scratch_size * 2 : SCRATCH_START;
            c->scratch = job_alloc(c->d.job, c->scratch_size);
        }
        c->scratch_used = 0;
        c->scratch_full = false;
        JitcPb__NodeDef *pb = jitc_pb__node_def__unpack(&allocator, c->slim_n, c->slim);
        if (pb || !c->scratch_full) return pb;
    }
}

/* -- Conversion ------------------------------------------------------------------------------------ */
static bool utf8_ok(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t len = p[i] < 0x80   ? 1
                     : p[i] < 0xc2 ? 0
                     : p[i] < 0xe0 ? 2
                     : p[i] < 0xf0 ? 3
                     : p[i] < 0xf5 ? 4
                                   : 0;
        if (!len || len > n - i) return false;
        for (size_t k = 1; k < len; k++)
            if ((p[i + k] & 0xc0) != 0x80) return false;
        i += len;
    }
    return true;
}

/* A name as C text; "" after reporting a problem. */
static const char *name_text(NodeDecoder *c, const ProtobufCBinaryData *b, const char *what)
{
    const char *why = b->len > MAX_NAME                      ? "is longer than 65535 bytes"
                      : b->len && memchr(b->data, 0, b->len) ? "contains a NUL character"
                      : !utf8_ok(b->data, b->len)            ? "is not valid UTF-8"
                                                             : NULL;
    if (why) problem(&c->d, "node number %" PRIu64 ": %s %s", c->d.where_number, what, why);
    if (why || !b->len) return "";
    memcpy(c->key, b->data, b->len);
    c->key[b->len] = 0;
    return c->key;
}

static const char *intern(NodeDecoder *c, const ProtobufCBinaryData *b, const char *what)
{
    const char *text = name_text(c, b, what);
    if (!*text) return text;
    char *known = strmap_get(&c->interned, text);
    if (!known) {
        known = job_strndup(c->d.job, text, strlen(text));
        strmap_put(c->d.job, &c->interned, known, known);
    }
    return known;
}

static const char *copy_name(NodeDecoder *c, const ProtobufCBinaryData *b, const char *what)
{
    const char *text = name_text(c, b, what);
    return *text ? job_strndup(c->d.job, text, strlen(text)) : text;
}

static TfBytes copy_bytes(NodeDecoder *c, const ProtobufCBinaryData *b)
{
    return b->len ? (TfBytes){job_strndup(c->d.job, (const char *)b->data, b->len), b->len}
                  : (TfBytes){"", 0};
}

static TfShape convert_shape(NodeDecoder *c, const TfNode *n, const char *attr,
                             const JitcPb__TensorShapeProto *pb)
{
    TfShape s = {0};
    if (!pb) return s;
    s.unknown_rank = pb->unknown_rank;
    if (s.unknown_rank) return s;
    if (pb->n_dim > MAX_RANK) {
        problem(&c->d,
                "node '%s' (%s): attribute '%s' has a shape of %zu dimensions; at most %d are possible",
                n->name, n->op, attr, pb->n_dim, MAX_RANK);
        return s;
    }
    s.rank = (int32_t)pb->n_dim;
    if (s.rank) s.dim = job_array(c->d.job, int64_t, s.rank);
    for (int32_t i = 0; i < s.rank; i++) {
        s.dim[i] = pb->dim[i]->size;
        if (s.dim[i] >= -1) continue;
        problem(&c->d, "node '%s' (%s): attribute '%s' has a shape with the dimension %" PRId64, n->name,
                n->op, attr, s.dim[i]);
        s.dim[i] = -1;
    }
    return s;
}

static TfTensor convert_tensor(NodeDecoder *c, const TfNode *n, const char *attr,
                               const JitcPb__TensorProto *pb)
{
    TfTensor t = {.dtype = (int32_t)pb->dtype, .shape = convert_shape(c, n, attr, pb->tensor_shape)};
    decode_tensor_values(&c->d, n, attr, &t, &c->d.payloads.at[pb->payload]);
    return t;
}

static TfFunc convert_func(NodeDecoder *c, const JitcPb__NameAttrList *pb)
{
    TfFunc f = {.name = intern(c, &pb->name, "a function name"), .nattrs = (uint32_t)pb->n_attr};
    TfBytes *attrs = job_array(c->d.job, TfBytes, pb->n_attr);
    for (size_t i = 0; i < pb->n_attr; i++) attrs[i] = copy_bytes(c, &pb->attr[i]);
    f.attrs = attrs;
    return f;
}

#define CONVERT_LIST(T, field, ...)                                                                          \
    do {                                                                                                     \
        l->n##field = (uint32_t)pb->n_##field;                                                               \
        if (l->n##field) l->field = job_array(c->d.job, T, pb->n_##field);                                   \
        for (uint32_t k = 0; k < l->n##field; k++) l->field[k] = (__VA_ARGS__);                              \
    } while (0)

static TfList *convert_list(NodeDecoder *c, const TfNode *n, const char *attr,
                            const JitcPb__AttrValue__ListValue *pb)
{
    TfList *l = job_new(c->d.job, TfList);
    CONVERT_LIST(TfBytes, s, copy_bytes(c, &pb->s[k]));
    CONVERT_LIST(int64_t, i, pb->i[k]);
    CONVERT_LIST(float, f, pb->f[k]);
    CONVERT_LIST(bool, b, pb->b[k]);
    CONVERT_LIST(int32_t, type, (int32_t)pb->type[k]);
    CONVERT_LIST(TfShape, shape, convert_shape(c, n, attr, pb->shape[k]));
    CONVERT_LIST(TfTensor, tensor, convert_tensor(c, n, attr, pb->tensor[k]));
    CONVERT_LIST(TfFunc, func, convert_func(c, pb->func[k]));
    return l;
}

static TfAttr convert_attr(NodeDecoder *c, const TfNode *n, const JitcPb__NodeDef__AttrEntry *entry)
{
    TfAttr a = {.name = intern(c, &entry->key, "an attribute's name")};
    const JitcPb__AttrValue *pb = entry->value;
    if (!pb) return a;
    switch (pb->value_case) {
    case JITC_PB__ATTR_VALUE__VALUE_S:
        a.kind = TF_ATTR_S;
        a.s = copy_bytes(c, &pb->s);
        break;
    case JITC_PB__ATTR_VALUE__VALUE_I:
        a.kind = TF_ATTR_I;
        a.i = pb->i;
        break;
    case JITC_PB__ATTR_VALUE__VALUE_F:
        a.kind = TF_ATTR_F;
        a.f = pb->f;
        break;
    case JITC_PB__ATTR_VALUE__VALUE_B:
        a.kind = TF_ATTR_B;
        a.b = pb->b;
        break;
    case JITC_PB__ATTR_VALUE__VALUE_TYPE:
        a.kind = TF_ATTR_TYPE;
        a.type = (int32_t)pb->type;
        break;
    case JITC_PB__ATTR_VALUE__VALUE_SHAPE:
        a.kind = TF_ATTR_SHAPE;
        a.shape = convert_shape(c, n, a.name, pb->shape);
        break;
    case JITC_PB__ATTR_VALUE__VALUE_TENSOR:
        a.kind = TF_ATTR_TENSOR;
        a.tensor = job_new(c->d.job, TfTensor);
        *a.tensor = convert_tensor(c, n, a.name, pb->tensor);
        break;
    case JITC_PB__ATTR_VALUE__VALUE_LIST:
        a.kind = TF_ATTR_LIST;
        a.list = convert_list(c, n, a.name, pb->list);
        break;
    case JITC_PB__ATTR_VALUE__VALUE_FUNC:
        a.kind = TF_ATTR_FUNC;
        a.func = convert_func(c, pb->func);
        break;
    case JITC_PB__ATTR_VALUE__VALUE_PLACEHOLDER:
        a.kind = TF_ATTR_PLACEHOLDER;
        a.placeholder = intern(c, &pb->placeholder, "an attribute's placeholder");
        break;
    default: break;
    }
    return a;
}

static void check_names(NodeDecoder *c, const TfNode *n)
{
    if (!*n->name) {
        problem(&c->d, "node number %" PRIu64 " (%s) has no name", c->d.where_number, n->op);
    } else if (strchr(n->name, ':') || *n->name == '^') {
        problem(&c->d, "node '%s' (%s): a node's name may not contain ':' or begin with '^'", n->name, n->op);
    }
    if (!*n->op) problem(&c->d, "node '%s' has no operator", n->name);
}

static void convert_node(NodeDecoder *c, const JitcPb__NodeDef *pb)
{
    TfNode n = {0};
    uint64_t before = c->d.problems;
    n.op = intern(c, &pb->op, "the operator's name");
    n.name = copy_name(c, &pb->name, "the name");
    n.device = intern(c, &pb->device, "the device's name");
    if (c->d.problems == before) check_names(c, &n);
    n.nattrs = (uint32_t)pb->n_attr;
    if (n.nattrs) n.attrs = job_array(c->d.job, TfAttr, n.nattrs);
    for (uint32_t i = 0; i < n.nattrs; i++) n.attrs[i] = convert_attr(c, &n, pb->attr[i]);
    const char **names = job_array(c->d.job, const char *, pb->n_input + 1);
    for (size_t i = 0; i < pb->n_input; i++) names[i] = copy_name(c, &pb->input[i], "an input's name");
    vec_push(c->d.job, &c->nodes, n);
    vec_push(c->d.job, &c->names, names);
}

static void decode_node(NodeDecoder *c, const Field *f)
{
    c->d.where = "node number";
    c->d.where_number = c->nodes.n;
    skim_node(c, f);
    const JitcPb__NodeDef *pb = unpack_node(c);
    if (!pb) wire_fail(&c->d, f->head, "its encoding is broken");
    convert_node(c, pb);
    job_tick(c->d.job);
}

/* -- The graph ------------------------------------------------------------------------------------- */
static const char *decode_text(NodeDecoder *c, const Field *f)
{
    wire_expect(&c->d, f, WIRE_LEN);
    if (f->size > MAX_NAME) wire_fail(&c->d, f->head, "a name is longer than 65535 bytes");
    uint8_t *text = job_alloc(c->d.job, f->size + 1);
    wire_copy(&c->d, f->body, text, f->size);
    if (memchr(text, 0, f->size) || !utf8_ok(text, f->size)) wire_fail(&c->d, f->head, "a name is no text");
    return (char *)text;
}

static void decode_ret(NodeDecoder *c, const Field *entry, FunctionParts *parts)
{
    const char *key = "", *value = "";
    Field f;
    wire_expect(&c->d, entry, WIRE_LEN);
    for (uint64_t pos = entry->body; wire_next(&c->d, &pos, entry->body + entry->size, &f);) {
        if (f.no == ENTRY_KEY) key = decode_text(c, &f);
        if (f.no == ENTRY_VALUE) value = decode_text(c, &f);
    }
    vec_push(c->d.job, &parts->keys, key);
    vec_push(c->d.job, &parts->values, value);
}

/* An argument becomes a node. */
static const char *decode_arg(NodeDecoder *c, const Field *arg, bool input)
{
    TfNode n = {.name = "", .op = "_Arg", .device = ""};
    TfAttr *type = job_new(c->d.job, TfAttr);
    Field f;
    wire_expect(&c->d, arg, WIRE_LEN);
    *type = (TfAttr){.name = "T", .kind = TF_ATTR_TYPE};
    for (uint64_t pos = arg->body; wire_next(&c->d, &pos, arg->body + arg->size, &f);) {
        if (f.no == ARG_NAME) n.name = decode_text(c, &f);
        if (f.no == ARG_TYPE && f.wire == WIRE_VARINT) type->type = (int32_t)f.value;
        if (f.no == ARG_NUMBER_ATTR || f.no == ARG_TYPE_LIST_ATTR)
            problem(&c->d, "argument '%s' is a list, which is not supported", n.name);
    }
    if (!input) return n.name;
    n.attrs = type;
    n.nattrs = 1;
    vec_push(c->d.job, &c->nodes, n);
    vec_push(c->d.job, &c->names, job_array(c->d.job, const char *, 1));
    return n.name;
}

static void decode_signature(NodeDecoder *c, const Field *signature, TfFunction *fn, FunctionParts *parts)
{
    Field f;
    for (uint64_t pos = signature->body; wire_next(&c->d, &pos, signature->body + signature->size, &f);) {
        if (f.no == SIGNATURE_NAME) fn->name = decode_text(c, &f);
        if (f.no == SIGNATURE_INPUT) decode_arg(c, &f, true), fn->nargs++;
        if (f.no == SIGNATURE_OUTPUT) vec_push(c->d.job, &parts->outputs, decode_arg(c, &f, false));
    }
}

static void index_names(NodeDecoder *c);

/* What is wrong inside is told when the function is called. */
static void decode_function(NodeDecoder *c, const Field *function)
{
    TfFunction fn = {.name = ""};
    FunctionParts parts = {0};
    Decoder outer = c->d;
    __typeof__(c->nodes) nodes = c->nodes;
    __typeof__(c->names) names = c->names;
    memset(&c->nodes, 0, sizeof nodes);
    memset(&c->names, 0, sizeof names);
    c->d.graph = fn.body = job_new(c->d.job, TfGraph);
    c->d.first = &fn.problem;
    c->d.problems = 0;
    c->d.where = "function number";
    c->d.where_number = c->functions.n;
    Field f;
    const uint64_t end = function->body + function->size;
    for (int pass = 0; pass < 2; pass++) /* arguments come first */
        for (uint64_t pos = function->body; wire_next(&c->d, &pos, end, &f);) {
            if ((f.no == FUNCTION_SIGNATURE) == pass) continue;
            if (f.no == FUNCTION_SIGNATURE || f.no == FUNCTION_NODE) wire_expect(&c->d, &f, WIRE_LEN);
            if (f.no == FUNCTION_SIGNATURE) decode_signature(c, &f, &fn, &parts);
            if (f.no == FUNCTION_NODE) decode_node(c, &f);
            if (f.no == FUNCTION_RET) decode_ret(c, &f, &parts);
        }
    TfGraph *g = fn.body;
    g->nodes = c->nodes.at;
    g->nnodes = c->nodes.n;
    g->producer = INT32_MAX;
    parts.names = c->names.at;
    index_names(c);
    outer.window = c->d.window;
    outer.window_at = c->d.window_at;
    outer.window_size = c->d.window_size;
    outer.window_buf = c->d.window_buf;
    outer.payloads = c->d.payloads;
    c->d = outer;
    c->nodes = nodes;
    c->names = names;
    vec_push(c->d.job, &c->functions, fn);
    vec_push(c->d.job, &c->parts, parts);
}

/* Once all are there: edges name the results of functions. */
static void finish_functions(NodeDecoder *c)
{
    Decoder outer = c->d;
    TfGraph *g = c->d.graph;
    g->functions = c->functions.at;
    g->nfunctions = c->functions.n;
    for (uint32_t i = 0; i < g->nfunctions; i++) {
        TfFunction *f = &g->functions[i];
        f->nrets = c->parts.at[i].outputs.n;
        f->ret_names = c->parts.at[i].outputs.at;
        if (*f->name) strmap_put(c->d.job, &g->function_names, f->name, f);
    }
    for (uint32_t i = 0; i < g->nfunctions; i++) {
        TfFunction *f = &g->functions[i];
        c->d.graph = f->body;
        c->d.names = c->parts.at[i].names;
        c->d.first = &f->problem;
        c->d.problems = 0;
        decode_function_edges(&c->d, g, f, &c->parts.at[i]);
    }
    outer.window = c->d.window;
    outer.window_at = c->d.window_at;
    outer.window_size = c->d.window_size;
    outer.window_buf = c->d.window_buf;
    c->d = outer;
}

static void decode_library(NodeDecoder *c, const Field *library)
{
    Field f;
    for (uint64_t pos = library->body; wire_next(&c->d, &pos, library->body + library->size, &f);) {
        if (f.no != LIBRARY_FUNCTION) continue;
        wire_expect(&c->d, &f, WIRE_LEN);
        decode_function(c, &f);
    }
}

static void decode_versions(NodeDecoder *c, const Field *versions)
{
    Field f;
    for (uint64_t pos = versions->body; wire_next(&c->d, &pos, versions->body + versions->size, &f);) {
        if (f.no != VERSIONS_PRODUCER && f.no != VERSIONS_MIN_CONSUMER) continue;
        wire_expect(&c->d, &f, WIRE_VARINT);
        *(f.no == VERSIONS_PRODUCER ? &c->d.graph->producer : &c->d.graph->min_consumer) = (int32_t)f.value;
    }
}

static void decode_graph(NodeDecoder *c)
{
    Field f;
    for (uint64_t pos = 0;;) {
        c->d.where = "the graph, after node number";
        c->d.where_number = c->nodes.n;
        if (!wire_next(&c->d, &pos, c->d.src->size, &f)) break;
        if (f.no == GRAPH_NODE || f.no == GRAPH_LIBRARY || f.no == GRAPH_VERSIONS)
            wire_expect(&c->d, &f, WIRE_LEN);
        if (f.no == GRAPH_NODE)
            decode_node(c, &f);
        else if (f.no == GRAPH_LIBRARY)
            decode_library(c, &f);
        else if (f.no == GRAPH_VERSIONS)
            decode_versions(c, &f);
    }
}

static void index_names(NodeDecoder *c)
{
    TfGraph *g = c->d.graph;
    for (uint32_t i = 0; i < g->nnodes; i++) {
        TfNode *n = &g->nodes[i];
        if (!*n->name) continue;
        if (strmap_get(&g->by_name, n->name))
            problem(&c->d, "node '%s' (%s): another node has the same name", n->name, n->op);
        else
            strmap_put(c->d.job, &g->by_name, n->name, n);
        job_tick(c->d.job);
    }
}

/* Until version 21, a Placeholder of unknown shape was written like one of a scalar. */
static void apply_legacy_shapes(TfGraph *g)
{
    if (g->producer > 21) return;
    for (uint32_t i = 0; i < g->nnodes; i++) {
        TfNode *n = &g->nodes[i];
        if (strcmp(n->op, "Placeholder") != 0) continue;
        for (uint32_t k = 0; k < n->nattrs; k++) {
            TfAttr *a = &n->attrs[k];
            if (a->kind == TF_ATTR_SHAPE && !a->shape.rank && strcmp(a->name, "shape") == 0)
                a->shape.unknown_rank = true;
        }
    }
}

/* Files that are often mistaken for a frozen GraphDef. */
static void refuse_other_formats(Job *job, const Source *src)
{
    static const struct {
        const char *magic;
        uint8_t at, n;
        const char *is;
    } formats[] = {
        {"\x89HDF", 0, 4, "an HDF5 (Keras) file"},
        {"PK\3\4", 0, 4, "a zip archive (a .keras file?)"},
        {"\x1f\x8b", 0, 2, "compressed with gzip; decompress it first, or"},
        {"\0\0TFL3", 2, 6, "a TensorFlow Lite model"},
        {"\x08\x01\x12", 0, 3, "a SavedModel"},
        {"\x08", 0, 1, "an ONNX model or a SavedModel"},
    };
    uint8_t head[8] = {0};
    source_read(src, 0, head, src->size < sizeof head ? src->size : sizeof head);
    for (size_t i = 0; i < COUNT(formats); i++) {
        if (memcmp(head + formats[i].at, formats[i].magic, formats[i].n) != 0) continue;
        job_error(job,
                  "the model is no frozen GraphDef: it looks like %s; freeze the TensorFlow model to one .pb "
                  "(convert_variables_to_constants_v2)",
                  formats[i].is);
        job_fail(job, JITC_E_INVALID);
    }
}

TfGraph *tf_graph_load(Job *job, Source *src)
{
    if (text_is_graph(src)) text_to_binary(job, src);
    refuse_other_formats(job, src);
    NodeDecoder *c = job_new(job, NodeDecoder);
    c->d = (Decoder){.job = job, .src = src, .graph = job_new(job, TfGraph)};
    TfGraph *g = c->d.graph;
    decode_graph(c);
    g->nodes = c->nodes.at;
    g->nnodes = c->nodes.n;
    finish_functions(c);
    c->d.names = c->names.at;
    if (!g->nnodes) problem(&c->d, "the model holds no nodes; is it a frozen GraphDef?");
    index_names(c);
    apply_legacy_shapes(g);
    decode_edges(&c->d);
    problems_end(&c->d);
    return g;
}

const TfNode *tf_node_find(const TfGraph *g, const char *name)
{
    return strmap_get(&g->by_name, name);
}

const TfAttr *tf_attr_find(const TfNode *node, const char *name)
{
    for (uint32_t i = node->nattrs; i-- > 0;) /* the last of equal keys wins, as in protobuf */
        if (strcmp(node->attrs[i].name, name) == 0) return &node->attrs[i];
    return NULL;
}

const TfFunction *tf_function_find(const TfGraph *g, const char *name)
{
    return strmap_get(&g->function_names, name);
}
