/* The command line tool. One file per command; the whole of a command runs in one job: what goes wrong is
 * reported there, and main() prints it and turns the job's status into the exit status. */
#ifndef JITC_CLI_H
#define JITC_CLI_H

#include "codegen/service.h"
#include "frontend/import.h"
#include "frontend/tfgraph.h"
#include "ir/base/base.h"
#include "passes/pass.h"

typedef enum { EXIT_DONE = 0, EXIT_UNUSABLE = 1, EXIT_USAGE = 2, EXIT_DEFECT = 3 } ExitStatus;

/* -- Arguments ------------------------------------------------------------------------------------ */
typedef VEC(const char *) Texts;

typedef struct Options {
    Job *job;
    Texts files;           /* the arguments that are no options */
    Texts inputs, outputs; /* as written: [NAME=]FILE, NAME[=FILE] */
    VEC(jitc_shape) shapes;
    VEC(jitc_set) sets;
    Texts op_libraries;
    VEC(const struct jitc_op *) ops; /* of these libraries */
    const struct CustomOps *custom;
    const char *output_dir, *cpu, *target, *json, *dot, *passes, *dump_after, *emit, *out, *node, *ref,
        *check, *header, *name, *weights, *by, *trace, *svg, *tuning, *cache, *layout;
    int threads; /* resolved: at least 1 */
    bool verbose, quiet, evaluate, precise, verify, tiered;
    ImageLayout image_layout; /* what `layout` says */
    double rtol, atol;        /* negative: the default */
    int64_t repeat;
    double secs, budget, max_latency; /* 0: no limit */
    size_t max_memory, cache_bytes;
    VEC(int64_t) batches; /* ascending */
    bool batch_range;     /* these are from a range, of which others may be tried too */
    const volatile int *stop;
} Options;

typedef struct Command {
    const char *name, *usage, *summary, *details;
    const char *examples;          /* command lines */
    unsigned bit;                  /* in the option table's sets of commands */
    ExitStatus (*run)(Options *o); /* NULL: not available yet */
} Command;

extern const Command commands[];
extern const int ncommands;
const Command *command_find(const char *name); /* NULL when unknown */

enum {
    CMD_RUN = 1,
    CMD_BENCH = 2,
    CMD_INSPECT = 4,
    CMD_OPT = 8,
    CMD_EXPLAIN = 16,
    CMD_COMPARE = 32,
    CMD_REDUCE = 64,
    CMD_COMPILE = 128,
    CMD_PROFILE = 256,
    CMD_TUNE = 512,
    CMD_CACHE = 1024
};

/* Reads the arguments after the command's name; reports every problem, then unwinds with JITC_E_USAGE.
 * True when help was asked for. */
bool options_parse(Options *o, const Command *c, int argc, char **argv);
bool parse_dims(const char *text, size_t n, jitc_shape *out); /* "1,?,3" or "[1,?,3]" */

/* -- Help, all of it made from the tables of commands and options ---------------------------------------- */
void help(Job *job, int argc, char **argv); /* jitc help, with what follows it */
void command_help(Job *job, const Command *c);
void man_page(Str *s, const Command *c); /* for man; NULL: the page of jitc itself */
/* For the shells: what the last of the words after `jitc` may become, a line each: the word, a tab, what it
 * is.
 * ":files", a tab, PREFIX, a tab, ENDINGS stands for files that follow PREFIX in the word; ":folders"
 * likewise. */
void complete(Job *job, Str *s, int nwords, char **words);

ExitStatus command_run(Options *o);
ExitStatus command_bench(Options *o);
ExitStatus command_profile(Options *o);
ExitStatus command_inspect(Options *o);
ExitStatus command_opt(Options *o);
ExitStatus command_compile(Options *o);
ExitStatus command_explain(Options *o);
ExitStatus command_compare(Options *o);
ExitStatus command_reduce(Options *o);
ExitStatus command_tune(Options *o);
ExitStatus command_cache(Options *o);

