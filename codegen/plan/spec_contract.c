/* Texts of the matrix kernels: convolutions and matrix products as rows gathered by pointers, and depthwise
 * convolutions. */
#include "codegen/plan/spec_private.h"
#include "ir/tuning.h"

/* -- Anchor and epilogue ----------------------------------------------------------------------- */
const Op *contract_anchor(const Op *kernel)
{
    for (const Op *op = kernel->body->first; op; op = op->next)
        if (op->def->kind == KIND_CONTRACT) return op;
    return NULL;
}

static bool same_dims(const Type *a, const Type *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, a->rank * sizeof(Dim)) == 0;
}

/* Whether op is the anchor, or something that the anchor is computed from. */
static bool comes_before(const Op *op, const Op *anchor)
{
    const Op *at = op;
    while (at && at != anchor) at = at->next;
    if (!at || op == anchor) return at;
    for (uint32_t k = 0; k < op->out[0]->nuses; k++)
        if (comes_before(op->out[0]->uses[k], anchor)) return true;
    return false;
}

/* The block argument whose rows are gathered: the anchor's left operand, or what elementwise ops make that
 * of, whose other operands have other dims. */
static const Value *image_of(const Op *anchor)
{
    const Value *x = anchor->in[0];
    for (bool found = true; x->def && found;) {
        const Op *op = x->def;
        found = false;
        for (int i = 0; i < op->nin && !found; i++) {
            found = op->code == OP_transpose || same_dims(&op->in[i]->type, &x->type);
            if (found) x = op->in[i];
        }
    }
    return x->def ? NULL : x;
}

/* A transpose of the anchor's left operand; or NULL. */
static const Op *transposed_operand(const Op *anchor)
{
    const Op *op = anchor->in[0]->def;
    return op && op->code == OP_transpose ? op : NULL;
}

/* A transpose of what the epilogue gives; or NULL. */
static const Op *transposed_result(const Op *kernel)
{
    const Op *end = ir_terminator(kernel->body), *op = end->in[0]->def;
    return op && op->code == OP_transpose ? op : NULL;
}

/* How wide the parts are that the kernel cuts the product into; or 0. */
static int64_t parts_of(const Op *kernel)
{
    for (const Op *op = kernel->body->first; op; op = op->next)
        if (op->code == OP_slice) return op->out[0]->type.dim[op->out[0]->type.rank - 1];
    return 0;
}

Dim contract_bind_epilogue(Text *t, const Op *anchor, const Type *full, Dim last)
{
    Dim pitch = 0;
    const Region *body = t->kernel->body;
    const Type *shape = &anchor->out[0]->type, *result = &t->kernel->out[0]->type;
    int64_t part = parts_of(t->kernel);
    const Op *after = transposed_result(t->kernel);
    for (uint32_t i = 0; i < body->nargs; i++) {
        const Value *a = body->args[i];
        uint32_t uses = 0; /* behind the anchor */
        for (uint32_t k = 0; k < a->nuses; k++) uses += !comes_before(a->uses[k], anchor);
        bool of_anchor = uses < a->nuses;
        if (!uses) continue;
        Type type = *full;
        bool is_full = same_dims(&a->type, shape);
        int ones = 0, rank = a->type.rank;
        while (ones < rank && a->type.dim[ones] == 1) ones++;
        bool is_part = part && same_dims(&a->type, result);
        if (is_part)
            type.dim[1] = part;
        else if (!is_full && ones == rank)
            type = type_scalar(a->type.dtype);
        else if (part && ones == rank - 1 && a->type.dim[ones] == part)
            type = type_make(a->type.dtype, 1, (Dim[]){part});
        else if (!is_full && ones == rank - 1 && a->type.dim[ones] == shape->dim[shape->rank - 1])
            type = type_make(a->type.dtype, 1, &last);
        else if (!is_full)
            job_bug(t->m->job, "an operand of a matrix kernel's epilogue has a shape of its own");
        if (is_full) {
            Dim own = pitch_in(t->from, t->kernel, a);
            if (pitch && pitch != own) job_bug(t->m->job, "operands of an epilogue lie in different ways");
            pitch = own;
        }
        type.dtype = a->type.dtype;
        bool in_place = (part ? is_part : is_full) && !of_anchor && !after &&
                        dtype_size(type.dtype) == dtype_size(t->kernel->out[0]->type.dtype);
        text_bind(t, a, text_arg(t, a, type, in_place));
    }
    return pitch;
}

