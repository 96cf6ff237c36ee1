/* Reading the header of a WAV file; nothing outside the bytes is read, whatever they say. */
#include "codegen/llvm/routines/routine.h"

enum { WAV_FIELDS = 5, WAV_SMALLEST = 44 };

typedef struct {
    const Routine *r;
    Ival n;
} Bytes;

/* Little-endian; places after the end give the last byte. */
static Ival number(const Bytes *b, Ival at, int size)
{
    Gen *g = b->r->g;
    Ival v = ival(0), last = i_sub(g, b->n, ival(1));
    for (int i = 0; i < size; i++) {
        Ival byte = r_int(b->r, 0, i_min(g, i_add(g, at, ival(i)), last));
        v = i_add(g, v, i_mul(g, byte, ival((int64_t)1 << 8 * i)));
    }
    return v;
}

static Cond holds(const Bytes *b, Ival at, int64_t size)
{
    return c_le(b->r->g, i_add(b->r->g, at, ival(size)), b->n);
}

static Cond is_id(Gen *g, Ival id, const char *text)
{
    int64_t k = 0;
    for (int i = 0; i < 4; i++) k |= (int64_t)(unsigned char)text[i] << 8 * i;
    return c_eq(g, id, ival(k));
}

static Cond skipped(Gen *g, Ival id)
{
    static const char *const ids[] = {"JUNK", "bext", "iXML", "qlty", "mext", "levl", "link", "axml"};
    Cond any = c_const(false);
    for (size_t i = 0; i < COUNT(ids); i++) any = c_or(g, any, is_id(g, id, ids[i]));
    return any;
}

static Vec flag(const Routine *r, Cond c)
{
    return r_i64(r, i_select(r->g, c, ival(1), ival(0)));
}

static Cond is_set(const Routine *r, Vec v)
{
    return c_eq(r->g, r_ival(r, v), ival(1));
}

/* The place of the chunk "fmt "; clears *ok where there is none. */
static Ival find_format(const Bytes *b, Vec *ok)
{
    const Routine *r = b->r;
    Gen *g = r->g;
    Vec v[2] = {r_i64(r, ival(12)), *ok};
    REPEAT(g, l, is_set(r, *ok), v, 2)
    {
        Ival at = r_ival(r, v[0]), id = number(b, at, 4);
        Ival next = i_add(g, at, i_add(g, ival(8), number(b, i_add(g, at, ival(4)), 4)));
        Cond found = is_id(g, id, "fmt "), skip = c_and(g, skipped(g, id), holds(b, at, 8));
        Cond good = c_and(g, holds(b, at, 4), c_or(g, found, skip));
        v[0] = r_i64(r, i_select(g, found, at, next));
        v[1] = flag(r, good);
        l.more = c_and(g, good, c_not(g, found));
    }
    *ok = v[1];
    return r_ival(r, v[0]);
}

/* Where the samples are and how many per channel; clears *ok unless there is one such chunk. */
static void find_data(const Bytes *b, Ival at, Ival sample, Vec *ok, Vec place[2])
{
    const Routine *r = b->r;
    Gen *g = r->g;
    Vec zero = r_i64(r, ival(0)), v[5] = {r_i64(r, at), *ok, zero, zero, zero};
    REPEAT(g, l, c_and(g, is_set(r, *ok), c_lt(g, at, b->n)), v, 5)
    {
        Ival here = r_ival(r, v[0]), body = i_add(g, here, ival(8));
        Ival size = number(b, i_add(g, here, ival(4)), 4), count = i_div(g, size, sample);
        Cond data = is_id(g, number(b, here, 4), "data"), found = is_set(r, v[4]);
        Ival bytes = i_select(g, data, i_mul(g, count, sample), size), next = i_add(g, body, bytes);
        Cond fits = c_and(g, c_not(g, found), c_le(g, next, b->n));
        Cond good = c_and(g, holds(b, here, 8), c_le(g, size, ival(INT32_MAX)));
        good = c_and(g, good, c_or(g, c_not(g, data), fits));
        v[0] = r_i64(r, next);
        v[1] = flag(r, good);
        v[2] = r_i64(r, i_select(g, data, body, r_ival(r, v[2])));
        v[3] = r_i64(r, i_select(g, data, count, r_ival(r, v[3])));
        v[4] = flag(r, c_or(g, data, found));
        l.more = c_and(g, good, c_lt(g, next, b->n));
    }
    *ok = flag(r, c_and(g, is_set(r, v[1]), is_set(r, v[4])));
    place[0] = v[2], place[1] = v[3];
}

void emit_wav_info(Routine *r, Ival unit)
{
    Gen *g = r->g;
    Bytes b = {r, r_dim(r, r_in(r, 0), 0)};
    (void)unit; /* there is one */
    for (int i = 0; i < WAV_FIELDS; i++) i_store(g, r->out[0], ival(i), JITC_INT64, ival(0));
    IF(g, enough, c_le(g, ival(WAV_SMALLEST), b.n))
    {
        Cond good =
            c_and(g, is_id(g, number(&b, ival(0), 4), "RIFF"), is_id(g, number(&b, ival(8), 4), "WAVE"));
        Vec ok = flag(r, good), place[2];
        Ival at = find_format(&b, &ok), f = i_add(g, at, ival(8)),
             size = number(&b, i_add(g, at, ival(4)), 4);
        Ival channels = number(&b, i_add(g, f, ival(2)), 2), rate = number(&b, i_add(g, f, ival(4)), 4);
        Ival second = number(&b, i_add(g, f, ival(8)), 4), sample = number(&b, i_add(g, f, ival(12)), 2);
        good = c_and(g, is_set(r, ok), holds(&b, f, 16));
        good = c_and(g, good, c_or(g, c_eq(g, size, ival(16)), c_eq(g, size, ival(18))));
        good = c_and(g, good, c_eq(g, number(&b, f, 2), ival(1)));
        good = c_and(g, good, c_lt(g, ival(0), channels));
        good = c_and(g, good, c_eq(g, number(&b, i_add(g, f, ival(14)), 2), ival(16)));
        good = c_and(g, good, c_eq(g, sample, i_mul(g, channels, ival(2))));
        good = c_and(g, good, c_eq(g, second, i_mod(g, i_mul(g, sample, rate), ival((int64_t)1 << 32))));
        ok = flag(r, good);
        find_data(&b, i_add(g, f, size), i_max(g, sample, ival(1)), &ok, place);
        IF(g, all, is_set(r, ok))
        {
            Ival field[WAV_FIELDS] = {ival(1), r_ival(r, place[0]), r_ival(r, place[1]), channels, rate};
            for (int i = 0; i < WAV_FIELDS; i++) i_store(g, r->out[0], ival(i), JITC_INT64, field[i]);
        }
    }
}
