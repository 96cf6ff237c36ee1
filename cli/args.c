/* Arguments. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "cli/args.h"
#include "runtime/threads.h"

enum {
    MODELS = CMD_RUN | CMD_BENCH | CMD_PROFILE | CMD_INSPECT | CMD_OPT | CMD_EXPLAIN | CMD_COMPARE |
             CMD_REDUCE | CMD_COMPILE | CMD_TUNE,
    /* commands that load a model */
    RUNS = CMD_RUN | CMD_BENCH,
    TUNED = MODELS & ~(CMD_INSPECT | CMD_REDUCE | CMD_TUNE) /* choices that were measured make a difference */
};

static bool wrong(Options *o, const char *fmt, ...) PRINTF(2, 3);
static bool wrong(Options *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    job_verror(o->job, fmt, ap);
    va_end(ap);
    return false;
}

/* -- Values --------------------------------------------------------------------------------------- */
static bool parse_integer(const char *text, int64_t min, int64_t max, int64_t *out)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end || errno || v < min || v > max || strchr(" \t\n\v\f\r+", *text)) return false;
    *out = v;
    return true;
}

static bool parse_number(const char *text, double *out)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || strchr(" \t\n\v\f\r", *text)) return false;
    *out = v;
    return true;
}

bool parse_dims(const char *text, size_t n, jitc_shape *out)
{
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') text++, n -= 2;
    const char *end = text + n;
    out->rank = 0;
    if (!n) return true;
    for (const char *p = text;; p++) {
        size_t length = 0;
        while (p + length < end && p[length] != ',') length++;
        int64_t d = -1;
        if (!(length == 1 && (*p == '?')) && !(length == 2 && memcmp(p, "-1", 2) == 0)) {
            if (!length || length > 18) return false;
            d = 0;
            for (size_t i = 0; i < length; i++) {
                if (p[i] < '0' || p[i] > '9') return false;
                d = d * 10 + (p[i] - '0');
            }
        }
        if (out->rank == JITC_MAX_RANK) return false;
        out->dim[out->rank++] = d;
        p += length;
        if (p == end) return true;
    }
}

/* "512M", "1.5GiB" */
static bool parse_size(const char *text, size_t *out)
{
    static const char units[] = "KMGT";
    char *end;
    double v = strtod(text, &end);
    if (end == text || !(v > 0) || strchr(" \t\n\v\f\r", *text)) return false;
    const char *unit = *end ? strchr(units, *end >= 'a' ? *end - 32 : *end) : NULL;
    if (unit) {
        for (const char *u = units; u <= unit; u++) v *= 1024;
        end++;
        if (*end == 'i') end++;
    }
    if (*end == 'B') end++;
    if (*end || v > 0x1p62) return false;
    *out = (size_t)v;
    return *out > 0;
}

/* -- Options -------------------------------------------------------------------------------------- */
static bool set_input(Options *o, const char *v)
{
    vec_push(o->job, &o->inputs, v);
    return *v || wrong(o, "--input needs a file");
}

static bool set_output(Options *o, const char *v)
{
    vec_push(o->job, &o->outputs, v);
    return *v || wrong(o, "--output needs a tensor's name");
}

static bool set_shape(Options *o, const char *v)
{
    const char *eq = strrchr(v, '=');
    jitc_shape s = {0};
    if (!eq || eq == v || !parse_dims(eq + 1, strlen(eq + 1), &s))
        return wrong(o, "--shape '%s': write NAME=DIM,DIM,…, for instance x=1,224,224,3; ? leaves one open",
                     v);
    s.name = tensor_name(o->job, v, (size_t)(eq - v));
    for (uint32_t i = 0; i < o->shapes.n; i++)
        if (strcmp(o->shapes.at[i].name, s.name) == 0)
            return wrong(o, "--shape is given twice for '%s'", s.name);
    vec_push(o->job, &o->shapes, s);
    return true;
}

static bool set_set(Options *o, const char *v)
{
    const char *eq = strrchr(v, '=');
    jitc_set s = {0};
    if (eq && strcmp(eq, "=true") == 0)
        s.value = 1;
    else if (!eq || eq == v || (strcmp(eq, "=false") != 0 && !parse_number(eq + 1, &s.value)))
        return wrong(o, "--set '%s': write NAME=NUMBER, or NAME=true or false", v);
    s.name = tensor_name(o->job, v, (size_t)(eq - v));
    for (uint32_t i = 0; i < o->sets.n; i++)
        if (strcmp(o->sets.at[i].name, s.name) == 0) return wrong(o, "--set is given twice for '%s'", s.name);
    vec_push(o->job, &o->sets, s);
    return true;
}