/* A part of a tensor of the product's dims, which are two in the text. */
static Value *text_part(Text *t, const Op *op)
{
    Value *x = text_value(t, op->in[0]);
    int last = op->out[0]->type.rank - 1;
    Dim begin[] = {0, attr_v(op, "begin", NULL)[last]}, size[] = {x->type.dim[0], op->out[0]->type.dim[last]};
    return ir_v(&t->b, OP_slice, IN(x),
                AT(at_ds("begin", begin, 2), at_ds("size", size, 2), at_is("strides", (int64_t[]){1, 1}, 2)));
}

/* A constant that the epilogue reads. */
static bool read_behind(const Op *op, const Op *anchor)
{
    if (op->code != OP_const) return false;
    for (uint32_t k = 0; k < op->out[0]->nuses; k++)
        if (!comes_before(op->out[0]->uses[k], anchor)) return true;
    return false;
}

/* The elementwise ops on the left operand, and what they read besides x: vectors of k elements, one for all
 * rows or one per image, and scalars. Returns what the contraction reads then. */
static Value *add_prologue(Text *t, const Op *anchor, Value *x, Dim k)
{
    const Region *body = t->kernel->body;
    const Value *image = image_of(anchor);
    text_bind(t, image, x);
    for (uint32_t i = 0; i < body->nargs; i++) {
        const Value *a = body->args[i];
        bool read = false;
        for (uint32_t u = 0; u < a->nuses; u++)
            read = read || (a->uses[u] != anchor && comes_before(a->uses[u], anchor));
        if (!read || a == image) continue;
        const Type *of = &a->type;
        int ones = 0;
        while (ones < of->rank && of->dim[ones] == 1) ones++;
        Type type = ones == of->rank ? type_scalar(of->dtype) : type_make(of->dtype, 1, &k);
        if (ones < of->rank - 1) {
            const Type *y = &anchor->out[0]->type;
            type = type_make(of->dtype, 2, (Dim[]){dim_sym(t->m, "b"), k});
            t->out->dim[IG_IMAGE] = 1;
            for (int d = 1; d < y->rank - 1; d++)
                t->out->dim[IG_IMAGE] = dim_mul(t->from, t->out->dim[IG_IMAGE], y->dim[d]);
        }
        text_bind(t, a, text_arg(t, a, type, false));
    }
    for (const Op *op = body->first; op != anchor; op = op->next) {
        bool read = false;
        for (uint32_t u = 0; u < op->out[0]->nuses; u++)
            read = read || comes_before(op->out[0]->uses[u], anchor);
        if (read) text_bind(t, op->out[0], text_op(t, op));
    }
    return text_value(t, anchor->in[0]);
}

void contract_add_epilogue(Text *t, const Op *anchor)
{
    const Op *end = ir_terminator(t->kernel->body);
    if (end->nin != 1 && !parts_of(t->kernel)) job_bug(t->m->job, "a matrix kernel has one result");
    for (const Op *op = t->kernel->body->first; op && op != end; op = op->next) {
        if (comes_before(op, anchor) && !read_behind(op, anchor)) continue;
        bool moves = op == transposed_result(t->kernel);
        text_bind(t, op->out[0],
                  moves                  ? text_value(t, op->in[0])
                  : op->code == OP_slice ? text_part(t, op)
                                         : text_op(t, op));
    }
    Value **v = job_array(t->m->job, Value *, end->nin + 1);
    for (int i = 0; i < end->nin; i++) v[i] = text_value(t, end->in[i]);
    ir_yield(&t->b, v, end->nin);
}

