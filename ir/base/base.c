#include "ir/base/base.h"

#include <locale.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

/* -- Memory -------------------------------------------------------------------------------------- */
bool memory_fits(const Memory *m, size_t bytes)
{
    if (!m || !m->limit) return true;
    size_t used = atomic_load(&m->used);
    return used <= m->limit && bytes <= m->limit - used;
}

static void *library_take(size_t bytes)
{
    enum { LINE = 64, HUGE = 2 << 20 };
    size_t align = bytes >= HUGE ? HUGE : LINE;
    void *p = aligned_alloc(align, bytes ? (bytes + align - 1) / align * align : align);
#ifdef MADV_HUGEPAGE
    if (p && align == HUGE) madvise(p, bytes / HUGE * HUGE, MADV_HUGEPAGE);
#endif
    return p;
}

static void *take(Memory *m, size_t bytes, bool over)
{
    if (bytes > SIZE_MAX / 4) return NULL;
    if (!m) return library_take(bytes);
    size_t before = atomic_fetch_add(&m->used, bytes);
    bool fits = over || !m->limit || (before <= m->limit && bytes <= m->limit - before);
    void *p = !fits ? NULL : m->alloc ? m->alloc(m->heap, NULL, bytes ? bytes : 1) : library_take(bytes);
    if (!p) atomic_fetch_sub(&m->used, bytes);
    return p;
}

void *memory_take(Memory *m, size_t bytes)
{
    return take(m, bytes, false);
}

void memory_give(Memory *m, void *at, size_t bytes)
{
    if (!at) return;
    if (m) atomic_fetch_sub(&m->used, bytes);
    if (m && m->alloc)
        m->alloc(m->heap, at, 0);
    else
        free(at);
}

/* -- Limits -------------------------------------------------------------------------------------- */
jitc_status limits_check(const Limits *l)
{
    if (!l) return JITC_OK;
    if (stop_is_set(l->stop[0]) || stop_is_set(l->stop[1]) || stop_is_set(l->abandon))
        return JITC_E_CANCELLED;
    return l->deadline_ns && now_ns() > l->deadline_ns ? JITC_E_DEADLINE : JITC_OK;
}

const char *limits_text(jitc_status status)
{
    return status == JITC_E_CANCELLED ? "compiling was cancelled" : "the deadline for compiling has passed";
}

/* -- Jobs ---------------------------------------------------------------------------------------- */
struct ArenaBlock {
    ArenaBlock *next;
    size_t size;
};

void job_init(Job *job, size_t memory_limit)
{
    memset(job, 0, sizeof *job);
    job->arena.limit = memory_limit;
}

void job_init_in(Job *job, Memory *memory, const Limits *limits)
{
    job_init(job, 0);
    job->arena.memory = memory;
    if (limits) job->limits = *limits;
}

void job_free(Job *job)
{
    for (Cleanup *c = job->cleanups; c; c = c->next) c->fn(c->arg);
    for (ArenaBlock *b = job->arena.head, *next; b; b = next) {
        next = b->next;
        memory_give(job->arena.memory, b, b->size);
    }
    jitc_status status = job->status;
    memset(job, 0, sizeof *job);
    job->status = status;
}

void job_fail(Job *job, jitc_status status)
{
    longjmp(job->env, status);
}

void job_tick(Job *job)
{
    jitc_status status = limits_check(&job->limits);
    if (!status) return;
    job_error(job, "%s", limits_text(status));
    job_fail(job, status);
}

/* Large requests get a block of their own behind the current one, so that its free space is kept. */
static void *block_alloc(Job *job, size_t size, bool keep_current)
{
    Arena *a = &job->arena;
    bool fits =
        memory_fits(a->memory, size) && (!a->limit || (size <= a->limit && a->total <= a->limit - size));
    if (!fits && !a->over) {
        a->over = true; /* room for the message itself */
        job_error(job, "compiling needs more memory than allowed");
        job_fail(job, JITC_E_NOMEM);
    }
    ArenaBlock *b = take(a->memory, size, a->over);
    if (!b) job_fail(job, JITC_E_NOMEM);
    a->total += size;
    b->size = size;
    if (keep_current && a->head) {
        b->next = a->head->next;
        a->head->next = b;
    } else {
        b->next = a->head;
        a->head = b;
        a->used = keep_current ? size : 64; /* a large request is alone in its block */
    }
    return (char *)b + 64;
}

