/* A product's time beyond its multiplications goes into gathering rows, and into weights that come from
 * behind the second-level cache. Both depend on how the product is cut:
 *   - rows outer: a block of rows is gathered once, and all weights pass by it;
 *   - panels outer: a block of weights stays in the cache, and the rows are gathered again for each;
 *   - sums cut: rows and weights of a part of k stay in the cache; each unit gathers its rows, and sums go
 *     through memory.
 * All candidates are costed. A run shares consecutive units out to its threads; where a plan does not know
 * how many there are, the costs for some numbers are weighed. */
#include "codegen/plan/blocking.h"
#include "codegen/plan/spec_private.h"

/* Cycles per element, from measurements on CPUs with AVX-512 (Zen 4, Sapphire Rapids, Ice Lake). Weights come
 * while tiles multiply, as far as there are rows enough. */
static const double FMA = 1.0 / 32, GATHER_NEAR = 0.25, GATHER = 0.5, REMOTE = 1, FAR_WEIGHT = 0.8,
                    FAR_LEAST = 0.25, OVERLAP = 0.7, SUM = 0.2, UNIT = 300, HELD = 0.7;
enum { LEAST_K_CUT = 512, L1_PART = 16 << 10 };

/* Whether weights are in the second-level cache when a unit comes to those of the unit before it. */
static bool stays(const Product *p, const Machine *machine, const Blocking *b)
{
    int64_t line = p->k * p->esize, panels = b->n_outer ? b->panels : p->panels;
    int64_t bytes =
        min_i64(panels, p->panels) * PANEL * line + (b->n_outer ? 0 : min_i64(b->rows, p->m) * line);
    return bytes <= machine->l2 / 2 && (b->n_outer || p->batch == 1);
}

/* Of the slowest thread. */
static double cycles(const Product *p, const Machine *machine, const Blocking *b, int threads)
{
    double mb = (double)ceil_div(p->m, b->rows), nb = (double)ceil_div(p->panels, b->panels);
    double units = mb * nb * (double)p->batch, mine = (double)ceil_div((int64_t)units, threads);
    double rows = (double)min_i64(b->rows, p->m), outputs = (double)min_i64(b->panels, p->panels) * PANEL;
    const int most = (int)min_i64(tile_most_panels(p), machine->panels);
    double multiplied = tile_panels_cost(p->panels, b->panels, most) * PANEL / nb;
    double k = (double)p->k, esize = (double)p->esize;
    double gathers = mine, weights = mine; /* so often are a block's rows, and weights, brought */
    bool cut = b->k < p->k;
    if (!cut && b->n_outer) {
        gathers = mb > 1 ? mine : 1;
        if (stays(p, machine, b)) weights = (double)ceil_div((int64_t)mine, (int64_t)mb);
    } else if (!cut) {
        gathers = (double)ceil_div((int64_t)mine, (int64_t)nb);
        if (stays(p, machine, b)) weights = min_i64((int64_t)mine, (int64_t)nb);
    }
    double gather = rows * (double)b->k * esize <= L1_PART ? GATHER_NEAR : GATHER;
    double parts = (double)ceil_div(p->k, b->k);
    double hidden = OVERLAP * rows * FMA,
           far = hidden < FAR_WEIGHT - FAR_LEAST ? FAR_WEIGHT - hidden : FAR_LEAST;
    /* Rows beyond a thread's part of them: other threads' caches have those. */
    double blocks = b->n_outer ? mine : ceil_div((int64_t)mine, (int64_t)nb);
    double remote = blocks < mb ? blocks * rows : (double)p->m;
    remote = threads > 1 && p->batch == 1 ? remote - (double)p->m / threads : 0;
    /* The panels of a tile pass by all rows; with the next ones, which are fetched meanwhile, and the rows,
     * they may be too much for the cache. */
    double few = (double)min_i64(most, min_i64(b->panels, p->panels)) * PANEL * (double)b->k * esize,
           tiles = rows / tile_most_rows(tile_most_panels(p));
    double over = (rows * (double)b->k * esize + 2 * few - HELD * (double)machine->l2) / few;
    if (tiles > 1 && over > 0) weights *= 1 + (tiles - 1) * (over < 1 ? over : 1);
    return mine * (rows * multiplied * k * FMA + UNIT) + gathers * rows * k * gather +
           (remote > 0 ? remote * k * REMOTE * esize / 4 : 0) + weights * outputs * k * far * esize / 4 +
           (cut ? mine * parts * rows * outputs * SUM : 0);
}

static double cost(const Product *p, const Machine *machine, const Blocking *b)
{
    double sum = 0;
    for (int i = 0; i < MACHINE_LOADS; i++) {
        Load l = machine_load(machine, i);
        if (l.weight > 0) sum += l.weight * l.threads * cycles(p, machine, b, l.threads);
    }
    return sum;
}

/* Whether what a unit reads again and again fits into half of the second-level cache. */
static bool fits(const Product *p, const Machine *machine, const Blocking *b)
{
    if (b->rows <= TILE_ROWS && b->k == p->k) return true;
    int64_t lines = b->rows * b->k * p->esize,
            sums = b->k < p->k ? b->rows * b->panels * PANEL * p->esize : 0;
    return lines + sums <= machine->l2 / 2;
}