/* -- Geometry ----------------------------------------------------------------------------------------- */
static void trivial_rows(Module *mod, Dim *d, Dim m, Dim row_stride)
{
    d[IG_OH] = 1;
    d[IG_OW] = m;
    d[IG_H] = 1;
    d[IG_W] = m;
    d[IG_SH] = d[IG_SW] = d[IG_DH] = d[IG_DW] = 1;
    d[IG_PH] = d[IG_PW] = 0;
    d[IG_XN] = d[IG_XH] = dim_mul(mod, m, row_stride);
    d[IG_XW] = row_stride;
}

static void dot_geometry(Module *m, const Op *kernel, const Op *dot, Dim *d)
{
    const Type *a = &dot->in[0]->type, *b = &dot->in[1]->type, *r = &dot->out[0]->type;
    if (attr_i(dot, "trans_a") || attr_i(dot, "trans_b")) job_bug(m->job, "igemm reads plain operands only");
    Dim rows = a->dim[a->rank - 2], k = a->dim[a->rank - 1], n = r->dim[r->rank - 1];
    Dim ka = transposed_operand(dot) ? k : pitch_in(m, kernel, image_of(dot)), no = pitch_out(m, kernel);
    Dim abatch = rows_of(m, a, a->rank - 2), bbatch = rows_of(m, b, b->rank - 2),
        batch = rows_of(m, r, r->rank - 2);
    if ((abatch != 1 && abatch != batch) || (bbatch != 1 && bbatch != batch))
        job_bug(m->job, "a batched product whose operands broadcast in different dimensions");
    d[IG_N] = n;
    d[IG_RUN] = k;
    d[IG_TAPS_H] = d[IG_TAPS_W] = 1;
    if (bbatch == 1) { /* one right operand: the batches are rows */
        d[IG_M] = abatch == batch ? dim_mul(m, rows, batch) : rows;
        d[IG_BATCH] = abatch == batch ? 1 : batch;
    } else {
        d[IG_M] = rows;
        d[IG_BATCH] = batch;
        d[IG_BX] = abatch == 1 ? 0 : dim_mul(m, rows, ka);
        d[IG_BW] = dim_mul(m, k, dim_mul(m, dim_ceildiv(m, n, PANEL), PANEL));
    }
    d[IG_BO] = dim_mul(m, d[IG_M], no);
    d[IG_OS] = no;
    trivial_rows(m, d, d[IG_M], ka);
    const Op *before = transposed_operand(dot), *after = transposed_result(kernel);
    if (!before && !after) return;
    /* [batch, inner, rows, …] in memory as [batch, rows, inner, …]: heads of attention. */
    if (bbatch == 1 || r->rank != 4) job_bug(m->job, "a transpose in a product that is not of heads");
    Dim inner = r->dim[1];
    d[IG_INNER] = inner;
    d[IG_BXI] = d[IG_BX];
    d[IG_BOI] = d[IG_BO];
    if (before) {
        d[IG_BXI] = k;
        trivial_rows(m, d, rows, dim_mul(m, inner, k));
    }
    if (after) {
        d[IG_BOI] = n;
        d[IG_OS] = dim_mul(m, inner, n);
    }
    d[IG_BX] = dim_mul(m, inner, dim_mul(m, rows, k));
    d[IG_BO] = dim_mul(m, inner, dim_mul(m, rows, n));
}

/* Result rows that lie at equal distances need no window: one tap, rows (image, oh, ow) -> offset linear in
 * m. */