static bool set_op_library(Options *o, const char *v)
{
    vec_push(o->job, &o->op_libraries, v);
    return *v || wrong(o, "--op-library needs a file");
}

static bool set_threads(Options *o, const char *v)
{
    int64_t n;
    if (!parse_integer(v, 0, 1024, &n))
        return wrong(o, "--threads '%s': a number from 1 to 1024, or 0 for all", v);
    o->threads = (int)n;
    return true;
}

static bool set_repeat(Options *o, const char *v)
{
    return parse_integer(v, 1, 1000000000, &o->repeat) || wrong(o, "--repeat '%s': a number from 1 on", v);
}

static bool set_secs(Options *o, const char *v)
{
    return (parse_number(v, &o->secs) && o->secs >= 0 && o->secs <= 1e6) ||
           wrong(o, "--secs '%s': a number of seconds", v);
}

static bool set_max_memory(Options *o, const char *v)
{
    return parse_size(v, &o->max_memory) || wrong(o, "--max-memory '%s': a size such as 512M or 2G", v);
}

static bool set_tolerance(Options *o, const char *option, const char *v, double *out)
{
    return (parse_number(v, out) && *out >= 0) || wrong(o, "%s '%s': a number from 0 on", option, v);
}

static bool set_rtol(Options *o, const char *v)
{
    return set_tolerance(o, "--rtol", v, &o->rtol);
}

static bool set_atol(Options *o, const char *v)
{
    return set_tolerance(o, "--atol", v, &o->atol);
}

static bool set_check(Options *o, const char *v)
{
    o->check = v;
    return strcmp(v, "compare") == 0 || strcmp(v, "crash") == 0 || (strncmp(v, "error:", 6) == 0 && v[6]) ||
           wrong(o, "--check '%s': compare, crash or error:TEXT", v);
}

/* The kinds of `opt`, `compile` and `profile`; also in the table, for completion. */
#define TEXTS    "jir plan llvm asm"
#define PRODUCTS "obj shared asm llvm jir"
#define GROUPS   "call node op kernel"

static bool set_word(Options *o, const char *option, const char *v, const char *words)
{
    size_t n = strlen(v);
    for (const char *w = words; n && *w; w += strcspn(w, " "), w += strspn(w, " "))
        if (strcspn(w, " ") == n && memcmp(w, v, n) == 0) return true;
    char list[64];
    size_t k = 0;
    for (const char *w = words; *w && k + 2 < sizeof list; w++) {
        if (*w == ' ') list[k++] = ',';
        list[k++] = *w;
    }
    list[k] = 0;
    return wrong(o, "%s '%s': one of %s", option, v, list);
}

static bool set_text(Options *o, const char *v)
{
    o->emit = v;
    return set_word(o, "--emit", v, TEXTS);
}

static bool set_product(Options *o, const char *v)
{
    o->emit = v;
    return set_word(o, "--emit", v, PRODUCTS);
}

static bool set_by(Options *o, const char *v)
{
    o->by = v;
    return set_word(o, "--by", v, GROUPS);
}

/* Code for this machine is the default; NULL says so. */
static bool set_product_target(Options *o, const char *v)
{
    o->target = strcmp(v, "native") == 0 ? NULL : v;
    return *v || wrong(o, "--target needs a system, such as aarch64-linux-gnu");
}

static bool set_target(Options *o, const char *v)
{
    return strcmp(v, "native") == 0 ||
           wrong(
               o,
               "--target '%s': this command runs the model on this machine; 'jitc compile' makes objects for "
               "other systems",
               v);
}

static bool set_checks(Options *o, const char *v)
{
    (void)v;
    return wrong(o, "--checks: run-time checks of Assert and CheckNumerics are not available yet");
}

#define SETTER(field, type)                                                                                  \
    static bool set_##field(Options *o, const char *v)                                                       \
    {                                                                                                        \
        o->field = type;                                                                                     \
        (void)v;                                                                                             \
        return true;                                                                                         \
    }
SETTER(output_dir, v)
SETTER(cpu, v)
SETTER(json, v)
SETTER(trace, v)
SETTER(svg, v)
SETTER(dot, v)
SETTER(passes, v)
SETTER(dump_after, v)
SETTER(out, v)
SETTER(node, v)
SETTER(ref, v)
SETTER(header, v)
SETTER(name, v)
SETTER(weights, v)
SETTER(evaluate, true)
SETTER(precise, true)
SETTER(verbose, true)
SETTER(quiet, true)
SETTER(tuning, v)
SETTER(verify, true)
SETTER(tiered, true)
SETTER(cache, "")

