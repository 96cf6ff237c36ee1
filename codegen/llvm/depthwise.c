/* Depthwise convolution, vectors over channels. A unit is a row of the result. Its inner pixels, whose
 * windows lie inside the image from left to right, go in blocks that share the loads of weights and of common
 * columns; the others go one by one, several vectors of channels at a time. Rows and columns outside the
 * image are left out. Every pixel adds its taps in one order, so blocks do not change bits. */
#include "codegen/llvm/emit.h"
#include "codegen/plan/spec.h"

enum { BLOCK_MAX = 8, WIDE = 4, UNROLL_COLUMNS = 64, OPERANDS = 64 };

typedef struct {
    Gen *g;
    const Kernel *k;
    DType t;
    const Op *conv;
    const Value *result;
    int64_t kh, kw, sh, sw, dh, dw;
    Ival h, width, c, ow, pad_h, pad_w;
    Ptr x, w, out;
    Vec scalar[OPERANDS];
    bool overlap; /* a vector may be computed twice: no operand of the epilogue shares the result's memory */
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

static Vec epilogue_operand(Gen *g, void *arg, const Value *v)
{
    Depthwise *s = arg;
    const Type *t = &v->type;
    if (t->rank == 0 || dim_known(t->dim[t->rank - 1])) return v_splat(g, s->scalar[v->index], LANES);
    bool per_pixel = t->rank == 4 && t->dim[0] != 1;
    return load(s, g_ptr(g, (int)v->index),
                per_pixel ? i_add(g, i_mul(g, s->pixel, s->c), s->channel) : s->channel);
}

static void finish(Depthwise *s, Ival ox, Ival channel, Vec acc)
{
    Gen *g = s->g;
    s->channel = channel;
    s->pixel = i_add(g, s->out_row, ox);
    Vec y = eval_epilogue(g, s->k, s->result, s->conv->out[0], acc, epilogue_operand, s);
    Ival at = i_add(g, i_mul(g, s->pixel, s->c), channel);
    if (s->mask)
        v_store_n(g, s->out, at, y, *s->mask);
    else
        v_store(g, s->out, at, y);
}

static Vec zero(Depthwise *s)
{
    return dtype_is_float(s->t) ? v_f(s->g, s->t, LANES, 0) : v_i(s->g, s->t, LANES, 0);
}

/* Row ky of the window at column `left` of the image. */
static Ptr window_row(Depthwise *s, Ival ky, Ival left)
{
    Gen *g = s->g;
    Ival y = i_add(g, i_mul(g, s->image, s->h), i_add(g, s->top, i_mul(g, ky, ival(s->dh))));
    return p_at(g, s->x, i_mul(g, i_add(g, i_mul(g, y, s->width), left), s->c), s->t);
}

static Ptr weights(Depthwise *s, Ival ky, Ival kx)
{
    Gen *g = s->g;
    return p_at(g, s->w, i_mul(g, i_add(g, i_mul(g, ky, ival(s->kw)), kx), s->c), s->t);
}

/* A row of the window for `px` neighbouring pixels: each column of the image is loaded once. Pointers advance
 * from column to column, since offsets of their own would each take a register. */
static void block_row(Depthwise *s, Ptr row, Ptr w, Vec *acc, int px)
{
    Gen *g = s->g;
    Vec f[UNROLL_COLUMNS];
    for (int64_t kx = 0; kx < s->kw; kx++) {
        f[kx] = load(s, w, ival(0));
        w = p_at(g, w, s->c, s->t);
    }
    int64_t last = (px - 1) * s->sw + (s->kw - 1) * s->dw;
    for (int64_t column = 0, at = 0; column <= last; column++) {
        Vec x = {0};
        for (int64_t j = 0; j < px; j++) {
            int64_t from = column - j * s->sw, kx = from / s->dw;
            if (from < 0 || from % s->dw || kx >= s->kw) continue;
            if (!x.v) {
                row = p_at(g, row, i_mul(g, ival(column - at), s->c), s->t);
                at = column;
                x = load(s, row, ival(0));
            }
            acc[j] = v_mac(g, x, f[kx], acc[j]);
        }
    }
}

static void block(Depthwise *s, Ival ox, Ival left, Ival channel, int px)
{
    Gen *g = s->g;
    Vec acc[BLOCK_MAX];
    for (int j = 0; j < px; j++) acc[j] = zero(s);
    FOR_CARRY (g, ky, s->ky0, s->ky1, ival(1), acc, px) {
        Ptr row = window_row(s, ky.i, left), w = weights(s, ky.i, ival(0));
        block_row(s, p_at(g, row, channel, s->t), p_at(g, w, channel, s->t), acc, px);
    }
    for (int j = 0; j < px; j++) finish(s, i_add(g, ox, ival(j)), channel, acc[j]);
}

/* `nv` vectors of channels of one pixel, whose window may hang over the image's sides. */
static void single(Depthwise *s, Ival ox, Ival left, Ival kx0, Ival kx1, Ival channel, int nv)
{
    Gen *g = s->g;
    Vec acc[WIDE];
    for (int j = 0; j < nv; j++) acc[j] = zero(s);
    FOR_CARRY (g, ky, s->ky0, s->ky1, ival(1), acc, nv)
        FOR_CARRY (g, kx, kx0, kx1, ival(1), acc, nv) {
            Ptr x = window_row(s, ky.i, i_add(g, left, i_mul(g, kx.i, ival(s->dw)))),
                w = weights(s, ky.i, kx.i);
            for (int j = 0; j < nv; j++) {
                Ival at = i_add(g, channel, ival((int64_t)j * LANES));
                acc[j] = v_mac(g, load(s, x, at), load(s, w, at), acc[j]);
            }
        }
    for (int j = 0; j < nv; j++) finish(s, ox, i_add(g, channel, ival((int64_t)j * LANES)), acc[j]);
}

/* Taps from `start` in steps of `d` that lie in 0..size-1: [*lo, *hi) of n. */
static void inside(Gen *g, Ival start, int64_t d, int64_t n, Ival size, Ival *lo, Ival *hi)
{
    Ival before = i_max(g, ival(0), i_sub(g, ival(0), start)),
         room = i_max(g, ival(0), i_sub(g, size, start));
    *lo = i_div(g, i_add(g, before, ival(d - 1)), ival(d));
    *hi = i_min(g, ival(n), i_div(g, i_add(g, room, ival(d - 1)), ival(d)));
}

typedef struct {
    Ival left, kx0, kx1;
} Columns;

static Columns columns(Depthwise *s, Ival ox)
{
    Columns c = {.left = i_sub(s->g, i_mul(s->g, ox, ival(s->sw)), s->pad_w)};
    inside(s->g, c.left, s->dw, s->kw, s->width, &c.kx0, &c.kx1);
    return c;
}

/* All channels but those of the tail; the last vector may overlap the one before. */
static Ival vector_channel(Depthwise *s, Ival c)
{
    return s->overlap ? i_min(s->g, c, i_sub(s->g, s->c, ival(LANES))) : c;
}

static void output_row(Depthwise *s, int px)
{
    Gen *g = s->g;
    Ival whole = i_mul(g, i_div(g, s->c, ival(LANES)), ival(LANES)), end = s->overlap ? s->c : whole;
    Cond vectors = c_le(g, ival(LANES), s->c);
    /* Pixels [x0, x1) have the window's full width, and [x0, xe) are whole blocks. */
    Ival reach = i_sub(g, i_add(g, s->width, s->pad_w), ival((s->kw - 1) * s->dw));
    Ival x0 = i_min(g, s->ow, i_div(g, i_add(g, s->pad_w, ival(s->sw - 1)), ival(s->sw)));
    Ival x1 = i_div(g, i_add(g, i_max(g, reach, ival(0)), ival(s->sw - 1)), ival(s->sw));
    x1 = i_max(g, x0, i_min(g, x1, s->ow));
    Ival xe = i_add(g, x0, i_mul(g, i_div(g, i_sub(g, x1, x0), ival(px)), ival(px)));
    IF(g, wide, vectors)
    {
        FOR (g, ox, x0, xe, ival(px)) {
            Ival left = i_sub(g, i_mul(g, ox.i, ival(s->sw)), s->pad_w);
            FOR (g, c, ival(0), end, ival(LANES)) block(s, ox.i, left, vector_channel(s, c.i), px);
        }
        Ival others = i_add(g, x0, i_sub(g, s->ow, xe));
        Ival groups = i_mul(g, i_div(g, whole, ival(WIDE * LANES)), ival(WIDE * LANES));
        FOR (g, i, ival(0), others, ival(1)) {
            Ival ox = i_select(g, c_lt(g, i.i, x0), i.i, i_add(g, i_sub(g, i.i, x0), xe));
            Columns k = columns(s, ox);
            FOR (g, c, ival(0), groups, ival(WIDE * LANES)) single(s, ox, k.left, k.kx0, k.kx1, c.i, WIDE);
            FOR (g, c, groups, end, ival(LANES))
                single(s, ox, k.left, k.kx0, k.kx1, vector_channel(s, c.i), 1);
        }
    }
    Cond rest = s->overlap ? c_not(g, vectors) : c_lt(g, whole, s->c);
    IF(g, tail, rest)
    {
        Vec mask = v_first(g, i_sub(g, s->c, whole));
        s->mask = &mask;
        FOR (g, ox, ival(0), s->ow, ival(1)) {
            Columns k = columns(s, ox.i);
            single(s, ox.i, k.left, k.kx0, k.kx1, whole, 1);
        }
        s->mask = NULL;
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
    s->overlap = true;
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
    int px = registers >= 2048 ? 6 : registers >= 512 ? 4 : registers >= 256 ? 2 : 1;
    FOR (g, u, g_unit0(g), g_unit1(g), ival(1)) {
        Ival oh = g_dim(g, DW_OH), oy = i_mod(g, u.i, oh);
        s->image = i_div(g, u.i, oh);
        s->top = i_sub(g, i_mul(g, oy, ival(s->sh)), s->pad_h);
        s->out_row = i_mul(g, u.i, s->ow);
        inside(g, s->top, s->dh, s->kh, s->h, &s->ky0, &s->ky1);
        output_row(s, px);
    }
}