int64_t blocking_share(const Product *p, const Machine *machine, const Blocking *b)
{
    enum { WORTH = 16 }; /* times what gathering takes */
    int64_t mb = ceil_div(p->m, b->rows), nb = ceil_div(p->panels, b->panels);
    int64_t alike = b->k < p->k ? 1 : !b->n_outer || mb == 1 ? nb : 1;
    double outputs = (double)min_i64(b->panels, p->panels) * PANEL;
    int64_t most = (int64_t)(WORTH * GATHER / (outputs * FMA)) + 1;
    return machine_share(machine, mb * nb * p->batch, min_i64(alike, most));
}

int tile_most_panels(const Product *p)
{
    return p->panels > 2 && (p->esize <= 4 || p->m == 1) ? TILE_PANELS : 2;
}

/* Of one unit. */
static int widths(int64_t panels, int most)
{
    int64_t tiles = ceil_div(panels, most), less = tiles * most - panels;
    if (!less) return panels ? 1 << (most - 1) : 0;
    int mask = less < tiles ? 1 << (most - 1) : 0, rest = (int)(panels - tiles * (most - 1));
    if (rest >= 0) return mask | 1 << (most - 2);
    rest = (int)(panels % (most - 1));
    return (panels >= most ? 1 << (most - 2) : 0) | (rest ? 1 << (rest - 1) : 0);
}

/* By loads and multiplications per cycle, as measured on an Ice Lake Xeon: a tile of three panels is as quick
 * as one of four. */
static double unit_cost(int64_t panels, int most)
{
    static const double narrow[] = {0, 2, 2.5};
    if (most < TILE_PANELS) return (double)round_up(panels, most);
    int64_t tiles = ceil_div(panels, most), less = tiles * most - panels;
    int64_t rest = less <= tiles ? 0 : panels % (most - 1);
    return (double)(panels - rest) + narrow[rest];
}

double tile_panels_cost(int64_t panels, int64_t of_unit, int most_panels)
{
    if (of_unit >= panels) return unit_cost(panels, most_panels);
    int64_t units = panels / of_unit;
    return (double)units * unit_cost(of_unit, most_panels) + unit_cost(panels % of_unit, most_panels);
}

int tile_widths(int64_t panels, int64_t of_unit, int most_panels)
{
    if (of_unit >= panels) return widths(panels, most_panels);
    return widths(of_unit, most_panels) | widths(panels % of_unit, most_panels);
}

int tile_height(int64_t rows, int most_panels)
{
    int most = tile_most_rows(most_panels);
    rows = max_i64(rows, 1);
    for (int few = 1; few < most && few <= 8; few *= 2)
        if (rows <= few) return few;
    int64_t tiles = ceil_div(rows, most);
    return tiles * most - rows <= tiles ? most : (int)ceil_div(rows, tiles);
}

int far_tiles(int64_t rows, int most_panels)
{
    return (int)min_i64(ceil_div(rows, tile_height(rows, most_panels)), 8);
}

bool blocking_far(const Product *p, const Machine *machine, const Blocking *b)
{
    if (p->batch > 1 || p->panels * PANEL * p->k * p->esize <= machine->l2 / 8) return false;
    return b->rows >= p->m || b->k < p->k || !stays(p, machine, b);
}

int64_t round_rows(int64_t rows, int64_t all, int most_panels)
{
    int64_t height = tile_height(all, most_panels), tiles = ceil_div(rows, height), whole = tiles * height;
    return rows >= all ? all : height < tile_most_rows(most_panels) || whole - rows > tiles ? whole : rows;
}

Blocking blocking_choose(const Product *p, const Machine *machine)
{
    enum { MOST_ROWS = 1024 };
    static const int64_t parts[] = {512, 256}; /* of long sums */
    const int few = tile_most_panels(p);
    Blocking best = {min_i64(p->m, tile_height(p->m, few)), min_i64(p->panels, few), p->k, false};
    double least = cost(p, machine, &best);
    int64_t last_rows = 0;
    for (int64_t blocks = ceil_div(p->m, MOST_ROWS); blocks <= ceil_div(p->m, TILE_ROWS);
         blocks += max_i64(1, blocks / 4)) {
        int64_t rows = round_rows(ceil_div(p->m, blocks), p->m, few);
        if (rows == last_rows) continue;
        last_rows = rows;
        int64_t each = 2 * p->panels; /* all, a half, a quarter … */
        do {
            each = ceil_div(each, 2);
            /* Whole tiles of one of the widths. */
            for (int width = few; width > 1 && width >= few - 1; width--) {
                int64_t panels = min_i64(p->panels, round_up(each, width));
                for (int form = 0; form < (p->k > LEAST_K_CUT ? 4 : 2); form++) {
                    Blocking b = {rows, panels, p->k, form == 1};
                    if (form > 1) b.k = round_up(ceil_div(p->k, ceil_div(p->k, parts[form - 2])), PANEL);
                    if (!fits(p, machine, &b)) continue;
                    double c = cost(p, machine, &b);
                    if (c < least) least = c, best = b;
                }
            }
        } while (each > few);
    }
    return best;
}