static bool set_cache_dir(Options *o, const char *v)
{
    o->cache = v;
    return *v || wrong(o, "--cache-dir needs a folder");
}

static bool set_cache_size(Options *o, const char *v)
{
    return (parse_size(v, &o->cache_bytes) && o->cache_bytes) ||
           wrong(o, "--cache-size '%s': a size such as 512M or 2G", v);
}

static bool set_layout(Options *o, const char *v)
{
    o->layout = v;
    return image_layout(v, &o->image_layout) || wrong(o, "--layout '%s': auto, nhwc, nchw or blocked", v);
}

static bool set_no_tuning(Options *o, const char *v)
{
    (void)v;
    o->tuning = "";
    return true;
}

static bool set_budget(Options *o, const char *v)
{
    return (parse_number(v, &o->budget) && o->budget > 0 && o->budget <= 1e6) ||
           wrong(o, "--budget '%s': a number of seconds", v);
}

static bool set_json_flag(Options *o, const char *v)
{
    (void)v;
    o->json = "-";
    return true;
}

static bool set_max_latency(Options *o, const char *v)
{
    return (parse_number(v, &o->max_latency) && o->max_latency > 0 && o->max_latency <= 1e9) ||
           wrong(o, "--max-latency '%s': a number of milliseconds", v);
}

static bool parse_batch(const char *text, size_t n, int64_t *out)
{
    char digits[8];
    if (n >= sizeof digits) return false;
    memcpy(digits, text, n);
    digits[n] = 0;
    return parse_integer(digits, 1, 1000000, out);
}

static void add_batch(Options *o, int64_t size)
{
    uint32_t i = o->batches.n;
    while (i && o->batches.at[i - 1] > size) i--;
    if (i && o->batches.at[i - 1] == size) return;
    vec_push(o->job, &o->batches, size);
    for (uint32_t k = o->batches.n - 1; k > i; k--) o->batches.at[k] = o->batches.at[k - 1];
    o->batches.at[i] = size;
}

/* Of a range: powers of two, and both ends. */
static bool set_batch(Options *o, const char *v)
{
    int64_t from = 0, to = 0;
    const char *dots = strstr(v, "..");
    o->batches.n = 0;
    o->batch_range = dots != NULL;
    bool fine = !dots || (parse_batch(v, (size_t)(dots - v), &from) &&
                          parse_batch(dots + 2, strlen(dots + 2), &to) && from <= to);
    if (dots && fine) {
        for (int64_t size = 1; size < to; size *= 2)
            if (size > from) add_batch(o, size);
        add_batch(o, from);
        add_batch(o, to);
    }
    for (const char *p = v; !dots && fine; p++) {
        size_t n = strcspn(p, ",");
        fine = parse_batch(p, n, &from);
        if (fine) add_batch(o, from);
        p += n;
        if (!*p) break;
    }
    return fine || wrong(o, "--batch '%s': sizes from 1 on, such as 1..64 or 1,2,4", v);
}

#define SYSTEMS                                                                                              \
    "x86_64-linux-gnu x86_64-w64-windows-gnu aarch64-linux-gnu arm64-apple-macosx armv7-linux-gnueabihf "    \
    "riscv64-linux-gnu"
#define LEVELS "native x86-64 x86-64-v2 x86-64-v3 x86-64-v4"