static bool linear_rows(Module *m, const Dim *d, Dim images, Dim *stride)
{
    Dim size[3] = {images, d[IG_OH], d[IG_OW]};
    Dim step[3] = {d[IG_XN], dim_mul(m, d[IG_SH], d[IG_XH]), dim_mul(m, d[IG_SW], d[IG_XW])};
    Dim inner = 1, unit = 0;
    for (int i = 3; i-- > 0;) {
        if (size[i] == 1) continue;
        if (!unit)
            unit = step[i];
        else if (step[i] != dim_mul(m, unit, inner))
            return false;
        inner = dim_mul(m, inner, size[i]);
    }
    *stride = unit ? unit : d[IG_RUN];
    return true;
}

/* Whether no tap leaves the image along a dim: so by definition where nothing is padded. */
static bool stays_inside(Dim pad_lo, Dim pad_hi, Dim out, Dim stride, Dim taps, Dim dilation, Dim size)
{
    if (pad_lo == 0 && pad_hi == 0) return true;
    if (pad_lo != 0 || !dim_known(out) || !dim_known(size)) return false;
    return (out - 1) * stride + (taps - 1) * dilation < size;
}

static void conv_geometry(Module *m, const Op *kernel, const Op *conv, Dim *d)
{
    const Type *x = &conv->in[0]->type, *w = &conv->in[1]->type, *r = &conv->out[0]->type;
    const int64_t *strides = attr_v(conv, "strides", NULL), *dilations = attr_v(conv, "dilations", NULL);
    const Dim *lo = attr_v(conv, "pad_lo", NULL), *hi = attr_v(conv, "pad_hi", NULL);
    if (attr_i(conv, "groups") != 1) job_bug(m->job, "igemm has no groups");
    Dim c = x->dim[3], pitch = pitch_in(m, kernel, image_of(conv));
    bool whole_pixels = pitch == c && !in_blocks(kernel->in[image_of(conv)->index]);
    d[IG_M] = rows_of(m, r, 3);
    d[IG_N] = r->dim[3];
    d[IG_OS] = pitch_out(m, kernel);
    d[IG_RUN] = c;
    d[IG_TAPS_H] = w->dim[0];
    d[IG_TAPS_W] = w->dim[1];
    d[IG_OH] = r->dim[1];
    d[IG_OW] = r->dim[2];
    d[IG_H] = x->dim[1];
    d[IG_W] = x->dim[2];
    d[IG_SH] = strides[0];
    d[IG_SW] = strides[1];
    d[IG_DH] = dilations[0];
    d[IG_DW] = dilations[1];
    d[IG_PH] = lo[0];
    d[IG_PW] = lo[1];
    d[IG_XH] = dim_mul(m, x->dim[2], pitch);
    d[IG_XN] = dim_mul(m, x->dim[1], d[IG_XH]);
    d[IG_XW] = pitch;
    d[IG_BATCH] = 1;
    bool inside_h = stays_inside(lo[0], hi[0], d[IG_OH], d[IG_SH], d[IG_TAPS_H], d[IG_DH], d[IG_H]),
         inside_w = stays_inside(lo[1], hi[1], d[IG_OW], d[IG_SW], d[IG_TAPS_W], d[IG_DW], d[IG_W]);
    /* The taps of a kernel row are one run, and when rows are as wide as the image, the whole window is. */
    if (inside_w && ((d[IG_DW] == 1 && whole_pixels) || d[IG_TAPS_W] == 1)) {
        bool whole = d[IG_TAPS_W] == d[IG_W] && whole_pixels;
        d[IG_RUN] = dim_mul(m, d[IG_RUN], d[IG_TAPS_W]);
        d[IG_TAPS_W] = 1;
        if (inside_h && (d[IG_TAPS_H] == 1 || (whole && d[IG_DH] == 1))) {
            d[IG_RUN] = dim_mul(m, d[IG_RUN], d[IG_TAPS_H]);
            d[IG_TAPS_H] = 1;
        }
    }
    Dim stride, image = d[IG_XN];
    if (d[IG_TAPS_H] == 1 && d[IG_TAPS_W] == 1 && inside_h && inside_w &&
        linear_rows(m, d, r->dim[0], &stride))
        trivial_rows(m, d, d[IG_M], stride);
    d[IG_XN] = image;
}

