/* Custom operators: operations of a graph that jitc does not know, written in C.
 *
 * An operator is described by a jitc_op and given in jitc_options.ops. It is of one of two kinds:
 *
 * - opaque: `compute` is called at run time, for whole tensors or for parts of them;
 * - code: `code` holds a scalar function as LLVM bitcode or LLVM's text form, which is applied to each
 *   element and becomes part of the loops around it, like an operation of jitc's own.
 *
 * All of this header works without linking libjitc, so that the same `compute` serves a program that loads a
 * graph and one that was compiled ahead of time. docs/custom-ops.md is the guide. */
#ifndef JITC_OP_H
#define JITC_OP_H

#include <string.h>

#include "jitc/jitc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* -- What a node of the graph says -------------------------------------------------------------------- */
typedef enum jitc_attr_kind {
    JITC_ATTR_OTHER = 0,  /* a tensor or a function: no data */
    JITC_ATTR_INT = 1,    /* int64_t */
    JITC_ATTR_FLOAT = 2,  /* double */
    JITC_ATTR_BOOL = 3,   /* int64_t, 0 or 1 */
    JITC_ATTR_STRING = 4, /* jitc_string */
    JITC_ATTR_TYPE = 5,   /* int64_t, a jitc_dtype or another of TensorFlow's numbers */
    JITC_ATTR_SHAPE = 6   /* jitc_shape without a name; rank -1: unknown, dimension -1: open */
} jitc_attr_kind;

typedef struct jitc_string {
    const char *at; /* followed by a NUL; may hold more of them */
    int64_t n;
} jitc_string;

/* An attribute of a node. */
typedef struct jitc_attr {
    const char *name;
    int32_t kind;
    int32_t is_list;
    int64_t n; /* elements at `data`; 1 where it is no list */
    const void *data;
} jitc_attr;

/* The type of an input or output. shape: -1 - k stands for dim[k] of the call. */
typedef struct jitc_op_type {
    int32_t dtype;
    int32_t rank;
    int64_t shape[JITC_MAX_RANK];
} jitc_op_type;

/* The node that is called. */
typedef struct jitc_op_node {
    const char *name;          /* of the node */
    const char *op;            /* of its operation */
    const jitc_attr *attrs;    /* those that the operator declares, in that order, then the node's others */
    const jitc_op_type *types; /* of inputs, then outputs; NULL while inferring */
    int32_t nattrs;
    int32_t nin;
    int32_t nout;
    uint32_t counted; /* bit k: jitc_op_set_rows() tells how many rows output k has */
} jitc_op_node;

/* An attribute by name; NULL when there is none. */
static inline const jitc_attr *jitc_op_attr(const jitc_op_node *node, const char *name)
{
    int32_t i;
    for (i = 0; i < node->nattrs; i++)
        if (strcmp(node->attrs[i].name, name) == 0) return &node->attrs[i];
    return NULL;
}

/* Element 0 of an attribute that the operator declares. Of another one: 0 or "" when the node lacks it, or
 * when it is of another kind. */
static inline int64_t jitc_op_int(const jitc_op_node *node, const char *name)
{
    const jitc_attr *a = jitc_op_attr(node, name);
    int is_int =
        a && a->n && (a->kind == JITC_ATTR_INT || a->kind == JITC_ATTR_BOOL || a->kind == JITC_ATTR_TYPE);
    return is_int ? *(const int64_t *)a->data : 0;
}
static inline double jitc_op_float(const jitc_op_node *node, const char *name)
{
    const jitc_attr *a = jitc_op_attr(node, name);
    return a && a->n && a->kind == JITC_ATTR_FLOAT ? *(const double *)a->data : 0;
}
static inline const char *jitc_op_string(const jitc_op_node *node, const char *name)
{
    const jitc_attr *a = jitc_op_attr(node, name);
    return a && a->n && a->kind == JITC_ATTR_STRING ? ((const jitc_string *)a->data)->at : "";
}

/* -- Computing ------------------------------------------------------------------------------------------ */
/* One call: units [begin, end) of the work. Several threads may be in the function at the same time. */
typedef struct jitc_op_call {
    size_t size; /* sizeof(jitc_op_call) of the caller */
    const jitc_op_node *node;
    void *const *ptr; /* these two: see jitc_op_in(), jitc_op_out() */
    const int64_t *dim;
    int64_t begin;
    int64_t end;
    void *user;        /* jitc_op.user; NULL in code that was compiled ahead of time */
    char *error;       /* why it failed, for messages; NULL, with a size of 0, in such code */
    size_t error_size; /* of `error`, the NUL included */
} jitc_op_call;