const OptionDef options[] = {
    {"--input", "[NAME=]FILE", "an input: .npy, .npz (by member name), any file for a string", MODELS,
     set_input, ":inputs :files .npy .npz"},
    {"--output", "NAME[=FILE]", "a tensor that is wanted; to a .npy file, else shown", MODELS, set_output,
     ":nodes"},
    {"--output-dir", "DIR", "write every output to DIR/NAME.npy", CMD_RUN, set_output_dir, ":folders"},
    {"--repeat", "N", "run N times", CMD_RUN, set_repeat, NULL},
    {"--secs", "S", "measure for S seconds (default 5)", CMD_BENCH | CMD_PROFILE, set_secs, NULL},
    {"--by", "WHAT", "a line for each call (default), node, op or kernel", CMD_PROFILE, set_by, GROUPS},
    {"--trace", "FILE", "when each call ran on which thread, in Chrome's format for traces", CMD_PROFILE,
     set_trace, ":files .json"},
    {"--svg", "FILE", "a picture of the run", CMD_PROFILE, set_svg, ":files .svg"},
    {"--json", "FILE", "the result as JSON; - is standard output", CMD_BENCH | CMD_PROFILE, set_json,
     ":files .json"},
    {"--json", NULL, "the result as JSON", CMD_INSPECT | CMD_COMPARE, set_json_flag, NULL},
    {"--dot", "FILE", "the graph for Graphviz", CMD_INSPECT, set_dot, ":files .dot"},
    {"--ref", "FILE.npz", "compare with these tensors, by name", CMD_COMPARE | CMD_REDUCE, set_ref,
     ":files .npz"},
    {"--rtol", "X", "tolerance relative to each element", CMD_COMPARE | CMD_REDUCE, set_rtol, NULL},
    {"--atol", "X", "absolute tolerance", CMD_COMPARE | CMD_REDUCE, set_atol, NULL},
    {"--evaluate", NULL, "evaluate the graph after the passes instead of running code",
     CMD_COMPARE | CMD_REDUCE, set_evaluate, NULL},
    {"--passes", "LIST", "other passes than the compiler's own; off: as few as code needs",
     CMD_COMPARE | CMD_REDUCE, set_passes, ":passes off"},
    {"--check", "KIND", "the failure: compare (default), crash, or error:TEXT", CMD_REDUCE, set_check,
     "compare crash error:"},
    {"--passes", "LIST", "the pipeline; empty for none (default: the compiler's own)", CMD_OPT, set_passes,
     ":passes"},
    {"--dump-after", "LIST", "print the graph after these passes; all: whenever it changed", CMD_OPT,
     set_dump_after, ":passes all"},
    {"--emit", "KIND", "jir (default), plan, llvm or asm", CMD_OPT, set_text, TEXTS},
    {"-o", "FILE", "write there instead of to standard output", CMD_OPT, set_out, ":files"},
    {"-o", "FILE", "the small model (.pb)", CMD_REDUCE, set_out, ":files .pb"},
    {"-o", "FILE", "the object file, or what --emit asks for", CMD_COMPILE, set_out, ":files"},
    {"-o", "FILE", "keep what was found there instead of in the user's cache", CMD_TUNE, set_out, ":files"},
    {"--budget", "S", "take about S seconds (default 60)", CMD_TUNE, set_budget, NULL},
    {"--batch", "A..B", "measure batch sizes instead and say which to use; also a list: 1,2,4", CMD_TUNE,
     set_batch, NULL},
    {"--max-latency", "MS", "with --batch: no batch that takes longer", CMD_TUNE, set_max_latency, NULL},
    {"--svg", "FILE", "with --batch: the curves as a picture", CMD_TUNE, set_svg, ":files .svg"},
    {"--json", "FILE", "with --batch: the result as JSON; - is standard output", CMD_TUNE, set_json,
     ":files .json"},
    {"--header", "FILE", "the C header", CMD_COMPILE, set_header, ":files .h"},
    {"--name", "NAME", "the prefix of all symbols (default: the stem of -o)", CMD_COMPILE, set_name, NULL},
    {"--weights", "FILE", "write the weights there, for the program to pass", CMD_COMPILE, set_weights,
     ":files"},
    {"--emit", "KIND", "obj (default), shared, asm, llvm or jir", CMD_COMPILE, set_product, PRODUCTS},
    {"--node", "NAME", "only nodes whose names start so", CMD_EXPLAIN, set_node, ":nodes"},
    {"--shape", "NAME=DIMS", "fix open dimensions: x=1,224,224,3; ? leaves one open", MODELS, set_shape,
     ":inputs"},
    {"--set", "NAME=VALUE", "fix a scalar placeholder (is_training, keep_prob)", MODELS, set_set, ":inputs"},
    {"--op-library", "FILE.so", "custom operators: a shared library with a function jitc_ops()", MODELS,
     set_op_library, ":files .so"},
    {"--threads", "N", "threads per run (default: all that the process may use)", MODELS, set_threads, NULL},
    {"--cpu", "CPU", "native, x86-64, x86-64-v2, -v3, -v4, or LLVM's NAME[,+feature…]", MODELS & ~CMD_COMPILE,
     set_cpu, LEVELS},
    {"--cpu", "CPU", "baseline (default: any of the target, best code chosen at run time), or a name",
     CMD_COMPILE, set_cpu, "baseline " LEVELS},
    {"--target", "TRIPLE", "native; 'jitc compile' makes objects for other systems", MODELS & ~CMD_COMPILE,
     set_target, "native"},
    {"--target", "TRIPLE", "the system: aarch64-linux-gnu, riscv64-linux-gnu, …; a wrong one lists all",
     CMD_COMPILE, set_product_target, "native " SYSTEMS},
    {"--precise", NULL, "no algorithm that rounds more than the plain one (Winograd)", MODELS, set_precise,
     NULL},
    {"--layout", "WAY", "how images lie in memory: auto (by estimated cost), nhwc, nchw, blocked",
     MODELS & ~CMD_INSPECT, set_layout, "auto nhwc nchw blocked"},
    {"--tuning", "FILE", "choices that 'jitc tune' has made (default: those in the user's cache)", TUNED,
     set_tuning, ":files"},
    {"--no-tuning", NULL, "choose by estimated costs alone", TUNED, set_no_tuning, NULL},
    {"--checks", NULL, NULL, MODELS, set_checks, NULL},
    {"--tier", NULL, "begin with code that is quick to make, until the best is made", MODELS, set_tiered,
     NULL},
    {"--max-memory", "SIZE", "limit for compiling, such as 2G", MODELS & ~CMD_TUNE, set_max_memory, NULL},
    {"--max-memory", "SIZE", "limit for compiling, such as 2G; with --batch: no batch that takes more",
     CMD_TUNE, set_max_memory, NULL},
    {"--no-cache", NULL, "keep nothing, and use nothing that was kept", MODELS, set_cache, NULL},
    {"--cache-dir", "DIR", "where code and packed weights are kept (default: the user's cache)",
     MODELS | CMD_CACHE, set_cache_dir, ":folders"},
    {"--cache-size", "SIZE", "the most that is kept there (default 4G)", MODELS, set_cache_size, NULL},
    {"--verify", NULL, "hash the model and the weights kept, instead of relying on their files' times",
     MODELS, set_verify, NULL},
    {"--verbose", NULL, "say what is being done", MODELS, set_verbose, NULL},
    {"--quiet", NULL, "say nothing but results and errors", MODELS | CMD_CACHE, set_quiet, NULL},
};

