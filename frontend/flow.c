#include "frontend/flow.h"

bool flow_same(TfInput a, TfInput b)
{
    return a.node == b.node && a.out == b.out;
}

static const Guard nothing;

/* -- Sets of literals ----------------------------------------------------------------------------------- */
static int compare(Lit a, Lit b)
{
    if (a.pred.node != b.pred.node) return a.pred.node < b.pred.node ? -1 : 1;
    if (a.pred.out != b.pred.out) return a.pred.out < b.pred.out ? -1 : 1;
    return a.value == b.value ? 0 : a.value < b.value ? -1 : 1;
}

bool flow_has(const Guard *g, Lit l)
{
    for (uint32_t i = 0; i < g->n; i++)
        if (compare(g->lit[i], l) == 0) return true;
    return false;
}

static bool same(const Guard *a, const Guard *b)
{
    if (a == b) return true;
    if (a->n != b->n) return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (compare(a->lit[i], b->lit[i]) != 0) return false;
    return true;
}

/* NULL: they contradict each other. */
static const Guard *both(Job *job, const Guard *a, const Guard *b)
{
    if (!a || !b) return NULL;
    if (!b->n || a == b) return a;
    if (!a->n) return b;
    Guard *g = job_new(job, Guard);
    Lit *lit = job_array(job, Lit, a->n + b->n);
    uint32_t i = 0, j = 0;
    while (i < a->n || j < b->n) {
        int c = i == a->n ? 1 : j == b->n ? -1 : compare(a->lit[i], b->lit[j]);
        Lit l = c <= 0 ? a->lit[i] : b->lit[j];
        if (g->n && flow_same(lit[g->n - 1].pred, l.pred)) return NULL;
        lit[g->n++] = l;
        i += c <= 0;
        j += c >= 0;
    }
    if (g->n == a->n) return a;
    g->lit = lit;
    return g;
}

static const Guard *with(Job *job, const Guard *a, Lit l)
{
    Guard *g = job_new(job, Guard);
    Lit *one = job_new(job, Lit);
    *one = l;
    *g = (Guard){1, one};
    return both(job, a, g);
}

static const Guard *without(Job *job, const Guard *a, uint32_t k)
{
    if (a->n == 1) return &nothing;
    Guard *g = job_new(job, Guard);
    Lit *lit = job_array(job, Lit, a->n);
    for (uint32_t i = 0; i < a->n; i++)
        if (i != k) lit[g->n++] = a->lit[i];
    g->lit = lit;
    return g;
}

/* -- Nodes ------------------------------------------------------------------------------------- */
static FlowKind kind_of(const TfGraph *g, const TfNode *n)
{
    static const struct {
        const char *op;
        FlowKind kind;
    } ops[] = {{"Switch", FLOW_SWITCH}, {"_SwitchN", FLOW_SWITCH}, {"Merge", FLOW_MERGE},
               {"Enter", FLOW_ENTER},   {"Exit", FLOW_EXIT},       {"NextIteration", FLOW_NEXT},
               {"LoopCond", FLOW_COND}};
    const char *op = strncmp(n->op, "Ref", 3) == 0 ? n->op + 3 : n->op;
    size_t i = 0;
    while (i < COUNT(ops) && strcmp(op, ops[i].op) != 0) i++;
    if (i == COUNT(ops)) return FLOW_PLAIN;
    for (uint32_t k = 0; ops[i].kind == FLOW_MERGE && k < n->ninputs; k++) {
        const char *from = g->nodes[n->inputs[k].node].op;
        if (strcmp(from, "NextIteration") == 0 || strcmp(from, "RefNextIteration") == 0)
            return FLOW_LOOP_MERGE;
    }
    return ops[i].kind;
}

/* The tensor that a predicate is, behind what only hands it on. *flip: it is the contrary. */
static TfInput origin(const Flow *f, TfInput at, bool *flip)
{
    *flip = false;
    for (;;) {
        const TfNode *n = &f->cut->g->nodes[at.node];
        bool not = strcmp(n->op, "LogicalNot") == 0;
        FlowKind k = f->nodes[at.node].kind;
        if (cut_at(f->cut, at.node, at.out) >= 0 || !n->ninputs) return at;
        if (k != FLOW_SWITCH && k != FLOW_ENTER &&
            !not &&(k != FLOW_PLAIN || at.out || strcmp(n->op, "Identity") != 0))
            return at;
        *flip ^= not ;
        at = n->inputs[0];
    }
}

/* What must hold for one output, NULL: it is never computed. */
static const Guard *guard_of(Job *job, const Flow *f, TfInput at)
{
    const FlowNode *n = &f->nodes[at.node];
    const NodeCut *c = &f->cut->nodes[at.node];
    if (cut_at(f->cut, at.node, at.out) >= 0) return &nothing;
    if (n->dead || c->dead) return NULL;
    if (n->kind != FLOW_SWITCH) return n->guard;
    if (c->branch >= 0) return at.out == (uint32_t)c->branch ? n->guard : NULL;
    return with(job, n->guard, (Lit){n->pred, at.out});
}

static int32_t add_frame(Job *job, Flow *f, const TfNode *n, int32_t parent)
{
    const TfAttr *a = tf_attr_find(n, "frame_name");
    const char *name = a && a->kind == TF_ATTR_S ? a->s.at : "";
    for (uint32_t i = 0; i < f->frames.n; i++) {
        FlowFrame *known = &f->frames.at[i];
        if (strcmp(known->name, name) != 0) continue;
        if (known->parent < 0 && parent >= 0 && !flow_inside(f, parent, (int32_t)i)) known->parent = parent;
        if (parent < 0 || known->parent == parent) return (int32_t)i;
    }
    vec_push(job, &f->frames, (FlowFrame){.name = name, .parent = parent, .cond = UINT32_MAX});
    f->frames.at[f->frames.n - 1].guard = &nothing;
    return (int32_t)f->frames.n - 1;
}

