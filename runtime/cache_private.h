/* What the files of the cache share. */
#ifndef JITC_RUNTIME_CACHE_PRIVATE_H
#define JITC_RUNTIME_CACHE_PRIVATE_H

#include "runtime/cache.h"

typedef struct {
    char magic[8];
    uint32_t kind, nrefs;
    Hash key;
    uint64_t bytes; /* of the payload: refs, then data */
    Hash payload;
    char label[CACHE_LABEL];
    Hash head; /* of all above */
} CacheHeader;

enum { CACHE_NAME = 48 };
void cache_name(CacheRef ref, char name[CACHE_NAME]);
bool cache_parse_name(const char *name, CacheRef *out);
bool cache_header_fits(const CacheHeader *h, CacheRef ref, uint64_t file_bytes);
#endif
