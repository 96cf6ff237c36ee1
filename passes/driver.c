/* Runs pipelines of passes. */
#include "passes/pass.h"

static const PassInfo passes[] = {
#define PASS(name, help) {#name, help, pass_##name},
#include "passes/passes.def"
#undef PASS
};

enum { FIX_BOUND = 32 }; /* rounds of fix(); the rules end by themselves long before */

int passes_count(void)
{
    return (int)COUNT(passes);
}
const PassInfo *passes_at(int i)
{
    return &passes[i];
}

const char *passes_default_pipeline(void)
{
    return "guard,fix(simplify,fold,cse,control,dce),project,hoist,dilate,permute,fix(simplify,fold,cse,dce),"
           "sink,bn,groups,padfold,padsplit,winograd,panel,narrow,"
           "fix(simplify,fold,cse,dce),hoist,init,dce,attention,fuse,chain,place,layout";
}

typedef struct {
    Module *m;
    const PassOptions *opt;
    PassCx cx;
} Driver;

static bool run_pass(Driver *d, int k)
{
    Module *m = d->m;
    const PassInfo *p = &passes[k];
    job_tick(m->job);
    int64_t t = now_ns();
    bool changed = p->run(m, &d->cx);
    if (d->opt->times) {
        PassTime *row = &d->opt->times[k];
        row->name = p->name;
        row->ns += now_ns() - t;
        row->runs++;
        row->changed += changed;
    }
    job_stop_on_errors(m->job);
    if (changed && d->opt->verify) {
        Str why = {0};
        if (!ir_verify(m, &why)) {
            const char *text = job_strndup(m->job, str_text(&why), why.n);
            str_free(&why);
            job_bug(m->job, "pass '%s' broke the IR: %s", p->name, text);
        }
        str_free(&why);
    }
    if (d->opt->after) d->opt->after(d->opt->after_arg, m, p->name, changed);
    return changed;
}

static _Noreturn void bad(Driver *d, const char *fmt, const char *text, size_t n)
{
    Str s = {0};
    for (int i = 0; i < passes_count(); i++) str_printf(&s, "%s%s", i ? ", " : "", passes[i].name);
    job_error(d->m->job, fmt, (int)n, text, str_text(&s));
    str_free(&s);
    job_stop_on_errors(d->m->job);
    job_fail(d->m->job, JITC_E_INTERNAL);
}

static size_t word(const char *s)
{
    return strcspn(s, "(), \t\n");
}

/* One list, up to its ')' or the end; only checked when `run` is false. */
static const char *list(Driver *d, const char *s, bool run, bool *changed, int depth)
{
    for (;;) {
        s += strspn(s, " \t\n,");
        if (!*s || *s == ')') return s;
        size_t n = word(s);
        if (n == 3 && memcmp(s, "fix", 3) == 0 && s[3] == '(') {
            const char *end = s;
            if (depth > 4) bad(d, "pipeline: '%.*s' is nested too deeply; the passes are: %s", s, 3);
            for (int i = 0; i < FIX_BOUND; i++) {
                bool again = false;
                end = list(d, s + 4, run, &again, depth + 1);
                *changed |= again;
                if (!again) break;
            }
            if (*end != ')') bad(d, "pipeline: '%.*s' has no closing parenthesis; the passes are: %s", s, 3);
            s = end + 1;
            continue;
        }
        int k = 0;
        while (k < passes_count() && (strlen(passes[k].name) != n || memcmp(passes[k].name, s, n) != 0)) k++;
        if (k == passes_count())
            bad(d, "pipeline: no pass is called '%.*s'; the passes are: %s", s, n ? n : 1);
        if (run) *changed |= run_pass(d, k);
        s += n;
    }
}

void passes_run(Module *m, const char *pipeline, const PassOptions *opt)
{
    static const PassOptions none;
    Driver d = {.m = m, .opt = opt ? opt : &none};
    d.cx = (PassCx){m->job, d.opt};
    for (int run = 0; run < 2; run++) {
        bool changed = false;
        const char *end = list(&d, pipeline, run, &changed, 0);
        if (*end) bad(&d, "pipeline: unexpected '%.*s'; the passes are: %s", end, 1);
    }
}
