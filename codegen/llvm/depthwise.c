/* Depthwise convolution, vectors over channels. A unit is a row of the result. It goes in blocks of
 * neighbouring pixels, which share the loads of weights and of common columns. Rows outside the image are
 * left out; columns outside it, which only blocks at its sides have, count as zeros. Every pixel adds its
 * taps in one order, so blocks do not change bits. */
#include "codegen/llvm/emit.h"
#include "codegen/plan/spec.h"

enum { BLOCK_MAX = 8, UNROLL_COLUMNS = 64, OPERANDS = 64 };

typedef struct {
    Gen *g;
    const Kernel *k;
    DType t;
    const Op *conv;
    const Value *result;
    int64_t kh, kw, sh, sw, dh, dw;
    Ival h, width, c, ow, pad_h, pad_w;
    Ptr x, w, out, sums; /* sums: of a block, for the epilogue */
    Vec scalar[OPERANDS];
    bool overlap; /* a vector may be computed twice: no operand of the epilogue shares the result's memory */
    bool heavy;   /* the epilogue is long */
    int px;       /* pixels per block */
    Ival c0, c1;  /* the unit's channels */
    /* The current row of the result: */
    Ival image, top; /* image number, first row of the window */
    Ival out_row;    /* pixel number of the row's first pixel */
    Ival ky0, ky1;   /* the window's rows inside the image */
    /* The current pixel and channels, for the epilogue: */
    Ival pixel, channel;
    const Vec *mask;
} Depthwise;

static Vec load(Depthwise *s, Ptr p, Ival at)
{
    return s->mask ? v_load_n(s->g, p, at, s->t, *s->mask) : v_load(s->g, p, at, s->t, LANES);
}

/* Where the current pixel's channels are: of the result, or of what has its shape. */
static Ival place_at(Depthwise *s, Ival pitch)
{
    Gen *g = s->g;
    Ival pixel = i_mul(g, s->pixel, pitch), each = i_mul(g, g_dim(g, DW_OH), s->ow);
    return i_add(g, pixel, s->k->oblocked ? i_mul(g, s->channel, each) : s->channel);
}

static Vec epilogue_operand(Gen *g, void *arg, const Value *v)
{
    Depthwise *s = arg;
    const Type *t = &v->type;
    if (t->rank == 0 || dim_known(t->dim[t->rank - 1])) return v_splat(g, s->scalar[v->index], LANES);
    bool per_pixel = t->rank == 4 && t->dim[0] != 1;
    Ival at = per_pixel ? place_at(s, g_dim(g, DW_EP)) : s->channel;
    return load(s, g_ptr(g, (int)v->index), at);
}

static void finish(Depthwise *s, Ival ox, Ival channel, Vec acc)
{
    Gen *g = s->g;
    s->channel = channel;
    s->pixel = i_add(g, s->out_row, ox);
    Vec y = eval_epilogue(g, s->k, s->result, s->conv->out[0], acc, epilogue_operand, s);
    Ival at = place_at(s, g_dim(g, DW_OP));
    if (s->mask)
        v_store_n(g, s->out, at, y, *s->mask);
    else
        v_store(g, s->out, at, y);
}

static Vec zero(Depthwise *s)
{
    return dtype_is_float(s->t) ? v_f(s->g, s->t, LANES, 0) : v_i(s->g, s->t, LANES, 0);
}

/* The channels from `channel` on of row ky of the window, at column `left` of the image. */
static Ptr window_row(Depthwise *s, Ival ky, Ival left, Ival channel)
{
    Gen *g = s->g;
    Ival y = i_add(g, i_mul(g, s->image, s->h), i_add(g, s->top, i_mul(g, ky, ival(s->dh))));
    if (s->k->xblocked) channel = i_mul(g, channel, i_mul(g, s->h, s->width));
    Ival at = i_mul(g, i_add(g, i_mul(g, y, s->width), left), g_dim(g, DW_XP));
    return p_at(g, s->x, i_add(g, at, channel), s->t);
}

static Ptr weights(Depthwise *s, Ival ky)
{
    Gen *g = s->g;
    return p_at(g, s->w, i_mul(g, i_mul(g, ky, ival(s->kw)), s->c), s->t);
}

/* Column `at` of the image's row, which begins at `row`; where it lies outside, zeros. */
static Vec side_column(Depthwise *s, Ptr row, Ival at)
{
    Gen *g = s->g;
    Vec x = zero(s);
    IF_CARRY(g, in, c_ult(g, at, s->width), &x, 1)
    x = load(s, p_at(g, row, i_mul(g, at, g_dim(g, DW_XP)), s->t), ival(0));
    return x;
}

