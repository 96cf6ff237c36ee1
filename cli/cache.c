/* jitc cache: what the compile cache holds. */
#include <time.h>

#include "cli/cli.h"
#include "runtime/cache.h"

static void put_bytes(Str *s, uint64_t bytes)
{
    str_printf(s, "%.1f MiB", (double)bytes / (1 << 20));
}

static void list(Options *o, Cache *c)
{
    CacheItems items = {0};
    uint64_t total;
    Str s = {0};
    cache_list(o->job, c, &items, &total);
    for (uint32_t i = 0; i < items.n; i++) {
        const CacheItem *it = &items.at[i];
        time_t used = (time_t)it->used;
        struct tm tm;
        char when[32] = "";
        if (localtime_r(&used, &tm)) strftime(when, sizeof when, "%Y-%m-%d %H:%M", &tm);
        str_printf(&s, "%s  %9.1f MiB  ", when, (double)it->bytes / (1 << 20));
        str_escape(&s, it->label, strlen(it->label));
        str_put(&s, "\n");
    }
    if (!o->quiet) {
        str_printf(&s, "%u compiled version%s, ", items.n, items.n == 1 ? "" : "s");
        put_bytes(&s, total);
        str_printf(&s, " in %s\n", c->folder.path);
    }
    put_stdout(o->job, &s);
}

static void clear(Options *o, Cache *c)
{
    uint64_t bytes;
    Str s = {0};
    uint32_t n = cache_clear(c, &bytes);
    str_printf(&s, "%u file%s removed, ", n, n == 1 ? "" : "s");
    put_bytes(&s, bytes);
    str_put(&s, "\n");
    if (!o->quiet) put_stdout(o->job, &s);
    str_free(&s);
}

static void close_cache(void *c)
{
    cache_close(c);
}

ExitStatus command_cache(Options *o)
{
    const char *what = o->files.at[0], *path = cache_path(o->cache);
    bool lists = strcmp(what, "list") == 0, clears = strcmp(what, "clear") == 0;
    if (!lists && !clears && strcmp(what, "path") != 0)
        usage_error(o->job, "cache '%s': one of list, clear, path", what);
    if (path && !*path) {
        if (!o->quiet) say_lines("note", "there is no cache: JITC_CACHE turns it off");
        return EXIT_DONE;
    }
    Cache *c = job_new(o->job, Cache);
    if (!cache_open(o->job, c, path)) {
        job_error(o->job, "%s", *c->why ? c->why : "neither XDG_CACHE_HOME nor HOME names a folder");
        job_fail(o->job, JITC_E_IO);
    }
    job_on_exit(o->job, close_cache, c);
    if (lists) {
        list(o, c);
    } else if (clears) {
        clear(o, c);
    } else {
        Str s = {0};
        str_printf(&s, "%s\n", c->folder.path);
        put_stdout(o->job, &s);
    }
    return EXIT_DONE;
}
