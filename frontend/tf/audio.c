/* Sound: samples of a WAV file, spectrograms, mel-frequency cepstral coefficients. */
#include <math.h>

#include "frontend/tf/complex.h"

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}

static Value *un(Cx *cx, OpCode code, Value *x)
{
    return x ? ir_unary(&cx->b, code, x) : NULL;
}

static Value *to(Cx *cx, Value *x, DType t)
{
    return x ? ir_cast(&cx->b, x, t) : NULL;
}

static Value *shaped(Cx *cx, Value *x, const Dim *dim, int rank)
{
    return x ? ir_reshape(&cx->b, x, dim, rank) : NULL;
}

static Value *matrix(Cx *cx, Value *x, Dim rows, Dim cols)
{
    return shaped(cx, x, (Dim[]){rows, cols}, 2);
}

/* -- WAV files ------------------------------------------------------------------------------------------ */
enum { WAV_OK, WAV_PLACE, WAV_SAMPLES, WAV_CHANNELS, WAV_RATE, WAV_FIELDS };

static Value *field(Cx *cx, Value *info, int i)
{
    return shaped(cx, slice_axis(cx, info, 0, i, 1), NULL, 0);
}

static bool wav_size(Cx *cx, const char *name, Value *found, Dim *size)
{
    int64_t given = get_int(cx, name, -1);
    if (cx->failed) return false;
    if (given < -1 || given > INT32_MAX) {
        fail(cx, "attribute '%s' is %lld", name, (long long)given);
        return false;
    }
    *size = given;
    return given >= 0 || known_dims(cx, found, name, size, 1) == 1;
}

/* Bytes at i64 places, as integers; there are some, or the run has failed by now. */
static Value *byte_at(Cx *cx, Value *bytes, Value *at)
{
    return to(cx, at ? gather(cx, bytes, at, 0, 0) : NULL, JITC_INT32);
}

static void import_decode_wav(Cx *cx, Value **in, Value **out)
{
    Value *bytes = in[0];
    if (bytes->type.rank != 1 || bytes->type.dtype != JITC_UINT8) {
        fail(cx, "contents must be the bytes of one string, but are %s", type_string(cx, &bytes->type));
        return;
    }
    Value *info = ir_v(&cx->b, OP_wav_info, IN(bytes), NO_ATTRS);
    Value *ok = info ? bi(cx, OP_equal, field(cx, info, WAV_OK), ir_const_i(&cx->b, JITC_INT64, 1)) : NULL;
    info = checked_as(cx, info, ok, "the contents are no WAV file of 16-bit PCM samples");
    if (!info) return;
    Dim samples, channels;
    Value *have = field(cx, info, WAV_SAMPLES), *width = field(cx, info, WAV_CHANNELS);
    if (!have || !width || !wav_size(cx, "desired_samples", have, &samples) ||
        !wav_size(cx, "desired_channels", width, &channels))
        return;
    Value *s = matrix(cx, iota_vector(cx, JITC_INT64, samples), samples, 1);
    Value *c = matrix(cx, iota_vector(cx, JITC_INT64, channels), 1, channels);
    Value *zero = ir_const_i(&cx->b, JITC_INT64, 0), *one = ir_const_i(&cx->b, JITC_INT64, 1);
    Value *there = bi(cx, OP_less, s, have);
    c = bi(cx, OP_minimum, c, bi(cx, OP_sub, width, one));
    Value *at = bi(cx, OP_add, bi(cx, OP_mul, s, width), c);
    at = bi(cx, OP_add, bi(cx, OP_add, at, at), field(cx, info, WAV_PLACE));
    if (!there || !at) return;
    there = broadcast(cx, there, at->type.dim, 2);
    at = there ? select3(cx, there, at, broadcast(cx, zero, at->type.dim, 2)) : NULL;
    Value *low = byte_at(cx, bytes, at), *high = byte_at(cx, bytes, bi(cx, OP_add, at, one));
    if (!low || !high) return;
    Value *v = bi(cx, OP_add, low, bi(cx, OP_mul, high, ir_const_i(&cx->b, JITC_INT32, 256)));
    v = to(cx, to(cx, v, JITC_INT16), JITC_FLOAT32);
    v = bi(cx, OP_mul, v, scalar(cx, JITC_FLOAT32, 0x1p-15));
    out[0] = v ? select3(cx, there, v, broadcast(cx, scalar(cx, JITC_FLOAT32, 0), v->type.dim, 2)) : NULL;
    out[1] = to(cx, field(cx, info, WAV_RATE), JITC_INT32);
}

