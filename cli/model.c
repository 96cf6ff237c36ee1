/* Opening models, and what they amount to. */
#include "cli/cli.h"
#include "ir/ir.h"
#include "passes/pass.h"

static void close_model(void *model)
{
    source_close(&((Model *)model)->src);
}

Model *model_named(Job *job, const char *path)
{
    Model *m = job_new(job, Model);
    m->job = job;
    m->path = path;
    m->src.fd = -1;
    job_on_exit(job, close_model, m);
    return m;
}

const TfGraph *model_graph(const Model *m)
{
    Model *own = (Model *)(uintptr_t)m;
    if (own->graph) return own->graph;
    source_open(own->job, &own->src, own->path);
    return own->graph = tf_graph_load(own->job, &own->src);
}

Model *model_open(Job *job, const char *path)
{
    Model *m = model_named(job, path);
    model_graph(m);
    return m;
}

size_t node_length(const char *name, size_t n)
{
    size_t k = n;
    while (k && name[k - 1] >= '0' && name[k - 1] <= '9') k--;
    return k > 1 && k < n && name[k - 1] == ':' ? k - 1 : n;
}

bool model_has_tensor(const Model *m, const char *name, size_t n)
{
    Str s = {0};
    str_putn(&s, name, node_length(name, n));
    bool found = s.n && tf_node_find(model_graph(m), str_text(&s));
    str_free(&s);
    return found;
}

const char *tensor_name(Job *job, const char *name, size_t n)
{
    size_t k = node_length(name, n);
    bool zero = k < n;
    for (size_t i = k + 1; i < n; i++) zero &= name[i] == '0';
    return job_strndup(job, name, zero ? k : n);
}

bool path_ends(const char *path, const char *ending)
{
    size_t n = strlen(path), k = strlen(ending);
    return n >= k && strcmp(path + n - k, ending) == 0;
}

/* -- What a model amounts to ------------------------------------------------------------------------ */
static double numel_f(const Type *t, ModelStats *st)
{
    double n = 1;
    for (int i = 0; i < t->rank; i++) {
        if (!dim_known(t->dim[i])) {
            st->open = true;
            return 0;
        }
        n *= (double)t->dim[i];
    }
    return n;
}

/* Multiply-adds of a convolution or matrix product: elements of the result times the length of each sum. */
static void add_contraction(const Op *op, ModelStats *st)
{
    const Type *a = &op->in[0]->type, *b = &op->in[1]->type, *out = &op->out[0]->type;
    Type sum = {.rank = 0};
    if (op->code == OP_conv) {
        st->convs++;
        for (int i = 0; i < 3; i++) sum.dim[sum.rank++] = b->dim[i];
    } else {
        st->products++;
        sum.dim[sum.rank++] = a->dim[a->rank - (attr_i(op, "trans_a") ? 2 : 1)];
    }
    st->macs += numel_f(out, st) * numel_f(&sum, st);
}

typedef struct {
    const Module *m;
    ModelStats *st;
    bool *seen; /* by node */
} Counter;

static void add_region(Counter *c, const Region *r)
{
    ir_each_op (op, r) {
        if (op->body) {
            add_region(c, op->body);
            continue;
        }
        if (op->def->kind == KIND_CONTRACT) add_contraction(op, c->st);
        if (op->code == OP_weight) c->st->weights += type_numel(&op->out[0]->type);
        if (op->def->kind == KIND_CONST || op->def->kind >= KIND_SIZE || !op->from || !op->from->n) continue;
        uint32_t node = op->from->node[op->from->n - 1];
        c->st->nodes += !c->seen[node];
        c->seen[node] = true;
    }
}

void model_stats(const Module *m, ModelStats *out)
{
    *out = (ModelStats){0};
    Counter c = {m, out, job_array(m->job, bool, m->nodes.n + 1u)};
    for (const Func *f = m->funcs; f; f = f->next)
        if (f->body) add_region(&c, f->body);
}

void put_stats(Str *s, const ModelStats *st)
{
    if (st->convs) str_printf(s, "%lld convolution%s, ", (long long)st->convs, st->convs == 1 ? "" : "s");
    if (!st->convs && st->products)
        str_printf(s, "%lld matrix product%s, ", (long long)st->products, st->products == 1 ? "" : "s");
    put_count(s, st->weights);
    str_put(s, st->weights == 1 ? " weight, " : " weights, ");
    if (st->open && st->macs == 0) {
        str_put(s, "work depends on shapes");
        return;
    }
    put_si(s, st->macs, "MAC");
    if (st->open) str_put(s, " and more that depends on shapes");
}

typedef struct {
    Job job;
    const Model *model;
    const ImportOptions *import;
    const char *pipeline;
    ModelStats *out;
} StatsJob;

static void import_and_count(StatsJob *s)
{
    Module *m = tf_import(&s->job, model_graph(s->model), &s->model->src, s->import, NULL);
    if (s->pipeline) passes_run(m, s->pipeline, NULL);
    model_stats(m, s->out);
}

bool try_stats(Options *o, const Model *m, const ImportOptions *import, const char *pipeline, ModelStats *out,
               Str *why)
{
    StatsJob *s = job_new(o->job, StatsJob);
    *s = (StatsJob){.model = m, .import = import, .pipeline = pipeline, .out = out};
    job_init(&s->job, o->max_memory);
    if (JOB_ENTER(&s->job) == JITC_OK) import_and_count(s);
    bool ok = s->job.status == JITC_OK;
    for (const Diag *d = s->job.diags; d && !ok; d = d->next)
        str_printf(why, "%s%s", why->n ? "\n" : "", d->text);
    if (!ok && !why->n) str_put(why, "out of memory");
    job_free(&s->job);
    return ok;
}
