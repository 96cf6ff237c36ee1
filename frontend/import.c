/* TensorFlow graph -> module: walks the needed nodes in order and gives each to its importer. */
#include "frontend/import_private.h"

static bool read_file(void *arg, Job *job, const WeightRef *w, const Type *t, void *dst)
{
    const TfTensor *f = w->handle;
    if (f->numel != type_numel(t)) job_bug(job, "a weight has another size than its tensor in the file");
    tf_tensor_read(job, arg, f, dst);
    if (f->dtype == TF_BOOL)
        for (int64_t i = 0; i < f->numel; i++) ((uint8_t *)dst)[i] = ((uint8_t *)dst)[i] != 0;
    return true;
}

void enter_node(Importer *im, uint32_t i)
{
    Cx *cx = &im->cx;
    Instance *in = im->instance;
    uint32_t at = in->names_from + i;
    cx->node = &in->cut->g->nodes[i];
    cx->op = in->cut->nodes[i].op;
    cx->graph = in->cut->g;
    cx->prefix = in->prefix;
    cx->b.from = ir_from(cx->m, &at, 1);
    cx->failed = false;
}

void node_error(Importer *im, uint32_t node, const char *why)
{
    const TfNode *n = &im->instance->cut->g->nodes[node];
    if (im->cx.job->nerrors < MAX_PROBLEMS)
        job_error(im->cx.job, "node '%s%s' (%s): %s", im->instance->prefix, n->name, n->op, why);
}

static void name_nodes(Importer *im, Cut *c, const char *prefix)
{
    Module *m = im->cx.m;
    c->names_from = m->nodes.n + 1;
    for (uint32_t i = 0; i < c->g->nnodes; i++) {
        const char *name = c->g->nodes[i].name;
        vec_push(m->job, &m->nodes, *prefix ? job_printf(m->job, "%s%s", prefix, name) : name);
        vec_push(m->job, &m->node_ops, c->g->nodes[i].op);
    }
}

Instance *instance_new(Importer *im, Cut *cut)
{
    Job *job = im->cx.job;
    Instance *in = job_new(job, Instance);
    const char *prefix = cut->function ? job_printf(job, "%s/", cut->function->name) : "";
    if (!cut->names_from) name_nodes(im, cut, prefix);
    *in = (Instance){.cut = cut, .flow = cut->flow, .caller = im->instance, .prefix = prefix};
    in->names_from = cut->names_from - 1;
    in->nodes = job_array(job, NodeValues, cut->g->nnodes + 1u);
    in->seen = job_alloc(job, cut->g->nnodes + 1u);
    return in;
}

/* -- Places ------------------------------------------------------------------------------------------- */
Place *place_push(Importer *im, Place like)
{
    Place *p = job_new(im->cx.job, Place);
    *p = like;
    p->up = im->place;
    if (!p->instance) p->instance = im->instance;
    im->place = p;
    im->cx.b.region = p->region;
    if (++im->depth <= MAX_DEPTH) return p;
    job_error(im->cx.job, "branches, loops and calls are nested more than %d deep", MAX_DEPTH);
    job_fail(im->cx.job, JITC_E_INVALID);
}

void place_pop(Importer *im)
{
    im->place = im->place->up;
    im->cx.b.region = im->place->region;
    im->depth--;
}

bool sees(const Cx *cx, const Region *r)
{
    for (const Place *p = cx->importer->place; p; p = p->up)
        if (p->region == r) return true;
    return false;
}

bool in_loop(const Cx *cx)
{
    const Place *p = cx->importer->place;
    while (p && p->region != cx->b.region) p = p->up;
    while (p && !p->repeats) p = p->up;
    return p != NULL;
}

Value *runs_so_far(Cx *cx)
{
    Importer *im = cx->importer;
    if (!im->cut->opt->runs) return NULL;
    if (!im->runs) {
        Type t = type_make(JITC_UINT64, 1, (Dim[]){2});
        im->runs = ir_arg(cx->m, ir_find_func(cx->m, "main")->body, t, "runs");
    }
    return im->runs;
}

uint64_t stream_without_seed(Cx *cx)
{
    return hash_string(cx->node->name) + 0x9e3779b97f4a7c15 * cx->importer->nrandom++;
}

static bool holds(const Instance *in, const Place *p, Lit l)
{
    for (; p && p->instance == in; p = p->up)
        if (p->has_lit && flow_same(p->lit.pred, l.pred) && p->lit.value == l.value) return true;
    return false;
}

