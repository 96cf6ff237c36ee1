/* What a command line may go on with. The shells' scripts ask for it (jitc help --complete WORD…), so that it
 * is known in one place; names of tensors come from the model that stands on the line. Never an error: a line
 * that is not finished may be wrong. */
#include <stdlib.h>

#include "cli/args.h"
#include "passes/pass.h"

typedef struct {
    Job *job;
    Str *s;
    const Command *command;
    const char *model;  /* NULL: not on the line yet */
    const char *before; /* the part of the word before what is completed: "--emit=" */
    size_t nbefore;
} Line;

static void put(Line *l, const char *text, size_t n, const char *ending, const char *what)
{
    str_putn(l->s, l->before, l->nbefore);
    str_escape(l->s, text, n);
    str_printf(l->s, "%s\t%s\n", ending, what);
}

static void offer(Line *l, const char *word, const char *typed, const char *what)
{
    if (strncmp(word, typed, strlen(typed)) == 0) put(l, word, strlen(word), "", what);
}

/* -- Names of the model --------------------------------------------------------------------------------- */
static bool is_input(const TfNode *n)
{
    return strncmp(n->op, "Placeholder", 11) == 0;
}

/* Nodes whose names begin as typed; of names in folders, the folder alone, as of files. */
static uint32_t offer_nodes(Line *l, const TfGraph *g, const char *typed, const char *ending, bool inputs)
{
    StrMap seen = {0};
    size_t n = strlen(typed);
    uint32_t found = 0;
    for (uint32_t i = 0; i < g->nnodes; i++) {
        const TfNode *node = &g->nodes[i];
        if (strncmp(node->name, typed, n) != 0 || (inputs ? !is_input(node) : strcmp(node->op, "Const") == 0))
            continue;
        const char *slash = inputs ? NULL : strchr(node->name + n, '/');
        size_t k = slash ? (size_t)(slash - node->name) + 1 : strlen(node->name);
        char *name = job_strndup(l->job, node->name, k);
        found++;
        if (strmap_get(&seen, name)) continue;
        strmap_put(l->job, &seen, name, name);
        put(l, name, k, slash ? "" : ending, slash ? "" : node->op);
    }
    return found;
}

static void offer_names(Line *l, const char *typed, const char *ending, bool inputs)
{
    const Model *m = model_open(l->job, l->model);
    /* Any tensor may be an input; those of the graph come first. */
    if (!inputs || !offer_nodes(l, m->graph, typed, ending, true))
        if (*typed || !inputs) offer_nodes(l, m->graph, typed, ending, false);
}

/* In a job of its own, which ends where the file is no model. */
static void offer_tensors(Line *l, const char *typed, const char *ending, bool inputs)
{
    if (!l->model || strchr(typed, '=')) return;
    Job *outer = l->job, *job = job_new(outer, Job);
    job_init(job, (size_t)1 << 30);
    l->job = job;
    if (JOB_ENTER(job) == JITC_OK) offer_names(l, typed, ending, inputs);
    l->job = outer;
    job_free(job);
}

/* -- Values ------------------------------------------------------------------------------------ */
static void offer_passes(Line *l, const char *typed)
{
    const char *last = typed + strlen(typed);
    while (last > typed && !strchr(",()", last[-1])) last--;
    char *list = job_printf(l->job, "%.*s%.*s", (int)l->nbefore, l->before, (int)(last - typed), typed);
    Line inner = *l;
    inner.before = list;
    inner.nbefore = strlen(list);
    for (int i = 0; i < passes_count(); i++) offer(&inner, passes_at(i)->name, last, passes_at(i)->help);
}

static void offer_files(Line *l, const char *kind, const char *endings, const char *typed, bool named)
{
    const char *eq = named ? strrchr(typed, '=') : NULL;
    str_printf(l->s, "%s\t%.*s", kind, (int)l->nbefore, l->before);
    if (eq) str_escape(l->s, typed, (size_t)(eq - typed) + 1);
    str_printf(l->s, "\t%s\n", endings);
}

/* `words` as in OptionDef. */
static void offer_value(Line *l, const char *words, const char *typed)
{
    bool names = false;
    for (const char *w = words ? words : ""; *w;) {
        size_t n = strcspn(w, " ");
        const char *word = job_strndup(l->job, w, n);
        w += n;
        w += strspn(w, " ");
        if (strcmp(word, ":inputs") == 0 || strcmp(word, ":nodes") == 0) {
            bool inputs = word[1] == 'i';
            offer_tensors(l, typed, inputs ? "=" : "", inputs);
            names = true;
        } else if (strcmp(word, ":passes") == 0) {
            offer_passes(l, typed);
        } else if (word[0] == ':') {
            offer_files(l, word, w, typed, names);
            return;
        } else {
            offer(l, word, typed, "");
        }
    }
}

static void offer_options(Line *l, const char *typed)
{
    for (int i = 0; i < noptions; i++)
        if (option_shown(&options[i], l->command->bit)) offer(l, options[i].name, typed, options[i].help);
    offer(l, "--help", typed, "list the options");
}

static void offer_commands(Line *l, const char *typed)
{
    for (int i = 0; i < ncommands; i++)
        if (commands[i].run) offer(l, commands[i].name, typed, commands[i].summary);
}

void complete(Job *job, Str *s, int nwords, char **words)
{
    Line l = {.job = job, .s = s, .before = ""};
    if (nwords < 1) return;
    const char *typed = words[nwords - 1];
    if (nwords == 1) {
        offer_commands(&l, typed);
        offer(&l, "help", typed, "what the commands and their options are");
        if (*typed == '-') offer(&l, "--help", typed, "list the commands");
        if (*typed == '-') offer(&l, "--version", typed, "what jitc was built with");
        return;
    }
    l.command = command_find(words[0]);
    if (strcmp(words[0], "help") == 0 && nwords == 2) offer_commands(&l, typed);
    if (!l.command || !l.command->run) return;
    const OptionDef *open = NULL; /* an option whose value comes next */
    bool only_files = false;
    for (int i = 1; i < nwords - 1; i++) {
        const char *w = words[i];
        if (open) {
            open = NULL;
        } else if (only_files || w[0] != '-' || !w[1]) {
            l.model = w;
        } else if (strcmp(w, "--") == 0) {
            only_files = true;
        } else if (!strchr(w, '=')) {
            open = option_find(w, strlen(w), l.command->bit);
            if (open && !open->value) open = NULL;
        }
    }
    const char *eq = strchr(typed, '=');
    if (open) {
        offer_value(&l, open->words, typed);
    } else if (!only_files && typed[0] == '-' && eq) {
        const OptionDef *d = option_find(typed, (size_t)(eq - typed), l.command->bit);
        l.before = typed;
        l.nbefore = (size_t)(eq - typed) + 1;
        if (d && d->value) offer_value(&l, d->words, eq + 1);
    } else if (!only_files && typed[0] == '-') {
        offer_options(&l, typed);
    } else if (!l.model) {
        offer_value(&l, model_files(l.command), typed);
    }
}
