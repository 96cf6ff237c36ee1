/* A line that shows that work is going on. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

struct Progress {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool done;
    char what[80];
};

static void *tick(void *arg)
{
    Progress *p = arg;
    int64_t start = now_ns();
    bool shown = false;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    pthread_mutex_lock(&p->lock);
    while (!p->done) {
        until.tv_sec++;
        while (!p->done && pthread_cond_timedwait(&p->wake, &p->lock, &until) == 0) {}
        if (p->done) break;
        fprintf(stderr, "\r\033[K%s… %d s", p->what, (int)((now_ns() - start) / 1000000000));
        shown = true;
    }
    pthread_mutex_unlock(&p->lock);
    if (shown) fputs("\r\033[K", stderr);
    return NULL;
}

Progress *progress_start(const Options *o, const char *what)
{
    if (o->quiet || !isatty(STDERR_FILENO)) return NULL;
    Progress *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    snprintf(p->what, sizeof p->what, "%s", what);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    if (pthread_create(&p->thread, NULL, tick, p) == 0) return p;
    free(p); /* it is a courtesy only */
    return NULL;
}

void progress_stop(Progress *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->done = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
