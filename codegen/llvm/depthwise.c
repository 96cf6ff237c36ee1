/* Depthwise convolution, vectors over channels. A unit is a row of the result; its pixels go in blocks whose
 * accumulators stay in registers over all taps. Blocks inside the image address their taps directly; at the borders
 * a table gives each pixel's taps, and those outside read a row of zeros. Taps are added in one order everywhere,
 * so blocks do not change bits. */
#include "codegen/llvm/emit.h"
#include "codegen/plan/spec.h"

enum { BLOCK_MAX = 8, UNROLL_TAPS = 32, OPERANDS = 64 };

typedef struct {
    Gen *g;
    const Kernel *k;
    DType t;
    const Op *conv;
    const Value *result;
    int64_t kh, kw, sh, sw, dh, dw;
    Ival n_h, n_w, c, ow, pad_h, pad_w;
    Ptr x, w, out, table, zeros;
    Vec scalar[OPERANDS];
    /* The current row of the result: */
    Ival image, top; /* image number, first row of the window */
    Ival out_row;    /* pixel number of the row's first pixel */
    Cond rows_inside;
    /* The current pixel and channels, for the epilogue: */
    Ival pixel, channel;
    int lanes;
    const Vec *mask;
} Depthwise;

static Vec load(Depthwise *s, Ptr p, Ival at)
{
    return s->mask ? v_load_n(s->g, p, at, s->t, *s->mask) : v_load(s->g, p, at, s->t, s->lanes);
}

static Vec epilogue_operand(Gen *g, void *arg, const Value *v)
{
    Depthwise *s = arg;
    const Type *t = &v->type;
    Ptr p = g_ptr(g, (int)v->index);
    if (t->rank == 0 || dim_known(t->dim[t->rank - 1])) return v_splat(g, s->scalar[v->index], s->lanes);
    bool per_pixel = t->rank == 4 && t->dim[0] != 1;
    return load(s, p, per_pixel ? i_add(g, i_mul(g, s->pixel, s->c), s->channel) : s->channel);
}

static void finish(Depthwise *s, Ival ox, Ival channel, const Vec *acc, int px)
{
    Gen *g = s->g;
    s->channel = channel;
    for (int j = 0; j < px; j++) {
        s->pixel = i_add(g, i_add(g, s->out_row, ox), ival(j));
        Vec y = eval_epilogue(g, s->k, s->result, s->conv->out[0], acc[j], epilogue_operand, s);
        Ival at = i_add(g, i_mul(g, s->pixel, s->c), channel);
        if (s->mask) v_store_n(g, s->out, at, y, *s->mask);
        else v_store(g, s->out, at, y);
    }
}

static Vec zero(Depthwise *s)
{
    return dtype_is_float(s->t) ? v_f(s->g, s->t, s->lanes, 0) : v_i(s->g, s->t, s->lanes, 0);
}

/* One tap, by pointers in the table. */
static void table_tap(Depthwise *s, Ival tap, Ival channel, Vec *acc, int px)
{
    Gen *g = s->g;
    Vec w = load(s, s->w, i_add(g, i_mul(g, tap, s->c), channel));
    for (int j = 0; j < px; j++) {
        Ptr p = p_load(g, s->table, i_add(g, i_mul(g, tap, ival(BLOCK_MAX)), ival(j)));
        acc[j] = v_mac(g, load(s, p, channel), w, acc[j]);
    }
}

static void table_channels(Depthwise *s, Ival ox, Ival channel, int px)
{
    Gen *g = s->g;
    Vec acc[BLOCK_MAX];
    int64_t taps = s->kh * s->kw;
    for (int j = 0; j < px; j++) acc[j] = zero(s);
    if (taps <= UNROLL_TAPS) {
        for (int64_t t = 0; t < taps; t++) table_tap(s, ival(t), channel, acc, px);
    } else {
        FOR_CARRY (g, tap, ival(0), ival(taps), ival(1), acc, px) table_tap(s, tap.i, channel, acc, px);
    }
    finish(s, ox, channel, acc, px);
}