/* -- Spectrograms --------------------------------------------------------------------------------------- */
enum { SPECTRUM_WINDOW_MAX = 1 << 20 };
static const double PI = 3.14159265358979323846;

static Value *hann_window(Cx *cx, int64_t window)
{
    Type t = type_make(JITC_FLOAT64, 2, (Dim[]){1, window});
    Tensor x = tensor_new(cx->job, &t);
    for (int64_t i = 0; i < window; i++)
        tensor_set_f(&x, i, 0.5 - 0.5 * cos(2 * PI * (double)i / (double)window));
    return tensor_value(cx, &x);
}

static void import_spectrogram(Cx *cx, Value **in, Value **out)
{
    Value *x = in[0];
    int64_t window = get_int(cx, "window_size", 0), stride = get_int(cx, "stride", 0), length = 1;
    bool squared = get_bool(cx, "magnitude_squared", false);
    if (cx->failed || !need_rank(cx, x, "the input", 2, 2)) return;
    if (window < 2 || stride < 1) {
        fail(cx, "window_size %lld, stride %lld: at least 2 and 1 are possible", (long long)window,
             (long long)stride);
        return;
    }
    if (window > SPECTRUM_WINDOW_MAX || stride > INT32_MAX) {
        fail(cx, "window_size %lld, stride %lld: at most %d and %d are supported", (long long)window,
             (long long)stride, SPECTRUM_WINDOW_MAX, INT32_MAX);
        return;
    }
    while (length < window) length *= 2;
    Module *m = cx->m;
    Dim channels = x->type.dim[1], bins = length / 2 + 1;
    Dim past = dim_add(m, dim_sub(m, x->type.dim[0], window), stride);
    Dim frames = dim_max(m, 0, dim_floordiv(m, past, stride)), rows = dim_mul(m, channels, frames);
    Value *first =
        bi(cx, OP_mul, iota_vector(cx, JITC_INT64, frames), ir_const_i(&cx->b, JITC_INT64, stride));
    Value *place = matrix(cx, iota_vector(cx, JITC_INT64, window), 1, window);
    Value *at = bi(cx, OP_add, matrix(cx, first, frames, 1), place);
    x = to(cx, transpose(cx, x, (int64_t[]){1, 0}), JITC_FLOAT64);
    x = x && at ? matrix(cx, gather(cx, x, at, 1, 0), rows, window) : NULL;
    if (!x) return;
    x = bi(cx, OP_mul, x, hann_window(cx, window));
    x = x ? ir_v(&cx->b, OP_pad, IN(x),
                 AT(at_ds("lo", (Dim[]){0, 0}, 2), at_ds("hi", (Dim[]){0, length - window}, 2)))
          : NULL;
    x = x ? real_fft(cx, x) : NULL;
    if (!x) return;
    Pair z = split(cx, x);
    Value *power = bi(cx, OP_add, bi(cx, OP_mul, z.re, z.re), bi(cx, OP_mul, z.im, z.im));
    Value *v = to(cx, power, JITC_FLOAT32);
    if (!squared) v = un(cx, OP_sqrt, v);
    out[0] = shaped(cx, v, (Dim[]){channels, frames, bins}, 3);
}

