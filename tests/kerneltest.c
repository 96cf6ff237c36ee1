/* Kernels against the evaluator: every text under the given folder is compiled for several instruction sets,
 * run on random operands between guard pages, whole and in shares, and compared with the region's evaluation.
 *
 *     kerneltest FOLDER-OR-FILE…
 *
 * A file is a kernel text, then one line per run:
 *     # run dims=3,70,4 units=2 scratch=0 rtol=1e-5 fail=2 in1=0..5 special
 * dims: the spec's dims. in1: the range of operand 1's numbers. special: operands hold NaN, infinities and
 * zeros. roots=1: operand 1 holds the roots of unity. rows0=1: result 0 has only as many rows as result 1
 * says. A routine's units and scratch are what its op says. fail: the element that the kernel must report.
 * What stands after `# reference` (without the leading
 * "# ") is evaluated instead of the kernel's own region; in both ?name is replaced by `name=…` of the run, in
 * a map ?d3, in a kernel of loops ?s3 by its dims. Such a kernel of loops is compiled with these numbers as
 * well (of one target per run), and must give the same bits. */
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "codegen/plan/spec.h"
#include "ir/ir.h"
#include "runtime/fpmode.h"
#include "runtime/jitc_internal.h"
#include "tests/compile.h"

enum { PAGE = 4096, TARGETS = 3, PTRS = 64, DIMS = 40 };
static const char *const targets[TARGETS] = {"x86-64", "x86-64-v3", "x86-64-v4"};
static int failures, checks;
static bool verbose;

/* -- Memory between guard pages --------------------------------------------------------------------- */
typedef struct {
    uint8_t *map, *data;
    size_t size, mapped;
} Guarded;

/* The data ends (or starts) where the next page must not be touched. */
static Guarded guarded(size_t size, bool at_end)
{
    size_t body = (size + 63) / 64 * 64;
    body = (body + PAGE - 1) / PAGE * PAGE + (body ? 0 : PAGE);
    Guarded g = {.size = size, .mapped = body + 2 * PAGE};
    g.map = mmap(NULL, g.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.map == MAP_FAILED) abort();
    mprotect(g.map, PAGE, PROT_NONE);
    mprotect(g.map + PAGE + body, PAGE, PROT_NONE);
    g.data = g.map + PAGE + (at_end ? body - size : 0);
    memset(g.map + PAGE, 0xc5, body);
    return g;
}

static bool intact(const Guarded *g)
{
    for (const uint8_t *p = g->map + PAGE; p < g->map + g->mapped - PAGE; p++)
        if ((p < g->data || p >= g->data + g->size) && *p != 0xc5) return false;
    return true;
}

static void release(Guarded *g)
{
    munmap(g->map, g->mapped);
}

/* -- Runs ------------------------------------------------------------------------------------------- */
typedef struct {
    int64_t dims[DIMS], units, scratch, lo[PTRS], hi[PTRS];
    uint64_t fail;
    int ndims, number;
    double rtol, atol;
    bool ranged[PTRS], special;
    int roots;          /* the operand that holds roots of unity; 0: none */
    int count_of[PTRS]; /* result, plus 1, that says how many rows a result has */
    const char *line;
} Run;

static Run parse_run(const char *line)
{
    Run r = {.units = -1, .fail = UINT64_MAX, .rtol = 2e-6, .atol = 1e-6, .line = line};
    const char *eol = strchr(line, '\n');
    char *copy = eol ? strndup(line, (size_t)(eol - line)) : strdup(line), *save = NULL;
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        int k;
        long long a, b;
        if (!strncmp(w, "dims=", 5)) {
            for (char *p = w + 5; *p; p += *p == ',') r.dims[r.ndims++] = strtoll(p, &p, 10);
        } else if (sscanf(w, "in%d=%lld..%lld", &k, &a, &b) == 3 && k < PTRS) {
            r.ranged[k] = true;
            r.lo[k] = a, r.hi[k] = b;
        } else if (sscanf(w, "rows%d=%lld", &k, &a) == 2 && k < PTRS) {
            r.count_of[k] = (int)a + 1;
        } else if (!strncmp(w, "roots=", 6)) {
            r.roots = atoi(w + 6);
        } else if (!strncmp(w, "units=", 6)) {
            r.units = atoll(w + 6);
        } else if (!strncmp(w, "scratch=", 8)) {
            r.scratch = atoll(w + 8);
        } else if (!strncmp(w, "fail=", 5)) {
            r.fail = (uint64_t)atoll(w + 5);
        } else if (!strncmp(w, "rtol=", 5)) {
            r.rtol = atof(w + 5);
        } else if (!strncmp(w, "atol=", 5)) {
            r.atol = atof(w + 5);
        } else if (!strcmp(w, "special")) {
            r.special = true;
        }
    }
    free(copy);
    return r;
}

