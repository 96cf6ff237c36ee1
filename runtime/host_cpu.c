#include "runtime/host_cpu.h"

#include <sys/utsname.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#if defined(__x86_64__)
const char *cpu_model(Job *job)
{
    unsigned a = 0, b = 0, c = 0, d = 0, top;
    char vendor[13] = "";
    __get_cpuid(0, &top, &b, &c, &d);
    memcpy(vendor, &b, 4);
    memcpy(vendor + 4, &d, 4);
    memcpy(vendor + 8, &c, 4);
    for (char *p = vendor; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '|') *p = '_';
    __get_cpuid(1, &a, &b, &c, &d);
    unsigned family = (a >> 8 & 15) + ((a >> 8 & 15) == 15 ? a >> 20 & 255 : 0);
    unsigned model = (a >> 4 & 15) | (a >> 12 & 0xf0);
    const char *vectors = __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") ? "avx512"
                          : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")        ? "avx2"
                                                                                                   : "sse";
    return job_printf(job, "%s-%u-%u %s", vendor, family, model, vectors);
}

static void put_leaf(Str *s, unsigned leaf, unsigned sub, const unsigned *mask)
{
    unsigned r[4] = {0};
    if (!__get_cpuid_count(leaf, sub, &r[0], &r[1], &r[2], &r[3])) return;
    str_printf(s, " %x.%x", leaf, sub);
    for (int i = 0; i < 4; i++) str_printf(s, " %x", r[i] & mask[i]);
}

void cpu_identity(Str *s)
{
    /* Without what differs from core to core, or from moment to moment: APIC numbers, OSXSAVE's neighbours.
     */
    static const struct {
        unsigned leaf, sub, mask[4];
    } leaves[] = {{0, 0, {0, ~0u, ~0u, ~0u}},        {1, 0, {~0u, 0, ~0u, ~0u}},
                  {7, 0, {0, ~0u, ~0u, ~0u}},        {7, 1, {~0u, ~0u, ~0u, ~0u}},
                  {0xd, 1, {~0u, 0, 0, 0}},          {0x14, 0, {0, ~0u, 0, 0}},
                  {0x19, 0, {0, ~0u, 0, 0}},         {0x24, 0, {0, ~0u, 0, 0}},
                  {0x80000001, 0, {0, 0, ~0u, ~0u}}, {0x80000008, 0, {0, ~0u, 0, 0}}};
    for (size_t i = 0; i < COUNT(leaves); i++) put_leaf(s, leaves[i].leaf, leaves[i].sub, leaves[i].mask);
    unsigned a, b, c, d, lo = 0, hi = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) && c & bit_OSXSAVE)
        __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    str_printf(s, " xcr0 %x", lo);
}
#else
const char *cpu_model(Job *job)
{
    struct utsname u;
    return uname(&u) ? "unknown" : job_printf(job, "%s", u.machine);
}

void cpu_identity(Str *s)
{
    struct utsname u;
    str_put(s, uname(&u) ? "unknown" : u.machine);
}
#endif
