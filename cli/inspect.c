/* jitc inspect: what a model takes and gives, what it is made of, and what keeps it from being compiled. */
#include "cli/inspect.h"

#include <stdlib.h>

#include "ir/dim.h"
#include "ir/ir.h"
#include "passes/pass.h"

static const char cleanup_passes[] = "fix(simplify,fold,cse,dce)";

/* -- Facts of an imported module: copied, since its job ends ------------------------------------------- */
static void add_dims(Job *job, const Module *m, const char *tensor, const Type *t, Facts *f)
{
    for (int i = 0; i < t->rank; i++) {
        if (dim_known(t->dim[i])) continue;
        Str s = {0};
        dim_print(m, &s, t->dim[i]);
        char *text = job_strndup(job, str_text(&s), s.n), *to = text;
        str_free(&s);
        for (const char *p = text; *p; p++)
            if (*p != '?') *to++ = *p;
        *to = 0;
        vec_push(job, &f->dims, (OpenDim){text, tensor, i});
    }
}

static void add_weight(Job *job, const Op *op, Facts *f)
{
    const Type *t = &op->out[0]->type;
    const char *dtype = dtype_name(t->dtype);
    uint32_t k = 0;
    while (k < f->weights.n && strcmp(f->weights.at[k].dtype, dtype) != 0) k++;
    if (k == f->weights.n) vec_push(job, &f->weights, (WeightCount){.dtype = dtype});
    WeightCount *w = &f->weights.at[k];
    w->tensors++;
    w->elements += type_numel(t);
    w->bytes += type_bytes(t);
}

static void copy_facts(Job *job, Module *m, const ImportIo *io, Facts *f)
{
    *f = (Facts){.io = {job_array(job, jitc_io, io->nin + 1), job_array(job, jitc_io, io->nout + 1), io->nin,
                        io->nout},
                 .works = job_array(job, bool, m->nodes.n + 1u)};
    const Region *main = ir_find_func(m, "main")->body;
    const Op *end = ir_terminator(main);
    for (size_t i = 0; i < io->nin + io->nout; i++) {
        bool in = i < io->nin;
        jitc_io *to = in ? &f->io.in[i] : &f->io.out[i - io->nin];
        *to = in ? io->in[i] : io->out[i - io->nin];
        to->name = job_strndup(job, to->name, strlen(to->name));
        add_dims(job, m, to->name, in ? &main->args[i]->type : &end->in[i - io->nin]->type, f);
    }
    Regions r = ir_regions(m);
    for (uint32_t i = 0; i < r.n; i++)
        ir_each_op (op, r.at[i]) {
            if (op->code == OP_weight) add_weight(job, op, f);
            if (op->def->kind == KIND_CONST || op->code == OP_yield) continue;
            for (uint32_t k = 0; op->from && k < op->from->n; k++) f->works[op->from->node[k]] = true;
        }
    model_stats(m, &f->stats);
}

typedef struct {
    Job job;
    Inspection *x;
    const ImportOptions *opt;
    Facts *facts;
} Attempt;

static void import(Attempt *a)
{
    ImportIo io;
    const Model *model = a->x->m;
    Module *m = tf_import(&a->job, model->graph, &model->src, a->opt, &io);
    passes_run(m, cleanup_passes, NULL);
    copy_facts(a->x->o->job, m, &io, a->facts);
}

/* False: the reasons are in *why. */
static bool try_import(Inspection *x, const ImportOptions *opt, Facts *facts, Texts *why)
{
    Job *job = x->o->job;
    Attempt *a = job_new(job, Attempt);
    *a = (Attempt){.x = x, .opt = opt, .facts = facts};
    job_init(&a->job, x->o->max_memory);
    if (JOB_ENTER(&a->job) == JITC_OK) import(a);
    jitc_status status = a->job.status;
    for (const Diag *d = a->job.diags; d; d = d->next)
        vec_push(job, why, job_strndup(job, d->text, strlen(d->text)));
    job_free(&a->job);
    if (status == JITC_OK || (status != JITC_E_INTERNAL && why->n)) return status == JITC_OK;
    for (uint32_t i = 0; i < why->n; i++) job_error(job, "%s", why->at[i]);
    job_fail(job, status);
}

