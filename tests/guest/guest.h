/* What the hosts of this folder share. They see nothing but the public header. */
#ifndef GUEST_H
#define GUEST_H

#include <jitc/jitc.h>
#include <stdio.h>
#include <stdlib.h>

enum { PASSED = 0, FAILED = 1, SKIPPED = 77 };

#define CHECK(condition, ...)                                                                                \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                  \
            fprintf(stderr, __VA_ARGS__);                                                                    \
            fputc('\n', stderr);                                                                             \
            exit(FAILED);                                                                                    \
        }                                                                                                    \
    } while (0)

/* A program that must load. */
static inline jitc_program *load(const char *path, int threads)
{
    jitc_options options = JITC_OPTIONS_INIT;
    options.threads = threads;
    jitc_program *p = NULL;
    jitc_error *e = NULL;
    jitc_status status = jitc_program_load(path, &options, &p, &e);
    CHECK(status == JITC_OK, "%s: %s", path, jitc_error_text(e));
    return p;
}

static inline jitc_exec *new_exec(jitc_program *p)
{
    jitc_exec *x = NULL;
    jitc_status status = jitc_exec_new(p, &x);
    CHECK(status == JITC_OK, "status %d", (int)status);
    return x;
}

static inline void bind(jitc_exec *x, const char *name, const jitc_tensor *t)
{
    jitc_status status = jitc_exec_bind(x, name, t);
    CHECK(status == JITC_OK, "%s", jitc_exec_error(x));
}

static inline void run(jitc_exec *x)
{
    jitc_status status = jitc_exec_run(x);
    CHECK(status == JITC_OK, "%s", jitc_exec_error(x));
}
#endif
