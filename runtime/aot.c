/* Programs become object files: a plan with its weights in one block, handed to the code generator. */
#include "runtime/aot.h"

#include <stdlib.h>

#include "ir/custom.h"
#include "runtime/fpmode.h"
#include "runtime/program.h"
#include "runtime/threads.h"
#include "runtime/tuning.h"

/* -- Weights ----------------------------------------------------------------------------------- */
static int by_address(const void *a, const void *b)
{
    const Packed *x = *(Packed *const *)a, *y = *(Packed *const *)b;
    return (x > y) - (x < y);
}

/* Each packed tensor once, in the order in which the plan names them. */
static bool place_weights(const Version *v, int64_t *at, int64_t *bytes)
{
    uint32_t n = v->plan->nweight;
    Packed **sorted = malloc((n + 1) * sizeof(Packed *));
    int64_t *place = malloc((n + 1) * sizeof *place), end = 0;
    bool fits = sorted && place;
    if (fits && n) {
        memcpy(sorted, v->weight, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, by_address);
        for (uint32_t i = 0; i < n; i++) place[i] = -1;
    }
    for (uint32_t i = 0; i < n && fits; i++) {
        uint32_t k =
            (uint32_t)((Packed **)bsearch(&v->weight[i], sorted, n, sizeof *sorted, by_address) - sorted);
        while (k && sorted[k - 1] == sorted[k]) k--;
        if (place[k] < 0) {
            place[k] = end;
            fits = add_ok(end, v->weight[i]->bytes, &end) && end < INT64_MAX / 2;
            end = round_up(end, RUN_ALIGN);
        }
        at[i] = place[k];
    }
    free(sorted);
    free(place);
    *bytes = end;
    return fits;
}

static uint8_t *join_weights(const Version *v, const int64_t *at, int64_t bytes)
{
    uint8_t *all = calloc((size_t)bytes + 1, 1);
    for (uint32_t i = 0; all && i < v->plan->nweight; i++)
        memcpy(all + at[i], v->weight[i]->data, (size_t)v->weight[i]->bytes);
    return all;
}

/* -- Dims -------------------------------------------------------------------------------------- */
static void find_dims(Job *job, const Version *v, size_t nin, size_t nout, CodegenModel *m)
{
    VEC(ModelDim) in = {0}, out = {0};
    for (size_t i = 0; i < nin; i++)
        for (int32_t d = 0; d < v->in[i].rank; d++)
            if (v->in[i].shape[d] < 0) vec_push(job, &in, (ModelDim){(uint32_t)i, d, 0});
    for (size_t i = 0; i < nout; i++) {
        const Type *t = &v->plan->out_type[i];
        for (int d = 0; d < t->rank; d++) {
            PlanNum reg = t->dim[d];
            bool known = reg >= 0 || v->plan->reg[-reg - 1].entry;
            for (uint32_t k = 0; k < out.n; k++) known = known || out.at[k].reg == reg;
            if (!known) vec_push(job, &out, (ModelDim){(uint32_t)i, d, reg});
        }
    }
    m->in_dim = in.at, m->nin_dims = in.n;
    m->out_dim = out.at, m->nout_dims = out.n;
}

/* -- Compiling --------------------------------------------------------------------------------- */
static void check_ranks(Job *job, const jitc_program *p)
{
    for (size_t i = 0; i < p->io.nin; i++)
        if (p->io.in[i].rank < 0)
            job_error(job, "input '%s': its rank is unknown; give it with --shape, open dimensions as ?",
                      p->io.in[i].name);
    job_stop_on_errors(job);
}

static void check_symbols(Job *job, const Plan *plan)
{
    for (uint32_t i = 0; i < plan->nkernel; i++) {
        const CustomNode *c = plan->kernel[i].custom;
        if (c && !c->op->op.symbol)
            job_error(
                job,
                "node '%s' (%s): the operator has no symbol (jitc_op.symbol), by which code compiled ahead "
                "of time calls it",
                c->node.name, c->node.op);
    }
    job_stop_on_errors(job);
}

/* What an exec keeps for models that draw random numbers, their caller passes: see ImportOptions.runs. */
static jitc_io runs_input(void)
{
    return (jitc_io){.name = "(seed where the graph has none, number of the run)",
                     .dtype = JITC_UINT64,
                     .rank = 1,
                     .shape = {2}};
}

typedef struct {
    const Codegen *codegen;
    const CodegenTarget *target;
    const CodegenModel *model;
    CodegenEmit emit;
    const Limits *limits;
    CodegenObject object;
} Emit;

/* On a thread of its own: LLVM wants more stack than a host's thread may have. */
static void *emit(void *arg)
{
    Emit *e = arg;
    e->object = e->codegen->object(e->target, e->model, e->emit, e->limits);
    return NULL;
}

