/* Runs the golden cases of this folder through the public API and compares every output with TensorFlow's.
 *
 *     run_goldens [--cpu LEVEL] [--threads N] [--layout WAY] [--general | --aot | --objects TARGET | --far]
 *                 [--quick] [--every N] [--verbose] FOLDER [OP | OP/VARIANT ...]
 *
 * --general: with code for all sizes. --aot: as object files that are loaded. --objects: as object files for
 * another system, which are read only; --far: and run by a driver, see tests/run_far.h. --layout: how images
 * lie. --quick: LLVM compiles quickly and kernels are remembered, where it is not the machine code that is
 * tested. --every N: each Nth case.
 *
 * After the first run, another one and one with tensors bound anew allocate nothing and, with one thread,
 * take no lock.
 *
 * FOLDER holds index.txt and one .npz per op (see make_goldens.py). A case passes when every output has the
 * golden's type and shape and each element is off by at most rtol * |golden| + atol; of what TensorFlow
 * refuses, when loading or the run fails with the given words. Exit status 1 when a case fails. */
#include <math.h>
#include <stdlib.h>

#include "runtime/npz.h"
#include "tests/memo.h"
#include "tests/quiet.h"
#include "tests/run_aot.h"

enum { MAX_TENSORS = 16, MAX_NAME = 128 };

typedef struct {
    jitc_options options;
    bool general, aot, quick;
    Far far;        /* of --objects and --far */
    bool only_read; /* the last case: compiled, but nothing could run it, or its answers are other ones there
                     */
    int every, seen;
    bool verbose;
    int passed, failed, ngeneral, nread;
} Runner;

typedef struct {
    const char *name; /* "Conv2D/k3_same" */
    double rtol, atol;
    const jitc_tensor *graph;
    const char *in_names[MAX_TENSORS], *out_names[MAX_TENSORS];
    const jitc_tensor *ins[MAX_TENSORS], *outs[MAX_TENSORS];
    size_t nins, nouts;
    const jitc_tensor *refused; /* words of the error that is wanted; NULL: none is */
} Case;

static int64_t elements(const jitc_tensor *t)
{
    int64_t n = 1;
    for (int32_t i = 0; i < t->rank; i++) n *= t->shape[i];
    return n;
}

static double half(uint16_t h)
{
    double man = h & 0x3ff, exp = h >> 10 & 31;
    double v = exp == 31 ? (man ? NAN : INFINITY) : exp ? ldexp(man + 0x400, (int)exp - 25) : ldexp(man, -24);
    return h & 0x8000 ? -v : v;
}

static double element(const jitc_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case JITC_FLOAT16: return half(((const uint16_t *)t->data)[i]);
    case JITC_FLOAT32: return ((const float *)t->data)[i];
    case JITC_FLOAT64: return ((const double *)t->data)[i];
    default: return 0;
    }
}

/* "" when got is want within the tolerance. */
static void compare(const Case *c, const char *name, const jitc_tensor *got, const jitc_tensor *want,
                    Str *why)
{
    if (got->dtype != want->dtype) {
        const char *g = jitc_dtype_name(got->dtype), *w = jitc_dtype_name(want->dtype);
        str_printf(why, "%s: type %s, golden %s", name, g ? g : "?", w ? w : "?");
        return;
    }
    bool same = got->rank == want->rank;
    for (int32_t i = 0; same && i < want->rank; i++) same = got->shape[i] == want->shape[i];
    if (!same) {
        str_printf(why, "%s: shape [", name);
        for (int32_t i = 0; i < got->rank; i++)
            str_printf(why, "%s%lld", i ? "," : "", (long long)got->shape[i]);
        str_put(why, "], golden [");
        for (int32_t i = 0; i < want->rank; i++)
            str_printf(why, "%s%lld", i ? "," : "", (long long)want->shape[i]);
        str_put(why, "]");
        return;
    }

    int64_t n = elements(want), wrong = 0, first = 0;
    bool pairs = want->dtype == JITC_COMPLEX64 || want->dtype == JITC_COMPLEX128;
    jitc_tensor g_parts = *got, w_parts = *want;
    if (pairs) {
        g_parts.dtype = w_parts.dtype = want->dtype == JITC_COMPLEX64 ? JITC_FLOAT32 : JITC_FLOAT64;
        got = &g_parts, want = &w_parts;
        n *= 2;
    }
    bool real = want->dtype == JITC_FLOAT32 || want->dtype == JITC_FLOAT64 || want->dtype == JITC_FLOAT16;
    size_t size = jitc_dtype_size(want->dtype);
    double tiny = want->dtype == JITC_FLOAT64 ? 2.3e-308 : 1.2e-38; /* TensorFlow flushes denormals to zero */
    for (int64_t i = 0; i < n; i++) {
        bool ok;
        if (real) {
            double g = element(got, i), w = element(want, i);
            if (isnan(g) || isnan(w))
                ok = isnan(g) && isnan(w);
            else if (isinf(g) || isinf(w))
                ok = g == w;
            else
                ok = g == w || fabs(g - w) <= c->rtol * (pairs ? hypot(w, element(want, i ^ 1)) : fabs(w)) +
                                                  c->atol + tiny;
        } else {
            size_t at = (size_t)i * size;
            ok = memcmp((const char *)got->data + at, (const char *)want->data + at, size) == 0;
        }
        if (!ok && wrong++ == 0) first = i;
    }
    if (wrong == 0) return;
    str_printf(why, "%s: %lld of %lld elements wrong, the first at %lld", name, (long long)wrong,
               (long long)n, (long long)first);
    if (real) str_printf(why, ": %.9g, golden %.9g", element(got, first), element(want, first));
}

