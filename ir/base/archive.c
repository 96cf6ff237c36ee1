#include "ir/base/archive.h"

void archive_bytes(Archive *a, void *at, size_t n)
{
    if (!n || a->mode == ARCHIVE_COPY) return;
    if (a->mode == ARCHIVE_SAVE) {
        str_putn(a->out, at, n);
        return;
    }
    if (n > (size_t)(a->end - a->at)) job_fail(a->job, JITC_E_INVALID);
    memcpy(at, a->at, n);
    a->at += n;
}

void archive_array_(Archive *a, void **at, size_t n, size_t size)
{
    const void *from = *at;
    if (a->mode == ARCHIVE_SAVE) {
        if (n) str_putn(a->out, from, n * size);
        return;
    }
    if (a->mode == ARCHIVE_LOAD && n && (size_t)(a->end - a->at) / n < size) job_fail(a->job, JITC_E_INVALID);
    *at = job_calloc(a->job, n + 1, size);
    if (a->mode == ARCHIVE_LOAD)
        archive_bytes(a, *at, n * size);
    else if (n)
        memcpy(*at, from, n * size);
}

void archive_text(Archive *a, const char **text)
{
    uint64_t n = *text && a->mode != ARCHIVE_LOAD ? strlen(*text) + 1 : 0;
    if (a->mode == ARCHIVE_COPY) {
        if (n) *text = job_strndup(a->job, *text, n - 1);
        return;
    }
    archive_bytes(a, &n, sizeof n);
    if (a->mode == ARCHIVE_SAVE) {
        if (n) str_putn(a->out, *text, n);
        return;
    }
    *text = NULL;
    if (!n) return;
    if (n > (uint64_t)(a->end - a->at) || a->at[n - 1]) job_fail(a->job, JITC_E_INVALID);
    *text = job_strndup(a->job, (const char *)a->at, n - 1);
    a->at += n;
}
