/* The values of a TensorProto, under TensorFlow's rules: tensor_content wins over the *_val field of the
 * type; surplus values are ignored; missing ones repeat the last, or are zero if there is none. */
#include "frontend/decode.h"

#include <inttypes.h>

typedef struct DtypeInfo {
    const char *name;
    uint8_t size;  /* bytes per element */
    uint8_t field; /* number of the *_val field that holds its values */
    uint8_t wire;  /* how that field encodes one number */
    uint8_t parts; /* numbers per element */
} DtypeInfo;

static const DtypeInfo dtypes[] = {
    [TF_FLOAT] = {"float", 4, 5, WIRE_FIXED32, 1},
    [TF_DOUBLE] = {"double", 8, 6, WIRE_FIXED64, 1},
    [TF_INT32] = {"int32", 4, 7, WIRE_VARINT, 1},
    [TF_UINT8] = {"uint8", 1, 7, WIRE_VARINT, 1},
    [TF_INT16] = {"int16", 2, 7, WIRE_VARINT, 1},
    [TF_INT8] = {"int8", 1, 7, WIRE_VARINT, 1},
    [TF_STRING] = {"string", 0, 8, WIRE_LEN, 1},
    [TF_COMPLEX64] = {"complex64", 8, 9, WIRE_FIXED32, 2},
    [TF_INT64] = {"int64", 8, 10, WIRE_VARINT, 1},
    [TF_BOOL] = {"bool", 1, 11, WIRE_VARINT, 1},
    [TF_QINT8] = {"qint8", 1, 7, WIRE_VARINT, 1},
    [TF_QUINT8] = {"quint8", 1, 7, WIRE_VARINT, 1},
    [TF_QINT32] = {"qint32", 4, 7, WIRE_VARINT, 1},
    [TF_BFLOAT16] = {"bfloat16", 2, 13, WIRE_VARINT, 1},
    [TF_QINT16] = {"qint16", 2, 7, WIRE_VARINT, 1},
    [TF_QUINT16] = {"quint16", 2, 7, WIRE_VARINT, 1},
    [TF_UINT16] = {"uint16", 2, 7, WIRE_VARINT, 1},
    [TF_COMPLEX128] = {"complex128", 16, 12, WIRE_FIXED64, 2},
    [TF_HALF] = {"half", 2, 13, WIRE_VARINT, 1},
    [TF_RESOURCE] = {"resource", 0, 0, 0, 0},
    [TF_VARIANT] = {"variant", 0, 0, 0, 0},
    [TF_UINT32] = {"uint32", 4, 16, WIRE_VARINT, 1},
    [TF_UINT64] = {"uint64", 8, 17, WIRE_VARINT, 1},
};

static const DtypeInfo *dtype_info(int32_t dtype)
{
    static const DtypeInfo unknown = {"unknown type", 0, 0, 0, 0};
    return dtype > 0 && (size_t)dtype < COUNT(dtypes) && dtypes[dtype].name ? &dtypes[dtype] : &unknown;
}

const char *tf_dtype_name(int32_t dtype)
{
    return dtype_info(dtype)->name;
}
int32_t tf_plain_type(int32_t dtype)
{
    switch (dtype) {
    case TF_QINT8: return TF_INT8;
    case TF_QUINT8: return TF_UINT8;
    case TF_QINT16: return TF_INT16;
    case TF_QUINT16: return TF_UINT16;
    case TF_QINT32: return TF_INT32;
    default: return dtype;
    }
}
size_t tf_dtype_size(int32_t dtype)
{
    return dtype_info(dtype)->size;
}

const char *tf_shape_text(Job *job, const TfShape *s)
{
    if (s->unknown_rank) return "unknown shape";
    const char *text = "[";
    for (int32_t i = 0; i < s->rank; i++) {
        const char *comma = i ? "," : "";
        if (i == 16) {
            text = job_printf(job, "%s,…", text);
            break;
        }
        text = s->dim[i] < 0 ? job_printf(job, "%s%s?", text, comma)
                             : job_printf(job, "%s%s%" PRId64, text, comma, s->dim[i]);
    }
    return job_printf(job, "%s]", text);
}