static bool load_case(const Case *c, const jitc_options *options, jitc_program **program, Str *why)
{
    jitc_error *error = NULL;
    if (jitc_program_load_memory(c->graph->data, (size_t)elements(c->graph), options, program, &error) ==
        JITC_OK)
        return true;
    str_printf(why, "load: %s", error ? jitc_error_text(error) : "no reason given");
    jitc_error_free(error);
    return false;
}

/* RISC-V computes with denormals, which are zeros everywhere else, TensorFlow's answers included. */
static bool counts_denormals(const Runner *r, const Case *c)
{
    if (!r->far.target || strncmp(r->far.target, "riscv64", 7) != 0) return false;
    for (size_t k = 0; k < c->nins; k++) {
        const jitc_tensor *t = c->ins[k];
        for (int64_t i = 0, n = elements(t); i < n; i++)
            if ((t->dtype == JITC_FLOAT32 && fpclassify(((const float *)t->data)[i]) == FP_SUBNORMAL) ||
                (t->dtype == JITC_FLOAT64 && fpclassify(((const double *)t->data)[i]) == FP_SUBNORMAL))
                return true;
    }
    return false;
}

/* Ahead of time: with open dimensions where the graph has them, and where that cannot be, for the sizes of
 * the inputs, as a user would with --shape. */
static void run_case_aot(Runner *r, const Case *c, Str *why)
{
    for (int fixed = 0; fixed < 2; fixed++) {
        jitc_options options = r->options;
        jitc_shape shapes[MAX_TENSORS];
        jitc_tensor out[MAX_TENSORS] = {0};
        options.flags |= JITC_LAZY;
        options.cpu = NULL;
        options.outputs = c->out_names;
        options.noutputs = c->nouts;
        options.shapes = shapes;
        for (size_t i = 0; i < c->nins; i++) {
            if (!fixed && c->ins[i]->dtype != JITC_STRING) continue;
            jitc_shape *s = &shapes[options.nshapes++];
            *s = (jitc_shape){.name = c->in_names[i], .rank = c->ins[i]->rank};
            memcpy(s->dim, c->ins[i]->shape, sizeof s->dim);
        }
        jitc_program *program = NULL;
        why->n = 0;
        if (!load_case(c, &options, &program, why)) return;
        const jitc_tensor *in[MAX_TENSORS] = {0};
        for (size_t i = 0; i < jitc_program_input_count(program); i++)
            for (size_t k = 0; k < c->nins; k++)
                if (strcmp(jitc_program_input(program, i)->name, c->in_names[k]) == 0) in[i] = c->ins[k];
        bool open = !program_is_static(program);
        bool runs = true;
        AotWay way = {r->options.cpu, r->options.threads > 1, r->far.target ? &r->far : NULL, &runs};
        bool ran = run_aot(program, &way, in, jitc_program_input_count(program), out, c->nouts, why);
        if (ran && counts_denormals(r, c)) runs = false;
        bool answers = ran && runs && !c->refused;
        for (size_t i = 0; answers && i < c->nouts && !why->n; i++)
            compare(c, c->out_names[i], &out[i], c->outs[i], why);
        for (size_t i = 0; i < c->nouts; i++) free(out[i].data);
        jitc_program_free(program);
        r->ngeneral += ran && open;
        r->only_read = ran && !runs;
        if (ran || !open) return;
    }
}

