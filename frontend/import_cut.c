/* What of a graph is to be imported: where it is cut, which outputs are wanted, which nodes they need, and
 * which branches are never taken. */
#include "frontend/import_cut.h"

#include "frontend/flow.h"

#include <stdlib.h>

static bool one_of(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(s, *list) == 0) return true;
    return false;
}

static bool is_placeholder(const TfNode *n)
{
    static const char *const ops[] = {"Placeholder", "PlaceholderV2", "_Arg", NULL};
    return one_of(n->op, ops);
}

static bool has_default(const TfNode *n)
{
    return strcmp(n->op, "PlaceholderWithDefault") == 0;
}

/* -- Element types from attributes -------------------------------------------------------------------- */
static int32_t list_type(const TfNode *n, const char *name, uint32_t k)
{
    const TfAttr *a = tf_attr_find(n, name);
    return a && a->kind == TF_ATTR_LIST && k < a->list->ntype ? a->list->type[k] : 0;
}

static int32_t one_type(const TfNode *n, const char *name)
{
    const TfAttr *a = tf_attr_find(n, name);
    return a && a->kind == TF_ATTR_TYPE ? a->type : 0;
}

/* Operations whose outputs have a type that no attribute tells, or not the one that comes first below. */
static const struct {
    const char *op;
    int8_t type[4];      /* of the outputs; 0: by attribute */
    const char *attr[2]; /* of the first two outputs */
} typed[] = {
    {"Equal", {TF_BOOL}, {0}},
    {"NotEqual", {TF_BOOL}, {0}},
    {"Less", {TF_BOOL}, {0}},
    {"LessEqual", {TF_BOOL}, {0}},
    {"Greater", {TF_BOOL}, {0}},
    {"GreaterEqual", {TF_BOOL}, {0}},
    {"LogicalAnd", {TF_BOOL}, {0}},
    {"LogicalOr", {TF_BOOL}, {0}},
    {"LogicalNot", {TF_BOOL}, {0}},
    {"All", {TF_BOOL}, {0}},
    {"Any", {TF_BOOL}, {0}},
    {"IsNan", {TF_BOOL}, {0}},
    {"IsInf", {TF_BOOL}, {0}},
    {"IsFinite", {TF_BOOL}, {0}},
    {"Rank", {TF_INT32}, {0}},
    {"Where", {TF_INT64}, {0}},
    {"Mfcc", {TF_FLOAT}, {0}},
    {"AudioSpectrogram", {TF_FLOAT}, {0}},
    {"DecodeWav", {TF_FLOAT, TF_INT32}, {0}},
    {"DecodeImage", {0}, {"dtype"}},
    {"DecodeJpeg", {TF_UINT8}, {0}},
    {"DecodePng", {0}, {"dtype"}},
    {"DecodeGif", {TF_UINT8}, {0}},
    {"DecodeBmp", {TF_UINT8}, {0}},
    {"ReadFile", {TF_STRING}, {0}},
    {"ResizeBilinear", {TF_FLOAT}, {0}},
    {"ResizeBicubic", {TF_FLOAT}, {0}},
    {"ResizeArea", {TF_FLOAT}, {0}},
    {"CropAndResize", {TF_FLOAT}, {0}},
    {"NonMaxSuppression", {TF_INT32}, {0}},
    {"NonMaxSuppressionV2", {TF_INT32}, {0}},
    {"NonMaxSuppressionV3", {TF_INT32}, {0}},
    {"NonMaxSuppressionV4", {TF_INT32, TF_INT32}, {0}},
    {"NonMaxSuppressionV5", {TF_INT32, 0, TF_INT32}, {0, "T"}},
    {"CombinedNonMaxSuppression", {TF_FLOAT, TF_FLOAT, TF_FLOAT, TF_INT32}, {0}},
    {"TopK", {0, TF_INT32}, {"T"}},
    {"TopKV2", {0, TF_INT32}, {"T", "index_type"}},
    {"MaxPoolWithArgmax", {0}, {"T", "Targmax"}},
    {"Merge", {0, TF_INT32}, {"T"}},
    {"Unique", {0}, {"T", "out_idx"}},
    {"InTopK", {TF_BOOL}, {0}},
    {"InTopKV2", {TF_BOOL}, {0}},
    {"RaggedRange", {0}, {"Tsplits", "T"}},
    {"SparseReorder", {TF_INT64}, {0, "T"}},
    {"SparseSlice", {TF_INT64, 0, TF_INT64}, {0, "T"}},
    {"SparseConcat", {TF_INT64, 0, TF_INT64}, {0, "T"}},
    {"SparseFillEmptyRows", {TF_INT64, 0, TF_BOOL, TF_INT64}, {0, "T"}},
};

