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

#define NOT_FROZEN "the graph is not frozen: variables must be made constants first"
#define TABLES     "lookup tables, which a session fills, are not supported"
#define SUMMARIES  "summaries are not written: leave it out of the outputs (--output)"

/* A pattern ending in '*' matches what starts like it. */
static const struct {
    const char *op, *why;
    bool no_cut;
} reasons[] = {
    {"CTCLoss*", "it trains", false},
    {"TensorArray*", "this operation on tensor arrays is not supported", false},
    {"TensorList*", "this operation on tensor lists is not supported", true},
    {"VarHandleOp", NOT_FROZEN, true},
    {"VarIsInitializedOp", NOT_FROZEN, false},
    {"IsVariableInitialized", NOT_FROZEN, false},
    {"Variable", NOT_FROZEN, false},
    {"VariableV2", NOT_FROZEN, false},
    {"TemporaryVariable", NOT_FROZEN, true},
    {"ReadVariableOp", NOT_FROZEN, false},
    {"VariableShape", NOT_FROZEN, false},
    {"ResourceGather*", NOT_FROZEN, false},
    {"Assign*", "it trains: variables are not changed by a frozen graph", true},
    {"ResourceScatter*", "it trains: variables are not changed by a frozen graph", true},
    {"ResourceApply*", "it trains: variables are not changed by a frozen graph", true},
    {"ResourceSparseApply*", "it trains: variables are not changed by a frozen graph", true},
    {"Apply*", "it trains: variables are not changed by a frozen graph", true},
    {"SparseApply*", "it trains: variables are not changed by a frozen graph", true},
    {"HashTable*", TABLES, true},
    {"MutableHashTable*", TABLES, true},
    {"MutableDenseHashTable*", TABLES, true},
    {"AnonymousHashTable", TABLES, true},
    {"AnonymousMutable*", TABLES, true},
    {"InitializeTable*", TABLES, true},
    {"LookupTableFind*", "lookup tables, which a session fills, are not supported: look up before the run",
     false},
    {"LookupTableInsert*", TABLES, true},
    {"LookupTableImport*", TABLES, true},
    {"LookupTable*", TABLES, false},
    {"DecodeRaw", "strings of bytes are not supported: decode them before the run", false},
    {"DecodePaddedRaw", "strings of bytes are not supported: decode them before the run", false},
    {"DecodeCSV", "records are not parsed", false},
    {"DecodeBase64", "strings are not supported", true},
    {"DecodeCompressed", "strings are not supported", true},
    {"DecodeProto*", "records are not parsed", true},
    {"Decode*", "files are not decoded", false},
    {"ExtractJpegShape", "files are not decoded", false},
    {"Encode*", "files are not written: take what it reads as the output", true},
    {"ReadFile", "files are not read", false},
    {"WriteFile", "files are not written", true},
    {"MatchingFiles", "files are not read", true},
    {"Reader*", "files are not read", false},
    {"TFRecordReader*", "files are not read", true},
    {"WholeFileReader*", "files are not read", true},
    {"ParseExample*", "records are not parsed; output k of several is NAME:k", false},
    {"ParseSingleExample*", "records are not parsed; output k of several is NAME:k", false},
    {"ParseSequenceExample*", "records are not parsed", false},
    {"ParseSingleSequenceExample", "records are not parsed", false},
    {"ParseTensor", "serialised tensors are not parsed", false},
    {"FIFOQueue*", "queues are not supported", true},
    {"PaddingFIFOQueue*", "queues are not supported", true},
    {"RandomShuffleQueue*", "queues are not supported", true},
    {"PriorityQueue*", "queues are not supported", true},
    {"QueueEnqueue*", "queues are not supported", true},
    {"QueueClose*", "queues are not supported", true},
    {"Queue*", "queues are not supported; output k of several is NAME:k", false},
    {"Unstage", "queues are not supported", false},
    {"Iterator", "data sets are not supported", true},
    {"IteratorV2", "data sets are not supported", true},
    {"IteratorGetNext*", "data sets are not supported; output k of several is NAME:k", false},
    {"Iterator*", "data sets are not supported", true},
    {"OneShotIterator", "data sets are not supported", true},
    {"AnonymousIterator*", "data sets are not supported", true},
    {"MakeIterator", "data sets are not supported", true},
    {"TensorDataset", "data sets are not supported", true},
    {"TensorSliceDataset", "data sets are not supported", true},
    {"BatchDataset*", "data sets are not supported", true},
    {"MapDataset", "data sets are not supported", true},
    {"PyFunc*", "it calls Python", false},
    {"EagerPyFunc", "it calls Python", false},
    {"ScalarSummary", SUMMARIES, true},
    {"ImageSummary*", SUMMARIES, true},
    {"HistogramSummary", SUMMARIES, true},
    {"AudioSummary*", SUMMARIES, true},
    {"TensorSummary*", SUMMARIES, true},
    {"MergeSummary", SUMMARIES, true},
    {"_Send", "the graph is one part of several: freeze it as a whole", true},
    {"_Recv", "the graph is one part of several: freeze it as a whole", false},
    {"_HostSend", "the graph is one part of several: freeze it as a whole", true},
    {"_HostRecv", "the graph is one part of several: freeze it as a whole", false},
    {"Eig", "eigenvalues are not supported", false},
    {"MatrixExponential", "functions of whole matrices are not supported", false},
    {"MatrixLogarithm", "functions of whole matrices are not supported", false},
    {"MatrixSquareRoot", "functions of whole matrices are not supported", false},
    {"ExtractGlimpse*", "its border is random noise", false},
    {"DrawBoundingBoxes*", "drawing is not supported", false},
    {"FractionalMaxPool", "its regions are random", false},
    {"FractionalAvgPool", "its regions are random", false},
    {"RandomShuffle", "rows in random order are not supported", false},
    {"RandomGamma*", "gamma random numbers are not supported", false},
    {"StatelessRandomGamma*", "gamma random numbers are not supported", false},
    {"RandomPoisson*", "Poisson random numbers are not supported", false},
    {"StatelessRandomPoisson", "Poisson random numbers are not supported", false},
    {"RandomCrop", "crops at random places are not supported", false},
    {"ParameterizedTruncatedNormal", "truncated normal random numbers with parameters are not supported",
     false},
    {"StatelessParameterizedTruncatedNormal",
     "truncated normal random numbers with parameters are not supported", false},
    {"Random*", "this distribution of random numbers is not supported", false},
    {"Stateless*", "this distribution of random numbers is not supported", false},
    {"StringToNumber", "strings are not supported", false},
    {"StringToHashBucket*", "strings are not supported", false},
    {"StringLength", "strings are not supported", false},
    {"String*", "strings are not supported", true},
    {"Regex*", "strings are not supported", true},
    {"StaticRegex*", "strings are not supported", true},
    {"Unicode*", "strings are not supported", true},
    {"ReduceJoin", "strings are not supported", true},
    {"Substr", "strings are not supported", true},
    {"SerializeTensor", "strings are not supported", true},
    {"AsString", "strings are not supported", true},
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
