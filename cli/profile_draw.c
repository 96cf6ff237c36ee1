/* Pictures of a profile: a trace for Chrome's and Perfetto's viewers, and an SVG. */
#include <math.h>

#include "cli/profile.h"

/* -- Trace: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU -------------- */
enum { PROCESS = 1, CALLS_TRACK = 0 };

static void put_duration(Str *s, int64_t zero, int64_t start, int64_t end, int track)
{
    str_printf(s, "\"ph\": \"X\", \"pid\": %d, \"tid\": %d, \"ts\": %.3f, \"dur\": %.3f", PROCESS, track,
               (double)(start - zero) / 1e3, (double)(end - start) / 1e3);
}

static void put_track(Str *s, int track, const char *name, unsigned number)
{
    str_printf(s,
               ",\n{\"name\": \"thread_name\", \"ph\": \"M\", \"pid\": %d, \"tid\": %d, \"args\": {\"name\": "
               "\"%s",
               PROCESS, track, name);
    if (number) str_printf(s, " %u", number);
    str_put(s, "\"}}");
}

enum { MAX_THREADS = 1024 };
typedef struct {
    uint64_t id[MAX_THREADS];
    unsigned n;
} Threads;

/* Threads are numbered as they turn up. */
static unsigned thread_number(Threads *t, uint64_t id)
{
    unsigned i = 0;
    while (i < t->n && t->id[i] != id) i++;
    if (i == t->n && t->n < MAX_THREADS) t->id[t->n++] = id;
    return i;
}

static void put_name_field(Str *s, const jitc_call *c)
{
    Str name = {0};
    str_put(&name, c->algorithm);
    if (*c->node) str_printf(&name, " %s", c->node);
    str_put(s, "{\"name\": ");
    put_json(s, str_text(&name));
    str_free(&name);
    str_put(s, ", \"cat\": ");
    put_json(s, c->kernel);
    str_put(s, ", ");
}

void profile_trace(Str *s, const Profile *p)
{
    const TimeLine *l = p->fastest;
    static Threads threads;
    threads.n = 0;
    str_printf(
        s,
        "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n{\"name\": \"process_name\", \"ph\": \"M\", "
        "\"pid\": %d, \"args\": {\"name\": ",
        PROCESS);
    put_json(s, base_name(p->model->path));
    str_put(s, "}}");
    put_track(s, CALLS_TRACK, "calls", 0);
    for (size_t i = 0; i < l->nevents; i++) {
        const ProfileEvent *e = &l->event[i];
        const ProfileCall *call = &p->call[e->call];
        const jitc_call *c = &call->about;
        str_put(s, ",\n");
        put_name_field(s, c);
        put_duration(s, l->start, e->start, e->end, CALLS_TRACK);
        str_put(s, ", \"args\": {\"shape\": ");
        put_json(s, c->shape);
        if (c->done_flops > 0) {
            str_put(s, ", \"GFLOP/s\": ");
            put_json_number(s, c->done_flops / (double)max_i64(e->end - e->start, 1));
        }
        str_put(s, ", \"nodes\": ");
        Str nodes = {0};
        for (size_t k = 0; k < c->nnodes; k++) str_printf(&nodes, "%s%s", k ? ", " : "", c->nodes[k]);
        put_json(s, str_text(&nodes));
        str_free(&nodes);
        str_put(s, "}}");
        for (size_t k = e->share0; k < e->share0 + e->nshares; k++) {
            const jitc_share_time *t = &l->share[k];
            str_put(s, ",\n");
            put_name_field(s, c);
            put_duration(s, l->start, t->start_ns, t->end_ns, 1 + (int)thread_number(&threads, t->thread));
            str_put(s, "}");
        }
    }
    for (unsigned i = 0; i < threads.n; i++) put_track(s, 1 + (int)i, "thread", i + 1);
    str_put(s, "\n]}\n");
}

/* -- SVG: the time line, cut into strips as text is into lines ---------------------------------------------
 */
enum {
    WIDTH = 1200,
    MARGIN = 20,
    TOP = 64,
    LABEL = 15, /* above bars */
    STRIP = 60, /* the bars */
    THREAD = 7, /* a line for each thread below them */
    BELOW = 28, /* times, and a gap */
    WORTH = 60, /* of a call on average, which makes strips shorter */
    MAX_STRIPS = 12,
    MAX_LINES = 16,
    CLASSES = 8
};