/* -- What is in the way, and what would remain --------------------------------------------------------- */
/* "node 'NAME' (OP): REASON", as the importer words it. */
static Problem parse_problem(Job *job, const char *text)
{
    Problem p = {"", "", job_strndup(job, text, strlen(text))};
    static const char head[] = "node '";
    const char *name = text + sizeof head - 1, *end = strstr(text, "' (");
    const char *close = end ? strstr(end, "): ") : NULL;
    if (strncmp(text, head, sizeof head - 1) != 0 || !close || end < name) return p;
    p.node = job_strndup(job, name, (size_t)(end - name));
    p.op = job_strndup(job, end + 3, (size_t)(close - end - 3));
    p.reason = job_strndup(job, close + 3, strlen(close + 3));
    return p;
}

/* The interface's open dimensions, were they 1; false when there are none, or a rank is not known. */
static bool with_ones(Inspection *x, ImportOptions *opt)
{
    VEC(jitc_shape) shapes = {0};
    bool open = false;
    for (size_t i = 0; i < x->io.nin; i++) {
        jitc_shape s = {.name = x->io.in[i].name, .rank = x->io.in[i].rank};
        if (s.rank < 0) return false;
        for (int d = 0; d < s.rank; d++) {
            open |= x->io.in[i].shape[d] < 0;
            s.dim[d] = x->io.in[i].shape[d] < 0 ? 1 : x->io.in[i].shape[d];
        }
        vec_push(x->o->job, &shapes, s);
    }
    *opt = x->b->import;
    opt->shapes = shapes.at;
    opt->nshapes = shapes.n;
    return open;
}

static bool known_problem(const Texts *list, const char *text)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (strcmp(list->at[i], text) == 0) return true;
    return false;
}

/* The options with the survey's cuts as inputs, and without the outputs that are lost. */
static bool with_cuts(Inspection *x, ImportOptions *opt)
{
    Job *job = x->o->job;
    const Survey *s = &x->survey;
    Texts in = {0}, out = {0};
    VEC(jitc_shape) shapes = {0};
    for (size_t i = 0; i < x->b->import.ninputs; i++) vec_push(job, &in, x->b->import.inputs[i]);
    for (size_t i = 0; i < x->b->import.nshapes; i++) vec_push(job, &shapes, x->b->import.shapes[i]);
    for (uint32_t i = 0; i < s->ncuts; i++) {
        if (s->cut[i].rank < 0) return false;
        vec_push(job, &in, s->cut[i].name);
    }
    for (size_t i = 0; i < x->io.nout; i++) {
        bool lost = false;
        for (uint32_t k = 0; k < s->nlost; k++) lost |= strcmp(s->lost[k], x->io.out[i].name) == 0;
        if (!lost) vec_push(job, &out, x->io.out[i].name);
    }
    *opt = x->b->import;
    opt->inputs = in.at;
    opt->ninputs = in.n;
    opt->shapes = shapes.at;
    opt->nshapes = shapes.n;
    opt->outputs = out.at;
    opt->noutputs = out.n;
    return out.n > 0;
}

/* Cuts may bring more to light: what lay behind could not be imported. */
static void survey(Inspection *x, Texts *why)
{
    enum { ROUNDS = 8 };
    Job *job = x->o->job;
    const Model *m = x->m;
    for (int round = 0; round < ROUNDS; round++) {
        ImportOptions opt;
        Facts facts;
        Texts more = {0};
        tf_survey(job, m->graph, &m->src, &x->b->import, why->at, why->n, &x->survey);
        if (!why->n || (!x->survey.ncuts && !x->survey.nlost) || !with_cuts(x, &opt)) return;
        x->checked = try_import(x, &opt, &facts, &more);
        uint32_t known = why->n;
        for (uint32_t i = 0; i < more.n; i++)
            if (!known_problem(why, more.at[i])) vec_push(job, why, more.at[i]);
        if (x->checked || why->n == known) return;
    }
}

