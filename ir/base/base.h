/* Foundations shared by every layer: jobs (arena, diagnostics, limits), strings, vectors, hashing. */
#ifndef JITC_BASE_H
#define JITC_BASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "jitc/jitc.h"

#define COUNT(a)       (sizeof(a) / sizeof *(a))
#define PRINTF(fmt, a) __attribute__((format(printf, fmt, a)))

/* -- Where memory comes from, and how much there is -------------------------------------------------
 * What belongs to one program, on any thread. `memory` may be NULL: the C library's, without a limit. */
typedef struct Memory {
    void *(*alloc)(void *heap, void *old, size_t bytes); /* as in jitc_options; NULL: the C library's */
    void *heap;
    size_t limit; /* 0: none */
    atomic_size_t used;
} Memory;
/* Aligned to 64 bytes, undefined, and never none; NULL when there is no more. Large blocks ask for huge
 * pages. */
void *memory_take(Memory *memory, size_t bytes);
void memory_give(Memory *memory, void *at, size_t bytes); /* `bytes` as it was taken; accepts NULL */
bool memory_fits(const Memory *memory, size_t bytes);     /* within the limit */

/* When work ends early. */
typedef struct {
    int64_t deadline_ns;         /* CLOCK_MONOTONIC; 0 = none */
    const volatile int *stop[2]; /* of the host: NULL, or not 0: it does not want the result any more */
    const volatile int *abandon; /* the same, of ours: the work that this is a part of has failed */
} Limits;
jitc_status limits_check(const Limits *limits); /* JITC_OK, JITC_E_CANCELLED or JITC_E_DEADLINE */
const char *limits_text(jitc_status status);
static inline bool stop_is_set(const volatile int *stop)
{
    return stop && __atomic_load_n(stop, __ATOMIC_RELAXED);
}

/* -- Memory and failure ---------------------------------------------------------------------------
 * A Job is one unit of work that either succeeds or leaves nothing behind: a load, a compile, a bind.
 * Its memory comes from an arena; running out of memory or budget unwinds to the job's entry:
 *
 *     Job job;
 *     job_init(&job, limit);
 *     if (JOB_ENTER(&job) == JITC_OK) { ...work...; }
 *     status = job.status; ...read job.diags...
 *     job_free(&job);
 *
 * Bad input is not a failure of this kind: it is reported with job_error() as often as needed, then
 * job_stop_on_errors() unwinds with JITC_E_INVALID. Never unwind across frames of another library. */
typedef struct ArenaBlock ArenaBlock;
typedef struct {
    ArenaBlock *head;
    size_t used, total, limit;
    struct Memory *memory; /* NULL: the C library's */
    bool over;             /* over a limit: what is left to say has room all the same */
} Arena;

typedef struct Cleanup Cleanup;
struct Cleanup {
    void (*fn)(void *);
    void *arg;
    Cleanup *next;
};

typedef struct Diag Diag;
struct Diag {
    char *text; /* one line, control characters escaped, without the "jitc: error: " prefix */
    Diag *next;
};

typedef struct Job {
    Arena arena;
    jmp_buf env;
    jitc_status status;
    Cleanup *cleanups;
    Diag *diags, *last_diag;
    uint32_t nerrors;
    Limits limits;
} Job;

#define JOB_ENTER(job) ((job)->status = (jitc_status)setjmp((job)->env))

void job_init(Job *job, size_t memory_limit /* 0 = none */);
void job_init_in(Job *job, Memory *memory, const Limits *limits); /* both may be NULL */
void job_free(Job *job); /* runs the cleanups, newest first, then frees the arena */
_Noreturn void job_fail(Job *job, jitc_status status);
void job_error(Job *job, const char *fmt, ...) PRINTF(2, 3);
void job_verror(Job *job, const char *fmt, va_list ap);
void job_error_lines(Job *job, const char *text); /* each line of it that is not empty, as it stands */
void job_stop_on_errors(Job *job);
_Noreturn void job_bug(Job *job, const char *fmt, ...)
    PRINTF(2, 3);        /* a broken invariant of ours: JITC_E_INTERNAL */
void job_tick(Job *job); /* unwinds once the deadline has passed, or a stop flag is set */
void job_on_exit(Job *job, void (*fn)(void *), void *arg);

/* Zeroed memory, aligned to 64 bytes when n >= 64, else to 16; never NULL. */
void *job_alloc(Job *job, size_t n);
void *job_calloc(Job *job, size_t n, size_t size); /* checked product */
char *job_strndup(Job *job, const char *s, size_t n);
char *job_printf(Job *job, const char *fmt, ...) PRINTF(2, 3);
#define job_new(job, T)      ((T *)job_alloc((job), sizeof(T)))
#define job_array(job, T, n) ((T *)job_calloc((job), (size_t)(n), sizeof(T)))

/* -- Growing arrays in a job's arena -------------------------------------------------------------- */
#define VEC(T)                                                                                               \
    struct {                                                                                                 \
        T *at;                                                                                               \
        uint32_t n, cap;                                                                                     \
    }
#define vec_push(job, v, ...)                                                                                \
    ((v)->n == (v)->cap ? vec_grow_((job), (void **)&(v)->at, &(v)->cap, sizeof *(v)->at) : (void)0,         \
     (v)->at[(v)->n++] = (__VA_ARGS__))
void vec_grow_(Job *job, void **at, uint32_t *cap, size_t size);

/* -- Numbers as text: as in the C locale, whatever the host has set; so all of str_printf() -------- */
double text_to_double(const char *text, char **end);
float text_to_float(const char *text, char **end);

/* -- Text under construction; lives in the heap, str_free() it ------------------------------------- */
typedef struct {
    char *at;
    size_t n, cap;
    bool oom;
} Str;
void str_printf(Str *s, const char *fmt, ...) PRINTF(2, 3);
void str_vprintf(Str *s, const char *fmt, va_list ap);
void str_putn(Str *s, const char *text, size_t n);
void str_put(Str *s, const char *text);
void str_escape(Str *s, const char *text, size_t n); /* control characters and invalid UTF-8 as \xNN */
const char *str_text(const Str *s);                  /* "" when empty; valid until the next change */
void str_free(Str *s);

/* -- Hashing: 128 bits, for keys that must not collide by chance ---------------------------------- */
typedef struct {
    uint64_t lo, hi;
} Hash;
Hash hash_bytes(const void *data, size_t n);
static inline bool hash_eq(Hash a, Hash b)
{
    return a.lo == b.lo && a.hi == b.hi;
}
uint64_t hash_string(const char *s); /* for tables in memory */

/* String -> pointer map in a job's arena. */
typedef struct {
    const char **keys;
    void **vals;
    uint32_t n, cap;
} StrMap;
void *strmap_get(const StrMap *m, const char *key);             /* NULL when absent */
void strmap_put(Job *job, StrMap *m, const char *key, void *v); /* key is borrowed; v must not be NULL */

void str_diags(Str *s, const Job *job); /* what was reported, a line each; no line end after the last */

int64_t now_ns(void); /* CLOCK_MONOTONIC */

/* Checked arithmetic; false on overflow. */
static inline bool mul_ok(int64_t a, int64_t b, int64_t *r)
{
    return !__builtin_mul_overflow(a, b, r);
}
static inline bool add_ok(int64_t a, int64_t b, int64_t *r)
{
    return !__builtin_add_overflow(a, b, r);
}

static inline int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}
static inline int64_t round_up(int64_t a, int64_t b)
{
    return ceil_div(a, b) * b;
}
static inline int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static inline int64_t max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}
#endif
