/* jitc: the command line tool. */
#include <stdlib.h>

#include "cli/cli.h"

const Command commands[] = {
    {"run", "run MODEL --input [NAME=]FILE", "load a model, compile it, run it once",
     "What is not written to a file is shown: name, type, shape, least, greatest and mean element, and the\n"
     "five likeliest of a vector of classes.\n",
     "jitc run model.pb --input image=cat.npy --output probabilities=p.npy\n", CMD_RUN, command_run},
    {"bench", "bench MODEL [--input [NAME=]FILE]", "compile a model and time it",
     "Inputs that are not given are random (integers: zero), their open dimensions 1.\n",
     "jitc bench model.pb --shape image=1,224,224,3 --threads 1\n", CMD_BENCH, command_bench},
    {"profile", "profile MODEL [--input [NAME=]FILE]", "time per kernel and per node",
     "For each call of a kernel: its median time and share of the run, the least time, the operations done "
     "(and "
     "what\n"
     "the plain algorithm needs, where that differs), their rate and its share of the FMA peak, the bytes of "
     "operands\n"
     "and results, what it does, and the nodes it does it for. Inputs that are not given are as in bench.\n",
     "jitc profile model.pb --threads 1\n"
     "jitc profile model.pb --by op --trace trace.json --svg profile.svg\n",
     CMD_PROFILE, command_profile},
    {"inspect", "inspect MODEL", "inputs, outputs, operations, size, and what cannot be compiled",
     "Exit status 1 when the model cannot be compiled; every reason is listed.\n", "jitc inspect model.pb\n",
     CMD_INSPECT, command_inspect},
    {"opt", "opt FILE", "run passes over a model or a .jir file and print the result",
     "FILE is a GraphDef (.pb, .pbtxt) or the compiler's own text form (.jir).\n",
     "jitc opt model.pb --passes=simplify,fold --emit=jir\n", CMD_OPT, command_opt},
    {"explain", "explain MODEL [--node NAME]", "what became of each node: fusion, algorithm, layout, and why",
     "For each call of a kernel: the nodes whose work it does, its operations, memory and schedule, and what "
     "passes\n"
     "had to say.\n",
     "jitc explain model.pb --node block_1\n", CMD_EXPLAIN, command_explain},
    {"compare", "compare MODEL --input [NAME=]FILE",
     "compare compiled code with the reference evaluator, per tensor",
     "Exit status 1 when a tensor differs. Without --rtol and --atol an element may be off by 1e-4 of itself "
     "and\n"
     "1e-4 of the tensor's largest (f64 1e-9, f16 1e-2, bf16 5e-2); integers must be equal, and NaN in the "
     "same\n"
     "places. Tensors that live only inside a kernel, a loop or a branch are not compared.\n",
     "jitc compare model.pb --input image=cat.npy --ref tensorflow.npz\n", CMD_COMPARE, command_compare},
    {"reduce", "reduce MODEL --input [NAME=]FILE -o FILE.pb",
     "write the smallest part of a model that still fails",
     "Fails means: `compare` with the same options finds a difference, crashes or takes two minutes, or says "
     "TEXT.\nThe inputs go beside the small model; the command that shows the failure is printed.\n",
     "jitc reduce model.pb --input image=cat.npy -o small.pb\n", CMD_REDUCE, command_reduce},
    {"compile", "compile MODEL -o FILE.o --header FILE.h", "write an object file and a C header",
     "The object needs nothing but the C library. Open dimensions stay open; --shape fixes them. --input "
     "NAME cuts\n"
     "the graph there.\n",
     "jitc compile model.pb -o model.o --header model.h\n"
     "cc main.c model.o -lm -o main\n"
     "jitc compile model.pb -o model.o --header model.h --target aarch64-linux-gnu\n",
     CMD_COMPILE, command_compile},
    {"tune", "tune MODEL [--input [NAME=]FILE]",
     "measure candidates and keep the winners, or find the best batch size",
     "Tries other ways to compute the model's convolutions and products, within the model itself, and keeps "
     "what is\n"
     "clearly faster than the usual way for later compiles on this machine, of any model with the same "
     "layers. Ctrl-C "
     "ends\n"
     "it early. Inputs that are not given are as in bench; tune with the shapes and --threads that you run "
     "with.\n\n"
     "With --batch, measures throughput, latency and memory for sizes of the inputs' open first dimension "
     "instead, and\n"
     "says which to use: the smallest that has 97% of the best throughput. Rows of given inputs are repeated "
     "or cut.\n",
     "jitc tune model.pb --threads 1 --budget 30\n"
     "jitc tune model.pb --batch 1..64 --max-latency 100 --svg batch.svg\n",
     CMD_TUNE, command_tune},
    {"bisect", NULL, "find the pass that first goes wrong", NULL, NULL, 0, NULL},
    {"cache", "cache list|clear|path", "list or clear the compile cache",
     "Code and packed weights are kept, so that a model which was compiled before starts within milliseconds "
     "and "
     "shares\n"
     "its weights with other processes. `list` shows what was compiled, the latest first; a size counts what "
     "the "
     "lines\n"
     "above do not share. What was not used for longest goes when the cache is full. It may be cleared at "
     "any time.\n",
     "jitc cache list\n"
     "jitc cache clear --cache-dir /var/cache/models\n",
     CMD_CACHE, command_cache},
};
const int ncommands = COUNT(commands);

