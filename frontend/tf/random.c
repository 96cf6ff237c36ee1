/* Random numbers: what TensorFlow's CPU kernels draw from Philox4x32-10, run after run of a session. */
#include "frontend/tf/tf.h"

enum { UNIFORM, NORMAL, TRUNCATED, INTEGER, FULL_INTEGER };
enum { WORDS = 4 };
enum { BLOCKS_PER_NUMBER = 256 }; /* that a stateful operator leaves behind */
enum { ALG_PHILOX = 1, ALG_THREEFRY = 2, ALG_AUTO = 3 };

/* Where a stream begins. */
typedef struct {
    Value *key, *counter; /* u64[1], u64[2] */
} Stream;

static Value *bi(Cx *cx, OpCode code, Value *a, Value *b)
{
    return a && b ? ir_binary(&cx->b, code, a, b) : NULL;
}

static Value *bitcast(Cx *cx, Value *v, DType t)
{
    return v ? ir_v(&cx->b, OP_bitcast, IN(v), AT(at_t("to", t))) : NULL;
}

static Value *reshape(Cx *cx, Value *v, const Dim *dim, int rank)
{
    return v ? ir_reshape(&cx->b, v, dim, rank) : NULL;
}

static Value *cast(Cx *cx, Value *v, DType t)
{
    return v ? ir_cast(&cx->b, v, t) : NULL;
}

/* -- Streams ------------------------------------------------------------------------------------------ */
static Value *longs(Cx *cx, const int64_t *v, int n)
{
    return ir_const_ints(&cx->b, JITC_UINT64, v, n);
}

/* Attributes seed and seed2: the numbers of a run follow those of the runs before, which are taken to be as
 * many, n. Without them TensorFlow draws a seed; here each run has its own. */
static bool seeded_stream(Cx *cx, Dim n, Stream *s)
{
    Value *runs = runs_so_far(cx), *run = runs ? slice_axis(cx, runs, 0, 1, 1) : NULL;
    int64_t seed = get_int(cx, "seed", 0), seed2 = get_int(cx, "seed2", 0);
    if (seed || seed2) {
        if (in_loop(cx))
            fail(cx, "random numbers with a seed are not supported in a loop, where each round goes on in "
                     "their sequence: take the node out of the loop, or clear 'seed' and 'seed2'");
        if (cx->failed) return false;
        s->key = longs(cx, &seed, 1);
        Value *step = run ? size_value(cx, dim_mul(cx->m, n, BLOCKS_PER_NUMBER), JITC_INT64) : NULL;
        Value *at = step ? bi(cx, OP_mul, run, bitcast(cx, step, JITC_UINT64)) : longs(cx, (int64_t[]){0}, 1);
        s->counter = at ? concat(cx, (Value *[]){at, longs(cx, &seed2, 1)}, 2, 0) : NULL;
    } else {
        int64_t zero = 0, own = (int64_t)stream_without_seed(cx);
        s->key = longs(cx, &own, 1);
        if (runs) s->key = bi(cx, OP_add, s->key, slice_axis(cx, runs, 0, 0, 1));
        s->counter = concat(cx, (Value *[]){longs(cx, &zero, 1), run ? run : longs(cx, &zero, 1)}, 2, 0);
        ir_remark(cx->m, "import", cx->b.from, "random numbers without a seed: other ones in each run");
    }
    return s->key && s->counter;
}

static Value *words(Cx *cx, const Stream *s, Dim groups)
{
    return ir_v(&cx->b, OP_philox, IN(s->key, s->counter), AT(at_ds("groups", &groups, 1)));
}

/* The operand of a stateless operator: two integers, which TensorFlow scrambles. */
static bool scrambled_stream(Cx *cx, Value *seed, Stream *s)
{
    if (!need_rank(cx, seed, "the seed", 1, 1)) return false;
    if (!sizes_match(cx, seed->type.dim[0], 2)) {
        fail(cx, "the seed must be two integers, not %s", type_string(cx, &seed->type));
        return false;
    }
    Stream mix = {longs(cx, (int64_t[]){0x02461e293ec8f720}, 1),
                  bitcast(cx, reshape(cx, cast(cx, seed, JITC_INT64), (Dim[]){2}, 1), JITC_UINT64)};
    if (!mix.key || !mix.counter) return false;
    Value *v = bitcast(cx, reshape(cx, words(cx, &mix, 1), (Dim[]){2, 2}, 2), JITC_UINT64);
    if (!v) return false;
    s->key = slice_axis(cx, v, 0, 0, 1);
    Value *high = slice_axis(cx, v, 0, 1, 1), *zero = longs(cx, (int64_t[]){0}, 1);
    s->counter = high && zero ? concat(cx, (Value *[]){zero, high}, 2, 0) : NULL;
    return s->key && s->counter;
}