static int32_t node_dtype(const TfNode *n, uint32_t out)
{
    static const struct {
        const char *op, *attr;
    } defaults[] = {{"Shape", "out_type"},
                    {"ShapeN", "out_type"},
                    {"Size", "out_type"},
                    {"ArgMax", "output_type"},
                    {"ArgMin", "output_type"}};
    static const char *const attrs[] = {"DstT",  "output_type", "Tout", "out_type", "type",
                                        "dtype", "Tparams",     "Tidx", "T",        NULL};
    static const char *const lists[] = {"output_types", "component_types", "Tout", "T", "dtypes", NULL};
    if (strncmp(n->op, "Requantiz", 9) == 0 || (strncmp(n->op, "Quantize", 8) == 0 && n->op[8] != 'A')) {
        /* a quantised tensor and its range */
        bool range = out > 0 || strncmp(n->op, "Requantization", 14) == 0;
        return range                     ? TF_FLOAT
               : one_type(n, "Toutput")  ? one_type(n, "Toutput")
               : one_type(n, "out_type") ? one_type(n, "out_type")
                                         : one_type(n, "T");
    }
    for (size_t i = 0; i < COUNT(typed); i++)
        if (strcmp(n->op, typed[i].op) == 0) {
            if (out < 4 && typed[i].type[out]) return typed[i].type[out];
            if (out < 2 && typed[i].attr[out]) return one_type(n, typed[i].attr[out]);
            return 0;
        }
    if (strncmp(n->op, "FusedBatchNormV", 15) == 0 && out) return one_type(n, "U");
    for (size_t i = 0; i < COUNT(defaults); i++)
        if (strcmp(n->op, defaults[i].op) == 0) {
            int32_t t = one_type(n, defaults[i].attr);
            return t ? t : defaults[i].op[0] == 'A' ? TF_INT64 : TF_INT32;
        }
    if (strcmp(n->op, "Range") != 0 && one_type(n, "T")) {
        const char *const *own = attrs;
        /* Of an operation with several types, "T" is that of the operands. */
        for (; *own && strcmp(*own, "T") != 0; own++)
            if (strcmp(*own, "Tidx") != 0 && strcmp(*own, "Tparams") != 0 && one_type(n, *own))
                return one_type(n, *own);
        return one_type(n, "T");
    }
    for (const char *const *a = attrs; *a; a++)
        if (one_type(n, *a)) return one_type(n, *a);
    for (const char *const *a = lists; *a; a++)
        if (list_type(n, *a, out)) return list_type(n, *a, out);
    return 0;
}

int32_t cut_dtype(const TfGraph *g, uint32_t node, uint32_t out)
{
    return tf_plain_type(node_dtype(&g->nodes[node], out));
}

/* -- Names -------------------------------------------------------------------------------------------- */
const char *cut_tensor_name(Job *job, const TfNode *n, uint32_t out)
{
    return out ? job_printf(job, "%s:%u", n->name, out) : n->name;
}

int64_t cut_nout(const TfNode *n, const TfOp *op)
{
    const TfAttr *a;
    switch (op->nout) {
    case OUT_NINPUTS: return n->ninputs;
    case OUT_NINPUTS_LESS_1: return n->ninputs ? n->ninputs - 1 : 0;
    case OUT_NUM_SPLIT:
    case OUT_NUM:
    case OUT_NUM_PARTITIONS:
    case OUT_NUM_OUTS:
        a = tf_attr_find(n, out_attr(op->nout));
        return a && a->kind == TF_ATTR_I && a->i >= 0 && a->i <= 60000 ? a->i : -1;
    case OUT_PATHS:
        a = tf_attr_find(n, out_attr(op->nout));
        return a && a->kind == TF_ATTR_I && a->i >= 1 && a->i <= 20000 ? 3 * a->i + 1 : -1;
    case OUT_RAGGED:
        a = tf_attr_find(n, out_attr(op->nout));
        return a && a->kind == TF_ATTR_I && a->i >= 0 && a->i <= IR_MAX_RANK ? a->i + 1 : -1;
    case OUT_TOUT:
    case OUT_T:
        a = tf_attr_find(n, op->nout == OUT_T ? "T" : "Tout");
        return a && a->kind == TF_ATTR_LIST && a->list->ntype <= 60000 ? a->list->ntype : 0;
    default: return op->nout;
    }
}

