/* What the cache holds as a whole: its size, what goes when it is too large, what people are shown of it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cache_private.h"

/* What nothing refers to may be about to be referred to. */
enum { ORPHAN_SECONDS = 600 };

typedef struct {
    CacheRef ref;
    uint64_t bytes;
    struct timespec used;
    const CacheRef *needs;
    uint32_t nneeds;
    const char *label; /* NULL: it could not be read */
    bool kept;
} Item;

typedef struct {
    Job *job;
    const Cache *c;
    VEC(Item) item; /* sorted by key */
} Index;

static int compare_keys(const CacheRef *a, const CacheRef *b)
{
    if (a->kind != b->kind) return (a->kind > b->kind) - (a->kind < b->kind);
    if (a->key.hi != b->key.hi) return (a->key.hi > b->key.hi) - (a->key.hi < b->key.hi);
    return (a->key.lo > b->key.lo) - (a->key.lo < b->key.lo);
}

static int by_key(const void *a, const void *b)
{
    return compare_keys(&((const Item *)a)->ref, &((const Item *)b)->ref);
}

static int by_use(const void *a, const void *b)
{
    const Item *x = *(Item *const *)a, *y = *(Item *const *)b;
    if (x->used.tv_sec != y->used.tv_sec) return (x->used.tv_sec < y->used.tv_sec) ? 1 : -1;
    if (x->used.tv_nsec != y->used.tv_nsec) return (x->used.tv_nsec < y->used.tv_nsec) ? 1 : -1;
    return compare_keys(&x->ref, &y->ref);
}

/* The label and the refs. */
static void read_header(Index *x, Item *i, const char *name)
{
    int fd = openat(x->c->folder.fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    CacheHeader h;
    if (pread(fd, &h, sizeof h, 0) == sizeof h && cache_header_fits(&h, i->ref, i->bytes)) {
        CacheRef *needs = job_array(x->job, CacheRef, h.nrefs + 1u);
        size_t n = h.nrefs * sizeof *needs;
        if (pread(fd, needs, n, CACHE_PAGE) == (ssize_t)n) {
            i->needs = needs;
            i->nneeds = h.nrefs;
            i->label = job_strndup(x->job, h.label, strnlen(h.label, sizeof h.label));
        }
    }
    close(fd);
}

static DIR *open_dir(const Cache *c)
{
    int fd = openat(c->folder.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir && fd >= 0) close(fd);
    return dir;
}

static void close_dir(void *dir)
{
    closedir(dir);
}

static void read_index(Job *job, const Cache *c, Index *out)
{
    *out = (Index){.job = job, .c = c};
    DIR *dir = open_dir(c);
    if (!dir) return;
    job_on_exit(job, close_dir, dir);
    for (struct dirent *e; (e = readdir(dir));) {
        Item i = {.bytes = 0};
        struct stat st;
        if (!cache_parse_name(e->d_name, &i.ref) ||
            fstatat(c->folder.fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW))
            continue;
        i.bytes = (uint64_t)st.st_size;
        i.used = st.st_mtim;
        if (i.ref.kind == CACHE_VERSION || i.ref.kind == CACHE_PROGRAM) read_header(out, &i, e->d_name);
        vec_push(job, &out->item, i);
    }
    if (out->item.n) qsort(out->item.at, out->item.n, sizeof *out->item.at, by_key);
}

static Item *find(const Index *x, const CacheRef *ref)
{
    Item key = {.ref = *ref};
    return x->item.n ? bsearch(&key, x->item.at, x->item.n, sizeof key, by_key) : NULL;
}

/* Of what the item is and needs, as far as it is not kept yet. */
static uint64_t more_bytes(const Index *x, const Item *i)
{
    uint64_t n = i->kept ? 0 : i->bytes;
    for (uint32_t k = 0; k < i->nneeds; k++) {
        const Item *need = find(x, &i->needs[k]);
        if (need && !need->kept) n += need->bytes;
    }
    return n;
}

static void keep(const Index *x, Item *i)
{
    i->kept = true;
    for (uint32_t k = 0; k < i->nneeds; k++) {
        Item *need = find(x, &i->needs[k]);
        if (need) need->kept = true;
    }
}

/* Those of that kind, the latest first. */
static Item **sorted(const Index *x, CacheKind kind, uint32_t *n)
{
    Item **at = job_array(x->job, Item *, x->item.n + 1u);
    *n = 0;
    for (uint32_t i = 0; i < x->item.n; i++)
        if (x->item.at[i].ref.kind == kind) at[(*n)++] = &x->item.at[i];
    qsort(at, *n, sizeof *at, by_use);
    return at;
}

static void remove_item(const Cache *c, const Item *i)
{
    char name[CACHE_NAME];
    cache_name(i->ref, name);
    unlinkat(c->folder.fd, name, 0);
}

static void trim(Job *job, Cache *c)
{
    Index x;
    read_index(job, c, &x);
    uint64_t total = 0, most = c->most_bytes ? c->most_bytes : UINT64_MAX;
    for (CacheKind kind = CACHE_PROGRAM; kind <= CACHE_VERSION; kind++) { /* programs are small */
        uint32_t n;
        Item **at = sorted(&x, kind, &n);
        for (uint32_t i = 0; i < n; i++) {
            uint64_t more = more_bytes(&x, at[i]);
            if (!at[i]->label || more > most - total) continue;
            total += more;
            keep(&x, at[i]);
        }
    }
    time_t now = time(NULL);
    for (uint32_t i = 0; i < x.item.n; i++) {
        const Item *it = &x.item.at[i];
        bool root = it->ref.kind <= CACHE_VERSION;
        if (!it->kept && (root || now - it->used.tv_sec > ORPHAN_SECONDS || total + it->bytes > most))
            remove_item(c, it);
        else if (!it->kept)
            total += it->bytes;
    }
}

void cache_trim(Cache *c)
{
    if (*c->why || c->folder.fd < 0 || flock(c->folder.fd, LOCK_EX | LOCK_NB))
        return; /* somebody else does */
    Job job;
    job_init(&job, 0);
    if (JOB_ENTER(&job) == JITC_OK) {
        folder_sweep(&c->folder);
        trim(&job, c);
    }
    job_free(&job);
    flock(c->folder.fd, LOCK_UN);
}

void cache_list(Job *job, Cache *c, CacheItems *out, uint64_t *total)
{
    Index x;
    read_index(job, c, &x);
    *total = 0;
    for (uint32_t i = 0; i < x.item.n; i++) *total += x.item.at[i].bytes;
    uint32_t n;
    Item **at = sorted(&x, CACHE_VERSION, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (!at[i]->label) continue;
        vec_push(job, out, (CacheItem){at[i]->label, more_bytes(&x, at[i]), at[i]->used.tv_sec});
        keep(&x, at[i]);
    }
}

uint32_t cache_clear(Cache *c, uint64_t *bytes)
{
    uint32_t n = 0;
    *bytes = 0;
    DIR *dir = open_dir(c);
    if (!dir) return 0;
    for (struct dirent *e; (e = readdir(dir));) {
        CacheRef ref;
        struct stat st;
        if (!cache_parse_name(e->d_name, &ref) ||
            fstatat(c->folder.fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
            unlinkat(c->folder.fd, e->d_name, 0))
            continue;
        n++;
        *bytes += (uint64_t)st.st_size;
    }
    closedir(dir);
    return n;
}
