/* The table of options: what the parser, the help, the man pages and the shells' completion read. */
#ifndef JITC_ARGS_H
#define JITC_ARGS_H

#include "cli/cli.h"

typedef bool Setter(Options *o, const char *value); /* false: the value is wrong; it has been reported */

/* `words` is what a value may be, for completion; NULL: nothing that could be listed. Words, or
 *   :files .a .b    files with these endings, or any; may follow other things
 *   :folders        folders
 *   :inputs         names of the model's inputs, each with a '=' for what follows
 *   :nodes          names of the model's nodes
 *   :passes         a list of passes, separated by commas */
typedef struct {
    /* value: NULL for a flag. help: NULL for one that is taken or refused with a reason, but shown nowhere,
     * since what it is about does not exist yet. */
    const char *name, *value, *help;
    unsigned commands;
    Setter *set;
    const char *words;
} OptionDef;

extern const OptionDef options[];
extern const int noptions;
bool option_shown(const OptionDef *d, unsigned command);
/* NULL: this command has no such option. */
const OptionDef *option_find(const char *name, size_t n, unsigned command);

/* What a command takes as its model. */
const char *model_files(const Command *c); /* as OptionDef's words */

#endif