/* A row of the window for px neighbouring pixels: each column of the image is loaded once. `row` is where the
 * first of them is, or for a block at the side, column 0 of the image. Pointers advance from column to
 * column, since offsets of their own would each take a register. */
static void block_row(Depthwise *s, Ptr row, Ival left, Ptr w, Vec *acc, bool side)
{
    Gen *g = s->g;
    Vec f[UNROLL_COLUMNS];
    for (int64_t kx = 0; kx < s->kw; kx++) {
        f[kx] = load(s, w, ival(0));
        w = p_at(g, w, s->c, s->t);
    }
    int64_t last = (s->px - 1) * s->sw + (s->kw - 1) * s->dw;
    for (int64_t column = 0, at = 0; column <= last; column++) {
        Vec x = {0};
        for (int64_t j = 0; j < s->px; j++) {
            int64_t from = column - j * s->sw, kx = from / s->dw;
            if (from < 0 || from % s->dw || kx >= s->kw) continue;
            if (!x.v && side) {
                x = side_column(s, row, i_add(g, left, ival(column)));
            } else if (!x.v) {
                row = p_at(g, row, i_mul(g, ival(column - at), g_dim(g, DW_XP)), s->t);
                at = column;
                x = load(s, row, ival(0));
            }
            acc[j] = v_mac(g, x, f[kx], acc[j]);
        }
    }
}

/* Pixels from ox on, whose windows begin at column `left`. */
static void block(Depthwise *s, Ival ox, Ival left, Ival channel, bool side)
{
    Gen *g = s->g;
    Vec acc[BLOCK_MAX];
    for (int j = 0; j < s->px; j++) acc[j] = zero(s);
    FOR_CARRY (g, ky, s->ky0, s->ky1, ival(1), acc, s->px) {
        Ptr row = window_row(s, ky.i, side ? ival(0) : left, channel), w = weights(s, ky.i);
        block_row(s, row, left, p_at(g, w, channel, s->t), acc, side);
    }
    if (!side && !s->heavy) {
        for (int j = 0; j < s->px; j++) finish(s, i_add(g, ox, ival(j)), channel, acc[j]);
        return;
    }
    for (int j = 0; j < s->px; j++) v_store(g, s->sums, ival(j * LANES), acc[j]);
    Ival n = side ? i_min(g, ival(s->px), i_sub(g, s->ow, ox)) : ival(s->px);
    FOR (g, j, ival(0), n, ival(1))
        finish(s, i_add(g, ox, j.i), channel, v_load_line(g, s->sums, i_mul(g, j.i, ival(LANES)), s->t));
}

/* Taps from `start` in steps of `d` that lie in 0..size-1: [*lo, *hi) of n. */
static void inside(Gen *g, Ival start, int64_t d, int64_t n, Ival size, Ival *lo, Ival *hi)
{
    Ival before = i_max(g, ival(0), i_sub(g, ival(0), start)),
         room = i_max(g, ival(0), i_sub(g, size, start));
    *lo = i_div(g, i_add(g, before, ival(d - 1)), ival(d));
    *hi = i_min(g, ival(n), i_div(g, i_add(g, room, ival(d - 1)), ival(d)));
}

/* All channels but those of the tail; the last vector may overlap the one before. */
static Ival vector_channel(Depthwise *s, Ival c)
{
    return s->overlap ? i_min(s->g, c, i_sub(s->g, s->c1, ival(LANES))) : c;
}

static void output_row(Depthwise *s)
{
    Gen *g = s->g;
    Ival n = i_sub(g, s->c1, s->c0), whole = i_add(g, s->c0, i_mul(g, i_div(g, n, ival(LANES)), ival(LANES)));
    Ival end = s->overlap ? s->c1 : whole;
    Cond vectors = c_le(g, ival(LANES), n), rest = s->overlap ? c_not(g, vectors) : c_lt(g, whole, s->c1);
    Ival span = ival((s->px - 1) * s->sw + (s->kw - 1) * s->dw);
    FOR (g, x, ival(0), s->ow, ival(s->px)) {
        Ival left = i_sub(g, i_mul(g, x.i, ival(s->sw)), s->pad_w);
        Cond inner = c_and(g, c_le(g, ival(0), left), c_lt(g, i_add(g, left, span), s->width));
        inner = c_and(g, inner, c_le(g, i_add(g, x.i, ival(s->px)), s->ow));
        IF(g, all, c_and(g, vectors, inner))
        FOR (g, c, s->c0, end, ival(LANES)) block(s, x.i, left, vector_channel(s, c.i), false);
        IF(g, side, c_and(g, vectors, c_not(g, inner)))
        FOR (g, c, s->c0, end, ival(LANES)) block(s, x.i, left, vector_channel(s, c.i), true);
        IF(g, tail, rest)
        {
            Vec mask = v_first(g, i_sub(g, s->c1, whole));
            s->mask = &mask;
            block(s, x.i, left, whole, true);
            s->mask = NULL;
        }
    }
}