/* The words of a pipeline, or of a list of passes; `also` is one more that may stand there. Unwinds. */
void check_passes(const Options *o, const char *option, const char *list, const char *also);
_Noreturn void usage_error(Job *job, const char *fmt, ...) PRINTF(2, 3);

/* -- Messages --------------------------------------------------------------------------------------- */
void say_lines(const char *kind, const char *lines); /* "jitc: KIND: …" for each line, to standard error */
void say_error(const char *fmt, ...) PRINTF(1, 2);   /* one line, escaped */
void say_note(const Options *o, const char *fmt, ...) PRINTF(2, 3); /* unless --quiet */
/* These two free the text, and unwind when it cannot be written. "-" is standard output; a file appears
 * whole or not at all. */
void put_stdout(Job *job, Str *s);
void put_file(Job *job, const char *path, Str *s);
ExitStatus exit_status(jitc_status s);

/* A line that shows after a second that work is going on, when standard error is a terminal. */
typedef struct Progress Progress;
Progress *progress_start(const Options *o, const char *what); /* may be NULL */
void progress_stop(Progress *p);

/* -- Formatting --------------------------------------------------------------------------------------- */
void put_type(Str *s, int dtype, int rank, const int64_t *dim); /* "f32[?,8,8,1]" */
void put_io_type(Str *s, const jitc_io *io);
void put_count(Str *s, int64_t n);                  /* "24,908", from a million on "25.6 M" */
void put_si(Str *s, double v, const char *unit);    /* "3.86 GMAC" */
void put_sig(Str *s, double v);                     /* three significant digits, never an exponent */
void put_ms(Str *s, double ms);                     /* "41.9 ms", from 10 s on "12.3 s" */
void put_time(Str *s, double ms);                   /* the same in µs below 1 ms, and never in s */
void put_value(Str *s, double v);                   /* an element */
void put_name(Str *s, const char *name, int width); /* escaped, padded; cut in the middle when longer */
int name_width(const char *name, int most);         /* columns that put_name needs */
void put_json(Str *s, const char *text);            /* a JSON string */
void put_xml(Str *s, const char *text);
void put_json_number(Str *s, double v);
void put_json_dims(Str *s, int rank, const int64_t *dim); /* null stands for what is open */
int terminal_width(void);                                 /* columns for a table */
const char *base_name(const char *path);

/* -- Models, their inputs and outputs ------------------------------------------------------------------ */
typedef struct Model {
    Job *job;
    const char *path;
    Source src;
    TfGraph *graph; /* NULL: not read yet */
} Model;

/* Opens and decodes; unwinds on failure. The job closes it. */
Model *model_open(Job *job, const char *path);
/* The same, but the file is read when something needs the graph. */
Model *model_named(Job *job, const char *path);
const TfGraph *model_graph(const Model *m); /* unwinds on failure */
/* Whether the graph has a node of that tensor's name ("node", "node:k"). */
bool model_has_tensor(const Model *m, const char *name, size_t n);
size_t node_length(const char *name, size_t n); /* of "node" in "node:k" */
/* "node:0" is "node". */
const char *tensor_name(Job *job, const char *name, size_t n);
bool path_ends(const char *path, const char *ending);

typedef struct Bound {
    const char *name, *file; /* file: NULL when generated */
    jitc_tensor value;
} Bound;

typedef struct Wanted {
    const char *name, *file; /* file: NULL to show it */
    size_t index;            /* in the program's outputs; SIZE_MAX: not known before the program is */
} Wanted;

/* What the command line binds: inputs read from files, outputs wanted, shapes. */
typedef struct Binding {
    VEC(Bound) in;
    VEC(Wanted) out;           /* as asked for by --output */
    Texts in_names, out_names; /* in_names is empty for the graph's own inputs */
    VEC(jitc_shape) shapes;    /* of --shape and of the inputs */
    ImportOptions import;      /* the same, for the importer */
    ImportIo io;               /* as the graph declares it */
} Binding;

