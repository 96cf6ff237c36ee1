/* The tables of `jitc profile`, and its JSON. */
#include <stdlib.h>

#include "cli/profile.h"

/* -- Rows --------------------------------------------------------------------------------------- */
typedef struct {
    const char *what, *shape; /* kernels; or op types */
    const char *node;
    size_t more; /* nodes beside that one */
    double ms, min, flops, done, bytes;
    uint32_t calls;
    int64_t rounds;
} Row;

typedef VEC(Row) Rows;

typedef enum { BY_CALL, BY_NODE, BY_OP, BY_KERNEL } By;

static By grouping(const Options *o)
{
    return !o->by || strcmp(o->by, "call") == 0 ? BY_CALL
           : strcmp(o->by, "node") == 0         ? BY_NODE
           : strcmp(o->by, "op") == 0           ? BY_OP
                                                : BY_KERNEL;
}

static void add_to(Row *r, const ProfileCall *c)
{
    r->ms += c->median;
    r->min += c->min;
    r->flops += c->flops;
    r->done += c->done;
    r->bytes += c->bytes;
    r->rounds += c->rounds;
    r->calls++;
}

static int by_time(const void *a, const void *b)
{
    const Row *x = a, *y = b;
    if (x->ms != y->ms) return x->ms < y->ms ? 1 : -1;
    return strcmp(x->node, y->node);
}

static Row row_of(const jitc_call *c, By by)
{
    switch (by) {
    case BY_NODE: return (Row){.what = c->op, .node = c->node, .shape = ""};
    case BY_OP: return (Row){.what = *c->op ? c->op : "(none)", .node = "", .shape = ""};
    case BY_KERNEL: return (Row){.what = c->algorithm, .node = "", .shape = ""};
    default:
        return (Row){
            .what = c->algorithm, .node = c->node, .shape = c->shape, .more = c->nnodes ? c->nnodes - 1 : 0};
    }
}

static void make_rows(Job *job, const Profile *p, By by, Rows *out)
{
    StrMap seen = {0};
    for (uint32_t i = 0; i < p->ncalls; i++) {
        const ProfileCall *c = &p->call[i];
        if (!c->rounds) continue; /* in a branch that was not taken */
        Row new_row = row_of(&c->about, by);
        const char *key = by == BY_NODE ? new_row.node : new_row.what;
        uintptr_t at = by == BY_CALL ? 0 : (uintptr_t)strmap_get(&seen, key);
        if (!at) {
            vec_push(job, out, new_row);
            at = out->n;
            if (by != BY_CALL) strmap_put(job, &seen, key, (void *)at);
        }
        add_to(&out->at[at - 1], c);
    }
    if (out->n) qsort(out->at, out->n, sizeof *out->at, by_time);
}

/* -- A table ------------------------------------------------------------------------------------ */
enum { COLUMNS = 13 };
typedef struct {
    const char *cell[COLUMNS];
} Line;

typedef struct {
    Job *job;
    VEC(Line) lines;
    bool left[COLUMNS], used[COLUMNS];
    int n;
} Table;

static void set(Table *t, Line *l, int column, const char *fmt, ...) PRINTF(4, 5);
static void set(Table *t, Line *l, int column, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    l->cell[column] = job_strndup(t->job, text, strlen(text));
}

/* The last column gets what the others leave of `width`. */
static void put_table(Str *s, const Table *t, int width)
{
    int w[COLUMNS] = {0}, total = 0, last = 0;
    for (int c = 0; c < t->n; c++) {
        if (!t->used[c]) continue;
        for (uint32_t i = 0; i < t->lines.n; i++)
            w[c] = max_i64(w[c], t->lines.at[i].cell[c] ? name_width(t->lines.at[i].cell[c], 400) : 0);
        total += w[c] + 2;
        last = c;
    }
    int room = width - (total - w[last] - 2);
    if (w[last] > room) w[last] = max_i64(room, 16);
    for (uint32_t i = 0; i < t->lines.n; i++) {
        Str line = {0};
        for (int c = 0; c < t->n; c++) {
            if (!t->used[c]) continue;
            const char *text = t->lines.at[i].cell[c] ? t->lines.at[i].cell[c] : "";
            if (!t->left[c])
                for (int k = name_width(text, 400); k < w[c]; k++) str_put(&line, " ");
            put_name(&line, text, t->left[c] ? w[c] : name_width(text, 400));
            str_put(&line, "  ");
        }
        while (line.n && str_text(&line)[line.n - 1] == ' ') line.n--;
        str_putn(s, str_text(&line), line.n);
        str_put(s, "\n");
        str_free(&line);
    }
}

/* -- The table of a profile -------------------------------------------------------------------------------
 */