/* Operands key, counter and alg. */
static bool given_stream(Cx *cx, Value **in, Stream *s)
{
    int64_t alg;
    if (!known_int(cx, in[2], "alg", &alg) || !need_rank(cx, in[0], "the key", 1, 1) ||
        !need_rank(cx, in[1], "the counter", 1, 1))
        return false;
    if (alg == ALG_THREEFRY)
        fail(cx, "alg 2, ThreeFry, is not supported: use 1, Philox");
    else if (alg != ALG_PHILOX && alg != ALG_AUTO)
        fail(cx, "alg %lld is not possible", (long long)alg);
    else if (!sizes_match(cx, in[0]->type.dim[0], 1))
        fail(cx, "the key must be one number, not %s", type_string(cx, &in[0]->type));
    else if (!dim_known(in[1]->type.dim[0]) || in[1]->type.dim[0] < 2)
        fail(cx, "the counter must be two numbers, not %s", type_string(cx, &in[1]->type));
    if (cx->failed) return false;
    s->key = reshape(cx, in[0], (Dim[]){1}, 1);
    s->counter = slice_axis(cx, in[1], 0, 0, 2);
    return s->key && s->counter;
}

/* -- Numbers from words: vectors of at least n elements -------------------------------------------------- */
static Value *low_bits(Cx *cx, Value *w, int bits)
{
    return w ? bi(cx, OP_bit_and, w, ir_const_i(&cx->b, w->type.dtype, ((int64_t)1 << bits) - 1)) : NULL;
}

static Value *fraction(Cx *cx, Value *w, int bits, DType t)
{
    return bi(cx, OP_mul, cast(cx, low_bits(cx, w, bits), t),
              scalar(cx, t, 1.0 / (double)((int64_t)1 << bits)));
}

/* Element `which` of each pair along the last axis. */
static Value *of_pairs(Cx *cx, Value *v, Dim pairs, int which)
{
    v = reshape(cx, v, (Dim[]){pairs, 2}, 2);
    return v ? slice_axis(cx, v, 1, which, 1) : NULL;
}

/* In [0, 1): the mantissa's bits, as many as the type has. [2 groups, 1] of f64, otherwise [groups, 4]. */
static Value *uniform(Cx *cx, Value *w, Dim groups, DType t)
{
    if (t == JITC_FLOAT64) {
        Dim pairs = dim_mul(cx->m, groups, 2);
        Value *high = fraction(cx, of_pairs(cx, w, pairs, 0), 20, t);
        Value *low = cast(cx, of_pairs(cx, w, pairs, 1), t);
        return bi(cx, OP_add, high, bi(cx, OP_mul, low, scalar(cx, t, 0x1p-52)));
    }
    return fraction(cx, w, t == JITC_FLOAT16 ? 10 : t == JITC_BFLOAT16 ? 7 : 23, t);
}

/* A function that the C library rounds well: in f64. */
static Value *well_rounded(Cx *cx, OpCode code, Value *x)
{
    Value *wide = x ? cast(cx, x, JITC_FLOAT64) : NULL;
    return wide ? cast(cx, ir_unary(&cx->b, code, wide), x->type.dtype) : NULL;
}

/* Box and Muller, of f16 and bf16 in f32. */
static Value *normal(Cx *cx, Value *w, Dim groups, DType t)
{
    DType in = t == JITC_FLOAT64 ? t : JITC_FLOAT32;
    Value *x = uniform(cx, w, groups, in);
    Dim pairs = in == JITC_FLOAT64 ? groups : dim_mul(cx->m, groups, 2);
    Value *u = bi(cx, OP_maximum, of_pairs(cx, x, pairs, 0), scalar(cx, in, 1e-7));
    Value *v = cast(cx, of_pairs(cx, x, pairs, 1), JITC_FLOAT64);
    v = cast(cx, bi(cx, OP_mul, v, scalar(cx, JITC_FLOAT64, 6.283185307179586)), in);
    Value *square = bi(cx, OP_mul, well_rounded(cx, OP_log, u), scalar(cx, in, -2));
    Value *size = square ? ir_unary(&cx->b, OP_sqrt, square) : NULL;
    Value *a = bi(cx, OP_mul, well_rounded(cx, OP_sin, v), size),
          *b = bi(cx, OP_mul, well_rounded(cx, OP_cos, v), size);
    return a && b ? cast(cx, concat(cx, (Value *[]){a, b}, 2, 1), t) : NULL;
}

static Value *truncated(Cx *cx, const Stream *s, Dim groups, DType t)
{
    DType in = t == JITC_FLOAT64 ? t : JITC_FLOAT32;
    return cast(cx,
                ir_v(&cx->b, OP_truncated_normal, IN(s->key, s->counter),
                     AT(at_ds("groups", &groups, 1), at_t("to", in))),
                t);
}