/* -- Mel-frequency cepstral coefficients ---------------------------------------------------------------- */
typedef struct {
    int64_t bands, coefficients;
    double low, high;
} Mel;

static Value *number(Cx *cx, double k)
{
    return scalar(cx, JITC_FLOAT64, k);
}

static double mel(double hertz)
{
    return 1127.0 * log1p(hertz / 700.0);
}

static bool mel_attrs(Cx *cx, Mel *a, Dim bins)
{
    a->high = get_float(cx, "upper_frequency_limit", 4000);
    a->low = get_float(cx, "lower_frequency_limit", 20);
    a->bands = get_int(cx, "filterbank_channel_count", 40);
    a->coefficients = get_int(cx, "dct_coefficient_count", 13);
    if (cx->failed) return false;
    const char *why = a->bands < 1 || a->bands > 4096 ? "filterbank_channel_count must be 1 to 4096"
                      : a->coefficients < 1           ? "dct_coefficient_count must be at least 1"
                      : a->coefficients > a->bands    ? "more coefficients than filterbank channels"
                      : !(a->low >= 0)                ? "lower_frequency_limit must not be negative"
                      : !(a->high > a->low)           ? "upper_frequency_limit is not above the lower one"
                      : !isfinite(a->high)            ? "upper_frequency_limit is not finite"
                      : !dim_known(bins) || bins < 2
                          ? "the spectrogram's last dimension must be known and at least 2"
                          : NULL;
    if (why) fail(cx, "%s", why);
    return !why;
}

/* f64 [bands + 1]: where bands end and the next but one begins, in mel; from the one with that number on. */
static Value *centers(Cx *cx, const Mel *a, int64_t from, int64_t n)
{
    double lo = mel(a->low), step = (mel(a->high) - lo) / (double)(a->bands + 1);
    Type t = type_make(JITC_FLOAT64, 2, (Dim[]){1, n});
    Tensor x = tensor_new(cx->job, &t);
    for (int64_t i = 0; i < n; i++) tensor_set_f(&x, i, lo + step * (double)(from + i));
    return tensor_value(cx, &x);
}

static Value *cosines(Cx *cx, const Mel *a)
{
    Type t = type_make(JITC_FLOAT64, 2, (Dim[]){a->bands, a->coefficients});
    Tensor x = tensor_new(cx->job, &t);
    double norm = sqrt(2.0 / (double)a->bands), arg = PI / (double)a->bands;
    for (int64_t j = 0; j < a->bands; j++)
        for (int64_t i = 0; i < a->coefficients; i++)
            tensor_set_f(&x, j * a->coefficients + i, norm * cos((double)i * arg * ((double)j + 0.5)));
    return tensor_value(cx, &x);
}

/* f64 [bins, bands]: the triangles; a bin between two centres is shared by the bands on its sides. Centre 0
 * is the lower limit, centre c + 1 that of band c. */
static Value *triangles(Cx *cx, const Mel *a, Value *hertz, Dim bins)
{
    Value *m = bi(cx, OP_mul, un(cx, OP_log1p, bi(cx, OP_div, hertz, number(cx, 700))), number(cx, 1127));
    Value *before = centers(cx, a, 0, a->bands), *center = centers(cx, a, 1, a->bands);
    Value *after = centers(cx, a, 2, a->bands);
    Value *rise = bi(cx, OP_sub, number(cx, 1),
                     bi(cx, OP_div, bi(cx, OP_sub, center, m), bi(cx, OP_sub, center, before)));
    Value *fall = bi(cx, OP_div, bi(cx, OP_sub, after, m), bi(cx, OP_sub, after, center));
    Value *past = bi(cx, OP_less, center, m), *reached = bi(cx, OP_less, before, m);
    Value *none = number(cx, 0);
    if (!rise || !fall || !past || !reached || !none) return NULL;
    /* Below the first centre there is no other side, and so no lower end. */
    Value *first = ir_const_i(&cx->b, JITC_INT32, 0);
    Value *band = matrix(cx, iota_vector(cx, JITC_INT32, a->bands), 1, a->bands);
    reached = bi(cx, OP_logical_or, reached, bi(cx, OP_equal, band, first));
    Value *inside = bi(cx, OP_logical_and, reached, un(cx, OP_logical_not, past));
    Value *ended = bi(cx, OP_less, after, m);
    Value *falls = bi(cx, OP_logical_and, past, un(cx, OP_logical_not, ended));
    Dim dim[2] = {bins, a->bands};
    none = broadcast(cx, none, dim, 2);
    return inside && falls && none ? select3(cx, inside, rise, select3(cx, falls, fall, none)) : NULL;
}

