#include "runtime/npz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    LOCAL_SIG = 0x04034b50,
    CENTRAL_SIG = 0x02014b50,
    END_SIG = 0x06054b50,
    END64_SIG = 0x06064b50,
    LOCATOR_SIG = 0x07064b50,
    LOCAL_SIZE = 30,
    CENTRAL_SIZE = 46,
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR_SIZE = 20,
    STORED = 0,
    DEFLATED = 8,
    UTF8 = 0x0800,
    REFUSED_FLAGS = 0x2061, /* encrypted, patch, strong encryption, masked header */
    NAME_LIMIT = 64000,
    CHUNK = 64 << 10
};

static uint32_t get16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}
static uint32_t get32(const uint8_t *p)
{
    return get16(p) | get16(p + 2) << 16;
}
static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* -- Access to the archive ------------------------------------------------------------------------ */
typedef struct {
    const uint8_t *mem; /* NULL: fd */
    int fd;
    uint64_t size;
    const char *what;
    char **why;
} Archive;

static jitc_status bad_zip(const Archive *a, const char *text)
{
    return explain(a->why, JITC_E_INVALID, "%s: bad .npz file: %s", a->what, text);
}

static jitc_status no_memory(const Archive *a)
{
    return explain(a->why, JITC_E_NOMEM, "%s: out of memory", a->what);
}

static jitc_status read_at(const Archive *a, uint64_t offset, void *buf, size_t n)
{
    if (offset > a->size || n > a->size - offset) return bad_zip(a, "truncated");
    if (a->mem) {
        if (n) memcpy(buf, a->mem + offset, n);
        return JITC_OK;
    }
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(a->fd, (char *)buf + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return explain(a->why, JITC_E_IO, "%s: %s", a->what, strerror(errno));
        if (got == 0) return bad_zip(a, "it became shorter while it was read");
        done += (size_t)got;
    }
    return JITC_OK;
}

/* -- The directory -------------------------------------------------------------------------------- */
typedef struct {
    const char *name; /* in the directory's bytes, not terminated */
    size_t nname;
    uint32_t method, crc;
    uint64_t packed, size, header; /* header: offset of the local one */
    uint64_t data, index;
} Entry;

typedef struct {
    uint64_t offset, size, count;
} Directory;

static jitc_status find_directory(const Archive *a, Directory *dir)
{
    enum { TAIL = END_SIZE + 0xffff };
    if (a->size < END_SIZE) return bad_zip(a, "not a zip archive");
    size_t ntail = a->size < TAIL ? (size_t)a->size : TAIL;
    uint8_t *tail = malloc(ntail);
    if (!tail) return no_memory(a);
    jitc_status status = read_at(a, a->size - ntail, tail, ntail);
    size_t at = ntail - END_SIZE;
    while (!status && (get32(tail + at) != END_SIG || get16(tail + at + 20) != ntail - at - END_SIZE))
        if (at-- == 0) status = bad_zip(a, "not a zip archive, or its end is missing");
    uint8_t end[END_SIZE] = {0};
    if (!status) memcpy(end, tail + at, END_SIZE);
    free(tail);
    if (status) return status;

    uint64_t end_offset = a->size - ntail + at;
    uint32_t disk = get16(end + 4), first_disk = get16(end + 6), here = get16(end + 8);
    dir->count = get16(end + 10);
    dir->size = get32(end + 12);
    dir->offset = get32(end + 16);
    uint8_t locator[LOCATOR_SIZE], end64[END64_SIZE];
    bool overflow = dir->count == 0xffff || dir->size == 0xffffffff || dir->offset == 0xffffffff;
    if (overflow && end_offset >= LOCATOR_SIZE) {
        status = read_at(a, end_offset - LOCATOR_SIZE, locator, LOCATOR_SIZE);
        if (status) return status;
        overflow = get32(locator) == LOCATOR_SIG;
    }
    if (overflow) {
        if (end_offset < LOCATOR_SIZE) return bad_zip(a, "the zip64 end is missing");
        status = read_at(a, get64(locator + 8), end64, END64_SIZE);
        if (status) return status;
        if (get32(end64) != END64_SIG) return bad_zip(a, "the zip64 end is missing");
        end_offset = get64(locator + 8);
        disk = get32(end64 + 16) | (get32(locator + 16) > 1);
        first_disk = get32(end64 + 20);
        dir->count = get64(end64 + 32);
        here = get64(end64 + 24) != dir->count;
        dir->size = get64(end64 + 40);
        dir->offset = get64(end64 + 48);
    } else {
        here = here != dir->count;
    }
    if (disk || first_disk || here) return bad_zip(a, "split archives are not supported");
    if (dir->offset > end_offset || dir->size > end_offset - dir->offset ||
        dir->count > dir->size / CENTRAL_SIZE)
        return bad_zip(a, "its directory is out of range");
    return JITC_OK;
}

