#include "runtime/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER_LIMIT = 64 << 10, PREFIX = 8, ALIGN = 64, FIRST_CHUNK = 1 << 20 };

static const bool little_endian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

/* -- Element types -------------------------------------------------------------------------------- */
typedef struct {
    jitc_dtype dtype;
    char kind;
    uint8_t size, swap; /* swap: bytes that change place together, 1 = none */
} NpyType;

static const NpyType types[] = {
    {JITC_FLOAT32, 'f', 4, 4},   {JITC_FLOAT64, 'f', 8, 8},     {JITC_FLOAT16, 'f', 2, 2},
    {JITC_INT8, 'i', 1, 1},      {JITC_INT16, 'i', 2, 2},       {JITC_INT32, 'i', 4, 4},
    {JITC_INT64, 'i', 8, 8},     {JITC_UINT8, 'u', 1, 1},       {JITC_UINT16, 'u', 2, 2},
    {JITC_UINT32, 'u', 4, 4},    {JITC_UINT64, 'u', 8, 8},      {JITC_BOOL, 'b', 1, 1},
    {JITC_COMPLEX64, 'c', 8, 4}, {JITC_COMPLEX128, 'c', 16, 8}, {JITC_BFLOAT16, 'V', 2, 2},
};

static const NpyType *type_of_dtype(jitc_dtype dtype)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (types[i].dtype == dtype) return &types[i];
    return NULL;
}

/* -- The header: a Python literal ----------------------------------------------------------------- */
typedef struct {
    const char *at, *end, *what;
    char **why;
    int version;
    const NpyType *type;
    bool swap, fortran;
    int rank;
    int64_t shape[JITC_MAX_RANK];
} Header;

static jitc_status bad_header(Header *h, const char *text)
{
    return explain(h->why, JITC_E_INVALID, "%s: bad .npy header: %s", h->what, text);
}

static void skip_space(Header *h)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\t' || *h->at == '\n' || *h->at == '\r')) h->at++;
}

static bool take(Header *h, char c)
{
    skip_space(h);
    if (h->at == h->end || *h->at != c) return false;
    h->at++;
    return true;
}

static bool take_word(Header *h, const char *word)
{
    size_t n = strlen(word);
    skip_space(h);
    if ((size_t)(h->end - h->at) < n || memcmp(h->at, word, n)) return false;
    h->at += n;
    return true;
}

/* A string without escapes. */
static bool take_string(Header *h, const char **text, size_t *n)
{
    skip_space(h);
    if (h->at == h->end || (*h->at != '\'' && *h->at != '"')) return false;
    char quote = *h->at;
    const char *p = h->at + 1;
    while (p < h->end && *p != quote && *p != '\\' && (unsigned char)*p >= ' ') p++;
    if (p == h->end || *p != quote) return false;
    *text = h->at + 1;
    *n = (size_t)(p - *text);
    h->at = p + 1;
    return true;
}

static jitc_status bad_type(Header *h, const char *s, size_t n, const char *text)
{
    Str name = {0};
    str_putn(&name, s, n < 40 ? n : 40);
    jitc_status status =
        explain(h->why, JITC_E_INVALID, "%s: element type '%s' %s", h->what, str_text(&name), text);
    str_free(&name);
    return status;
}

