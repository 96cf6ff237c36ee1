/* Floating-point modes. Whatever the host has set, compiled code runs with round to nearest, denormals as
 * zero and no traps; compiling, which computes constants, with the defaults of the C library. The caller's
 * mode, sticky flags included, comes back unchanged. */
#ifndef JITC_RUNTIME_FPMODE_H
#define JITC_RUNTIME_FPMODE_H

#include <fenv.h>
#include <stdint.h>

/* For compiling. Threads that are started meanwhile begin with these defaults. */
static inline void fp_default(fenv_t *old)
{
    fegetenv(old);
    fesetenv(FE_DFL_ENV);
}

static inline void fp_restore(const fenv_t *old)
{
    fesetenv(old);
}

/* For running. */
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