/* How the numbers of one *_val field lie in the message. */
typedef struct Pieces {
    uint64_t fields, bytes, values;
    uint64_t last_body, last_size;
    int last_wire;
} Pieces;

static uint64_t count_values(Decoder *d, const Field *f, int wire)
{
    if (f->wire == wire) return 1;
    wire_expect(d, f, WIRE_LEN);
    uint64_t unit = wire == WIRE_FIXED32 ? 4 : 8, count = 0;
    if (wire != WIRE_VARINT) {
        if (f->size % unit) wire_fail(d, f->head, "a packed field ends within a number");
        return f->size / unit;
    }
    for (uint64_t pos = f->body; pos < f->body + f->size; count++) wire_varint(d, &pos, f->body + f->size);
    return count;
}

static Pieces find_pieces(Decoder *d, const Payload *p, const DtypeInfo *info)
{
    Pieces r = {0};
    Field f;
    for (uint64_t pos = p->at; wire_next(d, &pos, p->end, &f);) {
        if (f.no != info->field) continue;
        if (info->wire == WIRE_LEN) wire_expect(d, &f, WIRE_LEN);
        r.values += count_values(d, &f, info->wire);
        r.fields++;
        r.bytes += f.size;
        r.last_body = f.body;
        r.last_size = f.size;
        r.last_wire = f.wire;
    }
    return r;
}

static void put_number(uint8_t *dst, uint64_t v, size_t size, bool boolean)
{
    if (boolean) v = v != 0;
    for (size_t i = 0; i < size; i++) dst[i] = (uint8_t)(v >> 8 * i);
}

static void put_varints(Decoder *d, const Payload *p, TfTensor *t, const DtypeInfo *info)
{
    uint8_t *dst = job_array(d->job, uint8_t, (size_t)t->stored * info->size),
            *end = dst + t->stored * info->size;
    t->store = TF_STORE_BYTES;
    t->bytes = dst;
    bool boolean = t->dtype == TF_BOOL;
    Field f;
    for (uint64_t pos = p->at; dst < end && wire_next(d, &pos, p->end, &f);) {
        if (f.no != info->field) continue;
        if (f.wire == WIRE_VARINT) {
            put_number(dst, f.value, info->size, boolean);
            dst += info->size;
            continue;
        }
        for (uint64_t q = f.body; dst < end && q < f.body + f.size; dst += info->size)
            put_number(dst, wire_varint(d, &q, f.body + f.size), info->size, boolean);
    }
}

static void put_fixed(Decoder *d, const Payload *p, TfTensor *t, const DtypeInfo *info, uint64_t total)
{
    uint8_t *dst = job_array(d->job, uint8_t, total);
    t->store = TF_STORE_BYTES;
    t->bytes = dst;
    Field f;
    for (uint64_t pos = p->at; wire_next(d, &pos, p->end, &f);) {
        if (f.no != info->field) continue;
        wire_copy(d, f.body, dst, f.size);
        dst += f.size;
    }
}

static TfBytes copy_string(Decoder *d, uint64_t at, uint64_t size)
{
    char *s = job_alloc(d->job, size + 1);
    wire_copy(d, at, s, size);
    return (TfBytes){s, size};
}

/* tensor_content of strings: all lengths as varints, then all the bytes. */
static bool split_strings(Decoder *d, const Payload *p, TfTensor *t)
{
    uint64_t pos = p->content_at, end = pos + p->content_size;
    if ((uint64_t)t->numel > p->content_size) return false;
    TfBytes *s = job_array(d->job, TfBytes, t->numel);
    for (int64_t i = 0; i < t->numel; i++) s[i].n = wire_varint(d, &pos, end);
    for (int64_t i = 0; i < t->numel; i++) {
        if (s[i].n > end - pos) return false;
        s[i] = copy_string(d, pos, s[i].n);
        pos += s[i].n;
    }
    t->strings = s;
    t->stored = t->numel;
    return pos == end;
}

