/* jitc: the command line tool. */
#include <stdlib.h>

#include "cli/cli.h"

const Command commands[] = {
    {"run", "run MODEL --input [NAME=]FILE", "load a model, compile it, run it once",
     "What is not written to a file is shown: name, type, shape, least, greatest and mean element, and the\n"
     "five likeliest of a vector of classes.\n",
     CMD_RUN, command_run},
    {"bench", "bench MODEL [--input [NAME=]FILE]", "compile a model and time it",
     "Inputs that are not given are random (integers: zero), their open dimensions 1.\n", CMD_BENCH,
     command_bench},
    {"inspect", "inspect MODEL", "inputs, outputs, operations, size, and what cannot be compiled",
     "Exit status 1 when the model cannot be compiled; every reason is listed.\n", CMD_INSPECT,
     command_inspect},
    {"opt", "opt FILE", "run passes over a model or a .jir file and print the result",
     "FILE is a GraphDef (.pb, .pbtxt) or the compiler's own text form (.jir).\n", CMD_OPT, command_opt},
    {"explain", "explain MODEL [--node NAME]", "what was fused into what, and why not more", "", CMD_EXPLAIN,
     command_explain},
    {"compare", "compare MODEL --input [NAME=]FILE",
     "compare compiled code with the reference evaluator, per tensor",
     "Exit status 1 when a tensor differs. Without --rtol and --atol an element may be off by 1e-4 of itself "
     "and\n"
     "1e-4 of the tensor's largest (f64 1e-9, f16 1e-2, bf16 5e-2); integers must be equal, and NaN in the "
     "same\n"
     "places. Tensors that live only inside a kernel, a loop or a branch are not compared.\n",
     CMD_COMPARE, command_compare},
    {"reduce", "reduce MODEL --input [NAME=]FILE -o FILE.pb",
     "write the smallest part of a model that still fails",
     "Fails means: `compare` with the same options finds a difference, crashes or takes two minutes, or says "
     "TEXT.\nThe inputs go beside the small model; the command that shows the failure is printed.\n",
     CMD_REDUCE, command_reduce},
    {"compile", "compile MODEL -o FILE.o --header FILE.h", "write an object file and a C header",
     "The object needs nothing but the C library. Open dimensions stay open; --shape fixes them. --input "
     "NAME cuts\n"
     "the graph there.\n",
     CMD_COMPILE, command_compile},
    {"profile", NULL, "time per kernel and per node", NULL, 0, NULL},
    {"tune", NULL, "measure candidates and keep the winners", NULL, 0, NULL},
    {"bisect", NULL, "find the pass that first goes wrong", NULL, 0, NULL},
    {"cache", NULL, "list or clear the compile cache", NULL, 0, NULL},
};
const int ncommands = COUNT(commands);

const Command *command_find(const char *name)
{
    for (int i = 0; i < ncommands; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static void general_help(Job *job)
{
    Str s = {0};
    str_put(&s, "jitc compiles frozen TensorFlow graphs to machine code and runs them.\n\n"
                "usage: jitc COMMAND MODEL [OPTION…]\n\n");
    for (int i = 0; i < ncommands; i++)
        if (commands[i].run) str_printf(&s, "  %-8s %s\n", commands[i].name, commands[i].summary);
    str_put(
        &s,
        "\nMODEL is a frozen GraphDef (.pb or .pbtxt). Tensors have TensorFlow's names: node or node:k.\n"
        "'jitc COMMAND --help' lists a command's options; 'jitc --version' shows what jitc was built with.\n"
        "Exit status: 0 done, 1 the model or the data cannot be used, 2 wrong usage, 3 a defect of jitc.\n");
    put_stdout(job, &s);
}

static void command_help(Job *job, const Command *c)
{
    Str s = {0};
    str_printf(&s, "usage: jitc %s [OPTION…]\n%c%s.\n%s\n", c->usage, c->summary[0] - 32, c->summary + 1,
               c->details);
    options_help(&s, c->bit);
    put_stdout(job, &s);
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
        const Command *c = argc > 2 ? command_find(argv[2]) : NULL;
        if (c && c->run)
            command_help(o->job, c);
        else
            general_help(o->job);
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
