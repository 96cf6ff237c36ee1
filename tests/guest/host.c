/* Hosts with habits of their own, one per case; each gets the answers that any other host gets.
 *
 *     host CASE DIGITS.pb CONSTANTS.pbtxt
 *
 * modes     rounding modes, denormals as zero and floating-point traps, while compiling and while running
 * locale    a locale whose decimal point is a comma
 * signals   no thread of ours takes the host's signals
 * silence   nothing is written to the standard streams
 * fork      a child goes on with programs, execs and threads that were there before fork()
 * stack     threads with small stacks
 * exit      the process ends while a thread compiles */
#include <fcntl.h>
#include <fenv.h>
#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "guest.h"

enum { IMAGES = 6, PIXELS = 64, CLASSES = 10, SMALL = 4 };
static const char *digits, *constants;

/* -- The answers ------------------------------------------------------------------------------- */
typedef struct {
    float scores[IMAGES * CLASSES], y[SMALL];
} Answers;

typedef struct {
    jitc_program *digits, *constants;
    jitc_exec *images, *small;
} Models;

static float image[IMAGES * PIXELS], small[SMALL] = {1.0f / 3, -2.5f, 1e-39f, 3e38f};

static void fill(void)
{
    for (int i = 0; i < IMAGES * PIXELS; i++) image[i] = (float)(i * 37 % 101) / 101;
}

static Models open_models(int threads)
{
    Models m = {.digits = load(digits, threads), .constants = load(constants, threads)};
    m.images = new_exec(m.digits);
    m.small = new_exec(m.constants);
    return m;
}

static void close_models(Models *m)
{
    jitc_program_free(m->digits);
    jitc_program_free(m->constants);
    jitc_exec_free(m->images);
    jitc_exec_free(m->small);
}

static void answer(const Models *m, Answers *a)
{
    jitc_tensor in = {JITC_FLOAT32, 4, {IMAGES, 8, 8, 1}, image}, scores;
    bind(m->images, "images", &in);
    run(m->images);
    jitc_status status = jitc_exec_output(m->images, 0, &scores);
    CHECK(status == JITC_OK && scores.rank == 2 && scores.shape[0] == IMAGES && scores.shape[1] == CLASSES,
          "the digits have another shape");
    memcpy(a->scores, scores.data, sizeof a->scores);
    jitc_tensor x = {JITC_FLOAT32, 1, {SMALL}, small}, y = {JITC_FLOAT32, 1, {SMALL}, a->y};
    bind(m->small, "x", &x);
    bind(m->small, "y", &y);
    run(m->small);
    bind(m->small, "y", NULL);
}

/* From loading to the answers. */
static Answers all_of_it(int threads)
{
    Answers a;
    Models m = open_models(threads);
    answer(&m, &a);
    close_models(&m);
    return a;
}

