/* A decoded GraphDef: nodes, attributes and resolved edges, but no bytes of large tensors. Everything lives
 * in the job's arena. */
#ifndef JITC_FRONTEND_TFGRAPH_H
#define JITC_FRONTEND_TFGRAPH_H

#include "frontend/source.h"
#include "ir/base/base.h"

/* TensorFlow's DataType numbers. */
enum {
    TF_INVALID = 0,
    TF_FLOAT = 1,
    TF_DOUBLE = 2,
    TF_INT32 = 3,
    TF_UINT8 = 4,
    TF_INT16 = 5,
    TF_INT8 = 6,
    TF_STRING = 7,
    TF_COMPLEX64 = 8,
    TF_INT64 = 9,
    TF_BOOL = 10,
    TF_QINT8 = 11,
    TF_QUINT8 = 12,
    TF_QINT32 = 13,
    TF_BFLOAT16 = 14,
    TF_QINT16 = 15,
    TF_QUINT16 = 16,
    TF_UINT16 = 17,
    TF_COMPLEX128 = 18,
    TF_HALF = 19,
    TF_RESOURCE = 20,
    TF_VARIANT = 21,
    TF_UINT32 = 22,
    TF_UINT64 = 23
};
const char *
tf_dtype_name(int32_t dtype); /* "float", "int32", …; "unknown type" for other numbers; never NULL */
/* Quantised types are the integers that they are made of; other types stay. */
int32_t tf_plain_type(int32_t dtype);
size_t tf_dtype_size(int32_t dtype); /* bytes per element; 0 for strings and types without plain bytes */

typedef struct TfBytes {
    const char *at; /* followed by a NUL; may hold more of them */
    size_t n;
} TfBytes;

typedef struct TfShape {
    bool unknown_rank;
    int32_t rank;
    int64_t *dim; /* -1: unknown */
} TfShape;

typedef enum TfStore {
    TF_STORE_SPAN,    /* `stored` little-endian elements at `offset` of the source */
    TF_STORE_BYTES,   /* `stored` little-endian elements at `bytes` */
    TF_STORE_STRINGS, /* `stored` strings */
    TF_STORE_OPAQUE   /* a type without plain bytes: resource, variant, an unknown number */
} TfStore;

/* stored <= numel. Missing elements repeat the last stored one, or are zero (empty) if there is none. */
typedef struct TfTensor {
    int32_t dtype;
    TfShape shape; /* fully known */
    int64_t numel;
    TfStore store;
    int64_t stored;
    uint64_t offset;
    const uint8_t *bytes;
    const TfBytes *strings;
} TfTensor;

typedef struct TfFunc {
    const char *name;
    uint32_t nattrs;
    const TfBytes *attrs; /* NameAttrList.attr entries as encoded */
} TfFunc;

/* A list attribute; an empty list does not tell its type. */
typedef struct TfList {
    uint32_t ns, ni, nf, nb, ntype, nshape, ntensor, nfunc;
    TfBytes *s;
    int64_t *i;
    float *f;
    bool *b;
    int32_t *type;
    TfShape *shape;
    TfTensor *tensor;
    TfFunc *func;
} TfList;

typedef enum TfAttrKind {
    TF_ATTR_NONE, /* an attribute without a value */
    TF_ATTR_S,
    TF_ATTR_I,
    TF_ATTR_F,
    TF_ATTR_B,
    TF_ATTR_TYPE,
    TF_ATTR_SHAPE,
    TF_ATTR_TENSOR,
    TF_ATTR_LIST,
    TF_ATTR_FUNC,
    TF_ATTR_PLACEHOLDER
} TfAttrKind;

typedef struct TfAttr {
    const char *name;
    TfAttrKind kind;
    union {
        TfBytes s;
        int64_t i;
        float f;
        bool b;
        int32_t type;
        TfShape shape;
        TfTensor *tensor;
        TfList *list;
        TfFunc func;
        const char *placeholder;
    };
} TfAttr;

typedef struct TfInput {
    uint32_t node, out; /* output number `out` of nodes[node]; not checked against the operator */
} TfInput;

typedef struct TfNode {
    const char *name, *op, *device; /* device may be "" */
    TfInput *inputs;
    uint32_t *controls; /* node numbers */
    TfAttr *attrs;
    uint32_t ninputs, ncontrols, nattrs;
} TfNode;

typedef struct TfGraph TfGraph;

/* A function of the graph's library. The first nodes of its body are its arguments, of operator "_Arg". */
typedef struct TfFunction {
    const char *name;
    const char *problem; /* why it cannot be used, or NULL: most graphs have functions that nothing calls */
    TfGraph *body;
    uint32_t nargs, nrets;
    TfInput *rets;
    const char **ret_names;
} TfFunction;

struct TfGraph {
    TfNode *nodes;
    uint32_t nnodes, nfunctions;
    /* Every node after its data and control inputs, save those that are NextIteration; file order otherwise.
     */
    uint32_t *order;
    int32_t producer, min_consumer;
    TfFunction *functions;
    StrMap by_name; /* name -> TfNode */
    StrMap function_names;
};

/* Decodes a binary GraphDef, or one in protobuf's text format; the latter replaces *src by a source of the
 * same graph in binary. Reports all problems of names, tensors and edges at once, then unwinds. */
TfGraph *tf_graph_load(Job *job, Source *src);

const TfNode *tf_node_find(const TfGraph *g, const char *name);         /* NULL when absent */
const TfAttr *tf_attr_find(const TfNode *node, const char *name);       /* NULL when absent */
const TfFunction *tf_function_find(const TfGraph *g, const char *name); /* NULL when absent */

/* Fills numel * tf_dtype_size() bytes; not for strings and opaque types. */
void tf_tensor_read(Job *job, const Source *src, const TfTensor *t, void *dst);
TfBytes tf_tensor_string(const TfTensor *t, int64_t i);
/* "[2,?,3]" or "unknown shape", in the arena. */
const char *tf_shape_text(Job *job, const TfShape *s);
#endif