static DType unsigned_of(DType t)
{
    return dtype_size(t) == 8 ? JITC_UINT64 : JITC_UINT32;
}

static Value *integers(Cx *cx, Value *w, Dim groups, DType t)
{
    if (dtype_size(t) == 8)
        w = bitcast(cx, reshape(cx, w, (Dim[]){dim_mul(cx->m, groups, 2), 2}, 2), JITC_UINT64);
    return w;
}

/* lo + bits mod (hi - lo); `any`: whether there are numbers at all. */
static Value *within(Cx *cx, Value *bits, Value *lo, Value *hi, Value *any)
{
    if (!bits || !need_rank(cx, lo, "minval", 0, 0) || !need_rank(cx, hi, "maxval", 0, 0)) return NULL;
    DType t = unsigned_of(lo->type.dtype);
    Value *less = bi(cx, OP_less, lo, hi), *ok = less ? bi(cx, OP_logical_or, less, any) : NULL;
    Value *base = bitcast(cx, lo, t), *range = bi(cx, OP_sub, bitcast(cx, hi, t), base);
    if (!ok || !range) return NULL;
    range = select3(cx, less, range, ir_const_i(&cx->b, t, 1));
    Value *v = bi(cx, OP_add, base, bi(cx, OP_floor_mod, bits, range));
    return v ? checked_as(cx, v, ok, "minval must be less than maxval") : NULL;
}

/* -- Operators ------------------------------------------------------------------------------------------- */
static bool shape_of_numbers(Cx *cx, Value *shape, DType t, Type *out)
{
    Dim dim[IR_MAX_RANK];
    int rank = known_dims(cx, shape, "the shape", dim, IR_MAX_RANK);
    if (rank < 0 || cx->failed) return false;
    *out = type_make(t, rank, dim);
    return true;
}

/* `range`: minval and maxval, of INTEGER. */
static Value *numbers(Cx *cx, int what, const Stream *s, const Type *t, Value **range)
{
    Dim n = dims_product(cx, t->dim, t->rank), per_group = dtype_size(t->dtype) == 8 ? 2 : WORDS;
    Dim groups = dim_ceildiv(cx->m, n, per_group), all = dim_mul(cx->m, groups, per_group);
    Value *v = what == TRUNCATED ? NULL : words(cx, s, groups);
    if (what == UNIFORM)
        v = uniform(cx, v, groups, t->dtype);
    else if (what == NORMAL)
        v = normal(cx, v, groups, t->dtype);
    else if (what == TRUNCATED)
        v = truncated(cx, s, groups, t->dtype);
    else
        v = integers(cx, v, groups, t->dtype);
    if (what == INTEGER) {
        Value *none = bi(cx, OP_equal, size_value(cx, n, JITC_INT64), ir_const_i(&cx->b, JITC_INT64, 0));
        v = within(cx, v, range[0], range[1], none);
    }
    v = reshape(cx, v, &all, 1);
    v = v ? slice_axis(cx, v, 0, 0, n) : NULL;
    v = reshape(cx, v, t->dim, t->rank);
    return v && v->type.dtype != t->dtype ? bitcast(cx, v, t->dtype) : v;
}

static bool type_of_numbers(Cx *cx, int what, DType t)
{
    bool fits = what < INTEGER ? dtype_is_float(t) : dtype_is_int(t) && dtype_size(t) >= 4;
    if (!fits && !cx->failed) fail(cx, "random numbers of type %s are not possible", dtype_name(t));
    return fits;
}

static void import_random(Cx *cx, Value **in, Value **out)
{
    int what = cx->op->arg;
    DType t = what == INTEGER ? in[1]->type.dtype : get_type(cx, "dtype", JITC_FLOAT32);
    Type type;
    Stream s;
    if (!cx->failed && type_of_numbers(cx, what, t) && shape_of_numbers(cx, in[0], t, &type) &&
        seeded_stream(cx, dims_product(cx, type.dim, type.rank), &s))
        out[0] = numbers(cx, what, &s, &type, in + 1);
}

/* Operands shape, seed; V2: shape, key, counter, alg; then minval, maxval. */
static void import_stateless(Cx *cx, Value **in, Value **out)
{
    bool v2 = cx->op->arg >= 16;
    int what = cx->op->arg % 16, at = v2 ? 4 : 2;
    DType t = what == INTEGER ? in[at]->type.dtype
                              : get_type(cx, "dtype", what == FULL_INTEGER ? JITC_UINT64 : JITC_FLOAT32);
    Type type;
    Stream s;
    if (!cx->failed && type_of_numbers(cx, what, t) && shape_of_numbers(cx, in[0], t, &type) &&
        (v2 ? given_stream(cx, in + 1, &s) : scrambled_stream(cx, in[1], &s)))
        out[0] = numbers(cx, what, &s, &type, in + at);
}

