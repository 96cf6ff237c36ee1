/* jitc help and jitc COMMAND --help; hidden: what man pages and completion are made of. */
#include "cli/args.h"

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

void command_help(Job *job, const Command *c)
{
    Str s = {0};
    str_printf(&s, "usage: jitc %s [OPTION…]\n%c%s.\n%s\n", c->usage, c->summary[0] - 32, c->summary + 1,
               c->details);
    for (int i = 0; i < noptions; i++) {
        const OptionDef *d = &options[i];
        if (!option_shown(d, c->bit)) continue;
        Str left = {0};
        str_printf(&left, "%s%s%s", d->name, d->value ? " " : "", d->value ? d->value : "");
        str_printf(&s, "  %-22s  %s\n", str_text(&left), d->help);
        str_free(&left);
    }
    str_put(&s, "\nFor example:\n");
    for (const char *line = c->examples; *line;) {
        size_t n = strcspn(line, "\n");
        str_printf(&s, "  %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
    put_stdout(job, &s);
}

void help(Job *job, int argc, char **argv)
{
    const Command *c = argc ? command_find(argv[argc - 1]) : NULL;
    Str s = {0};
    if (argc && strcmp(argv[0], "--man") == 0) {
        if (argc > 1 && (!c || !c->run)) usage_error(job, "no command is called '%s'", argv[argc - 1]);
        man_page(&s, argc > 1 ? c : NULL);
        put_stdout(job, &s);
    } else if (argc && strcmp(argv[0], "--complete") == 0) {
        complete(job, &s, argc - 1, argv + 1);
        put_stdout(job, &s);
    } else if (c && c->run) {
        command_help(job, c);
    } else {
        general_help(job);
    }
}
