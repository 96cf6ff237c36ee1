/* Outputs: to files, all or none; or shown. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "ir/ir.h"
#include "runtime/npy.h"

/* -- Files ------------------------------------------------------------------------------------------ */
static void check_place(Job *job, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            job_error(job, "%s: cannot write: Is a directory", path);
        else if (access(path, W_OK) != 0)
            job_error(job, "%s: cannot write: %s", path, strerror(errno));
        return;
    }
    const char *slash = strrchr(path, '/');
    const char *dir = !slash ? "." : slash == path ? "/" : job_strndup(job, path, (size_t)(slash - path));
    if (errno != ENOENT || access(dir, W_OK | X_OK) != 0)
        job_error(job, "%s: cannot write: %s", path, strerror(errno));
}

void outputs_check(Job *job, const Binding *b, const char *dir)
{
    for (uint32_t i = 0; i < b->out.n; i++)
        if (b->out.at[i].file) check_place(job, b->out.at[i].file);
    struct stat st;
    if (dir && mkdir(dir, 0777) != 0 && errno != EEXIST)
        job_error(job, "%s: cannot make the folder: %s", dir, strerror(errno));
    else if (dir && stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
        job_error(job, "%s: is not a folder", dir);
    if (job->nerrors) job_fail(job, JITC_E_IO);
}

const char *output_path(Job *job, const char *dir, const char *name, const Results *taken)
{
    enum { LONGEST = 200 }; /* file systems allow 255 bytes */
    char *base = job_strndup(job, name, strlen(name));
    for (unsigned char *p = (unsigned char *)base; *p; p++)
        if (*p < 0x21 || *p > 0x7e || strchr("/\\:*?\"<>|", *p)) *p = '_';
    if (base[0] == '.') base[0] = '_';
    bool cut = strlen(base) > LONGEST;
    if (cut) base[LONGEST] = 0;
    for (int serial = 1;; serial++) {
        const char *path = serial == 1 ? job_printf(job, "%s/%s.npy", dir, base)
                                       : job_printf(job, "%s/%s.%d.npy", dir, base, serial);
        bool clash = false;
        for (uint32_t i = 0; i < taken->n; i++)
            clash |= taken->at[i].file && strcmp(taken->at[i].file, path) == 0;
        if (!clash) return path;
    }
}

typedef struct {
    OutFile *at;
    uint32_t n;
} OpenFiles;

static void abort_files(void *files)
{
    OpenFiles *f = files;
    for (uint32_t i = 0; i < f->n; i++) outfile_abort(&f->at[i]);
    f->n = 0;
}

static void report(Job *job, char *why)
{
    if (!why) job_fail(job, JITC_E_NOMEM);
    job_error(job, "%s", why);
    free(why);
}

static size_t bytes_of(const jitc_tensor *t)
{
    size_t n = jitc_dtype_size(t->dtype);
    for (int i = 0; i < t->rank; i++) n *= (size_t)t->shape[i];
    return n;
}

/* All files are open at once. */
static void allow_open_files(uint32_t n)
{
    enum { OTHERS = 64 };
    struct rlimit limit;
    rlim_t want = 2 * (rlim_t)n + OTHERS; /* each with its folder */
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= want) return;
    limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Nothing appears under its name before everything has been written. */
void outputs_write(Job *job, const Results *r)
{
    OpenFiles *open = job_new(job, OpenFiles);
    open->at = job_array(job, OutFile, r->n + 1u);
    job_on_exit(job, abort_files, open);
    allow_open_files(r->n);
    char *why = NULL;
    for (uint32_t i = 0; i < r->n; i++) {
        const Result *x = &r->at[i];
        if (!x->file) continue;
        char header[NPY_HEADER_MAX];
        size_t head, size;
        if (!npy_header(&x->value, header, &head, &size)) {
            job_error(job, "%s: .npy has no type for '%s', %s", x->file, x->name,
                      jitc_dtype_name(x->value.dtype));
            continue;
        }
        OutFile *f = &open->at[open->n];
        if (outfile_open(f, x->file, &why) != JITC_OK) {
            report(job, why);
            continue;
        }
        open->n++;
        outfile_write(f, header, head);
        outfile_write(f, x->value.data, size);
        if (f->error) job_error(job, "%s: cannot write: %s", x->file, strerror(f->error));
    }
    if (job->nerrors) job_fail(job, JITC_E_IO);
    for (uint32_t i = 0; i < open->n; i++)
        if (outfile_close(&open->at[i], &why) != JITC_OK) {
            report(job, why);
            job_fail(job, JITC_E_IO);
        }
    open->n = 0;
}

/* -- Showing ---------------------------------------------------------------------------------------- */
static bool type_real(jitc_dtype t)
{
    return dtype_known((DType)t) && (dtype_is_float((DType)t) || dtype_is_int((DType)t) || t == JITC_BOOL);
}

static void put_range(Str *s, const Tensor *t, int64_t n)
{
    double least = INFINITY, most = -INFINITY, sum = 0;
    int64_t nans = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = dtype_is_float(t->type.dtype)  ? tensor_f(t, i)
                   : t->type.dtype == JITC_UINT64 ? (double)(uint64_t)tensor_i(t, i)
                                                  : (double)tensor_i(t, i);
        if (isnan(v)) {
            nans++;
            continue;
        }
        if (v < least) least = v;
        if (v > most) most = v;
        sum += v;
    }
    if (n > nans) {
        str_put(s, "min ");
        put_value(s, least);
        str_put(s, "  max ");
        put_value(s, most);
        str_put(s, "  mean ");
        put_value(s, sum / (double)(n - nans));
    }
    if (nans) str_printf(s, "%s%lld NaN", n > nans ? "  " : "", (long long)nans);
}