/* -- Schedule: what a unit is --------------------------------------------------------------------------- */
/* Elements from row to row, where tiles can read the image itself: few, no padding, and the taps of an image
 * row are one run. Else 0. */
static int64_t image_step(const Dim *d)
{
    enum { FEW = 64 };
    static const int sizes[] = {IG_OH, IG_OW, IG_H, IG_W, IG_SH, IG_SW, IG_DH, IG_XW, IG_RUN, IG_TAPS_H};
    for (size_t i = 0; i < COUNT(sizes); i++)
        if (!dim_known(d[sizes[i]]) || d[sizes[i]] < 1) return 0;
    if (d[IG_OW] < TILE_ROWS || d[IG_TAPS_W] != 1 || d[IG_TAPS_H] == 1 || d[IG_PH] != 0 || d[IG_PW] != 0 ||
        d[IG_BATCH] != 1)
        return 0;
    bool inside = (d[IG_OH] - 1) * d[IG_SH] + (d[IG_TAPS_H] - 1) * d[IG_DH] < d[IG_H] &&
                  (d[IG_OW] - 1) * d[IG_SW] * d[IG_XW] + d[IG_RUN] <= d[IG_W] * d[IG_XW];
    int64_t step = d[IG_SW] * d[IG_XW];
    return inside && step <= FEW ? step : 0;
}

/* What the header says of the register tiles: how many panels most have, which widths there are, and how many
 * tiles a unit's rows make at least, if its weights come from far memory; else 0. */
typedef struct {
    int most, widths, far;
} Tiles;

/* Units of a product that is cut into parts: some rows, and the same panels of all parts. */
static Tiles parts_units(Module *mod, KernelSpec *s, const Machine *machine, int64_t part, int64_t esize)
{
    enum { MOST_ROWS = 4 * TILE_ROWS, LEAST_PANELS = 16 };
    Dim *d = s->dim;
    Product p = {.m = dim_known(d[IG_M]) ? max_i64(1, d[IG_M]) : MOST_ROWS,
                 .k = max_i64(1, guess(d[IG_RUN]) * (d[IG_N] / part)),
                 .panels = ceil_div(part, PANEL),
                 .batch = 1,
                 .esize = esize};
    Blocking b = blocking_choose(&p, machine);
    /* Where parts are no whole panels, each unit computes some that its neighbours compute too. */
    int64_t panels = part % PANEL ? min_i64(p.panels, max_i64(b.panels, LEAST_PANELS)) : b.panels;
    d[IG_MU] = min_i64(b.rows, MOST_ROWS);
    d[IG_PU] = panels;
    d[IG_ORDER] = b.n_outer;
    d[IG_KC] = INT32_MAX;
    s->ndims = IG_DIMS;
    s->units = dim_mul(mod, dim_ceildiv(mod, d[IG_M], d[IG_MU]), ceil_div(p.panels, panels));
    Dim lines =
        dim_mul(mod, dim_add(mod, dim_ceildiv(mod, d[IG_RUN], PANEL), 2), PANEL * esize * (d[IG_MU] + 1));
    s->scratch = dim_add(mod, lines, 128 + IG_SUMS_BYTES + d[IG_MU] * round_up(d[IG_N], PANEL) * esize);
    const int most = tile_most_panels(&p);
    int all = ceil_div(part, panels * PANEL) > 1 ? 0 : tile_widths(ceil_div(d[IG_N], PANEL), INT64_MAX, most);
    return (Tiles){most, part % PANEL ? (1 << most) - 1 : all | tile_widths(p.panels, panels, most), 0};
}

