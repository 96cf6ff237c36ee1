/* TensorFlow graph -> module: walks the needed nodes in order and gives each to its importer. */
#include "frontend/import.h"

#include "frontend/import_cut.h"

typedef struct {
    Value **out; /* NULL entries: reported, or no value of the IR */
    uint32_t nout;
} NodeValues;

typedef struct {
    Cx cx;
    Cut *cut;
    NodeValues *nodes;
    Value **inputs; /* by cut input */
} Importer;

static bool read_file(void *arg, Job *job, const WeightRef *w, const Type *t, void *dst)
{
    const TfTensor *f = w->handle;
    if (f->numel != type_numel(t)) job_bug(job, "a weight has another size than its tensor in the file");
    tf_tensor_read(job, arg, f, dst);
    if (f->dtype == TF_BOOL)
        for (int64_t i = 0; i < f->numel; i++) ((uint8_t *)dst)[i] = ((uint8_t *)dst)[i] != 0;
    return true;
}

/* Errors of building are attributed to this node from here on. */
static void enter_node(Importer *im, uint32_t i)
{
    Cx *cx = &im->cx;
    cx->node = &im->cut->g->nodes[i];
    cx->op = im->cut->nodes[i].op;
    cx->b.from = ir_from(cx->m, &i, 1);
    cx->failed = false;
}

static void name_nodes(Importer *im)
{
    Module *m = im->cx.m;
    const TfGraph *g = im->cut->g;
    for (uint32_t i = 0; i < g->nnodes; i++) {
        vec_push(m->job, &m->nodes, g->nodes[i].name);
        vec_push(m->job, &m->node_ops, g->nodes[i].op);
    }
}

/* -- Inputs ------------------------------------------------------------------------------------------- */
static Dim open_dim(Importer *im, const CutInput *in, int d)
{
    static const char *const nhwc[] = {"N", "H", "W", "C"};
    bool open = in->dim[d] < 0 || (d == 0 && im->cut->opt->open_first && im->cx.symbolic);
    if (!open) return in->dim[d];
    return dim_fresh(im->cx.m, in->rank == 4 ? nhwc[d] : d == 0 && in->rank != 1 ? "N" : "n");
}

static Value *add_argument(Importer *im, const CutInput *in)
{
    Cx *cx = &im->cx;
    const char *name = in->at.name;
    if (in->dtype == 0) {
        job_error(cx->job, "input '%s': its type is not known", name);
        return NULL;
    }
    if (in->dtype != TF_STRING && !tf_type_usable(in->dtype)) {
        job_error(cx->job, "input '%s': type %s is not supported", name, tf_dtype_name(in->dtype));
        return NULL;
    }
    if (!in->known_rank) {
        job_error(cx->job, "input '%s': the graph does not tell its shape; give one (--shape %s=…)", name,
                  name);
        return NULL;
    }
    Dim dim[IR_MAX_RANK];
    for (int d = 0; d < in->rank; d++) {
        if (in->dim[d] < 0 && !cx->symbolic) {
            TfShape s = {false, in->rank, (int64_t *)(uintptr_t)in->dim};
            job_error(cx->job, "input '%s': shape %s has open dimensions; fix them (--shape %s=…)", name,
                      tf_shape_text(cx->job, &s), name);
            return NULL;
        }
        dim[d] = open_dim(im, in, d);
    }
    Type t = type_make(in->dtype == TF_STRING ? JITC_UINT8 : (DType)in->dtype, in->rank, dim);
    if (type_static(&t) && type_bytes(&t) > (int64_t)1 << 46) {
        job_error(cx->job, "input '%s': shape %s is too large", name, type_string(cx, &t));
        return NULL;
    }
    Value *v = ir_arg(cx->m, cx->b.region, t, NULL);
    v->tensor = name;
    return v;
}

/* An input whose contents are given is read as a constant; its argument stays. */
static Value *add_input(Importer *im, const CutInput *in)
{
    Cx *cx = &im->cx;
    Value *v = add_argument(im, in);
    for (size_t i = 0; v && i < im->cut->opt->nvalues; i++) {
        const ImportValue *given = &im->cut->opt->values[i];
        const jitc_tensor *t = &given->value;
        if (strcmp(given->name, in->at.name) != 0) continue;
        bool same = t->dtype == (jitc_dtype)v->type.dtype && t->rank == v->type.rank;
        for (int d = 0; same && d < t->rank; d++) same = t->shape[d] == v->type.dim[d];
        if (!same || type_bytes(&v->type) > 1 << 20) {
            job_error(cx->job, "input '%s': the value given is no %s, or too large", in->at.name,
                      type_string(cx, &v->type));
            return NULL;
        }
        Value *c = ir_const(&cx->b, &(Tensor){v->type, t->data});
        c->tensor = in->at.name;
        return c;
    }
    return v;
}