static void import_key_counter(Cx *cx, Value **in, Value **out)
{
    Stream s;
    if (!scrambled_stream(cx, in[0], &s)) return;
    out[0] = s.key;
    out[1] = s.counter;
    if (cx->op->arg) out[2] = ir_const_i(&cx->b, JITC_INT32, ALG_PHILOX);
}

static void import_alg(Cx *cx, Value **in, Value **out)
{
    (void)in;
    out[0] = ir_const_i(&cx->b, JITC_INT32, ALG_PHILOX);
}

/* Drawn from running sums of exp(logit - largest), which do not count what is not finite; rows follow each
 * other in the stream, as with one thread. */
static void import_multinomial(Cx *cx, Value **in, Value **out)
{
    Builder *b = &cx->b;
    DType t = get_type(cx, "output_dtype", JITC_INT64), f = JITC_FLOAT64;
    Value *x = in[0];
    Dim count;
    Stream s;
    if (cx->failed || !need_rank(cx, x, "the logits", 2, 2) || !need_float(cx, x, "the logits") ||
        !need_rank(cx, in[1], "the number of samples", 0, 0) ||
        known_dims(cx, in[1], "the number of samples", &count, 1) != 1)
        return;
    Dim dim[2] = {x->type.dim[0], count};
    /* It counts words, of which a number takes two. */
    Dim row = dim_mul(cx->m, dim_ceildiv(cx->m, count, WORDS), 2 * WORDS),
        reserved = dim_mul(cx->m, dim[0], row);
    if (!(cx->op->arg ? scrambled_stream(cx, in[2], &s) : seeded_stream(cx, reserved, &s))) return;
    Value *finite = ir_unary(b, OP_is_finite, x);
    Value *counted = select3(cx, finite, x, broadcast(cx, lowest(cx, x->type.dtype), x->type.dim, 2));
    Value *most = counted ? reduce(cx, OP_reduce_max, counted, (int64_t[]){1}, 1, true) : NULL;
    Value *part = bi(cx, OP_sub, cast(cx, x, f), cast(cx, most, f));
    part = part ? ir_unary(b, OP_exp, part) : NULL;
    part = select3(cx, finite, part, broadcast(cx, scalar(cx, f, 0), x->type.dim, 2));
    Value *sums = part ? ir_v(b, OP_cumsum, IN(part), AT(at_i("axis", 1))) : NULL;
    /* Sums do not descend. */
    Value *total = sums ? reduce(cx, OP_reduce_max, sums, (int64_t[]){1}, 1, true) : NULL;
    Type type = type_make(f, 2, dim);
    Value *v = bi(cx, OP_mul, numbers(cx, UNIFORM, &s, &type, NULL), total);
    if (v) out[0] = ir_v(b, OP_search_sorted, IN(sums, v), AT(at_b("upper", true), at_t("to", t)));
}

const TfOp tf_random_ops[] = {
    {"RandomUniform", import_random, 1, 0, 1, UNIFORM},
    {"RandomStandardNormal", import_random, 1, 0, 1, NORMAL},
    {"TruncatedNormal", import_random, 1, 0, 1, TRUNCATED},
    {"RandomUniformInt", import_random, 3, 0, 1, INTEGER},
    {"Multinomial", import_multinomial, 2, 0, 1, 0},
    {"StatelessRandomUniform", import_stateless, 2, 0, 1, UNIFORM},
    {"StatelessRandomNormal", import_stateless, 2, 0, 1, NORMAL},
    {"StatelessTruncatedNormal", import_stateless, 2, 0, 1, TRUNCATED},
    {"StatelessRandomUniformInt", import_stateless, 4, 0, 1, INTEGER},
    {"StatelessRandomUniformFullInt", import_stateless, 2, 0, 1, FULL_INTEGER},
    {"StatelessRandomUniformV2", import_stateless, 4, 0, 1, 16 + UNIFORM},
    {"StatelessRandomNormalV2", import_stateless, 4, 0, 1, 16 + NORMAL},
    {"StatelessTruncatedNormalV2", import_stateless, 4, 0, 1, 16 + TRUNCATED},
    {"StatelessRandomUniformIntV2", import_stateless, 6, 0, 1, 16 + INTEGER},
    {"StatelessRandomUniformFullIntV2", import_stateless, 4, 0, 1, 16 + FULL_INTEGER},
    {"StatelessRandomGetKeyCounter", import_key_counter, 1, 0, 2, 0},
    {"StatelessRandomGetKeyCounterAlg", import_key_counter, 1, 0, 3, 1},
    {"StatelessRandomGetAlg", import_alg, 0, 0, 1, 0},
    {"StatelessMultinomial", import_multinomial, 3, 0, 1, 1},
    {0},
};