static Tiles igemm_units(Module *mod, const Op *anchor, KernelSpec *s, const Machine *machine, int64_t step,
                         bool direct)
{
    enum { MANY = 4096, LEAST_ROWS = 8 };
    Dim *d = s->dim;
    int64_t esize = (int64_t)dtype_size(anchor->out[0]->type.dtype);
    /* An open number of rows may be large; units then are as for many rows, and there are more or fewer. */
    Product p = {.m = dim_known(d[IG_M]) ? max_i64(1, d[IG_M]) : MANY,
                 .k = max_i64(1, guess(d[IG_TAPS_H]) * guess(d[IG_TAPS_W]) * guess(d[IG_RUN])),
                 .panels = ceil_div(max_i64(1, guess(d[IG_N])), PANEL),
                 .batch = max_i64(1, guess(d[IG_BATCH])),
                 .esize = esize};
    Blocking b = blocking_choose(&p, machine);
    if (mod->tuning) units_of_product(mod, anchor, s, &p, &b);
    if (step) {
        b.rows = round_up(b.rows, d[IG_OW]);
        b.k = p.k;
    }
    s->grain = blocking_share(&p, machine, &b);
    bool cut = b.k < p.k;
    d[IG_MU] = b.rows;
    d[IG_PU] = b.panels;
    d[IG_ORDER] = b.n_outer;
    d[IG_KC] = cut ? b.k : dim_known(d[IG_RUN]) ? p.k : INT32_MAX;
    s->ndims = IG_DIMS;
    s->units = dim_mul(mod,
                       dim_mul(mod, dim_ceildiv(mod, d[IG_M], b.rows),
                               dim_ceildiv(mod, dim_ceildiv(mod, d[IG_N], PANEL), b.panels)),
                       d[IG_BATCH]);
    /* The lines, and a row more where taps are no lines; sums. */
    Dim kd = cut ? b.k : dim_mul(mod, d[IG_RUN], dim_mul(mod, d[IG_TAPS_H], d[IG_TAPS_W]));
    Dim lines = dim_mul(mod, dim_add(mod, dim_ceildiv(mod, kd, PANEL), 2), PANEL * esize * (b.rows + 1));
    s->scratch =
        dim_add(mod, direct ? 0 : lines, 128 + (cut ? b.rows * b.panels * PANEL * esize : IG_SUMS_BYTES));
    const int most = tile_most_panels(&p);
    bool far = !step && b.rows >= LEAST_ROWS && blocking_far(&p, machine, &b);
    return (Tiles){most, dim_known(d[IG_N]) ? tile_widths(p.panels, b.panels, most) : (1 << most) - 1,
                   far ? far_tiles(b.rows, most) : 0};
}

/* One tap, and rows at equal distances. */
static bool linear_taps(const Dim *d)
{
    return d[IG_TAPS_H] == 1 && d[IG_TAPS_W] == 1 && d[IG_OH] == 1 && d[IG_PH] == 0 && d[IG_PW] == 0 &&
           d[IG_OW] == d[IG_M];
}

static bool multiple_of(Dim d, int64_t n)
{
    return dim_known(d) && d % n == 0;
}

