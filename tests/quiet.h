/* What a piece of a program asks of the system: every way to allocate and every way to lock goes through
 * counters. Not in sanitizer builds, whose runtime has these functions itself; there nothing is counted. */
#ifndef JITC_TESTS_QUIET_H
#define JITC_TESTS_QUIET_H

typedef struct {
    long allocations, locks;
    const char *first; /* the first function that was called; NULL: none */
} Quiet;

/* From here to quiet_end() calls of all threads count. */
void quiet_begin(void);
Quiet quiet_end(void);
#endif