/* One more run as the last one, then one with tensors that are bound anew. */
static void check_quiet(const Case *c, jitc_exec *exec, int threads, Str *why)
{
    quiet_begin();
    jitc_status status = jitc_exec_run(exec);
    for (size_t i = 0; !status && i < c->nins; i++) status = jitc_exec_bind(exec, c->in_names[i], c->ins[i]);
    if (!status) status = jitc_exec_run(exec);
    Quiet q = quiet_end();
    if (status)
        str_printf(why, "a later run: %s", jitc_exec_error(exec));
    else if (q.allocations || (threads == 1 && q.locks))
        str_printf(why, "later runs: %ld allocations and %ld locks, the first by %s", q.allocations, q.locks,
                   q.first);
}

static void run_case(Runner *r, const Case *c, Str *why)
{
    jitc_options options = r->options;
    options.outputs = c->out_names;
    options.noutputs = c->nouts;
    jitc_program *program = NULL;
    if (!load_case(c, &options, &program, why)) return;
    if (r->general) program_generalise(program);
    jitc_exec *exec = NULL;
    if (jitc_exec_new(program, &exec) != JITC_OK) {
        str_put(why, "jitc_exec_new failed");
        jitc_program_free(program);
        return;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < c->nins; i++)
        ok = jitc_exec_bind(exec, c->in_names[i], c->ins[i]) == JITC_OK;
    if (!ok || jitc_exec_run(exec) != JITC_OK)
        str_printf(why, "%s: %s", ok ? "run" : "bind", jitc_exec_error(exec));
    for (size_t i = 0; why->n == 0 && !c->refused && i < c->nouts; i++) {
        jitc_tensor got;
        if (jitc_exec_output(exec, i, &got) != JITC_OK)
            str_printf(why, "%s: %s", c->out_names[i], jitc_exec_error(exec));
        else
            compare(c, c->out_names[i], &got, c->outs[i], why);
    }
    if (why->n == 0 && !c->refused) check_quiet(c, exec, options.threads, why);
    r->ngeneral += exec_is_general(exec);
    jitc_exec_free(exec);
    jitc_program_free(program);
}

/* `why` becomes empty when it is the error that is wanted. */
static void judge_refusal(const Case *c, Str *why)
{
    char words[256];
    snprintf(words, sizeof words, "%.*s", (int)elements(c->refused), (const char *)c->refused->data);
    bool wanted = why->n > 0 && strstr(str_text(why), words) != NULL;
    if (why->n == 0) str_put(why, "it ran");
    if (wanted)
        why->n = 0;
    else
        str_printf(why, "; wanted: %s", words);
}

/* Picks the members "VARIANT/graph", "VARIANT/in/…", and "VARIANT/out/…" or "VARIANT/refused/…". */
static bool find_members(const NpzFile *file, const char *variant, Case *c)
{
    size_t n = strlen(variant);
    for (size_t i = 0; i < file->n; i++) {
        const NpzMember *m = &file->at[i];
        if (strncmp(m->name, variant, n) != 0 || m->name[n] != '/') continue;
        const char *kind = m->name + n + 1;
        if (strcmp(kind, "graph") == 0) {
            c->graph = &m->value;
        } else if (strncmp(kind, "in/", 3) == 0 && c->nins < MAX_TENSORS) {
            c->in_names[c->nins] = kind + 3;
            c->ins[c->nins++] = &m->value;
        } else if (strncmp(kind, "out/", 4) == 0 && c->nouts < MAX_TENSORS) {
            c->out_names[c->nouts] = kind + 4;
            c->outs[c->nouts++] = &m->value;
        } else if (strncmp(kind, "refused/", 8) == 0 && c->nouts < MAX_TENSORS) {
            c->out_names[c->nouts++] = kind + 8;
            c->refused = &m->value;
        }
    }
    return c->graph && c->graph->dtype == JITC_UINT8 && c->nouts > 0;
}

