/* Numbers, types and names as people read them. */
#include <math.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "ir/ir.h"

void put_type(Str *s, int dtype, int rank, const int64_t *dim)
{
    const char *name = jitc_dtype_name((jitc_dtype)dtype);
    str_put(s, name ? name : "?");
    if (rank < 0) {
        str_put(s, "[…]");
        return;
    }
    str_put(s, "[");
    for (int i = 0; i < rank; i++) {
        if (i) str_put(s, ",");
        if (dim[i] < 0)
            str_put(s, "?");
        else
            str_printf(s, "%lld", (long long)dim[i]);
    }
    str_put(s, "]");
}

void put_io_type(Str *s, const jitc_io *io)
{
    if (io->dtype == JITC_STRING)
        str_put(s, "string[]"); /* its shape counts bytes */
    else
        put_type(s, io->dtype, io->rank, io->shape);
}

void put_sig(Str *s, double v)
{
    double a = fabs(v);
    str_printf(s, "%.*f", a >= 99.95 ? 0 : a >= 9.995 ? 1 : a >= 0.9995 || a == 0 ? 2 : 3, v);
}

void put_si(Str *s, double v, const char *unit)
{
    static const char *const prefix[] = {"", "k", "M", "G", "T", "P"};
    size_t i = 0;
    while (v >= 999.5 && i + 1 < COUNT(prefix)) v /= 1000, i++;
    if (i == 0)
        str_printf(s, "%.0f", v);
    else
        put_sig(s, v);
    str_printf(s, " %s%s", prefix[i], unit);
}

void put_count(Str *s, int64_t n)
{
    if (n >= 1000000) {
        double v = (double)n / 1e6;
        str_printf(s, v < 99.95 ? "%.1f M" : "%.0f M", v);
    } else if (n >= 1000) {
        str_printf(s, "%d,%03d", (int)(n / 1000), (int)(n % 1000));
    } else {
        str_printf(s, "%d", (int)n);
    }
}

void put_ms(Str *s, double ms)
{
    put_sig(s, ms < 10000 ? ms : ms / 1000);
    str_put(s, ms < 10000 ? " ms" : " s");
}

void put_time(Str *s, double ms)
{
    put_sig(s, ms < 1 ? ms * 1000 : ms);
    str_put(s, ms < 1 ? " µs" : " ms");
}

void put_value(Str *s, double v)
{
    double a = fabs(v);
    if (isfinite(v) && a < 1e15 && v == rint(v))
        str_printf(s, "%.0f", v == 0 ? 0.0 : v);
    else if (a >= 1e-3 && a < 1e6)
        str_printf(s, "%.*f", a < 1 ? 3 : a < 10 ? 3 : a < 100 ? 2 : 1, v);
    else
        str_printf(s, "%.2g", v);
}

static int columns(const char *text)
{
    int n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

int name_width(const char *name, int most)
{
    Str s = {0};
    str_escape(&s, name, strlen(name));
    int n = columns(str_text(&s));
    str_free(&s);
    return n < most ? n : most;
}

/* The first byte of character number `n`. */
static const char *character(const char *text, int n)
{
    for (; *text; text++)
        if (((unsigned char)*text & 0xc0) != 0x80 && n-- == 0) break;
    return text;
}

void put_name(Str *s, const char *name, int width)
{
    Str safe = {0};
    str_escape(&safe, name, strlen(name));
    const char *text = str_text(&safe);
    int n = columns(text);
    if (width > 2 && n > width) {
        int head = (width - 1) / 2, tail = width - 1 - head;
        str_putn(s, text, (size_t)(character(text, head) - text));
        str_put(s, "…");
        str_put(s, character(text, n - tail));
    } else {
        str_put(s, text);
        for (; n < width; n++) str_put(s, " ");
    }
    str_free(&safe);
}

void put_json(Str *s, const char *text)
{
    Str safe = {0};
    str_escape(&safe, text, strlen(text)); /* JSON wants valid UTF-8 */
    str_put(s, "\"");
    for (const char *p = str_text(&safe); *p; p++) {
        if (*p == '"' || *p == '\\') str_put(s, "\\");
        str_putn(s, p, 1);
    }
    str_put(s, "\"");
    str_free(&safe);
}

void put_xml(Str *s, const char *text)
{
    Str safe = {0};
    str_escape(&safe, text, strlen(text));
    for (const char *c = str_text(&safe); *c; c++) {
        switch (*c) {
        case '<': str_put(s, "&lt;"); break;
        case '>': str_put(s, "&gt;"); break;
        case '&': str_put(s, "&amp;"); break;
        case '"': str_put(s, "&quot;"); break;
        default: str_putn(s, c, 1);
        }
    }
    str_free(&safe);
}

void put_json_number(Str *s, double v)
{
    if (isfinite(v))
        str_printf(s, "%.9g", v);
    else
        str_put(s, "null");
}

void put_json_dims(Str *s, int rank, const int64_t *dim)
{
    if (rank < 0) {
        str_put(s, "null");
        return;
    }
    str_put(s, "[");
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 0)
            str_put(s, i ? ", null" : "null");
        else
            str_printf(s, "%s%lld", i ? ", " : "", (long long)dim[i]);
    }
    str_put(s, "]");
}

int terminal_width(void)
{
    enum { ELSEWHERE = 160, LEAST = 60 };
    struct winsize w;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || !w.ws_col) return ELSEWHERE;
    return w.ws_col < LEAST ? LEAST : w.ws_col;
}

const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}