const int noptions = COUNT(options);

bool option_shown(const OptionDef *d, unsigned command)
{
    return (d->commands & command) && d->help;
}

const OptionDef *option_find(const char *name, size_t n, unsigned command)
{
    for (int i = 0; i < noptions; i++)
        if ((options[i].commands & command) && strlen(options[i].name) == n &&
            memcmp(options[i].name, name, n) == 0)
            return &options[i];
    return NULL;
}

const char *model_files(const Command *c)
{
    if (c->bit == CMD_CACHE) return "list clear path";
    return c->bit == CMD_OPT ? ":files .pb .pbtxt .jir" : ":files .pb .pbtxt";
}

/* Flags and values may be mixed with files; "--" ends them. */
bool options_parse(Options *o, const Command *c, int argc, char **argv)
{
    bool only_files = false, help = false;
    o->repeat = 1;
    o->secs = 5;
    o->budget = 60;
    o->rtol = o->atol = -1;
    for (int i = 0; i < argc; i++) {
        const char *text = argv[i];
        if (only_files || text[0] != '-' || !text[1]) {
            vec_push(o->job, &o->files, text);
            continue;
        }
        if (strcmp(text, "--") == 0) {
            only_files = true;
            continue;
        }
        if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
            help = true;
            continue;
        }
        size_t n = strcspn(text, "=");
        const OptionDef *d = option_find(text, n, c->bit);
        if (!d) {
            wrong(o, "unknown option '%.*s'; 'jitc %s --help' lists what there is", (int)n, text, c->name);
            continue;
        }
        const char *value = text[n] ? text + n + 1 : NULL;
        if (value && !d->value) {
            wrong(o, "%s takes no value", d->name);
            continue;
        }
        if (d->value && !value) {
            if (++i == argc) {
                wrong(o, "%s needs a value: %s %s", d->name, d->name, d->value);
                break;
            }
            value = argv[i];
        }
        d->set(o, value);
    }
    if (help) return true;
    if (o->files.n != 1 && c->bit == CMD_CACHE)
        wrong(o, "one of list, clear, path: jitc %s", c->usage);
    else if (o->files.n != 1)
        wrong(o, o->files.n ? "one model at a time: '%s' is too many" : "which model? %s%s",
              o->files.n ? o->files.at[1] : "jitc ", o->files.n ? "" : c->usage);
    if (o->job->nerrors) job_fail(o->job, JITC_E_USAGE);
    if (o->threads == 0) o->threads = threads_available();
    return false;
}