static const Place *find_home(const Importer *im, uint32_t node, Lit *missing)
{
    const Instance *in = im->instance;
    const FlowNode *s = &in->flow->nodes[node];
    const Place *p = im->place, *home = NULL;
    for (; !home; p = p->up) {
        if (p->kind == PLACE_ROOT && p->instance == in) home = p;
        if (p->kind == PLACE_BRANCH && flow_has(s->guard, p->lit)) home = p;
        if (p->kind == PLACE_LOOP && flow_inside(in->flow, s->frame, p->frame)) home = p;
    }
    for (uint32_t i = 0; i < s->guard->n; i++) {
        *missing = s->guard->lit[i];
        if (!holds(in, home, *missing)) return NULL;
    }
    missing->value = UINT32_MAX;
    return home->kind == PLACE_ROOT && s->frame >= 0 ? NULL : home;
}

const Place *home_of(Importer *im, uint32_t node)
{
    Lit l = {{0}, UINT32_MAX};
    const Place *home = find_home(im, node, &l);
    if (home) return home;
    if (l.value == UINT32_MAX)
        node_error(im, node, "it is computed inside a loop, but used outside of it without an Exit");
    else
        node_error(im, node,
                   job_printf(im->cx.job, "it is computed only where '%s' is %s, but used elsewhere",
                              im->instance->cut->g->nodes[l.pred.node].name,
                              l.value ? l.value == 1 ? "true" : "another" : "false"));
    return NULL;
}

Mark mark_here(Importer *im)
{
    return (Mark){im->cx.job->last_diag, im->cx.job->nerrors, im->reports.n};
}