/* Names only: unknown ones unwind; no file is read and `io` stays empty. */
Binding *bind_names(Options *o, const Model *m);
/* Reads the files, checks names, types and shapes; reports all problems, then unwinds. */
Binding *bind_options(Options *o, const Model *m);
/* Random or zero tensors for the inputs that have none; open dimensions become 1. */
void bind_generated(Options *o, Binding *b);
/* Every placeholder must be bound. */
void bind_require_all(Options *o, const Binding *b);
void binding_options(const Options *o, const Binding *b, jitc_options *out);

/* -- Outputs ----------------------------------------------------------------------------------- */
typedef struct Result {
    const char *name, *file;
    jitc_tensor value;
} Result;
typedef VEC(Result) Results;

void outputs_check(Job *job, const Binding *b, const char *dir); /* early: can the files be written at all? */
const char *output_path(Job *job, const char *dir, const char *name, const Results *taken);
void outputs_write(Job *job, const Results *r); /* all or none, as far as the file system lets us */
void outputs_show(Str *s, const Results *r);

/* -- What a model amounts to ------------------------------------------------------------------- */
typedef struct ModelStats {
    int64_t nodes; /* that still have work of their own */
    int64_t convs, products, weights;
    double macs;
    bool open; /* some work depends on open dimensions and is not counted */
} ModelStats;
void model_stats(const Module *m, ModelStats *out);
void put_stats(Str *s, const ModelStats *st); /* "53 convolutions, 25.6 M weights, 3.86 GMAC" */
/* Imports in a job of its own; false when that fails: the reasons are then `why`, a line each. */
bool try_stats(Options *o, const Model *m, const ImportOptions *import, const char *pipeline, ModelStats *out,
               Str *why);

/* The choices that the options ask for, or NULL; for passes that no program runs. */
struct Tuning;
const struct Tuning *tuning_of(Options *o);

/* Opens the libraries of operators that the options name. */
void operators_load(Options *o);

/* -- Programs ---------------------------------------------------------------------------------- */
/* Lines of the library are escaped already, which is not undone by escaping them again. */
_Noreturn void give_up(Job *job, jitc_status status, const char *lines);

typedef struct Session {
    jitc_program *program;
    jitc_exec *exec;
    double load_ms;
} Session;
void log_warning(void *arg, const char *line); /* for jitc_options.log: lines that are warnings only */
/* The program alone; unwinds on failure. The job frees it, and the exec that it may have got by then. */
Session *session_load(Options *o, const Model *m, const Binding *b);
/* Compiles as well, makes an exec and binds the inputs; likewise. */
Session *session_open(Options *o, const Model *m, const Binding *b);
double session_run(Options *o, Session *s); /* milliseconds; unwinds on failure */

typedef struct SessionInfo {
    int64_t arena_bytes, weights_bytes, code_bytes, macs;
    const char *cache; /* "hit", "miss", "off" */
    struct {
        const char *name;
        double ms;
    } phases[16];
    size_t nphases;
} SessionInfo;
void session_info(const Session *s, SessionInfo *out);

/* Milliseconds of runs. */
typedef struct Samples {
    float *at; /* every `stride`-th run's */
    size_t n;
    int64_t stride, runs;
    double min;
} Samples;
void samples_clear(Job *job, Samples *s); /* also a new one, of zeros; the job frees it */
void samples_add(Samples *s, double ms);
void samples_sort(Samples *s);
double samples_quantile(const Samples *s, double q); /* of some, which are sorted */

/* Billions of f32 multiply-adds times two per second that this machine does in registers on `threads`
 * threads, with what code for `cpu` (as in --cpu) may use. */
double fma_peak_gflops(const char *cpu, int threads);
const char *cpu_vectors(void); /* "AVX-512, VNNI" */
/* The code generator's view of the host; false, with a reason in *why for free(), when there is none. */
bool host_describe(char *llvm, size_t nllvm, char *cpu, size_t ncpu, char **why);
/* LLVM's IR or assembly of kernels; what is set of *text and *why is for free(). `cpu` is as in --cpu. */
jitc_status codegen_text(const char *cpu, const CodegenKernel *k, size_t n, CodegenEmit emit, char **text,
                         char **why);
#endif
