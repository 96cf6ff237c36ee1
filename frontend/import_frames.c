/* Switch, Merge and the nodes of loops become branches and loops. */
#include "frontend/import_private.h"

/* -- Branches: the Merges of one predicate that do not need each other become one ---------------------- */
typedef struct {
    uint32_t n, node[64];
} Merges;

static bool same_guard(const Guard *a, const Guard *b)
{
    return a->n == b->n && (!a->n || memcmp(a->lit, b->lit, a->n * sizeof *a->lit) == 0);
}

static bool twins(const Instance *in, uint32_t a, uint32_t b)
{
    const FlowNode *x = &in->flow->nodes[a], *y = &in->flow->nodes[b];
    const TfNode *n = &in->cut->g->nodes[a], *o = &in->cut->g->nodes[b];
    if (y->kind != FLOW_MERGE || y->problem || y->dead || y->live >= 0 || x->frame != y->frame) return false;
    if (!flow_same(x->pred, y->pred) || n->ninputs != o->ninputs || !same_guard(x->guard, y->guard))
        return false;
    if (!in->cut->nodes[b].needed) return false;
    for (uint32_t k = 0; k < n->ninputs; k++) {
        uint32_t i = 0;
        while (i < n->ninputs && y->choice[i] != x->choice[k]) i++;
        if (i == n->ninputs) return false;
    }
    return true;
}

/* Those that need as many others of their kind, one after the other, as `node` does. */
static Merges find_twins(Importer *im, uint32_t node)
{
    const Instance *in = im->instance;
    const TfGraph *g = in->cut->g;
    Merges m = {1, {node}};
    uint32_t others = 0;
    for (uint32_t i = 0; i < g->nnodes; i++) others += i != node && twins(in, node, i);
    if (!others) return m;
    uint32_t *level = job_array(im->cx.job, uint32_t, g->nnodes + 1u);
    for (uint32_t o = 0; o < g->nnodes; o++) {
        uint32_t i = g->order[o];
        const TfNode *n = &g->nodes[i];
        for (uint32_t k = 0; k < n->ninputs; k++)
            if (level[n->inputs[k].node] > level[i]) level[i] = level[n->inputs[k].node];
        level[i] += twins(in, node, i);
    }
    for (uint32_t i = 0; i < g->nnodes && m.n < COUNT(m.node); i++)
        if (i != node && level[i] == level[node] && twins(in, node, i)) m.node[m.n++] = i;
    return m;
}

static TfInput chosen(const Instance *in, uint32_t merge, uint32_t value)
{
    const FlowNode *s = &in->flow->nodes[merge];
    uint32_t k = 0;
    while (s->choice[k] != value) k++;
    return in->cut->g->nodes[merge].inputs[k];
}

/* Pushes what a branch needs of what is outside of it: then importing it does not go deep. */
static bool push_outer(Importer *im, TfInput at, Lit lit, int32_t frame)
{
    const Instance *in = im->instance;
    VEC(uint32_t) walk = {0}, marked = {0};
    bool pushed = false;
    vec_push(im->cx.job, &walk, at.node);
    while (walk.n) {
        uint32_t i = walk.at[--walk.n];
        const FlowNode *s = &in->flow->nodes[i];
        if (in->seen[i]) continue;
        in->seen[i] = 1;
        vec_push(im->cx.job, &marked, i);
        if (s->dead || s->problem) continue;
        if (s->frame == frame && !flow_has(s->guard, lit)) {
            if (s->kind != FLOW_LOOP_MERGE && s->kind != FLOW_NEXT && s->kind != FLOW_ENTER)
                pushed |= push_one(im, (TfInput){i, 0});
            continue;
        }
        if (!flow_inside(in->flow, s->frame, frame) && frame >= 0) continue;
        const TfNode *n = &in->cut->g->nodes[i];
        for (uint32_t k = 0; k < n->ninputs; k++)
            if (cut_at(in->cut, n->inputs[k].node, n->inputs[k].out) < 0)
                vec_push(im->cx.job, &walk, n->inputs[k].node);
    }
    while (marked.n) in->seen[marked.at[--marked.n]] = 0;
    return pushed;
}