/* "node" or "node:k"; false: reported. */
static bool find_tensor(Cut *c, const char *what, const char *name, TensorRef *r)
{
    const char *colon = strrchr(name, ':'), *base = name;
    unsigned long out = 0;
    if (colon && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1)) {
        out = strtoul(colon + 1, NULL, 10);
        base = job_strndup(c->job, name, (size_t)(colon - name));
    }
    const TfNode *n = tf_node_find(c->g, base);
    if (!n) {
        job_error(c->job, "%s '%s': the graph has no such node", what, name);
        return false;
    }
    uint32_t node = (uint32_t)(n - c->g->nodes);
    const TfOp *op = c->nodes[node].op;
    int64_t nout = op ? cut_nout(n, op) : 1024;
    if (nout >= 0 && out >= (unsigned long)nout) {
        job_error(c->job, "%s '%s': node '%s' (%s) has %lld output%s", what, name, n->name, n->op,
                  (long long)nout, nout == 1 ? "" : "s");
        return false;
    }
    *r = (TensorRef){node, (uint32_t)out, cut_tensor_name(c->job, n, (uint32_t)out)};
    return true;
}

/* -- Inputs ------------------------------------------------------------------------------------------- */
int32_t cut_at(const Cut *c, uint32_t node, uint32_t out)
{
    const CutInput *inputs = c->inputs.at;
    if (!inputs) return -1;
    for (int32_t i = c->nodes[node].first_cut; i; i = inputs[i - 1].next_cut)
        if (inputs[i - 1].at.out == out) return i - 1;
    return -1;
}

/* What the graph says about a tensor's shape. A placeholder of an old file without a shape says nothing. */
static TfShape declared_shape(const Cut *c, const TensorRef *r)
{
    static const TfShape unknown = {.unknown_rank = true};
    const TfNode *n = &c->g->nodes[r->node];
    const TfAttr *a = tf_attr_find(n, "_output_shapes");
    if (is_placeholder(n) || has_default(n)) {
        a = tf_attr_find(n, "shape");
        if (!a || a->kind != TF_ATTR_SHAPE || a->shape.unknown_rank) return unknown;
        return a->shape.rank == 0 && c->g->producer <= 21 && strcmp(n->op, "Placeholder") == 0 ? unknown
                                                                                               : a->shape;
    }
    /* A hint only, which may be stale; but all there is for a tensor in the middle. */
    if (!a || a->kind != TF_ATTR_LIST || r->out >= a->list->nshape) return unknown;
    return a->list->shape[r->out];
}

static void add_input(Cut *c, const TensorRef *r)
{
    CutInput in = {.at = *r, .dtype = cut_dtype(c->g, r->node, r->out), .declared = declared_shape(c, r)};
    if (in.dtype == TF_STRING) { /* the bytes of one string */
        in.known_rank = true;
        in.rank = 1;
        in.dim[0] = -1;
    } else if (!in.declared.unknown_rank) {
        in.known_rank = true;
        in.rank = in.declared.rank;
        for (int i = 0; i < in.rank && i < IR_MAX_RANK; i++)
            in.dim[i] = in.declared.dim[i] < 0 ? -1 : in.declared.dim[i];
        if (in.rank > IR_MAX_RANK) {
            job_error(c->job, "input '%s' has rank %d; at most %d is supported", r->name, in.rank,
                      IR_MAX_RANK);
            in.known_rank = false;
        }
    }
    in.next_cut = c->nodes[r->node].first_cut;
    vec_push(c->job, &c->inputs, in);
    c->nodes[r->node].first_cut = (int32_t)c->inputs.n;
}

static const char *shape_option_text(Job *job, const jitc_shape *s)
{
    TfShape t = {false, s->rank, (int64_t *)(uintptr_t)s->dim};
    return tf_shape_text(job, &t);
}

