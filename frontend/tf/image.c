/* Resizing, and moving pixels between space, depth and batch. */
#include "frontend/tf/tf.h"

Value *resize(Cx *cx, OpCode code, Value *x, Value *size, bool align_corners, bool half_pixel)
{
    Dim d[2];
    if (!image_size(cx, x, size, d)) return NULL;
    return ir_v(
        &cx->b, code, IN(x),
        AT(at_ds("size", d, 2), at_b("align_corners", align_corners), at_b("half_pixel", half_pixel)));
}

static void import_resize(Cx *cx, Value **in, Value **out)
{
    bool corners = get_bool(cx, "align_corners", false), half = get_bool(cx, "half_pixel_centers", false);
    if (corners && half)
        fail(cx, "align_corners and half_pixel_centers exclude each other");
    else
        out[0] = resize(cx, (OpCode)cx->op->arg, in[0], in[1], corners, half);
}

/* Channels are [block y, block x, c] in either format. */
static void import_depth_space(Cx *cx, Value **in, Value **out)
{
    bool nchw = get_nchw(cx), to_space = cx->op->arg;
    int64_t b = get_int(cx, "block_size", 0);
    if (cx->failed || !need_rank(cx, in[0], "the input", 4, 4)) return;
    if (b < 2 || b > 4096) {
        fail(cx, "attribute 'block_size' is %lld", (long long)b);
        return;
    }
    Value *x = to_nhwc(cx, in[0], nchw);
    if (!x) return;
    Module *m = cx->m;
    const Dim *d = x->type.dim;
    bool divides = true;
    for (int i = to_space ? 3 : 1; i < (to_space ? 4 : 3); i++)
        divides = divides && (!dim_known(d[i]) || d[i] % (to_space ? b * b : b) == 0);
    if (!divides) {
        fail(cx, "block_size %lld does not divide %s", (long long)b, type_string(cx, &in[0]->type));
        return;
    }
    Value *v;
    if (to_space) {
        Dim c = dim_floordiv(m, d[3], b * b), result[4] = {d[0], dim_mul(m, d[1], b), dim_mul(m, d[2], b), c};
        v = ir_reshape(&cx->b, x, (Dim[]){d[0], d[1], d[2], b, b, c}, 6);
        v = transpose(cx, v, (int64_t[]){0, 1, 3, 2, 4, 5});
        v = v ? ir_reshape(&cx->b, v, result, 4) : NULL;
    } else {
        Dim h = dim_floordiv(m, d[1], b), w = dim_floordiv(m, d[2], b);
        v = ir_reshape(&cx->b, x, (Dim[]){d[0], h, b, w, b, d[3]}, 6);
        v = transpose(cx, v, (int64_t[]){0, 1, 3, 2, 4, 5});
        v = v ? ir_reshape(&cx->b, v, (Dim[]){d[0], h, w, dim_mul(m, d[3], b * b)}, 4) : NULL;
    }
    out[0] = from_nhwc(cx, v, nchw);
}

/* -- Space and batch ---------------------------------------------------------------------------------- */
enum { MAX_BLOCKS = 3 }; /* [N, 3 * (size, block), rest] has the highest rank there is */

typedef struct {
    int n; /* spatial dimensions, from dimension 1 on */
    int64_t block[MAX_BLOCKS];
    Dim lo[IR_MAX_RANK], hi[IR_MAX_RANK]; /* pads or crops, by dimension of the tensor */
} Blocks;

static bool read_blocks(Cx *cx, Value **x, Value *block, Value *pads, Blocks *b)
{
    *b = (Blocks){0};
    Dim plo[IR_MAX_RANK], phi[IR_MAX_RANK];
    if (block) {
        int64_t list[IR_MAX_RANK];
        b->n = known_ints(cx, block, "block_shape", list, IR_MAX_RANK);
        if (b->n < 0) return false;
        if (b->n > MAX_BLOCKS) {
            fail(cx, "%d blocked dimensions; at most %d are supported", b->n, MAX_BLOCKS);
            return false;
        }
        memcpy(b->block, list, (size_t)b->n * sizeof *list);
    } else {
        b->n = 2;
        b->block[0] = b->block[1] = get_int(cx, "block_size", 0);
    }
    if (cx->failed || !need_rank(cx, *x, "the input", 1 + b->n, IR_MAX_RANK)) return false;
    if (!known_pads(cx, pads, b->n, plo, phi, x)) return false;
    for (int i = 0; i < b->n; i++) {
        b->lo[1 + i] = plo[i];
        b->hi[1 + i] = phi[i];
        if (b->block[i] < 1 || b->block[i] > 4096) {
            fail(cx, "block size %lld is not possible", (long long)b->block[i]);
            return false;
        }
    }
    return true;
}

/* What stands behind the blocked dimensions, as one. */
static Dim rest_of(Cx *cx, const Type *t, int n)
{
    return dims_product(cx, t->dim + 1 + n, t->rank - 1 - n);
}