static jitc_status parse_type(Header *h)
{
    const char *s;
    size_t n;
    skip_space(h);
    if (h->at < h->end && (*h->at == '[' || *h->at == '('))
        return explain(h->why, JITC_E_INVALID, "%s: structured element types are not supported", h->what);
    if (!take_string(h, &s, &n)) return bad_header(h, "'descr' is not a string");

    size_t i = n && strchr("<>|=", s[0]) && s[0] ? 1 : 0;
    char order = i ? s[0] : '=';
    char kind = i < n ? s[i] : 0;
    switch (kind) {
    case 'O': return bad_type(h, s, n, "is Python objects, which are never read");
    case 'S':
    case 'a': return bad_type(h, s, n, "is strings of bytes, which are not supported");
    case 'U': return bad_type(h, s, n, "is strings, which are not supported");
    case 'M':
    case 'm': return bad_type(h, s, n, "is dates or times, which are not supported");
    }
    int size = 0;
    if (kind == '?' && n == i + 1) kind = 'b', size = 1;
    for (size_t k = i + 1; k < n && size < 1000; k++) {
        if (s[k] < '0' || s[k] > '9' || (s[k] == '0' && k == i + 1))
            return bad_type(h, s, n, "is not supported");
        size = size * 10 + (s[k] - '0');
    }
    for (const NpyType *t = types; t < types + COUNT(types); t++) {
        if (t->kind != kind || t->size != size) continue;
        if (kind == 'V' ? order == '>' : order == '|' && size > 1)
            return bad_type(h, s, n, "has no clear byte order");
        h->type = t;
        h->swap = kind != 'V' && size > 1 && order != '=' && (order == '<') != little_endian;
        return JITC_OK;
    }
    return bad_type(h, s, n, "is not supported");
}

static jitc_status parse_dim(Header *h)
{
    if (h->at < h->end && *h->at == '-') return bad_header(h, "negative dimension");
    if (h->rank == JITC_MAX_RANK)
        return explain(h->why, JITC_E_INVALID, "%s: more than %d dimensions", h->what, JITC_MAX_RANK);
    const char *digits = h->at;
    int64_t d = 0;
    for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++)
        if (!mul_ok(d, 10, &d) || !add_ok(d, *h->at - '0', &d))
            return explain(h->why, JITC_E_INVALID, "%s: the shape is too large", h->what);
    if (h->at == digits || (*digits == '0' && h->at > digits + 1))
        return bad_header(h, "'shape' is not a tuple of numbers");
    if (h->version < 3 && h->at < h->end && *h->at == 'L') h->at++; /* a long of Python 2 */
    h->shape[h->rank++] = d;
    return JITC_OK;
}

static jitc_status parse_shape(Header *h)
{
    static const char text[] = "'shape' is not a tuple of numbers";
    if (!take(h, '(')) return bad_header(h, text);
    if (take(h, ')')) return JITC_OK;
    for (;;) {
        skip_space(h);
        jitc_status status = parse_dim(h);
        if (status) return status;
        bool comma = take(h, ',');
        if (take(h, ')')) return comma || h->rank > 1 ? JITC_OK : bad_header(h, text); /* (3) is a number */
        if (!comma) return bad_header(h, text);
    }
}

static jitc_status parse_header(Header *h)
{
    enum { DESCR = 1, ORDER = 2, SHAPE = 4 };
    unsigned seen = 0;
    if (!take(h, '{')) return bad_header(h, "no dictionary");
    while (!take(h, '}')) {
        const char *key;
        size_t n;
        if (!take_string(h, &key, &n)) return bad_header(h, "a key is not a string");
        if (!take(h, ':')) return bad_header(h, "no ':' after a key");
        unsigned bit = n == 5 && !memcmp(key, "descr", 5)             ? DESCR
                       : n == 13 && !memcmp(key, "fortran_order", 13) ? ORDER
                       : n == 5 && !memcmp(key, "shape", 5)           ? SHAPE
                                                                      : 0;
        if (!bit) return bad_header(h, "unknown key");
        if (seen & bit) return bad_header(h, "a key occurs twice");
        seen |= bit;
        jitc_status status = JITC_OK;
        if (bit == DESCR) {
            status = parse_type(h);
        } else if (bit == SHAPE) {
            status = parse_shape(h);
        } else if (take_word(h, "True")) {
            h->fortran = true;
        } else if (!take_word(h, "False")) {
            status = bad_header(h, "'fortran_order' is neither True nor False");
        }
        if (status) return status;
        if (take(h, ',')) continue;
        if (take(h, '}')) break;
        return bad_header(h, "no ',' after a value");
    }
    skip_space(h);
    if (h->at != h->end) return bad_header(h, "text after the dictionary");
    if (seen != (DESCR | ORDER | SHAPE))
        return bad_header(h, "'descr', 'fortran_order' or 'shape' is missing");
    return JITC_OK;
}

