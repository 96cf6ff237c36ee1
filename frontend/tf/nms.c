/* Detections: boxes that do not overlap better ones. */
#include "frontend/tf/tf.h"

#include <math.h>

enum { OVERLAPS = 16 };

static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return x && y ? ir_binary(&cx->b, code, x, y) : NULL;
}

/* Row 0 of what nms gives for one group. */
static Value *only(Cx *cx, Value *v)
{
    return ir_reshape(&cx->b, v, v->type.dim + 1, v->type.rank - 1);
}

/* All versions: the first has the overlap as attribute; from the third on there is a least score; the fourth
 * pads and counts; the fifth gives scores, which fall with overlap. */
static void import_nms(Cx *cx, Value **in, Value **out)
{
    int version = cx->op->arg & ~OVERLAPS;
    bool overlaps = cx->op->arg & OVERLAPS,
         pad = version >= 4 && get_bool(cx, "pad_to_max_output_size", false);
    Value *boxes = in[0], *scores = in[1], *limit = in[2];
    DType t = scores->type.dtype;
    if (cx->failed || !need_rank(cx, boxes, "boxes", 2, 2) || !need_rank(cx, scores, "scores", 1, 1) ||
        !need_rank(cx, limit, "max_output_size", 0, 0))
        return;
    Value *most = version == 1 ? scalar(cx, t, (float)get_float(cx, "iou_threshold", 0.5)) : in[3];
    Value *least = version >= 3 ? in[4] : lowest(cx, t), *sigma = version >= 5 ? in[5] : scalar(cx, t, 0);
    Dim n = scores->type.dim[0], size = n;
    const Tensor *known = ir_reveal(cx->m, limit);
    if (known && tensor_i(known, 0) < 0) {
        fail(cx, "max_output_size is %lld", (long long)tensor_i(known, 0));
        return;
    }
    if (pad && known_dims(cx, limit, "max_output_size", &size, 1) != 1) return;
    if (!pad && known) size = dim_min(cx->m, n, tensor_i(known, 0));
    boxes = ir_reshape(&cx->b, boxes, (Dim[]){1, boxes->type.dim[0], boxes->type.dim[1]}, 3);
    scores = ir_reshape(&cx->b, scores, (Dim[]){1, n}, 2);
    if (!boxes || !scores || !most || !least || !sigma) return;
    Op *op = ir_op(&cx->b, OP_nms,
                   IN(boxes, scores, limit, ir_cast(&cx->b, most, t), ir_cast(&cx->b, least, t),
                      ir_cast(&cx->b, sigma, t)),
                   AT(at_ds("size", &size, 1), at_b("overlaps", overlaps)));
    Value *index = op ? only(cx, op->out[0]) : NULL, *kept = op ? only(cx, op->out[1]) : NULL;
    Value *count = op ? only(cx, op->out[2]) : NULL;
    if (!index || !kept || !count) return;
    out[0] = pad ? index : take_rows(cx, index, count);
    if (version >= 5) out[1] = pad ? kept : take_rows(cx, kept, count);
    if (version >= 4) out[version - 3] = ir_cast(&cx->b, count, JITC_INT32);
}

/* Elements [rows, n] of v below count[rows], zeros elsewhere; v may have more dims. */
static Value *first_of(Cx *cx, Value *v, Value *count, Value *other)
{
    Dim dim[3] = {v->type.dim[0], v->type.dim[1], 1};
    Value *at = iota_vector(cx, JITC_INT64, dim[1]);
    at = at ? ir_reshape(&cx->b, at, (Dim[]){1, dim[1]}, 2) : NULL;
    Value *inside = bi(cx, OP_less, at, ir_reshape(&cx->b, count, (Dim[]){dim[0], 1}, 2));
    if (inside && v->type.rank == 3) inside = ir_reshape(&cx->b, inside, dim, 3);
    inside = inside ? broadcast(cx, inside, v->type.dim, v->type.rank) : NULL;
    other = filled(cx, other, v->type.dim, v->type.rank);
    return inside && other ? ir_v(&cx->b, OP_select, IN(inside, v, other), NO_ATTRS) : NULL;
}

/* v, padded with zeros to n along dim 1. */
static Value *padded(Cx *cx, Value *v, Dim n)
{
    if (!v || v->type.dim[1] == n) return v;
    Dim lo[3] = {0}, hi[3] = {0, dim_sub(cx->m, n, v->type.dim[1])};
    return ir_v(&cx->b, OP_pad, IN(v), AT(at_ds("lo", lo, v->type.rank), at_ds("hi", hi, v->type.rank)));
}

