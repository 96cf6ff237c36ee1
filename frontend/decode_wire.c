/* Protobuf's wire format, read through a window so that large payloads can be stepped over unread. */
#include "frontend/decode.h"

#include <inttypes.h>

enum { WINDOW = 32 << 10 };

void problem(Decoder *d, const char *fmt, ...)
{
    if (d->problems++ >= MAX_PRINTED) return;
    va_list ap;
    va_start(ap, fmt);
    if (!d->first) {
        job_verror(d->job, fmt, ap);
    } else if (!*d->first) {
        char text[512];
        vsnprintf(text, sizeof text, fmt, ap);
        *d->first = job_strndup(d->job, text, strlen(text));
    }
    va_end(ap);
}

void problems_end(Decoder *d)
{
    if (!d->problems) return;
    if (d->problems > MAX_PRINTED)
        job_error(d->job, "and %" PRIu64 " more problems", d->problems - MAX_PRINTED);
    job_fail(d->job, JITC_E_INVALID);
}

_Noreturn void wire_fail(Decoder *d, uint64_t at, const char *what)
{
    if (d->first) d->first = NULL, d->problems = 0;
    problem(d, "not a valid GraphDef: at byte %" PRIu64 ", in %s %" PRIu64 ": %s", at, d->where,
            d->where_number, what);
    problems_end(d);
    job_fail(d->job, JITC_E_INVALID);
}

static _Noreturn void read_fail(Decoder *d, uint64_t at)
{
    job_error(d->job, "the model file cannot be read at byte %" PRIu64 " (was it changed meanwhile?)", at);
    job_fail(d->job, JITC_E_IO);
}

void wire_fill(Decoder *d, uint64_t pos)
{
    if (d->src->mem) {
        d->window = d->src->mem;
        d->window_at = 0;
        d->window_size = d->src->size;
    } else {
        if (!d->window_buf) d->window_buf = job_alloc(d->job, WINDOW);
        uint64_t left = pos < d->src->size ? d->src->size - pos : 0;
        d->window = d->window_buf;
        d->window_at = pos;
        d->window_size = left < WINDOW ? left : WINDOW;
        if (!source_read(d->src, pos, d->window_buf, d->window_size)) read_fail(d, pos);
    }
    if (pos - d->window_at >= d->window_size) job_bug(d->job, "the decoder reads past the end of the model");
}

void wire_copy(Decoder *d, uint64_t pos, void *dst, size_t n)
{
    if (!n) return;
    if (pos >= d->window_at && pos - d->window_at < d->window_size &&
        n <= d->window_size - (pos - d->window_at))
        memcpy(dst, d->window + (pos - d->window_at), n);
    else if (!source_read(d->src, pos, dst, n))
        read_fail(d, pos);
}

uint64_t wire_varint(Decoder *d, uint64_t *pos, uint64_t end)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (*pos >= end) wire_fail(d, *pos, "a number runs past the end of its message");
        uint8_t c = wire_byte(d, (*pos)++);
        if (shift == 63 && c > 1) break;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) return v;
    }
    wire_fail(d, *pos, "a number is longer than 64 bits");
}

bool wire_next(Decoder *d, uint64_t *pos, uint64_t end, Field *f)
{
    if (*pos >= end) return false;
    f->head = *pos;
    uint64_t tag = wire_varint(d, pos, end);
    if (tag >> 32 || tag >> 3 == 0) wire_fail(d, f->head, "a field number is out of range");
    f->no = (uint32_t)(tag >> 3);
    f->wire = (int)(tag & 7);
    f->value = 0;
    f->body = *pos;
    switch (f->wire) {
    case WIRE_VARINT:
        f->value = wire_varint(d, pos, end);
        f->size = *pos - f->body;
        return true;
    case WIRE_LEN:
        f->size = wire_varint(d, pos, end);
        f->body = *pos;
        if (f->size > end - f->body)
            wire_fail(d, f->head,
                      end == d->src->size ? "a length runs past the end of the file; is the file truncated?"
                                          : "a length runs past the end of its message");
        break;
    case WIRE_FIXED32: f->size = 4; break;
    case WIRE_FIXED64: f->size = 8; break;
    default: wire_fail(d, f->head, "a field has an encoding that GraphDef does not use");
    }
    if (f->size > end - f->body) wire_fail(d, f->head, "a field runs past the end of its message");
    *pos = f->body + f->size;
    return true;
}

void wire_expect(Decoder *d, const Field *f, int wire)
{
    if (f->wire != wire) wire_fail(d, f->head, "a field has the encoding of another type");
}
