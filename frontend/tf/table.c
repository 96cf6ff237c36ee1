/* All operations by name, and why the others are missing. */
#include "frontend/tf/tf.h"

const TfOp *tf_op_find(const char *name)
{
    static const TfOp *const tables[] = {
#define FAMILY(name) tf_##name##_ops,
#include "frontend/tf/families.def"
#undef FAMILY
    };
    for (size_t i = 0; i < COUNT(tables); i++)
        for (const TfOp *op = tables[i]; op->name; op++)
            if (op->name[0] == name[0] && strcmp(op->name, name) == 0) return op;
    return NULL;
}

/* A pattern ending in '*' matches what starts like it. */
static const struct {
    const char *op, *why;
    bool no_cut;
} reasons[] = {
    {"TensorArray*", "this operation on tensor arrays is not supported", false},
    {"TensorList*", "this operation on tensor lists is not supported", true},
    {"VarHandleOp", "the graph is not frozen: variables must be made constants first", true},
    {"Variable", "the graph is not frozen: variables must be made constants first", false},
    {"VariableV2", "the graph is not frozen: variables must be made constants first", false},
    {"ReadVariableOp", "the graph is not frozen: variables must be made constants first", false},
    {"ResourceGather", "the graph is not frozen: variables must be made constants first", false},
    {"HashTable*", "lookup tables are not supported", true},
    {"LookupTable*", "lookup tables are not supported", false},
    {"Decode*", "files are not decoded", false},
    {"ReadFile", "files are not read", false},
    {"ParseExample*", "records are not parsed", false},
    {"ParseSingleExample*", "records are not parsed", false},
    {"FIFOQueue*", "queues are not supported", false},
    {"Queue*", "queues are not supported", false},
    {"Iterator", "data sets are not supported", true},
    {"IteratorV2", "data sets are not supported", true},
    {"Iterator*", "data sets are not supported", false},
    {"OneShotIterator", "data sets are not supported", false},
    {"FractionalMaxPool", "its regions are random", false},
    {"FractionalAvgPool", "its regions are random", false},
    {"Random*", "random numbers are not supported", false},
    {"Stateless*", "random numbers are not supported", false},
    {"TruncatedNormal", "random numbers are not supported", false},
    {"Multinomial", "random numbers are not supported", false},
    {"NonMaxSuppression*", "the size of its result depends on data, which is not supported yet", false},
    {"Where", "the size of its result depends on data, which is not supported yet", false},
    {"Unique*", "the size of its result depends on data, which is not supported yet", false},
    {"DynamicPartition", "the size of its result depends on data, which is not supported yet", false},
    {"String*", "strings are not supported", false},
    {"AsString", "strings are not supported", false},
};

const char *tf_unsupported_reason(const char *op, bool *cut)
{
    for (size_t i = 0; i < COUNT(reasons); i++) {
        const char *p = reasons[i].op;
        size_t n = strlen(p);
        if (p[n - 1] == '*' ? strncmp(op, p, n - 1) != 0 : strcmp(op, p) != 0) continue;
        *cut = !reasons[i].no_cut;
        return reasons[i].why;
    }
    return NULL;
}
