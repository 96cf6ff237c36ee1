/* Texts of Winograd convolutions. */
#include "codegen/plan/blocking.h"
#include "codegen/plan/spec_private.h"
#include "ir/tuning.h"

static Dim tiles(Module *m, const Op *op)
{
    const int64_t *tile = attr_v(op, "tile", NULL);
    const Type *y = &op->out[0]->type;
    return dim_mul(m, y->dim[0],
                   dim_mul(m, dim_ceildiv(m, y->dim[1], tile[0]), dim_ceildiv(m, y->dim[2], tile[1])));
}

static void tuned(Module *m, const Op *op, KernelSpec *s, int64_t n, int most, int64_t *block, int64_t *group)
{
    enum { MOST_TILES = 256, MOST_SCRATCH = 16 << 20 };
    static const int64_t blocks[] = {7, 13, 14, 26, 28, 39, 52, 56, 78, 104};
    const Type *x = &op->in[0]->type, *y = &op->out[0]->type;
    const int64_t *tile = attr_v(op, "tile", NULL), *window = attr_v(op, "window", NULL);
    const char *conv = tuning_conv(m, x, y, window);
    if (!conv || !dim_known(x->dim[0]) || !n) return;
    int64_t panels = round_up(ceil_div(y->dim[3], PANEL), most), products = op->in[1]->type.dim[0];
    Units u = {.n = 2,
               .name = {"tiles", "panels"},
               .v = {*block, *group},
               .least = {1, 2},
               .most = {min_i64(n, MOST_TILES), panels}};
    for (int64_t by = 1; by <= 4; by *= 2) {
        int64_t less = round_up(max_i64(*group / by, most), most);
        units_add(&u, (int64_t[]){*block, less});
        units_add(&u, (int64_t[]){*block, min_i64(*group * by, panels)});
    }
    units_add(&u, (int64_t[]){*block, panels});
    for (size_t i = 0; i < COUNT(blocks); i++) {
        int64_t even = ceil_div(n, ceil_div(n, blocks[i])); /* blocks of about one size */
        units_add(&u, (int64_t[]){even, *group});
        units_add(&u, (int64_t[]){even, panels});
    }
    if (m->tuning->ask) s->problem[0] = conv;
    units_choose(m, op, s,
                 job_printf(m->job, "winograd %lldx%lld %s images %lld", (long long)tile[0],
                            (long long)tile[1], conv, (long long)x->dim[0]),
                 &u);
    if (products * u.v[0] * 64 * (ceil_div(x->dim[3], PANEL) + 2) > MOST_SCRATCH) return;
    *block = u.v[0];
    *group = u.v[1];
}

/* As igemm_units: tells how many tiles a block's rows make if the filters come from far memory. */
static int schedule(Module *m, const Op *op, const Machine *machine, KernelSpec *s)
{
    Dim *d = s->dim, all = tiles(m, op);
    int64_t products = op->in[1]->type.dim[0], c = guess(d[WG_C]), panels = ceil_div(guess(d[WG_K]), PANEL);
    int64_t n = dim_known(all) ? max_i64(all, 1) : 4096;
    WinogradWork work = {n, max_i64(c, 1), max_i64(panels, 1), products};
    WinogradBlocking cut = winograd_blocking(&work, machine);
    int64_t block = cut.tiles, group = cut.panels;
    const int most = winograd_most_panels(work.panels);
    if (m->tuning) tuned(m, op, s, n, most, &block, &group);
    d[WG_TILES] = block;
    d[WG_PANELS] = group;
    s->grain = winograd_share(&work, machine, &(WinogradBlocking){block, group});
    s->ndims = WG_DIMS;
    s->units = dim_mul(m, dim_ceildiv(m, all, block), dim_ceildiv(m, dim_ceildiv(m, d[WG_K], PANEL), group));
    Dim lines = dim_ceildiv(m, d[WG_C], PANEL);
    s->scratch = dim_add(m, dim_mul(m, lines, 64 * (1 + products * block)),
                         128 + WG_TILE_BYTES + WG_TABLE_BYTES + products * block * most * 64);
    return work.panels * PANEL * work.c * products * (int64_t)sizeof(float) > machine->l2 / 2
               ? far_tiles(block, most)
               : 0;
}

static int tail(Dim d)
{
    return !dim_known(d) || d % PANEL != 0;
}

void make_winograd(Module *m, const Op *kernel, const Machine *machine, KernelSpec *out)
{
    const Op *op = contract_anchor(kernel);
    if (!op || op->code != OP_winograd || op->in[0]->def || op->in[1]->def ||
        op->in[1]->type.layout != LAYOUT_PANEL)
        job_bug(m->job, "a Winograd kernel whose convolution does not read its operands directly");
    const Type *x = &op->in[0]->type, *u = &op->in[1]->type, *y = &op->out[0]->type;
    const Dim *lo = attr_v(op, "pad_lo", NULL);
    Text t;
    text_begin(&t, m, kernel, out);
    Dim c = dim_sym(t.m, "c"), k = dim_sym(t.m, "k");
    Type tx = type_make(x->dtype, 4, (Dim[]){dim_sym(t.m, "n"), dim_sym(t.m, "h"), dim_sym(t.m, "w"), c});
    Type tu = type_make(u->dtype, 3, (Dim[]){u->dim[0], c, k});
    tu.layout = LAYOUT_PANEL;
    Value *vx = text_arg(&t, op->in[0], tx, false), *vu = text_arg(&t, op->in[1], tu, false);
    static const Dim none[2];
    Value *v =
        ir_v(&t.b, OP_winograd, IN(vx, vu),
             AT(at_is("tile", attr_v(op, "tile", NULL), 2), at_is("window", attr_v(op, "window", NULL), 2),
                at_ds("pad_lo", none, 2), at_ds("pad_hi", none, 2)));
    if (!v) job_bug(m->job, "a Winograd convolution has no text");
    Type full = v->type;
    Dim epilogue = contract_bind_epilogue(&t, op, &full, k);
    text_bind(&t, op->out[0], v);
    contract_add_epilogue(&t, op);
    Dim dims[] = {x->dim[0], x->dim[1], x->dim[2], x->dim[3], y->dim[3], y->dim[1], y->dim[2], lo[0], lo[1]};
    memcpy(out->dim, dims, sizeof dims);
    out->dim[WG_XP] = pitch_in(m, kernel, op->in[0]);
    out->dim[WG_OP] = pitch_out(m, kernel);
    out->dim[WG_EP] = epilogue ? epilogue : y->dim[3];
    int far = schedule(m, op, machine, out);
    int64_t panels = max_i64(ceil_div(guess(y->dim[3]), PANEL), 1);
    const int most = winograd_most_panels(panels);
    spec_grain(out, 100);
    char header[128];
    snprintf(header, sizeof header, "#algo=winograd rows=%d far=%d ctail=%d ktail=%d widths=%d%s",
             tile_height(out->dim[WG_TILES], most), far, tail(x->dim[3]), tail(y->dim[3]),
             dim_known(y->dim[3]) ? tile_widths(panels, out->dim[WG_PANELS], most) : (1 << most) - 1,
             blocks_in_header(kernel, op->in[0]));
    text_end(&t, header);
}