static void put_strings(Decoder *d, const Payload *p, TfTensor *t)
{
    TfBytes *s = job_array(d->job, TfBytes, t->stored);
    t->strings = s;
    Field f;
    for (uint64_t pos = p->at, i = 0; i < (uint64_t)t->stored && wire_next(d, &pos, p->end, &f);)
        if (f.no == dtypes[TF_STRING].field) s[i++] = copy_string(d, f.body, f.size);
}

static bool shape_numel(const TfShape *s, int64_t *numel)
{
    *numel = 1;
    if (s->unknown_rank) return false;
    for (int32_t i = 0; i < s->rank; i++)
        if (s->dim[i] < 0 || !mul_ok(*numel, s->dim[i], numel)) return false;
    return true;
}

void decode_tensor_values(Decoder *d, const TfNode *n, const char *attr, TfTensor *t, const Payload *p)
{
    const DtypeInfo *info = dtype_info(t->dtype);
    int64_t bytes;
    if (!shape_numel(&t->shape, &t->numel) || !mul_ok(t->numel, max_i64(info->size, 1), &bytes)) {
        problem(d, "node '%s' (%s): the tensor in attribute '%s' has the impossible shape %s", n->name, n->op,
                attr, tf_shape_text(d->job, &t->shape));
        t->numel = 0;
        return;
    }
    if (!info->field) {
        t->store = TF_STORE_OPAQUE;
        return;
    }
    bool strings = t->dtype == TF_STRING;
    t->store = strings ? TF_STORE_STRINGS : TF_STORE_SPAN;
    if (!t->numel) return;
    if (p->content_size) {
        if (strings ? !split_strings(d, p, t) : (uint64_t)bytes != p->content_size)
            problem(d,
                    "node '%s' (%s): tensor_content in attribute '%s' has %" PRIu64
                    " bytes, which does not fit %s elements of shape %s",
                    n->name, n->op, attr, p->content_size, info->name, tf_shape_text(d->job, &t->shape));
        if (strings) return;
        t->offset = p->content_at;
        t->stored = t->numel;
        return;
    }
    Pieces pieces = find_pieces(d, p, info);
    t->stored = min_i64((int64_t)(pieces.values / info->parts), t->numel);
    if (!t->stored) return;
    if (strings)
        put_strings(d, p, t);
    else if (info->wire == WIRE_VARINT)
        put_varints(d, p, t, info);
    else if (pieces.fields == 1)
        t->offset = pieces.last_body;
    else
        put_fixed(d, p, t, info, pieces.bytes);
}

void tf_tensor_read(Job *job, const Source *src, const TfTensor *t, void *dst)
{
    size_t size = tf_dtype_size(t->dtype), have = (size_t)t->stored * size, all = (size_t)t->numel * size;
    if (!size) job_bug(job, "a tensor of type %s has no plain bytes", tf_dtype_name(t->dtype));
    uint8_t *p = dst;
    if (t->store == TF_STORE_BYTES)
        memcpy(p, t->bytes, have);
    else if (have && !source_read(src, t->offset, p, have)) {
        job_error(job, "the model file cannot be read at byte %" PRIu64 " (was it changed meanwhile?)",
                  t->offset);
        job_fail(job, JITC_E_IO);
    }
    if (!have) {
        if (all) memset(p, 0, all);
        return;
    }
    if (size == 1) {
        memset(p + have, p[have - 1], all - have);
        return;
    }
    /* Doubling copies: the filled tail repeats with period `size`. */
    for (size_t from = have - size, n; have < all; have += n) {
        n = have - from;
        if (n > all - have) n = all - have;
        memcpy(p + have, p + from, n);
    }
}

TfBytes tf_tensor_string(const TfTensor *t, int64_t i)
{
    if (t->store != TF_STORE_STRINGS || !t->stored) return (TfBytes){"", 0};
    return t->strings[i < t->stored ? i : t->stored - 1];
}