static void import_combined(Cx *cx, Value **in, Value **out)
{
    Value *boxes = in[0], *scores = in[1];
    bool per_class = get_bool(cx, "pad_per_class", false), clip = get_bool(cx, "clip_boxes", true);
    Dim each, total;
    if (cx->failed || !need_rank(cx, boxes, "boxes", 4, 4) || !need_rank(cx, scores, "scores", 3, 3)) return;
    if (known_dims(cx, in[2], "max_output_size_per_class", &each, 1) != 1 ||
        known_dims(cx, in[3], "max_total_size", &total, 1) != 1)
        return;
    Module *m = cx->m;
    Dim batch = scores->type.dim[0], n = scores->type.dim[1], classes = scores->type.dim[2],
        q = boxes->type.dim[2];
    if (!dim_known(classes) || (q != 1 && q != classes)) {
        fail(cx, "boxes %s do not fit scores %s", type_string(cx, &boxes->type),
             type_string(cx, &scores->type));
        return;
    }
    DType t = scores->type.dtype;
    Dim groups = dim_mul(m, batch, classes), most = dim_min(m, each, n), all = dim_mul(m, classes, most);
    Dim size = per_class ? dim_min(m, total, dim_mul(m, each, classes)) : total, k = dim_min(m, all, size);
    Value *b = ir_transpose(&cx->b, boxes, (int64_t[]){0, 2, 1, 3}),
          *s = ir_transpose(&cx->b, scores, (int64_t[]){0, 2, 1});
    b = b ? ir_reshape(&cx->b, b, (Dim[]){dim_mul(m, batch, q), n, 4}, 3) : NULL;
    s = s ? ir_reshape(&cx->b, s, (Dim[]){groups, n}, 2) : NULL;
    Value *zero = scalar(cx, t, 0);
    if (!b || !s) return;
    Op *op =
        ir_op(&cx->b, OP_nms, IN(b, s, ir_cast(&cx->b, in[2], JITC_INT64), in[4], in[5], zero),
              AT(at_ds("size", &most, 1), at_b("heap_order", true), at_i("share", q == 1 ? classes : 1)));
    if (!op) return;
    /* The best of all classes. What the classes left empty goes behind. */
    Value *v = first_of(cx, op->out[1], op->out[2], scalar(cx, t, -INFINITY));
    v = v ? ir_reshape(&cx->b, v, (Dim[]){batch, all}, 2) : NULL;
    Op *top = v ? ir_op(&cx->b, OP_top_k, IN(v), AT(at_ds("k", &k, 1))) : NULL;
    if (!top) return;
    Value *place = top->out[1], *per = size_value(cx, most, JITC_INT32);
    Value *count = ir_reshape(&cx->b, op->out[2], (Dim[]){batch, classes}, 2);
    count = count ? reduce(cx, OP_reduce_sum, count, (int64_t[]){1}, 1, false) : NULL;
    count = bi(cx, OP_minimum, count, size_value(cx, k, JITC_INT64));
    Value *cls = k == 0 ? place : bi(cx, OP_floor_div, place, per);
    Value *flat = ir_reshape(&cx->b, op->out[0], (Dim[]){batch, all}, 2);
    Value *box = flat ? gather(cx, flat, place, 1, 1) : NULL; /* [batch, k]: which box */
    if (!box || !cls || !count) return;
    if (q != 1) box = bi(cx, OP_add, box, bi(cx, OP_mul, cls, size_value(cx, n, JITC_INT32)));
    b = ir_reshape(&cx->b, b, (Dim[]){batch, dim_mul(m, q, n), 4}, 3);
    Value *chosen = box && b ? gather(cx, b, box, 1, 1) : NULL;
    if (!chosen) return;
    if (clip) {
        chosen = bi(cx, OP_minimum, chosen, scalar(cx, t, 1));
        chosen = bi(cx, OP_maximum, chosen, zero);
    }
    if (!chosen) return;
    out[0] = padded(cx, first_of(cx, chosen, count, zero), size);
    out[1] = padded(cx, first_of(cx, top->out[0], count, zero), size);
    out[2] = padded(cx, first_of(cx, ir_cast(&cx->b, cls, t), count, zero), size);
    out[3] = ir_cast(&cx->b, count, JITC_INT32);
}

const TfOp tf_nms_ops[] = {
    {"NonMaxSuppression", import_nms, 3, 0, 1, 1},
    {"NonMaxSuppressionV2", import_nms, 4, 0, 1, 2},
    {"NonMaxSuppressionV3", import_nms, 5, 0, 1, 3},
    {"NonMaxSuppressionV4", import_nms, 5, 0, 2, 4},
    {"NonMaxSuppressionV5", import_nms, 6, 0, 3, 5},
    {"NonMaxSuppressionWithOverlaps", import_nms, 5, 0, 1, 3 | OVERLAPS},
    {"CombinedNonMaxSuppression", import_combined, 6, 0, 4, 0},
    {0},
};