static void fix_shape(Cut *c, CutInput *in, const jitc_shape *s)
{
    if (s->rank < 0) return;
    bool same = !in->known_rank || in->rank == s->rank;
    for (int i = 0; same && in->known_rank && i < s->rank; i++)
        same = s->dim[i] < 0 || in->dim[i] < 0 || in->dim[i] == s->dim[i];
    if (!same) {
        job_error(c->job, "input '%s': shape %s contradicts the graph's %s", in->at.name,
                  shape_option_text(c->job, s),
                  in->dtype == TF_STRING ? "bytes of one string" : tf_shape_text(c->job, &in->declared));
        return;
    }
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] >= 0 || !in->known_rank) in->dim[i] = s->dim[i] < 0 ? -1 : s->dim[i];
    in->rank = s->rank;
    in->known_rank = true;
}

static void read_shapes(Cut *c)
{
    for (size_t i = 0; i < c->opt->nshapes; i++) {
        const jitc_shape *s = &c->opt->shapes[i];
        TensorRef r;
        if (s->rank > IR_MAX_RANK) {
            job_error(c->job, "the shape of '%s' has rank %d; at most %d is supported", s->name, s->rank,
                      IR_MAX_RANK);
            continue;
        }
        if (!find_tensor(c, "shape", s->name, &r)) continue;
        int32_t k = cut_at(c, r.node, r.out);
        const TfNode *n = &c->g->nodes[r.node];
        if (k >= 0)
            fix_shape(c, &c->inputs.at[k], s);
        else if (!is_placeholder(n) && !has_default(n))
            job_error(c->job, "shape: '%s' is not an input; name it as one to cut the graph there", s->name);
    }
}

static void read_sets(Cut *c)
{
    for (size_t i = 0; i < c->opt->nsets; i++) {
        const jitc_set *s = &c->opt->sets[i];
        TensorRef r;
        if (!find_tensor(c, "set", s->name, &r)) continue;
        const TfNode *n = &c->g->nodes[r.node];
        TfShape shape = declared_shape(c, &r);
        int64_t numel = 1;
        for (int d = 0; !shape.unknown_rank && d < shape.rank; d++) numel = shape.dim[d] == 1 ? numel : 0;
        if (!is_placeholder(n) && !has_default(n))
            job_error(c->job, "set '%s': node '%s' (%s) is not a placeholder", s->name, n->name, n->op);
        else if (!tf_type_usable(cut_dtype(c->g, r.node, 0)))
            job_error(c->job, "set '%s': a placeholder of type %s cannot be set", s->name,
                      tf_dtype_name(cut_dtype(c->g, r.node, 0)));
        else if (numel != 1)
            job_error(c->job, "set '%s': it is no scalar, but has shape %s", s->name,
                      tf_shape_text(c->job, &shape));
        else if (cut_at(c, r.node, 0) >= 0)
            job_error(c->job, "set '%s': it is also named as an input", s->name);
        else
            c->nodes[r.node].set = s;
    }
}

static void read_inputs(Cut *c)
{
    for (size_t i = 0; i < c->opt->ninputs; i++) {
        TensorRef r;
        if (!find_tensor(c, "input", c->opt->inputs[i], &r)) continue;
        if (cut_at(c, r.node, r.out) >= 0)
            job_error(c->job, "input '%s' is named twice", r.name);
        else
            add_input(c, &r);
    }
}

/* -- Outputs ------------------------------------------------------------------------------------------ */
static bool is_leftover(const TfNode *n)
{
    static const char *const ops[] = {"NoOp",
                                      "Assert",
                                      "Print",
                                      "PrintV2",
                                      "ControlTrigger",
                                      "_Retval",
                                      "VarHandleOp",
                                      "VariableV2",
                                      "Variable",
                                      "Assign",
                                      "AssignAdd",
                                      "AssignSub",
                                      "AssignVariableOp",
                                      "SaveV2",
                                      "RestoreV2",
                                      "Save",
                                      "Restore",
                                      "SaveSlices",
                                      "MergeV2Checkpoints",
                                      "ShardedFilename",
                                      "ScalarSummary",
                                      "HistogramSummary",
                                      "ImageSummary",
                                      "AudioSummary",
                                      "TensorSummary",
                                      "TensorSummaryV2",
                                      "MergeSummary",
                                      "HashTable",
                                      "HashTableV2",
                                      "InitializeTable",
                                      "InitializeTableV2",
                                      "LookupTableImport",
                                      "LookupTableImportV2",
                                      "WriteSummary",
                                      "WriteScalarSummary",
                                      "VarIsInitializedOp",
                                      "IsVariableInitialized",
                                      "TensorArrayCloseV3",
                                      NULL};
    return one_of(n->op, ops) || strncmp(n->op, "Apply", 5) == 0 || strncmp(n->op, "ResourceApply", 13) == 0;
}