static void direct_row(Depthwise *s, Ptr row, Ival ky, Ival channel, Vec *acc, int px)
{
    Gen *g = s->g;
    for (int64_t kx = 0; kx < s->kw; kx++) {
        Ival tap = i_add(g, i_mul(g, ky, ival(s->kw)), ival(kx));
        Vec w = load(s, s->w, i_add(g, i_mul(g, tap, s->c), channel));
        for (int j = 0; j < px; j++) {
            Ival column = i_mul(g, ival(j * s->sw + kx * s->dw), s->c);
            acc[j] = v_mac(g, load(s, row, i_add(g, column, channel)), w, acc[j]);
        }
    }
}

/* Row `ky` of the window at column `left` of the image. */
static Ptr window_row(Depthwise *s, Ival ky, Ival left)
{
    Gen *g = s->g;
    Ival y = i_add(g, i_mul(g, s->image, s->n_h), i_add(g, s->top, i_mul(g, ky, ival(s->dh))));
    return p_at(g, s->x, i_mul(g, i_add(g, i_mul(g, y, s->n_w), left), s->c), s->t);
}

static void direct_channels(Depthwise *s, const Ptr *row, Ival ox, Ival left, Ival channel, int px)
{
    Gen *g = s->g;
    Vec acc[BLOCK_MAX];
    for (int j = 0; j < px; j++) acc[j] = zero(s);
    if (row) {
        for (int64_t ky = 0; ky < s->kh; ky++) direct_row(s, row[ky], ival(ky), channel, acc, px);
    } else {
        FOR_CARRY (g, ky, ival(0), ival(s->kh), ival(1), acc, px)
            direct_row(s, window_row(s, ky.i, left), ky.i, channel, acc, px);
    }
    finish(s, ox, channel, acc, px);
}

static void fill_table(Depthwise *s, Ival left, int px)
{
    Gen *g = s->g;
    FOR (g, ky, ival(0), ival(s->kh), ival(1)) {
        Ival y = i_add(g, s->top, i_mul(g, ky.i, ival(s->dh)));
        Cond row_ok = c_ult(g, y, s->n_h);
        FOR (g, kx, ival(0), ival(s->kw), ival(1)) {
            Ival tap = i_add(g, i_mul(g, ky.i, ival(s->kw)), kx.i);
            for (int j = 0; j < px; j++) {
                Ival x = i_add(g, left, i_add(g, ival(j * s->sw), i_mul(g, kx.i, ival(s->dw))));
                Ival pixel = i_add(g, i_mul(g, i_add(g, i_mul(g, s->image, s->n_h), y), s->n_w), x);
                Cond ok = c_and(g, row_ok, c_ult(g, x, s->n_w));
                Ptr p = p_at(g, s->x, i_mul(g, i_select(g, ok, pixel, ival(0)), s->c), s->t);
                p_store(g, s->table, i_add(g, i_mul(g, tap, ival(BLOCK_MAX)), ival(j)), p_select(g, ok, p, s->zeros));
            }
        }
    }
}