static bool chosen(const char *name, char **names, int n)
{
    for (int i = 0; i < n; i++) {
        size_t len = strlen(names[i]);
        if (strncmp(name, names[i], len) == 0 && (name[len] == '/' || name[len] == 0)) return true;
    }
    return n == 0;
}

static int usage(void)
{
    fputs("usage: run_goldens [--cpu LEVEL] [--threads N] [--layout WAY] "
          "[--general | --aot | --objects TARGET | --far] [--quick] "
          "[--every N] [--verbose] FOLDER [OP | OP/VARIANT ...]\n",
          stderr);
    return 2;
}

static int run_index(Runner *r, const char *folder, char **names, int nnames)
{
    char path[4096], open_op[MAX_NAME] = "", name[MAX_NAME];
    NpzFile file = {0};
    snprintf(path, sizeof path, "%s/index.txt", folder);
    FILE *index = fopen(path, "r");
    if (!index) {
        fprintf(stderr, "run_goldens: cannot read %s\n", path);
        return 2;
    }
    Case c = {.name = name};
    while (fscanf(index, "%127s %lf %lf", name, &c.rtol, &c.atol) == 3) {
        char *slash = strchr(name, '/');
        if (!slash || !chosen(name, names, nnames) || r->seen++ % r->every) continue;
        Str why = {0};
        char *reason = NULL;
        size_t op = (size_t)(slash - name);
        if (strlen(open_op) != op || strncmp(open_op, name, op) != 0) {
            npz_free(&file);
            snprintf(open_op, sizeof open_op, "%.*s", (int)op, name);
            snprintf(path, sizeof path, "%s/%s.npz", folder, open_op);
            if (npz_read(path, &file, &reason) != JITC_OK) str_put(&why, reason ? reason : "out of memory");
        }
        c.graph = NULL;
        c.nins = c.nouts = 0;
        c.refused = NULL;
        r->only_read = false;
        if (why.n == 0) {
            if (!find_members(&file, slash + 1, &c))
                str_put(&why, "the .npz does not hold this case");
            else if (r->aot)
                run_case_aot(r, &c, &why);
            else
                run_case(r, &c, &why);
            if (c.refused && (why.n || !r->only_read)) judge_refusal(&c, &why);
            r->nread += r->only_read;
        }
        if (why.n) {
            r->failed++;
            printf("FAIL %s: %s\n", name, str_text(&why));
        } else {
            r->passed++;
            if (r->verbose) printf("ok   %s\n", name);
        }
        fflush(stdout);
        if (r->quick) memo_trim();
        free(reason);
        str_free(&why);
    }
    npz_free(&file);
    fclose(index);
    if (r->nread) printf("%d only read, not run\n", r->nread);
    if (r->general || r->aot) printf("%d with code for all sizes\n", r->ngeneral);
    printf("%d passed, %d failed\n", r->passed, r->failed);
    return r->failed > 0 || r->passed == 0;
}

int main(int argc, char **argv)
{
    Runner r = {.options = JITC_OPTIONS_INIT, .every = 1};
    r.options.tuning = ""; /* the same wherever they run */
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--verbose") == 0) {
            r.verbose = true;
        } else if (strcmp(argv[i], "--general") == 0) {
            r.general = true;
        } else if (strcmp(argv[i], "--aot") == 0) {
            r.aot = true;
        } else if (strcmp(argv[i], "--far") == 0) {
            r.aot = true;
            if (!far_from_environment(&r.far)) return usage();
        } else if (strcmp(argv[i], "--objects") == 0 && i + 1 < argc) {
            r.aot = true;
            r.far = (Far){.target = argv[++i]};
        } else if (strcmp(argv[i], "--quick") == 0) {
            if (!memo_install()) return 2;
            memo_quick(true);
            r.quick = true;
        } else if (strcmp(argv[i], "--every") == 0 && i + 1 < argc) {
            r.every = atoi(argv[++i]);
            if (r.every < 1) return usage();
        } else if (strcmp(argv[i], "--cpu") == 0 && i + 1 < argc) {
            r.options.cpu = argv[++i];
        } else if (strcmp(argv[i], "--layout") == 0 && i + 1 < argc) {
            r.options.layout = argv[++i];
        } else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc) {
            r.options.threads = atoi(argv[++i]);
        } else {
            return usage();
        }
    }
    if (i == argc) return usage();
    return run_index(&r, argv[i], argv + i + 1, argc - i - 1);
}