static bool is_source(const TfNode *n)
{
    return is_placeholder(n) || has_default(n) || strcmp(n->op, "Const") == 0;
}

static void default_outputs(Cut *c)
{
    const TfGraph *g = c->g;
    uint8_t *used = job_alloc(c->job, g->nnodes + 1u);
    for (uint32_t i = 0; i < g->nnodes; i++) {
        const TfNode *n = &g->nodes[i];
        for (uint32_t k = 0; k < n->ninputs; k++) used[n->inputs[k].node] = 1;
        /* What is left of an assertion in a branch. */
        for (uint32_t k = 0; k < n->ncontrols; k++)
            if (c->flow->nodes[n->controls[k]].kind == FLOW_MERGE) used[n->controls[k]] = 1;
    }
    /* A placeholder or constant that nothing reads is an output only when there is nothing else. */
    for (int sources = 0; sources < 2 && !c->outputs.n; sources++)
        for (uint32_t i = 0; i < g->nnodes; i++) {
            const TfNode *n = &g->nodes[i];
            const FlowNode *f = &c->flow->nodes[i];
            if (used[i] || is_leftover(n) || is_source(n) != (sources == 1) || c->nodes[i].dead) continue;
            if (f->dead || f->guard->n || f->frame >= 0 || f->kind == FLOW_SWITCH) continue;
            int64_t nout = c->nodes[i].op ? cut_nout(n, c->nodes[i].op) : 1;
            if (nout < 0) nout = 1; /* reported when it is imported */
            for (int64_t k = 0; k < nout; k++)
                vec_push(c->job, &c->outputs,
                         (TensorRef){i, (uint32_t)k, cut_tensor_name(c->job, n, (uint32_t)k)});
        }
    if (!c->outputs.n) job_error(c->job, "the graph has no outputs: nothing in it computes anything");
}

/* -- Branches that are never taken -------------------------------------------------------------------- */
/* The value of a bool tensor when it does not depend on any input: 0 or 1, else -1. */
static int const_bool(const Cut *c, TfInput in)
{
    const char *op = c->g->nodes[in.node].op;
    bool both = strcmp(op, "Switch") == 0 || strcmp(op, "RefSwitch") == 0;
    if (c->function && in.node < c->function->nargs) return -1;
    return cut_at(c, in.node, in.out) >= 0 || (in.out && !both) ? -1 : c->nodes[in.node].value;
}

/* The same of a node's outputs, those of its inputs being known. */
static int find_bool(const Cut *c, const TfNode *n, const NodeCut *s)
{
    static const char *const through[] = {
        "Identity", "PlaceholderWithDefault", "StopGradient", "Switch", "RefSwitch", NULL};
    if (s->set) return s->set->value != 0;
    if (strcmp(n->op, "Const") == 0) {
        const TfAttr *a = tf_attr_find(n, "value");
        uint8_t v;
        if (!a || a->kind != TF_ATTR_TENSOR || a->tensor->dtype != TF_BOOL || a->tensor->numel != 1)
            return -1;
        if (!c->src && a->tensor->stored && a->tensor->store != TF_STORE_BYTES) return -1;
        tf_tensor_read(c->job, c->src, a->tensor, &v);
        return v != 0;
    }
    int x = n->ninputs > 0 ? const_bool(c, n->inputs[0]) : -1;
    int y = n->ninputs > 1 ? const_bool(c, n->inputs[1]) : -1;
    if (one_of(n->op, through)) return x;
    if (strcmp(n->op, "LogicalNot") == 0) return x < 0 ? -1 : !x;
    if (strcmp(n->op, "LogicalAnd") == 0) return x == 0 || y == 0 ? 0 : x < 0 || y < 0 ? -1 : 1;
    if (strcmp(n->op, "LogicalOr") == 0) return x == 1 || y == 1 ? 1 : x < 0 || y < 0 ? -1 : 0;
    return s->live_input >= 0 ? const_bool(c, n->inputs[s->live_input]) : -1;
}

static bool input_dead(const Cut *c, TfInput in)
{
    const NodeCut *n = &c->nodes[in.node];
    if (cut_at(c, in.node, in.out) >= 0) return false;
    return n->dead || (n->branch >= 0 && in.out != (uint32_t)n->branch);
}

