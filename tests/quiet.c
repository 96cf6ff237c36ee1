#include "tests/quiet.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_bool counting;
static atomic_long allocations, locks;
static _Atomic(const char *) first;

void quiet_begin(void)
{
    atomic_store(&allocations, 0);
    atomic_store(&locks, 0);
    atomic_store(&first, NULL);
    atomic_store(&counting, true);
}

Quiet quiet_end(void)
{
    atomic_store(&counting, false);
    return (Quiet){atomic_load(&allocations), atomic_load(&locks), atomic_load(&first)};
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static void count(atomic_long *n, const char *name)
{
    const char *none = NULL;
    if (!atomic_load(&counting)) return;
    atomic_fetch_add(n, 1);
    atomic_compare_exchange_strong(&first, &none, name);
}

/* -- Memory: the C library's own names of its functions ---------------------------------------- */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *at);

void *malloc(size_t size)
{
    count(&allocations, "malloc");
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    count(&allocations, "calloc");
    return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    count(&allocations, "realloc");
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    count(&allocations, "aligned_alloc");
    return __libc_memalign(align, size);
}

void *memalign(size_t align, size_t size);
void *memalign(size_t align, size_t size)
{
    count(&allocations, "memalign");
    return __libc_memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    count(&allocations, "posix_memalign");
    void *at = __libc_memalign(align, size);
    if (!at) return ENOMEM;
    *out = at;
    return 0;
}

void free(void *at)
{
    if (at) count(&allocations, "free");
    __libc_free(at);
}

void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
    count(&allocations, "mmap");
    long r = syscall(SYS_mmap, at, size, prot, flags, fd, offset);
    return r == -1 ? MAP_FAILED : (void *)(uintptr_t)r; /* NOLINT(performance-no-int-to-ptr) */
}

int munmap(void *at, size_t size)
{
    count(&allocations, "munmap");
    return (int)syscall(SYS_munmap, at, size);
}

/* -- Locks ------------------------------------------------------------------------------------- */
#define LOCK(name, type)                                                                                     \
    int name(type *lock)                                                                                     \
    {                                                                                                        \
        static int (*real)(type *);                                                                          \
        count(&locks, #name);                                                                                \
        if (!real) {                                                                                         \
            void *at = dlsym(RTLD_NEXT, #name);                                                              \
            memcpy(&real, &at, sizeof real);                                                                 \
        }                                                                                                    \
        return real(lock);                                                                                   \
    }
LOCK(pthread_mutex_lock, pthread_mutex_t)
LOCK(pthread_mutex_trylock, pthread_mutex_t)
LOCK(pthread_rwlock_rdlock, pthread_rwlock_t)
LOCK(pthread_rwlock_wrlock, pthread_rwlock_t)
LOCK(pthread_cond_signal, pthread_cond_t)
LOCK(pthread_cond_broadcast, pthread_cond_t)
#endif
