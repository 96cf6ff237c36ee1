/* jitc tune --batch: what it shows. Batch sizes are drawn on a logarithmic axis. */
#include <math.h>

#include "cli/tune_batch.h"

void put_bytes(Str *s, int64_t bytes)
{
    double mib = (double)bytes / 0x1p20;
    bool kib = mib < 0.995, gib = mib >= 1023.5;
    if (bytes)
        put_sig(s, kib ? mib * 1024 : gib ? mib / 1024 : mib);
    else
        str_put(s, "0");
    str_put(s, kib ? " KiB" : gib ? " GiB" : " MiB");
}

/* Places of sizes between 0 and 1. */
static double place_of(const Batches *t, int64_t n)
{
    double from = log2((double)t->sizes.at[0].n), to = log2((double)t->sizes.at[t->sizes.n - 1].n);
    return to > from ? (log2((double)n) - from) / (to - from) : 0;
}

static double most_items(const Batches *t)
{
    double most = 0;
    for (uint32_t i = 0; i < t->sizes.n; i++) most = fmax(most, items_per_second(&t->sizes.at[i]));
    return most;
}

static double most_ms(const Batches *t)
{
    double most = 0;
    for (uint32_t i = 0; i < t->sizes.n; i++) most = fmax(most, t->sizes.at[i].p90);
    return most;
}

static uint32_t count_drawn(const Batches *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->sizes.n; i++) n += t->sizes.at[i].runs > 0;
    return n;
}

/* -- A table --------------------------------------------------------------------------------------- */
static void put_cell(Str *s, Str *cell, int width)
{
    for (int n = name_width(str_text(cell), width); n < width; n++) str_put(s, " ");
    str_put(s, str_text(cell));
    str_free(cell);
}

static void put_row(Str *s, const Batches *t, uint32_t i)
{
    enum { WIDTH = 11 };
    const Batch *z = &t->sizes.at[i];
    Str cell = {0};
    str_printf(s, "%7lld", (long long)z->n);
    if (z->runs) {
        put_sig(&cell, items_per_second(z));
        put_cell(s, &cell, WIDTH);
        put_time(&cell, z->median);
        put_cell(s, &cell, WIDTH);
        put_time(&cell, z->p90);
        put_cell(s, &cell, WIDTH);
        put_bytes(&cell, batch_memory(z));
        put_cell(s, &cell, WIDTH);
        put_bytes(&cell, z->arena);
        put_cell(s, &cell, WIDTH);
    }
    if (z->left_out) str_printf(s, "  left out: %s", z->left_out);
    str_put(s, i == t->best ? "  ◀\n" : "\n");
}

/* -- A curve, in Braille: two by four dots a character ----------------------------------------------------
 */
enum { COLUMNS = 64, LINES = 8, DOTS_X = 2 * COLUMNS, DOTS_Y = 4 * LINES };
typedef struct {
    uint8_t at[LINES][COLUMNS];
} Canvas;

static void set_dot(Canvas *c, double x, double y)
{
    static const uint8_t bit[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    int column = (int)lrint(x * (DOTS_X - 1)), line = (int)lrint((1 - y) * (DOTS_Y - 1));
    c->at[line / 4][column / 2] |= bit[line % 4][column % 2];
}

static void draw_curve(Canvas *c, const Batches *t)
{
    double most = most_items(t), x0 = 0, y0 = 0;
    bool first = true;
    for (uint32_t i = 0; i < t->sizes.n; i++) {
        const Batch *z = &t->sizes.at[i];
        if (!z->runs) continue;
        double x = place_of(t, z->n), y = items_per_second(z) / most;
        for (int k = 0; k <= DOTS_X && !first; k++)
            set_dot(c, x0 + (x - x0) * k / DOTS_X, y0 + (y - y0) * k / DOTS_X);
        x0 = x;
        y0 = y;
        first = false;
    }
}

/* A size below the curve, where there is room for it. */
static void put_label(char *line, const Batches *t, const Batch *z)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)z->n);
    int at = 1 + (int)lrint(place_of(t, z->n) * (COLUMNS - 1));
    if (!z->runs) return;
    for (int i = at - 1; i <= at + n; i++)
        if (line[i] != ' ') return;
    memcpy(line + at, text, (size_t)n);
}

static void put_sizes(Str *s, const Batches *t)
{
    char line[COLUMNS + 32];
    int end = (int)sizeof line;
    memset(line, ' ', sizeof line);
    if (t->best < t->sizes.n) put_label(line, t, &t->sizes.at[t->best]);
    for (uint32_t i = 0; i < t->sizes.n; i++) put_label(line, t, &t->sizes.at[i]);
    while (line[end - 1] == ' ') end--;
    str_printf(s, "%9s%.*s\n", "", end, line);
}