/* `px` pixels from ox. */
static void block(Depthwise *s, Ival ox, int px)
{
    Gen *g = s->g;
    Ival left = i_sub(g, i_mul(g, ox, ival(s->sw)), s->pad_w);
    Ival last = i_add(g, left, ival((px - 1) * s->sw + (s->kw - 1) * s->dw));
    Cond inside = c_and(g, s->rows_inside, c_and(g, c_le(g, ival(0), left), c_lt(g, last, s->n_w)));
    Ival whole = i_mul(g, i_div(g, s->c, ival(LANES)), ival(LANES));
    bool scalar_tail = !g_isa(g)->avx || dtype_size(s->t) < 4;
    for (int border = 0; border < 2; border++) {
        IF (g, way, border ? c_not(g, inside) : inside) {
            Ptr rows[UNROLL_TAPS];
            bool unroll = s->kh * s->kw <= UNROLL_TAPS;
            if (border) fill_table(s, left, px);
            else if (unroll)
                for (int64_t ky = 0; ky < s->kh; ky++) rows[ky] = window_row(s, ival(ky), left);
            const Ptr *row = unroll ? rows : NULL;
            FOR (g, c, ival(0), whole, ival(LANES)) {
                if (border) table_channels(s, ox, c.i, px);
                else direct_channels(s, row, ox, left, c.i, px);
            }
            if (scalar_tail) {
                s->lanes = 1;
                FOR (g, c, whole, s->c, ival(1)) {
                    if (border) table_channels(s, ox, c.i, px);
                    else direct_channels(s, row, ox, left, c.i, px);
                }
                s->lanes = LANES;
                continue;
            }
            IF (g, tail, c_lt(g, whole, s->c)) {
                Vec mask = v_first(g, i_sub(g, s->c, whole));
                s->mask = &mask;
                if (border) table_channels(s, ox, whole, px);
                else direct_channels(s, row, ox, left, whole, px);
                s->mask = NULL;
            }
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
    const int64_t *strides = attr_v(s->conv, "strides", NULL), *dilations = attr_v(s->conv, "dilations", NULL);
    s->t = x->type.dtype;
    if (x->def || w->def || carrier(s->t) != s->t || dtype_size(s->t) < 4)
        g_fail(g, "a depthwise convolution of %s", dtype_name(s->t));
    s->kh = w->type.dim[0], s->kw = w->type.dim[1];
    s->sh = strides[0], s->sw = strides[1], s->dh = dilations[0], s->dw = dilations[1];
    s->n_h = g_dim(g, DW_H), s->n_w = g_dim(g, DW_W), s->c = g_dim(g, DW_C), s->ow = g_dim(g, DW_OW);
    s->pad_h = g_dim(g, DW_PH), s->pad_w = g_dim(g, DW_PW);
    s->x = g_ptr(g, (int)x->index), s->w = g_ptr(g, (int)w->index), s->out = g_ptr(g, (int)body->nargs);
    s->result = ir_terminator(body)->in[0];
    s->table = g_scratch(g);
    s->zeros = p_bytes(g, s->table, ival(s->kh * s->kw * 8 * 16));
    s->lanes = LANES;
    for (uint32_t i = 0; i < body->nargs; i++) {
        const Type *t = &body->args[i]->type;
        if (t->rank == 0 || dim_known(t->dim[t->rank - 1])) s->scalar[i] = v_load(g, g_ptr(g, (int)i), ival(0), t->dtype, 1);
    }
    Ival lines = i_div(g, i_add(g, s->c, ival(LANES - 1)), ival(LANES));
    FOR (g, line, ival(0), lines, ival(1)) v_store(g, s->zeros, i_mul(g, line.i, ival(LANES)), zero(s));
}

void emit_depthwise(Gen *g, const Kernel *k)
{
    Depthwise *s = job_new(k->m->job, Depthwise);
    s->g = g;
    s->k = k;
    setup(s);
    const Isa *isa = g_isa(g);
    int most = isa->avx512 ? 6 : isa->avx ? 4 : 2;
    FOR (g, u, g_unit0(g), g_unit1(g), ival(1)) {
        Ival oh = g_dim(g, DW_OH), oy = i_mod(g, u.i, oh);
        s->image = i_div(g, u.i, oh);
        s->top = i_sub(g, i_mul(g, oy, ival(s->sh)), s->pad_h);
        s->out_row = i_mul(g, u.i, s->ow);
        Ival bottom = i_add(g, s->top, ival((s->kh - 1) * s->dh));
        s->rows_inside = c_and(g, c_le(g, ival(0), s->top), c_lt(g, bottom, s->n_h));
        Ival from = ival(0);
        for (int px = most; px > 0; px /= 2) {
            Ival n = i_div(g, i_sub(g, s->ow, from), ival(px)), to = i_add(g, from, i_mul(g, n, ival(px)));
            FOR (g, ox, from, to, ival(px)) block(s, ox.i, px);
            from = to;
        }
    }
}