bool push_merge(Importer *im, uint32_t node)
{
    const Instance *in = im->instance;
    const FlowNode *s = &in->flow->nodes[node];
    const TfNode *n = &in->cut->g->nodes[node];
    if (s->live >= 0) return push_one(im, n->inputs[s->live]);
    if (push_one(im, s->pred)) return true;
    Value *pred = tensor_at(im, s->pred);
    int64_t only = -1;
    if (!pred) return false;
    bool known = known_scalar(im, pred, &only), pushed = false;
    Merges m = find_twins(im, node);
    for (uint32_t i = 0; i < m.n; i++)
        for (uint32_t k = 0; k < n->ninputs; k++) {
            uint32_t v = s->choice[k];
            if (v == UINT32_MAX || (known && only != (int64_t)v)) continue;
            pushed |= push_outer(im, chosen(in, m.node[i], v), (Lit){s->pred, v}, s->frame);
        }
    return pushed;
}

typedef struct {
    Merges m;
    const FlowNode *flow;
} BranchArg;

static void import_branch(Importer *im, void *arg, uint32_t which, Value **out)
{
    const BranchArg *a = arg;
    Place place = {.kind = PLACE_BRANCH, .region = im->place->region, .has_lit = true};
    place.lit = (Lit){a->flow->pred, which};
    place_push(im, place);
    for (uint32_t i = 0; i < a->m.n; i++) {
        TfInput at = chosen(im->instance, a->m.node[i], which);
        out[2 * i] = demand(im, at);
        if (!im->instance->cut->nodes[a->m.node[i]].second) continue;
        enter_node(im, a->m.node[i]);
        const TfNode *n = im->cx.node;
        uint32_t k = 0;
        while (!flow_same(n->inputs[k], at)) k++;
        out[2 * i + 1] = ir_const_i(&im->cx.b, JITC_INT32, k);
    }
    place_pop(im);
}

void import_merge(Importer *im, uint32_t node)
{
    Instance *in = im->instance;
    Cx *cx = &im->cx;
    const FlowNode *s = &in->flow->nodes[node];
    const TfNode *n = &in->cut->g->nodes[node];
    NodeValues *v = &in->nodes[node];
    if (s->live >= 0) {
        v->out[0] = tensor_at(im, n->inputs[s->live]);
        v->out[1] = ir_const_i(&cx->b, JITC_INT32, s->live);
        return;
    }
    Value *pred = tensor_at(im, s->pred);
    if (!pred) return;
    BranchArg arg = {find_twins(im, node), s};
    uint32_t nout = 2 * arg.m.n;
    Value **out = job_array(cx->job, Value *, nout + 1);
    uint32_t nbranches = 0, missing = 0;
    for (uint32_t k = 0; k < n->ninputs; k++)
        if (s->choice[k] != UINT32_MAX && s->choice[k] >= nbranches) nbranches = s->choice[k] + 1;
    if (nbranches < 2) nbranches = 2;
    for (uint32_t c = 0; c < nbranches && c < 60000; c++) {
        uint32_t k = 0;
        while (k < n->ninputs && s->choice[k] != c) k++;
        missing += k == n->ninputs;
    }
    if (missing) {
        fail(cx, "no input arrives where '%s' has one of its values", in->cut->g->nodes[s->pred.node].name);
        return;
    }
    if (pred->type.rank || (pred->type.dtype != JITC_BOOL && !dtype_is_int(pred->type.dtype))) {
        fail(cx, "the predicate '%s' must be a scalar, but is %s", in->cut->g->nodes[s->pred.node].name,
             type_string(cx, &pred->type));
        return;
    }
    import_branches(im, pred, nbranches, import_branch, &arg, nout, out);
    const Place *home = im->place;
    for (uint32_t i = 0; i < arg.m.n; i++) {
        NodeValues *t = &in->nodes[arg.m.node[i]];
        if (i && t->home == home) continue;
        t->out = job_array(cx->job, Value *, 2);
        t->nout = 2;
        t->home = home;
        memcpy(t->out, out + 2 * i, 2 * sizeof *out);
        if (!out[2 * i]) vec_push(cx->job, &im->reports, t);
    }
}

