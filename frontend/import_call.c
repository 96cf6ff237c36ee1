/* Calls, and control flow whose branches and bodies are functions. */
#include "frontend/import_private.h"

static bool calls_itself(const Importer *im, const char *name)
{
    for (const Instance *in = im->instance; in; in = in->caller)
        if (in->cut->function && strcmp(in->cut->function->name, name) == 0) return true;
    return false;
}

static bool args_fit(Importer *im, const Cut *c, Value *const *args, uint32_t nargs)
{
    Cx *cx = &im->cx;
    const TfFunction *f = c->function;
    if (f->nargs != nargs) {
        fail(cx, "function '%s' has %u arguments, but %u are given", f->name, f->nargs, nargs);
        return false;
    }
    for (uint32_t i = 0; i < nargs; i++) {
        int32_t t = f->body->nodes[i].attrs[0].type;
        if (!args[i] || !tf_type_usable(t) || t == (int32_t)args[i]->type.dtype) continue;
        fail(cx, "argument %u of function '%s' is %s, but %s is given", i, f->name, tf_dtype_name(t),
             type_string(cx, &args[i]->type));
        return false;
    }
    return true;
}

/* The first nout results of a function, built at the current place. */
static void call(Importer *im, const char *name, Value *const *args, uint32_t nargs, uint32_t nout,
                 Value **out)
{
    Cx *cx = &im->cx;
    Instance *here = im->instance;
    uint32_t node = (uint32_t)(cx->node - here->cut->g->nodes);
    if (calls_itself(im, name)) {
        fail(cx, "function '%s' calls itself, which is not supported", name);
        return;
    }
    Cut *c = cut_function(here->cut, cx->node, cx->prefix, name);
    if (!c || !args_fit(im, c, args, nargs)) return;
    if (nout > c->function->nrets) {
        fail(cx, "function '%s' has %u results, but %u are wanted", name, c->function->nrets, nout);
        return;
    }
    Instance *in = instance_new(im, c);
    Place *root = place_push(im, (Place){.kind = PLACE_ROOT, .region = im->place->region, .instance = in});
    im->instance = in;
    for (uint32_t i = 0; i < nargs; i++) set_value(im, root, i, args[i]);
    for (uint32_t i = 0; i < nout; i++) out[i] = demand(im, c->function->rets[i]);
    im->instance = here;
    place_pop(im);
    enter_node(im, node);
}

static uint32_t nout_of(const Importer *im)
{
    return (uint32_t)cut_nout(im->cx.node, im->cx.op);
}

static void import_call(Cx *cx, Value **in, Value **out)
{
    Importer *im = cx->importer;
    const char **names;
    uint32_t n = cut_callees(im->instance->cut, cx->node, &names);
    if (n == 1) call(im, names[0], in, cx->node->ninputs, nout_of(im), out);
    if (n != 1) fail(cx, "attribute 'f' must be a function");
}

/* What TensorFlow takes for true: a number that is not 0, a tensor that is not empty. */
static Value *truth(Cx *cx, Value *v)
{
    if (!v) return NULL;
    if (v->type.rank) {
        Dim n = dims_product(cx, v->type.dim, v->type.rank);
        Value *size = size_value(cx, n, JITC_INT64);
        return size ? ir_binary(&cx->b, OP_greater, size, ir_const_i(&cx->b, JITC_INT64, 0)) : NULL;
    }
    if (v->type.dtype == JITC_BOOL) return v;
    return ir_binary(&cx->b, OP_not_equal, v, scalar(cx, v->type.dtype, 0));
}

typedef struct {
    const char **names; /* by branch */
    Value **args;
    uint32_t nargs, nout;
    uint32_t node;
} Callee;

static void call_branch(Importer *im, void *arg, uint32_t which, Value **out)
{
    const Callee *c = arg;
    enter_node(im, c->node);
    call(im, c->names[which], c->args, c->nargs, c->nout, out);
}

