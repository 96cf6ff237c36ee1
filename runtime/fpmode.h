/* The floating-point mode that compiled code runs in: round to nearest, denormals are zero, no traps.
 * The caller's mode, sticky flags included, comes back unchanged. */
#ifndef JITC_RUNTIME_FPMODE_H
#define JITC_RUNTIME_FPMODE_H

#include <stdint.h>

typedef struct {
    uint32_t csr;
} FpMode;

#if defined(__x86_64__)
#include <xmmintrin.h>

/* The empty asm keeps loads and stores of floating-point results on their side of the switch. */
static inline FpMode fp_enter(void)
{
    enum { DAZ = 0x0040, TRAPS_OFF = 0x1f80, ROUNDING = 0x6000, FTZ = 0x8000 };
    FpMode old = {_mm_getcsr()};
    __asm__ volatile("" ::: "memory");
    _mm_setcsr((old.csr & ~(uint32_t)ROUNDING) | DAZ | FTZ | TRAPS_OFF);
    __asm__ volatile("" ::: "memory");
    return old;
}

static inline void fp_leave(FpMode old)
{
    __asm__ volatile("" ::: "memory");
    _mm_setcsr(old.csr);
    __asm__ volatile("" ::: "memory");
}
#else
static inline FpMode fp_enter(void)
{
    return (FpMode){0};
}
static inline void fp_leave(FpMode old)
{
    (void)old;
}
#endif
#endif
