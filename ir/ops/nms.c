#include "ir/ops/common.h"

enum { BOXES, SCORES, LIMIT, OVERLAP, SCORE, SIGMA };

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    const Type *x = in_type(op, BOXES), *s = in_type(op, SCORES);
    bool overlaps = attr_i(op, "overlaps");
    int64_t share = attr_i(op, "share");
    int n;
    const Dim *size = attr_v(op, "size", &n);
    if (!takes(cx, op, BOXES, TAKE_FLOAT) || !takes(cx, op, SCORES, TAKE_FLOAT) ||
        !takes_rank(cx, op, BOXES, 3, 3) || !takes_rank(cx, op, SCORES, 2, 2) ||
        !takes(cx, op, LIMIT, TAKE_INT) || !takes_rank(cx, op, LIMIT, 0, 0) ||
        !same_dtype(cx, op, BOXES, SCORES))
        return false;
    if (x->dtype == JITC_FLOAT64) return infer_fail(cx, "boxes cannot be %s", type_text(cx, x));
    for (int i = OVERLAP; i <= SIGMA; i++)
        if (!takes_rank(cx, op, i, 0, 0) || !same_dtype(cx, op, BOXES, i)) return false;
    if (share < 1) return infer_fail(cx, "share is %lld", (long long)share);
    bool fits = dims_agree(cx, x->dim[1], s->dim[1]) &&
                dims_agree(cx, dim_mul(cx->m, x->dim[0], share), s->dim[0]) &&
                dims_agree(cx, x->dim[2], overlaps ? x->dim[1] : 4);
    if (!fits) return infer_fail(cx, "boxes %s do not fit scores %s", type_text(cx, x), type_text(cx, s));
    if (n != 1 || dim_is_negative(cx->m, size[0])) return infer_fail(cx, "size must be one size");
    Dim dim[2] = {s->dim[0], size[0]};
    out[0] = type_make(JITC_INT32, 2, dim);
    out[1] = type_make(s->dtype, 2, dim);
    out[2] = type_make(JITC_INT64, 1, dim);
    return result_fits(cx, &out[0]) && result_fits(cx, &out[1]);
}

typedef struct {
    const Tensor *boxes;
    Tensor round; /* one element of the scores' type */
    int64_t base, n;
    bool overlaps, by_index;
    float *score;
    int32_t *box, *begin; /* heap entries: candidates, and the selected ones that they have met */
    int64_t count;
} Nms;

static float rounded(Nms *s, float v)
{
    tensor_set_f(&s->round, 0, v);
    return (float)tensor_f(&s->round, 0);
}

/* Of two candidates the one that waits longer. */
static bool after(const Nms *s, float a, int32_t i, float b, int32_t j)
{
    return a < b || (s->by_index && a == b && i > j);
}

static void place(Nms *s, int64_t at, float score, int32_t box, int32_t begin)
{
    s->score[at] = score;
    s->box[at] = box;
    s->begin[at] = begin;
}

static void sift_up(Nms *s, int64_t at, float score, int32_t box, int32_t begin)
{
    while (at > 0) {
        int64_t up = (at - 1) / 2;
        if (!after(s, s->score[up], s->box[up], score, box)) break;
        place(s, at, s->score[up], s->box[up], s->begin[up]);
        at = up;
    }
    place(s, at, score, box, begin);
}

/* The hole that the first one leaves sinks to the bottom, and the last entry rises from there. So equal
 * scores come in the order in which TensorFlow's queue gives them. */
static void pop(Nms *s)
{
    int64_t n = --s->count, at = 0;
    float score = s->score[n];
    int32_t box = s->box[n], begin = s->begin[n];
    while (2 * at + 1 < n) {
        int64_t child = 2 * at + 2;
        if (child >= n || after(s, s->score[child], s->box[child], s->score[child - 1], s->box[child - 1]))
            child--;
        place(s, at, s->score[child], s->box[child], s->begin[child]);
        at = child;
    }
    if (n) sift_up(s, at, score, box, begin);
}