static void import_mfcc(Cx *cx, Value **in, Value **out)
{
    Mel a;
    Value *x = in[0], *rate = in[1];
    if (!need_rank(cx, x, "the spectrogram", 3, 3) || !need_rank(cx, rate, "the sample rate", 0, 0)) return;
    Dim dim[3] = {x->type.dim[0], x->type.dim[1], x->type.dim[2]}, bins = dim[2];
    if (!mel_attrs(cx, &a, bins)) return;
    Value *ok = bi(cx, OP_less, ir_const_i(&cx->b, rate->type.dtype, 0), rate);
    rate = to(cx, checked_as(cx, rate, ok, "the sample rate is not positive"), JITC_FLOAT64);
    Value *step = bi(cx, OP_div, bi(cx, OP_mul, rate, number(cx, 0.5)), number(cx, (double)(bins - 1)));
    Value *bin = matrix(cx, iota_vector(cx, JITC_FLOAT64, bins), bins, 1);
    Value *first = bi(cx, OP_add, bi(cx, OP_div, number(cx, a.low), step), number(cx, 1.5));
    Value *last = bi(cx, OP_div, number(cx, a.high), step);
    first = un(cx, OP_floor, first), last = un(cx, OP_floor, last);
    Value *used = bi(cx, OP_logical_and, bi(cx, OP_less_equal, first, bin), bi(cx, OP_less_equal, bin, last));
    Value *w = triangles(cx, &a, bi(cx, OP_mul, bin, step), bins);
    Dim rows = dim_mul(cx->m, dim[0], dim[1]), flat[2] = {rows, bins}, result[2] = {rows, a.coefficients};
    Value *zero = number(cx, 0);
    used = matrix(cx, used, 1, bins);
    x = un(cx, OP_sqrt, to(cx, matrix(cx, x, rows, bins), JITC_FLOAT64));
    if (!w || !used || !x || !zero) return;
    x = select3(cx, broadcast(cx, used, flat, 2), x, broadcast(cx, zero, flat, 2));
    x = x ? dot(cx, x, w, false, false) : NULL;
    Value *floor = number(cx, 1e-12), *low = bi(cx, OP_less, x, floor);
    if (!low) return;
    x = un(cx, OP_log, select3(cx, low, broadcast(cx, floor, x->type.dim, 2), x));
    x = x ? to(cx, dot(cx, x, cosines(cx, &a), false, false), JITC_FLOAT32) : NULL;
    /* A spectrogram that ends below the upper limit gives zeros. */
    Value *enough = bi(cx, OP_less, last, number(cx, (double)bins));
    zero = scalar(cx, JITC_FLOAT32, 0);
    if (!x || !enough || !zero) return;
    x = select3(cx, broadcast(cx, enough, result, 2), x, broadcast(cx, zero, result, 2));
    dim[2] = a.coefficients;
    out[0] = shaped(cx, x, dim, 3);
}

const TfOp tf_audio_ops[] = {
    {"DecodeWav", import_decode_wav, 1, 0, 2, 0},
    {"AudioSpectrogram", import_spectrogram, 1, 0, 1, 0},
    {"Mfcc", import_mfcc, 2, 0, 1, 0},
    {0},
};
