/* A host that opens libjitc.so when it needs it and closes it again: 20 times, to itself and for all. Nothing
 * is left behind but the code generator, which is never closed: no thread, and no memory that grows.
 *
 *     reopen libjitc.so DIGITS.pb */
#include <dirent.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

enum { TIMES = 20, WARM = 4, PIXELS = 64, CLASSES = 10, IMAGES = 3, MOST_GROWTH = 4 << 20 };

#define FUNCTION(name)                                                                                       \
    __typeof__(name) *name##_;                                                                               \
    do {                                                                                                     \
        void *at = dlsym(library, #name);                                                                    \
        CHECK(at, "%s", dlerror());                                                                          \
        memcpy(&name##_, &at, sizeof at);                                                                    \
    } while (0)

static float image[IMAGES * PIXELS];

static void use(void *library, const char *path, float *scores)
{
    FUNCTION(jitc_program_load);
    FUNCTION(jitc_program_free);
    FUNCTION(jitc_exec_new);
    FUNCTION(jitc_exec_bind);
    FUNCTION(jitc_exec_run);
    FUNCTION(jitc_exec_output);
    FUNCTION(jitc_exec_free);
    jitc_options options = JITC_OPTIONS_INIT;
    options.threads = 3;
    jitc_program *p;
    jitc_exec *x;
    jitc_tensor in = {JITC_FLOAT32, 4, {IMAGES, 8, 8, 1}, image}, out;
    CHECK(jitc_program_load_(path, &options, &p, NULL) == JITC_OK, "%s cannot be loaded", path);
    CHECK(jitc_exec_new_(p, &x) == JITC_OK, "no exec");
    CHECK(jitc_exec_bind_(x, "images", &in) == JITC_OK && jitc_exec_run_(x) == JITC_OK &&
              jitc_exec_output_(x, 0, &out) == JITC_OK,
          "no run");
    memcpy(scores, out.data, IMAGES * CLASSES * sizeof *scores);
    jitc_program_free_(p);
    jitc_exec_free_(x);
}

/* Threads that have been joined are seen a moment longer. */
static int threads_left(int wanted)
{
    for (int tries = 0;; tries++) {
        int n = 0;
        DIR *tasks = opendir("/proc/self/task");
        CHECK(tasks, "no /proc");
        for (struct dirent *d; (d = readdir(tasks));) n += d->d_name[0] != '.';
        closedir(tasks);
        if (n <= wanted || tries == 200) return n;
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
}

static long resident(void)
{
    long pages = 0, unused;
    FILE *f = fopen("/proc/self/statm", "r");
    CHECK(f && fscanf(f, "%ld %ld", &unused, &pages) == 2, "no /proc");
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

int main(int argc, char **argv)
{
    float want[IMAGES * CLASSES], got[IMAGES * CLASSES];
    if (argc != 3) {
        fprintf(stderr, "usage: reopen libjitc.so DIGITS.pb\n");
        return 2;
    }
    for (int i = 0; i < IMAGES * PIXELS; i++) image[i] = (float)(i * 37 % 101) / 101;
    int threads = threads_left(1);
    long before = 0;
    for (int i = 0; i < TIMES; i++) {
        void *library = dlopen(argv[1], RTLD_NOW | (i & 1 ? RTLD_GLOBAL : RTLD_LOCAL));
        CHECK(library, "%s", dlerror());
        use(library, argv[2], i ? got : want);
        CHECK(!i || memcmp(got, want, sizeof got) == 0, "time %d: other answers", i);
        CHECK(dlclose(library) == 0, "%s", dlerror());
        void *still = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
        CHECK(!still, "time %d: it is still there", i);
        int left = threads_left(threads);
        CHECK(left == threads, "time %d: %d threads, %d before", i, left, threads);
        if (i == WARM) before = resident();
    }
    long growth = resident() - before;
    printf("%ld KiB more after %d more times\n", growth / 1024, TIMES - 1 - WARM);
#ifndef __SANITIZE_ADDRESS__ /* whose freed memory stays for a while */
    CHECK(growth < MOST_GROWTH, "memory grows: %ld bytes", growth);
#endif
    return PASSED;
}
