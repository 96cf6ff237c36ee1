/* jitc compare: compiled code, or the graph after the passes, against the reference evaluator on the graph as
 * imported, and against given tensors; tensor by tensor. */
#include "cli/compare.h"

#include <stdlib.h>

#include "passes/pass.h"
#include "runtime/jitc_internal.h"
#include "runtime/npz.h"

/* What code cannot do without. */
static const char fewest_passes[] = "fix(fold,dce),groups,init,dce,fuse";

static Entry *find_entry(Comparison *x, const char *tensor)
{
    uintptr_t k = (uintptr_t)strmap_get(&x->by_name, tensor);
    return k ? &x->entries.at[k - 1] : NULL;
}

static Entry *add_entry(Comparison *x, const char *tensor)
{
    Entry *e = find_entry(x, tensor);
    if (e) return e;
    Job *job = x->o->job;
    tensor = job_strndup(job, tensor, strlen(tensor));
    const char *node = job_strndup(job, tensor, node_length(tensor, strlen(tensor)));
    vec_push(job, &x->entries, (Entry){.tensor = tensor, .node = tf_node_find(x->m->graph, node)});
    strmap_put(job, &x->by_name, tensor, (void *)(uintptr_t)x->entries.n);
    return &x->entries.at[x->entries.n - 1];
}

static bool same_type(const Type *a, const Type *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank || a->layout != LAYOUT_PLAIN || b->layout != LAYOUT_PLAIN)
        return false;
    for (int d = 0; d < a->rank; d++)
        if (a->dim[d] != b->dim[d]) return false;
    return true;
}

/* -- The reference ------------------------------------------------------------------------------------- */
static Tensor tensor_view(const jitc_tensor *t)
{
    Tensor v = {{.dtype = (DType)t->dtype, .rank = (uint8_t)t->rank}, t->data};
    memcpy(v.type.dim, t->shape, sizeof v.type.dim);
    return v;
}

static void free_npz(void *f)
{
    npz_free(f);
}

static void read_reference(Comparison *x, const char *file)
{
    Job *job = x->o->job;
    NpzFile *z = job_new(job, NpzFile);
    job_on_exit(job, free_npz, z);
    char *why = NULL;
    jitc_status status = npz_read(file, z, &why);
    if (status != JITC_OK) {
        job_on_exit(job, free, why);
        if (why) job_error(job, "%s", why);
        job_fail(job, status);
    }
    for (size_t i = 0; i < z->n; i++) {
        const char *name = tensor_name(job, z->at[i].name, strlen(z->at[i].name));
        if (!model_has_tensor(x->m, name, strlen(name))) {
            job_error(job, "%s: holds '%s', but the graph has no such tensor", file, name);
            continue;
        }
        Entry *e = add_entry(x, name);
        e->given = true;
        e->want = tensor_view(&z->at[i].value);
    }
    job_stop_on_errors(job);
}

static void see_reference(void *arg, const Value *v, const Tensor *t)
{
    Comparison *x = arg;
    x->loops |= v->def && v->def->body && v->def->code != OP_kernel;
    if (!v->tensor) return;
    Entry *e = add_entry(x, v->tensor);
    if (!e->given)
        e->want = *t;
    else if (same_type(&t->type, &e->want.type))
        tensors_compare(t, &e->want, x->tol, &e->eval);
    else
        e->eval = (Difference){.done = true, .wrong = 1};
}

static void evaluate(const Comparison *x, Module *m, EvalTrace *trace, void *arg)
{
    Job *job = m->job;
    const Region *main = ir_find_func(m, "main")->body;
    const Op *end = ir_terminator(main);
    Tensor *in = job_array(job, Tensor, main->nargs + 1), *out = job_array(job, Tensor, end->nin + 1u);
    for (uint32_t i = 0; i < main->nargs; i++) {
        const Bound *b = NULL;
        for (uint32_t k = 0; k < x->b->in.n && !b; k++)
            if (strcmp(x->b->in.at[k].name, main->args[i]->tensor) == 0) b = &x->b->in.at[k];
        if (!b) job_bug(job, "input '%s' is not bound", main->args[i]->tensor);
        in[i] = (Tensor){main->args[i]->type, b->value.data};
    }
    ir_eval_traced(m, main, in, out, trace, arg);
    for (int i = 0; i < end->nin; i++) trace(arg, end->in[i], &out[i]);
}