static void find_dead(Cut *c)
{
    for (uint32_t i = 0; i < c->g->nnodes; i++) c->nodes[i].value = -1;
    for (uint32_t o = 0; o < c->g->nnodes; o++) {
        uint32_t i = c->g->order[o];
        const TfNode *n = &c->g->nodes[i];
        NodeCut *s = &c->nodes[i];
        s->branch = -1;
        s->live_input = -1;
        uint32_t dead = 0;
        for (uint32_t k = 0; k < n->ninputs; k++) dead += input_dead(c, n->inputs[k]);
        bool merge = strcmp(n->op, "Merge") == 0 || strcmp(n->op, "RefMerge") == 0;
        s->dead = merge ? n->ninputs && dead == n->ninputs : dead > 0;
        for (uint32_t k = 0; merge && dead + 1 == n->ninputs && k < n->ninputs; k++)
            if (!input_dead(c, n->inputs[k])) s->live_input = (int32_t)k;
        if ((strcmp(n->op, "Switch") == 0 || strcmp(n->op, "RefSwitch") == 0) && n->ninputs >= 2)
            s->branch = (int8_t)const_bool(c, n->inputs[1]);
        s->value = (int8_t)find_bool(c, n, s);
    }
}

/* -- What is needed ----------------------------------------------------------------------------------- */
uint32_t cut_ninputs(const TfNode *n)
{
    static const char *const first_only[] = {"Print", "Switch", "RefSwitch", "_SwitchN", NULL};
    if (is_placeholder(n)) return 0;
    return n->ninputs && one_of(n->op, first_only) ? 1 : n->ninputs;
}

typedef VEC(uint32_t) Stack;

static void need(Cut *c, Stack *stack, uint32_t node, uint32_t out)
{
    NodeCut *s = &c->nodes[node];
    c->wanted[node] = 1;
    s->second |= out == 1;
    if (cut_at(c, node, out) >= 0 || s->needed) return;
    const TfNode *n = &c->g->nodes[node];
    if (is_placeholder(n) && !s->set) return; /* becomes an input */
    s->needed = true;
    vec_push(c->job, stack, node);
}

bool cut_reads(const Cut *c, const TfNode *n, uint32_t k)
{
    const char **names;
    uint32_t ncallees = cut_callees(c, n, &names);
    uint32_t first = strstr(n->op, "If") || strstr(n->op, "Case"); /* the predicate */
    if (!ncallees || k < first || strstr(n->op, "While")) return true;
    for (uint32_t i = 0; i < ncallees; i++) {
        const Cut *f = strmap_get(&c->library->cuts, names[i]);
        if (!f || !f->finished || k - first >= f->function->nargs || f->wanted[k - first]) return true;
    }
    return false;
}

static void find_needed(Cut *c)
{
    Stack stack = {0};
    c->wanted = job_alloc(c->job, c->g->nnodes + 1u);
    for (uint32_t i = 0; i < c->outputs.n; i++) need(c, &stack, c->outputs.at[i].node, c->outputs.at[i].out);
    while (stack.n) {
        uint32_t i = stack.at[--stack.n];
        const TfNode *n = &c->g->nodes[i];
        const NodeCut *s = &c->nodes[i];
        if (s->set || s->dead || c->flow->nodes[i].dead) continue;
        const char **names;
        uint32_t ncallees = cut_callees(c, n, &names);
        for (uint32_t k = 0; k < ncallees; k++) cut_function(c, NULL, NULL, names[k]);
        int32_t live = s->live_input >= 0 ? s->live_input : c->flow->nodes[i].live;
        uint32_t from = live >= 0 ? (uint32_t)live : 0;
        uint32_t end = live >= 0 ? from + 1 : cut_ninputs(n);
        if (c->flow->nodes[i].kind == FLOW_SWITCH && s->branch < 0) end = n->ninputs;
        const FlowNode *f = &c->flow->nodes[i];
        if (f->kind == FLOW_MERGE && f->live < 0 && !f->problem) need(c, &stack, f->pred.node, f->pred.out);
        for (uint32_t k = from; k < end; k++)
            if (cut_reads(c, n, k)) need(c, &stack, n->inputs[k].node, n->inputs[k].out);
        job_tick(c->job);
    }
    c->finished = true;
}