/* -- Nodes -------------------------------------------------------------------------------------------- */
static Value *import_set(Importer *im, const jitc_set *s)
{
    DType t = (DType)cut_dtype(im->cut->g, (uint32_t)(im->cx.node - im->cut->g->nodes), 0);
    Type type = type_scalar(t);
    Tensor x = tensor_new(im->cx.job, &type);
    tensor_set_f(&x, 0, t == JITC_BOOL ? s->value != 0 : s->value);
    return ir_const(&im->cx.b, &x);
}

/* Small integers that are known by now become constants: shape arithmetic stays shallow. */
static Value *fold_known(Cx *cx, Value *v)
{
    Dim d[64];
    if (!v->def || v->def->code == OP_const || !type_static(&v->type)) return v;
    if (v->type.dtype != JITC_INT32 && v->type.dtype != JITC_INT64) return v;
    int64_t n = type_numel(&v->type);
    if (n < 1 || n > 64 || !ir_dims_of(cx->m, v, d, (int)n)) return v;
    for (int64_t i = 0; i < n; i++) {
        if (!dim_const(cx->m, d[i], &d[i])) return v;
        if (v->type.dtype == JITC_INT32 && (d[i] < INT32_MIN || d[i] > INT32_MAX)) return v;
    }
    Tensor t = tensor_new(cx->job, &v->type);
    for (int64_t i = 0; i < n; i++) tensor_set_i(&t, i, d[i]);
    return ir_const(&cx->b, &t);
}

/* The value of a data input. *fine is cleared when it has none; a reason is reported unless it was before. */
static Value *operand(Importer *im, TfInput in, uint32_t k, bool *fine)
{
    Cx *cx = &im->cx;
    const TfNode *from = &im->cut->g->nodes[in.node];
    int32_t cut = cut_at(im->cut, in.node, in.out);
    const NodeValues *v = &im->nodes[in.node];
    Value *x = NULL;
    if (cut >= 0) {
        x = im->inputs[cut];
    } else if (im->cut->nodes[in.node].op && cut_nout(from, im->cut->nodes[in.node].op) <= (int64_t)in.out) {
        fail(cx, "input %u is '%s:%u', but %s has no such output", k, from->name, in.out, from->op);
    } else if (v->out && in.out < v->nout) {
        x = v->out[in.out];
        const TfAttr *a = tf_attr_find(from, "dtype");
        if (!x && strcmp(from->op, "Const") == 0 && a && a->kind == TF_ATTR_TYPE && a->type == TF_STRING)
            fail(cx, "input %u ('%s') is a string; strings are not supported", k, from->name);
    }
    if (!x) *fine = false;
    return x;
}

static bool check_arity(Cx *cx)
{
    const TfOp *op = cx->op;
    uint32_t n = cx->node->ninputs, min = (uint32_t)op->nin;
    bool ok = n >= min && (op->nin_max < 0 || n <= (uint32_t)(op->nin_max ? op->nin_max : op->nin));
    const char *more = op->nin_max ? "at least " : "";
    if (!ok) fail(cx, "has %u input%s, but needs %s%u", n, n == 1 ? "" : "s", more, min);
    return ok;
}

static void import_node(Importer *im, uint32_t i)
{
    Cx *cx = &im->cx;
    enter_node(im, i);
    const TfNode *n = cx->node;
    const NodeCut *c = &im->cut->nodes[i];
    NodeValues *v = &im->nodes[i];
    if (c->dead) return;
    if (!cx->op) {
        cut_unsupported(cx->job, n);
        return;
    }
    int64_t nout = cut_nout(n, cx->op);
    if (nout < 0) {
        fail(cx, "attribute '%s' must be a number of outputs", cx->op->nout == OUT_NUM ? "num" : "num_split");
        return;
    }
    v->nout = (uint32_t)nout;
    v->out = job_array(cx->job, Value *, v->nout + 1);
    if (c->set) {
        v->out[0] = import_set(im, c->set);
        return;
    }
    if (!check_arity(cx)) return;
    uint32_t from = c->live_input >= 0 ? (uint32_t)c->live_input : 0;
    uint32_t nin = c->live_input >= 0 ? 1 : cut_ninputs(n);
    Value **in = job_array(cx->job, Value *, nin + 3);
    bool fine = true;
    for (uint32_t k = 0; k < nin; k++) in[k] = operand(im, n->inputs[from + k], from + k, &fine);
    if (!fine) return;

    if (strcmp(n->op, "Switch") == 0 || strcmp(n->op, "RefSwitch") == 0) {
        if (c->branch < 0)
            fail(cx, "control flow is not supported yet: the predicate is not a constant");
        else
            v->out[c->branch] = in[0];
        return;
    }
    if (strcmp(n->op, "Merge") == 0 || strcmp(n->op, "RefMerge") == 0) {
        if (c->live_input < 0) {
            fail(cx, "control flow is not supported yet: which input arrives depends on data");
            return;
        }
        v->out[0] = in[0];
        v->out[1] = ir_const_i(&cx->b, JITC_INT32, c->live_input);
        return;
    }
    uint32_t before = cx->job->nerrors;
    cx->op->import(cx, in, v->out);
    bool some = !nout || v->out[0];
    if (!some && !cx->failed && cx->job->nerrors == before && strcmp(n->op, "Const") != 0)
        fail(cx, "it cannot be imported");
    for (uint32_t k = 0; k < v->nout; k++) {
        if (cx->failed) v->out[k] = NULL;
        if (!v->out[k]) continue;
        v->out[k] = fold_known(cx, v->out[k]);
        if (!v->out[k]->tensor) v->out[k]->tensor = cut_tensor_name(cx->job, n, k);
    }
}