void make_igemm(Module *m, const Op *kernel, const Machine *machine, KernelSpec *out)
{
    const Op *anchor = contract_anchor(kernel);
    if (!anchor || !image_of(anchor) || anchor->in[1]->def || anchor->in[1]->type.layout == LAYOUT_PLAIN)
        job_bug(m->job, "an igemm kernel whose contraction does not read its operands directly");
    out->dim[IG_INNER] = 1;
    if (anchor->code == OP_dot)
        dot_geometry(m, kernel, anchor, out->dim);
    else
        conv_geometry(m, kernel, anchor, out->dim);
    if (anchor->code == OP_conv && m->tuning && m->tuning->ask)
        out->problem[0] =
            tuning_conv(m, &anchor->in[0]->type, &anchor->out[0]->type, anchor->in[1]->type.dim);
    Text t;
    text_begin(&t, m, kernel, out);
    int64_t part = parts_of(kernel);
    Dim dm = dim_sym(t.m, "m"), dk = dim_sym(t.m, "k"), dn = part ? out->dim[IG_N] : dim_sym(t.m, "n");
    DType type = anchor->out[0]->type.dtype;
    Type x = type_make(anchor->in[0]->type.dtype, 2, (Dim[]){dm, dk});
    Type w = type_make(anchor->in[1]->type.dtype, 2, (Dim[]){dk, dn}),
         full = type_make(type, 2, (Dim[]){dm, dn});
    w.layout = LAYOUT_PANEL;
    Value *vx = text_arg(&t, image_of(anchor), x, false), *vw = text_arg(&t, anchor->in[1], w, false);
    if (anchor->in[0]->def && !transposed_operand(anchor)) vx = add_prologue(&t, anchor, vx, dk);
    Dim epilogue = contract_bind_epilogue(&t, anchor, &full, dn);
    out->dim[IG_ES] = epilogue ? epilogue : out->dim[IG_N];
    Value *dot = ir_v(&t.b, OP_dot, IN(vx, vw), NO_ATTRS);
    if (!dot || !same_dims(&dot->type, &full)) job_bug(m->job, "a matrix product of panels has no text");
    text_bind(&t, anchor->out[0], dot);
    contract_add_epilogue(&t, anchor);
    /* An image in blocks is lines already where rows are its pixels. */
    bool blocked = in_blocks(kernel->in[image_of(anchor)->index]),
         direct = blocked && !anchor->in[0]->def && linear_taps(out->dim) && out->dim[IG_XW] == PANEL;
    int64_t step = blocked ? 0 : image_step(out->dim);
    Tiles tiles = part ? parts_units(m, out, machine, part, (int64_t)dtype_size(type))
                       : igemm_units(m, anchor, out, machine, step, direct);
    spec_grain(out, 50);
    char header[192];
    const Dim *d = out->dim;
    bool run16 = multiple_of(d[IG_RUN], PANEL), one_tap = d[IG_TAPS_H] == 1 && d[IG_TAPS_W] == 1;
    bool linear = linear_taps(d);
    Dim k = dim_mul(m, d[IG_RUN], dim_mul(m, d[IG_TAPS_H], d[IG_TAPS_W]));
    snprintf(header, sizeof header,
             "#algo=igemm rows=%d kmult=%d run16=%d lines=%d linear=%d far=%d step=%lld kcut=%d ntail=%d "
             "widths=%d",
             step                 ? tile_height(d[IG_OW], tiles.most)
             : dim_known(d[IG_M]) ? tile_height(d[IG_M], tiles.most)
                                  : tile_most_rows(tiles.most),
             multiple_of(step ? d[IG_RUN] : k, 4) ? 4 : 1, run16, run16 || one_tap, linear, tiles.far,
             (long long)step, k != d[IG_KC] && d[IG_KC] != INT32_MAX, !multiple_of(d[IG_N], PANEL),
             tiles.widths);
    if (part)
        snprintf(header + strlen(header), sizeof header - strlen(header), " parts=%lld", (long long)part);
    text_end(&t, job_printf(m->job, "%s%s%s", header, blocks_in_header(kernel, image_of(anchor)),
                            direct ? " direct=1" : ""));
}

int64_t depthwise_chunk(const Dim *d, int64_t kh, int64_t esize)
{
    enum { L1_PART = 24 << 10 };
    int64_t c = max_i64(1, guess(d[DW_C])), width = max_i64(1, guess(d[DW_W]));
    int64_t chunk = round_up(max_i64(L1_PART / esize / kh / width, 1), PANEL);
    return round_up(ceil_div(c, ceil_div(c, chunk)), PANEL);
}

/* Channels that let the rows under a window stay in the first-level cache, unless the image comes from
 * memory, which is quicker in order; and as many rows as leave enough units, since the next unit reads some
 * of them again. */