/* Bytes of the array; false when the product of the dimensions, the zeros left out, is out of range. */
static bool count_bytes(const int64_t *shape, int rank, int64_t size, int64_t *bytes)
{
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (shape[i] == 0)
            empty = true;
        else if (!mul_ok(size, shape[i], &size))
            return false;
    }
    *bytes = empty ? 0 : size;
    return size <= INT64_MAX - 2 * ALIGN;
}

/* -- Reading -------------------------------------------------------------------------------------- */
static void *data_alloc(size_t bytes)
{
    return aligned_alloc(ALIGN, bytes ? (bytes + ALIGN - 1) / ALIGN * ALIGN : ALIGN);
}

bool npy_fits_memory(uint64_t bytes)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages <= 0 || size <= 0 || bytes / (uint64_t)size < (uint64_t)pages;
}

static jitc_status no_memory(const char *what, uint64_t bytes, char **why)
{
    return explain(why, JITC_E_NOMEM, "%s: no memory for %llu bytes", what, (unsigned long long)bytes);
}

static jitc_status truncated(const char *what, uint64_t want, uint64_t got, char **why)
{
    return explain(why, JITC_E_INVALID, "%s: truncated: %llu bytes of data, the header promises %llu", what,
                   (unsigned long long)got, (unsigned long long)want);
}

/* Exactly n bytes. */
static jitc_status read_exactly(NpySource *src, void *buf, size_t n, const char *what, char **why)
{
    int64_t got = src->read(src->self, buf, n, why);
    if (got < 0) return (jitc_status)-got;
    if ((size_t)got == n) return JITC_OK;
    return explain(why, JITC_E_INVALID, "%s: truncated in the .npy header", what);
}

/* Memory grows with what has arrived, unless the data is known to exist: a short file must not be able to
 * ask for all memory. */
static jitc_status read_data(NpySource *src, size_t bytes, const char *what, void **data, char **why)
{
    if (!npy_fits_memory(bytes)) return no_memory(what, bytes, why);
    size_t cap = src->trusted || bytes < FIRST_CHUNK ? bytes : FIRST_CHUNK;
    char *buf = data_alloc(cap);
    if (!buf) return no_memory(what, bytes, why);
    for (size_t n = 0;;) {
        int64_t got = cap > n ? src->read(src->self, buf + n, cap - n, why) : 0;
        if (got < 0) {
            free(buf);
            return (jitc_status)-got;
        }
        n += (size_t)got;
        if (n < cap) {
            free(buf);
            return truncated(what, bytes, n, why);
        }
        if (n == bytes) {
            *data = buf;
            return JITC_OK;
        }
        cap = bytes / 2 > cap ? cap * 2 : bytes;
        char *larger = data_alloc(cap);
        if (larger) memcpy(larger, buf, n);
        free(buf);
        if (!larger) return no_memory(what, bytes, why);
        buf = larger;
    }
}

static void swap_bytes(void *data, size_t bytes, size_t unit)
{
    char *end = (char *)data + bytes;
    for (char *p = data; unit > 1 && p < end; p += unit) {
        for (size_t i = 0; i < unit / 2; i++) {
            char c = p[i];
            p[i] = p[unit - 1 - i];
            p[unit - 1 - i] = c;
        }
    }
}

/* dst row-major from src column-major, both of `shape`; no dimension is zero. */
static void reorder(char *dst, const char *src, const int64_t *shape, int rank, size_t size)
{
    int64_t index[JITC_MAX_RANK] = {0};
    size_t stride[JITC_MAX_RANK], step = size;
    for (int i = 0; i < rank; i++) {
        stride[i] = step;
        step *= (size_t)shape[i];
    }
    for (;;) {
        const char *from = src;
        for (int64_t i = 0; i < shape[rank - 1]; i++) {
            memcpy(dst, from, size);
            dst += size;
            from += stride[rank - 1];
        }
        int d = rank - 2;
        for (; d >= 0; d--) {
            src += stride[d];
            if (++index[d] < shape[d]) break;
            src -= stride[d] * (size_t)shape[d];
            index[d] = 0;
        }
        if (d < 0) return;
    }
}

