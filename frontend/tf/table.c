/* All operations by name, and why the others are missing. */
#include "frontend/tf/tf.h"

const TfOp *tf_op_find(const char *name)
{
    static const TfOp *const tables[] = {
        tf_const_ops,      tf_math_ops,    tf_quant_resize_ops, tf_quant_ops,     tf_quant_range_ops,
        tf_quant_fake_ops, tf_special_ops, tf_conv_ops,         tf_conv_back_ops, tf_pool_ops,
        tf_patch_ops,      tf_norm_ops,    tf_fused_ops,        tf_shape_ops,     tf_sequence_ops,
        tf_array_ops,      tf_slice_ops,   tf_pad_ops,          tf_roll_ops,      tf_reduce_ops,
        tf_index_ops,      tf_linalg_ops,  tf_matdiag_ops,      tf_factor_ops,    tf_image_ops};
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
    {"Enter", "control flow is not supported yet: a loop", true},
    {"RefEnter", "control flow is not supported yet: a loop", true},
    {"Exit", "control flow is not supported yet: a loop", false},
    {"RefExit", "control flow is not supported yet: a loop", false},
    {"NextIteration", "control flow is not supported yet: a loop", true},
    {"RefNextIteration", "control flow is not supported yet: a loop", true},
    {"LoopCond", "control flow is not supported yet: a loop", true},
    {"While", "control flow is not supported yet: a loop", false},
    {"StatelessWhile", "control flow is not supported yet: a loop", false},
    {"If", "control flow is not supported yet: a condition", false},
    {"StatelessIf", "control flow is not supported yet: a condition", false},
    {"Case", "control flow is not supported yet: a condition", false},
    {"StatelessCase", "control flow is not supported yet: a condition", false},
    {"PartitionedCall", "function calls are not supported yet: inline functions when freezing", false},
    {"StatefulPartitionedCall", "function calls are not supported yet: inline functions when freezing",
     false},
    {"TensorArrayV3", "tensor arrays are not supported yet", true},
    {"TensorArrayWriteV3", "tensor arrays are not supported yet", true},
    {"TensorArrayScatterV3", "tensor arrays are not supported yet", true},
    {"TensorArraySplitV3", "tensor arrays are not supported yet", true},
    {"TensorArray*", "tensor arrays are not supported yet", false},
    {"TensorListGetItem", "tensor lists are not supported yet", false},
    {"TensorListStack", "tensor lists are not supported yet", false},
    {"TensorListGather", "tensor lists are not supported yet", false},
    {"TensorListConcat*", "tensor lists are not supported yet", false},
    {"TensorList*", "tensor lists are not supported yet", true},
    {"EmptyTensorList", "tensor lists are not supported yet", true},
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
