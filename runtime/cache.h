/* The compile cache: a folder of files that hold what a later process would have to compute again. Private to
 * runtime/ and the tool.
 *
 * Each entry is a file, named by its kind and its key. The first page has a header, the payload follows, so
 * that code and weights can be mapped from where they lie. Files appear whole (written under another name,
 * then renamed) and never change. What is damaged, foreign or of another version is as if it were not there.
 *
 * Of programs and versions the payload is checked against its hash whenever it is read. Weights are named by
 * their hash; they are hashed again only if the file is not the one that was written: what tells that is a
 * FileId. */
#ifndef JITC_RUNTIME_CACHE_H
#define JITC_RUNTIME_CACHE_H

#include "runtime/folder.h"

/* PROGRAM: what a model's interface is. VERSION: the plan for one signature, and small weights. CODE: the
 * machine code of some kernels. WEIGHTS: one packed tensor. */
typedef enum { CACHE_PROGRAM, CACHE_VERSION, CACHE_CODE, CACHE_WEIGHTS, CACHE_KINDS } CacheKind;

enum { CACHE_PAGE = 4096, CACHE_LABEL = 256 };
#define CACHE_MOST_BYTES ((uint64_t)4 << 30) /* by default */

/* What the system tells of a file: place, size, times; and since when it has run, as after a crash a file may
 * have lost what it held. Zero: not known, equal to none. */
typedef struct {
    uint64_t word[9];
} FileId;
FileId file_id(const struct stat *st);
bool file_id_eq(const FileId *a, const FileId *b);
/* It changed so lately that it might change again without another time. */
bool file_id_is_fresh(const struct stat *st);

typedef struct {
    CacheKind kind;
    Hash key;
} CacheRef;

typedef struct {
    Folder folder;
    uint64_t most_bytes; /* of all files together; 0: any number */
    bool verify;         /* trust no FileId */
    char why[256];       /* why nothing more is written, or "" */
} Cache;

/* The folder that is meant by jitc_options.cache; NULL: the user's; "": none. */
const char *cache_path(const char *given);
/* `path` NULL: the user's. Whether there is one; if not, c->why may say why. */
bool cache_open(Job *job, Cache *c, const char *path);
void cache_close(Cache *c);

/* An entry that was found, mapped read-only. */
typedef struct {
    int fd;
    void *map;
    size_t mapped;
    const uint8_t *data; /* the payload, without the refs */
    size_t size;
    uint64_t offset; /* of the data in the file */
} CacheEntry;
bool cache_get(Cache *c, CacheRef ref, CacheEntry *out);
void cache_entry_close(CacheEntry *e); /* accepts a zeroed one */
/* Weights of that hash and size, mapped. `id`: of the file that is known to be good; then of the one there
 * is. NULL: there are none. */
void *cache_map_weights(Cache *c, Hash key, size_t bytes, FileId *id);
void cache_unmap(void *weights, size_t bytes);
FileId cache_weights_id(Cache *c, Hash key, size_t bytes); /* zeros: there is no such file */

/* False: it could not be written, and c->why says why; nothing is tried again then. `refs`: the entries that
 * this one needs; an entry that none needs goes after a while. `label`: what it is, for people; NULL:
 * nothing. `id`: NULL, or then of the file. */
bool cache_put(Cache *c, CacheRef ref, const void *data, size_t size, const CacheRef *refs, size_t nrefs,
               const char *label, FileId *id);
/* Takes out what was not used for longest until the rest fits, and what nothing needs. */
void cache_trim(Cache *c);

/* For people. */
typedef struct {
    const char *label;
    uint64_t bytes; /* with all that it needs and that those listed before it do not */
    int64_t used;   /* seconds since 1970 */
} CacheItem;
typedef VEC(CacheItem) CacheItems;
void cache_list(Job *job, Cache *c, CacheItems *out, uint64_t *total); /* versions, the latest first */
/* Removes all entries; the number, and the bytes. */
uint32_t cache_clear(Cache *c, uint64_t *bytes);
#endif