static void import_space_to_batch(Cx *cx, Value **in, Value **out)
{
    Blocks b;
    Value *x = in[0];
    Module *m = cx->m;
    bool nd = cx->op->arg;
    if (!read_blocks(cx, &x, nd ? in[1] : NULL, in[nd ? 2 : 1], &b)) return;
    int n = b.n, rank = x->type.rank;
    bool padded = false;
    for (int d = 0; d < rank; d++) padded = padded || b.lo[d] || b.hi[d];
    if (padded)
        x = ir_v(&cx->b, OP_pad, IN(x),
                 AT(at_ds("lo", b.lo, rank), at_ds("hi", b.hi, rank), at_f("value", 0)));
    if (!x) return;
    Dim split[2 * MAX_BLOCKS + 2] = {x->type.dim[0]}, join[IR_MAX_RANK], batch = x->type.dim[0];
    int64_t perm[2 * MAX_BLOCKS + 2];
    memcpy(join, x->type.dim, sizeof join);
    for (int i = 0; i < n; i++) {
        Dim size = x->type.dim[1 + i];
        if (dim_known(size) && size % b.block[i]) {
            fail(cx, "block size %lld does not divide dimension %d of %s", (long long)b.block[i], 1 + i,
                 type_string(cx, &x->type));
            return;
        }
        split[1 + 2 * i] = join[1 + i] = dim_floordiv(m, size, b.block[i]);
        split[2 + 2 * i] = b.block[i];
        batch = dim_mul(m, batch, b.block[i]);
        perm[i] = 2 + 2 * i;
        perm[n + 1 + i] = 1 + 2 * i;
    }
    join[0] = batch;
    perm[n] = 0;
    perm[2 * n + 1] = 2 * n + 1;
    split[2 * n + 1] = rest_of(cx, &x->type, n);
    x = ir_reshape(&cx->b, x, split, 2 * n + 2);
    x = transpose(cx, x, perm);
    out[0] = x ? ir_reshape(&cx->b, x, join, rank) : NULL;
}

static void import_batch_to_space(Cx *cx, Value **in, Value **out)
{
    Blocks b;
    Value *x = in[0];
    Module *m = cx->m;
    bool nd = cx->op->arg;
    if (!read_blocks(cx, &x, nd ? in[1] : NULL, in[nd ? 2 : 1], &b)) return;
    int n = b.n, rank = x->type.rank;
    Dim split[2 * MAX_BLOCKS + 2], join[IR_MAX_RANK], begin[IR_MAX_RANK] = {0}, size[IR_MAX_RANK];
    int64_t perm[2 * MAX_BLOCKS + 2], blocks = 1;
    memcpy(join, x->type.dim, sizeof join);
    for (int i = 0; i < n; i++) {
        split[i] = b.block[i];
        blocks *= b.block[i];
        split[n + 1 + i] = x->type.dim[1 + i];
        join[1 + i] = dim_mul(m, x->type.dim[1 + i], b.block[i]);
        perm[1 + 2 * i] = n + 1 + i;
        perm[2 + 2 * i] = i;
    }
    if (dim_known(x->type.dim[0]) && x->type.dim[0] % blocks) {
        fail(cx, "the blocks do not divide the batch of %s", type_string(cx, &x->type));
        return;
    }
    split[n] = join[0] = dim_floordiv(m, x->type.dim[0], blocks);
    perm[0] = n;
    perm[2 * n + 1] = 2 * n + 1;
    split[2 * n + 1] = rest_of(cx, &x->type, n);
    memcpy(size, join, sizeof size);
    for (int d = 1; d <= n; d++) {
        begin[d] = b.lo[d];
        size[d] = dim_sub(m, join[d], dim_add(m, b.lo[d], b.hi[d]));
        int64_t v;
        if (!dim_const(m, size[d], &v) || v >= 0) continue;
        fail(cx, "crops that leave %lld elements of dimension %d", (long long)v, d);
        return;
    }
    x = ir_reshape(&cx->b, x, split, 2 * n + 2);
    x = transpose(cx, x, perm);
    x = x ? ir_reshape(&cx->b, x, join, rank) : NULL;
    out[0] = slice(cx, x, begin, size);
}

const TfOp tf_image_ops[] = {
    {"ResizeBilinear", import_resize, 2, 0, 1, OP_resize_bilinear},
    {"ResizeNearestNeighbor", import_resize, 2, 0, 1, OP_resize_nearest},
    {"DepthToSpace", import_depth_space, 1, 0, 1, 1},
    {"SpaceToDepth", import_depth_space, 1, 0, 1, 0},
    {"SpaceToBatchND", import_space_to_batch, 3, 0, 1, 1},
    {"SpaceToBatch", import_space_to_batch, 2, 0, 1, 0},
    {"BatchToSpaceND", import_batch_to_space, 3, 0, 1, 1},
    {"BatchToSpace", import_batch_to_space, 2, 0, 1, 0},
    {0},
};
