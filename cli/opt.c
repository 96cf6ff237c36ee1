/* jitc opt: passes over a model or a .jir file, and what comes of them. */
#include <stdlib.h>

#include "cli/cli.h"
#include "codegen/plan/plan.h"
#include "ir/ir.h"
#include "passes/pass.h"
#include "runtime/file.h"

typedef struct {
    const Options *o;
    Str out;
} Opt;

/* Whether a comma-separated list has the word. */
static bool listed(const char *list, const char *word)
{
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
        size_t n = strcspn(p, ",");
        if (n == strlen(word) && memcmp(p, word, n) == 0) return true;
    }
    return false;
}

static bool is_pass(const char *word, size_t n)
{
    for (int i = 0; i < passes_count(); i++)
        if (strlen(passes_at(i)->name) == n && memcmp(passes_at(i)->name, word, n) == 0) return true;
    return false;
}

void check_passes(const Options *o, const char *option, const char *list, const char *also)
{
    static const char between[] = ",() \t\n";
    Str known = {0};
    for (int i = 0; i < passes_count(); i++) str_printf(&known, "%s%s", i ? ", " : "", passes_at(i)->name);
    for (const char *p = list + strspn(list, between); *p;) {
        size_t n = strcspn(p, between);
        if (!is_pass(p, n) && (n != strlen(also) || memcmp(p, also, n) != 0))
            job_error(o->job, "%s: no pass is called '%.*s'; there are %s", option, (int)n, p,
                      str_text(&known));
        p += n + strspn(p + n, between);
    }
    str_free(&known);
    if (o->job->nerrors) job_fail(o->job, JITC_E_USAGE);
}

static void after_pass(void *arg, Module *m, const char *pass, bool changed)
{
    Opt *x = arg;
    if (!listed(x->o->dump_after, pass) && !(changed && listed(x->o->dump_after, "all"))) return;
    str_printf(&x->out, "# after %s%s\n", pass, changed ? "" : " (nothing changed)");
    ir_print(m, &x->out);
    str_put(&x->out, "\n");
}

static Module *read_jir(Options *o, const char *path)
{
    void *data;
    size_t size;
    char *why = NULL;
    jitc_status status = file_read(path, (size_t)1 << 30, &data, &size, &why);
    if (status != JITC_OK) {
        job_on_exit(o->job, free, why);
        if (why) job_error(o->job, "%s", why);
        job_fail(o->job, status);
    }
    job_on_exit(o->job, free, data);
    Module *m = ir_parse(o->job, data, size);
    if (!m) job_fail(o->job, JITC_E_INVALID);
    Str broken = {0};
    if (!ir_verify(m, &broken)) job_error(o->job, "%s: %s", path, str_text(&broken));
    str_free(&broken);
    job_stop_on_errors(o->job);
    return m;
}

static Module *import(Options *o, const char *path)
{
    Model *model = model_open(o->job, path);
    Binding *b = bind_options(o, model);
    return tf_import(o->job, model->graph, &model->src, &b->import, NULL);
}

/* A plan has bytes and offsets only. */
static void require_static(Options *o, Module *m)
{
    const Func *f = ir_find_func(m, "main");
    if (!f) usage_error(o->job, "--emit=%s needs a function @main", o->emit);
    for (uint32_t i = 0; i < f->body->nargs; i++)
        if (!type_static(&f->body->args[i]->type))
            usage_error(o->job,
                        "--emit=%s needs every dimension: fix those of the inputs with --shape or --input",
                        o->emit);
    ir_each_op (op, f->body) {
        for (int i = 0; i < op->nout; i++)
            if (!type_static(&op->out[i]->type))
                usage_error(o->job, "--emit=%s needs types that are known when compiling; '%s' has another",
                            o->emit, ir_node_name(m, op->from));
    }
}

static void emit_code(Options *o, const Plan *p, Str *out)
{
    CodegenKernel *k = job_array(o->job, CodegenKernel, p->nkernel + 1);
    for (uint32_t i = 0; i < p->nkernel; i++)
        k[i] = (CodegenKernel){.text = p->kernel[i].text,
                               .size = p->kernel[i].size,
                               .name = job_printf(o->job, "k%u", i),
                               .custom = p->kernel[i].custom,
                               .ops = o->custom};
    char *text, *why;
    jitc_status status =
        codegen_text(o->cpu, k, p->nkernel, strcmp(o->emit, "asm") == 0 ? EMIT_ASM : EMIT_LLVM, &text, &why);
    if (text) str_put(out, text);
    job_error_lines(o->job, why && status ? why : "");
    free(text);
    free(why);
    if (status) job_fail(o->job, status);
}

static void free_text(void *s)
{
    str_free(s);
}

ExitStatus command_opt(Options *o)
{
    static Opt x;
    x.o = o;
    job_on_exit(o->job, free_text, &x.out);
    if (!o->emit) o->emit = "jir";
    if (o->passes) check_passes(o, "--passes", o->passes, "fix");
    if (o->dump_after) check_passes(o, "--dump-after", o->dump_after, "all");
    const char *path = o->files.at[0];
    bool is_text = path_ends(path, ".jir");
    Module *m = is_text ? read_jir(o, path) : import(o, path);
    if (!is_text) m->tuning = tuning_of(o);
    PassOptions options = {.cpu = o->cpu,
                           .precise = o->precise,
                           .layout = o->image_layout,
                           .verify = true,
                           .after = o->dump_after ? after_pass : NULL,
                           .after_arg = &x};
    passes_run(m, o->passes ? o->passes : passes_default_pipeline(), &options);

    if (strcmp(o->emit, "jir") == 0) {
        ir_print(m, &x.out);
    } else {
        require_static(o, m);
        Machine machine = machine_of(o->cpu, 0);
        const Plan *p = plan_make(m, &machine);
        if (strcmp(o->emit, "plan") == 0)
            plan_print(p, &x.out);
        else
            emit_code(o, p, &x.out);
    }
    put_file(o->job, o->out ? o->out : "-", &x.out);
    return EXIT_DONE;
}