static float similarity(const Nms *s, int32_t i, int32_t j)
{
    if (s->overlaps) return (float)tensor_f(s->boxes, s->base + i * s->n + j);
    float a[2][4], area[2];
    for (int k = 0; k < 2; k++) {
        float v[4];
        for (int c = 0; c < 4; c++) v[c] = (float)tensor_f(s->boxes, s->base + (k ? j : i) * 4 + c);
        for (int c = 0; c < 2; c++) {
            a[k][c] = v[c + 2] < v[c] ? v[c + 2] : v[c];
            a[k][c + 2] = v[c] < v[c + 2] ? v[c + 2] : v[c];
        }
        area[k] = (a[k][2] - a[k][0]) * (a[k][3] - a[k][1]);
    }
    if (area[0] <= 0 || area[1] <= 0) return 0;
    float side[2];
    for (int c = 0; c < 2; c++) {
        float lo = a[0][c] < a[1][c] ? a[1][c] : a[0][c],
              hi = a[1][c + 2] < a[0][c + 2] ? a[1][c + 2] : a[0][c + 2];
        side[c] = hi - lo < 0 ? 0 : hi - lo;
    }
    float both = side[0] * side[1];
    return both / (area[0] + area[1] - both);
}

static void group(Nms *s, const Tensor *in, Tensor *out, int64_t g)
{
    int64_t size = out[0].type.dim[1], limit = min_i64(tensor_i(&in[LIMIT], 0), size), selected = 0;
    float most = (float)tensor_f(&in[OVERLAP], 0), least = (float)tensor_f(&in[SCORE], 0),
          sigma = (float)tensor_f(&in[SIGMA], 0), scale = sigma > 0 ? rounded(s, -0.5f / sigma) : 0;
    int32_t *chosen = (int32_t *)out[0].data + g * size;
    s->count = 0;
    for (int64_t i = 0; i < s->n; i++) {
        float v = (float)tensor_f(&in[SCORES], g * s->n + i);
        if (v > least) sift_up(s, s->count++, v, (int32_t)i, 0);
    }
    while (selected < limit && s->count) {
        float score = s->score[0], before = score;
        int32_t box = s->box[0], begin = s->begin[0];
        bool dropped = false;
        pop(s);
        for (int64_t j = selected - 1; j >= begin && !dropped; j--) {
            float near = rounded(s, similarity(s, box, chosen[j]));
            if (sigma > 0) {
                float w = rounded(s, expf(rounded(s, rounded(s, scale * near) * near)));
                score = rounded(s, score * w);
                if (score <= least) break;
            } else {
                dropped = near > most;
            }
        }
        if (dropped) continue;
        if (score == before) {
            tensor_set_f(&out[1], g * size + selected, score);
            chosen[selected++] = box;
        } else if (score > least) {
            sift_up(s, s->count++, score, box, (int32_t)selected);
        }
    }
    tensor_set_i(&out[2], g, selected);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    int64_t n = in[SCORES].type.dim[1], groups = in[SCORES].type.dim[0];
    Type one = type_scalar(in[SCORES].type.dtype);
    Nms s = {.boxes = &in[BOXES], .round = tensor_new(cx->job, &one), .n = n};
    s.overlaps = attr_i(cx->op, "overlaps");
    s.by_index = !attr_i(cx->op, "heap_order");
    s.score = job_array(cx->job, float, n + 1);
    s.box = job_array(cx->job, int32_t, n + 1);
    s.begin = job_array(cx->job, int32_t, n + 1);
    for (int64_t g = 0; g < groups; g++) {
        s.base = g / attr_i(cx->op, "share") * n * in[BOXES].type.dim[2];
        group(&s, in, out, g);
    }
}

static int outer(const Op *op)
{
    (void)op;
    return 1;
}

static Dim scratch(Module *m, const Op *op)
{
    return dim_add(m, dim_mul(m, 12, in_type(op, SCORES)->dim[1]), 12);
}

const OpDef op_nms = {
    .name = "nms",
    .doc =
        "boxes of each group by falling score that overlap no chosen one by more than operand 3: their "
        "indices, scores and number. Operands: boxes [groups / share, n, 4] or overlaps [.., n, n], scores, "
        "the most to choose, the overlap, the score that must be exceeded, sigma (0: scores do not fall with "
        "overlap). Of equal scores the first, or with heap_order the one that a binary heap gives",
    .kind = KIND_ROUTINE,
    .nin = 6,
    .nout = 3,
    .cost = 100,
    .attrs = {{"size", ATTR_DIMS},
              {"overlaps", ATTR_BOOL, true},
              {"heap_order", ATTR_BOOL, true},
              {"share", ATTR_INT, true, 1}},
    .infer = infer,
    .eval = eval,
    .outer = outer,
    .scratch = scratch,
};