/* By class; a class that comes later shares the last one. */
static const struct {
    const char *kernel, *fill, *pale;
} colours[CLASSES] = {
    {"igemm", "#2b6cb0", "#bcd7f0"},  {"winograd", "#6b46c1", "#d9cdf3"}, {"depthwise", "#2f855a", "#bfe3cf"},
    {"map", "#b7791f", "#f3dfae"},    {"loops", "#c05621", "#f6cfb5"},    {"routine", "#97266d", "#f0c3de"},
    {"custom", "#4a5568", "#d3d9e2"}, {"", "#2c7a7b", "#b9e3e3"},
};

static int colour_of(const char *kernel)
{
    int i = 0;
    while (i < CLASSES - 1 && strcmp(colours[i].kernel, kernel) != 0) i++;
    return i;
}

static void put_title(Str *s, const Profile *p, const jitc_call *c, double ms, double share)
{
    str_put(s, "<title>");
    put_xml(s, c->algorithm);
    str_put(s, "  ");
    put_xml(s, c->shape);
    str_put(s, "\n");
    put_time(s, ms);
    str_printf(s, ", %.1f%% of the run", 100 * ms / ((double)(p->fastest->end - p->fastest->start) / 1e6));
    if (share > 0) {
        str_put(s, "\n");
        put_sig(s, c->done_flops / (ms * 1e6));
        str_printf(s, " GFLOP/s, %.0f%% of FMA peak", 100 * share);
    }
    if (c->bytes > 0) {
        str_put(s, "\n");
        put_si(s, c->bytes, "B, ");
        put_sig(s, c->bytes / (ms * 1e6));
        str_put(s, " GB/s");
    }
    for (size_t i = 0; i < c->nnodes && i < 12; i++) {
        str_put(s, "\n");
        put_xml(s, c->nodes[i]);
    }
    if (c->nnodes > 12) str_printf(s, "\n… %zu more", c->nnodes - 12);
    str_put(s, "</title>");
}

static void put_rect(Str *s, const char *fill, double x, double y, double w, double h)
{
    str_printf(s, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"/>", x, y, w, h,
               fill);
}

/* Where things are. */
typedef struct {
    int64_t n, each, whole; /* strips, their nanoseconds, those of the run */
    double scale;
    int lines, height; /* threads; of a strip with all that belongs to it */
} Strips;

/* [from, to) of the run, which may be in several strips: their x, width, and the y of each one's top. */
typedef struct {
    double x, y, w;
} Piece;

static bool next_piece(const Strips *l, int64_t *from, int64_t to, Piece *out)
{
    if (*from >= to) return false;
    int64_t strip = min_i64(*from / l->each, l->n - 1), end = min_i64(to, (strip + 1) * l->each);
    if (strip == l->n - 1) end = to;
    *out = (Piece){MARGIN + (double)(*from - strip * l->each) * l->scale, TOP + (double)(strip * l->height),
                   (double)(end - *from) * l->scale};
    *from = end;
    return true;
}

/* What of a text there is room for. */
static void put_label(Str *s, const char *text, double x, double y, double w)
{
    const double character = 6.3;
    enum { FEW = 9 }; /* of them say nothing */
    int room = (int)(w / character), all = name_width(text, 400);
    if (room < all && room < FEW) return;
    Str label = {0};
    put_name(&label, text, all < room ? all : room);
    str_printf(s, "<text x=\"%.1f\" y=\"%.1f\">", x, y);
    put_xml(s, str_text(&label));
    str_put(s, "</text>");
    str_free(&label);
}

/* Pale in full height, dark as high as the share of the peak. */
static void put_bar(Str *s, const Strips *l, const jitc_call *c, int64_t from, int64_t to, double share)
{
    int colour = colour_of(c->kernel);
    double high = STRIP * (share < 1 ? share : 1);
    for (Piece p; next_piece(l, &from, to, &p);) {
        double w = p.w > 0.8 ? p.w - 0.4 : p.w;
        put_rect(s, colours[colour].pale, p.x, p.y + LABEL, w, STRIP);
        if (high > 0) put_rect(s, colours[colour].fill, p.x, p.y + LABEL + STRIP - high, w, high);
        put_label(s, c->algorithm, p.x, p.y + LABEL - 4, w);
    }
}

static void put_legend(Str *s, const Profile *p)
{
    double ms[CLASSES] = {0}, x = MARGIN;
    for (uint32_t i = 0; i < p->ncalls; i++)
        if (p->call[i].rounds) ms[colour_of(p->call[i].about.kernel)] += p->call[i].median;
    for (int i = 0; i < CLASSES; i++) {
        if (ms[i] <= 0) continue;
        put_rect(s, colours[i].fill, x, 36, 12, 12);
        str_printf(s, "<text x=\"%.0f\" y=\"46\" class=\"t\">%s ", x + 17,
                   *colours[i].kernel ? colours[i].kernel : "other");
        put_time(s, ms[i]);
        str_put(s, "</text>\n");
        x += 150;
    }
}