void mark_back(Importer *im, const Mark *m)
{
    Job *job = im->cx.job;
    job->nerrors = m->nerrors;
    job->last_diag = m->last;
    if (m->last)
        m->last->next = NULL;
    else
        job->diags = NULL;
    while (im->reports.n > m->nreports) im->reports.at[--im->reports.n]->home = NULL;
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
    DType t = (DType)cut_dtype(im->cx.graph, (uint32_t)(im->cx.node - im->cx.graph->nodes), 0);
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

bool is_ready(Importer *im, TfInput at)
{
    const Instance *in = im->instance;
    if (cut_at(in->cut, at.node, at.out) >= 0) return true;
    const NodeValues *v = &in->nodes[at.node];
    Lit missing;
    return v->home && v->home == find_home(im, at.node, &missing);
}

Value *tensor_at(Importer *im, TfInput at)
{
    const Instance *in = im->instance;
    int32_t cut = cut_at(in->cut, at.node, at.out);
    const NodeValues *v = &in->nodes[at.node];
    if (cut >= 0) return in->inputs[cut];
    return v->out && at.out < v->nout ? v->out[at.out] : NULL;
}

void set_value(Importer *im, const Place *home, uint32_t node, Value *x)
{
    NodeValues *v = &im->instance->nodes[node];
    uint32_t n = im->instance->flow->nodes[node].kind == FLOW_LOOP_MERGE ? 2 : 1;
    v->out = job_array(im->cx.job, Value *, n);
    v->nout = n;
    v->out[0] = x;
    v->home = home;
}

/* The value of a data input. *fine is cleared when it has none; a reason is reported unless it was before. */
static Value *operand(Importer *im, TfInput at, uint32_t k, bool *fine)
{
    Cx *cx = &im->cx;
    const Cut *c = im->instance->cut;
    const TfNode *from = &c->g->nodes[at.node];
    Value *x = tensor_at(im, at);
    if (!x) {
        *fine = false;
        const TfAttr *a = tf_attr_find(from, "dtype");
        if (cut_at(c, at.node, at.out) < 0 && c->nodes[at.node].op &&
            cut_nout(from, c->nodes[at.node].op) <= (int64_t)at.out)
            fail(cx, "input %u is '%s:%u', but %s has no such output", k, from->name, at.out, from->op);
        else if (strcmp(from->op, "Const") == 0 && a && a->kind == TF_ATTR_TYPE && a->type == TF_STRING)
            fail(cx, "input %u ('%s') is a string; strings are not supported", k, from->name);
    }
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

/* Values that stand for a list, and no tensor, go only where lists go. */
static bool check_lists(Importer *im, Value **in, uint32_t n)
{
    static const char *const through[] = {"Identity", "IdentityN", "StopGradient", "Snapshot", NULL};
    Cx *cx = &im->cx;
    const char *op = cx->op->name;
    bool fine = strncmp(op, "Tensor", 6) == 0 ||
                cut_callees(im->instance->cut, cx->node, &(const char **){0}) ||
                im->instance->flow->nodes[cx->node - cx->graph->nodes].kind != FLOW_PLAIN;
    for (uint32_t k = 0; through[k]; k++) fine = fine || strcmp(op, through[k]) == 0;
    for (uint32_t k = 0; k < n && !fine; k++) {
        if (!in[k] || !list_of(cx, in[k])) continue;
        fail(cx, "input %u is a tensor list, which this operation does not take", k);
        return false;
    }
    return true;
}

/* Operands are there. The values' home is the current place. */
static void build_node(Importer *im, uint32_t i)
{
    Cx *cx = &im->cx;
    const TfNode *n = cx->node;
    const NodeCut *c = &im->instance->cut->nodes[i];
    NodeValues *v = &im->instance->nodes[i];
    v->out = NULL;
    v->nout = 0;
    if (!cx->op) {
        cut_unsupported(cx->job, cx->prefix, n);
        return;
    }
    int64_t nout = cut_nout(n, cx->op);
    if (nout < 0) {
        fail(cx, "attribute '%s' must be a number of outputs", out_attr(cx->op->nout));
        return;
    }
    v->nout = (uint32_t)nout;
    v->out = job_array(cx->job, Value *, v->nout + 1);
    if (c->set) {
        v->out[0] = import_set(im, c->set);
        return;
    }
    if (!check_arity(cx)) return;
    FlowKind kind = im->instance->flow->nodes[i].kind;
    if (kind == FLOW_MERGE) {
        import_merge(im, i);
        return;
    }
    if (kind == FLOW_EXIT) {
        import_exit(im, i);
        return;
    }
    uint32_t nin = cut_ninputs(n);
    Value **in = job_array(cx->job, Value *, nin + 3);
    bool fine = true;
    for (uint32_t k = 0; k < nin; k++)
        if (cut_reads(im->instance->cut, n, k)) in[k] = operand(im, n->inputs[k], k, &fine);
    if (!fine) return;
    if (!check_lists(im, in, nin)) return;
    uint32_t before = cx->job->nerrors;
    run_importer(cx, in, nin, v->out);
    enter_node(im, i);
    bool some = !nout || v->out[0] || c->first_cut; /* or an output that there is not */
    if (!some && !cx->failed && cx->job->nerrors == before && strcmp(n->op, "Const") != 0)
        fail(cx, "it cannot be imported");
    for (uint32_t k = 0; k < v->nout; k++) {
        if (!v->out[k] || list_of(cx, v->out[k])) continue;
        v->out[k] = fold_known(cx, v->out[k]);
        if (!v->out[k]->tensor && !im->instance->cut->function)
            v->out[k]->tensor = cut_tensor_name(cx->job, n, k);
    }
}

static void import_node(Importer *im, uint32_t i, const Place *home)
{
    Place *here = im->place;
    uint32_t depth = im->depth, before = im->cx.job->nerrors;
    NodeValues *v = &im->instance->nodes[i];
    im->place = (Place *)(uintptr_t)home;
    im->cx.b.region = home->region;
    if (++im->imported > MAX_IMPORTED) {
        job_error(im->cx.job, "with its functions and loops, the graph has more than %d nodes", MAX_IMPORTED);
        job_fail(im->cx.job, JITC_E_INVALID);
    }
    enter_node(im, i);
    build_node(im, i);
    v->home = home;
    v->busy = NULL;
    im->place = here;
    im->depth = depth;
    im->cx.b.region = here->region;
    if (im->cx.job->nerrors > before) vec_push(im->cx.job, &im->reports, v);
}

/* -- Order: operands first, without recursion --------------------------------------------------------- */
bool push_one(Importer *im, TfInput at)
{
    if (is_ready(im, at)) return false;
    vec_push(im->cx.job, &im->stack, at);
    return true;
}

/* What a node needs that is not there yet goes onto the stack; false when there is nothing. */
static bool push_operands(Importer *im, uint32_t i)
{
    const Cut *c = im->instance->cut;
    const TfNode *n = &c->g->nodes[i];
    const FlowNode *s = &im->instance->flow->nodes[i];
    bool pushed = false;
    if (!c->nodes[i].op || c->nodes[i].set) return false;
    if (s->kind == FLOW_MERGE) return push_merge(im, i);
    if (s->kind == FLOW_EXIT) return push_loop(im, i);
    for (uint32_t k = cut_ninputs(n); k-- > 0;)
        if (cut_reads(c, n, k)) pushed |= push_one(im, n->inputs[k]);
    return pushed;
}

/* A node that cannot be imported; true: report it once, and go on. */
static bool refuse(Importer *im, uint32_t i, const Place *home)
{
    const FlowNode *s = &im->instance->flow->nodes[i];
    NodeValues *v = &im->instance->nodes[i];
    const char *why = s->problem;
    if (s->dead || im->instance->cut->nodes[i].dead)
        why = "it is never computed: it is in a branch that is never taken";
    if (s->kind == FLOW_LOOP_MERGE || s->kind == FLOW_NEXT || s->kind == FLOW_ENTER)
        why = "the loop that it belongs to cannot be told from the graph";
    if (!why) return false;
    node_error(im, i, why);
    v->out = NULL;
    v->nout = 0;
    v->home = home;
    vec_push(im->cx.job, &im->reports, v);
    return true;
}

Value *demand(Importer *im, TfInput at)
{
    uint32_t base = im->stack.n;
    vec_push(im->cx.job, &im->stack, at);
    while (im->stack.n > base) {
        TfInput *top = &im->stack.at[im->stack.n - 1];
        uint32_t i = top->node;
        NodeValues *v = &im->instance->nodes[i];
        if (is_ready(im, *top)) {
            im->stack.n--;
            continue;
        }
        const Place *home = home_of(im, i);
        bool cycle = home && v->busy == home && top->out != UINT32_MAX;
        if (cycle) node_error(im, i, "it depends on itself");
        if (!home || cycle) {
            for (; im->stack.n > base; im->stack.n--)
                im->instance->nodes[im->stack.at[im->stack.n - 1].node].busy = NULL;
            return NULL;
        }
        if (refuse(im, i, home)) continue;
        Place *here = im->place;
        im->place = (Place *)(uintptr_t)home;
        top->out = UINT32_MAX; /* seen */
        v->busy = home;
        bool more = push_operands(im, i);
        im->place = here;
        if (!more) {
            import_node(im, i, home);
            im->stack.n--;
        }
        job_tick(im->cx.job);
    }
    return tensor_at(im, at);
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
        const FlowNode *f = &c->flow->nodes[r->node];
        bool cut = cut_at(c, r->node, r->out) >= 0;
        bool dead = c->nodes[r->node].dead || c->nodes[r->node].branch >= 0 || f->dead;
        if (cut || (!dead && !cx->job->nerrors)) v[i] = demand(im, (TfInput){r->node, r->out});
        if (dead && !cut) v[i] = tensor_at(im, (TfInput){r->node, r->out});
        if (dead && c->nodes[r->node].branch >= 0 && r->out != (uint32_t)c->nodes[r->node].branch)
            v[i] = NULL;
        if (v[i] && list_of(cx, v[i])) v[i] = NULL;
        if (v[i]) continue;
        missing++;
        if (!cut && dead)
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

/* What is needed whatever happens, in the file's order; the rest comes with what needs it. */
static void import_all(Importer *im)
{
    const Cut *c = im->cut;
    for (uint32_t o = 0; o < c->g->nnodes; o++) {
        uint32_t i = c->g->order[o];
        const FlowNode *f = &c->flow->nodes[i];
        job_tick(im->cx.job);
        if (im->cx.job->nerrors >= MAX_PROBLEMS) break;
        if (c->nodes[i].needed && !c->nodes[i].dead && !f->dead && !f->guard->n && f->frame < 0)
            demand(im, (TfInput){i, UINT32_MAX});
    }
}

Module *tf_import(Job *job, const TfGraph *g, const Source *src, const ImportOptions *opt, ImportIo *io)
{
    Importer *im = job_new(job, Importer);
    im->cut = cut_graph(job, g, src, opt);
    Module *m = ir_module(job);
    m->read_file = read_file;
    m->read_arg = (void *)(uintptr_t)src;
    m->custom = opt->custom;
    im->cx = (Cx){.job = job, .m = m, .graph = g, .src = src, .symbolic = opt->symbolic, .importer = im};
    im->cx.b.m = m;
    im->instance = instance_new(im, im->cut);
    place_push(im, (Place){.kind = PLACE_ROOT, .region = ir_func(m, "main")->body});
    Value **inputs = im->instance->inputs = job_array(job, Value *, im->cut->inputs.n + 1);
    for (uint32_t i = 0; i < im->cut->inputs.n; i++) inputs[i] = add_input(im, &im->cut->inputs.at[i]);
    import_all(im);
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
    cut_report_unsupported(c);
    job_stop_on_errors(job);
}