static jitc_status to_row_major(const Header *h, size_t bytes, void **data)
{
    int wide = 0;
    for (int i = 0; i < h->rank; i++) wide += h->shape[i] != 1;
    if (!h->fortran || wide < 2 || !bytes) return JITC_OK;
    char *dst = data_alloc(bytes);
    if (!dst) return no_memory(h->what, bytes, h->why);
    reorder(dst, *data, h->shape, h->rank, h->type->size);
    free(*data);
    *data = dst;
    return JITC_OK;
}

static jitc_status read_header(NpySource *src, Header *h, char **text, uint64_t *header_end)
{
    unsigned char prefix[PREFIX], length[4];
    int64_t got = src->read(src->self, prefix, PREFIX, h->why);
    if (got < 0) return (jitc_status)-got;
    if (got >= 4 && !memcmp(prefix, "PK\3\4", 4))
        return explain(h->why, JITC_E_INVALID, "%s: not a .npy file but a zip archive; is it a .npz?",
                       h->what);
    if (got < PREFIX || memcmp(prefix, "\x93NUMPY", 6))
        return explain(h->why, JITC_E_INVALID, "%s: not a .npy file", h->what);
    h->version = prefix[6];
    if (h->version < 1 || h->version > 3 || prefix[7])
        return explain(h->why, JITC_E_INVALID, "%s: .npy version %d.%d is not supported", h->what, prefix[6],
                       prefix[7]);

    size_t nlength = h->version == 1 ? 2 : 4, n = 0;
    jitc_status status = read_exactly(src, length, nlength, h->what, h->why);
    if (status) return status;
    for (size_t i = nlength; i-- > 0;) n = n << 8 | length[i];
    if (n > HEADER_LIMIT)
        return explain(h->why, JITC_E_INVALID, "%s: a .npy header of %zu bytes", h->what, n);
    *text = malloc(n + 1);
    if (!*text) return no_memory(h->what, n, h->why);
    status = read_exactly(src, *text, n, h->what, h->why);
    if (status) return status;
    h->at = *text;
    h->end = *text + n;
    *header_end = PREFIX + nlength + n;
    return parse_header(h);
}

jitc_status npy_read_source(NpySource *src, const char *what, jitc_tensor *out, char **why)
{
    memset(out, 0, sizeof *out);
    Header h = {.what = what, .why = why};
    char *text = NULL;
    uint64_t header_end = 0;
    jitc_status status = read_header(src, &h, &text, &header_end);
    free(text);
    if (status) return status;

    int64_t bytes;
    if (!count_bytes(h.shape, h.rank, h.type->size, &bytes))
        return explain(why, JITC_E_INVALID, "%s: the shape is too large", what);
    uint64_t left = src->size > header_end ? src->size - header_end : 0;
    if (src->size != UINT64_MAX && left < (uint64_t)bytes) return truncated(what, (uint64_t)bytes, left, why);
    void *data = NULL;
    status = read_data(src, (size_t)bytes, what, &data, why);
    if (!data) return status;
    char extra;
    int64_t got = src->read(src->self, &extra, 1, why);
    if (got) {
        free(data);
        return got < 0 ? (jitc_status)-got
                       : explain(why, JITC_E_INVALID, "%s: there is more data after the array", what);
    }
    if (h.swap) swap_bytes(data, (size_t)bytes, h.type->swap);
    if (h.type->dtype == JITC_BOOL) /* compiled code relies on 0 and 1 */
        for (int64_t i = 0; i < bytes; i++) ((uint8_t *)data)[i] = ((uint8_t *)data)[i] != 0;
    status = to_row_major(&h, (size_t)bytes, &data);
    if (status) {
        free(data);
        return status;
    }
    out->dtype = h.type->dtype;
    out->rank = h.rank;
    memcpy(out->shape, h.shape, sizeof out->shape);
    out->data = data;
    return JITC_OK;
}