/* The 64-bit values of those fields that do not fit in 32 bits. */
static bool read_zip64(const uint8_t *extra, size_t n, uint64_t *const fields[3])
{
    while (n >= 4) {
        size_t id = get16(extra), len = get16(extra + 2);
        extra += 4;
        n -= 4;
        if (len > n) return false;
        for (int i = 0; id == 1 && i < 3; i++) {
            if (*fields[i] != 0xffffffff) continue;
            if (len < 8) return false;
            *fields[i] = get64(extra);
            extra += 8;
            len -= 8;
            n -= 8;
        }
        if (id == 1) return true;
        extra += len;
        n -= len;
    }
    return true;
}

static int shown_length(const Entry *e)
{
    return e->nname < 200 ? (int)e->nname : 200;
}

static jitc_status bad_member(const Archive *a, const Entry *e, const char *text)
{
    return explain(a->why, JITC_E_INVALID, "%s: member '%.*s' %s", a->what, shown_length(e), e->name, text);
}

static jitc_status read_entry(const Archive *a, const uint8_t **p, const uint8_t *end, Entry *e)
{
    const uint8_t *h = *p;
    if (end - h < CENTRAL_SIZE || get32(h) != CENTRAL_SIG) return bad_zip(a, "its directory is damaged");
    size_t nname = get16(h + 28), nextra = get16(h + 30), ncomment = get16(h + 32);
    if ((size_t)(end - h) < CENTRAL_SIZE + nname + nextra + ncomment)
        return bad_zip(a, "its directory is damaged");
    *p = h + CENTRAL_SIZE + nname + nextra + ncomment;
    *e = (Entry){.name = (const char *)h + CENTRAL_SIZE,
                 .nname = nname,
                 .method = get16(h + 10),
                 .crc = get32(h + 16),
                 .packed = get32(h + 20),
                 .size = get32(h + 24),
                 .header = get32(h + 42)};
    if (!read_zip64(h + CENTRAL_SIZE + nname, nextra, (uint64_t *const[]){&e->size, &e->packed, &e->header}))
        return bad_zip(a, "its directory is damaged");
    if (memchr(e->name, 0, nname)) return bad_zip(a, "a member's name contains a zero byte");
    if (nname < 4 || memcmp(e->name + nname - 4, ".npy", 4)) return bad_member(a, e, "is not a .npy file");
    if (get16(h + 8) & REFUSED_FLAGS) return bad_member(a, e, "is encrypted");
    if (e->method != STORED && e->method != DEFLATED)
        return bad_member(a, e, "has a compression method other than 'stored' and 'deflate'");
    if (e->method == STORED && e->packed != e->size) return bad_member(a, e, "has two sizes");
    return JITC_OK;
}