enum {
    C_SHARE,
    C_MS,
    C_MIN,
    C_FLOP,
    C_PLAIN,
    C_RATE,
    C_PEAK,
    C_BYTES,
    C_BYTE_RATE,
    C_TIMES,
    C_WHAT,
    C_SHAPE,
    C_NODE
};

typedef struct {
    double time, flop, bytes; /* what numbers are multiplied with */
    const char *time_name, *flop_name, *bytes_name;
    double whole; /* ms that are 100 % */
} Units;

static void put_numbers(Table *t, Line *l, const Profile *p, const Units *u, const Row *r)
{
    set(t, l, C_SHARE, "%.1f", 100 * r->ms / u->whole);
    set(t, l, C_MS, "%.*f", u->time > 1 ? 2 : 3, r->ms * u->time);
    set(t, l, C_MIN, "%.*f", u->time > 1 ? 2 : 3, r->min * u->time);
    if (r->done > 0) {
        set(t, l, C_FLOP, "%.*f", u->flop > 1e-9 ? 2 : 3, r->done * u->flop);
        set(t, l, C_RATE, "%.1f", r->done / (r->ms * 1e6));
        set(t, l, C_PEAK, "%.0f%%", 100 * peak_share(r->done, r->ms, p->peak));
    }
    if (r->flops != r->done) {
        set(t, l, C_PLAIN, "%.*f", u->flop > 1e-9 ? 2 : 3, r->flops * u->flop);
        t->used[C_PLAIN] = true;
    }
    set(t, l, C_BYTES, "%.2f", r->bytes * u->bytes);
    set(t, l, C_BYTE_RATE, "%.1f", r->bytes / (r->ms * 1e6));
}

static void put_row(Table *t, const Profile *p, const Units *u, const Row *r, By by)
{
    Line l = {0};
    put_numbers(t, &l, p, u, r);
    bool many = by == BY_CALL ? r->rounds > 1 : r->rounds != 1;
    if (many) set(t, &l, C_TIMES, "%lld×", (long long)r->rounds);
    t->used[C_TIMES] = t->used[C_TIMES] || many;
    l.cell[C_WHAT] = r->what;
    l.cell[C_SHAPE] = r->shape;
    Str name = {0};
    str_put(&name, *r->node || by == BY_OP || by == BY_KERNEL ? r->node : "(no node)");
    if (r->more) str_printf(&name, " +%zu", r->more);
    l.cell[C_NODE] = job_strndup(t->job, str_text(&name), name.n);
    str_free(&name);
    vec_push(t->job, &t->lines, l);
}

static void put_head(Table *t, const Units *u, By by)
{
    Line l = {0};
    static const bool left[COLUMNS] = {[C_WHAT] = true, [C_SHAPE] = true, [C_NODE] = true};
    memcpy(t->left, left, sizeof left);
    for (int c = 0; c < COLUMNS; c++) t->used[c] = true;
    t->used[C_PLAIN] = t->used[C_TIMES] = false;
    t->used[C_SHAPE] = by == BY_CALL;
    t->used[C_NODE] = by == BY_CALL || by == BY_NODE;
    t->n = COLUMNS;
    const char *const names[COLUMNS] = {"%",
                                        u->time_name,
                                        "min",
                                        u->flop_name,
                                        "plain",
                                        "GFLOP/s",
                                        "peak",
                                        u->bytes_name,
                                        "GB/s",
                                        "times",
                                        by == BY_NODE || by == BY_OP ? "op" : "kernel",
                                        "shape",
                                        by == BY_CALL ? "nodes" : "node"};
    memcpy(l.cell, names, sizeof names);
    vec_push(t->job, &t->lines, l);
}

/* Those in which the sum has one to three digits before the point, so that its parts have some too. */
static Units units_of(const Profile *p, const Row *total)
{
    Units u = {1, 1e-9, 1e-6, "ms", "GFLOP", "MB", total->ms + p->gap};
    if (p->median < 1) u.time = 1000, u.time_name = "µs";
    if (total->done < 1e9) u.flop = 1e-6, u.flop_name = "MFLOP";
    if (total->done < 1e6) u.flop = 1e-3, u.flop_name = "kFLOP";
    if (total->bytes < 1e6) u.bytes = 1e-3, u.bytes_name = "kB";
    return u;
}