void *job_alloc(Job *job, size_t n)
{
    enum { BLOCK = 256 << 10 };
    Arena *a = &job->arena;
    if (n > (size_t)1 << 48) job_fail(job, JITC_E_NOMEM);
    size_t align = n >= 64 ? 64 : 16;
    void *p;
    if (n > BLOCK / 4) {
        p = block_alloc(job, (n + 64 + 63) & ~(size_t)63, true);
    } else {
        size_t at = (a->used + align - 1) & ~(align - 1);
        if (!a->head || at + n > a->head->size) {
            block_alloc(job, BLOCK, false);
            at = 64;
        }
        p = (char *)a->head + at;
        a->used = at + n;
    }
    return memset(p, 0, n);
}

void *job_calloc(Job *job, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) job_fail(job, JITC_E_NOMEM);
    return job_alloc(job, bytes);
}

char *job_strndup(Job *job, const char *s, size_t n)
{
    char *p = job_alloc(job, n + 1);
    return memcpy(p, s, n);
}

char *job_printf(Job *job, const char *fmt, ...)
{
    va_list ap, ap2;
    va_start(ap, fmt);
    va_copy(ap2, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = job_alloc(job, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, ap2);
    va_end(ap2);
    return p;
}

void job_on_exit(Job *job, void (*fn)(void *), void *arg)
{
    Cleanup *c = job_new(job, Cleanup);
    *c = (Cleanup){fn, arg, job->cleanups};
    job->cleanups = c;
}

void job_verror(Job *job, const char *fmt, va_list ap)
{
    Str raw = {0}, text = {0};
    str_vprintf(&raw, fmt, ap);
    str_escape(&text, str_text(&raw), raw.n);
    Diag *d = job_new(job, Diag);
    d->text = job_strndup(job, str_text(&text), text.n);
    str_free(&raw);
    str_free(&text);
    if (job->last_diag)
        job->last_diag->next = d;
    else
        job->diags = d;
    job->last_diag = d;
    job->nerrors++;
}

void job_error(Job *job, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    job_verror(job, fmt, ap);
    va_end(ap);
}

void job_error_lines(Job *job, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n) job_error(job, "%.*s", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

void str_diags(Str *s, const Job *job)
{
    for (const Diag *d = job->diags; d; d = d->next) str_printf(s, "%s%s", s->n ? "\n" : "", d->text);
}

void job_stop_on_errors(Job *job)
{
    if (job->nerrors) job_fail(job, JITC_E_INVALID);
}

void job_bug(Job *job, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    job_verror(job, fmt, ap);
    va_end(ap);
    job_fail(job, JITC_E_INTERNAL);
}

void vec_grow_(Job *job, void **at, uint32_t *cap, size_t size)
{
    uint32_t n = *cap ? *cap * 2 : 8;
    void *p = job_calloc(job, n, size);
    if (*cap) memcpy(p, *at, *cap * size);
    *at = p;
    *cap = n;
}

/* -- Str ------------------------------------------------------------------------------------------ */
static bool str_room(Str *s, size_t n)
{
    if (s->n + n + 1 <= s->cap) return true;
    size_t cap = s->cap ? s->cap * 2 : 256;
    while (cap < s->n + n + 1) cap *= 2;
    char *p = realloc(s->at, cap);
    if (!p) {
        s->oom = true;
        return false;
    }
    s->at = p;
    s->cap = cap;
    return true;
}

void str_putn(Str *s, const char *text, size_t n)
{
    if (!n || !str_room(s, n)) return;
    memcpy(s->at + s->n, text, n);
    s->n += n;
    s->at[s->n] = 0;
}

void str_put(Str *s, const char *text)
{
    str_putn(s, text, strlen(text));
}

static locale_t c_locale(void)
{
    return newlocale(LC_ALL_MASK, "C", (locale_t)0); /* a constant of the C library: nothing is allocated */
}

double text_to_double(const char *text, char **end)
{
    return strtod_l(text, end, c_locale());
}

float text_to_float(const char *text, char **end)
{
    return strtof_l(text, end, c_locale());
}

void str_vprintf(Str *s, const char *fmt, va_list ap)
{
    locale_t hosts = uselocale(c_locale());
    va_list ap2;
    va_copy(ap2, ap);
    int n = vsnprintf(NULL, 0, fmt, ap2);
    va_end(ap2);
    if (n > 0 && str_room(s, (size_t)n)) {
        vsnprintf(s->at + s->n, (size_t)n + 1, fmt, ap);
        s->n += (size_t)n;
    }
    uselocale(hosts);
}

void str_printf(Str *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    str_vprintf(s, fmt, ap);
    va_end(ap);
}

static size_t utf8_length(const unsigned char *p, size_t n)
{
    size_t len = p[0] < 0x80             ? 1
                 : (p[0] & 0xe0) == 0xc0 ? 2
                 : (p[0] & 0xf0) == 0xe0 ? 3
                 : (p[0] & 0xf8) == 0xf0 ? 4
                                         : 0;
    if (!len || len > n) return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if (len == 2 && p[0] == 0xc2 && p[1] < 0xa0) return 0; /* C1 control characters */
    return len;
}

void str_escape(Str *s, const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0; i < n;) {
        size_t len = utf8_length(p + i, n - i);
        if (!len || p[i] < 0x20 || p[i] == 0x7f) {
            str_printf(s, "\\x%02x", p[i]);
            i++;
        } else {
            str_putn(s, text + i, len);
            i += len;
        }
    }
}

const char *str_text(const Str *s)
{
    return s->at ? s->at : "";
}

void str_free(Str *s)
{
    free(s->at);
    memset(s, 0, sizeof *s);
}

/* -- Hashing: two lanes of multiply-rotate mixing (constants of MurmurHash3's finaliser) ----------- */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
}