static void put_curve(Str *s, const Batches *t)
{
    Canvas c = {0};
    draw_curve(&c, t);
    str_put(s, "\n  items/s\n");
    for (int line = 0; line < LINES; line++) {
        Str label = {0};
        if (line == 0) put_sig(&label, most_items(t));
        if (line == LINES - 1) str_put(&label, "0");
        put_cell(s, &label, 8);
        str_put(s, line == 0 || line == LINES - 1 ? " ┤" : " │");
        int last = COLUMNS;
        while (last && !c.at[line][last - 1]) last--;
        for (int i = 0; i < last; i++) {
            uint8_t dots = c.at[line][i];
            char text[4] = {(char)0xe2, (char)(0xa0 | dots >> 6), (char)(0x80 | (dots & 63)), 0};
            str_put(s, dots ? text : " ");
        }
        str_put(s, "\n");
    }
    put_sizes(s, t);
}

/* -- What to use ----------------------------------------------------------------------------------- */
static void put_advice(Str *s, const Batches *t)
{
    if (t->best == UINT32_MAX) {
        str_put(s, t->over ? "no size was measured" : "no batch size is within the limits");
        return;
    }
    const Batch *best = &t->sizes.at[t->best], *fastest = &t->sizes.at[t->fastest];
    str_printf(s, "use batch size %lld: ", (long long)best->n);
    put_sig(s, items_per_second(best));
    str_put(s, " items/s, ");
    put_time(s, best->median);
    str_put(s, ", ");
    put_bytes(s, batch_memory(best));
    if (best == fastest) return;
    str_printf(s, "; that is %.0f%% of the throughput of %lld (",
               100 * items_per_second(best) / items_per_second(fastest), (long long)fastest->n);
    put_time(s, fastest->median);
    str_put(s, ", ");
    put_bytes(s, batch_memory(fastest));
    str_put(s, ")");
}

void batches_show(Str *s, const Batches *t)
{
    if (t->sizes.n)
        str_printf(s, "%7s%11s%11s%11s%11s%11s\n", "batch", "items/s", "median", "p90", "memory", "arena");
    for (uint32_t i = 0; i < t->sizes.n; i++) put_row(s, t, i);
    if (count_drawn(t) > 1) put_curve(s, t);
    str_put(s, t->sizes.n ? "\n" : "");
    put_advice(s, t);
    str_put(s, t->over ? " (interrupted)\n" : "\n");
}

/* -- JSON ------------------------------------------------------------------------------------------ */
void batches_json(Str *s, const Batches *t)
{
    str_put(s, "{\n  \"model\": ");
    put_json(s, t->m->path);
    str_printf(s, ",\n  \"threads\": %d,\n  \"use\": ", t->o->threads);
    if (t->best == UINT32_MAX)
        str_put(s, "null");
    else
        str_printf(s, "%lld", (long long)t->sizes.at[t->best].n);
    str_printf(s, ",\n  \"interrupted\": %s,\n  \"sizes\": [", t->over ? "true" : "false");
    for (uint32_t i = 0; i < t->sizes.n; i++) {
        const Batch *z = &t->sizes.at[i];
        str_printf(s, "%s\n    {\"batch\": %lld, \"runs\": %lld", i ? "," : "", (long long)z->n,
                   (long long)z->runs);
        const struct {
            const char *name;
            double value;
        } times[] = {{"items_per_s", items_per_second(z)}, {"median_ms", z->median}, {"p90_ms", z->p90}};
        for (size_t k = 0; k < COUNT(times); k++) {
            str_printf(s, ", \"%s\": ", times[k].name);
            put_json_number(s, z->runs ? times[k].value : NAN);
        }
        str_printf(s, ", \"memory_bytes\": %lld", (long long)batch_memory(z));
        str_printf(s, ", \"inputs_bytes\": %lld, \"arena_bytes\": %lld", (long long)z->inputs,
                   (long long)z->arena);
        str_printf(s, ", \"weights_bytes\": %lld, \"code_bytes\": %lld", (long long)z->weights,
                   (long long)z->code);
        str_put(s, ", \"left_out\": ");
        if (z->left_out)
            put_json(s, z->left_out);
        else
            str_put(s, "null");
        str_put(s, "}");
    }
    str_put(s, "\n  ]\n}\n");
}

/* -- SVG: throughput above, latency below ---------------------------------------------------------------- */
enum { WIDTH = 760, LEFT = 70, RIGHT = 24, TOP = 44, CHART = 220, GAP = 56, BELOW = 40 };
static const char INK[] = "#2b6cb0", PALE[] = "#bcd7f0", GREY[] = "#a0aec0", GRID[] = "#e2e8f0",
                  LIMIT[] = "#c05621";

typedef double Measure(const Batch *z);
static double median_of(const Batch *z)
{
    return z->median;
}
static double p90_of(const Batch *z)
{
    return z->p90;
}