/* Where the data starts; it lies before the directory. */
static jitc_status locate_data(const Archive *a, const Directory *dir, Entry *e)
{
    uint8_t h[LOCAL_SIZE];
    if (e->header > dir->offset || dir->offset - e->header < LOCAL_SIZE)
        return bad_member(a, e, "is out of range");
    jitc_status status = read_at(a, e->header, h, LOCAL_SIZE);
    if (status) return status;
    if (get32(h) != LOCAL_SIG || get16(h + 8) != e->method || get16(h + 26) != e->nname)
        return bad_member(a, e, "is not where the directory says");
    e->data = e->header + LOCAL_SIZE + get16(h + 26) + get16(h + 28);
    if (e->data > dir->offset || e->packed > dir->offset - e->data)
        return bad_member(a, e, "is out of range");
    return JITC_OK;
}

static int compare_names(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    int order = memcmp(x->name, y->name, x->nname < y->nname ? x->nname : y->nname);
    return order ? order : (x->nname > y->nname) - (x->nname < y->nname);
}

static int compare_places(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    return (x->header > y->header) - (x->header < y->header);
}

static int compare_indices(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

/* Names are unique. Members do not overlap: with that, no archive unpacks to more than deflate's 1032 times
 * its size. */
static jitc_status check_entries(const Archive *a, Entry *e, size_t n)
{
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++)
        if (__builtin_add_overflow(total, e[i].size, &total)) total = UINT64_MAX;
    if (!npy_fits_memory(total))
        return explain(a->why, JITC_E_NOMEM, "%s: no memory for %llu bytes", a->what,
                       (unsigned long long)total);
    qsort(e, n, sizeof *e, compare_names);
    for (size_t i = 1; i < n; i++)
        if (!compare_names(&e[i - 1], &e[i])) return bad_member(a, &e[i], "occurs twice");
    qsort(e, n, sizeof *e, compare_places);
    for (size_t i = 1; i < n; i++)
        if (e[i].header < e[i - 1].data + e[i - 1].packed)
            return bad_member(a, &e[i], "overlaps with another one");
    qsort(e, n, sizeof *e, compare_indices);
    return JITC_OK;
}

/* -- The members ---------------------------------------------------------------------------------- */
typedef struct {
    const Archive *archive;
    const Entry *entry;
    uint64_t at, left; /* packed data not yet taken */
    uint64_t produced;
    uLong crc;
    bool ended;
    z_stream z;
    uint8_t chunk[CHUNK];
} MemberSource;

static jitc_status read_stored(MemberSource *m, uint8_t *buf, size_t n, size_t *got)
{
    *got = n < m->left ? n : (size_t)m->left;
    jitc_status status = read_at(m->archive, m->at, buf, *got);
    m->at += *got;
    m->left -= *got;
    m->ended = !m->left;
    return status;
}

static jitc_status read_deflated(MemberSource *m, uint8_t *buf, size_t n, size_t *got)
{
    const size_t most = 1 << 30; /* zlib counts in unsigned int */
    *got = 0;
    while (*got < n && !m->ended) {
        if (!m->z.avail_in && m->left) {
            size_t take = m->left < CHUNK ? (size_t)m->left : CHUNK;
            jitc_status status = read_at(m->archive, m->at, m->chunk, take);
            if (status) return status;
            m->at += take;
            m->left -= take;
            m->z.next_in = m->chunk;
            m->z.avail_in = (uInt)take;
        }
        uInt room = (uInt)(n - *got < most ? n - *got : most);
        m->z.next_out = buf + *got;
        m->z.avail_out = room;
        int result = inflate(&m->z, Z_NO_FLUSH);
        *got += room - m->z.avail_out;
        if (result == Z_MEM_ERROR) return no_memory(m->archive);
        if (result == Z_STREAM_END)
            m->ended = true;
        else if (result != Z_OK) /* Z_BUF_ERROR: the packed data ended early */
            return bad_member(m->archive, m->entry, "has damaged compressed data");
    }
    return JITC_OK;
}

