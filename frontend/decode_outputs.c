/* Which number an output has: a function's edges name the operator's output argument. */
#include "frontend/decode.h"

/* Operators with several output arguments, none of them a list. */
static const struct {
    const char *ops, *args;
} named[] = {
    {"ApproxTopK TopK TopKV2", "values indices"},
    {"BlockLSTM BlockLSTMV2 LSTMBlockCell", "i cs f o ci co h"},
    {"CTCGreedyDecoder", "decoded_indices decoded_values decoded_shape log_probability"},
    {"CTCLoss CTCLossV2", "loss gradient"},
    {"CombinedNonMaxSuppression", "nmsed_boxes nmsed_scores nmsed_classes valid_detections"},
    {"CudnnRNN", "output output_h output_c reserve_space"},
    {"CudnnRNNV2 CudnnRNNV3", "output output_h output_c reserve_space host_reserved"},
    {"DecodeWav", "audio sample_rate"},
    {"Eig SelfAdjointEigV2", "e v"},
    {"FractionalAvgPool FractionalMaxPool", "output row_pooling_sequence col_pooling_sequence"},
    {"FusedBatchNorm FusedBatchNormV2", "y batch_mean batch_variance reserve_space_1 reserve_space_2"},
    {"FusedBatchNormV3 _FusedBatchNormEx",
     "y batch_mean batch_variance reserve_space_1 reserve_space_2 reserve_space_3"},
    {"GRUBlockCell", "r u c h"},
    {"ListDiff", "out idx"},
    {"LogMatrixDeterminant", "sign log_abs_determinant"},
    {"Lu", "lu p"},
    {"MaxPoolWithArgmax", "output argmax"},
    {"Merge RefMerge", "output value_index"},
    {"NonMaxSuppressionV4", "selected_indices valid_outputs"},
    {"NonMaxSuppressionV5", "selected_indices selected_scores valid_outputs"},
    {"Qr", "q r"},
    {"QuantizeDownAndShrinkRange QuantizeV2 QuantizedConcat QuantizedConcatV2 QuantizedReshape Requantize "
     "RequantizePerChannel",
     "output output_min output_max"},
    {"RefSwitch Switch", "output_false output_true"},
    {"RequantizationRange RequantizationRangePerChannel", "output_min output_max"},
    {"SampleDistortedBoundingBox SampleDistortedBoundingBoxV2 StatelessSampleDistortedBoundingBox",
     "begin size bboxes"},
    {"SoftmaxCrossEntropyWithLogits SparseSoftmaxCrossEntropyWithLogits", "loss backprop"},
    {"RaggedRange", "rt_nested_splits rt_dense_values"},
    {"RaggedTensorToSparse", "sparse_indices sparse_values sparse_dense_shape"},
    {"SparseConcat", "output_indices output_values output_shape"},
    {"SparseFillEmptyRows", "output_indices output_values empty_row_indicator reverse_index_map"},
    {"SparseReduceMaxSparse SparseReduceSumSparse SparseSlice", "output_indices output_values output_shape"},
    {"SparseReorder SparseSparseMaximum SparseSparseMinimum", "output_indices output_values"},
    {"SparseReshape", "output_indices output_shape"},
    {"StatelessRandomGetKeyCounter", "key counter"},
    {"StatelessRandomGetKeyCounterAlg", "key counter alg"},
    {"Svd", "s u v"},
    {"TensorArrayConcat TensorArrayConcatV2 TensorArrayConcatV3", "value lengths"},
    {"TensorArrayV3", "handle flow"},
    {"TensorListConcat TensorListConcatV2", "tensor lengths"},
    {"TensorListPopBack", "output_handle tensor"},
    {"Unique UniqueV2", "y idx"},
    {"UniqueWithCounts UniqueWithCountsV2", "y idx count"},
};

/* The place of a word in a list, or -1. */
static int64_t word_at(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (int64_t i = 0; *list; i++) {
        size_t k = strcspn(list, " ");
        if (k == n && memcmp(list, word, n) == 0) return i;
        list += k + (list[k] == ' ');
    }
    return -1;
}

int64_t decode_output_number(const TfGraph *whole, const TfNode *n, const char *arg, uint32_t k)
{
    const TfFunction *f = tf_function_find(whole, n->op);
    for (uint32_t i = 0; f && i < f->nrets; i++)
        if (strcmp(f->ret_names[i], arg) == 0) return k ? -1 : (int64_t)i;
    for (size_t i = 0; i < COUNT(named); i++)
        if (word_at(named[i].ops, n->op) >= 0) return k ? -1 : word_at(named[i].args, arg);
    if (strncmp(n->op, "Quantized", 9) == 0) return strstr(arg, "min") ? 1 : strstr(arg, "max") ? 2 : 0;
    if (strcmp(n->op, "CTCBeamSearchDecoder") == 0) {
        static const char lists[] = "decoded_indices decoded_values decoded_shape log_probability";
        const TfAttr *a = tf_attr_find(n, "top_paths");
        int64_t paths = a && a->kind == TF_ATTR_I && a->i > 0 && a->i < 60000 ? a->i : 1, at;
        at = word_at(lists, arg);
        return at < 0 ? -1 : at * paths + k;
    }
    if (strcmp(n->op, "RaggedGather") == 0 && strcmp(arg, "output_dense_values") == 0) {
        const TfAttr *a = tf_attr_find(n, "OUTPUT_RAGGED_RANK");
        return !k && a && a->kind == TF_ATTR_I && a->i >= 0 && a->i < 60000 ? a->i : -1;
    }
    return f ? -1 : (int64_t)k;
}
