/* Where choices that were measured are kept: a file in the user's cache, or one that is named. Private to
 * runtime/ and the tool. */
#ifndef JITC_RUNTIME_TUNING_H
#define JITC_RUNTIME_TUNING_H

#include "ir/tuning.h"

/* What choices hold for: the processor, its caches, and what code is made for. `cpu`: as in jitc_options. */
const char *tuning_machine(Job *job, const char *cpu);
/* `path`: as jitc_options.tuning. NULL: there is nothing, or none is wanted. What is in a file that cannot be
 * trusted is left out, and *warning, in the job, says so; a file that is named but cannot be read is an
 * error, which unwinds. */
Tuning *tuning_load(Job *job, const char *path, const char **warning);
/* Puts the lines of `t` into the file, instead of those that it has for the same problems. `path` NULL: the
 * user's cache. NULL, or from the job why it cannot be done; *to is the file. */
const char *tuning_save(Job *job, const Tuning *t, const char *path, const char **to);
#endif