static void put_summary(Str *s, const Profile *p, const Row *total)
{
    str_escape(s, base_name(p->model->path), strlen(base_name(p->model->path)));
    str_put(s, ": ");
    if (p->median < 1) {
        put_sig(s, p->median * 1000);
        str_put(s, " µs");
    } else {
        put_ms(s, p->median);
    }
    str_printf(s, " a run (median of %u), %u kernel call%s, %d thread%s\n", p->runs, total->calls,
               total->calls == 1 ? "" : "s", p->o->threads, p->o->threads == 1 ? "" : "s");
    if (total->flops > 0) {
        put_si(s, total->done, "FLOP");
        if (total->flops > 1.005 * total->done) {
            str_put(s, " in place of ");
            put_si(s, total->flops, "FLOP");
        }
        str_put(s, ", ");
        put_sig(s, total->done / (p->median * 1e6));
        str_printf(s, " GFLOP/s, %.0f%% of FMA peak (", 100 * peak_share(total->done, p->median, p->peak));
        put_sig(s, p->peak);
        str_put(s, "); ");
    }
    put_si(s, total->bytes, "B moved, ");
    put_sig(s, total->bytes / (p->median * 1e6));
    str_put(s, " GB/s\n\n");
}

void profile_table(Job *job, Str *s, const Profile *p)
{
    enum { FEW = 12 };
    const double small = 0.001; /* share of the run that is worth a line */
    By by = grouping(p->o);
    Rows rows = {0};
    make_rows(job, p, by, &rows);
    Row total = {.what = "all", .node = "", .shape = ""}, rest = {.node = "", .shape = ""};
    for (uint32_t i = 0; i < p->ncalls; i++)
        if (p->call[i].rounds) add_to(&total, &p->call[i]);
    Units u = units_of(p, &total);
    Table t = {.job = job};
    put_head(&t, &u, by);
    uint32_t shown = 0;
    for (; shown < rows.n; shown++) {
        const Row *r = &rows.at[shown];
        if (!p->o->verbose && shown >= FEW && r->ms < small * u.whole && shown + 1 < rows.n) break;
        put_row(&t, p, &u, r, by);
    }
    for (uint32_t i = shown; i < rows.n; i++) {
        const Row *r = &rows.at[i];
        rest.ms += r->ms;
        rest.min += r->min;
        rest.flops += r->flops;
        rest.done += r->done;
        rest.bytes += r->bytes;
    }
    Line l = {0};
    if (shown < rows.n) {
        put_numbers(&t, &l, p, &u, &rest);
        set(&t, &l, C_WHAT, "%u others", rows.n - shown);
        vec_push(job, &t.lines, l);
    }
    Line between = {0}, sum = {0};
    set(&t, &between, C_SHARE, "%.1f", 100 * p->gap / u.whole);
    set(&t, &between, C_MS, "%.*f", u.time > 1 ? 2 : 3, p->gap * u.time);
    between.cell[C_WHAT] = "between calls";
    vec_push(job, &t.lines, between);
    total.ms = u.whole;
    put_numbers(&t, &sum, p, &u, &total);
    sum.cell[C_WHAT] = "all";
    vec_push(job, &t.lines, sum);
    if (!p->o->quiet) put_summary(s, p, &total);
    put_table(s, &t, terminal_width());
}

/* -- JSON --------------------------------------------------------------------------------------- */
static void put_field(Str *s, const char *name, double v)
{
    str_printf(s, ", \"%s\": ", name);
    put_json_number(s, v);
}

static void put_text_field(Str *s, const char *name, const char *text)
{
    str_printf(s, ", \"%s\": ", name);
    put_json(s, text);
}

void profile_json(Str *s, const Profile *p)
{
    str_put(s, "{\"model\": ");
    put_json(s, p->model->path);
    str_printf(s, ", \"threads\": %d, \"runs\": %u", p->o->threads, p->runs);
    put_field(s, "median_ms", p->median);
    put_field(s, "min_ms", p->min);
    put_field(s, "peak_gflops", p->peak);
    str_put(s, ", \"calls\": [");
    bool first = true;
    for (uint32_t i = 0; i < p->ncalls; i++) {
        const ProfileCall *c = &p->call[i];
        if (!c->rounds) continue;
        str_printf(s, "%s\n  {\"index\": %u, \"times\": %lld", first ? "" : ",", i, (long long)c->rounds);
        first = false;
        put_text_field(s, "kernel", c->about.kernel);
        put_text_field(s, "algorithm", c->about.algorithm);
        put_text_field(s, "shape", c->about.shape);
        put_text_field(s, "node", c->about.node);
        put_text_field(s, "op", c->about.op);
        str_put(s, ", \"nodes\": [");
        for (size_t k = 0; k < c->about.nnodes; k++) {
            str_put(s, k ? ", " : "");
            put_json(s, c->about.nodes[k]);
        }
        str_put(s, "]");
        put_field(s, "median_ms", c->median);
        put_field(s, "min_ms", c->min);
        put_field(s, "flops", c->flops);
        put_field(s, "done_flops", c->done);
        put_field(s, "bytes", c->bytes);
        str_put(s, "}");
    }
    str_put(s, "\n]}\n");
}