/* -- Outputs ------------------------------------------------------------------------------------------ */
static void add_results(Importer *im)
{
    Cx *cx = &im->cx;
    const Cut *c = im->cut;
    Value **v = job_array(cx->job, Value *, c->outputs.n + 1);
    uint32_t missing = 0;
    for (uint32_t i = 0; i < c->outputs.n; i++) {
        const TensorRef *r = &c->outputs.at[i];
        const NodeValues *n = &im->nodes[r->node];
        int32_t cut = cut_at(c, r->node, r->out);
        v[i] = cut >= 0 ? im->inputs[cut] : n->out && r->out < n->nout ? n->out[r->out] : NULL;
        if (v[i]) continue;
        missing++;
        if (cut < 0 && (c->nodes[r->node].dead || c->nodes[r->node].branch >= 0))
            job_error(cx->job, "output '%s' is never computed: its branch is not taken", r->name);
    }
    if (missing && !cx->job->nerrors)
        job_error(cx->job, "output '%s' has no numeric value", c->outputs.at[0].name);
    job_stop_on_errors(cx->job);
    cx->b.from = NULL;
    ir_yield(&cx->b, v, (int)c->outputs.n);
}

static void drop_unused(Module *m, Region *r)
{
    for (Op *op = r->last, *prev; op; op = prev) {
        prev = op->prev;
        bool used = op->code == OP_yield || op->def->kind == KIND_SIZE;
        for (int i = 0; i < op->nout; i++) used = used || op->out[i]->nuses;
        if (!used) ir_erase(m, op);
    }
}

static void imported_io(Importer *im, ImportIo *io)
{
    cut_io(im->cut, io);
    const Region *r = im->cx.b.region;
    const Op *results = ir_terminator(r);
    for (size_t i = 0; i < io->nin + io->nout; i++) {
        bool is_in = i < io->nin;
        jitc_io *o = is_in ? &io->in[i] : &io->out[i - io->nin];
        const Type *t = is_in ? &r->args[i]->type : &results->in[i - io->nin]->type;
        if (o->dtype != JITC_STRING) o->dtype = (jitc_dtype)t->dtype;
        o->rank = t->rank;
        for (int d = 0; d < t->rank; d++) o->shape[d] = dim_known(t->dim[d]) ? t->dim[d] : -1;
    }
}

Module *tf_import(Job *job, const TfGraph *g, const Source *src, const ImportOptions *opt, ImportIo *io)
{
    Importer *im = job_new(job, Importer);
    im->cut = cut_graph(job, g, src, opt);
    Module *m = ir_module(job);
    m->read_file = read_file;
    m->read_arg = (void *)(uintptr_t)src;
    im->cx = (Cx){.job = job, .m = m, .graph = g, .src = src, .symbolic = opt->symbolic};
    im->cx.b = (Builder){.m = m, .region = ir_func(m, "main")->body};
    im->nodes = job_array(job, NodeValues, g->nnodes + 1u);
    im->inputs = job_array(job, Value *, im->cut->inputs.n + 1);
    name_nodes(im);
    for (uint32_t i = 0; i < im->cut->inputs.n; i++) im->inputs[i] = add_input(im, &im->cut->inputs.at[i]);
    for (uint32_t o = 0; o < g->nnodes; o++) {
        job_tick(job);
        if (job->nerrors >= MAX_PROBLEMS) break;
        if (im->cut->nodes[g->order[o]].needed) import_node(im, g->order[o]);
    }
    if (job->nerrors >= MAX_PROBLEMS) job_error(job, "more problems follow; these are the first hundred");
    add_results(im);
    drop_unused(m, im->cx.b.region);
    if (io) imported_io(im, io);
    return m;
}

void tf_graph_io(Job *job, const TfGraph *g, const ImportOptions *opt, ImportIo *io)
{
    Cut *c = cut_graph(job, g, NULL, opt);
    cut_io(c, io); /* also for a graph that cannot be compiled */
    uint32_t problems = 0;
    for (uint32_t i = 0; i < g->nnodes; i++) {
        const NodeCut *n = &c->nodes[i];
        if (n->needed && !n->op && !n->dead && ++problems <= 100) cut_unsupported(job, &g->nodes[i]);
    }
    if (problems > 100) job_error(job, "more problems follow; these are the first hundred");
    job_stop_on_errors(job);
}
