/* A code generator that remembers kernels: most of the time of a small graph goes into compiling them, and
 * different graphs have the same ones. */
#ifndef JITC_TESTS_MEMO_H
#define JITC_TESTS_MEMO_H

#include <stdbool.h>

bool memo_install(void);     /* for all programs from here on; false: there is no code generator */
void memo_quick(bool quick); /* whether what is compiled next is compiled quickly */
void memo_trim(void);        /* forgets when there is too much */
#endif