static int64_t read_member_bytes(void *self, void *buf, size_t n, char **why)
{
    (void)why; /* the archive's */
    MemberSource *m = self;
    size_t got;
    jitc_status status =
        m->entry->method == STORED ? read_stored(m, buf, n, &got) : read_deflated(m, buf, n, &got);
    if (status) return -(int64_t)status;
    m->produced += got;
    m->crc = crc32_z(m->crc, buf, got);
    return (int64_t)got;
}

static jitc_status read_member(MemberSource *m, const Archive *a, const Entry *e, NpzMember *out)
{
    m->archive = a;
    m->entry = e;
    m->at = e->data;
    m->left = e->packed;
    m->produced = 0;
    m->crc = crc32_z(0, NULL, 0);
    m->ended = false;
    memset(&m->z, 0, sizeof m->z);
    if (e->method == DEFLATED && inflateInit2(&m->z, -MAX_WBITS) != Z_OK) return no_memory(a);

    Str what = {0};
    str_printf(&what, "%s: member '%.*s'", a->what, shown_length(e), e->name);
    NpySource src = {read_member_bytes, m, e->size, e->method == STORED};
    jitc_status status = npy_read_source(&src, str_text(&what), &out->value, a->why);
    bool packed_left = m->left || m->z.avail_in;
    str_free(&what);
    if (e->method == DEFLATED) inflateEnd(&m->z);
    if (status) return status;
    if (!m->ended || packed_left || m->produced != e->size)
        return bad_member(a, e, "has another size than recorded");
    if (m->crc != e->crc) return bad_member(a, e, "is damaged: its checksum is wrong");
    size_t nname = e->nname - 4; /* without ".npy" */
    out->name = malloc(nname + 1);
    if (!out->name) return no_memory(a);
    memcpy(out->name, e->name, nname);
    out->name[nname] = 0;
    return JITC_OK;
}

static jitc_status read_members(const Archive *a, const Entry *e, size_t n, NpzFile *out)
{
    MemberSource *m = malloc(sizeof *m);
    out->at = calloc(n ? n : 1, sizeof *out->at);
    jitc_status status = m && out->at ? JITC_OK : no_memory(a);
    for (size_t i = 0; i < n && !status; i++) {
        out->n = i + 1;
        status = read_member(m, a, &e[i], &out->at[i]);
    }
    free(m);
    return status;
}

static jitc_status read_archive(const Archive *a, NpzFile *out)
{
    Directory dir = {0};
    jitc_status status = find_directory(a, &dir);
    if (status) return status;
    size_t n = (size_t)dir.count;
    uint8_t *bytes = malloc(dir.size ? dir.size : 1);
    Entry *e = calloc(n ? n : 1, sizeof *e);
    if (!bytes || !e)
        status = no_memory(a);
    else
        status = read_at(a, dir.offset, bytes, dir.size);
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n && !status; i++) {
        status = read_entry(a, &p, bytes + dir.size, &e[i]);
        if (!status) status = locate_data(a, &dir, &e[i]);
        e[i].index = i;
    }
    if (!status && p != bytes + dir.size) status = bad_zip(a, "its directory is damaged");
    if (!status) status = check_entries(a, e, n);
    if (!status) status = read_members(a, e, n, out);
    if (status) npz_free(out);
    free(e);
    free(bytes);
    return status;
}

jitc_status npz_parse(const void *data, size_t size, NpzFile *out, char **why)
{
    *out = (NpzFile){0};
    Archive a = {data, -1, size, ".npz data", why};
    return read_archive(&a, out);
}

