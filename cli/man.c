/* Pages for man, in roff's man macros: jitc(1), and jitc-COMMAND(1) for each command. */
#include <ctype.h>

#include "cli/args.h"

/* Text that is nothing but text: roff reads '.' and ''' at the start of a line, and '\' anywhere, as
 * commands, and would make typographic signs of '-' and its like. */
static void put_roff(Str *s, const char *text, size_t n)
{
    static const struct {
        const char *text, *roff;
    } signs[] = {{"\\", "\\e"},  {"-", "\\-"},   {"'", "\\(aq"}, {"`", "\\(ga"},
                 {"^", "\\(ha"}, {"~", "\\(ti"}, {"…", "..."}};
    for (size_t i = 0; i < n;) {
        size_t k = 0;
        while (k < COUNT(signs) &&
               (strlen(signs[k].text) > n - i || memcmp(text + i, signs[k].text, strlen(signs[k].text)) != 0))
            k++;
        if (i == 0 && text[0] == '.') str_put(s, "\\&");
        str_put(s, k < COUNT(signs) ? signs[k].roff : (char[]){text[i], 0});
        i += k < COUNT(signs) ? strlen(signs[k].text) : 1;
    }
}

static void put_words(Str *s, const char *text)
{
    put_roff(s, text, strlen(text));
}

/* Lines that the help breaks for the terminal are one paragraph here. */
static void put_paragraph(Str *s, const char *text)
{
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        put_roff(s, line, n);
        str_put(s, "\n");
        line += n + (line[n] == '\n');
    }
}

/* "[NAME=]FILE": what stands for something else is in italics. */
static void put_pattern(Str *s, const char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t k = i;
        if (isupper((unsigned char)text[i])) {
            while (k < n && isupper((unsigned char)text[k])) k++;
            str_put(s, "\\fI");
        } else {
            while (k < n && !isupper((unsigned char)text[k])) k++;
            str_put(s, text[i] == '[' || text[i] == ']' ? "\\fR" : "\\fB");
        }
        put_roff(s, text + i, k - i);
        i = k;
    }
    str_put(s, "\\fR");
}

static void put_head(Str *s, const char *page, const char *summary)
{
    str_put(s, ".\\\" Made by 'jitc help --man'.\n.TH \"");
    for (const char *p = page; *p; p++) str_printf(s, "%c", toupper((unsigned char)*p));
    str_printf(s, "\" 1 \"\" \"jitc %s\" \"jitc\"\n.SH NAME\n", jitc_version());
    put_words(s, page);
    str_put(s, " \\- ");
    put_words(s, summary);
    str_put(s, "\n.SH SYNOPSIS\n");
}

static void put_option(Str *s, const char *name, const char *value, const char *text)
{
    str_put(s, ".TP\n\\fB");
    put_words(s, name);
    str_put(s, "\\fR");
    if (value) {
        str_put(s, " ");
        put_pattern(s, value, strlen(value));
    }
    str_put(s, "\n");
    put_words(s, text);
    str_put(s, "\n");
}

static void put_examples(Str *s, const char *lines)
{
    str_put(s, ".nf\n");
    put_paragraph(s, lines);
    str_put(s, ".fi\n");
}

static void put_see_also(Str *s, const Command *but)
{
    str_put(s, ".SH SEE ALSO\n");
    if (but) str_put(s, ".BR jitc (1),\n");
    for (int i = 0; i < ncommands; i++)
        if (commands[i].run && &commands[i] != but) str_printf(s, ".BR jitc\\-%s (1),\n", commands[i].name);
    str_put(s, ".BR libjitc (3)\n");
}

static void put_exit_status(Str *s)
{
    static const char *const meaning[] = {[EXIT_DONE] = "done",
                                          [EXIT_UNUSABLE] = "the model or the data cannot be used",
                                          [EXIT_USAGE] = "wrong usage",
                                          [EXIT_DEFECT] = "a defect of jitc"};
    str_put(s, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < COUNT(meaning); i++) str_printf(s, ".TP\n%zu\n%s\n", i, meaning[i]);
    str_put(s, ".PP\nErrors go to standard error, one line per problem: jitc: error: ...\n");
}

static void command_page(Str *s, const Command *c)
{
    Str page = {0};
    str_printf(&page, "jitc-%s", c->name);
    put_head(s, str_text(&page), c->summary);
    str_free(&page);
    str_put(s, "\\fBjitc\\fR ");
    for (const char *word = c->usage; *word;) {
        size_t n = strcspn(word, " ");
        put_pattern(s, word, n);
        str_put(s, " ");
        word += n + (word[n] == ' ');
    }
    str_printf(s, "[\\fIOPTION\\fR]...\n.SH DESCRIPTION\n%c", toupper((unsigned char)c->summary[0]));
    put_words(s, c->summary + 1);
    str_put(s, ".\n");
    put_paragraph(s, c->details);
    str_put(s, ".SH OPTIONS\nA value follows its option, or is written with it: \\-\\-option=value.\n");
    for (int i = 0; i < noptions; i++)
        if (option_shown(&options[i], c->bit))
            put_option(s, options[i].name, options[i].value, options[i].help);
    put_option(s, "--help", NULL, "list the options");
    str_put(s, ".SH EXAMPLES\n");
    put_examples(s, c->examples);
    put_exit_status(s);
    put_see_also(s, c);
}

static void main_page(Str *s)
{
    put_head(s, "jitc", "compile frozen TensorFlow graphs to machine code and run them");
    str_put(s, "\\fBjitc\\fR \\fICOMMAND\\fR \\fIMODEL\\fR [\\fIOPTION\\fR]...\n.br\n"
               "\\fBjitc\\fR \\fICOMMAND\\fR \\fB\\-\\-help\\fR\n.br\n"
               "\\fBjitc \\-\\-version\\fR\n"
               ".SH DESCRIPTION\n\\fIMODEL\\fR is a frozen GraphDef, binary (.pb) or text (.pbtxt). jitc "
               "optimises it\n"
               "and generates machine code for the CPU at hand, or an object file with a C header.\n"
               ".SH COMMANDS\n");
    for (int i = 0; i < ncommands; i++) {
        const Command *c = &commands[i];
        if (!c->run) continue;
        str_printf(s, ".TP\n.BR jitc\\-%s (1)\n", c->name);
        put_words(s, c->summary);
        str_put(s, "\n");
    }
    str_put(s, ".SH OPTIONS\n");
    put_option(s, "--help", NULL, "list the commands; after a command, its options");
    put_option(s, "--version", NULL, "show the version, LLVM's version, and the CPU as jitc sees it");
    str_put(s, ".SH TENSORS\nTensors have TensorFlow's names: \\fInode\\fR is the first output of a node, "
               "\\fInode\\fR:1 the\n"
               "second. Inputs and outputs are numpy's .npy files. Any tensor of the graph may be an input "
               "(the graph is\n"
               "cut there) or an output.\n");
    put_exit_status(s);
    str_put(s, ".SH ENVIRONMENT\n");
    put_option(s, "CC", NULL, "the C compiler, which links what jitc compile --emit shared writes");
    put_option(s, "TMPDIR", NULL, "where files for the linker are");
    str_put(s, ".SH EXAMPLES\n");
    for (int i = 0; i < ncommands; i++)
        if (commands[i].run) put_examples(s, commands[i].examples);
    put_see_also(s, NULL);
}

void man_page(Str *s, const Command *c)
{
    if (c)
        command_page(s, c);
    else
        main_page(s);
}