/* Input i, or output i - nin. */
static inline jitc_tensor jitc_op_tensor(const jitc_op_call *c, int32_t i)
{
    const jitc_op_type *type = &c->node->types[i];
    jitc_tensor t;
    int32_t d;
    memset(&t, 0, sizeof t);
    t.dtype = (jitc_dtype)type->dtype;
    t.rank = type->rank;
    for (d = 0; d < t.rank; d++)
        t.shape[d] = type->shape[d] >= 0 ? type->shape[d] : c->dim[-1 - type->shape[d]];
    t.data = c->ptr[i];
    return t;
}
/* Input i, which is only read; output i. Both are whole tensors, whatever units are asked for. */
static inline jitc_tensor jitc_op_in(const jitc_op_call *c, int32_t i)
{
    return jitc_op_tensor(c, i);
}
static inline jitc_tensor jitc_op_out(const jitc_op_call *c, int32_t i)
{
    return jitc_op_tensor(c, c->node->nin + i);
}
/* How many rows output i has, which jitc_op_count_rows() has said is told here. */
static inline void jitc_op_set_rows(const jitc_op_call *c, int32_t i, int64_t rows)
{
    int32_t at = c->node->nin + c->node->nout, k;
    for (k = 0; k < i; k++) at += (int32_t)(c->node->counted >> k & 1u);
    if (c->node->counted >> i & 1u) *(int64_t *)c->ptr[at] = rows;
}

/* -- Inferring ------------------------------------------------------------------------------------------ */
/* Sizes of a shape are numbers, or below -1 stand for sizes that are not known yet: equal ones are equal, and
 * they may be copied and computed with by the functions below. */
typedef struct jitc_op_infer {
    size_t size;
    const jitc_op_node *node;
    const jitc_tensor *in; /* data: the elements where they are known now (few, and constant), else NULL */
    jitc_tensor *out;      /* dtype, rank and shape to be set; -1, and 0 for the dtype, until then */
    uint32_t counted;      /* see jitc_op_count_rows() */
    void *user;
    char *error;
    size_t error_size;
    void *host; /* of jitc, as what follows */
    int64_t (*size_of)(void *host, int how, int64_t a, int64_t b);
} jitc_op_infer;

/* a + b, a - b, a * b, … of two sizes. */
static inline int64_t jitc_op_add(const jitc_op_infer *c, int64_t a, int64_t b)
{
    return c->size_of(c->host, '+', a, b);
}
static inline int64_t jitc_op_sub(const jitc_op_infer *c, int64_t a, int64_t b)
{
    return c->size_of(c->host, '-', a, b);
}
static inline int64_t jitc_op_mul(const jitc_op_infer *c, int64_t a, int64_t b)
{
    return c->size_of(c->host, '*', a, b);
}
static inline int64_t jitc_op_div(const jitc_op_infer *c, int64_t a, int64_t b) /* rounds down; b > 0 */
{
    return c->size_of(c->host, '/', a, b);
}
static inline int64_t jitc_op_min(const jitc_op_infer *c, int64_t a, int64_t b)
{
    return c->size_of(c->host, 'm', a, b);
}
static inline int64_t jitc_op_max(const jitc_op_infer *c, int64_t a, int64_t b)
{
    return c->size_of(c->host, 'M', a, b);
}
/* 0: the sizes differ. Where only a run can tell, 1, and such a run fails when they do. */
static inline int jitc_op_same(const jitc_op_infer *c, int64_t a, int64_t b)
{
    return c->size_of(c->host, '=', a, b) != 0;
}
/* The first dimension of output i is the most that there can be; jitc_op_set_rows() will tell how many rows
 * there are. Such a call is not cut into units. */
static inline void jitc_op_count_rows(jitc_op_infer *c, int32_t i)
{
    c->counted |= 1u << i;
}

/* -- Describing -------------------------------------------------------------------------------- */
enum {
    /* The outputs depend on inputs and attributes alone, and nothing else changes: jitc may compute it when
     * the graph is loaded, once for equal nodes, or never. Otherwise it runs as often as the graph says. */
    JITC_OP_PURE = 1
};

/* An operator. What a kind does not need is left 0. */
typedef struct jitc_op {
    size_t size;      /* sizeof(jitc_op) */
    const char *name; /* of the operation in the graph */
    int32_t inputs;   /* their number; -1: any */
    int32_t outputs;  /* their number; 0 stands for 1 */
    /* The attributes that it needs, written as TensorFlow does: "alpha: float = 0.2", "axes: list(int)".
     * Kinds: int, float, bool, string, type, shape, and lists of them. */
    const char *const *attrs;
    size_t nattrs;
    uint32_t flags; /* JITC_OP_PURE */

    /* Opaque operators. These functions return 0, or something else and the reason in `error`. */
    /* NULL: every output has the type and shape of input 0. */
    int (*infer)(jitc_op_infer *c);
    int (*compute)(const jitc_op_call *c);
    const char *symbol; /* the name of `compute` for the linker: code compiled ahead of time calls it */
    /* The work can be cut along so many leading dimensions of output 0, whose elements are the units; -1: all
     * of them; 0: it is one unit. */
    int32_t outer;
    int64_t grain; /* the fewest units worth a thread's while; 0: guessed from sizes */
    void *user;

    /* Operators made of code. Parameters are an element of each input, then the attributes as declared:
     * float, double, integers, bool. */
    const void *code;
    size_t code_size;     /* 0: `code` is text that ends with a NUL */
    const char *function; /* its name there */
} jitc_op;

/* What a shared library of operators has, under this name, for `jitc --op-library FILE`: its operators. */
#define JITC_OPS_ENTRY "jitc_ops"
typedef const jitc_op *const *jitc_ops_fn(size_t *n);

#ifdef __cplusplus
}
#endif
#endif