jitc_status npz_read(const char *path, NpzFile *out, char **why)
{
    *out = (NpzFile){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) {
        jitc_status status = explain(why, JITC_E_IO, "%s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return status;
    }
    if (S_ISREG(st.st_mode)) {
        Archive a = {NULL, fd, (uint64_t)st.st_size, path, why};
        jitc_status status = read_archive(&a, out);
        close(fd);
        return status;
    }
    void *data;
    size_t size;
    jitc_status status = file_read_fd(fd, path, 0, &data, &size, why);
    close(fd);
    if (status) return status;
    Archive a = {data, -1, size, path, why};
    status = read_archive(&a, out);
    free(data);
    return status;
}

bool npz_detect(const char *path)
{
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode)) return false; /* to open a pipe is to be its reader */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    uint8_t b[4];
    bool is = pread(fd, b, sizeof b, 0) == sizeof b && (get32(b) == LOCAL_SIG || get32(b) == END_SIG);
    close(fd);
    return is;
}

void npz_free(NpzFile *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->at[i].name);
        npy_free(&f->at[i].value);
    }
    free(f->at);
    *f = (NpzFile){0};
}

/* -- Writing -------------------------------------------------------------------------------------- */
typedef struct {
    uint8_t at[128];
    size_t n;
} Record;

static void put(Record *r, int nbytes, uint64_t v)
{
    for (int i = 0; i < nbytes; i++) r->at[r->n++] = (uint8_t)(v >> 8 * i);
}

static uint64_t below(uint64_t v, uint64_t limit)
{
    return v < limit ? v : limit;
}

typedef struct {
    uint64_t offset, size;
    uint32_t crc;
} Written;

static unsigned name_flags(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name >= 0x80) return UTF8;
    return 0;
}

/* The part that the local and the central header have in common, up to the length of the extra field. */
static void put_common(Record *r, const char *name, const Written *w, bool zip64, size_t nextra)
{
    enum { YEAR_1980 = 1 << 5 | 1 }; /* no clock: the same tensors give the same file */
    put(r, 2, zip64 ? 45 : 20);
    put(r, 2, name_flags(name));
    put(r, 2, STORED);
    put(r, 2, 0);
    put(r, 2, YEAR_1980);
    put(r, 4, w->crc);
    put(r, 4, below(w->size, 0xffffffff));
    put(r, 4, below(w->size, 0xffffffff));
    put(r, 2, strlen(name) + 4);
    put(r, 2, nextra);
}

static void write_record(OutFile *f, const Record *r, const char *name)
{
    outfile_write(f, r->at, r->n);
    outfile_write(f, name, strlen(name));
    outfile_write(f, ".npy", 4);
}

static void write_extra(OutFile *f, const uint64_t *fields, size_t n)
{
    Record r = {.n = 0};
    if (!n) return;
    put(&r, 2, 1);
    put(&r, 2, 8 * n);
    for (size_t i = 0; i < n; i++) put(&r, 8, fields[i]);
    outfile_write(f, r.at, r.n);
}

static uint64_t write_member(OutFile *f, const NpzMember *m, uint64_t offset, Written *w)
{
    char header[NPY_HEADER_MAX];
    size_t nheader = 0, ndata = 0;
    npy_header(&m->value, header, &nheader, &ndata);
    w->offset = offset;
    w->size = nheader + ndata;
    w->crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const Bytef *)header, nheader);
    if (ndata) w->crc = (uint32_t)crc32_z(w->crc, m->value.data, ndata); /* NULL would reset it */
    size_t nfields = w->size >= 0xffffffff ? 2 : 0;
    Record r = {.n = 0};
    put(&r, 4, LOCAL_SIG);
    put_common(&r, m->name, w, nfields, nfields ? 4 + 8 * nfields : 0);
    write_record(f, &r, m->name);
    write_extra(f, (uint64_t[]){w->size, w->size}, nfields);
    outfile_write(f, header, nheader);
    outfile_write(f, m->value.data, ndata);
    return offset + LOCAL_SIZE + strlen(m->name) + 4 + (nfields ? 4 + 8 * nfields : 0) + w->size;
}