static void depthwise_units(Module *mod, KernelSpec *s, Dim images, int64_t kh, int64_t esize, bool blocked)
{
    enum { L2_PART = 1 << 20, UNITS = 64, LEAST_ROWS = 4 };
    Dim *d = s->dim;
    int64_t c = max_i64(1, guess(d[DW_C])), oh = max_i64(1, guess(d[DW_OH]));
    double pixels = (double)guess(d[DW_H]) * (double)guess(d[DW_W]) + (double)oh * (double)guess(d[DW_OW]);
    bool cached = (double)c * (double)esize * pixels <= L2_PART;
    int64_t chunk = blocked ? PANEL : cached ? depthwise_chunk(d, kh, esize) : round_up(c, PANEL);
    int64_t rows = oh, chunks = ceil_div(c, chunk) * max_i64(1, guess(images));
    while (rows >= 2 * LEAST_ROWS && ceil_div(oh, rows) * chunks < UNITS) rows = ceil_div(rows, 2);
    d[DW_ROWS] = rows;
    d[DW_CHUNK] = chunk;
    s->ndims = DW_DIMS;
    s->units = dim_mul(mod, dim_mul(mod, images, dim_ceildiv(mod, d[DW_OH], rows)),
                       dim_ceildiv(mod, d[DW_C], chunk));
}

void make_depthwise(Module *m, const Op *kernel, KernelSpec *out)
{
    const Op *conv = contract_anchor(kernel);
    if (!conv || conv->code != OP_conv || conv->in[0]->def || conv->in[1]->def)
        job_bug(m->job, "a depthwise kernel whose convolution does not read its operands directly");
    const Type *x = &conv->in[0]->type, *w = &conv->in[1]->type, *r = &conv->out[0]->type;
    const Dim *lo = attr_v(conv, "pad_lo", NULL);
    if (w->dim[2] != 1 || w->dim[3] != x->dim[3] || r->dim[3] != x->dim[3])
        job_bug(m->job, "a depthwise convolution with a channel multiplier");
    Text t;
    text_begin(&t, m, kernel, out);
    Dim c = dim_sym(t.m, "c");
    Type tx = type_make(x->dtype, 4, (Dim[]){dim_sym(t.m, "n"), dim_sym(t.m, "h"), dim_sym(t.m, "w"), c});
    Type tw = type_make(w->dtype, 4, (Dim[]){w->dim[0], w->dim[1], 1, c});
    Value *vx = text_arg(&t, conv->in[0], tx, false), *vw = text_arg(&t, conv->in[1], tw, false);
    static const Dim none[2];
    Value *v = ir_v(&t.b, OP_conv, IN(vx, vw),
                    AT(at_is("strides", attr_v(conv, "strides", NULL), 2),
                       at_is("dilations", attr_v(conv, "dilations", NULL), 2), at_ds("pad_lo", none, 2),
                       at_ds("pad_hi", none, 2)));
    if (!v) job_bug(m->job, "a depthwise convolution has no text");
    Type full = v->type;
    Dim epilogue = contract_bind_epilogue(&t, conv, &full, c);
    text_bind(&t, conv->out[0], v);
    contract_add_epilogue(&t, conv);
    Dim dims[] = {x->dim[1], x->dim[2], x->dim[3], r->dim[1], r->dim[2], lo[0], lo[1]};
    memcpy(out->dim, dims, sizeof dims);
    out->dim[DW_XP] = pitch_in(m, kernel, conv->in[0]);
    out->dim[DW_OP] = pitch_out(m, kernel);
    out->dim[DW_EP] = epilogue ? epilogue : x->dim[3];
    bool blocked = in_blocks(kernel->in[conv->in[0]->index]) || in_blocks(kernel->out[0]);
    depthwise_units(m, out, r->dim[0], w->dim[0], (int64_t)dtype_size(x->dtype), blocked);
    out->scratch = DW_SUMS_BYTES;
    spec_grain(out, 20);
    text_end(&t, job_printf(m->job, "#algo=depthwise%s", blocks_in_header(kernel, conv->in[0])));
}