/* Without the rank of an input only operations can be checked. */
static void list_unsupported(Inspection *x)
{
    const TfGraph *g = x->m->graph;
    for (uint32_t i = 0; i < g->nnodes; i++)
        if (x->survey.node[i].reason)
            vec_push(x->o->job, &x->problems,
                     (Problem){g->nodes[i].name, g->nodes[i].op, x->survey.node[i].reason});
}

static void inspect(Inspection *x)
{
    Texts why = {0};
    ImportOptions ones;
    tf_survey(x->o->job, x->m->graph, &x->m->src, &x->b->import, NULL, 0, &x->survey);
    x->io = x->survey.io;
    for (size_t i = 0; i < x->io.nin; i++) x->shapeless |= x->io.in[i].rank < 0;
    if (x->shapeless) {
        list_unsupported(x);
        return;
    }
    x->imported = try_import(x, &x->b->import, &x->facts, &why);
    if (with_ones(x, &ones) && (!x->imported || x->facts.stats.open)) {
        /* What cannot be derived from open dimensions may be plain once they are known. */
        Facts facts;
        Texts unused = {0};
        if (try_import(x, &ones, &facts, &unused)) {
            if (x->imported)
                x->facts.stats.macs = facts.stats.macs;
            else
                x->facts = facts;
            x->facts.stats.open = false;
            x->imported = x->ones = true;
            why.n = 0;
        }
    }
    survey(x, &why);
    if (x->imported) x->io = x->facts.io;
    for (uint32_t i = 0; i < why.n; i++)
        vec_push(x->o->job, &x->problems, parse_problem(x->o->job, why.at[i]));
}

const char *node_state(const Inspection *x, uint32_t node)
{
    static const char *const names[] = {[NODE_SUPPORTED] = "supported",     [NODE_INPUT] = "input",
                                        [NODE_UNUSED] = "unused",           [NODE_DEAD] = "dead",
                                        [NODE_UNSUPPORTED] = "unsupported", [NODE_BLOCKED] = "blocked"};
    NodeState s = x->survey.node[node].state;
    return s == NODE_SUPPORTED && x->imported && !x->facts.works[node] ? "folded" : names[s];
}

static int by_count(const void *a, const void *b)
{
    const OpCount *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n ? 1 : -1) : strcmp(x->op, y->op);
}

static void count_ops(Inspection *x)
{
    const TfGraph *g = x->m->graph;
    Job *job = x->o->job;
    StrMap index = {0};
    for (uint32_t i = 0; i < g->nnodes; i++) {
        const char *op = g->nodes[i].op;
        uint32_t *at = strmap_get(&index, op);
        if (!at) {
            at = job_new(job, uint32_t);
            *at = x->ops.n;
            strmap_put(job, &index, op, at);
            vec_push(job, &x->ops, (OpCount){op, 0});
        }
        x->ops.at[*at].n++;
    }
    if (x->ops.n) qsort(x->ops.at, x->ops.n, sizeof *x->ops.at, by_count);
}

ExitStatus command_inspect(Options *o)
{
    Inspection *x = job_new(o->job, Inspection);
    x->o = o;
    x->m = model_open(o->job, o->files.at[0]);
    x->b = bind_names(o, x->m);
    inspect(x);
    count_ops(x);
    Str s = {0};
    if (o->dot) {
        inspect_dot(&s, x);
        put_file(o->job, o->dot, &s);
    }
    if (o->json)
        inspect_json(&s, x);
    else if (!o->quiet || x->problems.n)
        inspect_text(&s, x);
    if (!o->dot || strcmp(o->dot, "-") != 0) put_stdout(o->job, &s);
    str_free(&s);
    return x->problems.n ? EXIT_UNUSABLE : EXIT_DONE;
}