static void import_if(Cx *cx, Value **in, Value **out)
{
    Importer *im = cx->importer;
    const char **names;
    uint32_t n = cut_callees(im->instance->cut, cx->node, &names);
    Callee c = {names, in + 1, cx->node->ninputs - 1, nout_of(im), (uint32_t)(cx->node - cx->graph->nodes)};
    if (!n) {
        fail(cx, "it has no branches");
        return;
    }
    Value *pred = in[0];
    if (cx->op->arg) {
        if (!need_rank(cx, pred, "the branch's number", 0, 0)) return;
    } else {
        const char *then = names[0];
        names[0] = names[1];
        names[1] = then;
        pred = truth(cx, pred);
    }
    if (pred) import_branches(im, pred, n, call_branch, &c, c.nout, out);
}

static Value *while_cond(Importer *im, void *arg, Value **vars)
{
    const Callee *c = arg;
    Value *go = NULL;
    enter_node(im, c->node);
    call(im, c->names[0], vars, c->nargs, 1, &go);
    return truth(&im->cx, go);
}

static void while_body(Importer *im, void *arg, Value **vars, Value **next)
{
    const Callee *c = arg;
    enter_node(im, c->node);
    call(im, c->names[1], vars, c->nargs, c->nargs, next);
}

bool comes_back(const Cut *c, uint32_t node, TfInput at)
{
    for (;;) {
        const TfNode *n = &c->g->nodes[at.node];
        if (at.node == node) return at.out == 0;
        bool through = c->flow->nodes[at.node].kind == FLOW_SWITCH || strcmp(n->op, "Identity") == 0;
        if (!through || !n->ninputs || cut_at(c, at.node, at.out) >= 0) return false;
        at = n->inputs[0];
    }
}

static void import_while(Cx *cx, Value **in, Value **out)
{
    Importer *im = cx->importer;
    const char **names;
    uint32_t n = cx->node->ninputs;
    cut_callees(im->instance->cut, cx->node, &names);
    Callee c = {names, in, n, n, (uint32_t)(cx->node - cx->graph->nodes)};
    if (nout_of(im) != n) {
        fail(cx, "has %u inputs and %u outputs", n, nout_of(im));
        return;
    }
    const Cut *body = cut_function(im->instance->cut, cx->node, cx->prefix, names[1]);
    if (!body) return;
    LoopSpec spec = {n, in, job_array(cx->job, bool, n + 1), while_cond, while_body, &c};
    for (uint32_t i = 0; i < n && n == body->function->nargs && n == body->function->nrets; i++)
        spec.kept[i] = comes_back(body, i, body->function->rets[i]);
    import_loop(im, &spec, out);
}

/* Its home is outside of the branches that it leads to: there the value is the same. */
static void import_switch(Cx *cx, Value **in, Value **out)
{
    uint32_t n = nout_of(cx->importer);
    for (uint32_t i = 0; i < n; i++) out[i] = in[0];
}

/* The importers of branches and loops see to these. */
static void import_part(Cx *cx, Value **in, Value **out)
{
    (void)cx;
    out[0] = in[0];
}

const TfOp tf_control_ops[] = {
    {"PartitionedCall", import_call, 0, -1, OUT_TOUT, 0},
    {"StatefulPartitionedCall", import_call, 0, -1, OUT_TOUT, 0},
    {"If", import_if, 1, -1, OUT_TOUT, 0},
    {"StatelessIf", import_if, 1, -1, OUT_TOUT, 0},
    {"Case", import_if, 1, -1, OUT_TOUT, 1},
    {"StatelessCase", import_if, 1, -1, OUT_TOUT, 1},
    {"While", import_while, 0, -1, OUT_T, 0},
    {"StatelessWhile", import_while, 0, -1, OUT_T, 0},
    {"Switch", import_switch, 2, 0, 2, 0},
    {"RefSwitch", import_switch, 2, 0, 2, 0},
    {"_SwitchN", import_switch, 2, 0, OUT_NUM_OUTS, 0},
    {"Merge", import_part, 1, -1, 2, 0},
    {"RefMerge", import_part, 1, -1, 2, 0},
    {"Enter", import_part, 1, 0, 1, 0},
    {"RefEnter", import_part, 1, 0, 1, 0},
    {"Exit", import_part, 1, 0, 1, 0},
    {"RefExit", import_part, 1, 0, 1, 0},
    {"NextIteration", import_part, 1, 0, 1, 0},
    {"RefNextIteration", import_part, 1, 0, 1, 0},
    {"LoopCond", import_part, 1, 0, 1, 0},
    {0},
};