static void setup(Depthwise *s)
{
    Gen *g = s->g;
    const Region *body = s->k->body;
    for (const Op *op = body->first; op; op = op->next)
        if (op->code == OP_conv) s->conv = op;
    if (!s->conv || body->nargs > OPERANDS) g_fail(g, "a depthwise kernel without a convolution");
    const Value *x = s->conv->in[0], *w = s->conv->in[1];
    const int64_t *strides = attr_v(s->conv, "strides", NULL),
                  *dilations = attr_v(s->conv, "dilations", NULL);
    s->t = x->type.dtype;
    if (x->def || w->def || carrier(s->t) != s->t)
        g_fail(g, "a depthwise convolution of %s", dtype_name(s->t));
    s->kh = w->type.dim[0], s->kw = w->type.dim[1];
    if (s->kw > UNROLL_COLUMNS) g_fail(g, "a depthwise window of %lld columns", (long long)s->kw);
    s->sh = strides[0], s->sw = strides[1], s->dh = dilations[0], s->dw = dilations[1];
    s->h = g_dim(g, DW_H), s->width = g_dim(g, DW_W), s->c = g_dim(g, DW_C), s->ow = g_dim(g, DW_OW);
    s->pad_h = g_dim(g, DW_PH), s->pad_w = g_dim(g, DW_PW);
    s->x = g_ptr(g, (int)x->index), s->w = g_ptr(g, (int)w->index), s->out = g_ptr(g, (int)body->nargs);
    s->result = ir_terminator(body)->in[0];
    s->overlap = !s->k->xblocked && !s->k->oblocked;
    for (uint32_t i = 0; i < body->nargs; i++) {
        const Value *v = body->args[i];
        const Type *t = &v->type;
        if (t->rank == 0 || dim_known(t->dim[t->rank - 1]))
            s->scalar[i] = v_load(g, g_ptr(g, (int)i), ival(0), t->dtype, 1);
        else if (v != x && v != w && t->rank == 4 && t->dim[0] != 1)
            s->overlap = false;
    }
}

void emit_depthwise(Gen *g, const Kernel *k)
{
    Depthwise *s = job_new(k->m->job, Depthwise);
    s->g = g;
    s->k = k;
    setup(s);
    const Isa *isa = g_isa(g);
    int registers = isa->vec_bytes * isa->vec_regs;
    s->px = registers >= 2048 ? 7 : registers >= 512 ? 4 : registers >= 256 ? 2 : 1;
    s->sums = p_bytes(g, g_scratch(g), ival(0));
    int epilogue = 0;
    ir_each_op (op, k->body) epilogue += op->def->kind == KIND_MAP ? op_cost(op->def) : 0;
    s->heavy = epilogue >= COST_HEAVY;
    Ival oh = g_dim(g, DW_OH), rows = g_dim(g, DW_ROWS), chunk = g_dim(g, DW_CHUNK);
    Ival chunks = i_div(g, i_sub(g, i_add(g, s->c, chunk), ival(1)), chunk);
    Ival blocks = i_div(g, i_sub(g, i_add(g, oh, rows), ival(1)), rows);
    FOR (g, u, g_unit0(g), g_unit1(g), ival(1)) {
        Ival r = i_div(g, u.i, chunks), y0 = i_mul(g, i_mod(g, r, blocks), rows);
        s->c0 = i_mul(g, i_mod(g, u.i, chunks), chunk);
        s->c1 = i_min(g, i_add(g, s->c0, chunk), s->c);
        s->image = i_div(g, r, blocks);
        FOR (g, y, y0, i_min(g, i_add(g, y0, rows), oh), ival(1)) {
            s->top = i_sub(g, i_mul(g, y.i, ival(s->sh)), s->pad_h);
            s->out_row = i_mul(g, i_add(g, i_mul(g, s->image, oh), y.i), s->ow);
            inside(g, s->top, s->dh, s->kh, s->h, &s->ky0, &s->ky1);
            output_row(s);
        }
    }
}