static Module *import(const Comparison *x, Job *job)
{
    return tf_import(job, x->m->graph, &x->m->src, &x->b->import, NULL);
}

static int in_order(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    return x->order != y->order ? (x->order < y->order ? -1 : 1) : strcmp(x->tensor, y->tensor);
}

/* All entries are there: puts them in order. */
static void order_entries(Comparison *x)
{
    const TfGraph *g = x->m->graph;
    uint32_t *place = job_array(x->o->job, uint32_t, g->nnodes + 1u);
    for (uint32_t i = 0; i < g->nnodes; i++) place[g->order[i]] = i;
    for (uint32_t i = 0; i < x->entries.n; i++) {
        Entry *e = &x->entries.at[i];
        e->order = e->node ? place[e->node - g->nodes] : UINT32_MAX;
    }
    if (x->entries.n) qsort(x->entries.at, x->entries.n, sizeof *x->entries.at, in_order);
    x->by_name = (StrMap){0};
    for (uint32_t i = 0; i < x->entries.n; i++)
        strmap_put(x->o->job, &x->by_name, x->entries.at[i].tensor, (void *)(uintptr_t)(i + 1));
}

/* -- What is compared ------------------------------------------------------------------------------------ */
static void see(Comparison *x, const char *tensor, const Tensor *got, const char *with)
{
    Entry *e = find_entry(x, tensor);
    if (!e || !e->want.data) return;
    if (same_type(&got->type, &e->want.type))
        tensors_compare(got, &e->want, x->tol, &e->code);
    else
        e->code = (Difference){.done = true, .wrong = 1};
    if (with) e->with = with;
}

static void see_optimised(void *arg, const Value *v, const Tensor *t)
{
    Tensor logical = *t;
    if (layout_of_images(logical.type.layout)) logical.type.layout = LAYOUT_PLAIN;
    if (v->tensor && logical.type.layout == LAYOUT_PLAIN) see(arg, v->tensor, &logical, NULL);
}

typedef struct {
    Comparison *x;
    const Session *s;
} Tap;

static const char *other_nodes(Job *job, const PlanCall *c, const char *tensor)
{
    Str s = {0};
    for (uint32_t i = 0; i < c->nnodes; i++)
        if (strcmp(c->nodes[i], tensor) != 0) str_printf(&s, "%s%s", s.n ? ", " : "", c->nodes[i]);
    const char *text = s.n ? job_strndup(job, str_text(&s), s.n) : NULL;
    str_free(&s);
    return text;
}

/* Sizes that only the run knows are taken from the reference. */
static bool concrete(const Type *planned, const Type *want, Type *out)
{
    *out = *planned;
    if (planned->rank != want->rank) return false;
    for (int d = 0; d < planned->rank; d++)
        if (planned->dim[d] < 0) out->dim[d] = want->dim[d];
    return true;
}

/* An image that lies in another way than channels last, brought there. */
static Tensor channels_last(Job *job, const Tensor *image)
{
    Tensor t = tensor_new(job, &image->type);
    size_t size = dtype_size(t.type.dtype);
    for (int64_t i = 0, n = type_numel(&t.type); i < n; i++)
        memcpy((char *)t.data + (size_t)i * size,
               (const char *)image->data + (size_t)type_place(&image->type, i) * size, size);
    t.type.layout = LAYOUT_PLAIN;
    return t;
}

static void after_call(void *arg, uint32_t call, void *const *ptr)
{
    const Tap *t = arg;
    const Plan *p = exec_plan(t->s->exec);
    const PlanCall *c = &p->call[call];
    for (uint32_t i = 0; i < c->nresults; i++) {
        uint32_t k = c->noperands + i;
        const PlanBuf *b = &p->buf[p->call_buf[c->buf0 + k]];
        bool image = layout_of_images((Layout)b->type.layout);
        Entry *e =
            b->tensor && (image || b->type.layout == LAYOUT_PLAIN) ? find_entry(t->x, b->tensor) : NULL;
        Tensor got = {.data = ptr[k]};
        if (!e || !e->want.data || !concrete(&b->type, &e->want.type, &got.type)) continue;
        if (image) got = channels_last(t->x->o->job, &got);
        see(t->x, e->tensor, &got, other_nodes(t->x->o->job, c, e->tensor));
    }
}