bool flow_inside(const Flow *f, int32_t frame, int32_t outer)
{
    while (frame >= 0 && frame != outer) frame = f->frames.at[frame].parent;
    return frame == outer;
}

/* One predicate tells which input arrives, and nothing else differs. */
static bool choose(Job *job, const TfNode *n, FlowNode *s, const Guard **in)
{
    uint32_t first = 0;
    while (!in[first]) first++;
    for (uint32_t k = 0; k < in[first]->n; k++) {
        TfInput pred = in[first]->lit[k].pred;
        const Guard *rest = without(job, in[first], k);
        bool fits = true;
        for (uint32_t i = 0; i < n->ninputs && fits; i++) {
            uint32_t at = 0;
            s->choice[i] = UINT32_MAX;
            if (!in[i]) continue;
            while (at < in[i]->n && !flow_same(in[i]->lit[at].pred, pred)) at++;
            fits = at < in[i]->n && same(rest, without(job, in[i], at));
            if (fits) s->choice[i] = in[i]->lit[at].value;
            for (uint32_t j = 0; j < i && fits; j++) fits = !in[j] || s->choice[j] != s->choice[i];
        }
        if (!fits) continue;
        s->pred = pred;
        s->guard = rest;
        return true;
    }
    return false;
}

static void find_merge(Job *job, Flow *f, const TfNode *n, FlowNode *s)
{
    const Guard **in = job_array(job, const Guard *, n->ninputs + 1u);
    uint32_t alive = 0;
    s->live = -1;
    s->choice = job_array(job, uint32_t, n->ninputs + 1u);
    for (uint32_t k = 0; k < n->ninputs; k++) {
        in[k] = guard_of(job, f, n->inputs[k]);
        if (!in[k]) continue;
        alive++;
        s->live = (int32_t)k;
    }
    s->guard = &nothing;
    s->dead = !alive && n->ninputs;
    if (alive == 1) s->guard = in[s->live];
    if (alive < 2) return;
    s->live = -1;
    if (choose(job, n, s, in)) return;
    s->problem = "which of its inputs arrives is not told by one predicate";
}

static void find_node(Job *job, Flow *f, uint32_t i)
{
    const TfGraph *g = f->cut->g;
    const TfNode *n = &g->nodes[i];
    FlowNode *s = &f->nodes[i];
    const Guard *guard = &nothing;
    bool joins = s->kind == FLOW_MERGE || s->kind == FLOW_LOOP_MERGE;
    for (uint32_t k = 0; k < n->ninputs + n->ncontrols; k++) {
        TfInput in = k < n->ninputs ? n->inputs[k] : (TfInput){n->controls[k - n->ninputs], 0};
        const FlowNode *from = &f->nodes[in.node];
        if (from->kind == FLOW_NEXT || cut_at(f->cut, in.node, in.out) >= 0) continue;
        if (from->frame >= 0 && from->frame != s->frame && s->frame >= 0 &&
            !flow_inside(f, from->frame, s->frame)) {
            if (!flow_inside(f, s->frame, from->frame)) s->problem = "its inputs belong to different loops";
        } else if (from->frame >= 0) {
            s->frame = from->frame;
        }
        if (joins) continue;
        /* A control edge from a Switch waits for the whole of it. */
        const Guard *more = k < n->ninputs ? guard_of(job, f, in) : from->dead ? NULL : from->guard;
        if (k >= n->ninputs && f->cut->nodes[in.node].dead) more = NULL;
        guard = both(job, guard, more);
    }
    s->guard = guard ? guard : &nothing;
    s->dead = !guard;
    if (s->kind == FLOW_MERGE) find_merge(job, f, n, s);
    if (s->kind == FLOW_SWITCH && n->ninputs > 1) {
        bool flip;
        s->pred = origin(f, n->inputs[1], &flip);
        if (flip) s->pred = n->inputs[1]; /* its outputs would have to change places */
    }
    if (s->kind == FLOW_ENTER && n->ninputs) {
        s->frame = add_frame(job, f, n, s->frame);
        FlowFrame *frame = &f->frames.at[s->frame];
        const Guard *sum = both(job, frame->guard, s->guard);
        if (sum) frame->guard = sum;
        s->guard = &nothing;
    }
    if (s->kind == FLOW_COND && s->frame >= 0) {
        if (f->frames.at[s->frame].cond != UINT32_MAX) s->problem = "its loop has two conditions";
        f->frames.at[s->frame].cond = i;
    }
    if (s->kind == FLOW_EXIT) {
        if (s->frame < 0) {
            s->problem = "it belongs to no loop";
            return;
        }
        FlowFrame *frame = &f->frames.at[s->frame];
        vec_push(job, &frame->exits, i);
        s->frame = frame->parent;
        s->guard = frame->guard;
    }
}

Flow *flow_find(Job *job, const Cut *cut)
{
    Flow *f = job_new(job, Flow);
    const TfGraph *g = cut->g;
    f->cut = cut;
    f->nodes = job_array(job, FlowNode, g->nnodes + 1u);
    for (uint32_t i = 0; i < g->nnodes; i++)
        f->nodes[i] =
            (FlowNode){.kind = kind_of(g, &g->nodes[i]), .frame = -1, .guard = &nothing, .live = -1};
    for (uint32_t o = 0; o < g->nnodes; o++) {
        job_tick(job);
        find_node(job, f, g->order[o]);
    }
    return f;
}