/* -- Loops ------------------------------------------------------------------------------------- */
typedef struct {
    int32_t frame;
    VEC(uint32_t) merges, enters, exits, marked;
    TfInput *init, *next;
    Value **outer; /* of enters */
} Frame;

/* What the needed results of a loop depend on inside of it. */
static void find_frame(Importer *im, int32_t frame, Frame *f)
{
    const Instance *in = im->instance;
    const FlowFrame *ff = &in->flow->frames.at[frame];
    Job *job = im->cx.job;
    VEC(uint32_t) walk = {0};
    *f = (Frame){.frame = frame};
    for (uint32_t i = 0; i < ff->exits.n; i++)
        if (in->cut->nodes[ff->exits.at[i]].needed) {
            vec_push(job, &f->exits, ff->exits.at[i]);
            vec_push(job, &walk, ff->exits.at[i]);
        }
    if (ff->cond != UINT32_MAX) vec_push(job, &walk, ff->cond);
    while (walk.n) {
        uint32_t i = walk.at[--walk.n];
        const FlowNode *s = &in->flow->nodes[i];
        const TfNode *n = &in->cut->g->nodes[i];
        if (in->seen[i] || s->dead) continue;
        in->seen[i] = 1;
        vec_push(job, &f->marked, i);
        bool exit = s->kind == FLOW_EXIT && s->frame == in->flow->frames.at[frame].parent;
        if (!exit && !flow_inside(in->flow, s->frame, frame)) continue;
        if (s->kind == FLOW_LOOP_MERGE && s->frame == frame) vec_push(job, &f->merges, i);
        if (s->kind == FLOW_ENTER && s->frame == frame) {
            vec_push(job, &f->enters, i);
            continue;
        }
        for (uint32_t k = 0; k < n->ninputs; k++)
            if (cut_at(in->cut, n->inputs[k].node, n->inputs[k].out) < 0)
                vec_push(job, &walk, n->inputs[k].node);
    }
    for (uint32_t i = 0; i < f->marked.n; i++) in->seen[f->marked.at[i]] = 0;
}

static int32_t frame_of_exit(const Instance *in, uint32_t exit)
{
    return in->flow->nodes[in->cut->g->nodes[exit].inputs[0].node].frame;
}

bool push_loop(Importer *im, uint32_t exit)
{
    const Instance *in = im->instance;
    Frame f;
    bool pushed = false;
    if (!in->cut->g->nodes[exit].ninputs) return false;
    find_frame(im, frame_of_exit(in, exit), &f);
    for (uint32_t i = 0; i < f.enters.n; i++) {
        const TfNode *n = &in->cut->g->nodes[f.enters.at[i]];
        if (n->ninputs) pushed |= push_one(im, n->inputs[0]);
    }
    return pushed;
}

/* Finds the variables' first and next values; false: reported. */
static bool find_variables(Importer *im, Frame *f)
{
    const Instance *in = im->instance;
    Job *job = im->cx.job;
    f->init = job_array(job, TfInput, f->merges.n + 1);
    f->next = job_array(job, TfInput, f->merges.n + 1);
    bool fine = true;
    for (uint32_t i = 0; i < f->merges.n; i++) {
        const TfNode *n = &in->cut->g->nodes[f->merges.at[i]];
        uint32_t enter = 0, next = 0;
        for (uint32_t k = 0; k < n->ninputs; k++) {
            const TfNode *from = &in->cut->g->nodes[n->inputs[k].node];
            FlowKind kind = in->flow->nodes[n->inputs[k].node].kind;
            if (kind == FLOW_ENTER && from->ninputs) enter++, f->init[i] = from->inputs[0];
            if (kind == FLOW_NEXT && from->ninputs) next++, f->next[i] = from->inputs[0];
        }
        if (n->ninputs == 2 && enter == 1 && next == 1) continue;
        node_error(im, f->merges.at[i], "a loop's Merge must have one Enter and one NextIteration as inputs");
        fine = false;
    }
    return fine;
}