static void compile(Job *job, jitc_program *p, const AotOptions *o, Version *v, AotModel *out)
{
    check_symbols(job, v->plan);
    CodegenModel m = {.name = o->name, .plan = v->plan, .out = v->out, .ops = p->opt.custom};
    jitc_io *in = job_array(job, jitc_io, v->plan->nin + 1);
    memcpy(in, v->in, p->io.nin * sizeof *in);
    if (v->plan->nin > p->io.nin) in[p->io.nin] = runs_input();
    m.in = in;
    int64_t *at = job_array(job, int64_t, v->plan->nweight + 1);
    if (!place_weights(v, at, &m.weight_bytes)) job_fail(job, JITC_E_NOMEM);
    out->weights = join_weights(v, at, m.weight_bytes);
    out->weight_bytes = m.weight_bytes;
    if (!out->weights) job_fail(job, JITC_E_NOMEM);
    m.weight_at = at;
    m.weights = o->weights_outside ? NULL : out->weights;
    find_dims(job, v, p->io.nin, p->io.nout, &m);
    char *why = NULL;
    const Codegen *codegen = plugin_open(&why);
    if (!codegen) {
        job_error(job, "%s", why ? why : "the code generator cannot be opened");
        free(why);
        job_fail(job, JITC_E_IO);
    }
    CodegenTarget target = program_cpu(job, o->cpu ? o->cpu : "baseline");
    target.triple = o->target;
    job_tick(job);
    Emit e = {codegen, &target, &m, o->emit, &job->limits, {.error = NULL}};
    thread_call(emit, &e);
    out->object = e.object;
    if (out->object.limit) {
        job_error(job, "%s", limits_text(out->object.limit));
        job_fail(job, out->object.limit);
    }
    if (out->object.error) {
        job_error_lines(job, out->object.error);
        job_fail(job, out->object.bad_target ? JITC_E_CPU : JITC_E_INTERNAL);
    }
    out->header = aot_header(&m, o);
    if (!out->header) job_fail(job, JITC_E_NOMEM);
}

void aot_free(AotModel *m)
{
    free(m->object.file.bytes);
    free(m->object.error);
    free(m->header);
    free(m->weights);
    *m = (AotModel){0};
}

/* What was measured on this machine; for code that chooses the CPU when it runs, with the best code of this
 * one. */
static const Tuning *tuning_for(Job *job, const jitc_program *p, const AotOptions *o)
{
    if (!p->tuning || o->target) return NULL;
    Tuning *t = job_new(job, Tuning);
    *t = *p->tuning;
    t->machine = tuning_machine(job, o->cpu && strcmp(o->cpu, "baseline") != 0 ? o->cpu : NULL);
    return t;
}

jitc_status program_compile(jitc_program *p, const AotOptions *o, AotModel *out, jitc_error **out_error)
{
    Version *v = NULL;
    char *why = NULL;
    Job job;
    *out = (AotModel){0};
    Limits limits = program_limits(p, NULL);
    job_init_in(&job, &p->memory, &limits);
    const Tuning *tuning = NULL;
    if (JOB_ENTER(&job) == JITC_OK) {
        check_ranks(&job, p);
        tuning = tuning_for(&job, p, o);
    }
    jitc_status status = job.status;
    /* An object does not depend on the machine that makes it. */
    Machine machine = machine_of(o->cpu ? o->cpu : "baseline", 0);
    if (!status) status = version_plan(p, machine, tuning, &limits, &v, &why);
    if (!status) {
        fenv_t mode;
        fp_default(&mode);
        if (JOB_ENTER(&job) == JITC_OK) compile(&job, p, o, v, out);
        fp_restore(&mode);
        status = job.status;
    }
    if (status && !why) why = job_text(&job, status);
    job_free(&job);
    if (v) version_release(p, v);
    if (status) {
        aot_free(out);
        if (out_error) *out_error = error_new(status, why ? why : status_text(status));
    }
    free(why);
    return status;
}

/* -- The public form --------------------------------------------------------------------------- */
struct jitc_object {
    AotModel m;
    bool outside;
};

static bool is_identifier(const char *s)
{
    static const char letters[] = "_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    return *s && (*s < '0' || *s > '9') && !s[strspn(s, letters)];
}

static jitc_status refuse(jitc_error **out_error, const char *text)
{
    if (out_error) *out_error = error_new(JITC_E_USAGE, text);
    return JITC_E_USAGE;
}

jitc_status jitc_aot_compile(jitc_program *p, const jitc_aot_options *options, jitc_object **out,
                             jitc_error **out_error)
{
    static const CodegenEmit emit[] = {EMIT_OBJECT, EMIT_ASM, EMIT_LLVM};
    jitc_aot_options o = JITC_AOT_OPTIONS_INIT;
    if (out_error) *out_error = NULL;
    if (out) *out = NULL;
    if (!p || !out)
        return refuse(out_error, p ? "the address for the object is NULL" : "the program is NULL");
    const char *wrong = options_copy(&o, sizeof o, offsetof(jitc_aot_options, cpu), options);
    if (wrong) return refuse(out_error, wrong);
    if ((unsigned)o.emit >= COUNT(emit)) return refuse(out_error, "options: emit is no jitc_emit");
    if (o.name && !is_identifier(o.name))
        return refuse(out_error, "options: the name is no C identifier: letters, digits and underscores, no "
                                 "digit first");
    jitc_object *object = calloc(1, sizeof *object);
    if (!object) return JITC_E_NOMEM;
    AotOptions aot = {.name = o.name ? o.name : "model",
                      .target = o.target && strcmp(o.target, "native") ? o.target : NULL,
                      .cpu = o.cpu,
                      .emit = emit[o.emit],
                      .weights_outside = o.weights_outside != 0};
    jitc_status status = program_compile(p, &aot, &object->m, out_error);
    if (status) {
        free(object);
        return status;
    }
    object->outside = aot.weights_outside;
    *out = object;
    return JITC_OK;
}

const void *jitc_object_data(const jitc_object *o, size_t *bytes)
{
    if (bytes) *bytes = o ? o->m.object.file.size : 0;
    return o ? o->m.object.file.bytes : NULL;
}

const char *jitc_object_header(const jitc_object *o)
{
    return o ? o->m.header : NULL;
}

const void *jitc_object_weights(const jitc_object *o, size_t *bytes)
{
    bool has = o && o->outside;
    if (bytes) *bytes = has ? (size_t)o->m.weight_bytes : 0;
    return has ? o->m.weights : NULL;
}

void jitc_object_free(jitc_object *o)
{
    if (!o) return;
    aot_free(&o->m);
    free(o);
}
