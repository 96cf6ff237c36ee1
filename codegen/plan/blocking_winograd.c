/* A Winograd convolution's time beyond its multiplications goes into transforms of the input, which each
 * share of a block's units does again; into weights, which all pass by each block; and into transformed input
 * that does not stay in the second-level cache beside them. As in blocking.c, all candidates are costed, for
 * some numbers of threads. */
#include "codegen/plan/blocking.h"
#include "codegen/plan/spec_private.h"

/* Cycles per element, from measurements on a CPU with AVX-512 (Sapphire Rapids); SHARES as in the runtime. */
static const double FMA = 1.0 / 32, TRANSFORM = 1.5, NEAR = 0.03, MIDDLE = 0.5, FAR = 0.8, OVERLAP = 0.9,
                    UNIT = 2000, CROWDED = 0.5;
enum { SHARES = 4, MOST_TILES = 104 };

int winograd_most_panels(int64_t panels)
{
    return panels > 2 ? TILE_PANELS : 2;
}

int64_t winograd_share(const WinogradWork *w, const Machine *machine, const WinogradBlocking *b)
{
    enum { WORTH = 16 }; /* times what the transform takes */
    int64_t groups = ceil_div(w->panels, b->panels), units = ceil_div(w->tiles, b->tiles) * groups;
    int64_t most = (int64_t)(WORTH * TRANSFORM / ((double)b->panels * PANEL * FMA)) + 1;
    return machine_share(machine, units, min_i64(groups, most));
}

/* Of the slowest thread. */
static double cycles(const WinogradWork *w, const Machine *machine, const WinogradBlocking *b, int threads)
{
    int64_t groups = ceil_div(w->panels, b->panels), blocks = ceil_div(w->tiles, b->tiles),
            units = blocks * groups;
    double mine = (double)ceil_div(units, threads), transformed = (double)blocks;
    if (threads > 1) {
        Machine its = *machine;
        its.threads = threads;
        int64_t shares = min_i64(SHARES * threads, units / winograd_share(w, &its, b));
        int64_t each = ceil_div(units, shares);
        transformed = (double)(ceil_div(shares, threads) * ceil_div(each, groups));
    }
    double k = (double)w->c * (double)w->products, l2 = (double)machine->l2;
    double input = (double)b->tiles * k * 4, weights = (double)w->panels * PANEL * k * 4;
    double bring = weights > 2 * l2 ? FAR : weights > l2 / 2 ? MIDDLE : NEAR;
    const int most = (int)min_i64(winograd_most_panels(w->panels), machine->panels);
    double hidden = OVERLAP * (double)(b->tiles - TILE_WIDE_ROWS) * FMA; /* all but the first fetch */
    if (hidden > 0) bring = bring - hidden > NEAR ? bring - hidden : NEAR;
    double sums = (double)(b->tiles * w->products * most * PANEL) * 4;
    double held = input + sums, crowd = held > l2 / 8 ? CROWDED * (held - l2 / 8) / l2 : 0;
    double outputs = (double)min_i64(b->panels, w->panels) * PANEL;
    double multiplied = tile_panels_cost(w->panels, b->panels, most) * PANEL / (double)groups;
    return mine * (k * (multiplied * (double)b->tiles * FMA * (1 + crowd) + outputs * bring) + UNIT) +
           transformed * (double)b->tiles * k * TRANSFORM;
}

static double cost(const WinogradWork *w, const Machine *machine, const WinogradBlocking *b)
{
    double sum = 0;
    for (int i = 0; i < MACHINE_LOADS; i++) {
        Load l = machine_load(machine, i);
        if (l.weight > 0) sum += l.weight * l.threads * cycles(w, machine, b, l.threads);
    }
    return sum;
}

WinogradBlocking winograd_blocking(const WinogradWork *w, const Machine *machine)
{
    const int few = winograd_most_panels(w->panels);
    WinogradBlocking best = {0, 0};
    double least = 0;
    int64_t last = 0;
    for (int64_t tiles = min_i64(TILE_ROWS, w->tiles); tiles <= min_i64(w->tiles, MOST_TILES); tiles++) {
        int64_t even = ceil_div(w->tiles, ceil_div(w->tiles, tiles)); /* blocks of about one size */
        if (even == last) continue;
        last = even;
        int64_t each = 2 * w->panels; /* all, a half, a quarter … */
        do {
            each = ceil_div(each, 2);
            for (int width = few; width > 1 && width >= few - 1;
                 width--) { /* whole tiles of one of the widths */
                WinogradBlocking b = {even, round_up(each, width)};
                double c = cost(w, machine, &b);
                if (!best.tiles || c < least) least = c, best = b;
            }
        } while (each > few);
    }
    return best;
}