static bool same(const Answers *a, const Answers *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* -- Floating-point modes ---------------------------------------------------------------------- */
typedef struct {
    int rounding, traps;
    unsigned csr;
} Mode;

static Mode mode_now(void)
{
    Mode m = {fegetround(), fegetexcept(), 0};
#if defined(__x86_64__)
    m.csr = _mm_getcsr();
#endif
    return m;
}

static int modes(void)
{
    static const int rounding[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    Answers want = all_of_it(1), before, in_run, throughout = want;
    Models m = open_models(2);
    answer(&m, &before);
    for (int i = 0; i < 16; i++) {
        fesetround(rounding[i % 4]);
#if defined(__x86_64__)
        if (i & 4) _mm_setcsr(_mm_getcsr() | 0x8040); /* denormals are zero */
#endif
        feclearexcept(FE_ALL_EXCEPT);
        feraiseexcept(i & 1 ? FE_INEXACT : 0);
        if (i & 8)
            feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW | FE_UNDERFLOW | (i & 1 ? 0 : FE_INEXACT));
        Mode own = mode_now();
        answer(&m, &in_run);
        if (i % 3 == 0) throughout = all_of_it(i & 2 ? 2 : 1); /* each setting occurs in both states */
        Mode after = mode_now();
        fesetenv(FE_DFL_ENV);
        CHECK(memcmp(&own, &after, sizeof own) == 0,
              "mode %d: rounding %#x, traps %#x, mxcsr %#x came back as %#x, %#x, %#x", i,
              (unsigned)own.rounding, (unsigned)own.traps, own.csr, (unsigned)after.rounding,
              (unsigned)after.traps, after.csr);
        CHECK(same(&in_run, &want), "mode %d set before a run: other answers", i);
        CHECK(same(&throughout, &want), "mode %d set before loading: other answers", i);
    }
    CHECK(same(&before, &want), "two threads: other answers");
    close_models(&m);
    return PASSED;
}

/* -- Locale ------------------------------------------------------------------------------------ */
/* The C library's own UTF-8 locale with another decimal point. False: it has none, or of another form. */
static bool make_comma_locale(const char *folder)
{
    enum { POINT = 0x20 };
    char path[PATH_MAX];
    unsigned char numeric[256];
    FILE *f = fopen("/usr/lib/locale/C.utf8/LC_NUMERIC", "rb");
    size_t n = f ? fread(numeric, 1, sizeof numeric, f) : 0;
    if (f) fclose(f);
    if (n <= POINT || n == sizeof numeric || numeric[POINT] != '.') return false;
    numeric[POINT] = ',';
    snprintf(path, sizeof path, "%s/comma", folder);
    if (mkdir(path, 0700)) return false;
    snprintf(path, sizeof path, "%s/comma/LC_NUMERIC", folder);
    f = fopen(path, "wb");
    bool ok = f && fwrite(numeric, 1, n, f) == n;
    if (f) ok = fclose(f) == 0 && ok;
    setenv("LOCPATH", folder, 1);
    ok = ok && setlocale(LC_NUMERIC, "comma");
    unlink(path);
    snprintf(path, sizeof path, "%s/comma", folder);
    rmdir(path);
    return ok;
}

static int in_comma_locale(void)
{
    char text[16], folder[] = "/tmp/jitc-locale-XXXXXX";
    Answers want = all_of_it(1);
    if (!mkdtemp(folder)) return FAILED;
    bool made = make_comma_locale(folder);
    rmdir(folder);
    if (made) snprintf(text, sizeof text, "%.1f", 0.5);
    if (!made || strcmp(text, "0,5") != 0) {
        puts("skipped: no locale with a decimal comma can be made of /usr/lib/locale/C.utf8");
        return SKIPPED;
    }
    Answers got = all_of_it(2);
    CHECK(same(&got, &want), "other answers");
    snprintf(text, sizeof text, "%.1f", 0.5);
    CHECK(strcmp(text, "0,5") == 0, "the host's locale is not what it was: %s", text);
    return PASSED;
}

/* -- Signals ----------------------------------------------------------------------------------- */
enum { SIGNALS = 64 };
static pthread_t host_thread;
static volatile sig_atomic_t on_host, elsewhere;

static void note(int number)
{
    (void)number;
    if (pthread_equal(pthread_self(), host_thread))
        on_host++;
    else
        elsewhere++;
}

static void (*handler_of(int number))(int)
{
    struct sigaction is;
    return sigaction(number, NULL, &is) ? NULL : is.sa_handler;
}

/* A timer's signals, which the kernel gives to any thread that does not block them. */
static int signals(void)
{
    host_thread = pthread_self();
    void (*had[SIGNALS])(int) = {0};
    struct sigaction act = {.sa_handler = note, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &act, NULL);
    for (int s = 1; s < SIGNALS; s++) had[s] = handler_of(s);
    Answers want = all_of_it(1);
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec often = {{0, 300000}, {0, 300000}};
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0, "no timer");
    timer_settime(timer, 0, &often, NULL);
    /* Also while the host's thread takes none, so that another one would have to. */
    for (int i = 0; i < 4; i++) {
        sigset_t all;
        sigfillset(&all);
        if (i & 1) pthread_sigmask(SIG_BLOCK, &all, NULL);
        Answers got = all_of_it(3);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        CHECK(same(&got, &want), "other answers");
    }
    timer_delete(timer);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int s = 1; s < SIGNALS; s++)
        CHECK(sigismember(&before, s) == sigismember(&after, s), "signal %d is masked", s);
    CHECK(on_host > 0 && elsewhere == 0, "%d signals on the host's thread, %d elsewhere", (int)on_host,
          (int)elsewhere);
    for (int s = 1; s < SIGNALS; s++) CHECK(handler_of(s) == had[s], "signal %d has a new handler", s);
    return PASSED;
}

/* -- Silence ----------------------------------------------------------------------------------- */
static int silence(void)
{
    char name[] = "/tmp/jitc-silence-XXXXXX";
    int file = mkstemp(name), out = dup(1), err = dup(2);
    CHECK(file >= 0, "no temporary file");
    unlink(name);
    dup2(file, 1);
    dup2(file, 2);
    Answers a = all_of_it(2);
    jitc_program *p;
    jitc_error *e;
    jitc_status missing = jitc_program_load("/nowhere/model.pb", NULL, &p, &e);
    jitc_error_free(e);
    jitc_status rubbish = jitc_program_load_memory("rubbish", 7, NULL, &p, NULL);
    fflush(stdout);
    fflush(stderr);
    dup2(out, 1);
    dup2(err, 2);
    struct stat st;
    fstat(file, &st);
    CHECK(missing == JITC_E_IO && rubbish == JITC_E_INVALID, "other errors: %d, %d", (int)missing,
          (int)rubbish);
    CHECK(st.st_size == 0 && a.y[0] != 0, "%lld bytes were written", (long long)st.st_size);
    return PASSED;
}