/* Of the first row of a vector of classes. */
static void put_top(Str *s, const Tensor *t, int indent)
{
    enum { TOP = 5, MOST_CLASSES = 100000 };
    const Type *type = &t->type;
    if (!dtype_is_float(type->dtype) || type->rank < 1 || type->rank > 2) return;
    int64_t n = type->dim[type->rank - 1], rows = type->rank == 2 ? type->dim[0] : 1;
    if (n < TOP || n > MOST_CLASSES || rows < 1) return;
    str_printf(s, "%*stop 5%s:", indent, "", rows > 1 ? " of row 0" : "");
    int64_t best[TOP];
    int count = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = tensor_f(t, i);
        int k = count;
        while (k && (isnan(tensor_f(t, best[k - 1])) ? !isnan(v) : v > tensor_f(t, best[k - 1]))) k--;
        if (k == TOP) continue;
        if (count < TOP) count++;
        memmove(best + k + 1, best + k, (size_t)(count - k - 1) * sizeof *best);
        best[k] = i;
    }
    for (int k = 0; k < count; k++) {
        str_printf(s, "%s %lld ", k ? " ·" : "", (long long)best[k]);
        put_value(s, tensor_f(t, best[k]));
    }
    str_put(s, "\n");
}

void outputs_show(Str *s, const Results *r)
{
    int names = 0, types = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        Str type = {0};
        put_type(&type, r->at[i].value.dtype, r->at[i].value.rank, r->at[i].value.shape);
        int w = name_width(r->at[i].name, 40);
        if (w > names) names = w;
        if ((int)type.n > types) types = (int)type.n;
        str_free(&type);
    }
    for (uint32_t i = 0; i < r->n; i++) {
        const Result *x = &r->at[i];
        Str type = {0};
        put_type(&type, x->value.dtype, x->value.rank, x->value.shape);
        put_name(s, x->name, names);
        str_printf(s, "  %-*s  ", types, str_text(&type));
        str_free(&type);
        if (x->file) {
            str_put(s, "→ ");
            str_escape(s, x->file, strlen(x->file));
            str_put(s, "\n");
            continue;
        }
        Tensor t = {{.dtype = (DType)x->value.dtype, .rank = (uint8_t)x->value.rank}, x->value.data};
        memcpy(t.type.dim, x->value.shape, sizeof t.type.dim);
        int64_t n = type_numel(&t.type);
        if (n == 0)
            str_put(s, "empty");
        else if (type_real(x->value.dtype))
            put_range(s, &t, n);
        else
            str_printf(s, "%zu bytes", bytes_of(&x->value));
        str_put(s, "\n");
        if (n > 0) put_top(s, &t, names + 2);
    }
}
