#include "runtime/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cache_private.h"

static const char *const kind_names[CACHE_KINDS] = {"program", "version", "code", "weights"};
static const char magic[8] = "jitc-c1";

/* -- Files and their names ------------------------------------------------------------------------- */
static uint64_t boot_id(void)
{
    static _Atomic uint64_t known;
    uint64_t id = known;
    if (id) return id;
    char text[64];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : 0;
    if (fd >= 0) close(fd);
    if (n <= 0) return 0;
    known = id = hash_bytes(text, (size_t)n).lo | 1;
    return id;
}

FileId file_id(const struct stat *st)
{
    uint64_t boot = boot_id();
    if (!boot) return (FileId){{0}};
    return (FileId){{st->st_dev, st->st_ino, (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,
                     (uint64_t)st->st_mtim.tv_nsec, (uint64_t)st->st_ctim.tv_sec,
                     (uint64_t)st->st_ctim.tv_nsec, boot, 1}};
}

bool file_id_eq(const FileId *a, const FileId *b)
{
    return a->word[8] && memcmp(a, b, sizeof *a) == 0;
}

bool file_id_is_fresh(const struct stat *st)
{
    enum { FRESH_SECONDS = 2 };
    time_t now = time(NULL);
    return st->st_mtim.tv_sec + FRESH_SECONDS > now || st->st_ctim.tv_sec + FRESH_SECONDS > now;
}

void cache_name(CacheRef ref, char name[CACHE_NAME])
{
    snprintf(name, CACHE_NAME, "%s-%016llx%016llx", kind_names[ref.kind], (unsigned long long)ref.key.hi,
             (unsigned long long)ref.key.lo);
}

bool cache_parse_name(const char *name, CacheRef *out)
{
    char again[CACHE_NAME];
    for (int k = 0; k < CACHE_KINDS; k++) {
        unsigned long long hi, lo;
        size_t n = strlen(kind_names[k]);
        if (strncmp(name, kind_names[k], n) != 0 || sscanf(name + n, "-%16llx%16llx", &hi, &lo) != 2)
            continue;
        *out = (CacheRef){(CacheKind)k, {lo, hi}};
        cache_name(*out, again);
        if (strcmp(again, name) == 0) return true;
    }
    return false;
}

const char *cache_path(const char *given)
{
    const char *path = given ? given : secure_getenv("JITC_CACHE");
    return path && strcmp(path, "off") == 0 ? "" : path;
}

bool cache_open(Job *job, Cache *c, const char *path)
{
    static const char name[] = "code";
    *c = (Cache){.most_bytes = CACHE_MOST_BYTES};
    c->folder = path ? folder_named(job, path, true) : folder_user(job, name, true);
    if (c->folder.fd < 0 && c->folder.why) snprintf(c->why, sizeof c->why, "%s", c->folder.why);
    return c->folder.fd >= 0;
}

void cache_close(Cache *c)
{
    folder_close(&c->folder);
}

/* -- Reading --------------------------------------------------------------------------------------- */
static Hash header_hash(const CacheHeader *h)
{
    return hash_bytes(h, offsetof(CacheHeader, head));
}

bool cache_header_fits(const CacheHeader *h, CacheRef ref, uint64_t file_bytes)
{
    return memcmp(h->magic, magic, sizeof magic) == 0 && h->kind == (uint32_t)ref.kind &&
           hash_eq(h->key, ref.key) && hash_eq(h->head, header_hash(h)) &&
           h->bytes == file_bytes - CACHE_PAGE && h->nrefs <= h->bytes / sizeof(CacheRef);
}

/* A file of the user's alone that is long enough; its size. */
static int open_entry(const Cache *c, CacheRef ref, struct stat *st)
{
    char name[CACHE_NAME];
    cache_name(ref, name);
    int fd = openat(c->folder.fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return -1;
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_uid == geteuid() && !(st->st_mode & 022) &&
        st->st_size >= CACHE_PAGE)
        return fd;
    close(fd);
    return -1;
}

static void touch(const Cache *c, CacheRef ref)
{
    char name[CACHE_NAME];
    cache_name(ref, name);
    utimensat(c->folder.fd, name, NULL, AT_SYMLINK_NOFOLLOW); /* where that fails, it just looks older */
}

bool cache_get(Cache *c, CacheRef ref, CacheEntry *out)
{
    struct stat st = {0};
    *out = (CacheEntry){.fd = open_entry(c, ref, &st)};
    if (out->fd < 0) return false;
    out->mapped = (size_t)st.st_size;
    out->map = mmap(NULL, out->mapped, PROT_READ, MAP_SHARED | MAP_POPULATE, out->fd, 0);
    if (out->map == MAP_FAILED) {
        out->map = NULL;
        cache_entry_close(out);
        return false;
    }
    const CacheHeader *h = out->map;
    const uint8_t *payload = (const uint8_t *)out->map + CACHE_PAGE;
    if (!cache_header_fits(h, ref, (uint64_t)st.st_size) ||
        !hash_eq(hash_bytes(payload, h->bytes), h->payload)) {
        cache_entry_close(out);
        return false;
    }
    out->data = payload + h->nrefs * sizeof(CacheRef);
    out->size = h->bytes - h->nrefs * sizeof(CacheRef);
    out->offset = CACHE_PAGE + h->nrefs * sizeof(CacheRef);
    if (ref.kind != CACHE_CODE) touch(c, ref);
    return true;
}

void cache_entry_close(CacheEntry *e)
{
    if (!e->map && !e->mapped) return;
    if (e->map) munmap(e->map, e->mapped);
    if (e->fd >= 0) close(e->fd);
    *e = (CacheEntry){.fd = -1};
}

void cache_unmap(void *weights, size_t bytes)
{
    munmap(weights, bytes);
}

void *cache_map_weights(Cache *c, Hash key, size_t bytes, FileId *id)
{
    CacheRef ref = {CACHE_WEIGHTS, key};
    struct stat st;
    int fd = open_entry(c, ref, &st);
    if (fd < 0) return NULL;
    void *map = MAP_FAILED;
    if ((uint64_t)st.st_size == (uint64_t)bytes + CACHE_PAGE)
        map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, CACHE_PAGE);
    close(fd);
    if (map == MAP_FAILED) return NULL;
    FileId now = file_id(&st);
    if ((c->verify || !file_id_eq(id, &now)) && !hash_eq(hash_bytes(map, bytes), key)) {
        munmap(map, bytes);
        return NULL;
    }
    *id = now;
    return map;
}

