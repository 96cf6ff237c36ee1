/* Custom operators as the compiler sees them: what the caller registered, and nodes of a graph that use it.
 * The caller's side is include/jitc/op.h. */
#ifndef JITC_IR_CUSTOM_H
#define JITC_IR_CUSTOM_H

#include "ir/ir.h"
#include "jitc/op.h"

enum { CUSTOM_MAX_OUT = 8 };

/* A function of code for the evaluator: one element. in[i] and out point to elements as they lie in memory.
 */
typedef void custom_scalar(const void *const *in, void *out);

/* A declared attribute. */
typedef struct {
    const char *name;
    jitc_attr_kind kind;
    bool is_list, has_default;
    jitc_attr def;
} CustomAttr;

typedef struct CustomOp {
    jitc_op op; /* a copy; what it points to is the caller's */
    CustomAttr *attrs;
    uint32_t nattrs;
    /* Code: a hash that stands for it in texts; the types of its parameters and of its result, a letter each,
     * "" until they are asked for. */
    char code[33], types[MAP_MAX_IN + 2];
    custom_scalar *scalar; /* NULL until it is asked for */
    void *image;           /* that it belongs to */
} CustomOp;

typedef struct CustomOps {
    CustomOp *at;
    uint32_t n;
    /* These two ask the code generator, once. False or NULL: *why (from malloc) says why not. */
    bool (*inspect)(CustomOp *op, char **why); /* sets `types` */
    custom_scalar *(*scalar)(CustomOp *op, char **why);
} CustomOps;
CustomOp *custom_find(const CustomOps *ops, const char *name);      /* by the operation's name; NULL */
CustomOp *custom_find_code(const CustomOps *ops, const char *code); /* by the hash; NULL */
/* "alpha: float = 0.2"; false: *why says what is wrong. */
bool custom_parse_attr(Job *job, const char *text, CustomAttr *out, const char **why);
/* The letters of scalar types: f float, d double, b bool, and integers by their bytes: 1 2 4 8. Whether an
 * element of that type fits; half precision fits float. */
bool custom_letter_fits(char letter, DType t);

/* A node that calls an opaque operator. */
typedef struct CustomNode {
    const CustomOp *op;
    jitc_op_node node;
    const void *key; /* the frontend's node */
} CustomNode;
/* All of it but the operator itself. */
CustomNode *custom_copy(Job *job, const CustomNode *n);
/* How many leading dims of result 0, a type of that rank, count its units. */
static inline int custom_outer(const jitc_op *op, int rank)
{
    return op->outer < 0 || op->outer > rank ? rank : op->outer;
}
#endif