/* What chooses a branch is a scalar, also where an old file does not say so. */
static void add_predicate_shapes(Cut *c)
{
    for (uint32_t i = 0; i < c->g->nnodes; i++) {
        const FlowNode *f = &c->flow->nodes[i];
        int32_t k = f->kind == FLOW_SWITCH ? cut_at(c, f->pred.node, f->pred.out) : -1;
        if (k < 0 || c->inputs.at[k].known_rank) continue;
        c->inputs.at[k].known_rank = true;
        c->inputs.at[k].rank = 0;
    }
}

static void add_placeholders(Cut *c)
{
    for (uint32_t i = 0; i < c->g->nnodes; i++)
        if (c->wanted[i] && is_placeholder(&c->g->nodes[i]) && !c->nodes[i].set && cut_at(c, i, 0) < 0)
            add_input(c, &(TensorRef){i, 0, c->g->nodes[i].name});
}

/* jitc's own, or the user's; NULL: neither. */
static const TfOp *op_find_any(const Cut *c, const char *name)
{
    const TfOp *op = tf_op_find(name);
    return op ? op : custom_tf_op(c->job, c->opt->custom, name);
}

static void find_ops(Cut *c)
{
    c->nodes = job_array(c->job, NodeCut, c->g->nnodes + 1u);
    for (uint32_t i = 0; i < c->g->nnodes; i++) {
        const char *name = c->g->nodes[i].op;
        c->nodes[i].op = op_find_any(c, name);
        const TfFunction *f = c->nodes[i].op ? NULL : tf_function_find(c->library->whole, name);
        if (!f) continue;
        TfOp *op = strmap_get(&c->library->ops, name);
        if (!op) {
            op = job_new(c->job, TfOp);
            *op = *tf_op_find("PartitionedCall");
            op->name = name;
            op->nout = (int16_t)min_i64(f->nrets, INT16_MAX);
            strmap_put(c->job, &c->library->ops, name, op);
        }
        c->nodes[i].op = op;
    }
}

Cut *cut_graph(Job *job, const TfGraph *g, const Source *src, const ImportOptions *opt)
{
    Cut *c = job_new(job, Cut);
    Library *library = job_new(job, Library);
    *library = (Library){.whole = g, .src = src};
    *c = (Cut){.job = job, .g = g, .src = src, .opt = opt, .library = library};
    find_ops(c);
    read_inputs(c);
    read_sets(c);
    find_dead(c);
    c->flow = flow_find(job, c);
    if (!opt->noutputs) default_outputs(c);
    for (size_t i = 0; i < opt->noutputs; i++) {
        TensorRef r;
        if (find_tensor(c, "output", opt->outputs[i], &r)) vec_push(job, &c->outputs, r);
    }
    if (c->outputs.n > 60000) job_error(job, "%u outputs are too many", c->outputs.n);
    job_stop_on_errors(job);
    find_needed(c);
    add_placeholders(c);
    read_shapes(c);
    add_predicate_shapes(c);
    job_stop_on_errors(job);
    return c;
}

/* -- Functions ------------------------------------------------------------------------------------------ */
static const char *func_name(const TfNode *n, const char *attr)
{
    const TfAttr *a = tf_attr_find(n, attr);
    return a && a->kind == TF_ATTR_FUNC ? a->func.name : "";
}

uint32_t cut_callees(const Cut *c, const TfNode *n, const char ***names)
{
    static const struct {
        const char *op, *attr[2];
    } callers[] = {{"PartitionedCall", {"f"}},
                   {"StatefulPartitionedCall", {"f"}},
                   {"If", {"then_branch", "else_branch"}},
                   {"StatelessIf", {"then_branch", "else_branch"}},
                   {"While", {"cond", "body"}},
                   {"StatelessWhile", {"cond", "body"}}};
    uint32_t count = 0;
    for (size_t i = 0; i < COUNT(callers); i++) {
        if (strcmp(n->op, callers[i].op) != 0) continue;
        *names = job_array(c->job, const char *, 2);
        for (int k = 0; k < 2 && callers[i].attr[k]; k++)
            (*names)[count++] = func_name(n, callers[i].attr[k]);
        return count;
    }
    const TfAttr *a = tf_attr_find(n, "branches");
    if (a && a->kind == TF_ATTR_LIST && (strcmp(n->op, "Case") == 0 || strcmp(n->op, "StatelessCase") == 0)) {
        *names = job_array(c->job, const char *, a->list->nfunc + 1u);
        for (; count < a->list->nfunc; count++) (*names)[count] = a->list->func[count].name;
    } else if (tf_function_find(c->library->whole, n->op) && !op_find_any(c, n->op)) {
        *names = job_array(c->job, const char *, 1);
        (*names)[count++] = n->op;
    }
    return count;
}