FileId cache_weights_id(Cache *c, Hash key, size_t bytes)
{
    char name[CACHE_NAME];
    struct stat st;
    cache_name((CacheRef){CACHE_WEIGHTS, key}, name);
    if (fstatat(c->folder.fd, name, &st, AT_SYMLINK_NOFOLLOW) ||
        (uint64_t)st.st_size != (uint64_t)bytes + CACHE_PAGE)
        return (FileId){{0}};
    return file_id(&st);
}

/* -- Writing --------------------------------------------------------------------------------------- */
static bool give_up(Cache *c, const char *what)
{
    if (!*c->why) snprintf(c->why, sizeof c->why, "%s/%s: %s", c->folder.path, what, strerror(errno));
    return false;
}

bool cache_put(Cache *c, CacheRef ref, const void *data, size_t size, const CacheRef *refs, size_t nrefs,
               const char *label, FileId *id)
{
    if (*c->why || c->folder.fd < 0) return false;
    union {
        CacheHeader h;
        char page[CACHE_PAGE];
    } first;
    memset(&first, 0, sizeof first);
    CacheHeader *h = &first.h;
    memcpy(h->magic, magic, sizeof magic);
    h->kind = (uint32_t)ref.kind;
    h->nrefs = (uint32_t)nrefs;
    h->key = ref.key;
    h->bytes = nrefs * sizeof *refs + size;
    if (label) snprintf(h->label, sizeof h->label, "%s", label);
    Str joined = {0};
    if (nrefs) str_putn(&joined, (const char *)refs, nrefs * sizeof *refs);
    if (nrefs) str_putn(&joined, data, size);
    if (joined.oom) {
        str_free(&joined);
        errno = ENOMEM;
        return give_up(c, "an entry");
    }
    const void *payload = nrefs ? joined.at : data;
    h->payload = ref.kind == CACHE_WEIGHTS ? ref.key : hash_bytes(payload, h->bytes);
    h->head = header_hash(h);
    char name[CACHE_NAME];
    cache_name(ref, name);
    FolderTemp t;
    struct stat st;
    bool fine = folder_create(&c->folder, &t) && folder_write(&t, &first, sizeof first) &&
                folder_write(&t, payload, h->bytes) && folder_publish(&c->folder, &t, name, false, &st);
    if (fine && id) *id = file_id(&st);
    if (!fine) {
        folder_drop(&c->folder, &t);
        give_up(c, name);
    }
    str_free(&joined);
    return fine;
}