static bool is_entered(const Instance *in, const Frame *f, uint32_t enter)
{
    for (uint32_t i = 0; i < f->merges.n; i++) {
        const TfNode *n = &in->cut->g->nodes[f->merges.at[i]];
        if (n->inputs[0].node == enter || n->inputs[1].node == enter) return true;
    }
    return false;
}

/* In a new place: the variables, and what enters as it is. */
static void place_values(Importer *im, const Frame *f, Value **vars)
{
    for (uint32_t i = 0; i < f->merges.n; i++) set_value(im, im->place, f->merges.at[i], vars[i]);
    for (uint32_t i = 0; i < f->enters.n; i++) set_value(im, im->place, f->enters.at[i], f->outer[i]);
}

static Place loop_place(Importer *im, const Frame *f, uint32_t lit)
{
    uint32_t cond = im->instance->flow->frames.at[f->frame].cond;
    return (Place){.kind = PLACE_LOOP,
                   .region = im->place->region,
                   .frame = f->frame,
                   .has_lit = lit != UINT32_MAX,
                   .lit = {{cond, 0}, lit}};
}

static Value *frame_cond(Importer *im, void *arg, Value **vars)
{
    const Frame *f = arg;
    const Instance *in = im->instance;
    Place place = loop_place(im, f, UINT32_MAX);
    uint32_t cond = in->flow->frames.at[f->frame].cond;
    place_push(im, place);
    place_values(im, f, vars);
    Value *go = in->cut->g->nodes[cond].ninputs ? demand(im, in->cut->g->nodes[cond].inputs[0]) : NULL;
    place_pop(im);
    return go;
}

static void frame_body(Importer *im, void *arg, Value **vars, Value **next)
{
    const Frame *f = arg;
    Place place = loop_place(im, f, 1);
    place_push(im, place);
    place_values(im, f, vars);
    for (uint32_t i = 0; i < f->merges.n; i++) next[i] = demand(im, f->next[i]);
    place_pop(im);
}

static void import_frame(Importer *im, int32_t frame)
{
    Instance *in = im->instance;
    Cx *cx = &im->cx;
    Frame f;
    find_frame(im, frame, &f);
    uint32_t n = f.merges.n;
    if (in->flow->frames.at[frame].cond == UINT32_MAX) {
        fail(cx, "its loop has no condition (LoopCond)");
        return;
    }
    if (!find_variables(im, &f)) return;
    f.outer = job_array(cx->job, Value *, f.enters.n + 1);
    for (uint32_t i = 0; i < f.enters.n; i++) {
        const TfNode *e = &in->cut->g->nodes[f.enters.at[i]];
        f.outer[i] = e->ninputs ? tensor_at(im, e->inputs[0]) : NULL;
        const TfAttr *a = tf_attr_find(e, "is_constant");
        bool constant = a && a->kind == TF_ATTR_B && a->b;
        if (constant || is_entered(in, &f, f.enters.at[i])) continue;
        node_error(im, f.enters.at[i], "its value is there in the first round only (is_constant is false)");
        return;
    }
    LoopSpec spec = {
        n, job_array(cx->job, Value *, n + 1), job_array(cx->job, bool, n + 1), frame_cond, frame_body, &f};
    for (uint32_t i = 0; i < n; i++) {
        spec.init[i] = tensor_at(im, f.init[i]);
        spec.kept[i] = comes_back(in->cut, f.merges.at[i], f.next[i]);
    }
    Value **out = job_array(cx->job, Value *, n + 1);
    import_loop(im, &spec, out);
    const Place *home = im->place;
    Place after = loop_place(im, &f, 0);
    place_push(im, after);
    place_values(im, &f, out);
    for (uint32_t i = 0; i < f.exits.n; i++) {
        uint32_t exit = f.exits.at[i];
        const TfInput from = in->cut->g->nodes[exit].inputs[0];
        Value *v = demand(im, from);
        set_value(im, home, exit, v);
        if (!v) vec_push(cx->job, &im->reports, &in->nodes[exit]);
    }
    place_pop(im);
}

void import_exit(Importer *im, uint32_t exit)
{
    import_frame(im, frame_of_exit(im->instance, exit));
}