/* With a caller, what is wrong is reported. */
Cut *cut_function(Cut *from, const TfNode *caller, const char *prefix, const char *name)
{
    Job *job = from->job;
    Library *library = from->library;
    const TfFunction *f = tf_function_find(library->whole, name);
    const char *why = !f ? "the graph has no such function" : f->problem;
    if (why) {
        if (caller)
            job_error(job, "node '%s%s' (%s): function '%s': %s", prefix, caller->name, caller->op, name,
                      why);
        return NULL;
    }
    Cut *c = strmap_get(&library->cuts, name);
    if (c) return c;
    if (library->depth == 1000) {
        job_error(job, "function '%s': calls are nested more than 1000 deep", name);
        job_fail(job, JITC_E_INVALID);
    }
    library->depth++;
    c = job_new(job, Cut);
    *c = (Cut){
        .job = job, .g = f->body, .src = from->src, .opt = from->opt, .library = library, .function = f};
    strmap_put(job, &library->cuts, name, c);
    find_ops(c);
    find_dead(c);
    c->flow = flow_find(job, c);
    for (uint32_t i = 0; i < f->nrets; i++)
        vec_push(job, &c->outputs, (TensorRef){f->rets[i].node, f->rets[i].out, f->ret_names[i]});
    find_needed(c);
    library->depth--;
    return c;
}

void cut_unsupported(Job *job, const char *prefix, const TfNode *n)
{
    bool cut = true;
    const char *why = tf_unsupported_reason(n->op, &cut);
    if (!why) why = "this operation is not supported";
    if (*prefix || !cut)
        job_error(job, "node '%s%s' (%s): %s", prefix, n->name, n->op, why);
    else
        job_error(job, "node '%s' (%s): %s; to do without it, make what it computes an input (--input %s=…)",
                  n->name, n->op, why, n->name);
}

static void report_unsupported(Cut *c, StrMap *seen, const char *prefix, uint32_t *problems)
{
    for (uint32_t i = 0; i < c->g->nnodes; i++) {
        const TfNode *n = &c->g->nodes[i];
        const char **names;
        if (!c->nodes[i].needed || c->nodes[i].dead) continue;
        if (!c->nodes[i].op && ++*problems <= MAX_PROBLEMS) cut_unsupported(c->job, prefix, n);
        uint32_t ncallees = cut_callees(c, n, &names);
        for (uint32_t k = 0; k < ncallees; k++) {
            if (strmap_get(seen, names[k])) continue;
            Cut *f = cut_function(c, n, prefix, names[k]);
            if (*names[k]) strmap_put(c->job, seen, names[k], c);
            if (f) report_unsupported(f, seen, job_printf(c->job, "%s/", names[k]), problems);
        }
    }
}

void cut_report_unsupported(Cut *c)
{
    uint32_t problems = 0;
    StrMap seen = {0};
    report_unsupported(c, &seen, "", &problems);
    if (problems > MAX_PROBLEMS) job_error(c->job, "more problems follow; these are the first hundred");
}

void cut_io(const Cut *c, ImportIo *io)
{
    *io = (ImportIo){.in = job_array(c->job, jitc_io, c->inputs.n + 1),
                     .out = job_array(c->job, jitc_io, c->outputs.n + 1),
                     .nin = c->inputs.n,
                     .nout = c->outputs.n};
    for (uint32_t i = 0; i < c->inputs.n; i++) {
        const CutInput *in = &c->inputs.at[i];
        jitc_io *o = &io->in[i];
        *o = (jitc_io){
            .name = in->at.name, .dtype = (jitc_dtype)in->dtype, .rank = in->known_rank ? in->rank : -1};
        memcpy(o->shape, in->dim, sizeof in->dim);
    }
    for (uint32_t i = 0; i < c->outputs.n; i++) {
        const TensorRef *r = &c->outputs.at[i];
        io->out[i] =
            (jitc_io){.name = r->name, .dtype = (jitc_dtype)cut_dtype(c->g, r->node, r->out), .rank = -1};
    }
}