const Command *command_find(const char *name)
{
    for (int i = 0; i < ncommands; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

/* Also says what is missing when there is no code generator: that is what the command is asked for then. */
static void version(Job *job)
{
    char llvm[64] = "", cpu[64] = "", *why = NULL;
    bool found = host_describe(llvm, sizeof llvm, cpu, sizeof cpu, &why);
    Str s = {0};
    str_printf(&s, "jitc %s\n", jitc_version());
    if (found)
        str_printf(&s, "LLVM %s\nhost CPU %s (%s)\n", llvm, cpu, cpu_vectors());
    else
        str_printf(&s, "LLVM: %s\nhost CPU (%s)\n", why ? why : "out of memory", cpu_vectors());
    free(why);
    put_stdout(job, &s);
}

static ExitStatus dispatch(Options *o, int argc, char **argv)
{
    if (argc < 2) usage_error(o->job, "which command? 'jitc --help' lists them");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        help(o->job, argc - 2, argv + 2);
        return EXIT_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        version(o->job);
        return EXIT_DONE;
    }
    const Command *c = command_find(name);
    if (!c && name[0] == '-')
        usage_error(o->job, "the command comes first: jitc COMMAND MODEL %s…; 'jitc --help' lists them",
                    name);
    if (!c) usage_error(o->job, "no command is called '%s'; 'jitc --help' lists them", name);
    if (!c->run) usage_error(o->job, "'%s' is not available yet", name);
    if (options_parse(o, c, argc - 2, argv + 2)) {
        command_help(o->job, c);
        return EXIT_DONE;
    }
    o->job->arena.limit = o->max_memory;
    return c->run(o);
}

static void say_diags(const Job *job)
{
    for (const Diag *d = job->diags; d; d = d->next) say_lines("error", d->text);
    if (job->diags) return;
    if (job->status == JITC_E_NOMEM)
        say_error("out of memory");
    else
        say_error("a defect of jitc: failed with status %d and no reason", (int)job->status);
}

int main(int argc, char **argv)
{
    static Job job;
    static Options options;
    static ExitStatus status;
    job_init(&job, 0);
    options.job = &job;
    if (JOB_ENTER(&job) == JITC_OK) {
        status = dispatch(&options, argc, argv);
    } else {
        say_diags(&job);
        status = exit_status(job.status);
    }
    job_free(&job);
    return status;
}