/* -- fork -------------------------------------------------------------------------------------- */
static int finish(pid_t child)
{
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child, "no child");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int after_fork(void)
{
    Answers want = all_of_it(1), got;
    Models m = open_models(3);
    answer(&m, &got); /* its threads are there */
    CHECK(same(&got, &want), "other answers");
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(60);
            if (i == 0) answer(&m, &got);   /* goes on with the parent's execs */
            if (i == 1) got = all_of_it(3); /* compiles */
            if (i == 2) {                   /* both, and a child of its own */
                pid_t grandchild = fork();
                answer(&m, &got);
                if (!grandchild) _exit(same(&got, &want) ? 0 : 3);
                if (finish(grandchild)) _exit(4);
                got = all_of_it(2);
            }
            bool ok = same(&got, &want);
            close_models(&m);
            _exit(ok ? 0 : 5);
        }
        int code = finish(child);
        CHECK(code == 0, "child %d: %d", i, code);
        answer(&m, &got);
        CHECK(same(&got, &want), "the parent, after child %d: other answers", i);
    }
    close_models(&m);
    return PASSED;
}

/* -- Small stacks ------------------------------------------------------------------------------ */
enum { STACK = 64 << 10 };

typedef struct {
    const Models *m; /* NULL: all of it */
    Answers a;
} Task;

static void *task_thread(void *arg)
{
    Task *t = arg;
    if (t->m)
        answer(t->m, &t->a);
    else
        t->a = all_of_it(2);
    return NULL;
}

/* Bytes of the stack that were written. */
static size_t on_stack(Task *t)
{
    size_t size = STACK;
    uint8_t *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    CHECK(stack != MAP_FAILED, "no memory");
    pthread_attr_t attr;
    pthread_t id;
    pthread_attr_init(&attr);
    CHECK(pthread_attr_setstack(&attr, stack, size) == 0, "no stack");
    CHECK(pthread_create(&id, &attr, task_thread, t) == 0, "no thread");
    pthread_join(id, NULL);
    pthread_attr_destroy(&attr);
    size_t clean = 0;
    while (clean < size && !stack[clean]) clean++;
    munmap(stack, size);
    return size - clean;
}

static int stack(void)
{
    Answers want = all_of_it(1);
    Task whole = {NULL, {{0}, {0}}};
    size_t used = on_stack(&whole);
    CHECK(same(&whole.a, &want), "other answers");
    printf("loading and running: %zu bytes of stack\n", used);
    Models m = open_models(2);
    answer(&m, &whole.a);
    Task again = {&m, {{0}, {0}}};
    used = on_stack(&again);
    CHECK(same(&again.a, &want), "other answers");
    printf("running: %zu bytes of stack\n", used);
    close_models(&m);
    return PASSED;
}

/* -- Exit -------------------------------------------------------------------------------------- */
static void *compile_forever(void *arg)
{
    for (;;) (void)all_of_it(*(int *)arg);
    return NULL;
}

static int at_exit(void)
{
    for (int i = 0; i < 12; i++) {
        pid_t child = fork();
        if (child == 0) {
            pthread_t id;
            int threads = 1 + i % 2;
            alarm(60);
            CHECK(pthread_create(&id, NULL, compile_forever, &threads) == 0, "no thread");
            usleep((useconds_t)(20000 + 7000 * i));
            exit(0);
        }
        int code = finish(child);
        CHECK(code == 0, "the process %d ended with %d", i, code);
    }
    return PASSED;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*fn)(void);
    } cases[] = {{"modes", modes},     {"locale", in_comma_locale}, {"signals", signals},
                 {"silence", silence}, {"fork", after_fork},        {"stack", stack},
                 {"exit", at_exit}};
    fill();
    for (size_t i = 0; argc == 4 && i < sizeof cases / sizeof *cases; i++) {
        digits = argv[2];
        constants = argv[3];
        if (!strcmp(cases[i].name, argv[1])) return cases[i].fn();
    }
    fprintf(stderr, "usage: host CASE DIGITS.pb CONSTANTS.pbtxt\n");
    return 2;
}