typedef struct {
    int fd;
    const char *path;
} FdSource;

static int64_t read_fd(void *self, void *buf, size_t n, char **why)
{
    FdSource *s = self;
    size_t got;
    if (file_read_some(s->fd, buf, n, &got)) return (int64_t)got;
    return -(int64_t)explain(why, JITC_E_IO, "%s: %s", s->path, strerror(errno));
}

jitc_status npy_read(const char *path, jitc_tensor *out, char **why)
{
    memset(out, 0, sizeof *out);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) {
        jitc_status status = explain(why, JITC_E_IO, "%s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return status;
    }
    FdSource file = {fd, path};
    NpySource src = {read_fd, &file, UINT64_MAX, false};
    if (S_ISREG(st.st_mode) && lseek(fd, 0, SEEK_CUR) == 0) { /* not 0: what /dev/fd/N has left to read */
        src.size = (uint64_t)st.st_size;
        src.trusted = true;
    }
    jitc_status status = npy_read_source(&src, path, out, why);
    close(fd);
    return status;
}

typedef struct {
    const char *at, *end;
} MemorySource;

static int64_t read_memory(void *self, void *buf, size_t n, char **why)
{
    (void)why;
    MemorySource *s = self;
    size_t left = (size_t)(s->end - s->at);
    if (n > left) n = left;
    if (n) memcpy(buf, s->at, n);
    s->at += n;
    return (int64_t)n;
}

jitc_status npy_parse(const void *data, size_t size, jitc_tensor *out, char **why)
{
    MemorySource memory = {data, (const char *)data + size};
    NpySource src = {read_memory, &memory, size, true};
    return npy_read_source(&src, ".npy data", out, why);
}

void npy_free(jitc_tensor *t)
{
    free(t->data);
    memset(t, 0, sizeof *t);
}

/* -- Writing -------------------------------------------------------------------------------------- */
bool npy_header(const jitc_tensor *t, char *buf, size_t *header_size, size_t *data_size)
{
    const NpyType *type = type_of_dtype(t->dtype);
    int64_t bytes;
    if (!type || t->rank < 0 || t->rank > JITC_MAX_RANK) return false;
    for (int i = 0; i < t->rank; i++)
        if (t->shape[i] < 0) return false;
    if (!count_bytes(t->shape, t->rank, type->size, &bytes) || (bytes && !t->data)) return false;

    char order = type->size == 1 || type->kind == 'V' ? '|' : little_endian ? '<' : '>';
    int n = 10;
    n += sprintf(buf + n, "{'descr': '%c%c%d', 'fortran_order': False, 'shape': (", order, type->kind,
                 type->size);
    for (int i = 0; i < t->rank; i++)
        n += sprintf(buf + n, "%s%lld%s", i ? " " : "", (long long)t->shape[i],
                     i + 1 < t->rank || !i ? "," : "");
    n += sprintf(buf + n, "), }");
    while ((n + 1) % ALIGN) buf[n++] = ' ';
    buf[n++] = '\n';
    static const char start[PREFIX] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0};
    memcpy(buf, start, PREFIX);
    buf[8] = (char)((n - 10) & 0xff);
    buf[9] = (char)((n - 10) >> 8);
    *header_size = (size_t)n;
    *data_size = (size_t)bytes;
    return true;
}

jitc_status npy_write(const char *path, const jitc_tensor *t, char **why)
{
    char header[NPY_HEADER_MAX];
    size_t nheader, ndata;
    if (!npy_header(t, header, &nheader, &ndata))
        return explain(why, JITC_E_USAGE, "%s: .npy has no form for this tensor", path);
    OutFile f;
    jitc_status status = outfile_open(&f, path, why);
    if (status) return status;
    outfile_write(&f, header, nheader);
    outfile_write(&f, t->data, ndata);
    return outfile_close(&f, why);
}
