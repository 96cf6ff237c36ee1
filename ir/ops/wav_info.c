#include "ir/ops/common.h"

enum { WAV_FIELDS = 5, WAV_SMALLEST = 44 };

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, 0);
    if (!takes(cx, op, 0, TAKE_INT) || !takes_rank(cx, op, 0, 1, 1)) return false;
    if (x->dtype != JITC_UINT8) return infer_fail(cx, "bytes cannot be %s", dtype_name(x->dtype));
    Dim dim = WAV_FIELDS;
    out[0] = type_make(JITC_INT64, 1, &dim);
    return true;
}

typedef struct {
    const uint8_t *p;
    int64_t n;
} Bytes;

static int64_t number(const Bytes *b, int64_t at, int size)
{
    int64_t v = 0;
    for (int i = 0; i < size; i++) v |= (int64_t)b->p[min_i64(at + i, b->n - 1)] << 8 * i;
    return v;
}

static bool has_id(const Bytes *b, int64_t at, const char *id)
{
    return at + 4 <= b->n && memcmp(b->p + at, id, 4) == 0;
}

static bool skipped(const Bytes *b, int64_t at)
{
    static const char *const ids[] = {"JUNK", "bext", "iXML", "qlty", "mext", "levl", "link", "axml"};
    for (size_t i = 0; i < COUNT(ids); i++)
        if (has_id(b, at, ids[i])) return true;
    return false;
}

static bool parse(const Bytes *b, int64_t *field)
{
    if (b->n < WAV_SMALLEST || !has_id(b, 0, "RIFF") || !has_id(b, 8, "WAVE")) return false;
    int64_t at = 12;
    while (!has_id(b, at, "fmt ")) {
        if (!skipped(b, at) || at + 8 > b->n) return false;
        at += 8 + number(b, at + 4, 4);
    }
    int64_t size = number(b, at + 4, 4), f = at + 8;
    if ((size != 16 && size != 18) || f + 16 > b->n) return false;
    int64_t channels = number(b, f + 2, 2), rate = number(b, f + 4, 4), sample = number(b, f + 12, 2);
    if (number(b, f, 2) != 1 || !channels || number(b, f + 14, 2) != 16) return false;
    if (sample != 2 * channels || number(b, f + 8, 4) != ((sample * rate) & UINT32_MAX)) return false;
    bool found = false;
    for (at = f + size; at < b->n;) {
        int64_t bytes = number(b, at + 4, 4);
        if (at + 8 > b->n || bytes > INT32_MAX) return false;
        if (has_id(b, at, "data")) {
            bytes -= bytes % sample;
            if (found || at + 8 + bytes > b->n) return false;
            found = true;
            field[1] = at + 8, field[2] = bytes / sample;
        }
        at += 8 + bytes;
    }
    field[0] = 1, field[3] = channels, field[4] = rate;
    return found;
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    Bytes b = {in->data, type_numel(&in->type)};
    int64_t field[WAV_FIELDS] = {0};
    (void)cx;
    if (!parse(&b, field)) memset(field, 0, sizeof field);
    memcpy(out->data, field, sizeof field);
}

const OpDef op_wav_info = {
    .name = "wav_info",
    .doc = "of the bytes of a WAV file of 16-bit samples: 1, the place of the first sample, their number per "
           "channel, channels, rate; zeros when it is none",
    .kind = KIND_ROUTINE,
    .nin = 1,
    .nout = 1,
    .infer = infer,
    .eval = eval,
};
