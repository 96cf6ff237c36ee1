/* Feeds files to a fuzz target, without libFuzzer.
 *
 *     replay_TARGET [--mutate N] [--prefixes N] [--members] [--extract DIR] FILE|FOLDER…
 *
 * --mutate N: also N mutations of each input (the same in every run); --prefixes N: also N prefixes of each;
 * --members: inputs are the byte arrays in .npz files whose names end in "/graph", other files as they are;
 * --extract DIR: writes the inputs to DIR instead, as seeds for libFuzzer. */
#include <dirent.h>
#include <sys/stat.h>

#include "runtime/npz.h"
#include "tests/fuzz/fuzz.h"

typedef struct {
    uint64_t random;
    long mutate, prefixes, inputs, executions;
    bool members;
    const char *extract;
} Replay;

static uint64_t next_random(Replay *r)
{
    uint64_t x = r->random;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return r->random = x;
}

/* An allocation of exactly that size, so that a sanitizer sees what is read beyond it. */
static void feed(Replay *r, const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) exit(2);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    r->executions++;
}

static void mutate(Replay *r, const uint8_t *data, size_t size)
{
    static const uint8_t telling[] = {0, 1, 0x7f, 0x80, 0xff, '-', '9', ':', '/', '%', '(', '{'};
    uint8_t *copy = malloc(2 * size + 16);
    if (!copy) exit(2);
    memcpy(copy, data, size);
    size_t n = size;
    for (uint64_t edits = 1 + next_random(r) % 4; edits && n; edits--) {
        size_t at = next_random(r) % n, length = 1 + next_random(r) % (n - at < 16 ? n - at : 16);
        switch (next_random(r) % 6) {
        case 0: copy[at] ^= (uint8_t)(1u << (next_random(r) % 8)); break;
        case 1: copy[at] = (uint8_t)next_random(r); break;
        case 2: copy[at] = telling[next_random(r) % sizeof telling]; break;
        case 3: /* remove */
            memmove(copy + at, copy + at + length, n - at - length);
            n -= length;
            break;
        case 4: /* double */
            if (n + length > 2 * size) break;
            memmove(copy + at + length, copy + at, n - at);
            n += length;
            break;
        default: /* from elsewhere */ memmove(copy + at, copy + next_random(r) % (n - length + 1), length);
        }
    }
    feed(r, copy, n);
    free(copy);
}

static void extract(Replay *r, const uint8_t *data, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/seed%05ld", r->extract, r->inputs);
    OutFile f;
    char *why = NULL;
    jitc_status status = outfile_open(&f, path, &why);
    if (status == JITC_OK) {
        outfile_write(&f, data, size);
        status = outfile_close(&f, &why);
    }
    if (status == JITC_OK) return;
    fprintf(stderr, "%s\n", why ? why : "out of memory");
    exit(2);
}

static void input(Replay *r, const uint8_t *data, size_t size)
{
    r->inputs++;
    if (r->extract) {
        extract(r, data, size);
        return;
    }
    feed(r, data, size);
    for (long i = 0; i < r->mutate; i++) mutate(r, data, size);
    for (long i = 0; i < r->prefixes; i++)
        feed(r, data, (size_t)((double)size * (double)i / (double)r->prefixes));
}

static void members(Replay *r, const NpzFile *z)
{
    for (size_t i = 0; i < z->n; i++) {
        const NpzMember *m = &z->at[i];
        size_t n = strlen(m->name);
        if (m->value.dtype == JITC_UINT8 && m->value.rank == 1 && n > 6 &&
            strcmp(m->name + n - 6, "/graph") == 0)
            input(r, m->value.data, (size_t)m->value.shape[0]);
    }
}

static void file(Replay *r, const char *path)
{
    char *why = NULL;
    NpzFile z;
    if (r->members && npz_detect(path)) {
        if (npz_read(path, &z, NULL) == JITC_OK) members(r, &z);
        npz_free(&z);
        return;
    }
    void *data;
    size_t size;
    if (file_read(path, 0, &data, &size, &why) != JITC_OK) {
        fprintf(stderr, "%s\n", why ? why : "out of memory");
        exit(2);
    }
    input(r, data, size);
    free(data);
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void walk(Replay *r, const char *path)
{
    struct stat st;
    struct dirent **names;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        file(r, path);
        return;
    }
    int n = scandir(path, &names, visible, alphasort);
    for (int i = 0; i < n; i++) {
        char inner[4096];
        if (snprintf(inner, sizeof inner, "%s/%s", path, names[i]->d_name) < (int)sizeof inner)
            walk(r, inner);
        free(names[i]);
    }
    if (n >= 0) free(names);
}

int main(int argc, char **argv)
{
    Replay r = {.random = 0x9e3779b97f4a7c15ULL};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--mutate") == 0 && i + 1 < argc)
            r.mutate = atol(argv[++i]);
        else if (strcmp(argv[i], "--prefixes") == 0 && i + 1 < argc)
            r.prefixes = atol(argv[++i]);
        else if (strcmp(argv[i], "--extract") == 0 && i + 1 < argc)
            r.extract = argv[++i];
        else if (strcmp(argv[i], "--members") == 0)
            r.members = true;
        else
            walk(&r, argv[i]);
    }
    printf("%ld inputs, %ld executions\n", r.inputs, r.executions);
    return r.inputs == 0;
}