/* The text with ?name replaced by the run's name=number, and ?d3, ?s3 by its dims. */
static void substitute(Str *s, const char *text, size_t n, const Run *r)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] != '?') {
            str_putn(s, &text[i], 1);
            continue;
        }
        size_t end = i + 1;
        while (end < n && (text[end] == '_' || (text[end] >= '0' && text[end] <= '9') ||
                           (text[end] >= 'a' && text[end] <= 'z')))
            end++;
        char name[32];
        int len = snprintf(name, sizeof name, " %.*s=", (int)(end - i - 1), text + i + 1), k;
        const char *at = strstr(r->line, name), *eol = strchr(r->line, '\n');
        if (at && (!eol || at < eol))
            str_printf(s, "%lld", atoll(at + len));
        else if ((sscanf(name, " d%d=", &k) == 1 || sscanf(name, " s%d=", &k) == 1) && k < r->ndims)
            str_printf(s, "%lld", (long long)r->dims[k]);
        else
            str_printf(s, "1");
        i = end - 1;
    }
}

static uint64_t rng;
static double uniform(void)
{
    uint64_t z = rng += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* Complex numbers as pairs of floats. */
static Tensor parts(const Tensor *t)
{
    Tensor p = *t;
    if (t->type.dtype != JITC_COMPLEX64 && t->type.dtype != JITC_COMPLEX128) return p;
    int64_t n = 2 * type_numel(&t->type);
    p.type = type_make(t->type.dtype == JITC_COMPLEX64 ? JITC_FLOAT32 : JITC_FLOAT64, 1, &n);
    return p;
}

static void fill(const Tensor *whole, const Run *r, int k)
{
    Tensor p = parts(whole), *t = &p;
    static const double special[] = {NAN,  INFINITY, -INFINITY, 0,   -0.0, 1,    -1,
                                     1e30, -1e30,    1e-30,     0.5, -0.5, 88.5, -88};
    const size_t nspecial = COUNT(special);
    int64_t n = type_numel(&t->type);
    bool floats = dtype_is_float(t->type.dtype);
    for (int64_t i = 0; i < n; i++) {
        double v = (uniform() + uniform() + uniform() - 1.5) * 2;
        int64_t pair = i / 2, pairs = n / 2;
        double turn = 2 * 3.14159265358979323846 * (double)pair / (double)pairs;
        if (r->ranged[k]) v = (double)r->lo[k] + uniform() * (double)(r->hi[k] - r->lo[k]);
        if (r->special && floats && uniform() < 0.3) v = special[(int)(uniform() * (double)nspecial)];
        if (r->roots && k == r->roots) v = i % 2 ? -sin(turn) : cos(turn);
        if (floats)
            tensor_set_f(t, i, v);
        else if (t->type.dtype == JITC_BOOL)
            tensor_set_i(t, i, v > 0);
        else if (r->ranged[k])
            tensor_set_i(t, i,
                         (int64_t)floor((double)r->lo[k] + uniform() * (double)(r->hi[k] - r->lo[k] + 1)));
        else if (r->special && uniform() < 0.3)
            tensor_set_i(t, i, (int64_t)((uint64_t)1 << (int)(uniform() * 64)));
        else
            tensor_set_i(t, i, (int64_t)(v * 6) - (dtype_is_signed(t->type.dtype) ? 0 : -20));
    }
}

/* As it lies in memory: panels of 16 columns, zeros behind the last. */
static void pack(const Tensor *t, uint8_t *dst)
{
    const Type *ty = &t->type;
    size_t size = dtype_size(ty->dtype);
    const uint8_t *src = t->data;
    memset(dst, 0, (size_t)type_bytes(ty));
    for (int64_t i = 0, n = type_numel(ty); i < n; i++)
        memcpy(dst + (size_t)type_place(ty, i) * size, src + (size_t)i * size, size);
}

/* `body` has numbers for all sizes; how units are counted depends on what the text has. */
static int64_t units_of(Job *job, const char *text, size_t ntext, const Region *body, const Run *r)
{
    const Type *t = &ir_terminator(body)->in[0]->type;
    if (r->units >= 0) return r->units;
    if (strstr(text, "#algo=map")) {
        int rank = r->ndims - 1;
        int64_t rows = 1;
        for (int d = 0; d < (rank == 1 ? 1 : rank - 1); d++) rows *= r->dims[d];
        return ceil_div(rows, r->dims[rank]);
    }
    if (strstr(text, "#algo=routine")) {
        const Op *op = body->first;
        int outer = op->def->outer ? op->def->outer(op) : 0;
        int64_t n = 1;
        for (int d = 0; d < outer; d++) n *= op->out[0]->type.dim[d];
        return n;
    }
    if (strstr(text, "cumsum")) return 1;
    if (strstr(text, "softmax") && t->rank == 1) return 1;
    const Module *own = ir_parse(job, text, ntext);
    if (!own) job_fail(job, JITC_E_INVALID);
    if (spec_is_flat(own->funcs->body)) return ceil_div(type_numel(t), FLAT_UNIT);
    return t->dim[t->rank - 1] ? type_numel(t) / t->dim[t->rank - 1] : 0;
}

static uint64_t call(kernel_fn *fn, const Run *r, Guarded *ptr, int nptr, int64_t units, bool split)
{
    void *p[PTRS];
    for (int i = 0; i < nptr; i++) p[i] = ptr[i].data;
    size_t scratch_size = (size_t)(r->scratch + 63) / 64 * 64;
    Guarded scratch = guarded(scratch_size, true);
    jitc_run run = {.fail = UINT64_MAX, .backward = split};
    FpMode mode = fp_enter();
    if (!split) {
        fn(&run, p, r->dims, 0, units, scratch.data);
    } else {
        for (int64_t i = 3; i-- > 0;) fn(&run, p, r->dims, units * i / 3, units * (i + 1) / 3, scratch.data);
    }
    fp_leave(mode);
    release(&scratch);
    return run.fail;
}

static void complain(const char *file, const char *target, const Run *r, const char *what)
{
    int n = (int)strcspn(r->line, "\n");
    printf("FAIL %s [%s] %.*s: %s\n", file, target, n, r->line, what);
    failures++;
}

/* The first difference, or NULL. */
static const char *differs(int result, const Tensor *wanted, const Tensor *gotten, const Run *r,
                           double *worst)
{
    Tensor a = parts(wanted), b = parts(gotten), *want = &a, *got = &b;
    static char why[160];
    for (int64_t i = 0, n = type_numel(&want->type); i < n; i++) {
        if (!dtype_is_float(want->type.dtype)) {
            if (tensor_i(want, i) == tensor_i(got, i)) continue;
            snprintf(why, sizeof why, "result %d, element %lld is %lld, not %lld", result, (long long)i,
                     (long long)tensor_i(got, i), (long long)tensor_i(want, i));
            return why;
        }
        double w = tensor_f(want, i), v = tensor_f(got, i);
        if ((isnan(w) && isnan(v)) || w == v) continue;
        double error = fabs(w - v), limit = r->rtol * fabs(w) + r->atol;
        if (error <= limit && isfinite(w)) {
            if (error / limit > *worst) *worst = error / limit;
            continue;
        }
        snprintf(why, sizeof why, "result %d, element %lld is %.9g, not %.9g", result, (long long)i, v, w);
        return why;
    }
    return NULL;
}

/* What is to be compared of a result. */
static Tensor part(const Run *r, const Tensor *all, int i)
{
    Tensor t = all[i];
    if (r->count_of[i]) t.type.dim[0] = min_i64(t.type.dim[0], tensor_i(&all[r->count_of[i] - 1], 0));
    return t;
}

static void unpack(const Guarded *g, const Type *t, Tensor *out)
{
    size_t size = dtype_size(t->dtype);
    Type ty = out->type;
    ty.layout = t->layout;
    for (int64_t i = 0, n = type_numel(&ty); i < n; i++)
        memcpy((char *)out->data + (size_t)i * size, g->data + (size_t)type_place(&ty, i) * size, size);
}

typedef struct {
    const Codegen *cg;
    const char *file, *text, *reference;
    size_t ntext, nreference;
} Case;

/* The operands in memory, and room for the results. */
static void place(Guarded *ptr, const Tensor *in, const Tensor *want, int nin, int nout, bool at_end)
{
    for (int i = 0; i < nin + nout; i++) {
        const Type *ty = i < nin ? &in[i].type : &want[i - nin].type;
        ptr[i] = guarded((size_t)type_bytes(ty), at_end || ty->layout != LAYOUT_PLAIN);
        if (i >= nin) continue;
        if (ty->layout != LAYOUT_PLAIN)
            pack(&in[i], ptr[i].data);
        else
            memcpy(ptr[i].data, in[i].data, ptr[i].size);
    }
}

static bool same_bits(const Tensor *a, const Tensor *b)
{
    Type plain = a->type;
    plain.layout = LAYOUT_PLAIN;
    size_t size = dtype_size(a->type.dtype);
    for (int64_t i = 0, n = type_numel(&plain); i < n; i++) {
        const char *x = (const char *)a->data + (size_t)i * size,
                   *y = (const char *)b->data + (size_t)i * size;
        bool floats = dtype_is_float(a->type.dtype);
        if (memcmp(x, y, size) != 0 && !(floats && isnan(tensor_f(a, i)) && isnan(tensor_f(b, i))))
            return false;
    }
    return true;
}

/* The kernel of numbers, where that with symbols gave `got`. */
static void run_static(Job *job, const Case *c, const Run *r, int target, const Tensor *in, int nin,
                       const Tensor *got, int nout, const Region *body)
{
    Str s = {0};
    Guarded ptr[PTRS];
    substitute(&s, c->text, c->ntext, r);
    CodegenTarget t = {.cpu = targets[target], .features = ""};
    CodegenKernel k = {.text = str_text(&s), .size = s.n, .name = c->file};
    char *why;
    Image *code = compile_here(c->cg, &t, &k, 1, 1, &why);
    int64_t units = units_of(job, str_text(&s), s.n, body, r);
    str_free(&s);
    if (!code) {
        complain(c->file, targets[target], r, why ? why : "out of memory");
        free(why);
        return;
    }
    place(ptr, in, got, nin, nout, true);
    call(kernel_here(code, 0), r, ptr, nin + nout, units, false);
    for (int i = 0; i < nout; i++) {
        Tensor own = tensor_new(job, &got[i].type);
        unpack(&ptr[nin + i], &got[i].type, &own);
        checks++;
        if (!same_bits(&own, &got[i])) complain(c->file, targets[target], r, "numbers give other bits");
    }
    for (int i = 0; i < nin + nout; i++) release(&ptr[i]);
    image_free(code);
}

static void run_case(Job *job, const Case *c, const Run *r, kernel_fn *const *fn, const bool *usable)
{
    Str s = {0};
    substitute(&s, c->reference ? c->reference : c->text, c->reference ? c->nreference : c->ntext, r);
    Module *m = ir_parse(job, str_text(&s), s.n);
    str_free(&s);
    if (!m) job_fail(job, JITC_E_INVALID);
    const Region *body = m->funcs->body;
    const Op *yield = ir_terminator(body);
    int nin = (int)body->nargs, nout = yield->nin;
    Tensor in[PTRS], want[PTRS];
    rng = hash_string(c->file) + (uint64_t)r->ndims;
    for (int i = 0; i < nin; i++) {
        in[i] = tensor_new(job, &body->args[i]->type);
        fill(&in[i], r, i);
    }
    ir_eval_region(m, body, in, want);
    int64_t units = units_of(job, c->text, c->ntext, body, r);
    Run own = *r; /* the scratch that a routine asks for */
    if (strstr(c->text, "#algo=routine") && body->first->def->scratch)
        own.scratch = body->first->def->scratch(m, body->first);
    r = &own;
    for (int t = 0; t < TARGETS; t++) {
        if (!usable[t]) continue;
        Tensor whole[PTRS];
        double worst = 0;
        for (int split = 0; split < 2; split++) {
            Guarded ptr[PTRS];
            place(ptr, in, want, nin, nout, !split);
            uint64_t fail = call(fn[t], r, ptr, nin + nout, units, split);
            checks++;
            if (fail != r->fail) {
                char what[80];
                snprintf(what, sizeof what, "reports %lld, not %lld", (long long)fail, (long long)r->fail);
                complain(c->file, targets[t], r, what);
            }
            for (int i = 0; i < nout; i++) {
                Tensor all = tensor_new(job, &want[i].type), right = part(r, want, i), got;
                unpack(&ptr[nin + i], &yield->in[i]->type, &all);
                got = all;
                got.type = right.type;
                const char *why = split ? NULL : differs(i, &right, &got, r, &worst);
                if (!intact(&ptr[nin + i])) why = "writes out of bounds";
                Type plain = got.type;
                plain.layout = LAYOUT_PLAIN;
                if (split && memcmp(got.data, whole[i].data, (size_t)type_bytes(&plain)) != 0)
                    why = "shares give other bits";
                if (why) complain(c->file, targets[t], r, why);
                whole[i] = all;
            }
            for (int i = 0; i < nin + nout; i++) release(&ptr[i]);
        }
        bool has_symbols = strstr(c->text, "?s0") && strstr(c->text, "#algo=loops");
        if (has_symbols && t == r->number % TARGETS) run_static(job, c, r, t, in, nin, whole, nout, body);
        if (verbose)
            printf("  %s [%s] %.*s: %.2f of the tolerance\n", c->file, targets[t],
                   (int)strcspn(r->line, "\n"), r->line, worst);
    }
}

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f) return NULL;
    Str s = {0};
    char buf[4096];
    for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;) str_putn(&s, buf, n);
    fclose(f);
    char *text = strdup(str_text(&s));
    str_free(&s);
    return text;
}