static Strips strips_of(const TimeLine *l, int lines)
{
    int64_t n = max_i64(1, min_i64(ceil_div((int64_t)l->nevents * WORTH, WIDTH - 2 * MARGIN), MAX_STRIPS));
    Strips r = {.n = n, .whole = max_i64(l->end - l->start, 1), .lines = lines};
    r.each = ceil_div(r.whole, n);
    r.scale = (double)(WIDTH - 2 * MARGIN) / (double)r.each;
    r.height = LABEL + STRIP + lines * THREAD + BELOW;
    return r;
}

static void put_svg_head(Str *s, const Profile *p, const Strips *l)
{
    int64_t height = TOP + l->n * l->height;
    str_printf(
        s,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%lld\" viewBox=\"0 0 %d %lld\" "
        "font-family=\"sans-serif\" font-size=\"10\">\n"
        "<style>text{fill:#1a202c;pointer-events:none}.t{font-size:12px}.a{fill:#718096}"
        "g:hover rect{stroke:#1a202c;stroke-width:.6}</style>\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n<text x=\"%d\" y=\"22\" class=\"t\" "
        "font-weight=\"bold\">",
        WIDTH, (long long)height, WIDTH, (long long)height, MARGIN);
    put_xml(s, base_name(p->model->path));
    str_put(s, ": ");
    put_time(s, (double)l->whole / 1e6);
    str_printf(s,
               ", fastest of %u runs, %d thread%s. Width: time; height of the dark part: share of FMA peak "
               "(%.0f GFLOP/s)</text>\n",
               p->runs, p->o->threads, p->o->threads == 1 ? "" : "s", p->peak);
}

/* About a tenth of a strip: 1, 2 or 5 of a power of ten. */
static int64_t tick_of(const Strips *l)
{
    int64_t tick = 1;
    for (int i = 0; tick * 10 < l->each; i++) tick = i % 3 == 1 ? tick / 2 * 5 : tick * 2;
    return tick;
}

static void put_axis(Str *s, const Strips *l)
{
    int64_t tick = tick_of(l);
    bool micro = l->whole < 1000000;
    for (int64_t at = 0; at <= l->whole; at += tick) {
        int64_t strip = min_i64(at / l->each, l->n - 1);
        double x = MARGIN + (double)(at - strip * l->each) * l->scale;
        double y = TOP + (double)(strip * l->height) + LABEL + STRIP + l->lines * THREAD + 3;
        str_printf(s, "<path d=\"M%.1f %.1fv3\" stroke=\"#a0aec0\"/><text x=\"%.1f\" y=\"%.1f\" class=\"a\">",
                   x, y, x, y + 12);
        str_printf(s, "%g %s</text>\n", (double)at / (micro ? 1e3 : 1e6), micro ? "µs" : "ms");
    }
}

static void put_shares(Str *s, const Strips *l, const TimeLine *t, const ProfileEvent *e, const char *fill,
                       Threads *threads)
{
    for (size_t k = e->share0; k < e->share0 + e->nshares; k++) {
        const jitc_share_time *time = &t->share[k];
        unsigned line = thread_number(threads, time->thread);
        int64_t from = time->start_ns - t->start;
        if (line >= (unsigned)l->lines) continue;
        for (Piece p; next_piece(l, &from, time->end_ns - t->start, &p);)
            put_rect(s, fill, p.x, p.y + LABEL + STRIP + 1 + line * THREAD, p.w, THREAD - 2);
    }
}

void profile_svg(Str *s, const Profile *p)
{
    static Threads threads;
    const TimeLine *t = p->fastest;
    Strips l = strips_of(t, p->o->threads > 1 ? (int)min_i64(p->o->threads, MAX_LINES) : 0);
    threads.n = 0;
    put_svg_head(s, p, &l);
    put_legend(s, p);
    put_axis(s, &l);
    for (size_t i = 0; i < t->nevents; i++) {
        const ProfileEvent *e = &t->event[i];
        const jitc_call *c = &p->call[e->call].about;
        double ms = (double)max_i64(e->end - e->start, 1) / 1e6,
               share = peak_share(c->done_flops, ms, p->peak);
        str_put(s, "<g>");
        put_title(s, p, c, ms, share);
        put_bar(s, &l, c, e->start - t->start, e->end - t->start, share);
        put_shares(s, &l, t, e, colours[colour_of(c->kernel)].fill, &threads);
        str_put(s, "</g>\n");
    }
    str_put(s, "</svg>\n");
}