static void run_code(Comparison *x)
{
    Options *o = x->o;
    Session *s = session_open(o, x->m, x->b);
    Tap *tap = job_new(o->job, Tap);
    *tap = (Tap){x, s};
    exec_set_tap(s->exec, after_call, tap);
    exec_fix_random(s->exec);
    session_run(o, s);
    for (size_t i = 0; i < jitc_program_output_count(s->program); i++) {
        jitc_tensor v;
        if (jitc_exec_output(s->exec, i, &v) != JITC_OK) job_bug(o->job, "%s", jitc_exec_error(s->exec));
        Tensor t = tensor_view(&v);
        see(x, jitc_program_output(s->program, i)->name, &t, NULL);
    }
    const Plan *p = exec_plan(s->exec);
    for (uint32_t i = 0; i < p->ncall; i++)
        for (uint32_t k = 0; k < p->call[i].nnodes; k++) {
            Entry *e = find_entry(x, p->call[i].nodes[k]);
            if (e && !e->code.done) {
                const char *last = p->call[i].nodes[p->call[i].nnodes - 1];
                e->inside = job_strndup(o->job, last, strlen(last));
            }
        }
}

static void run_optimised(Comparison *x)
{
    Module *m = import(x, x->o->job);
    const char *passes = x->o->passes ? x->o->passes : passes_default_pipeline();
    passes_run(m, passes,
               &(PassOptions){
                   .cpu = x->o->cpu, .precise = x->o->precise, .layout = x->o->image_layout, .verify = true});
    evaluate(x, m, see_optimised, x);
}

static void judge(Comparison *x)
{
    for (uint32_t i = 0; i < x->entries.n; i++) {
        const Entry *e = &x->entries.at[i];
        x->compared += e->code.done;
        x->inside += !e->code.done && e->inside;
        bool wrong = e->code.wrong || e->eval.wrong;
        x->wrong += wrong;
        if (wrong && !x->first) x->first = e;
    }
}

static void report(const Comparison *x)
{
    const Entry *e = x->first;
    Str s = {0};
    const Difference *d = e->code.wrong ? &e->code : &e->eval;
    str_printf(&s, "%u tensor%s %s; the first is '%s' (%s)", x->wrong, x->wrong == 1 ? "" : "s",
               x->wrong == 1 ? "differs" : "differ", e->tensor, e->node ? e->node->op : "?");
    if (d->n) {
        str_put(&s, " at ");
        put_place(&s, &e->want.type, d->at);
        str_printf(&s, ": %.9g, the reference has %.9g", d->got, d->want);
    } else {
        str_put(&s, ": another type or shape than the reference");
    }
    if (e->given) str_printf(&s, "; the evaluator %s", e->eval.wrong ? "differs as well" : "agrees");
    say_error("compare: %s", str_text(&s));
    str_free(&s);
}

void compare_passes(Options *o)
{
    if (o->passes && strcmp(o->passes, "off") == 0)
        o->passes = fewest_passes;
    else if (o->passes)
        check_passes(o, "--passes", o->passes, "fix");
}

void compare_trace(Options *o, const Model *m, Binding *b, EvalTrace *trace, void *arg)
{
    Comparison *x = job_new(o->job, Comparison);
    *x = (Comparison){.o = o, .m = m, .b = b};
    evaluate(x, import(x, o->job), trace, arg);
}

ExitStatus compare_model(Options *o, const Model *m, Binding *b)
{
    Comparison *x = job_new(o->job, Comparison);
    *x = (Comparison){.o = o, .m = m, .b = b, .tol = {o->rtol, o->atol}};
    if (o->ref) read_reference(x, o->ref);
    Progress *progress = progress_start(o, "evaluating");
    evaluate(x, import(x, o->job), see_reference, x);
    progress_stop(progress);
    order_entries(x);
    if (o->evaluate)
        run_optimised(x);
    else
        run_code(x);
    judge(x);
    Str s = {0};
    if (o->json)
        compare_json(&s, x);
    else if (!o->quiet)
        compare_text(&s, x);
    put_stdout(o->job, &s);
    if (!x->first) return EXIT_DONE;
    report(x);
    return EXIT_UNUSABLE;
}

ExitStatus command_compare(Options *o)
{
    compare_passes(o);
    const Model *m = model_open(o->job, o->files.at[0]);
    Binding *b = bind_options(o, m);
    bind_require_all(o, b);
    return compare_model(o, m, b);
}