/* Eight words at a time into eight sums that do not wait for each other, so that large data is hashed as fast
 * as it comes from memory. */
enum { HASH_LANES = 8 };

static size_t hash_blocks(const unsigned char *p, size_t n, uint64_t *lane)
{
    size_t at = 0;
    for (; n - at >= HASH_LANES * 8; at += HASH_LANES * 8)
        for (size_t i = 0; i < HASH_LANES; i++) {
            uint64_t w;
            memcpy(&w, p + at + i * 8, 8);
            lane[i] = (lane[i] ^ w) * 0x9fb21c651e98df25ULL;
            lane[i] ^= lane[i] >> 29;
        }
    return at;
}

static void hash_words(const unsigned char *p, size_t n, Hash *h)
{
    uint64_t a = h->lo, b = h->hi;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t w = 0;
        memcpy(&w, p + i, n - i < 8 ? n - i : 8);
        a = (a ^ mix(w)) * 0x9fb21c651e98df25ULL;
        a = a << 29 | a >> 35;
        b = (b + w) * 0xff51afd7ed558ccdULL;
        b ^= b >> 31;
    }
    *h = (Hash){a, b};
}

Hash hash_bytes(const void *data, size_t n)
{
    Hash h = {0x9e3779b97f4a7c15ULL ^ n, 0xc2b2ae3d27d4eb4fULL};
    uint64_t lane[HASH_LANES];
    for (size_t i = 0; i < HASH_LANES; i++) lane[i] = h.lo + i * 0xff51afd7ed558ccdULL;
    size_t done = hash_blocks(data, n, lane);
    if (done) hash_words((const unsigned char *)lane, sizeof lane, &h);
    hash_words((const unsigned char *)data + done, n - done, &h);
    return (Hash){mix(h.lo ^ h.hi), mix(h.hi + (h.lo << 1) + 1)};
}

uint64_t hash_string(const char *s)
{
    return hash_bytes(s, strlen(s)).lo;
}

static uint32_t strmap_slot(const StrMap *m, const char *key)
{
    uint32_t i = (uint32_t)hash_string(key) & (m->cap - 1);
    while (m->keys[i] && strcmp(m->keys[i], key) != 0) i = (i + 1) & (m->cap - 1);
    return i;
}

void *strmap_get(const StrMap *m, const char *key)
{
    return m->cap ? m->vals[strmap_slot(m, key)] : NULL;
}

void strmap_put(Job *job, StrMap *m, const char *key, void *v)
{
    if (m->n * 2 >= m->cap) {
        StrMap old = *m;
        m->cap = old.cap ? old.cap * 2 : 64;
        m->keys = job_array(job, const char *, m->cap);
        m->vals = job_array(job, void *, m->cap);
        for (uint32_t i = 0; i < old.cap; i++) {
            if (!old.keys[i]) continue;
            uint32_t k = strmap_slot(m, old.keys[i]);
            m->keys[k] = old.keys[i];
            m->vals[k] = old.vals[i];
        }
    }
    uint32_t i = strmap_slot(m, key);
    if (!m->keys[i]) m->n++;
    m->keys[i] = key;
    m->vals[i] = v;
}

int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