static uint64_t write_entry(OutFile *f, const NpzMember *m, const Written *w)
{
    uint64_t fields[3];
    size_t nfields = 0;
    if (w->size >= 0xffffffff) fields[0] = fields[1] = w->size, nfields = 2;
    if (w->offset >= 0xffffffff) fields[nfields++] = w->offset;
    size_t nextra = nfields ? 4 + 8 * nfields : 0;
    Record r = {.n = 0};
    put(&r, 4, CENTRAL_SIG);
    put(&r, 2, 3 << 8 | 45); /* made on Unix */
    put_common(&r, m->name, w, nfields, nextra);
    put(&r, 2, 0);                /* comment */
    put(&r, 2, 0);                /* disk */
    put(&r, 2, 0);                /* internal attributes */
    put(&r, 4, 0100644ull << 16); /* mode */
    put(&r, 4, below(w->offset, 0xffffffff));
    write_record(f, &r, m->name);
    write_extra(f, fields, nfields);
    return CENTRAL_SIZE + strlen(m->name) + 4 + nextra;
}

static void write_end(OutFile *f, uint64_t n, uint64_t offset, uint64_t size)
{
    Record r = {.n = 0};
    if (n >= 0xffff || offset >= 0xffffffff || size >= 0xffffffff) {
        put(&r, 4, END64_SIG);
        put(&r, 8, END64_SIZE - 12);
        put(&r, 2, 3 << 8 | 45);
        put(&r, 2, 45);
        put(&r, 8, 0);
        put(&r, 8, n);
        put(&r, 8, n);
        put(&r, 8, size);
        put(&r, 8, offset);
        put(&r, 4, LOCATOR_SIG);
        put(&r, 4, 0);
        put(&r, 8, offset + size);
        put(&r, 4, 1);
    }
    put(&r, 4, END_SIG);
    put(&r, 4, 0);
    put(&r, 2, below(n, 0xffff));
    put(&r, 2, below(n, 0xffff));
    put(&r, 4, below(size, 0xffffffff));
    put(&r, 4, below(offset, 0xffffffff));
    put(&r, 2, 0);
    outfile_write(f, r.at, r.n);
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static jitc_status check_members(const char *path, const NpzMember *m, size_t n, char **why)
{
    char header[NPY_HEADER_MAX];
    size_t nheader, ndata;
    for (size_t i = 0; i < n; i++) {
        if (strlen(m[i].name) > NAME_LIMIT)
            return explain(why, JITC_E_USAGE, "%s: a member's name is longer than %d bytes", path,
                           NAME_LIMIT);
        if (!npy_header(&m[i].value, header, &nheader, &ndata))
            return explain(why, JITC_E_USAGE, "%s: member '%s': .npy has no form for this tensor", path,
                           m[i].name);
    }
    const char **names = malloc((n ? n : 1) * sizeof *names);
    if (!names) return explain(why, JITC_E_NOMEM, "%s: out of memory", path);
    for (size_t i = 0; i < n; i++) names[i] = m[i].name;
    qsort(names, n, sizeof *names, compare_strings);
    jitc_status status = JITC_OK;
    for (size_t i = 1; i < n && !status; i++)
        if (!strcmp(names[i - 1], names[i]))
            status = explain(why, JITC_E_USAGE, "%s: member '%s' occurs twice", path, names[i]);
    free(names);
    return status;
}

jitc_status npz_write(const char *path, const NpzMember *members, size_t n, char **why)
{
    jitc_status status = check_members(path, members, n, why);
    if (status) return status;
    Written *w = calloc(n ? n : 1, sizeof *w);
    if (!w) return explain(why, JITC_E_NOMEM, "%s: out of memory", path);
    OutFile f;
    status = outfile_open(&f, path, why);
    if (!status) {
        uint64_t offset = 0, size = 0;
        for (size_t i = 0; i < n; i++) offset = write_member(&f, &members[i], offset, &w[i]);
        for (size_t i = 0; i < n; i++) size += write_entry(&f, &members[i], &w[i]);
        write_end(&f, n, offset, size);
        status = outfile_close(&f, why);
    }
    free(w);
    return status;
}