static double svg_x(const Batches *t, int64_t n)
{
    return LEFT + 16 + place_of(t, n) * (WIDTH - LEFT - RIGHT - 32);
}

typedef struct {
    double bottom, most; /* y of 0; the value at the top */
} Axis;

static double svg_y(const Axis *a, double v)
{
    return a->bottom - CHART * (v / a->most);
}

/* 1, 2 or 5 of a power of ten, of which there are four to ten. */
static double tick_of(double most)
{
    double tick = pow(10, floor(log10(most)));
    return most / tick >= 5 ? tick : most / tick >= 2 ? tick / 2 : tick / 5;
}

static void put_axis(Str *s, const Batches *t, Axis *a, const char *title, double most)
{
    double tick = tick_of(most);
    a->most = most > 0 ? tick * ceil(most / tick * 0.999) : 1;
    str_printf(s, "<text x=\"%d\" y=\"%.1f\" class=\"t\">%s</text>\n", LEFT, a->bottom - CHART - 10, title);
    for (int i = 0; i * tick <= a->most * 1.001; i++)
        str_printf(s,
                   "<path d=\"M%d %.1fH%d\" stroke=\"%s\"/><text x=\"%d\" y=\"%.1f\" "
                   "text-anchor=\"end\">%g</text>\n",
                   LEFT, svg_y(a, i * tick), WIDTH - RIGHT, i ? GRID : GREY, LEFT - 6, svg_y(a, i * tick) + 4,
                   i * tick);
    double end = 0;
    for (uint32_t i = 0; i < t->sizes.n; i++) {
        double x = svg_x(t, t->sizes.at[i].n);
        if (!t->sizes.at[i].runs || x < end) continue;
        end = x + 26;
        str_printf(s, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%lld</text>\n", x, a->bottom + 16,
                   (long long)t->sizes.at[i].n);
    }
}

/* A line, and a point for each size: an empty one where it was left out. */
static void put_line(Str *s, const Batches *t, const Axis *a, Measure *of, const char *colour)
{
    bool first = true;
    str_put(s, "<path d=\"");
    for (uint32_t i = 0; i < t->sizes.n; i++) {
        const Batch *z = &t->sizes.at[i];
        if (!z->runs) continue;
        str_printf(s, "%c%.1f %.1f", first ? 'M' : 'L', svg_x(t, z->n), svg_y(a, of(z)));
        first = false;
    }
    str_printf(s, "\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", colour);
    for (uint32_t i = 0; i < t->sizes.n; i++) {
        const Batch *z = &t->sizes.at[i];
        if (!z->runs) continue;
        str_printf(
            s, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" fill=\"%s\" stroke=\"%s\"><title>batch size %lld\n",
            svg_x(t, z->n), svg_y(a, of(z)), i == t->best ? 6 : 4, z->left_out ? "#fff" : colour, colour,
            (long long)z->n);
        put_sig(s, items_per_second(z));
        str_put(s, " items/s\nmedian ");
        put_time(s, z->median);
        str_put(s, ", p90 ");
        put_time(s, z->p90);
        str_put(s, "\n");
        put_bytes(s, batch_memory(z));
        if (z->left_out) str_printf(s, "\nleft out: %s", z->left_out);
        str_put(s, "</title></circle>\n");
    }
}

void batches_svg(Str *s, const Batches *t)
{
    const int first = TOP + GAP / 2 + CHART, second = first + CHART + GAP;
    Axis items = {.bottom = (double)first}, ms = {.bottom = (double)second};
    const int height = second + BELOW;
    str_printf(s,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
               "font-family=\"sans-serif\" font-size=\"11\">\n"
               "<style>text{fill:#1a202c}.t{font-size:12px}</style>\n"
               "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
               "<text x=\"%d\" y=\"20\" class=\"t\" font-weight=\"bold\">",
               WIDTH, height, WIDTH, height, LEFT);
    put_xml(s, base_name(t->m->path));
    str_printf(s, ", %d thread%s</text>\n<text x=\"%d\" y=\"37\" class=\"t\">", t->o->threads,
               t->o->threads == 1 ? "" : "s", LEFT);
    put_advice(s, t);
    str_put(s, "</text>\n");
    if (count_drawn(t)) {
        put_axis(s, t, &items, "items per second", most_items(t));
        put_line(s, t, &items, items_per_second, INK);
        put_axis(s, t, &ms, "latency in ms: median, and p90 (pale)", most_ms(t));
        if (t->o->max_latency > 0 && t->o->max_latency <= ms.most)
            str_printf(s, "<path d=\"M%d %.1fH%d\" stroke=\"%s\" stroke-dasharray=\"5 4\"/>\n", LEFT,
                       svg_y(&ms, t->o->max_latency), WIDTH - RIGHT, LIMIT);
        put_line(s, t, &ms, p90_of, PALE);
        put_line(s, t, &ms, median_of, INK);
    }
    str_put(s, "</svg>\n");
}
