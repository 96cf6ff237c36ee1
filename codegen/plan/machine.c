#include "codegen/plan/machine.h"

#include <string.h>
#include <unistd.h>

enum { USUAL = 512 << 10, USUAL_AVX512 = 1 << 20, LEAST = 128 << 10, MOST = 4 << 20 };

static int64_t native_l2(void)
{
#ifdef _SC_LEVEL2_CACHE_SIZE
    int64_t bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (bytes >= LEAST) return bytes < MOST ? bytes : MOST;
#endif
    return USUAL;
}

Machine machine_of(const char *cpu)
{
    if (!cpu || strcmp(cpu, "native") == 0) return (Machine){.l2 = native_l2()};
    return (Machine){.l2 = strcmp(cpu, "x86-64-v4") == 0 ? USUAL_AVX512 : USUAL};
}