static void run_file(const Codegen *cg, const char *path)
{
    char *text = read_all(path);
    if (!text) {
        printf("FAIL %s: cannot be read\n", path);
        failures++;
        return;
    }
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    char *runs = strstr(text, "# run"), *mark = strstr(text, "# reference"), *reference = NULL;
    Case c = {.cg = cg, .file = name, .text = text, .ntext = runs ? (size_t)(runs - text) : strlen(text)};
    if (mark) {
        Str s = {0};
        for (char *line = strchr(mark, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
            if (!strncmp(line + 1, "# ----", 6)) break;
            char *from = line + 1 + (strncmp(line + 1, "# ", 2) ? 0 : 2);
            str_putn(&s, from, strcspn(from, "\n"));
            str_put(&s, "\n");
        }
        c.reference = reference = strdup(str_text(&s));
        c.nreference = s.n;
        str_free(&s);
    }
    Image *image[TARGETS] = {NULL};
    kernel_fn *fn[TARGETS] = {NULL};
    bool usable[TARGETS] = {false};
    for (int t = 0; t < TARGETS; t++) {
        if (t == 1 && !__builtin_cpu_supports("avx2")) continue;
        if (t == 2 && !__builtin_cpu_supports("avx512f")) continue;
        CodegenTarget target = {.cpu = targets[t], .features = ""};
        CodegenKernel k = {.text = c.text, .size = c.ntext, .name = name};
        char *why;
        int64_t start = now_ns();
        image[t] = compile_here(cg, &target, &k, 1, 1, &why);
        if (!image[t]) {
            printf("FAIL %s [%s]: %s\n", name, targets[t], why ? why : "out of memory");
            failures++;
            free(why);
            continue;
        }
        if (verbose)
            printf("%s [%s]: %zu bytes, %.1f ms\n", name, targets[t], image[t]->size,
                   (double)(now_ns() - start) / 1e6);
        fn[t] = kernel_here(image[t], 0);
        usable[t] = true;
    }
    int number = 0;
    for (const char *line = runs; line && (!mark || line < mark); line = strstr(line + 1, "# run")) {
        Run r = parse_run(line);
        r.number = number++;
        Job job;
        job_init(&job, 0);
        if (JOB_ENTER(&job) == JITC_OK) {
            run_case(&job, &c, &r, fn, usable);
        } else {
            printf("FAIL %s: %s\n", name, job.diags ? job.diags->text : "unwound");
            failures++;
        }
        job_free(&job);
    }
    for (int t = 0; t < TARGETS; t++) image_free(image[t]);
    free(reference);
    free(text);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int main(int argc, char **argv)
{
    char *why;
    const Codegen *cg = plugin_open(&why);
    if (!cg) {
        fprintf(stderr, "kerneltest: %s\n", why ? why : "out of memory");
        free(why);
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (!strcmp(argv[i], "-v")) {
            verbose = true;
        } else if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            struct dirent **list;
            int n = scandir(argv[i], &list, NULL, by_name);
            for (int k = 0; k < n; k++) {
                char path[1024];
                snprintf(path, sizeof path, "%s/%s", argv[i], list[k]->d_name);
                size_t len = strlen(path);
                if (len > 4 && !strcmp(path + len - 4, ".jir")) run_file(cg, path);
                free(list[k]);
            }
            if (n >= 0) free(list);
        } else {
            run_file(cg, argv[i]);
        }
    }
    printf("%d checks, %d failures\n", checks, failures);
    return failures || !checks;
}
