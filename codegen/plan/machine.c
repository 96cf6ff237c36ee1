#include "codegen/plan/machine.h"

#include <string.h>
#include <unistd.h>

#include "codegen/plan/spec.h"
#include "ir/base/base.h"

enum { USUAL = 512 << 10, USUAL_AVX512 = 1 << 20, LEAST = 128 << 10, MOST = 4 << 20 };

static int64_t native_l2(void)
{
#ifdef _SC_LEVEL2_CACHE_SIZE
    int64_t bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (bytes >= LEAST) return bytes < MOST ? bytes : MOST;
#endif
    return USUAL;
}

static bool native_avx512(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("avx512f");
#else
    return false;
#endif
}

Machine machine_of(const char *cpu, int threads)
{
    bool native = !cpu || strcmp(cpu, "native") == 0;
    bool avx512 = native ? native_avx512() : strcmp(cpu, "x86-64-v4") == 0;
    return (Machine){.l2 = native   ? native_l2()
                           : avx512 ? USUAL_AVX512
                                    : USUAL,
                     .threads = threads,
                     .panels = avx512 ? TILE_PANELS : 1};
}

Load machine_load(const Machine *m, int i)
{
    static const Load any[MACHINE_LOADS] = {{1, 1}, {2, 1}, {4, 0.5}, {16, 0.25}};
    if (!m->threads) return any[i];
    return i < 2 ? (Load){m->threads << (2 * i), i ? 0.01 : 1} : (Load){1, 0};
}

int64_t machine_share(const Machine *m, int64_t units, int64_t together)
{
    enum { MANY = 8 };
    return max_i64(1, min_i64(together, units / (m->threads > 1 ? m->threads : MANY)));
}
